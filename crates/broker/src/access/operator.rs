//! What operators change: users, vhosts, rights. Over the management API, or by the configuration.

use std::sync::Arc;

use model::{DestinationRule, ExchangeName, Permission, Refusal, UserName, VhostName};

use crate::auth::{PasswordHash, RuleSubject, Tag, TopicPermission, User, UserLimits};
use crate::broker::{Broker, Identity};
use crate::definitions::{Change, Definition, Key};
use crate::queue::DeleteIf;
use crate::turn::Turn;
use crate::vhost::{Vhost, VhostLimits, VhostMetadata};

/// Somebody who may change everything: an administrator, or the node by its configuration.
#[derive(Debug)]
pub struct Operator<'a> {
    broker: &'a Broker,
    /// The administrator, if it is one.
    user: Option<UserName>,
}

impl Broker {
    /// Lets an administrator operate.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotAllowed`] without the tag `administrator`, as it is by then.
    pub fn operate(&self, identity: &Identity) -> Result<Operator<'_>, Refusal> {
        let name = &identity.user().name;
        let current = self.rights.read().users.get(name).cloned();
        match current {
            Some(user) if user.is_administrator() => {
                Ok(Operator { broker: self, user: Some(name.clone()) })
            }
            _ => Err(Refusal::NotAllowed("Not administrator user".into())),
        }
    }

    /// Operates as the node itself: for what its configuration says.
    pub fn operate_as_node(&self) -> Operator<'_> {
        Operator { broker: self, user: None }
    }
}

