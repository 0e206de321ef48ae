//! Publishes for a while, ahead of the receivers by no more than a window.

use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::crowd::Crowd;
use super::tape::Tape;
use crate::Problem;

/// How far publishing may run ahead.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Window {
    /// So many messages more than the connection has that has the fewest.
    Fewest(u64),
    /// So many messages more than came at all connections together.
    Total(u64),
}

/// Publishers and the crowd they publish to.
#[derive(Debug)]
pub(crate) struct Pump {
    pub(crate) crowd: Crowd,
    /// Publishers, which publish equally many messages.
    pub(crate) feeds: Vec<(TcpStream, Tape)>,
    pub(crate) window: Window,
    /// How many receivers get each message.
    pub(crate) receivers_per_message: u64,
    /// Messages of each publisher so far.
    published: u64,
}

/// What was delivered, and how long it took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivered {
    pub(crate) messages: u64,
    pub(crate) took: Duration,
}

/// How soon the publisher looks whether it may go on, the first time.
const LOOK_AFTER: Duration = Duration::from_micros(50);

/// How often it looks when that took longer.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// No window takes longer than this to open.
const PATIENCE: Duration = Duration::from_secs(60);

impl Pump {
    pub(crate) fn new(
        crowd: Crowd,
        feeds: Vec<(TcpStream, Tape)>,
        window: Window,
        receivers_per_message: u64,
    ) -> Self {
        Self { crowd, feeds, window, receivers_per_message, published: 0 }
    }

    /// Publishes as fast as the window allows, and waits until everything has come.
    pub(crate) fn run(&mut self, duration: Duration) -> Result<Delivered, Problem> {
        let (start, before) = (Instant::now(), self.expected());
        let (mut waits_since, mut pause) = (start, LOOK_AFTER);
        while start.elapsed() < duration {
            if self.has_room() {
                self.publish(self.chunk())?;
                (waits_since, pause) = (Instant::now(), LOOK_AFTER);
                continue;
            }
            self.crowd.gauge.check()?;
            if waits_since.elapsed() > PATIENCE {
                let came = self.crowd.gauge.messages();
                return Err(format!("{came} of {} messages came", self.expected()).into());
            }
            sleep(pause);
            pause = (2 * pause).min(LOOK_EVERY);
        }
        let end = self.settle()?;
        Ok(Delivered { messages: self.expected() - before, took: end - start })
    }

    /// Publishes so many messages at each publisher; returns when all had come.
    pub(crate) fn send(&mut self, count: u64) -> Result<Instant, Problem> {
        self.crowd.gauge.aim(self.expected() + self.deliveries(count));
        self.publish(count)?;
        self.crowd.gauge.reached(PATIENCE)
    }

    /// The messages that a window holds.
    pub(crate) fn window_messages(&self) -> u64 {
        match self.window {
            Window::Fewest(messages) | Window::Total(messages) => messages,
        }
    }

    /// Deliveries of everything that was published.
    pub(crate) fn expected(&self) -> u64 {
        self.deliveries(self.published)
    }

    fn deliveries(&self, messages: u64) -> u64 {
        messages * self.feeds.len() as u64 * self.receivers_per_message
    }

    fn settle(&self) -> Result<Instant, Problem> {
        self.crowd.gauge.aim(self.expected());
        self.crowd.gauge.reached(PATIENCE)
    }

    fn publish(&mut self, count: u64) -> Result<(), Problem> {
        for (stream, tape) in &mut self.feeds {
            tape.write(stream, count)?;
        }
        self.published += count;
        Ok(())
    }

    fn has_room(&self) -> bool {
        let ahead = match self.window {
            Window::Fewest(_) => self.published.saturating_sub(self.crowd.gauge.fewest()),
            Window::Total(_) => self.expected().saturating_sub(self.crowd.gauge.messages()),
        };
        ahead + self.chunk() <= self.window_messages()
    }

    fn chunk(&self) -> u64 {
        (self.window_messages() / 8).clamp(1, 256)
    }
}
