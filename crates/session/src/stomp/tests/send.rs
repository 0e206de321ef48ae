//! SEND: where it goes, what becomes of its headers, when its receipt comes.

use std::sync::Arc;
use std::time::Instant;

use engine::{Channel, Command, Event, Reply};
use model::Message;

use super::talk::{Talk, check, error, plain};
use crate::action::Actions;
use crate::session::Session;
use crate::stomp::{Carrier, Settings, StompSession};

/// The message that a frame becomes.
fn sent(lines: &str) -> Arc<Message> {
    let now = Instant::now();
    let mut session = StompSession::new(Arc::new(Settings::default()), Carrier::Tcp, now);
    let mut actions = Actions::default();
    let connect = b"CONNECT\naccept-version:1.2\n\n\0";
    session.receive(now, connect, &mut actions);
    for reply in [Reply::LoggedIn, Reply::Done] {
        session.hear(now, Event::Answered(Channel::CONNECTION, reply), &mut actions);
    }
    actions.commands.clear();
    session.receive(now, format!("SEND\n{lines}\n\nbody\0").as_bytes(), &mut actions);
    let mut published = actions.commands.drain(..).filter_map(|command| match command {
        Command::Publish(publish) => Some(publish.message),
        _ => None,
    });
    published.next().expect("a publish")
}

#[test]
fn a_destination_is_an_exchange_and_a_key() {
    // Spec §11: 42, 43, 46, 55, 56, 69, 71.
    check(&[
        ("SEND destination:/queue/a|1", "declare a D--; publish \"\" a|1"),
        ("SEND destination:a|2", "publish \"\" a|2"),
        ("SEND destination:/topic/a%2Fb|3", "publish \"amq.topic\" a/b|3"),
        ("SEND destination:/exchange/x/k|4", "publish \"x\" k|4"),
        ("SEND destination:/exchange/x|5", "publish \"x\" |5"),
        ("SEND destination:/amq/queue/q|6", "publish \"\" q|6"),
        ("SEND destination:/reply-queue/amq.gen-1|7", "publish \"\" amq.gen-1|7"),
        ("SEND destination:/queue/t persistent:false|8", "declare t -AX; publish \"\" t|8"),
    ]);
    let settings = Settings { default_topic_exchange: "own".into(), ..Settings::default() };
    let mut talk = Talk::with(settings, Carrier::Tcp);
    talk.say("CONNECT");
    assert_eq!(talk.say("SEND destination:/topic/k|x"), "publish \"own\" k|x");
    assert_eq!(talk.say("SEND destination:/exchange/amq.topic/k|x"), "publish \"own\" k|x");
}

#[test]
fn what_cannot_be_sent_is_refused() {
    // Spec §11: 53, 54, 75, 81, 82, 88.
    let processing = error("Processing error", "Processing error");
    let forbidden = error("Invalid header", "'message-id' is not allowed on 'SEND'.\n");
    let missing = "\"SEND\" must include a 'destination' header\n";
    let temp = "'/temp-queue/foo' is not a valid destination for 'SEND'\n";
    let expiration = "PRECONDITION_FAILED - invalid expiration 'soon': no_integer";
    let expiration = error("precondition_failed", expiration);
    check(&[
        ("SEND receipt:r|x", &error("Missing destination", missing)),
        ("SEND message-id:1 destination:/nowhere/at/all|x", &forbidden),
        ("SEND destination:/temp-queue/foo|x", &error("Invalid destination", temp)),
        ("SEND destination:/topic/k priority:high|x", &processing),
        ("SEND destination:/topic/k timestamp:now|x", &processing),
        ("SEND destination:/topic/k reply-to:/foo/bar|x", &processing),
        ("SEND destination:/queue/q durable:yes|x", &processing),
        ("SEND destination:/topic/k receipt:1|x", {
            "publish \"amq.topic\" k confirmed|x; RECEIPT receipt-id:1"
        }),
        ("SEND destination:/topic/k expiration:soon|x", &format!("{expiration}; closed")),
    ]);
}

#[test]
fn a_message_has_as_many_bytes_as_allowed_and_no_more() {
    let settings = Settings { message_bytes_max: 4, ..Settings::default() };
    let mut talk = Talk::with(settings, Carrier::Tcp);
    talk.say("CONNECT");
    assert_eq!(talk.say("SEND destination:/topic/k|1234"), "publish \"amq.topic\" k|1234");
    let detail = "PRECONDITION_FAILED - message size 5 is larger than configured max size 4";
    let said = talk.say("SEND destination:/topic/k|12345");
    assert_eq!(said, format!("{}; closed", error("precondition_failed", detail)));
}

