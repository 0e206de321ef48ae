//! Streams and cursors, case by case.
//!
//! Commands: `subscribe x max-length=2 max-bytes=9 ttl=5 disconnect`, `publish a b~50 c:9` (50 ms
//! to live, a body of 9 bytes), `read x`, `read x 2`, `drop x`, `wait 5`, `cancel x`, `list`,
//! `limit messages=2 bytes=9 all-messages=3 all-bytes=9 in=1` (9 bytes in one message). What comes
//! out: `told x`, `x a b`, `x lost 2`, `more x`, `cancelled x`, `ended x by …`, `unused`, and at
//! the end what is `held`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use model::message::StompTail;
use model::{ConsumerId, ConsumerTag, FieldTable, LinkId, Marks, Message, QueueName};

use super::super::budget::{Budget, Held, LARGE_BYTES_MIN};
use super::super::cursor::{Cursor, CursorSpec};
use super::super::retention::{CursorLimits, Overflow, StreamLimits, TotalLimits};
use super::super::ring::COST_BYTES_MIN;
use super::super::run::RUN_BYTES_MAX;
use super::Stream;
use crate::inbox::{End, Inbound, Inbox};
use crate::sample;
use crate::turn::Turn;

#[track_caller]
fn check(script: &str, expected: &str) {
    let mut bench = Bench::new(StreamLimits::default(), TotalLimits::default());
    for statement in script.split(';') {
        let words: Vec<&str> = statement.split_whitespace().collect();
        bench.run(&words);
    }
    let held = bench.stream.held().messages;
    if held > 0 {
        bench.log.push(format!("held {held}"));
    }
    assert_eq!(bench.log.join("; "), expected, "{script}");
}

struct Bench {
    now: Instant,
    stream: Arc<Stream>,
    unused: Arc<AtomicU32>,
    readers: BTreeMap<String, (Arc<Inbox>, Cursor)>,
    log: Vec<String>,
}

impl Bench {
    fn new(each: StreamLimits, all: TotalLimits) -> Self {
        let now = Instant::now();
        let unused = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&unused);
        let budget = Arc::new(Budget::new(each, all, Arc::default()));
        let stream = Stream::new(now, budget).when_unused(move |stream| {
            assert!(stream.is_unused());
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let stream = Arc::new(stream);
        Self { now, stream, unused, readers: BTreeMap::new(), log: Vec::new() }
    }

    fn run(&mut self, words: &[&str]) {
        let mut turn = Turn::new(self.now);
        let (verb, rest) = words.split_first().unwrap();
        match *verb {
            "limit" => {
                let limit = |key| value(rest, key).unwrap_or(u64::MAX);
                // So many bytes, in so many messages.
                let bytes = |key| match value(rest, key) {
                    Some(bytes) => bytes + value(rest, "in").unwrap() * cost_of_empty(),
                    None => u64::MAX,
                };
                *self = Self::new(
                    StreamLimits { messages_max: limit("messages"), bytes_max: bytes("bytes") },
                    TotalLimits {
                        messages_max: limit("all-messages"),
                        bytes_max: bytes("all-bytes"),
                    },
                );
            }
            "subscribe" => {
                let inbox = Arc::new(Inbox::default());
                let cursor = self.stream.subscribe(spec(&inbox, rest));
                self.readers.insert(rest[0].to_owned(), (inbox, cursor));
            }
            "publish" => {
                for word in rest {
                    self.stream.publish(&mut turn, &message(word));
                }
                self.listen();
            }
            "read" => {
                let limit = rest.get(1).map_or(usize::MAX, |limit| limit.parse().unwrap());
                self.read(&mut turn, rest[0], limit);
            }
            "drop" => {
                drop(self.readers.remove(rest[0]));
                if self.unused.swap(0, Ordering::Relaxed) > 0 {
                    self.log.push("unused".to_owned());
                }
            }
            "cancel" => {
                assert!(self.stream.cancel(&mut turn, &QueueName::parse(rest[0]).unwrap()));
                self.listen();
            }
            "wait" => self.now += Duration::from_millis(rest[0].parse().unwrap()),
            "list" => {
                for view in self.stream.views(self.now) {
                    let counts = format!("{}/{}/{}", view.ready, view.delivered, view.dropped);
                    self.log.push(format!("{} {counts} {}B", view.name, view.ready_bytes));
                }
            }
            other => panic!("no such command: {other}"),
        }
    }

    fn listen(&mut self) {
        for (name, (inbox, _)) in &self.readers {
            match inbox.take_words().0.map(|end| *end) {
                Some(End::Overrun { bound, .. }) => {
                    self.log.push(format!("ended {name} by {bound}"));
                }
                Some(other) => panic!("{other:?}"),
                None => {}
            }
            let mut items = Vec::new();
            inbox.drain(&mut items);
            for item in items {
                self.log.push(match item {
                    Inbound::Ready(_) => format!("told {name}"),
                    Inbound::Cancelled(_) => format!("cancelled {name}"),
                    other => panic!("{other:?}"),
                });
            }
        }
    }

    fn read(&mut self, turn: &mut Turn, name: &str, limit: usize) {
        let mut messages = Vec::new();
        let (_, cursor) = self.readers.get_mut(name).unwrap();
        let read = cursor.read(turn, limit, &mut messages);
        if read.dropped > 0 {
            self.log.push(format!("{name} lost {}", read.dropped));
        }
        let keys =
            messages.iter().map(|(_, message)| String::from_utf8_lossy(message.routing_key()));
        let line = [name.into()].into_iter().chain(keys).collect::<Vec<_>>().join(" ");
        self.log.push(line);
        if read.has_more {
            self.log.push(format!("more {name}"));
        }
    }
}

fn value(words: &[&str], key: &str) -> Option<u64> {
    words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('=')?.parse().ok())
}

