//! What everybody can ask of a stream queue, and what of a queue cannot be asked of a stream.

use std::sync::Arc;

use model::{AckMode, LinkId, QueueName, Refusal, Resource, SourceId, VhostName};

use super::command::Command;
use super::consumers::ConsumerSpec;
use super::handle::Queue;
use super::journal::{Clock, Journal};
use super::limits::QueueKind;
use super::machine::Machine;
use super::stream_start::{STREAM_ONLY, Start};
use super::stream_state::StreamState;
use crate::store::SequenceRange;
use crate::turn::Turn;

impl Queue {
    /// Gives a consumer of a stream room for so many deliveries more: it has acknowledged as many
    /// of those that came from that source. Nothing else follows from it.
    pub fn credit(self: &Arc<Self>, turn: &mut Turn, link: LinkId, source: SourceId, count: u32) {
        self.apply(turn, Command::Credit(link, source, count));
    }

    /// What serves a consumer.
    ///
    /// # Errors
    ///
    /// - [`Refusal::InExclusiveUse`] of a queue that is no stream.
    /// - [`Refusal::PreconditionFailed`], [`Refusal::NotImplemented`], [`Refusal::InvalidArgument`]
    ///   for what a consumer of that kind of queue cannot ask for.
    pub(super) fn admit(
        &self,
        turn: &Turn,
        state: &Machine,
        spec: ConsumerSpec,
    ) -> Result<Command<'static>, Refusal> {
        self.check_consumer_arguments(&spec)?;
        match state {
            Machine::Queue(queue) if !queue.admits(spec.is_exclusive) => {
                Err(Refusal::InExclusiveUse(self.name().clone(), self.vhost().clone()))
            }
            Machine::Queue(_) => Ok(Command::Consume(Box::new(spec))),
            Machine::Stream(stream) => {
                self.check_acknowledges(&spec)?;
                let start =
                    Start::parse(&spec.arguments).map_err(|reason| Refusal::InvalidArgument {
                        argument: Start::ARGUMENT.into(),
                        resource: Resource::Queue(self.name().clone()),
                        vhost: self.vhost().clone(),
                        reason: reason.into(),
                    })?;
                let from = self.offset_of(turn, stream, start);
                Ok(Command::Read(Box::new(spec), from))
            }
        }
    }

    /// Source: RabbitMQ: what only consumers of another type of queue have is refused.
    fn check_consumer_arguments(&self, spec: &ConsumerSpec) -> Result<(), Refusal> {
        if spec.arguments.is_empty() {
            return Ok(());
        }
        let strange: &[&str] = match self.kind() {
            QueueKind::Stream => &["x-priority"],
            QueueKind::Classic | QueueKind::Quorum => &STREAM_ONLY,
        };
        let Some(key) = strange.iter().find(|key| spec.arguments.get(key).is_some()) else {
            return Ok(());
        };
        let (name, vhost, kind) = (self.name(), self.vhost(), self.kind().module());
        let text = format!(
            "invalid arg '{key}' for queue '{name}' in vhost '{vhost}' of queue type {kind}"
        );
        Err(Refusal::PreconditionFailed(text.into()))
    }

    /// Source: RabbitMQ: what a consumer of a stream may have is bounded by what it acknowledges.
    fn check_acknowledges(&self, spec: &ConsumerSpec) -> Result<(), Refusal> {
        let (name, vhost) = (self.name(), self.vhost());
        if spec.prefetch == 0 {
            let text = format!(
                "consumer prefetch count is not set for stream queue '{name}' in vhost '{vhost}'"
            );
            return Err(Refusal::PreconditionFailed(text.into()));
        }
        if spec.ack == AckMode::Automatic {
            let text = format!(
                "automatic acknowledgement not supported by stream queue '{name}' in vhost \
                 '{vhost}'"
            );
            return Err(Refusal::NotImplemented(text.into()));
        }
        Ok(())
    }

    /// Says that of a stream nobody can ask that.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotImplemented`] of a stream.
    pub(super) fn check_no_stream(&self, what: &str) -> Result<(), Refusal> {
        match self.kind() {
            QueueKind::Stream => Err(unsupported(what, self.name(), self.vhost())),
            QueueKind::Classic | QueueKind::Quorum => Ok(()),
        }
    }

    fn offset_of(&self, turn: &Turn, stream: &StreamState, start: Start) -> u64 {
        let ms = |since: std::time::Duration| u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        match start {
            Start::First => 0,
            Start::Last => stream.next().saturating_sub(1),
            Start::Next => stream.next(),
            Start::Offset(offset) => offset,
            Start::Time(at_ms) => self.offset_at(stream, at_ms),
            Start::Ago(since) => {
                let now_ms = self.clock().to_unix_ms(turn.now);
                self.offset_at(stream, now_ms.saturating_sub(ms(since)))
            }
        }
    }

    /// The offset of the first message that came then or later; at times of one a little before.
    fn offset_at(&self, stream: &StreamState, at_ms: u64) -> u64 {
        match (stream.at(at_ms), self.journal()) {
            (None, _) => stream.next(),
            (Some(within), None) => within.first,
            (Some(within), Some(journal)) => journal.first_since(within, at_ms),
        }
    }

    fn clock(&self) -> Clock {
        self.journal().map_or_else(Clock::read, |journal| journal.log().clock())
    }
}

impl Journal {
    /// The first message of a stream in a range that came then or later; the end of the range if
    /// all came before. What is not written yet counts as later. Looks at the index only.
    fn first_since(&self, within: SequenceRange, at_ms: u64) -> u64 {
        let store = self.log().store();
        let SequenceRange { mut first, mut last } = within;
        while first < last {
            let middle = first.midpoint(last);
            let found = store.heads(self.id(), middle, 1);
            let place = found.first().map(|head| head.place).filter(|it| it.sequence < last);
            match place {
                Some(place) if place.deadline_ms.is_some_and(|came_ms| came_ms < at_ms) => {
                    first = place.sequence + 1;
                }
                _ => last = middle,
            }
        }
        first
    }
}

/// Source: RabbitMQ's reply text.
fn unsupported(what: &str, name: &QueueName, vhost: &VhostName) -> Refusal {
    let text = format!("{what} not supported by stream queues queue '{name}' in vhost '{vhost}'");
    Refusal::NotImplemented(text.into())
}

#[cfg(test)]
mod tests;
