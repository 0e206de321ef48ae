//! The format: what version 1 wrote loads for ever, other versions are refused by name.

use smallvec::smallvec;

use super::super::disk::Crash;
use super::super::error::OpenError;
use super::super::operation::{Operation, SequenceRange};
use super::super::segment::{file_name, number_of};
use super::super::version::FORMAT_VERSION;
use super::*;

const SEGMENT_BYTES: usize = 600;
const OTHER: QueueId = QueueId(300);

/// A log of version 1 with everything in it: sealed segments, one of them copied from and gone, a
/// message in two queues, priority, deadline, marks, settled messages, a queue that is gone, and a
/// tail that a crash has torn.
fn write_fixture() -> FakeDisk {
    let disk = FakeDisk::default();
    let mut log = open(&disk, SEGMENT_BYTES);
    let mut batch = messages(QUEUE, 0..8, 100);
    let mut place = Place::new(OTHER, 5);
    (place.priority, place.deadline_ms) = (9, Some(1_900_000_000_000));
    batch.message(3, &[Place::new(QUEUE, 8), place], &[b"to ", b"both"]).unwrap();
    batch.message(1, &[Place::new(QueueId(7), 0)], &[b"x"]).unwrap();
    log.append(batch).unwrap();
    log.sync().unwrap();
    let mut batch = Batch::new();
    batch.settle(QUEUE, &[SequenceRange { first: 0, last: 3 }, 6.into()]);
    batch.mark(QUEUE, 3, &[SequenceRange { first: 4, last: 5 }]);
    batch.delete(QueueId(7));
    log.append(batch).unwrap();
    log.sync().unwrap();
    while log.reclaim().unwrap() {}
    log.roll().unwrap();
    log.append(messages(QUEUE, 9..12, 10)).unwrap();
    let mut batch = Batch::new();
    batch.mark(OTHER, 0, &[5.into()]);
    log.append(batch).unwrap();
    log.sync().unwrap();
    log.append(messages(QUEUE, 12..14, 10)).unwrap();
    log.flush().unwrap();
    // The last message is torn.
    let mut files = disk.crashed(disk.operations(), Crash::KeepsAll).files();
    let last = files.values_mut().next_back().unwrap();
    let end = last.iter().rposition(|byte| *byte == 13).unwrap();
    last[end - 4..].fill(0);
    FakeDisk::with_files(files)
}

/// What the fixture means.
fn check_fixture(disk: &FakeDisk) {
    let log = open(disk, SEGMENT_BYTES);
    assert_eq!(sequences(&log, QUEUE), [4, 5, 7, 8, 9, 10, 11, 12]);
    assert_eq!(sequences(&log, OTHER), [5]);
    assert_eq!(log.index.lock().totals().count(), 2);
    let index = log.index.lock();
    let place = |queue, sequence| index.entry(queue, sequence).unwrap().place;
    assert_eq!((place(QUEUE, 4).is_redelivered, place(QUEUE, 4).deliveries), (true, 3));
    assert_eq!((place(QUEUE, 7).is_redelivered, place(QUEUE, 7).deliveries), (false, 0));
    let other = Place {
        priority: 9,
        deadline_ms: Some(1_900_000_000_000),
        is_redelivered: true,
        ..Place::new(OTHER, 5)
    };
    assert_eq!(place(OTHER, 5), other);
    assert_eq!(index.totals_of(QUEUE).unwrap().next_sequence, 13);
    let entry = index.entry(QUEUE, 8).unwrap();
    let file = Arc::clone(&index.segments.get(entry.location.segment).unwrap().file);
    let page = super::super::reader::read(&[super::super::reader::Wanted { entry, file }]).unwrap();
    assert_eq!(page.messages[0].message, b"to both");
}

