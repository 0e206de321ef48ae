//! What a queue is declared as.

use crate::field::FieldTable;
use crate::name::QueueName;

/// A queue as its declarer asks for it. Source: AMQP 0-9-1, queue.declare.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueSpec {
    /// Its name; `None` asks the broker for one (`amq.gen-…`).
    pub name: Option<QueueName>,
    /// Whether it survives a restart.
    pub is_durable: bool,
    /// Whether it belongs to the declaring connection and goes with it.
    pub is_exclusive: bool,
    /// Whether it goes with its last consumer.
    pub is_auto_delete: bool,
    /// `x-message-ttl`, `x-max-length` and the like.
    pub arguments: FieldTable,
}
