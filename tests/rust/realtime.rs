//! The back-end crate against the broker: its pool, and the messages of `docs/scenarios.md`.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::{Duration, SystemTime};

use client::amqp::{Channel, Connection, Consumer, Delivery};
use flate2::read::ZlibDecoder;
use jiff::Timestamp;
use model::{AckMode, ShortString};
use realtime::{
    Alert, COMPRESS_ABOVE_BYTES, Cursor, Error, Id, Level, Notification, OnlineUser, Operation,
    Realtime, Settings, Severity,
};
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::client_amqp::{binding, block_on, channel, next, queue, topic};
use crate::http::Api;

/// No heart-beats: they would end connections when a test moves the clock.
const STILL: &str = "heartbeat = 0\n";

fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

fn settings(broker: &Broker) -> Settings {
    Settings::new(format!("amqp://guest:guest@{}", broker.amqp()))
}

/// Connections accepted since the start, of all kinds.
fn connections_made(broker: &Broker) -> u64 {
    let overview = Api::of(broker).get("/api/overview");
    overview["churn_rates"]["connection_created"].as_u64().unwrap()
}

/// Hears everything on an exchange.
struct Reader {
    _connection: Connection,
    _channel: Channel,
    deliveries: Consumer,
}

impl Reader {
    async fn of(broker: &Broker, exchange: &str) -> Self {
        let (connection, channel) = channel(broker).await;
        channel.declare_exchange(&topic(exchange)).await.unwrap();
        channel.declare_queue(&queue(exchange)).await.unwrap();
        channel.bind(&binding(exchange, "#", exchange)).await.unwrap();
        let deliveries = channel.consume(exchange, "reader", AckMode::Automatic).await.unwrap();
        Self { _connection: connection, _channel: channel, deliveries }
    }

    async fn next(&mut self) -> Delivery {
        next(&mut self.deliveries).await
    }

    /// The next message has this key, type and delivery mode, and besides `type`, `id` and `time`
    /// these fields.
    async fn expect(&mut self, key: &str, kind: &str, mode: u8, fields: Value) {
        let delivery = self.next().await;
        let exchange = delivery.exchange.clone();
        assert_eq!(String::from_utf8_lossy(&delivery.routing_key), key, "{exchange} {kind}");
        let mut body: Value = serde_json::from_slice(&delivery.body).unwrap();
        let text = |name: &str, body: &Value| body[name].as_str().unwrap().to_owned();
        let (id, time) = (text("id", &body), text("time", &body));
        let made: Timestamp = time.parse().unwrap();
        assert!(time.len() == 24 && time.ends_with('Z'), "milliseconds, UTC: {time}");
        let short = |text: &str| Some(ShortString::parse(text).unwrap());
        let properties = &delivery.properties;
        assert_eq!(properties.content_type, short("application/json"));
        assert_eq!(properties.content_encoding, None);
        assert_eq!(properties.delivery_mode, Some(mode), "{exchange} {kind}");
        assert_eq!(properties.message_id, short(&id));
        assert_eq!(properties.message_type, short(kind));
        assert_eq!(properties.timestamp, Some(u64::try_from(made.as_second()).unwrap()));
        assert_eq!(body["type"], kind);
        let rest = body.as_object_mut().unwrap();
        rest.retain(|name, _| !matches!(name.as_str(), "type" | "id" | "time"));
        assert_eq!(body, fields, "{exchange} {kind}");
    }
}

#[test]
fn notifications_are_as_the_scenarios_say() {
    let broker = Broker::start();
    block_on(async {
        let realtime = Realtime::connect(settings(&broker)).await.unwrap();
        let mut reader = Reader::of(&broker, "notifications").await;
        let levels = [
            (Level::Info, "info"),
            (Level::Success, "success"),
            (Level::Warning, "warning"),
            (Level::Error, "error"),
        ];
        for (level, kind) in levels {
            let plain = Notification::new(level, "Order", "Shipped");
            realtime.notifications().to_user(&id("7"), &plain).await.unwrap();
            reader.expect("user.7", kind, 2, json!({"title": "Order", "text": "Shipped"})).await;
            let linked = plain.with_link("/orders/1042");
            realtime.notifications().to_all(&linked).await.unwrap();
            let fields = json!({"title": "Order", "text": "Shipped", "link": "/orders/1042"});
            reader.expect("broadcast", kind, 2, fields).await;
        }
    });
}

