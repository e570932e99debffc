//! What a person sets in the environment: how many seeds, or which one.

/// A seed, or a number of them, that can't be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}={value}: expected {expected}; for example {name}={example}")]
pub(crate) struct BadSetting {
    name: &'static str,
    value: String,
    expected: &'static str,
    example: u64,
}

/// More than this is days.
const MOST_SEEDS: u64 = 10_000_000;

/// How many seeds a run has.
pub(crate) fn seeds(value: Option<&str>) -> Result<u64, BadSetting> {
    let Some(value) = value else { return Ok(2_000) };
    let number = value
        .parse()
        .ok()
        .filter(|number| (1..=MOST_SEEDS).contains(number));
    number.ok_or(BadSetting {
        name: "RIPCORD_SEEDS",
        value: value.to_owned(),
        expected: "how many seeds to run, 1 to 10000000",
        example: 50_000,
    })
}

/// The one seed to replay; `None` = nobody asked.
pub(crate) fn seed(value: Option<&str>) -> Result<Option<u64>, BadSetting> {
    let Some(value) = value else { return Ok(None) };
    value.parse().map(Some).map_err(|_| BadSetting {
        name: "RIPCORD_SEED",
        value: value.to_owned(),
        expected: "the number of one seed, 0 or more",
        example: 17,
    })
}
