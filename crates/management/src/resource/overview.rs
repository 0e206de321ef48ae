//! `GET /api/overview`: the node at a glance.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use model::ExchangeKind;
use serde_json::{Map, Value, json};

use crate::app::{App, RABBITMQ_VERSION};
use crate::auth::Operator;
use crate::page::{Query, is_true};
use crate::rates::{Rates, Sample};
use crate::request::UrlQuery;

/// `GET /api/overview`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    operator: Operator,
    UrlQuery(query): UrlQuery<Query>,
) -> Json<Value> {
    let sample = sample(&app);
    let mut shown = identity(&app);
    if operator.user().is_monitoring() {
        shown.insert("node".to_owned(), json!(app.settings.node_name));
    }
    let totals = sample.totals;
    let (connections, channels) = connected(&app, &operator);
    if is_true(query.disable_stats.as_deref()) {
        shown.insert("disable_stats".to_owned(), json!(true));
        let objects = json!({
            "queues": totals.queue_count, "exchanges": totals.exchange_count,
            "connections": connections,
        });
        shown.insert("object_totals".to_owned(), objects);
        return Json(query.object(Value::Object(shown)));
    }
    let rates = app.rates.lock();
    shown.insert("message_stats".to_owned(), message_stats(&rates, &sample));
    shown.insert("churn_rates".to_owned(), churn_rates(&rates, &sample));
    shown.insert("queue_totals".to_owned(), queue_totals(&rates, &sample));
    drop(rates);
    let objects = json!({
        "consumers": totals.consumer_count, "queues": totals.queue_count,
        "exchanges": totals.exchange_count, "connections": connections, "channels": channels,
    });
    shown.insert("object_totals".to_owned(), objects);
    shown.insert("statistics_db_event_queue".to_owned(), json!(0));
    if operator.user().is_monitoring() {
        shown.insert("listeners".to_owned(), listeners(&app));
        shown.insert("contexts".to_owned(), contexts(&app));
    }
    Json(query.object(Value::Object(shown)))
}

/// The counters of the whole node, now.
pub(crate) fn sample(app: &App) -> Sample {
    let totals = app.engine.broker().totals();
    Sample { at: Instant::now(), totals, churn: app.engine.connections().churn() }
}

