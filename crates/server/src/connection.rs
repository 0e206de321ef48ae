//! A connection's task: what comes before its session, boxed and soon gone, then its driver.
//!
//! Every connection has one for as long as it lasts, so it holds what an idle one needs and no
//! more: an `async` block would keep room for the sockets and sessions that it once moved.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use session::Driver;
use session::amqp::AmqpSession;
use session::stomp::StompSession;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::accept::Serving;

/// What comes before a session; nothing, if there will be none.
type Beginning<S> = Pin<Box<dyn Future<Output = Option<Opened<S>>> + Send>>;

/// A connection, from the accept to its end. Await it.
pub(crate) struct Connection<S> {
    stage: Stage<S>,
}

#[expect(clippy::large_enum_variant, reason = "it is nearly always the large one")]
enum Stage<S> {
    Beginning(Beginning<S>),
    Opened(Opened<S>),
}

/// A connection with a session.
#[expect(clippy::large_enum_variant, reason = "it is nearly always the large one")]
pub(crate) enum Opened<S> {
    /// Of a back end: they are few, so its driver may be large.
    Amqp { driver: Box<Driver<S, AmqpSession>>, _seat: Seat },
    /// Over TCP or WebSocket.
    Stomp { driver: Driver<S, StompSession>, _seat: Seat },
}

impl<S> Connection<S> {
    pub(crate) fn new(beginning: impl Future<Output = Option<Opened<S>>> + Send + 'static) -> Self {
        Self { stage: Stage::Beginning(Box::pin(beginning)) }
    }
}

impl<S> Future for Connection<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Stage::Beginning(beginning) = &mut self.stage {
            match ready!(beginning.as_mut().poll(context)) {
                Some(opened) => self.stage = Stage::Opened(opened),
                None => return Poll::Ready(()),
            }
        }
        match &mut self.stage {
            Stage::Beginning(_) => Poll::Pending,
            Stage::Opened(Opened::Amqp { driver, .. }) => Pin::new(&mut **driver).poll(context),
            Stage::Opened(Opened::Stomp { driver, .. }) => Pin::new(driver).poll(context),
        }
    }
}

/// A connection's hold on the node; counts a WebSocket while it is there. Who is refused has no
/// seat, however long it lingers.
pub(crate) struct Seat {
    serving: Arc<Serving>,
    is_counted: bool,
}

impl Seat {
    /// For what is no WebSocket.
    pub(crate) fn uncounted(serving: Arc<Serving>) -> Self {
        Self { serving, is_counted: false }
    }

    /// A WebSocket's seat, unless all are taken.
    pub(crate) fn take(serving: &Arc<Serving>) -> Option<Self> {
        let max = serving.websocket_max;
        let one_more = |taken: u64| max.is_none_or(|max| taken < max).then_some(taken + 1);
        let count = &serving.websockets;
        count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Self { serving: Arc::clone(serving), is_counted: true })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.is_counted {
            self.serving.websockets.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[test]
    fn the_task_of_an_idle_connection_is_small() {
        // With what tokio puts around it, three times 128 bytes: a task is aligned to as many.
        let bytes = size_of::<Connection<TcpStream>>();
        assert!(bytes <= 288, "{bytes}");
    }
}
