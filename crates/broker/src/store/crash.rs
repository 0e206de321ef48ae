//! Random histories, crashed everywhere: what was confirmed is there, once and in order.
//!
//! A history is lives of the log on a fake disk. After each life the disk is crashed behind every
//! single operation, in three ways: all that was not synced is lost, all of it is kept, or each
//! part is kept, lost or torn. Recovery must give exactly the state after some number of records:
//! no less than were synced, no more than were handed over. So nothing confirmed is lost, nothing
//! settled and synced is back, every message is there once per queue, in order, with its bytes and
//! marks. Then the recovery is crashed too, and must give the same again.
//!
//! `HOPWIRE_CRASH_MINUTES` makes it longer: `cargo xtask crash --minutes 10`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::batch::Batch;
use super::check::check;
use super::disk::{Crash, FakeDisk};
use super::error::DiskError;
use super::log::Log;
use super::operation::{Place, QueueId, SequenceRange};
use super::reader::{self, Wanted};
use super::recovery::recover;

/// Histories of a plain run.
const CASES: u32 = 300;
/// A few small messages fill a segment.
const SEGMENT_BYTES: usize = 700;
const QUEUES: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    /// To the queues that are set.
    Publish {
        queues: [bool; QUEUES],
        bytes: usize,
    },
    /// From the message that `at` of the whole stand before.
    Settle {
        queue: usize,
        at: f64,
        count: usize,
    },
    Mark {
        queue: usize,
        at: f64,
        count: usize,
        deliveries: u32,
    },
    Purge {
        queue: usize,
    },
    Delete {
        queue: usize,
    },
    Flush,
    Sync,
    Roll,
    /// Makes the next segment's file ahead.
    Prepare,
    Reclaim,
    Close,
    /// Behind that share of the life's operations.
    Crash {
        at: f64,
        seed: u64,
    },
    /// The disk fails from that write or at that sync on.
    FailWrites {
        after: u64,
    },
    FailSync {
        after: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let queue = || 0..QUEUES;
    let queues = prop_oneof![
        4 => queue().prop_map(|queue| [0, 1, 2].map(|it| it == queue)),
        1 => any::<[bool; QUEUES]>(),
    ];
    let step = prop_oneof![
        12 => (queues, 0_usize..120).prop_map(|(queues, bytes)| Step::Publish { queues, bytes }),
        1 => (queue(), 600_usize..900).prop_map(|(queue, bytes)| {
            Step::Publish { queues: [0, 1, 2].map(|it| it == queue), bytes }
        }),
        8 => (queue(), 0.0..1.0, 1_usize..4)
            .prop_map(|(queue, at, count)| Step::Settle { queue, at, count }),
        6 => (queue(), Just(0.0), 1_usize..6)
            .prop_map(|(queue, at, count)| Step::Settle { queue, at, count }),
        2 => (queue(), 0.0..1.0, 1_usize..4, 0_u32..3)
            .prop_map(|(queue, at, count, deliveries)| Step::Mark { queue, at, count, deliveries }),
        1 => queue().prop_map(|queue| Step::Purge { queue }),
        1 => queue().prop_map(|queue| Step::Delete { queue }),
        3 => Just(Step::Flush),
        6 => Just(Step::Sync),
        1 => Just(Step::Roll),
        2 => Just(Step::Prepare),
        3 => Just(Step::Reclaim),
        1 => Just(Step::Close),
        1 => (0.0..1.0, any::<u64>()).prop_map(|(at, seed)| Step::Crash { at, seed }),
        1 => (0_u64..20).prop_map(|after| Step::FailWrites { after }),
        1 => (0_u64..6).prop_map(|after| Step::FailSync { after }),
    ];
    proptest::collection::vec(step, 0..80)
}

/// What a queue must hold: by sequence, the message's number and its marks.
type Held = BTreeMap<u64, (u32, bool, u32)>;
/// What all queues must hold that ever held something and are not deleted, and the sequence above
/// all that they ever had.
type State = BTreeMap<QueueId, (Held, u64)>;

