//! Who consumes from a queue, and whose turn it is.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use model::{AckMode, ConsumerId, ConsumerTag, FieldTable, LinkId, SourceId};
use slab::Slab;

use super::view::ConsumerView;
use crate::inbox::Inbox;

/// How many deliveries a consumer without another limit may have that are not yet written to its
/// socket, or, if it acknowledges, not yet heard by its session. Beyond that they stay in the
/// queue, where others can have them, limits count them, and they need not be in memory.
pub const AUTOMATIC_CREDIT_MESSAGES: u32 = 1024;

/// A consumer as its link asks for it.
#[derive(Clone, Debug)]
pub struct ConsumerSpec {
    /// Where deliveries are left.
    pub inbox: Arc<Inbox>,
    /// The link.
    pub link: LinkId,
    /// The consumer's number within the link.
    pub consumer: ConsumerId,
    /// The queue's number within the link, for delivery ids.
    pub source: SourceId,
    /// Its tag, for listings.
    pub tag: ConsumerTag,
    /// Its channel's number within the link, for listings.
    pub channel: u16,
    /// Whether it acknowledges.
    pub ack: AckMode,
    /// How many unacknowledged deliveries it may hold; 0 is no limit.
    pub prefetch: u16,
    /// Whether it wants the queue for itself.
    pub is_exclusive: bool,
    /// Higher is served first (`x-priority`).
    pub priority: i64,
    /// The arguments of the consume, for listings.
    pub arguments: FieldTable,
}

/// A consumer's number within its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ConsumerKey(pub(super) u32);

/// The consumers of a queue.
///
/// A consumer that was cancelled keeps its slot until its last delivery is settled, so that a key
/// in [`super::unacked`] never means another.
#[derive(Debug, Default)]
pub(super) struct Consumers {
    slots: Slab<Consumer>,
    keys: HashMap<(LinkId, ConsumerId), ConsumerKey, foldhash::fast::FixedState>,
    /// Those that can take a delivery, by priority, the highest first; each in the order of turns.
    turns: Vec<(i64, VecDeque<ConsumerKey>)>,
    /// The one that is served, if only one is.
    active: Option<ConsumerKey>,
    is_single_active: bool,
    next_arrival: u64,
}

#[derive(Debug)]
struct Consumer {
    spec: Box<ConsumerSpec>,
    arrival: u64,
    /// Deliveries that use up credit: unsettled ones, or with automatic acknowledgement unwritten.
    outstanding: u32,
    /// Of one that acknowledges and has no prefetch: deliveries that its session has not heard.
    unheard: u32,
    has_turn: bool,
    is_gone: bool,
}

impl Consumer {
    fn has_credit(&self) -> bool {
        match (self.spec.ack, self.spec.prefetch) {
            (AckMode::Automatic, _) => self.outstanding < AUTOMATIC_CREDIT_MESSAGES,
            (AckMode::Manual, 0) => self.unheard < AUTOMATIC_CREDIT_MESSAGES,
            (AckMode::Manual, prefetch) => self.outstanding < u32::from(prefetch),
        }
    }

    fn is_unlimited(&self) -> bool {
        self.spec.ack == AckMode::Manual && self.spec.prefetch == 0
    }
}

/// Whose turn it is.
pub(super) struct Turn {
    pub(super) consumer: ConsumerKey,
    pub(super) link: LinkId,
    pub(super) ack: AckMode,
}

