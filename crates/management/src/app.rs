//! What every handler can reach.

use std::net::SocketAddr;
use std::time::Instant;

use engine::Engine;
use parking_lot::Mutex;

use crate::rates::Rates;

/// The version of RabbitMQ whose shapes and statuses these are.
pub(crate) const RABBITMQ_VERSION: &str = "4.2.0";

/// What the node says about itself.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The node's name, such as `rabbit@host`.
    pub node_name: String,
    /// Hopwire's own version.
    pub version: &'static str,
    /// Where the node listens.
    pub listeners: Vec<Listener>,
    /// Since when it runs.
    pub started: Instant,
}

/// Where the node listens for one protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// In RabbitMQ's words: `amqp`, `stomp`, `http/web-stomp`, `http`; `amqp/ssl`, `stomp/ssl`,
    /// `https/web-stomp`.
    pub protocol: &'static str,
    /// The address.
    pub address: SocketAddr,
}

impl Listener {
    /// Whether connections begin with a TLS handshake.
    pub(crate) fn is_tls(&self) -> bool {
        self.protocol.ends_with("/ssl") || self.protocol.starts_with("https")
    }
}

/// What every handler can reach.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) engine: Engine,
    pub(crate) settings: Settings,
    pub(crate) rates: Mutex<Rates>,
}
