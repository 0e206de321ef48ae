//! Deliveries under way: MESSAGE frames, and the ACK or NACK that settles them.
//!
//! Deliveries are numbered from 1 per connection, across all subscriptions. An ACK of a `client`
//! subscription settles everything up to that number, whatever the subscription: RabbitMQ's rule,
//! because there all of them share one channel.

use std::collections::VecDeque;
use std::sync::Arc;

use engine::{Delivery, Followed};
use model::{ConsumerId, DeliveryId, Outcome, Refusal};
use smallvec::SmallVec;
use wire::stomp::{Command, Frame, Version};

use super::error::Complaint;
use super::header::{integer, lossy, optional_truth};
use super::message::prepare_tail;
use super::open::{After, CHANNEL, Open};
use super::subscription::{Head, Mode, Subscription};
use super::transaction::Deferred;
use crate::action::Actions;

/// What was delivered and is not settled, oldest first.
#[derive(Debug, Default)]
pub(super) struct Unacked {
    last: u64,
    waiting: VecDeque<Waiting>,
    written: SmallVec<[(ConsumerId, u32); 2]>,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    /// `None` once it is settled; such entries go when they come to either end.
    id: Option<DeliveryId>,
    is_cumulative: bool,
}

impl Unacked {
    /// Writes a delivery to the peer and keeps it if it must be acknowledged. A delivery that
    /// crossed with the end of its subscription goes back instead.
    pub(super) fn deliver(
        &mut self,
        subscription: &Subscription,
        delivery: Delivery,
        version: Version,
        actions: &mut Actions,
    ) {
        let is_manual = subscription.mode != Mode::Auto;
        if is_manual && subscription.is_ending {
            return push_settle(SmallVec::from_slice(&[delivery.id]), Outcome::Requeue, actions);
        }
        self.last += 1;
        let head = Head {
            number: self.last,
            is_redelivered: delivery.is_redelivered,
            has_ack: is_manual && version == Version::V1_2,
            offset: delivery.has_offset.then_some(delivery.id.sequence),
            dropped: 0,
        };
        let message: &Arc<_> = &delivery.message;
        prepare_tail(message);
        actions.outbox.stomp_message(message, |out| subscription.write_head(out, head));
        if is_manual {
            self.waiting.push_back(Waiting {
                number: self.last,
                id: Some(delivery.id),
                is_cumulative: subscription.mode == Mode::Client,
            });
        } else if subscription.counts_written {
            self.count_written(delivery.consumer);
        }
    }

    /// Writes the next messages of a topic subscription. Nothing of them is kept.
    pub(super) fn follow(
        &mut self,
        subscription: &Subscription,
        followed: &Followed,
        actions: &mut Actions,
    ) {
        let mut messages = followed.messages.iter().map(|sequenced| &sequenced.message);
        if followed.dropped > 0
            && let Some(message) = messages.next()
        {
            self.last += 1;
            let head = Head {
                number: self.last,
                is_redelivered: false,
                has_ack: false,
                offset: None,
                dropped: followed.dropped,
            };
            prepare_tail(message);
            actions.outbox.stomp_message(message, |out| subscription.write_head(out, head));
        }
        let mut heads = subscription.heads(self.last + 1);
        for message in messages {
            self.last += 1;
            prepare_tail(message);
            actions.outbox.stomp_message_behind(heads.text(), message);
            heads.advance();
        }
    }

    fn count_written(&mut self, consumer: ConsumerId) {
        match self.written.iter_mut().find(|(known, _)| *known == consumer) {
            Some((_, count)) => *count += 1,
            None => self.written.push((consumer, 1)),
        }
    }

    /// Tells the engine what this batch has written to consumers that do not acknowledge.
    pub(super) fn report_written(&mut self, actions: &mut Actions) {
        let written = self.written.drain(..);
        let report = |(consumer, count)| engine::Command::Written(consumer, count);
        actions.commands.extend(written.map(report));
    }

    /// Settles a delivery, and those before it if its subscription says so.
    ///
    /// # Errors
    ///
    /// There is no such delivery, or it is settled.
    pub(super) fn settle(
        &mut self,
        number: u64,
        outcome: Outcome,
        actions: &mut Actions,
    ) -> Result<(), Complaint> {
        let found = self.waiting.binary_search_by_key(&number, |waiting| waiting.number).ok();
        let found = found.and_then(|at| Some((at, self.waiting.get_mut(at)?)));
        let Some((at, waiting)) = found else {
            return Err(unknown(number));
        };
        let id = waiting.id.take().ok_or_else(|| unknown(number))?;
        let mut ids = SmallVec::new();
        if waiting.is_cumulative {
            ids.extend(self.waiting.drain(..=at).filter_map(|waiting| waiting.id));
        }
        ids.push(id);
        let is_settled = |waiting: &Waiting| waiting.id.is_none();
        while self.waiting.front().is_some_and(is_settled) {
            self.waiting.pop_front();
        }
        while self.waiting.back().is_some_and(is_settled) {
            self.waiting.pop_back();
        }
        push_settle(ids, outcome, actions);
        Ok(())
    }

