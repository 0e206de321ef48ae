//! The codec against `amq-protocol`, and against itself.

use amq_protocol::frame::{AMQPFrame, WriteContext, gen_frame, parse_frame};
use model::{FieldTable, FieldValue, Properties, PropertyError, ShortString};
use proptest::prelude::*;

use crate::amqp::encoder::encode_header;
use crate::amqp::field::{
    DEPTH_MAX, FieldError, RawTable, decode_table, encode_entries, encode_table,
};
use crate::amqp::header::{decode_properties, encode_properties, property_facts};
use crate::amqp::method::access::{self, Access};
use crate::amqp::method::basic::{self, Basic};
use crate::amqp::method::channel::{self, Channel};
use crate::amqp::method::confirm::{self, Confirm};
use crate::amqp::method::connection::{self, Connection};
use crate::amqp::method::exchange::{self, Exchange};
use crate::amqp::method::queue::{self, Queue};
use crate::amqp::method::tx::{self, Tx};
use crate::amqp::method::{LongString, Method};
use crate::amqp::{Payload, decode};
use crate::writer::Writer;

/// Material for the arguments of any method.
///
/// What the oracle writes a constant for is that constant: tickets, `prefetch_size`.
#[derive(Clone, Debug)]
struct Material {
    a: String,
    b: String,
    c: String,
    long: Vec<u8>,
    number: u64,
    bits: [bool; 5],
    table: Vec<u8>,
}

fn connection_methods(m: &Material) -> Vec<Connection<'_>> {
    use connection::*;
    let (n16, n32) = (m.number as u16, m.number as u32);
    let table = RawTable::parse(&m.table).unwrap();
    let long = LongString(&m.long);
    vec![
        Connection::Start(Start {
            version_major: n16 as u8,
            version_minor: 9,
            server_properties: table,
            mechanisms: long,
            locales: LongString(b"en_US"),
        }),
        Connection::StartOk(StartOk {
            client_properties: table,
            mechanism: &m.a,
            response: long,
            locale: &m.b,
        }),
        Connection::Secure(Secure { challenge: long }),
        Connection::SecureOk(SecureOk { response: long }),
        Connection::Tune(Tune { channel_max: n16, frame_max: n32, heartbeat: 60 }),
        Connection::TuneOk(TuneOk { channel_max: n16, frame_max: n32, heartbeat: 60 }),
        Connection::Open(Open { virtual_host: &m.a, capabilities: b"", insist: false }),
        Connection::OpenOk(OpenOk { known_hosts: b"" }),
        Connection::Close(Close { reply_code: 541, reply_text: &m.a, class_id: n16, method_id: 2 }),
        Connection::CloseOk(CloseOk {}),
        Connection::Blocked(Blocked { reason: &m.a }),
        Connection::Unblocked(Unblocked {}),
        Connection::UpdateSecret(UpdateSecret { new_secret: long, reason: &m.b }),
        Connection::UpdateSecretOk(UpdateSecretOk {}),
    ]
}

