//! The AMQP client against a server that follows a script.
//!
//! Against a broker it is tested in `tests/rust`, package `hopwire-tests`.

#![expect(clippy::unwrap_used, reason = "all of it is test")]

mod server;

use std::time::Duration;

use hopwire_client::amqp::{Channel, Connection, Publish};
use hopwire_client::{Error, Uri};
use model::{AckMode, ExchangeName, ExchangeSpec, FieldTable, Properties};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};
use wire::amqp::method::{Arguments, basic, channel, confirm, connection, exchange};

use self::server::{Heard, Server, Tune};

/// For what must happen at all.
const PATIENCE: Duration = Duration::from_secs(20);

/// A publish that takes longer waits for room: nobody reads.
const NO_ROOM: Duration = Duration::from_millis(100);

const TUNE: Tune = Tune { channel_max: 2047, heartbeat_seconds: 0 };

fn uri(listener: &TcpListener) -> Uri {
    Uri::parse(&format!("amqp://{}", listener.local_addr().unwrap())).unwrap()
}

/// A client and the server that has let it in.
async fn pair(tune: Tune) -> (Connection, Server) {
    let listener = server::listen().await;
    let uri = uri(&listener);
    let serve = async { Server::accept(&listener).await.let_in(tune).await };
    let (connection, server) = tokio::join!(Connection::open(&uri), serve);
    (connection.unwrap(), server)
}

async fn open_channel(connection: &Connection, server: &mut Server, number: u16) -> Channel {
    let (opened, ()) = tokio::join!(connection.open_channel(), server.open_channel(number));
    opened.unwrap()
}

fn news() -> ExchangeSpec {
    ExchangeSpec {
        name: ExchangeName::parse("news").unwrap(),
        kind: "topic".into(),
        is_durable: true,
        is_auto_delete: false,
        is_internal: false,
        arguments: FieldTable::default(),
    }
}

fn message<'a>(properties: &'a Properties, body: &'a [u8]) -> Publish<'a> {
    Publish { exchange: "news", key: "k", properties, body, is_mandatory: false }
}

fn close(reply_code: u16, reply_text: &str) -> connection::Close<'_> {
    connection::Close { reply_code, reply_text, class_id: 0, method_id: 0 }
}

