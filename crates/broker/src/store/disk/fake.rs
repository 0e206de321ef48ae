//! A disk in memory that keeps written and durable bytes apart, for tests of this and other rooms.
//!
//! It writes down every operation. [`FakeDisk::crashed`] is the disk that a machine finds which
//! lost power after the first so many of them: what was synced is there; of the rest, each write,
//! length and name is kept or lost by itself, and a write may be torn at any byte. So unsynced
//! writes of a file appear in any order.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Disk, DiskFile};

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct FakeDisk {
    state: Arc<Mutex<State>>,
}

/// What a crash does with that which was not synced.
#[derive(Clone, Copy, Debug)]
pub enum Crash {
    /// All of it is lost.
    LosesAll,
    /// All of it is there, as after the end of a process.
    KeepsAll,
    /// Each part is kept, lost or torn, as the seed has it.
    Random(u64),
}

#[derive(Debug, Default)]
struct State {
    names: BTreeMap<String, usize>,
    /// As written, by the number of the file.
    files: Vec<Vec<u8>>,
    /// What was there at the start, durable.
    first_names: BTreeMap<String, usize>,
    first_files: Vec<Vec<u8>>,
    journal: Vec<Operation>,
    forgets: bool,
    written_bytes: u64,
    syncs: u64,
    reads: u64,
    writes_left: Option<u64>,
    syncs_left: Option<u64>,
    free_bytes: Option<u64>,
}

#[derive(Clone, Debug)]
enum Operation {
    Create(String, usize),
    Unlink(String),
    SyncNames,
    Change(usize, Change),
    Sync(usize),
}

/// A change of a file.
#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

impl FakeDisk {
    /// A disk with these durable files.
    pub fn with_files(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let mut state = State::default();
        for (name, bytes) in files {
            state.names.insert(name, state.files.len());
            state.files.push(bytes);
        }
        state.first_names = state.names.clone();
        state.first_files = state.files.clone();
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// A disk that writes no operation down, for long runs. It cannot crash.
    pub fn forgetful() -> Self {
        let state = State { forgets: true, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// How many operations there were.
    pub fn operations(&self) -> usize {
        self.state.lock().journal.len()
    }

    /// The disk after a crash that came behind the first `operations`.
    pub fn crashed(&self, operations: usize, crash: Crash) -> Self {
        let state = self.state.lock();
        let mut image = Image::new(&state);
        for operation in state.journal.iter().take(operations) {
            image.apply(operation);
        }
        Self::with_files(image.crash(crash))
    }

    /// The files as written, by name.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state.lock();
        let file = |number: usize| state.files.get(number).cloned().unwrap_or_default();
        state.names.iter().map(|(name, number)| (name.clone(), file(*number))).collect()
    }

    /// Bytes of all writes.
    pub fn written_bytes(&self) -> u64 {
        self.state.lock().written_bytes
    }

    /// How often a file was synced.
    pub fn syncs(&self) -> u64 {
        self.state.lock().syncs
    }

    /// How often a file was read from.
    pub fn reads(&self) -> u64 {
        self.state.lock().reads
    }

    /// From the write after the next `writes` on, all fail: the disk is full.
    pub fn fail_writes_after(&self, writes: u64) {
        self.state.lock().writes_left = Some(writes);
    }

    /// The sync after the next `syncs` fails, once.
    pub fn fail_sync_after(&self, syncs: u64) {
        self.state.lock().syncs_left = Some(syncs);
    }

    /// What [`Disk::free_bytes`] says.
    pub fn set_free_bytes(&self, bytes: u64) {
        self.state.lock().free_bytes = Some(bytes);
    }

    fn file(&self, number: usize) -> Arc<dyn DiskFile> {
        Arc::new(FakeFile { state: Arc::clone(&self.state), number })
    }
}

impl State {
    fn note(&mut self, operation: Operation) {
        if !self.forgets {
            self.journal.push(operation);
        }
    }

    fn number(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn change(&mut self, number: usize, change: Change) -> io::Result<()> {
        if let Some(left) = &mut self.writes_left {
            *left = left.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
        }
        if let Change::Write { bytes, .. } = &change {
            self.written_bytes += bytes.len() as u64;
        }
        if let Some(file) = self.files.get_mut(number) {
            change.apply(file);
        }
        self.note(Operation::Change(number, change));
        Ok(())
    }
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Length(bytes) => file.resize(*bytes, 0),
            Self::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if file.len() < end {
                    file.resize(end, 0);
                }
                if let Some(place) = file.get_mut(*offset..end) {
                    place.copy_from_slice(bytes);
                }
            }
        }
    }

