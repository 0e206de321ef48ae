//! AMQP to AMQP through one queue: publishes with confirms, deliveries acknowledged one by one.

use std::collections::VecDeque;

use client::amqp::{Connection, Publish};
use model::{AckMode, FieldTable, Properties, QueueSpec};

use super::{Outcome, share, timed};
use crate::Problem;
use crate::measure::Broker;

/// Messages of one round.
const MESSAGES: u64 = 300_000;

/// Publishes that wait for their confirm.
const WINDOW: usize = 1_000;

/// Deliveries that wait for their acknowledgement.
const PREFETCH: u16 = 200;

pub(super) async fn measure(broker: &Broker) -> Result<Outcome, Problem> {
    let (sender, receiver) =
        (Connection::open(&broker.amqp).await?, Connection::open(&broker.amqp).await?);
    let (outgoing, incoming) = (sender.open_channel().await?, receiver.open_channel().await?);
    outgoing.select_confirms().await?;
    incoming.set_prefetch(PREFETCH).await?;
    let spec = QueueSpec {
        name: None,
        is_durable: false,
        is_exclusive: false,
        is_auto_delete: true,
        arguments: FieldTable::default(),
    };
    let queue = incoming.declare_queue(&spec).await?.queue;
    let mut consumer = incoming.consume(&queue, "bench", AckMode::Manual).await?;
    let messages = share(broker, MESSAGES);
    let properties = Properties::default();
    let body = vec![b'x'; 128];
    let publish = Publish {
        exchange: "",
        key: &queue,
        properties: &properties,
        body: &body,
        is_mandatory: false,
    };
    let mut outcome = None;
    for messages in [messages.div_ceil(20), messages] {
        let publishing = async {
            let mut unconfirmed = VecDeque::with_capacity(WINDOW);
            for _ in 0..messages {
                if unconfirmed.len() == WINDOW
                    && let Some(oldest) = unconfirmed.pop_front()
                {
                    confirmed(oldest).await?;
                }
                unconfirmed.push_back(outgoing.publish(publish).await?);
            }
            for confirm in unconfirmed {
                confirmed(confirm).await?;
            }
            Ok::<_, Problem>(())
        };
        let consuming = async {
            for _ in 0..messages {
                let delivery = consumer.next().await.ok_or("the consumer ended")?;
                incoming.ack(delivery.tag)?;
            }
            Ok::<_, Problem>(())
        };
        let work = async { tokio::try_join!(publishing, consuming).map(|_| ()) };
        outcome = Some(timed(broker, messages, work).await?);
    }
    sender.close().await?;
    receiver.close().await?;
    outcome.ok_or_else(|| "nothing was measured".into())
}

async fn confirmed(confirm: client::amqp::Confirm) -> Result<(), Problem> {
    Ok(confirm.confirmed().await?)
}