fn spec(inbox: &Arc<Inbox>, words: &[&str]) -> CursorSpec {
    CursorSpec {
        inbox: Arc::clone(inbox),
        link: LinkId(1),
        consumer: ConsumerId(0),
        name: QueueName::parse(words[0]).unwrap(),
        tag: ConsumerTag::parse(words[0]).unwrap(),
        channel: 1,
        limits: CursorLimits {
            messages_max: value(words, "max-length"),
            bytes_max: value(words, "max-bytes"),
            message_ttl: value(words, "ttl").map(Duration::from_millis),
            overflow: match words.contains(&"disconnect") {
                true => Overflow::Disconnect,
                false => Overflow::DropHead,
            },
        },
        arguments: FieldTable::new(),
    }
}

/// What a message costs whose body is empty: key and properties take nine bytes.
fn cost_of_empty() -> u64 {
    COST_BYTES_MIN + 9
}

/// `name[~ttl][:bytes]`; the bytes are the body's.
fn message(word: &str) -> Arc<Message> {
    let (word, bytes) = word.split_once(':').unwrap_or((word, "10"));
    let (name, ttl) = word.split_once('~').map_or((word, None), |(word, ttl)| (word, Some(ttl)));
    let marks = Marks { expiration_ms: ttl.map(|it| it.parse().unwrap()), ..Marks::default() };
    let body = vec![b'.'; bytes.parse::<usize>().unwrap()];
    sample::message(name, &body, marks)
}

#[test]
fn a_cursor_reads_what_comes_after_it() {
    check("publish a; subscribe x; publish b c; read x", "told x; x b c");
}

#[test]
fn one_that_had_read_everything_is_told_once() {
    check(
        "subscribe x; subscribe y; publish a b; read x; publish c; read x; read y; read y",
        "told x; told y; x a b; told x; x c; y a b c; y",
    );
}

#[test]
fn one_that_has_not_read_everything_is_not_told_but_knows() {
    check(
        "subscribe x; publish a b c; read x 2; publish d; read x 1; read x 9; publish e",
        "told x; x a b; more x; x c; more x; x d; told x; held 1",
    );
}

#[test]
fn messages_are_held_for_the_slowest_only_as_long_as_it_is_there() {
    check(
        "subscribe x; subscribe y; publish a b c d; read x; read y 1",
        "told x; told y; x a b c d; y a; more y; held 3",
    );
    check("subscribe x; subscribe y; publish a b; read x; drop y", "told x; told y; x a b");
    check("subscribe x; publish a b; drop x; publish c", "told x; unused");
}

#[test]
fn the_ring_has_an_end_and_the_loss_is_announced() {
    check(
        "limit messages=2; subscribe x; publish a b c d; read x; publish e; read x",
        "told x; x lost 2; x c d; told x; x e",
    );
    check(
        "limit bytes=30 in=2; subscribe x; publish a:10 b:15 c:15; read x",
        "told x; x lost 1; x b c",
    );
    check("limit bytes=29 in=2; subscribe x; publish b:15 c:15; read x", "told x; x lost 1; x c");
    check("limit bytes=30 in=1; subscribe x; publish a:30; read x", "told x; x a");
}

#[test]
fn a_loss_is_announced_with_the_next_message_however_late_that_comes() {
    check(
        "limit bytes=30 in=1; subscribe x; publish a:31; read x; publish b; read x",
        "told x; x; told x; x lost 1; x b",
    );
    check(
        "subscribe x max-length=1 ttl=500; publish a b; wait 500; read x; publish c d; read x",
        "told x; x; told x; x lost 2; x d",
    );
}

