//! Two hundred subscribers and four publishers; some stall, some go and come back. A model of each
//! subscriber's sequence says what it must hear.

use std::net::SocketAddr;
use std::sync::Arc;

use client::amqp::Channel;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::subscriber::{MARKER, PUBLISHERS, Sent, Subscriber, burst, counts};
use crate::broker::Broker;
use crate::client_amqp::{block_on, channel};
use crate::page::Page;

const SUBSCRIBERS: usize = 200;
const ROUNDS: u64 = 40;
/// What a publisher sends in one round, at most.
const BURST_MAX: u64 = 12;
/// What a stream holds, in messages.
const HELD_MAX: u64 = 64;

const _: () = assert!(PUBLISHERS as u64 * BURST_MAX < HELD_MAX, "who reads loses nothing");

/// A body that fills sockets.
const FLOOD_BYTES: usize = 128 * 1024;
/// So many of them are more than a socket that nobody reads takes: its send buffer, which Linux
/// lets grow to 4 MiB, the page's receive buffer, and what a session keeps unsent.
const FLOOD: u64 = 50;

const _: () = assert!(FLOOD < HELD_MAX, "the flood itself waits in its stream");

/// A sequence of numbers that look random, and are the same in each run.
struct Chance(u64);

impl Chance {
    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// What a subscriber does in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    Read,
    /// Goes without a word, and comes back while others publish.
    Reconnect,
    /// Reads nothing until a later round.
    Stall,
}

impl Plan {
    /// The last round finds everybody reading.
    fn choose(is_stalled: bool, is_last: bool, chance: &mut Chance) -> Self {
        match (is_stalled, chance.below(100)) {
            (true, 0..70) if !is_last => Self::Stall,
            (true, 0..75) => Self::Reconnect,
            (false, 0) if !is_last => Self::Stall,
            (false, 1..4) => Self::Reconnect,
            _ => Self::Read,
        }
    }
}

/// Everybody, and what happened to them.
struct Crowd {
    address: SocketAddr,
    sent: Sent,
    subscribers: Vec<Subscriber>,
    publishers: Vec<Page>,
    marker: Page,
    stalls: u64,
    reconnects: u64,
    lost: u64,
}

impl Crowd {
    async fn gather(address: SocketAddr) -> Self {
        let sent = Sent::default();
        let (mut subscribers, mut publishers) = (Vec::new(), Vec::new());
        for number in 0..SUBSCRIBERS {
            subscribers.push(Subscriber::at(address, number, &sent).await);
        }
        for _ in 0..PUBLISHERS {
            publishers.push(Page::at(address).await);
        }
        let marker = Page::at(address).await;
        let (stalls, reconnects, lost) = (0, 0, 0);
        Self { address, sent, subscribers, publishers, marker, stalls, reconnects, lost }
    }

    /// Everybody follows a plan while the publishers publish; then what was heard is looked at.
    async fn round(&mut self, round: u64, back_end: &Channel, chance: &mut Chance) {
        let mut running = JoinSet::new();
        let (standing, mut stood) = mpsc::channel::<()>(1);
        for mut subscriber in std::mem::take(&mut self.subscribers) {
            let plan = Plan::choose(subscriber.is_stalled, round + 1 == ROUNDS, chance);
            if plan == Plan::Stall && !subscriber.is_stalled {
                subscriber.is_stalled = true;
                subscriber.flood(back_end, FLOOD, FLOOD_BYTES).await;
                self.stalls += 1;
            }
            self.reconnects += u64::from(plan == Plan::Reconnect);
            let (address, sent, standing) = (self.address, self.sent.clone(), standing.clone());
            running.spawn(async move {
                if plan == Plan::Reconnect {
                    let number = subscriber.number;
                    drop(subscriber);
                    subscriber = Subscriber::at(address, number, &sent).await;
                }
                drop(standing);
                if plan != Plan::Stall {
                    subscriber.read_to(round).await;
                    subscriber.is_stalled = false;
                }
                subscriber
            });
        }
        self.publish(chance).await;
        // Whoever came back is there before the mark: the last sender is gone then.
        drop(standing);
        assert_eq!(stood.recv().await, None);
        burst(&mut self.marker, MARKER, 1, &self.sent).await;
        self.subscribers = running.join_all().await;
        self.subscribers.sort_by_key(|subscriber| subscriber.number);
        let sent = counts(&self.sent);
        for subscriber in self.subscribers.iter_mut().filter(|one| !one.is_stalled) {
            self.lost += subscriber.settle(&sent);
        }
    }

    /// Each publisher's burst, all at once.
    async fn publish(&mut self, chance: &mut Chance) {
        let mut publishing = JoinSet::new();
        for (publisher, mut page) in std::mem::take(&mut self.publishers).into_iter().enumerate() {
            let (count, sent) = (chance.below(BURST_MAX + 1), Arc::clone(&self.sent));
            publishing.spawn(async move {
                burst(&mut page, publisher, count, &sent).await;
                (publisher, page)
            });
        }
        let mut published = publishing.join_all().await;
        published.sort_by_key(|(publisher, _)| *publisher);
        self.publishers = published.into_iter().map(|(_, page)| page).collect();
    }
}

#[test]
fn two_hundred_subscribers_that_stall_and_reconnect_lose_only_what_they_are_told() {
    let broker = Broker::with(&format!("stream.topic_subscription.max_length = {HELD_MAX}\n"));
    block_on(async {
        let (_connection, back_end) = channel(&broker).await;
        back_end.select_confirms().await.unwrap();
        let mut crowd = Crowd::gather(broker.web_stomp()).await;
        let mut chance = Chance(3);
        for round in 0..ROUNDS {
            crowd.round(round, &back_end, &mut chance).await;
        }
        let Crowd { stalls, reconnects, lost, .. } = crowd;
        assert!(stalls > 20 && reconnects > 100, "{stalls} stalls, {reconnects} reconnects");
        assert!(lost > 1000, "stalls that lose {lost} messages are none");
    });
}
