//! An exchange: what it was declared as, what is bound to it, and the table that finds targets.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use model::{
    Destination, ExchangeKind, ExchangeName, ExchangeSpec, FieldTable, FieldValue, Refusal,
    RoutingKey,
};
use smallvec::SmallVec;

use super::address::Address;
use super::direct::Direct;
use super::fanout::Fanout;
use super::headers::{self, Headers};
use super::targets::{Bindable, Found};
use super::topic::{self, Topic};

/// An exchange whose bindings lead to targets of type `T`.
#[derive(Debug)]
pub(crate) struct Exchange<T> {
    spec: ExchangeSpec,
    kind: ExchangeKind,
    /// What a policy says, if the arguments do not.
    alternate: Option<ExchangeName>,
    /// What was bound by name. Two bindings that differ only in their arguments share an entry.
    bindings: BTreeMap<(Destination, RoutingKey), SmallVec<[Bound<T>; 1]>>,
    /// How many targets were attached, which have no name.
    attached: usize,
    table: Table<T>,
    published_in: AtomicU64,
    published_out: AtomicU64,
}

#[derive(Debug)]
struct Bound<T> {
    arguments: FieldTable,
    target: T,
}

#[derive(Debug)]
enum Table<T> {
    Direct(Direct<T>),
    Fanout(Fanout<T>),
    Topic(Topic<T>),
    Headers(Headers<T>),
}

/// What an unbind left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unbound {
    /// There was no such binding.
    Nothing,
    /// It is gone; another with the same destination and key, and other arguments, stays.
    OneOfSeveral,
    /// It is gone, and was the last with that destination and key.
    Last,
}

impl<T: Bindable> Exchange<T> {
    /// An exchange without bindings. `kind` is what `spec.kind` says.
    pub(crate) fn new(spec: ExchangeSpec, kind: ExchangeKind) -> Self {
        let table = match kind {
            ExchangeKind::Direct => Table::Direct(Direct::default()),
            ExchangeKind::Fanout => Table::Fanout(Fanout::default()),
            ExchangeKind::Topic => Table::Topic(Topic::default()),
            ExchangeKind::Headers => Table::Headers(Headers::default()),
        };
        Self {
            spec,
            kind,
            alternate: None,
            bindings: BTreeMap::new(),
            attached: 0,
            table,
            published_in: AtomicU64::new(0),
            published_out: AtomicU64::new(0),
        }
    }

    /// What it was declared as.
    pub(crate) fn spec(&self) -> &ExchangeSpec {
        &self.spec
    }

    /// How it routes.
    pub(crate) fn kind(&self) -> ExchangeKind {
        self.kind
    }

    /// The exchange that gets what this one cannot route: its own argument before what a policy
    /// says. Source: RabbitMQ, "Alternate Exchanges".
    pub(crate) fn alternate(&self) -> Option<&str> {
        let own = self.spec.arguments.get("alternate-exchange").and_then(FieldValue::as_str);
        own.or_else(|| self.alternate.as_ref().map(ExchangeName::as_str))
    }

    /// What a policy says about it from here on.
    pub(crate) fn set_alternate(&mut self, alternate: Option<ExchangeName>) {
        self.alternate = alternate;
    }

    /// Whether a binding with that key and those arguments can be.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidBinding`] if this kind of exchange cannot use them.
    pub(crate) fn check(&self, key: &RoutingKey, arguments: &FieldTable) -> Result<(), Refusal> {
        match self.kind {
            ExchangeKind::Direct | ExchangeKind::Fanout => Ok(()),
            ExchangeKind::Topic => topic::check(key),
            ExchangeKind::Headers => headers::check(arguments),
        }
    }

    /// Binds; whether that is new. `arguments` are sorted.
    pub(crate) fn bind(
        &mut self,
        destination: Destination,
        key: &RoutingKey,
        arguments: FieldTable,
        target: T,
    ) -> bool {
        let same_key = self.bindings.entry((destination, key.clone())).or_default();
        if same_key.iter().any(|bound| bound.arguments == arguments) {
            return false;
        }
        self.table.bind(key, &arguments, target.clone());
        same_key.push(Bound { arguments, target });
        true
    }

