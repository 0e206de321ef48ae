//! Who reads a stream, how far each has come, and how much each may have unacknowledged.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use model::{ConsumerId, LinkId, Message, SourceId};
use slab::Slab;

use super::tail::bytes_of;
use crate::queue::consumers::{ConsumerKey, ConsumerSpec, view};
use crate::queue::read_back::ReadBack;
use crate::queue::stream_start::Filter;
use crate::queue::view::ConsumerView;

/// What was read for a consumer and waits for its credit may take so many bytes.
const AHEAD_BYTES_MAX: u64 = 256 << 10;

/// A consumer of a stream.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) spec: Box<ConsumerSpec>,
    pub(super) filter: Option<Filter>,
    /// The offset from which on it wants messages.
    pub(super) next: u64,
    arrival: u64,
    /// Deliveries that it has not acknowledged.
    outstanding: u32,
    /// Whether it has credit and everything there is, and so stands in [`Readers::waiting`].
    is_waiting: bool,
    /// The first sequence of what the log was asked for.
    pub(super) asked: Option<u64>,
    ahead: Ahead,
}

/// What was read from the log for a consumer and not delivered yet.
#[derive(Debug, Default)]
struct Ahead {
    messages: VecDeque<(u64, Arc<Message>)>,
    bytes: u64,
    /// Before this sequence there is nothing more than these.
    end: u64,
}

/// The consumers of a stream.
#[derive(Debug, Default)]
pub(super) struct Readers {
    slots: Slab<Reader>,
    names: HashMap<(LinkId, ConsumerId), ConsumerKey, foldhash::fast::FixedState>,
    sources: HashMap<(LinkId, SourceId), ConsumerKey, foldhash::fast::FixedState>,
    waiting: Vec<ConsumerKey>,
    next_arrival: u64,
}

impl Reader {
    pub(super) fn has_credit(&self) -> bool {
        self.credit() > 0
    }

    pub(super) fn credit(&self) -> u64 {
        u32::from(self.spec.prefetch).saturating_sub(self.outstanding).into()
    }

    /// Notes that it was handed a message.
    pub(super) fn hand_out(&mut self) {
        self.outstanding = self.outstanding.saturating_add(1);
    }

    /// Notes that it has given so much credit back.
    pub(super) fn credited(&mut self, count: u32) {
        self.outstanding = self.outstanding.saturating_sub(count);
    }

    pub(super) fn wants(&self, message: &Message) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.admits(message))
    }

    /// Passes over what comes before `first`: it is not kept any more.
    pub(super) fn skip_to(&mut self, first: u64) {
        if self.next < first {
            self.next = first;
            while self.ahead.messages.front().is_some_and(|(sequence, _)| *sequence < first) {
                self.ahead.pop();
            }
        }
    }

    /// The next of what was read for it; passes over what the log does not hold.
    pub(super) fn take_read(&mut self) -> Option<(u64, Arc<Message>)> {
        let taken = self.ahead.pop();
        self.next = match &taken {
            Some((sequence, _)) => sequence + 1,
            None => self.next.max(self.ahead.end),
        };
        taken
    }

    /// Takes what was read for it. Whether that gets it any further.
    pub(super) fn hear_of(&mut self, read: &ReadBack) -> bool {
        self.asked = None;
        let messages = read.messages.iter().map(|read| (read.sequence, &read.message));
        for (sequence, message) in messages.filter(|(sequence, _)| *sequence >= self.next) {
            self.ahead.bytes += bytes_of(message);
            self.ahead.messages.push_back((sequence, Arc::clone(message)));
        }
        let last = read.messages.last().map(|read| read.sequence);
        let end = match read.has_all {
            true => Some(read.wanted.last),
            false => last,
        };
        self.ahead.end = end.map_or(0, |end| end.saturating_add(1));
        end.is_some()
    }

    /// Keeps no more of what was read than it may.
    pub(super) fn trim(&mut self) {
        while self.ahead.bytes > AHEAD_BYTES_MAX
            && let Some((sequence, message)) = self.ahead.messages.pop_back()
        {
            self.ahead.bytes -= bytes_of(&message);
            self.ahead.end = sequence;
        }
    }

    /// What was read for it takes in memory, in bytes.
    pub(super) fn held_bytes(&self) -> u64 {
        self.ahead.bytes
    }
}