#[test]
fn online_status_is_as_the_scenarios_say() {
    let broker = Broker::start();
    block_on(async {
        let realtime = Realtime::connect(settings(&broker)).await.unwrap();
        let mut reader = Reader::of(&broker, "presence").await;
        let presence = realtime.presence();
        presence.online(&id("7"), Some("Ada")).await.unwrap();
        reader.expect("user.7", "online", 2, json!({"user": "7", "name": "Ada"})).await;
        presence.online(&id("7"), None).await.unwrap();
        reader.expect("user.7", "online", 2, json!({"user": "7"})).await;
        presence.offline(&id("7")).await.unwrap();
        reader.expect("user.7", "offline", 2, json!({"user": "7"})).await;
        presence.activity(&id("7"), "viewing", Some("order-1")).await.unwrap();
        let fields = json!({"user": "7", "activity": "viewing", "subject": "order-1"});
        reader.expect("user.7", "activity", 1, fields).await;
        presence.activity(&id("7"), "idle", None).await.unwrap();
        reader.expect("user.7", "activity", 1, json!({"user": "7", "activity": "idle"})).await;
        let since = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_462_200_120);
        let users = [
            OnlineUser { user: id("7"), name: Some("Ada".to_owned()), since },
            OnlineUser { user: id("9"), name: None, since },
        ];
        presence.online_users(&users).await.unwrap();
        let since = "2026-11-23T19:30:00.120Z";
        let fields = json!({"users": [
            {"user": "7", "name": "Ada", "since": since},
            {"user": "9", "since": since},
        ]});
        reader.expect("broadcast", "online-users", 2, fields).await;
    });
}

#[test]
fn chat_is_as_the_scenarios_say() {
    let broker = Broker::start();
    block_on(async {
        let realtime = Realtime::connect(settings(&broker)).await.unwrap();
        let mut reader = Reader::of(&broker, "chat").await;
        let (chat, ann, bob, lobby) = (realtime.chat(), id("7"), id("9"), id("lobby"));
        chat.direct(&ann, &bob, "Hello").await.unwrap();
        let fields = json!({"from": "7", "to": "9", "text": "Hello"});
        reader.expect("user.9", "direct", 2, fields).await;
        chat.group(&ann, &lobby, "Hello, all").await.unwrap();
        let fields = json!({"from": "7", "room": "lobby", "text": "Hello, all"});
        reader.expect("room.lobby", "group", 2, fields).await;
        let typing = |active: bool| json!({"from": "7", "to": "9", "active": active});
        chat.began_typing_to(&ann, &bob).await.unwrap();
        reader.expect("user.9", "typing", 1, typing(true)).await;
        chat.stopped_typing_to(&ann, &bob).await.unwrap();
        reader.expect("user.9", "typing", 1, typing(false)).await;
        let typing = |active: bool| json!({"from": "7", "room": "lobby", "active": active});
        chat.began_typing_in(&ann, &lobby).await.unwrap();
        reader.expect("room.lobby", "typing", 1, typing(true)).await;
        chat.stopped_typing_in(&ann, &lobby).await.unwrap();
        reader.expect("room.lobby", "typing", 1, typing(false)).await;
    });
}

