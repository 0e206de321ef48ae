//! Connections and channels.

use std::sync::atomic::{AtomicU64, Ordering};

use engine::connections::{ChannelRecord, Connection};
use model::AlarmSet;
use serde_json::{Value, json};

use super::object::{connection_named, with_stats};
use super::table::object;
use crate::app::App;

pub(crate) fn connection(app: &App, connection: &Connection) -> Value {
    let details = connection.details();
    let (peer, local) = (connection.peer.address, connection.peer.local);
    let description = &details.description;
    let protocol = match description.protocol.is_empty() {
        true => connection.peer.protocol,
        false => &description.protocol,
    };
    let user = details.user.as_ref().map(|user| user.as_str());
    let meter = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let client_properties = object(&description.client_properties);
    let given_name = client_properties.get("connection_name").cloned();
    let mut shown = json!({
        "name": connection.name(),
        "user": user, "user_who_performed_action": user,
        "vhost": details.vhost.as_ref().map(|vhost| vhost.as_str()),
        "node": app.settings.node_name,
        "protocol": protocol,
        "type": if protocol.contains("STOMP") { "direct" } else { "network" },
        "host": local.ip().to_canonical().to_string(), "port": local.port(),
        "peer_host": peer.ip().to_canonical().to_string(), "peer_port": peer.port(),
        "ssl": connection.peer.is_tls, "ssl_protocol": null, "ssl_key_exchange": null,
        "ssl_cipher": null, "ssl_hash": null, "peer_cert_subject": null, "peer_cert_issuer": null,
        "peer_cert_validity": null,
        "auth_mechanism": details.mechanism,
        "timeout": description.timeout_seconds,
        "frame_max": description.frame_bytes_max,
        "channel_max": description.channel_max,
        "channels": details.channels.len(),
        "client_properties": client_properties,
        "connected_at": connection.connected_at_unix_ms(),
        "state": state(connection.held_by(), app.engine.broker().alarms().current()),
        "recv_oct": meter(&connection.meter.received_bytes),
        "send_oct": meter(&connection.meter.sent_bytes),
        "recv_cnt": meter(&connection.meter.reads),
        "send_cnt": meter(&connection.meter.writes),
    });
    if let (Some(name), Value::Object(map)) = (given_name, &mut shown) {
        map.insert("user_provided_name".to_owned(), name);
    }
    shown
}

/// Source: RabbitMQ, `rabbit_reader`: `blocking` has not published yet, `blocked` has; `flow` waits
/// for no alarm, but for the disk to catch up.
fn state(held_by: AlarmSet, current: AlarmSet) -> &'static str {
    match (held_by.is_empty(), current.announced().is_empty()) {
        (true, true) => "running",
        (true, false) => "blocking",
        (false, _) if held_by.announced().is_empty() => "flow",
        (false, _) => "blocked",
    }
}

pub(crate) fn channel(
    app: &App,
    connection: &Connection,
    number: u16,
    record: &ChannelRecord,
) -> Value {
    let details = connection.details();
    let user = details.user.as_ref().map(|user| user.as_str());
    let mut shown = json!({
        "name": format!("{} ({number})", connection.name()),
        "number": number,
        "user": user, "user_who_performed_action": user,
        "vhost": details.vhost.as_ref().map(|vhost| vhost.as_str()),
        "node": app.settings.node_name,
        "connection_details": connection_named(connection),
        "consumer_count": record.consumers,
        "messages_unacknowledged": record.unacked,
        // In memory, a publish is confirmed when it is taken.
        "messages_unconfirmed": 0,
        "prefetch_count": record.description.prefetch,
        "global_prefetch_count": record.description.prefetch_global,
        "confirm": record.description.is_confirming,
        "transactional": record.description.is_transactional,
        "state": "running",
    });
    if let (Value::Object(map), false) = (&mut shown, record.description.is_transactional) {
        map.insert("messages_uncommitted".to_owned(), json!(0));
        map.insert("acks_uncommitted".to_owned(), json!(0));
    }
    let counters =
        [("publish", record.published), ("deliver_get", record.delivered), ("ack", record.settled)];
    with_stats(shown, &counters)
}

#[cfg(test)]
mod tests {
    use model::Alarm;

    use super::*;

    #[test]
    fn a_connection_is_blocking_until_it_publishes_and_blocked_from_then_on() {
        let set = |alarms: &[Alarm]| alarms.iter().copied().collect::<AlarmSet>();
        let (none, memory) = (AlarmSet::NONE, set(&[Alarm::Memory]));
        let pressure = set(&[Alarm::Pressure]);
        assert_eq!(state(none, none), "running");
        assert_eq!(state(none, pressure), "running");
        assert_eq!(state(none, memory), "blocking");
        assert_eq!(state(memory, memory), "blocked");
        assert_eq!(state(pressure, pressure), "flow");
        assert_eq!(state(set(&[Alarm::Pressure, Alarm::Disk]), memory), "blocked");
    }
}
