//! The messages that a stream holds: from the oldest that some cursor has yet to read.
//!
//! Each slot counts the cursors that stand before it, so that what all have passed is dropped
//! without looking at any of them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{Bound, Message, Sequenced};

use super::budget::Held;
use super::retention::{CursorLimits, StreamLimits};
use super::run::{RUN_BYTES_MAX, RUN_MESSAGES_MAX, Runs};

/// The messages that a stream holds.
#[derive(Debug)]
pub(super) struct Ring {
    birth: Instant,
    slots: VecDeque<Slot>,
    /// The sequence of the first slot.
    start: u64,
    /// Cursors that stand behind the last slot.
    at_end: u32,
    /// Slots before this sequence have been weighed with the renderings made of them.
    weighed: u64,
    /// What the slots cost.
    cost: u64,
    /// Bytes of the bodies of all messages that ever came.
    bytes_total: u64,
    runs: Runs,
}

#[derive(Debug)]
struct Slot {
    message: Arc<Message>,
    /// When it came, in microseconds since the birth of the ring.
    at_micros: u64,
    /// Bytes of the bodies of all messages that came before it.
    bytes_before: u64,
    /// Cursors whose next message this is.
    cursors: u32,
    /// What of `Ring::cost` is its.
    cost: u32,
}

impl Slot {
    fn is_expired(&self, now_micros: u64, ttl: Option<Duration>) -> bool {
        let own = self.message.marks().expiration_ms.map(Duration::from_millis);
        let ttl = match (own, ttl) {
            (None, None) => return false,
            (Some(ttl), None) | (None, Some(ttl)) => ttl,
            (Some(own), Some(ttl)) => own.min(ttl),
        };
        let age_micros = now_micros.saturating_sub(self.at_micros);
        u128::from(age_micros) >= ttl.max(READ_AT_ONCE).as_micros()
    }
}

impl Slot {
    fn sequenced((sequence, slot): (u64, &Self)) -> Sequenced {
        Sequenced { sequence, message: Arc::clone(&slot.message) }
    }
}

impl Ring {
    pub(super) fn new(birth: Instant) -> Self {
        Self {
            birth,
            slots: VecDeque::new(),
            start: 0,
            at_end: 0,
            weighed: 0,
            cost: 0,
            bytes_total: 0,
            runs: Runs::default(),
        }
    }

    /// The sequence of the oldest message held.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// The sequence that the next message will have.
    pub(super) fn end(&self) -> u64 {
        self.start + self.slots.len() as u64
    }

    /// Bytes of the bodies of all messages that ever came.
    pub(super) fn bytes_total(&self) -> u64 {
        self.bytes_total
    }

    /// Bytes of the bodies of all messages that came before that position.
    pub(super) fn bytes_before(&self, position: u64) -> u64 {
        self.slot(position.max(self.start)).map_or(self.bytes_total, |slot| slot.bytes_before)
    }

    pub(super) fn held(&self) -> Held {
        Held { messages: self.slots.len() as u64, bytes: self.cost }
    }

    /// Notes a cursor behind the last message; gives its position.
    pub(super) fn enter(&mut self) -> u64 {
        self.at_end += 1;
        self.end()
    }

    /// Forgets a cursor, and what was held for it alone.
    pub(super) fn leave(&mut self, position: u64) {
        let cursors = self.cursors_at(position);
        *cursors = cursors.saturating_sub(1);
        self.drop_passed();
    }

    /// Adds a message, if there are cursors, and drops old ones beyond the limits. Says which limit
    /// took something that somebody has yet to read.
    pub(super) fn append(
        &mut self,
        now: Instant,
        message: Arc<Message>,
        limits: StreamLimits,
    ) -> Option<Bound> {
        if self.slots.is_empty() && self.at_end == 0 {
            return None;
        }
        let bytes_before = self.bytes_total;
        self.bytes_total += message.body().len() as u64;
        let cursors = std::mem::take(&mut self.at_end);
        let at_micros = self.micros(now);
        let cost = cost(&message);
        self.cost += u64::from(cost);
        self.slots.push_back(Slot { message, at_micros, bytes_before, cursors, cost });
        let mut passed = None;
        loop {
            let beyond = match self.slots.len() as u64 > limits.messages_max {
                true => Bound::StreamLength(limits.messages_max),
                false if self.cost > limits.bytes_max => Bound::StreamBytes(limits.bytes_max),
                false => break,
            };
            passed = Some(beyond);
            self.drop_front();
        }
        self.runs.forget_before(self.start);
        passed
    }

