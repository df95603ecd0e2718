//! The jail library is linked against nothing.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for argument in ["-nostdlib", "-nostartfiles", "-Wl,-z,noexecstack"] {
        println!("cargo::rustc-link-arg-cdylib={argument}");
    }
}
