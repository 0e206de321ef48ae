//! Names of things a peer can speak of: vhosts, exchanges, queues, users, consumers.
//!
//! A name is parsed once, at the edge; inside, it is known to be good. Cloning one costs a counter.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// The longest name, in bytes: what an AMQP short string can carry.
pub const NAME_BYTES_MAX: usize = 255;

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The kind of name needs at least one byte.
    #[error("name is empty, wanted 1 to 255 bytes")]
    Empty,
    /// More than [`NAME_BYTES_MAX`].
    #[error("name of {found_bytes} bytes is too long, wanted at most 255")]
    TooLong {
        /// The length found, in bytes.
        found_bytes: usize,
    },
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, empty: $empty:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Reads a name.
            ///
            /// # Errors
            ///
            /// [`NameError`] if `text` is longer than [`NAME_BYTES_MAX`] bytes, or empty where a
            /// name of this kind must not be.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                match text.len() {
                    0 if !$empty => Err(NameError::Empty),
                    0..=NAME_BYTES_MAX => Ok(Self(text.into())),
                    found_bytes => Err(NameError::TooLong { found_bytes }),
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

name! {
    /// A virtual host's name. Source: RabbitMQ, "Virtual Hosts".
    VhostName, empty: false
}
name! {
    /// A queue's name: 1 to 255 bytes of UTF-8.
    ///
    /// Source: RabbitMQ, "Queues: names". The AMQP 0-9-1 definition asserts 127 bytes
    /// and a smaller alphabet; RabbitMQ enforces neither, and neither do we.
    QueueName, empty: false
}
name! {
    /// An exchange's name: 0 to 255 bytes of UTF-8. The empty name is the default exchange.
    ExchangeName, empty: true
}
name! {
    /// A user's name.
    UserName, empty: true
}
name! {
    /// A consumer tag as its session chose it, unique within one channel.
    ConsumerTag, empty: true
}

impl VhostName {
    /// The vhost that exists on every new node: `/`.
    pub fn root() -> Self {
        Self("/".into())
    }
}

impl QueueName {
    /// A server-made name: `amq.gen-` and 22 characters of base64url.
    ///
    /// Source: RabbitMQ; `token` is 16 random bytes in base64url without padding.
    pub fn generated(token: &str) -> Self {
        Self(format!("amq.gen-{token}").into())
    }
}

impl ExchangeName {
    /// How permissions call the default exchange. Source: RabbitMQ, "Access Control".
    pub const DEFAULT_IN_PERMISSIONS: &'static str = "amq.default";

    /// The default exchange: the empty name, to which every queue is bound by its own name.
    pub fn default_exchange() -> Self {
        Self("".into())
    }

    /// Whether this is the default exchange.
    pub fn is_default(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_255_bytes_is_good_and_one_of_256_is_not() {
        assert!(QueueName::parse(&"q".repeat(255)).is_ok());
        let too_long = QueueName::parse(&"q".repeat(256));
        assert_eq!(too_long, Err(NameError::TooLong { found_bytes: 256 }));
    }

    #[test]
    fn only_an_exchange_may_have_no_name() {
        assert_eq!(QueueName::parse(""), Err(NameError::Empty));
        assert!(ExchangeName::parse("").is_ok_and(|name| name.is_default()));
    }
}
