//! What listings see: snapshots, taken one object at a time. Changes nothing, asks no permission.
//!
//! A topic subscription is shown as the subscription queue that RabbitMQ would have made for it.

use std::sync::Arc;

use model::{
    AckMode, Binding, Destination, DestinationRule, ExchangeName, ExchangeSpec, FieldTable, LinkId,
    Permission, QueueName, Refusal, RoutingKey, UserName, VhostName,
};

use crate::auth::{RuleSubject, TopicPermission, User};
use crate::broker::{Broker, Identity};
use crate::queue::{ConsumerView, Counts, Queue, QueueKind, Totals};
use crate::stats::Count;
use crate::stream::{CursorView, Stream};
use crate::vhost::{Vhost, VhostMetadata};

/// An exchange.
#[derive(Clone, Debug)]
pub struct ExchangeView {
    /// What it was declared as.
    pub spec: ExchangeSpec,
    /// Messages that came in.
    pub published_in: u64,
    /// Messages that went out, one for each queue or stream.
    pub published_out: u64,
}

/// A queue, or a topic subscription that is shown as one.
#[derive(Clone, Debug)]
pub struct QueueView {
    /// Its name.
    pub name: QueueName,
    /// What kind it was declared as.
    pub kind: QueueKind,
    /// Whether it survives a restart.
    pub is_durable: bool,
    /// Whether it ends with its last consumer.
    pub is_auto_delete: bool,
    /// The link it belongs to, if it is exclusive.
    pub owner: Option<LinkId>,
    /// Its arguments.
    pub arguments: FieldTable,
    /// How full it is and what went through it.
    pub counts: Counts,
    /// Its consumers.
    pub consumers: Vec<ConsumerView>,
}

/// Totals of the node since its start, in messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageTotals {
    /// Published.
    pub published: u64,
    /// Confirmed.
    pub confirmed: u64,
    /// Mandatory, went nowhere, came back.
    pub returned_unroutable: u64,
    /// Went nowhere, dropped.
    pub dropped_unroutable: u64,
    /// What went through queues. Those of topic subscriptions count as deliveries without
    /// acknowledgement.
    pub queues: Totals,
}

/// Changes of the node since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueChurn {
    /// Declares, also of what was there.
    pub declared: u64,
    /// Declares of what was not.
    pub created: u64,
    /// Deleted.
    pub deleted: u64,
}

impl QueueView {
    fn of_queue(queue: &Arc<Queue>) -> Self {
        Self {
            name: queue.name().clone(),
            kind: queue.kind(),
            is_durable: queue.is_durable(),
            is_auto_delete: queue.is_auto_delete(),
            owner: queue.owner(),
            arguments: queue.arguments().clone(),
            counts: queue.counts(),
            consumers: queue.consumers(),
        }
    }

    fn of_cursor(cursor: CursorView) -> Self {
        let totals = Totals {
            published: cursor.delivered + cursor.dropped + cursor.ready,
            delivered_automatic: cursor.delivered,
            died: cursor.dropped,
            ..Totals::default()
        };
        let counts = Counts {
            ready: cursor.ready,
            ready_bytes: cursor.ready_bytes,
            consumers: 1,
            totals,
            ..Counts::default()
        };
        let consumer = ConsumerView {
            link: cursor.link,
            consumer: cursor.consumer,
            tag: cursor.tag,
            channel: cursor.channel,
            ack: AckMode::Automatic,
            prefetch: 0,
            is_exclusive: false,
            is_active: true,
            priority: 0,
            arguments: FieldTable::new(),
        };
        Self {
            name: cursor.name,
            kind: QueueKind::Classic,
            is_durable: false,
            is_auto_delete: true,
            owner: Some(cursor.link),
            arguments: cursor.arguments,
            counts,
            consumers: vec![consumer],
        }
    }
}

impl Broker {
    /// All vhosts, by name.
    pub fn vhosts(&self) -> Vec<(VhostName, VhostMetadata)> {
        let vhosts: Vec<_> = self.vhosts.read().values().cloned().collect();
        vhosts.iter().map(|vhost| (vhost.name().clone(), vhost.metadata())).collect()
    }

    /// The exchanges of a vhost, by name.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSuchVhost`], as for all that follow.
    pub fn exchanges(&self, vhost: &VhostName) -> Result<Vec<ExchangeView>, Refusal> {
        let vhost = self.vhost(vhost)?;
        let view = |exchange: &crate::exchange::Exchange<_>| ExchangeView {
            spec: exchange.spec().clone(),
            published_in: exchange.published_in(),
            published_out: exchange.published_out(),
        };
        let mut all: Vec<ExchangeView> = vhost.look().exchanges().map(view).collect();
        all.sort_by(|one, other| one.spec.name.cmp(&other.spec.name));
        Ok(all)
    }

