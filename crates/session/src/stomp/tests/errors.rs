//! Bytes that are no frames, frames that are none, and how a session ends.

use engine::{Event, Refused};
use model::{ExchangeName, Refusal, Right, RoutingKey, UserName, VhostName};

use super::talk::{Talk, check, error, plain};
use crate::stomp::{Carrier, Settings};

#[test]
fn bytes_that_are_no_frame_end_the_connection() {
    // Spec §11: 3 to 6, 14; over TCP with an ERROR, which RabbitMQ does not send.
    for (bytes, term) in [
        ("\rSEND", r#"{unexpected_chars_between_frames,"\rS"}"#),
        ("SEND\na:b\\t\n\n\0", r#"{bad_escape,"\\t"}"#),
        ("SEND\nabc\n\n\0", r#"{header_no_value,"abc"}"#),
    ] {
        let said = Talk::connected("1.2").send(bytes.as_bytes());
        assert_eq!(said, format!("{}; closed", error("Malformed frame", &format!("{term}\n"))));
        let mut web = Talk::with(Settings::default(), Carrier::WebSocket { credentials: None });
        web.say("CONNECT");
        assert_eq!(web.send(bytes.as_bytes()), format!("closed as malformed: {term}"));
    }
    let mut web = Talk::with(Settings::default(), Carrier::WebSocket { credentials: None });
    web.say("CONNECT");
    assert_eq!(web.send(b"SEND\ncontent-length:1\n\nab\0"), "closed as broken");
}

#[test]
fn what_came_before_a_fatal_frame_is_answered_first() {
    let mut talk = Talk::connected("1.2");
    talk.holds_back = true;
    let said = talk.send(b"SEND\ndestination:/topic/k\nreceipt:1\n\nx\0SEND\nabc\n\n\0");
    assert_eq!(said, "publish \"amq.topic\" k confirmed|x");
    let last = error("Malformed frame", "{header_no_value,\"abc\"}\n");
    assert_eq!(talk.release(), format!("RECEIPT receipt-id:1; {last}; closed"));
}

#[test]
fn tls_on_a_plain_port_is_closed_without_a_word() {
    assert_eq!(Talk::new().send(b"\x16\x03\x01\x02\x00"), "closed");
}

#[test]
fn an_unknown_command_is_named() {
    // Spec §11: 22.
    check(&[
        ("FOO", &error("Bad command", "Could not interpret command \"FOO\"\n")),
        ("send", &error("Bad command", "Could not interpret command \"send\"\n")),
        ("MESSAGE", &error("Bad command", "Could not interpret command \"MESSAGE\"\n")),
        ("BEGIN transaction:1 receipt:r", "RECEIPT receipt-id:r"),
    ]);
}

#[test]
fn a_refusal_is_told_and_ends_the_connection() {
    // Spec §11: 47, 48, 117, 118, 129; without RabbitMQ's stray RECEIPT behind the ERROR.
    let vhost = VhostName::root;
    let exchange = || ExchangeName::parse("amq.topic").unwrap();
    let topic = |right| Refusal::TopicRefused {
        right,
        key: RoutingKey::parse(b"k").unwrap(),
        exchange: exchange(),
        vhost: vhost(),
        user: UserName::parse("u").unwrap(),
    };
    let topic_text =
        "access to topic 'k' in exchange 'amq.topic' in vhost '/' refused for user 'u'";
    for (command, refusal, frame, message, detail) in [
        (
            "follow",
            Refusal::NoSuchExchange(ExchangeName::parse("x").unwrap(), vhost()),
            "SUBSCRIBE destination:/exchange/x/k receipt:r",
            "not_found",
            "NOT_FOUND - no exchange 'x' in vhost '/'".to_owned(),
        ),
        (
            "consume",
            Refusal::NoSuchQueue("q".into(), vhost()),
            "SUBSCRIBE destination:/amq/queue/q",
            "not_found",
            "NOT_FOUND - no queue 'q' in vhost '/'".to_owned(),
        ),
        (
            "publish",
            topic(Right::Write),
            "SEND destination:/topic/k receipt:r",
            "access_refused",
            format!("ACCESS_REFUSED - write {topic_text}"),
        ),
        (
            // RabbitMQ's plugin checks this one itself, and says so in fewer words.
            "follow",
            topic(Right::Read),
            "SUBSCRIBE destination:/topic/k",
            "access_refused",
            format!("read {topic_text}"),
        ),
        (
            "bind",
            topic(Right::Read),
            "SUBSCRIBE destination:/topic/k ack:client",
            "access_refused",
            format!("read {topic_text}"),
        ),
        (
            "follow",
            topic(Right::Read),
            "SUBSCRIBE destination:/exchange/amq.topic/k",
            "access_refused",
            format!("ACCESS_REFUSED - read {topic_text}"),
        ),
    ] {
        let mut talk = Talk::connected("1.2");
        talk.refuse(command, refusal);
        let said = talk.say(frame);
        let end = format!("; {}; closed", error(message, &detail));
        assert!(said.ends_with(&end), "{said}");
        assert!(!said.contains("RECEIPT"), "{said}");
        assert_eq!(talk.deliver(0, plain("k", "late")), "");
    }
}

#[test]
fn a_refused_settle_ends_the_connection() {
    let mut talk = Talk::connected("1.2");
    let said = talk.hear(Event::Refused {
        channel: engine::Channel(1),
        refused: Refused::Settle,
        refusal: Box::new(Refusal::Internal),
    });
    assert_eq!(said, format!("{}; closed", error("internal_error", "INTERNAL_ERROR")));
}

#[test]
fn an_operator_may_end_a_connection() {
    let mut talk = Talk::connected("1.2");
    let said = talk.hear(Event::Closed { reason: "Closed via management plugin".into() });
    let detail = "CONNECTION_FORCED - Closed via management plugin";
    assert_eq!(said, format!("{}; closed", error("connection_forced", detail)));
}

#[test]
fn a_disconnect_is_answered_after_all_that_came_before() {
    // Spec §11: 116, 127.
    let mut talk = Talk::connected("1.2");
    assert_eq!(talk.say("DISCONNECT receipt:bye"), "RECEIPT receipt-id:bye; closed");
    let mut talk = Talk::connected("1.2");
    talk.holds_back = true;
    assert_eq!(talk.say("SEND destination:/topic/k receipt:1|x"), {
        "publish \"amq.topic\" k confirmed|x"
    });
    assert_eq!(talk.say("DISCONNECT receipt:bye"), "");
    assert_eq!(talk.say("SEND destination:/topic/k|ignored"), "");
    let receipts = "RECEIPT receipt-id:1; RECEIPT receipt-id:bye; closed";
    assert_eq!(talk.release(), receipts);
    assert_eq!(Talk::connected("1.2").say("DISCONNECT"), "closed");
}

#[test]
fn a_node_that_goes_down_still_sends_the_receipts_it_owes() {
    assert_eq!(Talk::new().shut_down(), "closed as going down");
    assert_eq!(Talk::connected("1.2").shut_down(), "closed as going down");
    let mut talk = Talk::connected("1.2");
    talk.holds_back = true;
    talk.say("SEND destination:/topic/k receipt:1|x");
    assert_eq!(talk.shut_down(), "");
    assert!(!talk.is_reading());
    assert_eq!(talk.release(), "RECEIPT receipt-id:1; closed as going down");
}
