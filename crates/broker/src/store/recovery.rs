//! From files to a log: what was confirmed is there again.
//!
//! The last segment that was born is the tail. Its checkpoint, with the seals of the segments that
//! it names, says what all older segments mean; only the tail itself is read from front to back. A
//! tail that does not end in a seal is cut behind its last whole record and sealed, so that a
//! segment never takes records again after a restart, and nothing torn is ever read as a record.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::checkpoint::{Checkpoint, QueueCheckpoint};
use super::disk::{Disk, DiskFile};
use super::error::{Damage, DiskError, OpenError};
use super::index::{Entry, Index, Location};
use super::log::Log;
use super::operation::{Operation, QueueId};
use super::scan::{End, Scanned, next_write, scan, was_synced, written_from};
use super::seal::read_seal_entries;
use super::segment::{
    HEADER_BYTES, Header, Identity, OpenSegment, SealError, file_name, number_of, read_birth,
    read_header, read_seal,
};
use super::varint::Malformed;

/// What opening the store found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What was cut off, because a crash had torn it before it was synced.
    pub cut: Option<Cut>,
    /// A segment that a crash had left half created; nothing had been written to it.
    pub unborn: Option<String>,
    /// Segments that hold something.
    pub segments: usize,
    /// Places of messages in queues.
    pub messages: u64,
}

/// The end of a segment that was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Which file.
    pub file: String,
    /// Behind the last whole record.
    pub offset: u64,
    /// How many bytes had been written from there on.
    pub bytes: u64,
    /// What stood there.
    pub what: String,
}

/// The last segment that was born.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) identity: Identity,
    pub(super) file: Arc<dyn DiskFile>,
    /// All of it.
    pub(super) bytes: Vec<u8>,
    pub(super) checkpoint: Checkpoint,
    /// Where its first write begins.
    pub(super) from: usize,
}

/// Opens the log in `disk`.
pub(super) fn recover(
    disk: Arc<dyn Disk>,
    segment_bytes: usize,
) -> Result<(Log, Report), OpenError> {
    let mut numbers = segments(&*disk)?;
    let mut report = Report::default();
    let Some(tail) = find_tail(&*disk, &mut numbers, &mut report)? else {
        return Ok((Log::new(disk, Index::default(), segment_bytes, 1), report));
    };
    let mut records = Vec::new();
    let end = scan(&tail.bytes, tail.from, tail.identity, &mut records);
    report.cut = judge(&tail, end)?;

    let dropped = dropped(&records);
    let mut index = Index::default();
    let mut lives = Lives::new(&tail.checkpoint.queues);
    let listed = tail.checkpoint.segments.iter().filter(|number| !dropped.contains(number));
    let mut sealed = Vec::new();
    for number in listed.copied() {
        let bytes = load(&*disk, number, |entry| lives.hold(entry), &mut index)?;
        sealed.push((number, bytes));
    }
    tail.checkpoint.queues.iter().for_each(|queue| index.restore(queue));
    index.segments.open(tail.identity.number, Arc::clone(&tail.file));
    let contents = replay(&mut index, tail.identity.number, records);
    sealed.iter().for_each(|(number, bytes)| index.segments.seal(*number, *bytes));
    report.segments = sealed.len() + 1;
    report.messages = index.totals().map(|queue| queue.messages).sum();

    let is_kept = |number: &u32| sealed.iter().any(|(kept, _)| kept == number);
    for number in numbers.iter().filter(|it| **it != tail.identity.number && !is_kept(it)) {
        let name = file_name(*number);
        disk.unlink(&name).map_err(|source| DiskError::new("unlink", name, source))?;
    }
    let next_number = tail.identity.number.saturating_add(1);
    let mut log = Log::new(disk, index, segment_bytes, next_number);
    match (end, read_seal(&*tail.file, tail.identity)) {
        (End::Sealed(at), Ok(seal)) if seal.offset as usize == at => {
            log.index.lock().segments.seal(tail.identity.number, seal.file_bytes);
        }
        _ => {
            let end = u32::try_from(end.at()).unwrap_or(u32::MAX);
            log.seal_found(OpenSegment::resume(tail.identity, tail.file, end), contents)?;
        }
    }
    Ok((log, report))
}

/// The numbers of all segments, ascending.
pub(super) fn segments(disk: &dyn Disk) -> Result<BTreeSet<u32>, DiskError> {
    let names = disk.list().map_err(|source| DiskError::new("list", ".", source))?;
    Ok(names.iter().filter_map(|name| number_of(name)).collect())
}

