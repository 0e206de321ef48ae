//! AMQP 0-9-1 by hand: as much as it takes to log in and then to go wrong.

use std::net::SocketAddr;

use crate::peer::Peer;

/// What a client says first.
pub(crate) const HEADER: &[u8] = b"AMQP\x00\x00\x09\x01";

/// One frame: type, channel, size, payload, end.
pub(crate) fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(channel.to_be_bytes());
    bytes.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
    bytes.extend(payload);
    bytes.push(0xCE);
    bytes
}

/// A method frame: class, method, arguments.
pub(crate) fn method(channel: u16, class: u16, method: u16, arguments: &[u8]) -> Vec<u8> {
    let mut payload = class.to_be_bytes().to_vec();
    payload.extend(method.to_be_bytes());
    payload.extend(arguments);
    frame(1, channel, &payload)
}

/// A peer that has opened its connection and channel 1; frames are at most `frame_bytes_max`.
pub(crate) fn open(address: SocketAddr, frame_bytes_max: u32) -> Peer {
    let mut peer = Peer::saying(address, HEADER);
    expect(&mut peer, 10, 10);
    // client-properties, mechanism, response, locale
    let mut start_ok = 0_u32.to_be_bytes().to_vec();
    start_ok.extend(b"\x05PLAIN\x00\x00\x00\x0c\x00guest\x00guest\x05en_US");
    peer.say(method(0, 10, 11, &start_ok));
    expect(&mut peer, 10, 30);
    // channel-max, frame-max, heart-beat
    let mut tune_ok = 0_u16.to_be_bytes().to_vec();
    tune_ok[1] = 16;
    tune_ok.extend(frame_bytes_max.to_be_bytes());
    tune_ok.extend(0_u16.to_be_bytes());
    peer.say(method(0, 10, 31, &tune_ok));
    peer.say(method(0, 10, 40, b"\x01/\x00\x00"));
    expect(&mut peer, 10, 41);
    peer.say(method(1, 20, 10, b"\x00"));
    expect(&mut peer, 20, 11);
    peer
}

/// The next frame is this method; returns its arguments.
pub(crate) fn expect(peer: &mut Peer, class: u16, method: u16) -> Vec<u8> {
    let head = peer.hear(7);
    let size = u32::from_be_bytes(head[3..7].try_into().unwrap());
    let payload = peer.hear(size as usize);
    assert_eq!(peer.hear(1), [0xCE]);
    let number = |at: usize| u16::from_be_bytes(payload[at..at + 2].try_into().unwrap());
    let found = (head[0], number(0), number(2));
    assert_eq!(found, (1, class, method), "{:?}", String::from_utf8_lossy(&payload));
    payload[4..].to_vec()
}

/// The broker closes the connection with this reply code, then for good.
pub(crate) fn expect_close(mut peer: Peer, code: u16) {
    let arguments = expect(&mut peer, 10, 50);
    let found = u16::from_be_bytes(arguments[..2].try_into().unwrap());
    assert_eq!(found, code, "{:?}", String::from_utf8_lossy(&arguments));
    peer.say(method(0, 10, 51, b""));
    peer.hear_to_the_end();
}
