//! Readers who shall be disconnected rather than lose anything: when to look at which of them.
//!
//! A reader is looked at once the stream has passed a mark that it set when it was looked at last.
//! Meanwhile it has mostly moved on, and sets its marks further on. So an append costs nothing for
//! those who keep up, but for one look in as many messages as they may have before them.

use std::collections::BTreeSet;

use super::stream::CursorKey;

/// What a stream has passed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reached {
    /// The sequence that its next message will have.
    pub(super) end: u64,
    /// Bytes of the bodies of all its messages.
    pub(super) bytes: u64,
    /// The sequence of its oldest message, if some were dropped before all had read them.
    pub(super) start: Option<u64>,
}

/// A reader is looked at once one of these is passed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    /// For [`Reached::end`].
    pub(super) end: Option<u64>,
    /// For [`Reached::bytes`].
    pub(super) bytes: Option<u64>,
    /// For [`Reached::start`].
    pub(super) start: u64,
}

/// The marks of all watched readers of a stream.
#[derive(Debug, Default)]
pub(super) struct Watch {
    by_end: BTreeSet<(u64, CursorKey)>,
    by_bytes: BTreeSet<(u64, CursorKey)>,
    by_start: BTreeSet<(u64, CursorKey)>,
}

impl Watch {
    pub(super) fn set(&mut self, key: CursorKey, marks: Marks) {
        self.by_end.extend(marks.end.map(|mark| (mark, key)));
        self.by_bytes.extend(marks.bytes.map(|mark| (mark, key)));
        self.by_start.insert((marks.start, key));
    }

    pub(super) fn clear(&mut self, key: CursorKey, marks: Marks) {
        if let Some(mark) = marks.end {
            self.by_end.remove(&(mark, key));
        }
        if let Some(mark) = marks.bytes {
            self.by_bytes.remove(&(mark, key));
        }
        self.by_start.remove(&(marks.start, key));
    }

    /// Adds those who have a mark that was passed; some may come twice.
    pub(super) fn due(&self, reached: Reached, due: &mut Vec<CursorKey>) {
        let marks = [
            (&self.by_end, Some(reached.end)),
            (&self.by_bytes, Some(reached.bytes)),
            (&self.by_start, reached.start),
        ];
        for (set, reached) in marks {
            let passed = set.iter().take_while(|(mark, _)| Some(*mark) < reached);
            due.extend(passed.map(|(_, key)| *key));
        }
    }
}
