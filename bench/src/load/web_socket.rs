//! A blocking WebSocket for conversations: STOMP publishers and consumers that acknowledge.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use memchr::memmem;
use wire::websocket::frame::{Opcode, append_client};

use super::dialect::{Browser, MASK};
use super::framing::{Counting, Walker};
use crate::Problem;

/// No broker takes longer to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// An upgraded and logged-in connection.
#[derive(Debug)]
pub(crate) struct WebSocket {
    pub(crate) stream: TcpStream,
    pub(crate) walker: Walker,
    buffer: Box<[u8]>,
}

impl WebSocket {
    /// Upgrades and logs in: the first two steps of a receiver.
    pub(crate) fn open(stream: TcpStream, browser: &Browser) -> Result<Self, Problem> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let walker = Walker::new(Counting::Frames);
        let mut socket = Self { stream, walker, buffer: vec![0; 256 * 1024].into() };
        let steps = browser.steps("");
        let [upgrade, login, ..] = steps.as_slice() else { return Err("no steps".into()) };
        socket.stream.write_all(&upgrade.send)?;
        let mut heard = Vec::new();
        let end = loop {
            let bytes = socket.stream.read(&mut socket.buffer)?;
            heard.extend_from_slice(socket.buffer.get(..bytes).unwrap_or_default());
            match memmem::find(&heard, upgrade.until) {
                Some(end) => break end + upgrade.until.len(),
                None if bytes == 0 => return Err("closed during the upgrade".into()),
                None => {}
            }
        };
        socket.stream.write_all(&login.send)?;
        let mut payload = Vec::new();
        socket.walker.walk(heard.get(end..).unwrap_or_default(), Some(&mut payload));
        socket.until(login.until, payload)?;
        Ok(socket)
    }

    /// Sends a STOMP frame and waits for an answer that contains `until`.
    pub(crate) fn call(&mut self, frame: &[u8], until: &[u8]) -> Result<(), Problem> {
        let mut out = Vec::new();
        append_client(&mut out, Opcode::Text, MASK, frame);
        self.stream.write_all(&out)?;
        self.until(until, Vec::new())
    }

    /// Reads once; appends what is payload.
    pub(crate) fn read(&mut self, payload: Option<&mut Vec<u8>>) -> Result<(), Problem> {
        let bytes = self.stream.read(&mut self.buffer)?;
        if bytes == 0 {
            return Err("the broker closed the connection".into());
        }
        self.walker.walk(self.buffer.get(..bytes).unwrap_or_default(), payload);
        Ok(())
    }

    fn until(&mut self, wanted: &[u8], mut payload: Vec<u8>) -> Result<(), Problem> {
        while memmem::find(&payload, wanted).is_none() || !self.walker.is_between_frames() {
            if payload.starts_with(b"ERROR") {
                return Err(String::from_utf8_lossy(&payload).into_owned().into());
            }
            self.read(Some(&mut payload))?;
        }
        Ok(())
    }
}
