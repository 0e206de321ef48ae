//! Random commands against a queue and its [`Witness`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{
    AckMode, ConsumerId, ConsumerTag, ExchangeName, FieldTable, LinkId, Marks, Message, Outcome,
    SourceId,
};
use proptest::prelude::*;

use super::QueueState;
use super::witness::{Consumer, Known, LINKS, Place, Witness};
use crate::inbox::Inbox;
use crate::queue::command::Command;
use crate::queue::consumers::ConsumerSpec;
use crate::queue::effect::Effect;
use crate::queue::limits::{DeadLetterTarget, Limits, Overflow};
use crate::queue::read_back::{Read, ReadBack, Wanted};
use crate::sample;

#[derive(Clone, Debug)]
enum Step {
    Publish {
        priority: Option<u8>,
        bytes: u8,
        ttl_ms: Option<u64>,
    },
    Consume {
        link: u64,
        prefetch: u16,
        is_automatic: bool,
        priority: i64,
    },
    Cancel {
        link: u64,
    },
    Prefetch {
        link: u64,
        prefetch: u16,
    },
    Get {
        link: u64,
        is_automatic: bool,
    },
    /// Settles the `nth` of what the link holds, and as many behind it.
    Settle {
        link: u64,
        nth: usize,
        count: usize,
        outcome: Outcome,
    },
    Written {
        link: u64,
        count: u32,
    },
    Lose {
        link: u64,
    },
    Purge,
    Wait {
        ms: u64,
    },
    /// From here on what is asked of the log comes late; or, if it did, at once.
    SlowDown,
}

struct Run {
    now: Instant,
    state: QueueState,
    witness: Witness,
    log: Log,
}

/// The log of a durable queue.
#[derive(Default)]
struct Log {
    /// By sequence, with the priority and how often each came back.
    messages: BTreeMap<u64, (Arc<Message>, u8, Option<Instant>, u32)>,
    asked: Vec<Wanted>,
    is_slow: bool,
}

impl Log {
    fn hear(&mut self, state: &mut QueueState, published: Option<&Arc<Message>>) {
        let came = state.changes().and_then(|changes| changes.came.take());
        if let (Some(came), Some(message)) = (came, published) {
            let deadline = state.deadline(&came);
            let kept = (Arc::clone(message), came.priority, deadline, 0);
            assert!(self.messages.insert(came.sequence, kept).is_none());
        }
        let Some(changes) = state.changes() else { return };
        for range in &changes.gone {
            self.messages.retain(|sequence, _| !(range.first..=range.last).contains(sequence));
        }
        for (sequence, returns) in &changes.returned {
            // It may have come back and gone again.
            if let Some(kept) = self.messages.get_mut(sequence) {
                kept.3 = *returns;
            }
        }
        changes.clear();
    }

    /// Two at a time.
    fn read(&self, wanted: Wanted) -> ReadBack {
        let its = self.messages.range(wanted.first..=wanted.last);
        let mut its = its.filter(|(_, (_, priority, ..))| *priority == wanted.priority);
        let messages = its.by_ref().take(2).map(|(sequence, (message, _, deadline, returns))| {
            let (message, sequence) = (Arc::clone(message), *sequence);
            Read { message, sequence, deadline: *deadline, returns: *returns }
        });
        let messages = messages.collect();
        ReadBack { wanted, messages, has_all: its.next().is_none() }
    }
}

impl Run {
    fn new(limits: Limits) -> Self {
        let now = Instant::now();
        let witness =
            Witness { limits: limits.clone(), known: Vec::new(), consumers: [None; 3], gets: None };
        let log = Log::default();
        Self { now, state: QueueState::new(now, limits, false), witness, log }
    }

    /// Of a queue that keeps persistent messages in the log, and no more than so many bytes of them
    /// in memory.
    fn durable(limits: Limits, held_bytes_max: u64) -> Self {
        let mut run = Self::new(limits);
        run.state.keep(0, false);
        run.state.set_held_bytes_max(held_bytes_max);
        run
    }

    fn apply(&mut self, command: Command<'_>) -> Vec<Effect> {
        let mut effects = Vec::new();
        let published = match &command {
            Command::Publish(message) => Some(Arc::clone(message)),
            _ => None,
        };
        self.state.apply(self.now, command, &mut effects);
        self.log.hear(&mut self.state, published.as_ref());
        for effect in &effects {
            self.witness.hear(self.now, effect, &self.state);
            match effect {
                Effect::ReadBack(wanted) => self.log.asked.push(*wanted),
                Effect::DeadLetter { logged: Some(sequence), .. } => {
                    self.log.messages.remove(sequence);
                }
                _ => {}
            }
        }
        self.answer();
        effects
    }

    /// Brings what was asked of the log, unless that is slow.
    fn answer(&mut self) {
        while !self.log.is_slow
            && let Some(wanted) = self.log.asked.pop()
        {
            let read = self.log.read(wanted);
            self.apply(Command::ReadBack(read));
        }
    }

