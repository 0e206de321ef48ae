//! A binding: from an exchange, by a key, to a queue or another exchange.

use crate::field::FieldTable;
use crate::name::{ExchangeName, QueueName};
use crate::routing_key::RoutingKey;

/// Where a binding leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Destination {
    /// To a queue.
    Queue(QueueName),
    /// To another exchange (RabbitMQ's exchange-to-exchange bindings).
    Exchange(ExchangeName),
}

/// A binding. Two are the same if all four parts are equal.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// The exchange it leads from.
    pub source: ExchangeName,
    /// Where it leads.
    pub destination: Destination,
    /// The binding key.
    pub key: RoutingKey,
    /// Used by headers exchanges; part of the identity everywhere.
    pub arguments: FieldTable,
}
