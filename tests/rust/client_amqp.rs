//! Hopwire's own AMQP client against the broker.

use client::amqp::{Channel, Connection, Consumer, Delivery, Publish};
use client::{Error, Uri};
use model::{
    AckMode, Binding, Destination, ExchangeName, ExchangeSpec, FieldTable, Properties, QueueName,
    QueueSpec, RoutingKey, ShortString,
};
use tokio::time::timeout;

use crate::broker::{Broker, WAIT_MAX};
use crate::http::{Api, GUEST};

/// Runs a test's conversation on one thread.
pub(crate) fn block_on<T>(conversation: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(conversation)
}

/// An open connection of a user, `user:password`.
pub(crate) async fn log_in(broker: &Broker, login: &str) -> Result<Connection, Error> {
    let uri = Uri::parse(&format!("amqp://{login}@{}", broker.amqp())).unwrap();
    timeout(WAIT_MAX, Connection::open(&uri)).await.expect("an answer to the login")
}

/// An open connection and channel of guest.
pub(crate) async fn channel(broker: &Broker) -> (Connection, Channel) {
    let connection = log_in(broker, GUEST).await.unwrap();
    let channel = connection.open_channel().await.unwrap();
    (connection, channel)
}

/// A durable queue of that name.
pub(crate) fn queue(name: &str) -> QueueSpec {
    QueueSpec {
        name: Some(QueueName::parse(name).unwrap()),
        is_durable: true,
        is_exclusive: false,
        is_auto_delete: false,
        arguments: FieldTable::new(),
    }
}

/// A durable topic exchange of that name.
pub(crate) fn topic(name: &str) -> ExchangeSpec {
    ExchangeSpec {
        name: ExchangeName::parse(name).unwrap(),
        kind: "topic".into(),
        is_durable: true,
        is_auto_delete: false,
        is_internal: false,
        arguments: FieldTable::new(),
    }
}

/// Leads from an exchange to a queue.
pub(crate) fn binding(exchange: &str, key: &str, queue: &str) -> Binding {
    Binding {
        source: ExchangeName::parse(exchange).unwrap(),
        destination: Destination::Queue(QueueName::parse(queue).unwrap()),
        key: RoutingKey::parse(key.as_bytes()).unwrap(),
        arguments: FieldTable::new(),
    }
}

/// Publishes and waits for the confirm.
pub(crate) async fn publish(channel: &Channel, exchange: &str, key: &str, body: &[u8]) {
    let properties = Properties { delivery_mode: Some(2), ..Properties::default() };
    let publish = Publish { exchange, key, properties: &properties, body, is_mandatory: false };
    channel.publish(publish).await.unwrap().confirmed().await.unwrap();
}

/// The next delivery.
pub(crate) async fn next(consumer: &mut Consumer) -> Delivery {
    timeout(WAIT_MAX, consumer.next()).await.expect("a delivery in time").expect("a delivery")
}

#[test]
fn the_own_client_declares_binds_publishes_and_consumes() {
    let broker = Broker::start();
    block_on(async {
        let (connection, channel) = channel(&broker).await;
        channel.declare_exchange(&topic("news")).await.unwrap();
        let declared = channel.declare_queue(&queue("work")).await.unwrap();
        assert_eq!((&*declared.queue, declared.messages, declared.consumers), ("work", 0, 0));
        channel.bind(&binding("news", "user.*", "work")).await.unwrap();
        channel.select_confirms().await.unwrap();

        let text = |text: &str| Some(ShortString::parse(text).unwrap());
        let mut headers = FieldTable::new();
        headers.set("n", model::FieldValue::I32(7));
        let properties = Properties {
            content_type: text("application/json"),
            headers: Some(headers),
            message_id: text("m-1"),
            timestamp: Some(1_795_462_200),
            user_id: text("7"),
            ..Properties::default()
        };
        let body = vec![0xA5; 300_000];
        let publish = Publish {
            exchange: "news",
            key: "user.7",
            properties: &properties,
            body: &body,
            is_mandatory: true,
        };
        channel.publish(publish).await.unwrap().confirmed().await.unwrap();

        channel.set_prefetch(1).await.unwrap();
        let mut consumer = channel.consume("work", "c", AckMode::Manual).await.unwrap();
        let delivery = next(&mut consumer).await;
        assert_eq!((&*delivery.exchange, &*delivery.routing_key), ("news", &b"user.7"[..]));
        assert_eq!((&*delivery.consumer, delivery.is_redelivered), ("c", false));
        assert_eq!(delivery.properties, properties);
        assert!(delivery.body == body, "a body of several frames comes back whole");
        channel.ack(delivery.tag).unwrap();
        // Asked behind the ack, so answered behind it.
        assert_eq!(channel.delete_queue("work").await.unwrap(), 0);
        assert!(timeout(WAIT_MAX, consumer.next()).await.expect("the cancel").is_none());
        connection.close().await.unwrap();
    });
}

