//! Where a cursor stands in its stream, and what it has lost.

use std::sync::Arc;
use std::time::Instant;

use model::{Bound, ConsumerId};

use super::cursor::{CursorSpec, CursorView};
use super::retention::{CursorLimits, Overflow};
use super::ring::Ring;
use super::stream::CursorKey;
use super::watch::Marks;
use crate::inbox::Inbox;

/// Where a cursor stands.
pub(super) struct Place {
    pub(super) spec: Box<CursorSpec>,
    pub(super) position: u64,
    /// The round of waiting that it is in; 0 is none.
    pub(super) waits_in: u64,
    /// Where among the waiting of that round it is.
    pub(super) waits_at: usize,
    /// When to look whether it is to be disconnected.
    pub(super) marks: Option<Box<Marks>>,
    /// It has fallen behind too far: it reads nothing more and holds nothing.
    pub(super) is_overrun: bool,
    delivered: u64,
    /// Messages that it has lost.
    dropped: u64,
    /// How many of these it has been told of.
    announced: u64,
}

/// One who waits to be told of more.
pub(super) struct Waiter {
    pub(super) inbox: Arc<Inbox>,
    pub(super) consumer: ConsumerId,
    pub(super) key: CursorKey,
}

impl Place {
    pub(super) fn new(spec: CursorSpec, position: u64) -> Self {
        Self {
            spec: Box::new(spec),
            position,
            waits_in: 0,
            waits_at: 0,
            marks: None,
            is_overrun: false,
            delivered: 0,
            dropped: 0,
            announced: 0,
        }
    }

    /// Notes that it waits, in that round as the one at `at`.
    pub(super) fn wait(&mut self, key: CursorKey, round: u64, at: usize) -> Waiter {
        (self.waits_in, self.waits_at) = (round, at);
        let (inbox, consumer) = (Arc::clone(&self.spec.inbox), self.spec.consumer);
        Waiter { inbox, consumer, key }
    }

    /// Moves on to `to`, having found itself at `start` and taken so many messages from there.
    /// Says how many losses are to be announced with them.
    pub(super) fn move_on(&mut self, start: u64, to: u64, taken: u64) -> u64 {
        self.dropped += start - self.position;
        self.position = to;
        self.delivered += taken;
        match taken {
            0 => 0,
            _ => self.dropped - std::mem::replace(&mut self.announced, self.dropped),
        }
    }

    /// Messages that it has lost and not noticed yet.
    pub(super) fn lost(&self, ring: &Ring) -> u64 {
        match self.is_overrun {
            true => 0,
            false => ring.within(self.position, &self.spec.limits) - self.position,
        }
    }

    /// Messages before it, the bytes of their bodies, and messages lost and not noticed yet.
    pub(super) fn behind(&self, ring: &Ring, now: Instant) -> (u64, u64, u64) {
        if self.is_overrun || self.position == ring.end() {
            return (0, 0, 0);
        }
        let limits = &self.spec.limits;
        let start = ring.within(self.position, limits);
        let (ready, bytes) = ring.ahead_of(ring.unexpired(now, start, limits.message_ttl));
        (ready, bytes, start - self.position)
    }

    /// Sets the marks at which to look at it again; `None` if it is not watched.
    pub(super) fn set_marks(&mut self, ring: &Ring) -> Option<Marks> {
        let limits = &self.spec.limits;
        if limits.overflow != Overflow::Disconnect {
            return None;
        }
        let marks = Marks {
            end: limits.messages_max.map(|max| self.position.saturating_add(max)),
            bytes: limits.bytes_max.map(|max| ring.bytes_before(self.position).saturating_add(max)),
            start: self.position,
        };
        self.marks = Some(Box::new(marks));
        Some(marks)
    }

    /// The bound that it has passed, if any; `passed` is that of the ring.
    pub(super) fn overrun(&self, ring: &Ring, passed: Option<Bound>) -> Option<Bound> {
        let CursorLimits { messages_max, bytes_max, .. } = self.spec.limits;
        if self.position < ring.start() {
            return passed;
        }
        let (messages, bytes) = ring.ahead_of(self.position);
        match (messages_max, bytes_max) {
            (Some(max), _) if messages > max => Some(Bound::Length(max)),
            (_, Some(max)) if bytes > max => Some(Bound::Bytes(max)),
            _ => None,
        }
    }

    /// Reads nothing more; gives back where it stood.
    pub(super) fn give_up(&mut self, ring: &Ring) -> u64 {
        self.is_overrun = true;
        self.dropped += ring.end() - self.position;
        std::mem::replace(&mut self.position, ring.end())
    }

    pub(super) fn view(&self, ring: &Ring, now: Instant) -> CursorView {
        let (ready, ready_bytes, lost) = self.behind(ring, now);
        CursorView {
            link: self.spec.link,
            consumer: self.spec.consumer,
            name: self.spec.name.clone(),
            tag: self.spec.tag.clone(),
            channel: self.spec.channel,
            arguments: self.spec.arguments.clone(),
            ready,
            ready_bytes,
            delivered: self.delivered,
            dropped: self.dropped + lost,
        }
    }
}
