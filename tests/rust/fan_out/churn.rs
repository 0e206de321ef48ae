//! Ten thousand subscriptions that come and go while messages pass.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinSet;

use super::subscriber::{MARKER, Sent, Subscriber, burst, counts};
use crate::broker::Broker;
use crate::client_amqp::block_on;
use crate::http::Api;
use crate::page::Page;

/// Pages that subscribe and unsubscribe.
const CHURNING: usize = 10;
/// How often each of them does.
const CHURNS: usize = 1000;
/// How many of these are on their way at once.
const AT_ONCE: usize = 20;
/// Pages that stay.
const STAYING: usize = 20;
/// What the publisher sends before it awaits a receipt.
const BURST: u64 = 12;

#[test]
fn ten_thousand_subscriptions_come_and_go_and_who_stays_hears_all() {
    let broker = Broker::start();
    block_on(async {
        let (address, sent) = (broker.web_stomp(), Sent::default());
        let mut staying = JoinSet::new();
        for number in 0..STAYING {
            let mut subscriber = Subscriber::at(address, number, &sent).await;
            staying.spawn(async move {
                subscriber.read_to(0).await;
                subscriber
            });
        }
        let is_over = Arc::new(AtomicBool::new(false));
        let publishing = tokio::spawn(publish(address, Arc::clone(&is_over), Arc::clone(&sent)));
        let mut churning = JoinSet::new();
        for number in 0..CHURNING {
            churning.spawn(churn(address, number));
        }
        let heard: u64 = churning.join_all().await.into_iter().sum();
        is_over.store(true, Ordering::SeqCst);
        publishing.await.unwrap();
        let sent = counts(&sent);
        for mut subscriber in staying.join_all().await {
            assert_eq!(subscriber.settle(&sent), 0, "who reads loses nothing");
        }
        assert!(sent[0] > 100 && heard > 100, "{} sent, {heard} heard in passing", sent[0]);
        let api = Api::of(&broker);
        api.until("/api/queues", |queues| queues.as_array().unwrap().is_empty());
    });
}

/// Publishes as long as somebody comes and goes.
async fn publish(address: SocketAddr, is_over: Arc<AtomicBool>, sent: Sent) {
    let mut page = Page::at(address).await;
    while !is_over.load(Ordering::SeqCst) {
        burst(&mut page, 0, BURST, &sent).await;
    }
    burst(&mut page, MARKER, 1, &sent).await;
}

/// Comes and goes: to the topic that everybody hears, and to keys of its own. After the receipt
/// for an UNSUBSCRIBE nothing comes for it. How many messages came before.
async fn churn(address: SocketAddr, number: usize) -> u64 {
    let mut page = Page::at(address).await;
    let mut heard = 0;
    for first in (0..CHURNS).step_by(AT_ONCE) {
        let ids = first..first + AT_ONCE;
        for word in ["SUBSCRIBE", "UNSUBSCRIBE"] {
            let mut frames = String::new();
            for id in ids.clone() {
                let destination = match id % 2 {
                    0 => "/topic/load".to_owned(),
                    _ => format!("/topic/own.{number}.{id}"),
                };
                let headers = format!("id:{id}\ndestination:{destination}\nreceipt:{word}{id}");
                frames.push_str(&format!("{word}\n{headers}\n\n\0"));
            }
            page.say(frames).await;
            let mut unanswered = ids.clone();
            while !unanswered.is_empty() {
                let frame = page.next().await;
                if frame.command() == "RECEIPT" {
                    let receipt = format!("{word}{}", unanswered.start);
                    assert_eq!(frame.header("receipt-id"), Some(&*receipt), "in order");
                    unanswered.start += 1;
                    continue;
                }
                let id: usize = frame.subscription().parse().unwrap();
                let alive = if word == "SUBSCRIBE" { &ids } else { &unanswered };
                assert!(alive.contains(&id), "a message for {id}, which is gone");
                heard += 1;
            }
        }
    }
    heard
}
