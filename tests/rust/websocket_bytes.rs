//! WebSocket by hand: a client that can also get it wrong.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::peer::Peer;

/// Opcodes of RFC 6455, section 5.2.
pub(crate) const TEXT: u8 = 1;
/// Closing handshake.
pub(crate) const CLOSE: u8 = 8;

/// A frame's first octet: it is the last of its message.
const FIN: u8 = 0x80;
/// A frame's second octet: its payload is masked.
const MASKED: u8 = 0x80;

/// An upgrade request for `path` with more header lines, each ending in CR LF.
pub(crate) fn request(path: &str, more: &str) -> String {
    let key = STANDARD.encode(b"sixteen bytes ok");
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{more}\r\n"
    )
}

/// Sends a request and returns the peer with the head of the answer.
pub(crate) fn ask(address: SocketAddr, request: &str) -> (Peer, String) {
    let mut peer = Peer::saying(address, request);
    let head = String::from_utf8(peer.hear_until(b"\r\n\r\n")).unwrap();
    (peer, head)
}

/// An open WebSocket at `/ws`.
pub(crate) fn open(address: SocketAddr) -> Peer {
    let (peer, head) = ask(address, &request("/ws", "Sec-WebSocket-Protocol: v12.stomp\r\n"));
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    peer
}

/// An open WebSocket that has logged in over STOMP.
pub(crate) fn session(address: SocketAddr) -> Peer {
    let mut peer = open(address);
    let connect = "CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0";
    peer.say(masked(TEXT, connect.as_bytes()));
    let (opcode, connected) = hear(&mut peer);
    assert_eq!(opcode, TEXT);
    assert!(connected.starts_with(b"CONNECTED\n"), "{:?}", String::from_utf8_lossy(&connected));
    peer
}

/// A whole message as a client sends it.
pub(crate) fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x11, 0x22, 0x33, 0x44];
    let mut bytes = head(opcode, payload.len(), MASKED);
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// A whole message as only a server may send it.
pub(crate) fn unmasked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = head(opcode, payload.len(), 0);
    bytes.extend(payload);
    bytes
}

/// The head of a frame of `length` octets, without its mask.
pub(crate) fn head(opcode: u8, length: usize, mask: u8) -> Vec<u8> {
    let mut bytes = vec![FIN | opcode];
    match u16::try_from(length) {
        Ok(short) if short < 126 => bytes.push(mask | u8::try_from(short).unwrap()),
        Ok(medium) => {
            bytes.push(mask | 126);
            bytes.extend(medium.to_be_bytes());
        }
        Err(_) => {
            bytes.push(mask | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes
}

/// The next frame of the server: opcode and payload.
pub(crate) fn hear(peer: &mut Peer) -> (u8, Vec<u8>) {
    let head = peer.hear(2);
    let length = match head[1] {
        126 => u64::from(u16::from_be_bytes(peer.hear(2).try_into().unwrap())),
        127 => u64::from_be_bytes(peer.hear(8).try_into().unwrap()),
        short => u64::from(short),
    };
    (head[0] & 0x0F, peer.hear(usize::try_from(length).unwrap()))
}

/// The server closes with this code. Returns what it said before, and then the close's reason.
pub(crate) fn expect_close(mut peer: Peer, code: u16) -> String {
    let mut said = String::new();
    loop {
        let (opcode, payload) = hear(&mut peer);
        if opcode != CLOSE {
            said.push_str(&String::from_utf8_lossy(&payload));
            continue;
        }
        let found = payload.get(..2).map(|code| u16::from_be_bytes(code.try_into().unwrap()));
        assert_eq!(found, Some(code), "{}", String::from_utf8_lossy(&payload));
        said.push_str(&String::from_utf8_lossy(&payload[2..]));
        peer.say(masked(CLOSE, &payload));
        peer.hear_to_the_end();
        return said;
    }
}
