//! `/api/health/checks/…` and `/api/aliveness-test/:vhost`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use model::Alarm;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::Operator;
use crate::error::Failure;
use crate::request::Path;

/// `GET /api/health/checks/alarms`.
pub(crate) async fn alarms(
    State(app): State<Arc<App>>,
    _: Operator,
) -> Result<Json<Value>, Failure> {
    no_alarms(&app, "There are alarms in effect in the cluster")
}

/// `GET /api/health/checks/local-alarms`.
pub(crate) async fn local_alarms(
    State(app): State<Arc<App>>,
    _: Operator,
) -> Result<Json<Value>, Failure> {
    no_alarms(&app, "There are alarms in effect on the node")
}

fn no_alarms(app: &App, reason: &str) -> Result<Json<Value>, Failure> {
    let current = app.engine.broker().alarms().current().announced();
    if current.is_empty() {
        return Ok(Json(json!({"status": "ok"})));
    }
    let resource = |alarm| match alarm {
        Alarm::Memory => "memory",
        Alarm::Disk => "disk space",
        // Hopwire's own.
        Alarm::Store | Alarm::Pressure => "store",
    };
    let node = &app.settings.node_name;
    let alarms: Vec<Value> =
        current.iter().map(|alarm| json!({"node": node, "resource": resource(alarm)})).collect();
    Err(Failure::unhealthy(json!({"status": "failed", "reason": reason, "alarms": alarms})))
}

/// `GET /api/health/checks/port-listener/:port`.
pub(crate) async fn port_listener(
    State(app): State<Arc<App>>,
    _: Operator,
    Path(port): Path<String>,
) -> Result<Json<Value>, Failure> {
    let wanted: u16 = port.parse().map_err(|_| {
        Failure::bad_request(format!("found port '{port}', wanted a whole number up to 65535"))
    })?;
    let ports: Vec<u16> =
        app.settings.listeners.iter().map(|listener| listener.address.port()).collect();
    match ports.contains(&wanted) {
        true => Ok(Json(json!({"status": "ok", "port": wanted}))),
        false => Err(Failure::unhealthy(json!({
            "status": "failed", "reason": "No active listener", "missing": wanted, "ports": ports,
        }))),
    }
}

/// `GET /api/health/checks/virtual-hosts`.
pub(crate) async fn virtual_hosts(_: Operator) -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// `GET /api/health/checks/is-in-service` and `…/ready-to-serve-clients`: without login, for
/// probes.
pub(crate) async fn in_service() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// `GET /api/aliveness-test/:vhost`.
pub(crate) async fn aliveness(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(vhost): Path<String>,
) -> Result<Json<Value>, Failure> {
    operator.must_see(&app, &vhost)?;
    Ok(Json(json!({"status": "ok"})))
}
