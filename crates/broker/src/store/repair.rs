//! `hopwire store repair`: what can be read of a damaged log is kept, the rest is let go and named.
//!
//! Reads the log as recovery does, and goes on where recovery stops. Then the messages in damaged
//! segments and in the tail are copied forward, those that cannot be read are settled, and the
//! damaged files go, after all of that is durable. A crash half way leaves a log that can be
//! repaired again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::batch::Batch;
use super::check::{Progress, check};
use super::checkpoint::Checkpoint;
use super::disk::{Disk, DiskFile};
use super::error::OpenError;
use super::index::{Entry, Index};
use super::log::Log;
use super::operation::{Operation, Place, QueueId};
use super::reader::{self, Wanted};
use super::recovery::{Birth, Lives, dropped, read_all, read_tail, replay, segments};
use super::scan::{Scanned, next_write, scan_past_damage};
use super::seal::read_seal_entries;
use super::segment::{file_name, number_of, read_seal};
use super::settings::Settings;

/// Messages that are read at once to see whether they can be.
const PAGE_MESSAGES: usize = 1000;

/// What [`repair`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Places of messages that are there.
    pub messages: u64,
    /// Queue and sequence of messages that are known and cannot be read. There may have been others
    /// in files that are missing, or whose seal was damaged too.
    pub lost: Vec<(QueueId, u64)>,
    /// Files that were damaged, and that are gone.
    pub removed: Vec<String>,
    /// No checkpoint could be read: messages may be back that had been settled.
    pub may_repeat: bool,
}

/// A segment, as far as it can be read.
struct Found {
    file: Arc<dyn DiskFile>,
    bytes: Vec<u8>,
    birth: Option<Birth>,
}

