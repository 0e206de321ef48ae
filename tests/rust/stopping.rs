//! What the start prints and what a stop leaves: peers at work, half-sent requests, idle sockets.

use std::time::Duration;

use client::amqp::Publish;
use model::{AckMode, Properties};
use tokio::time::timeout;

use crate::broker::{Broker, WAIT_MAX};
use crate::client_amqp::{block_on, channel, queue};
use crate::peer::Peer;
use crate::websocket_bytes as ws;

#[test]
fn the_ready_line_says_how_long_the_start_took() {
    let broker = Broker::start();
    let took =
        broker.ready_line().strip_prefix("ready in ").and_then(|rest| rest.strip_suffix(" ms"));
    let took: f64 = took.unwrap_or_else(|| panic!("{}", broker.ready_line())).parse().unwrap();
    println!("started in {took} ms");
    assert!(took > 0.0);
}

#[test]
fn confirms_of_a_broker_that_stops_come_before_its_goodbye() {
    let mut broker = Broker::start();
    block_on(async {
        let (connection, channel) = channel(&broker).await;
        channel.declare_queue(&queue("last")).await.unwrap();
        channel.select_confirms().await.unwrap();
        let properties = Properties::default();
        let publish = Publish {
            exchange: "",
            key: "last",
            properties: &properties,
            body: b"x",
            is_mandatory: false,
        };
        let mut confirms = Vec::new();
        for _ in 0..500 {
            confirms.push(channel.publish(publish).await.unwrap());
        }
        // Answered behind the publishes, so they have all reached the broker.
        assert!(channel.get("last", AckMode::Automatic).await.unwrap().is_some());
        broker.terminate();
        for confirm in confirms {
            timeout(WAIT_MAX, confirm.confirmed()).await.expect("in time").expect("a confirm");
        }
        let end = timeout(WAIT_MAX, async {
            loop {
                if let Err(error) = channel.get("last", AckMode::Automatic).await {
                    return error;
                }
            }
        });
        let end = end.await.expect("the goodbye").to_string();
        assert!(end.contains("320 CONNECTION_FORCED"), "{end}");
        assert!(connection.is_closed());
    });
    assert!(broker.wait().success());
}

#[test]
fn a_stop_waits_for_nobody_who_has_asked_for_nothing_yet() {
    let mut broker = Broker::start();
    let silent: Vec<Peer> =
        [broker.amqp(), broker.stomp(), broker.web_stomp(), broker.management()]
            .map(Peer::connect)
            .into();
    let half_asked = [
        Peer::saying(broker.management(), "GET /api/overview HTT"),
        Peer::saying(broker.web_stomp(), "GET /ws HTTP/1.1\r\nHost: localh"),
        Peer::saying(broker.amqp(), b"AMQP\x00\x00"),
        Peer::saying(broker.stomp(), "CONNECT\nlog"),
    ];
    let half_said = ws::open(broker.web_stomp());
    // All of them have been accepted: this one came last and is served.
    let served = ws::session(broker.web_stomp());
    let begun = std::time::Instant::now();
    broker.terminate();
    ws::expect_close(half_said, 1012);
    ws::expect_close(served, 1012);
    assert!(broker.wait().success());
    assert!(begun.elapsed() < Duration::from_secs(8), "took {:?}", begun.elapsed());
    drop((silent, half_asked));
}
