//! Everybody's rights: users, permissions, topic permissions, rules.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;
use model::{DestinationRule, ExchangeName, Permission, Refusal, UserName, VhostName};
use parking_lot::{RwLock, RwLockReadGuard};

use super::grants::{Grants, Patterns, TopicPatterns};
use super::password::PasswordHash;
use super::rules::{RuleLists, RuleSubject};
use super::user::User;
use crate::pattern::{Pattern, PatternError, with_variables};

/// A user's patterns for the keys of one topic exchange. Source: RabbitMQ, "Topic Authorisation".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPermission {
    /// Keys that may be published with.
    pub write: String,
    /// Keys that may be bound with.
    pub read: String,
}

/// Everybody's rights. Whoever keeps something derived from them compares generations.
#[derive(Debug, Default)]
pub(crate) struct Rights {
    generation: AtomicU64,
    tables: RwLock<Tables>,
}

/// The tables behind [`Rights`].
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) users: BTreeMap<UserName, Arc<User>>,
    permissions: BTreeMap<VhostName, BTreeMap<UserName, Arc<Patterns>>>,
    topics: BTreeMap<(VhostName, UserName), BTreeMap<ExchangeName, TopicRow>>,
    rules: BTreeMap<RuleSubject, Arc<[DestinationRule]>>,
    pool: Pool,
}

#[derive(Debug)]
struct TopicRow {
    source: TopicPermission,
    patterns: TopicPatterns,
}

/// Compiled patterns: many users have the same.
#[derive(Debug, Default)]
struct Pool {
    patterns: HashMap<Box<str>, Pattern, RandomState>,
    swept_at: usize,
}

impl Rights {
    /// Changes with every change of anybody's rights.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Looks.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read()
    }

    /// Changes something.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut Tables) -> R) -> R {
        let mut tables = self.tables.write();
        let result = change(&mut tables);
        self.generation.fetch_add(1, Ordering::Release);
        result
    }

    /// What a user may do in a vhost.
    ///
    /// # Errors
    ///
    /// [`Refusal::VhostRefused`] if they may not even enter.
    pub(crate) fn grants(
        &self,
        user: &UserName,
        vhost: &VhostName,
    ) -> Result<Arc<Grants>, Refusal> {
        let grants = self.read().grants(user, vhost);
        let refused = || Refusal::VhostRefused(vhost.clone(), user.clone());
        grants.map(Arc::new).ok_or_else(refused)
    }

    /// The user, if the password is theirs.
    ///
    /// # Errors
    ///
    /// [`Refusal::LoginRefused`], the same for an unknown user and a wrong password.
    pub(crate) fn authenticate(
        &self,
        name: &UserName,
        password: &[u8],
    ) -> Result<Arc<User>, Refusal> {
        let user = self.read().users.get(name).cloned();
        let hash = user.as_ref().and_then(|user| user.password.clone());
        let is_right = hash.unwrap_or_else(PasswordHash::nobodys).is_made_of(password);
        match user {
            Some(user) if is_right => Ok(user),
            _ => Err(Refusal::LoginRefused(name.clone())),
        }
    }
}

impl Tables {
    fn grants(&self, user: &UserName, vhost: &VhostName) -> Option<Grants> {
        let user = self.users.get(user)?;
        let patterns = self.permissions.get(vhost)?.get(&user.name)?;
        Some(Grants {
            user: Arc::clone(user),
            vhost: vhost.clone(),
            patterns: Arc::clone(patterns),
            topics: self.topic_patterns(&user.name, vhost),
            rules: self.rule_lists(user),
        })
    }

    fn topic_patterns(&self, user: &UserName, vhost: &VhostName) -> Box<[TopicPatterns]> {
        let of_user = self.topics.get(&(vhost.clone(), user.clone()));
        of_user.into_iter().flatten().map(|(_, row)| row.patterns.clone()).collect()
    }

    fn rule_lists(&self, user: &User) -> RuleLists {
        if self.rules.is_empty() {
            return RuleLists::default();
        }
        let own = RuleSubject::User(user.name.clone());
        let of_tags = user.tags.iter().map(|tag| RuleSubject::Tag(tag.as_str().into()));
        std::iter::once(own)
            .chain(of_tags)
            .filter_map(|subject| self.rules.get(&subject).cloned())
            .collect()
    }

    /// Deletes a user with all their rights; whether there was one.
    pub(crate) fn delete_user(&mut self, name: &UserName) -> bool {
        for of_vhost in self.permissions.values_mut() {
            of_vhost.remove(name);
        }
        self.topics.retain(|(_, user), _| user != name);
        self.rules.remove(&RuleSubject::User(name.clone()));
        self.users.remove(name).is_some()
    }

    /// Forgets all rights in a vhost.
    pub(crate) fn forget_vhost(&mut self, name: &VhostName) {
        self.permissions.remove(name);
        self.topics.retain(|(vhost, _), _| vhost != name);
    }

