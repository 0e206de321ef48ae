//! Exchanges, queues, bindings, consumers, vhosts, users, permissions.

use broker::policy::Policy;
use broker::view::{
    BindingView, ConsumerOf, ExchangeView, PermissionView, QueueView, TopicPermissionView,
    UserView, VhostView,
};
use engine::connections::Connection;
use model::{Destination, FieldTable, FieldValue, VhostName};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde_json::{Map, Value, json};

use super::table::object;
use crate::app::App;

/// An object with its `message_stats`, if it has any. The rates of single objects are not measured,
/// and so no `_details` stand beside the counters.
pub(crate) fn with_stats(mut object: Value, counters: &[(&str, u64)]) -> Value {
    let moved = counters.iter().filter(|(_, count)| *count > 0);
    let stats: Map<_, _> = moved.map(|(name, count)| ((*name).to_owned(), json!(count))).collect();
    if let (Value::Object(map), false) = (&mut object, stats.is_empty()) {
        map.insert("message_stats".to_owned(), Value::Object(stats));
    }
    object
}

pub(crate) fn exchange(view: &ExchangeView) -> Value {
    let mut shown = json!({
        "name": view.name.as_str(),
        "vhost": view.vhost.as_str(),
        "type": view.kind,
        "durable": view.is_durable,
        "auto_delete": view.is_auto_delete,
        "internal": view.is_internal,
        "arguments": object(&view.arguments),
    });
    if let (Value::Object(map), Some(policy)) = (&mut shown, &view.policies.policy) {
        map.insert("policy".to_owned(), json!(policy.name()));
    }
    let counters = [("publish_in", view.published_in), ("publish_out", view.published_out)];
    with_stats(shown, &counters)
}

pub(crate) fn queue(app: &App, view: &QueueView) -> Value {
    let counts = &view.counts;
    let totals = &counts.totals;
    let deliver_get =
        totals.delivered + totals.delivered_automatic + totals.got + totals.got_automatic;
    let all = counts.ready + counts.unacked;
    let bytes = counts.ready_bytes + counts.unacked_bytes;
    // Of this moment: a consumer is there, and nothing waits for one.
    let is_served = !view.consumers.is_empty() && counts.ready == 0;
    let capacity = if is_served { 1.0 } else { 0.0 };
    let mut shown = json!({
        "name": view.name.as_str(),
        "vhost": view.vhost.as_str(),
        "node": app.settings.node_name,
        "type": kind(view),
        "durable": view.is_durable,
        "auto_delete": view.is_auto_delete,
        "exclusive": view.owner.is_some(),
        "arguments": object(&view.arguments),
        "state": "running",
        "policy": view.policies.policy.as_ref().map(|policy| policy.name()),
        "operator_policy": view.policies.operator.as_ref().map(|policy| policy.name()),
        "effective_policy_definition": object(view.policies.definition.table()),
        "consumers": view.consumers.len(),
        "consumer_capacity": capacity, "consumer_utilisation": capacity,
        "single_active_consumer_tag": tag_of(view, |one| is_single_active(view) && one.is_active),
        "exclusive_consumer_tag": tag_of(view, |one| one.is_exclusive),
        "messages": all,
        "messages_ready": counts.ready,
        "messages_unacknowledged": counts.unacked,
        "messages_ram": all - counts.away, "messages_ready_ram": counts.ready - counts.away,
        "messages_paged_out": counts.away, "message_bytes_paged_out": counts.away_bytes,
        "messages_unacknowledged_ram": counts.unacked, "messages_persistent": counts.kept,
        "message_bytes": bytes, "message_bytes_ready": counts.ready_bytes,
        "message_bytes_unacknowledged": counts.unacked_bytes,
        "message_bytes_ram": bytes - counts.away_bytes,
        "message_bytes_persistent": counts.kept_bytes,
        "head_message_timestamp": null,
        "internal": false, "internal_owner": false,
    });
    let owner = view.owner.and_then(|link| app.engine.connections().find(link));
    if let (Value::Object(map), Some(owner)) = (&mut shown, owner) {
        map.insert("owner_pid_details".to_owned(), connection_named(&owner));
    }
    let counters = [
        ("publish", totals.published),
        ("deliver", totals.delivered),
        ("deliver_no_ack", totals.delivered_automatic),
        ("get", totals.got),
        ("get_no_ack", totals.got_automatic),
        ("get_empty", totals.got_empty),
        ("deliver_get", deliver_get),
        ("redeliver", totals.redelivered),
        ("ack", totals.acked),
        // Hopwire's own: what a topic subscription lost.
        ("drop_slow", view.dropped_slow),
    ];
    with_stats(shown, &counters)
}

fn tag_of(view: &QueueView, is_it: impl Fn(&ConsumerOf) -> bool) -> Option<&str> {
    view.consumers.iter().find(|consumer| is_it(consumer)).map(|consumer| consumer.tag.as_str())
}

fn is_single_active(view: &QueueView) -> bool {
    view.arguments.get("x-single-active-consumer") == Some(&FieldValue::Bool(true))
}

fn kind(view: &QueueView) -> &'static str {
    match view.kind {
        broker::queue::QueueKind::Classic => "classic",
        broker::queue::QueueKind::Quorum => "quorum",
        broker::queue::QueueKind::Stream => "stream",
    }
}

/// `{"name", "peer_host", "peer_port"}` of a connection.
pub(crate) fn connection_named(connection: &Connection) -> Value {
    let peer = connection.peer.address;
    json!({
        "name": connection.name(),
        "peer_host": peer.ip().to_canonical().to_string(),
        "peer_port": peer.port(),
    })
}

