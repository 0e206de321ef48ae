//! Every configuration key, once. The names are RabbitMQ's unless a comment says that it is ours.

use broker::store;
use broker::stream::Overflow;
use model::RuleEffect;

use super::key::Key;
use super::settings::{Endpoint, Listeners, Rule, Secret, SeedUser, Settings};
use super::tls::{self, Tls};
use super::value::{
    boolean, bound, bytes, endpoint, fraction, information, integer, ip, milliseconds, port,
};

/// The shortest file of the message log, in bytes: below that, it would be heads and seals mostly.
const SEGMENT_BYTES_MIN: u32 = 64 << 10;

type Applied = Result<(), String>;

macro_rules! keys {
    ($($name:literal => |$s:ident, $w:pat_param, $v:ident| $apply:expr;)*) => {
        &[$(Key { name: $name, apply: |$s, $w, $v| { $apply; Ok(()) } }),*]
    };
}

pub(super) const KEYS: &[Key] = keys! {
    "listeners.tcp" => |s, _, v| off(&mut s.amqp_listeners, v)?;
    "listeners.tcp.$name" => |s, name, v| listen(&mut s.amqp_listeners, name, v)?;
    "listeners.ssl" => |s, _, v| off(&mut s.amqp_tls_listeners, v)?;
    "listeners.ssl.$name" => |s, name, v| listen(&mut s.amqp_tls_listeners, name, v)?;
    "ssl_options" => |s, _, v| match v {
        "none" => s.tls = Tls::default(),
        _ => return Err(format!("found '{v}', wanted 'none'")),
    };
    "ssl_options.cacertfile" => |s, _, v| s.tls.authorities = Some(v.into());
    "ssl_options.certfile" => |s, _, v| s.tls.certificate = Some(v.into());
    "ssl_options.keyfile" => |s, _, v| s.tls.key = Some(v.into());
    "ssl_options.verify" => |s, _, v| s.tls.is_verifying = tls::verify(v)?;
    "ssl_options.fail_if_no_peer_cert" => |s, _, v| {
        s.tls.is_certificate_required = boolean(v)?
    };
    "ssl_options.versions.$n" => |s, n, v| {
        s.tls.versions.insert(n.to_owned(), tls::version(v)?)
    };
    "ssl_options.crl_check" => |_s, _, v| tls::no_revocation(v)?;
    "ssl_options.ciphers.$n" => |s, n, _v| idle(s, &format!("ssl_options.ciphers.{n}"));
    "ssl_options.$option" => |s, option, _v| tls::other(s, "ssl_options", option)?;
    "ssl_handshake_timeout" => |s, _, v| s.tls_handshake_timeout = milliseconds(v)?;
    "heartbeat" => |s, _, v| s.heartbeat_seconds = integer(v)?;
    "frame_max" => |s, _, v| s.frame_bytes_max = integer(v)?;
    "channel_max" => |s, _, v| s.channel_max = integer(v)?;
    "handshake_timeout" => |s, _, v| s.handshake_timeout = milliseconds(v)?;
    "max_message_size" => |s, _, v| s.message_bytes_max = message_size(v)?;
    "connection_max" => |s, _, v| s.connection_max = bound(v)?;
    "max_connections" => |s, _, v| s.connection_max = bound(v)?;
    // Ours: RabbitMQ sets this limit per user at run time only.
    "user_connection_max" => |s, _, v| s.user_connection_max = bound(v)?;

    "default_vhost" => |s, _, v| s.default_vhost = v.to_owned();
    "default_user" => |s, _, v| s.default_user = v.to_owned();
    "default_pass" => |s, _, v| s.default_password = Secret(plain(v)?);
    "default_user_tags.$tag" => |s, tag, v| {
        s.default_user_tags.insert(tag.to_owned(), boolean(v)?)
    };
    "default_permissions.configure" => |s, _, v| s.default_permission.configure = v.to_owned();
    "default_permissions.write" => |s, _, v| s.default_permission.write = v.to_owned();
    "default_permissions.read" => |s, _, v| s.default_permission.read = v.to_owned();
    "default_users.$name.password" => |s, name, v| seed(s, name).password = Some(plain(v)?);
    "default_users.$name.tags" => |s, name, v| {
        seed(s, name).tags = v.split(',').map(|tag| tag.trim().to_owned()).collect()
    };
    "default_users.$name.vhost_pattern" => |s, name, v| seed(s, name).vhost_pattern = v.to_owned();
    "default_users.$name.configure" => |s, name, v| {
        seed(s, name).permission.configure = v.to_owned()
    };
    "default_users.$name.write" => |s, name, v| seed(s, name).permission.write = v.to_owned();
    "default_users.$name.read" => |s, name, v| seed(s, name).permission.read = v.to_owned();
    "loopback_users" => |s, _, v| match v {
        "none" => s.loopback_users.clear(),
        _ => return Err(format!("found '{v}', wanted 'none'")),
    };
    "loopback_users.$name" => |s, name, v| {
        s.loopback_users.insert(name.to_owned(), boolean(v)?)
    };
    // Ours: see docs/access-control.md.
    "destination_rules.user.$name.$number" => |s, rule, v| {
        let (name, number) = rule_number(rule)?;
        s.user_rules.entry(name).or_default().insert(number, destination_rule(v)?)
    };
    "destination_rules.tag.$name.$number" => |s, rule, v| {
        let (name, number) = rule_number(rule)?;
        s.tag_rules.entry(name).or_default().insert(number, destination_rule(v)?)
    };

    "stomp.listeners.tcp" => |s, _, v| off(&mut s.stomp_listeners, v)?;
    "stomp.listeners.tcp.$name" => |s, name, v| listen(&mut s.stomp_listeners, name, v)?;
    "stomp.listeners.ssl" => |s, _, v| off(&mut s.stomp_tls_listeners, v)?;
    "stomp.listeners.ssl.$name" => |s, name, v| listen(&mut s.stomp_tls_listeners, name, v)?;
    "stomp.default_user" => |s, _, v| s.stomp.default_user = v.to_owned();
    "stomp.default_pass" => |s, _, v| s.stomp.default_password = Secret(plain(v)?);
    "stomp.default_vhost" => |s, _, v| s.stomp.default_vhost = v.to_owned();
    "stomp.default_topic_exchange" => |s, _, v| s.stomp.default_topic_exchange = v.to_owned();
    "stomp.default_nack_requeue" => |s, _, v| s.stomp.is_nack_requeued = boolean(v)?;
    "stomp.implicit_connect" => |s, _, v| s.stomp.is_connect_implicit = boolean(v)?;
    "stomp.login_timeout" => |s, _, v| s.stomp.login_timeout = milliseconds(v)?;
    "stomp.hide_server_info" => |s, _, v| s.stomp.is_server_hidden = boolean(v)?;
    "stomp.max_frame_size" => |s, _, v| s.stomp.frame_bytes_max = bytes(v)?;
    "stomp.max_frame_size_unauthenticated" => |s, _, v| {
        s.stomp.frame_bytes_max_before_login = bytes(v)?
    };

    "web_stomp.tcp.port" => |s, _, v| s.web_stomp_listeners.default.port = port(v)?;
    "web_stomp.tcp.ip" => |s, _, v| s.web_stomp_listeners.default.ip = ip(v)?;
    "web_stomp.tcp.listener" => |s, _, v| one_listener(&mut s.web_stomp_listeners, v)?;
    "web_stomp.port" => |s, _, v| s.web_stomp_listeners.default.port = port(v)?;
    // Not RabbitMQ's, but what tutorials write.
    "web_stomp.listeners.http.default" => |s, _, v| one_listener(&mut s.web_stomp_listeners, v)?;
    "web_stomp.listeners.ws.default" => |s, _, v| one_listener(&mut s.web_stomp_listeners, v)?;
    "web_stomp.ssl.port" => |s, _, v| {
        switched_on(&mut s.web_stomp_tls_listeners).port = port(v)?
    };
    "web_stomp.ssl.ip" => |s, _, v| switched_on(&mut s.web_stomp_tls_listeners).ip = ip(v)?;
    "web_stomp.ssl.listener" => |s, _, v| one_listener(&mut s.web_stomp_tls_listeners, v)?;
    "web_stomp.ssl.cacertfile" => |s, _, v| s.web_stomp_tls.authorities = Some(v.into());
    "web_stomp.ssl.certfile" => |s, _, v| s.web_stomp_tls.certificate = Some(v.into());
    "web_stomp.ssl.keyfile" => |s, _, v| s.web_stomp_tls.key = Some(v.into());
    // Ours: RabbitMQ has these two in its advanced configuration only.
    "web_stomp.ssl.verify" => |s, _, v| s.web_stomp_tls.is_verifying = tls::verify(v)?;
    "web_stomp.ssl.fail_if_no_peer_cert" => |s, _, v| {
        s.web_stomp_tls.is_certificate_required = boolean(v)?
    };
    "web_stomp.ssl.versions.$n" => |s, n, v| {
        s.web_stomp_tls.versions.insert(n.to_owned(), tls::version(v)?)
    };
    "web_stomp.ssl.crl_check" => |_s, _, v| tls::no_revocation(v)?;
    "web_stomp.ssl.ciphers.$n" => |s, n, _v| idle(s, &format!("web_stomp.ssl.ciphers.{n}"));
    "web_stomp.ssl.$option" => |s, option, _v| tls::other(s, "web_stomp.ssl", option)?;
    "web_stomp.ws_path" => |s, _, v| s.web_stomp.path = ws_path(v)?;
    "web_stomp.ws_frame" => |s, _, v| s.web_stomp.is_binary = match v {
        "text" => false,
        "binary" => true,
        _ => return Err(format!("found '{v}', wanted 'text' or 'binary'")),
    };
    "web_stomp.ws_opts.compress" => |s, _, v| s.web_stomp.is_compressing = boolean(v)?;
    // Ours.
    "web_stomp.ws_opts.compress_above" => |s, _, v| s.web_stomp.compress_above_bytes = integer(v)?;
    "web_stomp.ws_opts.idle_timeout" => |s, _, v| s.web_stomp.idle_timeout = milliseconds(v)?;
    "web_stomp.ws_opts.max_frame_size" => |s, _, v| s.web_stomp.frame_bytes_max = Some(bytes(v)?);
    "web_stomp.allow_origins" => |s, _, v| match v {
        "none" => s.web_stomp.allow_origins.clear(),
        _ => return Err(format!("found '{v}', wanted 'none'")),
    };
    "web_stomp.allow_origins.$n" => |s, n, v| {
        s.web_stomp.allow_origins.insert(n.to_owned(), v.to_owned())
    };
    "web_stomp.max_connections" => |s, _, v| s.web_stomp.connection_max = bound(v)?;
    "web_stomp.use_http_auth" => |s, _, v| s.web_stomp.is_http_auth = boolean(v)?;

    "management.tcp.port" => |s, _, v| s.management_listeners.default.port = port(v)?;
    "management.tcp.ip" => |s, _, v| s.management_listeners.default.ip = ip(v)?;
    // Ours: as of the other protocols.
    "management.tcp.listener" => |s, _, v| one_listener(&mut s.management_listeners, v)?;

    // Ours: what the streams that topic subscriptions share keep for slow readers.
    "stream.topic_subscription.max_length" => |s, _, v| s.stream.messages_max = integer(v)?;
    "stream.topic_subscription.max_length_bytes" => |s, _, v| s.stream.bytes_max = bytes(v)?;
    "stream.topic_subscription.total_max_length" => |s, _, v| {
        s.stream.total_messages_max = integer(v)?
    };
    "stream.topic_subscription.total_max_length_bytes" => |s, _, v| {
        s.stream.total_bytes_max = bytes(v)?
    };
    "stream.topic_subscription.overflow" => |s, _, v| {
        s.stream.overflow = Overflow::parse(v)
            .ok_or_else(|| format!("found '{v}', wanted 'drop-head' or 'disconnect'"))?
    };
    // Ours: how long a file of the message log becomes.
    "store.segment_bytes" => |s, _, v| s.segment_bytes = segment_bytes(v)?;
    "node_name" => |s, _, v| s.node_name = v.to_owned();

    "tcp_listen_options.backlog" => |s, _, v| s.backlog = integer(v)?;
    "stomp.tcp_listen_options.backlog" => |s, _, v| s.stomp_backlog = integer(v)?;
    "tcp_listen_options.$n" => |s, n, _v| idle(s, &format!("tcp_listen_options.{n}"));
    "stomp.tcp_listen_options.$n" => |s, n, _v| idle(s, &format!("stomp.tcp_listen_options.{n}"));
    "num_acceptors.$n" => |s, n, _v| idle(s, &format!("num_acceptors.{n}"));
    "stomp.num_acceptors.$n" => |s, n, _v| idle(s, &format!("stomp.num_acceptors.{n}"));
    "web_stomp.num_acceptors.$n" => |s, n, _v| idle(s, &format!("web_stomp.num_acceptors.{n}"));
    "web_stomp.cowboy_opts.timeout" => |s, _, v| s.web_stomp.request_timeout = milliseconds(v)?;
    "web_stomp.cowboy_opts.$n" => |s, n, _v| idle(s, &format!("web_stomp.cowboy_opts.{n}"));
    "vm_memory_high_watermark.relative" => |s, _, v| s.memory.relative = fraction(v)?;
    "vm_memory_high_watermark.absolute" => |s, _, v| s.memory.absolute = Some(information(v)?);
    "vm_memory_calculation_strategy" => |s, _, _v| idle(s, "vm_memory_calculation_strategy");
    "memory_monitor_interval" => |s, _, _v| idle(s, "memory_monitor_interval");
    "vm_memory_high_watermark_paging_ratio" => |s, _, _v| {
        idle(s, "vm_memory_high_watermark_paging_ratio")
    };
    "total_memory_available_override_value" => |s, _, v| {
        s.memory.total = Some(information(v)?)
    };
    "disk_free_limit.absolute" => |s, _, v| s.disk_free.absolute = Some(information(v)?);
    "disk_free_limit.relative" => |s, _, v| s.disk_free.relative = Some(fraction(v)?);
    "log.console" => |s, _, _v| idle(s, "log.console");
    "log.console.$n" => |s, n, _v| idle(s, &format!("log.console.{n}"));
    "log.file" => |s, _, _v| idle(s, "log.file");
    "log.file.$n" => |s, n, _v| idle(s, &format!("log.file.{n}"));
};

