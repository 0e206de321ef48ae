//! Heart-beats: when one is due, and when the peer is given up.

use std::time::{Duration, Instant};

/// Signs of life in both directions.
///
/// Source: RabbitMQ, "Detecting Dead TCP Connections with Heartbeats". A heart-beat goes out after
/// half the agreed period without other traffic; a peer is dead after two periods without any.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pulse {
    period: Duration,
    last_sent: Instant,
    last_received: Instant,
}

impl Pulse {
    /// No heart-beats yet.
    pub(super) fn new(now: Instant) -> Self {
        Self { period: Duration::ZERO, last_sent: now, last_received: now }
    }

    /// Agrees on a period; zero is no heart-beats.
    pub(super) fn agree(&mut self, period: Duration, now: Instant) {
        *self = Self { period, last_sent: now, last_received: now };
    }

    /// Bytes went out.
    pub(super) fn sent(&mut self, now: Instant) {
        self.last_sent = now;
    }

    /// Bytes came in.
    pub(super) fn received(&mut self, now: Instant) {
        self.last_received = now;
    }

    /// Whether a heart-beat is due.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.sends_at().is_some_and(|at| at <= now)
    }

    /// Whether the peer is dead.
    pub(super) fn is_lost(&self, now: Instant) -> bool {
        self.gives_up_at().is_some_and(|at| at <= now)
    }

    /// The earlier of the two.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.sends_at().min(self.gives_up_at())
    }

    fn sends_at(&self) -> Option<Instant> {
        (!self.period.is_zero()).then(|| self.last_sent + self.period / 2)
    }

    fn gives_up_at(&self) -> Option<Instant> {
        (!self.period.is_zero()).then(|| self.last_received + self.period * 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// §13, 9 and 10.
    #[test]
    fn a_beat_is_due_after_half_a_period_and_a_peer_dead_after_two() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut pulse = Pulse::new(start);
        assert_eq!(pulse.deadline(), None);
        assert!(!pulse.is_lost(at(1_000_000)));

        pulse.agree(Duration::from_secs(1), start);
        assert_eq!(pulse.deadline(), Some(at(500)));
        assert!(!pulse.is_due(at(499)) && pulse.is_due(at(500)));
        pulse.sent(at(1900));
        assert_eq!(pulse.deadline(), Some(at(2000)));
        assert!(!pulse.is_lost(at(1999)) && pulse.is_lost(at(2000)));
        pulse.received(at(1500));
        assert!(!pulse.is_lost(at(3499)));
    }
}