#[test]
fn as_much_as_the_node_may_hold_and_one_message_more() {
    check(
        "limit all-messages=3; subscribe x; publish a b c; read x; publish d e f g; read x",
        "told x; x a b c; told x; x lost 1; x e f g",
    );
    check(
        "limit all-bytes=30 in=3; subscribe x; publish a:10 b:10 c:10 d:10; read x",
        "told x; x lost 1; x b c d",
    );
    // The newest stays, so that those who keep up get it.
    check("limit all-messages=0; subscribe x; publish a b; read x", "told x; x lost 1; x b");
}

#[test]
fn who_wants_to_be_disconnected_is_as_soon_as_it_would_lose_something() {
    check("subscribe x max-length=2 disconnect; publish a b", "told x; held 2");
    check(
        "subscribe x max-length=2 disconnect; publish a b c d; read x; drop x",
        "ended x by its x-max-length of 2 messages; told x; x; unused",
    );
    check(
        "subscribe x max-bytes=9 disconnect; publish a:4 b:5; read x; publish c:9; publish d:1",
        "told x; x a b; told x; ended x by its x-max-length-bytes of 9 bytes",
    );
    check(
        "limit messages=2; subscribe x disconnect; subscribe y; publish a b c; read y",
        "ended x by the topic's limit of 2 messages; told x; told y; y lost 1; y b c",
    );
    check(
        "limit all-messages=2; subscribe x disconnect; subscribe y; publish a b; read x; publish c",
        "told x; told y; x a b; told x; held 2",
    );
    check(
        "limit all-bytes=9 in=1; subscribe x disconnect; publish a:9; publish b:1",
        "told x; ended x by the node's limit of 194 bytes",
    );
}

#[test]
fn who_keeps_up_is_never_disconnected() {
    check(
        "limit messages=2; subscribe x max-length=1 disconnect; subscribe y; publish a; read x; \
         publish b; read x; publish c; read x; publish d; read x; read y",
        "told x; told y; x a; told x; x b; told x; x c; told x; x d; y lost 2; y c d",
    );
}

/// A stream with one reader who does not read, and what it holds.
fn stalled(budget: &Arc<Budget>, messages: usize, body_bytes: usize) -> (Arc<Stream>, Cursor) {
    let stream = Arc::new(Stream::new(Instant::now(), Arc::clone(budget)));
    let cursor = stream.subscribe(spec(&Arc::default(), &["x"]));
    let message = sample::message("k", &vec![b'.'; body_bytes], Marks::default());
    let mut turn = Turn::new(Instant::now());
    (0..messages).for_each(|_| stream.publish(&mut turn, &message));
    (stream, cursor)
}

#[test]
fn the_stream_that_has_been_large_for_longest_gives_way_to_a_small_one() {
    let all = TotalLimits { messages_max: u64::MAX, bytes_max: 4 * LARGE_BYTES_MIN };
    let budget = Arc::new(Budget::new(StreamLimits::default(), all, Arc::default()));
    let body_bytes = 1024;
    let (first, mut first_cursor) = stalled(&budget, 90, body_bytes);
    let (second, second_cursor) = stalled(&budget, 90, body_bytes);
    let before = [first.held(), second.held()];
    let (small, _reader) = stalled(&budget, 45, body_bytes);
    assert_eq!(small.held().messages, 45);
    assert_eq!(second.held(), before[1]);
    assert!(first.held().bytes <= before[0].bytes / 2);
    assert!(budget.held().bytes <= all.bytes_max);
    let read = first_cursor.read(&mut Turn::new(Instant::now()), usize::MAX, &mut Vec::new());
    assert_eq!(read.dropped, 90 - before[0].messages.min(45));
    drop((first_cursor, second_cursor));
    assert_eq!(budget.held(), small.held());
    drop(small);
    assert_eq!(first.held(), Held::default());
}

#[test]
fn what_was_rendered_of_a_message_counts_once_its_readers_come_back() {
    let budget = Arc::new(Budget::default());
    let stream = Arc::new(Stream::new(Instant::now(), Arc::clone(&budget)));
    let inbox = Arc::new(Inbox::default());
    let _stalled = stream.subscribe(spec(&inbox, &["x"]));
    let mut reader = stream.subscribe(spec(&inbox, &["y"]));
    let mut turn = Turn::new(Instant::now());
    let mut read = Vec::new();
    let plain = cost_of_empty() + 10;
    for expected in [plain, 2 * plain + 50] {
        stream.publish(&mut turn, &message("a:10"));
        reader.read(&mut turn, 1, &mut read);
        assert_eq!(budget.held().bytes, expected);
        for (_, message) in read.drain(..) {
            message.tails().stomp.get_or_init(|| StompTail {
                bytes: [b'.'; 50].into(),
                is_text: true,
                deflated: Default::default(),
            });
        }
    }
    assert_eq!(stream.held(), budget.held());
}

