//! A subscriber that holds what it hears against what was sent, and publishers who number it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use client::amqp::{Channel, Confirm, Publish};
use model::Properties;

use crate::page::{Frame, Page};

/// Who sends to the topic that everybody hears.
pub(super) const PUBLISHERS: usize = 4;
/// Who says there that a round is over; one more publisher.
pub(super) const MARKER: usize = PUBLISHERS;

/// How many messages each publisher, and the marker, has begun to send.
pub(super) type Sent = Arc<[AtomicU64; PUBLISHERS + 1]>;

/// The counts as they are.
pub(super) fn counts(sent: &Sent) -> Vec<u64> {
    sent.iter().map(|count| count.load(Ordering::SeqCst)).collect()
}

/// What one subscription has heard, by publisher.
#[derive(Default)]
pub(super) struct Heard {
    /// The next number, once there was a first.
    next: Vec<Option<u64>>,
    /// Numbers passed over.
    pub(super) lost: u64,
    /// Losses that were announced.
    told: u64,
}

impl Heard {
    /// Takes note of the message `number` of `publisher`. The first of a publisher is at most
    /// `first_max`: what was sent later cannot have been missed.
    fn hear(&mut self, frame: &Frame, publisher: usize, number: u64, first_max: u64) {
        self.told += frame.dropped();
        let next = &mut self.next[publisher];
        match *next {
            None => assert!(number <= first_max, "{number} comes first, {first_max} is due"),
            Some(next) => {
                assert!(number >= next, "{number} of {publisher} comes behind {next}");
                self.lost += number - next;
            }
        }
        *next = Some(number + 1);
    }
}

/// A page that is subscribed to the topic that everybody hears, and to one of its own, by which its
/// socket can be filled.
pub(super) struct Subscriber {
    pub(super) number: usize,
    page: Page,
    pub(super) heard: Heard,
    /// What each publisher had begun to send when the subscription stood.
    due: Vec<u64>,
    flood: Heard,
    flooded: u64,
    pub(super) is_stalled: bool,
}

impl Subscriber {
    /// Connects and subscribes.
    pub(super) async fn at(address: SocketAddr, number: usize, sent: &Sent) -> Self {
        let mut page = Page::at(address).await;
        page.subscribe("flood", &format!("/topic/flood.{number}"), "").await;
        page.subscribe("load", "/topic/load", "").await;
        let due = counts(sent);
        // Where nobody had begun, the first is due.
        let next = due.iter().map(|&due| (due == 0).then_some(0)).collect();
        Self {
            number,
            page,
            heard: Heard { next, ..Heard::default() },
            due,
            flood: Heard { next: vec![Some(0)], ..Heard::default() },
            flooded: 0,
            is_stalled: false,
        }
    }

    /// Fills its socket, which it does not read.
    pub(super) async fn flood(&mut self, back_end: &Channel, messages: u64, bytes: usize) {
        let key = format!("flood.{}", self.number);
        let filling = "x".repeat(bytes);
        let mut confirms = Vec::new();
        for _ in 0..messages {
            let body = format!("0 {} {filling}", self.flooded);
            self.flooded += 1;
            confirms.push(publish(back_end, &key, body.as_bytes()).await);
        }
        for confirm in confirms {
            confirm.confirmed().await.unwrap();
        }
    }

    /// Reads to the mark of a round, and to the end of its own flood.
    pub(super) async fn read_to(&mut self, round: u64) {
        while self.heard.next[MARKER] != Some(round + 1) || self.flood.next[0] < Some(self.flooded)
        {
            let frame = self.page.next().await;
            let mut words = frame.text().split(' ').map(|word| word.parse::<u64>().unwrap_or(0));
            let (publisher, number) = (words.next().unwrap(), words.next().unwrap());
            let publisher = usize::try_from(publisher).unwrap();
            match frame.subscription() {
                "load" => self.heard.hear(&frame, publisher, number, self.due[publisher]),
                _ => self.flood.hear(&frame, publisher, number, 0),
            }
        }
    }

    /// At a mark: everything has come, or its loss was announced. How many were lost.
    pub(super) fn settle(&mut self, sent: &[u64]) -> u64 {
        let number = self.number;
        for (publisher, &end) in sent.iter().enumerate() {
            match self.heard.next[publisher] {
                Some(next) => assert_eq!(next, end, "subscriber {number}, publisher {publisher}"),
                // It came when all was on its way already.
                None => assert_eq!(self.due[publisher], end, "subscriber {number}"),
            }
            self.heard.next[publisher] = Some(end);
        }
        assert_eq!(self.heard.told, self.heard.lost, "subscriber {number}: announced, and lost");
        assert_eq!(self.flood.told, self.flood.lost, "subscriber {number}: of its flood");
        self.heard.told = 0;
        std::mem::take(&mut self.heard.lost)
    }
}

/// Sends so many messages of a publisher to the topic that everybody hears, and awaits the receipt
/// for the last.
pub(super) async fn burst(page: &mut Page, publisher: usize, count: u64, sent: &Sent) {
    for left in (0..count).rev() {
        let number = sent[publisher].fetch_add(1, Ordering::SeqCst);
        let receipt = if left == 0 { "receipt:r\n" } else { "" };
        page.say(format!("SEND\ndestination:/topic/load\n{receipt}\n{publisher} {number}\0")).await;
    }
    if count > 0 {
        page.receipt("r").await;
    }
}

/// Publishes to the topic exchange.
pub(super) async fn publish(back_end: &Channel, key: &str, body: &[u8]) -> Confirm {
    let properties = Properties::default();
    let exchange = "amq.topic";
    let publish = Publish { exchange, key, properties: &properties, body, is_mandatory: false };
    back_end.publish(publish).await.unwrap()
}
