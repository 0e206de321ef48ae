//! The rules of a stream queue, pure: an append-only run of messages that consumers read from where
//! they like.
//!
//! An offset is a message's sequence. Nothing is ever taken out: an acknowledgement only lets its
//! consumer have more, and what retention drops goes from the front, a whole granule at a time.
//! Who has caught up is handed the newest message as it comes; who is a little behind is served
//! from the tail, which is in memory; who is further behind has the log asked. Not to be confused
//! with [`crate::stream`], the rings of topic subscriptions, which keep nothing.
//!
//! Source: RabbitMQ, "Streams".

mod granules;
mod readers;
mod tail;

use std::sync::Arc;
use std::time::Instant;

use model::{LinkId, Message};

use self::granules::{Granules, Retention};
use self::readers::{Reader, Readers};
use self::tail::Tail;
use super::changes::{Changes, Logged};
use super::command::Command;
use super::consumers::{ConsumerKey, ConsumerSpec};
use super::effect::Effect;
use super::expiry::{Alarm, Expiry};
use super::journal::Clock;
use super::limits::Limits;
use super::read_back::{ReadBack, Wanted};
use super::view::{ConsumerView, Counts, Totals};
use crate::store::SequenceRange;

/// The newest messages stay in memory up to so many bytes, if they are in the log.
const TAIL_BYTES_MAX: u64 = 2 << 20;

/// At least so many messages are asked for at once, and so many for a consumer with a filter.
const READ_MESSAGES: u64 = 128;
const READ_MESSAGES_FILTERED: u64 = 1024;

/// The rules of a stream queue.
#[derive(Debug)]
pub(crate) struct StreamState {
    limits: Box<Limits>,
    clock: Clock,
    /// The first sequence that is kept.
    first: u64,
    next: u64,
    granules: Granules,
    tail: Tail,
    readers: Readers,
    alarm: Alarm,
    totals: Totals,
    is_ended: bool,
    /// What the log must hear; `None` of a stream that is in memory only.
    changes: Option<Box<Changes>>,
    tail_bytes_max: u64,
    /// What was read for consumers and not delivered, in bytes.
    ahead_bytes: u64,
}

impl StreamState {
    /// An empty stream. `clock` says when messages came.
    pub(crate) fn new(limits: Limits, clock: Clock) -> Self {
        Self {
            limits: Box::new(limits),
            clock,
            first: 0,
            next: 0,
            granules: Granules::default(),
            tail: Tail::default(),
            readers: Readers::default(),
            alarm: Alarm::default(),
            totals: Totals::default(),
            is_ended: false,
            changes: None,
            tail_bytes_max: TAIL_BYTES_MAX,
            ahead_bytes: 0,
        }
    }

    /// Keeps messages in the log from here on. Never gives an offset below `next`.
    pub(crate) fn keep(&mut self, next: u64) {
        self.changes = Some(Box::default());
        (self.first, self.next) = (next, next);
        self.tail.restart(next);
    }

    /// Takes note of a message that the log had before: in the order of their sequences.
    pub(crate) fn recover(&mut self, sequence: u64, body_bytes: u64, came_ms: Option<u64>) {
        let came_ms = came_ms.unwrap_or(0).max(self.granules.newest_ms());
        self.first = self.first.min(sequence);
        self.granules.push(sequence, body_bytes, came_ms, self.retention());
    }

    /// What the log must hear; whoever tells it clears them.
    pub(crate) fn changes(&mut self) -> Option<&mut Changes> {
        self.changes.as_deref_mut()
    }

    /// What it may hold in memory of what is in the log.
    pub(crate) fn set_held_bytes_max(&mut self, bytes: u64) {
        self.tail_bytes_max = bytes.min(TAIL_BYTES_MAX);
    }

    pub(crate) fn held_bytes(&self) -> u64 {
        self.tail.bytes() + self.ahead_bytes
    }

    /// When the newest message came, in milliseconds since 1970.
    pub(crate) fn newest_ms(&self) -> u64 {
        self.granules.newest_ms()
    }

    /// The offset of the next message to come.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Between which offsets, or from where on, lies what came then and later; `None` if everything
    /// came before.
    pub(crate) fn at(&self, at_ms: u64) -> Option<SequenceRange> {
        let (first, behind) = self.granules.at(at_ms)?;
        Some(SequenceRange { first, last: behind.unwrap_or(self.next) })
    }

