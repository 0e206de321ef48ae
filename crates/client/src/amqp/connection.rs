//! A connection: one task that reads, one that writes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};
use wire::amqp::decode;
use wire::amqp::encoder::{encode_heartbeat, encode_method};
use wire::amqp::method::{channel, connection};

use super::channel::Channel;
use super::handshake::{Agreed, shake_hands};
use super::state::Shared;
use crate::error::Error;
use crate::uri::Uri;

/// Room for one read, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// How long the end of a connection may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to an AMQP 0-9-1 broker. Dropping it says goodbye without waiting for an answer.
///
/// ```no_run
/// # async fn example() -> Result<(), hopwire_client::Error> {
/// use hopwire_client::{Uri, amqp::Connection};
///
/// let connection = Connection::open(&Uri::parse("amqp://localhost")?).await?;
/// let channel = connection.open_channel().await?;
/// connection.close().await
/// # }
/// ```
#[derive(Debug)]
pub struct Connection {
    shared: Arc<Shared>,
    agreed: Agreed,
}

impl Connection {
    /// Connects, logs in and enters the vhost.
    ///
    /// # Errors
    ///
    /// [`Error::Lost`] if nobody answers, [`Error::Closed`] if the server refuses.
    pub async fn open(uri: &Uri) -> Result<Self, Error> {
        let mut stream = TcpStream::connect((uri.host.as_str(), uri.port)).await?;
        stream.set_nodelay(true)?;
        let (agreed, input) = shake_hands(&mut stream, uri).await?;
        let shared = Arc::new(Shared::default());
        shared.lock().frame_bytes_max = agreed.frame_bytes_max;
        let (reader, writer) = stream.into_split();
        let heartbeat = match agreed.heartbeat_seconds {
            0 => None,
            seconds => Some(Duration::from_secs(seconds.into())),
        };
        tokio::spawn(read(Arc::clone(&shared), reader, input, agreed, heartbeat));
        tokio::spawn(write(Arc::clone(&shared), writer, heartbeat));
        Ok(Self { shared, agreed })
    }

    /// Opens a channel.
    ///
    /// # Errors
    ///
    /// [`Error`] if the connection is gone or has all the channels it may have.
    pub async fn open_channel(&self) -> Result<Channel, Error> {
        let number = self.shared.lock().new_channel(self.agreed.channel_max)?;
        let ours = Channel::new(Arc::clone(&self.shared), number);
        ours.ask(&channel::Open { out_of_band: b"" }).await?;
        Ok(ours)
    }

    /// Whether it is gone.
    pub fn is_closed(&self) -> bool {
        self.shared.lock().end.is_some()
    }

    /// Ends it in an orderly way.
    ///
    /// # Errors
    ///
    /// [`Error`] if it was gone already, or the server does not answer.
    pub async fn close(self) -> Result<(), Error> {
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = self.shared.lock();
            if let Some(end) = &state.end {
                return Err(end.clone());
            }
            state.closing = Some(sender);
            encode_method(&mut state.output, 0, &goodbye());
        }
        self.shared.has_output.notify_one();
        match timeout(CLOSE_TIMEOUT, receiver).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::TimedOut(CLOSE_TIMEOUT)),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if state.end.is_none() && state.closing.is_none() {
            encode_method(&mut state.output, 0, &goodbye());
            drop(state);
            self.shared.has_output.notify_one();
        }
    }
}

fn goodbye() -> connection::Close<'static> {
    connection::Close { reply_code: 200, reply_text: "OK", class_id: 0, method_id: 0 }
}

/// Reads until the end; two silent heart-beat intervals are one.
async fn read(
    shared: Arc<Shared>,
    mut reader: OwnedReadHalf,
    mut input: Vec<u8>,
    agreed: Agreed,
    heartbeat: Option<Duration>,
) {
    let patience = heartbeat.map_or(Duration::MAX, |heartbeat| heartbeat * 2);
    let error = loop {
        match take_frames(&shared, &mut input, agreed.frame_bytes_max) {
            Ok(()) => {}
            Err(error) => break error,
        }
        input.reserve(READ_BYTES);
        match timeout(patience, reader.read_buf(&mut input)).await {
            Ok(Ok(0)) => break io::Error::from(io::ErrorKind::UnexpectedEof).into(),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => break error.into(),
            Err(_) => break Error::TimedOut(patience),
        }
    };
    shared.fail(&error);
}

fn take_frames(shared: &Shared, input: &mut Vec<u8>, frame_bytes_max: u32) -> Result<(), Error> {
    let mut used = 0;
    let (result, has_output) = {
        let mut state = shared.lock();
        let result = loop {
            let rest = input.get(used..).unwrap_or_default();
            if let Some(bytes) = state.take_shortcut(rest, frame_bytes_max) {
                used += bytes;
                continue;
            }
            match decode(rest, frame_bytes_max) {
                Ok(None) => break Ok(()),
                Ok(Some((frame, bytes))) => {
                    used += bytes;
                    if let Err(error) = state.take(&frame) {
                        break Err(error);
                    }
                }
                Err(error) => break Err(Error::Protocol(error.to_string())),
            }
        };
        (result, !state.output.is_empty())
    };
    input.drain(..used);
    if has_output {
        shared.has_output.notify_one();
    }
    result
}

/// Writes what there is, all of it at once; a heart-beat after half an interval in which nothing
/// was written, whatever was read meanwhile.
async fn write(shared: Arc<Shared>, mut writer: OwnedWriteHalf, heartbeat: Option<Duration>) {
    let silence = heartbeat.map(|heartbeat| heartbeat / 2);
    let mut written_at = Instant::now();
    let mut batch = Vec::new();
    loop {
        let is_ended = {
            let mut state = shared.lock();
            std::mem::swap(&mut state.output, &mut batch);
            state.end.is_some()
        };
        shared.has_room.notify_waiters();
        if !batch.is_empty() {
            if let Err(error) = writer.write_all(&batch).await {
                shared.fail(&error.into());
                return;
            }
            batch.clear();
            written_at = Instant::now();
            continue;
        }
        if is_ended {
            return;
        }
        match silence {
            None => shared.has_output.notified().await,
            Some(silence) => {
                let has_output = timeout_at(written_at + silence, shared.has_output.notified());
                if has_output.await.is_err() {
                    encode_heartbeat(&mut shared.lock().output);
                }
            }
        }
    }
}
