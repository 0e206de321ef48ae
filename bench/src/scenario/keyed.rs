//! One AMQP publisher on a topic exchange, many WebSocket subscribers with a key each.

use client::amqp::{Connection, Publish};
use model::Properties;

use super::{Outcome, share, timed};
use crate::Problem;
use crate::measure::Broker;
use crate::subscriber::Crowd;

/// Messages of one round.
const MESSAGES: u64 = 400_000;

/// Messages published ahead of what came.
const AHEAD_MAX: u64 = 100_000;

pub(super) async fn measure(broker: &Broker, users: u32) -> Result<Outcome, Problem> {
    let destinations = (0..users).map(|user| format!("/exchange/amq.topic/user.{user}"));
    let crowd = Crowd::gather(&broker.ws, destinations, false).await?;
    let messages = share(broker, MESSAGES);
    let connection = Connection::open(&broker.amqp).await?;
    let channel = connection.open_channel().await?;
    let properties = Properties::default();
    let keys: Vec<String> = (0..users).map(|user| format!("user.{user}")).collect();
    let body = vec![b'x'; 128];
    let mut outcome = None;
    for messages in [messages.div_ceil(20), messages] {
        crowd.expect(messages);
        let work = async {
            for (number, key) in (0..messages).zip(keys.iter().cycle()) {
                while number > AHEAD_MAX + crowd.messages() {
                    tokio::task::yield_now().await;
                }
                let publish = Publish {
                    exchange: "amq.topic",
                    key,
                    properties: &properties,
                    body: &body,
                    is_mandatory: false,
                };
                channel.publish(publish).await?;
            }
            crowd.satisfied().await;
            Ok(())
        };
        outcome = Some(timed(broker, messages, work).await?);
    }
    connection.close().await?;
    outcome.ok_or_else(|| "nothing was measured".into())
}
