//! The direct exchange: a binding key equal to a routing key, byte by byte.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use model::RoutingKey;

use super::targets::{Bindable, Found, Targets};

/// Targets by key.
#[derive(Debug)]
pub(super) struct Direct<T> {
    by_key: HashMap<Box<[u8]>, Targets<T>, RandomState>,
}

impl<T> Default for Direct<T> {
    fn default() -> Self {
        Self { by_key: HashMap::default() }
    }
}

impl<T: Bindable> Direct<T> {
    pub(super) fn bind(&mut self, key: &RoutingKey, target: T) {
        self.by_key.entry(key.as_bytes().into()).or_default().add(target);
    }

    pub(super) fn unbind(&mut self, key: &RoutingKey, target: &T) {
        let Some(targets) = self.by_key.get_mut(key.as_bytes()) else { return };
        targets.remove(target);
        if targets.is_empty() {
            self.by_key.remove(key.as_bytes());
            super::topic::shrink(&mut self.by_key);
        }
    }

    pub(super) fn route<'a>(&'a self, key: &[u8], found: &mut Found<'a, T>) {
        if let Some(targets) = self.by_key.get(key) {
            targets.find(found);
        }
    }
}
