//! Prometheus' JSON, read strictly: whatever is not a whole, plain answer is none (faults 22 and 23 of the reference page on reliability).

use super::Unanswered;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::collections::BTreeMap;

/// One row of an instant answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
}

/// One row of a range answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) values: Vec<(Timestamp, f64)>,
}

/// The envelope (`docs/querying/api.md` of Prometheus). `infos` are notes about style and do not count; `isPartial` is another server's way to warn.
#[derive(Deserialize)]
struct Envelope<R> {
    status: String,
    data: Option<Data<R>>,
    #[serde(default)]
    warnings: Vec<IgnoredAny>,
    #[serde(default, rename = "isPartial")]
    is_partial: bool,
}

#[derive(Deserialize)]
struct Data<R> {
    #[serde(rename = "resultType")]
    result_type: String,
    result: R,
}

#[derive(Deserialize)]
struct VectorRow {
    metric: BTreeMap<String, String>,
    value: Point,
}

#[derive(Deserialize)]
struct MatrixRow {
    metric: BTreeMap<String, String>,
    values: Vec<Point>,
}

/// Seconds and a number in a string.
#[derive(Deserialize)]
struct Point(f64, String);

/// Reads the answer to an instant query.
pub(super) fn vector(body: &[u8]) -> Result<Vec<Sample>, Unanswered> {
    rows::<VectorRow>(body, "vector")?
        .into_iter()
        .map(|VectorRow { metric, value }| {
            let value = number(&value)?;
            Ok(Sample {
                labels: metric,
                value,
            })
        })
        .collect()
}

/// Reads the answer to a range query.
pub(super) fn matrix(body: &[u8]) -> Result<Vec<Series>, Unanswered> {
    rows::<MatrixRow>(body, "matrix")?
        .into_iter()
        .map(|MatrixRow { metric, values }| {
            let values = values
                .iter()
                .map(|point| Ok((time(point)?, number(point)?)))
                .collect::<Result<_, Unanswered>>()?;
            Ok(Series {
                labels: metric,
                values,
            })
        })
        .collect()
}

fn rows<R: DeserializeOwned>(body: &[u8], expected: &str) -> Result<Vec<R>, Unanswered> {
    // The envelope first: an error and another type of result have rows of another shape, or none.
    let Envelope {
        status,
        data,
        warnings,
        is_partial,
    } = serde_json::from_slice::<Envelope<IgnoredAny>>(body).map_err(|_| Unanswered::Unreadable)?;
    if status != "success" {
        return Err(Unanswered::Failed);
    }
    if is_partial || !warnings.is_empty() {
        return Err(Unanswered::Partial);
    }
    if data.is_none_or(|data| data.result_type != expected) {
        return Err(Unanswered::WrongType);
    }
    serde_json::from_slice::<Envelope<Vec<R>>>(body)
        .ok()
        .and_then(|envelope| envelope.data)
        .map(|data| data.result)
        .ok_or(Unanswered::Unreadable)
}

fn number(Point(_, text): &Point) -> Result<f64, Unanswered> {
    let value: f64 = text.parse().map_err(|_| Unanswered::Unreadable)?;
    if value.is_finite() {
        Ok(value)
    } else {
        Err(Unanswered::NotANumber)
    }
}

fn time(Point(seconds, _): &Point) -> Result<Timestamp, Unanswered> {
    SignedDuration::try_from_secs_f64(*seconds)
        .and_then(Timestamp::from_duration)
        .map_err(|_| Unanswered::Unreadable)
}

/// A count: a whole number.
pub(super) fn whole(value: f64) -> Result<i64, Unanswered> {
    // Rust prints a whole number without a fraction, however large, and refuses to read a fraction as an integer.
    format!("{value}")
        .parse()
        .map_err(|_| Unanswered::Unreadable)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )]
    use super::*;
    use proptest::prelude::*;

    fn one(value: &str) -> Result<Vec<Sample>, Unanswered> {
        vector(format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{}},"value":[1.5,{value}]}}]}}}}"#).as_bytes())
    }

    #[test]
    fn values_that_are_not_numbers_are_refused() {
        for (value, why) in [
            (r#""NaN""#, Unanswered::NotANumber),
            (r#""+Inf""#, Unanswered::NotANumber),
            (r#""-Inf""#, Unanswered::NotANumber),
            (r#""1e999""#, Unanswered::NotANumber),
            (r#""""#, Unanswered::Unreadable),
            (r#""one""#, Unanswered::Unreadable),
            ("1", Unanswered::Unreadable),
        ] {
            assert_eq!(one(value), Err(why), "{value}");
        }
        assert_eq!(one(r#""0.5""#).unwrap()[0].value.to_string(), "0.5");
    }

    #[test]
    fn a_count_is_whole() {
        assert_eq!(whole(3.0), Ok(3));
        assert_eq!(whole(-1.0), Ok(-1));
        assert_eq!(whole(0.5), Err(Unanswered::Unreadable));
        assert_eq!(whole(1e300), Err(Unanswered::Unreadable));
    }

    #[test]
    fn an_answer_without_data_is_of_the_wrong_type() {
        assert_eq!(
            vector(br#"{"status":"success"}"#),
            Err(Unanswered::WrongType)
        );
    }

    #[test]
    fn deep_nesting_is_unreadable_and_breaks_nothing() {
        let deep = "[".repeat(100_000);
        assert_eq!(matrix(deep.as_bytes()), Err(Unanswered::Unreadable));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer_or_a_reason(body in any::<Vec<u8>>()) {
            let _ = vector(&body);
            let _ = matrix(&body);
        }
    }
}
