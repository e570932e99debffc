//! The commands, one file each. Only here is anything printed.

mod check;
mod demo;
mod explain;
mod incidents;
mod paper;
mod serve;
mod story;

pub use check::Section;

use crate::platform::kube::Credentials;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit codes, everywhere the same.
mod exit {
    /// Fine, or nothing to do.
    pub(super) const FINE: u8 = 0;
    /// It would act, or something is not as it must be.
    pub(super) const DIFFERS: u8 = 1;
    /// Usage or configuration.
    pub(super) const CONFIGURATION: u8 = 2;
    /// It would hold.
    pub(super) const WOULD_HOLD: u8 = 3;
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
/// The commit that it was built from, where whoever built it said so.
const REVISION: &str = match option_env!("RIPCORD_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

#[derive(Subcommand)]
enum Command {
    /// Show on a simulated cluster how two broken rollouts are repaired and one is left alone
    Demo(demo::Demo),
    /// Receive alerts, decide, and do what the configuration allows
    Serve(serve::Serve),
    /// Check a configuration file; with --live also everything that it stands on
    Check(check::Check),
    /// Say what is wrong with a workload and what would be done, without doing it
    Explain(explain::Explain),
    /// List incidents, watch them, or read one as a story
    #[command(visible_alias = "inc")]
    Incidents(incidents::Incidents),
    /// Print the Incident resource's CRD as YAML
    Crd,
    /// Print a shell's completions; the shell's own page says where they belong
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the version
    Version,
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    let code = match arguments().command {
        Command::Demo(demo) => demo::run(&demo),
        Command::Serve(serve) => serve::run(&serve),
        Command::Check(check) => check::run(&check),
        Command::Explain(explain) => explain::run(&explain),
        Command::Incidents(incidents) => incidents::run(&incidents),
        Command::Crd => crd(),
        Command::Completion { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut command(), "ripcord", &mut text);
            out(&String::from_utf8_lossy(&text));
            exit::FINE
        }
        Command::Version => {
            out(&format!("ripcord {VERSION} ({REVISION})\n"));
            exit::FINE
        }
    };
    ExitCode::from(code)
}

/// What was typed; what can't be understood ends the process with usage on standard error.
fn arguments() -> Arguments {
    let matches = command().get_matches();
    Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// The command line. As kubectl's plugin (a link called `kubectl-ripcord` in the path) it speaks of itself as it was called.
fn command() -> clap::Command {
    let called = std::env::args_os().next().map(PathBuf::from);
    let name = called.as_deref().and_then(std::path::Path::file_stem);
    let command = Arguments::command();
    if name.is_some_and(|name| name == "kubectl-ripcord") {
        command.bin_name("kubectl ripcord")
    } else {
        command
    }
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

/// How a command reaches its cluster.
#[derive(clap::Args)]
struct Access {
    /// A kubeconfig; without it $KUBECONFIG, ~/.kube/config, or the pod's own ServiceAccount
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

impl Access {
    fn credentials(&self, command: Option<&'static str>) -> Credentials {
        Credentials {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            user: None,
            command,
        }
    }
}

/// Nobody counts what a person's command asks.
struct Uncounted;

impl crate::platform::CallObserver for Uncounted {
    fn observed(&self, _: &'static str, _: &'static str, _: f64, _: Option<&'static str>) {}
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
