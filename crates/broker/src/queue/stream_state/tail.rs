//! The newest messages of a stream, in memory, so that who keeps up needs no disk.

use std::collections::VecDeque;
use std::sync::Arc;

use model::Message;

/// What a message takes in memory beside its content, roughly, in bytes.
const MESSAGE_BYTES: u64 = 256;

/// What a message takes in memory, roughly, in bytes.
pub(super) fn bytes_of(message: &Message) -> u64 {
    message.content().len() as u64 + MESSAGE_BYTES
}

/// The newest messages of a stream, without gaps.
#[derive(Debug, Default)]
pub(super) struct Tail {
    messages: VecDeque<Arc<Message>>,
    first: u64,
    bytes: u64,
}

impl Tail {
    /// The sequence of its first message; of the next message to come if it is empty.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// What it takes in memory, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Is empty from here on; `next` is the sequence of the next message to come.
    pub(super) fn restart(&mut self, next: u64) {
        *self = Self { first: next, ..Self::default() };
    }

    pub(super) fn get(&self, sequence: u64) -> Option<&Arc<Message>> {
        let at = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        self.messages.get(at)
    }

    /// Adds the newest message.
    pub(super) fn push(&mut self, message: Arc<Message>) {
        self.bytes += bytes_of(&message);
        self.messages.push_back(message);
    }

    /// Lets the oldest go until it takes no more than that.
    pub(super) fn shrink(&mut self, bytes_max: u64) {
        while self.bytes > bytes_max && self.pop() {}
    }

    /// Lets go of everything before `sequence`.
    pub(super) fn drop_before(&mut self, sequence: u64) {
        while self.first < sequence && self.pop() {}
    }

    fn pop(&mut self) -> bool {
        let Some(oldest) = self.messages.pop_front() else { return false };
        self.first += 1;
        self.bytes -= bytes_of(&oldest);
        true
    }
}