fn off(listeners: &mut Listeners, value: &str) -> Applied {
    match value {
        "none" => listeners.is_off = true,
        _ => {
            return Err(format!("found '{value}', wanted 'none'; a port goes to '.default'"));
        }
    }
    Ok(())
}

fn listen(listeners: &mut Listeners, name: &str, value: &str) -> Applied {
    listeners.named.insert(name.to_owned(), endpoint(value)?);
    listeners.is_off = false;
    Ok(())
}

/// For protocols with one listener: it is moved, or switched off with `none`.
fn one_listener(listeners: &mut Listeners, value: &str) -> Applied {
    listeners.is_off = value == "none";
    if !listeners.is_off {
        listeners.default = endpoint(value)?;
    }
    Ok(())
}

/// For a protocol that is served once it is told where.
fn switched_on(listeners: &mut Listeners) -> &mut Endpoint {
    listeners.is_off = false;
    &mut listeners.default
}

fn seed<'a>(settings: &'a mut Settings, name: &str) -> &'a mut SeedUser {
    settings.seed_users.entry(name.to_owned()).or_default()
}

/// A password in the clear: `encrypted:` values need a passphrase that we do not take.
fn plain(value: &str) -> Result<String, String> {
    match value.starts_with("encrypted:") {
        true => Err("encrypted values cannot be read; give it in the clear in a file \
                     only the broker may read, or as a HOPWIRE_* variable"
            .into()),
        false => Ok(value.to_owned()),
    }
}

