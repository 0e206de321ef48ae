//! A broker under measurement: what it is, where it listens, which process it is.

use std::net::SocketAddr;

use crate::load::{Browser, Dialect};

/// Which broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Hopwire,
    /// `floor.rs`.
    Floor,
    Nats,
    RabbitMq,
    Mosquitto,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Hopwire, Self::Floor, Self::Nats, Self::RabbitMq, Self::Mosquitto];

    /// As tables and raw lines say it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hopwire => "Hopwire",
            Self::Floor => "floor",
            Self::Nats => "NATS",
            Self::RabbitMq => "RabbitMQ",
            Self::Mosquitto => "Mosquitto",
        }
    }

    /// What its receivers speak.
    pub(crate) fn dialect(self) -> Dialect {
        match self {
            Self::Hopwire | Self::Floor | Self::RabbitMq => Dialect::Stomp,
            Self::Nats => Dialect::Nats,
            Self::Mosquitto => Dialect::Mqtt,
        }
    }

    /// How much of `deliveries` may be on its way: the slower broker less, so that a run ends.
    pub(crate) fn share_of(self, deliveries: u64) -> u64 {
        match self {
            Self::RabbitMq => deliveries.min(20_000),
            _ => deliveries,
        }
    }

    /// What a receiver subscribes to so that it gets what is published with `key`.
    pub(crate) fn destination(self, key: &str) -> String {
        match self.dialect() {
            Dialect::Stomp => format!("/topic/{key}"),
            Dialect::Nats | Dialect::Mqtt => key.to_owned(),
        }
    }
}

/// A running broker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Broker {
    pub(crate) kind: Kind,
    pub(crate) web_socket: SocketAddr,
    /// Where publishers connect: AMQP, NATS's own protocol, or the floor's feed.
    pub(crate) publish: SocketAddr,
    /// The process whose memory and CPU time count.
    pub(crate) pid: u32,
}

impl Broker {
    pub(crate) fn browser(&self) -> Browser {
        let path = match self.kind {
            Kind::Hopwire | Kind::Floor | Kind::RabbitMq => "/ws",
            Kind::Nats | Kind::Mosquitto => "/",
        };
        let dialect = self.kind.dialect();
        Browser { place: self.web_socket, path, dialect, is_compressing: false }
    }
}
