//! A bare TCP peer that says whatever a test wants, and waits for an answer with a bound.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a peer waits for bytes or for the end.
const WAIT_MAX: Duration = Duration::from_secs(15);

/// A TCP connection.
pub(crate) struct Peer(TcpStream);

impl Peer {
    /// Connects.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(WAIT_MAX)).unwrap();
        socket.set_write_timeout(Some(WAIT_MAX)).unwrap();
        socket.set_nodelay(true).unwrap();
        Self(socket)
    }

    /// Connects and speaks first.
    pub(crate) fn saying(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Self {
        let mut peer = Self::connect(address);
        peer.say(bytes);
        peer
    }

    /// Sends bytes. The broker may have closed already: what it answered tells.
    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.0.write_all(bytes.as_ref());
    }

    /// Exactly `count` bytes.
    pub(crate) fn hear(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).expect("the broker answers");
        bytes
    }

    /// Everything up to and with `end`.
    pub(crate) fn hear_until(&mut self, end: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(end) {
            bytes.extend(self.hear(1));
        }
        bytes
    }

    /// What else the broker says before it closes the connection; fails if it stays open.
    pub(crate) fn hear_to_the_end(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut part = [0; 4096];
        loop {
            match self.0.read(&mut part) {
                Ok(0) => return bytes,
                Ok(count) => bytes.extend(&part[..count]),
                Err(error) if is_timeout(&error) => panic!(
                    "the broker neither spoke nor closed; it had said {:?}",
                    String::from_utf8_lossy(&bytes)
                ),
                // A reset: it closed while our bytes were under way.
                Err(_) => return bytes,
            }
        }
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

/// A STOMP client over TCP that sees whether the broker still serves others.
pub(crate) struct Witness(Peer);

impl Witness {
    /// Logs in and subscribes.
    pub(crate) fn at(address: SocketAddr) -> Self {
        let mut peer = Peer::saying(
            address,
            "CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0\
             SUBSCRIBE\nid:0\ndestination:/topic/witness\nreceipt:r\n\n\0",
        );
        let connected = peer.hear_until(b"\0");
        assert!(connected.starts_with(b"CONNECTED\n"), "{:?}", String::from_utf8_lossy(&connected));
        peer.hear_until(b"receipt-id:r\n\n\0");
        Self(peer)
    }

    /// The same connection still sends and receives.
    pub(crate) fn is_still_served(&mut self) {
        self.0.say("SEND\ndestination:/topic/witness\n\nstill here\0");
        let message = self.0.hear_until(b"still here\0");
        assert!(String::from_utf8_lossy(&message).contains("MESSAGE\n"));
    }
}
