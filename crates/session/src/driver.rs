//! One task per connection: moves bytes between a socket and a session, and commands and events
//! between the session and its link.
//!
//! ```text
//! socket ─▸ scratch ─▸ transport ─▸ session ─▸ commands ─▸ link
//! socket ◂─ outbox  ◂────────────── session ◂─ events   ◂─ link
//! ```
//!
//! A turn reads what is there, hears what is there, submits once, writes once. Buffers belong to
//! the thread; a connection keeps only an unfinished rest of its input, and unsent bytes while its
//! socket takes no more. An idle connection keeps neither.

mod closing;
mod poll;
mod scratch;

use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use engine::Link;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wire::websocket::CloseCode;

use self::scratch::Scratch;
use crate::action::Close;
use crate::outbox::Outbox;
use crate::session::Session;
use crate::shutdown::Watch;
use crate::transport::{Fed, Found, Transport};
use crate::websocket::Upgraded;
use crate::websocket::transport::append_close;

/// No deliveries are fetched for a peer that has this many bytes to read.
pub const DELIVER_BELOW_BYTES: usize = 256 * 1024;

/// Nothing more is read from a peer that has this many bytes to read: it asks, but does not listen.
/// Above [`DELIVER_BELOW_BYTES`], so that the heart-beats of a slow reader are still heard.
pub const READ_BELOW_BYTES: usize = 1024 * 1024;

/// Deliveries fetched in one turn.
const EVENTS_MAX: usize = 256;

/// How long a peer may take to answer our goodbye, and to read what came before it.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a session may take to end when the node goes down: for receipts and confirms in flight.
pub const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);

const _: () = assert!(DELIVER_BELOW_BYTES < READ_BELOW_BYTES);

/// A connection, from the first byte behind the upgrade to its end. Await it.
#[derive(Debug)]
#[must_use = "a connection that nobody awaits is closed"]
pub struct Driver<S, P> {
    stream: S,
    session: P,
    link: Link,
    transport: Transport,
    watch: Watch,
    kept: Option<Box<Kept>>,
    phase: Phase,
    /// The session took no more before the end of `unread`.
    is_stalled: bool,
    /// Written bytes may lie in the stream (TLS).
    is_flushed: bool,
}

/// What a connection keeps between two turns; an idle one nothing.
#[derive(Debug, Default)]
struct Kept {
    /// Read, but not taken by the transport.
    unread: Vec<u8>,
    /// Not written, because the socket takes no more at the moment.
    unsent: Outbox,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// The session has been told that the node goes down.
    GoingDown {
        deadline: Instant,
    },
    /// Nothing more is heard; what is in the outbox leaves, then `awaits`.
    Closing {
        deadline: Instant,
        awaits: Awaits,
    },
}

/// What a closing connection waits for, once all is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaits {
    /// The WebSocket's Close from the peer.
    PeerClose,
    /// Our end of the stream being closed; then the peer's.
    Shutdown,
    /// The end of the stream.
    PeerEnd,
    /// Our end of the stream being closed.
    Nothing,
}

/// What a turn says about the next one.
enum Turn {
    Again,
    Wait,
    End,
}

