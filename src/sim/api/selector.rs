//! Selectors in a query, in the API's own grammar (equality and set based), matched by kube's types.

use super::super::json;
use super::call::{Call, Objects};
use super::failure::Failure;
use super::field_selector::{self, Requirement};
use kube::core::{Expression, Selector, SelectorExt as _};
use serde_json::Value;

/// Which objects of a resource a list or a watch is about.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    labels: Option<Selector>,
    fields: Vec<Requirement>,
}

impl Selection {
    /// What a request asks for.
    pub(super) fn of(call: &Call, objects: &Objects) -> Result<Self, Failure> {
        let text = call.parameter("labelSelector");
        let fields = call.parameter("fieldSelector");
        Ok(Self {
            labels: (!text.is_empty()).then(|| labels(text)).transpose()?,
            fields: field_selector::parse(objects.resource, objects.newer_events, fields)?,
        })
    }

    pub(super) fn fits(&self, object: &Value) -> bool {
        let labels = self.labels.as_ref();
        labels.is_none_or(|labels| fits(labels, object))
            && self.fields.iter().all(|field| field.fits(object))
    }

    /// Whether it is about all of them.
    pub(super) fn is_everything(&self) -> bool {
        self.labels.is_none() && self.fields.is_empty()
    }
}

/// `app=web,tier in (a,b),!old`.
fn labels(text: &str) -> Result<Selector, Failure> {
    let mut selector = Selector::default();
    for part in split(text) {
        let expression = expression(part.trim()).ok_or_else(|| {
            Failure::bad_request(format!("unable to parse requirement: `{part}`"))
        })?;
        selector.extend([expression]);
    }
    Ok(selector)
}

/// Whether an object's labels fit.
fn fits(selector: &Selector, object: &Value) -> bool {
    selector.matches(&json::strings(object, "/metadata/labels"))
}

/// At the commas that are not in parentheses.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    text.split(move |character| {
        depth += match character {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        character == ',' && depth == 0
    })
    .filter(|part| !part.trim().is_empty())
}

fn expression(part: &str) -> Option<Expression> {
    if let Some((head, values)) = part.split_once('(') {
        let values = values.strip_suffix(')')?.split(',');
        let values = values.map(word).collect::<Option<_>>()?;
        let mut words = head.split_whitespace();
        return match (words.next()?.to_owned(), words.next()?) {
            (key, "in") => Some(Expression::In(key, values)),
            (key, "notin") => Some(Expression::NotIn(key, values)),
            _ => None,
        };
    }
    if let Some((key, value)) = part.split_once("!=") {
        return Some(Expression::NotEqual(word(key)?, word(value)?));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Some(Expression::Equal(word(key)?, word(value)?));
    }
    match part.strip_prefix('!') {
        Some(key) => Some(Expression::DoesNotExist(word(key)?)),
        None => Some(Expression::Exists(word(part)?)),
    }
}

/// A key or value of a label: nothing else may stand there.
fn word(text: &str) -> Option<String> {
    let fits = |character: char| character.is_ascii_alphanumeric() || "-_./".contains(character);
    let word = text.trim();
    word.chars().all(fits).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_selector_that_can_not_be_read_is_refused_and_not_taken_for_everything() {
        for text in ["a in b", "a near (b)", "a in (b"] {
            assert!(labels(text).is_err(), "{text}");
        }
    }

    #[test]
    fn both_kinds_of_requirements_count() {
        let object = json!({"metadata": {"labels": {"app": "web", "tier": "a"}}});
        for (text, fit) in [
            ("", true),
            ("app=web", true),
            ("app==web,tier in (a, b)", true),
            ("app!=web", false),
            ("tier notin (a)", false),
            ("app,!old", true),
            ("!app", false),
        ] {
            assert_eq!(fits(&labels(text).unwrap(), &object), fit, "{text}");
        }
    }
}
