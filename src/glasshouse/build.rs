//! Builds again when a file appears under the folders that are embedded in the command.

fn main() {
    for folder in ["images", "policies", "fixtures"] {
        println!("cargo:rerun-if-changed=../../{folder}");
    }
}
