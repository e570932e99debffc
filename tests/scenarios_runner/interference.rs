//! What the API server may do instead of its work: answer something else, lose a request or its answer, take its time.

use super::shape::{Number, Switch, Text, shape};
use super::text::{Mistake, Source};
use super::words;
use ripcord::sim::{AdmissionRule, After, Before, Call, Interference, Ruling};
use serde_json::{Value, json};
use serde_saphyr::Spanned;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

shape!(
    /// One rule of `api:`. What is left out does not restrict; the first rule that fits counts. An empty list ends all rules.
    ApiShape {
        method: Text,
        resource: Text,
        dry_run: Switch,
        times: Number,
        answers: Spanned<AnswerShape>,
        loses: Text,
        takes: Text,
    }
);

shape!(
    /// `answers:` as a Kubernetes Status has it.
    AnswerShape { reason: Text, message: Text, }
    required { code: Number, }
);

shape!(
    /// `admission:` A rule that looks at writes. Neither `refuses` nor `sets` = no rule any more.
    AdmissionShape { kind: Text, by: Text, refuses: Spanned<AnswerShape>, sets: Value, }
);

const METHODS: [&str; 5] = ["DELETE", "GET", "PATCH", "POST", "PUT"];

impl ApiShape {
    /// What is wrong with a rule.
    pub(crate) fn check(&self, source: &Source) -> Result<(), Mistake> {
        if let Some(method) = &self.method {
            words::one_of(source, method, "method", METHODS)?;
        }
        if let Some(loses) = &self.loses {
            words::one_of(source, loses, "thing to lose", ["request", "answer"])?;
        }
        if let Some(takes) = &self.takes {
            words::duration(source, takes)?;
        }
        if self.answers.is_none() && self.loses.is_none() && self.takes.is_none() {
            let at = [&self.method, &self.resource]
                .into_iter()
                .flatten()
                .next()
                .map_or((0, 0), |text| (text.defined.line(), text.defined.column()));
            let what = "it is not said what happens to such a request";
            let expected =
                "`answers: {code: 500}`, `loses: request`, `loses: answer` or `takes: 5s`";
            return Err(source.mistake(at.0, at.1, what, expected));
        }
        Ok(())
    }
}

/// The rules that stand now.
pub(crate) struct Rules(Vec<Rule>);

struct Rule {
    shape: ApiShape,
    takes: Option<Duration>,
    left: AtomicI64,
}

impl Rules {
    pub(crate) fn of(source: &Source, shapes: &[ApiShape]) -> Result<Self, Mistake> {
        let rule = |shape: &ApiShape| {
            let takes = shape.takes.as_ref();
            Ok(Rule {
                takes: takes
                    .map(|takes| words::duration(source, takes))
                    .transpose()?,
                left: AtomicI64::new(shape.times.as_ref().map_or(i64::MAX, |times| times.value)),
                shape: shape.clone(),
            })
        };
        Ok(Self(shapes.iter().map(rule).collect::<Result<_, _>>()?))
    }

    fn rule(&self, call: &Call) -> Option<&Rule> {
        self.0
            .iter()
            .find(|rule| rule.fits(call) && rule.left.load(Ordering::Relaxed) > 0)
    }
}

impl Rule {
    fn fits(&self, call: &Call) -> bool {
        let ApiShape {
            method,
            resource,
            dry_run,
            ..
        } = &self.shape;
        // `deployments`, `incidents/status`, `pods/log`: the collection's word, and the subresource after the name.
        let parts: Vec<&str> = call.path.trim_matches('/').split('/').collect();
        let resource_fits = |wanted: &str| {
            if let Some((collection, sub)) = wanted.split_once('/') {
                return parts.contains(&collection) && parts.last() == Some(&sub);
            }
            let place = parts.iter().position(|part| *part == wanted);
            place.is_some_and(|place| parts.len() <= place + 2)
        };
        method
            .as_ref()
            .is_none_or(|wanted| wanted.value == call.method)
            && resource
                .as_ref()
                .is_none_or(|wanted| resource_fits(&wanted.value))
            && dry_run
                .as_ref()
                .is_none_or(|wanted| wanted.value == call.dry_run())
    }

    fn used(&self) {
        self.left.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Interference for Rules {
    fn before(&self, call: &Call) -> Before {
        let Some(rule) = self.rule(call) else {
            return Before::Proceed;
        };
        if let Some(answer) = &rule.shape.answers {
            rule.used();
            let code = u16::try_from(answer.value.code.value).unwrap_or(500);
            let text = |text: &Option<Text>| text.as_ref().map(|text| text.value.clone());
            let message = text(&answer.value.message).unwrap_or_default();
            let body = json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": message, "reason": text(&answer.value.reason), "code": code,
            });
            return Before::Answer(code, body);
        }
        let loses_request = rule
            .shape
            .loses
            .as_ref()
            .is_some_and(|loses| loses.value == "request");
        if loses_request {
            rule.used();
            return Before::Lose;
        }
        rule.takes.map_or(Before::Proceed, Before::Delay)
    }

    fn after(&self, call: &Call, _: u16) -> After {
        let Some(rule) = self.rule(call) else {
            return After::Deliver;
        };
        rule.used();
        let loses_answer = rule
            .shape
            .loses
            .as_ref()
            .is_some_and(|loses| loses.value == "answer");
        if loses_answer {
            After::Lose
        } else {
            After::Deliver
        }
    }
}

impl AdmissionShape {
    /// The rule; `None` = none any more.
    pub(crate) fn rule(&self) -> Option<AdmissionRule> {
        let Self {
            kind,
            by,
            refuses,
            sets,
        } = self.clone();
        if refuses.is_none() && sets.is_none() {
            return None;
        }
        Some(Arc::new(move |review| {
            let fits = kind.as_ref().is_none_or(|kind| kind.value == review.kind)
                && by
                    .as_ref()
                    .is_none_or(|by| review.user_agent.starts_with(&by.value));
            match (&refuses, &sets, review.after) {
                (Some(refuses), _, _) if fits => Ruling::Refuse {
                    code: u16::try_from(refuses.value.code.value).unwrap_or(403),
                    message: refuses
                        .value
                        .message
                        .as_ref()
                        .map_or_else(String::new, |message| message.value.clone()),
                },
                (None, Some(sets), Some(after)) if fits => {
                    let mut changed = after.clone();
                    json_patch::merge(&mut changed, sets);
                    Ruling::Change(changed)
                }
                _ => Ruling::Admit,
            }
        }))
    }
}
