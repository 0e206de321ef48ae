//! A model of a queue too simple to be wrong.
//!
//! It knows where each message is and nothing else. It hears the effects and objects to every one
//! that is not allowed: a message delivered from anywhere but the head, twice, to a consumer that
//! is full or gone, or lost.

use std::sync::Arc;
use std::time::Instant;

use model::{AckMode, Message, Outcome};

use super::QueueState;
use crate::queue::consumers::AUTOMATIC_CREDIT_MESSAGES;
use crate::queue::effect::Effect;
use crate::queue::limits::{Limits, Overflow};
use crate::turn::DeathReason;

/// How many links there are, each with at most one consumer.
pub(super) const LINKS: u64 = 3;

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    Ready,
    Unacked { link: u64, is_got: bool },
    Settled,
    Dropped,
    TurnedDown,
    DeadLettered(DeathReason),
}

#[derive(Debug)]
pub(super) struct Known {
    pub(super) message: Arc<Message>,
    /// Means nothing for a message that was turned down.
    pub(super) sequence: u64,
    pub(super) place: Place,
    pub(super) is_redelivered: bool,
    pub(super) priority: u8,
    pub(super) dies_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Consumer {
    pub(super) prefetch: u16,
    pub(super) is_automatic: bool,
    pub(super) priority: i64,
    pub(super) outstanding: u32,
}

/// The model: everything that ever was published, in the order of arrival.
pub(super) struct Witness {
    pub(super) limits: Limits,
    pub(super) known: Vec<Known>,
    pub(super) consumers: [Option<Consumer>; LINKS as usize],
    /// Where the next message that is got goes.
    pub(super) gets: Option<(u64, bool)>,
}

impl Witness {
    fn head(&self) -> Option<usize> {
        let ready = |at: &usize| self.known[*at].place == Place::Ready;
        (0..self.known.len()).filter(ready).min_by_key(|at| (255 - self.known[*at].priority, *at))
    }

    fn find(&self, message: &Arc<Message>) -> usize {
        self.known.iter().position(|known| Arc::ptr_eq(&known.message, message)).unwrap()
    }

    fn can_take(consumer: &Consumer) -> bool {
        match consumer {
            Consumer { is_automatic: true, .. } => consumer.outstanding < AUTOMATIC_CREDIT_MESSAGES,
            Consumer { prefetch: 0, .. } => true,
            Consumer { prefetch, .. } => consumer.outstanding < u32::from(*prefetch),
        }
    }

    fn is_best(&self, link: usize) -> bool {
        let able = self.consumers.iter().flatten().filter(|it| Self::can_take(it));
        let best = able.map(|consumer| consumer.priority).max();
        self.consumers[link].is_some_and(|it| Self::can_take(&it) && Some(it.priority) == best)
    }

    pub(super) fn ready(&self) -> usize {
        self.known.iter().filter(|known| known.place == Place::Ready).count()
    }

    /// A settle that reaches a message whose consumer is still there gives it one credit.
    pub(super) fn settle(&mut self, at: usize, outcome: Outcome) {
        let Place::Unacked { link, is_got } = self.known[at].place else { panic!("not unacked") };
        let consumer = &mut self.consumers[usize::try_from(link).unwrap()];
        if let Some(consumer) = consumer.as_mut().filter(|it| !is_got && !it.is_automatic) {
            consumer.outstanding = consumer.outstanding.saturating_sub(1);
        }
        match outcome {
            Outcome::Accept => self.known[at].place = Place::Settled,
            Outcome::Requeue => self.return_to_ready(at),
            // A dead letter comes as an effect.
            Outcome::Reject => {}
        }
    }

    pub(super) fn return_to_ready(&mut self, at: usize) {
        self.known[at].place = Place::Ready;
        self.known[at].is_redelivered = true;
    }

    pub(super) fn hear(&mut self, now: Instant, effect: &Effect, state: &QueueState) {
        match effect {
            Effect::Deliver { consumer, is_redelivered, message, .. } => {
                let spec = state.consumer(*consumer).unwrap();
                let link = usize::try_from(spec.link.0).unwrap();
                assert!(self.is_best(link), "not the turn of link {link}");
                let is_manual = spec.ack == AckMode::Manual;
                self.take(message, *is_redelivered, is_manual.then_some((spec.link.0, false)));
                self.consumers[link].as_mut().unwrap().outstanding += 1;
            }
            Effect::DeadLetter { message, reason, .. } => {
                let at = self.find(message);
                let is_due = self.known[at].dies_at.is_some_and(|due| due <= now);
                match (reason, self.known[at].place) {
                    (DeathReason::Expired, Place::Ready) => {
                        assert!(
                            is_due && self.head() == Some(at),
                            "expired too early, or not at the head"
                        );
                    }
                    (DeathReason::MaxLength, Place::Ready) => {
                        assert_eq!(self.limits.overflow, Overflow::DropHead);
                        assert_eq!(self.head(), Some(at), "pushed out from behind the head");
                    }
                    (DeathReason::MaxLength, Place::TurnedDown) => {}
                    (DeathReason::Rejected, Place::Unacked { .. }) => {}
                    (reason, place) => panic!("{reason:?} from {place:?}"),
                }
                self.known[at].place = Place::DeadLettered(*reason);
            }
            Effect::Got { message, is_redelivered, .. } => {
                self.take(message, *is_redelivered, self.gets);
            }
            _ => {}
        }
    }

    /// The head is handed out.
    fn take(&mut self, message: &Arc<Message>, is_redelivered: bool, to: Option<(u64, bool)>) {
        let at = self.find(message);
        assert_eq!(self.head(), Some(at), "not from the head");
        assert_eq!(self.known[at].is_redelivered, is_redelivered);
        self.known[at].place = match to {
            Some((link, is_got)) => Place::Unacked { link, is_got },
            None => Place::Settled,
        };
    }

    pub(super) fn check(&self, now: Instant, state: &QueueState) {
        let place = |wanted: fn(&Place) -> bool| {
            self.known.iter().filter(|known| wanted(&known.place)).count() as u64
        };
        let counts = state.counts();
        assert_eq!(counts.ready, place(|it| *it == Place::Ready));
        assert_eq!(counts.unacked, place(|it| matches!(it, Place::Unacked { .. })));
        let bytes = |wanted: fn(&Place) -> bool| -> u64 {
            let its = self.known.iter().filter(|known| wanted(&known.place));
            its.map(|known| known.message.body().len() as u64).sum()
        };
        assert_eq!(counts.ready_bytes, bytes(|it| *it == Place::Ready));
        assert_eq!(counts.unacked_bytes, bytes(|it| matches!(it, Place::Unacked { .. })));
        let is_within = |max: Option<u64>, found| max.is_none_or(|max| found <= max);
        if self.limits.overflow == Overflow::DropHead {
            assert!(is_within(self.limits.messages_max, counts.ready));
            assert!(is_within(self.limits.bytes_max, counts.ready_bytes));
        }
        let somebody_can = self.consumers.iter().flatten().any(Self::can_take);
        assert!(counts.ready == 0 || !somebody_can, "ready, and somebody could take it");
        if let Some(head) = self.head() {
            assert!(self.known[head].dies_at.is_none_or(|due| due > now), "expired at the head");
        }
        let names: Vec<usize> =
            state.ready.iter().map(|(entry, _)| self.find(&entry.message)).collect();
        let mut sorted = names.clone();
        sorted.sort_by_key(|at| (255 - self.known[*at].priority, *at));
        assert_eq!(names, sorted, "out of order");
    }
}
