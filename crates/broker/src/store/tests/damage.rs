//! What is not as it was written is noticed, named, and let go by a repair.

use std::sync::Arc;

use super::super::check::check;
use super::super::disk::{Disk as _, FakeDisk};
use super::super::error::OpenError;
use super::super::operation::SequenceRange;
use super::super::recovery::{Cut, recover};
use super::super::repair::repair;
use super::super::settings::Settings;
use super::*;

const SEGMENT_BYTES: usize = 2000;

fn settings() -> Settings {
    Settings { segment_bytes: SEGMENT_BYTES as u32, ..Settings::default() }
}

/// Three segments: ten messages in each of the first two, two writes of four in the last.
fn three_segments() -> FakeDisk {
    let disk = FakeDisk::default();
    let mut log = open(&disk, SEGMENT_BYTES);
    for first in [0, 10, 20] {
        log.append(messages(QUEUE, first..first + 4, 100)).unwrap();
        log.sync().unwrap();
        log.append(messages(QUEUE, first + 4..first + 8, 100)).unwrap();
        log.sync().unwrap();
        if first < 20 {
            log.append(messages(QUEUE, first + 8..first + 10, 100)).unwrap();
            log.roll().unwrap();
        }
    }
    disk
}

/// The disk with one byte changed.
fn flip(disk: &FakeDisk, file: &str, offset: usize) -> FakeDisk {
    let mut files = disk.files();
    files.get_mut(file).unwrap()[offset] ^= 0x10;
    FakeDisk::with_files(files)
}

fn find(disk: &FakeDisk, file: &str, bytes: &[u8]) -> usize {
    disk.files()[file].windows(bytes.len()).position(|window| window == bytes).unwrap()
}

const FIRST: &str = "0000000001.log";
const LAST: &str = "0000000003.log";

#[test]
fn damage_in_what_was_synced_stops_the_start_and_names_file_and_offset() {
    let disk = three_segments();
    let body = find(&disk, LAST, &[21; 100]);
    let error = recover(Arc::new(flip(&disk, LAST, body)), SEGMENT_BYTES).unwrap_err();
    let OpenError::Damaged(damage) = &error else { panic!("{error}") };
    assert_eq!(damage.file, LAST);
    assert!(body as u64 - 40 < damage.offset && damage.offset < body as u64, "{damage}");
    assert!(error.to_string().contains("hopwire store check"), "{error}");
}

#[test]
fn a_torn_tail_is_cut_and_told() {
    let disk = three_segments();
    let body = find(&disk, LAST, &[25; 100]);
    // No later write knew that this one was durable: a crash can have torn it.
    let (log, report) = recover(Arc::new(flip(&disk, LAST, body)), SEGMENT_BYTES).unwrap();
    let Some(Cut { file, offset, bytes, what }) = report.cut else { panic!("nothing cut") };
    assert_eq!((&*file, &*what), (LAST, "the checksum of a record is wrong"));
    assert!((body as u64 - 40..body as u64).contains(&offset));
    assert_eq!(offset + bytes, find(&disk, LAST, &[27; 100]) as u64 + 100);
    let kept: Vec<u64> = (0..25).filter(|it| !(it % 10 > 7 && *it > 20)).collect();
    assert_eq!(sequences(&log, QUEUE), kept);
}

#[test]
fn any_flipped_bit_is_an_error_or_changes_no_message() {
    let disk = three_segments();
    for (file, bytes) in disk.files() {
        for offset in (0..bytes.len()).step_by(3) {
            let Ok((log, _)) = recover(Arc::new(flip(&disk, &file, offset)), SEGMENT_BYTES) else {
                continue;
            };
            let index = log.index.lock();
            for entry in index.entries(QUEUE, 0, usize::MAX) {
                let file = Arc::clone(&index.segments.get(entry.location.segment).unwrap().file);
                let wanted = super::super::reader::Wanted { entry, file };
                let page = super::super::reader::read(&[wanted]).unwrap();
                for read in page.messages {
                    assert_eq!(read.message, [read.place.sequence as u8; 100]);
                }
            }
        }
    }
}