    /// The part of it that a crash leaves: a write may be torn at either end.
    fn torn(&self, chance: &mut Chance) -> Option<Self> {
        match (self, chance.below(4)) {
            (_, 0) => None,
            (Self::Write { offset, bytes }, 1) => {
                let from = chance.below(bytes.len() + 1);
                let kept = bytes.get(from..from + chance.below(bytes.len() - from + 1))?;
                Some(Self::Write { offset: offset + from, bytes: kept.to_vec() })
            }
            (Self::Write { offset, bytes }, 2) => {
                let kept = bytes.get(..chance.below(bytes.len() + 1))?;
                Some(Self::Write { offset: *offset, bytes: kept.to_vec() })
            }
            _ => Some(self.clone()),
        }
    }
}

impl Disk for FakeDisk {
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state.lock();
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let number = state.files.len();
        state.files.push(Vec::new());
        state.names.insert(name.to_owned(), number);
        state.note(Operation::Create(name.to_owned(), number));
        drop(state);
        Ok(self.file(number))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let number = self.state.lock().number(name)?;
        Ok(self.file(number))
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        let number = state.number(name)?;
        state.names.remove(name);
        state.note(Operation::Unlink(name.to_owned()));
        // A disk that cannot crash has no use for what is gone, unless somebody reads it.
        if let (true, Some(file)) = (state.forgets, state.files.get_mut(number)) {
            *file = Vec::new();
        }
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.state.lock().names.keys().cloned().collect())
    }

    fn sync_names(&self) -> io::Result<()> {
        self.state.lock().note(Operation::SyncNames);
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(self.state.lock().free_bytes.unwrap_or(u64::MAX))
    }
}

#[derive(Debug)]
struct FakeFile {
    state: Arc<Mutex<State>>,
    number: usize,
}

impl DiskFile for FakeFile {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.state.lock().files.get(self.number).map_or(0, |file| file.len() as u64))
    }

    fn has_name(&self) -> io::Result<bool> {
        Ok(self.state.lock().names.values().any(|number| *number == self.number))
    }

    fn preallocate(&self, bytes: u64) -> io::Result<()> {
        self.state.lock().change(self.number, Change::Length(to_usize(bytes)))
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.state.lock().change(self.number, Change::Length(to_usize(bytes)))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let change = Change::Write { offset: to_usize(offset), bytes: bytes.to_vec() };
        self.state.lock().change(self.number, change)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let mut state = self.state.lock();
        state.reads += 1;
        let offset = to_usize(offset);
        let file = state.files.get(self.number).map_or(&[][..], Vec::as_slice);
        let found = file.get(offset..offset.saturating_add(into.len()));
        into.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        state.syncs += 1;
        match &mut state.syncs_left {
            Some(0) => {
                state.syncs_left = None;
                return Err(io::Error::other("the disk could not keep what was written"));
            }
            Some(left) => *left -= 1,
            None => {}
        }
        let number = self.number;
        state.note(Operation::Sync(number));
        Ok(())
    }
}

/// What is durable, and what is not yet.
struct Image {
    names: BTreeMap<String, usize>,
    files: Vec<Vec<u8>>,
    pending_names: Vec<Operation>,
    pending: BTreeMap<usize, Vec<Change>>,
}

impl Image {
    fn new(state: &State) -> Self {
        let mut files = state.first_files.clone();
        files.resize(state.files.len(), Vec::new());
        let names = state.first_names.clone();
        Self { names, files, pending_names: Vec::new(), pending: BTreeMap::new() }
    }

    fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Create(..) | Operation::Unlink(_) => {
                self.pending_names.push(operation.clone());
            }
            Operation::SyncNames => {
                for operation in std::mem::take(&mut self.pending_names) {
                    self.rename(operation);
                }
            }
            Operation::Change(number, change) => {
                self.pending.entry(*number).or_default().push(change.clone());
            }
            Operation::Sync(number) => {
                for change in self.pending.remove(number).unwrap_or_default() {
                    self.change(*number, &change);
                }
            }
        }
    }

    fn rename(&mut self, operation: Operation) {
        match operation {
            Operation::Create(name, number) => self.names.insert(name, number),
            Operation::Unlink(name) => self.names.remove(&name),
            _ => None,
        };
    }

    fn change(&mut self, number: usize, change: &Change) {
        if let Some(file) = self.files.get_mut(number) {
            change.apply(file);
        }
    }

    fn crash(mut self, crash: Crash) -> Vec<(String, Vec<u8>)> {
        let mut chance = Chance(if let Crash::Random(seed) = crash { seed } else { 0 });
        for operation in std::mem::take(&mut self.pending_names) {
            let is_kept = match crash {
                Crash::LosesAll => false,
                Crash::KeepsAll => true,
                Crash::Random(_) => chance.below(2) == 0,
            };
            if is_kept {
                self.rename(operation);
            }
        }
        for (number, changes) in std::mem::take(&mut self.pending) {
            for change in changes {
                let left = match crash {
                    Crash::LosesAll => None,
                    Crash::KeepsAll => Some(change),
                    Crash::Random(_) => change.torn(&mut chance),
                };
                if let Some(change) = left {
                    self.change(number, &change);
                }
            }
        }
        let mut file = |number: usize| self.files.get_mut(number).cloned().unwrap_or_default();
        self.names.into_iter().map(|(name, number)| (name, file(number))).collect()
    }
}

/// Numbers that look random and are the same for the same seed (SplitMix64).
struct Chance(u64);

impl Chance {
    /// From 0 to `end`, which is left out and not 0.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        to_usize((mixed ^ (mixed >> 31)) % (end as u64))
    }
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_synced_is_kept_and_what_was_not_may_be_lost_torn_or_reordered() {
        let disk = FakeDisk::default();
        let file = disk.create("a").unwrap();
        file.write_at(0, b"synced").unwrap();
        file.sync().unwrap();
        let unnamed = disk.operations();
        disk.sync_names().unwrap();
        file.write_at(6, b"one").unwrap();
        file.write_at(9, b"two").unwrap();
        let all = disk.operations();
        let after = |operations, crash| disk.crashed(operations, crash).files().remove("a");
        assert_eq!(after(unnamed, Crash::LosesAll), None);
        assert_eq!(after(unnamed, Crash::KeepsAll).unwrap(), b"synced");
        assert_eq!(after(all, Crash::LosesAll).unwrap(), b"synced");
        assert_eq!(after(all, Crash::KeepsAll).unwrap(), b"syncedonetwo");
        let random: std::collections::BTreeSet<Vec<u8>> =
            (0..200).filter_map(|seed| after(all, Crash::Random(seed))).collect();
        assert!(random.iter().all(|bytes| bytes.starts_with(b"synced")));
        assert!(random.contains(&b"synced\0\0\0two"[..]), "the later without the earlier");
        assert!(random.contains(&b"syncedon"[..]), "torn");
    }

    #[test]
    fn a_removed_name_may_come_back_until_names_are_synced() {
        let disk = FakeDisk::with_files([("a".to_owned(), vec![1])]);
        disk.unlink("a").unwrap();
        assert!(disk.open("a").is_err());
        assert!(disk.crashed(1, Crash::LosesAll).open("a").is_ok());
        disk.sync_names().unwrap();
        assert!(disk.crashed(2, Crash::LosesAll).open("a").is_err());
    }
}
