//! Lists of what exists: taken one object at a time, by name. Changes nothing, asks no permission.
//!
//! A topic subscription is listed as the subscription queue that RabbitMQ would have made for it.

use std::sync::Arc;
use std::time::Instant;

use model::{
    AckMode, Binding, Destination, ExchangeName, FieldTable, QueueName, RoutingKey, VhostName,
};

use crate::broker::Broker;
use crate::exchange::Exchange;
use crate::policy::{Policies, Policy, PolicyKind, Subject};
use crate::queue::{ConsumerView, Counts, Queue, QueueKind, Totals};
use crate::stats::Count;
use crate::stream::{CursorView, Stream};
use crate::vhost::{Target, Vhost};
use crate::view::{
    BindingView, ConsumerOf, ExchangeView, PermissionView, QueueView, RulesView,
    TopicPermissionView, TotalsView, UserView, VhostView,
};

impl Broker {
    /// All vhosts.
    pub fn list_vhosts(&self) -> Vec<VhostView> {
        let view = |vhost: &Arc<Vhost>| {
            let metadata = vhost.metadata();
            VhostView {
                name: vhost.name().clone(),
                description: metadata.description,
                tags: metadata.tags,
                limits: metadata.limits,
            }
        };
        self.all_vhosts().iter().map(view).collect()
    }

    /// The policies of one kind in a vhost, the one that counts first at the front; `None` if there
    /// is no such vhost.
    pub fn list_policies(&self, vhost: &VhostName, kind: PolicyKind) -> Option<Vec<Arc<Policy>>> {
        let vhost = self.vhost(vhost).ok()?;
        Some(vhost.policies().of(kind).to_vec())
    }

    /// The exchanges of a vhost; `None` if there is no such vhost.
    pub fn list_exchanges(&self, vhost: &VhostName) -> Option<Vec<ExchangeView>> {
        let vhost = self.vhost(vhost).ok()?;
        let policies = vhost.policies();
        let view = |exchange: &Exchange<Target>| exchange_view(&vhost, &policies, exchange);
        let mut all: Vec<ExchangeView> = vhost.look().exchanges().map(view).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Some(all)
    }

