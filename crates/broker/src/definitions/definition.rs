//! One definition, and the key it is kept under.
//!
//! A key is a letter for the kind, then the names that make it unique, the vhost first: so what
//! belongs to a vhost stands together for each kind.

use std::sync::Arc;

use model::{
    Binding, Destination, ExchangeName, ExchangeSpec, Permission, QueueName, QueueSpec, RoutingKey,
    UserName, VhostName,
};

use super::encode::{Fields, Malformed, put_bytes, put_number, put_option, put_table};
use crate::auth::{HashAlgorithm, PasswordHash, Tag, TopicPermission, User, UserLimits};
use crate::policy::{ApplyTo, Policy, PolicyKind, PolicySpec};
use crate::store::QueueId;
use crate::vhost::{VhostLimits, VhostMetadata};

/// Something that survives a restart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Definition {
    Vhost(VhostName, VhostMetadata),
    User(User),
    Permission(VhostName, UserName, Permission),
    TopicPermission(VhostName, UserName, ExchangeName, TopicPermission),
    Exchange(VhostName, ExchangeSpec),
    /// A queue, by its name in the spec, with its number in the log.
    Queue(VhostName, QueueSpec, QueueId),
    Binding(VhostName, Binding),
    Policy(VhostName, PolicyKind, Arc<Policy>),
    /// A vhost, a component, a name, and what it says.
    Parameter(VhostName, Box<str>, Box<str>, Box<[u8]>),
}

/// What a definition is kept under.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(pub(super) Vec<u8>);

const VHOST: u8 = b'v';
const USER: u8 = b'u';
const PERMISSION: u8 = b'p';
const TOPIC_PERMISSION: u8 = b't';
const EXCHANGE: u8 = b'e';
const QUEUE: u8 = b'q';
const BINDING: u8 = b'b';
const POLICY: u8 = b'y';
const PARAMETER: u8 = b'm';

/// Kinds that belong to a vhost.
const IN_VHOST: [u8; 7] =
    [PERMISSION, TOPIC_PERMISSION, EXCHANGE, QUEUE, BINDING, POLICY, PARAMETER];

impl Key {
    fn new(kind: u8, names: &[&[u8]]) -> Self {
        let mut key = vec![kind];
        names.iter().for_each(|name| put_bytes(&mut key, name));
        Self(key)
    }

    pub(crate) fn vhost(name: &VhostName) -> Self {
        Self::new(VHOST, &[name.as_str().as_bytes()])
    }

    pub(crate) fn user(name: &UserName) -> Self {
        Self::new(USER, &[name.as_str().as_bytes()])
    }

    pub(crate) fn permission(vhost: &VhostName, user: &UserName) -> Self {
        Self::new(PERMISSION, &[vhost.as_str().as_bytes(), user.as_str().as_bytes()])
    }

    pub(crate) fn topic_permission(
        vhost: &VhostName,
        user: &UserName,
        exchange: &ExchangeName,
    ) -> Self {
        let names = [vhost.as_str(), user.as_str(), exchange.as_str()];
        Self::new(TOPIC_PERMISSION, &names.map(str::as_bytes))
    }

    pub(crate) fn exchange(vhost: &VhostName, name: &ExchangeName) -> Self {
        Self::new(EXCHANGE, &[vhost.as_str().as_bytes(), name.as_str().as_bytes()])
    }

    #[cfg(test)]
    pub(crate) fn queue(vhost: &VhostName, name: &QueueName) -> Self {
        Self::new(QUEUE, &[vhost.as_str().as_bytes(), name.as_str().as_bytes()])
    }

    fn binding(vhost: &VhostName, binding: &Binding) -> Self {
        let Binding { source, destination, key, arguments } = binding;
        let mut table = Vec::new();
        put_table(&mut table, arguments);
        let (kind, name) = destination_names(destination);
        let (vhost, source) = (vhost.as_str().as_bytes(), source.as_str().as_bytes());
        Self::new(BINDING, &[vhost, source, kind, name, key.as_bytes(), &table])
    }

    pub(crate) fn policy(vhost: &VhostName, kind: PolicyKind, name: &str) -> Self {
        Self::new(POLICY, &[vhost.as_str(), kind.as_str(), name].map(str::as_bytes))
    }

    pub(crate) fn parameter(vhost: &VhostName, component: &str, name: &str) -> Self {
        Self::new(PARAMETER, &[vhost.as_str(), component, name].map(str::as_bytes))
    }

    /// How the keys of everything in a vhost begin.
    pub(super) fn prefixes(vhost: &VhostName) -> impl Iterator<Item = Vec<u8>> {
        IN_VHOST.into_iter().map(|kind| Self::new(kind, &[vhost.as_str().as_bytes()]).0)
    }
}

