//! Random publishing, stalling and reading in two streams that share a budget, compared with a list
//! for each reader.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{Bound, ConsumerId, ConsumerTag, FieldTable, LinkId, Marks, Message, QueueName};
use proptest::prelude::*;

use super::super::budget::{Budget, Held};
use super::super::cursor::{Cursor, CursorSpec};
use super::super::retention::{CursorLimits, Overflow, StreamLimits, TotalLimits};
use super::super::ring::{READ_AT_ONCE, cost};
use super::Stream;
use crate::inbox::{End, Inbound, Inbox};
use crate::sample;
use crate::turn::Turn;

const STREAMS: usize = 2;
const READERS: usize = 5;
const EACH_MESSAGES_MAX: usize = 6;
const ALL_MESSAGES_MAX: usize = 8;

#[derive(Clone, Debug)]
enum Step {
    Publish { stream: usize, body_bytes: usize, expiration_ms: Option<u64> },
    Subscribe { reader: usize, stream: usize, limits: CursorLimits },
    Read { reader: usize, limit: usize },
    Leave { reader: usize },
    Wait { milliseconds: u64 },
}

struct Known {
    sequence: u64,
    message: Arc<Message>,
    at: Instant,
}

impl Known {
    fn is_expired(&self, now: Instant, ttl: Option<Duration>) -> bool {
        let own = self.message.marks().expiration_ms.map(Duration::from_millis);
        let age = now - self.at;
        [own, ttl].into_iter().flatten().any(|ttl| age >= ttl.max(READ_AT_ONCE))
    }
}

/// A reader, and what it should read: a list of its own.
struct Reader {
    cursor: Cursor,
    inbox: Arc<Inbox>,
    stream: usize,
    limits: CursorLimits,
    /// Where it stood after it read last.
    position: u64,
    ahead: VecDeque<Known>,
    /// Lost and not announced.
    lost: u64,
    /// Whether it knows that there is something to read.
    knows: bool,
    is_overrun: bool,
}

impl Reader {
    fn new(stream: usize, of: &Arc<Stream>, position: u64, limits: CursorLimits) -> Self {
        let inbox = Arc::new(Inbox::default());
        let cursor = of.subscribe(CursorSpec {
            inbox: Arc::clone(&inbox),
            link: LinkId(1),
            consumer: ConsumerId(0),
            name: QueueName::parse("x").unwrap(),
            tag: ConsumerTag::parse("x").unwrap(),
            channel: 1,
            limits,
            arguments: FieldTable::new(),
        });
        Self {
            cursor,
            inbox,
            stream,
            limits,
            position,
            ahead: VecDeque::new(),
            lost: 0,
            knows: false,
            is_overrun: false,
        }
    }

    fn body_bytes(&self) -> u64 {
        self.ahead.iter().map(|known| known.message.body().len() as u64).sum()
    }

    /// What bounds take from it: what the stream has dropped, then what it may not have itself.
    fn bound(&mut self, start: u64, passed: Bound) {
        let mut by = None;
        while let Some(oldest) = self.ahead.front() {
            let CursorLimits { messages_max, bytes_max, .. } = self.limits;
            let bound = match (messages_max, bytes_max) {
                _ if oldest.sequence < start => passed,
                (Some(max), _) if self.ahead.len() as u64 > max => Bound::Length(max),
                (_, Some(max)) if self.body_bytes() > max => Bound::Bytes(max),
                _ => break,
            };
            by.get_or_insert(bound);
            if self.limits.overflow == Overflow::Disconnect {
                self.ahead.clear();
                self.is_overrun = true;
            } else {
                self.ahead.pop_front();
                self.lost += 1;
            }
        }
        if self.is_overrun && by.is_some() {
            let told = self.inbox.take_words().0.map(|end| *end);
            let Some(End::Overrun { consumer, bound }) = told else { panic!("{told:?}") };
            assert_eq!((consumer, Some(bound)), (ConsumerId(0), by));
            assert!(self.cursor.is_overrun());
        }
    }

    fn hear(&mut self) {
        let mut items = Vec::new();
        self.inbox.drain(&mut items);
        for item in items {
            assert!(matches!(item, Inbound::Ready(_)));
            assert!(!self.knows, "told what it knew");
            self.knows = true;
        }
        assert!(self.inbox.take_words().0.is_none(), "ended without a reason");
    }