/// Some point of a life: so many operations of the disk, records handed over, records durable.
#[derive(Clone, Copy, Debug)]
struct Moment {
    operations: usize,
    handed_over: usize,
    durable: usize,
}

/// One life of the log, from recovery to a crash.
struct Life {
    disk: FakeDisk,
    log: Log,
    /// The state after so many records.
    states: Vec<State>,
    moments: Vec<Moment>,
}

/// What outlives the lives.
struct History {
    life: Life,
    queues: [QueueId; QUEUES],
    queues_ever: u64,
    messages_ever: u32,
}

fn message_bytes(number: u32, bytes: usize) -> Vec<u8> {
    let filler = (0..bytes).map(|at| (number as usize * 31 + at) as u8);
    number.to_le_bytes().into_iter().chain(filler).collect()
}

fn open(disk: &FakeDisk) -> Log {
    match recover(Arc::new(disk.clone()), SEGMENT_BYTES) {
        Ok((log, _)) => log,
        Err(error) => panic!("cannot recover: {error}; files {:?}", disk.files()),
    }
}

/// What the log holds, read back from the disk.
fn state_of(log: &Log) -> State {
    let index = log.index.lock();
    let mut state = State::new();
    for totals in index.totals() {
        let entries = index.entries(totals.queue, 0, usize::MAX);
        assert_eq!(entries.len() as u64, totals.messages);
        assert_eq!(
            entries.iter().map(|it| u64::from(it.body_bytes)).sum::<u64>(),
            totals.body_bytes
        );
        let file = |segment| Arc::clone(&index.segments.get(segment).unwrap().file);
        let wanted: Vec<Wanted> = entries
            .iter()
            .map(|entry| Wanted { entry: *entry, file: file(entry.location.segment) })
            .collect();
        let page = reader::read(&wanted).unwrap();
        assert_eq!(page.damaged, []);
        let mut held = Held::new();
        for read in page.messages {
            let place = read.place;
            let number = u32::from_le_bytes(read.message[..4].try_into().unwrap());
            assert_eq!(read.message, message_bytes(number, read.message.len() - 4));
            assert!(held.keys().all(|before| *before < place.sequence), "out of order");
            held.insert(place.sequence, (number, place.is_redelivered, place.deliveries));
        }
        state.insert(totals.queue, (held, totals.next_sequence));
    }
    check_accounts(&index);
    state
}

/// What is counted as living in each segment is what lives there.
fn check_accounts(index: &super::index::Index) {
    let mut live: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    for totals in index.totals() {
        for entry in index.entries(totals.queue, 0, usize::MAX) {
            let counts = live.entry(entry.location.segment).or_default();
            counts.0 += 1;
            counts.1 += u64::from(entry.location.bytes);
        }
    }
    for (number, segment) in index.segments.iter() {
        let counted = (segment.live, segment.live_bytes);
        assert_eq!(counted, live.remove(&number).unwrap_or_default(), "segment {number}");
    }
    assert_eq!(live, BTreeMap::new());
    assert_eq!(index.segments.damaged(), 0, "everything can be copied");
}

impl Life {
    fn begin(disk: FakeDisk, expected: &State) -> Self {
        let log = open(&disk);
        assert_eq!(state_of(&log), *expected);
        let mut life = Self { disk, log, states: vec![expected.clone()], moments: Vec::new() };
        life.note(0, 0);
        life
    }

    fn note(&mut self, handed_over: usize, durable: usize) {
        let operations = self.disk.operations();
        self.moments.push(Moment { operations, handed_over, durable });
    }

    fn state(&self) -> &State {
        self.states.last().unwrap()
    }

    /// Hands records over that lead to `state`.
    fn append(&mut self, batch: Batch, state: State) -> Result<(), DiskError> {
        self.states.push(state);
        self.perform(|log| log.append(batch))
    }

