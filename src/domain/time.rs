//! Durations as people read and write them.

use jiff::{SignedDuration, Timestamp};

/// `90s`, `5m`, `2h30m`, `7d`: at most the two largest units, as kubectl prints ages.
pub fn human(duration: SignedDuration) -> String {
    let total = duration.as_secs().max(0);
    let (days, hours, minutes, seconds) = (
        total / 86_400,
        total % 86_400 / 3_600,
        total % 3_600 / 60,
        total % 60,
    );
    let units = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")];
    let mut shown: Vec<String> = units
        .into_iter()
        .skip_while(|(count, _)| *count == 0)
        .take(2)
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if shown.is_empty() {
        shown.push("0s".to_owned());
    }
    shown.concat()
}

/// The time from `earlier` to `later`; zero where the clocks disagree about the order.
pub fn since(earlier: Timestamp, later: Timestamp) -> SignedDuration {
    later.duration_since(earlier).max(SignedDuration::ZERO)
}

/// The instant without its fraction of a second: what an object stores and a person reads.
pub fn whole_seconds(instant: Timestamp) -> Timestamp {
    Timestamp::from_second(instant.as_second()).unwrap_or(instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_shows_its_two_largest_units() {
        let cases = [
            (0, "0s"),
            (59, "59s"),
            (90, "1m30s"),
            (300, "5m"),
            (9_000, "2h30m"),
            (604_800, "7d"),
            (90_061, "1d1h"),
        ];
        for (seconds, shown) in cases {
            assert_eq!(human(SignedDuration::from_secs(seconds)), shown);
        }
    }

    #[test]
    fn time_never_runs_backwards() {
        let earlier = Timestamp::from_second(100).unwrap();
        let later = Timestamp::from_second(40).unwrap();
        assert_eq!(since(earlier, later), SignedDuration::ZERO);
    }
}
