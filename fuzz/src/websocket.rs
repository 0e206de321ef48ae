//! A WebSocket client: pieces of its script, well formed or not, and the bytes they stand for.

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use wire::websocket::deflate::compress_tail;
use wire::websocket::{Header, Mask, Opcode, Role};

/// A request that a server accepts, with compression.
pub const UPGRADE_REQUEST: &[u8] = b"GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: v12.stomp\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

const CONTROLS: [Opcode; 3] = [Opcode::Ping, Opcode::Pong, Opcode::Close];

/// One thing that an end sends.
#[derive(Arbitrary, Debug)]
pub enum WebSocketPiece<'a> {
    /// A message, in fragments of so many bytes if that is not 0.
    Message { form: Form, fragment_bytes: u8, payload: &'a [u8] },
    /// A compressed message of one byte over and over: up to a MiB in a few bytes.
    Bomb { byte: u8, kibibytes: u16 },
    /// A compressed message that is none.
    Deflate(&'a [u8]),
    /// A control frame.
    Control { opcode: u8, payload: &'a [u8] },
    /// A frame with any header and any payload.
    Frame { first: u8, mask: Option<[u8; 4]>, payload: &'a [u8] },
    /// Any bytes.
    Raw(&'a [u8]),
}

/// How a message is sent.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Form {
    /// As text, which it may not be.
    Text,
    /// As bytes.
    Binary,
    /// Compressed.
    Compressed,
}

/// The largest bomb, in KiB.
const BOMB_KIBIBYTES_MAX: usize = 1024;

impl WebSocketPiece<'_> {
    /// Appends the bytes, for `reader` to read.
    pub fn write(&self, reader: Role, out: &mut Vec<u8>) {
        let mask = match reader {
            Role::Server => Some(Mask([0x55, 0xAA, 0x0F, 0xF1])),
            Role::Client => None,
        };
        match *self {
            Self::Message { form, fragment_bytes, payload } => {
                message(out, mask, form, fragment_bytes.into(), payload);
            }
            Self::Bomb { byte, kibibytes } => {
                let bytes = usize::from(kibibytes) % BOMB_KIBIBYTES_MAX * 1024;
                message(out, mask, Form::Compressed, 0, &vec![byte; bytes]);
            }
            Self::Deflate(payload) => {
                frame(out, Header { is_compressed: true, ..plain(Opcode::Binary, mask) }, payload);
            }
            Self::Control { opcode, payload } => {
                let opcode = CONTROLS[usize::from(opcode) % CONTROLS.len()];
                frame(out, plain(opcode, mask), &payload[..payload.len().min(125)]);
            }
            Self::Frame { first, mask, payload } => {
                let start = out.len();
                frame(out, plain(Opcode::Binary, mask.map(Mask)), payload);
                out[start] = first;
            }
            Self::Raw(bytes) => out.extend_from_slice(bytes),
        }
    }
}

fn message(
    out: &mut Vec<u8>,
    mask: Option<Mask>,
    form: Form,
    fragment_bytes: usize,
    plain_payload: &[u8],
) {
    let compressed;
    let payload = match form {
        Form::Compressed => {
            compressed = compress_tail(plain_payload);
            &compressed
        }
        Form::Text | Form::Binary => plain_payload,
    };
    let opcode = if matches!(form, Form::Text) { Opcode::Text } else { Opcode::Binary };
    let first_bytes =
        if fragment_bytes == 0 { payload.len() } else { fragment_bytes.min(payload.len()) };
    let (first, rest) = payload.split_at(first_bytes);
    let header = Header {
        is_final: rest.is_empty(),
        is_compressed: matches!(form, Form::Compressed),
        ..plain(opcode, mask)
    };
    frame(out, header, first);
    let mut rest = rest.chunks(fragment_bytes.max(1)).peekable();
    while let Some(fragment) = rest.next() {
        let is_final = rest.peek().is_none();
        frame(out, Header { is_final, ..plain(Opcode::Continuation, mask) }, fragment);
    }
}

fn plain(opcode: Opcode, mask: Option<Mask>) -> Header {
    Header { mask, ..Header::server(opcode, 0) }
}

fn frame(out: &mut Vec<u8>, header: Header, payload: &[u8]) {
    let payload_bytes = payload.len() as u64;
    Header { payload_bytes, ..header }.append_to(out);
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(mask) = header.mask {
        mask.apply(0, &mut out[start..]);
    }
}