pub(crate) fn consumer(app: &App, queue: &QueueView, consumer: &ConsumerOf) -> Value {
    let channel = app.engine.connections().find(consumer.link).map_or(json!({}), |connection| {
        let peer = connection.peer.address;
        let user = connection.details().user;
        json!({
            "name": format!("{} ({})", connection.name(), consumer.channel),
            "number": consumer.channel,
            "connection_name": connection.name(),
            "node": app.settings.node_name,
            "peer_host": peer.ip().to_canonical().to_string(),
            "peer_port": peer.port(),
            "user": user.map(|user| user.as_str().to_owned()),
        })
    });
    json!({
        "consumer_tag": consumer.tag.as_str(),
        "queue": {"name": queue.name.as_str(), "vhost": queue.vhost.as_str()},
        "channel_details": channel,
        "ack_required": consumer.is_acknowledging,
        "exclusive": consumer.is_exclusive,
        "active": consumer.is_active,
        "activity_status": match (consumer.is_active, is_single_active(queue)) {
            (true, true) => "single_active",
            (true, false) => "up",
            (false, _) => "waiting",
        },
        "prefetch_count": consumer.prefetch,
        "arguments": object(&consumer.arguments),
        // None: a delivery may stay unacknowledged for as long as its consumer lives.
        "consumer_timeout": 0,
    })
}

pub(crate) fn binding(view: &BindingView) -> Value {
    let binding = &view.binding;
    let (kind, destination) = match &binding.destination {
        Destination::Queue(name) => ("queue", name.as_str()),
        Destination::Exchange(name) => ("exchange", name.as_str()),
    };
    let key = binding.key.to_string();
    json!({
        "source": binding.source.as_str(),
        "vhost": view.vhost.as_str(),
        "destination": destination,
        "destination_type": kind,
        "routing_key": key,
        "arguments": object(&binding.arguments),
        "properties_key": properties_key(&key, &binding.arguments),
    })
}

/// What a client names a binding by: the quoted key, and a mark of its arguments.
pub(crate) fn properties_key(key: &str, arguments: &FieldTable) -> String {
    if key.is_empty() && arguments.is_empty() {
        return "~".to_owned();
    }
    let quoted = percent_encode(key.as_bytes(), QUOTED).to_string();
    match arguments.is_empty() {
        true => quoted,
        false => format!("{quoted}~{:08x}", checksum(object(arguments).to_string().as_bytes())),
    }
}

/// As form-style quoting leaves it, `~` quoted too.
const QUOTED: &percent_encoding::AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// FNV-1a, 32 bits: a stable mark, not a secret.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

pub(crate) fn vhost(app: &App, view: &VhostView, queues: &[QueueView]) -> Value {
    let ready: u64 = queues.iter().map(|queue| queue.counts.ready).sum();
    let unacked: u64 = queues.iter().map(|queue| queue.counts.unacked).sum();
    let cluster_state = json!({ app.settings.node_name.clone(): "running" });
    json!({
        "name": view.name.as_str(),
        "description": view.description,
        "tags": view.tags,
        "default_queue_type": "classic",
        "metadata": {
            "description": view.description, "tags": view.tags, "default_queue_type": "classic",
        },
        "tracing": false,
        "protected_from_deletion": false,
        "cluster_state": cluster_state,
        "messages": ready + unacked,
        "messages_ready": ready,
        "messages_unacknowledged": unacked,
    })
}

pub(crate) fn user(view: &UserView) -> Value {
    let mut limits = serde_json::Map::new();
    if let Some(max) = view.connections_max {
        limits.insert("max-connections".to_owned(), json!(max));
    }
    if let Some(max) = view.channels_max {
        limits.insert("max-channels".to_owned(), json!(max));
    }
    json!({
        "name": view.name.as_str(),
        "password_hash": view.password_hash,
        "hashing_algorithm": view.hashing_algorithm,
        "tags": view.tags.iter().map(broker::auth::Tag::as_str).collect::<Vec<_>>(),
        "limits": limits,
    })
}

pub(crate) fn permission(view: &PermissionView) -> Value {
    json!({
        "user": view.user.as_str(),
        "vhost": view.vhost.as_str(),
        "configure": view.permission.configure,
        "write": view.permission.write,
        "read": view.permission.read,
    })
}

pub(crate) fn policy(vhost: &VhostName, policy: &Policy) -> Value {
    json!({
        "vhost": vhost.as_str(),
        "name": policy.name(),
        "pattern": policy.pattern(),
        "apply-to": policy.apply_to().as_str(),
        "definition": object(policy.definition().table()),
        "priority": policy.priority(),
    })
}

pub(crate) fn topic_permission(view: &TopicPermissionView) -> Value {
    json!({
        "user": view.user.as_str(),
        "vhost": view.vhost.as_str(),
        "exchange": view.exchange.as_str(),
        "write": view.permission.write,
        "read": view.permission.read,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_is_named_by_its_quoted_key_and_a_mark_of_its_arguments() {
        let none = FieldTable::new();
        assert_eq!(properties_key("", &none), "~");
        assert_eq!(properties_key("user.7", &none), "user.7");
        assert_eq!(properties_key("a b~/c", &none), "a%20b%7E%2Fc");
        let mut arguments = FieldTable::new();
        arguments.set("x-match", FieldValue::string("all"));
        let marked = properties_key("k", &arguments);
        assert!(marked.starts_with("k~") && !marked.contains('/'), "{marked}");
    }
}
