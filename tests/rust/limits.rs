//! Limits of connections: at each limit, one beyond it, and after somebody has left.

use std::net::SocketAddr;
use std::time::Instant;

use client::Error;

use crate::broker::{Broker, WAIT_MAX};
use crate::client_amqp::{block_on, log_in};
use crate::peer::Peer;
use crate::websocket_bytes as ws;

const CONNECT: &str = "CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0";
const DISCONNECT: &str = "DISCONNECT\nreceipt:bye\n\n\0";

/// A second user, whose connections do not count as guest's.
const ANN: &str = "default_users.ann.password = ann-password\n";

/// What STOMP over TCP answers to a CONNECT, and the peer.
fn stomp(broker: &Broker) -> (Peer, String) {
    let mut peer = Peer::saying(broker.stomp(), CONNECT);
    let heard = String::from_utf8(peer.hear_until(b"\0")).unwrap();
    (peer, heard)
}

/// What STOMP over WebSocket answers to a CONNECT.
fn web_stomp(broker: &Broker) -> String {
    let mut peer = ws::open(broker.web_stomp());
    peer.say(ws::masked(ws::TEXT, CONNECT.as_bytes()));
    String::from_utf8(ws::hear(&mut peer).1).unwrap().trim_end_matches('\n').to_owned()
}

/// What AMQP answers to a login one beyond the limit.
async fn amqp_refusal(broker: &Broker, login: &str) -> String {
    match log_in(broker, login).await {
        Err(Error::Closed { code: 530, text }) => text,
        other => panic!("530, not {other:?}"),
    }
}

fn is_error(heard: &str, body: &str) {
    assert!(heard.starts_with("ERROR\n"), "{heard}");
    assert!(heard.contains("message:Bad CONNECT\n"), "{heard}");
    assert!(heard.ends_with(&format!("\n\n{body}\0")), "{heard}");
}

#[test]
fn the_node_takes_as_many_connections_as_it_may_over_all_protocols() {
    let broker = Broker::with(&format!("connection_max = 3\n{ANN}"));
    block_on(async {
        let back_end = log_in(&broker, "guest:guest").await.unwrap();
        let _page = ws::session(broker.web_stomp());
        let (mut client, heard) = stomp(&broker);
        assert!(heard.starts_with("CONNECTED\n"), "the third of three: {heard}");

        let text = "NOT_ALLOWED - connection refused: node connection limit (3) is reached";
        assert_eq!(amqp_refusal(&broker, "ann:ann-password").await, text);
        is_error(&stomp(&broker).1, "Connection refused: node connection limit reached");
        is_error(&web_stomp(&broker), "Connection refused: node connection limit reached");

        // Each place is free once its goodbye is answered.
        client.say(DISCONNECT);
        client.hear_until(b"receipt-id:bye\n\n\0");
        let ann = log_in(&broker, "ann:ann-password").await.unwrap();
        amqp_refusal(&broker, "ann:ann-password").await;
        back_end.close().await.unwrap();
        assert!(stomp(&broker).1.starts_with("CONNECTED\n"));
        ann.close().await.unwrap();
    });
}

#[test]
fn a_user_takes_as_many_connections_as_each_may_and_others_are_not_in_the_way() {
    let broker = Broker::with(&format!("user_connection_max = 2\n{ANN}"));
    block_on(async {
        let first = log_in(&broker, "guest:guest").await.unwrap();
        let _page = ws::session(broker.web_stomp());
        let text = "NOT_ALLOWED - connection refused for user 'guest': \
                    user connection limit (2) is reached";
        assert_eq!(amqp_refusal(&broker, "guest:guest").await, text);
        let text = "Connection refused: user connection limit reached";
        is_error(&stomp(&broker).1, text);
        is_error(&web_stomp(&broker), text);

        let _ann = log_in(&broker, "ann:ann-password").await.unwrap();
        first.close().await.unwrap();
        assert!(stomp(&broker).1.starts_with("CONNECTED\n"));
    });
}

#[test]
fn who_drops_the_socket_without_a_word_leaves_too() {
    let broker = Broker::with("user_connection_max = 1");
    let (peer, _) = stomp(&broker);
    is_error(&stomp(&broker).1, "Connection refused: user connection limit reached");
    drop(peer);
    let begun = Instant::now();
    while !stomp(&broker).1.starts_with("CONNECTED\n") {
        assert!(begun.elapsed() < WAIT_MAX, "the place stays taken");
    }
}

#[test]
fn a_failed_login_takes_no_place() {
    let broker = Broker::with("connection_max = 1");
    block_on(async {
        log_in(&broker, "guest:wrong").await.unwrap_err();
        let _waiting = ws::open(broker.web_stomp());
        log_in(&broker, "guest:guest").await.unwrap();
    });
}

/// The status of an upgrade, and the peer.
fn upgrade(address: SocketAddr) -> (Peer, String) {
    let (peer, head) = ws::ask(address, &ws::request("/ws", ""));
    (peer, head.lines().next().unwrap().to_owned())
}

#[test]
fn websockets_beyond_their_limit_are_answered_503_and_do_not_count() {
    let broker = Broker::with("web_stomp.max_connections = 2");
    let (first, status) = upgrade(broker.web_stomp());
    assert!(status.starts_with("HTTP/1.1 101 "), "{status}");
    let (second, status) = upgrade(broker.web_stomp());
    assert!(status.starts_with("HTTP/1.1 101 "), "{status}");
    // They keep their sockets, and yet take nobody's place.
    let refused: Vec<Peer> = (0..3)
        .map(|_| {
            let (peer, status) = upgrade(broker.web_stomp());
            assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
            peer
        })
        .collect();
    let stomp = Peer::saying(broker.stomp(), CONNECT).hear_until(b"\0");
    assert!(stomp.starts_with(b"CONNECTED\n"), "other listeners have limits of their own");
    drop(first);
    let begun = Instant::now();
    while !upgrade(broker.web_stomp()).1.starts_with("HTTP/1.1 101 ") {
        assert!(begun.elapsed() < WAIT_MAX, "the place stays taken");
    }
    drop((second, refused));
}
