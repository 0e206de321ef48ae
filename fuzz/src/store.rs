//! The store's files, made of scripts: sound frames around payloads of any bytes.

use std::sync::Arc;

use broker::store::disk::FakeDisk;
use broker::store::{Head, OpenError, PageLimit, QueueId, Settings, Store};
use libfuzzer_sys::arbitrary::{self, Arbitrary};

/// A segment with sound header, checksums and footer.
#[derive(Debug, Arbitrary)]
pub struct StoreSegment {
    checkpoint: Vec<u8>,
    /// Kind and payload.
    records: Vec<(u8, Vec<u8>)>,
    /// The payload of its seal; none leaves it open.
    seal: Option<Vec<u8>>,
}

const SALT: u32 = 7;

impl StoreSegment {
    fn bytes(&self, number: u32) -> Vec<u8> {
        let mut bytes = b"HOPWLOG\n".to_vec();
        put_numbers(&mut bytes, &[1, number, SALT]);
        put_checksum(&mut bytes, 0);
        put_record(&mut bytes, 7, &self.checkpoint);
        let mut write = b"\0HOPWR\n\xFF".to_vec();
        let offset = bytes.len() as u32;
        put_numbers(&mut write, &[number, SALT, offset, offset]);
        put_record(&mut bytes, 6, &write);
        for (kind, payload) in &self.records {
            // The kinds there are, and the next that there is not.
            put_record(&mut bytes, kind % 10, payload);
        }
        match &self.seal {
            Some(seal) => {
                let offset = bytes.len() as u32;
                put_record(&mut bytes, 8, seal);
                let footer = bytes.len();
                put_numbers(&mut bytes, &[offset, number, SALT]);
                put_checksum(&mut bytes, footer);
            }
            None => bytes.extend_from_slice(&[0; 64]),
        }
        bytes
    }
}

fn put_numbers(into: &mut Vec<u8>, numbers: &[u32]) {
    numbers.iter().for_each(|number| into.extend_from_slice(&number.to_le_bytes()));
}

fn put_checksum(into: &mut Vec<u8>, from: usize) {
    let crc = crc32fast::hash(&into[from..]);
    put_numbers(into, &[crc]);
}

fn put_record(into: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    let mut checked = (payload.len() as u32).to_le_bytes().to_vec();
    checked.extend_from_slice(&[kind, 0, 0, 0]);
    checked.extend_from_slice(payload);
    put_numbers(into, &[crc32fast::hash(&checked)]);
    into.extend_from_slice(&checked);
}

/// The files of these segments, numbered from 1.
pub fn store_files(segments: &[StoreSegment]) -> Vec<(String, Vec<u8>)> {
    let numbered = (1..).zip(segments);
    numbered.map(|(number, it)| (format!("{number:010}.log"), it.bytes(number))).collect()
}

/// Small segments: a disk in memory preallocates them too.
pub fn store_settings() -> Settings {
    Settings { segment_bytes: 4096, ..Settings::default() }
}

/// What opens, opens again with the same messages; and whatever it holds is read or is damaged.
pub fn claim_opens_alike(disk: &FakeDisk) -> Result<(), OpenError> {
    let (store, _) = Store::open(Arc::new(disk.clone()), store_settings())?;
    let found = heads(&store);
    for (queue, heads) in &found {
        let limit = PageLimit { messages: usize::MAX, bytes: u64::MAX };
        if let Ok(page) = store.page(*queue, 0, limit) {
            assert_eq!(page.messages.len() + page.damaged.len(), heads.len());
        }
    }
    store.close().expect("the disk does not fail");
    drop(store);
    let (store, report) = Store::open(Arc::new(disk.clone()), store_settings())?;
    assert_eq!(report.cut, None, "nothing is torn after it was closed");
    assert_eq!(heads(&store), found);
    Ok(())
}

fn heads(store: &Store) -> Vec<(QueueId, Vec<Head>)> {
    let mut queues: Vec<QueueId> = store.queues().iter().map(|queue| queue.queue).collect();
    queues.sort_unstable();
    queues.into_iter().map(|queue| (queue, store.heads(queue, 0, usize::MAX))).collect()
}
