//! When queues must be looked at next: one heap for the node.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use parking_lot::Mutex;

use crate::queue::Queue;

/// When queues must be looked at next.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    heap: BinaryHeap<Reverse<Timer>>,
    /// The deadline that the keeper of time knows of.
    announced: Option<Instant>,
    /// Whether an earlier one came since.
    is_earlier: bool,
    keeper: Option<Waker>,
}

#[derive(Debug)]
struct Timer {
    at: Instant,
    queue: Weak<Queue>,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl Timers {
    /// Has `queue` looked at then.
    pub(crate) fn add(&self, at: Instant, queue: &Arc<Queue>) {
        let mut state = self.state.lock();
        state.heap.push(Reverse(Timer { at, queue: Arc::downgrade(queue) }));
        if state.announced.is_some_and(|announced| announced <= at) {
            return;
        }
        state.is_earlier = true;
        let keeper = state.keeper.take();
        drop(state);
        if let Some(keeper) = keeper {
            keeper.wake();
        }
    }

    /// The earliest deadline. From here on [`Self::poll_earlier`] speaks of earlier ones.
    pub(crate) fn next(&self) -> Option<Instant> {
        let mut state = self.state.lock();
        state.is_earlier = false;
        state.announced = state.heap.peek().map(|Reverse(timer)| timer.at);
        state.announced
    }

    /// Ready once there is an earlier deadline than [`Self::next`] said. Cancel-safe.
    pub(crate) fn poll_earlier(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.is_earlier {
            return Poll::Ready(());
        }
        state.keeper = Some(context.waker().clone());
        Poll::Pending
    }

    /// Takes out the queues that are due.
    pub(crate) fn due(&self, now: Instant) -> Vec<Arc<Queue>> {
        let mut state = self.state.lock();
        let mut due = Vec::new();
        while state.heap.peek().is_some_and(|Reverse(timer)| timer.at <= now) {
            let timer = state.heap.pop();
            due.extend(timer.and_then(|Reverse(timer)| timer.queue.upgrade()));
        }
        if state.heap.len() * 4 <= state.heap.capacity() {
            state.heap.shrink_to_fit();
        }
        due
    }
}
