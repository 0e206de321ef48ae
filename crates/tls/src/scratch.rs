//! What a thread's connections share: buffers that none of them needs while it waits.

use std::cell::Cell;

use crate::records::{INCOMING_BYTES_MAX, RECORD_BYTES_MAX, encrypted_bytes_max};
use crate::stream::WRITE_BYTES_MAX;

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// Buffers for one read or one write. What is in them does not outlive it.
pub(crate) struct Scratch {
    /// Ciphertext received: what the connection had kept of it, then what one read brought.
    pub(crate) incoming: Vec<u8>,
    /// Plaintext of a vectored write.
    pub(crate) gathered: Vec<u8>,
    /// Ciphertext to be sent.
    pub(crate) outgoing: Vec<u8>,
}

impl Scratch {
    /// Lends the thread's to `work`.
    pub(crate) fn lend<T>(work: impl FnOnce(&mut Self) -> T) -> T {
        let mut scratch = SCRATCH.take().unwrap_or_else(|| {
            Box::new(Self {
                incoming: vec![0; INCOMING_BYTES_MAX + RECORD_BYTES_MAX],
                gathered: Vec::with_capacity(WRITE_BYTES_MAX),
                outgoing: vec![0; encrypted_bytes_max(WRITE_BYTES_MAX)],
            })
        });
        let outcome = work(&mut scratch);
        scratch.gathered.clear();
        SCRATCH.set(Some(scratch));
        outcome
    }
}
