//! Random commands against a queue and its [`Witness`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{
    AckMode, ConsumerId, ConsumerTag, ExchangeName, FieldTable, LinkId, Marks, Outcome, SourceId,
};
use proptest::prelude::*;

use super::QueueState;
use super::witness::{Consumer, Known, LINKS, Place, Witness};
use crate::inbox::Inbox;
use crate::queue::command::Command;
use crate::queue::consumers::ConsumerSpec;
use crate::queue::effect::Effect;
use crate::queue::limits::{DeadLetterTarget, Limits, Overflow};
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
}

struct Run {
    now: Instant,
    state: QueueState,
    witness: Witness,
}

impl Run {
    fn new(limits: Limits) -> Self {
        let now = Instant::now();
        let witness =
            Witness { limits: limits.clone(), known: Vec::new(), consumers: [None; 3], gets: None };
        Self { now, state: QueueState::new(now, limits, false), witness }
    }

    fn apply(&mut self, command: Command<'_>) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.state.apply(self.now, command, &mut effects);
        for effect in &effects {
            self.witness.hear(self.now, effect, &self.state);
        }
        effects
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
            Step::Wait { ms } => {
                self.now += Duration::from_millis(ms);
                self.apply(Command::Tick);
            }
        }
        // An expired head goes with the next command that looks at it; let one look.
        self.apply(Command::Tick);
        self.witness.check(self.now, &self.state);
    }

    fn publish(&mut self, priority: Option<u8>, bytes: u8, ttl_ms: Option<u64>) {
        let marks = Marks { priority, expiration_ms: ttl_ms, ..Marks::default() };
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
        assert!(has_got || self.witness.ready() == 0, "nothing got");
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
}
