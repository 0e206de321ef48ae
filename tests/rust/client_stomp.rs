//! Hopwire's own client for STOMP over WebSocket against the broker.

use client::stomp::{Connection, Login, Received, Upgrade, WebSocket};
use client::{Error, Uri};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::broker::{Broker, WAIT_MAX};
use crate::client_amqp::block_on;
use crate::http::Api;

/// Where the broker's endpoint is, for a user, `user:password`.
fn uri(broker: &Broker, login: &str) -> Uri {
    Uri::parse(&format!("ws://{login}@{}/ws", broker.web_stomp())).unwrap()
}

/// A session of a user, `user:password`.
pub(crate) async fn log_in(broker: &Broker, login: &str) -> Result<Connection, Error> {
    timeout(WAIT_MAX, Connection::open(&uri(broker, login))).await.expect("an answer in time")
}

/// The next frame.
pub(crate) async fn next(connection: &mut Connection) -> Received {
    timeout(WAIT_MAX, connection.next()).await.expect("a frame in time").unwrap()
}

#[test]
fn what_is_sent_comes_back_to_its_subscriber_and_to_no_other() {
    let broker = Broker::start();
    block_on(async {
        let mut page = log_in(&broker, "guest:guest").await.unwrap();
        let mut other = log_in(&broker, "guest:guest").await.unwrap();
        page.subscribe("0", "/topic/news.de").await.unwrap();
        other.subscribe("0", "/topic/news.en").await.unwrap();
        let large = "{\"n\":1}".repeat(20_000);
        for body in ["small", large.as_str()] {
            let headers = [("content-type", "text/plain"), ("x", "a:b\\c")];
            page.send("/topic/news.de", &headers, body.as_bytes()).await.unwrap();
            let message = next(&mut page).await;
            assert_eq!(message.command, "MESSAGE");
            assert_eq!(message.header("destination"), Some("/topic/news.de"));
            assert_eq!(message.header("subscription"), Some("0"));
            assert_eq!(message.header("content-type"), Some("text/plain"));
            assert_eq!(message.header("x"), Some("a:b\\c"), "headers come back as they were");
            assert!(message.body == body.as_bytes());
        }
        other.send("/topic/news.en", &[], b"mine").await.unwrap();
        assert_eq!(next(&mut other).await.body, b"mine", "the first that it hears");
        page.disconnect().await.unwrap();
    });
}

#[test]
fn a_large_message_travels_compressed_if_that_was_asked_for() {
    let broker = Broker::start();
    block_on(async {
        for is_compressing in [true, false] {
            let stream = TcpStream::connect(broker.web_stomp()).await.unwrap();
            let ask = Upgrade { is_compressing, origin: None, authorization: None };
            let uri = uri(&broker, "guest:guest");
            let socket = WebSocket::upgrade(stream, &uri, ask).await.unwrap();
            assert_eq!(socket.is_compressing(), is_compressing);
            assert_eq!(socket.subprotocol(), Some("v12.stomp"));
            let mut page = Connection::new(socket);
            let login =
                Login { user: "guest", password: "guest", vhost: "/", heartbeat_ms: (0, 0) };
            let connected = page.connect(login).await.unwrap();
            assert_eq!((&*connected.version, &*connected.heartbeat), ("1.2", "0,0"));
            page.subscribe("0", "/topic/large").await.unwrap();
            let body = "0123456789".repeat(10_000);
            let before = page.socket().received_bytes();
            page.send("/topic/large", &[], body.as_bytes()).await.unwrap();
            assert!(next(&mut page).await.body == body.as_bytes());
            let travelled = page.socket().received_bytes() - before;
            assert_eq!(travelled < 5_000, is_compressing, "{travelled} bytes");
        }
    });
}

#[test]
fn a_refused_login_and_a_refused_subscription_say_why() {
    let broker = Broker::start();
    block_on(async {
        let wrong = log_in(&broker, "guest:wrong").await.unwrap_err();
        let Error::Refused { text, .. } = &wrong else { panic!("{wrong}") };
        assert_eq!(text, "Bad CONNECT: Access refused for user 'guest'");
        let mut page = log_in(&broker, "guest:guest").await.unwrap();
        let refused = page.subscribe("0", "/exchange/absent/k").await.unwrap_err();
        let Error::Refused { text, .. } = &refused else { panic!("{refused}") };
        assert!(text.contains("absent"), "{text}");
    });
}

#[test]
fn a_wrong_path_and_a_port_that_speaks_amqp_are_told_apart() {
    let broker = Broker::start();
    block_on(async {
        let elsewhere = Uri::parse(&format!("ws://{}/other", broker.web_stomp())).unwrap();
        let error = Connection::open(&elsewhere).await.unwrap_err().to_string();
        assert!(error.contains("the server answers 404"), "{error}");
        let amqp = Uri::parse(&format!("ws://{}/ws", broker.amqp())).unwrap();
        let error = Connection::open(&amqp).await.unwrap_err().to_string();
        assert!(error.contains("not HTTP"), "{error}");
    });
}

#[test]
fn a_session_that_an_operator_ends_hears_an_error_and_then_a_close() {
    let broker = Broker::start();
    block_on(async {
        let mut page = log_in(&broker, "guest:guest").await.unwrap();
        let api = Api::of(&broker);
        let name = api.names("/api/connections").remove(0);
        assert_eq!(api.end_connection(&name, "X-Reason: tidying up\r\n"), 204);
        let error = next(&mut page).await;
        assert_eq!(error.command, "ERROR");
        assert!(String::from_utf8_lossy(&error.body).contains("tidying up"), "{error:?}");
        let closed = timeout(WAIT_MAX, page.next()).await.expect("the close in time").unwrap_err();
        assert!(matches!(closed, Error::Closed { .. }), "{closed}");
        api.until("/api/connections", |list| list.as_array().unwrap().is_empty());
    });
}