    /// Unbinds. `arguments` are sorted.
    pub(crate) fn unbind(
        &mut self,
        destination: Destination,
        key: &RoutingKey,
        arguments: &FieldTable,
    ) -> Unbound {
        let identity = (destination, key.clone());
        let Some(same_key) = self.bindings.get_mut(&identity) else { return Unbound::Nothing };
        let Some(at) = same_key.iter().position(|bound| bound.arguments == *arguments) else {
            return Unbound::Nothing;
        };
        let bound = same_key.remove(at);
        self.table.unbind(key, arguments, &bound.target);
        if !same_key.is_empty() {
            return Unbound::OneOfSeveral;
        }
        self.bindings.remove(&identity);
        Unbound::Last
    }

    /// Unbinds whatever leads to `destination` by `key`; gives the arguments of each binding.
    pub(crate) fn unbind_all(
        &mut self,
        destination: Destination,
        key: &RoutingKey,
    ) -> SmallVec<[FieldTable; 1]> {
        let same_key = self.bindings.remove(&(destination, key.clone())).unwrap_or_default();
        let unbound = same_key.into_iter().map(|bound| {
            self.table.unbind(key, &bound.arguments, &bound.target);
            bound.arguments
        });
        unbound.collect()
    }

    /// Binds a target that has no name, without arguments.
    pub(crate) fn attach(&mut self, key: &RoutingKey, target: T) {
        self.attached += 1;
        self.table.bind(key, &FieldTable::new(), target);
    }

    /// Unbinds a target that was attached.
    pub(crate) fn detach(&mut self, key: &RoutingKey, target: &T) {
        self.attached = self.attached.saturating_sub(1);
        self.table.unbind(key, &FieldTable::new(), target);
    }

    /// Adds what `address` leads to; a target may come more than once.
    pub(crate) fn route<'a>(&'a self, address: &Address<'_>, found: &mut Found<'a, T>) {
        match &self.table {
            Table::Fanout(fanout) => fanout.route(found),
            Table::Headers(headers) => headers.route(address.headers(), found),
            Table::Direct(direct) => {
                address.keys().iter().for_each(|key| direct.route(key, found));
            }
            Table::Topic(topic) => address.keys().iter().for_each(|key| topic.route(key, found)),
        }
    }

    /// Counts messages that came in and went out to so many targets each.
    pub(crate) fn count(&self, messages: usize, targets: usize) {
        self.published_in.fetch_add(messages as u64, Ordering::Relaxed);
        self.published_out.fetch_add((messages * targets) as u64, Ordering::Relaxed);
    }

    /// How many messages came in.
    pub(crate) fn published_in(&self) -> u64 {
        self.published_in.load(Ordering::Relaxed)
    }

    /// How many went out, one for each target.
    pub(crate) fn published_out(&self) -> u64 {
        self.published_out.load(Ordering::Relaxed)
    }

    /// Whether nothing is bound to it.
    pub(crate) fn is_unused(&self) -> bool {
        self.bindings.is_empty() && self.attached == 0
    }

    /// Everything bound by name, in the order of destination and key.
    pub(crate) fn bindings(
        &self,
    ) -> impl Iterator<Item = (&Destination, &RoutingKey, &FieldTable)> {
        self.bindings.iter().flat_map(|((destination, key), same_key)| {
            same_key.iter().map(move |bound| (destination, key, &bound.arguments))
        })
    }
}

impl<T: Bindable> Table<T> {
    fn bind(&mut self, key: &RoutingKey, arguments: &FieldTable, target: T) {
        match self {
            Self::Direct(direct) => direct.bind(key, target),
            Self::Fanout(fanout) => fanout.bind(target),
            Self::Topic(topic) => topic.bind(key, target),
            Self::Headers(headers) => headers.bind(arguments, target),
        }
    }

    fn unbind(&mut self, key: &RoutingKey, arguments: &FieldTable, target: &T) {
        match self {
            Self::Direct(direct) => direct.unbind(key, target),
            Self::Fanout(fanout) => fanout.unbind(target),
            Self::Topic(topic) => topic.unbind(key, target),
            Self::Headers(headers) => headers.unbind(arguments, target),
        }
    }
}
