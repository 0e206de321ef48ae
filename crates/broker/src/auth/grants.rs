//! What one user may do in one vhost: everything that judges, found once.

use std::sync::Arc;

use model::{ExchangeName, Permission, Refusal, Resource, Right, RoutingKey, VhostName};

use super::place::Place;
use super::rules::RuleLists;
use super::user::User;
use crate::pattern::Pattern;

/// A user's patterns in one vhost, compiled.
#[derive(Debug)]
pub(super) struct Patterns {
    pub(super) source: Permission,
    pub(super) configure: Pattern,
    pub(super) write: Pattern,
    pub(super) read: Pattern,
}

/// A user's patterns for the keys of one topic exchange, compiled.
#[derive(Clone, Debug)]
pub(super) struct TopicPatterns {
    pub(super) exchange: ExchangeName,
    pub(super) write: Pattern,
    pub(super) read: Pattern,
}

/// What one user may do in one vhost.
#[derive(Debug)]
pub(crate) struct Grants {
    pub(super) user: Arc<User>,
    pub(super) vhost: VhostName,
    pub(super) patterns: Arc<Patterns>,
    pub(super) topics: Box<[TopicPatterns]>,
    pub(super) rules: RuleLists,
}

impl Grants {
    /// Whose they are.
    pub(crate) fn user(&self) -> &Arc<User> {
        &self.user
    }

    /// Whether only the name of an exchange matters, whatever the key.
    pub(crate) fn ignores_keys(&self) -> bool {
        self.topics.is_empty() && self.rules.is_empty()
    }

    /// Whether destination rules judge the user.
    pub(crate) fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Whether the user may do that to something with that name.
    pub(crate) fn allows(&self, right: Right, name: &str) -> bool {
        let pattern = match right {
            Right::Configure => &self.patterns.configure,
            Right::Write => &self.patterns.write,
            Right::Read => &self.patterns.read,
        };
        pattern.is_found_in(name.as_bytes())
    }

    /// Asks RabbitMQ's patterns about a queue.
    ///
    /// # Errors
    ///
    /// [`Refusal::AccessRefused`].
    pub(crate) fn check_queue(
        &self,
        right: Right,
        queue: &model::QueueName,
    ) -> Result<(), Refusal> {
        match self.allows(right, queue.as_str()) {
            true => Ok(()),
            false => Err(self.refused(right, Resource::Queue(queue.clone()))),
        }
    }

    /// Asks RabbitMQ's patterns about an exchange; the default one is called `amq.default`.
    ///
    /// # Errors
    ///
    /// [`Refusal::AccessRefused`].
    pub(crate) fn check_exchange(&self, right: Right, name: &ExchangeName) -> Result<(), Refusal> {
        if !name.is_default() {
            return match self.allows(right, name.as_str()) {
                true => Ok(()),
                false => Err(self.refused(right, Resource::Exchange(name.clone()))),
            };
        }
        match self.allows(right, ExchangeName::DEFAULT_IN_PERMISSIONS) {
            true => Ok(()),
            false => {
                let shown = ExchangeName::parse(ExchangeName::DEFAULT_IN_PERMISSIONS);
                let shown = shown.unwrap_or_else(|_| name.clone());
                Err(self.refused(right, Resource::Exchange(shown)))
            }
        }
    }

    fn refused(&self, right: Right, resource: Resource) -> Refusal {
        let (vhost, user) = (self.vhost.clone(), self.user.name.clone());
        Refusal::AccessRefused { right, resource, vhost, user }
    }

    /// Asks RabbitMQ's topic permissions about a key of a topic exchange. Without any for that
    /// exchange every key is fine.
    ///
    /// # Errors
    ///
    /// [`Refusal::TopicRefused`].
    pub(crate) fn check_topic(
        &self,
        right: Right,
        exchange: &ExchangeName,
        key: &[u8],
    ) -> Result<(), Refusal> {
        let Some(patterns) = self.topics.iter().find(|topic| topic.exchange == *exchange) else {
            return Ok(());
        };
        let pattern = match right {
            Right::Configure => return Ok(()),
            Right::Write => &patterns.write,
            Right::Read => &patterns.read,
        };
        if pattern.is_found_in(key) {
            return Ok(());
        }
        Err(Refusal::TopicRefused {
            right,
            key: RoutingKey::parse(key).map_err(|_| Refusal::Internal)?,
            exchange: exchange.clone(),
            vhost: self.vhost.clone(),
            user: self.user.name.clone(),
        })
    }

    /// Asks the destination rules, if the user has any.
    ///
    /// # Errors
    ///
    /// [`Refusal::DestinationRefused`].
    pub(crate) fn check_rules(&self, right: Right, place: Place<'_>) -> Result<(), Refusal> {
        self.rules.judge(right, place, &self.user.name, &self.vhost)
    }
}
