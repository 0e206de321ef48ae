//! Publishing.

use super::{World, check};

#[test]
fn a_publish_is_refused_in_rabbitmqs_order() {
    check(&[
        ("guest publish - nothing", "0"),
        ("guest publish x k size=101", "message size 101 is larger than configured max size 100"),
        ("guest publish x k size=100", "no exchange 'x' in vhost '/'"),
        (
            "guest publish amq.rabbitmq.trace k cc=!text",
            "cannot publish to internal exchange 'amq.rabbitmq.trace' in vhost '/'",
        ),
        (
            "guest publish amq.direct k cc=!text",
            "invalid message: {unacceptable_type_in_header,\"CC\",longstr}",
        ),
        (
            "guest publish amq.direct k bcc=!text",
            "invalid message: {unacceptable_type_in_header,\"BCC\",longstr}",
        ),
    ]);
}

#[test]
fn only_an_impersonator_speaks_for_others() {
    check(&[
        ("guest publish amq.topic k user=somebody", "0"),
        ("user ann", "ok"),
        ("permit ann .* .* .*", "ok"),
        ("ann publish amq.topic k user=ann", "0"),
        (
            "ann publish amq.topic k user=bob",
            "user_id property set to 'bob' but authenticated user was 'ann'",
        ),
        ("user ann impersonator", "ok"),
        ("ann publish amq.topic k user=bob", "0"),
    ]);
}

#[test]
fn every_key_is_judged_and_blind_ones_are_hidden() {
    let mut world = World::new();
    for (line, expected) in [
        ("user ann", "ok"),
        ("permit ann .* .* .*", "ok"),
        ("topic ann amq.topic ^(own|to)\\. .*", "ok"),
        ("guest queue q", "0 0"),
        ("guest bind amq.topic q to.#", "ok"),
        ("ann publish amq.topic own.a cc=to.b", "1"),
        ("ann publish amq.topic own.a bcc=to.b", "1"),
        (
            "ann publish amq.topic own.a bcc=not.own",
            "write access to topic 'not.own' in exchange 'amq.topic' in vhost '/' refused for user \
             'ann'",
        ),
    ] {
        assert_eq!(world.hear(line), expected, "{line}");
    }
    let q = super::queue("q");
    let queue = world.links.get_mut("guest").unwrap().queue_to_read(&q).unwrap();
    let mut has_header = |name: &str| {
        let got = queue
            .get(&mut world.turn, model::LinkId(1), model::SourceId(0), model::AckMode::Automatic)
            .unwrap()
            .unwrap();
        got.message.properties().unwrap().headers.unwrap().get(name).is_some()
    };
    assert!(has_header("CC"));
    assert!(!has_header("BCC"));
}

#[test]
fn a_full_queue_turns_a_publish_down_and_the_others_take_it() {
    check(&[
        ("guest queue full x-max-length:0 x-overflow:reject-publish", "0 0"),
        ("guest queue q", "0 0"),
        ("guest bind amq.fanout full -", "ok"),
        ("guest bind amq.fanout q -", "ok"),
        ("guest publish amq.fanout k", "rejected"),
        ("guest queue? q", "1 0"),
    ]);
}

#[test]
fn dead_messages_are_published_to_the_dead_letter_exchange() {
    check(&[
        ("guest exchange dlx type=topic", "ok"),
        ("guest queue dead", "0 0"),
        ("guest bind dlx dead died.#", "ok"),
        (
            "guest queue q x-max-length:1 x-dead-letter-exchange:dlx \
             x-dead-letter-routing-key:died.here",
            "0 0",
        ),
        ("guest publish - q", "1"),
        ("guest publish - q", "1"),
        ("guest publish - q", "1"),
        ("guest queue? q", "1 0"),
        ("guest queue? dead", "2 0"),
        // Nobody rejected it: what comes back to where it died is dropped.
        (
            "guest queue loop x-max-length:0 x-dead-letter-exchange:dlx \
             x-dead-letter-routing-key:loop",
            "0 0",
        ),
        ("guest bind dlx loop loop", "ok"),
        ("guest publish - loop", "1"),
        ("guest queue? loop", "0 0"),
        ("guest drop-exchange dlx", "ok"),
        ("guest publish - q", "1"),
    ]);
}

#[test]
fn what_was_published_is_counted() {
    let mut world = World::new();
    for line in [
        "guest queue q",
        "guest publish - q",
        "guest publish - nothing",
        "guest publish amq.topic nothing",
        "guest drop-queue q",
        "guest queue q",
        "guest queue q",
    ] {
        world.hear(line);
    }
    world.broker.count_returned(1);
    let totals = world.broker.totals();
    assert_eq!((totals.published, totals.returned, totals.dropped_unroutable), (3, 1, 1));
    assert_eq!(totals.queues.published, 1);
    assert_eq!((totals.queues_declared, totals.queues_created, totals.queues_deleted), (3, 2, 1));
    assert_eq!((totals.queue_count, totals.exchange_count), (1, 7));
    let exchanges = world.broker.list_exchanges(&model::VhostName::root()).unwrap();
    let counted: Vec<(&str, u64, u64)> = exchanges
        .iter()
        .map(|view| (view.name.as_str(), view.published_in, view.published_out))
        .filter(|(_, published, _)| *published > 0)
        .collect();
    assert_eq!(counted, [("", 2, 1), ("amq.topic", 1, 0)]);
}
