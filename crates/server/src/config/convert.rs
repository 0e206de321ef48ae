//! From the configuration to the settings of each room.

use std::collections::BTreeMap;

use broker::auth::{RuleSubject, Tag, UserLimits};
use broker::store;
use broker::stream::{StreamLimits, StreamSettings, TotalLimits};
use broker::{Broker, DefaultUser};
use model::{DestinationRule, UserName, VhostName};
use regex::Regex;
use session::websocket::{self, Compression};
use session::{amqp, stomp};

use super::settings::{Rule, SeedUser, Settings};
use crate::watch::{DiskLimit, MemoryLimit};

/// Less room on the disk than this is an alarm, in bytes. Source: RabbitMQ.
const DISK_FREE_LIMIT_BYTES: u64 = 50_000_000;

/// Why the configuration cannot be put into effect, though each key is good by itself.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {reason}")]
pub(crate) struct ConvertError {
    key: String,
    reason: String,
}

impl ConvertError {
    /// What is wrong with the value of `key`.
    pub(crate) fn new(key: impl Into<String>, reason: impl ToString) -> Self {
        Self { key: key.into(), reason: reason.to_string() }
    }
}

fn failed(key: impl Into<String>, reason: impl ToString) -> ConvertError {
    ConvertError::new(key, reason)
}

impl Settings {
    /// What the broker core is told.
    ///
    /// # Errors
    ///
    /// [`ConvertError`] if a name is too long.
    pub(crate) fn broker(&self) -> Result<broker::Settings, ConvertError> {
        let user =
            |key: &str, name: &str| UserName::parse(name).map_err(|error| failed(key, error));
        let tags = self.default_user_tags.iter().filter(|(_, is_on)| **is_on);
        let loopback = self.loopback_users.iter().filter(|(_, is_on)| **is_on);
        Ok(broker::Settings {
            node_name: self.node_name.as_str().into(),
            default_vhost: VhostName::parse(&self.default_vhost)
                .map_err(|error| failed("default_vhost", error))?,
            default_user: Some(DefaultUser {
                name: user("default_user", &self.default_user)?,
                password: self.default_password.0.as_bytes().into(),
                tags: tags.map(|(tag, _)| Tag::new(tag)).collect(),
                permission: self.default_permission.clone(),
            }),
            loopback_users: loopback
                .map(|(name, _)| user("loopback_users", name))
                .collect::<Result<_, _>>()?,
            message_bytes_max: self.message_bytes_max,
            connections_max: self.connection_max,
            user_connections_max: self.user_connection_max,
            streams: StreamSettings {
                each: StreamLimits {
                    messages_max: self.stream.messages_max,
                    bytes_max: self.stream.bytes_max,
                },
                all: TotalLimits {
                    messages_max: self.stream.total_messages_max,
                    bytes_max: self.stream.total_bytes_max,
                },
                overflow: self.stream.overflow,
            },
        })
    }

    /// Makes the further users of a first start, and sets the destination rules.
    ///
    /// # Errors
    ///
    /// [`ConvertError`] if a name or a pattern is none.
    pub(crate) fn seed(&self, broker: &Broker) -> Result<(), ConvertError> {
        for (name, seed) in self.seed_users.iter().filter(|_| broker.is_new()) {
            self.seed_user(broker, name, seed)?;
        }
        let node = broker.operate_as_node();
        for (name, rules) in &self.user_rules {
            let name =
                UserName::parse(name).map_err(|error| failed("destination_rules.user", error))?;
            node.set_rules(RuleSubject::User(name), in_order(rules));
        }
        for (tag, rules) in &self.tag_rules {
            node.set_rules(RuleSubject::Tag(tag.as_str().into()), in_order(rules));
        }
        Ok(())
    }

