//! A length of time as streams write it: a whole number and a unit.

use std::time::Duration;

const SECOND: u64 = 1;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The units and their lengths in seconds. Source: RabbitMQ, "Streams": a year has 365 days, a
/// month has 30.
const UNITS: [(char, u64); 6] =
    [('Y', 365 * DAY), ('M', 30 * DAY), ('D', DAY), ('h', HOUR), ('m', MINUTE), ('s', SECOND)];

/// Reads `7D` and the like; `None` of nothing and of what is no such length.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let (unit, seconds) = UNITS.into_iter().find(|(unit, _)| text.ends_with(*unit))?;
    let count: u32 = text.strip_suffix(unit)?.parse().ok()?;
    (count > 0).then(|| Duration::from_secs(u64::from(count) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_has_a_number_and_a_unit() {
        for (text, seconds) in [
            ("1s", Some(1)),
            ("2m", Some(120)),
            ("3h", Some(10_800)),
            ("7D", Some(604_800)),
            ("1M", Some(2_592_000)),
            ("1Y", Some(31_536_000)),
            ("4294967295Y", Some(4_294_967_295 * 31_536_000)),
            ("4294967296Y", None),
            ("0D", None),
            ("-1D", None),
            ("1x", None),
            ("1", None),
            ("D", None),
            ("", None),
        ] {
            assert_eq!(parse(text), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
