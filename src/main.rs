//! Arguments to the command, its result to the exit code.

fn main() -> std::process::ExitCode {
    ripcord::cli::run()
}
