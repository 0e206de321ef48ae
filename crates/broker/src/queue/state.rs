//! The rules of a queue, pure: what each command does to it and what must be done about that.
//!
//! Between two commands no message is ready while a consumer could take it.

use std::sync::Arc;
use std::time::Instant;

use model::{AckMode, LinkId, Message, Outcome};

use super::command::Command;
use super::consumers::{ConsumerKey, ConsumerSpec, Consumers};
use super::effect::Effect;
use super::expiry::{Alarm, Expiry};
use super::limits::{Limits, Overflow};
use super::ready::{Entry, Ready, Taken};
use super::unacked::{Outstanding, Unacked};
use super::view::{ConsumerView, Counts, Totals};
use crate::turn::DeathReason;

/// The rules of a queue.
#[derive(Debug)]
pub(crate) struct QueueState {
    limits: Box<Limits>,
    is_auto_delete: bool,
    birth: Instant,
    /// When the queue was last used by somebody who is not a consumer, or lost its last consumer.
    used_at: Instant,
    next_sequence: u64,
    ready: Ready,
    unacked: Unacked,
    consumers: Consumers,
    alarm: Alarm,
    totals: Totals,
    is_ended: bool,
}

impl QueueState {
    /// A queue declared at `now`. The caller applies [`Command::Touch`] to start its lease.
    pub(crate) fn new(now: Instant, limits: Limits, is_auto_delete: bool) -> Self {
        Self {
            consumers: Consumers::new(limits.is_single_active),
            limits: Box::new(limits),
            is_auto_delete,
            birth: now,
            used_at: now,
            next_sequence: 0,
            ready: Ready::default(),
            unacked: Unacked::default(),
            alarm: Alarm::default(),
            totals: Totals::default(),
            is_ended: false,
        }
    }

    /// Applies one command and says what must be done about it.
    ///
    /// Never blocks, never fails, reads no clock: the same commands always give the same effects.
    /// A queue that has ended takes no notice of anything.
    pub(crate) fn apply(&mut self, now: Instant, command: Command<'_>, effects: &mut Vec<Effect>) {
        if self.is_ended {
            return;
        }
        match command {
            Command::Publish(message) => self.publish(now, message, effects),
            Command::Settle(link, sequences, outcome) => {
                self.settle(now, link, sequences, outcome, effects);
            }
            Command::Written(link, consumer, count) => {
                self.consumers.written((link, consumer), count);
            }
            Command::Get(link, ack) => self.get(now, link, ack, effects),
            Command::Consume(spec) => self.consumers.join(spec),
            Command::Cancel(link, consumer) => {
                let has_left = self.consumers.leave((link, consumer));
                self.after_leaving(now, has_left, effects);
            }
            Command::SetPrefetch(link, consumer, prefetch) => {
                self.consumers.set_prefetch((link, consumer), prefetch);
            }
            Command::Lose(link) => self.lose(now, link, effects),
            Command::Purge => effects.push(counted(self.ready.clear())),
            Command::Delete => {
                effects.push(counted(self.ready.messages()));
                self.end(effects);
            }
            Command::Touch => self.used_at = now,
            Command::SetLimits(limits) => {
                self.limits = limits;
                self.drop_beyond_limits(now, effects);
            }
            Command::Tick => self.tick(now, effects),
        }
        if !self.is_ended {
            self.dispatch(now, effects);
            effects.extend(self.alarm.set(self.next_deadline()).map(Effect::Tick));
        }
    }

    /// Whether a consumer may join.
    pub(crate) fn admits(&self, is_exclusive: bool) -> bool {
        self.consumers.admits(is_exclusive)
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.is_ended
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A consumer that an effect of the last command names.
    pub(crate) fn consumer(&self, key: ConsumerKey) -> Option<&ConsumerSpec> {
        self.consumers.spec(key)
    }

    pub(crate) fn consumers(&self) -> Vec<ConsumerView> {
        self.consumers.views()
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            ready: self.ready.messages(),
            unacked: self.unacked.messages(),
            ready_bytes: self.ready.body_bytes(),
            unacked_bytes: self.unacked.body_bytes(),
            consumers: u32::try_from(self.consumers.len()).unwrap_or(u32::MAX),
            totals: self.totals,
        }
    }

    /// RabbitMQ asks for room before it looks for a consumer, so a full queue turns a message down
    /// even when somebody waits for it.
    fn publish(&mut self, now: Instant, message: Arc<Message>, effects: &mut Vec<Effect>) {
        if self.limits.overflow != Overflow::DropHead && !self.has_room_for(&message) {
            self.totals.rejected += 1;
            if self.limits.overflow == Overflow::RejectPublishDeadLetter {
                self.bury(message, DeathReason::MaxLength, effects);
            }
            effects.push(Effect::Rejected);
            return;
        }
        self.totals.published += 1;
        let marks = message.marks();
        let expiry = Expiry::of(self.birth, now, self.limits.message_ttl, marks.expiration_ms);
        let highest = self.limits.priority_max.unwrap_or(0);
        let priority = marks.priority.unwrap_or(0).min(highest);
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let entry = Entry { message, sequence, expiry };
        if self.consumers.is_any_ready() {
            debug_assert!(self.ready.is_empty(), "a consumer waits only for an empty queue");
            let taken = Taken { entry, priority, returns: 0 };
            self.deliver(taken, effects);
            return;
        }
        self.ready.push(priority, entry);
        self.drop_beyond_limits(now, effects);
    }