#[test]
fn a_get_takes_one_message_and_what_is_not_acked_comes_again() {
    let broker = Broker::start();
    block_on(async {
        let (connection, first) = channel(&broker).await;
        first.declare_queue(&queue("work")).await.unwrap();
        first.select_confirms().await.unwrap();
        for body in [b"1", b"2", b"3"] {
            publish(&first, "", "work", body).await;
        }
        let one = first.get("work", AckMode::Manual).await.unwrap().unwrap();
        let two = first.get("work", AckMode::Manual).await.unwrap().unwrap();
        assert_eq!((&*one.body, &*two.body), (&b"1"[..], &b"2"[..]));
        first.ack_up_to(one.tag).unwrap();
        first.close().await.unwrap();

        let second = connection.open_channel().await.unwrap();
        let again = second.get("work", AckMode::Automatic).await.unwrap().unwrap();
        assert_eq!((&*again.body, again.is_redelivered), (&b"2"[..], true));
        let three = second.get("work", AckMode::Automatic).await.unwrap().unwrap();
        assert_eq!((&*three.body, three.is_redelivered), (&b"3"[..], false));
        assert!(second.get("work", AckMode::Automatic).await.unwrap().is_none());
    });
}

#[test]
fn a_refused_request_closes_its_channel_while_the_connection_stands() {
    let broker = Broker::start();
    block_on(async {
        let (connection, channel) = channel(&broker).await;
        let other = connection.open_channel().await.unwrap();
        let refused = channel.get("absent", AckMode::Manual).await.unwrap_err();
        let Error::Refused { code, text } = &refused else { panic!("{refused}") };
        assert_eq!((*code, &**text), (404, "NOT_FOUND - no queue 'absent' in vhost '/'"));
        let closed = channel.declare_queue(&queue("work")).await.unwrap_err();
        assert!(matches!(closed, Error::Refused { code: 404, .. }), "{closed}");
        assert!(!connection.is_closed());
        other.declare_queue(&queue("work")).await.unwrap();
        let mut otherwise = queue("work");
        otherwise.is_durable = false;
        let refused = other.declare_queue(&otherwise).await.unwrap_err().to_string();
        assert!(refused.contains("406") && refused.contains("inequivalent arg 'durable'"));
        connection.open_channel().await.unwrap().declare_queue(&queue("more")).await.unwrap();
    });
}

#[test]
fn an_unconfirmed_publish_hears_why_its_channel_closed() {
    let broker = Broker::start();
    block_on(async {
        let (_connection, channel) = channel(&broker).await;
        channel.select_confirms().await.unwrap();
        let properties = Properties::default();
        let publish = Publish {
            exchange: "absent",
            key: "k",
            properties: &properties,
            body: b"x",
            is_mandatory: false,
        };
        let refused = channel.publish(publish).await.unwrap().confirmed().await.unwrap_err();
        assert!(matches!(refused, Error::Refused { code: 404, .. }), "{refused}");
    });
}

#[test]
fn a_login_that_fails_says_why() {
    let broker = Broker::start();
    block_on(async {
        let wrong = log_in(&broker, "guest:wrong").await.unwrap_err();
        let Error::Closed { code, text } = &wrong else { panic!("{wrong}") };
        assert_eq!(*code, 403);
        assert!(text.starts_with("ACCESS_REFUSED - Login was refused"), "{text}");

        let elsewhere = Uri::parse(&format!("amqp://{}/absent", broker.amqp())).unwrap();
        let unknown = Connection::open(&elsewhere).await.unwrap_err();
        let Error::Closed { code, text } = &unknown else { panic!("{unknown}") };
        assert_eq!((*code, &**text), (530, "NOT_ALLOWED - vhost absent not found"));
    });
}

#[test]
fn a_connection_that_an_operator_ends_is_told_why() {
    let broker = Broker::start();
    block_on(async {
        let (connection, channel) = channel(&broker).await;
        channel.declare_queue(&queue("work")).await.unwrap();
        let mut consumer = channel.consume("work", "c", AckMode::Manual).await.unwrap();
        let api = Api::of(&broker);
        let name = api.names("/api/connections").remove(0);
        assert_eq!(api.end_connection(&name, "X-Reason: tidying up\r\n"), 204);
        let end = timeout(WAIT_MAX, consumer.next()).await.expect("the end in time");
        assert!(end.is_none());
        let error = connection.close().await.unwrap_err();
        let Error::Closed { code, text } = &error else { panic!("{error}") };
        assert_eq!((*code, &**text), (320, "CONNECTION_FORCED - tidying up"));
    });
}