impl Operator<'_> {
    /// Adds or replaces a user; whether they are new. The rights of one who was there stay.
    pub fn set_user(&self, user: User) -> bool {
        self.broker.rights.change(|tables| {
            self.broker.define(Definition::User(user.clone()));
            tables.users.insert(user.name.clone(), Arc::new(user)).is_none()
        })
    }

    /// Hashes a password and adds or replaces a user with it; whether they are new.
    ///
    /// # Errors
    ///
    /// [`Refusal::Internal`] if the operating system has no random bytes to give.
    pub fn set_user_with_password(
        &self,
        name: UserName,
        password: &[u8],
        tags: Vec<Tag>,
        limits: UserLimits,
    ) -> Result<bool, Refusal> {
        let password = Some(PasswordHash::new(password).ok_or(Refusal::Internal)?);
        Ok(self.set_user(User { name, password, tags, limits }))
    }

    /// Sets a user's limits; whether there is such a user.
    pub fn set_user_limits(&self, name: &UserName, limits: UserLimits) -> bool {
        self.broker.rights.change(|tables| match tables.users.get_mut(name) {
            None => false,
            Some(user) => {
                Arc::make_mut(user).limits = limits;
                self.broker.define(Definition::User(User::clone(user)));
                true
            }
        })
    }

    /// Deletes a user with all their rights; whether there was one. Who is inside may do nothing
    /// more; closing their connections is the caller's part.
    pub fn delete_user(&self, name: &UserName) -> bool {
        self.broker.rights.change(|tables| {
            let mut keys = vec![Key::user(name)];
            let permissions = tables.permissions().filter(|(_, user, _)| *user == name);
            keys.extend(permissions.map(|(vhost, ..)| Key::permission(vhost, name)));
            let topics = tables.topic_permissions().filter(|(_, user, ..)| *user == name);
            let key = |(vhost, _, exchange, _)| Key::topic_permission(vhost, name, exchange);
            keys.extend(topics.map(key));
            for key in keys {
                self.broker.change_definitions(Change::Remove(key));
            }
            tables.delete_user(name)
        })
    }

    /// Adds a vhost, or describes one anew, but for its limits; whether it is new. Who adds it may
    /// do everything in it.
    ///
    /// # Errors
    ///
    /// None of the caller's making.
    pub fn set_vhost(&self, name: &VhostName, metadata: VhostMetadata) -> Result<bool, Refusal> {
        let known = self.broker.vhosts.read().get(name).cloned();
        let is_new = known.is_none();
        match known {
            None => self.broker.add_vhost(name, metadata),
            Some(vhost) => self.describe(&vhost, |known| {
                *known = VhostMetadata { limits: known.limits, ..metadata };
            }),
        }
        if let Some(user) = self.user.as_ref().filter(|_| is_new) {
            self.set_permission(user, name, Permission::everything())?;
        }
        Ok(is_new)
    }

    /// Sets a vhost's limits.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSuchVhost`].
    pub fn set_vhost_limits(&self, name: &VhostName, limits: VhostLimits) -> Result<(), Refusal> {
        let vhost = self.broker.vhost(name)?;
        self.describe(&vhost, |known| known.limits = limits);
        Ok(())
    }

    fn describe(&self, vhost: &Vhost, change: impl FnOnce(&mut VhostMetadata)) {
        vhost.describe(|known| {
            change(known);
            let definition = Definition::Vhost(vhost.name().clone(), known.clone());
            self.broker.define(definition);
        });
    }

    /// Deletes a vhost with everything in it, and all rights there; whether there was one. Closing
    /// the connections to it is the caller's part.
    pub fn delete_vhost(&self, turn: &mut Turn, name: &VhostName) -> bool {
        let removed = self.broker.vhosts.write().remove(name);
        let Some(vhost) = removed else { return false };
        // What its connections still change must not outlive it, nor what deleting it changes
        // touch another vhost by that name.
        vhost.keep_no_more();
        self.broker.change_definitions(Change::RemoveVhost(name.clone()));
        self.broker.rights.change(|tables| tables.forget_vhost(name));
        let queues: Vec<_> = vhost.look().queues().cloned().collect();
        for queue in queues {
            // Without conditions nothing can refuse.
            let _ = queue.delete(turn, DeleteIf::default());
            let is_forgotten = vhost.change().forget_queue(&queue);
            if is_forgotten {
                self.broker.count_deleted(&queue);
            }
        }
        for stream in vhost.streams() {
            stream.cancel_all(turn);
        }
        true
    }

    /// Gives a user patterns in a vhost, which lets them enter it.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSuchVhost`]; [`Refusal::PreconditionFailed`] for an unknown user or what is no
    /// pattern.
    pub fn set_permission(
        &self,
        user: &UserName,
        vhost: &VhostName,
        permission: Permission,
    ) -> Result<(), Refusal> {
        self.check(user, vhost)?;
        self.broker.rights.change(|tables| {
            tables.set_permission(user, vhost, permission.clone())?;
            let definition = Definition::Permission(vhost.clone(), user.clone(), permission);
            self.broker.define(definition);
            Ok(())
        })
    }

    /// Takes a user's patterns in a vhost; whether they had any.
    pub fn clear_permission(&self, user: &UserName, vhost: &VhostName) -> bool {
        self.broker.rights.change(|tables| {
            let key = Key::permission(vhost, user);
            self.broker.change_definitions(Change::Remove(key));
            tables.clear_permission(user, vhost)
        })
    }

    /// Gives a user patterns for the keys of a topic exchange.
    ///
    /// # Errors
    ///
    /// As [`Self::set_permission`].
    pub fn set_topic_permission(
        &self,
        user: &UserName,
        vhost: &VhostName,
        exchange: ExchangeName,
        permission: TopicPermission,
    ) -> Result<(), Refusal> {
        self.check(user, vhost)?;
        self.broker.rights.change(|tables| {
            tables.set_topic_permission(user, vhost, exchange.clone(), permission.clone())?;
            let (vhost, user) = (vhost.clone(), user.clone());
            let definition = Definition::TopicPermission(vhost, user, exchange, permission);
            self.broker.define(definition);
            Ok(())
        })
    }

    /// Takes a user's patterns for one exchange, or for all; whether they had any.
    pub fn clear_topic_permissions(
        &self,
        user: &UserName,
        vhost: &VhostName,
        exchange: Option<&ExchangeName>,
    ) -> bool {
        self.broker.rights.change(|tables| {
            let its = |row: &(&VhostName, &UserName, &ExchangeName, _)| {
                row.0 == vhost && row.1 == user && exchange.is_none_or(|it| it == row.2)
            };
            for (vhost, user, exchange, _) in tables.topic_permissions().filter(its) {
                let key = Key::topic_permission(vhost, user, exchange);
                self.broker.change_definitions(Change::Remove(key));
            }
            tables.clear_topic_permissions(user, vhost, exchange)
        })
    }

    /// Sets the destination rules of a user or tag, in order. An empty list takes them away, so
    /// that RabbitMQ's patterns alone judge.
    pub fn set_rules(&self, subject: RuleSubject, rules: Vec<DestinationRule>) {
        self.broker.rights.change(|tables| tables.set_rules(subject, rules));
    }

    fn check(&self, user: &UserName, vhost: &VhostName) -> Result<(), Refusal> {
        self.broker.vhost(vhost)?;
        match self.broker.rights.read().users.contains_key(user) {
            true => Ok(()),
            false => Err(Refusal::PreconditionFailed(format!("no user '{user}'").into())),
        }
    }
}
