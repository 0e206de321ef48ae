//! What a queue leaves in inboxes and in the turn.

use std::time::{Duration, Instant};

use model::{ConsumerTag, FieldValue, Marks};

use super::*;
use crate::inbox::{Inbound, Inbox, QueueDelivery};
use crate::queue::{Accepted, Positions};
use crate::sample;
use crate::turn::{DeathReason, FollowUp};

const LINK: LinkId = LinkId(1);

fn queue(turn: &mut Turn, arguments: &[(&str, FieldValue)]) -> Arc<Queue> {
    let mut table = FieldTable::new();
    for (key, value) in arguments {
        table.set(key, value.clone());
    }
    let name = QueueName::parse("q").unwrap();
    let spec = QueueSpec {
        name: Some(name.clone()),
        is_durable: false,
        is_exclusive: false,
        is_auto_delete: true,
        arguments: table,
    };
    Queue::create(turn, &VhostName::root(), name, None, &spec, None).unwrap()
}

fn consumer(inbox: &Arc<Inbox>, ack: AckMode) -> ConsumerSpec {
    ConsumerSpec {
        inbox: Arc::clone(inbox),
        link: LINK,
        consumer: ConsumerId(7),
        source: SourceId(3),
        tag: ConsumerTag::parse("t").unwrap(),
        channel: 1,
        ack,
        prefetch: 0,
        is_exclusive: false,
        priority: 0,
        arguments: FieldTable::new(),
    }
}

fn publish(queue: &Arc<Queue>, turn: &mut Turn, keys: &str) {
    for key in keys.split_whitespace() {
        let message = sample::message(key, b"body", Marks::default());
        assert_eq!(queue.publish(turn, &message), Accepted::Yes);
    }
}

/// `key sequence` for each delivery, `cancelled` for a cancellation.
fn heard(inbox: &Inbox) -> Vec<String> {
    let mut items = Vec::new();
    inbox.drain(&mut items);
    let show = |item| match item {
        Inbound::Delivered(QueueDelivery { consumer: ConsumerId(7), id, message, .. }) => {
            assert_eq!(id.source, SourceId(3));
            format!("{} {}", String::from_utf8_lossy(message.routing_key()), id.sequence)
        }
        Inbound::Cancelled(ConsumerId(7)) => "cancelled".to_owned(),
        other => panic!("{other:?}"),
    };
    items.into_iter().map(show).collect()
}

#[test]
fn deliveries_are_left_in_the_inbox_and_can_be_settled_by_what_they_say() {
    let mut turn = Turn::new(Instant::now());
    let (queue, inbox) = (queue(&mut turn, &[]), Arc::new(Inbox::default()));
    publish(&queue, &mut turn, "a");
    queue.consume(&mut turn, consumer(&inbox, AckMode::Manual)).unwrap();
    publish(&queue, &mut turn, "b c");
    assert_eq!(heard(&inbox), ["a 0", "b 1", "c 2"]);
    assert_eq!(queue.settle(&mut turn, LINK, &[0, 2, 9], Outcome::Accept), 2);
    let counts = queue.counts();
    assert_eq!((counts.ready, counts.unacked, counts.unacked_bytes), (0, 1, 4));
    let totals = counts.totals;
    assert_eq!((totals.published, totals.delivered, totals.acked), (3, 3, 2));
    assert!(turn.follow_ups.is_empty());
}

#[test]
fn a_batch_says_which_of_it_were_turned_down() {
    let mut turn = Turn::new(Instant::now());
    let overflow = FieldValue::string("reject-publish");
    let arguments = [("x-max-length", FieldValue::I32(2)), ("x-overflow", overflow)];
    let queue = queue(&mut turn, &arguments);
    let batch: Vec<_> = (0..4).map(|_| sample::message("k", b"", Marks::default())).collect();
    let rejected = queue.publish_batch(&mut turn, batch.into_iter());
    let rejected: Vec<usize> =
        (0..Positions::MESSAGES_MAX + 1).filter(|at| rejected.contains(*at)).collect();
    assert_eq!(rejected, [2, 3]);
    let one_more = sample::message("k", b"", Marks::default());
    assert_eq!(queue.publish(&mut turn, &one_more), Accepted::No);
}

#[test]
fn a_get_says_how_many_are_left() {
    let mut turn = Turn::new(Instant::now());
    let queue = queue(&mut turn, &[]);
    publish(&queue, &mut turn, "a b c");
    let got = queue.get(&mut turn, LINK, SourceId(3), AckMode::Manual).unwrap().unwrap();
    assert_eq!((got.id, got.messages), (DeliveryId { source: SourceId(3), sequence: 0 }, 2));
    assert_eq!(queue.purge(&mut turn), Ok(2));
    assert!(queue.get(&mut turn, LINK, SourceId(3), AckMode::Manual).unwrap().is_none());
}

#[test]
fn the_last_consumers_leaving_ends_an_auto_delete_queue_at_once() {
    let mut turn = Turn::new(Instant::now());
    let (queue, inbox) = (queue(&mut turn, &[]), Arc::new(Inbox::default()));
    queue.consume(&mut turn, consumer(&inbox, AckMode::Automatic)).unwrap();
    queue.cancel(&mut turn, LINK, ConsumerId(7));
    assert!(queue.is_deleted());
    let [FollowUp::Delete(ended)] = &turn.follow_ups[..] else { panic!("{:?}", turn.follow_ups) };
    assert!(Arc::ptr_eq(ended, &queue));
    // Nothing reaches it any more, and a publisher is owed nothing.
    publish(&queue, &mut turn, "a");
    let refused = queue.consume(&mut turn, consumer(&inbox, AckMode::Automatic));
    assert_eq!(refused.unwrap_err().to_string(), "no queue 'q' in vhost '/'");
    assert!(queue.get(&mut turn, LINK, SourceId(3), AckMode::Manual).is_err());
    assert!(heard(&inbox).is_empty());
}

