//! The steps, from the name of the host to a heart-beat.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use client::stomp::{Connected, Connection, Login, Upgrade, WebSocket};
use client::{Error, Uri};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::Arguments;
use super::report::Report;

/// A large message, in bytes of body. Above it browsers and proxies split frames.
const LARGE_BYTES: usize = 64 * 1024;

/// Messages whose order is tested.
const ORDERED_MESSAGES: u32 = 1000;

/// The heart-beat asked for, in milliseconds; RabbitMQ sends at half of it.
const HEARTBEAT_MS: u32 = 1000;

/// What is tested.
pub(super) struct Patient<'a> {
    pub(super) uri: &'a Uri,
    pub(super) arguments: &'a Arguments,
    pub(super) patience: Duration,
}

impl Patient<'_> {
    /// Takes every step; stops where the next cannot be taken.
    pub(super) async fn examine(&self, report: &mut Report) {
        let Some(addresses) = self.resolve(report).await else { return };
        let Some(stream) = self.dial(report, &addresses).await else { return };
        let Some(socket) = self.upgrade(report, stream).await else { return };
        let is_compressing = socket.is_compressing();
        let mut connection = Connection::new(socket);
        let Some(connected) = self.connect(report, &mut connection).await else { return };
        let topic = format!("/topic/hopwire.doctor.{}", std::process::id());
        if !self.subscribe(report, &mut connection, &topic).await {
            return;
        }
        if !self.round_trip(report, &mut connection, &topic).await
            || !self.large(report, &mut connection, &topic).await
            || !self.compression(report, &mut connection, &topic, is_compressing).await
            || !self.order(report, &mut connection, &topic).await
        {
            return;
        }
        self.heartbeat(report, &mut connection, &connected).await;
        // What could be learned was learned; a goodbye that fails changes nothing.
        drop(timeout(self.patience, connection.disconnect()).await);
    }

    async fn within<T>(&self, step: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        timeout(self.patience, step).await.unwrap_or(Err(Error::TimedOut(self.patience)))
    }

    async fn resolve(&self, report: &mut Report) -> Option<Vec<SocketAddr>> {
        let start = Instant::now();
        let host = self.uri.host.as_str();
        let found = timeout(self.patience, lookup_host((host, self.uri.port))).await;
        let addresses: Vec<_> = match found {
            Ok(Ok(addresses)) => addresses.collect(),
            Ok(Err(error)) => {
                let advice = "check the host's name, and this machine's DNS settings";
                report.failed("DNS", Some(start.elapsed()), &error.to_string(), advice);
                return None;
            }
            Err(_) => {
                let advice = "the name server does not answer; try the address itself";
                report.failed("DNS", Some(start.elapsed()), "no answer", advice);
                return None;
            }
        };
        let seen: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
        report.passed("DNS", start.elapsed(), &format!("{host} is {}", seen.join(", ")));
        Some(addresses)
    }

    async fn dial(&self, report: &mut Report, addresses: &[SocketAddr]) -> Option<TcpStream> {
        let start = Instant::now();
        let dialled = self.within(async { Ok(TcpStream::connect(addresses).await?) }).await;
        match dialled {
            Ok(stream) => {
                let to = stream.peer_addr().map(|to| to.to_string()).unwrap_or_default();
                report.passed("TCP", start.elapsed(), &format!("connected to {to}"));
                Some(stream)
            }
            Err(error) => {
                let advice = "is the broker running, and is this the Web STOMP port (15674)? \
                              If so, a firewall stands between";
                report.failed("TCP", Some(start.elapsed()), &error.to_string(), advice);
                None
            }
        }
    }

    async fn upgrade(&self, report: &mut Report, stream: TcpStream) -> Option<WebSocket> {
        let start = Instant::now();
        let ask = Upgrade { is_compressing: true, origin: None, authorization: None };
        let socket = match self.within(WebSocket::upgrade(stream, self.uri, ask)).await {
            Ok(socket) => socket,
            Err(error) => {
                let found = error.to_string();
                let advice = upgrade_advice(&found);
                report.failed("upgrade", Some(start.elapsed()), &found, advice);
                return None;
            }
        };
        report.passed("upgrade", start.elapsed(), "101 Switching Protocols");
        match socket.subprotocol() {
            Some(name) => report.passed("subprotocol", start.elapsed(), name),
            None => report.warned(
                "subprotocol",
                start.elapsed(),
                "none confirmed",
                "some browsers close such a connection; is this a STOMP endpoint?",
            ),
        }
        Some(socket)
    }

    async fn connect(&self, report: &mut Report, connection: &mut Connection) -> Option<Connected> {
        let start = Instant::now();
        let login = Login {
            user: &self.arguments.user,
            password: &self.arguments.pass,
            vhost: &self.arguments.vhost,
            heartbeat_ms: (0, HEARTBEAT_MS),
        };
        match self.within(connection.connect(login)).await {
            Ok(connected) => {
                let seen = format!("STOMP {}, server {}", connected.version, connected.server);
                report.passed("CONNECT", start.elapsed(), &seen);
                Some(connected)
            }
            Err(error) => {
                let advice = "check --user, --pass and --vhost; guest may log in from the \
                              broker's own machine only (loopback_users)";
                report.failed("CONNECT", Some(start.elapsed()), &error.to_string(), advice);
                None
            }
        }
    }

    async fn subscribe(
        &self,
        report: &mut Report,
        connection: &mut Connection,
        topic: &str,
    ) -> bool {
        let start = Instant::now();
        let result = self.within(connection.subscribe("doctor", topic)).await;
        let advice = "the user needs configure, write and read on '^stomp-subscription-' and \
                      read on 'amq.topic'";
        conclude(report, "subscribe", start, result.map(|()| topic.to_owned()), advice)
    }

    async fn round_trip(
        &self,
        report: &mut Report,
        connection: &mut Connection,
        topic: &str,
    ) -> bool {
        let start = Instant::now();
        let result = self.within(echo(connection, topic, b"hello")).await;
        let advice = "the user needs write on 'amq.topic'";
        let seen = "a message came back to its sender".to_owned();
        conclude(report, "round trip", start, result.map(|_| seen), advice)
    }

    async fn large(&self, report: &mut Report, connection: &mut Connection, topic: &str) -> bool {
        let start = Instant::now();
        let body = noise(LARGE_BYTES);
        let result =
            self.within(echo(connection, topic, &body)).await.and_then(|back| match back == body {
                true => Ok(format!("{LARGE_BYTES} bytes came back unchanged")),
                false => Err(Error::Protocol("the body came back changed".to_owned())),
            });
        let advice = "a proxy may cut large frames; look for its buffer and frame limits";
        conclude(report, "64 KiB message", start, result, advice)
    }

    async fn compression(
        &self,
        report: &mut Report,
        connection: &mut Connection,
        topic: &str,
        is_compressing: bool,
    ) -> bool {
        let start = Instant::now();
        if !is_compressing {
            let advice = "permessage-deflate was not agreed: web_stomp.ws_opts.compress is off, \
                          or a proxy removes Sec-WebSocket-Extensions; large messages travel as \
                          they are";
            report.warned("compression", start.elapsed(), "not negotiated", advice);
            return true;
        }
        let body = r#"{"metric":"orders_per_minute","value":41},"#.repeat(400);
        let before = connection.socket().received_bytes();
        let result = self.within(echo(connection, topic, body.as_bytes())).await;
        let wire_bytes = connection.socket().received_bytes() - before;
        let seen = format!("{} bytes of JSON travelled as {wire_bytes}", body.len());
        let advice = "the compressed message did not come back; does a proxy tamper with it?";
        match result {
            Ok(_) if wire_bytes as usize >= body.len() => {
                let advice = "agreed on, but this broker did not compress the message";
                report.warned("compression", start.elapsed(), &seen, advice);
                true
            }
            result => conclude(report, "compression", start, result.map(|_| seen), advice),
        }
    }

    async fn order(&self, report: &mut Report, connection: &mut Connection, topic: &str) -> bool {
        let start = Instant::now();
        let result = self.within(in_order(connection, topic)).await;
        let advice = "messages were lost or overtook each other; please report it with the log";
        let seen = result.map(|()| {
            let rate = f64::from(ORDERED_MESSAGES) / start.elapsed().as_secs_f64();
            format!("{ORDERED_MESSAGES} messages in order, {rate:.0} per second")
        });
        conclude(report, "order", start, seen, advice)
    }

    async fn heartbeat(
        &self,
        report: &mut Report,
        connection: &mut Connection,
        connected: &Connected,
    ) -> bool {
        let start = Instant::now();
        let result = self.within(async {
            while !connection.next_or_heartbeat().await?.is_heartbeat() {}
            Ok(format!("agreed on {}, came", connected.heartbeat))
        });
        let result = result.await;
        let advice = "the broker's heart-beat does not pass; does a proxy buffer small frames?";
        conclude(report, "heart-beat", start, result, advice)
    }
}

