//! What is bound by one key.

use smallvec::SmallVec;

/// What a message was found to go to; up to so many without allocating.
pub(crate) type Found<'a, T> = SmallVec<[&'a T; 16]>;

/// What is bound by one key: nearly always one target. A target bound twice, with different
/// arguments, is in it twice.
#[derive(Debug)]
pub(super) struct Targets<T>(SmallVec<[T; 1]>);

impl<T> Default for Targets<T> {
    fn default() -> Self {
        Self(SmallVec::new())
    }
}

impl<T: PartialEq> Targets<T> {
    pub(super) fn add(&mut self, target: T) {
        self.0.push(target);
    }

    /// Takes `target` out once, at the cost of looking at those before it.
    pub(super) fn remove(&mut self, target: &T) {
        if let Some(at) = self.0.iter().position(|bound| bound == target) {
            self.0.swap_remove(at);
            if self.0.len() * 4 <= self.0.capacity() {
                self.0.shrink_to_fit();
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn find<'a>(&'a self, found: &mut Found<'a, T>) {
        found.extend(&self.0);
    }
}
