//! The library is linked against nothing: what it asks for, R's own process has.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // nodelete: R forgets the library once it is installed, so that programs do not find it in R's list of libraries.
    for argument in ["-nostdlib", "-nostartfiles", "-Wl,-z,noexecstack", "-Wl,-z,nodelete"] {
        println!("cargo::rustc-link-arg-cdylib={argument}");
    }
}
