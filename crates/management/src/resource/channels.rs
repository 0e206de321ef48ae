//! `/api/channels`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use engine::connections::Connection;
use serde_json::Value;

use super::connections::seen;
use crate::app::App;
use crate::auth::Operator;
use crate::error::Failure;
use crate::json::connection::channel;
use crate::page::Query;
use crate::request::{Path, UrlQuery};

/// The channels of some connections.
pub(crate) fn of(app: &App, connections: &[Arc<Connection>]) -> Vec<Value> {
    let mut shown = Vec::new();
    for connection in connections {
        for (number, record) in &connection.details().channels {
            shown.push(channel(app, connection, number.0, record));
        }
    }
    shown
}

/// `GET /api/channels`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    operator: Operator,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    query.list(of(&app, &seen(&app, &operator))).map(Json)
}

/// `GET /api/vhosts/:vhost/channels`.
pub(crate) async fn list_in(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(vhost): Path<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let vhost = operator.must_see(&app, &vhost)?;
    let mut inside = seen(&app, &operator);
    inside.retain(|known| known.details().vhost.as_ref() == Some(&vhost));
    query.list(of(&app, &inside)).map(Json)
}

/// `GET /api/channels/:name`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(name): Path<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let all = of(&app, &seen(&app, &operator));
    let is_it = |shown: &Value| shown.get("name").and_then(Value::as_str) == Some(&name);
    let found = all.into_iter().find(is_it).ok_or_else(Failure::not_found)?;
    Ok(Json(query.object(found)))
}
