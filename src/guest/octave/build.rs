//! The library is linked against nothing: what it asks for, Octave's own process has.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // lazy: the names are Octave's, and are there when they are first called.
    for argument in ["-nostdlib", "-nostartfiles", "-Wl,-z,noexecstack", "-Wl,-z,lazy"] {
        println!("cargo::rustc-link-arg-cdylib={argument}");
    }
}
