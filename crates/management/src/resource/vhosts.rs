//! `/api/vhosts`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::queues;
use crate::app::App;
use crate::auth::Operator;
use crate::error::Failure;
use crate::json::object::vhost;
use crate::page::Query;
use crate::request::{Path, UrlQuery};

fn all(app: &App, operator: &Operator) -> Vec<Value> {
    let seen = operator.vhosts(app);
    let mut views = app.engine.broker().list_vhosts();
    views.retain(|view| seen.contains(&view.name));
    views.sort_by(|a, b| a.name.cmp(&b.name));
    let shown = views.iter().map(|view| {
        let queues = queues::all(app, std::slice::from_ref(&view.name));
        vhost(app, view, &queues)
    });
    shown.collect()
}

/// `GET /api/vhosts`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    operator: Operator,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    query.list(all(&app, &operator)).map(Json)
}

/// `GET /api/vhosts/:vhost`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(name): Path<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    operator.must_be_administrator()?;
    let is_it = |shown: &Value| shown.get("name").and_then(Value::as_str) == Some(&name);
    let found = all(&app, &operator).into_iter().find(is_it).ok_or_else(Failure::not_found)?;
    Ok(Json(query.object(found)))
}