#[test]
fn a_run_ends_with_the_message_that_passes_its_bytes() {
    let max = usize::try_from(RUN_BYTES_MAX).unwrap();
    for (body_bytes, expected) in [(max, 1), (max / 2, 2), (max / 2 - 1, 3), (4 * max, 1)] {
        for ttl in ["", "ttl=1000"] {
            let stream = Arc::new(Stream::new(Instant::now(), Arc::default()));
            let mut cursor = stream.subscribe(spec(&Arc::default(), &["x", ttl]));
            let mut turn = Turn::new(Instant::now());
            let message = sample::message("k", &vec![b'.'; body_bytes], Marks::default());
            (0..4).for_each(|_| stream.publish(&mut turn, &message));
            let (run, read) = cursor.read_run(&mut turn);
            assert_eq!((run.len(), read.bytes), (expected, (expected * body_bytes) as u64));
            assert!(read.has_more);
        }
    }
}

#[test]
fn a_cursor_may_want_less_than_the_ring_holds() {
    check(
        "subscribe x max-length=1; subscribe y; publish a b c; read x; read y",
        "told x; told y; x lost 2; x c; y a b c",
    );
    check("subscribe x max-bytes=25; publish a:10 b:15 c:10; read x", "told x; x lost 1; x b c");
    check("subscribe x max-bytes=25; publish b:15 c:10; read x", "told x; x b c");
    check("subscribe x max-length=0; publish a; read x; publish b", "told x; x; told x; held 1");
}

#[test]
fn expired_messages_are_passed_over_and_are_no_loss() {
    check("subscribe x ttl=1000; publish a b~500; wait 500; publish c; read x", "told x; x a c");
    check(
        "subscribe x ttl=1000; publish a b~500; wait 1000; read x; publish d",
        "told x; x; told x; held 1",
    );
    check(
        "subscribe x ttl=0; publish a; wait 99; read x; publish b; wait 100; read x",
        "told x; x a; told x; x",
    );
}

#[test]
fn listings_show_what_lies_before_each_cursor() {
    check(
        "subscribe x ttl=500; publish a b~5000; wait 500; publish c; list; read x",
        "told x; x 1/0/0 10B; x c",
    );
    check(
        "subscribe x; subscribe y max-length=1; publish a:10 b:20 c:30; read x 1; list",
        "told x; told y; x a; more x; x 2/1/0 50B; y 1/0/2 30B; held 3",
    );
}

#[test]
fn a_consumer_can_be_told_that_its_queue_is_gone() {
    check("subscribe x; subscribe y; cancel y", "cancelled y");
}

/// Hands its wake-ups to a channel, so that a thread can wait for them.
struct Bell(mpsc::Sender<()>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        // The reader has left once it has everything.
        let _ = self.0.send(());
    }
}

/// A wake-up lost between "nothing there" and "tell me" would leave the reader waiting here.
#[test]
fn no_wake_up_is_lost_between_threads() {
    const PUBLISHERS: u64 = 2;
    const MESSAGES: u64 = 20_000;
    let each = StreamLimits { messages_max: PUBLISHERS * MESSAGES, bytes_max: u64::MAX };
    let budget = Budget::new(each, TotalLimits::default(), Arc::default());
    let stream = Arc::new(Stream::new(Instant::now(), Arc::new(budget)));
    let inbox = Arc::new(Inbox::default());
    let mut cursor = stream.subscribe(spec(&inbox, &["x"]));
    let (bell, rings) = mpsc::channel();
    let waker = Waker::from(Arc::new(Bell(bell)));

    std::thread::scope(|scope| {
        for _ in 0..PUBLISHERS {
            scope.spawn(|| {
                let message = message("a");
                for _ in 0..MESSAGES {
                    let mut turn = Turn::new(Instant::now());
                    stream.publish(&mut turn, &message);
                    turn.wakes.wake_all();
                }
            });
        }
        let (mut items, mut messages) = (Vec::new(), Vec::new());
        let mut expected = 0;
        while expected < PUBLISHERS * MESSAGES {
            if inbox.poll_ready(&mut Context::from_waker(&waker)) == Poll::Pending {
                rings.recv_timeout(Duration::from_secs(20)).expect("a wake-up was lost");
                continue;
            }
            inbox.drain(&mut items);
            items.clear();
            let mut turn = Turn::new(Instant::now());
            let mut has_more = true;
            while has_more {
                let read = cursor.read(&mut turn, 7, &mut messages);
                assert_eq!(read.dropped, 0);
                has_more = read.has_more;
                for (sequence, _) in messages.drain(..) {
                    assert_eq!(sequence, expected);
                    expected += 1;
                }
            }
        }
    });
    assert_eq!(stream.held(), Held::default());
}
