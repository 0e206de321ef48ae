//! Streams over a pipe that chops, against a client that nobody here wrote.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, split};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::acceptor::{Acceptor, ClientCertificates, ServerSettings, Version};
use crate::credentials::Credentials;
use crate::records::RECORD_BYTES_MAX;
use crate::testing::{Authority, Chopped, Folder};

/// Bytes between the two that neither has read.
const PIPE_BYTES: usize = 4096;

/// A server, and a client that nobody here wrote.
struct Pair {
    authority: Authority,
    settings: ServerSettings,
}

impl Pair {
    fn new(name: &str) -> Self {
        let (authority, folder) = (Authority::new(), Folder::new(name));
        let (certificate, key) = authority.issue();
        let (certificate, key) = (folder.file("cert.pem", &certificate), folder.file("key", &key));
        let settings = ServerSettings {
            credentials: Credentials::read(&certificate, &key).unwrap(),
            clients: ClientCertificates::Unasked,
            versions: Version::ALL.into(),
            handshake_timeout: Duration::from_secs(5),
        };
        Self { authority, settings }
    }

    fn speaking(mut self, version: Version) -> Self {
        self.settings.versions = vec![version];
        self
    }

    fn acceptor(&self) -> Acceptor {
        Acceptor::new(self.settings.clone()).unwrap()
    }

    fn client(&self) -> Arc<ClientConfig> {
        let roots = self.authority.roots();
        let client = rustls::ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ));
        let client = client.with_safe_default_protocol_versions().unwrap();
        Arc::new(client.with_root_certificates(roots).with_no_client_auth())
    }

    /// Both ends; the server's socket moves at most `chop` bytes at once.
    async fn open(
        &self,
        seed: u64,
        chop: usize,
    ) -> (ServerStream<Chopped>, TlsStream<DuplexStream>) {
        let (here, there) = duplex(PIPE_BYTES);
        let socket = Chopped::new(here, seed, chop);
        let acceptor = self.acceptor();
        let (server, client) = tokio::join!(acceptor.accept(socket), connect(self.client(), there));
        (server.unwrap(), client.unwrap())
    }
}

async fn connect(
    config: Arc<ClientConfig>,
    socket: DuplexStream,
) -> io::Result<TlsStream<DuplexStream>> {
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(config).connect(name, socket).await
}

/// Bytes of which none is like its neighbours for long.
fn noise(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at * 31 + at / 251) as u8).collect()
}

/// Type and payload size of each record in `bytes`.
fn records(mut bytes: &[u8]) -> Vec<(u8, usize)> {
    let mut found = Vec::new();
    while let [kind, _, _, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        found.push((*kind, length));
        bytes = &rest[length..];
    }
    found
}

#[tokio::test]
async fn bytes_survive_any_chopping_in_both_versions_and_directions() {
    for (version, wanted) in
        [(Version::V1_2, ProtocolVersion::TLSv1_2), (Version::V1_3, ProtocolVersion::TLSv1_3)]
    {
        let pair = Pair::new("chopped").speaking(version);
        for (seed, chop) in [(1, 1), (2, 2), (3, 7), (4, 100), (5, 3000), (6, 3000), (7, 40_000)] {
            let (server, client) = pair.open(seed, chop).await;
            assert_eq!(server.tls().protocol_version(), Some(wanted));
            let bytes = noise(if chop < 8 { 20_000 } else { 300_000 });
            let (mut server_in, mut server_out) = split(server);
            let (mut client_in, mut client_out) = split(client);
            let (mut heard_here, mut heard_there) = (vec![0; bytes.len()], vec![0; bytes.len()]);
            let (a, b, c, d) = tokio::join!(
                async {
                    server_out.write_all(&bytes).await?;
                    server_out.flush().await
                },
                async {
                    client_out.write_all(&bytes).await?;
                    client_out.flush().await
                },
                server_in.read_exact(&mut heard_here),
                client_in.read_exact(&mut heard_there),
            );
            let done = [a, b, c.map(drop), d.map(drop)];
            assert!(done.iter().all(Result::is_ok), "{done:?}");
            assert!(heard_here == bytes && heard_there == bytes, "seed {seed}");
        }
    }
}