#[test]
fn dashboards_are_as_the_scenarios_say() {
    let broker = Broker::start();
    block_on(async {
        let realtime = Realtime::connect(settings(&broker)).await.unwrap();
        let mut reader = Reader::of(&broker, "dashboard").await;
        let (dashboard, shop) = (realtime.dashboard(), id("shop"));
        let values =
            BTreeMap::from([("cpu_percent".to_owned(), 63.5), ("orders".to_owned(), 41.0)]);
        dashboard.metrics(&shop, &values).await.unwrap();
        let fields = json!({"board": "shop", "values": {"cpu_percent": 63.5, "orders": 41.0}});
        reader.expect("metrics.shop", "metrics", 1, fields).await;
        let severities = [
            (Severity::Info, "info"),
            (Severity::Warning, "warning"),
            (Severity::Critical, "critical"),
        ];
        for (severity, name) in severities {
            let text = "CPU above 60 %".to_owned();
            let bare = Alert { severity, text, metric: None, value: None, threshold: None };
            dashboard.alert(&shop, &bare).await.unwrap();
            let fields = json!({"board": "shop", "severity": name, "text": "CPU above 60 %"});
            reader.expect("alerts.shop", "alert", 2, fields).await;
        }
        let alert = Alert {
            severity: Severity::Warning,
            text: "CPU above 60 %".to_owned(),
            metric: Some("cpu_percent".to_owned()),
            value: Some(63.5),
            threshold: Some(60.0),
        };
        dashboard.alert(&shop, &alert).await.unwrap();
        let fields = json!({
            "board": "shop", "severity": "warning", "text": "CPU above 60 %",
            "metric": "cpu_percent", "value": 63.5, "threshold": 60.0,
        });
        reader.expect("alerts.shop", "alert", 2, fields).await;
    });
}

#[test]
fn editing_is_as_the_scenarios_say() {
    let broker = Broker::start();
    block_on(async {
        let realtime = Realtime::connect(settings(&broker)).await.unwrap();
        let mut reader = Reader::of(&broker, "editing").await;
        let (editing, document, user) = (realtime.editing(), id("42"), id("7"));
        let insert = Operation::Insert { position: 120, text: "Hopwire ".to_owned() };
        editing.operation(&document, &user, 18, &insert).await.unwrap();
        let fields = json!({
            "document": "42", "user": "7", "revision": 18,
            "operation": {"kind": "insert", "position": 120, "text": "Hopwire "},
        });
        reader.expect("document.42", "operation", 2, fields).await;
        let delete = Operation::Delete { position: 120, length: 8 };
        editing.operation(&document, &user, 19, &delete).await.unwrap();
        let fields = json!({
            "document": "42", "user": "7", "revision": 19,
            "operation": {"kind": "delete", "position": 120, "length": 8},
        });
        reader.expect("document.42", "operation", 2, fields).await;
        for (anchor, fields) in [
            (None, json!({"document": "42", "user": "7", "position": 128})),
            (Some(120), json!({"document": "42", "user": "7", "position": 128, "anchor": 120})),
        ] {
            editing.cursor(&document, &user, Cursor { position: 128, anchor }).await.unwrap();
            reader.expect("document.42", "cursor", 1, fields).await;
        }
    });
}

#[test]
fn a_body_travels_as_it_is_up_to_the_limit_and_compressed_beyond_it() {
    let broker = Broker::start();
    block_on(async {
        let realtime = Realtime::connect(settings(&broker)).await.unwrap();
        let mut reader = Reader::of(&broker, "notifications").await;
        let notifications = realtime.notifications();
        let push = |text: String| {
            let notifications = &notifications;
            async move {
                let long = Notification::new(Level::Info, "t", text);
                notifications.to_all(&long).await.unwrap();
            }
        };
        push(String::new()).await;
        let bare_bytes = reader.next().await.body.len();

        let room = COMPRESS_ABOVE_BYTES - bare_bytes;
        push("x".repeat(room)).await;
        let at_limit = reader.next().await;
        assert_eq!(at_limit.body.len(), COMPRESS_ABOVE_BYTES);
        assert_eq!(at_limit.properties.content_encoding, None);

        push("x".repeat(room + 1)).await;
        let beyond = reader.next().await;
        let encoding = beyond.properties.content_encoding.unwrap();
        assert_eq!(encoding.to_str(), Some("deflate"));
        assert!(beyond.body.len() < COMPRESS_ABOVE_BYTES / 2);
        let mut text = String::new();
        ZlibDecoder::new(&*beyond.body).read_to_string(&mut text).unwrap();
        assert_eq!(text.len(), COMPRESS_ABOVE_BYTES + 1);
        let body: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(body["text"].as_str().unwrap().len(), room + 1);
    });
}

