//! Routing and binding keys: up to 255 bytes, compared byte by byte.

use std::fmt;
use std::sync::Arc;

use crate::name::{NAME_BYTES_MAX, NameError};

/// A routing key or binding key.
///
/// Bytes, not text: RabbitMQ does not check the key of a publish for UTF-8.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoutingKey(Arc<[u8]>);

impl RoutingKey {
    /// Reads a key.
    ///
    /// # Errors
    ///
    /// [`NameError::TooLong`] beyond 255 bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, NameError> {
        match bytes.len() {
            0..=NAME_BYTES_MAX => Ok(Self(bytes.into())),
            found_bytes => Err(NameError::TooLong { found_bytes }),
        }
    }

    /// The key's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for RoutingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for RoutingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}
