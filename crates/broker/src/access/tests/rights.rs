//! RabbitMQ's patterns, topic permissions, destination rules, and who may enter.

use model::{LinkId, Permission, Refusal, UserName, VhostName};

use super::{World, check};
use crate::auth::{Tag, UserLimits};
use crate::broker::{Broker, Login};
use crate::settings::Settings;
use crate::turn::Turn;
use crate::vhost::{VhostLimits, VhostMetadata};

/// What RabbitMQ says when a user lacks a right.
fn refused(right: &str, what: &str) -> String {
    format!("{right} access to {what} in vhost '/' refused for user 'ann'")
}

/// Ann, with these patterns, tries `line` in a vhost where guest has made an exchange `x`, a queue
/// `q` and an exchange `t` of type topic.
fn check_pattern(patterns: &str, line: &str, expected: &str) {
    let mut world = World::new();
    for setup in ["guest exchange x", "guest exchange t type=topic", "guest queue q", "user ann"] {
        world.hear(setup);
    }
    assert_eq!(world.hear(&format!("permit ann {patterns}")), "ok");
    assert_eq!(world.hear(&format!("ann {line}")), expected, "{patterns}: {line}");
}

#[test]
fn each_operation_needs_the_rights_that_rabbitmq_asks_for() {
    let (x, q) = ("exchange 'x'", "queue 'q'");
    // The patterns are configure, write, read; `-` is the empty one, which grants nothing.
    check_pattern("- .* .*", "exchange x", &refused("configure", x));
    check_pattern("- - x", "exchange? x", "ok");
    check_pattern("- - -", "exchange? x", &refused("configure", x));
    check_pattern("- .* .*", "drop-exchange x", &refused("configure", x));
    check_pattern("y .* -", "exchange y alternate-exchange:x", &refused("read", "exchange 'y'"));
    check_pattern("y - .*", "exchange y alternate-exchange:x", &refused("write", x));
    check_pattern("y x y", "exchange y alternate-exchange:x", "ok");
    check_pattern("- .* .*", "queue q", &refused("configure", q));
    check_pattern("- q -", "queue? q", "0 0");
    check_pattern("- - -", "queue? q", &refused("configure", q));
    check_pattern("r .* -", "queue r x-dead-letter-exchange:x", &refused("read", "queue 'r'"));
    check_pattern("r - r", "queue r x-dead-letter-exchange:x", &refused("write", x));
    check_pattern("r x r", "queue r x-dead-letter-exchange:x", "0 0");
    check_pattern("q - -", "queue q x-dead-letter-exchange:x", INEQUIVALENT);
    check_pattern("- .* .*", "drop-queue q", &refused("configure", q));
    check_pattern(".* .* -", "purge q", &refused("read", q));
    check_pattern(".* .* -", "read q", &refused("read", q));
    check_pattern(".* - .*", "bind x q k", &refused("write", q));
    check_pattern(".* .* -", "bind x q k", &refused("read", x));
    check_pattern("- q x", "bind x q k", "ok");
    check_pattern("- q -", "unbind x q k", &refused("read", x));
    check_pattern(".* - .*", "bind x >t k", &refused("write", "exchange 't'"));
    check_pattern(".* - .*", "publish x k", &refused("write", x));
    check_pattern(".* - .*", "publish - q", &refused("write", "exchange 'amq.default'"));
    check_pattern("- ^amq\\.default$ -", "publish - q", "1");
    check_pattern(
        "- .* .*",
        "exchange nothing-like-it",
        &refused("configure", "exchange 'nothing-like-it'"),
    );
    check_pattern("- .* .*", "publish nothing k", "no exchange 'nothing' in vhost '/'");
}

const INEQUIVALENT: &str = "inequivalent arg 'x-dead-letter-exchange' for queue 'q' in vhost '/': \
                            received the value 'x' of type 'longstr' but current is none";

