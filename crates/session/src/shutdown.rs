//! What concerns all connections alike: that the node goes down, and that time passes.
//!
//! One flag, looked at with one load per turn; one [`Wheel`] with the wakers of the tasks that
//! watch; one task, the keeper, that turns it. A connection's share of it is one entry.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::wheel::Wheel;

/// The wheel's step: who is to be woken is at most so late. Who wait for the same step are woken
/// together, by one wake-up of the keeper.
pub const TICK: Duration = Duration::from_millis(8);

/// The node's end: says that it goes down.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    is_down: AtomicBool,
    /// Tick 0.
    origin: OnceLock<Instant>,
    clock: Mutex<Clock>,
    /// Tells the keeper of an earlier deadline, or of the end.
    earlier: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Clock {
    wheel: Wheel,
    /// The tick that the keeper waits for; `None` if it waits for none.
    awaited: Option<u64>,
    has_keeper: bool,
}

/// A connection's end: hears that the node goes down, and is woken in time.
#[derive(Debug)]
pub struct Watch {
    state: Arc<State>,
    /// The tick it is woken at; 0 for none.
    tick: u64,
    /// Its place in the wheel.
    place: Option<u32>,
}

impl Shutdown {
    /// Tells everybody who watches, from here on.
    pub fn begin(&self) {
        self.state.is_down.store(true, Ordering::SeqCst);
        let watching = self.state.clock.lock().wheel.all();
        watching.into_iter().for_each(Waker::wake);
    }

    /// Whether the node goes down.
    pub fn has_begun(&self) -> bool {
        self.state.is_down.load(Ordering::SeqCst)
    }

    /// One more that watches.
    pub fn watch(&self) -> Watch {
        Watch { state: Arc::clone(&self.state), tick: 0, place: None }
    }
}

impl Watch {
    /// Ready once the node goes down. To be polled by one task, always the same.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.state.is_down.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        if self.place.is_none() {
            self.enter(context);
            // It may have begun between the look and the entry.
            if self.state.is_down.load(Ordering::SeqCst) {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Has the task woken once `deadline` has come, or earlier; from the same task, and in a tokio
    /// runtime.
    ///
    /// Costs nothing while an earlier wake-up is due, because deadlines move on with every byte.
    pub(crate) fn wake_at(&mut self, now: Instant, deadline: Instant, context: &mut Context<'_>) {
        let origin = *self.state.origin.get_or_init(|| now);
        let passed = ticks(origin, now);
        let wanted = ticks_up(origin, deadline).max(passed + 1);
        if passed < self.tick && self.tick <= wanted {
            return;
        }
        let place = self.enter(context);
        self.tick = wanted;
        let mut clock = self.state.clock.lock();
        clock.wheel.set(place, wanted);
        let is_earlier = clock.awaited.is_none_or(|awaited| wanted < awaited);
        if is_earlier {
            clock.awaited = Some(wanted);
        }
        let is_first = !std::mem::replace(&mut clock.has_keeper, true);
        drop(clock);
        if is_first {
            tokio::spawn(keep(Arc::downgrade(&self.state), Arc::clone(&self.state.earlier)));
        } else if is_earlier {
            self.state.earlier.notify_one();
        }
    }

    fn enter(&mut self, context: &Context<'_>) -> u32 {
        *self.place.get_or_insert_with(|| {
            let waker = context.waker().clone();
            self.state.clock.lock().wheel.enter(waker)
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.state.clock.lock().wheel.leave(place);
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.earlier.notify_one();
    }
}

impl State {
    /// Adds to `due` whose time has come, and says when to look again.
    fn advance(&self, now: Instant, due: &mut Vec<Waker>) -> Option<Instant> {
        let origin = *self.origin.get_or_init(|| now);
        let mut clock = self.clock.lock();
        clock.wheel.advance(ticks(origin, now), due);
        clock.awaited = clock.wheel.next();
        let since = clock.awaited.and_then(|tick| u32::try_from(tick).ok())?;
        origin.checked_add(TICK.checked_mul(since)?)
    }
}

/// Turns the wheel for as long as anybody holds it.
async fn keep(state: Weak<State>, earlier: Arc<Notify>) {
    let mut due = Vec::new();
    loop {
        let now = tokio::time::Instant::now().into_std();
        let Some(next) = state.upgrade().map(|state| state.advance(now, &mut due)) else {
            return;
        };
        due.drain(..).for_each(Waker::wake);
        match next {
            Some(next) => {
                tokio::select! {
                    () = tokio::time::sleep_until(next.into()) => {}
                    () = earlier.notified() => {}
                }
            }
            None => earlier.notified().await,
        }
    }
}

/// Whole ticks from `origin` to `at`.
fn ticks(origin: Instant, at: Instant) -> u64 {
    let ticks = at.saturating_duration_since(origin).as_millis() / TICK.as_millis();
    u64::try_from(ticks).unwrap_or(u64::MAX - 1)
}

/// The first tick that is not before `at`.
fn ticks_up(origin: Instant, at: Instant) -> u64 {
    let since = at.saturating_duration_since(origin);
    let ticks = since.as_nanos().div_ceil(TICK.as_nanos());
    u64::try_from(ticks).unwrap_or(u64::MAX - 1)
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
        assert_eq!(shutdown.state.clock.lock().wheel.len(), 3);
        assert!(!shutdown.has_begun());
        shutdown.begin();
        for task in tasks {
            task.await.unwrap();
        }
        let mut late = shutdown.watch();
        poll_fn(|context| late.poll(context)).await;
        assert_eq!(shutdown.state.clock.lock().wheel.len(), 0);
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
        assert_eq!(shutdown.state.clock.lock().wheel.len(), 0);
    }

    /// Waits by a watch, and says how long that took.
    async fn wait(watch: &mut Watch, wait: Duration) -> Duration {
        let started = tokio::time::Instant::now();
        let deadline = started.into_std() + wait;
        poll_fn(|context| {
            let now = tokio::time::Instant::now().into_std();
            if now >= deadline {
                return Poll::Ready(());
            }
            watch.wake_at(now, deadline, context);
            Poll::Pending
        })
        .await;
        started.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn who_watches_is_woken_in_time_however_far_that_is() {
        let shutdown = Shutdown::default();
        let mut watch = shutdown.watch();
        for milliseconds in [1, 7, 8, 9, 100, 5000, 30_000, 3_600_000, 20] {
            let wanted = Duration::from_millis(milliseconds);
            let late = wait(&mut watch, wanted).await - wanted;
            assert!(late <= TICK + Duration::from_millis(1), "{late:?} after {wanted:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_earlier_deadline_of_another_is_not_slept_over() {
        let shutdown = Shutdown::default();
        let mut far = shutdown.watch();
        let hour = tokio::spawn(async move { wait(&mut far, Duration::from_secs(3600)).await });
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_secs(1)).await;
        let second = Duration::from_secs(1);
        let waited = wait(&mut shutdown.watch(), second).await;
        assert!(waited < second + TICK + Duration::from_millis(1), "{waited:?}");
        let waited = hour.await.unwrap().as_secs();
        assert_eq!(waited, 3600);
    }

    #[tokio::test(start_paused = true)]
    async fn the_keeper_ends_with_those_who_watch() {
        let shutdown = Shutdown::default();
        let mut watch = shutdown.watch();
        wait(&mut watch, Duration::from_millis(1)).await;
        let keepers = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        assert_eq!(keepers(), 1);
        drop((watch, shutdown));
        while keepers() > 0 {
            tokio::task::yield_now().await;
        }
    }
}
