//! The upgrade on an accepted socket: one request is read and answered, nothing of HTTP stays
//! behind.
//!
//! What a refused request gets is RabbitMQ's: 404 for another path, 426 without an upgrade, 400 for
//! a broken one, 403 for an origin that is not allowed. `/health` says 200, for load balancers.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;
use wire::websocket::Compression;
use wire::websocket::handshake::{Request, Status, Upgrade};

use crate::transport::Transport;
use crate::websocket::transport::WebSocket;

/// How long a client may take for its request, by default. RabbitMQ's HTTP server waits half a
/// minute; a request is one packet.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a refused client has for closing its end, so that it can read the answer.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// Bytes asked for in one read; a request without cookies takes one.
const READ_BYTES: usize = 2048;

/// How WebSockets are served. The keys are `web_stomp.*`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `ws_path`: where they are served, without a trailing slash.
    pub path: Box<str>,
    /// `allow_origins`: who may open them from a page; all may, if it is empty.
    pub allow_origins: Vec<Box<str>>,
    /// `ws_frame`: binary messages instead of text.
    pub is_binary: bool,
    /// `ws_opts.compress`: whether permessage-deflate is agreed to.
    pub compression: Compression,
    /// MESSAGE frames whose body has at least this many bytes are compressed.
    pub deflate_above_bytes: u32,
    /// `cowboy_opts.timeout`: how long a client may take for its request.
    pub request_timeout: Duration,
    /// `ws_opts.idle_timeout`: how long a client may send nothing at all.
    pub idle_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            path: "/ws".into(),
            allow_origins: Vec::new(),
            is_binary: false,
            compression: Compression::Deflate,
            deflate_above_bytes: 1024,
            request_timeout: REQUEST_TIMEOUT,
            idle_timeout: Duration::from_secs(60),
        }
    }
}

/// Whether one more connection is welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is.
    Open,
    /// The node has as many as it may have.
    Full,
    /// The node goes down.
    GoingDown,
}

/// A WebSocket, ready for its session.
#[derive(Debug)]
pub struct Upgraded<S> {
    /// The socket.
    pub stream: S,
    /// The WebSocket on it.
    pub transport: Transport,
    /// What came behind the request.
    pub unread: Vec<u8>,
    /// The request's `Authorization`, for `use_http_auth`.
    pub authorization: Option<String>,
}

/// Why there is no WebSocket. The socket is closed.
#[derive(Debug, thiserror::Error)]
pub enum NotUpgraded {
    /// It was answered otherwise.
    #[error("answered {}", .0.line())]
    Answered(Status),
    /// The socket is gone.
    #[error(transparent)]
    Lost(#[from] io::Error),
}

/// Reads the request and answers it. To be boxed: it is large, and gone before the session begins.
///
/// # Errors
///
/// [`NotUpgraded`] if the request was for something else, or too late, or cut off.
pub async fn upgrade<S>(
    mut stream: S,
    settings: &Settings,
    admission: Admission,
) -> Result<Upgraded<S>, NotUpgraded>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut unread = Vec::new();
    let read = read_request(&mut stream, &mut unread);
    let request = match timeout(settings.request_timeout, read).await {
        Ok(request) => request?,
        Err(_) => Err(Status::RequestTimeout),
    };
    match request.and_then(|request| Ok((answer(&request, settings, admission)?, request))) {
        Ok((upgrade, request)) => {
            stream.write_all(&upgrade.response).await?;
            stream.flush().await?;
            let now = tokio::time::Instant::now().into_std();
            let websocket = WebSocket::new(now, upgrade.compression, settings);
            Ok(Upgraded {
                stream,
                transport: Transport::WebSocket(Box::new(websocket)),
                unread,
                authorization: request.authorization,
            })
        }
        Err(status) => {
            refuse(stream, status).await?;
            Err(NotUpgraded::Answered(status))
        }
    }
}

/// Reads a request, and leaves in `unread` what came behind it.
async fn read_request<S: AsyncRead + Unpin>(
    stream: &mut S,
    unread: &mut Vec<u8>,
) -> io::Result<Result<Request, Status>> {
    loop {
        if poll_fn(|context| read_some(stream, unread, context)).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match Request::parse(unread) {
            Ok(None) => {}
            Ok(Some((request, taken))) => {
                *unread = unread.get(taken..).unwrap_or_default().to_vec();
                return Ok(Ok(request));
            }
            Err(error) => return Ok(Err(error.into())),
        }
    }
}

/// Reads once by way of the stack: who has yet to send anything holds no buffer.
fn read_some<S: AsyncRead + Unpin>(
    stream: &mut S,
    unread: &mut Vec<u8>,
    context: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut input = [0; READ_BYTES];
    let mut input = ReadBuf::new(&mut input);
    ready!(Pin::new(stream).poll_read(context, &mut input))?;
    unread.extend_from_slice(input.filled());
    Poll::Ready(Ok(input.filled().len()))
}

/// What a request gets.
fn answer(request: &Request, settings: &Settings, admission: Admission) -> Result<Upgrade, Status> {
    if admission == Admission::GoingDown {
        return Err(Status::Unavailable);
    }
    if request.path == "/health" {
        return Err(Status::Ok);
    }
    if request.path != *settings.path {
        return Err(Status::NotFound);
    }
    let key = request.key()?;
    // A request without an origin comes from no page.
    let is_allowed = request.origin.as_deref().is_none_or(|origin| {
        settings.allow_origins.is_empty()
            || settings.allow_origins.iter().any(|one| **one == *origin)
    });
    if !is_allowed {
        return Err(Status::Forbidden);
    }
    if admission == Admission::Full {
        return Err(Status::Unavailable);
    }
    Ok(Upgrade::accept(request, &key, settings.compression))
}

async fn refuse<S>(mut stream: S, status: Status) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(&status.response()).await?;
    stream.shutdown().await?;
    // Closing with unread bytes would reset the connection, and take the answer along.
    let mut sink = tokio::io::sink();
    match timeout(LINGER_TIMEOUT, tokio::io::copy(&mut stream, &mut sink)).await {
        Ok(drained) => drained.map(drop),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
