//! Everything that configuration can say, with the defaults. Rooms get their own settings from it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use broker::stream::Overflow;
use model::{Permission, RuleEffect};

use super::tls::Tls;
use super::value::ALL_INTERFACES;

/// Connections that wait to be accepted: as many as come back at once after a restart, not
/// RabbitMQ's 128. The system caps it (`net.core.somaxconn`).
const BACKLOG: u16 = 4096;

/// Where a listener listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Endpoint {
    /// The address; the unspecified IPv6 address means every interface, IPv4 too.
    pub(crate) ip: IpAddr,
    /// The port; 0 lets the system choose.
    pub(crate) port: u16,
}

/// The listeners of one protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listeners {
    /// Used if none is named.
    pub(crate) default: Endpoint,
    /// By the name in the key.
    pub(crate) named: BTreeMap<String, Endpoint>,
    /// `none`: the protocol is not served.
    pub(crate) is_off: bool,
}

impl Listeners {
    fn on(port: u16) -> Self {
        let default = Endpoint { ip: ALL_INTERFACES, port };
        Self { default, named: BTreeMap::new(), is_off: false }
    }

    /// Not served until a listener is named; `port` is for those who name an address alone.
    fn off(port: u16) -> Self {
        Self { is_off: true, ..Self::on(port) }
    }

    /// Where to listen: each place once, however often it was given.
    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        let mut endpoints: Vec<_> = match (self.is_off, self.named.is_empty()) {
            (true, _) => Vec::new(),
            (false, true) => vec![self.default],
            (false, false) => self.named.values().copied().collect(),
        };
        endpoints.sort_unstable();
        endpoints.dedup();
        endpoints
    }
}

/// A user to be made at the first start.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SeedUser {
    /// The password; shown nowhere.
    pub(crate) password: Option<String>,
    /// Tags.
    pub(crate) tags: Vec<String>,
    /// A pattern of the vhosts it has these permissions in.
    pub(crate) vhost_pattern: String,
    /// Its patterns.
    pub(crate) permission: Permission,
}

impl Default for SeedUser {
    fn default() -> Self {
        Self {
            password: None,
            tags: Vec::new(),
            vhost_pattern: ".*".into(),
            permission: Permission::everything(),
        }
    }
}

impl std::fmt::Debug for SeedUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SeedUser").field("tags", &self.tags).finish_non_exhaustive()
    }
}

/// A destination rule as configured, with its place in the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// What it grants.
    pub(crate) effect: RuleEffect,
    /// To which destinations.
    pub(crate) pattern: String,
}

