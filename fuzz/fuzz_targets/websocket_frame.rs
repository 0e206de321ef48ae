//! Feeds any bytes to the message assembler, in reads of any length, as either end.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::websocket::{Assembler, Compression, Event, Inflater, Role};

const BYTES_MAX: usize = 10_000;

fuzz_target!(|input: (bool, u8, Vec<u8>)| {
    let (is_server, read_bytes, bytes) = input;
    let role = if is_server { Role::Server } else { Role::Client };
    let mut assembler = Assembler::new(role, Compression::Deflate);
    let mut inflater = Inflater::new();
    let mut unread = Vec::new();
    for read in bytes.chunks(usize::from(read_bytes).max(1)) {
        unread.extend_from_slice(read);
        loop {
            let Ok(step) = assembler.next(&mut unread, BYTES_MAX, &mut inflater) else {
                return;
            };
            match &step.event {
                Some(Event::Message(_, payload)) => assert!(payload.len() <= BYTES_MAX),
                Some(Event::Ping(payload) | Event::Pong(payload)) => assert!(payload.len() <= 125),
                Some(Event::Close(..)) | None => {}
            }
            let is_done = step.event.is_none();
            let taken_bytes = step.taken_bytes;
            unread.drain(..taken_bytes);
            if is_done {
                break;
            }
        }
    }
});
