//! SUBSCRIBE and UNSUBSCRIBE.

use engine::Event;
use model::{Bound, ConsumerId};

use super::talk::{Talk, check, error, plain};

#[test]
fn a_queue_is_declared_once_and_consumed() {
    // Spec §11: 55, 59, 99, 111.
    check(&[
        (
            "SUBSCRIBE id:1 destination:/queue/a receipt:r selector:x",
            "declare a D--; consume a as T_1 Automatic; RECEIPT receipt-id:r",
        ),
        (
            "SUBSCRIBE id:2 destination:a ack:client prefetch-count:5 durable:false",
            "consume a as T_2 Manual prefetch 5",
        ),
        (
            "SUBSCRIBE destination:/queue/b ack:client-individual x-message-ttl:100 x-priority:10",
            "declare b D-- x-message-ttl=100; consume b as Q_/queue/b Manual x-priority=10",
        ),
        ("SUBSCRIBE id:3 destination:/amq/queue/c", "consume c as T_3 Automatic"),
        ("SUBSCRIBE id:4 destination:/reply-queue/d/e", "consume d/e as T_4 Automatic"),
        ("SEND destination:/queue/b|x", "publish \"\" b|x"),
    ]);
}

#[test]
fn an_automatic_topic_subscription_is_one_command() {
    // Spec §11: 43, 63.
    check(&[
        ("SUBSCRIBE id:1 destination:/topic/a.* receipt:r", {
            "follow ~ amq.topic a.* as T_1; RECEIPT receipt-id:r"
        }),
        ("SUBSCRIBE id:2 destination:/exchange/x%2Fy/k x-max-length:10", {
            "follow ~ x/y k as T_2 x-max-length=10"
        }),
        ("SUBSCRIBE id:3 destination:/exchange/amq.fanout", "follow ~ amq.fanout  as T_3"),
    ]);
}

#[test]
fn how_far_a_topic_subscription_may_fall_behind_is_its_own_choice() {
    check(&[
        ("SUBSCRIBE id:1 destination:/topic/a x-overflow:disconnect x-max-length:9", {
            "follow ~ amq.topic a as T_1 x-overflow=disconnect x-max-length=9"
        }),
        ("SUBSCRIBE id:2 destination:/topic/b x-overflow:drop-head x-max-length-bytes:9", {
            "follow ~ amq.topic b as T_2 x-overflow=drop-head x-max-length-bytes=9"
        }),
        // The broker refuses this one as it does any overflow it does not know.
        ("SUBSCRIBE id:3 destination:/queue/c x-overflow:disconnect", {
            "declare c D-- x-overflow=disconnect; consume c as T_3 Automatic"
        }),
    ]);
}

#[test]
fn who_is_too_slow_is_told_which_subscription_it_was_and_disconnected() {
    let mut talk = Talk::connected("1.2");
    talk.say("SUBSCRIBE id:s destination:/topic/a x-overflow:disconnect");
    let said = talk.hear(Event::Overrun(ConsumerId(0), Bound::Length(9)));
    let detail = "The subscription \"id='s'\" has fallen behind by more than its x-max-length of 9 \
                  messages.\n";
    let about = "subscription:s content-length:";
    let expected = error("Subscription too slow", detail).replace("content-length:", about);
    assert_eq!(said, format!("{expected}; closed"));
}

