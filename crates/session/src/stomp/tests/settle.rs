//! ACK and NACK.

use super::talk::{Talk, error, plain};

/// A peer with the subscriptions 1 (`client`), 2 (`client-individual`) and 3 (`auto`), of which the
/// first two have three deliveries: 1 and 3 for the first, 2 for the second.
fn busy() -> Talk {
    let mut talk = Talk::connected("1.2");
    talk.say("SUBSCRIBE id:1 destination:/queue/a ack:client");
    talk.say("SUBSCRIBE id:2 destination:/queue/b ack:client-individual");
    talk.say("SUBSCRIBE id:3 destination:/queue/c");
    talk.deliver(0, plain("a", "1"));
    talk.deliver(1, plain("b", "2"));
    talk.deliver(0, plain("a", "3"));
    talk
}

#[test]
fn a_client_ack_settles_everything_up_to_it() {
    // Spec §11: 92, 94.
    let mut talk = busy();
    let said = talk.say("ACK id:T_1@@whatever@@3 receipt:r");
    assert_eq!(said, "settle 1,2,3 Accept; RECEIPT receipt-id:r");
}

#[test]
fn an_individual_ack_settles_one() {
    // Spec §11: 93.
    let mut talk = busy();
    assert_eq!(talk.say("ACK id:T_2@@~@@2"), "settle 2 Accept");
    assert_eq!(talk.say("ACK id:T_1@@~@@3"), "settle 1,3 Accept");
}

#[test]
fn acknowledgements_that_come_together_are_one_settle() {
    let mut talk = Talk::connected("1.2");
    talk.say("SUBSCRIBE id:1 destination:/queue/a ack:client-individual");
    for body in ["1", "2", "3", "4", "5"] {
        talk.deliver(0, plain("a", body));
    }
    let frame = |command: &str, number: u32| format!("{command}\nid:T_1@@s@@{number}\n\n\0\n");
    let said = talk.send((frame("ACK", 2) + &frame("ACK", 1)).as_bytes());
    assert_eq!(said, "settle 2,1 Accept");
    let said = talk.send((frame("ACK", 3) + &frame("NACK", 4) + &frame("ACK", 5)).as_bytes());
    assert_eq!(said, "settle 3 Accept; settle 4 Requeue; settle 5 Accept");
}

#[test]
fn a_nack_requeues_or_rejects() {
    // Spec §11: 96, 97.
    assert_eq!(busy().say("NACK id:T_1@@~@@3"), "settle 1,2,3 Requeue");
    assert_eq!(busy().say("NACK id:T_2@@~@@2 requeue:false"), "settle 2 Reject");
    let settings = crate::stomp::Settings { is_nack_requeued: false, ..Default::default() };
    let mut talk = Talk::with(settings, crate::stomp::Carrier::Tcp);
    talk.say("CONNECT accept-version:1.2");
    talk.say("SUBSCRIBE id:1 destination:/queue/a ack:client");
    talk.deliver(0, plain("a", "1"));
    talk.deliver(0, plain("a", "2"));
    assert_eq!(talk.say("NACK id:T_1@@~@@1"), "settle 1 Reject");
    assert_eq!(talk.say("NACK id:T_1@@~@@2 requeue:True"), "settle 2 Requeue");
}

#[test]
fn older_versions_name_the_message() {
    let mut talk = Talk::connected("1.1");
    talk.say("SUBSCRIBE id:1 destination:/queue/a ack:client");
    talk.deliver(0, plain("a", "1"));
    let missing = "\"ACK\" must include the \"message-id\" header\n";
    assert_eq!(talk.say("ACK id:T_1@@~@@1"), error("Missing header", missing));
    let said = talk.say("ACK message-id:T_1@@~@@1 subscription:other");
    assert_eq!(said, "settle 1 Accept");
}

#[test]
fn an_ack_must_name_a_delivery_of_a_subscription() {
    // Spec §11: 100.
    let mut talk = busy();
    for (frame, message, detail) in [
        ("ACK", "Missing header", "\"ACK\" must include the \"id\" header\n"),
        ("NACK", "Missing header", "\"NACK\" must include the \"id\" header\n"),
        ("ACK id:1", "Invalid header", "\"ACK\" must include a valid \"id\" header\n"),
        ("ACK id:T_1@@s@@x", "Processing error", "Processing error"),
        (
            "ACK id:T_9@@s@@9",
            "Subscription not found",
            "Message with id \"T_9@@s@@9\" has no subscription",
        ),
    ] {
        assert_eq!(talk.say(frame), error(message, detail), "{frame}");
    }
}

#[test]
fn nothing_is_settled_twice() {
    // Spec §11: 102.
    let detail = "PRECONDITION_FAILED - unknown delivery tag 2";
    let unknown = format!("{}; closed", error("precondition_failed", detail));
    let mut talk = busy();
    talk.say("ACK id:T_2@@~@@2");
    assert_eq!(talk.say("ACK id:T_2@@~@@2"), unknown);
    let mut talk = busy();
    talk.say("ACK id:T_1@@~@@3");
    assert_eq!(talk.say("ACK id:T_2@@~@@2"), unknown);
    let mut talk = busy();
    talk.deliver(2, plain("c", "auto"));
    let said = talk.say("ACK id:T_3@@~@@4");
    assert!(said.contains("unknown delivery tag 4") && said.ends_with("; closed"), "{said}");
}

#[test]
fn what_was_delivered_can_be_settled_after_an_unsubscribe() {
    // Spec §11: 101 says otherwise for 4.3; 4.4 does as we do.
    let mut talk = busy();
    talk.say("UNSUBSCRIBE id:2");
    assert_eq!(talk.say("ACK id:T_2@@~@@2"), "settle 2 Accept");
    talk.say("UNSUBSCRIBE id:1");
    assert_eq!(talk.say("ACK id:T_1@@~@@3"), "settle 1,3 Accept");
    let detail = format!("Message with id \"{}\" has no subscription", "T_1@@s@@3");
    assert_eq!(talk.say("ACK id:T_1@@s@@3"), error("Subscription not found", &detail));
}
