//! Streams and cursors, case by case.
//!
//! Commands: `subscribe x max-length=2 max-bytes=9 ttl=5`, `publish a b~50 c:9` (50 ms to live, 9
//! bytes), `read x`, `read x 2`, `drop x`, `wait 5`, `cancel x`, `limit messages=2 bytes=9`. What
//! comes out: `told x`, `x a b`, `x lost 2`, `more x`, `cancelled x`, `unused`, and at the end
//! what is `held`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use model::{ConsumerId, ConsumerTag, FieldTable, LinkId, Marks, Message, QueueName};

use super::super::cursor::{Cursor, CursorSpec};
use super::super::retention::{CursorLimits, StreamLimits};
use super::Stream;
use crate::inbox::{Inbound, Inbox};
use crate::sample;
use crate::turn::Turn;

#[track_caller]
fn check(script: &str, expected: &str) {
    let mut bench = Bench::new(StreamLimits::default());
    for statement in script.split(';') {
        let words: Vec<&str> = statement.split_whitespace().collect();
        bench.run(&words);
    }
    let held = bench.stream.held();
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
    fn new(limits: StreamLimits) -> Self {
        let now = Instant::now();
        let unused = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&unused);
        let stream = Stream::new(now, limits).when_unused(move |stream| {
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
                let messages_max = value(rest, "messages").unwrap_or(u64::MAX);
                let bytes_max = value(rest, "bytes").unwrap_or(u64::MAX);
                *self = Self::new(StreamLimits { messages_max, bytes_max });
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
                for view in self.stream.views() {
                    let counts = format!("{}/{}/{}", view.ready, view.delivered, view.dropped);
                    self.log.push(format!("{} {counts} {}B", view.name, view.ready_bytes));
                }
            }
            other => panic!("no such command: {other}"),
        }
    }

    fn listen(&mut self) {
        for (name, (inbox, _)) in &self.readers {
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
        },
        arguments: FieldTable::new(),
    }
}

/// `name[~ttl][:bytes]`; the bytes are all of it, of which key and properties take nine.
fn message(word: &str) -> Arc<Message> {
    let (word, bytes) = word.split_once(':').unwrap_or((word, "10"));
    let (name, ttl) = word.split_once('~').map_or((word, None), |(word, ttl)| (word, Some(ttl)));
    let marks = Marks { expiration_ms: ttl.map(|it| it.parse().unwrap()), ..Marks::default() };
    let body = vec![b'.'; bytes.parse::<usize>().unwrap() - 8 - name.len()];
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
    check("limit bytes=30; subscribe x; publish a:10 b:15 c:20; read x", "told x; x lost 2; x c");
    check("limit bytes=30; subscribe x; publish a:31; read x", "told x; x lost 1; x");
}

#[test]
fn a_cursor_may_want_less_than_the_ring_holds() {
    check(
        "subscribe x max-length=1; subscribe y; publish a b c; read x; read y",
        "told x; told y; x lost 2; x c; y a b c",
    );
    check("subscribe x max-bytes=25; publish a:10 b:15 c:10; read x", "told x; x lost 1; x b c");
    check(
        "subscribe x max-length=0; publish a; read x; publish b",
        "told x; x lost 1; x; told x; held 1",
    );
}

#[test]
fn expired_messages_are_passed_over_and_are_no_loss() {
    check("subscribe x ttl=10; publish a b~5; wait 5; publish c; read x", "told x; x a c");
    check(
        "subscribe x ttl=10; publish a b~5; wait 10; read x; publish d",
        "told x; x; told x; held 1",
    );
    check(
        "subscribe x ttl=0; publish a; read x; publish b; wait 1; read x",
        "told x; x a; told x; x",
    );
}

#[test]
fn listings_show_what_lies_before_each_cursor() {
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
    let stream = Arc::new(Stream::new(Instant::now(), StreamLimits::default()));
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
            assert_eq!(items.drain(..).count(), 1, "told twice");
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
    assert_eq!(stream.held(), 0);
}
