//! Consumers, deliveries, gets and acknowledgements.

use engine::{Event, Got, Refused, Reply};
use model::{ConsumerId, FieldTable, FieldValue, Properties, Refusal};
use wire::amqp::header::{NO_PROPERTIES, encode_properties};
use wire::amqp::method::{basic, channel};

use super::peer::{Peer, id, message};
use crate::amqp::Settings;

const M: &[u8] = b"m";

fn consume(tag: &str) -> basic::Consume<'_> {
    basic::Consume { queue: "q", consumer_tag: tag, ..Default::default() }
}

/// With the consumer `t` on channel 1, and so many deliveries `#1 …`.
fn consuming(deliveries: u64) -> Peer {
    let mut peer = Peer::open();
    peer.say(1, &consume("t"));
    peer.answer(1, Reply::Done);
    for sequence in 1..=deliveries {
        peer.deliver(0, sequence, &message("k", &NO_PROPERTIES, M));
    }
    peer.drain();
    peer
}

/// §13, 91 and 92.
#[test]
fn a_consumer_has_a_tag_of_its_own() {
    let mut peer = Peer::open();
    peer.say(1, &basic::Consume { no_ack: true, exclusive: true, ..consume("t") });
    assert_eq!(peer.asked(), "consume 1 q as 0 t no-ack exclusive prefetch 0");
    assert_eq!(peer.heard(), "");
    peer.answer(1, Reply::Done);
    assert_eq!(peer.heard(), "1 basic.ConsumeOk { consumer_tag: \"t\" }");

    peer.say(1, &consume(""));
    peer.answer(1, Reply::Done);
    let heard = peer.heard();
    let tag = heard.split('"').nth(1).unwrap();
    assert!(tag.starts_with("amq.ctag-") && tag.len() == 9 + 22, "{heard}");

    peer.open_channel(2);
    peer.say(2, &basic::Consume { no_wait: true, ..consume("t") });
    assert_eq!(peer.asked(), "consume 2 q as 2 t prefetch 0");
    peer.answer(2, Reply::Done);
    assert_eq!(peer.heard(), "");

    peer.say(1, &consume("t"));
    assert_eq!(
        peer.heard(),
        "0 connection.close 530 60.20 NOT_ALLOWED - attempt to reuse consumer tag 't'"
    );
}

#[test]
fn a_refused_consumer_closes_the_channel() {
    let mut peer = Peer::open();
    peer.say(1, &consume("t"));
    peer.drain();
    let queue = model::QueueName::parse("q").unwrap();
    let refusal = Refusal::InExclusiveUse(queue, model::VhostName::root());
    peer.refuse(1, Refused::Command, refusal);
    assert_eq!(
        peer.heard(),
        "1 close 403 60.20 ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use"
    );
}

/// §13, 85 and 86.
#[test]
fn deliveries_are_numbered_and_cut_into_frames() {
    let mut peer = consuming(0);
    for (sequence, bytes) in [(1, 0), (2, 4088), (3, 4089), (4, 10_000)] {
        peer.deliver(0, sequence, &message("k", &[0x10, 0, 2], &vec![b'x'; bytes]));
    }
    assert_eq!(
        peer.heard(),
        "1 deliver t #1 x/k; 1 header 0 [16, 0, 2]; \
         1 deliver t #2 x/k; 1 header 4088 [16, 0, 2]; 1 body 4088 bytes; \
         1 deliver t #3 x/k; 1 header 4089 [16, 0, 2]; 1 body 4088 bytes; 1 body x; \
         1 deliver t #4 x/k; 1 header 10000 [16, 0, 2]; 1 body 4088 bytes; 1 body 4088 bytes; \
         1 body 1824 bytes"
    );
}

#[test]
fn receivers_do_not_see_bcc() {
    let mut headers = FieldTable::new();
    headers.set("BCC", FieldValue::Array(vec![FieldValue::string("other")]));
    let secret = encode_properties(&Properties { headers: Some(headers), ..Default::default() });
    let sent = message("k", &secret, M);
    let mut parts = model::MessageParts {
        exchange: sent.exchange().clone(),
        content: [b"k", secret.as_slice(), M].concat(),
        key_bytes: 1,
        property_bytes: secret.len() as u32,
        codec: sent.codec(),
        marks: sent.marks(),
    };
    parts.marks.has_sender_selected = true;
    let mut peer = consuming(0);
    peer.deliver(0, 1, &std::sync::Arc::new(model::Message::new(parts)));
    assert_eq!(peer.heard(), "1 deliver t #1 x/k; 1 header 1 [0, 0]; 1 body m");
}

