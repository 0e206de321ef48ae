//! Messages that were handed out and wait to be settled.

use std::collections::HashMap;

use model::LinkId;

use super::consumers::ConsumerKey;
use super::ready::Taken;

/// A message that was handed out.
#[derive(Debug)]
pub(super) struct Outstanding {
    pub(super) taken: Taken,
    /// Who must settle it.
    pub(super) link: LinkId,
    /// The consumer it went to; `None` if it was got.
    pub(super) consumer: Option<ConsumerKey>,
}

/// Messages that were handed out and wait to be settled, by sequence.
#[derive(Debug, Default)]
pub(super) struct Unacked {
    by_sequence: HashMap<u64, Outstanding, foldhash::fast::FixedState>,
    body_bytes: u64,
}

impl Unacked {
    pub(super) fn messages(&self) -> u64 {
        self.by_sequence.len() as u64
    }

    pub(super) fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    pub(super) fn insert(&mut self, outstanding: Outstanding) {
        self.body_bytes += outstanding.taken.entry.message.body().len() as u64;
        self.by_sequence.insert(outstanding.taken.entry.sequence, outstanding);
    }

    /// Takes a message out, if it is outstanding for that link.
    pub(super) fn remove(&mut self, link: LinkId, sequence: u64) -> Option<Outstanding> {
        let std::collections::hash_map::Entry::Occupied(found) = self.by_sequence.entry(sequence)
        else {
            return None;
        };
        if found.get().link != link {
            return None;
        }
        let outstanding = found.remove();
        self.body_bytes -= outstanding.taken.entry.message.body().len() as u64;
        if self.by_sequence.is_empty() && self.by_sequence.capacity() > ROOM_KEPT_MESSAGES {
            self.by_sequence.shrink_to(ROOM_KEPT_MESSAGES);
        }
        Some(outstanding)
    }

    /// Takes out everything that is outstanding for a link, oldest first.
    pub(super) fn remove_all_of(&mut self, link: LinkId) -> Vec<Outstanding> {
        let its = self.by_sequence.iter().filter(|(_, outstanding)| outstanding.link == link);
        let mut sequences: Vec<u64> = its.map(|(sequence, _)| *sequence).collect();
        sequences.sort_unstable();
        sequences.into_iter().filter_map(|sequence| self.remove(link, sequence)).collect()
    }

    /// What is outstanding, by age.
    #[cfg(test)]
    pub(super) fn sequences(&self) -> Vec<u64> {
        let mut sequences: Vec<u64> = self.by_sequence.keys().copied().collect();
        sequences.sort_unstable();
        sequences
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Room for this many messages is kept by a queue whose deliveries are all settled.
const ROOM_KEPT_MESSAGES: usize = 64;
