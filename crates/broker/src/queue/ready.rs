//! Messages that wait for a consumer, in their order.
//!
//! A queue without priorities has one level. Within a level what came back stands before what was
//! never handed out, because handing out starts at the front; so only the few that came back need
//! to be sorted, and whether a message is redelivered is known by where it stands.
//!
//! What waits far behind in a durable queue is not held in memory: of a run of such messages only
//! the bounds are known, the rest is in the log, until its turn is near.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use model::Message;

use super::expiry::Expiry;
use super::runs::{Bounds, Run, Runs};

/// A message in a queue.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) message: Arc<Message>,
    /// Its place in the order of arrival; never given twice.
    pub(super) sequence: u64,
    pub(super) expiry: Expiry,
    /// Whether it is in the log.
    pub(super) is_logged: bool,
}

/// A message taken out of [`Ready`].
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) entry: Entry,
    pub(super) priority: u8,
    /// How often it came back; 0 if it was never handed out.
    pub(super) returns: u32,
}

/// Messages that wait for a consumer.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// By priority, the lowest first; grown when a priority first appears.
    levels: Vec<Level>,
    messages: u64,
    body_bytes: u64,
    /// What the messages that are in memory take there.
    held_bytes: u64,
    /// Messages that are in the log only, and bytes of their bodies.
    away: u64,
    away_bytes: u64,
}

#[derive(Debug, Default)]
struct Level {
    /// What came back, by sequence, and how often it did.
    returned: BTreeMap<u64, (Entry, u32)>,
    /// What was never handed out, by sequence.
    fresh: VecDeque<Entry>,
    /// What is in the log only. Each of them stands before or behind each of `fresh`.
    runs: Runs,
}

/// What a message takes in memory beside its content, roughly, in bytes.
const MESSAGE_BYTES: u64 = 256;

impl Entry {
    fn body_bytes(&self) -> u64 {
        self.message.body().len() as u64
    }

    /// What it takes in memory, in bytes.
    fn held_bytes(&self) -> u64 {
        self.body_bytes() + MESSAGE_BYTES
    }
}

impl Ready {
    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    pub(super) fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// What the messages that are in memory take there, in bytes.
    pub(super) fn held_bytes(&self) -> u64 {
        self.held_bytes
    }

