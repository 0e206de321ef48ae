//! A message's properties: decoded, as facts gathered without decoding, and the codec between.
//!
//! Not here: the byte format, which `wire` knows.

use crate::field::FieldTable;
use crate::short_string::ShortString;

/// The fourteen properties of a message, decoded.
///
/// Source: AMQP 0-9-1, class `basic`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// MIME type of the body.
    pub content_type: Option<ShortString>,
    /// MIME encoding of the body.
    pub content_encoding: Option<ShortString>,
    /// The application's and the broker's headers.
    pub headers: Option<FieldTable>,
    /// 2 is persistent; anything else, or nothing, is transient.
    pub delivery_mode: Option<u8>,
    /// Higher goes first in a priority queue.
    pub priority: Option<u8>,
    /// Matches a reply to its request.
    pub correlation_id: Option<ShortString>,
    /// Where the reply should go.
    pub reply_to: Option<ShortString>,
    /// Time to live, in milliseconds, as decimal digits.
    pub expiration: Option<ShortString>,
    /// The application's name for the message.
    pub message_id: Option<ShortString>,
    /// The application's time stamp, in seconds since the Unix epoch.
    pub timestamp: Option<u64>,
    /// The application's name for the kind of message (`type` in AMQP).
    pub message_type: Option<ShortString>,
    /// Who published it; checked against the authenticated user.
    pub user_id: Option<ShortString>,
    /// The application that published it.
    pub app_id: Option<ShortString>,
    /// Deprecated; passed through.
    pub cluster_id: Option<ShortString>,
}

/// What the broker must know of every message, gathered by the walk that validates its properties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PropertyFacts<'a> {
    /// `delivery-mode` is 2.
    pub is_persistent: bool,
    /// The `headers` hold `CC` or `BCC`: further routing keys.
    pub has_sender_selected: bool,
    /// The `priority`.
    pub priority: Option<u8>,
    /// The encoded `headers` table, without its length.
    pub headers: Option<&'a [u8]>,
    /// The `reply-to`, as received.
    pub reply_to: Option<&'a [u8]>,
    /// The `expiration`, as received.
    pub expiration: Option<&'a [u8]>,
    /// The `user-id`, as received.
    pub user_id: Option<&'a [u8]>,
}

/// Why property bytes are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PropertyError {
    /// The bytes end within a property.
    #[error("the property list ends within a property")]
    Truncated,
    /// There are bytes behind the last property.
    #[error("{0} bytes follow the last property")]
    Trailing(usize),
    /// A header has a kind that does not exist.
    #[error("unknown field type {0:#04x} in the headers")]
    UnknownFieldType(u8),
    /// The headers are tables in tables beyond reason.
    #[error("the headers are nested deeper than {0} levels")]
    TooDeep(usize),
}

/// Reads and writes properties in the byte format in which a message came.
///
/// A message carries its property bytes untouched and a reference to this; so `model` and `broker`
/// know no format.
#[derive(Debug)]
pub struct PropertyCodec {
    /// Decodes all properties.
    pub decode: fn(&[u8]) -> Result<Properties, PropertyError>,
    /// Walks the properties once, validates them, and gathers the facts.
    pub facts: for<'a> fn(&'a [u8]) -> Result<PropertyFacts<'a>, PropertyError>,
    /// Encodes properties.
    pub encode: fn(&Properties) -> Vec<u8>,
}
