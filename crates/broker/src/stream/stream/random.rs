//! Random publishing and reading, compared with a list per cursor.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use model::{ConsumerId, ConsumerTag, FieldTable, LinkId, Marks, Message, QueueName};
use proptest::prelude::*;

use super::super::cursor::{Cursor, CursorSpec};
use super::super::retention::{CursorLimits, StreamLimits};
use super::Stream;
use crate::inbox::{Inbound, Inbox};
use crate::sample;
use crate::turn::Turn;

const READERS: usize = 4;
const RING_MESSAGES_MAX: usize = 6;

#[derive(Clone, Debug)]
enum Step {
    Publish,
    Subscribe { reader: usize, messages_max: Option<u64> },
    Read { reader: usize, limit: usize },
    Leave { reader: usize },
}

struct Reader {
    cursor: Cursor,
    inbox: Arc<Inbox>,
    messages_max: Option<u64>,
    /// What it has yet to read: the newest, in a list of its own.
    ahead: VecDeque<Arc<Message>>,
    lost: u64,
    /// Whether it knows that there is something to read.
    knows: bool,
}

impl Reader {
    fn new(stream: &Arc<Stream>, messages_max: Option<u64>) -> Self {
        let inbox = Arc::new(Inbox::default());
        let cursor = stream.subscribe(CursorSpec {
            inbox: Arc::clone(&inbox),
            link: LinkId(1),
            consumer: ConsumerId(0),
            name: QueueName::parse("x").unwrap(),
            tag: ConsumerTag::parse("x").unwrap(),
            channel: 1,
            limits: CursorLimits { messages_max, ..CursorLimits::default() },
            arguments: FieldTable::new(),
        });
        Self { cursor, inbox, messages_max, ahead: VecDeque::new(), lost: 0, knows: false }
    }

    fn hear(&mut self) {
        let mut items = Vec::new();
        self.inbox.drain(&mut items);
        for item in items {
            assert!(matches!(item, Inbound::Ready(_)));
            assert!(!self.knows, "told what it knew");
            self.knows = true;
        }
    }

    fn publish(&mut self, message: &Arc<Message>) {
        self.ahead.push_back(Arc::clone(message));
        let own_max = self.messages_max.map_or(usize::MAX, |max| usize::try_from(max).unwrap());
        while self.ahead.len() > own_max.min(RING_MESSAGES_MAX) {
            self.ahead.pop_front();
            self.lost += 1;
        }
    }

    fn read(&mut self, turn: &mut Turn, limit: usize) {
        let mut messages = Vec::new();
        let read = self.cursor.read(turn, limit, &mut messages);
        assert_eq!(read.dropped, std::mem::take(&mut self.lost));
        assert!(messages.len() == limit || !read.has_more);
        for (_, message) in messages {
            assert!(Arc::ptr_eq(&message, &self.ahead.pop_front().expect("more than there is")));
        }
        assert_eq!(read.has_more, !self.ahead.is_empty());
        // Nothing can have come between; so it knows exactly what the read said, and still has to
        // hear what it was told before.
        self.hear_nothing_new();
        self.knows = read.has_more;
    }

    fn hear_nothing_new(&self) {
        let mut items = Vec::new();
        self.inbox.drain(&mut items);
        assert!(items.is_empty());
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let reader = || 0..READERS;
    let step = prop_oneof![
        4 => Just(Step::Publish),
        4 => (reader(), 1_usize..4).prop_map(|(reader, limit)| Step::Read { reader, limit }),
        1 => (reader(), proptest::option::weighted(0.3, 0_u64..4))
            .prop_map(|(reader, messages_max)| Step::Subscribe { reader, messages_max }),
        1 => reader().prop_map(|reader| Step::Leave { reader }),
    ];
    proptest::collection::vec(step, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(1_000)
    })]

    #[test]
    fn every_cursor_reads_everything_in_order_and_nothing_is_held_for_nobody(steps in steps()) {
        let messages_max = RING_MESSAGES_MAX as u64;
        let limits = StreamLimits { messages_max, bytes_max: u64::MAX };
        let stream = Arc::new(Stream::new(Instant::now(), limits));
        let mut readers: [Option<Reader>; READERS] = Default::default();
        let mut turn = Turn::new(Instant::now());
        for step in &steps {
            match *step {
                Step::Publish => {
                    let message = sample::message("k", b"", Marks::default());
                    stream.publish(&mut turn, &message);
                    for reader in readers.iter_mut().flatten() {
                        reader.publish(&message);
                        reader.hear();
                    }
                }
                Step::Subscribe { reader, messages_max } => {
                    readers[reader] = Some(Reader::new(&stream, messages_max));
                }
                Step::Read { reader, limit } => {
                    if let Some(reader) = &mut readers[reader] {
                        reader.read(&mut turn, limit);
                    }
                }
                Step::Leave { reader } => readers[reader] = None,
            }
            let present = || readers.iter().flatten();
            for reader in present() {
                assert!(reader.knows || reader.ahead.is_empty(), "a wake-up was lost");
            }
            // A cursor with a limit of its own moves on when it reads, so it may hold more.
            let behind = |it: &Reader| it.ahead.len() + usize::try_from(it.lost).unwrap();
            let slowest = present().map(behind).max();
            let held = usize::try_from(stream.held()).unwrap();
            assert_eq!(held, slowest.unwrap_or(0).min(RING_MESSAGES_MAX));
            assert_eq!(stream.is_unused(), present().next().is_none());
        }
    }
}
