//! What the node's configuration says about the store.

use std::time::Duration;

/// What the node's configuration says about the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a segment becomes, in bytes, at most [`Settings::SEGMENT_BYTES_MAX`]; it is
    /// preallocated. A larger message has a segment to itself.
    pub segment_bytes: u32,
    /// Messages that wait for the writer, in bytes: beyond that, [`super::Store::is_full`], and
    /// whoever brings messages should hold publishers back.
    pub waiting_bytes_max: usize,
    /// How long that for whose durability nobody waits may stay unsynced.
    pub sync_delay: Duration,
}

impl Settings {
    /// The longest segment, in bytes. With the largest record in it, offsets fit 32 bits.
    pub const SEGMENT_BYTES_MAX: u32 = 1 << 30;
}

impl Default for Settings {
    /// 32 MiB for a segment, so that with the next one made ahead an empty store takes 64; 64 MiB
    /// for what waits, a tenth of a second.
    fn default() -> Self {
        Self {
            segment_bytes: 32 << 20,
            waiting_bytes_max: 64 << 20,
            sync_delay: Duration::from_millis(100),
        }
    }
}
