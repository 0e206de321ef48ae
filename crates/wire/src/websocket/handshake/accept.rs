//! `Sec-WebSocket-Key` and what proves that it was read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha1::{Digest, Sha1};

/// RFC 6455, section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A `Sec-WebSocket-Key`, as it stands in the header.
///
/// RFC 6455 asks for 16 bytes in base64. RabbitMQ takes any text, and so do we: the key protects
/// the client, not the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(pub(super) String);

impl Key {
    /// A client's key, made of 16 unpredictable bytes.
    pub fn from_nonce(nonce: [u8; 16]) -> Self {
        Self(BASE64.encode(nonce))
    }

    /// The `Sec-WebSocket-Accept` that answers it.
    pub fn accept(&self) -> String {
        let digest = Sha1::new().chain_update(&self.0).chain_update(GUID).finalize();
        BASE64.encode(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standards_example_is_answered() {
        let key = Key("dGhlIHNhbXBsZSBub25jZQ==".into());
        assert_eq!(key.accept(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(Key::from_nonce(*b"the sample nonce"), key);
    }
}
