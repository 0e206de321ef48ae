//! Topic subscribers that do not read for a while, on a broker.

use broker::Broker;
use broker::turn::Turn as Batch;
use model::{ExchangeName, LinkId, Marks, Message, MessageParts, UserName, VhostName};
use wire::amqp::PROPERTY_CODEC;
use wire::stomp::{Decoded, Decoder, Role};

use super::*;
use crate::stomp::{Carrier, Settings as StompSettings, StompSession};

const MESSAGES: usize = 400;
const BODY_BYTES: usize = 10_000;

/// A subscriber and the broker it is connected to.
struct Subscriber {
    broker: Arc<Broker>,
    peer: DuplexStream,
    running: Running,
    _shutdown: Shutdown,
}

impl Subscriber {
    /// Subscribes to `/topic/k` with the given headers.
    async fn start(headers: &str) -> Self {
        let broker = Broker::new(broker::Settings::default());
        let address = ([127, 0, 0, 1], 1).into();
        let peer = engine::Peer { address, local: address, protocol: "STOMP", is_tls: false };
        let link = engine::Engine::embedded(Arc::clone(&broker)).connect(peer);
        let session = StompSession::new(Arc::new(StompSettings::default()), Carrier::Tcp, now());
        let (ours, mut peer) = duplex(1000);
        let shutdown = Shutdown::default();
        let running = tokio::spawn(Driver::stream(ours, session, link, shutdown.watch()));
        let connect = "CONNECT\naccept-version:1.2\nlogin:guest\npasscode:guest\n\n\0";
        let subscribe =
            format!("SUBSCRIBE\nid:1\ndestination:/topic/k\nreceipt:r\n{headers}\n\n\0");
        peer.write_all(format!("{connect}{subscribe}").as_bytes()).await.unwrap();
        let mut said = Vec::new();
        while !said.ends_with(b"RECEIPT\nreceipt-id:r\n\n\0\n") {
            said.push(peer.read_u8().await.unwrap());
        }
        Self { broker, peer, running, _shutdown: shutdown }
    }

    /// Publishes numbered messages, one batch each, while nobody reads.
    async fn publish(&self, range: std::ops::Range<usize>) {
        let guest = UserName::parse("guest").unwrap();
        let login =
            broker::Login { user: &guest, password: b"guest", vhost: None, is_loopback: true };
        let identity = self.broker.login(login).unwrap();
        let mut access = self.broker.enter(&identity, &VhostName::root(), LinkId(77)).unwrap();
        for number in range {
            let body = format!("{number:0BODY_BYTES$}");
            let message = Message::new(MessageParts {
                exchange: ExchangeName::parse("amq.topic").unwrap(),
                content: [b"k\0\0", body.as_bytes()].concat(),
                key_bytes: 1,
                property_bytes: 2,
                codec: &PROPERTY_CODEC,
                marks: Marks::default(),
            });
            let mut batch = Batch::new(now());
            access.publish(&mut batch, &Arc::new(message)).unwrap();
            self.broker.finish(&mut batch);
            settle_briefly().await;
        }
    }

    /// The next frame: a message's number and what was lost before it, or the detail of an error.
    async fn frame(&mut self) -> Result<(usize, usize), String> {
        let mut bytes = Vec::new();
        while bytes.last() != Some(&0) {
            bytes.push(self.peer.read_u8().await.unwrap());
        }
        // The line feed behind the frame before.
        let bytes = bytes.trim_ascii_start();
        let decoded = Decoder::new(Role::Client, 1 << 20).decode(bytes).unwrap();
        let Decoded::Frame { frame, .. } = decoded else { panic!("{bytes:?}") };
        if frame.command_line != b"MESSAGE" {
            return Err(String::from_utf8_lossy(frame.body).into_owned());
        }
        let number = |bytes: &[u8]| std::str::from_utf8(bytes).unwrap().parse().unwrap();
        let lost = frame.headers.get("x-dropped");
        Ok((number(frame.body), lost.map_or(0, |lost| number(&lost))))
    }
}

/// Lets the subscriber do what it can.
async fn settle_briefly() {
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
}

/// More than what an outbox and the socket take.
const _: () = assert!(MESSAGES * BODY_BYTES > 4 * DELIVER_BELOW_BYTES);

#[tokio::test]
async fn a_peer_that_reads_late_gets_the_rest_in_order_and_hears_exactly_what_it_lost() {
    let mut subscriber = Subscriber::start("x-max-length:5").await;
    subscriber.publish(0..MESSAGES).await;
    let totals = subscriber.broker.totals();
    assert_eq!((totals.queue_count, totals.ready), (1, 5));
    let mut expected = 0;
    let mut lost_in_all = 0;
    while expected < MESSAGES {
        let (number, lost) = subscriber.frame().await.unwrap();
        assert_eq!(number, expected + lost);
        expected = number + 1;
        lost_in_all += lost;
    }
    let totals = subscriber.broker.totals();
    assert!(lost_in_all > 0);
    assert_eq!(totals.dropped_slow, lost_in_all as u64);
    assert_eq!((totals.ready, totals.stream_bytes), (0, 0));
    subscriber.publish(MESSAGES..MESSAGES + 1).await;
    assert_eq!(subscriber.frame().await, Ok((MESSAGES, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_would_rather_be_disconnected_is_and_holds_nothing_any_more() {
    let mut subscriber = Subscriber::start("x-max-length:5\nx-overflow:disconnect").await;
    subscriber.publish(0..MESSAGES).await;
    let totals = subscriber.broker.totals();
    assert_eq!((totals.queue_count, totals.stream_messages, totals.stream_bytes), (0, 0, 0));
    let mut expected = 0;
    let detail = loop {
        match subscriber.frame().await {
            Ok(found) => assert_eq!(found, (expected, 0)),
            Err(detail) => break detail,
        }
        expected += 1;
    };
    assert!(expected < MESSAGES);
    assert_eq!(
        detail,
        "The subscription \"id='1'\" has fallen behind by more than its x-max-length of 5 \
         messages.\n"
    );
    assert_eq!(read_to_end(subscriber.peer).await, "\n");
    subscriber.running.await.unwrap();
}