/// (52, 54)
#[test]
fn a_deletion_has_conditions_and_tells_the_consumers() {
    let mut turn = Turn::new(Instant::now());
    let (queue, inbox) = (queue(&mut turn, &[]), Arc::new(Inbox::default()));
    publish(&queue, &mut turn, "a");
    let only_if = DeleteIf { is_unused: true, is_empty: true };
    let refused = queue.delete(&mut turn, only_if).unwrap_err();
    assert_eq!(refused.to_string(), "queue 'q' in vhost '/' not empty");
    queue.consume(&mut turn, consumer(&inbox, AckMode::Manual)).unwrap();
    let refused = queue.delete(&mut turn, only_if).unwrap_err();
    assert_eq!(refused.to_string(), "queue 'q' in vhost '/' in use");
    assert_eq!(queue.delete(&mut turn, DeleteIf::default()), Ok(0));
    assert_eq!(heard(&inbox), ["a 0", "cancelled"]);
    assert!(queue.is_deleted() && turn.follow_ups.is_empty());
    assert_eq!(queue.settle(&mut turn, LINK, &[0], Outcome::Accept), 0);
}

#[test]
fn an_exclusive_consumer_shuts_others_out() {
    let mut turn = Turn::new(Instant::now());
    let (queue, inbox) = (queue(&mut turn, &[]), Arc::new(Inbox::default()));
    let alone = ConsumerSpec { is_exclusive: true, ..consumer(&inbox, AckMode::Manual) };
    queue.consume(&mut turn, alone).unwrap();
    let other = ConsumerSpec { link: LinkId(2), ..consumer(&inbox, AckMode::Manual) };
    let refused = queue.consume(&mut turn, other).unwrap_err();
    assert_eq!(refused.to_string(), "queue 'q' in vhost '/' in exclusive use");
    let [view] = &queue.consumers()[..] else { panic!("not one consumer") };
    assert_eq!((view.tag.as_str(), view.is_exclusive, view.is_active), ("t", true, true));
}

#[test]
fn a_time_to_live_asks_for_a_tick_that_dead_letters() {
    let mut turn = Turn::new(Instant::now());
    let exchange = FieldValue::string("dead");
    let arguments = [("x-message-ttl", FieldValue::I32(50)), ("x-dead-letter-exchange", exchange)];
    let queue = queue(&mut turn, &arguments);
    publish(&queue, &mut turn, "a b");
    let [FollowUp::Tick(_, at)] = &turn.follow_ups[..] else { panic!("{:?}", turn.follow_ups) };
    assert_eq!(*at, turn.now + Duration::from_millis(50));
    let mut later = Turn::new(*at);
    queue.tick(&mut later);
    let [FollowUp::DeadLetters(of)] = &later.follow_ups[..] else { panic!("{later:?}") };
    let mut keys = Vec::new();
    of.deaths().carry(|dead| {
        assert_eq!(dead.reason, DeathReason::Expired);
        keys.push(dead.message.routing_key().to_vec());
    });
    assert_eq!(keys, [b"a", b"b"]);
}

#[test]
fn a_lease_starts_with_the_declare() {
    let mut turn = Turn::new(Instant::now());
    let queue = queue(&mut turn, &[("x-expires", FieldValue::I32(50))]);
    let [FollowUp::Tick(_, at)] = &turn.follow_ups[..] else { panic!("{:?}", turn.follow_ups) };
    let mut later = Turn::new(*at);
    queue.tick(&mut later);
    assert!(queue.is_deleted() && matches!(later.follow_ups[..], [FollowUp::Delete(_)]));
}

/// Publishers and a consumer in threads of their own: what one publisher brought stays in order.
#[test]
fn order_holds_between_threads() {
    const MESSAGES: u32 = 5_000;
    let mut turn = Turn::new(Instant::now());
    let (queue, inbox) = (queue(&mut turn, &[]), Arc::new(Inbox::default()));
    let spec = ConsumerSpec { prefetch: 10, ..consumer(&inbox, AckMode::Manual) };
    queue.consume(&mut turn, spec).unwrap();
    std::thread::scope(|scope| {
        for publisher in ["p", "r"] {
            let queue = &queue;
            scope.spawn(move || {
                let mut turn = Turn::new(Instant::now());
                for number in 0..MESSAGES {
                    let body = number.to_be_bytes();
                    let message = sample::message(publisher, &body, Marks::default());
                    queue.publish(&mut turn, &message);
                }
            });
        }
        let mut next = [0, 0];
        let mut items = Vec::new();
        while next != [MESSAGES; 2] {
            inbox.drain(&mut items);
            for item in items.drain(..) {
                let Inbound::Delivered(QueueDelivery { id, message, .. }) = item else { panic!() };
                let number = &mut next[usize::from(message.routing_key() == b"r")];
                assert_eq!(message.body(), number.to_be_bytes());
                *number += 1;
                queue.settle(&mut turn, LINK, &[id.sequence], Outcome::Accept);
            }
            std::thread::yield_now();
        }
    });
    assert_eq!(queue.counts().unacked, 0);
}