    fn read(&mut self, turn: &mut Turn, limit: usize, end: u64) {
        let mut messages = Vec::new();
        let read = self.cursor.read(turn, limit, &mut messages);
        let mut expected = Vec::new();
        while expected.len() < limit
            && let Some(known) = self.ahead.pop_front()
        {
            if !known.is_expired(turn.now, self.limits.message_ttl) {
                expected.push((known.sequence, known.message));
            }
        }
        let announced = match expected.is_empty() {
            true => 0,
            false => std::mem::take(&mut self.lost),
        };
        self.position = self.ahead.front().map_or(end, |known| known.sequence);
        assert_eq!(read.dropped, announced);
        assert_eq!(messages.len(), expected.len());
        for ((sequence, message), (wanted, same)) in messages.iter().zip(&expected) {
            assert!(sequence == wanted && Arc::ptr_eq(message, same));
        }
        assert_eq!(read.has_more, !self.ahead.is_empty());
        // Nothing can have come between; so it knows exactly what the read said, and has nothing
        // more to hear.
        let mut items = Vec::new();
        self.inbox.drain(&mut items);
        assert!(items.is_empty());
        self.knows = read.has_more;
    }
}

/// What a stream should hold: from the oldest that somebody has yet to read.
#[derive(Default)]
struct Model {
    end: u64,
    held: VecDeque<(u64, Arc<Message>)>,
}

impl Model {
    fn start(&self) -> u64 {
        self.held.front().map_or(self.end, |(sequence, _)| *sequence)
    }

    fn cost(&self) -> u64 {
        self.held.iter().map(|(_, message)| u64::from(cost(message))).sum()
    }
}

struct World {
    now: Instant,
    budget: Arc<Budget>,
    streams: [Arc<Stream>; STREAMS],
    models: [Model; STREAMS],
    readers: [Option<Reader>; READERS],
}

impl World {
    fn new() -> Self {
        let each = StreamLimits { messages_max: EACH_MESSAGES_MAX as u64, bytes_max: u64::MAX };
        let all = TotalLimits { messages_max: ALL_MESSAGES_MAX as u64, bytes_max: u64::MAX };
        let budget = Arc::new(Budget::new(each, all, Arc::default()));
        let now = Instant::now();
        let stream = || Arc::new(Stream::new(now, Arc::clone(&budget)));
        Self {
            now,
            streams: [stream(), stream()],
            models: Default::default(),
            readers: Default::default(),
            budget,
        }
    }

    fn take(&mut self, step: &Step) {
        let mut turn = Turn::new(self.now);
        match *step {
            Step::Publish { stream, body_bytes, expiration_ms } => {
                let marks = Marks { expiration_ms, ..Marks::default() };
                let message = sample::message("k", &vec![b'.'; body_bytes], marks);
                self.streams[stream].publish(&mut turn, &message);
                self.publish(stream, &message);
            }
            Step::Subscribe { reader, stream, limits } => {
                self.leave(reader);
                let position = self.models[stream].end;
                let of = &self.streams[stream];
                self.readers[reader] = Some(Reader::new(stream, of, position, limits));
            }
            Step::Read { reader, limit } => {
                if let Some(reader) = &mut self.readers[reader] {
                    let stream = reader.stream;
                    reader.read(&mut turn, limit, self.models[stream].end);
                    self.drop_passed(stream);
                }
            }
            Step::Leave { reader } => self.leave(reader),
            Step::Wait { milliseconds } => self.now += Duration::from_millis(milliseconds),
        }
        self.check();
    }

