//! A stream: the ring, its cursors, and who waits for more.
//!
//! Publishing is one append and a word to those that had read everything; a cursor that is still
//! busy finds the rest when it comes back. A stream without cursors holds nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{Message, QueueName, Sequenced};
use parking_lot::Mutex;
use slab::Slab;

use super::cursor::{Cursor, CursorSpec, CursorView, Read};
use super::retention::StreamLimits;
use super::ring::Ring;
use crate::inbox::Inbound;
use crate::turn::Turn;

/// What to call when the last cursor has gone.
type WhenUnused = Box<dyn Fn(&Stream) + Send + Sync>;

/// A stream.
pub struct Stream {
    limits: StreamLimits,
    when_unused: Option<WhenUnused>,
    state: Mutex<State>,
}

/// A cursor's number within its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CursorKey(usize);

struct State {
    ring: Ring,
    places: Slab<Place>,
    /// Cursors that have read everything and were not told of more.
    waiting: Vec<CursorKey>,
    published: u64,
}

/// Where a cursor stands.
struct Place {
    spec: Box<CursorSpec>,
    position: u64,
    /// Where in `waiting` it is, if it waits.
    waits_at: Option<usize>,
    delivered: u64,
    dropped: u64,
}

impl Stream {
    /// An empty stream that begins at `now`.
    pub fn new(now: Instant, limits: StreamLimits) -> Self {
        let state =
            State { ring: Ring::new(now), places: Slab::new(), waiting: Vec::new(), published: 0 };
        Self { limits, when_unused: None, state: Mutex::new(state) }
    }

    /// Calls `tell` whenever the last cursor has gone, in the thread that dropped it and outside
    /// every lock of the stream. Somebody may subscribe again meanwhile: ask [`Self::is_unused`]
    /// under the lock that guards subscribing.
    #[must_use]
    pub fn when_unused(mut self, tell: impl Fn(&Self) + Send + Sync + 'static) -> Self {
        self.when_unused = Some(Box::new(tell));
        self
    }

    /// Appends a message, if anybody is there to read it, and tells those that had read everything.
    pub fn publish(&self, turn: &mut Turn, message: &Arc<Message>) {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        state.published += 1;
        if state.places.is_empty() {
            return;
        }
        state.ring.append(turn.now, Arc::clone(message), self.limits);
        for key in state.waiting.drain(..) {
            if let Some(place) = state.places.get_mut(key.0) {
                place.waits_at = None;
                place.spec.inbox.push(Inbound::Ready(place.spec.consumer), &mut turn.wakes);
            }
        }
    }

    /// A cursor that reads what comes from here on.
    pub fn subscribe(self: &Arc<Self>, spec: CursorSpec) -> Cursor {
        let mut state = self.state.lock();
        let position = state.ring.enter();
        let spec = Box::new(spec);
        let place = Place { spec, position, waits_at: None, delivered: 0, dropped: 0 };
        let key = CursorKey(state.places.insert(place));
        state.wait(key);
        drop(state);
        Cursor::new(Arc::clone(self), key)
    }

    /// Whether nobody reads.
    pub fn is_unused(&self) -> bool {
        self.state.lock().places.is_empty()
    }

    /// How many cursors there are.
    pub fn cursors(&self) -> usize {
        self.state.lock().places.len()
    }

    /// How many messages came, whether somebody was there or not.
    pub fn published(&self) -> u64 {
        self.state.lock().published
    }

    /// How many messages are held for cursors that are behind.
    pub fn held(&self) -> u64 {
        self.state.lock().ring.messages()
    }

    /// The cursors as listings show them.
    pub fn views(&self) -> Vec<CursorView> {
        let state = self.state.lock();
        state.places.iter().map(|(_, place)| place.view(&state.ring)).collect()
    }