#[test]
fn a_segment_that_is_missing_stops_the_start() {
    let disk = three_segments();
    disk.unlink(FIRST).unwrap();
    let error = recover(Arc::new(disk), SEGMENT_BYTES).unwrap_err();
    assert!(matches!(&error, OpenError::Missing { file } if file == FIRST), "{error}");
}

#[test]
fn a_sound_log_needs_no_repair() {
    let disk = three_segments();
    let found = check(&disk, &mut |_| {}).unwrap();
    assert!(found.is_sound(), "{found:?}");
    assert_eq!((found.segments, found.records), (3, 28));
    assert_eq!(repair(Arc::new(disk), settings(), &mut |_| {}).unwrap(), None);
}

/// Checks, repairs, and opens; gives the sequences that are left.
fn check_repair(disk: &FakeDisk, damaged: &[&str], lost: &[u64]) -> Vec<u64> {
    let found = check(disk, &mut |_| {}).unwrap();
    let files: Vec<&str> = found.damage.iter().map(|damage| &*damage.file).collect();
    assert_eq!(files, damaged);
    let repaired = repair(Arc::new(disk.clone()), settings(), &mut |_| {}).unwrap().unwrap();
    let found_lost: Vec<u64> = repaired.lost.iter().map(|(_, sequence)| *sequence).collect();
    assert_eq!(found_lost, lost);
    let found = check(disk, &mut |_| {}).unwrap();
    assert!(found.is_sound(), "{found:?}");
    let log = open(disk, SEGMENT_BYTES);
    let left = sequences(&log, QUEUE);
    assert_eq!(left.len() as u64, repaired.messages);
    left
}

#[test]
fn a_repair_keeps_all_but_the_damaged_message() {
    let disk = three_segments();
    let disk = flip(&disk, FIRST, find(&disk, FIRST, &[5; 100]));
    let left = check_repair(&disk, &[FIRST], &[5]);
    let kept: Vec<u64> = (0..28).filter(|it| *it != 5).collect();
    assert_eq!(left, kept);
}

#[test]
fn a_repair_does_without_a_seal() {
    let disk = three_segments();
    let length = disk.files()[FIRST].len();
    let left = check_repair(&flip(&disk, FIRST, length - 3), &[FIRST], &[]);
    assert_eq!(left, (0..28).collect::<Vec<_>>());
}

#[test]
fn a_repair_goes_on_behind_damage_in_the_last_segment() {
    let disk = three_segments();
    let disk = flip(&disk, LAST, find(&disk, LAST, &[21; 100]));
    // The write that the record stood in is lost from there on.
    let kept: Vec<u64> = (0..28).filter(|it| !(21..24).contains(it)).collect();
    assert_eq!(check_repair(&disk, &[LAST], &[]), kept);
}

#[test]
fn a_repair_does_without_the_last_header() {
    let disk = three_segments();
    assert_eq!(check_repair(&flip(&disk, LAST, 3), &[LAST], &[]), (0..28).collect::<Vec<_>>());
}

#[test]
fn a_repair_goes_on_without_a_missing_segment() {
    let disk = three_segments();
    disk.unlink(FIRST).unwrap();
    assert_eq!(check_repair(&disk, &[], &[]), (10..28).collect::<Vec<_>>());
}

#[test]
fn what_was_settled_stays_settled_through_a_repair() {
    let disk = three_segments();
    let mut log = open(&disk, SEGMENT_BYTES);
    let mut batch = Batch::new();
    batch.settle(QUEUE, &[SequenceRange { first: 0, last: 3 }]);
    log.append(batch).unwrap();
    log.sync().unwrap();
    drop(log);
    let disk = flip(&disk, FIRST, find(&disk, FIRST, &[5; 100]));
    let kept: Vec<u64> = (4..28).filter(|it| *it != 5).collect();
    assert_eq!(check_repair(&disk, &[FIRST], &[5]), kept);
}
