//! What operators change: users, vhosts, rights. Over the management API, or by the configuration.

use std::sync::Arc;

use model::{DestinationRule, ExchangeName, Permission, Refusal, UserName, VhostName};

use crate::auth::{PasswordHash, RuleSubject, Tables, Tag, TopicPermission, User, UserLimits};
use crate::broker::{Broker, Identity};
use crate::definitions::{Change, Changes, Definition, Undo};
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
            let before = tables.users.get(&user.name).map(|it| Definition::User(User::clone(it)));
            self.broker.define(before, Definition::User(user.clone()));
            tables.users.insert(user.name.clone(), Arc::new(user)).is_none()
        })
    }

    /// Hashes a password and adds or replaces a user with it; whether they are new. Who has that
    /// password already keeps its hash, so that a start with the same configuration writes nothing.
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
        let known = self.broker.rights.read().users.get(&name).cloned();
        let known = known.and_then(|user| user.password.clone());
        let hash = match known.filter(|hash| hash.is_made_of(password)) {
            Some(hash) => hash,
            None => PasswordHash::new(password).ok_or(Refusal::Internal)?,
        };
        Ok(self.set_user(User { name, password: Some(hash), tags, limits }))
    }

    /// Sets a user's limits; whether there is such a user.
    pub fn set_user_limits(&self, name: &UserName, limits: UserLimits) -> bool {
        self.broker.rights.change(|tables| match tables.users.get_mut(name) {
            None => false,
            Some(user) => {
                let before = Definition::User(User::clone(user));
                Arc::make_mut(user).limits = limits;
                self.broker.define(Some(before), Definition::User(User::clone(user)));
                true
            }
        })
    }

    /// Deletes a user with all their rights; whether there was one. Who is inside may do nothing
    /// more; closing their connections is the caller's part.
    pub fn delete_user(&self, name: &UserName) -> bool {
        self.broker.rights.change(|tables| {
            let mut gone = rights(tables, |user, _| user == name);
            // Undone the last first, so that a user is there before their rights.
            gone.extend(tables.users.get(name).map(|it| Definition::User(User::clone(it))));
            self.broker.undefine(gone);
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
        let is_new = {
            let mut vhosts = self.broker.vhosts.write();
            match vhosts.get(name) {
                None => {
                    vhosts.insert(name.clone(), self.broker.new_vhost(name, metadata.clone()));
                    self.broker.define(None, Definition::Vhost(name.clone(), metadata));
                    true
                }
                Some(vhost) => {
                    let limits = vhost.metadata().limits;
                    self.describe(vhost, VhostMetadata { limits, ..metadata });
                    false
                }
            }
        };
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
        let vhosts = self.broker.vhosts.write();
        let vhost = vhosts.get(name).ok_or_else(|| Refusal::NoSuchVhost(name.clone()))?;
        self.describe(vhost, VhostMetadata { limits, ..vhost.metadata() });
        Ok(())
    }

    /// Describes a vhost while all of them are locked, so that changes come in order.
    fn describe(&self, vhost: &Vhost, metadata: VhostMetadata) {
        let name = vhost.name();
        let before = Definition::Vhost(name.clone(), vhost.metadata());
        vhost.describe(|known| *known = metadata.clone());
        self.broker.define(Some(before), Definition::Vhost(name.clone(), metadata));
    }

    /// Deletes a vhost with everything in it, and all rights there; whether there was one. Closing
    /// the connections to it is the caller's part.
    pub fn delete_vhost(&self, turn: &mut Turn, name: &VhostName) -> bool {
        let Ok(vhost) = self.broker.vhost(name) else { return false };
        // From here on nothing in it is kept, so nothing is left behind by who is still inside.
        let mut undo = vhost.end();
        self.broker.rights.change(|tables| {
            self.broker.undefine(rights(tables, |_, vhost| vhost == name));
            tables.forget_vhost(name);
        });
        {
            let mut vhosts = self.broker.vhosts.write();
            if !vhosts.get(name).is_some_and(|known| Arc::ptr_eq(known, &vhost)) {
                return false;
            }
            vhosts.remove(name);
            // Undone the last first, so that it is there before what is in it.
            undo.push(Undo::Restore(Box::new(Definition::Vhost(name.clone(), vhost.metadata()))));
            let changes = vec![Change::RemoveVhost(name.clone())];
            self.broker.change_definitions(Changes { changes, undo });
        }
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
            let of = |it| Definition::Permission(vhost.clone(), user.clone(), it);
            let before = tables.permission(user, vhost).cloned().map(of);
            tables.set_permission(user, vhost, permission.clone())?;
            self.broker.define(before, of(permission));
            Ok(())
        })
    }

    /// Takes a user's patterns in a vhost; whether they had any.
    pub fn clear_permission(&self, user: &UserName, vhost: &VhostName) -> bool {
        self.broker.rights.change(|tables| {
            let of = |it| Definition::Permission(vhost.clone(), user.clone(), it);
            let gone = tables.permission(user, vhost).cloned().map(of);
            self.broker.undefine(gone.into_iter().collect());
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
            let of =
                |it| Definition::TopicPermission(vhost.clone(), user.clone(), exchange.clone(), it);
            let before = tables.topic_permission(user, vhost, &exchange).cloned().map(of);
            tables.set_topic_permission(user, vhost, exchange.clone(), permission.clone())?;
            self.broker.define(before, of(permission));
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
            let mut gone = rights(tables, |whose, there| whose == user && there == vhost);
            gone.retain(|it| match it {
                Definition::TopicPermission(_, _, on, _) => exchange.is_none_or(|it| it == on),
                _ => false,
            });
            self.broker.undefine(gone);
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

/// All patterns of the users and vhosts that are wanted.
fn rights(tables: &Tables, is_wanted: impl Fn(&UserName, &VhostName) -> bool) -> Vec<Definition> {
    let permissions = tables.permissions().filter(|(vhost, user, _)| is_wanted(user, vhost));
    let topics = tables.topic_permissions().filter(|(vhost, user, ..)| is_wanted(user, vhost));
    let permission = |(vhost, user, it): (&VhostName, &UserName, &Permission)| {
        Definition::Permission(vhost.clone(), user.clone(), it.clone())
    };
    let topic =
        |(vhost, user, on, it): (&VhostName, &UserName, &ExchangeName, &TopicPermission)| {
            Definition::TopicPermission(vhost.clone(), user.clone(), on.clone(), it.clone())
        };
    permissions.map(permission).chain(topics.map(topic)).collect()
}
