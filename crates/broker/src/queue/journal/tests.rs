//! Durable queues on a log: what comes back after a restart.

use std::time::Duration;

use model::{
    AckMode, ConsumerId, ConsumerTag, FieldTable, FieldValue, LinkId, Marks, Outcome, QueueName,
    QueueSpec, SourceId, VhostName,
};

use super::*;
use crate::inbox::{Inbound, Inbox};
use crate::queue::{ConsumerSpec, publish_all};
use crate::sample;
use crate::store::Settings;
use crate::store::disk::{Crash, FakeDisk};
use crate::turn::{FollowUp, Turn};

const LINK: LinkId = LinkId(1);

/// Two durable queues, and the disk under them.
struct Node {
    disk: FakeDisk,
    log: Arc<MessageLog>,
    queues: Vec<Arc<Queue>>,
}

impl Node {
    fn new() -> Self {
        Self::start(FakeDisk::default(), &[], true)
    }

    fn start(disk: FakeDisk, arguments: &[(&str, FieldValue)], was_clean: bool) -> Self {
        let settings = Settings { segment_bytes: 1 << 20, ..Settings::default() };
        let (store, _) = Store::open(Arc::new(disk.clone()), settings).unwrap();
        let log = MessageLog::new(Arc::new(store), None, &sample::CODEC, u64::MAX);
        if !was_clean {
            log.mark_redelivered();
        }
        let mut turn = Turn::new(Instant::now());
        let queue = |number: u64| {
            let mut table = FieldTable::new();
            arguments.iter().for_each(|(key, value)| table.set(key, value.clone()));
            let name = QueueName::parse(&format!("q{number}")).unwrap();
            let spec = QueueSpec {
                name: Some(name.clone()),
                is_durable: true,
                is_exclusive: false,
                is_auto_delete: false,
                arguments: table,
            };
            let journal = Some(Journal::new(&log, QueueId(number)));
            Queue::create(&mut turn, &VhostName::root(), name, None, &spec, journal).unwrap()
        };
        let queues: Vec<_> = (1..=2).map(queue).collect();
        let node = Self { disk, log, queues };
        node.queues.iter().for_each(|queue| queue.recover(&mut turn));
        node.read(turn);
        node
    }