impl Definition {
    pub(crate) fn key(&self) -> Key {
        match self {
            Self::Vhost(name, _) => Key::vhost(name),
            Self::User(user) => Key::user(&user.name),
            Self::Permission(vhost, user, _) => Key::permission(vhost, user),
            Self::TopicPermission(vhost, user, exchange, _) => {
                Key::topic_permission(vhost, user, exchange)
            }
            Self::Exchange(vhost, spec) => Key::exchange(vhost, &spec.name),
            Self::Queue(vhost, spec, _) => {
                let name = spec.name.as_ref().map_or("", |name| name.as_str());
                Key::new(QUEUE, &[vhost.as_str().as_bytes(), name.as_bytes()])
            }
            Self::Binding(vhost, binding) => Key::binding(vhost, binding),
            Self::Policy(vhost, kind, policy) => Key::policy(vhost, *kind, policy.name()),
            Self::Parameter(vhost, component, name, _) => Key::parameter(vhost, component, name),
        }
    }

    /// What is kept under its key.
    pub(super) fn value(&self) -> Vec<u8> {
        let mut value = Vec::new();
        let put_text = |into: &mut Vec<u8>, text: &str| put_bytes(into, text.as_bytes());
        match self {
            Self::Vhost(_, VhostMetadata { description, tags, limits }) => {
                put_text(&mut value, description);
                put_texts(&mut value, tags.iter().map(String::as_str));
                put_option(&mut value, limits.connections_max);
                put_option(&mut value, limits.queues_max);
            }
            Self::User(User { password, tags, limits, .. }) => {
                let hash = password.as_ref();
                put_text(&mut value, hash.map_or("", |hash| hash.algorithm().as_str()));
                put_text(&mut value, &hash.map_or(String::new(), PasswordHash::to_base64));
                put_texts(&mut value, tags.iter().map(Tag::as_str));
                put_option(&mut value, limits.connections_max);
                put_option(&mut value, limits.channels_max);
            }
            Self::Permission(.., Permission { configure, write, read }) => {
                [configure, write, read].into_iter().for_each(|it| put_text(&mut value, it));
            }
            Self::TopicPermission(.., TopicPermission { write, read }) => {
                [write, read].into_iter().for_each(|it| put_text(&mut value, it));
            }
            Self::Exchange(_, spec) => {
                put_text(&mut value, &spec.kind);
                value.push(u8::from(spec.is_auto_delete));
                value.push(u8::from(spec.is_internal));
                put_table(&mut value, &spec.arguments);
            }
            Self::Queue(_, spec, id) => {
                put_number(&mut value, id.0);
                value.push(u8::from(spec.is_auto_delete));
                put_table(&mut value, &spec.arguments);
            }
            Self::Binding(..) => {}
            Self::Policy(.., policy) => {
                put_text(&mut value, policy.pattern());
                put_text(&mut value, policy.apply_to().as_str());
                put_number(&mut value, policy.priority().cast_unsigned());
                put_table(&mut value, policy.definition().table());
            }
            Self::Parameter(.., bytes) => value.extend_from_slice(bytes),
        }
        value
    }

    /// Reads one back.
    pub(super) fn read(key: &[u8], value: &[u8]) -> Result<Self, Malformed> {
        let (kind, names) = key.split_first().ok_or(Malformed("the key is empty"))?;
        let (names, value) = (&mut Fields(names), &mut Fields(value));
        match *kind {
            VHOST => Self::read_vhost(names, value),
            USER => Self::read_user(names, value),
            PERMISSION => {
                let (vhost, user) = (names.name(VhostName::parse)?, names.name(UserName::parse)?);
                let mut text = || value.text().map(str::to_owned);
                let permission = Permission { configure: text()?, write: text()?, read: text()? };
                Ok(Self::Permission(vhost, user, permission))
            }
            TOPIC_PERMISSION => {
                let (vhost, user) = (names.name(VhostName::parse)?, names.name(UserName::parse)?);
                let exchange = names.name(ExchangeName::parse)?;
                let mut text = || value.text().map(str::to_owned);
                let permission = TopicPermission { write: text()?, read: text()? };
                Ok(Self::TopicPermission(vhost, user, exchange, permission))
            }
            EXCHANGE => {
                let vhost = names.name(VhostName::parse)?;
                let name = names.name(ExchangeName::parse)?;
                let spec = ExchangeSpec {
                    name,
                    kind: value.text()?.into(),
                    is_durable: true,
                    is_auto_delete: value.flag()?,
                    is_internal: value.flag()?,
                    arguments: value.table()?,
                };
                Ok(Self::Exchange(vhost, spec))
            }
            QUEUE => {
                let vhost = names.name(VhostName::parse)?;
                let name = Some(names.name(QueueName::parse)?);
                let id = QueueId(value.number()?);
                let (is_durable, is_exclusive) = (true, false);
                let is_auto_delete = value.flag()?;
                let arguments = value.table()?;
                let spec = QueueSpec { name, is_durable, is_exclusive, is_auto_delete, arguments };
                Ok(Self::Queue(vhost, spec, id))
            }
            BINDING => Self::read_binding(names),
            POLICY => Self::read_policy(names, value),
            PARAMETER => {
                let vhost = names.name(VhostName::parse)?;
                let (component, name) = (names.text()?.into(), names.text()?.into());
                Ok(Self::Parameter(vhost, component, name, value.0.into()))
            }
            _ => Err(Malformed("a definition of an unknown kind")),
        }
    }

