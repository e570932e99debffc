//! The commands, one file each. Only here is anything printed.

mod demo;
mod serve;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit codes, everywhere the same.
mod exit {
    /// Fine, or nothing to do.
    pub(super) const FINE: u8 = 0;
    /// Usage or configuration.
    pub(super) const CONFIGURATION: u8 = 2;
    /// It can't be told: something that is needed does not answer, or failed.
    pub(super) const CANNOT_TELL: u8 = 4;
}

#[derive(Parser)]
#[command(name = "ripcord", version = VERSION, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// The version with the commit that it was built from.
const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(Subcommand)]
enum Command {
    /// Show on a simulated cluster how two broken rollouts are repaired and one is left alone
    Demo(demo::Demo),
    /// Receive alerts, decide, and do what the configuration allows
    Serve(serve::Serve),
    /// Check a configuration file, without a cluster
    Check {
        /// The file
        file: PathBuf,
    },
    /// Print the Incident resource's CRD as YAML
    Crd,
    /// Print the version
    Version,
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    let code = match Arguments::parse().command {
        Command::Demo(demo) => demo::run(&demo),
        Command::Serve(serve) => serve::run(&serve),
        Command::Check { file } => check(&file),
        Command::Crd => crd(),
        Command::Version => {
            out(&format!("ripcord {VERSION}\n"));
            exit::FINE
        }
    };
    ExitCode::from(code)
}

fn check(file: &std::path::Path) -> u8 {
    let (report, code) =
        crate::config::report(&file.display().to_string(), &crate::config::load(file));
    out(&report);
    code
}

fn crd() -> u8 {
    match crate::record::crd::yaml() {
        Ok(yaml) => {
            out(&yaml);
            exit::FINE
        }
        Err(error) => fail(&error, "", exit::CANNOT_TELL),
    }
}

/// To standard output; a reader that has gone away (`| head`) is no error of ours.
fn out(text: &str) {
    use std::io::Write;
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Prints an error with its causes, once each, and a hint where there is one. Returns the exit code.
fn fail(error: &dyn std::error::Error, hint: &str, code: u8) -> u8 {
    use std::io::Write;
    let mut text = format!("error: {error}\n");
    let mut cause = error.source();
    while let Some(error) = cause {
        let line = format!("  caused by: {error}\n");
        if !text.ends_with(&line) {
            text.push_str(&line);
        }
        cause = error.source();
    }
    if !hint.is_empty() {
        text.push_str("hint: ");
        text.push_str(hint);
        text.push('\n');
    }
    let _ = std::io::stderr().write_all(text.as_bytes());
    code
}
