//! Binding, and what it leads to.

use super::{World, check};
use crate::stream::Cursor;
use crate::view::QueueView;

#[test]
fn what_is_missing_is_named_source_first() {
    check(&[
        ("guest bind x q k", "no exchange 'x' in vhost '/'"),
        ("guest exchange x type=headers", "ok"),
        ("guest bind x q k", "no queue 'q' in vhost '/'"),
        ("guest bind x >y k", "no exchange 'y' in vhost '/'"),
        ("guest bind - q k", "operation not permitted on the default exchange"),
        ("guest bind x >- k", "operation not permitted on the default exchange"),
        ("guest queue q", "0 0"),
        (
            "guest bind x q k x-match:foo",
            "Invalid x-match field value <<\"foo\">>; expected all, any, all-with-x, or any-with-x",
        ),
        (
            "guest bind amq.topic q #.#.#",
            "Topic binding key '#.#.#' uses 3 '#' wildcards, at most 2 are allowed",
        ),
        ("guest unbind nothing q k", "ok"),
        ("guest unbind x nothing k", "ok"),
        ("guest unbind x q k", "ok"),
    ]);
}

#[test]
fn a_queue_gets_a_message_once_however_many_bindings_match() {
    check(&[
        ("guest queue q", "0 0"),
        ("guest queue r", "0 0"),
        ("guest bind amq.topic q #", "ok"),
        ("guest bind amq.topic q a.*", "ok"),
        ("guest bind amq.topic q a.* n:1", "ok"),
        ("guest bind amq.topic r b", "ok"),
        ("guest publish amq.topic a.b", "1"),
        ("guest publish amq.topic a.b cc=b,c bcc=a.c", "2"),
        ("guest queue? q", "2 0"),
        ("guest unbind amq.topic q #", "ok"),
        ("guest unbind amq.topic q a.* n:2", "ok"),
        ("guest unbind amq.topic q a.*", "ok"),
        ("guest publish amq.topic a.b", "1"),
        ("guest unbind amq.topic q a.* n:1", "ok"),
        ("guest publish amq.topic a.b", "0"),
        ("guest drop-queue r", "1"),
        ("guest publish amq.topic b", "0"),
    ]);
}

#[test]
fn exchanges_lead_to_exchanges_and_cycles_are_walked_once() {
    check(&[
        ("guest exchange a type=fanout", "ok"),
        ("guest exchange b type=fanout internal", "ok"),
        ("guest queue q", "0 0"),
        ("guest bind a >b -", "ok"),
        ("guest bind b >a -", "ok"),
        ("guest bind b q -", "ok"),
        ("guest bind a q -", "ok"),
        ("guest publish a k", "1"),
        ("guest publish b k", "cannot publish to internal exchange 'b' in vhost '/'"),
        ("guest drop-exchange b", "ok"),
        ("guest unbind a q -", "ok"),
        ("guest publish a k", "0"),
    ]);
}

#[test]
fn what_an_exchange_cannot_route_goes_to_its_alternate() {
    check(&[
        ("guest exchange x alternate-exchange:y", "ok"),
        ("guest queue q", "0 0"),
        ("guest publish x k", "0"),
        ("guest exchange y type=fanout alternate-exchange:x", "ok"),
        ("guest publish x k", "0"),
        ("guest bind y q -", "ok"),
        ("guest publish x k", "1"),
        ("guest queue r", "0 0"),
        ("guest bind x r k", "ok"),
        ("guest publish x k", "1"),
        ("guest queue? q", "1 0"),
    ]);
}

#[test]
fn an_auto_delete_exchange_goes_with_its_last_binding() {
    check(&[
        ("guest exchange a type=fanout auto", "ok"),
        ("guest exchange b type=fanout auto", "ok"),
        ("guest queue q", "0 0"),
        ("guest bind a >b -", "ok"),
        ("guest bind b q one", "ok"),
        ("guest bind b q two", "ok"),
        ("guest unbind b q one", "ok"),
        ("guest publish a k", "1"),
        ("guest drop-queue q", "1"),
        ("guest exchange? b", "no exchange 'b' in vhost '/'"),
        ("guest exchange? a", "no exchange 'a' in vhost '/'"),
        ("guest exchange c auto", "ok"),
        ("guest unbind c q k", "ok"),
        ("guest exchange? c", "ok"),
        ("guest follow c k", "ok"),
        ("guest unfollow c k", "ok"),
        ("guest exchange? c", "no exchange 'c' in vhost '/'"),
    ]);
}

