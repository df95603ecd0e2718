//! Builds src/guest, which runs inside sandboxes, as its own four artifacts: a static program, a library that needs no
//! libc, and the same for R and for Octave with what these need beside. The crate embeds all of them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let guest = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("../guest");
    for source in ["Cargo.toml", "build.rs", "src", "errands", "jail", "octave", "r"] {
        println!("cargo::rerun-if-changed={}", guest.join(source).display());
    }
    let target = PathBuf::from(variable("OUT_DIR")).join("guest");
    build(
        &guest,
        &target,
        &["-p", "glasshouse-guest", "--bin=glasshouse-guest", "--", "-C", "target-feature=+crt-static"],
    );
    build(&guest, &target, &["-p", "glasshouse-guest", "--lib"]);
    build(&guest, &target, &["-p", "glasshouse-r", "--lib"]);
    build(&guest, &target, &["-p", "glasshouse-octave", "--lib"]);
    let built = target.join("release");
    println!("cargo::rustc-env=GLASSHOUSE_GUEST={}", built.join("glasshouse-guest").display());
    println!("cargo::rustc-env=GLASSHOUSE_JAIL={}", built.join("libglasshouse_jail.so").display());
    println!("cargo::rustc-env=GLASSHOUSE_JAIL_R={}", built.join("libglasshouse_r.so").display());
    println!("cargo::rustc-env=GLASSHOUSE_JAIL_OCTAVE={}", built.join("libglasshouse_octave.so").display());
}

fn build(guest: &Path, target: &Path, what: &[&str]) {
    let mut command = Command::new(variable("CARGO"));
    command.args(["rustc", "--release", "--manifest-path"]).arg(guest.join("Cargo.toml"));
    command.arg("--target-dir").arg(target).args(what);
    // The outer build's flags and wrappers are for the outer build.
    for inherited in ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET"] {
        command.env_remove(inherited);
    }
    let status = command.status();
    assert!(
        matches!(&status, Ok(status) if status.success()),
        "building src/guest failed ({status:?}); it needs the C library's static part (Debian: libc6-dev)"
    );
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name} for build scripts"))
}