/// Opens a segment and reads all of it.
pub(super) fn read_all(
    disk: &dyn Disk,
    number: u32,
) -> Result<(Arc<dyn DiskFile>, Vec<u8>), OpenError> {
    let name = file_name(number);
    let failed = |source| DiskError::new("read", name.clone(), source);
    let file = disk.open(&name).map_err(failed)?;
    let length = file.bytes().map_err(failed)?;
    if length > u32::MAX.into() {
        return Err(damage(number, 0, Malformed("it is longer than any segment")).into());
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    file.read_at(0, &mut bytes).map_err(failed)?;
    Ok((file, bytes))
}

/// The last segment that was born. One that was not is removed, and from `numbers`.
fn find_tail(
    disk: &dyn Disk,
    numbers: &mut BTreeSet<u32>,
    report: &mut Report,
) -> Result<Option<Tail>, OpenError> {
    while let Some(number) = numbers.last().copied() {
        let (file, bytes) = read_all(disk, number)?;
        let what = match read_tail(number, &bytes) {
            Ok(Birth::Born { identity, checkpoint, from }) => {
                return Ok(Some(Tail { identity, file, bytes, checkpoint, from }));
            }
            Ok(Birth::Version(found)) => {
                return Err(OpenError::Version { file: file_name(number), found });
            }
            Err(what) => what,
        };
        // No record is written to a segment before its birth is durable. So where there is one,
        // this was no torn birth.
        if next_write(&bytes, 0, number, None).is_some() {
            return Err(damage(number, 0, what).into());
        }
        let name = file_name(number);
        disk.unlink(&name).map_err(|source| DiskError::new("unlink", &*name, source))?;
        disk.sync_names().map_err(|source| DiskError::new("sync", ".", source))?;
        numbers.remove(&number);
        report.unborn = Some(name);
    }
    Ok(None)
}

/// What a segment begins with.
pub(super) enum Birth {
    Born { identity: Identity, checkpoint: Checkpoint, from: usize },
    Version(u32),
}

/// Reads what a segment begins with.
pub(super) fn read_tail(number: u32, bytes: &[u8]) -> Result<Birth, Malformed> {
    let identity = match read_header(bytes, number)? {
        Header::Ours(identity) => identity,
        Header::Version(found) => return Ok(Birth::Version(found)),
    };
    let (payload, from) = read_birth(bytes)?;
    let checkpoint = Checkpoint::read(payload)?;
    if checkpoint.segments.iter().any(|older| *older >= number) {
        return Err(Malformed("the checkpoint names a segment that is not older"));
    }
    Ok(Birth::Born { identity, checkpoint, from })
}

/// What is to be cut off; an error if a crash cannot have torn it.
fn judge(tail: &Tail, end: End) -> Result<Option<Cut>, Damage> {
    let End::Broken(at, what) = end else { return Ok(None) };
    if was_synced(&tail.bytes, at, tail.identity) {
        return Err(damage(tail.identity.number, at as u64, what));
    }
    Ok(Some(Cut {
        file: file_name(tail.identity.number),
        offset: at as u64,
        bytes: written_from(&tail.bytes, at) as u64,
        what: what.0.to_owned(),
    }))
}

/// The segments of which records say that nothing in them matters.
pub(super) fn dropped(records: &[Scanned]) -> BTreeSet<u32> {
    let dropped = records.iter().filter_map(|it| match it.operation {
        Operation::Dropped { segment } => Some(segment),
        _ => None,
    });
    dropped.collect()
}

/// Loads what lives of a sealed segment into the index; gives the length of its file.
fn load(
    disk: &dyn Disk,
    number: u32,
    mut holds: impl FnMut(&Entry) -> bool,
    index: &mut Index,
) -> Result<u64, OpenError> {
    let name = file_name(number);
    let failed = |source| DiskError::new("read", name.clone(), source);
    let file = match disk.open(&name) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(OpenError::Missing { file: name });
        }
        opened => opened.map_err(failed)?,
    };
    let mut header = [0; HEADER_BYTES];
    if file.bytes().map_err(failed)? >= header.len() as u64 {
        file.read_at(0, &mut header).map_err(failed)?;
    }
    let identity = match read_header(&header, number).map_err(|what| damage(number, 0, what))? {
        Header::Ours(identity) => identity,
        Header::Version(found) => return Err(OpenError::Version { file: name, found }),
    };
    let seal = read_seal(&*file, identity).map_err(|error| match error {
        SealError::Disk(source) => OpenError::from(failed(source)),
        SealError::Malformed(at, what) => damage(number, at, what).into(),
    })?;
    index.segments.open(number, file);
    for entry in read_seal_entries(&seal, number) {
        let entry = entry.map_err(|what| damage(number, seal.offset.into(), what))?;
        if holds(&entry) {
            index.insert(&entry);
        }
    }
    Ok(seal.file_bytes)
}

/// Applies records of a segment in their order; gives the places that its seal must look at.
pub(super) fn replay(
    index: &mut Index,
    segment: u32,
    records: Vec<Scanned>,
) -> Vec<(QueueId, u64)> {
    let mut contents = Vec::new();
    for Scanned { offset, bytes, operation } in records {
        index.apply(&operation, Location { segment, offset, bytes });
        if let Operation::Message { places, .. } = operation {
            contents.extend(places.iter().map(|place| (place.queue, place.sequence)));
        }
    }
    contents
}

pub(super) fn damage(number: u32, offset: u64, what: Malformed) -> Damage {
    Damage { file: file_name(number), offset, what: what.0.to_owned() }
}

/// What a checkpoint says that lives.
pub(super) struct Lives<'a> {
    queues: HashMap<QueueId, &'a QueueCheckpoint, RandomState>,
    /// The queue and the number of the range that held the last one: the next is often there.
    last: Option<(QueueId, usize)>,
}

impl<'a> Lives<'a> {
    pub(super) fn new(queues: &'a [QueueCheckpoint]) -> Self {
        Self { queues: queues.iter().map(|queue| (queue.queue, queue)).collect(), last: None }
    }

    pub(super) fn hold(&mut self, entry: &Entry) -> bool {
        let sequence = entry.place.sequence;
        let Some(queue) = self.queues.get(&entry.place.queue) else { return false };
        let holds = |at: usize| {
            queue.live.get(at).is_some_and(|it| it.first <= sequence && sequence <= it.last)
        };
        match self.last {
            Some((last, at)) if last == entry.place.queue && holds(at) => return true,
            _ => {}
        }
        let at = queue.live.partition_point(|range| range.last < sequence);
        self.last = Some((entry.place.queue, at));
        holds(at)
    }
}
