//! The granules of a stream: what its retention drops as a whole.

use std::collections::VecDeque;
use std::time::Duration;

/// A granule is full at so many bytes, if the declarer does not say.
///
/// Source: RabbitMQ, "Streams": `x-stream-max-segment-size-bytes`.
const GRANULE_BYTES_DEFAULT: u64 = 500_000_000;

/// What a message counts beside its body, in bytes, so that empty ones do not come for nothing.
const MESSAGE_BYTES: u64 = 48;

/// Messages in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Granule {
    first: u64,
    bytes: u64,
    /// When its last message came, in milliseconds since 1970.
    newest_ms: u64,
}

/// How much a stream keeps.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Retention {
    /// `x-max-length-bytes`.
    pub(super) bytes_max: Option<u64>,
    /// `x-max-age`.
    pub(super) age_max: Option<Duration>,
    /// `x-stream-max-segment-size-bytes`.
    pub(super) granule_bytes: Option<u64>,
}

/// The granules of a stream, the oldest first; the last of them is being filled and always kept.
///
/// Where one ends follows from the messages alone, so that they are the same after a restart.
#[derive(Debug, Default)]
pub(super) struct Granules {
    all: VecDeque<Granule>,
    bytes: u64,
}

impl Granules {
    /// Bytes of everything that is kept.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// When the newest message came.
    pub(super) fn newest_ms(&self) -> u64 {
        self.all.back().map_or(0, |last| last.newest_ms)
    }

    /// Adds the newest message.
    pub(super) fn push(&mut self, sequence: u64, body_bytes: u64, at_ms: u64, how: Retention) {
        let bytes = body_bytes + MESSAGE_BYTES;
        let granule_bytes = how.granule_bytes.unwrap_or(GRANULE_BYTES_DEFAULT);
        self.bytes += bytes;
        match self.all.back_mut() {
            Some(last) if last.bytes < granule_bytes => {
                last.bytes += bytes;
                last.newest_ms = at_ms;
            }
            _ => self.all.push_back(Granule { first: sequence, bytes, newest_ms: at_ms }),
        }
    }

    /// Drops what need not be kept; gives the first sequence that is, if anything was dropped.
    pub(super) fn retire(&mut self, now_ms: u64, how: Retention) -> Option<u64> {
        let mut has_retired = false;
        while self.all.len() > 1
            && let Some(oldest) = self.all.front()
        {
            let is_too_much = how.bytes_max.is_some_and(|max| self.bytes > max);
            let is_too_old = oldest.retired_at_ms(how).is_some_and(|at_ms| at_ms <= now_ms);
            if !is_too_much && !is_too_old {
                break;
            }
            self.bytes -= oldest.bytes;
            self.all.pop_front();
            has_retired = true;
        }
        self.all.front().filter(|_| has_retired).map(|oldest| oldest.first)
    }

    /// When the oldest granule will be too old, if it may go at all.
    pub(super) fn next_retirement_ms(&self, how: Retention) -> Option<u64> {
        self.all.front().filter(|_| self.all.len() > 1)?.retired_at_ms(how)
    }

    /// The first sequences of the granule in which lies what came then, and of the one behind it;
    /// `None` if everything came before.
    pub(super) fn at(&self, at_ms: u64) -> Option<(u64, Option<u64>)> {
        let found = self.all.partition_point(|granule| granule.newest_ms < at_ms);
        let first = self.all.get(found)?.first;
        Some((first, self.all.get(found + 1).map(|next| next.first)))
    }
}

impl Granule {
    fn retired_at_ms(&self, how: Retention) -> Option<u64> {
        let age_ms = u64::try_from(how.age_max?.as_millis()).unwrap_or(u64::MAX);
        Some(self.newest_ms.saturating_add(age_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Granules {
        let how = Retention { granule_bytes: Some(100), ..Retention::default() };
        let mut granules = Granules::default();
        (0..6).for_each(|at| granules.push(at, 2, at * 10, how));
        assert_eq!(granules.bytes(), 300);
        granules
    }

    #[test]
    fn whole_granules_go_until_the_rest_is_small_enough() {
        for (bytes_max, first) in [(300, None), (299, Some(2)), (200, Some(2)), (199, Some(4))] {
            let how = Retention { bytes_max: Some(bytes_max), ..Retention::default() };
            assert_eq!(three().retire(0, how), first, "{bytes_max}");
        }
        // The one that is being filled stays.
        let how = Retention { bytes_max: Some(0), ..Retention::default() };
        assert_eq!(three().retire(0, how), Some(4));
    }

    #[test]
    fn a_granule_goes_once_its_newest_message_is_too_old() {
        let age_max = Some(Duration::from_millis(100));
        let how = Retention { age_max, ..Retention::default() };
        assert_eq!(three().next_retirement_ms(how), Some(110));
        for (now_ms, first) in [(109, None), (110, Some(2)), (129, Some(2)), (130, Some(4))] {
            assert_eq!(three().retire(now_ms, how), first, "{now_ms}");
        }
        let mut granules = three();
        assert_eq!(granules.retire(u64::MAX, how), Some(4));
        assert_eq!(granules.next_retirement_ms(how), None);
    }

    #[test]
    fn a_time_lies_in_the_first_granule_that_ends_no_earlier() {
        let granules = three();
        for (at_ms, found) in [
            (0, Some((0, Some(2)))),
            (10, Some((0, Some(2)))),
            (11, Some((2, Some(4)))),
            (50, Some((4, None))),
            (51, None),
        ] {
            assert_eq!(granules.at(at_ms), found, "{at_ms}");
        }
    }
}
