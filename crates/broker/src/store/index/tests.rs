//! The index is what a plain map would be, whatever its chunks do.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::disk::{Disk as _, FakeDisk};
use super::super::operation::{Operation, Place, QueueId, SequenceRange};
use super::{Entry, Index, Location};

const QUEUE: QueueId = QueueId(1);
const SEGMENTS: u32 = 3;

#[derive(Clone, Debug)]
enum Step {
    /// New messages, each so far behind the one before.
    Append {
        count: u64,
        distance: u64,
    },
    /// A message at any place up to the last: recovery meets copies in any order.
    Insert {
        at: f64,
    },
    Settle {
        at: f64,
        length: u64,
    },
    Mark {
        at: f64,
        length: u64,
        deliveries: u32,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let distance = prop_oneof![6 => Just(1_u64), 2 => 2_u64..4, 1 => Just(1 << 33)];
    let length = || prop_oneof![4 => 1_u64..3, 2 => 1_u64..700];
    let step = prop_oneof![
        3 => (1_u64..700, distance).prop_map(|(count, distance)| Step::Append { count, distance }),
        4 => (0.0..1.0).prop_map(|at| Step::Insert { at }),
        6 => (0.0..1.0, length()).prop_map(|(at, length)| Step::Settle { at, length }),
        3 => (Just(0.0), length()).prop_map(|(at, length)| Step::Settle { at, length }),
        2 => (0.0..1.0, length(), 0_u32..3)
            .prop_map(|(at, length, deliveries)| Step::Mark { at, length, deliveries }),
    ];
    proptest::collection::vec(step, 0..60)
}

/// The index, and what it must be.
struct Pair {
    index: Index,
    plain: BTreeMap<u64, Entry>,
    next_sequence: u64,
    inserted: u32,
}

impl Pair {
    fn new() -> Self {
        let disk = FakeDisk::default();
        let mut index = Index::default();
        for number in 0..SEGMENTS {
            index.segments.open(number, disk.create(&number.to_string()).unwrap());
        }
        Self { index, plain: BTreeMap::new(), next_sequence: 0, inserted: 0 }
    }

    fn insert(&mut self, sequence: u64) {
        self.inserted += 1;
        let (segment, offset) = (self.inserted % SEGMENTS, self.inserted);
        let location = Location { segment, offset, bytes: 1 + self.inserted % 50 };
        let place = Place::new(QUEUE, sequence);
        let entry = Entry { place, location, body_bytes: self.inserted % 7 };
        self.index.insert(&entry);
        self.plain.insert(sequence, entry);
        self.next_sequence = self.next_sequence.max(sequence + 1);
    }

    /// A range that begins with the message that such a share stands before, or just behind it.
    fn range(&self, at: f64, length: u64) -> SequenceRange {
        let skipped = (self.plain.len() as f64 * at) as usize;
        let first = self.plain.keys().nth(skipped).copied().unwrap_or(self.next_sequence);
        let first = first + length % 2;
        SequenceRange { first, last: first + length - 1 }
    }

    fn perform(&mut self, step: &Step) {
        let location = Location { segment: 0, offset: 0, bytes: 1 };
        match *step {
            Step::Append { count, distance } => {
                for _ in 0..count {
                    self.insert(self.next_sequence + distance - 1);
                }
            }
            Step::Insert { at } => {
                let range = self.range(at, 2);
                self.insert(range.first.saturating_sub(2));
            }
            Step::Settle { at, length } => {
                let range = self.range(at, length);
                let ranges = [range].into_iter().collect();
                self.index.apply(&Operation::Settle { queue: QUEUE, ranges }, location);
                self.plain.retain(|sequence, _| !(range.first..=range.last).contains(sequence));
            }
            Step::Mark { at, length, deliveries } => {
                let range = self.range(at, length);
                let ranges = [range].into_iter().collect();
                self.index.apply(&Operation::Mark { queue: QUEUE, deliveries, ranges }, location);
                for (_, entry) in self.plain.range_mut(range.first..=range.last) {
                    entry.place.is_redelivered = true;
                    entry.place.deliveries = entry.place.deliveries.max(deliveries);
                }
            }
        }
    }

    fn check(&self) {
        let plain: Vec<Entry> = self.plain.values().copied().collect();
        assert_eq!(self.index.entries(QUEUE, 0, usize::MAX), plain);
        for (sequence, entry) in self.plain.iter().step_by(37) {
            assert_eq!(self.index.entry(QUEUE, *sequence), Some(*entry));
            let behind = self.plain.range(sequence + 1..).next().map(|(_, entry)| *entry);
            let found = self.index.entries(QUEUE, sequence + 1, 1);
            assert_eq!(found.first().copied(), behind);
        }
        for segment in 0..SEGMENTS {
            let here = plain.iter().filter(|entry| entry.location.segment == segment);
            let bytes = here.clone().map(|entry| u64::from(entry.location.bytes)).sum();
            let counted = self.index.segments.get(segment).unwrap();
            assert_eq!((counted.live, counted.live_bytes), (here.count() as u64, bytes));
        }
        let Some(totals) = self.index.totals_of(QUEUE) else { return };
        assert_eq!(
            (totals.messages, totals.next_sequence),
            (plain.len() as u64, self.next_sequence)
        );
        assert_eq!(totals.body_bytes, plain.iter().map(|it| u64::from(it.body_bytes)).sum::<u64>());
        self.check_checkpoint();
    }

    fn check_checkpoint(&self) {
        let checkpoint = self.index.checkpoint();
        let (mut live, mut marks): (Vec<SequenceRange>, Vec<(SequenceRange, u32)>) =
            Default::default();
        for (sequence, entry) in &self.plain {
            match live.last_mut() {
                Some(range) if range.last + 1 == *sequence => range.last = *sequence,
                _ => live.push((*sequence).into()),
            }
            let deliveries = entry.place.deliveries;
            match marks.last_mut() {
                _ if !entry.place.is_redelivered => {}
                Some((range, same)) if range.last + 1 == *sequence && *same == deliveries => {
                    range.last = *sequence;
                }
                _ => marks.push(((*sequence).into(), deliveries)),
            }
        }
        assert_eq!(checkpoint.queues[0].live, live);
        assert_eq!(checkpoint.queues[0].marks, marks);
        let read = super::super::checkpoint::Checkpoint::read(&checkpoint.write());
        assert_eq!(read, Ok(checkpoint));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(150)
    })]

    #[test]
    fn the_index_is_what_a_plain_map_would_be(steps in steps()) {
        let mut pair = Pair::new();
        for step in &steps {
            pair.perform(step);
        }
        pair.check();
    }
}
