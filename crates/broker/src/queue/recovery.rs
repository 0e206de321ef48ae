//! A durable queue after a restart: what the log holds for it.

use std::sync::Arc;

use super::handle::Queue;
use super::journal::{Journal, MessageLog};
use crate::store::{Batch, QueueTotals, SequenceRange};
use crate::turn::Turn;

/// Messages looked at under one lock of the store.
const HEADS_MAX: usize = 4096;

impl MessageLog {
    /// Marks everything redelivered, because the node did not end by itself: nobody knows what was
    /// handed out. Waits for the disk.
    pub(crate) fn mark_redelivered(&self) {
        let mut batch = Batch::new();
        for QueueTotals { queue, next_sequence, messages, .. } in self.store().queues() {
            if messages > 0 {
                let all = SequenceRange { first: 0, last: next_sequence };
                batch.mark(queue, 1, &[all]);
            }
        }
        if self.append(batch) {
            self.wait_for_writer();
        }
        if !self.is_writable() {
            // A full disk keeps no marks, and takes no message that would need none.
            self.suspect_all();
        }
    }
}

impl Queue {
    /// Takes note of what the log holds for it, before anybody else knows it. Nothing is read but
    /// what is needed next.
    pub(crate) fn recover(self: &Arc<Self>, turn: &mut Turn) {
        let Some(store) = self.journal().map(|journal| journal.log().store()) else { return };
        let Some(id) = self.journal().map(Journal::id) else { return };
        let next_sequence = store.queue(id).map_or(0, |totals| totals.next_sequence);
        {
            let mut state = self.lock();
            state.keep(next_sequence, self.kind().keeps_transient());
            let mut from = 0;
            loop {
                let heads = store.heads(id, from, HEADS_MAX);
                for head in &heads {
                    let place = head.place;
                    state.recover(&place, head.body_bytes.into());
                    from = place.sequence + 1;
                }
                if heads.len() < HEADS_MAX {
                    break;
                }
            }
        }
        self.tick(turn);
    }
}