#[test]
fn a_pool_opens_no_more_connections_than_its_size_and_reuses_them() {
    let broker = Broker::start();
    block_on(async {
        let realtime = Realtime::connect(Settings { size: 2, ..settings(&broker) }).await.unwrap();
        let mut pushes = tokio::task::JoinSet::new();
        for user in 0..50 {
            let realtime = realtime.clone();
            pushes.spawn(async move {
                realtime.presence().online(&id(&user.to_string()), None).await.unwrap();
            });
        }
        pushes.join_all().await;
        assert_eq!(realtime.pool().idle(), 2, "both lie ready");
        let found = Api::of(&broker).get("/api/overview");
        assert_eq!(found["churn_rates"]["connection_created"], 2);
        assert_eq!(found["object_totals"]["connections"], 2);
        assert_eq!(found["message_stats"]["confirm"], 50, "each push is confirmed");
    });
}

#[test]
fn a_publisher_is_closed_when_it_lies_idle_and_replaced_when_it_is_old() {
    let broker = Broker::with(STILL);
    block_on(async {
        let realtime = Realtime::connect(settings(&broker)).await.unwrap();
        let push_after = async |seconds: u64| {
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(seconds)).await;
            tokio::time::resume();
            realtime.presence().offline(&id("7")).await.unwrap();
        };
        push_after(0).await;
        assert_eq!(connections_made(&broker), 1);
        push_after(50).await;
        assert_eq!(connections_made(&broker), 1, "idle for less than a minute");
        push_after(60).await;
        assert_eq!(connections_made(&broker), 2, "idle for a minute");
        for _ in 0..71 {
            push_after(50).await;
        }
        assert_eq!(connections_made(&broker), 2, "busy for less than an hour");
        push_after(50).await;
        assert_eq!(connections_made(&broker), 3, "busy for an hour");
        let api = Api::of(&broker);
        api.until("/api/connections", |list| list.as_array().unwrap().len() == 1);
    });
}

#[test]
fn a_connection_that_was_killed_is_replaced_and_the_message_arrives() {
    let broker = Broker::start();
    block_on(async {
        let realtime = Realtime::connect(Settings { size: 1, ..settings(&broker) }).await.unwrap();
        let api = Api::of(&broker);
        let publisher = api.names("/api/connections").remove(0);
        let mut reader = Reader::of(&broker, "presence").await;
        realtime.presence().offline(&id("1")).await.unwrap();
        reader.expect("user.1", "offline", 2, json!({"user": "1"})).await;

        assert_eq!(api.end_connection(&publisher, ""), 204);
        // At once: the pool may not have heard of it yet.
        realtime.presence().offline(&id("2")).await.unwrap();
        reader.expect("user.2", "offline", 2, json!({"user": "2"})).await;
        let names = api.names("/api/connections");
        assert!(names.len() == 2 && !names.contains(&publisher), "{names:?}");
    });
}

#[test]
fn a_broker_that_is_gone_is_an_error_and_one_that_is_back_is_used_again() {
    let mut broker = Broker::start();
    let address = broker.amqp();
    block_on(async {
        let realtime = Realtime::connect(settings(&broker)).await.unwrap();
        broker.terminate();
        assert!(broker.wait().success());
        let lost = realtime.presence().offline(&id("7")).await.unwrap_err();
        assert!(matches!(&lost, Error::Client(error) if error.is_connection()), "{lost}");
        let settings = format!("listeners.tcp.default = {address}\n");
        let again = Broker::with(&settings);
        assert_eq!(again.amqp(), address);
        realtime.presence().offline(&id("7")).await.unwrap();
    });
}

#[test]
fn a_login_that_fails_is_told_at_once() {
    let broker = Broker::start();
    block_on(async {
        let uri = format!("amqp://guest:wrong@{}", broker.amqp());
        let refused = Realtime::connect(Settings::new(uri)).await.unwrap_err().to_string();
        assert!(refused.contains("403 ACCESS_REFUSED"), "{refused}");
        assert!(!refused.contains("wrong"), "{refused}");
    });
}
