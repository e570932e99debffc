//! The last words of a crashed container.

use crate::domain::evidence::LogTail;
use crate::domain::observed::Observed;
use crate::domain::text;
use crate::domain::workload::Pod;
use crate::platform::kube::Cluster;

/// A line of a log is cut here: what says why fits, a dumped object does not.
const LINE_BYTES: usize = 500;
/// So many of the last lines are kept.
const LINES: usize = 10;

/// Reads the end of the log of a container's last crash. In CrashLoopBackOff and while it runs again `previous` has it; after the very
/// first crash only the present one does (semantics page, section 3), so that is the second question.
pub async fn tail(cluster: &Cluster, namespace: &str, pod: &Pod, container: &str) -> LogTail {
    let mut answer = cluster.log(namespace, &pod.name, container, true).await;
    if answer
        .as_ref()
        .is_err_and(|error| error.is_rejected() || error.is_not_found())
    {
        answer = cluster.log(namespace, &pod.name, container, false).await;
    }
    let lines = match answer {
        Ok(log) => lines(&log),
        Err(error) if error.is_rejected() || error.is_not_found() => Observed::Absent,
        Err(error) => Observed::Unavailable(error.to_string()),
    };
    LogTail {
        pod: pod.uid.clone(),
        pod_name: pod.name.clone(),
        container: container.to_owned(),
        lines,
    }
}

fn lines(log: &str) -> Observed<Vec<String>> {
    let mut lines: Vec<String> = log
        .lines()
        .rev()
        .filter(|line| !line.trim().is_empty())
        .take(LINES)
        .map(|line| text::safe(line, LINE_BYTES))
        .collect();
    lines.reverse();
    if lines.is_empty() {
        Observed::Absent
    } else {
        Observed::Known(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_container_has_no_lines() {
        assert_eq!(lines("\n  \n"), Observed::Absent);
    }

    #[test]
    fn only_the_last_lines_are_kept_and_each_is_cut() {
        let log = format!("{}{}\n", "early\n".repeat(50), "x".repeat(5_000));
        let Observed::Known(lines) = lines(&log) else {
            panic!()
        };
        assert_eq!(lines.len(), LINES);
        assert!(lines.iter().all(|line| line.len() <= LINE_BYTES));
        assert!(lines.last().is_some_and(|line| line.starts_with('x')));
    }

    #[test]
    fn what_a_program_says_is_shown_without_its_colours_and_its_keys() {
        let log = "\u{1b}[31mpanic\u{1b}[0m <script>alert(1)</script> \u{202e}token=ghp_0123456789abcdefghijABCDEFGHIJ012345 \u{fffd}\n";
        let Observed::Known(lines) = lines(log) else {
            panic!()
        };
        assert_eq!(
            lines,
            ["panic <script>alert(1)</script> token=[redacted] \u{fffd}"]
        );
    }
}
