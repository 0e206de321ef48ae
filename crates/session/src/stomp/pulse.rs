//! Heart-beats in both directions, by ticks.
//!
//! Source: RabbitMQ; `stomp.md` §2.6 of the specification sheets. The server ticks at half the
//! agreed period and sends a heart-beat if nothing was written since the last tick, the first time
//! in any case. The client is lost after two ticks of its period in a row without a byte, so two to
//! three periods after its last one.

use std::time::{Duration, Instant};

use wire::stomp::HeartBeat;

/// Signs of life of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pulse {
    sending: Option<Sending>,
    hearing: Option<Hearing>,
}

#[derive(Clone, Copy, Debug)]
struct Sending {
    /// The agreed period, in milliseconds, as are the heart-beat header's: every connection has a
    /// pulse, so it is kept small.
    period_ms: u32,
    next: Instant,
    /// Something other than our heart-beat was written since the last tick.
    has_written: bool,
    /// What will be reported written next is our own heart-beat.
    has_beaten: bool,
}

#[derive(Clone, Copy, Debug)]
struct Hearing {
    period_ms: u32,
    next: Instant,
    has_heard: bool,
    silent_ticks: u8,
}

/// What a tick asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// Nothing.
    Quiet,
    /// Send a heart-beat.
    Due,
    /// The peer is lost.
    Lost,
}

/// Silent periods after which a peer is lost. Source: RabbitMQ.
const SILENT_TICKS_MAX: u8 = 2;

impl Pulse {
    /// Begins as agreed, seen from the server.
    pub(super) fn new(agreed: HeartBeat, now: Instant) -> Self {
        let sending = agreed.sends.map(|period| Sending {
            period_ms: milliseconds(period),
            next: now + period / 2,
            has_written: false,
            has_beaten: false,
        });
        let hearing = agreed.wants.map(|period| Hearing {
            period_ms: milliseconds(period),
            next: now + period,
            has_heard: true,
            silent_ticks: 0,
        });
        // What is written before the first tick does not spare it.
        let sending = sending.map(|sending| Sending { has_beaten: true, ..sending });
        Self { sending, hearing }
    }

    /// Bytes came in.
    pub(super) fn heard(&mut self) {
        if let Some(hearing) = &mut self.hearing {
            hearing.has_heard = true;
        }
    }

    /// Bytes went out.
    pub(super) fn wrote(&mut self) {
        if let Some(sending) = &mut self.sending {
            match sending.has_beaten {
                true => sending.has_beaten = false,
                false => sending.has_written = true,
            }
        }
    }

    /// When to ask again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let sends = self.sending.map(|sending| sending.next);
        let hears = self.hearing.map(|hearing| hearing.next);
        match (sends, hears) {
            (Some(sends), Some(hears)) => Some(sends.min(hears)),
            (sends, hears) => sends.or(hears),
        }
    }

    /// What is to be done at `now`.
    pub(super) fn beat(&mut self, now: Instant) -> Beat {
        if let Some(hearing) = self.hearing.as_mut().filter(|hearing| hearing.next <= now) {
            hearing.next = now + Duration::from_millis(hearing.period_ms.into());
            hearing.silent_ticks = match std::mem::take(&mut hearing.has_heard) {
                true => 0,
                false => hearing.silent_ticks + 1,
            };
            if hearing.silent_ticks >= SILENT_TICKS_MAX {
                return Beat::Lost;
            }
        }
        let Some(sending) = self.sending.as_mut().filter(|sending| sending.next <= now) else {
            return Beat::Quiet;
        };
        sending.next = now + Duration::from_millis(sending.period_ms.into()) / 2;
        if std::mem::take(&mut sending.has_written) {
            return Beat::Quiet;
        }
        sending.has_beaten = true;
        Beat::Due
    }
}

fn milliseconds(period: Duration) -> u32 {
    u32::try_from(period.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse(header: &str, start: Instant) -> Pulse {
        Pulse::new(HeartBeat::parse(header.as_bytes()).unwrap(), start)
    }

    #[test]
    fn a_beat_leaves_every_half_period_unless_something_else_did() {
        // Spec §11: 36.
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut pulse = pulse("2000,0", start);
        // CONNECTED.
        pulse.wrote();
        assert_eq!(pulse.deadline(), Some(at(1000)));
        assert_eq!(pulse.beat(at(999)), Beat::Quiet);
        assert_eq!(pulse.beat(at(1000)), Beat::Due);
        pulse.wrote();
        assert_eq!(pulse.beat(at(2000)), Beat::Due);
        pulse.wrote();
        // A MESSAGE.
        pulse.wrote();
        assert_eq!(pulse.beat(at(3000)), Beat::Quiet);
        assert_eq!(pulse.beat(at(4000)), Beat::Due);
    }

    #[test]
    fn a_peer_is_lost_two_to_three_periods_after_its_last_byte() {
        // Spec §11: 35.
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut silent = pulse("0,1000", start);
        assert_eq!(silent.beat(at(1000)), Beat::Quiet);
        assert_eq!(silent.beat(at(2000)), Beat::Quiet);
        assert_eq!(silent.beat(at(3000)), Beat::Lost);
        let mut alive = pulse("0,1000", start);
        for tick in 1..=10 {
            assert_eq!(alive.beat(at(tick * 2000)), Beat::Quiet);
            assert_eq!(alive.beat(at(tick * 2000 + 1000)), Beat::Quiet);
            alive.heard();
        }
    }
}
