//! Reading messages back, in batches: by segment and offset, neighbours in one read.

use std::sync::Arc;

use super::disk::DiskFile;
use super::error::{Damage, DiskError};
use super::index::{Entry, Location};
use super::operation::{Operation, Place};
use super::record::{Kind, Record};
use super::segment::file_name;
use super::varint::{Fields, Malformed};

/// Records that are no further apart are read together, in bytes: reading costs less than asking.
const GAP_BYTES_MAX: usize = 16 << 10;
/// The longest read, in bytes, unless one record is longer.
const READ_BYTES_MAX: usize = 1 << 20;

/// A message as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its place in the queue.
    pub place: Place,
    /// Bytes of its body, as they were given.
    pub body_bytes: u32,
    /// The message itself: the parts it was stored from, one behind the other.
    pub message: Vec<u8>,
}

/// Messages of a queue, read back.
#[derive(Debug, Default)]
pub struct Page {
    /// In the queue's order.
    pub messages: Vec<StoredMessage>,
    /// Those whose bytes are not what was written, in the queue's order.
    pub damaged: Vec<(Place, Damage)>,
}

/// A message that is to be read, with the open file it lies in. A segment that is unlinked
/// meanwhile can still be read.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) entry: Entry,
    pub(super) file: Arc<dyn DiskFile>,
}

/// Reads messages; they come in the order in which they are wanted.
pub(super) fn read(wanted: &[Wanted]) -> Result<Page, DiskError> {
    let mut messages: Vec<Option<Result<Vec<u8>, Malformed>>> = Vec::new();
    messages.resize_with(wanted.len(), || None);
    let mut order: Vec<(Location, usize)> =
        wanted.iter().enumerate().map(|(at, it)| (it.entry.location, at)).collect();
    order.sort_unstable();

    let mut rest = order.as_slice();
    while let Some((first, _)) = rest.first() {
        let (neighbours, others) = rest.split_at(neighbours(rest));
        rest = others;
        let end = neighbours.iter().map(|(it, _)| end_of(*it)).max().unwrap_or_default();
        let mut bytes = vec![0; end.saturating_sub(first.offset as usize)];
        let file = neighbours.first().and_then(|(_, at)| wanted.get(*at)).map(|it| &it.file);
        if let Some(file) = file {
            let failed = |source| DiskError::new("read", file_name(first.segment), source);
            file.read_at(first.offset.into(), &mut bytes).map_err(failed)?;
        }
        for (location, at) in neighbours {
            let start = (location.offset - first.offset) as usize;
            let record = bytes.get(start..start + location.bytes as usize).unwrap_or_default();
            let (Some(place), Some(message)) = (wanted.get(*at), messages.get_mut(*at)) else {
                continue;
            };
            *message = Some(message_of(record, &place.entry.place));
        }
    }
    Ok(page(wanted, messages))
}

/// How many of the first are read together: at least one.
fn neighbours(order: &[(Location, usize)]) -> usize {
    let Some((first, _)) = order.first() else { return 0 };
    let mut end = end_of(*first);
    let others = order.iter().skip(1).take_while(|(next, _)| {
        let is_near = next.segment == first.segment
            && next.offset as usize <= end + GAP_BYTES_MAX
            && end_of(*next) - first.offset as usize <= READ_BYTES_MAX;
        end = end.max(end_of(*next));
        is_near
    });
    1 + others.count()
}

fn end_of(location: Location) -> usize {
    location.offset as usize + location.bytes as usize
}

/// The message in a record that must be the one at `place`.
fn message_of(record: &[u8], place: &Place) -> Result<Vec<u8>, Malformed> {
    let elsewhere = Malformed("another record stands there");
    let record = Record::read(record)?.filter(|it| it.kind == Kind::Message).ok_or(elsewhere)?;
    let mut fields = Fields::new(record.payload);
    let Operation::Message { places, .. } = Operation::read_message(&mut fields)? else {
        return Err(elsewhere);
    };
    let is_here = |it: &Place| it.queue == place.queue && it.sequence == place.sequence;
    places.iter().any(is_here).then(|| fields.rest().to_vec()).ok_or(elsewhere)
}

fn page(wanted: &[Wanted], messages: Vec<Option<Result<Vec<u8>, Malformed>>>) -> Page {
    let mut page = Page::default();
    for (wanted, message) in wanted.iter().zip(messages) {
        let Entry { place, location, body_bytes } = wanted.entry;
        match message.unwrap_or(Err(Malformed("it was not read"))) {
            Ok(message) => page.messages.push(StoredMessage { place, body_bytes, message }),
            Err(what) => page.damaged.push((place, damage(location, what))),
        }
    }
    page
}

fn damage(location: Location, what: Malformed) -> Damage {
    let (file, offset) = (file_name(location.segment), location.offset.into());
    Damage { file, offset, what: what.to_string() }
}