    /// As after `kill -9`.
    fn restart(self, arguments: &[(&str, FieldValue)]) -> Self {
        self.log.wait_for_writer();
        let disk = self.disk.clone();
        drop(self);
        Self::start(disk, arguments, false)
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

    fn publish(&mut self, words: &str, marks: Marks) {
        let mut turn = Turn::new(Instant::now());
        let messages: Vec<_> = words
            .split_whitespace()
            .map(|word| sample::message("k", word.as_bytes(), marks))
            .collect();
        publish_all(&mut self.queues.clone(), &mut turn, &messages);
        self.read(turn);
    }

    /// Gets everything there is in a queue: bodies, `*` for redelivered.
    fn get_all(&self, number: usize, ack: AckMode) -> String {
        self.get_all_at(Instant::now(), number, ack)
    }

    fn get_all_at(&self, now: Instant, number: usize, ack: AckMode) -> String {
        let mut got = Vec::new();
        let mut turn = Turn::new(now);
        while let Some(it) = self.queues[number].get(&mut turn, LINK, SourceId(0), ack).unwrap() {
            let body = String::from_utf8_lossy(it.message.body()).into_owned();
            got.push(body + if it.is_redelivered { "*" } else { "" });
        }
        got.join(" ")
    }
}

fn persistent() -> Marks {
    Marks { is_persistent: true, ..Marks::default() }
}

#[test]
fn persistent_messages_come_back_in_order_and_transient_ones_do_not() {
    let mut node = Node::new();
    node.publish("a b", persistent());
    node.publish("t", Marks::default());
    node.publish("c d", persistent());
    assert_eq!(node.get_all(0, AckMode::Automatic), "a b t c d");
    let node = node.restart(&[]);
    assert_eq!(node.get_all(0, AckMode::Automatic), "");
    assert_eq!(node.get_all(1, AckMode::Automatic), "a* b* c* d*");
}

#[test]
fn a_message_to_several_queues_is_stored_once() {
    let mut node = Node::new();
    let body = "x".repeat(100_000);
    node.publish(&body, persistent());
    node.log.wait_for_writer();
    assert!(node.disk.written_bytes() < 150_000, "{}", node.disk.written_bytes());
    let node = node.restart(&[]);
    for queue in 0..2 {
        assert_eq!(node.get_all(queue, AckMode::Automatic).len(), body.len() + 1);
    }
}

#[test]
fn what_was_settled_does_not_come_back_and_what_was_returned_is_marked() {
    let mut node = Node::new();
    node.publish("a b c d", persistent());
    assert_eq!(node.get_all(0, AckMode::Manual), "a b c d");
    let mut turn = Turn::new(Instant::now());
    node.queues[0].settle(&mut turn, LINK, &[0, 2], Outcome::Accept);
    node.queues[0].settle(&mut turn, LINK, &[1], Outcome::Requeue);
    // Not marked by a restart that says that the node ended by itself.
    node.log.wait_for_writer();
    let node = Node::start(node.disk.clone(), &[], true);
    assert_eq!(node.get_all(0, AckMode::Automatic), "b* d");
}

/// The marks of a start after a crash could not be written, and messages that had been handed out
/// came again as if they had not.
#[test]
fn a_full_disk_hides_from_nobody_that_a_message_may_come_again() {
    let mut node = Node::new();
    node.publish("a b", persistent());
    assert_eq!(node.get_all(0, AckMode::Manual), "a b");
    node.log.wait_for_writer();
    // Full as soon as the store is open.
    let full_after = |writes| {
        let disk = node.disk.crashed(node.disk.operations(), Crash::KeepsAll);
        disk.fail_writes_after(writes);
        disk
    };
    let opens = |disk: FakeDisk| Store::open(Arc::new(disk), Settings::default()).is_ok();
    let writes = (0..100).find(|writes| opens(full_after(*writes))).unwrap();
    let node = Node::start(full_after(writes), &[], false);
    assert!(!node.log.is_writable());
    assert_eq!(node.get_all(0, AckMode::Automatic), "a* b*");
}

#[test]
fn priorities_and_deadlines_survive() {
    let arguments = [("x-max-priority", FieldValue::I32(9))];
    let mut node = Node::start(FakeDisk::default(), &arguments, true);
    let marks = |priority, expiration_ms| Marks { priority, expiration_ms, ..persistent() };
    node.publish("low", marks(Some(1), None));
    node.publish("high", marks(Some(7), None));
    node.publish("late", marks(Some(9), Some(3_600_000)));
    node.publish("dead", marks(Some(9), Some(1)));
    let node = node.restart(&arguments);
    // Behind one that lives it waits its turn.
    let later = Instant::now() + Duration::from_secs(1);
    assert_eq!(node.get_all_at(later, 0, AckMode::Automatic), "late* high* low*");
}

#[test]
fn a_purged_queue_keeps_what_is_unacknowledged_and_a_deleted_one_nothing() {
    let mut node = Node::new();
    node.publish("a b c", persistent());
    let mut turn = Turn::new(Instant::now());
    node.queues[0].get(&mut turn, LINK, SourceId(0), AckMode::Manual).unwrap();
    assert_eq!(node.queues[0].purge(&mut turn), Ok(2));
    node.queues[1].delete(&mut turn, crate::queue::DeleteIf::default()).unwrap();
    let node = node.restart(&[]);
    assert_eq!(node.get_all(0, AckMode::Automatic), "a*");
    assert_eq!(node.get_all(1, AckMode::Automatic), "");
}

#[test]
fn a_message_that_nobody_acknowledges_is_not_stored_if_it_is_delivered_at_once() {
    let mut node = Node::new();
    node.queues.truncate(1);
    let mut turn = Turn::new(Instant::now());
    node.queues[0].consume(&mut turn, consumer(AckMode::Automatic)).unwrap();
    let message = sample::message("k", b"a", persistent());
    let published = publish_all(&mut node.queues.clone(), &mut turn, &[message]);
    assert!(!published.logged.contains(0));
    let message = sample::message("k", b"a", persistent());
    node.queues[0].cancel(&mut turn, LINK, ConsumerId(1));
    let published = publish_all(&mut node.queues.clone(), &mut turn, &[message]);
    assert!(published.logged.contains(0));
}

#[test]
fn a_long_queue_leaves_memory_and_comes_back_in_order() {
    let mut node = Node::new();
    node.queues.truncate(1);
    let count = 4 * HELD_BYTES_MAX / 10_000;
    for number in 0..count {
        node.publish(&format!("{number:0>10000}"), persistent());
    }
    assert!(node.log.held_bytes() < HELD_BYTES_MAX + 20_000, "{}", node.log.held_bytes());
    let inbox = Arc::new(Inbox::default());
    let mut turn = Turn::new(Instant::now());
    let spec = ConsumerSpec { inbox: Arc::clone(&inbox), ..consumer(AckMode::Manual) };
    node.queues[0].consume(&mut turn, spec).unwrap();
    node.read(turn);
    let mut heard = Vec::new();
    loop {
        let before = heard.len();
        inbox.drain(&mut heard);
        let count = u32::try_from(heard.len() - before).unwrap();
        if count == 0 {
            break;
        }
        let mut turn = Turn::new(Instant::now());
        node.queues[0].written(&mut turn, LINK, ConsumerId(1), count);
        node.read(turn);
    }
    let numbers = heard.into_iter().map(|item| match item {
        Inbound::Delivered(delivery) => {
            assert!(!delivery.is_redelivered);
            String::from_utf8_lossy(delivery.message.body()).parse::<u64>().unwrap()
        }
        item => panic!("{item:?}"),
    });
    assert!(numbers.eq(0..count));
    assert_eq!(node.log.held_bytes(), 0);
}

#[test]
fn a_log_that_failed_takes_nothing_and_says_so() {
    let mut node = Node::new();
    node.queues.truncate(1);
    node.publish("a", persistent());
    node.log.wait_for_writer();
    node.disk.fail_writes_after(0);
    let mut turn = Turn::new(Instant::now());
    let batch = [sample::message("k", b"b", persistent())];
    publish_all(&mut node.queues.clone(), &mut turn, &batch);
    node.log.wait_for_writer();
    let transient = sample::message("k", b"t", Marks::default());
    let batch = [sample::message("k", b"c", persistent()), transient];
    let published = publish_all(&mut node.queues.clone(), &mut turn, &batch);
    assert!(published.rejected.contains(0) && !published.rejected.contains(1));
    assert_eq!(node.get_all(0, AckMode::Automatic), "a b t");
}

fn consumer(ack: AckMode) -> ConsumerSpec {
    ConsumerSpec {
        inbox: Arc::new(Inbox::default()),
        link: LINK,
        consumer: ConsumerId(1),
        source: SourceId(1),
        tag: ConsumerTag::parse("t").unwrap(),
        channel: 1,
        ack,
        prefetch: 0,
        is_exclusive: false,
        priority: 0,
        arguments: FieldTable::new(),
    }
}
