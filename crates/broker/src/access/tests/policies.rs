//! Policies on live queues and exchanges, and who may set them.

use std::time::Duration;

use model::VhostName;

use super::{World, check};
use crate::policy::PolicyKind;

#[test]
fn a_queue_obeys_a_policy_at_once_and_no_longer_than_it_is_there() {
    check(&[
        ("guest queue q1", "0 0"),
        ("guest queue other", "0 0"),
        ("guest publish - q1", "1"),
        ("guest publish - q1", "1"),
        ("guest publish - q1", "1"),
        ("guest policy p ^q max-length:2", "true"),
        ("guest queue? q1", "2 0"),
        ("guest publish - q1", "1"),
        ("guest queue? q1", "2 0"),
        // Set again, for less; and for other queues only.
        ("guest policy p ^q max-length:1", "false"),
        ("guest queue? q1", "1 0"),
        ("guest policy p ^other max-length:1", "false"),
        ("guest publish - q1", "1"),
        ("guest queue? q1", "2 0"),
        ("guest publish - other", "1"),
        ("guest publish - other", "1"),
        ("guest queue? other", "1 0"),
        ("guest policy p", "true"),
        ("guest policy p", "false"),
        ("guest publish - other", "1"),
        ("guest queue? other", "2 0"),
    ]);
}

#[test]
fn queues_declared_later_obey_too() {
    check(&[
        ("guest policy p ^q max-length:1 overflow:reject-publish", "true"),
        ("guest queue q", "0 0"),
        ("guest publish - q", "1"),
        ("guest publish - q", "rejected"),
        // Redeclared as before: policies are no arguments.
        ("guest queue q", "1 0"),
    ]);
}

#[test]
fn the_policy_with_the_highest_priority_counts_and_no_other() {
    check(&[
        ("guest queue q", "0 0"),
        ("guest policy low ^q max-length:1 priority=1", "true"),
        ("guest policy high ^q overflow:reject-publish priority=2", "true"),
        ("guest publish - q", "1"),
        ("guest publish - q", "1"),
        ("guest queue? q", "2 0"),
        ("guest policy high", "true"),
        ("guest queue? q", "1 0"),
    ]);
}

#[test]
fn an_operator_policy_caps_arguments_and_policies() {
    check(&[
        ("guest queue q x-max-length:5", "0 0"),
        ("guest operator-policy o ^q max-length:3", "true"),
        ("guest publish - q", "1"),
        ("guest publish - q", "1"),
        ("guest publish - q", "1"),
        ("guest publish - q", "1"),
        ("guest queue? q", "3 0"),
        ("guest policy p ^q max-length:10 priority=9", "true"),
        ("guest publish - q", "1"),
        ("guest queue? q", "3 0"),
        ("guest policy p ^q max-length:2", "false"),
        ("guest queue? q", "2 0"),
        ("guest operator-policy o", "true"),
        ("guest policy p", "true"),
        ("guest publish - q", "1"),
        ("guest publish - q", "1"),
        ("guest publish - q", "1"),
        ("guest publish - q", "1"),
        ("guest queue? q", "5 0"),
    ]);
}

#[test]
fn dead_letters_and_alternate_exchanges_come_from_policies() {
    check(&[
        ("guest queue dead", "0 0"),
        ("guest queue q", "0 0"),
        ("guest queue lost", "0 0"),
        ("guest exchange ae type=fanout", "ok"),
        ("guest bind ae lost -", "ok"),
        ("guest exchange x", "ok"),
        ("guest publish x nowhere", "0"),
        ("guest policy ae ^x to=exchanges alternate-exchange:ae", "true"),
        ("guest publish x nowhere", "1"),
        ("guest queue? lost", "1 0"),
        // Declared later.
        ("guest exchange x2", "ok"),
        ("guest publish x2 nowhere", "1"),
        // Its own argument wins.
        ("guest exchange x3 alternate-exchange:nothing", "ok"),
        ("guest publish x3 nowhere", "0"),
        ("guest policy ae", "true"),
        ("guest publish x nowhere", "0"),
        (
            "guest policy dead ^q max-length:0 dead-letter-exchange:amq.direct \
             dead-letter-routing-key:k",
            "true",
        ),
        ("guest bind amq.direct dead k", "ok"),
        ("guest publish - q", "1"),
        ("guest queue? dead", "1 0"),
    ]);
}

#[test]
fn streams_and_quorum_queues_obey_what_their_types_have() {
    let mut world = World::new();
    for line in [
        "guest queue s durable x-queue-type:stream x-max-length-bytes:100",
        "guest queue q durable x-queue-type:quorum x-delivery-limit:9",
        "guest policy s ^s max-age:1h max-length-bytes:200",
        "guest policy q ^q delivery-limit:3",
    ] {
        world.hear(line);
    }
    let vhost = world.broker.vhost(&VhostName::root()).unwrap();
    let stream = vhost.queue("s").unwrap().limits();
    let hour = Some(Duration::from_secs(3600));
    assert_eq!((stream.age_max, stream.bytes_max), (hour, Some(200)));
    assert_eq!(vhost.queue("q").unwrap().limits().returns_max, Some(3));
    world.hear("guest policy q");
    assert_eq!(vhost.queue("q").unwrap().limits().returns_max, Some(9));
}