#[test]
fn a_topic_subscription_needs_what_its_queue_would_need() {
    let queue = "queue 'stomp-subscription-x'";
    let subscription = "^stomp-subscription-";
    let minimal = format!("{subscription} {subscription} ^(stomp-subscription-|t)");
    check_pattern(&minimal, "follow t k", "ok");
    check_pattern(&minimal, "follow t k as=mine", &refused("configure", "queue 'mine'"));
    check_pattern(&format!("{subscription} - .*"), "follow t k", &refused("write", queue));
    check_pattern(&format!("{subscription} .* ^t$"), "follow t k", &refused("read", queue));
    let unread = format!("{subscription} {subscription} {subscription}");
    check_pattern(&unread, "follow t k", &refused("read", "exchange 't'"));
}

#[test]
fn topic_permissions_judge_keys_of_that_exchange_alone() {
    let topic = |right: &str, key: &str| {
        format!(
            "{right} access to topic '{key}' in exchange 'amq.topic' in vhost '/' refused for \
             user 'ann'"
        )
    };
    check(&[
        ("user ann", "ok"),
        ("permit ann .* .* .*", "ok"),
        ("guest exchange other type=topic", "ok"),
        ("guest queue q", "0 0"),
        ("ann publish amq.topic any", "0"),
        ("topic ann amq.topic ^{username}\\. ^{username}\\.", "ok"),
        ("ann publish amq.topic ann.x", "0"),
        ("ann publish amq.topic ann.x", "0"),
        ("ann publish amq.topic any", &topic("write", "any")),
        ("ann publish other any", "0"),
        ("ann bind amq.topic q ann.#", "ok"),
        ("ann bind amq.topic q #", &topic("read", "#")),
        ("ann unbind amq.topic q #", &topic("read", "#")),
        ("ann follow amq.topic #", &topic("read", "#")),
        ("ann follow other #", "ok"),
        ("topic ann amq.topic - -", "ok"),
        ("ann publish amq.topic ann.x", &topic("write", "ann.x")),
    ]);
}

#[test]
fn rules_judge_on_top_of_patterns() {
    let by = |right: &str, destination: &str, reason: &str| {
        format!(
            "{right} access to destination '{destination}' in vhost '/' refused for user 'ann' by \
             {reason}"
        )
    };
    let none = "the absence of a matching rule";
    check(&[
        ("user ann web", "ok"),
        ("permit ann .* .* .*", "ok"),
        ("guest queue user.ann.1", "0 0"),
        ("guest queue user.bob.1", "0 0"),
        ("guest exchange notifications type=topic", "ok"),
        ("ann read user.bob.1", "ok"),
        (
            "rules @web deny /topic/admin* read /queue/user.{username}.* read /topic/* write \
             /exchange/notifications*",
            "ok",
        ),
        ("ann read user.ann.1", "ok"),
        ("ann read user.bob.1", &by("read", "/queue/user.bob.1", none)),
        ("ann purge user.bob.1", &by("read", "/queue/user.bob.1", none)),
        ("ann publish - user.ann.1", &by("write", "/queue/user.ann.1", none)),
        ("ann publish notifications all.x", "0"),
        ("ann publish notifications all.x", "0"),
        ("ann publish amq.topic k", &by("write", "/topic/k", none)),
        (
            "ann publish amq.topic admin.k",
            &by("write", "/topic/admin.k", "rule 'deny /topic/admin*'"),
        ),
        ("ann follow amq.topic news.#", "ok"),
        ("ann follow amq.topic #", &by("read", "/topic/#", "rule 'deny /topic/admin*'")),
        ("ann follow notifications #", &by("read", "/exchange/notifications/#", none)),
        // What is one's own may be read: what goes into it is judged when it is bound.
        ("ann queue mine exclusive", "0 0"),
        ("ann read mine", "ok"),
        ("ann bind amq.topic mine news", "ok"),
        ("ann bind notifications mine #", &by("read", "/exchange/notifications/#", none)),
        ("ann bind amq.topic user.ann.1 news", "ok"),
        ("ann bind amq.topic user.bob.1 news", &by("write", "/queue/user.bob.1", none)),
        ("ann bind amq.topic >amq.fanout news", &by("write", "/exchange/amq.fanout/news", none)),
        (
            "ann queue dead x-dead-letter-exchange:amq.fanout",
            &by("write", "/exchange/amq.fanout", none),
        ),
        ("ann queue declared", "0 0"),
        ("ann read declared", &by("read", "/queue/declared", none)),
        // Another's subscription queue may be read if what is bound to it may.
        ("guest queue stomp-subscription-a", "0 0"),
        ("guest bind amq.topic stomp-subscription-a news", "ok"),
        ("ann read stomp-subscription-a", "ok"),
        ("guest bind notifications stomp-subscription-a x", "ok"),
        ("ann read stomp-subscription-a", &by("read", "/exchange/notifications/x", none)),
        ("guest drop-queue stomp-subscription-a", "0"),
        // The user's own list comes before those of tags.
        ("rules ann read /queue/user.bob.1 deny /topic/news*", "ok"),
        ("ann read user.bob.1", "ok"),
        ("ann follow amq.topic news.x", &by("read", "/topic/news.x", "rule 'deny /topic/news*'")),
        ("rules ann", "ok"),
        ("rules @web", "ok"),
        ("ann publish amq.topic news", "3"),
        // Patterns still judge.
        ("rules ann write *", "ok"),
        ("permit ann .* ^x$ .*", "ok"),
        ("ann publish amq.topic k", &refused("write", "exchange 'amq.topic'")),
    ]);
}