fn topology_methods(m: &Material) -> Vec<Method<'_>> {
    let [b0, b1, b2, b3, b4] = m.bits;
    let (a, b, c) = (m.a.as_str(), m.b.as_str(), m.c.as_str());
    let (n32, arguments) = (m.number as u32, RawTable::parse(&m.table).unwrap());
    let exchanges = vec![
        Exchange::Declare(exchange::Declare {
            exchange: a,
            kind: b,
            passive: b0,
            durable: b1,
            auto_delete: b2,
            internal: b3,
            no_wait: b4,
            arguments,
        }),
        Exchange::DeclareOk(exchange::DeclareOk {}),
        Exchange::Delete(exchange::Delete { exchange: a, if_unused: b0, no_wait: b1 }),
        Exchange::DeleteOk(exchange::DeleteOk {}),
        Exchange::Bind(exchange::Bind {
            destination: a,
            source: b,
            routing_key: c,
            no_wait: b0,
            arguments,
        }),
        Exchange::BindOk(exchange::BindOk {}),
        Exchange::Unbind(exchange::Unbind {
            destination: a,
            source: b,
            routing_key: c,
            no_wait: b0,
            arguments,
        }),
        Exchange::UnbindOk(exchange::UnbindOk {}),
    ];
    let queues = vec![
        Queue::Declare(queue::Declare {
            queue: a,
            passive: b0,
            durable: b1,
            exclusive: b2,
            auto_delete: b3,
            no_wait: b4,
            arguments,
        }),
        Queue::DeclareOk(queue::DeclareOk { queue: a, message_count: n32, consumer_count: 2 }),
        Queue::Bind(queue::Bind { queue: a, exchange: b, routing_key: c, no_wait: b0, arguments }),
        Queue::BindOk(queue::BindOk {}),
        Queue::Purge(queue::Purge { queue: a, no_wait: b0 }),
        Queue::PurgeOk(queue::PurgeOk { message_count: n32 }),
        Queue::Delete(queue::Delete { queue: a, if_unused: b0, if_empty: b1, no_wait: b2 }),
        Queue::DeleteOk(queue::DeleteOk { message_count: n32 }),
        Queue::Unbind(queue::Unbind { queue: a, exchange: b, routing_key: c, arguments }),
        Queue::UnbindOk(queue::UnbindOk {}),
    ];
    let exchanges = exchanges.into_iter().map(Method::Exchange);
    exchanges.chain(queues.into_iter().map(Method::Queue)).collect()
}

fn basic_methods(m: &Material) -> Vec<Basic<'_>> {
    use basic::*;
    let [b0, b1, b2, b3, _] = m.bits;
    let (a, b) = (m.a.as_str(), m.b.as_str());
    let (n16, n32, delivery_tag) = (m.number as u16, m.number as u32, m.number);
    let (exchange, routing_key) = (b.as_bytes(), m.c.as_bytes());
    vec![
        Basic::Qos(Qos { prefetch_size: 0, prefetch_count: n16, global: b0 }),
        Basic::QosOk(QosOk {}),
        Basic::Consume(Consume {
            queue: a,
            consumer_tag: b,
            no_local: b0,
            no_ack: b1,
            exclusive: b2,
            no_wait: b3,
            arguments: RawTable::parse(&m.table).unwrap(),
        }),
        Basic::ConsumeOk(ConsumeOk { consumer_tag: a }),
        Basic::Cancel(Cancel { consumer_tag: a, no_wait: b0 }),
        Basic::CancelOk(CancelOk { consumer_tag: a }),
        Basic::Publish(Publish { exchange, routing_key, mandatory: b0, immediate: b1 }),
        Basic::Return(Return { reply_code: n16, reply_text: a.as_bytes(), exchange, routing_key }),
        Basic::Deliver(Deliver {
            consumer_tag: a.as_bytes(),
            delivery_tag,
            redelivered: b0,
            exchange,
            routing_key,
        }),
        Basic::Get(Get { queue: a, no_ack: b0 }),
        Basic::GetOk(GetOk {
            delivery_tag,
            redelivered: b0,
            exchange,
            routing_key,
            message_count: n32,
        }),
        Basic::GetEmpty(GetEmpty { cluster_id: b"" }),
        Basic::Ack(Ack { delivery_tag, multiple: b0 }),
        Basic::Reject(Reject { delivery_tag, requeue: b0 }),
        Basic::RecoverAsync(RecoverAsync { requeue: b0 }),
        Basic::Recover(Recover { requeue: b0 }),
        Basic::RecoverOk(RecoverOk {}),
        Basic::Nack(Nack { delivery_tag, multiple: b0, requeue: b1 }),
    ]
}

