//! Publishes: content, confirms, returns, transactions.

use engine::{Channel, Command, Event, Refused, Reply};
use model::{Refusal, VhostName};
use wire::amqp::encoder::{
    Content, encode_body_start, encode_content, encode_header, encode_method,
};
use wire::amqp::frame::FRAME_END;
use wire::amqp::header::NO_PROPERTIES;
use wire::amqp::method::{Arguments, basic, confirm, queue, tx};

use super::peer::{Peer, message};
use crate::amqp::Settings;

fn publish_frames(announced_bytes: u64, pieces: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let publish = basic::Publish { exchange: b"x", routing_key: b"k", ..Default::default() };
    encode_method(&mut bytes, 1, &publish);
    encode_header(&mut bytes, 1, &NO_PROPERTIES, announced_bytes);
    for piece in pieces {
        encode_body_start(&mut bytes, 1, piece.len());
        bytes.extend_from_slice(piece);
        bytes.push(FRAME_END);
    }
    bytes
}

#[test]
fn a_body_comes_in_pieces() {
    let mut peer = Peer::open();
    peer.send(&publish_frames(6, &[b"abc", b"", b"def"]));
    peer.send(&publish_frames(0, &[]));
    assert_eq!(peer.asked(), "publish 1 x/k abcdef; publish 1 x/k ");
    // One byte at a time is the same.
    let mut bytes = publish_frames(3, &[b"xyz"]);
    for byte in bytes.drain(..) {
        peer.send(&[byte]);
    }
    assert_eq!(peer.asked(), "publish 1 x/k xyz");
}

/// Frames that come together are taken on a shortcut, single bytes never are.
#[test]
fn what_comes_at_once_says_what_it_says_byte_by_byte() {
    fn whole(
        channel: u16,
        publish: &basic::Publish<'_>,
        properties: &[u8],
        body: &[u8],
    ) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_content(&mut bytes, channel, publish, Content { properties, body }, 0);
        bytes
    }
    fn said<'a>(method: &impl Arguments<'a>) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_method(&mut bytes, 1, method);
        bytes
    }
    let plain = basic::Publish { exchange: b"x", routing_key: b"k", ..Default::default() };
    let good = whole(1, &plain, &NO_PROPERTIES, b"body");
    let expired = [1, 0, 3, b'o', b'n', b'e'];
    let pieces = [
        good.clone(),
        whole(1, &plain, &NO_PROPERTIES, b""),
        whole(1, &plain, &NO_PROPERTIES, b"0123456789"),
        whole(1, &plain, &NO_PROPERTIES, b"0123456789a"),
        whole(1, &plain, &expired, b"body"),
        whole(1, &plain, &[0xFF], b"body"),
        whole(1, &basic::Publish { immediate: true, ..plain }, &NO_PROPERTIES, b"body"),
        whole(1, &basic::Publish { mandatory: true, ..plain }, &NO_PROPERTIES, b"body"),
        whole(1, &basic::Publish { exchange: b"\xFF", ..plain }, &NO_PROPERTIES, b"body"),
        whole(2, &plain, &NO_PROPERTIES, b"body"),
        publish_frames(4, &[b"bo"]),
        publish_frames(4, &[b"bo", b"dy"]),
        publish_frames(2, &[b"body"]),
        said(&basic::Ack { delivery_tag: 1, multiple: false }),
        said(&basic::Ack { delivery_tag: 2, multiple: true }),
        said(&confirm::Select { no_wait: false }),
        said(&tx::Select {}),
    ];
    for first in &pieces {
        for second in &pieces {
            let bytes = [first, &second[..], &good].concat();
            let heard = |steps: &[&[u8]]| {
                let settings = Settings { message_bytes_max: 10, ..Settings::default() };
                let mut peer = Peer::open_with(settings);
                peer.say(
                    1,
                    &basic::Consume { queue: "q", consumer_tag: "t", ..Default::default() },
                );
                peer.answer(1, Reply::Done);
                (7..9).for_each(|sequence| peer.deliver(0, sequence, &message("k", &[0, 0], b"m")));
                peer.drain();
                steps.iter().for_each(|step| peer.send(step));
                (peer.asked(), peer.heard())
            };
            let one_by_one: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(heard(&[&bytes]), heard(&one_by_one), "{bytes:?}");
        }
    }
}