#[test]
fn topic_subscriptions_with_one_key_share_a_stream() {
    let mut world = World::new();
    for line in ["guest follow amq.topic a.#", "guest/2 follow amq.topic a.# as=mine"] {
        assert_eq!(world.hear(line), "ok");
    }
    assert_eq!(world.hear("guest publish amq.topic a.b"), "1");
    let root = model::VhostName::root();
    let queues: Vec<QueueView> = world.broker.list_queues(&root).unwrap();
    let shown: Vec<(&str, u64, usize)> = queues
        .iter()
        .map(|queue| (queue.name.as_str(), queue.counts.ready, queue.consumers.len()))
        .collect();
    assert_eq!(shown, [("mine", 1, 1), ("stomp-subscription-x", 1, 1)]);
    let bindings: Vec<String> = world
        .broker
        .list_bindings(&root)
        .unwrap()
        .into_iter()
        .map(|view| format!("{} {}", view.binding.source, view.binding.key))
        .collect();
    let expected = [" mine", " stomp-subscription-x", "amq.topic a.#", "amq.topic a.#"];
    assert_eq!(bindings, expected);
    let totals = world.broker.totals();
    assert_eq!((totals.queue_count, totals.consumer_count, totals.queues_created), (2, 2, 2));
    assert_eq!((totals.ready, totals.stream_messages), (2, 1));
    let read: Vec<usize> = world.cursors.values_mut().map(read).collect();
    assert_eq!(read, [1, 1]);
    assert_eq!(world.hear("guest unfollow amq.topic a.#"), "ok");
    assert_eq!(world.hear("guest publish amq.topic a.b"), "1");
    assert_eq!(world.hear("guest/2 unfollow amq.topic a.#"), "ok");
    assert_eq!(world.hear("guest publish amq.topic a.b"), "0");
    assert!(world.broker.list_queues(&root).unwrap().is_empty());
    let totals = world.broker.totals();
    assert_eq!((totals.queue_count, totals.ready, totals.stream_bytes), (0, 0, 0));
    assert_eq!((totals.queues_deleted, totals.dropped_slow), (2, 0));
}

fn read(cursor: &mut Cursor) -> usize {
    let mut messages = Vec::new();
    let mut turn = crate::turn::Turn::new(std::time::Instant::now());
    cursor.read(&mut turn, 10, &mut messages);
    messages.len()
}

#[test]
fn what_a_slow_subscription_loses_is_counted_before_and_after_it_notices() {
    let mut world = World::new();
    assert_eq!(world.hear("guest follow amq.topic k x-max-length:1"), "ok");
    for _ in 0..3 {
        world.hear("guest publish amq.topic k");
    }
    let root = model::VhostName::root();
    for _ in 0..2 {
        assert_eq!(world.broker.totals().dropped_slow, 2);
        assert_eq!(world.broker.list_queues(&root).unwrap()[0].dropped_slow, 2);
        world.cursors.values_mut().map(read).sum::<usize>();
    }
    world.hear("guest publish amq.topic k");
    world.hear("guest publish amq.topic k");
    assert_eq!(world.hear("guest unfollow amq.topic k"), "ok");
    assert_eq!(world.broker.totals().dropped_slow, 3);
}

#[test]
fn subscriptions_that_nothing_can_bring_are_refused() {
    check(&[
        ("guest follow nothing k", "no exchange 'nothing' in vhost '/'"),
        ("guest follow - k", "operation not permitted on the default exchange"),
        ("guest follow amq.topic k x-max-length:5", "ok"),
        (
            "guest follow amq.topic k x-dead-letter-exchange:d",
            "arguments of 'stomp-subscription-x' need a queue of its own",
        ),
    ]);
}