fn conclude(
    report: &mut Report,
    step: &str,
    start: Instant,
    result: Result<String, Error>,
    advice: &str,
) -> bool {
    match result {
        Ok(ref seen) => report.passed(step, start.elapsed(), seen),
        Err(ref error) => report.failed(step, Some(start.elapsed()), &error.to_string(), advice),
    }
    result.is_ok()
}

fn upgrade_advice(found: &str) -> &'static str {
    match found {
        found if found.contains("404") => "the path is another one; RabbitMQ's and ours is /ws",
        found if found.contains("403") => "this origin is not allowed: web_stomp.allow_origins",
        found if found.contains("503") => "the broker has all the connections it may have",
        found if found.contains("not HTTP") => {
            "this port speaks another protocol; Web STOMP listens on 15674"
        }
        _ => {
            "a proxy between must pass 'Upgrade: websocket' on (nginx: proxy_http_version 1.1 \
              and the Upgrade and Connection headers)"
        }
    }
}

/// Sends a message to ourselves and returns the body that comes back.
async fn echo(connection: &mut Connection, topic: &str, body: &[u8]) -> Result<Vec<u8>, Error> {
    connection.send(topic, &[], body).await?;
    next_message(connection).await
}

async fn next_message(connection: &mut Connection) -> Result<Vec<u8>, Error> {
    let frame = connection.next().await?;
    match frame.command.as_str() {
        "MESSAGE" => Ok(frame.body),
        _ => {
            let text = String::from_utf8_lossy(&frame.body).trim_end().to_owned();
            Err(Error::Refused { code: 0, text })
        }
    }
}

/// Sends numbered messages in bursts that fit any socket buffer, and reads them back.
async fn in_order(connection: &mut Connection, topic: &str) -> Result<(), Error> {
    const BURST: u32 = 50;
    for first in (0..ORDERED_MESSAGES).step_by(BURST as usize) {
        let burst = first..(first + BURST).min(ORDERED_MESSAGES);
        for number in burst.clone() {
            connection.send(topic, &[], number.to_string().as_bytes()).await?;
        }
        for number in burst {
            let found = next_message(connection).await?;
            if found != number.to_string().as_bytes() {
                let found = String::from_utf8_lossy(&found).into_owned();
                return Err(Error::Protocol(format!("found message {found}, wanted {number}")));
            }
        }
    }
    Ok(())
}

/// Text that does not compress well, the same each time.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b'!' + (state % 90) as u8
    };
    (0..bytes).map(|_| next()).collect()
}