/// Everything that configuration can say.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// AMQP 0-9-1.
    pub(crate) amqp_listeners: Listeners,
    /// STOMP over TCP.
    pub(crate) stomp_listeners: Listeners,
    /// STOMP over WebSocket.
    pub(crate) web_stomp_listeners: Listeners,
    /// Management.
    pub(crate) management_listeners: Listeners,
    /// AMQP 0-9-1 over TLS.
    pub(crate) amqp_tls_listeners: Listeners,
    /// STOMP over TLS.
    pub(crate) stomp_tls_listeners: Listeners,
    /// STOMP over WebSocket over TLS.
    pub(crate) web_stomp_tls_listeners: Listeners,
    /// `ssl_options.*`: of AMQP and STOMP.
    pub(crate) tls: Tls,
    /// `web_stomp.ssl.*`.
    pub(crate) web_stomp_tls: Tls,
    /// From accept to the end of a TLS handshake.
    pub(crate) tls_handshake_timeout: Duration,
    /// The heart-beat offered to AMQP clients, in seconds; 0 offers none.
    pub(crate) heartbeat_seconds: u16,
    /// The largest AMQP frame, in bytes.
    pub(crate) frame_bytes_max: u32,
    /// Channels per AMQP connection.
    pub(crate) channel_max: u16,
    /// Connections that wait to be accepted, of each AMQP, WebSocket and management listener.
    pub(crate) backlog: u16,
    /// The same of each STOMP listener.
    pub(crate) stomp_backlog: u16,
    /// From accept to an open AMQP connection.
    pub(crate) handshake_timeout: Duration,
    /// The largest body, in bytes.
    pub(crate) message_bytes_max: u64,
    /// Connections of the node; `None` is no limit.
    pub(crate) connection_max: Option<u64>,
    /// Connections of each user; `None` is no limit. Hopwire's own key.
    pub(crate) user_connection_max: Option<u64>,
    /// The vhost made at the first start.
    pub(crate) default_vhost: String,
    /// The user made at the first start.
    pub(crate) default_user: String,
    /// Its password.
    pub(crate) default_password: Secret,
    /// Its tags.
    pub(crate) default_user_tags: BTreeMap<String, bool>,
    /// Its permissions.
    pub(crate) default_permission: Permission,
    /// More users made at the first start.
    pub(crate) seed_users: BTreeMap<String, SeedUser>,
    /// Users that may log in from this machine only.
    pub(crate) loopback_users: BTreeMap<String, bool>,
    /// Destination rules of users, by their number.
    pub(crate) user_rules: BTreeMap<String, BTreeMap<u32, Rule>>,
    /// Destination rules of tags, by their number.
    pub(crate) tag_rules: BTreeMap<String, BTreeMap<u32, Rule>>,
    /// STOMP.
    pub(crate) stomp: Stomp,
    /// STOMP over WebSocket.
    pub(crate) web_stomp: WebStomp,
    /// What a topic subscription's shared ring keeps for slow readers.
    pub(crate) stream: Stream,
    /// How long a file of the message log becomes, in bytes.
    pub(crate) segment_bytes: u32,
    /// The node's name.
    pub(crate) node_name: String,
    /// `vm_memory_high_watermark.*`.
    pub(crate) memory: Memory,
    /// `disk_free_limit.*`.
    pub(crate) disk_free: DiskFree,
    /// Keys that were given but do nothing here, for a warning.
    pub(crate) idle_keys: Vec<String>,
}

/// A password in a configuration: shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

/// `stomp.*`.
#[derive(Clone, Debug)]
pub(crate) struct Stomp {
    /// Used where CONNECT has no `login`.
    pub(crate) default_user: String,
    /// Used where CONNECT has no `passcode`.
    pub(crate) default_password: Secret,
    /// Used where CONNECT has no `host`.
    pub(crate) default_vhost: String,
    /// What `/topic/` stands for.
    pub(crate) default_topic_exchange: String,
    /// Whether a NACK without `requeue` requeues.
    pub(crate) is_nack_requeued: bool,
    /// Whether the first frame may be another than CONNECT.
    pub(crate) is_connect_implicit: bool,
    /// From accept to CONNECTED.
    pub(crate) login_timeout: Duration,
    /// Whether CONNECTED says what the server is.
    pub(crate) is_server_hidden: bool,
    /// The largest frame, in bytes.
    pub(crate) frame_bytes_max: u64,
    /// The largest frame before login, in bytes.
    pub(crate) frame_bytes_max_before_login: u64,
}

/// `web_stomp.*`.
#[derive(Clone, Debug)]
pub(crate) struct WebStomp {
    /// The path of the endpoint.
    pub(crate) path: String,
    /// Whether outgoing messages are binary.
    pub(crate) is_binary: bool,
    /// Whether permessage-deflate is negotiated.
    pub(crate) is_compressing: bool,
    /// From which body size on messages are compressed, in bytes. Hopwire's own key.
    pub(crate) compress_above_bytes: u32,
    /// Silence after which a peer is closed.
    pub(crate) idle_timeout: Duration,
    /// How long a client may take for its upgrade request.
    pub(crate) request_timeout: Duration,
    /// The largest WebSocket message before login, in bytes.
    pub(crate) frame_bytes_max: Option<u64>,
    /// Allowed origins; empty allows all.
    pub(crate) allow_origins: BTreeMap<String, String>,
    /// Connections on this listener; `None` is no limit.
    pub(crate) connection_max: Option<u64>,
    /// Whether Basic credentials of the upgrade replace those of CONNECT.
    pub(crate) is_http_auth: bool,
}

