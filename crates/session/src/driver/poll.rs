//! The driver as a future: turns until nothing moves, then wait for the socket, the link, the
//! clock.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite};

use super::scratch::Scratch;
use super::{Driver, Phase, Turn};
use crate::outbox::{Outbox, SLICES_MAX};
use crate::session::Session;

/// Turns without giving way to other tasks.
const TURNS_MAX: usize = 32;

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
        if let Some(kept) = &mut self.kept
            && !kept.unsent.is_empty()
        {
            scratch.actions.outbox = std::mem::take(&mut kept.unsent);
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
            self.kept.get_or_insert_default().unsent = std::mem::take(outbox);
        }
        self.kept.take_if(|kept| kept.unread.is_empty() && kept.unsent.is_empty());
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

    /// Sees to it that the task is woken at the next deadline, or earlier: that it is woken too
    /// early costs a look.
    fn arm_timer(&mut self, context: &mut Context<'_>) {
        if let Some(deadline) = self.next_deadline() {
            self.watch.wake_at(super::now(), deadline, context);
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