#[test]
fn publishes_to_the_same_exchange_share_its_name() {
    let mut peer = Peer::open();
    peer.send(&publish_frames(0, &[]));
    peer.send(&publish_frames(0, &[]));
    let [Command::Publish(first), Command::Publish(second)] = &peer.actions.commands[..] else {
        panic!("two publishes");
    };
    let (first, second) = (first.message.exchange(), second.message.exchange());
    assert!(std::ptr::eq(first.as_str(), second.as_str()));
}

/// §13, 15, and the other orders that content cannot have.
#[test]
fn content_out_of_order_ends_the_connection() {
    let method_for_header = {
        let mut bytes = Vec::new();
        encode_method(&mut bytes, 1, &basic::Publish::default());
        encode_method(&mut bytes, 1, &basic::Publish::default());
        bytes
    };
    let wrong_class = {
        let mut bytes = publish_frames(0, &[]);
        let header = bytes.len() - 22;
        assert_eq!(bytes[header], 2);
        bytes[header + 8] = 50;
        bytes
    };
    let weight = {
        let mut bytes = publish_frames(0, &[]);
        let header = bytes.len() - 22;
        bytes[header + 10] = 1;
        bytes
    };
    let method_for_body = [publish_frames(3, &[]), method_for_header.clone()].concat();
    let header_for_method = {
        let mut bytes = publish_frames(0, &[]);
        bytes.split_off(bytes.len() - 22)
    };
    let body_for_method = publish_frames(0, &[b"x"]);
    let header_wanted = "expected content header for class 60, got";
    for (input, text) in [
        (
            method_for_header,
            format!(
                "505 60.40 UNEXPECTED_FRAME - {header_wanted} non content header frame instead"
            ),
        ),
        (
            wrong_class,
            format!("505 60.40 UNEXPECTED_FRAME - {header_wanted} one for class 50 instead"),
        ),
        (
            weight,
            format!(
                "505 60.40 UNEXPECTED_FRAME - {header_wanted} non content header frame instead"
            ),
        ),
        (
            method_for_body,
            "505 60.40 UNEXPECTED_FRAME - \
             expected content body, got non content body frame instead"
                .to_owned(),
        ),
        (
            header_for_method,
            "505 0.0 UNEXPECTED_FRAME - expected method frame, got non method frame instead"
                .to_owned(),
        ),
        (
            body_for_method,
            "505 0.0 UNEXPECTED_FRAME - expected method frame, got non method frame instead"
                .to_owned(),
        ),
        (
            publish_frames(2, &[b"abc"]),
            "501 60.40 FRAME_ERROR - content body frame exceeds remaining content size".to_owned(),
        ),
        (
            publish_frames(536_870_913, &[]),
            "501 60.40 FRAME_ERROR - \
             content body size 536870913 exceeds maximum allowed size 536870912"
                .to_owned(),
        ),
    ] {
        let mut peer = Peer::open();
        peer.send(&input);
        assert_eq!(peer.heard(), format!("0 connection.close {text}"));
    }
}

/// §13, 84: the whole body is read before the refusal.
#[test]
fn a_body_may_be_as_large_as_configured() {
    let settings = Settings { message_bytes_max: 5, ..Settings::default() };
    let mut peer = Peer::open_with(settings);
    peer.send(&publish_frames(5, &[b"12345"]));
    assert_eq!(peer.asked(), "publish 1 x/k 12345");
    peer.send(&publish_frames(6, &[b"123"]));
    assert_eq!(peer.heard(), "");
    peer.send(&[3, 0, 1, 0, 0, 0, 3, 4, 5, 6, FRAME_END]);
    assert_eq!(
        peer.heard(),
        "1 close 406 60.40 PRECONDITION_FAILED - \
         message size 6 is larger than configured max size 5"
    );
}

