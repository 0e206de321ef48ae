//! What an operator can change about AMQP sessions.

use std::time::Duration;

use model::message::BODY_BYTES_HARD_MAX;
use model::{FieldTable, FieldValue};

/// What an operator can change about AMQP sessions.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The heart-beat proposed, in seconds; 0 is none. Default 60 (RabbitMQ `heartbeat`).
    pub heartbeat_seconds: u16,
    /// How many channels a connection may have. Default 2047 (RabbitMQ `channel_max`).
    pub channel_max: u16,
    /// The largest frame, in bytes. Default 131072 (RabbitMQ `frame_max`).
    pub frame_bytes_max: u32,
    /// The largest body, in bytes, at most [`BODY_BYTES_HARD_MAX`]. Default 16 MiB (RabbitMQ
    /// `max_message_size`).
    pub message_bytes_max: u64,
    /// How long a peer may take from the accept to `connection.open-ok`. Default 10 s (RabbitMQ
    /// `handshake_timeout`).
    pub handshake_timeout: Duration,
    /// The prefetch of a channel that has not asked for one; 0 is no limit. Default 0.
    pub prefetch: u16,
    /// The cluster's name, told to clients. Default `hopwire@localhost`.
    pub cluster_name: Box<str>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            heartbeat_seconds: 60,
            channel_max: 2047,
            frame_bytes_max: 131_072,
            message_bytes_max: 16_777_216,
            handshake_timeout: Duration::from_secs(10),
            prefetch: 0,
            cluster_name: "hopwire@localhost".into(),
        }
    }
}

const _: () = assert!(16_777_216 <= BODY_BYTES_HARD_MAX);

/// The RabbitMQ whose AMQP we imitate. Clients act on it: kombu sends a global `basic.qos` only to
/// a product `RabbitMQ` of at least 3.3.
const IMITATED_VERSION: &str = "4.2.0";

/// What the server can do, told in `connection.start`. RabbitMQ's `direct_reply_to` is not among
/// it.
const CAPABILITIES: [&str; 8] = [
    "authentication_failure_close",
    "basic.nack",
    "connection.blocked",
    "consumer_cancel_notify",
    "consumer_priorities",
    "exchange_exchange_bindings",
    "per_consumer_qos",
    "publisher_confirms",
];

impl Settings {
    /// What `connection.start` says about the server, sorted by name.
    pub(super) fn server_properties(&self) -> FieldTable {
        let mut capabilities = FieldTable::new();
        for name in CAPABILITIES {
            capabilities.set(name, FieldValue::Bool(true));
        }
        let platform = concat!("Hopwire ", env!("CARGO_PKG_VERSION"));
        let mut properties = FieldTable::new();
        properties.set("capabilities", FieldValue::Table(capabilities));
        properties.set("cluster_name", FieldValue::string(&*self.cluster_name));
        properties.set("copyright", FieldValue::string("The Hopwire authors"));
        properties.set("information", FieldValue::string("Licensed under Apache-2.0 or MIT"));
        properties.set("platform", FieldValue::string(platform));
        properties.set("product", FieldValue::string("RabbitMQ"));
        properties.set("version", FieldValue::string(IMITATED_VERSION));
        properties
    }
}
