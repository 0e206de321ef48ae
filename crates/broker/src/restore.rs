//! A broker as it was left: its definitions, then the messages of its queues.

use std::sync::Arc;
use std::time::Instant;

use model::{ExchangeKind, QueueSpec, Refusal, RefusalKind, VhostName};

use crate::broker::{Broker, OPERATOR_LINK};
use crate::definitions::{Change, Definition, Failure, Loaded};
use crate::durability::Durability;
use crate::queue::{Journal, MessageLog, Queue};
use crate::store::{Batch, QueueId};
use crate::turn::Turn;
use crate::vhost::{Vhost, VhostMetadata};

/// Why a broker cannot go on from what was left.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A definition cannot be put into effect.
    #[error("cannot restore {what}: {refusal}")]
    Refused {
        /// Which.
        what: String,
        /// Why not.
        refusal: Refusal,
    },
    /// Something belongs to a vhost that is not there.
    #[error("cannot restore {what}: its vhost '{vhost}' is missing")]
    NoVhost {
        /// Which.
        what: String,
        /// The vhost.
        vhost: VhostName,
    },
    /// What was changed at the start cannot be kept.
    #[error(transparent)]
    Definitions(#[from] Failure),
    /// The operating system gives no thread.
    #[error("cannot start a thread for reading: {0}")]
    Thread(#[from] std::io::Error),
}

impl RestoreError {
    /// Whether only what it belongs to is missing.
    fn is_left_over(&self) -> bool {
        match self {
            Self::NoVhost { .. } => true,
            Self::Refused { refusal, .. } => refusal.kind() == RefusalKind::NotFound,
            Self::Definitions(_) | Self::Thread(_) => false,
        }
    }
}

/// Why not everything was kept at the end.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// Of the messages.
    #[error(transparent)]
    Store(#[from] crate::store::Failure),
    /// Of the definitions.
    #[error(transparent)]
    Definitions(#[from] Failure),
}

/// The order in which definitions need each other.
fn rank(definition: &Definition) -> u8 {
    match definition {
        Definition::Vhost(..) => 0,
        Definition::User(_) => 1,
        Definition::Permission(..) | Definition::TopicPermission(..) => 2,
        Definition::Policy(..) => 3,
        Definition::Exchange(..) => 4,
        Definition::Queue(..) => 5,
        Definition::Binding(..) => 6,
        Definition::Parameter(..) => 7,
    }
}

impl Broker {
    /// Puts definitions into effect. From the end on changes of them are kept.
    pub(crate) fn restore(&self, loaded: Loaded) -> Result<(), RestoreError> {
        let mut definitions = loaded.definitions;
        definitions.sort_by_key(rank);
        for definition in definitions {
            let key = definition.key();
            match self.restore_one(definition) {
                Ok(()) => {}
                // A crash came between two changes, the first of which took away what it needs.
                Err(error) if error.is_left_over() => {
                    tracing::warn!(%error, "forgotten, as what it belongs to is gone");
                    if let Some(durability) = &self.durability {
                        durability.definitions.push(Change::Remove(key));
                    }
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(durability) = &self.durability {
            for vhost in self.vhosts.read().values() {
                vhost.keep(&durability.definitions);
            }
        }
        Ok(())
    }

    fn restore_one(&self, definition: Definition) -> Result<(), RestoreError> {
        let what = describe(&definition);
        let vhost = |name: &VhostName| {
            let missing = |_| RestoreError::NoVhost { what: what.clone(), vhost: name.clone() };
            self.vhost(name).map_err(missing)
        };
        let refused = |refusal| RestoreError::Refused { what: what.clone(), refusal };
        match definition {
            Definition::Vhost(name, metadata) => {
                let vhost = Arc::new(Vhost::new(name.clone(), metadata));
                self.vhosts.write().insert(name, vhost);
            }
            Definition::User(user) => {
                self.rights.change(|tables| tables.users.insert(user.name.clone(), Arc::new(user)));
            }
            Definition::Permission(vhost, user, permission) => {
                let set = self.rights.change(|it| it.set_permission(&user, &vhost, permission));
                set.map_err(refused)?;
            }
            Definition::TopicPermission(vhost, user, exchange, permission) => {
                let set = self.rights.change(|tables| {
                    tables.set_topic_permission(&user, &vhost, exchange, permission)
                });
                set.map_err(refused)?;
            }
            Definition::Exchange(name, spec) => {
                let unknown = || refused(Refusal::UnknownExchangeType(spec.kind.clone()));
                let kind = ExchangeKind::parse(&spec.kind).ok_or_else(unknown)?;
                vhost(&name)?.change().add_exchange(&spec, kind);
            }
            Definition::Queue(name, spec, id) => {
                let vhost = vhost(&name)?;
                let Some(queue_name) = spec.name.clone() else { return Ok(()) };
                let mut turn = Turn::new(Instant::now());
                let log = self.log().map(|log| Journal::new(log, self.number_of(&name, &spec, id)));
                let made = Queue::create(&mut turn, &name, queue_name, None, &spec, log);
                let queue = made.map_err(refused)?;
                vhost.govern(&mut turn, &queue);
                vhost.change().add_queue(&queue);
                self.finish(&mut turn);
            }
            Definition::Binding(name, binding) => {
                let bound = vhost(&name)?.change().bind(&binding, OPERATOR_LINK, &name);
                bound.map_err(refused)?;
            }
            Definition::Policy(name, kind, policy) => {
                vhost(&name)?.change().set_policy(kind, &policy);
            }
            Definition::Parameter(..) => {}
        }
        Ok(())
    }

    /// The number of a queue that had `id`. One of which the log knows nothing gets another: it may
    /// have been deleted there when the node crashed, and no number comes again behind that.
    fn number_of(&self, vhost: &VhostName, spec: &QueueSpec, id: QueueId) -> QueueId {
        let Some(Durability { definitions, log }) = &self.durability else { return id };
        if log.store().queue(id).is_some() {
            return id;
        }
        let id = definitions.next_queue();
        definitions.put(Definition::Queue(vhost.clone(), spec.clone(), id));
        id
    }

    /// A vhost. What is durable in it is kept.
    pub(crate) fn new_vhost(&self, name: &VhostName, metadata: VhostMetadata) -> Arc<Vhost> {
        let vhost = Vhost::new(name.clone(), metadata);
        if let Some(durability) = &self.durability {
            vhost.keep(&durability.definitions);
        }
        Arc::new(vhost)
    }

    /// Gives the queues what the log holds for them, and has go from it what no queue claims.
    pub(crate) fn recover_messages(&self, log: &MessageLog, was_clean: bool) {
        let vhosts: Vec<_> = self.vhosts.read().values().cloned().collect();
        let queues: Vec<Arc<Queue>> = vhosts
            .iter()
            .flat_map(|vhost| vhost.look().queues().cloned().collect::<Vec<_>>())
            .collect();
        let mut unclaimed: std::collections::HashSet<QueueId> =
            log.store().queues().iter().map(|totals| totals.queue).collect();
        for journal in queues.iter().filter_map(|queue| queue.journal()) {
            unclaimed.remove(&journal.id());
        }
        let mut batch = Batch::new();
        unclaimed.into_iter().for_each(|queue| batch.delete(queue));
        log.append(batch);
        if !was_clean {
            log.mark_redelivered();
        }
        let mut turn = Turn::new(Instant::now());
        for queue in &queues {
            queue.recover(&mut turn);
        }
        self.finish(&mut turn);
    }
}

fn describe(definition: &Definition) -> String {
    match definition {
        Definition::Vhost(name, _) => format!("vhost '{name}'"),
        Definition::User(user) => format!("user '{}'", user.name),
        Definition::Permission(vhost, user, _) | Definition::TopicPermission(vhost, user, ..) => {
            format!("a permission of '{user}' in vhost '{vhost}'")
        }
        Definition::Exchange(vhost, spec) => format!("exchange '{}' in vhost '{vhost}'", spec.name),
        Definition::Queue(vhost, spec, _) => {
            let name = spec.name.as_ref().map_or("", |name| name.as_str());
            format!("queue '{name}' in vhost '{vhost}'")
        }
        Definition::Binding(vhost, binding) => {
            format!("a binding of exchange '{}' in vhost '{vhost}'", binding.source)
        }
        Definition::Policy(vhost, kind, policy) => {
            format!("{} '{}' in vhost '{vhost}'", kind.as_str(), policy.name())
        }
        Definition::Parameter(vhost, component, name, _) => {
            format!("parameter '{name}' of '{component}' in vhost '{vhost}'")
        }
    }
}

#[cfg(test)]
mod tests;
