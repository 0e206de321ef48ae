//! Who is to be woken when: one wheel for all connections, pure; the clock is the caller's.
//!
//! ```text
//! heads     slot 0 │ 1 │ 2 │ … │ 1023        one list for each tick modulo the slots
//!                ▼       ▼
//! entries     32 bytes each: waker, tick, next, previous
//! ```
//!
//! An entry stays in the list of its tick until that has come, however many revolutions that takes.
//! Setting, moving and taking out cost the same however many there are.

use std::task::Waker;

use slab::Slab;

/// Slots of the wheel.
const SLOTS: u64 = 1024;

/// The end of a list.
const NONE: u32 = u32::MAX;

/// The tick of an entry that is in no list.
const UNSET: u64 = u64::MAX;

/// Who is to be woken when.
#[derive(Debug)]
pub(crate) struct Wheel {
    heads: Vec<u32>,
    entries: Slab<Entry>,
    /// Every tick up to this one has been dealt with.
    done: u64,
}

#[derive(Debug)]
struct Entry {
    waker: Waker,
    tick: u64,
    next: u32,
    previous: u32,
}

impl Default for Wheel {
    fn default() -> Self {
        Self { heads: vec![NONE; SLOTS as usize], entries: Slab::new(), done: 0 }
    }
}

impl Wheel {
    /// One more that may be woken; gives its place.
    pub(crate) fn enter(&mut self, waker: Waker) -> u32 {
        let entry = Entry { waker, tick: UNSET, next: NONE, previous: NONE };
        // There are no more connections than descriptors, which are fewer than that.
        u32::try_from(self.entries.insert(entry)).unwrap_or(NONE)
    }

    /// Forgets one.
    pub(crate) fn leave(&mut self, place: u32) {
        self.unset(place);
        self.entries.try_remove(place as usize);
    }

    /// Has one woken at `tick`, or at the next if that has passed, instead of when it was set to
    /// before.
    pub(crate) fn set(&mut self, place: u32, tick: u64) {
        self.unset(place);
        let tick = tick.max(self.done + 1);
        let Some(head) = self.heads.get_mut(slot(tick)) else { return };
        let Some(entry) = self.entries.get_mut(place as usize) else { return };
        let next = std::mem::replace(head, place);
        (entry.tick, entry.next, entry.previous) = (tick, next, NONE);
        if let Some(next) = self.entries.get_mut(next as usize) {
            next.previous = place;
        }
    }

    fn unset(&mut self, place: u32) {
        let Some(entry) = self.entries.get_mut(place as usize) else { return };
        let tick = std::mem::replace(&mut entry.tick, UNSET);
        if tick == UNSET {
            return;
        }
        let (next, previous) = (entry.next, entry.previous);
        if let Some(next) = self.entries.get_mut(next as usize) {
            next.previous = previous;
        }
        match self.entries.get_mut(previous as usize) {
            Some(previous) => previous.next = next,
            None => {
                if let Some(head) = self.heads.get_mut(slot(tick)) {
                    *head = next;
                }
            }
        }
    }

    /// Moves on to tick `now`; adds to `due` whose tick has come, each once.
    pub(crate) fn advance(&mut self, now: u64, due: &mut Vec<Waker>) {
        let first = (self.done + 1).max((now + 1).saturating_sub(SLOTS));
        self.done = self.done.max(now);
        for tick in first..=now {
            let mut place = self.heads.get(slot(tick)).copied().unwrap_or(NONE);
            while let Some(entry) = self.entries.get(place as usize) {
                let next = entry.next;
                if entry.tick <= now {
                    due.push(entry.waker.clone());
                    self.unset(place);
                }
                place = next;
            }
        }
    }

    /// The next tick worth looking at, if there is any: not later than the earliest that is set.
    pub(crate) fn next(&self) -> Option<u64> {
        let ahead = (1..=SLOTS).map(|ticks| self.done + ticks);
        let mut ahead = ahead.filter(|tick| self.heads.get(slot(*tick)) != Some(&NONE));
        ahead.next()
    }

    /// Everybody, set or not.
    pub(crate) fn all(&self) -> Vec<Waker> {
        self.entries.iter().map(|(_, entry)| entry.waker.clone()).collect()
    }