    /// The queues of a vhost and the topic subscriptions shown as such, by name.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSuchVhost`].
    pub fn queues(&self, vhost: &VhostName) -> Result<Vec<QueueView>, Refusal> {
        let vhost = self.vhost(vhost)?;
        let queues: Vec<Arc<Queue>> = vhost.look().queues().cloned().collect();
        let mut all: Vec<QueueView> = queues.iter().map(QueueView::of_queue).collect();
        for (.., stream) in streams(&vhost) {
            all.extend(stream.views().into_iter().map(QueueView::of_cursor));
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }

    /// One queue, or a topic subscription that is shown as one.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSuchVhost`], [`Refusal::NoSuchQueue`].
    pub fn queue(&self, vhost: &VhostName, name: &QueueName) -> Result<QueueView, Refusal> {
        let vhost = self.vhost(vhost)?;
        let missing = match vhost.queue(name.as_str()) {
            Ok(queue) => return Ok(QueueView::of_queue(&queue)),
            Err(missing) => missing,
        };
        let mut cursors = streams(&vhost).into_iter().flat_map(|(.., stream)| stream.views());
        cursors
            .find(|cursor| cursor.name == *name)
            .map_or(Err(missing), |cursor| Ok(QueueView::of_cursor(cursor)))
    }

    /// The bindings of a vhost: those made, those that topic subscriptions stand for, and those of
    /// every queue to the default exchange.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSuchVhost`].
    pub fn bindings(&self, vhost: &VhostName) -> Result<Vec<Binding>, Refusal> {
        let vhost = self.vhost(vhost)?;
        let (mut all, queues) = {
            let topology = vhost.look();
            let made: Vec<Binding> = topology.bindings().collect();
            let queues = topology.queues().map(|queue| queue.name().clone());
            (made, queues.collect::<Vec<QueueName>>())
        };
        all.extend(queues.into_iter().filter_map(by_default));
        for (source, key, stream) in streams(&vhost) {
            for cursor in stream.views() {
                all.extend(by_default(cursor.name.clone()));
                all.push(binding(&source, &key, cursor.name));
            }
        }
        all.sort_by(|one, other| {
            let part = |binding: &Binding| {
                (binding.source.clone(), binding.destination.clone(), binding.key.clone())
            };
            part(one).cmp(&part(other))
        });
        Ok(all)
    }

    /// The bindings of a vhost that lead to a queue, with the one to the default exchange.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSuchVhost`], [`Refusal::NoSuchQueue`].
    pub fn bindings_of_queue(
        &self,
        vhost: &VhostName,
        name: &QueueName,
    ) -> Result<Vec<Binding>, Refusal> {
        let found = self.vhost(vhost)?;
        if found.queue(name.as_str()).is_ok() {
            let mut all: Vec<Binding> = by_default(name.clone()).into_iter().collect();
            all.extend(found.look().bindings_to(&Destination::Queue(name.clone())));
            return Ok(all);
        }
        self.queue(vhost, name)?;
        let leads_there = |binding: &Binding| matches!(&binding.destination, Destination::Queue(queue) if queue == name);
        Ok(self.bindings(vhost)?.into_iter().filter(leads_there).collect())
    }

    /// All users, by name.
    pub fn users(&self) -> Vec<Arc<User>> {
        self.rights.read().users.values().cloned().collect()
    }

    /// Everybody's patterns, by vhost and user.
    pub fn permissions(&self) -> Vec<(VhostName, UserName, Permission)> {
        let tables = self.rights.read();
        let row = |(vhost, user, permission): (&VhostName, &UserName, &Permission)| {
            (vhost.clone(), user.clone(), permission.clone())
        };
        tables.permissions().map(row).collect()
    }

    /// Everybody's topic patterns, by vhost, user and exchange.
    pub fn topic_permissions(&self) -> Vec<(VhostName, UserName, ExchangeName, TopicPermission)> {
        let tables = self.rights.read();
        tables
            .topic_permissions()
            .map(|(vhost, user, exchange, permission)| {
                (vhost.clone(), user.clone(), exchange.clone(), permission.clone())
            })
            .collect()
    }

    /// Everybody's destination rules.
    pub fn rules(&self) -> Vec<(RuleSubject, Vec<DestinationRule>)> {
        let tables = self.rights.read();
        tables.rules().map(|(subject, rules)| (subject.clone(), rules.to_vec())).collect()
    }

    /// Whether somebody may enter a vhost.
    pub fn may_enter(&self, identity: &Identity, vhost: &VhostName) -> bool {
        self.rights.grants(&identity.user().name, vhost).is_ok()
    }

    /// Totals of messages since the start.
    pub fn message_totals(&self) -> MessageTotals {
        let mut queues = *self.past.lock();
        for vhost in self.all_vhosts() {
            let of_vhost: Vec<Arc<Queue>> = vhost.look().queues().cloned().collect();
            for queue in of_vhost {
                add_totals(&mut queues, queue.counts().totals);
            }
        }
        queues.delivered_automatic += self.counters.total(Count::Followed);
        let returned = self.counters.total(Count::Returned);
        MessageTotals {
            published: self.counters.total(Count::Published),
            confirmed: self.counters.total(Count::Confirmed),
            returned_unroutable: returned,
            dropped_unroutable: self.counters.total(Count::Unroutable).saturating_sub(returned),
            queues,
        }
    }

    /// Changes of queues since the start.
    pub fn queue_churn(&self) -> QueueChurn {
        QueueChurn {
            declared: self.counters.total(Count::QueuesDeclared),
            created: self.counters.total(Count::QueuesCreated),
            deleted: self.counters.total(Count::QueuesDeleted),
        }
    }

    fn all_vhosts(&self) -> Vec<Arc<Vhost>> {
        self.vhosts.read().values().cloned().collect()
    }
}

fn streams(vhost: &Vhost) -> Vec<(ExchangeName, RoutingKey, Arc<Stream>)> {
    let topology = vhost.look();
    let row = |(source, key, stream): (&ExchangeName, &RoutingKey, &Arc<Stream>)| {
        (source.clone(), key.clone(), Arc::clone(stream))
    };
    topology.streams().iter().map(row).collect()
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
