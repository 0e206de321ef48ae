//! The floor of publishing with confirms: one producer, one writer, a file; no broker.
//!
//! The producer may have a window of records that are not durable yet. The writer takes whatever
//! has arrived, appends it and syncs, again and again: that is what a group commit does, and no
//! batch is chosen. Where the batches settle follows from the window: what arrives during a sync is
//! what the sync before it confirmed, so two batches in a row are the window, one of them in flight
//! and one waiting. The producer therefore hands over half a window at a time, as soon as half is
//! free: each sync carries half of what is outstanding and the disk never waits for the producer,
//! which copies its records beside the sync. A writer that waited for the whole window would sync
//! half as often, but then nothing would arrive meanwhile.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Log;
use crate::Problem;
use crate::load::Delivered;
use crate::process::own_thread_cpu_time;

/// How far the producer goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Records that are not durable yet, at most.
    pub(crate) window: u64,
    /// Records, at most.
    pub(crate) records_max: u64,
    /// How long it hands over.
    pub(crate) duration: Duration,
}

/// What became durable, and the CPU time of writer and producer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Committed {
    pub(crate) delivered: Delivered,
    pub(crate) cpu: Duration,
}

/// What producer and writer share.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    arrived: Condvar,
    synced: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Records that wait for the writer.
    waiting: Vec<u8>,
    handed: u64,
    synced: u64,
    is_over: bool,
}

/// Appends copies of `record` to `log`.
pub(crate) fn group_commit(
    log: &mut Log,
    record: &[u8],
    limits: Limits,
) -> Result<Committed, Problem> {
    let shared = Shared::default();
    let (start, cpu) = (Instant::now(), own_thread_cpu_time()?);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let done = write(&shared, log);
            // The producer waits no more, whatever happened.
            shared.state.lock().unwrap_or_else(PoisonError::into_inner).is_over = true;
            shared.synced.notify_one();
            done.and_then(|messages| Ok((messages, own_thread_cpu_time()?)))
        });
        produce(&shared, record, limits, start);
        let (messages, writer_cpu) = writing.join().map_err(|_| "the writer panicked")??;
        let delivered = Delivered { messages, took: start.elapsed() };
        let cpu = writer_cpu + own_thread_cpu_time()?.saturating_sub(cpu);
        Ok(Committed { delivered, cpu })
    })
}

fn produce(shared: &Shared, record: &[u8], limits: Limits, start: Instant) {
    let half = (limits.window / 2).max(1);
    let piece = record.repeat(usize::try_from(half).unwrap_or(usize::MAX));
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    while start.elapsed() < limits.duration && state.handed + half <= limits.records_max {
        let is_full = |state: &mut State| {
            !state.is_over && state.handed + half - state.synced > limits.window
        };
        let free = shared.synced.wait_while(state, is_full);
        state = free.unwrap_or_else(PoisonError::into_inner);
        if state.is_over {
            break;
        }
        state.waiting.extend_from_slice(&piece);
        state.handed += half;
        shared.arrived.notify_one();
    }
    state.is_over = true;
    shared.arrived.notify_one();
}

/// Returns how many records are durable.
fn write(shared: &Shared, log: &mut Log) -> Result<u64, Problem> {
    let mut batch = Vec::new();
    loop {
        let state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = |state: &mut State| state.waiting.is_empty() && !state.is_over;
        let arrived = shared.arrived.wait_while(state, idle);
        let mut state = arrived.unwrap_or_else(PoisonError::into_inner);
        if state.waiting.is_empty() {
            return Ok(state.synced);
        }
        batch.clear();
        std::mem::swap(&mut batch, &mut state.waiting);
        let handed = state.handed;
        drop(state);
        log.append(&batch)?;
        shared.state.lock().unwrap_or_else(PoisonError::into_inner).synced = handed;
        shared.synced.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_handed_over_is_synced_up_to_the_most_that_is_allowed() {
        let folder =
            std::env::temp_dir().join(format!("hopwire-bench-group-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let check = |records_max, room: u64, expected: Option<u64>| {
            let mut log = Log::create(&folder, 8 * room).unwrap();
            let duration = Duration::from_secs(60);
            let limits = Limits { window: 10, records_max, duration };
            let done = group_commit(&mut log, b"12345678", limits);
            assert_eq!(done.ok().map(|done| done.delivered.messages), expected);
        };
        check(100, 100, Some(100));
        // Hand-overs are half a window each.
        check(104, 104, Some(100));
        check(105, 105, Some(105));
        // A log that is full is not waited for.
        check(100, 50, None);
        std::fs::remove_dir(&folder).unwrap();
    }
}