#[test]
fn a_lease_begins_with_its_policy() {
    let mut world = World::new();
    assert_eq!(world.hear("guest queue q"), "0 0");
    world.turn.now += Duration::from_secs(3600);
    assert_eq!(world.hear("guest policy p ^q expires:1000"), "true");
    let due = |world: &mut World, after_ms| {
        world.turn.now += Duration::from_millis(after_ms);
        let broker = world.broker.clone();
        broker.run_due(&mut world.turn);
        broker.finish(&mut world.turn);
        broker.list_queues(&VhostName::root()).unwrap().len()
    };
    assert_eq!(due(&mut world, 999), 1);
    assert_eq!(due(&mut world, 1), 0);
}

#[test]
fn a_time_to_live_is_for_messages_that_come_later() {
    let mut world = World::new();
    for line in ["guest queue q", "guest publish - q", "guest policy p ^q message-ttl:10"] {
        world.hear(line);
    }
    world.hear("guest publish - q");
    world.turn.now += Duration::from_millis(20);
    let broker = world.broker.clone();
    broker.run_due(&mut world.turn);
    assert_eq!(world.hear("guest purge q"), "2", "behind one that has none");
    world.hear("guest publish - q");
    world.turn.now += Duration::from_millis(20);
    broker.run_due(&mut world.turn);
    assert_eq!(world.hear("guest purge q"), "0");
}

#[test]
fn listings_show_the_policies_of_an_object_and_what_they_amount_to() {
    let mut world = World::new();
    for line in [
        "guest queue q",
        "guest follow amq.topic k",
        "guest policy p ^(q|stomp-sub) max-length:5 message-ttl:7",
        "guest operator-policy o ^q max-length:3",
        "guest policy x ^amq.topic to=exchanges alternate-exchange:y",
    ] {
        world.hear(line);
    }
    let queues = world.broker.list_queues(&VhostName::root()).unwrap();
    let shown = |name: &str| {
        let view = queues.iter().find(|view| view.name.as_str() == name).unwrap();
        let names = [&view.policies.policy, &view.policies.operator];
        let names = names.map(|it| it.as_ref().map(|it| it.name().to_owned()));
        let table = view.policies.definition.table();
        let number = |key| table.get(key).and_then(model::FieldValue::as_integer);
        (names, number("max-length"), number("message-ttl"))
    };
    let (p, o) = (Some("p".to_owned()), Some("o".to_owned()));
    assert_eq!(shown("q"), ([p.clone(), o], Some(3), Some(7)));
    assert_eq!(shown("stomp-subscription-x"), ([p, None], Some(5), Some(7)));
    let exchanges = world.broker.list_exchanges(&VhostName::root()).unwrap();
    let of = |name: &str| {
        let view = exchanges.iter().find(|view| view.name.as_str() == name).unwrap();
        view.policies.policy.as_ref().map(|it| it.name().to_owned())
    };
    assert_eq!((of("amq.topic"), of("amq.direct")), (Some("x".to_owned()), None));
    let names: Vec<String> = world
        .broker
        .list_policies(&VhostName::root(), PolicyKind::Policy)
        .unwrap()
        .iter()
        .map(|it| it.name().to_owned())
        .collect();
    assert_eq!(names, ["p", "x"]);
}

#[test]
fn policies_are_set_by_policymakers_of_the_vhost_and_operators_by_administrators() {
    const OBJECT: &str = "User not authorised to access object";
    check(&[
        ("user pam policymaker", "ok"),
        ("user mia management", "ok"),
        ("user root administrator", "ok"),
        ("permit mia .* .* .*", "ok"),
        ("mia policy p ^q max-length:1", OBJECT),
        ("pam policy p ^q max-length:1", OBJECT),
        ("permit pam - - -", "ok"),
        ("pam policy p ^q max-length:1", "true"),
        ("mia policy p", OBJECT),
        ("pam operator-policy o ^q max-length:1", "Not administrator user"),
        ("root operator-policy o ^q max-length:1", "true"),
        ("pam operator-policy o", "Not administrator user"),
        ("root policy p", "true"),
    ]);
}

#[test]
fn topic_subscriptions_begin_with_what_policies_say() {
    let mut world = World::new();
    for line in [
        // A lease or dead letters are nothing for a subscription without a queue: passed over.
        "guest policy p ^stomp max-length:1 expires:5 dead-letter-exchange:x",
        "guest follow amq.topic k",
        "guest publish amq.topic k",
        "guest publish amq.topic k",
    ] {
        world.hear(line);
    }
    let queues = world.broker.list_queues(&VhostName::root()).unwrap();
    assert_eq!(queues[0].counts.ready, 1);
}
