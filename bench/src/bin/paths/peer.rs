//! A connection whose socket is memory, driven by hand: the same driver, session and link as in
//! the broker, without a runtime's tasks and without a kernel.

use std::cell::RefCell;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use session::{Driver, Session};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::Problem;

/// The broker's end of a connection.
pub(crate) struct Socket(Rc<RefCell<Pipe>>);

/// The peer's end of it.
pub(crate) struct Far(Rc<RefCell<Pipe>>);

/// Both directions.
#[derive(Default)]
struct Pipe {
    to_broker: Vec<u8>,
    read: usize,
    /// What the broker wrote, while it is listened to.
    heard: Option<Vec<u8>>,
    written: usize,
}

impl Socket {
    /// The two ends of a connection.
    pub(crate) fn pair() -> (Self, Far) {
        let pipe = Rc::new(RefCell::new(Pipe::default()));
        (Self(Rc::clone(&pipe)), Far(pipe))
    }
}

impl Far {
    /// Sends bytes.
    pub(crate) fn say(&self, bytes: &[u8]) {
        let mut pipe = self.0.borrow_mut();
        if pipe.read == pipe.to_broker.len() {
            pipe.to_broker.clear();
            pipe.read = 0;
        }
        pipe.to_broker.extend_from_slice(bytes);
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut pipe = self.0.borrow_mut();
        let rest = pipe.to_broker.get(pipe.read..).unwrap_or_default();
        if rest.is_empty() {
            // Nobody waits for a wake-up: whoever says something takes a turn.
            return Poll::Pending;
        }
        let bytes = rest.len().min(buffer.remaining());
        buffer.put_slice(rest.get(..bytes).unwrap_or_default());
        pipe.read += bytes;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = self.0.borrow_mut();
        if let Some(heard) = &mut pipe.heard {
            parts.iter().for_each(|part| heard.extend_from_slice(part));
        }
        let bytes = parts.iter().map(|part| part.len()).sum();
        pipe.written += bytes;
        Poll::Ready(Ok(bytes))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Says that a turn is wanted.
#[derive(Default)]
struct Wanted(AtomicBool);

impl Wake for Wanted {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A connected peer.
pub(crate) struct Peer<P> {
    driver: Driver<Socket, P>,
    far: Far,
    wanted: Arc<Wanted>,
    waker: Waker,
}

impl<P: Session + Unpin> Peer<P> {
    /// A peer at the far end of a driver's socket.
    pub(crate) fn new(driver: Driver<Socket, P>, far: Far) -> Self {
        let wanted = Arc::<Wanted>::default();
        let waker = Waker::from(Arc::clone(&wanted));
        Self { driver, far, wanted, waker }
    }

    /// Lets the broker's task run until it waits. How many bytes it wrote.
    pub(crate) fn turn(&mut self) -> Result<usize, Problem> {
        let before = self.far.0.borrow().written;
        let mut context = Context::from_waker(&self.waker);
        loop {
            self.wanted.0.store(false, Ordering::Relaxed);
            if Pin::new(&mut self.driver).poll(&mut context).is_ready() {
                return Err("the broker ended the connection".into());
            }
            if !self.wanted.0.load(Ordering::Relaxed) {
                return Ok(self.far.0.borrow().written - before);
            }
        }
    }

    /// Sends bytes and takes a turn. How many bytes came back.
    pub(crate) fn say(&mut self, bytes: &[u8]) -> Result<usize, Problem> {
        self.far.say(bytes);
        self.turn()
    }

    /// Takes a turn and listens.
    pub(crate) fn hear(&mut self) -> Result<Vec<u8>, Problem> {
        self.far.0.borrow_mut().heard = Some(Vec::new());
        let ended = self.turn();
        let heard = self.far.0.borrow_mut().heard.take().unwrap_or_default();
        ended.map(|_| heard)
    }

    /// Sends bytes, and finds `part` in what comes back.
    pub(crate) fn expect(&mut self, bytes: &[u8], part: impl AsRef<[u8]>) -> Result<(), Problem> {
        self.far.say(bytes);
        let heard = self.hear()?;
        if memchr::memmem::find(&heard, part.as_ref()).is_some() {
            return Ok(());
        }
        let wanted = String::from_utf8_lossy(part.as_ref()).into_owned();
        Err(format!("wanted {wanted:?}, heard {:?}", String::from_utf8_lossy(&heard)).into())
    }
}

/// The value of a future that needs nothing but turns.
pub(crate) fn finish<T>(future: impl Future<Output = T>) -> Result<T, Problem> {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err("waits for something that nobody sends".into()),
    }
}