/// §13, 57 and 81, and properties that are none.
#[test]
fn a_publish_that_cannot_be_closes_what_it_must() {
    let expiration = [&[1, 0, 3], b"abc".as_slice()].concat();
    let mut peer = Peer::open();
    peer.publish_with(1, &expiration, b"", Default::default());
    assert_eq!(
        peer.heard(),
        "1 close 406 60.40 PRECONDITION_FAILED - invalid expiration 'abc': no_integer"
    );
    let mut peer = Peer::open();
    let immediate = basic::Publish { immediate: true, ..Default::default() };
    peer.publish_with(1, &NO_PROPERTIES, b"", immediate);
    assert_eq!(peer.heard(), "0 connection.close 540 60.40 NOT_IMPLEMENTED - immediate=true");
    let mut peer = Peer::open();
    peer.publish_with(1, &[0x80, 0, 9], b"", Default::default());
    assert_eq!(peer.heard(), "0 connection.close 541 60.40 INTERNAL_ERROR");
    let mut peer = Peer::open();
    peer.publish_with(
        1,
        &NO_PROPERTIES,
        b"",
        basic::Publish { exchange: b"\xFF", ..Default::default() },
    );
    assert_eq!(peer.heard(), "1 close 404 60.40 NOT_FOUND - no exchange '\u{FFFD}' in vhost '/'");
}

#[test]
fn the_broker_is_told_what_it_must_know_of_a_message() {
    let mut peer = Peer::open();
    // delivery-mode 2, priority 9, expiration "60", user-id "u".
    let properties = b"\x19\x10\x02\x09\x0260\x01u";
    peer.publish_with(
        1,
        properties,
        b"b",
        basic::Publish { routing_key: b"k", ..Default::default() },
    );
    let Some(Command::Publish(publish)) = peer.actions.commands.pop() else {
        panic!("no publish");
    };
    let marks = publish.message.marks();
    assert!(marks.is_persistent && marks.has_user_id && !marks.has_sender_selected);
    assert_eq!((marks.priority, marks.expiration_ms), (Some(9), Some(60)));
    assert_eq!(publish.message.property_bytes(), properties);
    assert_eq!(
        (publish.message.routing_key(), publish.message.body()),
        (b"k".as_slice(), b"b".as_slice())
    );
}

/// §13, 87.
#[test]
fn confirms_of_a_batch_are_told_at_once() {
    let mut peer = Peer::open();
    peer.say(1, &confirm::Select { no_wait: false });
    for _ in 0..4 {
        peer.publish(1, b"m");
    }
    peer.heard();
    assert_eq!(
        peer.asked(),
        "describe; publish 1 / m confirm 1; publish 1 / m confirm 2; publish 1 / m confirm 3; \
         publish 1 / m confirm 4"
    );
    for number in [1, 3, 2] {
        peer.hear(Event::Confirmed(Channel(1), number));
    }
    assert_eq!(peer.heard(), "1 ack #3 multiple");
    peer.hear(Event::Rejected(Channel(1), 4));
    assert_eq!(peer.heard(), "1 basic.Nack { delivery_tag: 4, multiple: false, requeue: true }");
    assert_eq!(peer.heard(), "");
}

/// §13, 80.
#[test]
fn a_return_comes_before_its_confirm() {
    let mut peer = Peer::open();
    peer.say(1, &confirm::Select { no_wait: false });
    let publish = basic::Publish { mandatory: true, routing_key: b"k", ..Default::default() };
    peer.publish_with(1, &NO_PROPERTIES, b"m", publish);
    peer.heard();
    assert_eq!(peer.asked(), "describe; publish 1 /k m mandatory confirm 1");
    peer.hear(Event::Returned(Channel(1), message("k", &NO_PROPERTIES, b"m")));
    peer.hear(Event::Confirmed(Channel(1), 1));
    assert_eq!(peer.heard(), "1 return 312 NO_ROUTE x/k; 1 header 1 [0, 0]; 1 body m; 1 ack #1");
}

