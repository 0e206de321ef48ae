//! What the rules of a queue said, carried out.
//!
//! The lock is held while deliveries are pushed into inboxes, so that their order holds; an inbox
//! is a leaf. What needs the vhost is left in the turn.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::DeliveryId;

use super::answer::Answer;
use super::consumers::ConsumerSpec;
use super::deaths::Dead;
use super::effect::Effect;
use super::handle::Queue;
use super::machine::Machine;
use crate::inbox::{Inbound, QueueDelivery};
use crate::turn::{FollowUp, Turn};

impl Queue {
    /// Carries out what the rules said. Deliveries to one consumer in a row are left in its inbox
    /// together.
    pub(super) fn carry_out_all(
        self: &Arc<Self>,
        turn: &mut Turn,
        state: &Machine,
        mut effects: Vec<Effect>,
    ) -> Answer {
        if matches!(state, Machine::Stream(_)) {
            // Who reads a stream hears of every message: each gets its own in a row.
            effects.sort_by_key(Effect::receiver);
        }
        let mut answer = Answer::default();
        let mut rest = effects.drain(..);
        while let Some(next) = rest.as_slice().first() {
            let Some(to) = next.receiver() else {
                rest.by_ref().take(1).for_each(|effect| self.carry_out(turn, effect, &mut answer));
                continue;
            };
            let is_its = |next: &&Effect| next.receiver() == Some(to);
            let count = rest.as_slice().iter().take_while(is_its).count();
            let handed_out = rest.by_ref().take(count);
            // Always there: no command both hands out to a consumer and ends it.
            let Some(spec) = state.consumer(to) else {
                handed_out.for_each(drop);
                continue;
            };
            let deliveries = handed_out.filter_map(|effect| delivery(spec, effect));
            spec.inbox.push_all(deliveries, &mut turn.wakes);
        }
        drop(rest);
        turn.effects = effects;
        answer
    }

    fn carry_out(self: &Arc<Self>, turn: &mut Turn, effect: Effect, answer: &mut Answer) {
        match effect {
            // Carried out in runs, by the caller.
            Effect::Deliver { .. } => {}
            Effect::Got { sequence, is_redelivered, message } => {
                answer.got = Some((sequence, is_redelivered, message));
            }
            Effect::Rejected => answer.is_rejected = true,
            Effect::Counted(count) => answer.count = count,
            Effect::DeadLetter { message, logged, reason } => {
                self.deaths().add(Dead { message, logged, reason });
                let is_noted = match turn.follow_ups.last() {
                    Some(FollowUp::DeadLetters(of)) => Arc::ptr_eq(of, self),
                    _ => false,
                };
                if !is_noted {
                    turn.follow_ups.push(FollowUp::DeadLetters(Arc::clone(self)));
                }
            }
            Effect::ReadBack(wanted) => {
                turn.follow_ups.push(FollowUp::ReadBack(Arc::clone(self), wanted));
            }
            Effect::Cancelled(spec) => {
                spec.inbox.push(Inbound::Cancelled(spec.consumer), &mut turn.wakes);
            }
            Effect::Ended => {
                self.is_deleted.store(true, Ordering::Release);
                turn.follow_ups.push(FollowUp::Delete(Arc::clone(self)));
            }
            Effect::Tick(at) => turn.follow_ups.push(FollowUp::Tick(Arc::clone(self), at)),
        }
    }
}

/// What a consumer's link hears of a message handed out to it.
fn delivery(spec: &ConsumerSpec, effect: Effect) -> Option<Inbound> {
    let Effect::Deliver { sequence, is_redelivered, message, .. } = effect else { return None };
    let id = DeliveryId { source: spec.source, sequence };
    let consumer = spec.consumer;
    Some(Inbound::Delivered(QueueDelivery { consumer, id, is_redelivered, message }))
}
