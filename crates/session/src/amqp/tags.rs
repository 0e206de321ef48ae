//! Delivery tags: the channel's numbers for what it was delivered, and what of it is unsettled.

use std::collections::VecDeque;

use model::DeliveryId;

/// The delivery tags of one channel. Source: RabbitMQ, "Consumer Acknowledgements".
///
/// Entries stay sorted by tag. One settled out of order is only marked; once more are marked than
/// not, the marked ones are swept out, so that memory follows what is unsettled.
#[derive(Debug, Default)]
pub(super) struct Tags {
    issued: u64,
    entries: VecDeque<Entry>,
    marked: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    tag: u64,
    id: DeliveryId,
    is_settled: bool,
}

/// No such tag is outstanding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnknownTag(pub(super) u64);

impl Tags {
    /// The next tag, for a delivery that needs no acknowledgement.
    pub(super) fn issue_settled(&mut self) -> u64 {
        self.issued += 1;
        self.issued
    }

    /// The next tag, for a delivery to be settled by it.
    pub(super) fn issue(&mut self, id: DeliveryId) -> u64 {
        let tag = self.issue_settled();
        self.entries.push_back(Entry { tag, id, is_settled: false });
        tag
    }

    /// Settles one delivery.
    ///
    /// # Errors
    ///
    /// [`UnknownTag`] if it was never issued, needs no acknowledgement, or is settled.
    pub(super) fn settle(&mut self, tag: u64) -> Result<DeliveryId, UnknownTag> {
        let at = self.find(tag).ok_or(UnknownTag(tag))?;
        let entry = self.entries.get_mut(at).ok_or(UnknownTag(tag))?;
        let id = entry.id;
        if at == 0 {
            self.entries.pop_front();
            self.drop_marked_front();
        } else {
            entry.is_settled = true;
            self.marked += 1;
            self.sweep();
        }
        Ok(id)
    }

    /// Settles all deliveries up to and including `tag`, oldest first; 0 is all there are.
    ///
    /// # Errors
    ///
    /// [`UnknownTag`] if `tag` is neither 0 nor outstanding; nothing is settled then.
    pub(super) fn settle_up_to(&mut self, tag: u64) -> Result<Vec<(u64, DeliveryId)>, UnknownTag> {
        let end = match tag {
            0 => self.entries.len(),
            tag => self.find(tag).ok_or(UnknownTag(tag))? + 1,
        };
        let settled = self.entries.drain(..end);
        let (marked, open): (Vec<Entry>, Vec<Entry>) = settled.partition(|entry| entry.is_settled);
        self.marked -= marked.len();
        self.drop_marked_front();
        Ok(open.into_iter().map(|entry| (entry.tag, entry.id)).collect())
    }

    /// Puts back what was settled under these tags.
    pub(super) fn restore(&mut self, settled: impl IntoIterator<Item = (u64, DeliveryId)>) {
        self.entries.retain(|entry| !entry.is_settled);
        self.marked = 0;
        let restored = settled.into_iter().map(|(tag, id)| Entry { tag, id, is_settled: false });
        self.entries.extend(restored);
        self.entries.make_contiguous().sort_unstable_by_key(|entry| entry.tag);
    }

    /// Takes everything unsettled, oldest first.
    pub(super) fn take_all(&mut self) -> Vec<DeliveryId> {
        self.marked = 0;
        let entries = std::mem::take(&mut self.entries);
        entries.into_iter().filter(|entry| !entry.is_settled).map(|entry| entry.id).collect()
    }

    /// Where the unsettled entry of a tag stands.
    fn find(&self, tag: u64) -> Option<usize> {
        let first = self.entries.front()?.tag;
        // Without gaps the tag itself says where.
        let guess = usize::try_from(tag.checked_sub(first)?).ok()?;
        let at = match self.entries.get(guess) {
            Some(entry) if entry.tag == tag => guess,
            _ => self.entries.binary_search_by_key(&tag, |entry| entry.tag).ok()?,
        };
        self.entries.get(at).is_some_and(|entry| !entry.is_settled).then_some(at)
    }

    fn drop_marked_front(&mut self) {
        while self.entries.front().is_some_and(|entry| entry.is_settled) {
            self.entries.pop_front();
            self.marked -= 1;
        }
    }

    fn sweep(&mut self) {
        if self.marked > self.entries.len() / 2 {
            self.entries.retain(|entry| !entry.is_settled);
            self.marked = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use model::SourceId;

    use super::*;

    fn id(sequence: u64) -> DeliveryId {
        DeliveryId { source: SourceId(1), sequence }
    }

    fn sequences(settled: &[(u64, DeliveryId)]) -> Vec<u64> {
        settled.iter().map(|(_, id)| id.sequence).collect()
    }

    /// §13, 96.
    #[test]
    fn a_tag_settles_once_and_only_if_it_was_issued() {
        let mut tags = Tags::default();
        assert_eq!(tags.issue(id(10)), 1);
        assert_eq!(tags.issue_settled(), 2);
        assert_eq!(tags.issue(id(11)), 3);
        assert_eq!(tags.settle(2), Err(UnknownTag(2)));
        assert_eq!(tags.settle(0), Err(UnknownTag(0)));
        assert_eq!(tags.settle(4), Err(UnknownTag(4)));
        assert_eq!(tags.settle(3), Ok(id(11)));
        assert_eq!(tags.settle(3), Err(UnknownTag(3)));
        assert_eq!(tags.settle(1), Ok(id(10)));
        assert_eq!(tags.settle(1), Err(UnknownTag(1)));
        assert_eq!(tags.issue(id(12)), 4);
    }

    #[test]
    fn multiple_settles_what_is_older_and_needs_an_outstanding_tag() {
        let mut tags = Tags::default();
        for sequence in 1..=5 {
            tags.issue(id(sequence));
        }
        assert_eq!(tags.settle(2), Ok(id(2)));
        assert_eq!(tags.settle_up_to(99), Err(UnknownTag(99)));
        assert_eq!(tags.settle_up_to(2), Err(UnknownTag(2)));
        assert_eq!(sequences(&tags.settle_up_to(3).unwrap()), [1, 3]);
        assert_eq!(sequences(&tags.settle_up_to(0).unwrap()), [4, 5]);
        assert_eq!(sequences(&tags.settle_up_to(0).unwrap()), []);
    }

    #[test]
    fn memory_follows_what_is_unsettled() {
        let mut tags = Tags::default();
        tags.issue(id(0));
        for sequence in 1..10_000 {
            let tag = tags.issue(id(sequence));
            assert_eq!(tags.settle(tag), Ok(id(sequence)));
            assert!(tags.entries.len() <= 3);
        }
        // The oldest is still there, and the gap behind it misleads nobody.
        let tag = tags.issue(id(7));
        assert_eq!(tags.settle(tag), Ok(id(7)));
        assert_eq!(tags.take_all(), [id(0)]);
    }

    #[test]
    fn what_is_restored_stands_in_its_place() {
        let mut tags = Tags::default();
        for sequence in 1..=4 {
            tags.issue(id(sequence));
        }
        let first = tags.settle_up_to(2).unwrap();
        tags.settle(4).unwrap();
        tags.restore(first);
        assert_eq!(tags.take_all(), [id(1), id(2), id(3)]);
    }
}
