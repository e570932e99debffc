//! How far Ripcord may go with one workload: the strictest of four words.

use crate::domain::case::Case;
use crate::domain::observed::Observed;
use crate::domain::policy::Mode;
use crate::domain::text;
use crate::domain::workload::MODE_ANNOTATION;
use crate::planted::{self, Bug};

/// Why the mode can't be told. Whoever gets one must not write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModeError {
    /// Somebody wished for something, and it is not known what: as good as `off`.
    #[error(
        "the {holder}'s annotation {MODE_ANNOTATION} says {value:?}, which is none of off, dry-run, approve, enforce; it counts as off"
    )]
    Unknown {
        /// `namespace` or `workload`.
        holder: &'static str,
        /// What it says, cut short.
        value: String,
    },
    /// The annotation could not be read.
    #[error("the {holder}'s annotation {MODE_ANNOTATION} could not be read ({why})")]
    Unavailable {
        /// `namespace` or `workload`.
        holder: &'static str,
        /// Why.
        why: String,
    },
}

/// The strictest of the configuration, the policy, the namespace's annotation and the workload's.
///
/// # Errors
/// An annotation could not be read, or holds a word that is no mode. Neither may be taken for consent.
pub fn effective_mode(case: &Case) -> Result<Mode, ModeError> {
    if planted::is(Bug::ModeForgotten) {
        return Ok(Mode::Enforce);
    }
    let mut strictest = case.mode;
    for (_, wish) in wishes(case) {
        strictest = strictest.min(wish?);
    }
    Ok(strictest)
}

/// Who wishes for what; whoever wishes for nothing is not among them.
pub(super) fn wishes(case: &Case) -> Vec<(&'static str, Result<Mode, ModeError>)> {
    let policy = case.policy.policy().and_then(|policy| policy.mode).map(Ok);
    [
        ("configuration", Some(Ok(case.mode))),
        ("policy", policy),
        ("namespace", namespace(case)),
        ("workload", workload(case)),
    ]
    .into_iter()
    .filter(|(who, _)| *who == "configuration" || !planted::is(Bug::OptOutIgnored))
    .filter_map(|(who, wish)| Some((who, wish?)))
    .collect()
}

fn namespace(case: &Case) -> Option<Result<Mode, ModeError>> {
    match &case.evidence.namespace_mode {
        Observed::Known(value) => Some(parse("namespace", value)),
        Observed::Absent => None,
        Observed::Unavailable(why) => Some(unavailable("namespace", why)),
    }
}

fn workload(case: &Case) -> Option<Result<Mode, ModeError>> {
    match &case.evidence.workload {
        Observed::Known(workload) => workload
            .annotation(MODE_ANNOTATION)
            .map(|value| parse("workload", value)),
        Observed::Absent => Some(unavailable("workload", "it is gone")),
        Observed::Unavailable(why) => Some(unavailable("workload", why)),
    }
}

fn parse(holder: &'static str, value: &str) -> Result<Mode, ModeError> {
    /// Enough to recognise what was written.
    const VALUE_LIMIT: usize = 40;
    Mode::parse(value).ok_or_else(|| ModeError::Unknown {
        holder,
        value: text::truncate(value, VALUE_LIMIT),
    })
}

fn unavailable(holder: &'static str, why: &str) -> Result<Mode, ModeError> {
    Err(ModeError::Unavailable {
        holder,
        why: why.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remedy::test_support::{broken_web, change_policy, workload};
    use std::collections::BTreeMap;

    fn annotated(value: &str) -> Case {
        let mut case = broken_web();
        let annotations = BTreeMap::from([(MODE_ANNOTATION.to_owned(), value.to_owned())]);
        workload(&mut case).annotations = Some(annotations);
        case
    }

    #[test]
    fn a_word_that_is_no_mode_is_an_error_and_never_consent() {
        for value in ["", "Enforce", " enforce", "enforced", "true", "off\n"] {
            let error = effective_mode(&annotated(value)).unwrap_err();
            assert!(
                matches!(
                    error,
                    ModeError::Unknown {
                        holder: "workload",
                        ..
                    }
                ),
                "{value:?}"
            );
            let mut case = broken_web();
            case.evidence.namespace_mode = Observed::Known(value.to_owned());
            let error = effective_mode(&case).unwrap_err();
            assert!(
                matches!(
                    error,
                    ModeError::Unknown {
                        holder: "namespace",
                        ..
                    }
                ),
                "{value:?}"
            );
        }
        assert!(
            effective_mode(&annotated(&"x".repeat(9000)))
                .unwrap_err()
                .to_string()
                .len()
                < 300
        );
    }

    #[test]
    fn what_could_not_be_read_is_an_error() {
        let mut case = broken_web();
        case.evidence.namespace_mode = Observed::Unavailable("403".into());
        assert!(matches!(
            effective_mode(&case),
            Err(ModeError::Unavailable {
                holder: "namespace",
                ..
            })
        ));
        for workload in [Observed::Absent, Observed::Unavailable("503".into())] {
            let mut case = broken_web();
            case.evidence.workload = workload;
            assert!(matches!(
                effective_mode(&case),
                Err(ModeError::Unavailable {
                    holder: "workload",
                    ..
                })
            ));
        }
    }

    #[test]
    fn nobody_can_be_less_strict_than_the_configuration() {
        for asked in Mode::ALL {
            let mut case = annotated(asked.as_str());
            case.mode = Mode::DryRun;
            assert_eq!(effective_mode(&case), Ok(Mode::DryRun.min(asked)));
        }
    }

    #[test]
    fn the_strictest_word_counts_whoever_says_it() {
        for strict in Mode::ALL {
            assert_eq!(effective_mode(&annotated(strict.as_str())), Ok(strict));
            let mut case = broken_web();
            case.evidence.namespace_mode = Observed::Known(strict.to_string());
            assert_eq!(effective_mode(&case), Ok(strict));
            let mut case = broken_web();
            change_policy(&mut case, |policy| policy.mode = Some(strict));
            assert_eq!(effective_mode(&case), Ok(strict));
        }
        assert_eq!(effective_mode(&broken_web()), Ok(Mode::Enforce));
    }
}
