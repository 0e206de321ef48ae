//! Dead messages on their way to the dead-letter exchange of their queue.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use model::{Message, RoutingKey};

use crate::broker::Broker;
use crate::exchange::Address;
use crate::queue::dead_letter::{self, Death};
use crate::queue::{self, Dead, Queue};
use crate::routing;
use crate::turn::{DeathReason, Turn};
use crate::vhost::Targets;

impl Broker {
    /// Publishes what has died in a queue, in the order of the deaths.
    pub(crate) fn bury(&self, turn: &mut Turn, queue: &Arc<Queue>) {
        queue.deaths().carry(|Dead { message, logged, reason }| {
            self.dead_letter(turn, queue, &message, reason);
            // The log has the copies by now, so in a crash nothing is lost between.
            if let Some(sequence) = logged {
                queue.settle_logged(&[sequence.into()]);
            }
        });
    }

    /// Publishes a dead message to the dead-letter exchange of its queue, if both are there.
    fn dead_letter(
        &self,
        turn: &mut Turn,
        queue: &Arc<Queue>,
        message: &Arc<Message>,
        reason: DeathReason,
    ) {
        let Some(to) = queue.limits().dead_letter else { return };
        let Ok(vhost) = self.vhost(queue.vhost()) else { return };
        let death = Death {
            queue: queue.name(),
            reason,
            at_unix_seconds: unix_seconds(),
            has_own_key: to.key.is_some(),
        };
        let (properties, marks) = dead_letter::death(message, death);
        let key = to.key.or_else(|| RoutingKey::parse(message.routing_key()).ok());
        let Some(key) = key else { return };
        let copy = Arc::new(message.republished(to.exchange.clone(), &key, &properties, marks));
        // What a publisher may not say has been refused when it was published.
        let further = routing::selected_keys(&copy).unwrap_or_default();
        let address = Address::new(&copy, copy.routing_key(), &further.keys);
        let targets = {
            let topology = vhost.look();
            let Some(exchange) = topology.exchange(&to.exchange) else { return };
            let targets = topology.route(exchange, &address);
            exchange.count(1, targets.len());
            targets
        };
        let Targets { mut queues, streams } = targets;
        if reason != DeathReason::Rejected {
            queues.retain(|target| !dead_letter::is_cycle(&properties, target.name()));
        }
        queue::publish_all(&mut queues, turn, std::slice::from_ref(&copy));
        for stream in streams {
            stream.publish(turn, &copy);
        }
    }
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