    fn perform(
        &mut self,
        act: impl FnOnce(&mut Log) -> Result<(), DiskError>,
    ) -> Result<(), DiskError> {
        let result = act(&mut self.log);
        let handed_over = self.states.len() - 1;
        let mut durable = self.moments.last().map_or(0, |moment| moment.durable);
        if result.is_ok() && !self.log.is_dirty() {
            durable = handed_over;
        }
        self.note(handed_over, durable);
        result
    }

    /// How many records may be there after a crash behind so many operations.
    fn allowed(&self, operations: usize) -> RangeInclusive<usize> {
        let before = self.moments.iter().rev().find(|moment| moment.operations <= operations);
        let after = self.moments.iter().find(|moment| moment.operations >= operations);
        let durable = before.map_or(0, |moment| moment.durable);
        let same = self.moments.iter().filter(|moment| moment.operations == operations);
        let last = same.map(|moment| moment.handed_over).max();
        durable..=last.or(after.map(|moment| moment.handed_over)).unwrap_or(self.states.len() - 1)
    }

    /// Crashes, recovers and checks; gives the state.
    fn crash(&self, operations: usize, crash: Crash) -> State {
        let disk = self.disk.crashed(operations, crash);
        let state = state_of(&open(&disk));
        let allowed = self.allowed(operations);
        let candidates = self.states.get(allowed.clone()).unwrap();
        assert!(
            candidates.contains(&state),
            "after {operations} operations and {crash:?}: found {state:?}, records {allowed:?} \
             give {candidates:?}"
        );
        if let Crash::Random(seed) = crash {
            let disk = self.disk.crashed(operations, crash);
            let found = check(&disk, &mut |_| {}).unwrap();
            assert!(found.is_sound(), "after {operations} operations and {crash:?}: {found:?}");
            // A crash while recovering changes nothing.
            let behind = seed as usize % (disk.operations() + 1);
            for crash in [Crash::KeepsAll, Crash::Random(seed)] {
                assert_eq!(state_of(&open(&disk.crashed(behind, crash))), state, "{crash:?}");
            }
        }
        state
    }

    /// Crashes behind every operation.
    fn crash_everywhere(&self) {
        let last = self.moments.last().unwrap();
        if last.durable == self.states.len() - 1 {
            assert_eq!(state_of(&self.log), *self.state(), "without any crash");
        }
        for operations in 0..=self.disk.operations() {
            for crash in
                [Crash::LosesAll, Crash::KeepsAll, Crash::Random(operations as u64 * 7 + 1)]
            {
                self.crash(operations, crash);
            }
        }
    }
}

impl History {
    fn new() -> Self {
        let life = Life::begin(FakeDisk::default(), &State::new());
        Self { life, queues: [0, 1, 2].map(QueueId), queues_ever: 3, messages_ever: 0 }
    }

    fn next_sequence(&self, queue: QueueId) -> u64 {
        self.life.state().get(&queue).map_or(0, |(_, next)| *next)
    }

    /// The sequences of some messages of a queue that stand together.
    fn pick(&self, queue: usize, at: f64, count: usize) -> Vec<u64> {
        let Some((held, _)) = self.life.state().get(&self.queues[queue]) else {
            return Vec::new();
        };
        let skipped = (held.len() as f64 * at) as usize;
        held.keys().copied().skip(skipped).take(count).collect()
    }