/// A client that only listens beats, too: what it hears does not count as said.
#[tokio::test]
async fn a_client_that_hears_much_and_says_nothing_beats() {
    let (_connection, mut server) = pair(Tune { heartbeat_seconds: 1, ..TUNE }).await;
    let begun = Instant::now();
    let heard = loop {
        match timeout(Duration::from_millis(100), server.hear()).await {
            Ok(heard) => break heard,
            Err(_) => server.say_heartbeat().await,
        }
        assert!(begun.elapsed() < PATIENCE, "no heart-beat");
    };
    assert_eq!(heard, Heard::Heartbeat);
    assert!(begun.elapsed() >= Duration::from_millis(400), "after half an interval, not before");
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up_after_two_intervals() {
    let (connection, mut server) = pair(Tune { heartbeat_seconds: 10, ..TUNE }).await;
    let channel = open_channel(&connection, &mut server, 1).await;
    let begun = Instant::now();
    let spec = news();
    let answer = channel.declare_exchange(&spec).await;
    assert!(matches!(answer, Err(Error::TimedOut(after)) if after.as_secs() == 20), "{answer:?}");
    assert!((10..=20).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert!(connection.is_closed());
}

/// The publisher once waited for room that nobody would make any more.
#[tokio::test]
async fn a_publisher_that_waits_for_room_hears_of_the_end() {
    let (connection, mut server) = pair(TUNE).await;
    let channel = open_channel(&connection, &mut server, 1).await;
    let (properties, body) = (Properties::default(), vec![b'x'; 64 * 1024]);
    while timeout(NO_ROOM, channel.publish(message(&properties, &body))).await.is_ok() {}
    let hang_up = async {
        // After the publisher has begun to wait.
        tokio::task::yield_now().await;
        drop(server);
    };
    let publish = timeout(PATIENCE, channel.publish(message(&properties, &body)));
    let (published, ()) = tokio::join!(publish, hang_up);
    let error = published.expect("the publisher ends").unwrap_err();
    assert!(error.is_connection(), "{error}");
    assert!(connection.is_closed());
}

#[tokio::test]
async fn confirms_come_one_by_one_together_and_negative() {
    let (connection, mut server) = pair(TUNE).await;
    let channel = open_channel(&connection, &mut server, 1).await;
    let select = async {
        server.expect(1, confirm::Select::ID).await;
        server.say(1, &confirm::SelectOk {}).await;
    };
    let (selected, ()) = tokio::join!(channel.select_confirms(), select);
    selected.unwrap();
    let properties = Properties::default();
    let mut confirms = Vec::new();
    for body in [b"1", b"2", b"3", b"4"] {
        confirms.push(channel.publish(message(&properties, body)).await.unwrap());
        server.expect(1, basic::Publish::ID).await;
        assert_eq!(server.hear().await, Heard::Header);
        assert_eq!(server.hear().await, Heard::Body(body.to_vec()));
    }
    server.say(1, &basic::Ack { delivery_tag: 1, multiple: false }).await;
    server.say(1, &basic::Nack { delivery_tag: 4, multiple: false, requeue: false }).await;
    server.say(1, &basic::Ack { delivery_tag: 3, multiple: true }).await;
    let mut results = Vec::new();
    for confirm in confirms {
        results.push(timeout(PATIENCE, confirm.confirmed()).await.expect("a confirm"));
    }
    let accepted: Vec<bool> = results.iter().map(Result::is_ok).collect();
    assert_eq!(accepted, [true, true, true, false]);
    assert!(matches!(results.last(), Some(Err(Error::Rejected))));
}

#[tokio::test]
async fn a_refusal_closes_its_channel_and_no_other() {
    let (connection, mut server) = pair(TUNE).await;
    let first = open_channel(&connection, &mut server, 1).await;
    let second = open_channel(&connection, &mut server, 2).await;
    let spec = news();
    let refuse = async {
        server.expect(1, exchange::Declare::ID).await;
        let text = "NOT_ALLOWED - no";
        let close =
            channel::Close { reply_code: 530, reply_text: text, class_id: 40, method_id: 10 };
        server.say(1, &close).await;
        server.expect(1, channel::CloseOk::ID).await;
    };
    let (refused, ()) = tokio::join!(first.declare_exchange(&spec), refuse);
    let is_refusal =
        |error: &Error| matches!(error, Error::Refused { code: 530, text } if text.contains("no"));
    assert!(is_refusal(&refused.unwrap_err()));
    assert!(is_refusal(&first.declare_exchange(&spec).await.unwrap_err()), "told again, not asked");
    let accept = async {
        server.expect(2, exchange::Declare::ID).await;
        server.say(2, &exchange::DeclareOk {}).await;
    };
    let (declared, ()) = tokio::join!(second.declare_exchange(&spec), accept);
    declared.unwrap();
    assert!(!connection.is_closed());
}

#[tokio::test]
async fn the_servers_goodbye_reaches_everybody_who_waits() {
    let (connection, mut server) = pair(TUNE).await;
    let channel = open_channel(&connection, &mut server, 1).await;
    let consume = async {
        server.expect(1, basic::Consume::ID).await;
        server.say(1, &basic::ConsumeOk { consumer_tag: "c" }).await;
    };
    let (consumer, ()) = tokio::join!(channel.consume("q", "c", AckMode::Manual), consume);
    let mut consumer = consumer.unwrap();
    let spec = news();
    let goodbye = async {
        server.expect(1, exchange::Declare::ID).await;
        server.say(0, &close(320, "CONNECTION_FORCED - bye")).await;
        server.expect(0, connection::CloseOk::ID).await;
    };
    let (told, ()) = tokio::join!(channel.declare_exchange(&spec), goodbye);
    let is_goodbye =
        |error: &Error| matches!(error, Error::Closed { code: 320, text } if text.ends_with("bye"));
    assert!(is_goodbye(&told.unwrap_err()));
    assert!(timeout(PATIENCE, consumer.next()).await.expect("an end").is_none());
    assert!(is_goodbye(&connection.open_channel().await.unwrap_err()));
    assert!(is_goodbye(&connection.close().await.unwrap_err()));
}

#[tokio::test]
async fn channels_are_as_many_as_agreed_and_free_again_when_closed() {
    let (connection, mut server) = pair(Tune { channel_max: 2, ..TUNE }).await;
    let first = open_channel(&connection, &mut server, 1).await;
    let _second = open_channel(&connection, &mut server, 2).await;
    let refused = connection.open_channel().await.unwrap_err().to_string();
    assert!(refused.contains("all 2 channels are in use"), "{refused}");
    let close = async {
        server.expect(1, channel::Close::ID).await;
        server.say(1, &channel::CloseOk {}).await;
    };
    let (closed, ()) = tokio::join!(first.close(), close);
    closed.unwrap();
    open_channel(&connection, &mut server, 1).await;
}

#[tokio::test]
async fn who_does_not_speak_amqp_is_told_apart_from_who_hangs_up() {
    for (said, is_wanted) in [
        (&b"AMQP\x00\x00\x09\x02"[..], "protocol error"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "protocol error"),
        (b"", "wrong user, password or vhost"),
    ] {
        let listener = server::listen().await;
        let uri = uri(&listener);
        let serve = async {
            let mut server = Server::accept(&listener).await;
            server.say_bytes(said).await;
        };
        let (opened, ()) = tokio::join!(Connection::open(&uri), serve);
        let error = opened.unwrap_err().to_string();
        assert!(error.contains(is_wanted), "{said:?}: {error}");
    }
}

#[tokio::test]
async fn garbage_ends_the_connection_as_the_servers_fault() {
    let (connection, mut server) = pair(TUNE).await;
    let channel = open_channel(&connection, &mut server, 1).await;
    let spec = news();
    let garble = async {
        server.expect(1, exchange::Declare::ID).await;
        server.say_bytes(b"\x01\x00\x01\x00\x00\x00\x04\x00\x28\x00\x0b?").await;
    };
    let (told, ()) = tokio::join!(channel.declare_exchange(&spec), garble);
    assert!(matches!(told, Err(Error::Protocol(_))), "{told:?}");
    assert!(connection.is_closed());
}