#[test]
fn a_change_of_rights_holds_for_who_is_inside() {
    check(&[
        ("user ann", "ok"),
        ("permit ann .* .* .*", "ok"),
        ("ann publish amq.topic k", "0"),
        ("permit ann .* - .*", "ok"),
        ("ann publish amq.topic k", &refused("write", "exchange 'amq.topic'")),
        ("forget ann", "true"),
        ("ann publish amq.topic k", "access to vhost '/' refused for user 'ann'"),
        ("forget ann", "false"),
        ("ann/2 publish amq.topic k", "Access refused for user 'ann'"),
    ]);
}

fn login(broker: &Broker, user: &str, password: &str, is_loopback: bool) -> Result<(), Refusal> {
    let user = UserName::parse(user).unwrap();
    let password = password.as_bytes();
    broker.login(Login { user: &user, password, vhost: None, is_loopback }).map(|_| ())
}

#[test]
fn logins_are_judged_in_stomps_order() {
    let broker = Broker::new(Settings::default());
    assert_eq!(login(&broker, "guest", "guest", true), Ok(()));
    let guest = UserName::parse("guest").unwrap();
    assert_eq!(login(&broker, "guest", "guest", false), Err(Refusal::LoopbackOnly(guest.clone())));
    assert_eq!(login(&broker, "guest", "wrong", false), Err(Refusal::LoginRefused(guest.clone())));
    assert_eq!(login(&broker, "guest", "", true), Err(Refusal::LoginRefused(guest.clone())));
    let nobody = UserName::parse("nobody").unwrap();
    assert_eq!(login(&broker, "nobody", "guest", true), Err(Refusal::LoginRefused(nobody)));
    let nowhere = VhostName::parse("nowhere").unwrap();
    let before = broker.login(Login {
        user: &guest,
        password: b"wrong",
        vhost: Some(&nowhere),
        is_loopback: true,
    });
    assert_eq!(before.map(|_| ()), Err(Refusal::NoSuchVhost(nowhere)));
}

