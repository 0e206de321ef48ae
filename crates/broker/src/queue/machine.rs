//! The rules of a queue, whatever kind it is of.

use std::time::Instant;

use super::changes::Changes;
use super::command::Command;
use super::consumers::{ConsumerKey, ConsumerSpec};
use super::effect::Effect;
use super::limits::Limits;
use super::read_back::Wanted;
use super::state::QueueState;
use super::stream_state::StreamState;
use super::view::{ConsumerView, Counts};
use crate::store::Place;

/// The rules of a queue.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every queue is no stream, and is found without another step"
)]
pub(crate) enum Machine {
    /// Messages are handed out and go.
    Queue(QueueState),
    /// Messages are read and stay.
    Stream(Box<StreamState>),
}

impl Machine {
    /// Keeps messages in the log from here on: persistent ones, or all of them. Never gives a
    /// sequence below `next_sequence`.
    pub(super) fn keep(&mut self, next_sequence: u64, keeps_transient: bool) {
        match self {
            Self::Queue(queue) => queue.keep(next_sequence, keeps_transient),
            Self::Stream(stream) => stream.keep(next_sequence),
        }
    }

    /// Takes note of a message that the log had before: in the order of their sequences.
    pub(super) fn recover(&mut self, place: &Place, body_bytes: u64) {
        match self {
            Self::Queue(queue) => queue.recover(place.sequence, place.priority, body_bytes),
            Self::Stream(stream) => stream.recover(place.sequence, body_bytes, place.deadline_ms),
        }
    }

    /// Applies one command and says what must be done about it.
    pub(super) fn apply(&mut self, now: Instant, command: Command<'_>, effects: &mut Vec<Effect>) {
        match self {
            Self::Queue(queue) => queue.apply(now, command, effects),
            Self::Stream(stream) => stream.apply(now, command, effects),
        }
    }

    /// What the log must hear; whoever tells it clears them.
    pub(super) fn changes(&mut self) -> Option<&mut Changes> {
        match self {
            Self::Queue(queue) => queue.changes(),
            Self::Stream(stream) => stream.changes(),
        }
    }

    /// Lets what is in the log leave memory once the messages there take so many bytes.
    pub(super) fn set_held_bytes_max(&mut self, bytes: u64) {
        match self {
            Self::Queue(queue) => queue.set_held_bytes_max(bytes),
            Self::Stream(stream) => stream.set_held_bytes_max(bytes),
        }
    }

    /// What its messages take in memory, in bytes.
    pub(super) fn held_bytes(&self) -> u64 {
        match self {
            Self::Queue(queue) => queue.held_bytes(),
            Self::Stream(stream) => stream.held_bytes(),
        }
    }

    /// What must be read before a message can be got, if that is so.
    pub(super) fn wanted_to_get(&self) -> Option<Wanted> {
        match self {
            Self::Queue(queue) => queue.wanted_to_get(),
            Self::Stream(_) => None,
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        match self {
            Self::Queue(queue) => queue.is_ended(),
            Self::Stream(stream) => stream.is_ended(),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        match self {
            Self::Queue(queue) => queue.limits(),
            Self::Stream(stream) => stream.limits(),
        }
    }

    /// A consumer that an effect of the last command names.
    pub(super) fn consumer(&self, key: ConsumerKey) -> Option<&ConsumerSpec> {
        match self {
            Self::Queue(queue) => queue.consumer(key),
            Self::Stream(stream) => stream.consumer(key),
        }
    }

    pub(super) fn consumers(&self) -> Vec<ConsumerView> {
        match self {
            Self::Queue(queue) => queue.consumers(),
            Self::Stream(stream) => stream.consumers(),
        }
    }

    pub(super) fn counts(&self) -> Counts {
        match self {
            Self::Queue(queue) => queue.counts(),
            Self::Stream(stream) => stream.counts(),
        }
    }
}
