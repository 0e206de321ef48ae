//! What stands at the head of a queue: handed out, expired, pushed out, put back, read back.

use std::sync::Arc;
use std::time::Instant;

use model::{AckMode, Message};

use super::{QueueState, READ_BELOW_MESSAGES};
use crate::queue::effect::Effect;
use crate::queue::expiry::Expiry;
use crate::queue::limits::Overflow;
use crate::queue::read_back::{Read, ReadBack, Wanted};
use crate::queue::ready::{Entry, Taken};
use crate::queue::runs::Run;
use crate::queue::unacked::Outstanding;
use crate::store::SequenceRange;
use crate::turn::DeathReason;

impl QueueState {
    /// Hands out what is ready, as long as somebody can take it.
    pub(super) fn dispatch(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.ready.is_empty() {
            return;
        }
        self.drop_expired(now, effects);
        while self.consumers.is_any_ready() {
            let Some(taken) = self.ready.pop() else {
                return;
            };
            self.deliver(taken, effects);
            self.drop_expired(now, effects);
        }
    }

    pub(super) fn deliver(&mut self, taken: Taken, effects: &mut Vec<Effect>) {
        let Some(turn) = self.consumers.take_turn() else {
            debug_assert!(false, "the caller has seen that a consumer is ready");
            return;
        };
        let is_redelivered = taken.returns > 0;
        self.totals.redelivered += u64::from(is_redelivered);
        let sequence = taken.entry.sequence;
        let message = match turn.ack {
            AckMode::Automatic => {
                self.totals.delivered_automatic += 1;
                self.forget(&taken.entry);
                taken.entry.message
            }
            AckMode::Manual => {
                self.totals.delivered += 1;
                let message = Arc::clone(&taken.entry.message);
                let consumer = Some(turn.consumer);
                self.unacked.insert(Outstanding { taken, link: turn.link, consumer });
                message
            }
        };
        effects.push(Effect::Deliver {
            consumer: turn.consumer,
            sequence,
            is_redelivered,
            message,
        });
    }

    /// Back to its place, unless it has come back too often.
    pub(super) fn put_back(&mut self, mut taken: Taken, effects: &mut Vec<Effect>) {
        taken.returns += 1;
        match self.limits.returns_max {
            Some(limit) if taken.returns > limit => {
                self.bury_entry(taken.entry, DeathReason::DeliveryLimit, effects);
            }
            _ => {
                if let Some(changes) = self.changes.as_mut().filter(|_| taken.entry.is_logged) {
                    changes.returned.push((taken.entry.sequence, taken.returns));
                }
                self.ready.put_back(taken);
            }
        }
    }

    pub(super) fn has_room_for(&self, message: &Message) -> bool {
        let bytes = message.body().len() as u64;
        !self.is_beyond_limits(self.ready.messages() + 1, self.ready.body_bytes() + bytes)
    }

    fn is_beyond_limits(&self, messages: u64, body_bytes: u64) -> bool {
        self.limits.messages_max.is_some_and(|max| messages > max)
            || self.limits.bytes_max.is_some_and(|max| body_bytes > max)
    }

    /// Drops from the head until both limits hold. Only ready messages count.
    ///
    /// A queue that turns publishes down keeps what it has, even when more comes back to it.
    pub(super) fn drop_beyond_limits(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let is_beyond = |it: &Self| {
            it.limits.overflow == Overflow::DropHead
                && it.is_beyond_limits(it.ready.messages(), it.ready.body_bytes())
        };
        if is_beyond(self) {
            self.drop_expired(now, effects);
        }
        while is_beyond(self) {
            let Some(taken) = self.ready.pop() else { return };
            self.bury_entry(taken.entry, DeathReason::MaxLength, effects);
        }
    }

    /// Drops what has expired at the head; behind a message that lives it waits its turn.
    pub(super) fn drop_expired(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        while self.ready.head().is_some_and(|head| head.expiry.is_over(self.birth, now)) {
            let Some(taken) = self.ready.pop() else {
                return;
            };
            self.bury_entry(taken.entry, DeathReason::Expired, effects);
        }
    }

    /// The end of a message that was in the queue.
    pub(super) fn bury_entry(
        &mut self,
        entry: Entry,
        reason: DeathReason,
        effects: &mut Vec<Effect>,
    ) {
        match self.limits.dead_letter {
            // It stays in the log until it was published to the dead-letter exchange.
            Some(_) => {
                let logged = entry.is_logged.then_some(entry.sequence);
                self.bury(entry.message, logged, reason, effects);
            }
            None => {
                self.forget(&entry);
                self.totals.died += 1;
            }
        }
    }

    /// The end of a message: to the dead-letter exchange, if there is one.
    pub(super) fn bury(
        &mut self,
        message: Arc<Message>,
        logged: Option<u64>,
        reason: DeathReason,
        effects: &mut Vec<Effect>,
    ) {
        self.totals.died += 1;
        if self.limits.dead_letter.is_some() {
            effects.push(Effect::DeadLetter { message, logged, reason });
        }
    }

    /// Has a message go from the log, if it is there.
    pub(super) fn forget(&mut self, entry: &Entry) {
        if let Some(changes) = self.changes.as_mut().filter(|_| entry.is_logged) {
            changes.forget(entry.sequence);
        }
    }

    /// Has everything that is ready go from the log.
    pub(super) fn forget_ready(&mut self) {
        let Some(changes) = &mut self.changes else { return };
        let mut stay: Vec<u64> = self.unacked.all_sequences().collect();
        stay.sort_unstable();
        let mut first = 0;
        for sequence in stay.into_iter().chain([self.next_sequence]) {
            if let Some(last) = sequence.checked_sub(1).filter(|last| *last >= first) {
                changes.gone.push(SequenceRange { first, last });
            }
            first = sequence + 1;
        }
    }

    /// Asks for messages that are in the log only, if their turn is near.
    pub(super) fn ask_for_more(&mut self, effects: &mut Vec<Effect>) {
        if self.is_reading {
            return;
        }
        if let Some((priority, run)) = self.ready.next_run(READ_BELOW_MESSAGES) {
            self.is_reading = true;
            effects.push(Effect::ReadBack(wanted(priority, run)));
        }
    }

    /// Takes what was read.
    pub(super) fn read_back(&mut self, now: Instant, read: ReadBack, effects: &mut Vec<Effect>) {
        self.is_reading = false;
        let birth = self.birth;
        let entries = read.messages.into_iter().map(|read| {
            let Read { message, sequence, deadline, returns } = read;
            let expiry = deadline.map_or(Expiry::NEVER, |at| Expiry::at_instant(birth, at));
            (Entry { message, sequence, expiry, is_logged: true }, returns)
        });
        let read_to = read.has_all.then_some(read.wanted.last);
        self.totals.died += self.ready.hold(read.wanted.priority, entries, read_to);
        self.drop_beyond_limits(now, effects);
    }
}

pub(super) fn wanted(priority: u8, run: &Run) -> Wanted {
    Wanted { priority, first: run.first, last: run.last }
}
