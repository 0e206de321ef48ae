//! How the node tells every connection that it goes down.
//!
//! One flag, looked at with one load per turn, and the wakers of the tasks that watch it.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use slab::Slab;

/// The node's end: says that it goes down.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    is_down: AtomicBool,
    watching: Mutex<Slab<Waker>>,
}

/// A connection's end: hears that the node goes down.
#[derive(Debug)]
pub struct Watch {
    state: Arc<State>,
    /// One more than its place among those who watch; four bytes, because every connection has one.
    slot: Option<NonZeroU32>,
}

impl Shutdown {
    /// Tells everybody who watches, from here on.
    pub fn begin(&self) {
        self.state.is_down.store(true, Ordering::SeqCst);
        let watching: Vec<Waker> = self.state.watching.lock().drain().collect();
        watching.into_iter().for_each(Waker::wake);
    }

    /// Whether the node goes down.
    pub fn has_begun(&self) -> bool {
        self.state.is_down.load(Ordering::SeqCst)
    }

    /// One more that watches.
    pub fn watch(&self) -> Watch {
        Watch { state: Arc::clone(&self.state), slot: None }
    }
}

impl Watch {
    /// Ready once the node goes down. To be polled by one task, always the same.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.state.is_down.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        if self.slot.is_none() {
            let mut watching = self.state.watching.lock();
            let at = watching.insert(context.waker().clone());
            drop(watching);
            // There are no more connections than descriptors, which are fewer than that.
            self.slot = u32::try_from(at + 1).ok().and_then(NonZeroU32::new);
            // It may have begun between the look and the entry.
            if self.state.is_down.load(Ordering::SeqCst) {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            self.state.watching.lock().try_remove(slot.get() as usize - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn everybody_who_watches_hears_it_once_and_for_all() {
        let shutdown = Shutdown::default();
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let mut watch = shutdown.watch();
                tokio::spawn(async move { poll_fn(|context| watch.poll(context)).await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(shutdown.state.watching.lock().len(), 3);
        assert!(!shutdown.has_begun());
        shutdown.begin();
        for task in tasks {
            task.await.unwrap();
        }
        let mut late = shutdown.watch();
        poll_fn(|context| late.poll(context)).await;
        assert!(shutdown.state.watching.lock().is_empty());
    }

    #[tokio::test]
    async fn who_leaves_is_forgotten() {
        let shutdown = Shutdown::default();
        let mut watch = shutdown.watch();
        poll_fn(|context| {
            assert!(watch.poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        drop(watch);
        assert!(shutdown.state.watching.lock().is_empty());
    }
}
