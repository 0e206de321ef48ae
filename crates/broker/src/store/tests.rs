//! The store as a whole: damage, space, and the writer.

mod damage;
mod format;
mod full;
mod space;
mod waiting;

use std::sync::Arc;

use super::batch::Batch;
use super::disk::FakeDisk;
use super::log::Log;
use super::operation::{Place, QueueId};
use super::recovery::recover;

const QUEUE: QueueId = QueueId(1);

fn open(disk: &FakeDisk, segment_bytes: usize) -> Log {
    recover(Arc::new(disk.clone()), segment_bytes).unwrap().0
}

/// A batch of messages whose bytes are their sequence.
fn messages(queue: QueueId, sequences: std::ops::Range<u64>, bytes: usize) -> Batch {
    let mut batch = Batch::new();
    for sequence in sequences {
        let body = vec![sequence as u8; bytes];
        batch.message(bytes as u32, &[Place::new(queue, sequence)], &[&body]).unwrap();
    }
    batch
}

fn sequences(log: &Log, queue: QueueId) -> Vec<u64> {
    let entries = log.index.lock().entries(queue, 0, usize::MAX);
    entries.iter().map(|entry| entry.place.sequence).collect()
}