    /// Drops old messages until as much as `excess` is gone; the newest stays. Whether any went.
    pub(super) fn give_way(&mut self, excess: Held) -> bool {
        let wanted = Held {
            messages: (self.slots.len() as u64).saturating_sub(excess.messages),
            bytes: self.cost.saturating_sub(excess.bytes),
        };
        let before = self.start;
        while self.slots.len() > 1
            && (self.slots.len() as u64 > wanted.messages || self.cost > wanted.bytes)
        {
            self.drop_front();
        }
        self.runs.forget_before(self.start);
        self.shrink();
        self.start > before
    }

    /// Where a cursor at `position` stands once its limits and the ring's start have their way.
    pub(super) fn within(&self, position: u64, limits: &CursorLimits) -> u64 {
        let mut position = position.max(self.start);
        if let Some(max) = limits.messages_max {
            position = position.max(self.end().saturating_sub(max));
        }
        if let Some(max) = limits.bytes_max {
            let total = self.bytes_total;
            let fits = self.slots.partition_point(|slot| total - slot.bytes_before > max);
            position = position.max(self.start + fits as u64);
        }
        position
    }

    /// Where a cursor stands once it has passed over what has expired right before it.
    pub(super) fn unexpired(&self, now: Instant, position: u64, ttl: Option<Duration>) -> u64 {
        let now_micros = self.micros(now);
        let skip = self.index(position);
        let expired = |slot: &&Slot| slot.is_expired(now_micros, ttl);
        position + self.slots.range(skip..).take_while(expired).count() as u64
    }

    /// Messages that lie before a cursor, and the bytes of their bodies.
    pub(super) fn ahead_of(&self, position: u64) -> (u64, u64) {
        let messages = self.end().saturating_sub(position.max(self.start));
        (messages, self.bytes_total - self.bytes_before(position))
    }

    /// Reads up to `limit` messages from `position` on, passing over expired ones; gives the
    /// position behind what it read or passed.
    pub(super) fn read(
        &self,
        now: Instant,
        position: u64,
        ttl: Option<Duration>,
        limit: usize,
        messages: &mut Vec<(u64, Arc<Message>)>,
    ) -> u64 {
        let now_micros = self.micros(now);
        let enough = messages.len().saturating_add(limit);
        let mut next = position;
        for slot in self.slots.range(self.index(position)..) {
            if messages.len() >= enough {
                break;
            }
            if !slot.is_expired(now_micros, ttl) {
                messages.push((next, Arc::clone(&slot.message)));
            }
            next += 1;
        }
        next
    }

    /// Reads a run from `position` on for one of `cursors`, passing over expired messages; gives
    /// the position behind what it read or passed.
    pub(super) fn read_run(
        &mut self,
        now: Instant,
        position: u64,
        ttl: Option<Duration>,
        cursors: usize,
    ) -> (Arc<[Sequenced]>, u64) {
        let available = self.run_length(position);
        if let Some(run) = self.runs.find(position, available).filter(|_| ttl.is_none()) {
            return (Arc::clone(run), position + run.len() as u64);
        }
        let slots = self.slots.range(self.index(position)..).take(available);
        let never_expires = |slot: &Slot| slot.message.marks().expiration_ms.is_none();
        if ttl.is_none() && slots.clone().all(never_expires) {
            let run = (position..).zip(slots).map(Slot::sequenced).collect();
            if cursors > 1 {
                self.runs.keep(position, &run);
            }
            return (run, position + available as u64);
        }
        self.read_expiring_run(now, position, ttl)
    }

    fn read_expiring_run(
        &self,
        now: Instant,
        position: u64,
        ttl: Option<Duration>,
    ) -> (Arc<[Sequenced]>, u64) {
        let now_micros = self.micros(now);
        let mut next = position;
        loop {
            let available = self.run_length(next);
            let slots = self.slots.range(self.index(next)..).take(available);
            let live = (next..).zip(slots).filter(|(_, slot)| !slot.is_expired(now_micros, ttl));
            let run: Arc<[Sequenced]> = live.map(Slot::sequenced).collect();
            next += available as u64;
            if !run.is_empty() || available == 0 {
                return (run, next);
            }
        }
    }