    fn perform(&mut self, step: &Step) -> Result<(), DiskError> {
        let mut state = self.life.state().clone();
        let mut batch = Batch::new();
        match step {
            Step::Publish { queues, bytes } => {
                let number = self.messages_ever;
                self.messages_ever += 1;
                let chosen = queues.iter().zip(self.queues).filter(|(is_set, _)| **is_set);
                let places: Vec<Place> =
                    chosen.map(|(_, queue)| Place::new(queue, self.next_sequence(queue))).collect();
                if places.is_empty() {
                    return Ok(());
                }
                for place in &places {
                    let (held, next) = state.entry(place.queue).or_default();
                    held.insert(place.sequence, (number, false, 0));
                    *next = place.sequence + 1;
                }
                let message = message_bytes(number, *bytes);
                let (head, rest) = message.split_at(2);
                batch.message(*bytes as u32, &places, &[head, rest]).unwrap();
                self.life.append(batch, state)
            }
            Step::Settle { queue, at, count } => {
                let settled = self.pick(*queue, *at, *count);
                let queue = self.queues[*queue];
                let ranges: Vec<SequenceRange> = settled.iter().map(|it| (*it).into()).collect();
                remove(&mut state, queue, |sequence| settled.contains(&sequence));
                batch.settle(queue, &ranges);
                self.life.append(batch, state)
            }
            Step::Mark { queue, at, count, deliveries } => {
                let marked = self.pick(*queue, *at, *count);
                let queue = self.queues[*queue];
                for sequence in &marked {
                    let held = state.get_mut(&queue).unwrap().0.get_mut(sequence).unwrap();
                    *held = (held.0, true, held.2.max(*deliveries));
                }
                let ranges: Vec<SequenceRange> = marked.iter().map(|it| (*it).into()).collect();
                batch.mark(queue, *deliveries, &ranges);
                self.life.append(batch, state)
            }
            Step::Purge { queue } => {
                let queue = self.queues[*queue];
                let all = SequenceRange { first: 0, last: self.next_sequence(queue) };
                remove(&mut state, queue, |_| true);
                batch.settle(queue, &[all]);
                self.life.append(batch, state)
            }
            Step::Delete { queue } => {
                let number = std::mem::replace(&mut self.queues[*queue], QueueId(self.queues_ever));
                self.queues_ever += 1;
                state.remove(&number);
                batch.delete(number);
                self.life.append(batch, state)
            }
            Step::Flush => self.life.perform(Log::flush),
            Step::Sync => self.life.perform(Log::sync),
            Step::Roll => self.life.perform(Log::roll),
            Step::Prepare => self.life.perform(Log::prepare),
            Step::Reclaim => self.life.perform(|log| {
                while log.reclaim()? {}
                Ok(())
            }),
            Step::Close => {
                self.life.perform(Log::close)?;
                self.crash(1.0, 3);
                Ok(())
            }
            Step::Crash { at, seed } => {
                self.crash(*at, *seed);
                Ok(())
            }
            Step::FailWrites { after } => {
                self.life.disk.fail_writes_after(*after);
                Ok(())
            }
            Step::FailSync { after } => {
                self.life.disk.fail_sync_after(*after);
                Ok(())
            }
        }
    }

    fn crash(&mut self, at: f64, seed: u64) {
        self.life.crash_everywhere();
        let operations = (self.life.disk.operations() as f64 * at) as usize;
        let state = self.life.crash(operations, Crash::Random(seed));
        let disk = self.life.disk.crashed(operations, Crash::Random(seed));
        self.life = Life::begin(disk, &state);
    }

    fn run(steps: &[Step]) {
        let mut history = Self::new();
        for (index, step) in steps.iter().enumerate() {
            if history.perform(step).is_err() {
                // A log whose disk failed is not asked again.
                history.crash(1.0, index as u64);
            }
        }
        history.life.crash_everywhere();
    }
}

fn remove(state: &mut State, queue: QueueId, is_settled: impl Fn(u64) -> bool) {
    if let Some((held, _)) = state.get_mut(&queue) {
        held.retain(|sequence, _| !is_settled(*sequence));
    }
}

#[test]
fn what_was_confirmed_survives_every_crash() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) };
    let minutes = std::env::var("HOPWIRE_CRASH_MINUTES").ok().and_then(|it| it.parse().ok());
    let end = Instant::now() + Duration::from_secs(60 * minutes.unwrap_or(0));
    loop {
        let mut runner = TestRunner::new(config.clone());
        let result = runner.run(&steps(), |steps| {
            History::run(&steps);
            Ok(())
        });
        if let Err(failure) = result {
            panic!("{failure}");
        }
        if Instant::now() >= end {
            break;
        }
    }
}
