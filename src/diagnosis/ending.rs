//! How a container ended, as its status tells it: the class of each end, before anybody asks who is to blame.

use super::symptoms::Symptom;
use crate::domain::workload::{ContainerState, Termination};

/// The classes of ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    /// `Error`, with an exit code of the program's own or a signal that it brought upon itself.
    Own,
    /// `OOMKilled`.
    Memory,
    /// `StartError`: it never ran.
    NotStarted,
    /// Exit code 0.
    Zero,
    /// 137: SIGKILL, of whomever.
    Killed,
    /// 143: SIGTERM, of whomever.
    Stopped,
    /// A word that is not a program's own end: `ContainerStatusUnknown`, `Unknown`, …
    Strange,
}

impl End {
    pub(super) fn of(termination: &Termination) -> Self {
        match (termination.reason.as_str(), termination.exit_code) {
            ("OOMKilled", _) => Self::Memory,
            ("StartError", _) => Self::NotStarted,
            ("Completed" | "Error", 0) => Self::Zero,
            ("Error", 137) => Self::Killed,
            ("Error", 143) => Self::Stopped,
            ("Error", _) => Self::Own,
            _ => Self::Strange,
        }
    }

    /// The end in words, for a sentence that begins with the container's name.
    pub(super) fn in_words(self, termination: &Termination) -> String {
        let Termination {
            reason, exit_code, ..
        } = termination;
        match self {
            Self::Own => format!(
                "ends by itself with exit code {exit_code} ({})",
                exit_code_meaning(*exit_code)
            ),
            Self::Memory => "is ended by the kernel for its memory (OOMKilled)".to_owned(),
            Self::NotStarted => "can't be started at all (StartError)".to_owned(),
            Self::Zero => "ends with exit code 0 although it should stay".to_owned(),
            Self::Killed => {
                "was killed (exit code 137): a probe, its memory, or a person; nothing says which"
                    .to_owned()
            }
            Self::Stopped => "was asked to stop (exit code 143); nothing says by whom".to_owned(),
            Self::Strange => format!(
                "ended with {reason} (exit code {exit_code}), which is not a program's own error"
            ),
        }
    }
}

/// The ends that are known, the newest first.
pub(super) fn terminations(symptom: &Symptom) -> Vec<&Termination> {
    let present = match &symptom.container.state {
        ContainerState::Terminated(termination) => Some(termination),
        ContainerState::Waiting { .. }
        | ContainerState::Running { .. }
        | ContainerState::Unknown => None,
    };
    present.into_iter().chain(&symptom.container.last).collect()
}

/// What an exit code says by convention: POSIX sh for 126, 127 and 128 + signal.
pub(super) fn exit_code_meaning(code: i64) -> String {
    match code {
        126 => "a shell found the program but could not run it".to_owned(),
        127 => "a shell did not find the program".to_owned(),
        129..=192 => format!("ended by signal {}", code - 128),
        _ => "the application's own error".to_owned(),
    }
}
