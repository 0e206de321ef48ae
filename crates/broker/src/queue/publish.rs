//! A batch of messages into the queues it goes to.
//!
//! A message that several durable queues keep is stored once, with its place in each. So they are
//! all locked until the log has it: in the order of their numbers, the only place where more than
//! one queue is locked.

use std::sync::Arc;

use model::Message;
use parking_lot::MutexGuard;
use smallvec::SmallVec;

use super::answer::{Accepted, Positions, Published};
use super::command::Command;
use super::effect::Effect;
use super::handle::Queue;
use super::journal::{Journal, write_message};
use super::machine::Machine;
use crate::store::Batch;
use crate::turn::Turn;

impl Queue {
    /// Takes a message in and hands it to a consumer, if one can take it.
    pub fn publish(self: &Arc<Self>, turn: &mut Turn, message: &Arc<Message>) -> Accepted {
        let one = std::slice::from_ref(message);
        let published = publish_all(&mut [Arc::clone(self)], turn, one);
        Accepted::unless(published.rejected.contains(0))
    }

    /// Takes messages in, in order, under one lock, and says which of them it turned down. None of
    /// them is kept in the log.
    pub(super) fn publish_batch(
        self: &Arc<Self>,
        turn: &mut Turn,
        messages: impl Iterator<Item = Arc<Message>>,
    ) -> Positions {
        let mut rejected = Positions::default();
        let mut effects = std::mem::take(&mut turn.effects);
        let mut state = self.lock();
        for (at, message) in messages.enumerate() {
            let before = effects.len();
            state.apply(turn.now, Command::Publish(message), &mut effects);
            let said = effects.get(before..).unwrap_or_default();
            if said.iter().any(|effect| matches!(effect, Effect::Rejected)) {
                rejected.add(at);
            }
        }
        self.carry_out_all(turn, &state, effects);
        rejected
    }
}

/// Messages times durable queues that are written under one set of locks, at most.
const PLACES_MAX: usize = 1024;

/// What a message takes in the log beside its content, roughly, in bytes.
const RECORD_BYTES: usize = 64;

/// Takes messages into queues, each of them into all, in order; at most
/// [`Positions::MESSAGES_MAX`]. Says which were turned down, and which were handed to the log.
pub(crate) fn publish_all(
    queues: &mut [Arc<Queue>],
    turn: &mut Turn,
    messages: &[Arc<Message>],
) -> Published {
    let mut published = Published::default();
    if queues.iter().all(|queue| queue.journal().is_none()) {
        for queue in queues.iter() {
            let rejected = queue.publish_batch(turn, messages.iter().cloned());
            published.rejected = published.rejected.or(rejected);
        }
        return published;
    }
    // Those that keep nothing first, then by number.
    queues.sort_by_key(|queue| queue.journal().map(Journal::id));
    let kept = queues.partition_point(|queue| queue.journal().is_none());
    let (volatile, durable) = queues.split_at_mut(kept);
    published = publish_all(volatile, turn, messages);
    let at_once = (PLACES_MAX / durable.len()).max(1);
    for (chunk, at) in messages.chunks(at_once).zip((0..).step_by(at_once)) {
        published = published.and(publish_logged(durable, turn, chunk, at));
    }
    published
}

/// A durable queue while a batch is taken in.
struct Locked<'a> {
    queue: &'a Arc<Queue>,
    journal: &'a Journal,
    state: MutexGuard<'a, Machine>,
    effects: Vec<Effect>,
}

impl<'a> Locked<'a> {
    fn lock(queue: &'a Arc<Queue>) -> Option<Self> {
        let (journal, state) = (queue.journal()?, queue.lock());
        Some(Self { queue, journal, state, effects: Vec::new() })
    }
}

/// The same for queues that all have a journal, in the order of their numbers. The first message
/// has the position `first`.
fn publish_logged(
    queues: &[Arc<Queue>],
    turn: &mut Turn,
    messages: &[Arc<Message>],
    first: usize,
) -> Published {
    let are_defined = queues.iter().filter_map(|queue| queue.journal()).all(Journal::is_defined);
    let mut locked: SmallVec<[Locked<'_>; 1]> = queues.iter().filter_map(Locked::lock).collect();
    let Some(first_locked) = locked.first_mut() else { return Published::default() };
    first_locked.effects = std::mem::take(&mut turn.effects);
    let log = Arc::clone(first_locked.journal.log());
    let mut batch = Batch::with_room(room(messages));
    let mut published = Published::default();
    let is_writable = log.is_writable() && are_defined;
    let keeps_transient = queues.iter().any(|queue| queue.kind().keeps_transient());
    for (message, at) in messages.iter().zip(first..) {
        let is_kept = message.marks().is_persistent || keeps_transient;
        if is_kept && !is_writable {
            published.rejected.add(at);
            continue;
        }
        publish_one(&mut locked, turn, (message, at), &mut batch, &mut published);
    }
    for Locked { journal, state, .. } in &mut locked {
        if let Some(changes) = state.changes().filter(|changes| !changes.is_empty()) {
            journal.write(changes, &mut batch);
        }
        journal.account(&mut *state);
    }
    if !log.append(batch) {
        // Nobody is told that they are safe.
        published.rejected = published.rejected.or(published.logged);
        published.logged = Positions::default();
    }
    for Locked { queue, state, effects, .. } in locked {
        queue.carry_out_all(turn, &state, effects);
    }
    published
}

fn publish_one(
    locked: &mut [Locked<'_>],
    turn: &Turn,
    (message, at): (&Arc<Message>, usize),
    batch: &mut Batch,
    published: &mut Published,
) {
    let mut places = SmallVec::<[_; 4]>::new();
    for Locked { journal, state, effects, .. } in locked {
        let before = effects.len();
        state.apply(turn.now, Command::Publish(Arc::clone(message)), effects);
        let said = effects.get(before..).unwrap_or_default();
        if said.iter().any(|effect| matches!(effect, Effect::Rejected)) {
            published.rejected.add(at);
        }
        if let Some(came) = state.changes().and_then(|changes| changes.came.take()) {
            places.push(journal.place(state, &came));
        }
    }
    if !places.is_empty() {
        match write_message(message, &places, batch) {
            true => published.logged.add(at),
            // No protocol lets one in that is so large.
            false => published.rejected.add(at),
        }
    }
}

fn room(messages: &[Arc<Message>]) -> usize {
    let kept = messages.iter().filter(|message| message.marks().is_persistent);
    kept.map(|message| message.content().len() + message.exchange().as_str().len() + RECORD_BYTES)
        .sum()
}