#[test]
fn what_version_1_wrote_loads_for_ever() {
    if let Ok(directory) = std::env::var("HOPWIRE_WRITE_FIXTURE") {
        for (name, bytes) in write_fixture().files() {
            std::fs::write(std::path::Path::new(&directory).join(name), bytes).unwrap();
        }
    }
    let files = [
        ("0000000002.log", &include_bytes!("version-1/0000000002.log")[..]),
        ("0000000003.log", include_bytes!("version-1/0000000003.log")),
        ("0000000004.log", include_bytes!("version-1/0000000004.log")),
    ];
    let owned = files.map(|(name, bytes)| (name.to_owned(), bytes.to_vec()));
    check_fixture(&FakeDisk::with_files(owned));
}

#[test]
fn what_is_written_is_version_1() {
    check_fixture(&write_fixture());
}

#[test]
fn another_version_is_refused_by_name() {
    let disk = FakeDisk::default();
    let mut log = open(&disk, SEGMENT_BYTES);
    log.append(messages(QUEUE, 0..8, 100)).unwrap();
    log.sync().unwrap();
    assert!(disk.files().len() > 1);
    for (name, _) in disk.files() {
        let mut files = disk.files();
        let file = files.get_mut(&name).unwrap();
        file[8..12].copy_from_slice(&(FORMAT_VERSION + 1).to_le_bytes());
        let crc = crc32fast::hash(&file[..20]);
        file[20..24].copy_from_slice(&crc.to_le_bytes());
        let disk = Arc::new(FakeDisk::with_files(files));
        let error = recover(disk, SEGMENT_BYTES).unwrap_err();
        assert!(
            matches!(&error, OpenError::Version { file, found } if *file == name && *found == 2),
            "{error}"
        );
    }
}

#[test]
fn only_names_as_they_are_written_are_segments() {
    for number in [0, 1, u32::MAX] {
        assert_eq!(number_of(&file_name(number)), Some(number));
    }
    for name in ["1.log", "00000000001.log", "+000000001.log", "lock", "0000000001.log.old"] {
        assert_eq!(number_of(name), None, "{name}");
    }
}

#[test]
fn a_message_larger_than_a_segment_has_one_to_itself() {
    let disk = FakeDisk::default();
    let mut log = open(&disk, SEGMENT_BYTES);
    for (sequence, bytes) in [(0, 10), (1, 5_000), (2, 10)] {
        log.append(messages(QUEUE, sequence..sequence + 1, bytes)).unwrap();
    }
    log.sync().unwrap();
    assert_eq!(disk.files().len(), 3);
    assert_eq!(sequences(&open(&disk, SEGMENT_BYTES), QUEUE), [0, 1, 2]);
}

#[test]
fn a_message_larger_than_a_record_is_refused_and_nothing_is_added() {
    use super::super::record::PAYLOAD_BYTES_MAX;
    // The same bytes many times: a large message without a large test.
    let part = vec![0; 1 << 20];
    let mut batch = Batch::new();
    let parts: Vec<&[u8]> = vec![&part; PAYLOAD_BYTES_MAX as usize >> 20];
    let error = batch.message(0, &[Place::new(QUEUE, 0)], &parts).unwrap_err();
    assert_eq!(error.found_bytes, u64::from(PAYLOAD_BYTES_MAX) + 80);
    assert!(batch.is_empty());
}

#[test]
fn an_entry_of_every_kind_of_place_survives_a_seal() {
    let disk = FakeDisk::default();
    let mut log = open(&disk, 1 << 16);
    let deadlines = [None, Some(0), Some(1 << 47)];
    let places: Vec<Place> = (0..24_u64)
        .map(|number| Place {
            queue: QueueId(number % 2),
            sequence: number * 1_000_000_007,
            priority: (number % 3 * 100) as u8,
            deadline_ms: deadlines[number as usize % 3],
            is_redelivered: number % 4 > 1,
            deliveries: [0, 1, u32::MAX][number as usize / 8],
        })
        .collect();
    let mut batch = Batch::new();
    for place in &places {
        batch.add(Operation::Message { body_bytes: 7, places: smallvec![*place] }, &[b"message"]);
    }
    log.append(batch).unwrap();
    log.close().unwrap();
    let log = open(&disk, 1 << 16);
    let index = log.index.lock();
    for place in places {
        assert_eq!(index.entry(place.queue, place.sequence).unwrap().place, place);
    }
}
