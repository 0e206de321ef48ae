//! Requests in, answers out, over sockets in memory.

use tokio::io::{AsyncReadExt, DuplexStream, duplex};

use super::*;

const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Origin: http://good.example\r\nAuthorization: Basic eDp5\r\n\r\n";

fn begin(
    settings: Settings,
    admission: Admission,
) -> (DuplexStream, impl Future<Output = Result<Upgraded<DuplexStream>, NotUpgraded>>) {
    let (ours, theirs) = duplex(64 * 1024);
    (theirs, async move { upgrade(ours, &settings, admission).await })
}

async fn status_of(request: &str, settings: &Settings, admission: Admission) -> String {
    let (mut peer, upgrade) = begin(settings.clone(), admission);
    peer.write_all(request.as_bytes()).await.unwrap();
    let upgraded = tokio::spawn(upgrade);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        assert_ne!(peer.read_buf(&mut head).await.unwrap(), 0);
    }
    let head = String::from_utf8(head).unwrap();
    drop(peer);
    assert_eq!(upgraded.await.unwrap().is_ok(), head.starts_with("HTTP/1.1 101 "));
    head.split(' ').nth(1).unwrap().into()
}

#[tokio::test]
async fn requests_are_answered_as_rabbitmq_answers_them() {
    let settings = Settings::default();
    let check = async |from: &str, to: &str, status: &str| {
        assert!(UPGRADE.contains(from));
        let request = UPGRADE.replace(from, to);
        assert_eq!(status_of(&request, &settings, Admission::Open).await, status, "{to}");
    };
    check("/ws", "/ws", "101").await;
    check("/ws", "/ws/?a=b", "101").await;
    check("/ws", "/", "404").await;
    check("/ws", "/stomp", "404").await;
    check("/ws", "/wsx", "404").await;
    check("/ws", "/health", "200").await;
    check("Upgrade: websocket\r\n", "", "426").await;
    check("GET", "POST", "426").await;
    check("Version: 13", "Version: 6", "400").await;
    check("GET", "\u{16}\u{3}\u{1}", "400").await;
    check("Host: h", &format!("X: {}", "x".repeat(9000)), "431").await;
}

#[tokio::test]
async fn origins_are_compared_to_the_letter() {
    let check = async |allowed: &[&str], request: &str, status: &str| {
        let allow_origins = allowed.iter().map(|origin| (*origin).into()).collect();
        let settings = Settings { allow_origins, ..Settings::default() };
        assert_eq!(status_of(request, &settings, Admission::Open).await, status, "{allowed:?}");
    };
    let without = UPGRADE.replace("Origin: http://good.example\r\n", "");
    check(&[], UPGRADE, "101").await;
    check(&["http://other", "http://good.example"], UPGRADE, "101").await;
    check(&["http://good.example:80"], UPGRADE, "403").await;
    check(&["http://other"], &without, "101").await;
}

#[tokio::test]
async fn a_full_node_is_healthy_and_one_that_goes_down_is_not() {
    let settings = Settings::default();
    let health = "GET /health HTTP/1.1\r\n\r\n";
    assert_eq!(status_of(UPGRADE, &settings, Admission::Full).await, "503");
    assert_eq!(status_of(health, &settings, Admission::Full).await, "200");
    assert_eq!(status_of(UPGRADE, &settings, Admission::GoingDown).await, "503");
    assert_eq!(status_of(health, &settings, Admission::GoingDown).await, "503");
}

#[tokio::test]
async fn what_comes_behind_the_request_is_kept() {
    let (mut peer, upgrade) = begin(Settings::default(), Admission::Open);
    let (head, tail) = UPGRADE.split_at(40);
    peer.write_all(head.as_bytes()).await.unwrap();
    let upgraded = tokio::spawn(upgrade);
    tokio::task::yield_now().await;
    peer.write_all(format!("{tail}early").as_bytes()).await.unwrap();
    let upgraded = upgraded.await.unwrap().unwrap();
    assert_eq!(upgraded.unread, b"early");
    assert_eq!(upgraded.authorization.as_deref(), Some("Basic eDp5"));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_end_is_given_up() {
    let started = tokio::time::Instant::now();
    let settings = Settings { request_timeout: Duration::from_secs(3), ..Settings::default() };
    let (mut peer, upgrade) = begin(settings, Admission::Open);
    peer.write_all(b"GET /ws HTTP/1.1\r\n").await.unwrap();
    let upgraded = tokio::spawn(upgrade);
    let mut answer = String::new();
    peer.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(started.elapsed().as_secs(), 3);
    drop(peer);
    assert!(upgraded.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_that_stays_is_left_after_a_while() {
    let (mut peer, upgrade) = begin(Settings::default(), Admission::Open);
    peer.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(matches!(upgrade.await, Err(NotUpgraded::Answered(Status::NotFound))));
}

#[tokio::test]
async fn a_client_that_leaves_is_lost() {
    let (peer, upgrade) = begin(Settings::default(), Admission::Open);
    drop(peer);
    assert!(matches!(upgrade.await, Err(NotUpgraded::Lost(_))));
}
