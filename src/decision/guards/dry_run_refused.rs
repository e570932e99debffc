//! `DryRunRefused`: the API server must have said that it would take the write, as it was meant.

use super::{Finding, Question, hold, pass};
use crate::decision::effective_mode;
use crate::domain::plan::Rehearsal;
use crate::domain::policy::Mode;

/// What the guard says before the dry run: the one refusal that `only_rehearsal_missing` looks for.
pub(in crate::decision) const NOT_REHEARSED: &str =
    "not rehearsed yet: the server-side dry run comes when every other guard passes";

/// An API server that did not answer a dry run is asked again sooner than one that did not answer at all: everything else is ready.
const RETRY_SECONDS: i64 = 15;

pub(super) fn check(question: &Question<'_>) -> Finding {
    if question.proposal.is_err() {
        return pass("there is no plan to rehearse");
    }
    match question.rehearsal {
        None => hold(NOT_REHEARSED),
        Some(Rehearsal::Accepted) => pass("the API server accepted the dry run"),
        Some(Rehearsal::ClientOnly) => client_only(question),
        Some(Rehearsal::Refused(why)) => hold(format!("the API server refused the dry run: {why}")),
        Some(Rehearsal::Changed(what)) => {
            hold(format!("the API server would store something else: {what}"))
        }
        Some(Rehearsal::Unavailable(why)) => question.wait_seconds(
            RETRY_SECONDS,
            format!("the dry run could not be done ({why})"),
        ),
    }
}

fn client_only(question: &Question<'_>) -> Finding {
    let text = "Ripcord's account may not patch this workload, so the plan was only checked here";
    match effective_mode(question.case) {
        Ok(mode @ (Mode::Off | Mode::DryRun)) => {
            pass(format!("{text}; that is enough for mode {mode}"))
        }
        Ok(mode @ (Mode::Approve | Mode::Enforce)) => {
            hold(format!("{text}; mode {mode} needs the right"))
        }
        Err(_) => hold(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::case::Case;
    use crate::domain::verdict::Outcome;
    use crate::remedy;
    use crate::remedy::test_support::{at, broken_web, newest_and_older};

    fn after(case: &Case, rehearsal: Option<&Rehearsal>) -> Finding {
        let proposal = remedy::propose(case);
        check(&Question {
            case,
            proposal: proposal.as_ref(),
            rehearsal,
        })
    }

    #[test]
    fn holds_what_was_not_rehearsed_or_not_taken_as_it_was_meant() {
        let case = broken_web();
        assert_eq!(after(&case, None).outcome, Outcome::Hold);
        for rehearsal in [
            Rehearsal::Refused("422 Invalid".into()),
            Rehearsal::Changed("/spec".into()),
        ] {
            assert_eq!(
                after(&case, Some(&rehearsal)).outcome,
                Outcome::Hold,
                "{rehearsal:?}"
            );
        }
    }

    #[test]
    fn waits_for_an_api_server_that_does_not_answer() {
        let finding = after(
            &broken_web(),
            Some(&Rehearsal::Unavailable("timeout".into())),
        );
        assert_eq!(finding.outcome, Outcome::Wait { next_check: at(15) });
    }

    #[test]
    fn a_check_of_our_own_is_enough_for_a_dry_run_only() {
        let mut case = broken_web();
        for (mode, outcome) in [
            (Mode::DryRun, Outcome::Pass),
            (Mode::Approve, Outcome::Hold),
            (Mode::Enforce, Outcome::Hold),
        ] {
            case.mode = mode;
            let finding = after(&case, Some(&Rehearsal::ClientOnly));
            assert_eq!(finding.outcome, outcome, "{mode}");
            assert!(finding.text.contains("may not patch"), "{}", finding.text);
        }
    }

    #[test]
    fn passes_what_was_accepted_and_what_has_no_plan() {
        let mut case = broken_web();
        assert_eq!(
            after(&case, Some(&Rehearsal::Accepted)).outcome,
            Outcome::Pass
        );
        newest_and_older(&mut case).1.clear();
        assert_eq!(after(&case, None).outcome, Outcome::Pass);
    }
}