#[test]
fn connections_are_counted_until_they_end() {
    let settings = Settings { connections_max: Some(4), ..Settings::default() };
    let broker = Broker::new(settings);
    let node = broker.operate_as_node();
    let (root, small) = (VhostName::root(), VhostName::parse("small").unwrap());
    let ann = UserName::parse("ann").unwrap();
    let limits = UserLimits { connections_max: Some(2), ..UserLimits::default() };
    node.set_user_with_password(ann.clone(), b"secret", Vec::new(), limits).unwrap();
    node.set_vhost(&small, VhostMetadata::default()).unwrap();
    node.set_vhost_limits(&small, VhostLimits { connections_max: Some(1), queues_max: None })
        .unwrap();
    for vhost in [&root, &small] {
        node.set_permission(&ann, vhost, Permission::everything()).unwrap();
    }
    let identity = broker
        .login(Login { user: &ann, password: b"secret", vhost: None, is_loopback: false })
        .unwrap();
    let enter = |vhost| broker.enter(&identity, vhost, LinkId(1));
    let first = enter(&small).unwrap();
    let refusal = |result: Result<_, Refusal>| result.map(|_: super::Access| ()).unwrap_err();
    assert_eq!(
        refusal(enter(&small)),
        Refusal::VhostConnectionLimit(small.clone(), ann.clone(), 1)
    );
    let second = enter(&root).unwrap();
    assert_eq!(refusal(enter(&root)), Refusal::UserConnectionLimit(ann.clone(), 2));
    drop(second);
    let _third = enter(&root).unwrap();
    first.leave(&mut Turn::new(std::time::Instant::now()));
    assert!(enter(&small).is_ok());
}

#[test]
fn a_vhost_has_limits_on_queues_and_goes_with_all_it_has() {
    let mut world = World::new();
    let root = VhostName::root();
    let limits = VhostLimits { connections_max: None, queues_max: Some(1) };
    world.broker.operate_as_node().set_vhost_limits(&root, limits).unwrap();
    assert_eq!(world.hear("guest queue q"), "0 0");
    assert_eq!(world.hear("guest queue q"), "0 0");
    assert_eq!(
        world.hear("guest queue r"),
        "cannot declare queue 'r': queue limit in vhost '/' (1) is reached"
    );
    assert!(world.broker.operate_as_node().delete_vhost(&mut world.turn, &root));
    assert!(world.broker.list_queues(&root).is_none());
    assert_eq!(world.hear("guest publish - q"), "access to vhost '/' refused for user 'guest'");
    assert!(!world.broker.operate_as_node().delete_vhost(&mut world.turn, &root));
}

#[test]
fn only_an_administrator_operates() {
    let broker = Broker::new(Settings::default());
    let (guest, ann) = (UserName::parse("guest").unwrap(), UserName::parse("ann").unwrap());
    let node = broker.operate_as_node();
    let tags = vec![Tag::new(Tag::MONITORING)];
    node.set_user_with_password(ann.clone(), b"secret", tags, UserLimits::default()).unwrap();
    let identity = |user, password| {
        broker.login(Login { user, password, vhost: None, is_loopback: true }).unwrap()
    };
    let (guest, ann) = (identity(&guest, b"guest"), identity(&ann, b"secret".as_slice()));
    assert_eq!(
        broker.operate(&ann).map(|_| ()),
        Err(Refusal::NotAllowed("Not administrator user".into()))
    );
    let vhost = VhostName::parse("new").unwrap();
    let operator = broker.operate(&guest).unwrap();
    assert_eq!(operator.set_vhost(&vhost, VhostMetadata::default()), Ok(true));
    assert_eq!(operator.set_vhost(&vhost, VhostMetadata::default()), Ok(false));
    // Who makes a vhost may enter it.
    assert!(broker.visit(&guest, &vhost).is_ok());
    assert!(broker.visit(&ann, &vhost).is_err());
    let nobody = UserName::parse("nobody").unwrap();
    let refusal = operator.set_permission(&nobody, &vhost, Permission::everything());
    assert_eq!(refusal.unwrap_err().to_string(), "no user 'nobody'");
    let pattern = Permission { read: "(?=x)".to_owned(), ..Permission::everything() };
    let refusal = operator.set_permission(&ann.user().name, &vhost, pattern).unwrap_err();
    assert!(refusal.to_string().contains("look-around"), "{refusal}");
}
