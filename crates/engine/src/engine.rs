//! What serves sessions: made once, and asked for a link per connection.

use std::sync::Arc;

use broker::Broker;

use crate::command::Peer;
use crate::connections::Connections;
use crate::embedded;
use crate::link::Link;

/// What serves sessions.
#[derive(Clone, Debug)]
pub struct Engine {
    broker: Arc<Broker>,
    connections: Arc<Connections>,
}

impl Engine {
    /// An engine that is the broker itself.
    pub fn embedded(broker: Arc<Broker>) -> Self {
        Self { broker, connections: Arc::default() }
    }

    /// A link for a new connection.
    pub fn connect(&self, peer: Peer) -> Link {
        let link =
            embedded::Link::new(Arc::clone(&self.broker), Arc::clone(&self.connections), peer);
        Link::Embedded(Box::new(link))
    }

    /// Everybody connected.
    pub fn connections(&self) -> &Arc<Connections> {
        &self.connections
    }

    /// The broker core, for listings and operators.
    pub fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// Expires messages and queues when their time comes. Runs until dropped; one task per engine.
    pub async fn keep_time(self) {
        embedded::keep_time(self.broker).await;
    }
}