    fn check_log(&self) {
        let is_there = |known: &&Known| matches!(known.place, Place::Ready | Place::Unacked { .. });
        let is_kept = |known: &&Known| known.message.marks().is_persistent;
        let known = self.witness.known.iter().filter(is_there).filter(is_kept);
        let mut expected: Vec<u64> = known.map(|known| known.sequence).collect();
        expected.sort_unstable();
        let found: Vec<u64> = self.log.messages.keys().copied().collect();
        assert_eq!(found, expected, "the log holds something else than the queue");
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Publish { priority, bytes, ttl_ms } => self.publish(priority, bytes, ttl_ms),
            Step::Consume { link, prefetch, is_automatic, priority } => {
                self.consume(link, prefetch, is_automatic, priority);
            }
            Step::Cancel { link } => {
                self.witness.consumers[usize::try_from(link).unwrap()] = None;
                self.apply(Command::Cancel(LinkId(link), ConsumerId(0)));
            }
            Step::Prefetch { link, prefetch } => {
                if let Some(consumer) = &mut self.witness.consumers[usize::try_from(link).unwrap()]
                {
                    consumer.prefetch = prefetch;
                }
                self.apply(Command::SetPrefetch(LinkId(link), ConsumerId(0), prefetch));
            }
            Step::Get { link, is_automatic } => self.get(link, is_automatic),
            Step::Settle { link, nth, count, outcome } => self.settle(link, nth, count, outcome),
            Step::Written { link, count } => {
                if let Some(consumer) = &mut self.witness.consumers[usize::try_from(link).unwrap()]
                    && consumer.is_automatic
                {
                    consumer.outstanding = consumer.outstanding.saturating_sub(count);
                }
                self.apply(Command::Written(LinkId(link), ConsumerId(0), count));
            }
            Step::Lose { link } => {
                self.witness.consumers[usize::try_from(link).unwrap()] = None;
                for at in self.held_by(link) {
                    self.witness.return_to_ready(at);
                }
                self.apply(Command::Lose(LinkId(link)));
            }
            Step::Purge => {
                let ready = self.witness.ready();
                let effects = self.apply(Command::Purge);
                let counted =
                    matches!(effects[..], [Effect::Counted(count), ..] if count as usize == ready);
                assert!(counted, "a purge counts what was ready");
                for known in self.witness.known.iter_mut().filter(|it| it.place == Place::Ready) {
                    known.place = Place::Dropped;
                }
            }
            Step::SlowDown => {
                self.log.is_slow = !self.log.is_slow;
                self.answer();
            }
            Step::Wait { ms } => {
                self.now += Duration::from_millis(ms);
                self.apply(Command::Tick);
            }
        }
        // An expired head goes with the next command that looks at it; let one look.
        self.apply(Command::Tick);
        if self.state.changes().is_some() {
            self.check_log();
        }
        if self.log.asked.is_empty() {
            self.witness.check(self.now, &self.state);
        }
    }

    fn publish(&mut self, priority: Option<u8>, bytes: u8, ttl_ms: Option<u64>) {
        let is_persistent = bytes > 0;
        let marks = Marks { priority, expiration_ms: ttl_ms, is_persistent, ..Marks::default() };
        let message = sample::message("k", &vec![0; usize::from(bytes)], marks);
        let limits = &self.witness.limits;
        let is_full = limits.messages_max.is_some_and(|max| self.state.counts().ready + 1 > max)
            || limits
                .bytes_max
                .is_some_and(|max| self.state.counts().ready_bytes + u64::from(bytes) > max);
        let is_turned_down = is_full && limits.overflow != Overflow::DropHead;
        let ttl = ttl_ms.map(Duration::from_millis).into_iter().chain(limits.message_ttl).min();
        let known = Known {
            message: Arc::clone(&message),
            sequence: self.state.next_sequence,
            place: if is_turned_down { Place::TurnedDown } else { Place::Ready },
            is_redelivered: false,
            priority: priority.unwrap_or(0).min(limits.priority_max.unwrap_or(0)),
            dies_at: ttl.map(|ttl| self.now + ttl),
        };
        self.witness.known.push(known);
        let effects = self.apply(Command::Publish(message));
        let was_turned_down = effects.iter().any(|effect| matches!(effect, Effect::Rejected));
        assert_eq!(was_turned_down, is_turned_down);
    }

    fn consume(&mut self, link: u64, prefetch: u16, is_automatic: bool, priority: i64) {
        let slot = &mut self.witness.consumers[usize::try_from(link).unwrap()];
        if slot.is_some() {
            return;
        }
        *slot = Some(Consumer { prefetch, is_automatic, priority, outstanding: 0 });
        // What the link holds from an earlier consumer is not the later one's.
        for known in &mut self.witness.known {
            if let Place::Unacked { link: its, is_got } = &mut known.place
                && *its == link
            {
                *is_got = true;
            }
        }
        let spec = ConsumerSpec {
            inbox: Arc::new(Inbox::default()),
            link: LinkId(link),
            consumer: ConsumerId(0),
            source: SourceId(0),
            tag: ConsumerTag::parse("").unwrap(),
            channel: 1,
            ack: if is_automatic { AckMode::Automatic } else { AckMode::Manual },
            prefetch,
            is_exclusive: false,
            priority,
            arguments: FieldTable::new(),
        };
        self.apply(Command::Consume(Box::new(spec)));
    }

    fn get(&mut self, link: u64, is_automatic: bool) {
        let ack = if is_automatic { AckMode::Automatic } else { AckMode::Manual };
        self.witness.gets = (!is_automatic).then_some((link, true));
        let effects = self.apply(Command::Get(LinkId(link), ack));
        let has_got = effects.iter().any(|effect| matches!(effect, Effect::Got { .. }));
        let is_read = self.log.asked.is_empty();
        assert!(has_got || self.witness.ready() == 0 || !is_read, "nothing got");
    }

    fn settle(&mut self, link: u64, nth: usize, count: usize, outcome: Outcome) {
        let held = self.held_by(link);
        let chosen: Vec<usize> = held.into_iter().skip(nth).take(count).collect();
        let sequences: Vec<u64> =
            chosen.iter().map(|at| self.witness.known[*at].sequence).collect();
        for at in chosen {
            self.witness.settle(at, outcome);
        }
        let effects = self.apply(Command::Settle(LinkId(link), &sequences, outcome));
        let is_counted = effects.iter().any(
            |effect| matches!(effect, Effect::Counted(known) if *known as usize == sequences.len()),
        );
        assert!(is_counted);
    }

    fn held_by(&self, link: u64) -> Vec<usize> {
        let known = self.witness.known.iter().enumerate();
        let its = known
            .filter(|(_, it)| matches!(it.place, Place::Unacked { link: its, .. } if its == link));
        its.map(|(at, _)| at).collect()
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let link = || 0..LINKS;
    let outcome = prop_oneof![Just(Outcome::Accept), Just(Outcome::Requeue), Just(Outcome::Reject)];
    let publish =
        (proptest::option::of(0_u8..6), 0_u8..4, proptest::option::weighted(0.2, 0_u64..20))
            .prop_map(|(priority, bytes, ttl_ms)| Step::Publish { priority, bytes, ttl_ms });
    let settle = (link(), 0_usize..3, 1_usize..4, outcome)
        .prop_map(|(link, nth, count, outcome)| Step::Settle { link, nth, count, outcome });
    let consume = (link(), 0_u16..4, proptest::bool::weighted(0.3), 0_i64..2).prop_map(
        |(link, prefetch, is_automatic, priority)| Step::Consume {
            link,
            prefetch,
            is_automatic,
            priority,
        },
    );
    let step = prop_oneof![
        8 => publish,
        4 => settle,
        2 => consume,
        1 => link().prop_map(|link| Step::Cancel { link }),
        1 => (link(), 0_u16..4).prop_map(|(link, prefetch)| Step::Prefetch { link, prefetch }),
        2 => (link(), any::<bool>())
            .prop_map(|(link, is_automatic)| Step::Get { link, is_automatic }),
        1 => (link(), 0_u32..4).prop_map(|(link, count)| Step::Written { link, count }),
        1 => link().prop_map(|link| Step::Lose { link }),
        1 => (0_u64..15).prop_map(|ms| Step::Wait { ms }),
        1 => Just(Step::Purge),
        1 => Just(Step::SlowDown),
    ];
    proptest::collection::vec(step, 0..80)
}

