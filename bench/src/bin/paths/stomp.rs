//! What a page sends: STOMP frames in masked WebSocket messages.

use wire::websocket::frame::append_client;
use wire::websocket::{Mask, Opcode};

/// Any will do: the broker takes it off again.
const MASK: Mask = Mask([0x11, 0x22, 0x33, 0x44]);

/// The request for the upgrade, with an offer of extensions unless it is empty.
pub(crate) fn upgrade_request(extensions: &str) -> String {
    let offer = match extensions {
        "" => String::new(),
        extensions => format!("Sec-WebSocket-Extensions: {extensions}\r\n"),
    };
    format!(
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: v12.stomp\r\n{offer}\r\n"
    )
}

/// One frame as a message of its own.
pub(crate) fn message(frame: &str) -> Vec<u8> {
    let mut out = Vec::new();
    append_client(&mut out, Opcode::Text, MASK, frame.as_bytes());
    out
}

/// A SUBSCRIBE with automatic acknowledgement, and a receipt of the same name.
pub(crate) fn subscribe(id: &str, destination: &str) -> Vec<u8> {
    message(&format!("SUBSCRIBE\nid:{id}\ndestination:{destination}\nreceipt:{id}\n\n\0"))
}

/// Its end, with the same receipt.
pub(crate) fn unsubscribe(id: &str) -> Vec<u8> {
    message(&format!("UNSUBSCRIBE\nid:{id}\nreceipt:{id}\n\n\0"))
}

/// A SEND as a page makes it.
pub(crate) fn send(destination: &str, body: &str) -> Vec<u8> {
    message(&format!(
        "SEND\ndestination:{destination}\ncontent-type:application/json\ncontent-length:{}\n\n\
         {body}\0",
        body.len()
    ))
}
