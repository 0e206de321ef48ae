//! The fanout exchange: everything bound, whatever the key.

use super::targets::{Bindable, Found, Targets};

/// Everything bound.
#[derive(Debug)]
pub(super) struct Fanout<T>(Targets<T>);

impl<T> Default for Fanout<T> {
    fn default() -> Self {
        Self(Targets::default())
    }
}

impl<T: Bindable> Fanout<T> {
    pub(super) fn bind(&mut self, target: T) {
        self.0.add(target);
    }

    pub(super) fn unbind(&mut self, target: &T) {
        self.0.remove(target);
    }

    pub(super) fn route<'a>(&'a self, found: &mut Found<'a, T>) {
        self.0.find(found);
    }
}