fn message_size(value: &str) -> Result<u64, String> {
    let hard_max = model::message::BODY_BYTES_HARD_MAX;
    match bytes(value)? {
        size if size <= hard_max => Ok(size),
        size => Err(format!("found {size}, wanted at most {hard_max} bytes")),
    }
}

fn segment_bytes(value: &str) -> Result<u32, String> {
    let most = store::Settings::SEGMENT_BYTES_MAX;
    let wanted = || format!("found '{value}', wanted 64KB to {most} bytes");
    let size = u32::try_from(bytes(value)?).map_err(|_| wanted())?;
    match (SEGMENT_BYTES_MIN..=most).contains(&size) {
        true => Ok(size),
        false => Err(wanted()),
    }
}

fn ws_path(value: &str) -> Result<String, String> {
    match value.starts_with('/') {
        true => Ok(value.trim_end_matches('/').to_owned()),
        false => Err(format!("found '{value}', wanted a path that begins with '/'")),
    }
}

/// The number of a rule, behind the last `.` of `<name>.<number>`.
fn rule_number(rule: &str) -> Result<(String, u32), String> {
    let (name, number) =
        rule.rsplit_once('.').ok_or_else(|| format!("found '{rule}', wanted '<name>.<number>'"))?;
    Ok((name.to_owned(), integer(number)?))
}

fn destination_rule(value: &str) -> Result<Rule, String> {
    let wanted = || format!("found '{value}', wanted 'read|write|deny <destination pattern>'");
    let (effect, pattern) = value.split_once(' ').ok_or_else(wanted)?;
    let effect = match effect {
        "read" => RuleEffect::Read,
        "write" => RuleEffect::Write,
        "deny" => RuleEffect::Deny,
        _ => return Err(wanted()),
    };
    let pattern = pattern.trim();
    let is_pattern = pattern.starts_with('/') || pattern.starts_with('*');
    if !is_pattern {
        return Err(wanted());
    }
    Ok(Rule { effect, pattern: pattern.to_owned() })
}

/// A key of RabbitMQ's that changes nothing here.
fn idle(settings: &mut Settings, key: &str) {
    settings.idle_keys.push(key.to_owned());
}
