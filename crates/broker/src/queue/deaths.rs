//! What has died in a queue and is yet to be published to its dead-letter exchange.
//!
//! It is left here while the queue is locked, so in the order of the deaths. Several threads may
//! have turns of one queue: they carry one after the other, whatever is there by then, and so none
//! brings more dead before the others' are published.

use std::collections::VecDeque;
use std::sync::Arc;

use model::Message;
use parking_lot::Mutex;

use crate::turn::DeathReason;

/// A message that has died.
#[derive(Debug)]
pub(crate) struct Dead {
    /// As it was published.
    pub(crate) message: Arc<Message>,
    /// Its place, if it is in the log: it goes from there once it was published.
    pub(crate) logged: Option<u64>,
    pub(crate) reason: DeathReason,
}

/// What has died in a queue.
#[derive(Debug, Default)]
pub(crate) struct Deaths {
    /// A leaf: nothing is locked or called under it.
    waiting: Mutex<VecDeque<Dead>>,
    /// Held while dead are published, so that one comes behind the other. Taken only when nothing
    /// is locked: queues are locked under it, and it never under a queue.
    carrying: Mutex<()>,
}

impl Deaths {
    /// Leaves one, while the queue is locked.
    pub(super) fn add(&self, dead: Dead) {
        self.waiting.lock().push_back(dead);
    }

    /// Has all published that were left. Waits for whoever is at it.
    pub(crate) fn carry(&self, mut publish: impl FnMut(Dead)) {
        let _alone = self.carrying.lock();
        while let Some(dead) = self.next() {
            publish(dead);
        }
    }

    fn next(&self) -> Option<Dead> {
        let mut waiting = self.waiting.lock();
        let next = waiting.pop_front();
        if next.is_none() {
            *waiting = VecDeque::new();
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use model::Marks;

    use super::*;
    use crate::sample;

    fn dead(key: &str) -> Dead {
        let message = sample::message(key, b"", Marks::default());
        Dead { message, logged: None, reason: DeathReason::Expired }
    }

    #[test]
    fn what_many_threads_carry_is_published_in_the_order_of_the_deaths() {
        let (deaths, published) = (Deaths::default(), Mutex::new(Vec::new()));
        // The lock of the queue, and how often something died in it.
        let queue = Mutex::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let mut died = queue.lock();
                        *died += 1;
                        deaths.add(dead(&died.to_string()));
                        drop(died);
                        deaths.carry(|it| {
                            let key = it.message.routing_key().to_vec();
                            // Whoever comes first here must not overtake.
                            thread::yield_now();
                            published.lock().push(key);
                        });
                    }
                });
            }
        });
        let in_order = (1..=800).map(|number: u32| number.to_string().into_bytes());
        assert!(published.into_inner().into_iter().eq(in_order));
    }
}