/// §13, 93.
#[test]
fn a_cancelled_consumer_leaves_its_deliveries_to_the_channel() {
    let mut peer = consuming(2);
    peer.say(1, &basic::Cancel { consumer_tag: "t", no_wait: false });
    assert_eq!(peer.asked(), "Cancel(Channel(1), ConsumerId(0))");
    peer.answer(1, Reply::Done);
    peer.say(1, &basic::Cancel { consumer_tag: "unknown", no_wait: false });
    peer.deliver(0, 3, &message("k", &NO_PROPERTIES, M));
    assert_eq!(
        peer.heard(),
        "1 basic.CancelOk { consumer_tag: \"t\" }; 1 basic.CancelOk { consumer_tag: \"unknown\" }"
    );
    peer.say(1, &basic::Ack { delivery_tag: 2, multiple: true });
    assert_eq!(peer.asked(), "accept 1 [1 2]");
}

/// §13, 70.
#[test]
fn a_lost_queue_is_told_to_who_can_hear_it() {
    let mut capabilities = FieldTable::new();
    capabilities.set("consumer_cancel_notify", FieldValue::Bool(true));
    let mut properties = FieldTable::new();
    properties.set("capabilities", FieldValue::Table(capabilities));
    let mut entries = Vec::new();
    wire::amqp::field::encode_entries(&properties, &mut entries);
    for (properties, told) in
        [(entries, "1 basic.Cancel { consumer_tag: \"t\", no_wait: true }"), (Vec::new(), "")]
    {
        let mut peer = Peer::connected(Settings::default(), &properties, 0);
        peer.open_channel(1);
        peer.say(1, &consume("t"));
        peer.answer(1, Reply::Done);
        peer.drain();
        peer.hear(Event::Cancelled(ConsumerId(0)));
        assert_eq!(peer.heard(), told);
        // The tag and the number are free.
        peer.say(1, &consume("t"));
        assert_eq!(peer.asked(), "consume 1 q as 0 t prefetch 0");
    }
}

/// §13, 94 and 102.
#[test]
fn a_prefetch_is_for_consumers_to_come_unless_global() {
    let mut peer = consuming(0);
    let qos = basic::Qos { prefetch_size: 0, prefetch_count: 5, global: false };
    peer.say(1, &qos);
    assert_eq!((peer.heard().as_str(), peer.asked().as_str()), ("1 basic.QosOk", "describe"));
    peer.say(1, &consume("u"));
    assert_eq!(peer.asked(), "consume 1 q as 1 u prefetch 5");
    peer.answer(1, Reply::Done);
    peer.say(1, &basic::Qos { prefetch_count: 9, global: true, ..qos });
    assert_eq!(
        peer.asked(),
        "Prefetch(Channel(1), ConsumerId(0), 9); Prefetch(Channel(1), ConsumerId(1), 9); describe"
    );
    let mut peer = Peer::open();
    peer.say(1, &basic::Qos { prefetch_size: 7, ..qos });
    assert_eq!(peer.heard(), "0 connection.close 540 60.10 NOT_IMPLEMENTED - prefetch_size!=0 (7)");
}

/// §13, 96 and 97.
#[test]
fn deliveries_are_settled_once() {
    let mut peer = consuming(6);
    peer.say(1, &basic::Ack { delivery_tag: 1, multiple: false });
    peer.say(1, &basic::Ack { delivery_tag: 2, multiple: false });
    peer.say(1, &basic::Nack { delivery_tag: 4, multiple: true, requeue: true });
    peer.say(1, &basic::Reject { delivery_tag: 6, requeue: false });
    peer.say(1, &basic::Reject { delivery_tag: 5, requeue: false });
    // Nothing is left, so all of it is no error.
    peer.say(1, &basic::Ack { delivery_tag: 0, multiple: true });
    assert_eq!(peer.asked(), "accept 1 [1 2]; requeue 1 [3 4]; reject 1 [6]; reject 1 [5]");
    peer.say(1, &basic::Ack { delivery_tag: 1, multiple: false });
    assert_eq!(peer.heard(), "1 close 406 60.80 PRECONDITION_FAILED - unknown delivery tag 1");
    for (tag, multiple) in [(0, false), (99, true), (99, false)] {
        let mut peer = consuming(1);
        peer.say(1, &basic::Nack { delivery_tag: tag, multiple, requeue: true });
        assert_eq!(
            peer.heard(),
            format!("1 close 406 60.120 PRECONDITION_FAILED - unknown delivery tag {tag}")
        );
        assert_eq!(peer.asked(), "close 1 [1]");
    }
}