    /// How many messages a run from `position` on has.
    fn run_length(&self, position: u64) -> usize {
        let at = self.index(position);
        let ahead = (self.slots.len() - at).min(RUN_MESSAGES_MAX);
        let bytes_before = self.bytes_before(position);
        let fits = |slot: &&Slot| slot.bytes_before - bytes_before < RUN_BYTES_MAX;
        // The last message that may be in it begins early enough, nearly always.
        let last = self.slots.get(at + ahead.saturating_sub(1));
        match last.as_ref().is_none_or(fits) {
            true => ahead,
            false => self.slots.range(at..).take_while(fits).count(),
        }
    }

    /// Moves a cursor on, and drops what all have passed. What it had read before `from` has been
    /// rendered by then, if it ever is: the renderings are weighed, each message once.
    pub(super) fn advance(&mut self, from: u64, to: u64) {
        self.weigh_until(from);
        if from == to {
            return;
        }
        let cursors = self.cursors_at(from);
        *cursors = cursors.saturating_sub(1);
        *self.cursors_at(to) += 1;
        self.drop_passed();
    }

    fn weigh_until(&mut self, position: u64) {
        self.weighed = self.weighed.max(self.start);
        while self.weighed < position.min(self.end()) {
            let at = self.index(self.weighed);
            self.weighed += 1;
            if let Some(slot) = self.slots.get_mut(at) {
                let cost = cost(&slot.message);
                self.cost = self.cost - u64::from(slot.cost) + u64::from(cost);
                slot.cost = cost;
            }
        }
    }

    /// Drops the oldest messages as long as nobody has yet to read them.
    fn drop_passed(&mut self) {
        while self.slots.front().is_some_and(|slot| slot.cursors == 0) {
            self.drop_front();
        }
        self.runs.forget_before(self.start);
        self.shrink();
    }

    /// Gives room back that has become much too large.
    fn shrink(&mut self) {
        let room = self.slots.capacity();
        if room > ROOM_KEPT_MESSAGES && self.slots.len() < room / 4 {
            // At once if it is empty: it may stay so, and nobody would come by again.
            let wanted = if self.slots.is_empty() { 0 } else { room / 2 };
            self.slots.shrink_to(wanted.max(ROOM_KEPT_MESSAGES));
        }
    }

    /// Drops the oldest message. Those that have yet to read it stand before the next one.
    fn drop_front(&mut self) {
        let Some(slot) = self.slots.pop_front() else { return };
        self.start += 1;
        self.cost -= u64::from(slot.cost);
        match self.slots.front_mut() {
            Some(front) => front.cursors += slot.cursors,
            None => self.at_end += slot.cursors,
        }
    }

    fn slot(&self, position: u64) -> Option<&Slot> {
        self.slots.get(self.index(position))
    }

    /// Where in `slots` a position is, if it is there; behind all of them if it is their end.
    fn index(&self, position: u64) -> usize {
        let at = usize::try_from(position.saturating_sub(self.start)).unwrap_or(usize::MAX);
        at.min(self.slots.len())
    }

    /// The count that a cursor at `position` is part of.
    fn cursors_at(&mut self, position: u64) -> &mut u32 {
        let at = self.index(position);
        self.slots.get_mut(at).map_or(&mut self.at_end, |slot| &mut slot.cursors)
    }

    fn micros(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.birth).as_micros();
        u64::try_from(since).unwrap_or(u64::MAX)
    }
}

/// A reader that comes within this time reads at once: a queue would have handed it the message
/// before it could expire, however short its life.
pub(super) const READ_AT_ONCE: Duration = Duration::from_millis(100);

/// What holding a message costs, in bytes: key, properties and body, the renderings that have been
/// made of it, and [`COST_BYTES_MIN`]. Of the allocator's own, nothing.
pub(super) fn cost(message: &Message) -> u32 {
    let tails_bytes = message.tails().bytes() as u64;
    let bytes = COST_BYTES_MIN + content_bytes(message) + tails_bytes;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// What an empty message costs: itself, the two counters that share it, its slot.
pub(super) const COST_BYTES_MIN: u64 =
    (size_of::<Message>() + 2 * size_of::<usize>() + size_of::<Slot>()) as u64;

fn content_bytes(message: &Message) -> u64 {
    let parts = [message.routing_key(), message.property_bytes(), message.body()];
    parts.into_iter().map(|part| part.len() as u64).sum()
}

/// Room for this many messages is kept by a ring that has become empty: 512 bytes, so that a
/// hundred thousand streams with a reader each stay small.
const ROOM_KEPT_MESSAGES: usize = 16;
