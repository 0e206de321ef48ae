//! A file in memory for tests: it keeps what was synced apart, and fails when told to.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use redb::StorageBackend;

/// A file in memory. Clones are the same file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Image(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    written: Vec<u8>,
    /// What was there after each sync.
    synced: Vec<Vec<u8>>,
    fails: bool,
}

impl Image {
    /// A file that holds this.
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(State { written: bytes, ..State::default() })))
    }

    /// From here on it takes nothing more.
    pub(crate) fn fail(&self) {
        self.0.lock().fails = true;
    }

    /// What a machine may find that lost its power: what was there after each sync.
    pub(crate) fn synced(&self) -> Vec<Vec<u8>> {
        self.0.lock().synced.clone()
    }

    fn write<R>(&self, write: impl FnOnce(&mut State) -> R) -> io::Result<R> {
        let mut state = self.0.lock();
        match state.fails {
            true => Err(io::Error::from(io::ErrorKind::StorageFull)),
            false => Ok(write(&mut state)),
        }
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

impl StorageBackend for Image {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().written.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.0.lock();
        let found = state.written.get(index(offset)..index(offset) + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.write(|state| state.written.resize(index(len), 0))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.write(|state| state.synced.push(state.written.clone()))
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.write(|state| {
            state.written[index(offset)..index(offset) + data.len()].copy_from_slice(data);
        })
    }
}
