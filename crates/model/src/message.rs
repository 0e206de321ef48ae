//! A message: shared by everyone it goes to, never copied.

use std::fmt;
use std::sync::OnceLock;

use crate::name::ExchangeName;
use crate::properties::{Properties, PropertyCodec, PropertyError};
use crate::routing_key::RoutingKey;

/// The largest body any configuration allows, in bytes. Source: RabbitMQ's hard cap, 512 MiB.
pub const BODY_BYTES_HARD_MAX: u64 = 536_870_912;

/// What a session puts together to make a [`Message`].
///
/// `content` is one buffer, `routing key ‖ property bytes ‖ body`, so that a message costs two
/// allocations: the buffer and the counter around it.
#[derive(Debug)]
pub struct MessageParts {
    /// The exchange it was published to.
    pub exchange: ExchangeName,
    /// Routing key, property bytes and body, one behind the other.
    pub content: Vec<u8>,
    /// How many bytes of `content` are the routing key.
    pub key_bytes: u8,
    /// How many bytes of `content`, behind the key, are the properties as received.
    pub property_bytes: u32,
    /// Reads and writes those property bytes.
    pub codec: &'static PropertyCodec,
    /// What the broker must know of the properties without decoding them.
    pub marks: Marks,
}

/// What the broker must know of every message without decoding its properties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// `delivery_mode` 2.
    pub is_persistent: bool,
    /// The `user_id` property is present and must be judged.
    pub has_user_id: bool,
    /// A `CC` or `BCC` header is present: there are more routing keys than one.
    pub has_sender_selected: bool,
    /// The `priority` property.
    pub priority: Option<u8>,
    /// The `expiration` property, in milliseconds.
    pub expiration_ms: Option<u64>,
    /// This broker wrote its `x-death` header; what a publisher says there is not believed.
    pub is_dead_letter: bool,
}

/// A published message. Kept behind an `Arc`; nobody changes it.
pub struct Message {
    exchange: ExchangeName,
    content: Box<[u8]>,
    body_at: u32,
    key_bytes: u8,
    marks: Marks,
    codec: &'static PropertyCodec,
    tails: Tails,
}

/// Renderings that every receiver of a message shares, made by the first that needs them.
///
/// Opaque here: `session` fills them and knows what they hold.
#[derive(Default)]
pub struct Tails {
    /// A STOMP MESSAGE without its head: what does not differ between subscribers.
    pub stomp: OnceLock<StompTail>,
}

impl Tails {
    /// How many bytes the renderings that were made take.
    pub fn bytes(&self) -> usize {
        let deflated = |tail: &StompTail| tail.deflated.get().map_or(0, |it| it.len());
        self.stomp.get().map_or(0, |tail| tail.bytes.len() + deflated(tail))
    }
}

/// A STOMP MESSAGE without its head.
#[derive(Debug)]
pub struct StompTail {
    /// As it is.
    pub bytes: Box<[u8]>,
    /// Whether that is UTF-8 throughout: what is not cannot go into a text message.
    pub is_text: bool,
    /// The same as DEFLATE blocks of their own.
    pub deflated: OnceLock<Box<[u8]>>,
}

impl Message {
    /// Makes a message of its parts.
    ///
    /// # Panics
    ///
    /// Never, if the lengths in `parts` lie within `content`; lengths beyond it are cut there.
    pub fn new(parts: MessageParts) -> Self {
        let content = parts.content.into_boxed_slice();
        let key_bytes = usize::from(parts.key_bytes).min(content.len());
        let body_at = (key_bytes + parts.property_bytes as usize).min(content.len());
        Self {
            exchange: parts.exchange,
            key_bytes: u8::try_from(key_bytes).unwrap_or(u8::MAX),
            body_at: u32::try_from(body_at).unwrap_or(u32::MAX),
            content,
            marks: parts.marks,
            codec: parts.codec,
            tails: Tails::default(),
        }
    }

    /// The exchange it was published to.
    pub fn exchange(&self) -> &ExchangeName {
        &self.exchange
    }

    /// Routing key, property bytes and body, one behind the other.
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// The key it was published with.
    pub fn routing_key(&self) -> &[u8] {
        self.content.get(..usize::from(self.key_bytes)).unwrap_or_default()
    }

    /// The property bytes as received, to be passed through untouched.
    pub fn property_bytes(&self) -> &[u8] {
        self.content.get(usize::from(self.key_bytes)..self.body_at as usize).unwrap_or_default()
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        self.content.get(self.body_at as usize..).unwrap_or_default()
    }

    /// What the broker must know without decoding.
    pub fn marks(&self) -> Marks {
        self.marks
    }

    /// Decodes the properties. For rules that ask; the message path passes the bytes through.
    ///
    /// # Errors
    ///
    /// [`PropertyError`] if the bytes are none; a session lets no such message in.
    pub fn properties(&self) -> Result<Properties, PropertyError> {
        (self.codec.decode)(self.property_bytes())
    }

    /// How its property bytes are read and written.
    pub fn codec(&self) -> &'static PropertyCodec {
        self.codec
    }

    /// The renderings that its receivers share.
    pub fn tails(&self) -> &Tails {
        &self.tails
    }

    /// A copy under another exchange and key with other properties: what dead-lettering makes.
    pub fn republished(
        &self,
        exchange: ExchangeName,
        key: &RoutingKey,
        properties: &Properties,
        marks: Marks,
    ) -> Self {
        let encoded = (self.codec.encode)(properties);
        let key = key.as_bytes();
        let mut content = Vec::with_capacity(key.len() + encoded.len() + self.body().len());
        content.extend_from_slice(key);
        content.extend_from_slice(&encoded);
        content.extend_from_slice(self.body());
        Self::new(MessageParts {
            exchange,
            content,
            key_bytes: u8::try_from(key.len()).unwrap_or(u8::MAX),
            property_bytes: u32::try_from(encoded.len()).unwrap_or(u32::MAX),
            codec: self.codec,
            marks,
        })
    }
}

impl fmt::Debug for Message {
    /// Names and sizes; never the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("exchange", &self.exchange)
            .field("routing_key", &String::from_utf8_lossy(self.routing_key()))
            .field("body_bytes", &self.body().len())
            .finish_non_exhaustive()
    }
}
