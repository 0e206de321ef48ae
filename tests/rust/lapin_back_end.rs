//! A Rust back end with lapin.

use std::time::Duration;

use lapin::message::DeliveryResult;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use crate::broker::Broker;
use crate::oracle::Addresses;

const WAIT_MAX: Duration = Duration::from_secs(20);

#[test]
fn a_rust_back_end_publishes_with_confirms_and_consumes_with_acks() {
    let broker = Broker::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(tell(&Addresses::of(&broker).amqp_url));
    if let Some(oracle) = Addresses::of_oracle() {
        runtime.block_on(tell(&oracle.amqp_url));
    }
}

async fn tell(url: &str) {
    let connecting = Connection::connect(url, ConnectionProperties::default());
    let connection = timeout(WAIT_MAX, connecting).await.expect("in time").unwrap();
    let channel = connection.create_channel().await.unwrap();
    let queue = channel
        .queue_declare("".into(), exclusive(), FieldTable::default())
        .await
        .unwrap()
        .name()
        .clone();
    let exchange = format!("lapin-{queue}");
    let options = ExchangeDeclareOptions { auto_delete: true, ..Default::default() };
    channel
        .exchange_declare(
            exchange.as_str().into(),
            ExchangeKind::Topic,
            options,
            FieldTable::default(),
        )
        .await
        .unwrap();
    let bind = QueueBindOptions::default();
    channel
        .queue_bind(
            queue.clone(),
            exchange.as_str().into(),
            "user.#".into(),
            bind,
            FieldTable::default(),
        )
        .await
        .unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();

    let mut confirms = Vec::new();
    for number in 0..200_u32 {
        let body = number.to_string();
        confirms.push(publish(&channel, &exchange, "user.7", body.as_bytes()).await);
    }
    for confirm in confirms {
        let confirmed = timeout(WAIT_MAX, confirm).await.expect("in time").unwrap();
        assert!(matches!(confirmed, Confirmation::Ack(None)), "{confirmed:?}");
    }
    let unrouted = publish(&channel, &exchange, "nobody", b"x").await.await.unwrap();
    let Confirmation::Ack(Some(returned)) = unrouted else { panic!("{unrouted:?}") };
    assert_eq!(returned.reply_code, 312);

    channel.basic_qos(20, BasicQosOptions::default()).await.unwrap();
    let mut deliveries = consume(&channel, queue.as_str()).await;
    let mut bodies = Vec::new();
    let mut is_refused = false;
    while bodies.len() < 200 {
        let delivery = timeout(WAIT_MAX, deliveries.recv()).await.expect("in time").unwrap();
        let delivery = delivery.unwrap().expect("the consumer is not cancelled");
        if delivery.data == b"100" && !is_refused {
            is_refused = true;
            delivery.nack(BasicNackOptions { requeue: true, ..Default::default() }).await.unwrap();
            continue;
        }
        assert_eq!(delivery.redelivered, delivery.data == b"100");
        bodies.push(String::from_utf8(delivery.data.clone()).unwrap().parse::<u32>().unwrap());
        delivery.ack(BasicAckOptions::default()).await.unwrap();
    }
    bodies.sort_unstable();
    assert!(bodies.into_iter().eq(0..200), "each once");
    let left = channel.queue_delete(queue, QueueDeleteOptions::default()).await.unwrap();
    assert_eq!(left, 0);
    connection.close(200, "done".into()).await.unwrap();
}

fn exclusive() -> QueueDeclareOptions {
    QueueDeclareOptions { exclusive: true, ..Default::default() }
}

async fn publish(
    channel: &Channel,
    exchange: &str,
    key: &str,
    body: &[u8],
) -> impl Future<Output = lapin::Result<Confirmation>> + use<> {
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let properties = BasicProperties::default().with_delivery_mode(2);
    channel.basic_publish(exchange.into(), key.into(), options, body, properties).await.unwrap()
}

async fn consume(channel: &Channel, queue: &str) -> UnboundedReceiver<DeliveryResult> {
    let options = BasicConsumeOptions::default();
    let consumer = channel
        .basic_consume(queue.into(), "".into(), options, FieldTable::default())
        .await
        .unwrap();
    let (sender, deliveries) = unbounded_channel();
    consumer.set_delegate(move |delivery: DeliveryResult| {
        let _ = sender.send(delivery);
        std::future::ready(())
    });
    deliveries
}
