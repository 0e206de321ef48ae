//! What can go wrong for a client, by what its user can do about it.

use std::io;
use std::sync::Arc;

/// What went wrong.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URI cannot be used. Mend it.
    #[error("uri '{found}': {reason}")]
    Uri {
        /// The URI, without its password.
        found: String,
        /// What was wanted.
        reason: String,
    },
    /// Nobody answers there, or the connection broke. Try again, perhaps later.
    #[error("connection lost: {0}")]
    Lost(Arc<io::Error>),
    /// The server ended the connection in an orderly way.
    #[error("connection closed by the server: {code} {text}")]
    Closed {
        /// AMQP's reply code or WebSocket's close code.
        code: u16,
        /// What the server said.
        text: String,
    },
    /// The server refused one request; the connection stands.
    #[error("refused: {code} {text}")]
    Refused {
        /// AMQP's reply code; 0 in STOMP.
        code: u16,
        /// What the server said.
        text: String,
    },
    /// A publish was turned down by the broker (AMQP basic.nack).
    #[error("the broker did not take the message")]
    Rejected,
    /// Nothing came in time.
    #[error("no answer within {0:?}")]
    TimedOut(std::time::Duration),
    /// The server does not keep to the protocol.
    #[error("protocol error: {0}")]
    Protocol(String),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Lost(Arc::new(error))
    }
}

impl Error {
    /// Whether a new connection may mend it.
    pub fn is_connection(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Closed { .. } | Self::TimedOut(_))
    }
}
