//! `/api/nodes`: this one, and what it has left of memory and disk.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use broker::alarms::Figures;
use model::Alarm;
use serde_json::{Value, json};

use crate::app::{App, RABBITMQ_VERSION};
use crate::auth::Operator;
use crate::error::Failure;
use crate::page::Query;
use crate::request::{Path, UrlQuery};

/// `GET /api/nodes`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    operator: Operator,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    operator.must_be_monitor()?;
    query.list(vec![node(&app)]).map(Json)
}

/// `GET /api/nodes/:node`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(name): Path<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    operator.must_be_monitor()?;
    match name == app.settings.node_name {
        true => Ok(Json(query.object(node(&app)))),
        false => Err(Failure::not_found()),
    }
}

fn node(app: &App) -> Value {
    let alarms = app.engine.broker().alarms();
    let current = alarms.current();
    let Figures { memory, disk, store_failure } = alarms.figures();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    json!({
        "name": app.settings.node_name,
        "type": "disc",
        "running": true,
        "being_drained": false,
        "os_pid": std::process::id().to_string(),
        "rabbitmq_version": RABBITMQ_VERSION,
        "hopwire_version": app.settings.version,
        "mem_used": memory.used_bytes,
        "mem_limit": memory.limit_bytes,
        "mem_alarm": current.has(Alarm::Memory),
        "mem_calculation_strategy": "rss",
        "disk_free": disk.free_bytes,
        "disk_free_limit": disk.limit_bytes,
        "disk_free_alarm": current.has(Alarm::Disk),
        // Hopwire's own: the store takes no more writes, and why.
        "store_alarm": current.has(Alarm::Store),
        "store_failure": store_failure,
        "processors": processors,
        "uptime": u64::try_from(app.settings.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "rates_mode": "basic",
        "partitions": [],
        "cluster_links": [],
        "net_ticktime": 60,
    })
}
