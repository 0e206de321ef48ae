//! Feeds payloads of any bytes, in sound frames, to the store.

#![no_main]

use broker::store::check;
use broker::store::disk::FakeDisk;
use hopwire_fuzz::{StoreSegment, claim_opens_alike, store_files};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|segments: Vec<StoreSegment>| {
    let disk = FakeDisk::with_files(store_files(&segments));
    let _ = check(&disk, &mut |_| {});
    let _ = claim_opens_alike(&disk);
});
