//! The management API over HTTP: shapes, true figures, who may see what, and how it says no.

mod changes;
mod identities;
mod objects;
mod overview;
mod policies;
mod requests;
mod rights;

use client::amqp::{Channel, Connection, Publish};
use client::stomp;
use model::{AckMode, FieldValue, Properties};
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::client_amqp::{binding, channel, publish, queue, topic};
use crate::client_stomp;
use crate::http::{Answer, Api};

/// Users of each kind. A pattern that matches no vhost leaves them without permissions.
const USERS: &str = "\
default_users.root.password = p
default_users.root.tags = administrator
default_users.mon.password = p
default_users.mon.tags = monitoring
default_users.mon.vhost_pattern = ^none$
default_users.man.password = p
default_users.man.tags = management
default_users.out.password = p
default_users.out.tags = management
default_users.out.vhost_pattern = ^none$
default_users.app.password = p
";

/// The object has these fields, each of this JSON type.
fn has(object: &Value, fields: &[(&str, &str)]) {
    for (name, kind) in fields {
        let found = match &object[name] {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_u64() => "integer",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        assert_eq!(found, *kind, "'{name}' of {object}");
    }
}

/// A refusal as JSON: its status, and both of its texts.
fn refuses(answer: &Answer, status: u16, error: &str, reason: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.json(), json!({"error": error, "reason": reason}));
}

/// Asks line by line, `PUT /users/ann {…}`, and compares each answer: its status, and behind it the
/// reason of a refusal or the whole of a short body.
fn hears(api: Api<'_>, lines: &[(&str, &str)]) {
    for (line, expected) in lines {
        let mut words = line.splitn(3, ' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let json = "Content-Type: application/json\r\n";
        let body = words.next().unwrap_or_default();
        let answer = api.ask(method, &format!("/api{path}"), json, body);
        let found = match answer.body.as_slice() {
            [] => answer.status.to_string(),
            _ => {
                let body = answer.json();
                let text = body.get("reason").map_or_else(|| body.to_string(), in_words);
                format!("{} {text}", answer.status)
            }
        };
        assert_eq!(found, *expected, "{line}");
    }
}

fn in_words(reason: &Value) -> String {
    // RabbitMQ 3.10 writes some of its texts for pages.
    let plain = |text: &str| text.replace("&lt;", "<").replace("&gt;", ">");
    reason.as_str().map_or_else(|| reason.to_string(), plain)
}

/// A back end with a queue of three messages, one of them unacknowledged, and a page.
struct Busy {
    connection: Connection,
    _channel: Channel,
    _page: stomp::Connection,
}

impl Busy {
    async fn on(broker: &Broker) -> Self {
        let (connection, channel) = channel(broker).await;
        channel.declare_exchange(&topic("news")).await.unwrap();
        let mut work = queue("work");
        work.arguments.set("x-max-length", FieldValue::I32(10));
        channel.declare_queue(&work).await.unwrap();
        channel.bind(&binding("news", "user.7", "work")).await.unwrap();
        channel.select_confirms().await.unwrap();
        for _ in 0..4 {
            publish(&channel, "news", "user.7", b"12345").await;
        }
        // Nobody's: one comes back, one is dropped.
        for is_mandatory in [true, false] {
            let properties = Properties::default();
            let (exchange, key, body) = ("news", "nobody", &b"x"[..]);
            let publish = Publish { exchange, key, properties: &properties, body, is_mandatory };
            channel.publish(publish).await.unwrap().confirmed().await.unwrap();
        }
        let first = channel.get("work", AckMode::Manual).await.unwrap().unwrap();
        channel.ack(first.tag).unwrap();
        channel.get("work", AckMode::Manual).await.unwrap().unwrap();
        channel.declare_queue(&queue("empty")).await.unwrap();
        assert!(channel.get("empty", AckMode::Automatic).await.unwrap().is_none());
        channel.delete_queue("empty").await.unwrap();

        let mut page = client_stomp::log_in(broker, "guest:guest").await.unwrap();
        page.subscribe("s", "/exchange/news/user.9").await.unwrap();
        page.send("/exchange/news/user.9", &[], b"for the page").await.unwrap();
        assert_eq!(client_stomp::next(&mut page).await.body, b"for the page");
        Self { connection, _channel: channel, _page: page }
    }
}