/// §13, 98.
#[test]
fn a_closed_channel_gives_back_what_is_unsettled() {
    let mut peer = consuming(3);
    peer.say(1, &basic::Ack { delivery_tag: 2, multiple: false });
    peer.say(1, &channel::Close::default());
    assert_eq!(peer.asked(), "accept 1 [2]; close 1 [1 3]");
    // One that was under way goes back as well.
    peer.deliver(0, 4, &message("k", &NO_PROPERTIES, M));
    assert_eq!(peer.asked(), "close 1 [4]");
    assert_eq!(peer.heard(), "");
    peer.answer(1, Reply::Done);
    peer.answer(1, Reply::Done);
    assert_eq!(peer.heard(), "1 channel.CloseOk");
    peer.open_channel(1);
}

/// §13, 99.
#[test]
fn a_recover_gives_back_everything() {
    let mut peer = consuming(2);
    peer.say(1, &basic::Recover { requeue: true });
    assert_eq!(peer.asked(), "requeue 1 [1 2]");
    peer.say(1, &basic::RecoverAsync { requeue: true });
    assert_eq!((peer.heard().as_str(), peer.asked().as_str()), ("1 basic.RecoverOk", ""));
    peer.say(1, &basic::Recover { requeue: false });
    assert_eq!(peer.heard(), "0 connection.close 540 60.110 NOT_IMPLEMENTED - requeue=false");
}

/// §13, 100.
#[test]
fn a_get_takes_one_message_or_says_that_there_is_none() {
    let mut peer = Peer::open();
    let got = |sequence| {
        Reply::Got(Some(Box::new(Got {
            id: id(sequence),
            is_redelivered: true,
            messages: 4,
            message: message("k", &NO_PROPERTIES, M),
        })))
    };
    peer.say(1, &basic::Get { queue: "q", no_ack: false });
    peer.answer(1, got(7));
    peer.say(1, &basic::Get { queue: "q", no_ack: true });
    peer.answer(1, got(8));
    peer.say(1, &basic::Get { queue: "q", no_ack: false });
    peer.answer(1, Reply::Got(None));
    assert_eq!(
        peer.heard(),
        "1 get-ok #1* x/k 4 left; 1 header 1 [0, 0]; 1 body m; \
         1 get-ok #2* x/k 4 left; 1 header 1 [0, 0]; 1 body m; \
         1 basic.GetEmpty { cluster_id: [] }"
    );
    peer.asked();
    peer.say(1, &basic::Ack { delivery_tag: 1, multiple: false });
    assert_eq!(peer.asked(), "accept 1 [7]");
    peer.say(1, &basic::Ack { delivery_tag: 2, multiple: false });
    assert_eq!(peer.heard(), "1 close 406 60.80 PRECONDITION_FAILED - unknown delivery tag 2");
}

#[test]
fn what_needs_no_acknowledgement_is_reported_when_written() {
    let mut peer = Peer::open();
    peer.say(1, &basic::Consume { no_ack: true, ..consume("t") });
    peer.answer(1, Reply::Done);
    peer.drain();
    for sequence in 1..=3 {
        peer.deliver(0, sequence, &message("k", &NO_PROPERTIES, M));
    }
    assert_eq!(peer.asked(), "Written(ConsumerId(0), 3)");
    assert_eq!(peer.asked(), "");
}

/// §13, 115. The message itself, which others share, stays as it is; so does a body too large to
/// be copied.
#[test]
fn a_message_of_a_stream_tells_its_offset() {
    let mut peer = consuming(0);
    let mut headers = FieldTable::new();
    headers.set("a", FieldValue::I32(1));
    headers.set("x-stream-offset", FieldValue::string("of another stream"));
    let properties = Properties { headers: Some(headers), ..Properties::default() };
    for (offset, properties, body) in [
        (0_i64, NO_PROPERTIES.to_vec(), M.to_vec()),
        (1 << 40, encode_properties(&properties), M.to_vec()),
        (2, NO_PROPERTIES.to_vec(), vec![b'x'; 200_000]),
    ] {
        let message = message("k", &properties, &body);
        peer.deliver_from_stream(offset.cast_unsigned(), &message);
        let heard = peer.heard();
        let mut told = message.properties().unwrap();
        let headers = told.headers.get_or_insert_default();
        headers.set("x-stream-offset", FieldValue::I64(offset));
        let told = format!("header {} {:?}", body.len(), encode_properties(&told));
        assert!(heard.contains(&told), "{heard}");
    }
}
