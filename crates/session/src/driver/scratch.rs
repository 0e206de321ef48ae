//! What a thread's connections share: buffers that none of them needs while it waits.

use std::cell::Cell;

use engine::Event;
use wire::websocket::Inflater;

use crate::action::Actions;

/// Bytes asked for in one read.
const READ_BYTES: usize = 64 * 1024;

/// The scratch of an outbox is kept up to this size, in bytes.
const OUTBOX_KEPT_MAX: usize = 1024 * 1024;

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// Buffers for one turn. What is in them does not outlive it.
#[derive(Debug)]
pub(super) struct Scratch {
    pub(super) input: Vec<u8>,
    pub(super) actions: Actions,
    pub(super) events: Vec<Event>,
    pub(super) inflater: Inflater,
}

impl Scratch {
    /// The thread's, empty.
    pub(super) fn take() -> Box<Self> {
        SCRATCH.take().unwrap_or_else(|| {
            Box::new(Self {
                input: vec![0; READ_BYTES],
                actions: Actions::default(),
                events: Vec::new(),
                inflater: Inflater::new(),
            })
        })
    }

    /// Leaves it to the thread's next connection.
    pub(super) fn put_back(mut self: Box<Self>) {
        self.actions.clear();
        self.actions.outbox.buffer().shrink_to(OUTBOX_KEPT_MAX);
        self.events.clear();
        SCRATCH.set(Some(self));
    }
}
