//! What one wake-up costs: looks at the socket and writes to it, counted.

use std::sync::atomic::AtomicUsize;

use super::*;
use crate::stomp::{Carrier, Settings, StompSession};

/// A stream that counts what is asked of it.
struct Counted {
    stream: DuplexStream,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    reads: AtomicUsize,
    writes: AtomicUsize,
}

impl Counts {
    fn take(&self) -> (usize, usize) {
        (self.reads.swap(0, Ordering::SeqCst), self.writes.swap(0, Ordering::SeqCst))
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.counts.reads.fetch_add(1, Ordering::SeqCst);
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.counts.writes.fetch_add(1, Ordering::SeqCst);
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A STOMP peer that has logged in.
struct Peer {
    stream: DuplexStream,
    counts: Arc<Counts>,
}

impl Peer {
    async fn connect(engine: &engine::Engine, shutdown: &Shutdown) -> Self {
        let (ours, stream) = duplex(1 << 20);
        let counts = Arc::<Counts>::default();
        let counted = Counted { stream: ours, counts: Arc::clone(&counts) };
        let session = StompSession::new(Arc::new(Settings::default()), Carrier::Tcp, now());
        let address = ([127, 0, 0, 1], 1).into();
        let link = engine.connect(engine::Peer {
            address,
            local: address,
            protocol: "STOMP",
            is_tls: false,
        });
        tokio::spawn(Driver::stream(counted, session, link, shutdown.watch()));
        let mut peer = Self { stream, counts };
        peer.say("CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0").await;
        peer.hear("CONNECTED\n").await;
        peer
    }

    async fn say(&mut self, frame: &str) {
        self.stream.write_all(frame.as_bytes()).await.unwrap();
    }

    /// Reads until `wanted` has come.
    async fn hear(&mut self, wanted: &str) {
        let mut heard = Vec::new();
        while !String::from_utf8_lossy(&heard).contains(wanted) {
            assert!(self.stream.read_buf(&mut heard).await.unwrap() > 0);
        }
    }
}

#[tokio::test]
async fn a_batch_of_deliveries_costs_one_look_at_the_socket_and_one_write() {
    let engine = engine::Engine::embedded(broker::Broker::new(broker::Settings::default()));
    let shutdown = Shutdown::default();
    let mut subscriber = Peer::connect(&engine, &shutdown).await;
    subscriber.say("SUBSCRIBE\nid:0\ndestination:/topic/t\nreceipt:r\n\n\0").await;
    subscriber.hear("RECEIPT\n").await;
    let mut publisher = Peer::connect(&engine, &shutdown).await;
    settle().await;
    subscriber.counts.take();
    let send = "SEND\ndestination:/topic/t\n\n";
    publisher.say(&format!("{send}one\0{send}two\0{send}three\0")).await;
    subscriber.hear("three").await;
    settle().await;
    assert_eq!(subscriber.counts.take(), (1, 1));
}