fn small_methods(m: &Material) -> Vec<Method<'_>> {
    let [b0, b1, b2, b3, b4] = m.bits;
    let n16 = m.number as u16;
    let channels = vec![
        Channel::Open(channel::Open { out_of_band: b"" }),
        Channel::OpenOk(channel::OpenOk { channel_id: LongString(b"") }),
        Channel::Flow(channel::Flow { active: b0 }),
        Channel::FlowOk(channel::FlowOk { active: b0 }),
        Channel::Close(channel::Close {
            reply_code: 404,
            reply_text: &m.a,
            class_id: n16,
            method_id: 1,
        }),
        Channel::CloseOk(channel::CloseOk {}),
    ];
    let others = vec![
        Method::Access(Access::Request(access::Request {
            realm: &m.a,
            exclusive: b0,
            passive: b1,
            active: b2,
            write: b3,
            read: b4,
        })),
        Method::Access(Access::RequestOk(access::RequestOk { ticket: 1 })),
        Method::Confirm(Confirm::Select(confirm::Select { no_wait: b0 })),
        Method::Confirm(Confirm::SelectOk(confirm::SelectOk {})),
        Method::Tx(Tx::Select(tx::Select {})),
        Method::Tx(Tx::SelectOk(tx::SelectOk {})),
        Method::Tx(Tx::Commit(tx::Commit {})),
        Method::Tx(Tx::CommitOk(tx::CommitOk {})),
        Method::Tx(Tx::Rollback(tx::Rollback {})),
        Method::Tx(Tx::RollbackOk(tx::RollbackOk {})),
    ];
    channels.into_iter().map(Method::Channel).chain(others).collect()
}

fn all_methods(m: &Material) -> Vec<Method<'_>> {
    let mut methods = topology_methods(m);
    methods.extend(connection_methods(m).into_iter().map(Method::Connection));
    methods.extend(basic_methods(m).into_iter().map(Method::Basic));
    methods.extend(small_methods(m));
    methods
}

fn method_frame(channel: u16, method: &Method<'_>) -> Vec<u8> {
    let mut frame = vec![1];
    frame.put_u16(channel);
    frame.put_measured(|out| method.write(out));
    frame.put_u8(0xCE);
    frame
}

/// What `amq-protocol` reads in `frame`, and writes for it.
fn oracle(frame: &[u8]) -> (AMQPFrame, Vec<u8>) {
    let (rest, parsed) = parse_frame(frame).expect("the oracle reads it");
    assert!(rest.is_empty());
    let written = gen_frame(&parsed)(WriteContext::from(Vec::new())).expect("the oracle writes it");
    (parsed, written.write)
}

fn text() -> impl Strategy<Value = String> {
    "[a-zé.*#]{0,12}"
}

fn short_string() -> impl Strategy<Value = ShortString> {
    text().prop_map(|text| ShortString::truncated(&text))
}

/// Values of every kind. Floating point numbers are finite, so that the oracle finds them equal.
fn field_value() -> impl Strategy<Value = FieldValue> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(FieldValue::Bool),
        any::<i8>().prop_map(FieldValue::I8),
        any::<u8>().prop_map(FieldValue::U8),
        any::<i16>().prop_map(FieldValue::I16),
        any::<u16>().prop_map(FieldValue::U16),
        any::<i32>().prop_map(FieldValue::I32),
        any::<u32>().prop_map(FieldValue::U32),
        any::<i64>().prop_map(FieldValue::I64),
        any::<f32>().prop_map(FieldValue::F32),
        any::<f64>().prop_map(FieldValue::F64),
        any::<(u8, u32)>().prop_map(|(scale, value)| FieldValue::Decimal { scale, value }),
        any::<Vec<u8>>().prop_map(FieldValue::string),
        any::<Vec<u8>>().prop_map(|bytes| FieldValue::Binary(bytes.into())),
        any::<u64>().prop_map(FieldValue::Timestamp),
        Just(FieldValue::Void),
    ];
    leaf.prop_recursive(4, 32, 5, |value| {
        let array = prop::collection::vec(value.clone(), 0..5).prop_map(FieldValue::Array);
        prop_oneof![array, table_of(value).prop_map(FieldValue::Table)]
    })
}