#[test]
fn property_headers_become_properties_and_all_others_headers() {
    // Spec §11: 72, 73.
    let message = sent(
        "destination:/topic/k\ncontent-type:text/plain\ncontent-encoding:utf-8\npersistent:true\n\
         priority: 3 \ncorrelation-id:c\nreply-to:something\nexpiration:100\namqp-message-id:m\n\
         timestamp:7\ntype:t\nuser-id:u\napp-id:app\ncontent-length:4\nreceipt:r\nx-own:a\\cb",
    );
    let properties = message.properties().unwrap();
    let text = |value: &Option<model::ShortString>| value.as_ref().unwrap().to_string();
    assert_eq!(text(&properties.content_type), "text/plain");
    assert_eq!(text(&properties.content_encoding), "utf-8");
    assert_eq!(properties.delivery_mode, Some(2));
    assert_eq!(properties.priority, Some(3));
    assert_eq!(text(&properties.correlation_id), "c");
    assert_eq!(text(&properties.reply_to), "something");
    assert_eq!(text(&properties.expiration), "100");
    assert_eq!(text(&properties.message_id), "m");
    assert_eq!(properties.timestamp, Some(7));
    assert_eq!(text(&properties.message_type), "t");
    assert_eq!(text(&properties.user_id), "u");
    assert_eq!(text(&properties.app_id), "app");
    let headers = properties.headers.unwrap();
    let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(headers, ["content-length=4", "receipt=r", "x-own=a:b"]);
    let marks = message.marks();
    assert!(marks.is_persistent && marks.has_user_id && !marks.has_sender_selected);
    assert_eq!((marks.priority, marks.expiration_ms), (Some(3), Some(100)));
    assert_eq!((message.routing_key(), message.body()), (&b"k"[..], &b"body"[..]));
    let message = sent("destination:/topic/k\npersistent:false\nCC:a");
    assert!(message.marks().has_sender_selected && !message.marks().is_persistent);
    assert_eq!(message.properties().unwrap().delivery_mode, None);
}

#[test]
fn receipts_come_with_the_confirms_and_only_where_asked() {
    // Spec §11: 76, 77, 79.
    let mut talk = Talk::connected("1.2");
    talk.holds_back = true;
    for receipt in 1..=3 {
        talk.say(&format!("SEND destination:/topic/k receipt:{receipt}|x"));
        talk.say("SEND destination:/topic/k|unasked");
    }
    let confirm = |number| Event::Confirmed(Channel(1), number);
    assert_eq!(talk.hear(confirm(2)), "RECEIPT receipt-id:2");
    assert_eq!(talk.hear(confirm(1)), "RECEIPT receipt-id:1");
    assert_eq!(talk.hear(confirm(2)), "");
    assert_eq!(talk.hear(confirm(3)), "RECEIPT receipt-id:3");
}

#[test]
fn a_rejected_message_is_told() {
    let mut talk = Talk::connected("1.2");
    talk.holds_back = true;
    talk.say("SEND destination:/queue/full receipt:r|x");
    let said = talk.hear(Event::Rejected(Channel(1), 1));
    let detail = "The message of receipt 'r' was rejected by a queue.\n";
    assert_eq!(said, format!("{}; closed", error("Message rejected", detail)));
}

#[test]
fn a_peer_is_not_read_while_too_many_receipts_are_owed() {
    let mut talk = Talk::connected("1.2");
    talk.holds_back = true;
    let send = |talk: &mut Talk| talk.send(b"SEND\ndestination:/topic/k\nreceipt:r\n\n\0");
    for _ in 1..crate::stomp::receipt::UNCONFIRMED_MAX {
        send(&mut talk);
    }
    assert!(talk.is_reading());
    send(&mut talk);
    assert!(!talk.is_reading());
    talk.hear(Event::Confirmed(Channel(1), 1));
    assert!(talk.is_reading());
}

#[test]
fn a_temporary_queue_is_made_at_first_use() {
    // Spec §11: 86.
    let mut talk = Talk::connected("1.2");
    assert_eq!(
        talk.say("SEND destination:/queue/q reply-to:/temp-queue/foo|1"),
        "declare q D--; declare  -AX; \
         consume amq.gen-token as T_/temp-queue/foo Automatic; publish \"\" q|1"
    );
    let again = talk.say("SEND destination:/queue/q reply-to:/temp-queue/foo|2");
    assert_eq!(again, "publish \"\" q|2");
    assert_eq!(
        talk.deliver(0, plain("amq.gen-token", "reply")),
        "written 0x1; MESSAGE subscription:/temp-queue/foo message-id:T_/temp-queue/foo@@~@@1 \
         redelivered:false destination:/queue/amq.gen-token content-length:5|reply"
    );
}

#[test]
fn frames_wait_for_the_queue_they_need() {
    let mut talk = Talk::connected("1.2");
    talk.holds_back = true;
    assert_eq!(talk.say("SEND destination:/topic/k reply-to:/temp-queue/foo|1"), "declare  -AX");
    assert!(!talk.is_reading());
    assert_eq!(talk.say("SEND destination:/topic/k|2"), "");
    assert_eq!(
        talk.release(),
        "consume amq.gen-token as T_/temp-queue/foo Automatic; \
         publish \"amq.topic\" k|1; publish \"amq.topic\" k|2"
    );
}

#[test]
fn a_version_1_0_sender_has_its_values_trimmed() {
    // Spec §11: 19.
    let mut talk = Talk::connected("1.0");
    let said = talk.send(b"SEND\ndestination:  /topic/a \n\nx\0");
    assert_eq!(said, "publish \"amq.topic\" a |x");
    let said = Talk::connected("1.1").send(b"SEND\ndestination: /topic/a\n\nx\0");
    assert!(said.contains("Unknown destination"), "{said}");
}
