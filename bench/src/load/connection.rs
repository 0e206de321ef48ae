//! One socket of a receiver: first the steps of opening, then counting.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};

use memchr::memmem;
use mio::net::TcpStream;

use super::dialect::Step;
use super::framing::Walker;

/// A socket and where it is.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) walker: Walker,
    opening: Option<Box<Opening>>,
    /// Everything that comes, frame headers too; of a sample only.
    pub(super) kept: Option<Vec<u8>>,
}

#[derive(Debug)]
struct Opening {
    steps: VecDeque<Step>,
    is_sent: bool,
    is_upgraded: bool,
    heard: Vec<u8>,
}

/// What reading brought about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// There are steps to take.
    Opening,
    /// The last step is done.
    Opened,
    /// So many messages ended.
    Messages(u64),
}

impl Connection {
    /// One that takes its steps as soon as it is connected.
    pub(super) fn opening(stream: TcpStream, steps: Vec<Step>, walker: Walker) -> Self {
        let opening =
            Opening { steps: steps.into(), is_sent: false, is_upgraded: false, heard: Vec::new() };
        Self { stream, walker, opening: Some(Box::new(opening)), kept: None }
    }

    /// One that is open already.
    pub(super) fn open(stream: TcpStream, walker: Walker) -> Self {
        Self { stream, walker, opening: None, kept: None }
    }

    /// Reads all there is.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<News> {
        let before = self.walker.messages();
        loop {
            let bytes = match self.stream.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(bytes) => bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(self.news(before));
                }
                Err(error) => return Err(error),
            };
            let input = buffer.get(..bytes).unwrap_or_default();
            if self.opening.is_none() {
                self.walker.walk(input, None);
            } else if self.hear(input)? {
                return Ok(News::Opened);
            }
            if let Some(kept) = &mut self.kept {
                kept.extend_from_slice(input);
            }
            // A short read emptied the socket; what comes later is an event of its own.
            if bytes < buffer.len() {
                return Ok(self.news(before));
            }
        }
    }

    fn news(&self, before: u64) -> News {
        match self.opening {
            Some(_) => News::Opening,
            None => News::Messages(self.walker.messages() - before),
        }
    }

    /// Sends the next step if the socket is connected and the step is not sent yet.
    pub(super) fn go_on(&mut self) -> io::Result<()> {
        let Some(opening) = self.opening.as_mut().filter(|opening| !opening.is_sent) else {
            return Ok(());
        };
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        let Some(step) = opening.steps.front() else { return Ok(()) };
        match self.stream.write(&step.send) {
            Ok(_) => opening.is_sent = true,
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Takes steps; returns whether the last one is done. Nothing follows it unasked.
    fn hear(&mut self, input: &[u8]) -> io::Result<bool> {
        let Some(opening) = &mut self.opening else { return Ok(false) };
        let mut rest = input;
        let joined;
        if !opening.is_upgraded {
            opening.heard.extend_from_slice(input);
            let Some(end) = memmem::find(&opening.heard, b"\r\n\r\n") else {
                return Ok(false);
            };
            if !opening.heard.starts_with(b"HTTP/1.1 101") {
                return Err(refused(&opening.heard));
            }
            opening.is_upgraded = true;
            opening.steps.pop_front();
            opening.is_sent = false;
            joined = opening.heard.split_off(end + 4);
            opening.heard.clear();
            rest = &joined;
            self.go_on()?;
        }
        let Some(opening) = &mut self.opening else { return Ok(false) };
        self.walker.walk(rest, Some(&mut opening.heard));
        let Some(step) = opening.steps.front() else { return Ok(false) };
        if opening.heard.starts_with(b"ERROR") || opening.heard.starts_with(b"-ERR") {
            return Err(refused(&opening.heard));
        }
        let is_there = memmem::find(&opening.heard, step.until).is_some();
        if !is_there || !self.walker.is_between_frames() || !opening.is_sent {
            return Ok(false);
        }
        opening.heard.clear();
        opening.steps.pop_front();
        opening.is_sent = false;
        if opening.steps.is_empty() {
            self.opening = None;
            self.walker.reset();
            return Ok(true);
        }
        self.go_on()?;
        Ok(false)
    }
}

fn refused(heard: &[u8]) -> io::Error {
    let text = String::from_utf8_lossy(heard.get(..heard.len().min(300)).unwrap_or_default());
    io::Error::other(format!("refused: {}", text.trim()))
}