    /// Applies one command and says what must be done about it. Never blocks, never fails.
    pub(crate) fn apply(&mut self, now: Instant, command: Command<'_>, effects: &mut Vec<Effect>) {
        if self.is_ended {
            return;
        }
        match command {
            Command::Publish(message) => self.publish(now, message, effects),
            Command::Read(spec, from) => self.join(spec, from, effects),
            Command::Credit(link, source, count) => {
                if let Some(key) = self.readers.of_source(link, source) {
                    self.credit(key, count, effects);
                }
            }
            Command::Cancel(link, consumer) => {
                if let Some(key) = self.readers.named(link, consumer) {
                    self.leave(key);
                }
            }
            // None would be no bound, which a stream's consumer must have.
            Command::SetPrefetch(.., 0) => {}
            Command::SetPrefetch(link, consumer, prefetch) => {
                if let Some(key) = self.readers.named(link, consumer)
                    && let Some(reader) = self.readers.get_mut(key)
                {
                    reader.spec.prefetch = prefetch;
                    self.serve(key, effects);
                }
            }
            Command::Lose(link) => self.lose(link),
            Command::ReadBack(read) => self.read_back(&read, effects),
            Command::Delete => self.end(effects),
            Command::SetLimits(limits) => {
                self.limits = limits;
                self.retire(self.now_ms(now));
            }
            Command::Tick => {
                self.alarm.ring(now);
                self.retire(self.now_ms(now));
            }
            // Nothing is taken out of a stream, and it has no lease.
            Command::Consume(_)
            | Command::Get(..)
            | Command::Settle(..)
            | Command::Written(..)
            | Command::Purge
            | Command::Touch => {}
        }
        if !self.is_ended {
            effects.extend(self.alarm.set(self.next_deadline()).map(Effect::Tick));
        }
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.is_ended
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A consumer that an effect of the last command names.
    pub(crate) fn consumer(&self, key: ConsumerKey) -> Option<&ConsumerSpec> {
        self.readers.get(key).map(|reader| &*reader.spec)
    }

    pub(crate) fn consumers(&self) -> Vec<ConsumerView> {
        self.readers.views()
    }

    /// Source: RabbitMQ: the messages of a stream are all that it keeps, whoever has them.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            ready: self.next - self.first,
            ready_bytes: self.granules.bytes(),
            consumers: u32::try_from(self.readers.len()).unwrap_or(u32::MAX),
            totals: self.totals,
            ..Counts::default()
        }
    }

    fn publish(&mut self, now: Instant, message: Arc<Message>, effects: &mut Vec<Effect>) {
        let sequence = self.next;
        self.next += 1;
        self.totals.published += 1;
        let now_ms = self.now_ms(now);
        self.granules.push(sequence, message.body().len() as u64, now_ms, self.retention());
        if let Some(changes) = &mut self.changes {
            changes.came = Some(Logged { sequence, priority: 0, expiry: Expiry::NEVER });
        }
        let totals = &mut self.totals;
        self.readers.wake(|key, reader| {
            if reader.next > sequence || !reader.has_credit() {
                return reader.has_credit();
            }
            reader.next = sequence + 1;
            hand_out((key, reader), sequence, &message, totals, effects);
            reader.has_credit()
        });
        self.tail.push(message);
        if self.changes.is_some() {
            self.tail.shrink(self.tail_bytes_max);
        }
        self.retire(now_ms);
    }

    fn join(&mut self, spec: Box<ConsumerSpec>, from: u64, effects: &mut Vec<Effect>) {
        if let Some(before) = self.readers.named(spec.link, spec.consumer) {
            self.leave(before);
        }
        if let Some(key) = self.readers.join(spec, from) {
            self.serve(key, effects);
        }
    }

    fn credit(&mut self, key: ConsumerKey, count: u32, effects: &mut Vec<Effect>) {
        self.totals.acked += u64::from(count);
        if let Some(reader) = self.readers.get_mut(key) {
            reader.credited(count);
        }
        self.serve(key, effects);
    }

    fn leave(&mut self, key: ConsumerKey) {
        if let Some(reader) = self.readers.leave(key) {
            self.ahead_bytes -= reader.held_bytes();
        }
    }

    fn lose(&mut self, link: LinkId) {
        for key in self.readers.all_of(link) {
            self.leave(key);
        }
    }

    fn read_back(&mut self, read: &ReadBack, effects: &mut Vec<Effect>) {
        for key in self.readers.that_asked(read.wanted.first) {
            let Some(reader) = self.readers.get_mut(key) else { continue };
            let before = reader.held_bytes();
            let gets_further = reader.hear_of(read);
            self.ahead_bytes = self.ahead_bytes + reader.held_bytes() - before;
            // Else what it wants was never written, because the log has failed.
            if gets_further {
                self.serve(key, effects);
            }
        }
    }

    /// Hands a consumer what it has credit for: from what was read for it, from the tail, or else
    /// asks the log.
    fn serve(&mut self, key: ConsumerKey, effects: &mut Vec<Effect>) {
        let Some(reader) = self.readers.get_mut(key) else { return };
        let before = reader.held_bytes();
        reader.skip_to(self.first);
        let mut wants_more = false;
        while reader.has_credit() && reader.asked.is_none() && reader.next < self.next {
            let from_tail = self.tail.get(reader.next).map(|it| (reader.next, Arc::clone(it)));
            let at = reader.next;
            let next = match from_tail {
                Some((sequence, message)) => {
                    reader.next = sequence + 1;
                    Some((sequence, message))
                }
                None => reader.take_read(),
            };
            match next {
                Some((sequence, message)) => {
                    hand_out((key, reader), sequence, &message, &mut self.totals, effects);
                }
                // There was nothing between where it stood and where the next read begins.
                None if reader.next > at => {}
                None => {
                    wants_more = true;
                    break;
                }
            }
        }
        reader.trim();
        self.ahead_bytes = self.ahead_bytes + reader.held_bytes() - before;
        if wants_more {
            self.ask(key, effects);
        } else if reader.has_credit() && reader.next >= self.next {
            self.readers.wait(key);
        }
    }

    /// Has the log asked for what a consumer wants next. Consumers that want the same share it.
    fn ask(&mut self, key: ConsumerKey, effects: &mut Vec<Effect>) {
        let Some(reader) = self.readers.get(key) else { return };
        let first = reader.next;
        let is_asked = !self.readers.that_asked(first).is_empty();
        let at_least = match reader.filter {
            None => READ_MESSAGES,
            Some(_) => READ_MESSAGES_FILTERED,
        };
        let end = first.saturating_add(reader.credit().max(at_least)).min(self.tail.first());
        let Some(last) = end.checked_sub(1).filter(|last| *last >= first) else {
            debug_assert!(false, "what is not in the tail lies before it");
            return;
        };
        if let Some(reader) = self.readers.get_mut(key) {
            reader.asked = Some(first);
        }
        if !is_asked {
            effects.push(Effect::ReadBack(Wanted { priority: 0, first, last }));
        }
    }

    /// Drops what need not be kept.
    fn retire(&mut self, now_ms: u64) {
        let Some(first) = self.granules.retire(now_ms, self.retention()) else { return };
        self.totals.died += first - self.first;
        if let Some(changes) = &mut self.changes {
            changes.gone.push(SequenceRange { first: self.first, last: first - 1 });
        }
        self.first = first;
        self.tail.drop_before(first);
    }

    fn end(&mut self, effects: &mut Vec<Effect>) {
        let messages = self.next - self.first;
        effects.push(Effect::Counted(u32::try_from(messages).unwrap_or(u32::MAX)));
        self.is_ended = true;
        self.tail.restart(self.next);
        self.ahead_bytes = 0;
        if let Some(changes) = &mut self.changes {
            changes.clear();
            changes.is_ended = true;
        }
        effects.extend(self.readers.drain().map(Effect::Cancelled));
    }

    fn retention(&self) -> Retention {
        Retention {
            bytes_max: self.limits.bytes_max,
            age_max: self.limits.age_max,
            granule_bytes: self.limits.segment_bytes,
        }
    }

    /// The wall clock, which here never goes back.
    fn now_ms(&self, now: Instant) -> u64 {
        self.clock.to_unix_ms(now).max(self.granules.newest_ms())
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.clock.to_instant(self.granules.next_retirement_ms(self.retention())?)
    }
}

/// Hands a message to a consumer, unless it wants no such message.
fn hand_out(
    (key, reader): (ConsumerKey, &mut Reader),
    sequence: u64,
    message: &Arc<Message>,
    totals: &mut Totals,
    effects: &mut Vec<Effect>,
) {
    if !reader.wants(message) {
        return;
    }
    reader.hand_out();
    totals.delivered += 1;
    effects.push(Effect::Deliver {
        consumer: key,
        sequence,
        is_redelivered: false,
        message: Arc::clone(message),
    });
}

#[cfg(test)]
mod tests;
