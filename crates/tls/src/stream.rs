//! A TLS connection as a byte stream.
//!
//! While it is idle it holds no buffer: of what it received it keeps an unfinished record, of what
//! it sends only what the socket does not take. Both are of the size they need.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::records::{
    FRAGMENT_BYTES_MAX, INCOMING_BYTES_MAX, Outgoing, encrypt, encrypted_bytes_max, process,
};
use crate::scratch::Scratch;
use crate::side::Side;

/// Plaintext taken in one write, in bytes: four full records. What a peer that reads slowly costs
/// here is this, encrypted.
pub const WRITE_BYTES_MAX: usize = 4 * FRAGMENT_BYTES_MAX;

/// Room for a `close_notify`, in bytes.
const CLOSE_BYTES_MAX: usize = encrypted_bytes_max(2);

/// The server's end.
pub type ServerStream<S> = Stream<S, UnbufferedServerConnection>;

/// The client's end.
pub type ClientStream<S> = Stream<S, UnbufferedClientConnection>;

/// A TLS connection over the socket `S`.
///
/// An end of the socket without a `close_notify` is an error, [`io::ErrorKind::UnexpectedEof`]:
/// anybody on the way can make it.
pub struct Stream<S, T> {
    socket: S,
    tls: Box<T>,
    /// Received; not a whole record, or not a whole handshake message.
    incoming: Vec<u8>,
    /// Decrypted; the reader had no room for it.
    plaintext: Vec<u8>,
    /// Encrypted; the socket takes no more at the moment.
    outgoing: Vec<u8>,
    /// The peer sends nothing more.
    has_ended: bool,
    /// We have said that we send nothing more.
    is_closing: bool,
    /// rustls gave it up. It remembers places in `incoming`, which are not kept for it any longer.
    has_failed: bool,
}

impl<S, T> Stream<S, T>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: Side,
{
    /// Shakes hands.
    ///
    /// # Errors
    ///
    /// The peer broke the protocol, or refused, or is gone. It has been told, as far as the socket
    /// took it at once.
    pub(crate) async fn shake_hands(socket: S, tls: T) -> io::Result<Self> {
        let mut stream = Self {
            socket,
            tls: Box::new(tls),
            incoming: Vec::new(),
            plaintext: Vec::new(),
            outgoing: Vec::new(),
            has_ended: false,
            is_closing: false,
            has_failed: false,
        };
        // The client begins.
        stream.take_in(&mut [], &mut ReadBuf::new(&mut []))?;
        std::future::poll_fn(|context| stream.poll_handshake(context)).await?;
        Ok(stream)
    }

    /// What is underneath.
    pub fn socket(&self) -> &S {
        &self.socket
    }

    /// What rustls knows about the connection.
    pub fn tls(&self) -> &T {
        &self.tls
    }

