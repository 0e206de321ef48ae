//! Feeds frames and any bytes to the message assembler, in reads of any length, as either end, with
//! and without compression: the same messages at any split, none beyond the limit, bombs included.

#![no_main]

use hopwire_fuzz::WebSocketPiece;
use libfuzzer_sys::fuzz_target;
use wire::websocket::{Assembler, Compression, Event, Inflater, Role};

/// The largest message, in bytes: small, so that the limit is met.
const MESSAGE_BYTES_MAX: usize = 10_000;

/// The longest header, in bytes.
const HEADER_BYTES_MAX: usize = 14;

fuzz_target!(|script: (bool, bool, u8, Vec<WebSocketPiece<'_>>)| {
    let (is_server, is_compressed, read_bytes, pieces) = script;
    let role = if is_server { Role::Server } else { Role::Client };
    let compression = if is_compressed { Compression::Deflate } else { Compression::None };
    let mut bytes = Vec::new();
    for piece in &pieces {
        piece.write(role, &mut bytes);
    }
    // One inflater for both: it keeps nothing between messages.
    let mut inflater = Inflater::new();
    let whole = read(Assembler::new(role, compression), &mut inflater, &bytes, bytes.len());
    let split = read(Assembler::new(role, compression), &mut inflater, &bytes, read_bytes.into());
    assert_eq!(whole, split);
});

/// What was read, as text, up to the first violation or the close.
fn read(
    mut assembler: Assembler,
    inflater: &mut Inflater,
    bytes: &[u8],
    read_bytes: usize,
) -> Vec<String> {
    let mut events = Vec::new();
    let mut unread = Vec::new();
    for read in bytes.chunks(read_bytes.max(1)) {
        unread.extend_from_slice(read);
        loop {
            let step = match assembler.next(&mut unread, MESSAGE_BYTES_MAX, inflater) {
                Ok(step) => step,
                Err(violation) => {
                    events.push(format!("{violation} {:?}", violation.close_code()));
                    return events;
                }
            };
            match &step.event {
                Some(Event::Message(_, payload)) => assert!(payload.len() <= MESSAGE_BYTES_MAX),
                Some(Event::Ping(payload) | Event::Pong(payload)) => assert!(payload.len() <= 125),
                Some(Event::Close(..)) | None => {}
            }
            let is_close = matches!(step.event, Some(Event::Close(..)));
            let has_event = step.event.is_some();
            events.extend(step.event.map(|event| format!("{event:?}")));
            let taken_bytes = step.taken_bytes;
            if is_close {
                return events;
            }
            unread.drain(..taken_bytes);
            if !has_event {
                break;
            }
        }
        assert!(unread.len() < MESSAGE_BYTES_MAX + HEADER_BYTES_MAX);
    }
    events
}
