//! What an answer waits for, and what becomes of changes that cannot be kept.

use std::sync::Arc;
use std::time::Instant;

use model::{ExchangeKind, QueueName, QueueSpec, Refusal, VhostName};

use crate::broker::{Broker, OPERATOR_LINK};
use crate::definitions::{Definition, Ticket, Undo};
use crate::durability::Durability;
use crate::queue::{DeleteIf, Journal, Queue};
use crate::turn::Turn;

impl Broker {
    /// Waits until everything that a turn defined, or found defined, is durable. Waits for the
    /// disk, or not at all: see [`Turn::is_awaiting`].
    ///
    /// # Errors
    ///
    /// [`Refusal::NotKept`]: what it defined is undone.
    pub fn await_definitions(&self, turn: &mut Turn) -> Result<(), Refusal> {
        match (turn.awaited.take(), &self.durability) {
            (Some(ticket), Some(durability)) => Ok(durability.definitions.wait(ticket)?),
            _ => Ok(()),
        }
    }

    /// What to wait for before something that was there already is said to be.
    pub(crate) fn unsettled(&self) -> Option<Ticket> {
        self.durability.as_ref().and_then(|durability| durability.definitions.unsettled())
    }

    /// Refuses what could not be undone if it could not be kept.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotKept`].
    pub(crate) fn check_keeping(&self) -> Result<(), Refusal> {
        let failure = self.durability.as_ref().and_then(|it| it.definitions.failure());
        failure.map_or(Ok(()), |failure| Err(failure.into()))
    }

    /// Makes memory say what it said before changes that cannot be kept; the last comes first. The
    /// messages of a queue that was deleted are gone; it is there again, and takes none that must
    /// be kept.
    pub(crate) fn undo(&self, undo: Vec<Undo>) {
        let mut turn = Turn::new(Instant::now());
        for change in undo {
            let (undone, of) = match change {
                Undo::Restore(definition) => (self.put_back(&mut turn, &definition), definition),
                Undo::Revoke(definition) => (self.take_away(&mut turn, &definition), definition),
            };
            if let Err(refusal) = undone {
                tracing::error!(key = ?of.key(), %refusal, "what cannot be kept cannot be undone");
            }
        }
        self.finish(&mut turn);
    }

    fn put_back(&self, turn: &mut Turn, definition: &Definition) -> Result<(), Refusal> {
        match definition {
            Definition::Vhost(name, metadata) => {
                let mut vhosts = self.vhosts.write();
                match vhosts.get(name) {
                    Some(vhost) => vhost.describe(|known| *known = metadata.clone()),
                    None => {
                        let vhost = self.new_vhost(name, metadata.clone());
                        vhosts.insert(name.clone(), vhost);
                    }
                }
            }
            Definition::User(user) => {
                let user = Arc::new(user.clone());
                self.rights.change(|tables| tables.users.insert(user.name.clone(), user));
            }
            Definition::Permission(vhost, user, permission) => {
                let permission = permission.clone();
                self.rights.change(|tables| tables.set_permission(user, vhost, permission))?;
            }
            Definition::TopicPermission(vhost, user, exchange, permission) => {
                let (exchange, permission) = (exchange.clone(), permission.clone());
                self.rights.change(|tables| {
                    tables.set_topic_permission(user, vhost, exchange, permission)
                })?;
            }
            Definition::Exchange(vhost, spec) => {
                let unknown = || Refusal::UnknownExchangeType(spec.kind.clone());
                let kind = ExchangeKind::parse(&spec.kind).ok_or_else(unknown)?;
                self.vhost(vhost)?.put_back(|topology| topology.add_exchange(spec, kind));
            }
            Definition::Policy(name, kind, policy) => {
                let vhost = self.vhost(name)?;
                vhost.put_back(|topology| topology.set_policy(*kind, policy));
                vhost.govern_all(turn);
            }
            Definition::Queue(vhost, spec, _) => self.put_queue_back(turn, vhost, spec)?,
            Definition::Binding(name, binding) => {
                let vhost = self.vhost(name)?;
                vhost.put_back(|topology| topology.bind(binding, OPERATOR_LINK, name))?;
            }
            Definition::Parameter(..) => {}
        }
        Ok(())
    }

    fn put_queue_back(
        &self,
        turn: &mut Turn,
        vhost: &VhostName,
        spec: &QueueSpec,
    ) -> Result<(), Refusal> {
        let (Some(name), Some(Durability { definitions, log })) = (&spec.name, &self.durability)
        else {
            return Ok(());
        };
        // The log knows that the old one is gone.
        let journal = Journal::new(log, definitions.next_queue());
        journal.define(Ticket::NEVER);
        let queue = Queue::create(turn, vhost, name.clone(), None, spec, Some(journal))?;
        let vhost = self.vhost(vhost)?;
        vhost.govern(turn, &queue);
        vhost.put_back(|topology| topology.add_queue(&queue));
        Ok(())
    }

    fn take_away(&self, turn: &mut Turn, definition: &Definition) -> Result<(), Refusal> {
        match definition {
            Definition::Vhost(name, _) => drop(self.vhosts.write().remove(name)),
            Definition::User(user) => {
                self.rights.change(|tables| tables.users.remove(&user.name));
            }
            Definition::Permission(vhost, user, _) => {
                self.rights.change(|tables| tables.clear_permission(user, vhost));
            }
            Definition::TopicPermission(vhost, user, exchange, _) => {
                self.rights
                    .change(|tables| tables.clear_topic_permissions(user, vhost, Some(exchange)));
            }
            Definition::Exchange(name, spec) => {
                let vhost = self.vhost(name)?;
                vhost.put_back(|topology| topology.delete_exchange(&spec.name, false, name))?;
            }
            Definition::Policy(name, kind, policy) => {
                let vhost = self.vhost(name)?;
                vhost.put_back(|topology| topology.remove_policy(*kind, policy.name()));
                vhost.govern_all(turn);
            }
            Definition::Queue(vhost, spec, _) => {
                if let Some(name) = &spec.name {
                    self.take_queue_away(turn, vhost, name)?;
                }
            }
            Definition::Binding(name, binding) => {
                let vhost = self.vhost(name)?;
                vhost.put_back(|topology| topology.unbind(binding, OPERATOR_LINK))?;
            }
            Definition::Parameter(..) => {}
        }
        Ok(())
    }

    fn take_queue_away(
        &self,
        turn: &mut Turn,
        vhost: &VhostName,
        name: &QueueName,
    ) -> Result<(), Refusal> {
        let vhost = self.vhost(vhost)?;
        let Ok(queue) = vhost.queue(name.as_str()) else { return Ok(()) };
        queue.delete(turn, DeleteIf::default())?;
        let is_forgotten = vhost.put_back(|topology| topology.forget_queue(&queue));
        if is_forgotten {
            self.count_deleted(&queue);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