    /// How many there are, set or not.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

fn slot(tick: u64) -> usize {
    (tick % SLOTS) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Sleeper(AtomicU32);

    impl Wake for Sleeper {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    struct Bench {
        wheel: Wheel,
        sleepers: Vec<(u32, Arc<Sleeper>)>,
    }

    impl Bench {
        fn new(count: usize) -> Self {
            let mut wheel = Wheel::default();
            let sleepers = (0..count)
                .map(|_| {
                    let sleeper = Arc::<Sleeper>::default();
                    (wheel.enter(Waker::from(Arc::clone(&sleeper))), sleeper)
                })
                .collect();
            Self { wheel, sleepers }
        }

        /// Who is woken by moving on to `now`.
        fn advance(&mut self, now: u64) -> Vec<usize> {
            let mut due = Vec::new();
            self.wheel.advance(now, &mut due);
            due.into_iter().for_each(Waker::wake);
            let woken = self.sleepers.iter().enumerate();
            woken
                .flat_map(|(number, (_, sleeper))| {
                    let times = sleeper.0.swap(0, Ordering::Relaxed);
                    std::iter::repeat_n(number, times as usize)
                })
                .collect()
        }

        fn set(&mut self, number: usize, tick: u64) {
            self.wheel.set(self.sleepers[number].0, tick);
        }
    }

    #[test]
    fn who_is_set_is_woken_at_its_tick_and_once() {
        let mut bench = Bench::new(3);
        assert_eq!(bench.wheel.next(), None);
        bench.set(0, 5);
        bench.set(1, 5);
        bench.set(2, 6);
        assert_eq!(bench.wheel.next(), Some(5));
        assert_eq!(bench.advance(4), []);
        assert_eq!(bench.advance(5), [0, 1]);
        assert_eq!(bench.wheel.next(), Some(6));
        assert_eq!(bench.advance(100), [2]);
        assert_eq!(bench.wheel.next(), None);
        // Too late: at the next tick.
        bench.set(0, 7);
        assert_eq!(bench.wheel.next(), Some(101));
        assert_eq!(bench.advance(101), [0]);
    }

    #[test]
    fn a_far_tick_waits_through_the_revolutions() {
        let mut bench = Bench::new(2);
        let far = 3 * SLOTS + 5;
        bench.set(0, far);
        bench.set(1, far + 1);
        assert_eq!(bench.wheel.next(), Some(5));
        for tick in 1..far {
            assert_eq!(bench.advance(tick), [], "{tick}");
        }
        assert_eq!(bench.advance(far), [0]);
        // The clock may jump over whole revolutions.
        assert_eq!(bench.advance(far + 10 * SLOTS), [1]);
    }

    #[test]
    fn who_left_is_not_woken() {
        let mut bench = Bench::new(3);
        for number in 0..3 {
            bench.set(number, 9);
        }
        let place = bench.sleepers[1].0;
        bench.wheel.leave(place);
        assert_eq!(bench.advance(9), [0, 2]);
        assert_eq!(bench.wheel.len(), 2);
        assert_eq!(bench.wheel.all().len(), 2);
    }

    #[test]
    fn it_agrees_with_a_sorted_list_whatever_is_set_and_moved() {
        let mut bench = Bench::new(50);
        let mut model: BTreeMap<usize, u64> = BTreeMap::new();
        let (mut state, mut now) = (7_u64, 0);
        let mut random = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        for _ in 0..20_000 {
            let number = random(50) as usize;
            let tick = now + 1 + random(3 * SLOTS);
            bench.set(number, tick);
            model.insert(number, tick);
            let earliest = model.values().min().copied();
            assert!(bench.wheel.next() <= earliest);
            if random(4) == 0 {
                now += random(200);
                let due: Vec<usize> =
                    model.iter().filter(|(_, tick)| **tick <= now).map(|(who, _)| *who).collect();
                model.retain(|_, tick| *tick > now);
                assert_eq!(bench.advance(now), due);
            }
        }
    }

    #[test]
    fn an_entry_takes_32_bytes() {
        assert_eq!(size_of::<Entry>(), 32);
    }
}