    fn settle(
        &mut self,
        now: Instant,
        link: LinkId,
        sequences: &[u64],
        outcome: Outcome,
        effects: &mut Vec<Effect>,
    ) {
        let mut known: u64 = 0;
        for sequence in sequences {
            let Some(outstanding) = self.unacked.remove(link, *sequence) else {
                continue;
            };
            known += 1;
            if let Some(consumer) = outstanding.consumer {
                self.consumers.settled(consumer);
            }
            match outcome {
                Outcome::Accept => self.totals.acked += 1,
                Outcome::Requeue => self.put_back(outstanding.taken, effects),
                Outcome::Reject => {
                    let message = outstanding.taken.entry.message;
                    self.bury(message, DeathReason::Rejected, effects);
                }
            }
        }
        effects.push(counted(known));
        if outcome == Outcome::Requeue {
            self.drop_beyond_limits(now, effects);
        }
    }

    fn get(&mut self, now: Instant, link: LinkId, ack: AckMode, effects: &mut Vec<Effect>) {
        self.used_at = now;
        self.drop_expired(now, effects);
        let Some(taken) = self.ready.pop() else {
            self.totals.got_empty += 1;
            return;
        };
        let is_redelivered = taken.returns > 0;
        self.totals.redelivered += u64::from(is_redelivered);
        effects.push(Effect::Got {
            sequence: taken.entry.sequence,
            is_redelivered,
            message: Arc::clone(&taken.entry.message),
        });
        match ack {
            AckMode::Automatic => self.totals.got_automatic += 1,
            AckMode::Manual => {
                self.totals.got += 1;
                self.unacked.insert(Outstanding { taken, link, consumer: None });
            }
        }
    }

    fn lose(&mut self, now: Instant, link: LinkId, effects: &mut Vec<Effect>) {
        let has_left = self.consumers.leave_all_of(link);
        let lost = self.unacked.remove_all_of(link);
        let has_lost = !lost.is_empty();
        for outstanding in lost {
            if let Some(consumer) = outstanding.consumer {
                self.consumers.settled(consumer);
            }
            self.put_back(outstanding.taken, effects);
        }
        if has_lost {
            self.drop_beyond_limits(now, effects);
        }
        self.after_leaving(now, has_left, effects);
    }

    /// Source: RabbitMQ, "Queues": auto-delete takes effect with the last consumer; the lease of
    /// `x-expires` starts with it.
    fn after_leaving(&mut self, now: Instant, has_left: bool, effects: &mut Vec<Effect>) {
        if !has_left || !self.consumers.is_empty() {
            return;
        }
        self.used_at = now;
        if self.is_auto_delete {
            self.end(effects);
            effects.push(Effect::Ended);
        }
    }

    fn tick(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        self.alarm.ring(now);
        self.drop_expired(now, effects);
        if self.lease_end().is_some_and(|end| end <= now) {
            self.end(effects);
            effects.push(Effect::Ended);
        }
    }

    /// Nothing is dead-lettered: neither on deletion nor when the lease is over.
    fn end(&mut self, effects: &mut Vec<Effect>) {
        self.is_ended = true;
        self.ready.clear();
        self.unacked.clear();
        effects.extend(self.consumers.drain().map(Effect::Cancelled));
    }

    /// Hands out what is ready, as long as somebody can take it.
    fn dispatch(&mut self, now: Instant, effects: &mut Vec<Effect>) {
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

    fn deliver(&mut self, taken: Taken, effects: &mut Vec<Effect>) {
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
    fn put_back(&mut self, mut taken: Taken, effects: &mut Vec<Effect>) {
        taken.returns += 1;
        match self.limits.returns_max {
            Some(limit) if taken.returns > limit => {
                self.bury(taken.entry.message, DeathReason::DeliveryLimit, effects);
            }
            _ => self.ready.put_back(taken),
        }
    }

    fn has_room_for(&self, message: &Message) -> bool {
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
    fn drop_beyond_limits(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let is_beyond = |it: &Self| {
            it.limits.overflow == Overflow::DropHead
                && it.is_beyond_limits(it.ready.messages(), it.ready.body_bytes())
        };
        if is_beyond(self) {
            self.drop_expired(now, effects);
        }
        while is_beyond(self) {
            let Some(taken) = self.ready.pop() else { return };
            self.bury(taken.entry.message, DeathReason::MaxLength, effects);
        }
    }

    /// Drops what has expired at the head; behind a message that lives it waits its turn.
    fn drop_expired(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        while self.ready.head().is_some_and(|head| head.expiry.is_over(self.birth, now)) {
            let Some(taken) = self.ready.pop() else {
                return;
            };
            self.bury(taken.entry.message, DeathReason::Expired, effects);
        }
    }

    /// The end of a message: to the dead-letter exchange, if there is one.
    fn bury(&mut self, message: Arc<Message>, reason: DeathReason, effects: &mut Vec<Effect>) {
        self.totals.died += 1;
        if self.limits.dead_letter.is_some() {
            effects.push(Effect::DeadLetter(message, reason));
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let head = self.ready.head().and_then(|head| head.expiry.at(self.birth));
        match (head, self.lease_end()) {
            (Some(head), Some(lease)) => Some(head.min(lease)),
            (head, lease) => head.or(lease),
        }
    }

    fn lease_end(&self) -> Option<Instant> {
        let lease = self.limits.lease.filter(|_| self.consumers.is_empty())?;
        self.used_at.checked_add(lease)
    }
}

fn counted(messages: u64) -> Effect {
    Effect::Counted(u32::try_from(messages).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod random;
#[cfg(test)]
mod script;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod witness;
