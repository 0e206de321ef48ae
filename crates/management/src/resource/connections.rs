//! `/api/connections`: who is connected.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use engine::connections::{Connection, Details};
use serde_json::Value;

use super::channels;
use crate::app::App;
use crate::auth::Operator;
use crate::error::Failure;
use crate::json::connection::connection;
use crate::page::Query;
use crate::request::{Path, UrlQuery};

/// What a peer hears if the operator gives no reason. Source: RabbitMQ.
const REASON: &str = "Closed via management plugin";

/// The connections that an operator sees: all, or their own.
pub(crate) fn seen(app: &App, operator: &Operator) -> Vec<Arc<Connection>> {
    let sees_all = operator.user().is_monitoring();
    let mut all = app.engine.connections().list();
    all.retain(|known| sees_all || known.details().user.as_ref() == Some(&operator.user().name));
    all.sort_by_cached_key(|known| (known.details().vhost, known.name()));
    all
}

/// `GET /api/connections`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    operator: Operator,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let seen = seen(&app, &operator);
    let shown = seen.iter().map(|known| connection(&app, known)).collect();
    query.list(shown).map(Json)
}

/// `GET /api/vhosts/:vhost/connections`.
pub(crate) async fn list_in(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(vhost): Path<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let vhost = operator.must_see(&app, &vhost)?;
    let seen = seen(&app, &operator).into_iter();
    let inside = seen.filter(|known| known.details().vhost.as_ref() == Some(&vhost));
    query.list(inside.map(|known| connection(&app, &known)).collect()).map(Json)
}

fn find(app: &App, operator: &Operator, name: &str) -> Result<Arc<Connection>, Failure> {
    let all = app.engine.connections().list();
    let found =
        all.into_iter().find(|known| known.name() == name).ok_or_else(Failure::not_found)?;
    let is_own = found.details().user.as_ref() == Some(&operator.user().name);
    match is_own || operator.user().is_monitoring() {
        true => Ok(found),
        false => Err(Failure::not_authorised("User not authorised to access object")),
    }
}

/// `GET /api/connections/:name`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(name): Path<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let found = find(&app, &operator, &name)?;
    Ok(Json(query.object(connection(&app, &found))))
}

/// `DELETE /api/connections/:name`: ends it.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    let found = find(&app, &operator, &name)?;
    let is_own = found.details().user.as_ref() == Some(&operator.user().name);
    if !is_own {
        operator.must_be_administrator()?;
    }
    let reason = headers.get("x-reason").and_then(|reason| reason.to_str().ok());
    found.close(reason.unwrap_or(REASON));
    Ok(StatusCode::NO_CONTENT)
}

/// Ends the connections that are meant.
pub(crate) fn end_all(app: &App, reason: &str, is_meant: impl Fn(&Details) -> bool) {
    for known in app.engine.connections().list() {
        if is_meant(&known.details()) {
            known.close(reason);
        }
    }
}

/// `GET /api/connections/:name/channels`.
pub(crate) async fn channels_of(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(name): Path<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let found = find(&app, &operator, &name)?;
    query.list(channels::of(&app, &[found])).map(Json)
}
