//! What is bound by one key.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;
use smallvec::SmallVec;

/// What a message was found to go to; up to so many without allocating.
pub(crate) type Found<'a, T> = SmallVec<[&'a T; 16]>;

/// What bindings lead to: something that can be found again among many.
pub(crate) trait Bindable: Clone + Eq + Hash {}

impl<T: Clone + Eq + Hash> Bindable for T {}

/// What is bound by one key: nearly always one target. A target bound twice, with different
/// arguments, is in it twice.
#[derive(Debug, Default)]
pub(super) enum Targets<T> {
    #[default]
    None,
    One(T),
    Several(Box<Several<T>>),
}

/// From this many targets on, one to be taken out is looked up, not searched: ten thousand queues
/// may be bound by one key, and go at once.
const INDEXED_MIN: usize = 16;

#[derive(Debug)]
pub(super) struct Several<T> {
    list: Vec<T>,
    /// Where in `list` a target is; empty while the list is short.
    places: HashMap<T, SmallVec<[usize; 1]>, RandomState>,
}

impl<T: Bindable> Targets<T> {
    pub(super) fn add(&mut self, target: T) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(target),
            Self::One(first) => {
                let list = vec![first, target];
                Self::Several(Box::new(Several { list, places: HashMap::default() }))
            }
            Self::Several(mut several) => {
                several.add(target);
                Self::Several(several)
            }
        };
    }

    /// Takes `target` out once.
    pub(super) fn remove(&mut self, target: &T) {
        match self {
            Self::One(bound) if bound == target => *self = Self::None,
            Self::Several(several) => {
                several.remove(target);
                if several.list.len() == 1 {
                    *self = several.list.pop().map_or(Self::None, Self::One);
                }
            }
            Self::None | Self::One(_) => {}
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }

    pub(super) fn find<'a>(&'a self, found: &mut Found<'a, T>) {
        match self {
            Self::None => {}
            Self::One(target) => found.push(target),
            Self::Several(several) => found.extend(&several.list),
        }
    }
}

impl<T: Bindable> Several<T> {
    fn add(&mut self, target: T) {
        self.list.push(target);
        let first = match self.places.is_empty() {
            true if self.list.len() < INDEXED_MIN => return,
            true => 0,
            false => self.list.len() - 1,
        };
        for (at, target) in self.list.iter().enumerate().skip(first) {
            self.places.entry(target.clone()).or_default().push(at);
        }
    }

    fn remove(&mut self, target: &T) {
        let Some(at) = self.take_place(target) else { return };
        self.list.swap_remove(at);
        let from = self.list.len();
        if let Some(moved) = self.list.get(at)
            && let Some(places) = self.places.get_mut(moved)
        {
            places.iter_mut().filter(|place| **place == from).for_each(|place| *place = at);
        }
        if self.list.len() < INDEXED_MIN / 2 {
            self.places = HashMap::default();
        }
        if self.list.len() * 4 <= self.list.capacity() {
            self.list.shrink_to(self.list.len() * 2);
            self.places.shrink_to(self.places.len() * 2);
        }
    }

    /// Where a target is; it is no longer known to be there.
    fn take_place(&mut self, target: &T) -> Option<usize> {
        if self.places.is_empty() {
            return self.list.iter().position(|bound| bound == target);
        }
        let places = self.places.get_mut(target)?;
        let at = places.pop();
        if places.is_empty() {
            self.places.remove(target);
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::hash::Hasher;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_what_a_list_would_be(
            steps in prop::collection::vec((any::<bool>(), 0_u8..40), 0..300),
        ) {
            let mut targets = Targets::default();
            let mut list = Vec::new();
            for (adds, target) in steps {
                if adds {
                    targets.add(target);
                    list.push(target);
                } else {
                    targets.remove(&target);
                    if let Some(at) = list.iter().position(|known| *known == target) {
                        list.remove(at);
                    }
                }
                let mut found = Found::new();
                targets.find(&mut found);
                let mut found: Vec<u8> = found.into_iter().copied().collect();
                found.sort_unstable();
                list.sort_unstable();
                prop_assert_eq!(&found, &list);
                prop_assert_eq!(targets.is_empty(), list.is_empty());
            }
        }
    }

    thread_local! {
        static COMPARED: Cell<u64> = const { Cell::new(0) };
    }

    #[derive(Clone, Debug, Eq)]
    struct Counted(u32);

    impl Hash for Counted {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }

    impl PartialEq for Counted {
        fn eq(&self, other: &Self) -> bool {
            COMPARED.set(COMPARED.get() + 1);
            self.0 == other.0
        }
    }

    #[test]
    fn ten_thousand_that_share_a_key_come_and_go_without_a_search() {
        const COUNT: u32 = 10_000;
        let mut targets = Targets::default();
        (0..COUNT).for_each(|number| targets.add(Counted(number)));
        (0..COUNT).for_each(|number| targets.remove(&Counted(number)));
        assert!(targets.is_empty());
        let compared = COMPARED.get();
        assert!(compared < u64::from(COUNT) * 16, "{compared}");
    }
}
