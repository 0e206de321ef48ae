//! Point to point with everything settled: each publish confirmed, each delivery acknowledged by
//! itself. What AMQP and STOMP have in common; what they say is in `settled/`.

pub(super) mod amqp;
mod stomp;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{CpuTimes, DURATION, WARM_UP, body};
use crate::Problem;
use crate::broker::Broker;
use crate::figure::Measured;
use crate::load::{Delivered, sequences};

/// Publishes that wait for their confirm, at most.
pub(super) const UNCONFIRMED_MAX: usize = 1_000;

/// Deliveries that wait for their acknowledgement, at most.
pub(super) const PREFETCH: u16 = 200;

/// A publisher that hears what became of its messages.
pub(super) trait Publisher: Send {
    /// Publishes so many messages.
    fn publish(&mut self, count: u64) -> Result<(), Problem>;
    /// Reads once; notes what is confirmed.
    fn hear(&mut self, confirms: &mut Confirms) -> Result<(), Problem>;
}

/// A consumer that acknowledges each message.
pub(super) trait Consumer: Send {
    /// Reads once and acknowledges what came; returns how many, and the payload if it is wanted.
    fn take(&mut self, payload: Option<&mut Vec<u8>>) -> Result<u64, Problem>;
}

/// Which publishes are not confirmed yet.
#[derive(Debug, Default)]
pub(super) struct Confirms {
    /// From the oldest on.
    is_confirmed: VecDeque<bool>,
    /// The number of the oldest, from 1.
    pub(super) first: u64,
}

impl Confirms {
    pub(super) fn publish(&mut self, count: usize) {
        self.first = self.first.max(1);
        self.is_confirmed.extend(std::iter::repeat_n(false, count));
    }

    /// How many wait, from the oldest one on.
    pub(super) fn waiting(&self) -> usize {
        self.is_confirmed.len()
    }

    fn one(&mut self, number: u64) {
        let place = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        if let Some(is_confirmed) = self.is_confirmed.get_mut(place) {
            *is_confirmed = true;
        }
        while self.is_confirmed.front() == Some(&true) {
            self.is_confirmed.pop_front();
            self.first += 1;
        }
    }

    fn up_to(&mut self, number: u64) {
        while self.first <= number && self.is_confirmed.pop_front().is_some() {
            self.first += 1;
        }
    }
}

pub(super) fn amqp(broker: &Broker) -> Result<Measured, Problem> {
    let (publisher, consumer) = amqp::open(broker, &body::plain(128))?;
    measure(broker, publisher, consumer)
}

pub(super) fn stomp(broker: &Broker) -> Result<Measured, Problem> {
    let (publisher, consumer) = stomp::open(broker, &body::plain(128))?;
    measure(broker, publisher, consumer)
}

fn measure(
    broker: &Broker,
    mut publisher: impl Publisher,
    mut consumer: impl Consumer,
) -> Result<Measured, Problem> {
    let mut confirms = Confirms::default();
    let mut payload = Vec::new();
    let warm_up = run(&mut publisher, &mut consumer, &mut confirms, WARM_UP, Some(&mut payload))?;
    let numbers = sequences(&payload);
    let is_ordered = numbers.iter().zip(0..).all(|(number, expected)| *number == expected);
    if !is_ordered || numbers.len() as u64 != warm_up.messages {
        return Err(format!("{} of {} messages in order", numbers.len(), warm_up.messages).into());
    }
    let before = CpuTimes::read(broker)?;
    let delivered = run(&mut publisher, &mut consumer, &mut confirms, DURATION, None)?;
    let cpu = CpuTimes::read(broker)?.since(before);
    Ok(cpu.measured(delivered))
}

/// Publishes for a while; ends when everything is confirmed and acknowledged.
pub(super) fn run(
    publisher: &mut impl Publisher,
    consumer: &mut impl Consumer,
    confirms: &mut Confirms,
    duration: Duration,
    payload: Option<&mut Vec<u8>>,
) -> Result<Delivered, Problem> {
    let start = Instant::now();
    // The consumer awaits one more message than were published, until it is known how many.
    let (published, is_over) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
    std::thread::scope(|scope| {
        let consuming = scope.spawn(|| consume(consumer, &is_over, payload));
        while start.elapsed() < duration {
            let room = UNCONFIRMED_MAX - confirms.is_confirmed.len();
            confirms.publish(room);
            published.fetch_add(room as u64, Ordering::SeqCst);
            publisher.publish(room as u64)?;
            publisher.hear(confirms)?;
        }
        // One more, so that the consumer has something to wake it when it is over.
        is_over.store(published.load(Ordering::SeqCst) + 1, Ordering::SeqCst);
        confirms.publish(1);
        publisher.publish(1)?;
        while !confirms.is_confirmed.is_empty() {
            publisher.hear(confirms)?;
        }
        let messages = consuming.join().map_err(|_| "the consumer panicked")??;
        Ok(Delivered { messages, took: start.elapsed() })
    })
}

fn consume(
    consumer: &mut impl Consumer,
    is_over: &AtomicU64,
    mut payload: Option<&mut Vec<u8>>,
) -> Result<u64, Problem> {
    let mut taken = 0;
    while taken < is_over.load(Ordering::SeqCst) {
        taken += consumer.take(payload.as_deref_mut())?;
    }
    let due = is_over.load(Ordering::SeqCst);
    match taken == due {
        true => Ok(taken),
        false => Err(format!("{taken} messages came, {due} were due").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confirms_free_room_in_order_however_they_come() {
        let mut confirms = Confirms::default();
        confirms.publish(5);
        confirms.one(2);
        assert_eq!(confirms.is_confirmed.len(), 5);
        confirms.one(1);
        assert_eq!(confirms.is_confirmed.len(), 3);
        confirms.up_to(4);
        assert_eq!((confirms.is_confirmed.len(), confirms.first), (1, 5));
        confirms.one(5);
        assert!(confirms.is_confirmed.is_empty());
    }
}
