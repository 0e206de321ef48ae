//! Messages that wait for a consumer, in their order.
//!
//! A queue without priorities has one level. Within a level what came back stands before what was
//! never handed out, because handing out starts at the front; so only the few that came back need
//! to be sorted, and whether a message is redelivered is known by where it stands.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use model::Message;

use super::expiry::Expiry;

/// A message in a queue.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) message: Arc<Message>,
    /// Its place in the order of arrival; never given twice.
    pub(super) sequence: u64,
    pub(super) expiry: Expiry,
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
}

#[derive(Debug, Default)]
struct Level {
    /// What came back, by sequence, and how often it did.
    returned: BTreeMap<u64, (Entry, u32)>,
    /// What was never handed out, by sequence.
    fresh: VecDeque<Entry>,
}

impl Ready {
    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    pub(super) fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// Adds a message that has just arrived: its sequence is the highest so far.
    pub(super) fn push(&mut self, priority: u8, entry: Entry) {
        self.count(&entry);
        self.level(priority).fresh.push_back(entry);
    }

    /// Puts a message back to its place.
    pub(super) fn put_back(&mut self, taken: Taken) {
        self.count(&taken.entry);
        let level = self.level(taken.priority);
        level.returned.insert(taken.entry.sequence, (taken.entry, taken.returns));
    }

    /// The next message: the oldest of the highest priority.
    pub(super) fn head(&self) -> Option<&Entry> {
        let level = self.levels.iter().rev().find(|level| !level.is_empty())?;
        match level.returned.first_key_value() {
            Some((_, (entry, _))) => Some(entry),
            None => level.fresh.front(),
        }
    }

    /// Takes the next message out.
    pub(super) fn pop(&mut self) -> Option<Taken> {
        let (priority, level) =
            self.levels.iter_mut().enumerate().rev().find(|(_, level)| !level.is_empty())?;
        let (entry, returns) = match level.returned.pop_first() {
            Some((_, returned)) => returned,
            None => (level.pop_fresh()?, 0),
        };
        self.messages -= 1;
        self.body_bytes -= entry.message.body().len() as u64;
        Some(Taken { entry, priority: u8::try_from(priority).unwrap_or(u8::MAX), returns })
    }

    /// Drops everything and says how many messages that were.
    pub(super) fn clear(&mut self) -> u64 {
        std::mem::take(self).messages
    }

    /// Everything, the next first, with how often each came back.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Entry, u32)> {
        self.levels.iter().rev().flat_map(|level| {
            let returned = level.returned.values().map(|(entry, returns)| (entry, *returns));
            returned.chain(level.fresh.iter().map(|entry| (entry, 0)))
        })
    }

    fn count(&mut self, entry: &Entry) {
        self.messages += 1;
        self.body_bytes += entry.message.body().len() as u64;
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
        self.fresh.is_empty() && self.returned.is_empty()
    }

    fn pop_fresh(&mut self) -> Option<Entry> {
        let entry = self.fresh.pop_front();
        let room = self.fresh.capacity();
        if room > ROOM_KEPT_MESSAGES && self.fresh.len() < room / 4 {
            self.fresh.shrink_to((room / 2).max(ROOM_KEPT_MESSAGES));
        }
        entry
    }
}

/// Room for this many messages is kept by a queue that has become empty.
const ROOM_KEPT_MESSAGES: usize = 64;
