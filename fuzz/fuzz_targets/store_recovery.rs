//! Feeds any bytes to the store as its files; has it repair what it refuses.

#![no_main]

use std::sync::Arc;

use broker::store::disk::FakeDisk;
use broker::store::{OpenError, check, repair};
use hopwire_fuzz::{StoreSegment, claim_opens_alike, store_files, store_settings};
use libfuzzer_sys::fuzz_target;

/// Sound files, and bytes written over them or behind them.
type Script = (Vec<StoreSegment>, Vec<(u8, u16, Vec<u8>)>);

fuzz_target!(|script: Script| {
    let (segments, scribbles) = script;
    let mut files = store_files(&segments);
    for (file, offset, bytes) in scribbles {
        let count = files.len().max(1);
        let Some((_, file)) = files.get_mut(usize::from(file) % count) else { return };
        let offset = usize::from(offset).min(file.len());
        let end = (offset + bytes.len()).min(file.len());
        file.splice(offset..end, bytes);
    }
    let disk = FakeDisk::with_files(files);
    if let Ok(()) | Err(OpenError::Version { .. }) = claim_opens_alike(&disk) {
        return;
    }
    // What check calls sound may still be refused: a tail that a crash cannot have left.
    let Ok(found) = check(&disk, &mut |_| {}) else { return };
    match repair(Arc::new(disk.clone()), store_settings(), &mut |_| {}) {
        Ok(Some(_)) => claim_opens_alike(&disk).expect("it was repaired"),
        Ok(None) => assert!(found.is_sound()),
        Err(_) => {}
    }
});