    /// Messages that are in the log only, and bytes of their bodies.
    pub(super) fn away(&self) -> (u64, u64) {
        (self.away, self.away_bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// Adds a message that has just arrived: its sequence is the highest so far.
    pub(super) fn push(&mut self, priority: u8, entry: Entry) {
        self.count(&entry);
        self.level(priority).fresh.push_back(entry);
    }

    /// Adds a message that has just arrived and is in the log only.
    pub(super) fn push_to_log(&mut self, priority: u8, sequence: u64, body_bytes: u64) {
        self.messages += 1;
        self.away += 1;
        self.away_bytes += body_bytes;
        self.body_bytes += body_bytes;
        let level = self.level(priority);
        let newest_held = level.fresh.back().map(|entry| entry.sequence);
        level.runs.push(sequence, body_bytes, newest_held);
    }

    /// Whether messages of that priority wait in the log only: then what comes behind them has no
    /// need to be in memory.
    pub(super) fn has_runs(&self, priority: u8) -> bool {
        self.away > 0
            && self.levels.get(usize::from(priority)).is_some_and(|level| !level.runs.is_empty())
    }

    /// Puts a message back to its place.
    pub(super) fn put_back(&mut self, taken: Taken) {
        self.count(&taken.entry);
        let level = self.level(taken.priority);
        level.returned.insert(taken.entry.sequence, (taken.entry, taken.returns));
    }

    /// The next message: the oldest of the highest priority. `None` also while it is in the log
    /// only.
    pub(super) fn head(&self) -> Option<&Entry> {
        let level = self.levels.iter().rev().find(|level| !level.is_empty())?;
        match level.returned.first_key_value() {
            Some((_, (entry, _))) => Some(entry),
            None => level.fresh.front().filter(|entry| level.runs.are_behind(entry.sequence)),
        }
    }

    /// Takes the next message out, if it is in memory.
    pub(super) fn pop(&mut self) -> Option<Taken> {
        let (priority, level) =
            self.levels.iter_mut().enumerate().rev().find(|(_, level)| !level.is_empty())?;
        let (entry, returns) = match level.returned.pop_first() {
            Some((_, returned)) => returned,
            None => (level.pop_fresh()?, 0),
        };
        self.messages -= 1;
        self.body_bytes -= entry.body_bytes();
        self.held_bytes -= entry.held_bytes();
        Some(Taken { entry, priority: u8::try_from(priority).unwrap_or(u8::MAX), returns })
    }

    /// The run whose messages are needed next, if fewer than `low` stand before it, and its
    /// priority.
    pub(super) fn next_run(&self, low: usize) -> Option<(u8, &Run)> {
        if self.away == 0 {
            return None;
        }
        let (priority, level) =
            self.levels.iter().enumerate().rev().find(|(_, level)| !level.is_empty())?;
        let run = level.runs.front()?;
        let before = level.returned.len() + level.fresh_before(run.first);
        (before < low).then(|| (u8::try_from(priority).unwrap_or(u8::MAX), run))
    }

    /// Takes messages over that were read from the log, in their order: the front of the first run
    /// of that priority. Those that do not belong to it are left out. Says how many it gives up:
    /// with `read_to`, the log was read to there, so what is missing of a run that ends there is
    /// lost.
    pub(super) fn hold(
        &mut self,
        priority: u8,
        read: impl Iterator<Item = (Entry, u32)>,
        read_to: Option<u64>,
    ) -> u64 {
        let Some(level) = self.levels.get_mut(usize::from(priority)) else { return 0 };
        let Some(Bounds { first, last }) = level.runs.front().map(Run::bounds) else { return 0 };
        let before = level.fresh_before(first);
        let mut front: Vec<Entry> = level.fresh.drain(..before).collect();
        let its = read.filter(|(entry, _)| (first..=last).contains(&entry.sequence));
        for (entry, returns) in its {
            level.runs.take(entry.sequence, entry.body_bytes());
            self.away -= 1;
            self.away_bytes -= entry.body_bytes();
            self.held_bytes += entry.held_bytes();
            match returns {
                0 => front.push(entry),
                _ => drop(level.returned.insert(entry.sequence, (entry, returns))),
            }
        }
        level.fresh.reserve(front.len());
        front.into_iter().rev().for_each(|entry| level.fresh.push_front(entry));
        let lost = read_to.and_then(|last| level.runs.give_up(last));
        let Some(lost) = lost else { return 0 };
        self.messages -= lost.messages;
        self.away -= lost.messages;
        self.away_bytes -= lost.body_bytes;
        self.body_bytes -= lost.body_bytes;
        lost.messages
    }

    /// Drops everything and says how many messages that were.
    pub(super) fn clear(&mut self) -> u64 {
        std::mem::take(self).messages
    }

    /// Everything in memory, the next first, with how often each came back.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Entry, u32)> {
        self.levels.iter().rev().flat_map(|level| {
            let returned = level.returned.values().map(|(entry, returns)| (entry, *returns));
            returned.chain(level.fresh.iter().map(|entry| (entry, 0)))
        })
    }

    fn count(&mut self, entry: &Entry) {
        self.messages += 1;
        self.body_bytes += entry.body_bytes();
        self.held_bytes += entry.held_bytes();
    }

    fn level(&mut self, priority: u8) -> &mut Level {
        let at = usize::from(priority);
        if self.levels.len() <= at {
            self.levels.resize_with(at + 1, Level::default);
        }
        #[expect(clippy::indexing_slicing, reason = "the level was made above")]
        &mut self.levels[at]
    }
}

impl Level {
    fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.returned.is_empty() && self.runs.is_empty()
    }

    fn pop_fresh(&mut self) -> Option<Entry> {
        let runs = &self.runs;
        let entry = self.fresh.pop_front_if(|entry| runs.are_behind(entry.sequence));
        let room = self.fresh.capacity();
        if room > ROOM_KEPT_MESSAGES && self.fresh.len() < room / 4 {
            self.fresh.shrink_to((room / 2).max(ROOM_KEPT_MESSAGES));
        }
        entry
    }

    fn fresh_before(&self, sequence: u64) -> usize {
        self.fresh.partition_point(|entry| entry.sequence < sequence)
    }
}

/// Room for this many messages is kept by a queue that has become empty.
const ROOM_KEPT_MESSAGES: usize = 64;