fn identity(app: &App) -> Map<String, Value> {
    let types: Vec<Value> = (ExchangeKind::ALL.iter())
        .map(|kind| {
            let name = kind.as_str();
            let description = format!("AMQP {name} exchange, as per the AMQP specification");
            json!({"name": name, "description": description, "enabled": true})
        })
        .collect();
    let runtime = format!("Hopwire {} (Rust)", app.settings.version);
    let shown = json!({
        "management_version": RABBITMQ_VERSION,
        "rates_mode": "basic",
        "sample_retention_policies":
            {"global": [600, 3600, 28800, 86400], "basic": [600, 3600], "detailed": [600]},
        "exchange_types": types,
        "product_version": RABBITMQ_VERSION,
        "product_name": "RabbitMQ",
        "rabbitmq_version": RABBITMQ_VERSION,
        "hopwire_version": app.settings.version,
        "cluster_name": app.settings.node_name,
        "cluster_tags": {}, "node_tags": {},
        "erlang_version": "27",
        "erlang_full_version": runtime,
        "crypto_lib_version": "none",
        "disable_stats": false,
        "default_queue_type": "classic",
        "is_op_policy_updating_enabled": true,
        "enable_queue_totals": false,
    });
    match shown {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Connections and channels that the operator sees: all, or their own.
fn connected(app: &App, operator: &Operator) -> (usize, usize) {
    let sees_all = operator.user().is_monitoring();
    let details = app.engine.connections().list().into_iter().map(|known| known.details());
    let own = |user: &Option<model::UserName>| user.as_ref() == Some(&operator.user().name);
    let seen = details.filter(|details| sees_all || own(&details.user));
    seen.fold((0, 0), |(connections, channels), details| {
        (connections + 1, channels + details.channels.len())
    })
}

type Counter<'a> = (&'a str, fn(&Sample) -> u64);

fn with_rates(rates: &Rates, sample: &Sample, counters: &[Counter<'_>]) -> Value {
    let mut shown = Map::new();
    for (name, counter) in counters {
        shown.insert((*name).to_owned(), json!(counter(sample)));
        let rate = rates.of(sample, counter);
        shown.insert(format!("{name}_details"), json!({"rate": rate}));
    }
    Value::Object(shown)
}

fn message_stats(rates: &Rates, sample: &Sample) -> Value {
    let totals = &sample.totals;
    if totals.published == 0 && deliver_get(sample) == 0 {
        return json!({});
    }
    let counters: [Counter<'_>; 15] = [
        ("publish", |s| s.totals.published),
        ("confirm", |s| s.totals.confirmed),
        ("return_unroutable", |s| s.totals.returned),
        ("drop_unroutable", |s| s.totals.dropped_unroutable),
        ("deliver", |s| s.totals.queues.delivered),
        ("deliver_no_ack", |s| s.totals.queues.delivered_automatic),
        ("get", |s| s.totals.queues.got),
        ("get_no_ack", |s| s.totals.queues.got_automatic),
        ("get_empty", |s| s.totals.queues.got_empty),
        ("deliver_get", deliver_get),
        ("redeliver", |s| s.totals.queues.redelivered),
        ("ack", |s| s.totals.queues.acked),
        // Hopwire's own: what topic subscriptions lost.
        ("drop_slow", |s| s.totals.dropped_slow),
        ("disk_reads", |_| 0),
        ("disk_writes", |_| 0),
    ];
    with_rates(rates, sample, &counters)
}

fn deliver_get(sample: &Sample) -> u64 {
    let queues = &sample.totals.queues;
    queues.delivered + queues.delivered_automatic + queues.got + queues.got_automatic
}

fn churn_rates(rates: &Rates, sample: &Sample) -> Value {
    let counters: [Counter<'_>; 7] = [
        ("connection_created", |s| s.churn.connections_opened),
        ("connection_closed", |s| s.churn.connections_closed),
        ("channel_created", |s| s.churn.channels_opened),
        ("channel_closed", |s| s.churn.channels_closed),
        ("queue_declared", |s| s.totals.queues_declared),
        ("queue_created", |s| s.totals.queues_created),
        ("queue_deleted", |s| s.totals.queues_deleted),
    ];
    with_rates(rates, sample, &counters)
}

fn queue_totals(rates: &Rates, sample: &Sample) -> Value {
    let counters: [Counter<'_>; 3] = [
        ("messages", |s| s.totals.ready + s.totals.unacked),
        ("messages_ready", |s| s.totals.ready),
        ("messages_unacknowledged", |s| s.totals.unacked),
    ];
    with_rates(rates, sample, &counters)
}

fn listeners(app: &App) -> Value {
    let mut listeners = app.settings.listeners.clone();
    listeners.sort_by_key(|listener| (listener.protocol, listener.address.port()));
    let shown = listeners.iter().map(|listener| {
        json!({
            "node": app.settings.node_name,
            "protocol": listener.protocol,
            "ip_address": listener.address.ip().to_string(),
            "port": listener.address.port(),
            "tls": listener.is_tls(),
            "socket_opts": {"backlog": 4096, "nodelay": true},
        })
    });
    shown.collect()
}

fn contexts(app: &App) -> Value {
    let http = app.settings.listeners.iter().filter(|listener| listener.protocol == "http");
    let shown = http.map(|listener| {
        json!({
            "ssl_opts": [],
            "node": app.settings.node_name,
            "description": "RabbitMQ Management",
            "path": "/",
            "cowboy_opts": "[]",
            "port": listener.address.port().to_string(),
        })
    });
    shown.collect()
}