impl Ahead {
    fn pop(&mut self) -> Option<(u64, Arc<Message>)> {
        let (sequence, message) = self.messages.pop_front()?;
        self.bytes -= bytes_of(&message);
        Some((sequence, message))
    }
}

impl Readers {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn get(&self, key: ConsumerKey) -> Option<&Reader> {
        self.slots.get(key.0 as usize)
    }

    pub(super) fn get_mut(&mut self, key: ConsumerKey) -> Option<&mut Reader> {
        self.slots.get_mut(key.0 as usize)
    }

    /// The consumer that a link has by that number.
    pub(super) fn named(&self, link: LinkId, consumer: ConsumerId) -> Option<ConsumerKey> {
        self.names.get(&(link, consumer)).copied()
    }

    /// The consumer to which a link's deliveries from that source went.
    pub(super) fn of_source(&self, link: LinkId, source: SourceId) -> Option<ConsumerKey> {
        self.sources.get(&(link, source)).copied()
    }

    /// The consumers of a link.
    pub(super) fn all_of(&self, link: LinkId) -> Vec<ConsumerKey> {
        let of_link = self.names.iter().filter(|((its, _), _)| *its == link);
        of_link.map(|(_, key)| *key).collect()
    }

    /// Those that the log was asked for something that begins there for, in order of arrival.
    pub(super) fn that_asked(&self, first: u64) -> Vec<ConsumerKey> {
        let mut found: Vec<_> =
            self.slots.iter().filter(|(_, reader)| reader.asked == Some(first)).collect();
        found.sort_unstable_by_key(|(_, reader)| reader.arrival);
        found.into_iter().filter_map(|(at, _)| Some(ConsumerKey(u32::try_from(at).ok()?))).collect()
    }

    /// Adds a consumer that wants messages from an offset on.
    pub(super) fn join(&mut self, spec: Box<ConsumerSpec>, next: u64) -> Option<ConsumerKey> {
        let (link, consumer, source) = (spec.link, spec.consumer, spec.source);
        let reader = Reader {
            filter: Filter::parse(&spec.arguments),
            spec,
            next,
            arrival: self.next_arrival,
            outstanding: 0,
            is_waiting: false,
            asked: None,
            ahead: Ahead::default(),
        };
        self.next_arrival += 1;
        let key = ConsumerKey(u32::try_from(self.slots.insert(reader)).ok()?);
        self.names.insert((link, consumer), key);
        self.sources.insert((link, source), key);
        Some(key)
    }

    pub(super) fn leave(&mut self, key: ConsumerKey) -> Option<Reader> {
        let reader = self.slots.try_remove(key.0 as usize)?;
        self.names.remove(&(reader.spec.link, reader.spec.consumer));
        self.sources.remove(&(reader.spec.link, reader.spec.source));
        if reader.is_waiting {
            self.waiting.retain(|waiting| *waiting != key);
        }
        Some(reader)
    }

    /// Ends all of them, in the order of their arrival.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Box<ConsumerSpec>> + use<> {
        let mut all: Vec<Reader> =
            std::mem::take(self).slots.into_iter().map(|(_, reader)| reader).collect();
        all.sort_by_key(|reader| reader.arrival);
        all.into_iter().map(|reader| reader.spec)
    }

    /// Notes that a consumer with credit has everything there is.
    pub(super) fn wait(&mut self, key: ConsumerKey) {
        if let Some(reader) = self.slots.get_mut(key.0 as usize)
            && !std::mem::replace(&mut reader.is_waiting, true)
        {
            self.waiting.push(key);
        }
    }

    /// Has everybody who waits take the newest message. Who says so waits on.
    pub(super) fn wake(&mut self, mut take: impl FnMut(ConsumerKey, &mut Reader) -> bool) {
        let slots = &mut self.slots;
        self.waiting.retain(|key| {
            let Some(reader) = slots.get_mut(key.0 as usize) else { return false };
            reader.is_waiting = take(*key, reader);
            reader.is_waiting
        });
    }

    /// As listings show them, in the order of their arrival.
    pub(super) fn views(&self) -> Vec<ConsumerView> {
        let mut known: Vec<_> = self.slots.iter().map(|(_, reader)| reader).collect();
        known.sort_by_key(|reader| reader.arrival);
        known.into_iter().map(|reader| view(&reader.spec, true)).collect()
    }
}