    fn is_waiting(&self, number: u64) -> bool {
        let found = self.waiting.binary_search_by_key(&number, |waiting| waiting.number);
        let waiting = found.ok().and_then(|at| self.waiting.get(at));
        waiting.is_some_and(|waiting| waiting.id.is_some())
    }
}

/// Asks the engine to settle. What follows upon another settle with the same outcome joins it, so
/// that the acknowledgements of one read lock their queue once.
fn push_settle(ids: SmallVec<[DeliveryId; 2]>, outcome: Outcome, actions: &mut Actions) {
    match actions.commands.last_mut() {
        Some(engine::Command::Settle(CHANNEL, before, known)) if *known == outcome => {
            before.extend(ids);
        }
        _ => actions.commands.push(engine::Command::Settle(CHANNEL, ids, outcome)),
    }
}

fn unknown(number: u64) -> Complaint {
    let text = format!("unknown delivery tag {number}");
    Complaint::refused(&Refusal::PreconditionFailed(text.into()))
}

impl Open {
    pub(super) fn ack(
        &mut self,
        command: Command,
        frame: &Frame<'_>,
        actions: &mut Actions,
    ) -> Result<After, Complaint> {
        let name = match self.version {
            Version::V1_2 => "id",
            Version::V1_0 | Version::V1_1 => "message-id",
        };
        let number = self.read_id(command, frame, name)?;
        let outcome = match command {
            Command::Nack => self.nack_outcome(frame),
            _ => Outcome::Accept,
        };
        match frame.headers.get("transaction") {
            None => self.unacked.settle(number, outcome, actions)?,
            Some(id) => self.transactions.defer(&id, Deferred::Settle { number, outcome })?,
        }
        Ok(After::Receipt)
    }

    /// Reads `<tag>@@<session>@@<number>`. The tag must be that of a subscription, or the delivery
    /// one that is still under way: after an UNSUBSCRIBE, RabbitMQ 4.3 would not let a peer settle
    /// what it has, 4.4 does. The session is not looked at.
    fn read_id(&self, command: Command, frame: &Frame<'_>, name: &str) -> Result<u64, Complaint> {
        let command = command.as_str();
        let id = frame.headers.get(name).ok_or_else(|| {
            let detail = format!("\"{command}\" must include the \"{name}\" header\n");
            Complaint::new("Missing header", detail)
        })?;
        let Some((tag, number)) = split_id(&id) else {
            let detail = format!("\"{command}\" must include a valid \"{name}\" header\n");
            return Err(Complaint::new("Invalid header", detail));
        };
        let number = integer(number).ok_or_else(Complaint::processing)?;
        let number = u64::try_from(number).unwrap_or_default();
        if self.subscriptions.find(tag).is_some() || self.unacked.is_waiting(number) {
            return Ok(number);
        }
        let detail = format!("Message with id \"{}\" has no subscription", lossy(&id));
        Err(Complaint::new("Subscription not found", detail))
    }

    fn nack_outcome(&self, frame: &Frame<'_>) -> Outcome {
        let requeues = optional_truth(&frame.headers, "requeue");
        match requeues.unwrap_or(self.settings.is_nack_requeued) {
            true => Outcome::Requeue,
            false => Outcome::Reject,
        }
    }
}

/// The tag and the number of an id that has exactly three parts.
fn split_id(id: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = |bytes: &[u8]| bytes.windows(2).position(|pair| pair == b"@@");
    let (tag, rest) = id.split_at(at(id)?);
    let rest = rest.get(2..)?;
    let number = rest.get(at(rest)? + 2..)?;
    at(number).is_none().then_some((tag, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_three_parts() {
        for (id, parts) in [
            ("T_1@@session-x@@7", Some(("T_1", "7"))),
            ("T_@@@@7", Some(("T_", "7"))),
            ("T_1@@7", None),
            ("7", None),
            ("T_a@@b@@session-x@@7", None),
        ] {
            let parts = parts.map(|(tag, number)| (tag.as_bytes(), number.as_bytes()));
            assert_eq!(split_id(id.as_bytes()), parts, "{id}");
        }
    }
}
