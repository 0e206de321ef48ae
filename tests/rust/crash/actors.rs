//! Who publishes and who consumes in a life. Each ends with its connection.

use std::collections::VecDeque;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions, BasicPublishOptions,
    BasicQosOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer};
use tokio::time::timeout;

use super::ledger::{Dice, Id, Ledger, body, id};
use super::stomp::Stomp;
use crate::broker::{Broker, WAIT_MAX};

pub(super) type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

const EXCHANGE: &str = "crash";

/// Every queue, and the keys it is bound by.
const QUEUES: [(&str, &[&str]); 5] = [
    ("all", &["#"]),
    ("even", &["*.even"]),
    ("odd", &["*.odd"]),
    ("slow", &["0.*"]),
    ("some", &["0.even", "1.even"]),
];

/// Where barriers go: it keeps the last few.
const BARRIER: &str = "barrier";

/// Publishes that wait for their confirm.
const WINDOW: usize = 100;

/// Acks between two barriers.
const ACKS: usize = 40;

#[derive(Clone, Copy, Debug)]
pub(super) enum Actor {
    /// With confirms.
    Publisher(u8),
    /// With receipts.
    StompPublisher(u8),
    /// In transactions of some messages.
    TxPublisher(u8),
    /// Acknowledges one by one, gives some back.
    Consumer(&'static str),
    StompConsumer(&'static str),
    /// Acknowledges in transactions, some of which are rolled back.
    TxConsumer(&'static str),
    /// Gets, now and then.
    Getter(&'static str),
}

impl Actor {
    /// Who works in a life: the queues change hands, one consumer each, so that order can be told.
    pub(super) fn all(life: u32) -> Vec<Self> {
        let mut actors = vec![
            Self::Publisher(0),
            Self::Publisher(1),
            Self::StompPublisher(2),
            Self::TxPublisher(3),
            Self::Getter("slow"),
        ];
        let kinds = [Self::Consumer, Self::StompConsumer, Self::TxConsumer];
        for (at, queue) in ["all", "even", "odd", "some"].into_iter().enumerate() {
            let kind = kinds[(life as usize + at) % kinds.len()];
            actors.push(kind(queue));
        }
        actors
    }
}

pub(super) async fn work(
    actor: Actor,
    amqp: SocketAddr,
    stomp: SocketAddr,
    dice: Dice,
    ledger: Arc<Ledger>,
) {
    // How it ends: with the connection.
    let _ = match actor {
        Actor::Publisher(number) => publish(amqp, number, dice, &ledger).await,
        Actor::StompPublisher(number) => publish_stomp(stomp, number, dice, &ledger).await,
        Actor::TxPublisher(number) => publish_tx(amqp, number, dice, &ledger).await,
        Actor::Consumer(queue) => consume(amqp, queue, dice, &ledger).await,
        Actor::StompConsumer(queue) => consume_stomp(stomp, queue, dice, &ledger).await,
        Actor::TxConsumer(queue) => consume_tx(amqp, queue, dice, &ledger).await,
        Actor::Getter(queue) => get(amqp, queue, &ledger).await,
    };
}

pub(super) async fn channel(address: SocketAddr) -> lapin::Result<(Connection, Channel)> {
    let url = format!("amqp://guest:guest@{address}");
    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    Ok((connection, channel))
}

/// Declares everything.
pub(super) async fn prepare(broker: &Broker) -> Outcome {
    let (_connection, channel) = channel(broker.amqp()).await?;
    let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let (topic, none) = (lapin::ExchangeKind::Topic, FieldTable::default);
    channel.exchange_declare(EXCHANGE.into(), topic, durable, none()).await?;
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    for (queue, keys) in QUEUES {
        channel.queue_declare(queue.into(), durable, none()).await?;
        for key in keys {
            let options = QueueBindOptions::default();
            channel
                .queue_bind(queue.into(), EXCHANGE.into(), (*key).into(), options, none())
                .await?;
        }
    }
    let mut few = FieldTable::default();
    few.insert("x-max-length".into(), AMQPValue::LongInt(10));
    channel.queue_declare(BARRIER.into(), durable, few).await?;
    Ok(())
}

fn key((publisher, number): Id) -> String {
    let parity = if number % 2 == 0 { "even" } else { "odd" };
    format!("{publisher}.{parity}")
}

pub(super) async fn send(
    channel: &Channel,
    exchange: &str,
    key: &str,
    body: &str,
) -> lapin::Result<impl Future<Output = lapin::Result<Confirmation>> + use<>> {
    let options = BasicPublishOptions::default();
    let properties = BasicProperties::default().with_delivery_mode(2);
    channel.basic_publish(exchange.into(), key.into(), options, body.as_bytes(), properties).await
}

async fn publish(address: SocketAddr, number: u8, mut dice: Dice, ledger: &Ledger) -> Outcome {
    let (_connection, channel) = channel(address).await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let mut open = VecDeque::new();
    loop {
        while open.len() < WINDOW {
            let id = ledger.publish(number);
            let text = body(id, &mut dice);
            open.push_back((id, send(&channel, EXCHANGE, &key(id), &text).await?));
        }
        for (id, confirm) in open.drain(..WINDOW / 2) {
            match confirm.await? {
                Confirmation::Ack(_) => ledger.confirm(&[id]),
                other => ledger.violate(format!("{id:?} was answered {other:?}")),
            }
        }
    }
}

async fn publish_tx(address: SocketAddr, number: u8, mut dice: Dice, ledger: &Ledger) -> Outcome {
    let (_connection, channel) = channel(address).await?;
    channel.tx_select().await?;
    loop {
        let ids: Vec<_> = (0..dice.within(1..20)).map(|_| ledger.publish(number)).collect();
        for id in &ids {
            drop(send(&channel, EXCHANGE, &key(*id), &body(*id, &mut dice)).await?);
        }
        channel.tx_commit().await?;
        ledger.confirm(&ids);
    }
}

async fn publish_stomp(
    address: SocketAddr,
    number: u8,
    mut dice: Dice,
    ledger: &Ledger,
) -> Outcome {
    let mut stomp = Stomp::connect(address).await?;
    let mut open = VecDeque::new();
    loop {
        let mut frames = String::new();
        while open.len() < WINDOW {
            let id = ledger.publish(number);
            let (key, text) = (key(id), body(id, &mut dice));
            frames += &format!(
                "SEND\ndestination:/exchange/{EXCHANGE}/{key}\npersistent:true\n\
                 receipt:{}\n\n{text}\0",
                id.1
            );
            open.push_back(id);
        }
        stomp.write(&frames).await?;
        for id in open.drain(..WINDOW / 2) {
            let frame = stomp.next().await?;
            let is_its = frame.header("receipt-id") == Some(&id.1.to_string());
            match frame.command.as_str() {
                "RECEIPT" if is_its => ledger.confirm(&[id]),
                other => ledger.violate(format!("{id:?} was answered {other} {:?}", frame.headers)),
            }
        }
    }
}

pub(super) async fn begin(channel: &Channel, queue: &str) -> lapin::Result<Consumer> {
    channel.basic_qos(50, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await
}

/// The next delivery; an error at the end of the connection.
pub(super) async fn next(
    consumer: &mut Consumer,
) -> Result<Delivery, Box<dyn Error + Send + Sync>> {
    Ok(consumer.next().await.ok_or("the consumer ended")??)
}

async fn consume(
    address: SocketAddr,
    queue: &'static str,
    mut dice: Dice,
    ledger: &Ledger,
) -> Outcome {
    let (_connection, channel) = channel(address).await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let mut consumer = begin(&channel, queue).await?;
    let mut acked = Vec::new();
    loop {
        let delivery = next(&mut consumer).await?;
        let id = id(&delivery.data);
        ledger.deliver(queue, id, delivery.redelivered);
        if dice.one_in(20) {
            ledger.give_back(queue, id);
            let requeue = BasicNackOptions { requeue: true, multiple: false };
            delivery.nack(requeue).await?;
            continue;
        }
        ledger.ack(queue, id);
        delivery.ack(BasicAckOptions::default()).await?;
        acked.push(id);
        if acked.len() >= ACKS {
            let confirm = send(&channel, "", BARRIER, "barrier").await?.await?;
            assert!(matches!(confirm, Confirmation::Ack(_)), "{confirm:?}");
            ledger.settle(queue, &acked);
            acked.clear();
        }
    }
}

async fn consume_tx(
    address: SocketAddr,
    queue: &'static str,
    mut dice: Dice,
    ledger: &Ledger,
) -> Outcome {
    let (_connection, channel) = channel(address).await?;
    channel.tx_select().await?;
    let mut consumer = begin(&channel, queue).await?;
    let mut acked = Vec::new();
    loop {
        let delivery = next(&mut consumer).await?;
        let id = id(&delivery.data);
        ledger.deliver(queue, id, delivery.redelivered);
        ledger.ack(queue, id);
        delivery.ack(BasicAckOptions::default()).await?;
        acked.push(id);
        if acked.len() as u64 >= dice.within(5..30) {
            channel.tx_commit().await?;
            ledger.settle(queue, &acked);
            acked.clear();
        }
    }
}

async fn consume_stomp(
    address: SocketAddr,
    queue: &'static str,
    mut dice: Dice,
    ledger: &Ledger,
) -> Outcome {
    let mut stomp = Stomp::connect(address).await?;
    stomp
        .write(&format!(
            "SUBSCRIBE\nid:0\ndestination:/amq/queue/{queue}\nack:client-individual\n\
             prefetch-count:50\n\n\0"
        ))
        .await?;
    let (mut acked, mut awaited) = (Vec::new(), Vec::new());
    loop {
        let frame = stomp.next().await?;
        if frame.command == "RECEIPT" {
            ledger.settle(queue, &awaited);
            awaited.clear();
            continue;
        }
        if frame.command != "MESSAGE" {
            ledger.violate(format!("{} {:?}", frame.command, frame.headers));
            return Ok(());
        }
        let id = id(&frame.body);
        ledger.deliver(queue, id, frame.header("redelivered") == Some("true"));
        let ack = frame.header("ack").unwrap();
        if dice.one_in(20) {
            ledger.give_back(queue, id);
            stomp.write(&format!("NACK\nid:{ack}\nrequeue:true\n\n\0")).await?;
            continue;
        }
        ledger.ack(queue, id);
        stomp.write(&format!("ACK\nid:{ack}\n\n\0")).await?;
        acked.push(id);
        if acked.len() >= ACKS && awaited.is_empty() {
            awaited = std::mem::take(&mut acked);
            stomp
                .write(&format!(
                    "SEND\ndestination:/amq/queue/{BARRIER}\npersistent:true\nreceipt:b\n\nx\0"
                ))
                .await?;
        }
    }
}

async fn get(address: SocketAddr, queue: &'static str, ledger: &Ledger) -> Outcome {
    let (_connection, channel) = channel(address).await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    loop {
        let got = channel.basic_get(queue.into(), BasicGetOptions::default()).await?;
        let Some(message) = got else {
            tokio::task::yield_now().await;
            continue;
        };
        let id = id(&message.data);
        ledger.deliver(queue, id, message.redelivered);
        ledger.ack(queue, id);
        message.ack(BasicAckOptions::default()).await?;
        send(&channel, "", BARRIER, "barrier").await?.await?;
        ledger.settle(queue, &[id]);
    }
}

/// Takes everything out of every queue.
pub(super) async fn drain(broker: &Broker, ledger: &Ledger) {
    let (_connection, channel) = channel(broker.amqp()).await.unwrap();
    let passive = QueueDeclareOptions { passive: true, ..Default::default() };
    for (queue, _) in QUEUES {
        let found = channel.queue_declare(queue.into(), passive, FieldTable::default()).await;
        let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
        let table = FieldTable::default();
        let consumer = channel.basic_consume(queue.into(), queue.into(), options, table).await;
        let mut consumer = consumer.unwrap();
        for _ in 0..found.unwrap().message_count() {
            let delivery = timeout(WAIT_MAX, next(&mut consumer)).await;
            let delivery = delivery.expect("a delivery in time").unwrap();
            ledger.deliver(queue, id(&delivery.data), delivery.redelivered);
        }
        let found = channel.queue_declare(queue.into(), passive, FieldTable::default()).await;
        assert_eq!(found.unwrap().message_count(), 0, "{queue}");
    }
}
