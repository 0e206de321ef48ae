//! A whole STOMP connection over WebSocket in memory: upgrade, driver, session, embedded engine.

#![no_main]

use std::sync::Arc;
use std::time::Duration;

use hopwire_fuzz::{
    STOMP_PRELUDE, StompPiece, StompReader, UPGRADE_REQUEST, WebSocketPiece, broker, peer,
};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use session::stomp::{Carrier, Settings, StompSession};
use session::websocket::{Admission, upgrade};
use session::{Driver, Shutdown};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::{Builder, Runtime};
use wire::websocket::{Assembler, Compression, Event, Inflater, Role};

/// Longer than any connection lives whose peer is gone. Costs nothing: the clock jumps.
const LIFE_MAX: Duration = Duration::from_secs(3600);

/// Room between the ends, in bytes: small, so that writes are cut, too.
const ROOM_BYTES: usize = 1000;

#[derive(Arbitrary, Debug)]
enum Piece<'a> {
    /// STOMP in a message.
    Stomp(StompPiece<'a>),
    /// Anything else that a WebSocket carries.
    WebSocket(WebSocketPiece<'a>),
}

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O needs nothing");
}

fuzz_target!(|script: (bool, u8, Vec<Piece<'_>>)| {
    let (is_upgraded, read_bytes, pieces) = script;
    let bytes = bytes(is_upgraded, &pieces);
    let said = RUNTIME.with(|runtime| runtime.block_on(connect(&bytes, read_bytes.into())));
    if is_upgraded {
        is_web_stomp(said);
    }
});

fn bytes(is_upgraded: bool, pieces: &[Piece<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let message = |payload: &[u8], out: &mut Vec<u8>| {
        let form = hopwire_fuzz::Form::Binary;
        WebSocketPiece::Message { form, fragment_bytes: 0, payload }.write(Role::Server, out);
    };
    if is_upgraded {
        bytes.extend_from_slice(UPGRADE_REQUEST);
        message(STOMP_PRELUDE, &mut bytes);
    }
    for piece in pieces {
        match piece {
            Piece::Stomp(piece) => {
                let mut payload = Vec::new();
                piece.write(&StompReader::default(), &mut payload);
                message(&payload, &mut bytes);
            }
            Piece::WebSocket(piece) => piece.write(Role::Server, &mut bytes),
        }
    }
    bytes
}

/// Sends the bytes and closes; what was said meanwhile.
async fn connect(bytes: &[u8], read_bytes: usize) -> Vec<u8> {
    let (ours, theirs) = duplex(ROOM_BYTES);
    let (mut from_server, mut to_server) = tokio::io::split(theirs);
    let write = async move {
        for piece in bytes.chunks(read_bytes.max(1)) {
            if to_server.write_all(piece).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
        let _ = to_server.shutdown().await;
    };
    let read = async move {
        let mut said = Vec::new();
        from_server.read_to_end(&mut said).await.map(|_| said).unwrap_or_default()
    };
    let all = async { tokio::join!(serve(ours), write, read).2 };
    tokio::time::timeout(LIFE_MAX, all).await.expect("ends when its peer has gone")
}

async fn serve(stream: DuplexStream) {
    let settings = session::websocket::Settings::default();
    let Ok(upgraded) = upgrade(stream, &settings, Admission::Open).await else { return };
    let now = tokio::time::Instant::now().into_std();
    let carrier = Carrier::WebSocket { credentials: None };
    let session = StompSession::new(Arc::new(Settings::default()), carrier, now);
    let link = engine::Engine::embedded(broker()).connect(peer());
    Driver::websocket(upgraded, session, link, Shutdown::default().watch()).await;
}

/// What a server says is its answer, frames with whole STOMP frames, and at most one close.
fn is_web_stomp(mut said: Vec<u8>) {
    let head = said.windows(4).position(|four| four == b"\r\n\r\n").expect("has answered") + 4;
    assert!(said.starts_with(b"HTTP/1.1 101 "));
    said.drain(..head);
    let mut assembler = Assembler::new(Role::Client, Compression::Deflate);
    let mut inflater = Inflater::new();
    let mut reader = StompReader::default();
    let mut rest = &mut said[..];
    loop {
        let step = assembler.next(rest, usize::MAX, &mut inflater).expect("keeps the rules");
        let taken_bytes = step.taken_bytes;
        match step.event {
            Some(Event::Message(_, payload)) => reader.read(&payload),
            Some(Event::Ping(_) | Event::Pong(_)) => {}
            Some(Event::Close(..)) => {
                return assert_eq!(rest.len(), taken_bytes, "nothing follows a close");
            }
            None => return,
        }
        rest = &mut rest[taken_bytes..];
    }
}
