//! A STOMP session on the embedded engine, with a peer that says anything in reads of any length.

#![no_main]

use std::sync::Arc;
use std::time::Duration;

use hopwire_fuzz::{Conversation, STOMP_PRELUDE, StompPiece, StompReader};
use libfuzzer_sys::fuzz_target;
use session::stomp::{Carrier, Settings, StompSession};

/// The largest frame, in bytes: small, so that the limit is met.
const FRAME_BYTES_MAX: usize = 4096;

fuzz_target!(|script: (bool, u8, Vec<StompPiece<'_>>)| {
    let (is_greeted, read_bytes, pieces) = script;
    let settings = Settings { frame_bytes_max: FRAME_BYTES_MAX, ..Settings::default() };
    let mut conversation = Conversation::new(FRAME_BYTES_MAX, |now| {
        StompSession::new(Arc::new(settings), Carrier::Tcp, now)
    });
    let mut reader = StompReader::default();
    if is_greeted {
        conversation.send(STOMP_PRELUDE, usize::MAX);
        assert!(!conversation.is_over(), "the prelude is a good one");
    }
    for piece in &pieces {
        match piece {
            StompPiece::Wait(seconds) => conversation.wait(Duration::from_secs((*seconds).into())),
            StompPiece::ShutDown => conversation.shut_down(),
            _ => {
                let mut bytes = Vec::new();
                piece.write(&reader, &mut bytes);
                conversation.send(&bytes, read_bytes.into());
            }
        }
        reader.read(&conversation.take_said());
        if conversation.is_over() {
            break;
        }
    }
});