    /// The queues of a vhost and the topic subscriptions; `None` if there is no such vhost.
    pub fn list_queues(&self, vhost: &VhostName) -> Option<Vec<QueueView>> {
        let vhost = self.vhost(vhost).ok()?;
        let policies = vhost.policies();
        let view = |queue| queue_view(&vhost, &policies, queue);
        let mut all: Vec<QueueView> = queues(&vhost).iter().map(view).collect();
        let now = Instant::now();
        for (.., stream) in streams(&vhost) {
            let cursors = stream.views(now).into_iter();
            all.extend(cursors.map(|cursor| subscription_view(&vhost, &policies, cursor)));
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Some(all)
    }

    /// The bindings of a vhost: those made, those that topic subscriptions stand for, and that of
    /// every queue to the default exchange; `None` if there is no such vhost.
    pub fn list_bindings(&self, vhost: &VhostName) -> Option<Vec<BindingView>> {
        let vhost = self.vhost(vhost).ok()?;
        let made: Vec<Binding> = vhost.look().bindings().collect();
        let mut all = made;
        all.extend(queues(&vhost).iter().filter_map(|queue| by_default(queue.name().clone())));
        let now = Instant::now();
        for (source, key, stream) in streams(&vhost) {
            for cursor in stream.views(now) {
                all.extend(by_default(cursor.name.clone()));
                all.push(binding(&source, &key, cursor.name));
            }
        }
        let identity =
            |one: &Binding| (one.source.clone(), one.destination.clone(), one.key.clone());
        all.sort_by_cached_key(identity);
        let view = |binding| BindingView { vhost: vhost.name().clone(), binding };
        Some(all.into_iter().map(view).collect())
    }

    /// All users.
    pub fn list_users(&self) -> Vec<UserView> {
        let users: Vec<_> = self.rights.read().users.values().cloned().collect();
        let view = |user: &Arc<crate::auth::User>| {
            let hash = user.password.as_ref();
            UserView {
                name: user.name.clone(),
                tags: user.tags.clone(),
                password_hash: hash.map(|hash| hash.to_base64()).unwrap_or_default(),
                hashing_algorithm: hash.map(|hash| hash.algorithm()).unwrap_or_default().as_str(),
                connections_max: user.limits.connections_max,
                channels_max: user.limits.channels_max,
            }
        };
        users.iter().map(view).collect()
    }

    /// Everybody's patterns, by vhost and user.
    pub fn list_permissions(&self) -> Vec<PermissionView> {
        let tables = self.rights.read();
        let rows = tables.permissions().map(|(vhost, user, permission)| PermissionView {
            user: user.clone(),
            vhost: vhost.clone(),
            permission: permission.clone(),
        });
        rows.collect()
    }

    /// Everybody's patterns for keys, by vhost, user and exchange.
    pub fn list_topic_permissions(&self) -> Vec<TopicPermissionView> {
        let tables = self.rights.read();
        let rows = tables.topic_permissions();
        let rows = rows.map(|(vhost, user, exchange, permission)| TopicPermissionView {
            user: user.clone(),
            vhost: vhost.clone(),
            exchange: exchange.clone(),
            permission: permission.clone(),
        });
        rows.collect()
    }

    /// Everybody's destination rules.
    pub fn list_rules(&self) -> Vec<RulesView> {
        let tables = self.rights.read();
        let rows = tables.rules();
        rows.map(|(subject, rules)| RulesView { subject: subject.clone(), rules: rules.to_vec() })
            .collect()
    }

    /// What the whole node has done and holds.
    pub fn totals(&self) -> TotalsView {
        let mut totals = TotalsView { queues: *self.past.lock(), ..TotalsView::default() };
        let now = Instant::now();
        for vhost in self.all_vhosts() {
            totals.exchange_count += vhost.look().exchanges().count() as u64;
            for queue in queues(&vhost) {
                let counts = queue.counts();
                add_totals(&mut totals.queues, counts.totals);
                totals.queue_count += 1;
                totals.ready += counts.ready;
                totals.unacked += counts.unacked;
                totals.consumer_count += u64::from(counts.consumers);
            }
            for stream in vhost.streams() {
                let of_stream = stream.totals(now);
                totals.queue_count += of_stream.cursors;
                totals.consumer_count += of_stream.cursors;
                totals.ready += of_stream.ready;
                totals.dropped_slow += of_stream.dropped;
            }
        }
        let total = |what| self.counters.total(what);
        totals.queues.delivered_automatic += total(Count::Followed);
        totals.published = total(Count::Published);
        totals.confirmed = total(Count::Confirmed);
        totals.returned = total(Count::Returned);
        totals.dropped_unroutable = total(Count::Unroutable).saturating_sub(totals.returned);
        totals.dropped_slow += total(Count::Dropped);
        let held = self.budget.held();
        (totals.stream_messages, totals.stream_bytes) = (held.messages, held.bytes);
        totals.queues_declared = total(Count::QueuesDeclared);
        totals.queues_created = total(Count::QueuesCreated);
        totals.queues_deleted = total(Count::QueuesDeleted);
        totals
    }

    fn all_vhosts(&self) -> Vec<Arc<Vhost>> {
        self.vhosts.read().values().cloned().collect()
    }
}

fn queues(vhost: &Vhost) -> Vec<Arc<Queue>> {
    vhost.look().queues().cloned().collect()
}

fn streams(vhost: &Vhost) -> Vec<(ExchangeName, RoutingKey, Arc<Stream>)> {
    let topology = vhost.look();
    let row = |(source, key, stream): (&ExchangeName, &RoutingKey, &Arc<Stream>)| {
        (source.clone(), key.clone(), Arc::clone(stream))
    };
    topology.streams().iter().map(row).collect()
}

fn exchange_view(vhost: &Vhost, policies: &Policies, exchange: &Exchange<Target>) -> ExchangeView {
    let spec = exchange.spec();
    ExchangeView {
        vhost: vhost.name().clone(),
        name: spec.name.clone(),
        kind: exchange.kind().as_str(),
        is_durable: spec.is_durable,
        is_auto_delete: spec.is_auto_delete,
        is_internal: spec.is_internal,
        arguments: spec.arguments.clone(),
        policies: policies.effective(Subject::Exchange, spec.name.as_str()),
        published_in: exchange.published_in(),
        published_out: exchange.published_out(),
    }
}

fn queue_view(vhost: &Vhost, policies: &Policies, queue: &Arc<Queue>) -> QueueView {
    let consumer = |known: ConsumerView| ConsumerOf {
        link: known.link,
        channel: known.channel,
        tag: known.tag,
        is_acknowledging: known.ack == AckMode::Manual,
        prefetch: known.prefetch,
        is_exclusive: known.is_exclusive,
        is_active: known.is_active,
        arguments: known.arguments,
    };
    QueueView {
        vhost: vhost.name().clone(),
        name: queue.name().clone(),
        kind: queue.kind(),
        is_durable: queue.is_durable(),
        is_auto_delete: queue.is_auto_delete(),
        owner: queue.owner(),
        arguments: queue.arguments().clone(),
        policies: policies.effective(queue.kind().subject(), queue.name().as_str()),
        counts: queue.counts(),
        dropped_slow: 0,
        consumers: queue.consumers().into_iter().map(consumer).collect(),
    }
}

fn subscription_view(vhost: &Vhost, policies: &Policies, cursor: CursorView) -> QueueView {
    let totals = Totals {
        published: cursor.delivered + cursor.dropped + cursor.ready,
        delivered_automatic: cursor.delivered,
        ..Totals::default()
    };
    let counts = Counts {
        ready: cursor.ready,
        ready_bytes: cursor.ready_bytes,
        consumers: 1,
        totals,
        ..Counts::default()
    };
    let consumer = ConsumerOf {
        link: cursor.link,
        channel: cursor.channel,
        tag: cursor.tag,
        is_acknowledging: false,
        prefetch: 0,
        is_exclusive: false,
        is_active: true,
        arguments: FieldTable::new(),
    };
    QueueView {
        vhost: vhost.name().clone(),
        policies: policies.effective(Subject::Classic, cursor.name.as_str()),
        name: cursor.name,
        kind: QueueKind::Classic,
        is_durable: false,
        is_auto_delete: true,
        owner: Some(cursor.link),
        arguments: cursor.arguments,
        counts,
        dropped_slow: cursor.dropped,
        consumers: vec![consumer],
    }
}

fn binding(source: &ExchangeName, key: &RoutingKey, queue: QueueName) -> Binding {
    Binding {
        source: source.clone(),
        destination: Destination::Queue(queue),
        key: key.clone(),
        arguments: FieldTable::new(),
    }
}

/// Every queue is bound to the default exchange by its name.
fn by_default(queue: QueueName) -> Option<Binding> {
    let key = RoutingKey::parse(queue.as_str().as_bytes()).ok()?;
    Some(binding(&ExchangeName::default_exchange(), &key, queue))
}

/// Adds what went through another queue.
pub(crate) fn add_totals(sum: &mut Totals, more: Totals) {
    sum.published += more.published;
    sum.delivered += more.delivered;
    sum.delivered_automatic += more.delivered_automatic;
    sum.got += more.got;
    sum.got_automatic += more.got_automatic;
    sum.got_empty += more.got_empty;
    sum.redelivered += more.redelivered;
    sum.acked += more.acked;
    sum.rejected += more.rejected;
    sum.died += more.died;
}