#[test]
fn other_subscriptions_to_exchanges_have_a_queue_of_their_own() {
    // Spec §11: 60, 62, 64.
    check(&[
        (
            "SUBSCRIBE id:1 destination:/topic/k x-queue-name:q ack:client",
            "declare q -AX; consume q as T_1 Manual; bind q to amq.topic by k",
        ),
        (
            "SUBSCRIBE id:2 destination:/exchange/x/k x-queue-name:p",
            "declare p -AX; consume p as T_2 Automatic; bind p to x by k",
        ),
        (
            "SUBSCRIBE id:test.subscription destination:/topic/durable durable:true \
             auto-delete:false",
            "declare stomp-subscription-tMbeqL30tjlgaXMmaFM6Ew D--; \
             consume stomp-subscription-tMbeqL30tjlgaXMmaFM6Ew as T_test.subscription Automatic; \
             bind stomp-subscription-tMbeqL30tjlgaXMmaFM6Ew to amq.topic by durable",
        ),
        (
            "SUBSCRIBE id:3 destination:/topic/s x-queue-type:quorum x-queue-name:s durable:true \
             auto-delete:false ack:client",
            "declare s D-- x-queue-type=quorum; consume s as T_3 Manual; bind s to amq.topic by s",
        ),
    ]);
    let said = Talk::connected("1.2").say("SUBSCRIBE id:1 destination:/topic/k ack:client");
    let shape = "declare stomp-subscription-";
    assert!(said.starts_with(shape) && said.contains(" -AX; consume "), "{said}");
    assert!(said.ends_with(" to amq.topic by k"), "{said}");
}

#[test]
fn what_cannot_be_subscribed_to_is_refused() {
    // Spec §11: 50 to 54, 65.
    let processing = error("Processing error", "Processing error");
    let no_id = error("Missing Header", "Header 'id' is required for durable subscriptions");
    let missing = "\"SUBSCRIBE\" must include a 'destination' header\n";
    let temp = "'/temp-queue/x' is not a valid destination for 'SUBSCRIBE'\n";
    check(&[
        ("SUBSCRIBE id:1 receipt:r", &error("Missing destination", missing)),
        ("SUBSCRIBE destination:", &error("Invalid destination", "Destination cannot be blank")),
        ("SUBSCRIBE destination:/temp-queue/x", &error("Invalid destination", temp)),
        ("SUBSCRIBE destination:/topic/k durable:true", &no_id),
        ("SUBSCRIBE persistent:true", &no_id),
        ("SUBSCRIBE destination:/topic/k durable:True", &processing),
        ("SUBSCRIBE destination:/queue/k durable:yes", &processing),
        ("SUBSCRIBE destination:/queue/k ack:maybe", &processing),
        ("SUBSCRIBE destination:/queue/k prefetch-count:many", &processing),
        ("SUBSCRIBE destination:/queue/k x-priority:high", &processing),
        ("SUBSCRIBE destination:/queue/k x-expires:soon", &processing),
        ("SUBSCRIBE destination:/queue/k id:/temp-queue/x", &processing),
        ("SUBSCRIBE destination:/queue/k", "declare k D--; consume k as Q_/queue/k Automatic"),
    ]);
}

#[test]
fn an_id_is_taken_once() {
    // Spec §11: 89.
    let taken = "A subscription identified by 'T_1' already exists.";
    let taken = error("Duplicated subscription identifier", taken);
    check(&[
        ("SUBSCRIBE id:1 destination:/topic/k", "follow ~ amq.topic k as T_1"),
        ("SUBSCRIBE id:1 destination:/topic/other receipt:r", &format!("{taken}; closed")),
    ]);
}

#[test]
fn an_unsubscribe_ends_what_it_names() {
    // Spec §11: 104 to 106.
    let unknown = |description: &str| {
        let text = "UNSUBSCRIBE must refer to an existing subscription.\n";
        let detail = format!("{text}Subscription to \"{description}\" not found.\n");
        error("No subscription found", &detail)
    };
    let temp = "UNSUBSCRIBE 'id' may not start with /temp-queue/\n";
    let neither = "UNSUBSCRIBE must include a 'destination' or 'id' header";
    check(&[
        ("SUBSCRIBE id:1 destination:/topic/k", "follow ~ amq.topic k as T_1"),
        ("SUBSCRIBE destination:/topic/k", "follow ~ amq.topic k as Q_/topic/k"),
        ("UNSUBSCRIBE id:1 receipt:r", "cancel 0; RECEIPT receipt-id:r"),
        ("UNSUBSCRIBE destination:/topic/k", "cancel 1"),
        ("UNSUBSCRIBE id:1", &unknown("id='1'")),
        ("UNSUBSCRIBE destination:/topic/k", &unknown("destination='/topic/k'")),
        ("UNSUBSCRIBE", &error("Missing destination or id", neither)),
        ("UNSUBSCRIBE id:/temp-queue/x", &error("Invalid id", temp)),
        ("SUBSCRIBE id:1 destination:/topic/k", "follow ~ amq.topic k as T_1"),
    ]);
}