    fn read_vhost(names: &mut Fields<'_>, value: &mut Fields<'_>) -> Result<Self, Malformed> {
        let name = names.name(VhostName::parse)?;
        let description = value.text()?.to_owned();
        let tags = texts(value)?.into_iter().map(str::to_owned).collect();
        let limits = VhostLimits { connections_max: value.option()?, queues_max: value.option()? };
        Ok(Self::Vhost(name, VhostMetadata { description, tags, limits }))
    }

    fn read_user(names: &mut Fields<'_>, value: &mut Fields<'_>) -> Result<Self, Malformed> {
        let name = names.name(UserName::parse)?;
        let (algorithm, hash) = (value.text()?, value.text()?);
        let password = match algorithm {
            "" => None,
            algorithm => {
                let known = HashAlgorithm::parse(algorithm);
                let algorithm = known.ok_or(Malformed("an unknown hash"))?;
                let hash = PasswordHash::from_base64(algorithm, hash);
                Some(hash.map_err(|_| Malformed("a hash is none"))?)
            }
        };
        let tags = texts(value)?.into_iter().map(Tag::new).collect();
        let limits = UserLimits { connections_max: value.option()?, channels_max: value.option()? };
        Ok(Self::User(User { name, password, tags, limits }))
    }

    fn read_policy(names: &mut Fields<'_>, value: &mut Fields<'_>) -> Result<Self, Malformed> {
        let vhost = names.name(VhostName::parse)?;
        let kind = PolicyKind::parse(names.text()?).ok_or(Malformed("a policy of no kind"))?;
        let spec = PolicySpec {
            name: names.text()?.to_owned(),
            pattern: value.text()?.to_owned(),
            apply_to: ApplyTo::parse(value.text()?).ok_or(Malformed("a policy for no kind"))?,
            priority: value.number()?.cast_signed(),
            definition: value.table()?,
        };
        let policy = Policy::kept(spec).map_err(|_| Malformed("a policy's pattern is none"))?;
        Ok(Self::Policy(vhost, kind, Arc::new(policy)))
    }

    fn read_binding(names: &mut Fields<'_>) -> Result<Self, Malformed> {
        let vhost = names.name(VhostName::parse)?;
        let source = names.name(ExchangeName::parse)?;
        let destination = match names.bytes()? {
            b"q" => Destination::Queue(names.name(QueueName::parse)?),
            b"e" => Destination::Exchange(names.name(ExchangeName::parse)?),
            _ => return Err(Malformed("a binding leads to an unknown kind")),
        };
        let key = RoutingKey::parse(names.bytes()?).map_err(|_| Malformed("a key is too long"))?;
        let arguments = Fields(names.bytes()?).table()?;
        Ok(Self::Binding(vhost, Binding { source, destination, key, arguments }))
    }
}

fn destination_names(destination: &Destination) -> (&'static [u8], &[u8]) {
    match destination {
        Destination::Queue(name) => (b"q", name.as_str().as_bytes()),
        Destination::Exchange(name) => (b"e", name.as_str().as_bytes()),
    }
}

fn put_texts<'a>(into: &mut Vec<u8>, texts: impl ExactSizeIterator<Item = &'a str>) {
    put_number(into, texts.len() as u64);
    texts.for_each(|text| put_bytes(into, text.as_bytes()));
}

fn texts<'a>(value: &mut Fields<'a>) -> Result<Vec<&'a str>, Malformed> {
    let mut texts = Vec::new();
    for _ in 0..value.number()? {
        texts.push(value.text()?);
    }
    Ok(texts)
}
