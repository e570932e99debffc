//! `foreign:`: what a policy allows where another program has a say in the template.

use super::findings::Findings;
use super::raw::{RawForeign, Text};
use crate::domain::policy::{Foreign, OnForeign};

/// The answers, and what stands in for one that does not exist yet: the strictest.
const ANSWERS: [(&str, (OnForeign, bool)); 4] = [
    ("refuse", (OnForeign::Refuse, true)),
    ("once", (OnForeign::Refuse, false)),
    ("propose", (OnForeign::Refuse, false)),
    ("act", (OnForeign::Act, true)),
];

/// The answers of one policy; what it leaves out has its default.
pub(super) fn foreign(
    findings: &mut Findings<'_>,
    path: &str,
    raw: Option<&RawForeign>,
) -> Foreign {
    let defaults = Foreign::default();
    let Some(raw) = raw else {
        return defaults;
    };
    Foreign {
        default: answer(
            findings,
            &format!("{path}.default"),
            raw.default.as_ref(),
            defaults.default,
        ),
        helm: answer(
            findings,
            &format!("{path}.helm"),
            raw.helm.as_ref(),
            defaults.helm,
        ),
    }
}

fn answer(
    findings: &mut Findings<'_>,
    path: &str,
    text: Option<&Text>,
    default: OnForeign,
) -> OnForeign {
    let Some(text) = text else {
        return default;
    };
    // A word that is none is a mistake: what stands in for it until the end does not matter.
    let Some((answer, exists)) =
        findings.word(path, text, "an answer to a foreign owner", &ANSWERS)
    else {
        return default;
    };
    if !exists {
        findings.not_enforced(
            path,
            text.defined,
            format!("`{}` is not built yet: it counts as `refuse`", text.value),
        );
    }
    answer
}
