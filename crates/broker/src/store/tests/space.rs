//! Space comes back, at a bounded cost in bytes written; what lives costs little to hold and read.

use super::super::operation::SequenceRange;
use super::*;

const SEGMENT_BYTES: usize = 256 << 10;

fn settle(queue: QueueId, first: u64, last: u64) -> Batch {
    let mut batch = Batch::new();
    batch.settle(queue, &[SequenceRange { first, last }]);
    batch
}

/// What the writer does after each sync, until there is nothing to do.
fn reclaim_all(log: &mut Log) {
    while log.reclaim().unwrap() {}
    log.sync().unwrap();
}

fn disk_bytes(disk: &FakeDisk) -> usize {
    disk.files().values().map(Vec::len).sum()
}

#[test]
fn publish_and_ack_writes_at_most_1_3_times_the_bodies() {
    let disk = FakeDisk::forgetful();
    let mut log = open(&disk, SEGMENT_BYTES);
    let (messages_ever, in_flight) = (6_000, 100);
    for sequence in 0..messages_ever {
        log.append(messages(QUEUE, sequence..sequence + 1, 1024)).unwrap();
        if sequence >= in_flight {
            log.append(settle(QUEUE, sequence - in_flight, sequence - in_flight)).unwrap();
        }
        if sequence % 10 == 0 {
            log.sync().unwrap();
            log.reclaim().unwrap();
        }
    }
    let share = disk.written_bytes() as f64 / (messages_ever * 1024) as f64;
    assert!(share < 1.3, "{share} times the bodies");
    // And no more disk than the segments that the last hundred touch, and the one before.
    assert!(disk_bytes(&disk) <= 3 * SEGMENT_BYTES, "{} bytes", disk_bytes(&disk));
}

#[test]
fn compaction_writes_at_most_a_quarter_more_even_with_stragglers_everywhere() {
    let disk = FakeDisk::forgetful();
    let mut log = open(&disk, SEGMENT_BYTES);
    let (messages_ever, kept_each) = (8_000, 7);
    let mut kept = Vec::new();
    for sequence in 0..messages_ever {
        log.append(messages(QUEUE, sequence..sequence + 1, 1024)).unwrap();
        if sequence % kept_each == 0 {
            kept.push(sequence);
            // Each straggler goes at last, long after its neighbours.
            if let Some(old) = sequence.checked_sub(2_100) {
                let old = old / kept_each * kept_each;
                log.append(settle(QUEUE, old, old)).unwrap();
                kept.retain(|it| *it != old);
            }
        } else {
            log.append(settle(QUEUE, sequence, sequence)).unwrap();
        }
        if sequence % 10 == 0 {
            log.sync().unwrap();
            while log.reclaim().unwrap() {}
        }
    }
    let counts = log.counts;
    assert!(counts.copied_bytes > 0, "the test is about copying");
    assert!(counts.copied_bytes * 4 <= counts.appended_bytes, "{counts:?}");
    assert_eq!(sequences(&log, QUEUE), kept);
    // What lives takes at most five times its bytes, and the segments at the end.
    let live = kept.len() * 1100;
    assert!(disk_bytes(&disk) <= 5 * live + 2 * SEGMENT_BYTES, "{} for {live}", disk_bytes(&disk));
    // Copies are what they were.
    let log = open(&disk, SEGMENT_BYTES);
    assert_eq!(sequences(&log, QUEUE), kept);
}

#[test]
fn a_purge_of_anything_is_one_record_and_frees_every_segment_but_the_last() {
    let disk = FakeDisk::forgetful();
    let mut log = open(&disk, SEGMENT_BYTES);
    for first in (0..2_000).step_by(100) {
        log.append(messages(QUEUE, first..first + 100, 1024)).unwrap();
        log.append(messages(QueueId(2), first..first + 100, 1024)).unwrap();
        log.sync().unwrap();
    }
    let written = disk.written_bytes();
    log.append(settle(QUEUE, 0, u64::MAX)).unwrap();
    let mut batch = Batch::new();
    batch.delete(QueueId(2));
    log.append(batch).unwrap();
    log.sync().unwrap();
    assert!(disk.written_bytes() - written < 200, "two records and the start of a write");
    reclaim_all(&mut log);
    assert_eq!(disk.files().len(), 1);
    assert_eq!(log.index.lock().totals_of(QUEUE).unwrap().next_sequence, 2_000);
    assert!(log.index.lock().totals_of(QueueId(2)).is_none());
}