    fn publish(&mut self, at: usize, message: &Arc<Message>) {
        let is_its = |reader: &&mut Reader| reader.stream == at && !reader.is_overrun;
        let model = &mut self.models[at];
        let sequence = model.end;
        for reader in self.readers.iter_mut().flatten().filter(is_its) {
            model.end = sequence + 1;
            let message = Arc::clone(message);
            reader.ahead.push_back(Known { sequence, message, at: self.now });
        }
        if model.end == sequence {
            return;
        }
        model.held.push_back((sequence, Arc::clone(message)));
        while model.held.len() > EACH_MESSAGES_MAX {
            model.held.pop_front();
        }
        self.bound(at, Bound::StreamLength(EACH_MESSAGES_MAX as u64));
        let all: usize = self.models.iter().map(|model| model.held.len()).sum();
        let model = &mut self.models[at];
        for _ in ALL_MESSAGES_MAX..all {
            if model.held.len() > 1 {
                model.held.pop_front();
            }
        }
        self.bound(at, Bound::NodeLength(ALL_MESSAGES_MAX as u64));
        for reader in self.readers.iter_mut().flatten().filter(is_its) {
            reader.hear();
        }
    }

    fn bound(&mut self, at: usize, passed: Bound) {
        let start = self.models[at].start();
        for reader in self.readers.iter_mut().flatten().filter(|reader| reader.stream == at) {
            reader.bound(start, passed);
        }
        self.drop_passed(at);
    }

    fn drop_passed(&mut self, at: usize) {
        let present = self.readers.iter().flatten().filter(|reader| !reader.is_overrun);
        let places = present.filter(|reader| reader.stream == at).map(|reader| reader.position);
        let model = &mut self.models[at];
        let oldest = places.min().unwrap_or(model.end);
        while model.held.front().is_some_and(|(sequence, _)| *sequence < oldest) {
            model.held.pop_front();
        }
    }

    fn leave(&mut self, reader: usize) {
        if let Some(Reader { stream, .. }) = self.readers[reader].take() {
            self.drop_passed(stream);
        }
    }

    fn check(&self) {
        for reader in self.readers.iter().flatten() {
            assert!(reader.knows || reader.ahead.is_empty(), "a wake-up was lost");
        }
        let mut all = Held::default();
        for (at, (stream, model)) in self.streams.iter().zip(&self.models).enumerate() {
            let held = Held { messages: model.held.len() as u64, bytes: model.cost() };
            assert_eq!(stream.held(), held);
            all.messages += held.messages;
            all.bytes += held.bytes;
            let present = self.readers.iter().flatten().filter(|reader| reader.stream == at);
            assert_eq!(stream.totals(self.now).cursors, present.count() as u64);
        }
        assert_eq!(self.budget.held(), all);
        // Beyond the bound there is at most the newest message of each stream.
        assert!(all.messages <= (ALL_MESSAGES_MAX + STREAMS) as u64);
    }
}

/// Milliseconds on both sides of [`READ_AT_ONCE`].
fn times() -> impl Strategy<Value = u64> {
    (0_u64..5).prop_map(|times| times * 50)
}

fn limits() -> impl Strategy<Value = CursorLimits> {
    let length = proptest::option::weighted(0.3, 0_u64..4);
    let bytes = proptest::option::weighted(0.3, 0_u64..20);
    let ttl = proptest::option::weighted(0.3, times());
    (length, bytes, ttl, proptest::bool::weighted(0.3)).prop_map(
        |(messages_max, bytes_max, ttl, disconnects)| CursorLimits {
            messages_max,
            bytes_max,
            message_ttl: ttl.map(Duration::from_millis),
            overflow: if disconnects { Overflow::Disconnect } else { Overflow::DropHead },
        },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let reader = || 0..READERS;
    let expiration = proptest::option::weighted(0.2, times());
    let publish =
        |(stream, body_bytes, expiration_ms)| Step::Publish { stream, body_bytes, expiration_ms };
    let step = prop_oneof![
        6 => (0..STREAMS, 0_usize..10, expiration).prop_map(publish),
        5 => (reader(), 1_usize..4).prop_map(|(reader, limit)| Step::Read { reader, limit }),
        2 => (reader(), 0..STREAMS, limits())
            .prop_map(|(reader, stream, limits)| Step::Subscribe { reader, stream, limits }),
        1 => reader().prop_map(|reader| Step::Leave { reader }),
        1 => times().prop_map(|milliseconds| Step::Wait { milliseconds }),
    ];
    proptest::collection::vec(step, 0..150)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(2_000)
    })]

    #[test]
    fn every_cursor_reads_its_list_and_hears_of_each_loss_and_no_more_is_held(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
    }
}
