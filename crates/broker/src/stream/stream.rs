//! A stream: the ring, its cursors, and who waits for more.
//!
//! Publishing is one append, and a word to those that had read everything; a cursor that is still
//! busy finds the rest when it comes back. The word is said outside the lock, so that readers do
//! not wait for it. A stream without cursors holds nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{Bound, Message, QueueName, Sequenced};
use parking_lot::Mutex;
use slab::Slab;

use super::budget::{Budget, Held, LARGE_BYTES_MIN, Ticket};
use super::cursor::{Cursor, CursorSpec, CursorView, Read, StreamTotals};
use super::place::{Place, Waiter};
use super::ring::Ring;
use super::state::{Overrun, State, Waiting};
use crate::inbox::{End, Inbound};
use crate::turn::Turn;

/// What to call when the last cursor has gone.
type WhenUnused = Box<dyn Fn(&Stream) + Send + Sync>;

/// A stream.
pub struct Stream {
    budget: Arc<Budget>,
    ticket: Ticket,
    when_unused: Option<WhenUnused>,
    state: Mutex<State>,
}

/// A cursor's number within its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CursorKey(pub(super) usize);

impl Stream {
    /// An empty stream that begins at `now`.
    pub fn new(now: Instant, budget: Arc<Budget>) -> Self {
        let state = State {
            ring: Ring::new(now),
            places: Slab::with_capacity(1),
            waiting: Waiting::new(),
            round: 1,
            watch: None,
            published: 0,
        };
        Self { budget, ticket: Ticket::default(), when_unused: None, state: Mutex::new(state) }
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
    pub fn publish(self: &Arc<Self>, turn: &mut Turn, message: &Arc<Message>) {
        let mut overruns = Vec::new();
        let (waiting, held) = {
            let mut guard = self.state.lock();
            let state = &mut *guard;
            state.published += 1;
            if state.places.is_empty() {
                return;
            }
            let before = state.ring.held();
            let passed = state.ring.append(turn.now, Arc::clone(message), self.budget.each());
            state.find_overruns(passed, &mut overruns);
            let held = state.ring.held();
            self.budget.change(before, held);
            (state.take_waiting(), held)
        };
        for Waiter { inbox, consumer, .. } in waiting {
            inbox.push(Inbound::Ready(consumer), &mut turn.wakes);
        }
        end_all(overruns, turn);
        if held.bytes >= LARGE_BYTES_MIN {
            self.budget.enlist(self);
        }
        if self.budget.excess().is_some() {
            self.relieve(turn);
        }
    }

    /// All streams together hold too much. Those that have been large for the longest give half of
    /// what they hold; if there are none, it is this one's turn.
    #[cold]
    fn relieve(self: &Arc<Self>, turn: &mut Turn) {
        while let Some((excess, bound)) = self.budget.excess() {
            let Some(large) = self.budget.take_large() else {
                self.give_way(turn, bound, |_| excess);
                return;
            };
            let held = large.give_way(turn, bound, |held| match held.bytes >= LARGE_BYTES_MIN {
                true => Held { messages: 0, bytes: held.bytes / 2 },
                false => Held::default(),
            });
            if held.bytes >= LARGE_BYTES_MIN && held.messages > 1 {
                self.budget.enlist(&large);
            }
        }
    }

    /// Drops old messages; how much says `wanted` by what is held. Says what is left.
    fn give_way(&self, turn: &mut Turn, bound: Bound, wanted: impl FnOnce(Held) -> Held) -> Held {
        let mut overruns = Vec::new();
        let held = {
            let mut guard = self.state.lock();
            let state = &mut *guard;
            let before = state.ring.held();
            if state.ring.give_way(wanted(before)) {
                state.find_overruns(Some(bound), &mut overruns);
            }
            let held = state.ring.held();
            self.budget.change(before, held);
            held
        };
        end_all(overruns, turn);
        held
    }

    /// A cursor that reads what comes from here on.
    pub fn subscribe(self: &Arc<Self>, spec: CursorSpec) -> Cursor {
        self.budget.count_reader();
        let mut guard = self.state.lock();
        let state = &mut *guard;
        if state.places.is_empty() {
            // Not room for four, as a first insertion would make.
            state.places.reserve_exact(1);
        }
        let place = Place::new(spec, state.ring.enter());
        let entry = state.places.vacant_entry();
        let key = CursorKey(entry.key());
        let place = entry.insert(place);
        state.waiting.push(place.wait(key, state.round, state.waiting.len()));
        state.keep_watch(key);
        drop(guard);
        Cursor::new(Arc::clone(self), key)
    }

    /// Whether nobody reads.
    pub fn is_unused(&self) -> bool {
        self.state.lock().places.is_empty()
    }

    /// What listings sum up, at `now`.
    pub fn totals(&self, now: Instant) -> StreamTotals {
        let state = self.state.lock();
        let cursors = state.places.len() as u64;
        let mut totals = StreamTotals { cursors, ..StreamTotals::default() };
        if state.ring.held().messages > 0 {
            for (_, place) in &state.places {
                let (ready, _, dropped) = place.behind(&state.ring, now);
                totals.ready += ready;
                totals.dropped += dropped;
            }
        }
        totals
    }

    /// How many messages came, whether somebody was there or not.
    pub fn published(&self) -> u64 {
        self.state.lock().published
    }

    /// What is held for cursors that are behind.
    pub fn held(&self) -> Held {
        self.state.lock().ring.held()
    }

    /// The cursors as listings show them at `now`.
    pub fn views(&self, now: Instant) -> Vec<CursorView> {
        let state = self.state.lock();
        state.places.iter().map(|(_, place)| place.view(&state.ring, now)).collect()
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

    pub(super) fn is_overrun(&self, key: CursorKey) -> bool {
        self.state.lock().places.get(key.0).is_some_and(|place| place.is_overrun)
    }

    pub(super) fn ticket(&self) -> &Ticket {
        &self.ticket
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
        let ring = &mut state.ring;
        let before = ring.held();
        let cursors = state.places.len();
        let Some(place) = state.places.get_mut(key.0).filter(|place| !place.is_overrun) else {
            return Read::default();
        };
        let from = place.position;
        let start = ring.within(from, &place.spec.limits);
        let bytes_before = ring.bytes_before(start);
        let (to, taken) = take(ring, start, place.spec.limits.message_ttl, cursors);
        let read = Read {
            dropped: place.move_on(start, to, taken as u64),
            bytes: ring.bytes_before(to) - bytes_before,
            has_more: to < ring.end(),
        };
        ring.advance(from, to);
        if !read.has_more && place.waits_in != state.round {
            state.waiting.push(place.wait(key, state.round, state.waiting.len()));
        }
        let held = state.ring.held();
        drop(guard);
        self.note(before, held);
        self.budget.count_dropped(start - from);
        read
    }

    pub(super) fn leave(&self, key: CursorKey) {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let before = state.ring.held();
        state.wait_no_more(key);
        state.watch_no_more(key);
        let Some(place) = state.places.try_remove(key.0) else {
            return;
        };
        let lost = place.lost(&state.ring);
        if !place.is_overrun {
            state.ring.leave(place.position);
        }
        let is_unused = state.places.is_empty();
        if is_unused {
            state.places = Slab::new();
            state.waiting = Waiting::new();
        }
        let held = state.ring.held();
        drop(guard);
        self.note(before, held);
        self.budget.count_dropped(lost);
        self.budget.count_left();
        if let Some(tell) = self.when_unused.as_ref().filter(|_| is_unused) {
            tell(self);
        }
    }

    /// Notes what readers have freed.
    fn note(&self, before: Held, held: Held) {
        self.budget.change(before, held);
        if held.bytes < LARGE_BYTES_MIN / 2 {
            self.budget.delist(&self.ticket);
        }
    }
}

/// Tells readers that have fallen behind too far. In this order: they hear nothing else.
fn end_all(overruns: Vec<Overrun>, turn: &mut Turn) {
    for (inbox, consumer, bound) in overruns {
        inbox.end(End::Overrun { consumer, bound }, &mut turn.wakes);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.budget.delist(&self.ticket);
        self.budget.change(self.state.get_mut().ring.held(), Held::default());
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.state.lock();
        f.debug_struct("Stream")
            .field("cursors", &state.places.len())
            .field("messages", &state.ring.held().messages)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod random;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod tests;