#[tokio::test]
async fn both_ends_of_this_room_understand_each_other() {
    let pair = Pair::new("own-client");
    let connector = crate::Connector::new(pair.authority.roots());
    let (connector, acceptor) = (connector.unwrap(), pair.acceptor());
    let (here, there) = duplex(PIPE_BYTES);
    let (server, client) =
        tokio::join!(acceptor.accept(here), connector.connect("localhost", there));
    let (mut server, mut client) = (server.unwrap(), client.unwrap());
    client.write_all(b"hello").await.unwrap();
    let mut heard = [0; 5];
    server.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"hello");
    // A name that the certificate does not have.
    let (here, there) = duplex(PIPE_BYTES);
    let (_, refused) = tokio::join!(acceptor.accept(here), connector.connect("example.org", there));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidData);
}

#[tokio::test]
async fn an_idle_connection_holds_no_buffers() {
    let pair = Pair::new("idle");
    let (mut server, mut client) = pair.open(1, 5000).await;
    let bytes = noise(100_000);
    let (sent, ()) = tokio::join!(
        async {
            client.write_all(&bytes).await?;
            client.flush().await
        },
        async {
            let mut heard = vec![0; bytes.len()];
            server.read_exact(&mut heard).await.unwrap();
        }
    );
    sent.unwrap();
    let (sent, heard) = tokio::join!(
        async {
            server.write_all(&bytes).await?;
            server.flush().await
        },
        async {
            let mut heard = vec![0; bytes.len()];
            client.read_exact(&mut heard).await.map(drop)
        }
    );
    sent.and(heard).unwrap();
    let held = [&server.incoming, &server.plaintext, &server.outgoing].map(Vec::capacity);
    assert_eq!(held, [0; 3]);
}

#[tokio::test]
async fn what_the_reader_has_no_room_for_waits_and_nothing_is_lost() {
    let pair = Pair::new("small-reads");
    let (mut server, mut client) = pair.open(1, 100_000).await;
    let bytes = noise(10_000);
    let (sent, heard) = tokio::join!(
        async {
            client.write_all(&bytes).await?;
            client.flush().await
        },
        async {
            let mut heard = Vec::new();
            let mut part = [0; 333];
            while heard.len() < bytes.len() {
                let read = server.read(&mut part).await.unwrap();
                assert_ne!(read, 0);
                heard.extend_from_slice(&part[..read]);
            }
            heard
        }
    );
    sent.unwrap();
    assert!(heard == bytes);
}

#[tokio::test]
async fn small_slices_share_a_record_and_large_writes_fill_theirs() {
    let pair = Pair::new("gather").speaking(Version::V1_3);
    let (mut server, mut client) = pair.open(1, usize::MAX).await;
    let drain = tokio::spawn(async move {
        let mut heard = Vec::new();
        let _ = client.read_to_end(&mut heard).await;
        heard
    });
    let before = server.socket().written.lock().unwrap().len();
    let part = noise(100);
    let slices = [IoSlice::new(&part); 10];
    assert_eq!(server.write_vectored(&slices).await.unwrap(), 1000);
    let large = noise(2 * WRITE_BYTES_MAX);
    // One write takes so much, and no more.
    assert_eq!(server.write(&large[..WRITE_BYTES_MAX]).await.unwrap(), WRITE_BYTES_MAX);
    assert_eq!(server.write(&large).await.unwrap(), WRITE_BYTES_MAX);
    server.flush().await.unwrap();
    let written = server.socket().written.lock().unwrap()[before..].to_vec();
    // TLS 1.3 adds a byte of type and 16 of tag.
    let full = (23, FRAGMENT_BYTES_MAX + 17);
    let mut wanted = vec![(23, 1017)];
    wanted.extend([full; 8]);
    assert_eq!(records(&written), wanted);
    server.shutdown().await.unwrap();
    assert_eq!(drain.await.unwrap().len(), 1000 + 2 * WRITE_BYTES_MAX);
}

#[tokio::test]
async fn a_peer_that_does_not_read_costs_one_write_and_no_more() {
    let pair = Pair::new("stalled");
    let (mut server, client) = pair.open(1, 1000).await;
    let bytes = noise(WRITE_BYTES_MAX);
    assert_eq!(server.write(&bytes).await.unwrap(), bytes.len());
    let more = std::future::poll_fn(|context| {
        // Often enough for a socket that makes wait at times.
        for _ in 0..100 {
            if let Poll::Ready(taken) = Pin::new(&mut server).poll_write(context, &bytes) {
                return Poll::Ready(Some(taken));
            }
        }
        Poll::Ready(None)
    });
    assert!(more.await.is_none());
    assert!(server.outgoing.len() > WRITE_BYTES_MAX - PIPE_BYTES);
    assert!(server.outgoing.len() <= encrypted_bytes_max(WRITE_BYTES_MAX));
    drop(client);
}

