//! What a stream's lock guards: the ring, who reads, who waits, who is watched.

use std::sync::Arc;

use model::{Bound, ConsumerId};
use slab::Slab;
use smallvec::SmallVec;

use super::place::{Place, Waiter};
use super::ring::Ring;
use super::stream::CursorKey;
use super::watch::{Reached, Watch};
use crate::inbox::Inbox;

/// What a stream's lock guards.
pub(super) struct State {
    pub(super) ring: Ring,
    pub(super) places: Slab<Place>,
    /// Cursors that have read everything and were not told of more.
    pub(super) waiting: Waiting,
    /// How often the waiting have been told: a cursor that noted an earlier round has been.
    pub(super) round: u64,
    /// Cursors to be disconnected if they fall behind too far; none in most streams.
    pub(super) watch: Option<Box<Watch>>,
    pub(super) published: u64,
}

/// Those who wait. Up to one without allocating: most streams have one reader.
pub(super) type Waiting = SmallVec<[Waiter; 1]>;

/// A reader that has fallen behind too far, and how far that is.
pub(super) type Overrun = (Arc<Inbox>, ConsumerId, Bound);

impl State {
    pub(super) fn wait_no_more(&mut self, key: CursorKey) {
        let waits = |place: &&mut Place| place.waits_in == self.round;
        let Some(place) = self.places.get_mut(key.0).filter(waits) else { return };
        let at = place.waits_at;
        place.waits_in = 0;
        self.waiting.swap_remove(at);
        let moved = self.waiting.get(at).and_then(|moved| self.places.get_mut(moved.key.0));
        if let Some(moved) = moved {
            moved.waits_at = at;
        }
    }

    /// Takes those who wait; they are going to be told.
    pub(super) fn take_waiting(&mut self) -> Waiting {
        if self.waiting.is_empty() {
            return Waiting::new();
        }
        self.round += 1;
        // As many are going to wait again.
        let room = Waiting::with_capacity(self.waiting.len());
        std::mem::replace(&mut self.waiting, room)
    }

    pub(super) fn keep_watch(&mut self, key: CursorKey) {
        let Some(place) = self.places.get_mut(key.0) else { return };
        if let Some(marks) = place.set_marks(&self.ring) {
            self.watch.get_or_insert_default().set(key, marks);
        }
    }

    pub(super) fn watch_no_more(&mut self, key: CursorKey) {
        let marks = self.places.get_mut(key.0).and_then(|place| place.marks.take());
        if let (Some(marks), Some(watch)) = (marks, &mut self.watch) {
            watch.clear(key, *marks);
        }
    }

    /// Gives up those of the watched that have fallen behind too far. `passed` is the bound for
    /// which messages have just been dropped, if any were.
    pub(super) fn find_overruns(&mut self, passed: Option<Bound>, overruns: &mut Vec<Overrun>) {
        let Some(watch) = &self.watch else { return };
        let reached = Reached {
            end: self.ring.end(),
            bytes: self.ring.bytes_total(),
            start: passed.is_some().then_some(self.ring.start()),
        };
        let mut due = Vec::new();
        watch.due(reached, &mut due);
        for key in due {
            self.watch_no_more(key);
            let Some(place) = self.places.get_mut(key.0).filter(|it| !it.is_overrun) else {
                continue;
            };
            match place.overrun(&self.ring, passed) {
                None => self.keep_watch(key),
                Some(bound) => {
                    let position = place.give_up(&self.ring);
                    overruns.push((Arc::clone(&place.spec.inbox), place.spec.consumer, bound));
                    self.ring.leave(position);
                    self.wait_no_more(key);
                }
            }
        }
    }
}