    fn poll_handshake(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_send(context))?;
            if !self.tls.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            if self.has_ended {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            ready!(self.poll_receive(context, &mut ReadBuf::new(&mut [])))?;
        }
    }

    /// Reads from the socket once and decrypts what is whole: into `buffer`, and what it has no
    /// room for into `self.plaintext`.
    fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.has_failed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Scratch::lend(|scratch| {
            let kept_bytes = self.incoming.len();
            let wanted_bytes = buffer.remaining().max(FRAGMENT_BYTES_MAX);
            let room = scratch.incoming.get_mut(kept_bytes..).unwrap_or_default();
            let room_bytes = room.len().min(wanted_bytes);
            let mut read = ReadBuf::new(room.get_mut(..room_bytes).unwrap_or_default());
            ready!(Pin::new(&mut self.socket).poll_read(context, &mut read))?;
            let read_bytes = read.filled().len();
            if read_bytes == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            let received = scratch.incoming.get_mut(..kept_bytes + read_bytes).unwrap_or_default();
            if let Some(kept) = received.get_mut(..kept_bytes) {
                kept.copy_from_slice(&self.incoming);
            }
            let taken_in = self.take_in(received, buffer);
            // A reply leaves at once; if it cannot, the next read or write takes it along.
            let _ = self.poll_send(context)?;
            Poll::Ready(taken_in)
        })
    }

    /// Decrypts what is whole in `received`, and keeps the rest.
    fn take_in(&mut self, received: &mut [u8], buffer: &mut ReadBuf<'_>) -> io::Result<()> {
        let plaintext = &mut self.plaintext;
        let processed = process(&mut *self.tls, received, &mut self.outgoing, |record| {
            let (fits, excess) = record.split_at(record.len().min(buffer.remaining()));
            buffer.put_slice(fits);
            plaintext.extend_from_slice(excess);
        });
        self.has_failed = processed.is_err();
        let processed = processed?;
        self.has_ended |= processed.has_ended;
        self.incoming = received.get(processed.taken_bytes..).unwrap_or_default().to_vec();
        if self.incoming.len() > INCOMING_BYTES_MAX {
            self.has_failed = true;
            let reason = "a handshake message longer than any of use";
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        Ok(())
    }

    /// Gives the socket what is left for it.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.outgoing.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let outgoing = std::mem::take(&mut self.outgoing);
        self.send(context, &outgoing)?;
        match self.outgoing.is_empty() {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }

    /// Gives the socket what it takes of `outgoing`, and keeps the rest.
    fn send(&mut self, context: &mut Context<'_>, outgoing: &[u8]) -> io::Result<()> {
        let mut rest = outgoing;
        while !rest.is_empty() {
            match Pin::new(&mut self.socket).poll_write(context, rest)? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(bytes) => rest = rest.get(bytes..).unwrap_or_default(),
                Poll::Pending => {
                    self.outgoing = rest.to_vec();
                    break;
                }
            }
        }
        Ok(())
    }

    /// Encrypts into `outgoing`, and says how many bytes of it were used.
    fn encrypt(&mut self, what: Outgoing<'_>, outgoing: &mut [u8]) -> io::Result<usize> {
        if self.has_failed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let bytes = encrypt(&mut *self.tls, &mut self.incoming, what, outgoing);
        self.has_failed = bytes.is_err();
        bytes
    }

    /// Takes up to [`WRITE_BYTES_MAX`] of the slices.
    fn poll_write_slices(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(context))?;
        Poll::Ready(Scratch::lend(|Scratch { gathered, outgoing, .. }| {
            let plaintext = match slices {
                [one] => one.get(..one.len().min(WRITE_BYTES_MAX)).unwrap_or_default(),
                many => {
                    gather(many, gathered);
                    gathered
                }
            };
            let bytes = self.encrypt(Outgoing::Plaintext(plaintext), outgoing)?;
            self.send(context, outgoing.get(..bytes).unwrap_or_default())?;
            Ok(plaintext.len())
        }))
    }
}

/// Appends what fits of the slices.
fn gather(slices: &[IoSlice<'_>], gathered: &mut Vec<u8>) {
    for slice in slices {
        let room_bytes = WRITE_BYTES_MAX - gathered.len();
        gathered.extend_from_slice(slice.get(..slice.len().min(room_bytes)).unwrap_or_default());
    }
}

impl<S, T> AsyncRead for Stream<S, T>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: Side,
{
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        if !stream.plaintext.is_empty() {
            let bytes = stream.plaintext.len().min(buffer.remaining());
            buffer.put_slice(stream.plaintext.get(..bytes).unwrap_or_default());
            stream.plaintext = stream.plaintext.get(bytes..).unwrap_or_default().to_vec();
            return Poll::Ready(Ok(()));
        }
        let filled_bytes = buffer.filled().len();
        while !stream.has_ended && buffer.remaining() > 0 && buffer.filled().len() == filled_bytes {
            ready!(stream.poll_receive(context, buffer))?;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S, T> AsyncWrite for Stream<S, T>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: Side,
{
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        plaintext: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_slices(context, &[IoSlice::new(plaintext)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_slices(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        ready!(stream.poll_send(context))?;
        Pin::new(&mut stream.socket).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        if !std::mem::replace(&mut stream.is_closing, true) {
            let mut notify = [0; CLOSE_BYTES_MAX];
            // A connection that has failed has said so by an alert.
            let bytes = stream.encrypt(Outgoing::CloseNotify, &mut notify).unwrap_or(0);
            stream.outgoing.extend_from_slice(notify.get(..bytes).unwrap_or_default());
        }
        ready!(stream.poll_send(context))?;
        Pin::new(&mut stream.socket).poll_shutdown(context)
    }
}

impl<S: fmt::Debug, T> fmt::Debug for Stream<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("socket", &self.socket).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
