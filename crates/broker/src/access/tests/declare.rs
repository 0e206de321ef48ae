//! Declaring and deleting.

use super::{World, check};

#[test]
fn exchanges_are_declared_as_rabbitmq_does() {
    check(&[
        ("guest exchange x type=topic durable", "ok"),
        ("guest exchange x type=topic durable", "ok"),
        (
            "guest exchange x type=fanout durable",
            "inequivalent arg 'type' for exchange 'x' in vhost '/': received 'fanout' but current \
             is 'topic'",
        ),
        (
            "guest exchange x type=topic",
            "inequivalent arg 'durable' for exchange 'x' in vhost '/': received 'false' but \
             current is 'true'",
        ),
        (
            "guest exchange x type=topic durable alternate-exchange:y",
            "inequivalent arg 'alternate-exchange' for exchange 'x' in vhost '/': received the \
             value 'y' of type 'longstr' but current is none",
        ),
        ("guest exchange x type=topic durable other:y", "ok"),
        ("guest exchange amq.topic type=topic durable", "ok"),
        ("guest exchange x type=foo", "unknown exchange type 'foo'"),
        ("guest exchange - type=direct", "operation not permitted on the default exchange"),
        (
            "guest exchange amq.foo type=direct",
            "exchange name 'amq.foo' contains reserved prefix 'amq.*'",
        ),
        ("guest exchange? x type=whatever", "ok"),
        ("guest exchange? y", "no exchange 'y' in vhost '/'"),
        (
            "guest exchange y alternate-exchange:5",
            "invalid type 'signedint' for arg 'alternate-exchange' in exchange 'y' in vhost '/'",
        ),
    ]);
}

#[test]
fn exchanges_are_deleted_with_their_bindings() {
    check(&[
        ("guest drop-exchange nothing", "ok"),
        ("guest drop-exchange -", "operation not permitted on the default exchange"),
        (
            "guest drop-exchange amq.direct",
            "deletion of system exchange 'amq.direct' in vhost '/' not allowed",
        ),
        ("guest exchange x", "ok"),
        ("guest queue q", "0 0"),
        ("guest bind x q k", "ok"),
        ("guest drop-exchange x unused", "exchange 'x' in vhost '/' in use"),
        ("guest drop-exchange x", "ok"),
        ("guest publish x k", "no exchange 'x' in vhost '/'"),
        ("guest exchange x", "ok"),
        ("guest publish x k", "0"),
        ("guest drop-exchange x unused", "ok"),
    ]);
}

#[test]
fn queues_are_declared_as_rabbitmq_does() {
    check(&[
        ("guest queue q durable x-max-length:1", "0 0"),
        ("guest publish - q", "1"),
        ("guest queue q durable x-max-length:1", "1 0"),
        (
            "guest queue q x-max-length:1",
            "inequivalent arg 'durable' for queue 'q' in vhost '/': received 'false' but current \
             is 'true'",
        ),
        (
            "guest queue q durable x-max-length:2",
            "inequivalent arg 'x-max-length' for queue 'q' in vhost '/': received '2' but current \
             is '1'",
        ),
        ("guest queue amq.mine", "queue name 'amq.mine' contains reserved prefix 'amq.*'"),
        ("guest queue? q exclusive", "1 0"),
        ("guest queue? -", "no queue '' in vhost '/'"),
        ("guest queue? nothing", "no queue 'nothing' in vhost '/'"),
        ("guest drop-queue nothing", "0"),
        ("guest drop-queue q empty", "queue 'q' in vhost '/' not empty"),
        ("guest purge q", "1"),
        ("guest drop-queue q empty unused", "0"),
        ("guest queue? q", "no queue 'q' in vhost '/'"),
    ]);
}

#[test]
fn an_exclusive_queue_is_its_links_and_goes_with_it() {
    let locked = "cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be \
                  originally declared on another connection or the exclusive property value does \
                  not match that of the original declaration.";
    check(&[
        ("guest queue q exclusive", "0 0"),
        ("guest queue q exclusive", "0 0"),
        ("guest queue q", locked),
        ("guest/2 queue q exclusive", locked),
        ("guest/2 queue? q", locked),
        ("guest/2 read q", locked),
        ("guest/2 purge q", locked),
        ("guest/2 drop-queue q", locked),
        ("guest/2 bind amq.direct q k", locked),
        ("guest/2 unbind amq.direct q k", locked),
        ("guest/2 publish - q", "1"),
        ("guest leave", "ok"),
        ("guest/2 publish - q", "0"),
        ("guest/2 queue q", "0 0"),
    ]);
}

#[test]
fn a_queue_without_a_name_gets_a_random_one() {
    let mut world = World::new();
    let (one, other) = (world.hear("guest queue - exclusive"), world.hear("guest queue -"));
    assert_ne!(one, other);
    for name in [one, other] {
        let token = name.strip_prefix("amq.gen-").unwrap();
        assert_eq!(token.len(), 22);
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert_eq!(world.hear(&format!("guest queue? {name}")), "0 0");
        assert_eq!(world.hear(&format!("guest read {name}")), "ok");
    }
}