fn limits() -> impl Strategy<Value = Limits> {
    let overflow = prop_oneof![
        2 => Just(Overflow::DropHead),
        1 => Just(Overflow::RejectPublish),
        1 => Just(Overflow::RejectPublishDeadLetter),
    ];
    let some = |range| proptest::option::weighted(0.3, range);
    (some(0_u64..20), some(0_u64..6), some(0_u64..9), overflow, some(1_u64..5)).prop_map(
        |(ttl_ms, messages_max, bytes_max, overflow, priorities)| Limits {
            message_ttl: ttl_ms.map(Duration::from_millis),
            messages_max,
            bytes_max,
            overflow,
            // Always, so that nothing is dropped in silence.
            dead_letter: Some(DeadLetterTarget {
                exchange: ExchangeName::default_exchange(),
                key: None,
            }),
            priority_max: priorities.map(|max| u8::try_from(max).unwrap()),
            ..Limits::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(1_000)
    })]

    #[test]
    fn every_message_is_in_exactly_one_place_and_in_order(limits in limits(), steps in steps()) {
        let mut run = Run::new(limits);
        for step in &steps {
            run.step(step);
        }
    }

    #[test]
    fn the_log_holds_what_a_durable_queue_does(
        limits in limits(),
        held_bytes_max in prop_oneof![Just(0), 200_u64..2000],
        steps in steps(),
    ) {
        let mut run = Run::durable(limits, held_bytes_max);
        for step in &steps {
            run.step(step);
        }
    }
}
