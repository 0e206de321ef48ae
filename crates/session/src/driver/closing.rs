//! How a connection ends: what is in the outbox leaves, the peer may answer, the socket closes.
//!
//! A socket that is closed while input waits in it is reset, and takes along what the peer has not
//! read yet. So our end is shut first, and what still comes is read and dropped, for a while.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite};

use super::scratch::Scratch;
use super::{Awaits, CLOSE_TIMEOUT, Driver, Phase, Turn};
use crate::action::Close;
use crate::session::Session;
use crate::transport::Transport;
use crate::websocket::transport::append_goodbye;

impl<S, P> Driver<S, P>
where
    S: AsyncRead + AsyncWrite + Unpin,
    P: Session + Unpin,
{
    /// Ends the connection as the session wants it.
    pub(super) fn say_goodbye(&mut self, now: Instant, scratch: &mut Scratch, close: &Close) {
        if self.is_closing() {
            return;
        }
        tracing::debug!(connection = self.link.connection().name(), ?close);
        let awaits = match &self.transport {
            Transport::Stream => Awaits::Shutdown,
            Transport::WebSocket(_) => {
                append_goodbye(scratch.actions.outbox.buffer(), close);
                Awaits::PeerClose
            }
        };
        self.end(now, awaits);
    }

    /// Nothing more is heard from here on, neither from the peer nor from the link.
    pub(super) fn end(&mut self, now: Instant, awaits: Awaits) {
        self.link.close(now);
        self.phase = Phase::Closing { deadline: now + CLOSE_TIMEOUT, awaits };
    }

    pub(super) fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing { .. })
    }

    /// What is left to do when nothing more is heard.
    pub(super) fn close_turn(
        &mut self,
        context: &mut Context<'_>,
        now: Instant,
        scratch: &mut Scratch,
    ) -> io::Result<Turn> {
        let Phase::Closing { deadline, awaits } = self.phase else {
            return Ok(Turn::Again);
        };
        if deadline <= now {
            return Ok(Turn::End);
        }
        self.write(context, now, &mut scratch.actions.outbox)?;
        let is_written = scratch.actions.outbox.is_empty() && self.is_flushed;
        match awaits {
            Awaits::Nothing | Awaits::Shutdown if is_written => {
                if Pin::new(&mut self.stream).poll_shutdown(context)?.is_pending() {
                    return Ok(Turn::Wait);
                }
                if awaits == Awaits::Nothing {
                    return Ok(Turn::End);
                }
                self.phase = Phase::Closing { deadline, awaits: Awaits::PeerEnd };
                Ok(Turn::Again)
            }
            Awaits::Nothing => Ok(Turn::Wait),
            Awaits::Shutdown | Awaits::PeerClose | Awaits::PeerEnd => {
                let mut input = std::mem::take(&mut scratch.input);
                let read = self.fill(context, &mut input);
                let turn = match read {
                    Poll::Pending => Ok(Turn::Wait),
                    Poll::Ready(Err(error)) => Err(error),
                    Poll::Ready(Ok(0)) => Ok(Turn::End),
                    Poll::Ready(Ok(bytes)) => {
                        if awaits == Awaits::PeerClose
                            && self.has_answered(input.get(..bytes).unwrap_or_default(), scratch)
                        {
                            self.phase = Phase::Closing { deadline, awaits: Awaits::Nothing };
                        }
                        Ok(Turn::Again)
                    }
                };
                // However the read went: the thread's other connections read into it, too.
                scratch.input = input;
                turn
            }
        }
    }

    /// Whether the peer's Close has come with `input`.
    fn has_answered(&mut self, input: &[u8], scratch: &mut Scratch) -> bool {
        let Transport::WebSocket(websocket) = &mut self.transport else {
            return true;
        };
        let bytes_max = self.session.message_bytes_max();
        let unread = &mut self.kept.get_or_insert_default().unread;
        unread.extend_from_slice(input);
        let (taken, has_answered) =
            websocket.has_answered(unread, bytes_max, &mut scratch.inflater);
        unread.drain(..taken);
        has_answered
    }
}