/// `stream.topic_subscription.*`: Hopwire's own.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    /// Messages that each keeps for its slowest reader.
    pub(crate) messages_max: u64,
    /// Bytes that each keeps.
    pub(crate) bytes_max: u64,
    /// Messages that all of them keep together.
    pub(crate) total_messages_max: u64,
    /// Bytes that all of them keep together.
    pub(crate) total_bytes_max: u64,
    /// What happens to a reader that is too slow, unless it says itself.
    pub(crate) overflow: Overflow,
}

/// `vm_memory_high_watermark.*`: how much memory is too much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Memory {
    /// As a share of what there is.
    pub(crate) relative: f64,
    /// In bytes; goes before the share.
    pub(crate) absolute: Option<u64>,
    /// What there is, in bytes, if it is not to be found out.
    pub(crate) total: Option<u64>,
}

/// `disk_free_limit.*`: how little room is too little. 50 MB if neither is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DiskFree {
    /// In bytes; goes before the multiple.
    pub(crate) absolute: Option<u64>,
    /// As a multiple of the memory.
    pub(crate) relative: Option<f64>,
}

impl Default for Settings {
    fn default() -> Self {
        let guest = || "guest".to_owned();
        let on = |name: &str| (name.to_owned(), true);
        Self {
            amqp_listeners: Listeners::on(5672),
            stomp_listeners: Listeners::on(61613),
            web_stomp_listeners: Listeners::on(15674),
            management_listeners: Listeners::on(15672),
            amqp_tls_listeners: Listeners::off(5671),
            stomp_tls_listeners: Listeners::off(61614),
            web_stomp_tls_listeners: Listeners::off(15673),
            tls: Tls::default(),
            web_stomp_tls: Tls::default(),
            tls_handshake_timeout: Duration::from_secs(5),
            heartbeat_seconds: 60,
            frame_bytes_max: 131_072,
            channel_max: 2047,
            backlog: BACKLOG,
            stomp_backlog: BACKLOG,
            handshake_timeout: Duration::from_secs(10),
            message_bytes_max: 16 << 20,
            connection_max: None,
            user_connection_max: None,
            default_vhost: "/".into(),
            default_user: guest(),
            default_password: Secret(guest()),
            default_user_tags: [on("administrator"), on("impersonator")].into(),
            default_permission: Permission::everything(),
            seed_users: BTreeMap::new(),
            loopback_users: [on("guest")].into(),
            user_rules: BTreeMap::new(),
            tag_rules: BTreeMap::new(),
            stomp: Stomp::default(),
            web_stomp: WebStomp::default(),
            segment_bytes: broker::store::Settings::default().segment_bytes,
            stream: Stream {
                messages_max: 16_384,
                bytes_max: 64 << 20,
                total_messages_max: 1 << 20,
                total_bytes_max: 512 << 20,
                overflow: Overflow::DropHead,
            },
            node_name: format!("rabbit@{}", host_name()),
            memory: Memory { relative: 0.6, absolute: None, total: None },
            disk_free: DiskFree { absolute: None, relative: None },
            idle_keys: Vec::new(),
        }
    }
}

impl Default for Stomp {
    fn default() -> Self {
        Self {
            default_user: "guest".to_owned(),
            default_password: Secret("guest".to_owned()),
            default_vhost: "/".into(),
            default_topic_exchange: "amq.topic".into(),
            is_nack_requeued: true,
            is_connect_implicit: false,
            login_timeout: Duration::from_secs(10),
            is_server_hidden: false,
            frame_bytes_max: 4 << 20,
            frame_bytes_max_before_login: 64 << 10,
        }
    }
}

