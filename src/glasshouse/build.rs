//! What is embedded changes the command: also files that are new.

fn main() {
    for folder in ["images", "policies", "fixtures"] {
        println!("cargo::rerun-if-changed=../../{folder}");
    }
}
