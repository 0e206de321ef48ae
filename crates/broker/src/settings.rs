//! What the node's configuration says about the core.

use model::{Permission, UserName, VhostName};

use crate::auth::Tag;
use crate::stream::StreamSettings;

/// The largest body by default, in bytes. Source: RabbitMQ 4.0, `max_message_size`.
pub const MESSAGE_BYTES_MAX_DEFAULT: u64 = 16 << 20;

/// What the node's configuration says about the core.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The node's name, as listings show it: `rabbit@host`.
    pub node_name: Box<str>,
    /// The vhost that a new node begins with.
    pub default_vhost: VhostName,
    /// The user that a new node begins with; `None` begins without one.
    pub default_user: Option<DefaultUser>,
    /// Users that may log in from this machine only.
    pub loopback_users: Vec<UserName>,
    /// The largest body, in bytes.
    pub message_bytes_max: u64,
    /// Connections of the node; `None` is no limit.
    pub connections_max: Option<u64>,
    /// Connections of any one user who has no limit of their own; `None` is no limit.
    pub user_connections_max: Option<u64>,
    /// What streams hold for topic subscriptions that are behind.
    pub streams: StreamSettings,
}

/// The user that a new node begins with.
#[derive(Clone)]
pub struct DefaultUser {
    /// Their name.
    pub name: UserName,
    /// Their password.
    pub password: Box<[u8]>,
    /// Their tags.
    pub tags: Vec<Tag>,
    /// Their patterns in the default vhost.
    pub permission: Permission,
}

impl std::fmt::Debug for DefaultUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DefaultUser")
            .field("name", &self.name)
            .field("tags", &self.tags)
            .finish_non_exhaustive()
    }
}

impl Default for Settings {
    /// RabbitMQ's, except that `guest` is also an impersonator, as web back ends publish in the
    /// name of the application's users.
    fn default() -> Self {
        let guest = UserName::parse("guest").ok();
        Self {
            node_name: "rabbit@localhost".into(),
            default_vhost: VhostName::root(),
            default_user: guest.clone().map(|name| DefaultUser {
                name,
                password: b"guest".as_slice().into(),
                tags: vec![Tag::new(Tag::ADMINISTRATOR), Tag::new(Tag::IMPERSONATOR)],
                permission: Permission::everything(),
            }),
            loopback_users: guest.into_iter().collect(),
            message_bytes_max: MESSAGE_BYTES_MAX_DEFAULT,
            connections_max: None,
            user_connections_max: None,
            streams: StreamSettings::default(),
        }
    }
}