#[test]
fn a_message_to_many_queues_is_stored_once_and_goes_with_the_last() {
    let disk = FakeDisk::forgetful();
    let mut log = open(&disk, SEGMENT_BYTES);
    let queues = [1, 2, 3].map(QueueId);
    for sequence in 0..600 {
        let mut batch = Batch::new();
        let places = queues.map(|queue| Place::new(queue, sequence));
        batch.message(1024, &places, &[&[sequence as u8; 1024]]).unwrap();
        log.append(batch).unwrap();
    }
    log.sync().unwrap();
    assert!(disk.written_bytes() < 600 * 1100, "{} bytes", disk.written_bytes());
    let files = disk.files().len();
    for queue in [1, 2].map(QueueId) {
        log.append(settle(queue, 0, 600)).unwrap();
        log.sync().unwrap();
        reclaim_all(&mut log);
        assert_eq!(disk.files().len(), files);
    }
    log.append(settle(QueueId(3), 0, 600)).unwrap();
    log.sync().unwrap();
    reclaim_all(&mut log);
    assert_eq!(disk.files().len(), 1);
}

#[test]
fn a_long_queue_takes_at_most_40_bytes_of_memory_a_message() {
    let disk = FakeDisk::forgetful();
    let mut log = open(&disk, 8 << 20);
    for first in (0..100_000).step_by(1_000) {
        log.append(messages(QUEUE, first..first + 1_000, 16)).unwrap();
        log.flush().unwrap();
    }
    let bytes = log.index.lock().memory_bytes();
    assert!(bytes <= 40 * 100_000, "{bytes} bytes");
    // The same after a restart.
    log.sync().unwrap();
    let bytes = open(&disk, 8 << 20).index.lock().memory_bytes();
    assert!(bytes <= 40 * 100_000, "{bytes} bytes");
}

#[test]
fn a_long_queue_takes_at_most_40_bytes_a_message_whichever_were_settled() {
    const MESSAGES: u64 = 50_000;
    let disk = FakeDisk::forgetful();
    let mut log = open(&disk, 8 << 20);
    for first in (0..MESSAGES).step_by(1_000) {
        log.append(messages(QUEUE, first..first + 1_000, 16)).unwrap();
    }
    // An order that looks random: the step and the count have no common divisor.
    for (settled, at) in (1..).zip((0..MESSAGES * 3 / 4).map(|at| at * 31_607 % MESSAGES)) {
        log.append(settle(QUEUE, at, at)).unwrap();
        if settled % 2_500 == 0 {
            log.flush().unwrap();
            let bytes = log.index.lock().memory_bytes() as u64;
            let live = MESSAGES - settled;
            assert!(bytes <= 41 * live, "{} bytes each of {live}", bytes / live);
        }
    }
}

#[test]
fn a_mark_or_a_settle_of_everything_costs_what_lives() {
    // Would not end if it went through what the range could hold.
    let disk = FakeDisk::forgetful();
    let mut log = open(&disk, SEGMENT_BYTES);
    let living = [0, 1 << 20, 1 << 63];
    for sequence in living {
        log.append(messages(QUEUE, sequence..sequence + 1, 16)).unwrap();
    }
    let mut batch = Batch::new();
    batch.mark(QUEUE, 2, &[SequenceRange { first: 0, last: u64::MAX }]);
    log.append(batch).unwrap();
    log.flush().unwrap();
    let entries = log.index.lock().entries(QUEUE, 0, usize::MAX);
    assert_eq!(entries.iter().map(|it| it.place.sequence).collect::<Vec<_>>(), living);
    assert!(entries.iter().all(|it| it.place.is_redelivered && it.place.deliveries == 2));
    log.append(settle(QUEUE, 0, u64::MAX)).unwrap();
    log.flush().unwrap();
    assert_eq!(sequences(&log, QUEUE), [0; 0]);
}

#[test]
fn scattered_messages_are_read_once_per_neighbourhood() {
    let disk = FakeDisk::default();
    let mut log = open(&disk, 8 << 20);
    for first in (0..2_000).step_by(100) {
        log.append(messages(QUEUE, first..first + 100, 1024)).unwrap();
    }
    log.sync().unwrap();
    let index = log.index.lock();
    // Three neighbourhoods, in no order: some twenty apart, and far from each other.
    let scattered = [1_900, 1_005, 10, 1_000, 0, 1_915, 1_010, 5];
    let wanted: Vec<_> = scattered
        .iter()
        .map(|sequence| {
            let entry = index.entry(QUEUE, *sequence).unwrap();
            let file = Arc::clone(&index.segments.get(entry.location.segment).unwrap().file);
            super::super::reader::Wanted { entry, file }
        })
        .collect();
    drop(index);
    let before = disk.reads();
    let page = super::super::reader::read(&wanted).unwrap();
    assert_eq!(disk.reads() - before, 3);
    let found: Vec<u64> = page.messages.iter().map(|it| it.place.sequence).collect();
    assert_eq!(found, scattered);
}
