//! Containers that could not be started: `StartError`, `ConfigMissing`, and a node that has no room or strength for them.
//!
//! The words are the kubelet's (`kuberuntime_container.go`, `kubelet_pods.go`, `security_context.go`) and runc's inside containerd's.

use super::Finding;
use super::cure::Cure;
use super::missing::Missing;
use super::symptoms::{Symptom, SymptomKind};
use crate::domain::diagnosis::Cause;
use crate::domain::evidence::Evidence;
use crate::domain::workload::{ContainerState, Termination};

/// What a symptom of this family means; `None` = it belongs to another.
pub(super) fn judge(symptom: &Symptom) -> Option<Finding> {
    if symptom.kind != SymptomKind::ContainerError {
        return None;
    }
    let ContainerState::Waiting { reason, message } = &symptom.container.state else {
        return None;
    };
    let name = &symptom.container.name;
    let because = format!("{name} can't be started: {reason}: {message}");
    Some(match reason.as_str() {
        _ if is_the_nodes(message) => node_trouble(because),
        "CreateContainerConfigError" => match Missing::of(message) {
            Some(missing) => {
                Finding::new(Cause::ConfigMissing, because).cured(Cure::Without(vec![missing]))
            }
            None if is_the_programs(message) => Finding::new(Cause::StartError, because),
            None => Finding::unknown(because),
        },
        "RunContainerError" | "CreateContainerError" if is_the_programs(message) => {
            Finding::new(Cause::StartError, because)
        }
        "RunContainerError" => {
            Finding::new(Cause::StartError, because).unless(Some(UNCLEAR.to_owned()))
        }
        _ => Finding::unknown(because),
    })
}

const UNCLEAR: &str = "nothing says that the program or its settings are at fault";

/// One whose last end says that it never started: the runtime's words are in that end, else in an Event.
pub(super) fn not_started(symptom: &Symptom, end: &Termination, evidence: &Evidence) -> Finding {
    let words = if end.message.is_empty() {
        words_of_events(symptom, evidence).unwrap_or_default()
    } else {
        end.message.clone()
    };
    let name = &symptom.container.name;
    let because = if words.is_empty() {
        format!("{name} can't be started at all (StartError)")
    } else {
        format!("{name} can't be started at all (StartError): {words}")
    };
    if is_the_nodes(&words) {
        return node_trouble(because);
    }
    let doubt = (!is_the_programs(&words)).then(|| UNCLEAR.to_owned());
    Finding::new(Cause::StartError, because).unless(doubt)
}

fn words_of_events(symptom: &Symptom, evidence: &Evidence) -> Option<String> {
    evidence
        .events
        .known()?
        .iter()
        .filter(|event| event.regarding == symptom.pod && event.reason == "Failed")
        .filter(|event| event.container.as_ref() == Some(&symptom.container.name))
        .filter_map(|event| Some((event.last_seen, event.message.strip_prefix("Error: ")?)))
        .filter(|(_, words)| !matches!(*words, "ErrImagePull" | "ImagePullBackOff"))
        .max()
        .map(|(_, words)| words.to_owned())
}

/// The node's own trouble: going back would bring the older revision's container to the same place.
pub(super) fn node_trouble(because: String) -> Finding {
    Finding::new(Cause::NodeTrouble, because).unless(Some(
        "an older revision may run on other nodes; whether they are well is not known".to_owned(),
    ))
}

/// Words about the node, never about what is to run on it. They come before all others: a full disk is told as many things.
pub(super) fn is_the_nodes(words: &str) -> bool {
    const NODE: [&str; 9] = [
        "no space left on device",
        "cannot allocate memory",
        "too many open files",
        "input/output error",
        "resource temporarily unavailable",
        "deadline exceeded",
        "failed to reserve container name",
        "transport is closing",
        "disk quota exceeded",
    ];
    NODE.iter().any(|text| words.contains(text))
}

/// Words about the program, its file, its user, its mounts or its limits: all of them stand in the template or in its image.
fn is_the_programs(words: &str) -> bool {
    const PROGRAM: [&str; 12] = [
        "exec: \"",
        "executable file not found",
        "no such file or directory",
        "permission denied",
        "is a directory",
        "not a directory",
        "exec format error",
        "no command specified",
        "runAsNonRoot",
        "run as root",
        "unable to find user",
        "memory limit too low",
    ];
    PROGRAM.iter().any(|text| words.contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_or_stuck_node_is_not_the_programs_fault() {
        for words in [
            "failed to create containerd task: mkdir /run/containerd/x: no space left on device",
            r#"exec: "/app": fork/exec /app: cannot allocate memory"#,
            "context deadline exceeded",
            "rpc error: code = DeadlineExceeded desc = context deadline exceeded",
            r#"failed to reserve container name "web_x": name is reserved"#,
        ] {
            assert!(is_the_nodes(words), "{words}");
        }
        for words in ["", "something new", "OCI runtime create failed"] {
            assert!(!is_the_nodes(words) && !is_the_programs(words), "{words}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_or_may_not_run_is() {
        for words in [
            r#"OCI runtime create failed: runc create failed: unable to start container process: exec: "/no/such/program": stat /no/such/program: no such file or directory: unknown"#,
            r#"exec: "serve": executable file not found in $PATH: unknown"#,
            r#"exec: "/app": permission denied: unknown"#,
            "container has runAsNonRoot and image will run as root",
            "failed to generate spec: no command specified",
            "container init was OOM-killed (memory limit too low?): unknown",
            "exec /app: exec format error",
        ] {
            assert!(is_the_programs(words) && !is_the_nodes(words), "{words}");
        }
    }
}
