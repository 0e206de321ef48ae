//! Stream queues on a log on a fake disk: what consumers read, and what comes back after a restart.
//! Numbers in brackets are those of `amqp.md` §13.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::{AckMode, ConsumerId, ConsumerTag, FieldTable, FieldValue, Marks, QueueSpec};

use super::*;
use crate::inbox::{Inbound, Inbox};
use crate::queue::{MessageLog, Published, publish_all};
use crate::sample;
use crate::store::disk::FakeDisk;
use crate::store::{QueueId, Settings, Store};
use crate::turn::FollowUp;

const LINK: LinkId = LinkId(1);

/// A stream, and the disk under it.
struct Node {
    disk: FakeDisk,
    log: Arc<MessageLog>,
    queue: Arc<Queue>,
    arguments: Vec<(&'static str, FieldValue)>,
    start: Instant,
}

/// A consumer of the stream.
struct Page {
    inbox: Arc<Inbox>,
    source: SourceId,
}

impl Node {
    fn new(arguments: &[(&'static str, FieldValue)]) -> Self {
        Self::start(FakeDisk::default(), arguments.to_vec())
    }

    fn start(disk: FakeDisk, arguments: Vec<(&'static str, FieldValue)>) -> Self {
        let settings = Settings { segment_bytes: 1 << 20, ..Settings::default() };
        let (store, _) = Store::open(Arc::new(disk.clone()), settings).unwrap();
        let log = MessageLog::new(Arc::new(store), None, &sample::CODEC, u64::MAX);
        log.mark_redelivered();
        let start = Instant::now();
        let mut table = FieldTable::new();
        table.set("x-queue-type", FieldValue::string("stream"));
        arguments.iter().for_each(|(key, value)| table.set(key, value.clone()));
        let name = QueueName::parse("s").unwrap();
        let spec = QueueSpec {
            name: Some(name.clone()),
            is_durable: true,
            is_exclusive: false,
            is_auto_delete: false,
            arguments: table,
        };
        let (vhost, journal) = (VhostName::root(), Some(Journal::new(&log, QueueId(1))));
        let mut turn = Turn::new(start);
        let queue = Queue::create(&mut turn, &vhost, name, None, &spec, journal).unwrap();
        queue.recover(&mut turn);
        Self { disk, log, queue, arguments, start }
    }

    /// As after `kill -9`.
    fn restart(self) -> Self {
        self.log.wait_for_writer();
        let (disk, arguments) = (self.disk.clone(), self.arguments.clone());
        drop(self);
        Self::start(disk, arguments)
    }

    fn turn(&self, after: Duration) -> Turn {
        Turn::new(self.start + after)
    }

    /// Brings what was asked of the log.
    fn read(&self, mut turn: Turn) {
        while !turn.follow_ups.is_empty() {
            for follow_up in std::mem::take(&mut turn.follow_ups) {
                if let FollowUp::ReadBack(queue, wanted) = follow_up {
                    queue.ask_reader(&mut turn, wanted);
                }
            }
        }
    }

    fn publish(&self, after: Duration, bodies: &[&[u8]]) -> Published {
        let mut turn = self.turn(after);
        let message = |body: &&[u8]| sample::message("k", body, Marks::default());
        let messages: Vec<_> = bodies.iter().map(message).collect();
        let published = publish_all(&mut [Arc::clone(&self.queue)], &mut turn, &messages);
        self.read(turn);
        published
    }

    fn consume(&self, number: u32, prefetch: u16, start: FieldValue) -> Page {
        let page = Page { inbox: Arc::new(Inbox::default()), source: SourceId(number) };
        let spec = ConsumerSpec { prefetch, ..page.spec(Some(start)) };
        let mut turn = self.turn(Duration::ZERO);
        self.queue.consume(&mut turn, spec).unwrap();
        self.read(turn);
        page
    }

    /// Reads and acknowledges until nothing comes any more: offsets and bodies.
    fn read_all(&self, page: &Page) -> Vec<(u64, Vec<u8>)> {
        let mut all = Vec::new();
        loop {
            let heard = page.heard();
            if heard.is_empty() {
                return all;
            }
            let mut turn = self.turn(Duration::ZERO);
            let count = u32::try_from(heard.len()).unwrap();
            self.queue.credit(&mut turn, LINK, page.source, count);
            self.read(turn);
            all.extend(heard);
        }
    }

    /// The offsets that a consumer gets who begins there.
    fn offsets_from(&self, start: FieldValue) -> Vec<u64> {
        let page = self.consume(99, 100, start);
        let offsets = page.heard().into_iter().map(|(offset, _)| offset).collect();
        self.queue.cancel(&mut self.turn(Duration::ZERO), LINK, ConsumerId(99));
        offsets
    }
}

impl Page {
    fn spec(&self, start: Option<FieldValue>) -> ConsumerSpec {
        let mut arguments = FieldTable::new();
        if let Some(start) = start {
            arguments.set("x-stream-offset", start);
        }
        ConsumerSpec {
            inbox: Arc::clone(&self.inbox),
            link: LINK,
            consumer: ConsumerId(self.source.0),
            source: self.source,
            tag: ConsumerTag::parse("t").unwrap(),
            channel: 1,
            ack: AckMode::Manual,
            prefetch: 10,
            is_exclusive: false,
            priority: 0,
            arguments,
        }
    }

    fn heard(&self) -> Vec<(u64, Vec<u8>)> {
        let mut heard = Vec::new();
        self.inbox.drain(&mut heard);
        let pair = |item| match item {
            Inbound::Delivered(delivery) => {
                assert!(!delivery.is_redelivered);
                assert_eq!(delivery.id.source, self.source);
                (delivery.id.sequence, delivery.message.body().to_vec())
            }
            item => panic!("{item:?}"),
        };
        heard.into_iter().map(pair).collect()
    }
}

fn text(text: &str) -> FieldValue {
    FieldValue::string(text)
}

#[test]
fn everything_survives_a_restart_and_offsets_go_on() {
    let node = Node::new(&[]);
    let published = node.publish(Duration::ZERO, &[b"a", b"b", b"c"]);
    // Transient messages, too; so their confirms wait for the sync.
    assert!((0..3).all(|at| published.logged.contains(at)));
    let page = node.consume(1, 10, text("first"));
    assert_eq!(node.read_all(&page).len(), 3);
    let node = node.restart();
    assert_eq!(node.queue.counts().ready, 3);
    let page = node.consume(1, 10, text("first"));
    let next = node.consume(2, 10, text("next"));
    node.publish(Duration::ZERO, &[b"d"]);
    let all = [(0, b"a"), (1, b"b"), (2, b"c"), (3, b"d")].map(|(at, body)| (at, body.to_vec()));
    assert_eq!(node.read_all(&page), all);
    assert_eq!(node.read_all(&next), all[3..]);
}

#[test]
fn a_consumer_begins_where_it_asks_to() {
    let node = Node::new(&[]);
    node.publish(Duration::ZERO, &[b"a", b"b", b"c"]);
    for (start, offsets) in [
        (text("first"), &[0, 1, 2][..]),
        (text("last"), &[2]),
        (text("next"), &[]),
        (FieldValue::I64(1), &[1, 2]),
        (FieldValue::I64(-1), &[0, 1, 2]),
        (FieldValue::I64(3), &[]),
        (FieldValue::I64(i64::MAX), &[]),
        (text("1h"), &[0, 1, 2]),
        (FieldValue::Timestamp(0), &[0, 1, 2]),
        (FieldValue::Timestamp(u64::MAX), &[]),
    ] {
        assert_eq!(node.offsets_from(start.clone()), offsets, "{start}");
    }
    assert_eq!(Node::new(&[]).offsets_from(text("last")), []);
}

#[test]
fn a_time_finds_the_first_message_that_came_no_earlier() {
    let node = Node::new(&[("x-stream-max-segment-size-bytes", FieldValue::I64(300))]);
    let hour = Duration::from_secs(3600);
    (0..24).for_each(|at| _ = node.publish(hour * at, &[b"x", b"y"]));
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let check = |node: &Node| {
        for at in [0_u64, 1, 2, 3, 11, 12, 22, 23] {
            // Half an hour before, so that the time it takes to get here means nothing.
            let start = FieldValue::Timestamp(unix + at * 3600 - 1800);
            let expected: Vec<u64> = (2 * at..48).collect();
            assert_eq!(node.offsets_from(start), expected, "{at}");
        }
        assert_eq!(node.offsets_from(FieldValue::Timestamp(unix + 23 * 3600 + 1800)), []);
    };
    node.log.wait_for_writer();
    check(&node);
    check(&node.restart());
}

#[test]
fn consumers_at_many_places_of_a_long_stream_get_all_of_it_within_bounded_memory() {
    let node = Node::new(&[]);
    let body = |number: u64| format!("{number:0>10000}").into_bytes();
    (0..1000).for_each(|number| _ = node.publish(Duration::ZERO, &[&body(number)]));
    // 10 MB, of which 2 MiB stay.
    assert!(node.log.held_bytes() <= 2 << 20, "{}", node.log.held_bytes());
    let starts = [0_u64, 1, 500, 780, 999];
    let pages: Vec<Page> = (0..)
        .zip(starts)
        .map(|(number, start)| node.consume(number, 7, FieldValue::I64(start.cast_signed())))
        .collect();
    let ahead_bytes_max = 5 * (256 << 10);
    assert!(node.log.held_bytes() <= (2 << 20) + ahead_bytes_max, "{}", node.log.held_bytes());
    for (page, start) in pages.iter().zip(starts) {
        let all = node.read_all(page);
        assert!(all.into_iter().eq((start..1000).map(|number| (number, body(number)))), "{start}");
    }
    assert!(node.log.held_bytes() <= 2 << 20, "{}", node.log.held_bytes());
}

#[test]
fn retention_gives_the_logs_space_back_and_survives_a_restart() {
    let size = |bytes| FieldValue::I64(bytes);
    let node = Node::new(&[
        ("x-max-length-bytes", size(300_000)),
        ("x-stream-max-segment-size-bytes", size(100_000)),
    ]);
    let body = [b'x'; 10_000 - 48];
    (0..500).for_each(|_| _ = node.publish(Duration::ZERO, &[&body]));
    let kept: Vec<u64> = (470..500).collect();
    assert_eq!(node.offsets_from(text("first")), kept);
    assert_eq!(node.queue.counts().ready, 30);
    node.log.wait_for_writer();
    let store = node.log.store();
    assert_eq!(store.queue(QueueId(1)).unwrap().messages, 30);
    assert!(store.usage().live_bytes < 400_000, "{}", store.usage().live_bytes);
    let node = node.restart();
    assert_eq!(node.offsets_from(FieldValue::I64(0)), kept);
    // The granules begin where they did before.
    node.publish(Duration::ZERO, &[&body]);
    assert_eq!(node.offsets_from(text("first")), (480..501).collect::<Vec<u64>>());
}

#[test]
fn retention_by_age_goes_on_after_a_restart() {
    let node = Node::new(&[
        ("x-max-age", text("1h")),
        ("x-stream-max-segment-size-bytes", FieldValue::I64(0)),
    ]);
    node.publish(Duration::ZERO, &[b"a", b"b"]);
    node.publish(Duration::from_secs(1800), &[b"c", b"d"]);
    let node = node.restart();
    assert_eq!(node.queue.counts().ready, 4);
    node.queue.tick(&mut node.turn(Duration::from_secs(3601)));
    assert_eq!(node.offsets_from(text("first")), [2, 3]);
    node.queue.tick(&mut node.turn(Duration::from_secs(9000)));
    assert_eq!(node.offsets_from(text("first")), [3]);
}

#[test]
fn a_deleted_stream_leaves_nothing_and_tells_its_consumers() {
    let node = Node::new(&[]);
    node.publish(Duration::ZERO, &[b"a", b"b"]);
    let page = node.consume(1, 10, text("next"));
    let mut turn = node.turn(Duration::ZERO);
    assert_eq!(node.queue.delete(&mut turn, crate::queue::DeleteIf::default()), Ok(2));
    let mut heard = Vec::new();
    page.inbox.drain(&mut heard);
    assert!(matches!(heard[..], [Inbound::Cancelled(ConsumerId(1))]), "{heard:?}");
    node.log.wait_for_writer();
    assert_eq!(node.log.store().queue(QueueId(1)), None);
}

#[test]
fn a_log_that_failed_takes_no_message_whatever_its_mode() {
    let node = Node::new(&[]);
    node.log.wait_for_writer();
    node.disk.fail_writes_after(0);
    node.publish(Duration::ZERO, &[b"a"]);
    node.log.wait_for_writer();
    let published = node.publish(Duration::ZERO, &[b"b"]);
    assert!(published.rejected.contains(0) && !published.logged.contains(0));
}

/// (115)
#[test]
fn what_cannot_be_asked_of_a_stream_is_refused_in_rabbitmqs_terms() {
    let node = Node::new(&[]);
    let mut turn = node.turn(Duration::ZERO);
    let got = node.queue.get(&mut turn, LINK, SourceId(1), AckMode::Manual).unwrap_err();
    let text = "basic.get not supported by stream queues queue 's' in vhost '/'";
    assert_eq!(got, Refusal::NotImplemented(text.into()));
    let purged = node.queue.purge(&mut turn).unwrap_err();
    let text = "queue.purge not supported by stream queues queue 's' in vhost '/'";
    assert_eq!(purged, Refusal::NotImplemented(text.into()));
    let page = Page { inbox: Arc::new(Inbox::default()), source: SourceId(1) };
    let spec = || page.spec(None);
    let mut arguments = FieldTable::new();
    arguments.set("x-priority", FieldValue::I32(1));
    for (spec, text) in [
        (
            ConsumerSpec { prefetch: 0, ack: AckMode::Automatic, ..spec() },
            "consumer prefetch count is not set for stream queue 's' in vhost '/'",
        ),
        (
            ConsumerSpec { ack: AckMode::Automatic, ..spec() },
            "automatic acknowledgement not supported by stream queue 's' in vhost '/'",
        ),
        (
            page.spec(Some(FieldValue::string("0h"))),
            "invalid arg 'x-stream-offset' for queue 's' in vhost '/': \
             {invalid_stream_offset_arg,{longstr,<<\"0h\">>}}",
        ),
        (
            ConsumerSpec { arguments, ..spec() },
            "invalid arg 'x-priority' for queue 's' in vhost '/' of queue type rabbit_stream_queue",
        ),
    ] {
        assert_eq!(node.queue.consume(&mut turn, spec).unwrap_err().to_string(), text);
    }
    assert_eq!(node.queue.counts().consumers, 0);
}