#[test]
fn a_durable_unsubscribe_deletes_the_queue_of_a_topic_only() {
    // Spec §11: 66, 67.
    check(&[
        (
            "SUBSCRIBE id:1 destination:/topic/k x-queue-name:q durable:true auto-delete:false",
            "declare q D--; consume q as T_1 Automatic; bind q to amq.topic by k",
        ),
        ("UNSUBSCRIBE id:1", "cancel 0"),
        (
            "SUBSCRIBE id:1 destination:/topic/k x-queue-name:q durable:true auto-delete:false",
            "declare q D--; consume q as T_1 Automatic; bind q to amq.topic by k",
        ),
        ("UNSUBSCRIBE id:1 persistent:true receipt:r", {
            "cancel 0; delete q; RECEIPT receipt-id:r"
        }),
        ("SUBSCRIBE id:1 destination:/queue/q", "declare q D--; consume q as T_1 Automatic"),
        ("UNSUBSCRIBE id:1 durable:true", "cancel 0"),
    ]);
}

#[test]
fn a_delivery_that_crosses_with_an_unsubscribe_is_not_lost() {
    let mut talk = Talk::connected("1.2");
    talk.say("SUBSCRIBE id:1 destination:/queue/a ack:client");
    talk.say("SUBSCRIBE id:2 destination:/queue/b");
    talk.holds_back = true;
    assert_eq!(talk.say("UNSUBSCRIBE id:1 receipt:1"), "cancel 0");
    assert_eq!(talk.say("UNSUBSCRIBE id:2 receipt:2"), "cancel 1");
    assert_eq!(talk.deliver(0, plain("a", "x")), "settle 1 Requeue");
    let said = talk.deliver(1, plain("b", "y"));
    assert!(said.contains("MESSAGE subscription:2"), "{said}");
    assert_eq!(talk.release(), "RECEIPT receipt-id:1; RECEIPT receipt-id:2");
    assert_eq!(talk.deliver(1, plain("b", "z")), "");
}

#[test]
fn an_id_may_come_again_while_its_end_is_under_way() {
    let mut talk = Talk::connected("1.2");
    talk.say("SUBSCRIBE id:1 destination:/queue/a");
    talk.holds_back = true;
    assert_eq!(talk.say("UNSUBSCRIBE id:1"), "cancel 0");
    assert_eq!(talk.say("SUBSCRIBE id:1 destination:/queue/a"), "consume a as T_1 Automatic");
    talk.release();
    assert!(talk.deliver(1, plain("a", "x")).contains("MESSAGE subscription:1"));
}

#[test]
fn a_lost_queue_is_told_and_the_connection_stays() {
    // Spec §11: 103.
    let mut talk = Talk::connected("1.2");
    talk.say("SUBSCRIBE id:s destination:/queue/a");
    talk.say("SUBSCRIBE destination:/queue/a");
    for (consumer, subject, description) in
        [(0, "s", "id='s'"), (1, "/queue/a", "destination='/queue/a'")]
    {
        let said = talk.hear(Event::Cancelled(ConsumerId(consumer)));
        let detail = format!(
            "The server has canceled a subscription.\n\
             No more messages will be delivered for \"{description}\".\n"
        );
        let expected = error("Server cancelled subscription", &detail);
        let about = format!("subscription:{subject} content-length:");
        assert_eq!(said, expected.replace("content-length:", &about));
    }
    assert_eq!(talk.say("SUBSCRIBE id:s destination:/queue/a"), "consume a as T_s Automatic");
}
