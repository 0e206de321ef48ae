//! Messages that were handed out and wait to be settled.
//!
//! Nearly always messages are handed out in the order of their sequences and settled in nearly the
//! same order, so they stand in a run, found by their distance from its front. What is handed
//! out of order (because it came back, or has a higher priority) strays beside it. Measured against
//! a hash map of such entries: about as fast with a hundred outstanding, five times as fast with
//! 100,000, where a hash map misses the cache each time.

use std::collections::{BTreeMap, VecDeque};

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

/// Messages that were handed out and wait to be settled.
#[derive(Debug, Default)]
pub(super) struct Unacked {
    /// By sequence, without gaps at either end.
    run: VecDeque<Slot>,
    /// What had a lower sequence than the end of the run when it was handed out.
    strays: BTreeMap<u64, Outstanding>,
    messages: u64,
    body_bytes: u64,
}

#[derive(Debug)]
struct Slot {
    sequence: u64,
    /// `None` once it is settled.
    outstanding: Option<Outstanding>,
}

impl Unacked {
    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    pub(super) fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    pub(super) fn insert(&mut self, outstanding: Outstanding) {
        self.messages += 1;
        self.body_bytes += outstanding.taken.entry.message.body().len() as u64;
        let sequence = outstanding.taken.entry.sequence;
        if self.run.back().is_some_and(|last| last.sequence >= sequence) {
            self.strays.insert(sequence, outstanding);
        } else {
            self.run.push_back(Slot { sequence, outstanding: Some(outstanding) });
        }
    }

    /// Takes a message out, if it is outstanding for that link.
    pub(super) fn remove(&mut self, link: LinkId, sequence: u64) -> Option<Outstanding> {
        let its = |outstanding: &mut Outstanding| outstanding.link == link;
        let in_run = self.slot(sequence).and_then(|slot| slot.outstanding.take_if(its));
        let outstanding = match in_run {
            Some(outstanding) => outstanding,
            None => {
                self.strays.get_mut(&sequence).filter(|stray| stray.link == link)?;
                self.strays.remove(&sequence)?
            }
        };
        self.messages -= 1;
        self.body_bytes -= outstanding.taken.entry.message.body().len() as u64;
        self.tidy_run();
        Some(outstanding)
    }

    /// Takes out everything that is outstanding for a link.
    pub(super) fn remove_all_of(&mut self, link: LinkId) -> Vec<Outstanding> {
        let in_run = self.run.iter().filter_map(|slot| slot.outstanding.as_ref());
        let all = in_run.chain(self.strays.values());
        let its = all.filter(|outstanding| outstanding.link == link);
        let sequences: Vec<u64> = its.map(|its| its.taken.entry.sequence).collect();
        sequences.into_iter().filter_map(|sequence| self.remove(link, sequence)).collect()
    }

    /// Their sequences, in no order.
    pub(super) fn all_sequences(&self) -> impl Iterator<Item = u64> {
        let in_run = self.run.iter().filter(|slot| slot.outstanding.is_some());
        in_run.map(|slot| slot.sequence).chain(self.strays.keys().copied())
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn slot(&mut self, sequence: u64) -> Option<&mut Slot> {
        // Sequences rise by one or more, so its place is its distance from the front or before it.
        let distance = sequence.checked_sub(self.run.front()?.sequence)?;
        let distance = usize::try_from(distance).unwrap_or(usize::MAX);
        let at = match self.run.get(distance) {
            Some(slot) if slot.sequence == sequence => distance,
            _ => self.run.binary_search_by_key(&sequence, |slot| slot.sequence).ok()?,
        };
        self.run.get_mut(at)
    }

    /// Drops what is settled: at the ends always, in between once it is the greater part, so that
    /// one message nobody settles does not hold room for all that came after it.
    fn tidy_run(&mut self) {
        while self.run.pop_front_if(|slot| slot.outstanding.is_none()).is_some() {}
        while self.run.pop_back_if(|slot| slot.outstanding.is_none()).is_some() {}
        let outstanding = self.messages - self.strays.len() as u64;
        if self.run.len() > ROOM_KEPT_MESSAGES && outstanding < self.run.len() as u64 / 2 {
            self.run.retain(|slot| slot.outstanding.is_some());
        }
        let room = self.run.capacity();
        if room > ROOM_KEPT_MESSAGES && self.run.len() < room / 4 {
            self.run.shrink_to((room / 2).max(ROOM_KEPT_MESSAGES));
        }
    }

    /// What is outstanding, by age.
    #[cfg(test)]
    pub(super) fn sequences(&self) -> Vec<u64> {
        let mut sequences: Vec<u64> = self.all_sequences().collect();
        sequences.sort_unstable();
        sequences
    }
}

/// Room for this many messages is kept by a queue whose deliveries are all settled.
const ROOM_KEPT_MESSAGES: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use model::Marks;
    use proptest::prelude::*;

    use super::*;
    use crate::queue::expiry::Expiry;
    use crate::queue::ready::Entry;
    use crate::sample;

    fn outstanding(sequence: u64, link: u64) -> Outstanding {
        let message = sample::message("k", b"123", Marks::default());
        let entry = Entry { message, sequence, expiry: Expiry::NEVER, is_logged: false };
        let taken = Taken { entry, priority: 0, returns: 0 };
        Outstanding { taken, link: LinkId(link), consumer: None }
    }

    #[test]
    fn one_message_that_nobody_settles_does_not_hold_room_for_the_others() {
        let mut unacked = Unacked::default();
        unacked.insert(outstanding(0, 1));
        for sequence in 1..10_000 {
            unacked.insert(outstanding(sequence, 1));
            unacked.remove(LinkId(1), sequence.saturating_sub(10).max(1));
        }
        assert!(unacked.run.len() <= ROOM_KEPT_MESSAGES + 1, "{}", unacked.run.len());
        assert_eq!(unacked.messages(), 11);
    }

    #[test]
    fn room_is_given_back() {
        let mut unacked = Unacked::default();
        (0..10_000).for_each(|sequence| unacked.insert(outstanding(sequence, 1)));
        assert_eq!(unacked.remove_all_of(LinkId(1)).len(), 10_000);
        assert!(unacked.run.capacity() <= 4 * ROOM_KEPT_MESSAGES, "{}", unacked.run.capacity());
        assert_eq!((unacked.messages(), unacked.body_bytes()), (0, 0));
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(100)
        })]

        #[test]
        fn it_holds_what_a_set_would_hold(
            steps in proptest::collection::vec((0_u64..100, 0_u64..2, any::<bool>()), 0..500),
        ) {
            let (mut unacked, mut expected) = (Unacked::default(), BTreeSet::new());
            for (sequence, link, is_insert) in steps {
                if is_insert {
                    // A sequence is outstanding only once.
                    let is_elsewhere = expected.contains(&(sequence, 1 - link));
                    if !is_elsewhere && expected.insert((sequence, link)) {
                        unacked.insert(outstanding(sequence, link));
                    }
                } else {
                    let was_there = expected.remove(&(sequence, link));
                    let removed = unacked.remove(LinkId(link), sequence);
                    let removed = removed.map(|it| it.taken.entry.sequence);
                    prop_assert_eq!(removed, was_there.then_some(sequence));
                }
                let sequences: Vec<u64> = expected.iter().map(|(sequence, _)| *sequence).collect();
                prop_assert_eq!(unacked.sequences(), sequences);
                prop_assert_eq!(unacked.messages(), expected.len() as u64);
                prop_assert_eq!(unacked.body_bytes(), 3 * expected.len() as u64);
            }
        }
    }
}
