//! Runs: whoever shares them reads what it would have read alone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{ConsumerId, ConsumerTag, FieldTable, LinkId, Marks, Message, QueueName};
use proptest::prelude::*;

use super::super::RUN_MESSAGES_MAX;
use super::super::cursor::{Cursor, CursorSpec};
use super::super::retention::CursorLimits;
use super::Stream;
use crate::inbox::Inbox;
use crate::sample;
use crate::turn::Turn;

const LIFE: Duration = Duration::from_millis(500);

fn message(expires: bool) -> Arc<Message> {
    let expiration_ms = expires.then_some(LIFE.as_millis() as u64);
    sample::message("k", b"body", Marks { expiration_ms, ..Marks::default() })
}

fn subscribe(stream: &Arc<Stream>, limits: CursorLimits) -> Cursor {
    stream.subscribe(CursorSpec {
        inbox: Arc::new(Inbox::default()),
        link: LinkId(1),
        consumer: ConsumerId(0),
        name: QueueName::parse("x").unwrap(),
        tag: ConsumerTag::parse("x").unwrap(),
        channel: 1,
        limits,
        arguments: FieldTable::new(),
    })
}

fn stream(now: Instant) -> Arc<Stream> {
    Arc::new(Stream::new(now, Arc::default()))
}

#[test]
fn cursors_that_stand_together_get_the_same_run_and_the_run_goes_with_its_messages() {
    let mut turn = Turn::new(Instant::now());
    let stream = stream(turn.now);
    let mut cursors = [0; 3].map(|_| subscribe(&stream, CursorLimits::default()));
    let published: Vec<_> = (0..RUN_MESSAGES_MAX + 1).map(|_| message(false)).collect();
    for message in &published {
        stream.publish(&mut turn, message);
    }
    let runs = cursors.each_mut().map(|cursor| cursor.read_run(&mut turn));
    for (run, read) in &runs {
        assert!(Arc::ptr_eq(run, &runs[0].0));
        assert_eq!((run.len(), read.has_more), (RUN_MESSAGES_MAX, true));
    }
    drop(runs);
    for cursor in &mut cursors {
        let (run, read) = cursor.read_run(&mut turn);
        assert_eq!((run.len(), read.has_more), (1, false));
    }
    assert!(published.iter().all(|message| Arc::strong_count(message) == 1));
}

#[test]
fn a_run_of_less_than_half_of_what_is_there_is_made_anew() {
    let mut turn = Turn::new(Instant::now());
    let stream = stream(turn.now);
    let mut cursors = [0; 4].map(|_| subscribe(&stream, CursorLimits::default()));
    let mut read_after = |published: usize, turn: &mut Turn, cursor: usize| {
        (0..published).for_each(|_| stream.publish(turn, &message(false)));
        cursors[cursor].read_run(turn).0.len()
    };
    assert_eq!(read_after(2, &mut turn, 0), 2);
    assert_eq!(read_after(2, &mut turn, 1), 2);
    assert_eq!(read_after(1, &mut turn, 2), 5);
    assert_eq!(read_after(5, &mut turn, 3), 5);
}

#[derive(Clone, Debug)]
enum Step {
    Publish { expires: bool },
    Read { reader: usize },
    Leave { reader: usize },
    Wait,
}

/// What one reader has yet to read: sequence, message, when it expires.
type Ahead = VecDeque<(u64, Arc<Message>, Option<Instant>)>;

struct Reader {
    cursor: Cursor,
    limits: CursorLimits,
    ahead: Ahead,
    lost: u64,
}

impl Reader {
    fn new(stream: &Arc<Stream>, number: usize) -> Self {
        let limits = match number {
            0 => CursorLimits { message_ttl: Some(LIFE * 2), ..CursorLimits::default() },
            1 => CursorLimits { messages_max: Some(3), ..CursorLimits::default() },
            _ => CursorLimits::default(),
        };
        let cursor = subscribe(stream, limits);
        Self { cursor, limits, ahead: Ahead::new(), lost: 0 }
    }

    fn publish(&mut self, now: Instant, sequence: u64, message: &Arc<Message>) {
        let own = message.marks().expiration_ms.map(Duration::from_millis);
        let life = own.into_iter().chain(self.limits.message_ttl).min();
        self.ahead.push_back((sequence, Arc::clone(message), life.map(|life| now + life)));
        while self.ahead.len() as u64 > self.limits.messages_max.unwrap_or(u64::MAX) {
            self.ahead.pop_front();
            self.lost += 1;
        }
    }

    fn read(&mut self, now: Instant) {
        let (run, read) = self.cursor.read_run(&mut Turn::new(now));
        let announced = if run.is_empty() { 0 } else { std::mem::take(&mut self.lost) };
        assert_eq!(read.dropped, announced);
        assert!(!run.is_empty() || !read.has_more);
        for read in &*run {
            let is_live =
                |(.., end): &(u64, Arc<Message>, Option<Instant>)| end.is_none_or(|end| now < end);
            while !is_live(self.ahead.front().expect("more than there is")) {
                self.ahead.pop_front();
            }
            let (sequence, message, _) = self.ahead.pop_front().unwrap();
            assert_eq!(read.sequence, sequence);
            assert!(Arc::ptr_eq(&read.message, &message));
        }
        if !read.has_more {
            self.ahead.retain(|(.., end)| end.is_none_or(|end| now < end));
            assert!(self.ahead.is_empty());
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    const READERS: usize = 6;
    prop::collection::vec(
        prop_oneof![
            8 => prop::bool::weighted(0.1).prop_map(|expires| Step::Publish { expires }),
            8 => (0..READERS).prop_map(|reader| Step::Read { reader }),
            1 => (0..READERS).prop_map(|reader| Step::Leave { reader }),
            1 => Just(Step::Wait),
        ],
        1..300,
    )
}

proptest! {
    #[test]
    fn a_shared_run_holds_what_its_reader_would_have_read_alone(steps in steps()) {
        let mut now = Instant::now();
        let stream = stream(now);
        let mut readers: Vec<Option<Reader>> = (0..6).map(|_| None).collect();
        let mut published = Vec::new();
        for step in steps {
            match step {
                Step::Publish { expires } => {
                    let message = message(expires);
                    stream.publish(&mut Turn::new(now), &message);
                    let is_heard = readers.iter().any(Option::is_some);
                    for reader in readers.iter_mut().flatten() {
                        reader.publish(now, published.len() as u64, &message);
                    }
                    published.extend(is_heard.then_some(message));
                }
                Step::Read { reader } => match &mut readers[reader] {
                    Some(reader) => reader.read(now),
                    none => *none = Some(Reader::new(&stream, reader)),
                },
                Step::Leave { reader } => readers[reader] = None,
                Step::Wait => now += Duration::from_millis(100),
            }
        }
        readers.clear();
        prop_assert!(published.iter().all(|message| Arc::strong_count(message) == 1));
    }
}