    fn seed_user(&self, broker: &Broker, name: &str, seed: &SeedUser) -> Result<(), ConvertError> {
        let key = |leaf: &str| format!("default_users.{name}.{leaf}");
        let user = UserName::parse(name).map_err(|error| failed(key(""), error))?;
        let password = seed.password.as_deref().ok_or_else(|| {
            failed(key("password"), "wanted: a user without a password cannot log in")
        })?;
        let tags = seed.tags.iter().map(|tag| Tag::new(tag)).collect();
        let node = broker.operate_as_node();
        node.set_user_with_password(user.clone(), password.as_bytes(), tags, UserLimits::default())
            .map_err(|refusal| failed(key("password"), refusal))?;
        let pattern =
            Regex::new(&seed.vhost_pattern).map_err(|error| failed(key("vhost_pattern"), error))?;
        for vhost in broker.list_vhosts() {
            if pattern.is_match(vhost.name.as_str()) {
                node.set_permission(&user, &vhost.name, seed.permission.clone())
                    .map_err(|refusal| failed(format!("default_users.{name}"), refusal))?;
            }
        }
        Ok(())
    }

    /// How much memory is too much.
    pub(crate) fn memory_limit(&self) -> MemoryLimit {
        match self.memory.absolute {
            Some(bytes) => MemoryLimit::Absolute(bytes),
            None => MemoryLimit::Relative(self.memory.relative),
        }
    }

    /// How little room on the disk is too little.
    pub(crate) fn disk_limit(&self) -> DiskLimit {
        match (self.disk_free.absolute, self.disk_free.relative) {
            (None, Some(factor)) => DiskLimit::Relative(factor),
            (absolute, _) => DiskLimit::Absolute(absolute.unwrap_or(DISK_FREE_LIMIT_BYTES)),
        }
    }

    /// What the message log is told.
    pub(crate) fn store(&self) -> store::Settings {
        store::Settings { segment_bytes: self.segment_bytes, ..store::Settings::default() }
    }

    /// What AMQP sessions are told.
    pub(crate) fn amqp(&self) -> amqp::Settings {
        amqp::Settings {
            heartbeat_seconds: self.heartbeat_seconds,
            channel_max: self.channel_max,
            frame_bytes_max: self.frame_bytes_max,
            message_bytes_max: self.message_bytes_max,
            handshake_timeout: self.handshake_timeout,
            prefetch: 0,
            cluster_name: self.node_name.as_str().into(),
        }
    }

    /// What STOMP sessions are told.
    pub(crate) fn stomp(&self) -> stomp::Settings {
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let bytes = |text: &str| text.as_bytes().into();
        stomp::Settings {
            default_credentials: (!self.stomp.default_user.is_empty()).then(|| {
                stomp::Credentials {
                    login: bytes(&self.stomp.default_user),
                    passcode: bytes(&self.stomp.default_password.0),
                }
            }),
            default_vhost: self.stomp.default_vhost.as_str().into(),
            default_topic_exchange: self.stomp.default_topic_exchange.as_str().into(),
            is_nack_requeued: self.stomp.is_nack_requeued,
            is_connect_implicit: self.stomp.is_connect_implicit,
            login_timeout: self.stomp.login_timeout,
            is_server_hidden: self.stomp.is_server_hidden,
            frame_bytes_max: size(self.stomp.frame_bytes_max),
            frame_bytes_max_before_login: size(
                self.web_stomp.frame_bytes_max.unwrap_or(self.stomp.frame_bytes_max_before_login),
            ),
            message_bytes_max: self.message_bytes_max,
            prefetch: 0,
        }
    }

    /// What the WebSocket endpoint is told.
    pub(crate) fn websocket(&self) -> websocket::Settings {
        let web = &self.web_stomp;
        websocket::Settings {
            path: web.path.as_str().into(),
            allow_origins: web
                .allow_origins
                .values()
                .map(|origin| origin.as_str().into())
                .collect(),
            is_binary: web.is_binary,
            compression: match web.is_compressing {
                true => Compression::Deflate,
                false => Compression::None,
            },
            deflate_above_bytes: web.compress_above_bytes,
            request_timeout: web.request_timeout,
            idle_timeout: web.idle_timeout,
        }
    }
}

fn in_order(rules: &BTreeMap<u32, Rule>) -> Vec<DestinationRule> {
    let rule = |rule: &Rule| DestinationRule { pattern: rule.pattern.clone(), effect: rule.effect };
    rules.values().map(rule).collect()
}