impl Consumers {
    pub(super) fn new(is_single_active: bool) -> Self {
        Self { is_single_active, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a consumer may join.
    ///
    /// Source: RabbitMQ, "Consumers": an exclusive one must be alone, and cannot share a queue's
    /// single active place.
    pub(super) fn admits(&self, is_exclusive: bool) -> bool {
        if is_exclusive {
            return self.is_empty() && !self.is_single_active;
        }
        // An exclusive consumer is alone, so one look is enough.
        let first = self.keys.values().next();
        !first.and_then(|key| self.spec(*key)).is_some_and(|spec| spec.is_exclusive)
    }

    pub(super) fn join(&mut self, spec: Box<ConsumerSpec>) {
        let name = (spec.link, spec.consumer);
        self.leave(name);
        let arrival = self.next_arrival;
        self.next_arrival += 1;
        let consumer =
            Consumer { spec, arrival, outstanding: 0, unheard: 0, has_turn: false, is_gone: false };
        let Ok(key) = u32::try_from(self.slots.insert(consumer)).map(ConsumerKey) else {
            return;
        };
        self.keys.insert(name, key);
        if self.is_single_active && self.active.is_none() {
            self.active = Some(key);
        }
        self.line_up(key);
    }

    /// Ends a consumer and says whether there was one by that name.
    pub(super) fn leave(&mut self, name: (LinkId, ConsumerId)) -> bool {
        let Some(key) = self.keys.remove(&name) else {
            return false;
        };
        let Some(consumer) = self.slots.get_mut(key.0 as usize) else {
            return false;
        };
        consumer.is_gone = true;
        let has_turn = std::mem::replace(&mut consumer.has_turn, false);
        let keeps_slot = consumer.spec.ack == AckMode::Manual && consumer.outstanding > 0;
        if has_turn {
            self.lose_turn(key);
        }
        if !keeps_slot {
            self.slots.try_remove(key.0 as usize);
        }
        if self.active == Some(key) {
            self.active = self.successor();
        }
        true
    }

    /// Ends all consumers of a link and says whether there were any.
    pub(super) fn leave_all_of(&mut self, link: LinkId) -> bool {
        let names: Vec<_> = self.keys.keys().filter(|(its, _)| *its == link).copied().collect();
        for name in &names {
            self.leave(*name);
        }
        !names.is_empty()
    }

    /// Ends all consumers, in the order of their arrival.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Box<ConsumerSpec>> + use<> {
        let is_single_active = self.is_single_active;
        let was = std::mem::replace(self, Self::new(is_single_active));
        let mut slots: Vec<Consumer> =
            was.slots.into_iter().map(|(_, it)| it).filter(|it| !it.is_gone).collect();
        slots.sort_by_key(|consumer| consumer.arrival);
        slots.into_iter().map(|consumer| consumer.spec)
    }

    pub(super) fn is_any_ready(&self) -> bool {
        match self.active {
            Some(active) => self.get(active).is_some_and(Consumer::has_credit),
            None => self.turns.iter().any(|(_, turns)| !turns.is_empty()),
        }
    }

    /// Whose turn it is to take a delivery; it uses up one credit.
    ///
    /// Source: RabbitMQ, "Consumer Priorities": the highest priority that can take one, in turn.
    pub(super) fn take_turn(&mut self) -> Option<Turn> {
        let (key, line) = match self.active {
            Some(active) => (active, None),
            None => {
                let line = self.turns.iter_mut().find(|(_, line)| !line.is_empty());
                let (_, line) = line?;
                (line.pop_front()?, Some(line))
            }
        };
        let consumer = self.slots.get_mut(key.0 as usize)?;
        if line.is_none() && !consumer.has_credit() {
            return None;
        }
        consumer.outstanding += 1;
        consumer.unheard += u32::from(consumer.is_unlimited());
        match line {
            Some(line) if consumer.has_credit() => line.push_back(key),
            _ => consumer.has_turn = false,
        }
        Some(Turn { consumer: key, link: consumer.spec.link, ack: consumer.spec.ack })
    }

    /// One delivery of a consumer was settled.
    pub(super) fn settled(&mut self, key: ConsumerKey) {
        let Some(consumer) = self.slots.get_mut(key.0 as usize) else {
            return;
        };
        consumer.outstanding = consumer.outstanding.saturating_sub(1);
        if !consumer.is_gone {
            self.line_up(key);
        } else if consumer.outstanding == 0 {
            self.slots.try_remove(key.0 as usize);
        }
    }

    /// Deliveries of a consumer that does not acknowledge were written to its socket; those of one
    /// that has no prefetch were heard.
    pub(super) fn written(&mut self, name: (LinkId, ConsumerId), count: u32) {
        let Some(key) = self.keys.get(&name).copied() else {
            return;
        };
        let Some(consumer) = self.slots.get_mut(key.0 as usize) else {
            return;
        };
        if consumer.spec.ack == AckMode::Automatic {
            consumer.outstanding = consumer.outstanding.saturating_sub(count);
            self.line_up(key);
        } else if consumer.is_unlimited() {
            consumer.unheard = consumer.unheard.saturating_sub(count);
            self.line_up(key);
        }
    }

    pub(super) fn set_prefetch(&mut self, name: (LinkId, ConsumerId), prefetch: u16) {
        let Some(key) = self.keys.get(&name).copied() else {
            return;
        };
        let Some(consumer) = self.slots.get_mut(key.0 as usize) else {
            return;
        };
        consumer.spec.prefetch = prefetch;
        consumer.unheard = 0;
        if consumer.has_turn && !consumer.has_credit() {
            consumer.has_turn = false;
            self.lose_turn(key);
        } else {
            self.line_up(key);
        }
    }

    pub(super) fn spec(&self, key: ConsumerKey) -> Option<&ConsumerSpec> {
        self.get(key).map(|consumer| &*consumer.spec)
    }

    /// As listings show them, in the order of their arrival.
    pub(super) fn views(&self) -> Vec<ConsumerView> {
        let mut known: Vec<_> = self.slots.iter().filter(|(_, it)| !it.is_gone).collect();
        known.sort_by_key(|(_, consumer)| consumer.arrival);
        let is_active = |at: usize| self.active.is_none_or(|active| active.0 as usize == at);
        known.into_iter().map(|(at, consumer)| view(&consumer.spec, is_active(at))).collect()
    }

    fn get(&self, key: ConsumerKey) -> Option<&Consumer> {
        self.slots.get(key.0 as usize)
    }

    /// Gives a consumer its place at the end of its line, if it has credit and none yet.
    fn line_up(&mut self, key: ConsumerKey) {
        let Some(consumer) = self.slots.get_mut(key.0 as usize) else {
            return;
        };
        if self.is_single_active || consumer.has_turn || !consumer.has_credit() {
            return;
        }
        consumer.has_turn = true;
        let priority = consumer.spec.priority;
        let at = self.turns.partition_point(|(other, _)| *other > priority);
        match self.turns.get_mut(at) {
            Some((other, line)) if *other == priority => line.push_back(key),
            _ => self.turns.insert(at, (priority, VecDeque::from([key]))),
        }
    }

    fn lose_turn(&mut self, key: ConsumerKey) {
        for (_, line) in &mut self.turns {
            line.retain(|other| *other != key);
        }
        self.turns.retain(|(_, line)| !line.is_empty());
    }

    /// Who is served when the single active consumer has gone: by priority, then by arrival.
    fn successor(&self) -> Option<ConsumerKey> {
        let present = self.keys.values().filter_map(|key| Some((*key, self.get(*key)?)));
        present
            .max_by_key(|(_, it)| (it.spec.priority, std::cmp::Reverse(it.arrival)))
            .map(|(key, _)| key)
    }
}

/// A consumer as listings show it.
pub(super) fn view(spec: &ConsumerSpec, is_active: bool) -> ConsumerView {
    ConsumerView {
        link: spec.link,
        consumer: spec.consumer,
        tag: spec.tag.clone(),
        channel: spec.channel,
        ack: spec.ack,
        prefetch: spec.prefetch,
        is_exclusive: spec.is_exclusive,
        is_active,
        priority: spec.priority,
        arguments: spec.arguments.clone(),
    }
}
