//! One AMQP publisher on `amq.topic`, many WebSocket subscribers of one key.

use client::amqp::{Connection, Publish};
use model::Properties;

use super::{Outcome, share, timed};
use crate::Problem;
use crate::measure::Broker;
use crate::subscriber::Crowd;

/// Deliveries of one round.
const DELIVERIES: u64 = 1_000_000;

/// Messages published ahead of what all subscribers have, so that no bound of a broker is met.
const AHEAD_MAX: u64 = 4_000;

pub(super) async fn measure(
    broker: &Broker,
    subscribers: u32,
    is_compressing: bool,
) -> Result<Outcome, Problem> {
    let destinations = (0..subscribers).map(|_| "/topic/bench.all".to_owned());
    let crowd = Crowd::gather(&broker.ws, destinations, is_compressing).await?;
    let body = match is_compressing {
        true => json(1024),
        false => vec![b'x'; 128],
    };
    let subscribers = u64::from(subscribers);
    let messages = share(broker, DELIVERIES) / subscribers;
    let connection = Connection::open(&broker.amqp).await?;
    let channel = connection.open_channel().await?;
    let properties = Properties::default();
    let publish = Publish {
        exchange: "amq.topic",
        key: "bench.all",
        properties: &properties,
        body: &body,
        is_mandatory: false,
    };
    let warm_up = messages.div_ceil(20);
    let mut outcome = None;
    for messages in [warm_up, messages] {
        crowd.expect(messages * subscribers);
        let work = async {
            for number in 0..messages {
                while number > AHEAD_MAX + crowd.messages() / subscribers {
                    tokio::task::yield_now().await;
                }
                channel.publish(publish).await?;
            }
            crowd.satisfied().await;
            Ok(())
        };
        outcome = Some(timed(broker, messages * subscribers, work).await?);
    }
    connection.close().await?;
    outcome.ok_or_else(|| "nothing was measured".into())
}

/// JSON as a dashboard sends it, of about that size.
fn json(bytes: usize) -> Vec<u8> {
    let mut text = String::from("{\"type\":\"metrics\",\"values\":{");
    let mut number = 0_u64;
    while text.len() < bytes - 2 {
        number =
            number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(&format!("\"metric_{}\":{},", number % 97, number >> 44));
    }
    text.truncate(bytes - 2);
    text.push_str("}}");
    text.into_bytes()
}