#[test]
fn confirms_leave_before_the_channel_closes_and_none_after() {
    let mut peer = Peer::open();
    peer.say(1, &confirm::Select { no_wait: true });
    peer.publish(1, b"a");
    peer.publish(1, b"b");
    peer.publish(1, b"c");
    peer.drain();
    peer.hear(Event::Confirmed(Channel(1), 1));
    let refusal = Refusal::NoSuchQueue("q".into(), VhostName::root());
    peer.refuse(1, Refused::Publish, refusal);
    peer.hear(Event::Confirmed(Channel(1), 2));
    assert_eq!(peer.heard(), "1 ack #1; 1 close 404 60.40 NOT_FOUND - no queue 'q' in vhost '/'");
}

/// §13, 104.
#[test]
fn a_transaction_holds_back_until_its_commit() {
    let mut peer = Peer::open();
    peer.say(1, &basic::Get { queue: "q", no_ack: false });
    peer.answer(1, got(1));
    peer.say(1, &tx::Select {});
    peer.drain();
    peer.publish(1, b"a");
    peer.publish(1, b"b");
    peer.say(1, &basic::Ack { delivery_tag: 1, multiple: false });
    assert_eq!(peer.asked(), "put off 1; put off 1");
    peer.say(1, &tx::Commit {});
    assert_eq!(
        peer.asked(),
        "publish 1 / a confirm 1; publish 1 / b confirm 2; accept 1 [1]; flush 1 0"
    );
    peer.say(1, &queue::Purge { queue: "q", no_wait: false });
    peer.hear(Event::Confirmed(Channel(1), 2));
    assert_eq!((peer.heard(), peer.asked()), (String::new(), String::new()));
    peer.hear(Event::Confirmed(Channel(1), 1));
    assert_eq!((peer.heard(), peer.asked()), (String::new(), String::new()));
    peer.hear(Event::Confirmed(Channel(1), 0));
    assert_eq!(peer.heard(), "1 tx.CommitOk");
    assert!(peer.asked().starts_with("PurgeQueue"));
}

#[test]
fn a_rollback_forgets_publishes_and_restores_acknowledgements() {
    let mut peer = Peer::open();
    peer.say(1, &basic::Get { queue: "q", no_ack: false });
    peer.answer(1, got(1));
    peer.say(1, &tx::Select {});
    peer.publish(1, b"a");
    peer.say(1, &basic::Ack { delivery_tag: 1, multiple: false });
    peer.drain();
    peer.say(1, &tx::Rollback {});
    peer.say(1, &tx::Commit {});
    assert_eq!(
        (peer.heard().as_str(), peer.asked().as_str()),
        ("1 tx.RollbackOk; 1 tx.CommitOk", "")
    );
    peer.say(1, &basic::Ack { delivery_tag: 0, multiple: true });
    peer.say(1, &tx::Commit {});
    assert_eq!(peer.asked(), "accept 1 [1]; flush 1 0");
}

#[test]
fn a_commit_with_a_rejected_publish_fails_and_an_open_one_gives_back() {
    let mut peer = Peer::open();
    peer.say(1, &tx::Select {});
    peer.publish(1, b"a");
    peer.say(1, &tx::Commit {});
    peer.drain();
    peer.hear(Event::Rejected(Channel(1), 1));
    assert_eq!(peer.heard(), "1 close 406 90.20 PRECONDITION_FAILED - partial tx completion");

    let mut peer = Peer::open();
    peer.say(1, &basic::Get { queue: "q", no_ack: false });
    peer.answer(1, got(1));
    peer.say(1, &tx::Select {});
    peer.say(1, &basic::Ack { delivery_tag: 1, multiple: false });
    peer.drain();
    peer.say(1, &wire::amqp::method::channel::Close::default());
    assert_eq!(peer.asked(), "close 1 [1]");
}

fn got(sequence: u64) -> Reply {
    Reply::Got(Some(Box::new(engine::Got {
        id: super::peer::id(sequence),
        is_redelivered: false,
        messages: 0,
        message: message("k", &NO_PROPERTIES, b"m"),
    })))
}