    /// Gives a user patterns in a vhost.
    ///
    /// # Errors
    ///
    /// [`Refusal::PreconditionFailed`] if one of them is no pattern.
    pub(crate) fn set_permission(
        &mut self,
        user: &UserName,
        vhost: &VhostName,
        permission: Permission,
    ) -> Result<(), Refusal> {
        let patterns = Patterns {
            configure: self.pool.compile(&permission.configure)?,
            write: self.pool.compile(&permission.write)?,
            read: self.pool.compile(&permission.read)?,
            source: permission,
        };
        let of_vhost = self.permissions.entry(vhost.clone()).or_default();
        of_vhost.insert(user.clone(), Arc::new(patterns));
        Ok(())
    }

    /// Takes a user's patterns in a vhost; whether they had any.
    pub(crate) fn clear_permission(&mut self, user: &UserName, vhost: &VhostName) -> bool {
        self.permissions.get_mut(vhost).and_then(|of_vhost| of_vhost.remove(user)).is_some()
    }

    /// Gives a user patterns for the keys of a topic exchange.
    ///
    /// # Errors
    ///
    /// [`Refusal::PreconditionFailed`] if one of them is no pattern.
    pub(crate) fn set_topic_permission(
        &mut self,
        user: &UserName,
        vhost: &VhostName,
        exchange: ExchangeName,
        permission: TopicPermission,
    ) -> Result<(), Refusal> {
        let mut compile =
            |text: &str| self.pool.compile(&with_variables(text, user.as_str(), vhost.as_str()));
        let patterns = TopicPatterns {
            exchange: exchange.clone(),
            write: compile(&permission.write)?,
            read: compile(&permission.read)?,
        };
        let of_user = self.topics.entry((vhost.clone(), user.clone())).or_default();
        of_user.insert(exchange, TopicRow { source: permission, patterns });
        Ok(())
    }

    /// Takes a user's patterns for one exchange, or for all of them.
    pub(crate) fn clear_topic_permissions(
        &mut self,
        user: &UserName,
        vhost: &VhostName,
        exchange: Option<&ExchangeName>,
    ) -> bool {
        let key = (vhost.clone(), user.clone());
        match exchange {
            None => self.topics.remove(&key).is_some(),
            Some(exchange) => {
                self.topics.get_mut(&key).and_then(|of_user| of_user.remove(exchange)).is_some()
            }
        }
    }

    /// Sets the rules of a user or tag; an empty list takes them away, and denies nothing.
    pub(crate) fn set_rules(&mut self, subject: RuleSubject, rules: Vec<DestinationRule>) {
        match rules.is_empty() {
            true => self.rules.remove(&subject),
            false => self.rules.insert(subject, rules.into()),
        };
    }

    /// A user's patterns in a vhost.
    pub(crate) fn permission(&self, user: &UserName, vhost: &VhostName) -> Option<&Permission> {
        self.permissions.get(vhost)?.get(user).map(|patterns| &patterns.source)
    }

    /// A user's patterns for the keys of a topic exchange.
    pub(crate) fn topic_permission(
        &self,
        user: &UserName,
        vhost: &VhostName,
        exchange: &ExchangeName,
    ) -> Option<&TopicPermission> {
        let of_user = self.topics.get(&(vhost.clone(), user.clone()))?;
        of_user.get(exchange).map(|row| &row.source)
    }

    /// Everybody's patterns, by vhost and user.
    pub(crate) fn permissions(&self) -> impl Iterator<Item = (&VhostName, &UserName, &Permission)> {
        self.permissions.iter().flat_map(|(vhost, of_vhost)| {
            of_vhost.iter().map(move |(user, patterns)| (vhost, user, &patterns.source))
        })
    }

    /// Everybody's topic patterns, by vhost, user and exchange.
    pub(crate) fn topic_permissions(
        &self,
    ) -> impl Iterator<Item = (&VhostName, &UserName, &ExchangeName, &TopicPermission)> {
        self.topics.iter().flat_map(|((vhost, user), of_user)| {
            of_user.iter().map(move |(exchange, row)| (vhost, user, exchange, &row.source))
        })
    }

    /// Everybody's rules.
    pub(crate) fn rules(&self) -> impl Iterator<Item = (&RuleSubject, &[DestinationRule])> {
        self.rules.iter().map(|(subject, rules)| (subject, &**rules))
    }
}

impl Pool {
    fn compile(&mut self, text: &str) -> Result<Pattern, Refusal> {
        if let Some(pattern) = self.patterns.get(text) {
            return Ok(pattern.clone());
        }
        if self.patterns.len() > 2 * self.swept_at + POOL_UNSWEPT {
            self.patterns.retain(|_, pattern| !pattern.is_unshared());
            self.swept_at = self.patterns.len();
        }
        let pattern = Pattern::compile(text).map_err(refuse)?;
        self.patterns.insert(text.into(), pattern.clone());
        Ok(pattern)
    }
}

/// The pool is not swept before it has grown by this many patterns.
const POOL_UNSWEPT: usize = 64;

fn refuse(error: PatternError) -> Refusal {
    Refusal::PreconditionFailed(error.to_string().into())
}