#[tokio::test]
async fn close_notify_goes_both_ways() {
    for version in Version::ALL {
        let pair = Pair::new("close").speaking(version);
        let (mut server, mut client) = pair.open(1, 3).await;
        server.write_all(b"last words").await.unwrap();
        server.shutdown().await.unwrap();
        let mut heard = Vec::new();
        // A stream cut off would be an error here.
        client.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"last words");
        client.shutdown().await.unwrap();
        assert_eq!(server.read(&mut [0; 10]).await.unwrap(), 0);
        // For good.
        assert_eq!(server.read(&mut [0; 10]).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn who_has_ended_may_still_be_written_to() {
    let pair = Pair::new("half-closed");
    let (mut server, mut client) = pair.open(1, 1000).await;
    client.shutdown().await.unwrap();
    assert_eq!(server.read(&mut [0; 10]).await.unwrap(), 0);
    server.write_all(b"goodbye").await.unwrap();
    server.shutdown().await.unwrap();
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"goodbye");
}

#[tokio::test]
async fn an_end_without_close_notify_is_an_error() {
    let pair = Pair::new("truncated");
    let (mut server, client) = pair.open(1, 1000).await;
    let (socket, _) = client.into_inner();
    drop(socket);
    let error = server.read(&mut [0; 10]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn keys_are_updated_when_the_peer_wants_it() {
    let pair = Pair::new("key-update").speaking(Version::V1_3);
    let (mut server, mut client) = pair.open(9, 11).await;
    for round in 0..5_u8 {
        client.get_mut().1.refresh_traffic_keys().unwrap();
        client.write_all(&[round; 100]).await.unwrap();
        client.flush().await.unwrap();
        let mut heard = [0; 100];
        server.read_exact(&mut heard).await.unwrap();
        // The answer to the update goes in front of this.
        server.write_all(&heard).await.unwrap();
        server.flush().await.unwrap();
        let mut echoed = [0; 100];
        client.read_exact(&mut echoed).await.unwrap();
        assert_eq!(echoed, [round; 100]);
    }
}

#[tokio::test]
async fn a_record_that_was_changed_on_the_way_is_refused_with_an_alert() {
    let pair = Pair::new("changed");
    let (mut server, client) = pair.open(1, 1000).await;
    let (mut socket, _) = client.into_inner();
    socket.write_all(&[23, 3, 3, 0, 20]).await.unwrap();
    socket.write_all(&[7; 20]).await.unwrap();
    let before = server.socket().written.lock().unwrap().len();
    let error = server.read(&mut [0; 10]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    drop(server.flush().await);
    // For good, and no word more.
    assert!(server.read(&mut [0; 10]).await.is_err());
    assert!(server.write(&[0; 10]).await.is_err());
    server.shutdown().await.unwrap();
    // An alert, encrypted.
    let written = server.socket().written.lock().unwrap()[before..].to_vec();
    assert_eq!(records(&written), [(23, 2 + 17)]);
}

async fn refused(what: &[u8]) -> (ErrorKind, Vec<u8>) {
    let acceptor = Pair::new("garbage").acceptor();
    let (here, mut there) = duplex(PIPE_BYTES);
    there.write_all(what).await.unwrap();
    let error = acceptor.accept(here).await.unwrap_err();
    let mut answer = Vec::new();
    there.read_to_end(&mut answer).await.unwrap();
    (error.kind(), answer)
}

#[tokio::test]
async fn what_is_no_handshake_is_answered_with_an_alert_and_closed() {
    let http = b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n";
    for what in [&http[..], b"CONNECT\nlogin:guest\n\n\0", b"AMQP\0\0\x09\x01", &[0; 64]] {
        let (kind, answer) = refused(what).await;
        assert_eq!(kind, ErrorKind::InvalidData);
        assert_eq!(records(&answer).first().map(|(kind, _)| *kind), Some(21), "{answer:?}");
    }
}

/// A handshake message in records of one byte each, that is never whole.
fn endless_handshake(bytes: usize) -> Vec<u8> {
    let mut wire = vec![22, 3, 1, 0, 4, 1, 0, 0xff, 0xf0];
    while wire.len() + 6 <= bytes {
        wire.extend([22, 3, 1, 0, 1, 0]);
    }
    wire
}

#[tokio::test]
async fn an_endless_handshake_message_is_kept_up_to_the_limit() {
    let acceptor = Pair::new("endless").acceptor();
    let at_limit = endless_handshake(INCOMING_BYTES_MAX);
    for (wire, is_refused) in
        [(at_limit.clone(), false), ([at_limit, [22, 3, 1, 0, 1, 0].into()].concat(), true)]
    {
        let (here, mut there) = duplex(RECORD_BYTES_MAX);
        let (accepted, ()) = tokio::join!(acceptor.accept(here), async {
            drop(there.write_all(&wire).await);
            drop(there);
        });
        let kind = accepted.unwrap_err().kind();
        let wanted = if is_refused { ErrorKind::InvalidData } else { ErrorKind::UnexpectedEof };
        assert_eq!(kind, wanted, "{} bytes", wire.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_takes_too_long_is_given_up() {
    let pair = Pair::new("slow");
    for (wait_ms, is_late) in [(4999, false), (5000, true)] {
        let (here, there) = duplex(PIPE_BYTES);
        let (acceptor, config) = (pair.acceptor(), pair.client());
        let accepted = tokio::spawn(async move { acceptor.accept(here).await.map(drop) });
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_millis(wait_ms)).await;
        let connected = connect(config, there).await;
        let accepted = accepted.await.unwrap();
        assert_eq!(connected.is_err(), is_late);
        assert_eq!(
            accepted.err().map(|error| error.kind()),
            is_late.then_some(ErrorKind::TimedOut)
        );
    }
}

#[tokio::test]
async fn client_certificates_are_asked_for_and_checked_as_configured() {
    let mut pair = Pair::new("clients");
    let (stranger, authority) = (Authority::new(), pair.authority.roots());
    let with = |issuer: &Authority| {
        let client = ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ));
        let client = client.with_safe_default_protocol_versions().unwrap();
        let (chain, key) = issuer.issue_der();
        let client = client.with_root_certificates(authority.clone());
        Arc::new(client.with_client_auth_cert(chain, key).unwrap())
    };
    let (known, unknown, bare) = (with(&pair.authority), with(&stranger), pair.client());
    let optional = ClientCertificates::Optional(authority.clone());
    let required = ClientCertificates::Required(authority.clone());
    for (clients, [bare_may, unknown_may, known_may]) in [
        (ClientCertificates::Unasked, [true, true, true]),
        (optional, [true, false, true]),
        (required, [false, false, true]),
    ] {
        pair.settings.clients = clients;
        for (config, may) in [(&bare, bare_may), (&unknown, unknown_may), (&known, known_may)] {
            let (here, there) = duplex(PIPE_BYTES);
            let acceptor = pair.acceptor();
            let accept = acceptor.accept(here);
            let (accepted, _) = tokio::join!(accept, connect(Arc::clone(config), there));
            assert_eq!(accepted.is_ok(), may, "{:?}", pair.settings.clients);
        }
    }
}

#[tokio::test]
async fn the_next_handshake_of_a_client_goes_without_a_signature() {
    for version in Version::ALL {
        let pair = Pair::new("resumed").speaking(version);
        let (acceptor, config) = (pair.acceptor(), pair.client());
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let (here, there) = duplex(PIPE_BYTES);
            let (server, client) =
                tokio::join!(acceptor.accept(here), connect(Arc::clone(&config), there));
            let (mut server, mut client) = (server.unwrap(), client.unwrap());
            kinds.push(server.tls().handshake_kind());
            // The ticket is read with the first bytes.
            server.write_all(b"x").await.unwrap();
            client.read_exact(&mut [0; 1]).await.unwrap();
        }
        assert_eq!(kinds, [Some(HandshakeKind::Full), Some(HandshakeKind::Resumed)]);
    }
}

#[test]
fn a_connection_may_move_between_threads() {
    fn check<T: Send>() {}
    check::<ServerStream<DuplexStream>>();
    check::<Mutex<ClientStream<DuplexStream>>>();
}
