//! `hopwire store check`: every byte of the log looked at, nothing changed.

use std::collections::BTreeSet;

use super::disk::Disk;
use super::error::{Damage, DiskError, OpenError};
use super::recovery::{Birth, Cut, damage, read_all, read_tail, segments};
use super::scan::{End, next_write, scan_past_damage, was_synced, written_from};
use super::seal::read_seal_entries;
use super::segment::{Identity, SealError, file_name, number_of, read_seal};
use super::varint::Malformed;

/// What [`check`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkup {
    /// Files of the log.
    pub segments: usize,
    /// Whole records in them.
    pub records: u64,
    /// What is not as it was written, in the order of the log.
    pub damage: Vec<Damage>,
    /// Files that matter and are not there.
    pub missing: Vec<String>,
    /// What the next start will cut off, because a crash had torn it before it was synced.
    pub torn: Option<Cut>,
    /// A file that a crash had left half created. The next start removes it.
    pub unborn: Option<String>,
}

impl Checkup {
    /// Whether everything that was confirmed can be read.
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty() && self.missing.is_empty()
    }
}

/// How far a long task has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Files that were looked at.
    pub done: usize,
    /// Files that there are.
    pub all: usize,
}

/// Looks at every byte of the log in a directory that no node has open; tells how far it has come.
///
/// # Errors
///
/// [`OpenError`] if the disk fails or a file is of another version; damage is no error here.
pub fn check(disk: &dyn Disk, progress: &mut dyn FnMut(Progress)) -> Result<Checkup, OpenError> {
    let mut numbers = segments(disk)?;
    let mut checkup = Checkup { segments: numbers.len(), ..Checkup::default() };
    checkup.unborn = leave_out_unborn(disk, &mut numbers)?;
    let mut needed = Vec::new();
    let mut dropped = Vec::new();
    let mut tail = 0;
    for (done, number) in numbers.iter().enumerate() {
        progress(Progress { done, all: numbers.len() });
        let is_last = numbers.last() == Some(number);
        let (file, bytes) = read_all(disk, *number)?;
        let (identity, checkpoint, from) = match read_tail(*number, &bytes) {
            Ok(Birth::Born { identity, checkpoint, from }) => (identity, checkpoint, from),
            Ok(Birth::Version(found)) => {
                return Err(OpenError::Version { file: file_name(*number), found });
            }
            Err(what) => {
                checkup.damage.push(damage(*number, 0, what));
                continue;
            }
        };
        tail = *number;
        needed = checkpoint.segments;
        dropped.clear();
        let mut records = Vec::new();
        let end = scan_past_damage(&bytes, from, identity, &mut records, |at, what| {
            checkup.damage.push(damage(*number, at as u64, what));
        });
        checkup.records += records.len() as u64;
        dropped.extend(super::recovery::dropped(&records));
        match end {
            End::Sealed(_) => {
                let sealed = check_seal(&*file, identity).map_err(|source| {
                    OpenError::from(DiskError::new("read", file_name(*number), source))
                })?;
                // The last one may have been crashed while it was sealed.
                checkup.damage.extend(sealed.filter(|_| !is_last));
            }
            End::Broken(at, what) if is_last && !was_synced(&bytes, at, identity) => {
                let (file, offset) = (file_name(*number), at as u64);
                let bytes = written_from(&bytes, at) as u64;
                checkup.torn = Some(Cut { file, offset, bytes, what: what.0.to_owned() });
            }
            End::Broken(at, what) => note(&mut checkup.damage, damage(*number, at as u64, what)),
            End::Unwritten(_) if is_last => {}
            End::Unwritten(at) => {
                checkup.damage.push(damage(*number, at as u64, Malformed("the seal is missing")));
            }
        }
    }
    needed.retain(|number| !dropped.contains(number));
    // The next start removes what the tail does not need, and does not look into it.
    let matters = |number| number >= tail || needed.contains(&number);
    checkup.damage.retain(|damage| number_of(&damage.file).is_none_or(matters));
    let missing = needed.iter().filter(|it| !numbers.contains(it));
    checkup.missing = missing.map(|number| file_name(*number)).collect();
    Ok(checkup)
}

/// Leaves out a segment that was made and not born; gives its name.
fn leave_out_unborn(
    disk: &dyn Disk,
    numbers: &mut BTreeSet<u32>,
) -> Result<Option<String>, OpenError> {
    let mut unborn = None;
    while let Some(last) = numbers.last().copied() {
        let (_, bytes) = read_all(disk, last)?;
        if read_tail(last, &bytes).is_ok() || next_write(&bytes, 0, last, None).is_some() {
            break;
        }
        unborn = Some(file_name(last));
        numbers.remove(&last);
    }
    Ok(unborn)
}

/// Adds damage that may have been told already.
fn note(all: &mut Vec<Damage>, damage: Damage) {
    if all.last() != Some(&damage) {
        all.push(damage);
    }
}

/// What is wrong with a seal.
fn check_seal(
    file: &dyn super::disk::DiskFile,
    identity: Identity,
) -> Result<Option<Damage>, std::io::Error> {
    let seal = match read_seal(file, identity) {
        Ok(seal) => seal,
        Err(SealError::Disk(error)) => return Err(error),
        Err(SealError::Malformed(at, what)) => {
            return Ok(Some(damage(identity.number, at, what)));
        }
    };
    let malformed = read_seal_entries(&seal, identity.number).find_map(Result::err);
    Ok(malformed.map(|what| damage(identity.number, seal.offset.into(), what)))
}