impl Default for WebStomp {
    fn default() -> Self {
        Self {
            path: "/ws".into(),
            is_binary: false,
            is_compressing: true,
            compress_above_bytes: 1024,
            idle_timeout: Duration::from_secs(60),
            request_timeout: Duration::from_secs(10),
            frame_bytes_max: None,
            allow_origins: BTreeMap::new(),
            connection_max: None,
            is_http_auth: false,
        }
    }
}

/// This machine's short name, as the system tells it.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim().split('.').next().unwrap_or_default();
    if name.is_empty() { "localhost".into() } else { name.into() }
}

#[cfg(test)]
mod tests {
    use super::super::{apply_all, parse};
    use super::*;
    use crate::watch::{DiskLimit, MemoryLimit};

    fn settings(text: &str) -> Settings {
        let mut settings = Settings::default();
        apply_all(&mut settings, &parse("x.conf", text).unwrap()).unwrap();
        settings
    }

    #[test]
    fn a_port_given_twice_for_one_listener_is_one_listener() {
        let twice = "web_stomp.listeners.http.default = 15700\n\
                     web_stomp.listeners.ws.default = 15700\n";
        let found = settings(twice).web_stomp_listeners.endpoints();
        assert_eq!(found, [Endpoint { ip: ALL_INTERFACES, port: 15700 }]);
    }

    #[test]
    fn named_listeners_replace_the_default_and_none_removes_it() {
        let amqp = |text: &str| settings(text).amqp_listeners.endpoints().len();
        assert_eq!(amqp(""), 1);
        assert_eq!(amqp("listeners.tcp.a = 1\nlisteners.tcp.b = 127.0.0.1:2"), 2);
        assert_eq!(amqp("listeners.tcp = none"), 0);
    }

    #[test]
    fn destination_rules_keep_the_order_of_their_numbers() {
        let rules = "destination_rules.user.ann.10 = deny *\n\
                     destination_rules.user.ann.2 = read /queue/user.{username}.*\n";
        let found: Vec<_> = settings(rules).user_rules["ann"].values().cloned().collect();
        assert_eq!(found[0].effect, RuleEffect::Read);
        assert_eq!(found[0].pattern, "/queue/user.{username}.*");
        assert_eq!(found[1].effect, RuleEffect::Deny);
    }

    #[test]
    fn absolute_limits_go_before_relative_ones_and_neither_is_idle() {
        let limits = |text: &str| {
            let settings = settings(text);
            assert_eq!(settings.idle_keys, [""; 0]);
            (settings.memory_limit(), settings.disk_limit())
        };
        let (memory, disk) = (MemoryLimit::Relative(0.6), DiskLimit::Absolute(50_000_000));
        assert_eq!(limits(""), (memory, disk));
        let relative = "vm_memory_high_watermark.relative = 0.4\ndisk_free_limit.relative = 1.5\n";
        assert_eq!(limits(relative), (MemoryLimit::Relative(0.4), DiskLimit::Relative(1.5)));
        let absolute = "vm_memory_high_watermark.absolute = 2GiB\n\
                        disk_free_limit.absolute = 1GB\n";
        let (memory, disk) = (MemoryLimit::Absolute(2 << 30), DiskLimit::Absolute(1_000_000_000));
        assert_eq!(limits(&format!("{relative}{absolute}")), (memory, disk));
        let idle = parse("x.conf", "vm_memory_high_watermark_paging_ratio = 0.5");
        let mut settings = Settings::default();
        apply_all(&mut settings, &idle.unwrap()).unwrap();
        assert_eq!(settings.idle_keys, ["vm_memory_high_watermark_paging_ratio"]);
    }

    #[test]
    fn secrets_do_not_show() {
        let shown = format!("{:?}", settings("default_pass = hush\nstomp.default_pass = hush"));
        assert!(!shown.contains("hush"));
    }
}
