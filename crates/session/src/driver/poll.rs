//! The driver as a future: turns until nothing moves, then wait for the socket, the link, the
//! clock.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep_until;

use super::scratch::Scratch;
use super::{Driver, Phase, Turn};
use crate::outbox::{Outbox, SLICES_MAX};
use crate::session::Session;

/// Turns without giving way to other tasks.
const TURNS_MAX: usize = 32;

/// The clock's step.
const TICK: Duration = Duration::from_millis(1);

impl<S, P> Future for Driver<S, P>
where
    S: AsyncRead + AsyncWrite + Unpin,
    P: Session + Unpin,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut scratch = Scratch::take();
        let outcome = self.get_mut().run(context, &mut scratch);
        scratch.put_back();
        outcome
    }
}

impl<S, P> Driver<S, P>
where
    S: AsyncRead + AsyncWrite + Unpin,
    P: Session + Unpin,
{
    fn run(&mut self, context: &mut Context<'_>, scratch: &mut Scratch) -> Poll<()> {
        if let Some(unsent) = self.unsent.take() {
            scratch.actions.outbox = *unsent;
        }
        scratch.actions.outbox.set_framing(self.transport.framing());
        for _ in 0..TURNS_MAX {
            match self.turn(context, scratch) {
                Ok(Turn::Again) => {}
                Ok(Turn::Wait) => {
                    self.keep_unsent(scratch);
                    self.arm_timer(context);
                    return Poll::Pending;
                }
                Ok(Turn::End) => {
                    self.link.close(super::now());
                    return Poll::Ready(());
                }
                Err(error) => {
                    tracing::debug!(connection = self.link.connection().name(), %error, "lost");
                    self.link.close(super::now());
                    return Poll::Ready(());
                }
            }
        }
        self.keep_unsent(scratch);
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn keep_unsent(&mut self, scratch: &mut Scratch) {
        let outbox = &mut scratch.actions.outbox;
        if !outbox.is_empty() {
            self.unsent = Some(Box::new(std::mem::take(outbox)));
        }
    }

    /// Writes as much as the socket takes.
    pub(super) fn write(
        &mut self,
        context: &mut Context<'_>,
        now: Instant,
        outbox: &mut Outbox,
    ) -> io::Result<()> {
        while !outbox.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let used = outbox.slices(&mut slices);
            let slices = slices.get(..used).unwrap_or_default();
            let bytes = match Pin::new(&mut self.stream).poll_write_vectored(context, slices)? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(bytes) => bytes,
                Poll::Pending => return Ok(()),
            };
            outbox.advance(bytes);
            self.is_flushed = false;
            self.session.wrote(now);
            let meter = &self.link.connection().meter;
            meter.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
            meter.writes.fetch_add(1, Ordering::Relaxed);
        }
        if !self.is_flushed {
            self.is_flushed = Pin::new(&mut self.stream).poll_flush(context)?.is_ready();
        }
        Ok(())
    }

    /// Sees to it that the task is woken at the next deadline, or earlier: a timer that is armed
    /// for an earlier time is left alone, because deadlines move on with every byte.
    fn arm_timer(&mut self, context: &mut Context<'_>) {
        let Some(deadline) = self.next_deadline() else { return };
        let deadline = deadline.max(super::now() + TICK).into();
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.is_elapsed() || timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        if timer.as_mut().poll(context).is_ready() {
            context.waker().wake_by_ref();
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let own = match self.phase {
            Phase::Closing { deadline, .. } => return Some(deadline),
            Phase::GoingDown { deadline } => Some(deadline),
            Phase::Open => None,
        };
        let deadlines = [own, self.session.next_deadline(), self.transport.idle_deadline()];
        deadlines.into_iter().flatten().min()
    }
}
