//! The messages that a stream holds: from the oldest that some cursor has yet to read.
//!
//! Each slot counts the cursors that stand before it, so that what all have passed is dropped
//! without looking at any of them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{Message, Sequenced};

use super::retention::{CursorLimits, StreamLimits};
use super::run::{RUN_MESSAGES_MAX, Runs};

/// The messages that a stream holds.
#[derive(Debug)]
pub(super) struct Ring {
    birth: Instant,
    slots: VecDeque<Slot>,
    /// The sequence of the first slot.
    start: u64,
    /// Cursors that stand behind the last slot.
    at_end: u32,
    /// Bytes of all messages that ever came.
    bytes_total: u64,
    runs: Runs,
}

#[derive(Debug)]
struct Slot {
    message: Arc<Message>,
    /// When it came, in microseconds since the birth of the ring.
    at_micros: u64,
    /// Bytes of all messages that came before it.
    bytes_before: u64,
    /// Cursors whose next message this is.
    cursors: u32,
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
        // What expires at once is still for those who read at once, as in a queue.
        age_micros > 0 && u128::from(age_micros) >= ttl.as_micros()
    }
}

impl Ring {
    pub(super) fn new(birth: Instant) -> Self {
        Self {
            birth,
            slots: VecDeque::new(),
            start: 0,
            at_end: 0,
            bytes_total: 0,
            runs: Runs::default(),
        }
    }

    /// The sequence that the next message will have.
    pub(super) fn end(&self) -> u64 {
        self.start + self.slots.len() as u64
    }

    pub(super) fn messages(&self) -> u64 {
        self.slots.len() as u64
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

    /// Adds a message, dropping old ones beyond the limits even if somebody has yet to read them.
    pub(super) fn append(&mut self, now: Instant, message: Arc<Message>, limits: StreamLimits) {
        let bytes_before = self.bytes_total;
        self.bytes_total += size(&message);
        let cursors = std::mem::take(&mut self.at_end);
        let at_micros = self.micros(now);
        self.slots.push_back(Slot { message, at_micros, bytes_before, cursors });
        while self.slots.len() as u64 > limits.messages_max || self.bytes() > limits.bytes_max {
            self.drop_front();
        }
        self.runs.forget_before(self.start);
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

    /// Messages and bytes that lie before a cursor.
    pub(super) fn ahead_of(&self, position: u64) -> (u64, u64) {
        let position = position.max(self.start);
        let bytes_before = self.slot(position).map_or(self.bytes_total, |slot| slot.bytes_before);
        (self.end().saturating_sub(position), self.bytes_total - bytes_before)
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
        let Some(skip) = position.checked_sub(self.start) else {
            return position;
        };
        let skip = usize::try_from(skip).unwrap_or(usize::MAX).min(self.slots.len());
        let enough = messages.len().saturating_add(limit);
        let mut next = position;
        for slot in self.slots.range(skip..) {
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

    /// Reads a run from `position` on for one of `cursors`, as [`Self::read`] does; gives the
    /// position behind what it read or passed.
    pub(super) fn read_run(
        &mut self,
        now: Instant,
        position: u64,
        ttl: Option<Duration>,
        cursors: usize,
    ) -> (Arc<[Sequenced]>, u64) {
        let ahead = usize::try_from(self.end().saturating_sub(position)).unwrap_or(usize::MAX);
        let available = ahead.min(RUN_MESSAGES_MAX);
        if let Some(run) = self.runs.find(position, available).filter(|_| ttl.is_none()) {
            return (Arc::clone(run), position + run.len() as u64);
        }
        let slots = self.slots.range(self.slots.len().saturating_sub(ahead)..).take(available);
        let never_expires = |slot: &Slot| slot.message.marks().expiration_ms.is_none();
        if ttl.is_none() && slots.clone().all(never_expires) {
            let sequenced = |(sequence, slot): (u64, &Slot)| Sequenced {
                sequence,
                message: Arc::clone(&slot.message),
            };
            let run = (position..).zip(slots).map(sequenced).collect();
            if cursors > 1 {
                self.runs.keep(position, &run);
            }
            return (run, position + available as u64);
        }
        let mut messages = Vec::with_capacity(available);
        let next = self.read(now, position, ttl, RUN_MESSAGES_MAX, &mut messages);
        let sequenced = |(sequence, message)| Sequenced { sequence, message };
        (messages.into_iter().map(sequenced).collect(), next)
    }

    /// Moves a cursor on, and drops what all have passed.
    pub(super) fn advance(&mut self, from: u64, to: u64) {
        if from == to {
            return;
        }
        let cursors = self.cursors_at(from);
        *cursors = cursors.saturating_sub(1);
        *self.cursors_at(to) += 1;
        self.drop_passed();
    }

    /// Drops the oldest messages as long as nobody has yet to read them.
    fn drop_passed(&mut self) {
        while self.slots.front().is_some_and(|slot| slot.cursors == 0) {
            self.drop_front();
        }
        self.runs.forget_before(self.start);
        let room = self.slots.capacity();
        if room > ROOM_KEPT_MESSAGES && self.slots.len() < room / 4 {
            self.slots.shrink_to((room / 2).max(ROOM_KEPT_MESSAGES));
        }
    }

    /// Drops the oldest message. Those that have yet to read it stand before the next one.
    fn drop_front(&mut self) {
        let Some(slot) = self.slots.pop_front() else { return };
        self.start += 1;
        match self.slots.front_mut() {
            Some(front) => front.cursors += slot.cursors,
            None => self.at_end += slot.cursors,
        }
    }

    fn bytes(&self) -> u64 {
        self.slots.front().map_or(0, |front| self.bytes_total - front.bytes_before)
    }

    fn slot(&self, position: u64) -> Option<&Slot> {
        self.slots.get(usize::try_from(position.checked_sub(self.start)?).ok()?)
    }

    /// The count that a cursor at `position` is part of.
    fn cursors_at(&mut self, position: u64) -> &mut u32 {
        let at = usize::try_from(position.saturating_sub(self.start)).unwrap_or(usize::MAX);
        self.slots.get_mut(at).map_or(&mut self.at_end, |slot| &mut slot.cursors)
    }

    fn micros(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.birth).as_micros();
        u64::try_from(since).unwrap_or(u64::MAX)
    }
}

fn size(message: &Message) -> u64 {
    let parts = [message.routing_key(), message.property_bytes(), message.body()];
    parts.into_iter().map(|part| part.len() as u64).sum()
}

/// Room for this many messages is kept by a ring that has become empty.
const ROOM_KEPT_MESSAGES: usize = 64;