fn table_of(value: impl Strategy<Value = FieldValue>) -> impl Strategy<Value = FieldTable> {
    // Sorted and without duplicates, as the oracle keeps them.
    prop::collection::vec((short_string(), value), 0..5).prop_map(|entries| {
        let mut table: FieldTable = entries.into_iter().collect();
        table.sort();
        table
    })
}

fn field_table() -> impl Strategy<Value = FieldTable> {
    table_of(field_value())
}

fn properties() -> impl Strategy<Value = Properties> {
    let short = || prop::option::of(short_string());
    let first = (short(), short(), prop::option::of(field_table()), short(), short(), short());
    let second = (short(), short(), short(), short(), short());
    let numbers = any::<(Option<u8>, Option<u8>, Option<u64>)>();
    (first, second, numbers).prop_map(|(first, second, numbers)| Properties {
        content_type: first.0,
        content_encoding: first.1,
        headers: first.2,
        correlation_id: first.3,
        reply_to: first.4,
        expiration: first.5,
        message_id: second.0,
        message_type: second.1,
        user_id: second.2,
        app_id: second.3,
        cluster_id: second.4,
        delivery_mode: numbers.0,
        priority: numbers.1,
        timestamp: numbers.2,
    })
}

fn material() -> impl Strategy<Value = Material> {
    let texts = (text(), text(), text());
    let rest = (any::<Vec<u8>>(), any::<u64>(), any::<[bool; 5]>(), field_table());
    (texts, rest).prop_map(|((a, b, c), (long, number, bits, table))| {
        let mut entries = Vec::new();
        encode_entries(&table, &mut entries);
        Material { a, b, c, long, number, bits, table: entries }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_method_is_the_oracles(material in material(), channel in 1_u16..) {
        for method in all_methods(&material) {
            let frame = method_frame(channel, &method);
            let (_, written) = oracle(&frame);
            prop_assert_eq!(&written, &frame, "{:?}", method);
            let (decoded, bytes) = decode(&frame, 0).unwrap().unwrap();
            prop_assert_eq!(decoded.payload, Payload::Method(method));
            prop_assert_eq!((decoded.channel, bytes), (channel, frame.len()));
        }
    }

    #[test]
    fn every_property_list_is_the_oracles(properties in properties(), body_bytes in any::<u64>()) {
        let encoded = encode_properties(&properties);
        let mut frame = Vec::new();
        encode_header(&mut frame, 1, &encoded, body_bytes);
        let (_, written) = oracle(&frame);
        prop_assert_eq!(&written, &frame);
        let facts = property_facts(&encoded).unwrap();
        prop_assert_eq!(facts.is_persistent, properties.delivery_mode == Some(2));
        prop_assert_eq!(facts.priority, properties.priority);
        for (fact, property) in [
            (facts.expiration, &properties.expiration),
            (facts.user_id, &properties.user_id),
            (facts.reply_to, &properties.reply_to),
        ] {
            prop_assert_eq!(fact, property.as_ref().map(ShortString::as_bytes));
        }
        prop_assert_eq!(facts.headers.is_some(), properties.headers.is_some());
        prop_assert_eq!(decode_properties(&encoded), Ok(properties));
    }

    #[test]
    fn walking_and_decoding_a_table_agree(bytes in any::<Vec<u8>>(), table in field_table()) {
        prop_assert_eq!(RawTable::parse(&bytes).map(|_| ()), decode_table(&bytes).map(|_| ()));
        prop_assert_eq!(property_facts(&bytes).map(|_| ()), decode_properties(&bytes).map(|_| ()));
        let mut entries = Vec::new();
        encode_entries(&table, &mut entries);
        prop_assert_eq!(RawTable::parse(&entries).unwrap().decode(), table);
    }
}

/// The round trip through the oracle would not notice two neighbours swapped; names do.
#[test]
fn arguments_stand_in_the_standards_order() {
    let material = Material {
        a: "first".to_owned(),
        b: "second".to_owned(),
        c: "third".to_owned(),
        long: Vec::new(),
        number: 7,
        bits: [true, false, true, false, false],
        table: Vec::new(),
    };
    let shown: Vec<String> = all_methods(&material)
        .iter()
        .map(|method| format!("{:?}", oracle(&method_frame(1, method)).0))
        .collect();
    for expected in [
        "exchange: \"first\", kind: \"second\", passive: true, durable: false, \
         auto_delete: true, internal: false, nowait: false",
        "destination: \"first\", source: \"second\", routing_key: \"third\"",
        "queue: \"first\", exchange: \"second\", routing_key: \"third\"",
        "queue: \"first\", passive: true, durable: false, exclusive: true, auto_delete: false",
        "queue: \"first\", if_unused: true, if_empty: false, nowait: true",
        "queue: \"first\", consumer_tag: \"second\", no_local: true, no_ack: false, \
         exclusive: true, nowait: false",
        "exchange: \"second\", routing_key: \"third\", mandatory: true, immediate: false",
        "consumer_tag: \"first\", delivery_tag: 7, redelivered: true, exchange: \"second\", \
         routing_key: \"third\"",
    ] {
        let found = shown
            .iter()
            .any(|shown| shown.replace("ShortString(", "").replace(')', "").contains(expected));
        assert!(found, "{expected} not in {shown:#?}");
    }
}

#[test]
fn sender_selected_keys_are_noticed_at_the_top_only() {
    let with = |name: &str, value| {
        let mut headers = FieldTable::new();
        headers.set(name, value);
        Properties { headers: Some(headers), ..Properties::default() }
    };
    let nested = with("CC", FieldValue::Void).headers.unwrap();
    for (properties, expected) in [
        (with("CC", FieldValue::Array(Vec::new())), true),
        (with("BCC", FieldValue::string("x")), true),
        (with("cc", FieldValue::Void), false),
        (with("x", FieldValue::Table(nested)), false),
    ] {
        let encoded = encode_properties(&properties);
        assert_eq!(property_facts(&encoded).unwrap().has_sender_selected, expected);
    }
}

#[test]
fn a_property_list_ends_where_it_ends() {
    assert_eq!(property_facts(&[]), Err(PropertyError::Truncated));
    assert_eq!(property_facts(&[0, 3]), Ok(Default::default()));
    assert_eq!(property_facts(&[0, 0, 9]), Err(PropertyError::Trailing(1)));
    assert_eq!(property_facts(&[0x80, 0, 2, b'a']), Err(PropertyError::Truncated));
    let unknown = [0x20, 0, 0, 0, 0, 3, 1, b'k', b'U'];
    assert_eq!(property_facts(&unknown), Err(PropertyError::UnknownFieldType(b'U')));
}

#[test]
fn tables_nest_to_the_limit_and_not_one_beyond() {
    let nested = |levels: usize| {
        let mut table = FieldTable::new();
        for _ in 1..levels {
            let inner = FieldValue::Table(std::mem::take(&mut table));
            table.set("t", FieldValue::Array(vec![inner]));
        }
        let mut out = Vec::new();
        encode_table(&table, &mut out);
        out.split_off(4)
    };
    // Each step adds an array and a table.
    let deepest = nested(DEPTH_MAX / 2);
    assert!(RawTable::parse(&deepest).is_ok() && decode_table(&deepest).is_ok());
    let too_deep = nested(DEPTH_MAX / 2 + 1);
    assert_eq!(RawTable::parse(&too_deep), Err(FieldError::TooDeep));
    assert_eq!(decode_table(&too_deep), Err(FieldError::TooDeep));
}

/// §13, 89: `L` comes back as `l`.
#[test]
fn a_big_l_becomes_a_small_one() {
    let table = decode_table(b"\x01nL\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE").unwrap();
    assert_eq!(table.get("n"), Some(&FieldValue::I64(-2)));
    let mut entries = Vec::new();
    encode_entries(&table, &mut entries);
    assert_eq!(entries, b"\x01nl\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE");
}
