//! The rules of a queue, pure: what each command does to it and what must be done about that.
//!
//! Between two commands no message is ready while a consumer could take it.

mod head;

use std::sync::Arc;
use std::time::Instant;

use model::{AckMode, LinkId, Message, Outcome};

use self::head::wanted;
use super::changes::{Changes, Logged};
use super::command::Command;
use super::consumers::{ConsumerKey, ConsumerSpec, Consumers};
use super::effect::Effect;
use super::expiry::{Alarm, Expiry};
use super::limits::{Limits, Overflow};
use super::read_back::Wanted;
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
    /// What the log must hear; `None` of a queue that keeps nothing there.
    changes: Option<Box<Changes>>,
    /// Transient messages are kept in the log like all others.
    keeps_transient: bool,
    /// What is in the log leaves memory once the messages there take so many bytes.
    held_bytes_max: u64,
    /// Messages were asked for that have not come yet.
    is_reading: bool,
}

/// Fewer messages than this in memory before those that are in the log only: more are asked for.
const READ_BELOW_MESSAGES: usize = 512;

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
            changes: None,
            keeps_transient: false,
            held_bytes_max: u64::MAX,
            is_reading: false,
        }
    }

    /// Keeps persistent messages in the log from here on, or all of them. Never gives a sequence
    /// below `next_sequence`.
    pub(crate) fn keep(&mut self, next_sequence: u64, keeps_transient: bool) {
        self.changes = Some(Box::default());
        self.keeps_transient = keeps_transient;
        self.next_sequence = next_sequence;
    }

    /// Takes note of a message that the log had before: in the order of their sequences.
    pub(crate) fn recover(&mut self, sequence: u64, priority: u8, body_bytes: u64) {
        self.ready.push_to_log(priority, sequence, body_bytes);
    }

    /// What the log must hear; whoever tells it clears them.
    pub(crate) fn changes(&mut self) -> Option<&mut Changes> {
        self.changes.as_deref_mut()
    }

    /// Lets what is in the log leave memory once the messages there take so many bytes.
    pub(crate) fn set_held_bytes_max(&mut self, bytes: u64) {
        self.held_bytes_max = bytes;
    }

    /// What its ready messages take in memory, in bytes.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.ready.held_bytes()
    }

    /// When a message expires, as the clock says it.
    pub(crate) fn deadline(&self, logged: &Logged) -> Option<Instant> {
        logged.expiry.at(self.birth)
    }

    /// What must be read before a message can be got, if that is so.
    pub(crate) fn wanted_to_get(&self) -> Option<Wanted> {
        self.ready.next_run(1).map(|(priority, run)| wanted(priority, run))
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
            Command::Purge => {
                self.forget_ready();
                effects.push(counted(self.ready.clear()));
            }
            Command::Delete => {
                effects.push(counted(self.ready.messages()));
                self.end(effects);
            }
            Command::Touch => self.used_at = now,
            Command::SetLimits(limits) => {
                self.limits = limits;
                self.drop_beyond_limits(now, effects);
            }
            Command::ReadBack(read) => self.read_back(now, read, effects),
            Command::Read(..) | Command::Credit(..) => {}
            Command::Tick => self.tick(now, effects),
        }
        if !self.is_ended {
            self.dispatch(now, effects);
            self.ask_for_more(effects);
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
        let (away, away_bytes) = self.ready.away();
        Counts {
            away,
            away_bytes,
            kept: 0,
            kept_bytes: 0,
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
                self.bury(message, None, DeathReason::MaxLength, effects);
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
        let is_kept = marks.is_persistent || self.keeps_transient;
        let changes = self.changes.as_mut().filter(|_| is_kept);
        let is_logged = changes.is_some();
        if let Some(changes) = changes {
            changes.came = Some(Logged { sequence, priority, expiry });
        }
        let entry = Entry { message, sequence, expiry, is_logged };
        if self.ready.is_empty() && self.consumers.is_any_ready() {
            let taken = Taken { entry, priority, returns: 0 };
            self.deliver(taken, effects);
            return;
        }
        if is_logged && self.may_leave_memory(priority) {
            self.ready.push_to_log(priority, sequence, entry.message.body().len() as u64);
        } else {
            self.ready.push(priority, entry);
        }
        self.drop_beyond_limits(now, effects);
    }

    /// Whether a message that is in the log need not be in memory, too.
    fn may_leave_memory(&self, priority: u8) -> bool {
        self.ready.held_bytes() >= self.held_bytes_max || self.ready.has_runs(priority)
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
                Outcome::Accept => {
                    self.totals.acked += 1;
                    self.forget(&outstanding.taken.entry);
                }
                Outcome::Requeue => self.put_back(outstanding.taken, effects),
                Outcome::Reject => {
                    self.bury_entry(outstanding.taken.entry, DeathReason::Rejected, effects);
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
            AckMode::Automatic => {
                self.totals.got_automatic += 1;
                self.forget(&taken.entry);
            }
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
        if let Some(changes) = &mut self.changes {
            changes.clear();
            changes.is_ended = true;
        }
        effects.extend(self.consumers.drain().map(Effect::Cancelled));
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
