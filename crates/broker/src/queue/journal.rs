//! What a durable queue leaves in the log.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::PropertyCodec;

use crate::store::{QueueId, Store};

/// The log of a node's messages, as its queues use it.
#[derive(Debug)]
pub struct MessageLog {
    store: Arc<Store>,
    codec: &'static PropertyCodec,
    clock: Clock,
}

/// A durable queue's part of the log.
#[derive(Clone, Debug)]
pub struct Journal {
    id: QueueId,
    log: Arc<MessageLog>,
}

/// Both clocks read at once, so that a deadline can be kept beyond the end of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    instant: Instant,
    unix_ms: u64,
}

impl MessageLog {
    /// The log on a store; `codec` reads the properties of the messages that come back.
    pub fn new(store: Arc<Store>, codec: &'static PropertyCodec) -> Arc<Self> {
        Arc::new(Self { store, codec, clock: Clock::read() })
    }

    /// The store under it.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// How the properties of stored messages are read.
    pub(crate) fn codec(&self) -> &'static PropertyCodec {
        self.codec
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }
}

impl Journal {
    /// The part of a queue, by its number, which no other queue ever had.
    pub fn new(log: &Arc<MessageLog>, id: QueueId) -> Self {
        Self { id, log: Arc::clone(log) }
    }

    /// The queue's number.
    pub fn id(&self) -> QueueId {
        self.id
    }

    /// The log it is a part of.
    pub fn log(&self) -> &Arc<MessageLog> {
        &self.log
    }
}

impl Clock {
    fn read() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unix_ms = u64::try_from(unix.as_millis()).unwrap_or(u64::MAX);
        Self { instant: Instant::now(), unix_ms }
    }

    /// Milliseconds since 1970, rounded up.
    pub(crate) fn to_unix_ms(self, at: Instant) -> u64 {
        let ms = |duration: Duration| duration.as_micros().div_ceil(1000);
        let ahead = ms(at.saturating_duration_since(self.instant));
        let behind = ms(self.instant.saturating_duration_since(at));
        let unix_ms = (u128::from(self.unix_ms) + ahead).saturating_sub(behind);
        u64::try_from(unix_ms).unwrap_or(u64::MAX)
    }

    /// The time of this process; what lies before its start is its start.
    pub(crate) fn to_instant(self, unix_ms: u64) -> Option<Instant> {
        self.instant.checked_add(Duration::from_millis(unix_ms.saturating_sub(self.unix_ms)))
    }
}