/// Makes a damaged log one that opens. Does nothing to a sound one. Tells how
/// far the look at it has come, which takes the most time.
///
/// # Errors
///
/// [`OpenError`] if the disk fails or a file is of another version.
pub fn repair(
    disk: Arc<dyn Disk>,
    settings: Settings,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<Repaired>, OpenError> {
    let checkup = check(&*disk, progress)?;
    if checkup.is_sound() {
        return Ok(None);
    }
    let numbers = segments(&*disk)?;
    let mut repaired = Repaired::default();
    let mut index = Index::default();
    let mut suspect = load(&*disk, &numbers, &mut index, &mut repaired)?;
    suspect.extend(checkup.damage.iter().filter_map(|damage| number_of(&damage.file)));
    let next_number = numbers.last().map_or(1, |last| last.saturating_add(1));
    let mut log = Log::new(disk, index, settings.segment_bytes as usize, next_number);
    rewrite(&mut log, suspect, &mut repaired)?;
    Ok(Some(repaired))
}

/// Fills the index; gives the segments that must not stay.
fn load(
    disk: &dyn Disk,
    numbers: &BTreeSet<u32>,
    index: &mut Index,
    repaired: &mut Repaired,
) -> Result<BTreeSet<u32>, OpenError> {
    let mut tails = BTreeMap::new();
    let mut checkpoint = None;
    for number in numbers.iter().rev() {
        let (file, bytes) = read_all(disk, *number)?;
        let mut birth = read_tail(*number, &bytes).ok();
        if let Some(Birth::Born { checkpoint: found, .. }) = &mut birth {
            checkpoint = Some(std::mem::take(found));
        }
        tails.insert(*number, Found { file, bytes, birth });
        if checkpoint.is_some() {
            break;
        }
    }
    repaired.may_repeat = checkpoint.is_none();
    let checkpoint = checkpoint.unwrap_or_default();
    let tails: Vec<_> = tails
        .into_iter()
        .map(|(number, found)| {
            let records = found.records(number);
            (number, found.file, records)
        })
        .collect();
    let gone: BTreeSet<u32> = tails.iter().flat_map(|(.., records)| dropped(records)).collect();

    let kept = checkpoint.segments.iter().copied();
    let kept: Vec<u32> =
        kept.filter(|number| numbers.contains(number) && !gone.contains(number)).collect();
    let mut suspect = load_sealed(disk, &kept, &checkpoint, index)?;
    checkpoint.queues.iter().for_each(|queue| index.restore(queue));
    for (number, file, records) in tails {
        index.segments.open(number, file);
        replay(index, number, records);
        suspect.insert(number);
    }
    Ok(suspect)
}

impl Found {
    /// The records that can be read.
    fn records(&self, number: u32) -> Vec<Scanned> {
        let start = match &self.birth {
            Some(Birth::Born { identity, from, .. }) => Some((*identity, *from)),
            _ => next_write(&self.bytes, 0, number, None)
                .map(|write| (write.identity, write.offset as usize)),
        };
        let mut records = Vec::new();
        if let Some((identity, from)) = start {
            scan_past_damage(&self.bytes, from, identity, &mut records, |_, _| {});
        }
        records
    }
}

/// Loads what a checkpoint names; gives the segments whose seal cannot be read.
fn load_sealed(
    disk: &dyn Disk,
    numbers: &[u32],
    checkpoint: &Checkpoint,
    index: &mut Index,
) -> Result<BTreeSet<u32>, OpenError> {
    let mut lives = Lives::new(&checkpoint.queues);
    let mut suspect = BTreeSet::new();
    for number in numbers.iter().copied() {
        let (file, bytes) = read_all(disk, number)?;
        index.segments.open(number, Arc::clone(&file));
        let birth = read_tail(number, &bytes).ok();
        let found = Found { file, bytes, birth };
        match found.entries(number) {
            Some((entries, file_bytes)) => {
                entries.iter().filter(|it| lives.hold(it)).for_each(|it| index.insert(it));
                index.segments.seal(number, file_bytes);
            }
            None => {
                for record in found.records(number) {
                    let Operation::Message { body_bytes, places } = record.operation else {
                        continue;
                    };
                    let location = super::index::Location {
                        segment: number,
                        offset: record.offset,
                        bytes: record.bytes,
                    };
                    let entries =
                        places.iter().map(|place| Entry { place: *place, location, body_bytes });
                    entries.filter(|it| lives.hold(it)).for_each(|it| index.insert(&it));
                }
                suspect.insert(number);
            }
        }
    }
    Ok(suspect)
}

impl Found {
    /// What the seal says, and how long the file is.
    fn entries(&self, number: u32) -> Option<(Vec<Entry>, u64)> {
        let Some(Birth::Born { identity, .. }) = &self.birth else { return None };
        let seal = read_seal(&*self.file, *identity).ok()?;
        let entries = read_seal_entries(&seal, number);
        Some((entries.collect::<Result<_, _>>().ok()?, seal.file_bytes))
    }
}

/// Copies what can be read out of suspect segments, lets go of what cannot be read anywhere, and
/// removes the suspect files.
fn rewrite(
    log: &mut Log,
    mut suspect: BTreeSet<u32>,
    repaired: &mut Repaired,
) -> Result<(), OpenError> {
    let mut batch = Batch::new();
    let queues: Vec<QueueId> = log.index.lock().totals().map(|queue| queue.queue).collect();
    for queue in queues {
        for (place, segment) in unreadable(log, queue)? {
            batch.settle(queue, &[place.sequence.into()]);
            repaired.lost.push((queue, place.sequence));
            suspect.insert(segment);
        }
    }
    log.append(batch)?;
    log.flush()?;
    let mut entries: BTreeMap<u32, Vec<Entry>> = BTreeMap::new();
    {
        let index = log.index.lock();
        for queue in index.totals() {
            for entry in index.entries(queue.queue, 0, usize::MAX) {
                if suspect.contains(&entry.location.segment) {
                    entries.entry(entry.location.segment).or_default().push(entry);
                }
            }
            repaired.messages += queue.messages;
        }
    }
    for (segment, mut entries) in entries {
        entries.sort_by_key(|entry| entry.location);
        log.copy_out(segment, entries)?;
    }
    for segment in suspect {
        log.drop_segment(segment)?;
        repaired.removed.push(file_name(segment));
    }
    log.sync()?;
    Ok(log.close()?)
}

/// The messages of a queue that cannot be read, and where they lie.
fn unreadable(log: &Log, queue: QueueId) -> Result<Vec<(Place, u32)>, OpenError> {
    let mut lost = Vec::new();
    let mut from = Some(0);
    while let Some(start) = from {
        let index = log.index.lock();
        let entries = index.entries(queue, start, PAGE_MESSAGES);
        from = entries.last().and_then(|last| last.place.sequence.checked_add(1));
        let wanted = entries.into_iter().filter_map(|entry| {
            let file = Arc::clone(&index.segments.get(entry.location.segment)?.file);
            Some(Wanted { entry, file })
        });
        let wanted: Vec<Wanted> = wanted.collect();
        drop(index);
        let page = reader::read(&wanted)?;
        for (place, _) in page.damaged {
            let found = wanted.iter().find(|it| it.entry.place.sequence == place.sequence);
            lost.extend(found.map(|it| (place, it.entry.location.segment)));
        }
    }
    Ok(lost)
}
