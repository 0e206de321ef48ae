//! What a receiver says to a broker until it is subscribed, and what it waits for in between.

use std::net::SocketAddr;

use wire::stomp::command::Command;
use wire::stomp::encoder::FrameWriter;
use wire::websocket::frame::{Mask, Opcode, append_client};

use super::Counting;

/// The language behind the WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Stomp,
    /// NATS's own protocol in binary messages.
    Nats,
    Mqtt,
}

/// Who connects where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Browser {
    pub(crate) place: SocketAddr,
    pub(crate) path: &'static str,
    pub(crate) dialect: Dialect,
    pub(crate) is_compressing: bool,
}

/// Bytes to send, and what must come before the next step.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(super) send: Vec<u8>,
    pub(super) until: &'static [u8],
}

/// A key of zeros: masked as RFC 6455 asks, and pre-encoded bytes stay what they are.
pub(crate) const MASK: Mask = Mask([0; 4]);

impl Browser {
    /// The upgrade, the login, and the subscription with its receipt.
    pub(crate) fn steps(&self, destination: &str) -> Vec<Step> {
        let upgrade = Step { send: self.upgrade(), until: b"\r\n\r\n" };
        let said: [(Vec<u8>, &[u8]); 2] = match self.dialect {
            Dialect::Stomp => [(connect(), b"CONNECTED"), (subscribe(destination), b"RECEIPT")],
            Dialect::Nats => [
                (b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\nPING\r\n".to_vec(), b"PONG"),
                (format!("SUB {destination} 1\r\nPING\r\n").into_bytes(), b"PONG"),
            ],
            // CONNACK and SUBACK.
            Dialect::Mqtt => {
                [(mqtt_connect(), b"\x20\x02"), (mqtt_subscribe(destination), b"\x90")]
            }
        };
        let opcode = match self.dialect {
            Dialect::Stomp => Opcode::Text,
            Dialect::Nats | Dialect::Mqtt => Opcode::Binary,
        };
        let said = said.into_iter().map(|(payload, until)| {
            let mut send = Vec::new();
            append_client(&mut send, opcode, MASK, &payload);
            Step { send, until }
        });
        [upgrade].into_iter().chain(said).collect()
    }

    /// How many messages there are in what comes later; `message_bytes` is what one of NATS has.
    pub(crate) fn counting(&self, message_bytes: u64) -> Counting {
        match self.dialect {
            Dialect::Nats => Counting::Payload(message_bytes),
            Dialect::Stomp | Dialect::Mqtt => Counting::Frames,
        }
    }

    fn upgrade(&self) -> Vec<u8> {
        let subprotocol = match self.dialect {
            Dialect::Stomp => "Sec-WebSocket-Protocol: v12.stomp\r\n",
            Dialect::Mqtt => "Sec-WebSocket-Protocol: mqtt\r\n",
            Dialect::Nats => "",
        };
        let extension = match self.is_compressing {
            true => "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
            false => "",
        };
        format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
             {subprotocol}{extension}\r\n",
            self.path, self.place
        )
        .into_bytes()
    }
}

fn connect() -> Vec<u8> {
    let mut frame = Vec::new();
    FrameWriter::begin(&mut frame, Command::Connect)
        .header("accept-version", "1.2")
        .header("host", "/")
        .header("login", "guest")
        .header("passcode", "guest")
        .finish(b"");
    frame
}

fn subscribe(destination: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    FrameWriter::begin(&mut frame, Command::Subscribe)
        .header("id", "0")
        .header("destination", destination)
        .header("receipt", "r")
        .finish(b"");
    frame
}

/// MQTT 3.1.1 with an empty client identifier and a clean session.
fn mqtt_connect() -> Vec<u8> {
    b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00".to_vec()
}

fn mqtt_subscribe(topic: &str) -> Vec<u8> {
    let length = u8::try_from(topic.len()).unwrap_or(u8::MAX);
    let mut packet = vec![0x82, length.saturating_add(5), 0, 1, 0, length];
    packet.extend_from_slice(topic.as_bytes());
    packet.push(0);
    packet
}
