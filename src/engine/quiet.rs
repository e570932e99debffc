//! How long a process has looked at an incident without finding a symptom.

use super::step::{Input, QUIET_LOOK};
use jiff::{SignedDuration, Timestamp};

/// Between two looks that belong together: three of the usual pauses and the time-outs of a slow one. In a longer gap a crash loop could have
/// failed again unseen.
const LONGEST_GAP: SignedDuration = SignedDuration::from_secs(4 * QUIET_LOOK.as_secs());

/// A stretch of looks that found everything well.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    /// The first and the last of them.
    stretch: Option<(Timestamp, Timestamp)>,
}

impl Quiet {
    /// Takes note of a look, and tells it since when it has been quiet. A look that could not see everything neither goes on with the stretch
    /// nor ends it; time that went backwards ends it.
    pub(super) fn noted(&mut self, mut input: Input, now: Timestamp) -> Input {
        let Input::Looked(looked) = &mut input else {
            return input;
        };
        if looked.is_quiet() {
            let goes_on = |last: Timestamp| {
                let gap = now.duration_since(last);
                !gap.is_negative() && gap <= LONGEST_GAP
            };
            let since = self
                .stretch
                .filter(|(_, last)| goes_on(*last))
                .map_or(now, |(since, _)| since);
            self.stretch = Some((since, now));
            looked.quiet_since = Some(since);
        } else if looked.complete {
            self.stretch = None;
        }
        input
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::diagnosis::Diagnosis;
    use crate::domain::evidence::Memory;
    use crate::domain::observed::Observed;
    use crate::engine::step::Looked;
    use std::collections::BTreeSet;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn look(complete: bool, pending: &[&str]) -> Input {
        Input::Looked(Box::new(Looked {
            newest: None,
            diagnosis: Diagnosis {
                shared: None,
                newest: None,
                entries: Vec::new(),
                older_failing: Vec::new(),
                pending: pending.iter().map(|text| (*text).to_owned()).collect(),
            },
            complete,
            memory: Memory::default(),
            decided: None,
            decided_on: String::new(),
            namespace_mode: Observed::Absent,
            live_causes: BTreeSet::new(),
            quiet_since: None,
        }))
    }

    fn since(quiet: &mut Quiet, input: Input, second: i64) -> Option<Timestamp> {
        let Input::Looked(looked) = quiet.noted(input, at(second)) else {
            panic!()
        };
        looked.quiet_since
    }

    #[test]
    fn quiet_goes_on_from_look_to_look() {
        let quiet = &mut Quiet::default();
        for second in [10, 40, 160] {
            assert_eq!(since(quiet, look(true, &[]), second), Some(at(10)));
        }
    }

    #[test]
    fn a_symptom_a_long_gap_and_a_clock_that_goes_back_end_it() {
        let quiet = &mut Quiet::default();
        since(quiet, look(true, &[]), 10);
        assert_eq!(since(quiet, look(true, &["one reading"]), 40), None);
        assert_eq!(since(quiet, look(true, &[]), 70), Some(at(70)));
        assert_eq!(since(quiet, look(true, &[]), 191), Some(at(191)));
        assert_eq!(since(quiet, look(true, &[]), 150), Some(at(150)));
    }

    #[test]
    fn a_look_that_could_not_see_everything_is_no_quiet_one_and_ends_nothing() {
        let quiet = &mut Quiet::default();
        since(quiet, look(true, &[]), 10);
        assert_eq!(since(quiet, look(false, &[]), 40), None);
        assert_eq!(since(quiet, look(true, &[]), 70), Some(at(10)));
        for second in [100, 130, 160] {
            since(quiet, look(false, &[]), second);
        }
        assert_eq!(since(quiet, look(true, &[]), 191), Some(at(191)));
    }
}
