//! A WebSocket of the floor: what it is answered while it logs in and subscribes.

use memchr::memmem;

use wire::websocket::frame::{Header, Opcode, append_server};

/// The accept value for the key that the load generator always sends (RFC 6455's own example).
const UPGRADED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Sec-WebSocket-Protocol: v12.stomp\r\n\r\n";
const CONNECTED: &[u8] =
    b"CONNECTED\nversion:1.2\nheart-beat:0,0\nserver:floor\nsession:session-A\n\n\0";
const RECEIPT: &[u8] = b"RECEIPT\nreceipt-id:r\n\n\0";

/// How far it is, and what of its next frame is there.
#[derive(Debug, Default)]
pub(super) struct Browser {
    is_upgraded: bool,
    heard: Vec<u8>,
}

impl Browser {
    /// Hears bytes; appends the answers to `out` and returns the key that is subscribed to, if one
    /// is.
    pub(super) fn hear(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Option<Box<[u8]>> {
        self.heard.extend_from_slice(bytes);
        let mut subscribed = None;
        let mut used = 0;
        if !self.is_upgraded {
            let end = memmem::find(&self.heard, b"\r\n\r\n")?;
            self.is_upgraded = true;
            out.extend_from_slice(UPGRADED);
            used = end + 4;
        }
        while let Some((payload, behind)) = frame(&mut self.heard, used) {
            if payload.starts_with(b"CONNECT") {
                append_server(out, Opcode::Text, CONNECTED);
            } else if payload.starts_with(b"SUBSCRIBE") {
                subscribed = key(payload);
                append_server(out, Opcode::Text, RECEIPT);
            }
            used = behind;
        }
        self.heard.drain(..used);
        // An idle session keeps no buffer.
        if self.heard.is_empty() {
            self.heard = Vec::new();
        }
        subscribed
    }
}

/// The payload of the frame at `start`, unmasked, and where the next one begins.
fn frame(heard: &mut [u8], start: usize) -> Option<(&[u8], usize)> {
    let (header, header_bytes) = Header::parse(heard.get(start..)?).ok()??;
    let payload_start = start + header_bytes;
    let end = payload_start + usize::try_from(header.payload_bytes).ok()?;
    let payload = heard.get_mut(payload_start..end)?;
    if let Some(mask) = header.mask {
        mask.apply(0, payload);
    }
    Some((payload, end))
}

/// What follows the last `/` of the destination.
fn key(subscribe: &[u8]) -> Option<Box<[u8]>> {
    const NAME: &[u8] = b"\ndestination:";
    let value = subscribe.get(memmem::find(subscribe, NAME)? + NAME.len()..)?;
    let destination = value.split(|byte| *byte == b'\n').next()?;
    destination.rsplit(|byte| *byte == b'/').next().map(Box::from)
}
