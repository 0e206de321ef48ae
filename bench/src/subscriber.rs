//! Light WebSocket subscribers: they count frames by their NUL and look at nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use client::Uri;
use client::stomp::{Login, Upgrade, WebSocket};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use wire::stomp::command::Command;
use wire::stomp::encoder::FrameWriter;

use crate::Problem;

/// Connections opened at once.
const OPENING_MAX: usize = 64;

/// A crowd of subscribers.
#[derive(Debug)]
pub(crate) struct Crowd {
    tasks: JoinSet<()>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    ready: AtomicU64,
    messages: AtomicU64,
    wanted: AtomicU64,
    news: Notify,
}

impl Crowd {
    /// Connects subscribers and waits until all have their subscription's receipt.
    pub(crate) async fn gather(
        uri: &Uri,
        destinations: impl Iterator<Item = String>,
        is_compressing: bool,
    ) -> Result<Self, Problem> {
        let counts = Arc::new(Counts::default());
        let mut crowd = Self { tasks: JoinSet::new(), counts };
        let permits = Arc::new(tokio::sync::Semaphore::new(OPENING_MAX));
        let mut wanted = 0;
        for destination in destinations {
            wanted += 1;
            let (uri, counts, permits) =
                (uri.clone(), Arc::clone(&crowd.counts), Arc::clone(&permits));
            crowd.tasks.spawn(async move {
                let permit = permits.acquire_owned().await;
                let opened = subscribe(&uri, &destination, is_compressing).await;
                drop(permit);
                match opened {
                    Ok(socket) => listen(socket, &counts).await,
                    Err(error) => eprintln!("subscriber: {error}"),
                }
            });
        }
        let counts = Arc::clone(&crowd.counts);
        counts.until(&counts.ready, wanted).await;
        Ok(crowd)
    }

    /// From now on `count` messages are awaited.
    pub(crate) fn expect(&self, count: u64) {
        self.counts.messages.store(0, Ordering::SeqCst);
        self.counts.wanted.store(count, Ordering::SeqCst);
    }

    /// Waits until all of them have come.
    pub(crate) async fn satisfied(&self) {
        let wanted = self.counts.wanted.load(Ordering::SeqCst);
        self.counts.until(&self.counts.messages, wanted).await;
    }

    /// How many have come.
    pub(crate) fn messages(&self) -> u64 {
        self.counts.messages.load(Ordering::SeqCst)
    }
}

impl Counts {
    async fn until(&self, counter: &AtomicU64, wanted: u64) {
        loop {
            let news = self.news.notified();
            let mut news = std::pin::pin!(news);
            news.as_mut().enable();
            if counter.load(Ordering::SeqCst) >= wanted {
                return;
            }
            news.await;
        }
    }
}

async fn subscribe(
    uri: &Uri,
    destination: &str,
    is_compressing: bool,
) -> Result<WebSocket, Problem> {
    let stream = TcpStream::connect((uri.host.as_str(), uri.port)).await?;
    let ask = Upgrade { is_compressing, origin: None, authorization: None };
    let mut socket = WebSocket::upgrade(stream, uri, ask).await?;
    let login = Login { user: "guest", password: "guest", vhost: "/", heartbeat_ms: (0, 0) };
    let mut frame = Vec::new();
    FrameWriter::begin(&mut frame, Command::Connect)
        .header("accept-version", "1.2")
        .header("host", login.vhost)
        .header("login", login.user)
        .header("passcode", login.password)
        .finish(b"");
    socket.send(&frame).await?;
    expect(&mut socket, b"CONNECTED").await?;
    frame.clear();
    FrameWriter::begin(&mut frame, Command::Subscribe)
        .header("id", "0")
        .header("destination", destination)
        .header("receipt", "r")
        .finish(b"");
    socket.send(&frame).await?;
    expect(&mut socket, b"RECEIPT").await?;
    Ok(socket)
}

async fn expect(socket: &mut WebSocket, command: &[u8]) -> Result<(), Problem> {
    let mut input = Vec::new();
    socket.read(&mut input).await?;
    match input.starts_with(command) {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&input).into_owned().into()),
    }
}

async fn listen(mut socket: WebSocket, counts: &Counts) {
    counts.ready.fetch_add(1, Ordering::SeqCst);
    counts.news.notify_waiters();
    let mut input = Vec::new();
    while socket.read(&mut input).await.is_ok() {
        let messages = memchr::memchr_iter(0, &input).count() as u64;
        input.clear();
        let before = counts.messages.fetch_add(messages, Ordering::SeqCst);
        let wanted = counts.wanted.load(Ordering::SeqCst);
        if before < wanted && before + messages >= wanted {
            counts.news.notify_waiters();
        }
    }
}
