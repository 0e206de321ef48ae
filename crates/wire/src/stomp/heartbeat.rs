//! Heart-beats: what a peer wishes, and what comes of it.

use std::time::Duration;

/// The two periods of a connection; `None` is no heart-beats in that direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeartBeat {
    /// What the sender of the `heart-beat` header can do: the longest it keeps silent.
    pub sends: Option<Duration>,
    /// What it wants: the longest silence it shall hear.
    pub wants: Option<Duration>,
}

/// A `heart-beat` header that is not two whole numbers with a comma between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a heart-beat is two whole numbers of milliseconds with a comma between")]
pub struct HeartBeatError;

impl HeartBeat {
    /// Reads a `heart-beat` header: `<sends>,<wants>` in milliseconds, zero or less is none.
    ///
    /// # Errors
    ///
    /// [`HeartBeatError`] if it is not two whole numbers.
    pub fn parse(header: &[u8]) -> Result<Self, HeartBeatError> {
        let mut parts = header.split(|byte| *byte == b',').map(milliseconds);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(sends), Some(wants), None) => Ok(Self { sends: sends?, wants: wants? }),
            _ => Err(HeartBeatError),
        }
    }

    /// What a server makes of a client's wishes: it adopts them in whole seconds, at least one.
    ///
    /// Source: RabbitMQ, which has no limits of its own: `500,1999` becomes one second each.
    pub fn in_whole_seconds(self) -> Self {
        let round = |period: Duration| Duration::from_secs(period.as_secs().max(1));
        Self { sends: self.sends.map(round), wants: self.wants.map(round) }
    }

    /// The `heart-beat` header that says this.
    pub fn to_header(self) -> String {
        let milliseconds = |period: Option<Duration>| period.map_or(0, |p| p.as_millis());
        format!("{},{}", milliseconds(self.sends), milliseconds(self.wants))
    }

    /// The same seen from the other end.
    pub fn mirrored(self) -> Self {
        Self { sends: self.wants, wants: self.sends }
    }

    /// The period in one direction: the sender can, the receiver wants, the longer one holds.
    ///
    /// Source: STOMP 1.2, "Heart-beating".
    pub fn period(sender: Self, receiver: Self) -> Option<Duration> {
        Some(sender.sends?.max(receiver.wants?))
    }
}

/// Milliseconds as Erlang reads an integer: an optional sign, then digits; beyond 49 days is 49
/// days.
fn milliseconds(text: &[u8]) -> Result<Option<Duration>, HeartBeatError> {
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(HeartBeatError);
    }
    let value = digits.iter().fold(0_u32, |value, digit| {
        value.saturating_mul(10).saturating_add(u32::from(digit - b'0'))
    });
    Ok((!is_negative && value > 0).then(|| Duration::from_millis(value.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_answers_with_the_clients_wishes_in_whole_seconds() {
        for (wish, answer) in [
            ("0,0", "0,0"),
            ("5000,7000", "7000,5000"),
            ("500,1999", "1000,1000"),
            ("-1,+1", "1000,0"),
            ("10000,0", "0,10000"),
            ("99999999999999,0", "0,4294967000"),
        ] {
            let agreed = HeartBeat::parse(wish.as_bytes()).unwrap().in_whole_seconds().mirrored();
            assert_eq!(agreed.to_header(), answer, "{wish}");
        }
    }

    #[test]
    fn anything_but_two_whole_numbers_is_refused() {
        for wish in ["", "1", "1,", "1,2,3", "1, 2", "a,b", "1.5,2", "-,1"] {
            assert_eq!(HeartBeat::parse(wish.as_bytes()), Err(HeartBeatError), "{wish}");
        }
    }

    #[test]
    fn a_period_needs_both_ends_and_is_the_longer_one() {
        let end = |header: &str| HeartBeat::parse(header.as_bytes()).unwrap();
        let period = |a, b| HeartBeat::period(end(a), end(b)).map(|p| p.as_millis());
        assert_eq!(period("1000,0", "0,2000"), Some(2000));
        assert_eq!(period("3000,0", "0,2000"), Some(3000));
        assert_eq!(period("0,0", "0,2000"), None);
        assert_eq!(period("1000,0", "2000,0"), None);
    }
}