    /// Tells the consumer that is listed as `name` that its queue is gone, as an operator asked;
    /// whether there is one.
    pub fn cancel(&self, turn: &mut Turn, name: &QueueName) -> bool {
        let state = self.state.lock();
        let found = state.places.iter().find(|(_, place)| place.spec.name == *name);
        if let Some((_, Place { spec, .. })) = found {
            spec.inbox.push(Inbound::Cancelled(spec.consumer), &mut turn.wakes);
        }
        found.is_some()
    }

    /// Tells all consumers that their queues are gone, as when the vhost is deleted.
    pub fn cancel_all(&self, turn: &mut Turn) {
        let state = self.state.lock();
        for (_, Place { spec, .. }) in &state.places {
            spec.inbox.push(Inbound::Cancelled(spec.consumer), &mut turn.wakes);
        }
    }

    pub(super) fn read(
        &self,
        key: CursorKey,
        now: Instant,
        limit: usize,
        messages: &mut Vec<(u64, Arc<Message>)>,
    ) -> Read {
        self.read_by(key, |ring, start, ttl, _| {
            let before = messages.len();
            let to = ring.read(now, start, ttl, limit, messages);
            (to, messages.len() - before)
        })
    }

    pub(super) fn read_run(&self, key: CursorKey, now: Instant) -> (Arc<[Sequenced]>, Read) {
        let mut messages = Arc::default();
        let read = self.read_by(key, |ring, start, ttl, cursors| {
            let to;
            (messages, to) = ring.read_run(now, start, ttl, cursors);
            (to, messages.len())
        });
        (messages, read)
    }

    /// Moves a cursor on by what `take` does: it is given where to begin, the cursor's time to
    /// live and the number of cursors, and says where it ended and how many messages it took.
    fn read_by(
        &self,
        key: CursorKey,
        take: impl FnOnce(&mut Ring, u64, Option<Duration>, usize) -> (u64, usize),
    ) -> Read {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let cursors = state.places.len();
        let Some(place) = state.places.get_mut(key.0) else {
            return Read::default();
        };
        let limits = &place.spec.limits;
        let from = place.position;
        let start = state.ring.within(from, limits);
        let (to, taken) = take(&mut state.ring, start, limits.message_ttl, cursors);
        place.position = to;
        place.delivered += taken as u64;
        place.dropped += start - from;
        let is_waiting = place.waits_at.is_some();
        state.ring.advance(from, to);
        let has_more = to < state.ring.end();
        if !has_more && !is_waiting {
            state.wait(key);
        }
        Read { dropped: start - from, has_more }
    }

    pub(super) fn leave(&self, key: CursorKey) {
        let mut state = self.state.lock();
        state.wait_no_more(key);
        let Some(place) = state.places.try_remove(key.0) else {
            return;
        };
        state.ring.leave(place.position);
        let is_unused = state.places.is_empty();
        if is_unused {
            state.places = Slab::new();
            state.waiting = Vec::new();
        }
        drop(state);
        if let Some(tell) = self.when_unused.as_ref().filter(|_| is_unused) {
            tell(self);
        }
    }
}

impl State {
    fn wait(&mut self, key: CursorKey) {
        if let Some(place) = self.places.get_mut(key.0) {
            place.waits_at = Some(self.waiting.len());
            self.waiting.push(key);
        }
    }

    fn wait_no_more(&mut self, key: CursorKey) {
        let Some(at) = self.places.get_mut(key.0).and_then(|place| place.waits_at.take()) else {
            return;
        };
        self.waiting.swap_remove(at);
        let moved = self.waiting.get(at).and_then(|moved| self.places.get_mut(moved.0));
        if let Some(moved) = moved {
            moved.waits_at = Some(at);
        }
    }
}

impl Place {
    fn view(&self, ring: &Ring) -> CursorView {
        let position = ring.within(self.position, &self.spec.limits);
        let (ready, ready_bytes) = ring.ahead_of(position);
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
            dropped: self.dropped + (position - self.position),
        }
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.state.lock();
        f.debug_struct("Stream")
            .field("cursors", &state.places.len())
            .field("messages", &state.ring.messages())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod random;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod tests;
