//! What waits behind a socket that nobody reads expires there as it would in a queue.

use std::time::Duration;

use client::amqp::{Channel, Publish};
use model::{FieldValue, Properties, ShortString};
use serde_json::Value;

use super::subscriber::publish;
use crate::broker::Broker;
use crate::client_amqp::{binding, block_on, channel, queue};
use crate::http::Api;
use crate::page::Page;

/// How long a message may wait.
const TTL: Duration = Duration::from_millis(200);
/// Large messages that fill a socket twice.
const FLOOD: usize = 80;
const FLOOD_BYTES: usize = 128 * 1024;
/// Messages of each kind.
const COUNT: usize = 10;

#[test]
fn what_expires_while_its_reader_stalls_is_passed_over_and_is_no_loss() {
    let broker = Broker::start();
    block_on(async {
        let (_connection, back_end) = channel(&broker).await;
        back_end.select_confirms().await.unwrap();
        // It has the same messages, and tells when their time is over.
        let mut witness = queue("witness");
        let ttl = i64::try_from(TTL.as_millis()).unwrap();
        witness.arguments.set("x-message-ttl", FieldValue::I64(ttl));
        back_end.declare_queue(&witness).await.unwrap();
        back_end.bind(&binding("amq.topic", "brief", "witness")).await.unwrap();

        let mut page = Page::at(broker.web_stomp()).await;
        page.subscribe("flood", "/topic/flood", "").await;
        page.subscribe("all", "/topic/brief", "").await;
        page.subscribe("ttl", "/topic/brief", &format!("x-message-ttl:{ttl}\n")).await;
        stall(&broker, &back_end).await;
        for number in 0..COUNT {
            publish(&back_end, "brief", format!("kept {number}").as_bytes()).await;
        }
        for number in 0..COUNT {
            publish_expiring(&back_end, &format!("own {number}")).await;
        }
        let api = Api::of(&broker);
        api.until("/api/queues/%2F/witness", |queue| queue["messages"] == 0);
        publish(&back_end, "brief", b"last").await.confirmed().await.unwrap();

        let (mut all, mut with_ttl) = (Vec::new(), Vec::new());
        while all.last().is_none_or(|body| body != "last")
            || with_ttl.last().is_none_or(|body| body != "last")
        {
            let frame = page.next().await;
            assert_eq!(frame.dropped(), 0, "what has expired was not lost");
            match frame.subscription() {
                "all" => all.push(frame.text().to_owned()),
                "ttl" => with_ttl.push(frame.text().to_owned()),
                _ => {}
            }
        }
        let kept = (0..COUNT).map(|number| format!("kept {number}"));
        let wanted: Vec<String> = kept.chain(["last".to_owned()]).collect();
        assert_eq!(all, wanted, "what had a time of its own is gone");
        assert_eq!(with_ttl, ["last"], "and all of it for who set a bound");
    });
}

/// Fills the page's socket until the broker writes no more.
async fn stall(broker: &Broker, back_end: &Channel) {
    let body = vec![b'x'; FLOOD_BYTES];
    let mut last = None;
    for _ in 0..FLOOD {
        last = Some(publish(back_end, "flood", &body).await);
    }
    last.unwrap().confirmed().await.unwrap();
    let api = Api::of(broker);
    let is_flood = |row: &&Value| row["consumer_tag"] == "T_flood";
    let consumers = api.list("/api/consumers");
    let flood = consumers.iter().find(is_flood).unwrap()["queue"]["name"].as_str().unwrap();
    // Behind, and no less so the next few times.
    let waiting = || api.get(&format!("/api/queues/%2F/{flood}"))["messages"].as_u64().unwrap();
    let (mut before, mut same) = (waiting(), 0);
    while before == 0 || same < 10 {
        let now = waiting();
        same = if now == before { same + 1 } else { 0 };
        before = now;
    }
}

/// Publishes with an expiration, and awaits the confirm.
async fn publish_expiring(back_end: &Channel, body: &str) {
    let expiration = ShortString::parse(TTL.as_millis().to_string()).unwrap();
    let properties = Properties { expiration: Some(expiration), ..Properties::default() };
    let (exchange, key, body) = ("amq.topic", "brief", body.as_bytes());
    let publish = Publish { exchange, key, properties: &properties, body, is_mandatory: false };
    back_end.publish(publish).await.unwrap().confirmed().await.unwrap();
}
