//! MESSAGE frames.

use model::{FieldTable, FieldValue, Properties, ShortString};

use super::talk::{Talk, message, plain};

fn short(text: &str) -> Option<ShortString> {
    Some(ShortString::truncated(text))
}

#[test]
fn a_message_says_whom_it_is_for_and_how_to_acknowledge_it() {
    // Spec §11: 16, 90, 91.
    let mut talk = Talk::connected("1.2");
    talk.say("SUBSCRIBE id:1 destination:/queue/a ack:client");
    talk.say("SUBSCRIBE destination:/queue/b");
    assert_eq!(
        talk.deliver(0, plain("a", "hi")),
        "MESSAGE subscription:1 message-id:T_1@@~@@1 redelivered:false ack:T_1@@~@@1 \
         destination:/queue/a content-length:2|hi"
    );
    assert_eq!(
        talk.deliver(1, plain("b", "")),
        "written 1x1; MESSAGE message-id:Q_/queue/b@@~@@2 redelivered:false destination:/queue/b"
    );
    for version in ["1.0", "1.1"] {
        let mut talk = Talk::connected(version);
        talk.say("SUBSCRIBE id:1 destination:/queue/a ack:client");
        assert_eq!(
            talk.deliver(0, plain("a", "hi")),
            "MESSAGE subscription:1 message-id:T_1@@~@@1 redelivered:false \
             destination:/queue/a content-length:2|hi"
        );
    }
}

#[test]
fn properties_come_behind_the_headers_in_rabbitmqs_order() {
    // Spec §11: 72 to 74, 80, 87.
    let mut headers = FieldTable::new();
    headers.set("text", FieldValue::string("a:b"));
    headers.set("small", FieldValue::I32(-1));
    headers.set("large", FieldValue::I64(1 << 40));
    headers.set("truth", FieldValue::Bool(true));
    headers.set("octet", FieldValue::U8(1));
    headers.set("time", FieldValue::Timestamp(1));
    headers.set("table", FieldValue::Table(FieldTable::new()));
    headers.set("array", FieldValue::Array(Vec::new()));
    headers.set("content-length", FieldValue::string("99"));
    let properties = Properties {
        content_type: short("text/plain"),
        content_encoding: short("utf-8"),
        headers: Some(headers),
        delivery_mode: Some(2),
        priority: Some(3),
        correlation_id: short("c"),
        reply_to: short("r"),
        expiration: short("100"),
        message_id: short("m"),
        timestamp: Some(7),
        message_type: short("t"),
        user_id: short("u"),
        app_id: short("app"),
        cluster_id: short("never shown"),
    };
    let mut talk = Talk::connected("1.1");
    talk.say("SUBSCRIBE id:1 destination:/topic/k");
    assert_eq!(
        talk.deliver(0, message("amq.topic", "k", &properties, "x")),
        "MESSAGE subscription:1 message-id:T_1@@~@@1 redelivered:false destination:/topic/k \
         text:a:b small:-1 large:1099511627776 app-id:app user-id:u type:t timestamp:7 \
         amqp-message-id:m expiration:100 reply-to:/reply-queue/r correlation-id:c priority:3 \
         persistent:true content-encoding:utf-8 content-type:text/plain content-length:1|x"
    );
    let transient = Properties { delivery_mode: Some(1), ..Properties::default() };
    let said = talk.deliver(0, message("amq.topic", "k", &transient, ""));
    assert!(said.ends_with(" persistent:1"), "{said}");
}

#[test]
fn a_reply_to_that_is_a_destination_stays_as_it_is() {
    // Spec §11: 87.
    for (reply_to, shown) in [
        ("something", "/reply-queue/something"),
        ("/queue/reply", "/queue/reply"),
        ("/topic/x", "/topic/x"),
        ("/exchange/x/k", "/exchange/x/k"),
        ("/amq/queue/q", "/amq/queue/q"),
        ("/reply-queue/q", "/reply-queue/q"),
        ("/temp-queue/q", "/reply-queue//temp-queue/q"),
    ] {
        let properties = Properties { reply_to: short(reply_to), ..Properties::default() };
        let mut talk = Talk::connected("1.2");
        talk.say("SUBSCRIBE id:1 destination:/topic/k");
        let said = talk.deliver(0, message("amq.topic", "k", &properties, ""));
        assert!(said.ends_with(&format!("reply-to:{shown}")), "{said}");
    }
}

#[test]
fn every_subscriber_gets_the_same_tail() {
    let shared = std::sync::Arc::new(plain("a", "shared"));
    let mut tails = Vec::new();
    for id in ["1", "another:id"] {
        let mut talk = Talk::connected("1.2");
        talk.say(&format!("SUBSCRIBE id:{id} destination:/queue/a"));
        let said = talk.hear(engine::Event::Delivered(engine::Delivery {
            consumer: model::ConsumerId(0),
            id: model::DeliveryId { source: model::SourceId(0), sequence: 1 },
            is_redelivered: true,
            has_offset: false,
            message: shared.clone(),
        }));
        let head = format!(
            "written 0x1; MESSAGE subscription:{id} message-id:T_{id}@@~@@1 redelivered:true "
        );
        assert!(said.starts_with(&head), "{said}");
        tails.push(shared.tails().stomp.get().unwrap().bytes.as_ptr());
    }
    assert_eq!(tails[0], tails[1]);
}

#[test]
fn a_topic_subscription_hears_its_messages_in_order_and_what_it_lost_before_them() {
    let mut talk = Talk::connected("1.2");
    talk.say("SUBSCRIBE id:1 destination:/topic/k");
    for (dropped, bodies, expected) in [
        (0, &["a"][..], &["1 redelivered:false destination:/topic/k"][..]),
        (
            3,
            &["b", "c"],
            &[
                "2 redelivered:false x-dropped:3 destination:/topic/k",
                "3 redelivered:false destination:/topic/k",
            ],
        ),
    ] {
        let said = talk.follow(0, dropped, bodies);
        let expected: Vec<String> = expected
            .iter()
            .zip(bodies)
            .map(|(head, body)| {
                format!("MESSAGE subscription:1 message-id:T_1@@~@@{head} content-length:1|{body}")
            })
            .collect();
        assert_eq!(said, expected.join("; "));
    }
}

/// Spec §5: behind the head, so that the rest is shared with whoever reads the same elsewhere.
#[test]
fn a_message_of_a_stream_tells_its_offset() {
    let mut talk = Talk::connected("1.2");
    talk.say("SUBSCRIBE id:1 destination:/queue/a ack:client prefetch-count:10");
    let said = talk.hear(engine::Event::Delivered(engine::Delivery {
        consumer: model::ConsumerId(0),
        id: model::DeliveryId { source: model::SourceId(0), sequence: 70 },
        is_redelivered: false,
        has_offset: true,
        message: plain("a", "hi").into(),
    }));
    assert_eq!(
        said,
        "MESSAGE subscription:1 message-id:T_1@@~@@1 redelivered:false ack:T_1@@~@@1 \
         x-stream-offset:70 destination:/queue/a content-length:2|hi"
    );
}
