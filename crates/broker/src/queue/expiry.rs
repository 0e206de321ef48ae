//! When a message expires, in little room; and a queue's one alarm.

use std::time::{Duration, Instant};

/// When a message expires: microseconds since its queue was born, or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Expiry(u64);

impl Expiry {
    pub(super) const NEVER: Self = Self(u64::MAX);

    /// The earlier of a queue's and a message's own time to live, counted from `now`.
    pub(super) fn of(
        birth: Instant,
        now: Instant,
        queue_ttl: Option<Duration>,
        message_ttl_ms: Option<u64>,
    ) -> Self {
        let ttl = match (queue_ttl, message_ttl_ms.map(Duration::from_millis)) {
            (None, None) => return Self::NEVER,
            (Some(ttl), None) | (None, Some(ttl)) => ttl,
            (Some(queue), Some(message)) => queue.min(message),
        };
        let at = now.saturating_duration_since(birth).saturating_add(ttl);
        Self(u64::try_from(at.as_micros()).unwrap_or(u64::MAX))
    }

    /// At a time of the clock.
    pub(super) fn at_instant(birth: Instant, at: Instant) -> Self {
        let since = at.saturating_duration_since(birth);
        Self(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }

    pub(super) fn is_over(self, birth: Instant, now: Instant) -> bool {
        self != Self::NEVER
            && u128::from(self.0) <= now.saturating_duration_since(birth).as_micros()
    }

    /// As a time of the clock; `None` is never.
    pub(super) fn at(self, birth: Instant) -> Option<Instant> {
        match self {
            Self::NEVER => None,
            Self(micros) => birth.checked_add(Duration::from_micros(micros)),
        }
    }
}

/// A queue's one alarm: so that a deadline which only moves on does not ask for a timer each time.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    set_to: Option<Instant>,
}

impl Alarm {
    /// Notes the next deadline; gives it back if it must be set.
    pub(super) fn set(&mut self, deadline: Option<Instant>) -> Option<Instant> {
        let deadline = deadline?;
        if self.set_to.is_some_and(|earlier| earlier <= deadline) {
            return None;
        }
        self.set_to = Some(deadline);
        Some(deadline)
    }

    /// Notes that the time is `now`: an alarm set to that or before has rung.
    pub(super) fn ring(&mut self, now: Instant) {
        if self.set_to.is_some_and(|set_to| set_to <= now) {
            self.set_to = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_time_to_live_wins() {
        let birth = Instant::now();
        let second = Duration::from_secs(1);
        let expiry = Expiry::of(birth, birth + second, Some(second), Some(500));
        assert_eq!(expiry.at(birth), Some(birth + second * 3 / 2));
        assert!(!expiry.is_over(birth, birth + second));
        assert!(expiry.is_over(birth, birth + second * 3 / 2));
        assert_eq!(Expiry::of(birth, birth, None, None).at(birth), None);
    }

    #[test]
    fn an_alarm_is_set_again_only_for_an_earlier_deadline_or_after_it_rang() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let mut alarm = Alarm::default();
        assert_eq!(alarm.set(Some(now + second)), Some(now + second));
        assert_eq!(alarm.set(Some(now + 2 * second)), None);
        assert_eq!(alarm.set(Some(now)), Some(now));
        alarm.ring(now);
        assert_eq!(alarm.set(Some(now + 2 * second)), Some(now + 2 * second));
        assert_eq!(alarm.set(None), None);
    }
}
