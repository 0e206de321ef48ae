//! What one that reads nothing costs: so much memory, nobody's time, and nothing once it is gone.

use client::amqp::Channel;

use super::subscriber::publish;
use crate::broker::Broker;
use crate::client_amqp::{block_on, channel};
use crate::http::Api;
use crate::page::Page;

/// What passes while somebody stalls, in bytes.
const PASSING_BYTES: usize = 100_000_000;
/// The body of one message.
const BODY_BYTES: usize = 64 * 1024;
/// What a stream holds, in bytes.
const HELD_BYTES_MAX: u64 = 8 << 20;
/// Messages on their way to the reader at a time.
const WINDOW: usize = 32;
/// Windows that pass while somebody stalls.
const WINDOWS: usize = PASSING_BYTES.div_ceil(BODY_BYTES * WINDOW);

/// What the broker may take: what the stream holds, the same again as it was rendered for those
/// who read it, and as much as a window for sockets and messages on their way, twice.
const GROWTH_BYTES_MAX: u64 = 2 * HELD_BYTES_MAX + (2 * WINDOW * BODY_BYTES) as u64 + (4 << 20);

const _: () = assert!(GROWTH_BYTES_MAX < PASSING_BYTES as u64 / 3);

/// What may stay when nobody stalls any more: buffers of connections, and what the allocator has
/// not given back. Half of what a stall costs.
const REST_BYTES_MAX: u64 = HELD_BYTES_MAX;

#[test]
fn a_stalled_reader_costs_what_a_stream_holds_and_delays_nobody() {
    let settings = format!("stream.topic_subscription.max_length_bytes = {HELD_BYTES_MAX}\n");
    // What glibc keeps of freed memory is its affair: with this, a freed body is seen to go.
    let broker = Broker::with_environment(&settings, &[("MALLOC_MMAP_THRESHOLD_", "32768")]);
    block_on(async {
        let (_connection, back_end) = channel(&broker).await;
        back_end.select_confirms().await.unwrap();
        let mut reader = Page::at(broker.web_stomp()).await;
        reader.subscribe("reader", "/topic/passing", "").await;
        pass(&back_end, &mut reader, 10).await;
        let before = broker.memory_bytes();
        let grown = || broker.memory_bytes().saturating_sub(before);

        let mut stalled = Page::at(broker.web_stomp()).await;
        stalled.subscribe("stalled", "/topic/passing", "").await;
        let mut most = 0;
        for _ in 0..WINDOWS {
            pass(&back_end, &mut reader, 1).await;
            most = most.max(grown());
        }
        assert!(most > HELD_BYTES_MAX / 2, "{most} bytes: nobody stalled");
        assert!(most < GROWTH_BYTES_MAX, "{most} bytes for one that reads nothing");

        // It hears what is left, and how much it lost.
        publish(&back_end, "passing", b"last").await;
        assert_eq!(reader.next().await.text(), "last");
        let mut accounted = 0;
        loop {
            let frame = stalled.next().await;
            accounted += frame.dropped() + 1;
            if frame.text() == "last" {
                break;
            }
        }
        assert_eq!(accounted, (WINDOWS * WINDOW + 1) as u64, "heard, and announced as lost");
        drop(stalled);

        // One that stalls and goes leaves nothing behind.
        let mut gone = Page::at(broker.web_stomp()).await;
        gone.subscribe("gone", "/topic/passing", "").await;
        pass(&back_end, &mut reader, WINDOWS).await;
        drop(gone);
        let api = Api::of(&broker);
        api.until("/api/queues", |queues| queues.as_array().unwrap().len() == 1);
        pass(&back_end, &mut reader, 10).await;
        let rest = grown();
        assert!(rest < REST_BYTES_MAX, "{rest} bytes stay when nobody stalls any more");
    });
}

/// Publishes so many windows of messages; the reader reads each before the next one.
async fn pass(back_end: &Channel, reader: &mut Page, windows: usize) {
    let body = [b'x'; BODY_BYTES];
    for _ in 0..windows {
        for _ in 0..WINDOW {
            publish(back_end, "passing", &body).await;
        }
        for _ in 0..WINDOW {
            let frame = reader.next().await;
            assert_eq!((frame.dropped(), frame.body.len()), (0, BODY_BYTES));
        }
    }
}
