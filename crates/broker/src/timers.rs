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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;
    use std::time::Duration;

    use model::{FieldTable, QueueName, QueueSpec, VhostName};

    use super::*;
    use crate::turn::Turn;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn queue(name: &str) -> Arc<Queue> {
        let spec = QueueSpec {
            name: None,
            is_durable: false,
            is_exclusive: false,
            is_auto_delete: false,
            arguments: FieldTable::new(),
        };
        let mut turn = Turn::new(Instant::now());
        let name = QueueName::parse(name).unwrap();
        Queue::create(&mut turn, &VhostName::root(), name, None, &spec, None).unwrap()
    }

    #[test]
    fn the_keeper_is_told_of_earlier_deadlines_only() {
        let (timers, woken) = (Timers::default(), Arc::new(Woken::default()));
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let queue = queue("q");
        assert_eq!(timers.next(), None);
        assert!(timers.poll_earlier(&mut context).is_pending());
        timers.add(now + 2 * second, &queue);
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert!(timers.poll_earlier(&mut context).is_ready());
        assert_eq!(timers.next(), Some(now + 2 * second));
        assert!(timers.poll_earlier(&mut context).is_pending());
        timers.add(now + 3 * second, &queue);
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert!(timers.poll_earlier(&mut context).is_pending());
        timers.add(now + second, &queue);
        assert_eq!(woken.0.load(Ordering::Relaxed), 2);
        assert_eq!(timers.next(), Some(now + second));
    }

    #[test]
    fn what_is_due_comes_out_once_and_in_order() {
        let timers = Timers::default();
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let (a, b, gone) = (queue("a"), queue("b"), queue("gone"));
        timers.add(now + 2 * second, &b);
        timers.add(now + second, &a);
        timers.add(now + second, &gone);
        timers.add(now + 3 * second, &a);
        drop(gone);
        let names = |due: Vec<Arc<Queue>>| -> Vec<String> {
            due.iter().map(|queue| queue.name().to_string()).collect()
        };
        assert_eq!(names(timers.due(now)), [""; 0]);
        assert_eq!(names(timers.due(now + 2 * second)), ["a", "b"]);
        assert_eq!(timers.next(), Some(now + 3 * second));
    }
}
