//! What an exchange is declared as.

use std::fmt;

use crate::field::FieldTable;
use crate::name::ExchangeName;

/// How an exchange routes. Source: AMQP 0-9-1, "Exchange types"; RabbitMQ, "Exchanges".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExchangeKind {
    /// By an equal key.
    Direct,
    /// To everything bound.
    Fanout,
    /// By a key pattern with `*` (one word) and `#` (any number of words).
    Topic,
    /// By the message's headers.
    Headers,
}

impl ExchangeKind {
    /// Every kind, in the order of their names.
    pub const ALL: [Self; 4] = [Self::Direct, Self::Fanout, Self::Headers, Self::Topic];

    /// Reads the type string of a declare; `None` for an unknown type.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The type string of a declare.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Fanout => "fanout",
            Self::Topic => "topic",
            Self::Headers => "headers",
        }
    }
}

impl fmt::Display for ExchangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An exchange as its declarer asks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct ExchangeSpec {
    /// Its name; empty only for the default exchange.
    pub name: ExchangeName,
    /// The type string as the peer gave it; the broker knows which it has.
    pub kind: Box<str>,
    /// Whether it survives a restart.
    pub is_durable: bool,
    /// Whether it goes with its last outgoing binding.
    pub is_auto_delete: bool,
    /// Whether only bindings, not clients, may publish to it.
    pub is_internal: bool,
    /// `alternate-exchange` and what else the declarer gave.
    pub arguments: FieldTable,
}
