//! An AMQP session on the embedded engine, with a peer that says anything in reads of any length.

#![no_main]

use std::sync::Arc;
use std::time::Duration;

use hopwire_fuzz::{AMQP_FRAME_BYTES_MAX, AmqpPiece, AmqpStart, Conversation};
use libfuzzer_sys::fuzz_target;
use session::amqp::{AmqpSession, Settings};
use wire::amqp::decode;
use wire::amqp::frame::{FRAME_BYTES_MAX_INITIAL, FRAME_OVERHEAD_BYTES};
use wire::amqp::protocol_header::PROTOCOL_HEADER;

fuzz_target!(|script: (AmqpStart, u8, Vec<AmqpPiece<'_>>)| {
    let (start, read_bytes, pieces) = script;
    let settings = Settings {
        frame_bytes_max: AMQP_FRAME_BYTES_MAX,
        channel_max: 3,
        message_bytes_max: 16_384,
        ..Settings::default()
    };
    let frame_bytes_max = match start {
        AmqpStart::Nothing => FRAME_BYTES_MAX_INITIAL,
        AmqpStart::Open | AmqpStart::Consuming => AMQP_FRAME_BYTES_MAX,
    };
    let unread_bytes_max = frame_bytes_max as usize + FRAME_OVERHEAD_BYTES;
    let mut conversation =
        Conversation::new(unread_bytes_max, |now| AmqpSession::new(Arc::new(settings), now));
    conversation.send(&start.bytes(), usize::MAX);
    assert!(!conversation.is_over(), "a good start");
    is_amqp(&conversation.take_said());
    for piece in &pieces {
        match piece {
            AmqpPiece::Wait(seconds) => conversation.wait(Duration::from_secs((*seconds).into())),
            AmqpPiece::ShutDown => conversation.shut_down(),
            _ => {
                let mut bytes = Vec::new();
                piece.write(&mut bytes);
                conversation.send(&bytes, read_bytes.into());
            }
        }
        is_amqp(&conversation.take_said());
        if conversation.is_over() {
            break;
        }
    }
});

/// What a server says is whole frames, or the header of what it speaks.
fn is_amqp(said: &[u8]) {
    let mut rest = said;
    while !rest.is_empty() && rest != PROTOCOL_HEADER {
        match decode(rest, FRAME_BYTES_MAX_INITIAL) {
            Ok(Some((_, bytes))) => rest = &rest[bytes..],
            other => panic!("{other:?} in {rest:?}"),
        }
    }
}
