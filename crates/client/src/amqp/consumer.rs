//! Messages as they arrive.

use model::Properties;
use tokio::sync::mpsc;

/// A message from the broker.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Delivery {
    /// To settle it by, on its channel.
    pub tag: u64,
    /// The consumer's tag; empty for a get.
    pub consumer: String,
    /// Whether it was delivered before.
    pub is_redelivered: bool,
    /// The exchange it was published to.
    pub exchange: String,
    /// The key it was published with.
    pub routing_key: Vec<u8>,
    /// Its properties.
    pub properties: Properties,
    /// Its body.
    pub body: Vec<u8>,
}

impl Delivery {
    pub(super) fn of(exchange: &[u8], routing_key: &[u8]) -> Self {
        Self {
            exchange: String::from_utf8_lossy(exchange).into_owned(),
            routing_key: routing_key.to_vec(),
            ..Self::default()
        }
    }
}

/// A consumer's deliveries, in order. What is ahead is bounded by the channel's prefetch.
#[derive(Debug)]
pub struct Consumer {
    pub(super) tag: String,
    pub(super) deliveries: mpsc::UnboundedReceiver<Delivery>,
}

impl Consumer {
    /// Its tag.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The next message; `None` once the consumer, its channel or its connection is gone.
    /// Cancel-safe: a message is lost only if it was returned.
    pub async fn next(&mut self) -> Option<Delivery> {
        self.deliveries.recv().await
    }
}
