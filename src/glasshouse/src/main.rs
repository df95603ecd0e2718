//! Runs code that a model wrote, behind glass, and sees what it draws.

fn main() -> std::process::ExitCode {
    glasshouse::cli::main()
}