impl<S, P> Driver<S, P>
where
    S: AsyncRead + AsyncWrite + Unpin,
    P: Session + Unpin,
{
    /// A session right on a stream.
    pub fn stream(stream: S, session: P, link: Link, watch: Watch) -> Self {
        let bare = Upgraded {
            stream,
            transport: Transport::Stream,
            unread: Vec::new(),
            authorization: None,
        };
        Self::websocket(bare, session, link, watch)
    }

    /// A session on a WebSocket.
    pub fn websocket(upgraded: Upgraded<S>, session: P, link: Link, watch: Watch) -> Self {
        let is_stalled = !upgraded.unread.is_empty();
        let kept = Kept { unread: upgraded.unread, unsent: Outbox::default() };
        Self {
            stream: upgraded.stream,
            session,
            link,
            transport: upgraded.transport,
            watch,
            is_stalled,
            kept: is_stalled.then(|| Box::new(kept)),
            phase: Phase::Open,
            is_flushed: true,
        }
    }

    fn turn(&mut self, context: &mut Context<'_>, scratch: &mut Scratch) -> io::Result<Turn> {
        let now = now();
        if self.is_closing() {
            return self.close_turn(context, now, scratch);
        }
        let was_full = scratch.actions.outbox.len() >= DELIVER_BELOW_BYTES;
        let is_due = self.look_at_clock(context, now, scratch);
        let has_heard = self.hear(context, now, scratch);
        let is_listening = self.is_listening(scratch);
        let has_read = match self.read(context, now, scratch) {
            Poll::Ready(read) => read?,
            Poll::Pending => false,
        };
        if (is_due || has_heard || has_read) && !self.is_closing() {
            self.carry_out(now, scratch);
        }
        if let Some(close) = scratch.actions.close.take() {
            self.say_goodbye(now, scratch, &close);
        }
        self.write(context, now, &mut scratch.actions.outbox)?;

        let has_room = was_full && scratch.actions.outbox.len() < DELIVER_BELOW_BYTES;
        // A session that wants to be called at once, again and again, waits for the clock's next
        // step.
        let is_settled = is_due && self.session.next_deadline().is_none_or(|next| next > now);
        // After deliveries: if the socket was found empty and the link is, too, both will wake us,
        // and another turn would find nothing.
        let has_more = has_heard && !(is_listening && self.link.poll_ready(context).is_pending());
        Ok(match has_read || has_more || has_room || is_settled || self.is_closing() {
            true => Turn::Again,
            false => Turn::Wait,
        })
    }

    /// Does what is due; whether anything was.
    fn look_at_clock(
        &mut self,
        context: &mut Context<'_>,
        now: Instant,
        scratch: &mut Scratch,
    ) -> bool {
        let actions = &mut scratch.actions;
        let has_come = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        let mut is_due = false;
        if self.phase == Phase::Open && self.watch.poll(context).is_ready() {
            self.phase = Phase::GoingDown { deadline: now + GOODBYE_TIMEOUT };
            self.session.shut_down(now, actions);
            is_due = true;
        }
        if has_come(self.session.next_deadline()) {
            self.session.expire(now, actions);
            is_due = true;
        }
        if matches!(self.phase, Phase::GoingDown { deadline } if deadline <= now) {
            actions.end(Close::GoingDown);
        }
        if !self.session.is_reading() && has_come(self.transport.idle_deadline()) {
            // Whom we do not read from is not idle.
            self.transport.received(now);
        }
        if has_come(self.transport.idle_deadline()) && actions.close.is_none() {
            tracing::debug!(connection = self.link.connection().name(), "idle for too long");
            append_close(actions.outbox.buffer(), Some(CloseCode::NORMAL), "");
            self.end(now, Awaits::PeerClose);
        }
        is_due
    }

    /// Fetches what the link has for the session; whether there was anything.
    fn hear(&mut self, context: &mut Context<'_>, now: Instant, scratch: &mut Scratch) -> bool {
        let Scratch { actions, events, .. } = scratch;
        if self.is_closing() {
            return false;
        }
        // A peer that does not read must still be told, and closed, if the connection ends.
        let (has_come, events_max) = match actions.outbox.len() < DELIVER_BELOW_BYTES {
            true => (self.link.poll_ready(context), EVENTS_MAX),
            false => (self.link.poll_end(context), 0),
        };
        if has_come.is_pending() {
            return false;
        }
        self.link.receive(now, events_max, events);
        for event in events.drain(..) {
            self.session.hear(now, event, actions);
        }
        true
    }

    /// Whether input is taken.
    fn is_listening(&self, scratch: &Scratch) -> bool {
        !self.is_closing()
            && scratch.actions.close.is_none()
            && scratch.actions.outbox.len() < READ_BELOW_BYTES
            && self.session.is_reading()
    }

    /// Reads once, and feeds the session; whether there was anything.
    fn read(
        &mut self,
        context: &mut Context<'_>,
        now: Instant,
        scratch: &mut Scratch,
    ) -> Poll<io::Result<bool>> {
        if !self.is_listening(scratch) {
            return Poll::Pending;
        }
        if self.is_stalled {
            let unread = self.take_unread();
            self.feed_kept(now, unread, scratch);
            return Poll::Ready(Ok(true));
        }
        let mut input = std::mem::take(&mut scratch.input);
        let read = self.read_into(context, now, scratch, &mut input);
        scratch.input = input;
        read
    }

    fn read_into(
        &mut self,
        context: &mut Context<'_>,
        now: Instant,
        scratch: &mut Scratch,
        input: &mut [u8],
    ) -> Poll<io::Result<bool>> {
        let bytes = ready!(self.fill(context, input))?;
        if bytes == 0 {
            self.end(now, Awaits::Nothing);
            return Poll::Ready(Ok(false));
        }
        self.transport.received(now);
        let input = input.get_mut(..bytes).unwrap_or_default();
        let mut unread = self.take_unread();
        if unread.is_empty() {
            let taken = self.feed(now, input, scratch);
            self.keep_unread(input.get(taken..).unwrap_or_default().to_vec());
        } else {
            unread.extend_from_slice(input);
            self.feed_kept(now, unread, scratch);
        }
        Poll::Ready(Ok(true))
    }

    /// Reads into `input`; 0 is the end of the stream.
    fn fill(&mut self, context: &mut Context<'_>, input: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(input);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
        let bytes = buffer.filled().len();
        let meter = &self.link.connection().meter;
        meter.received_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        meter.reads.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Ok(bytes))
    }

    /// Feeds the session from `unread`, and keeps what is left of it.
    fn feed_kept(&mut self, now: Instant, mut unread: Vec<u8>, scratch: &mut Scratch) {
        let rest = match self.feed(now, &mut unread, scratch) {
            // A long frame on its way: the buffer goes on growing.
            0 => unread,
            taken => unread.get(taken..).unwrap_or_default().to_vec(),
        };
        self.keep_unread(rest);
    }

    fn take_unread(&mut self) -> Vec<u8> {
        self.kept.as_mut().map(|kept| std::mem::take(&mut kept.unread)).unwrap_or_default()
    }

    fn keep_unread(&mut self, unread: Vec<u8>) {
        if !unread.is_empty() {
            self.kept.get_or_insert_default().unread = unread;
        }
    }

    /// Feeds the session, and says how much was taken.
    fn feed(&mut self, now: Instant, input: &mut [u8], scratch: &mut Scratch) -> usize {
        let Scratch { actions, inflater, .. } = scratch;
        let Fed { taken_bytes, found } =
            self.transport.feed(&mut self.session, now, input, actions, inflater);
        self.is_stalled = !self.session.is_reading();
        match found {
            Found::More => {}
            Found::PeerClosed(code) => {
                self.carry_out(now, scratch);
                append_close(scratch.actions.outbox.buffer(), code, "");
                self.end(now, Awaits::Nothing);
            }
            Found::Violation(violation) => {
                tracing::debug!(connection = self.link.connection().name(), %violation);
                self.carry_out(now, scratch);
                let code = violation.close_code();
                append_close(scratch.actions.outbox.buffer(), Some(code), "");
                self.end(now, Awaits::Shutdown);
            }
        }
        taken_bytes
    }

    /// Submits what the session wants, until it wants no more.
    fn carry_out(&mut self, now: Instant, scratch: &mut Scratch) {
        let Scratch { actions, events, .. } = scratch;
        loop {
            while !actions.commands.is_empty() {
                self.link.submit(now, &mut actions.commands, events);
                for event in events.drain(..) {
                    self.session.hear(now, event, actions);
                }
            }
            self.session.settle_batch(now, actions);
            if actions.commands.is_empty() {
                return;
            }
        }
    }
}

/// The time, as tests may move it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests;
