//! `/api/bindings`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use model::{Binding, Destination, VhostName};
use serde_json::Value;

use super::exchanges::name_in;
use crate::app::App;
use crate::auth::Operator;
use crate::error::Failure;
use crate::json::object::binding;
use crate::page::Query;
use crate::request::{Path, UrlQuery};

/// The bindings of some vhosts that `is_wanted`.
pub(crate) fn all(
    app: &App,
    vhosts: &[VhostName],
    is_wanted: impl Fn(&Binding) -> bool,
) -> Vec<Value> {
    let broker = app.engine.broker();
    let lists = vhosts.iter().filter_map(|vhost| broker.list_bindings(vhost));
    lists.flatten().filter(|view| is_wanted(&view.binding)).map(|view| binding(&view)).collect()
}

/// `GET /api/bindings`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    operator: Operator,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    query.list(all(&app, &operator.vhosts(&app), |_| true)).map(Json)
}

/// `GET /api/bindings/:vhost`.
pub(crate) async fn list_in(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(vhost): Path<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let vhost = operator.must_see(&app, &vhost)?;
    query.list(all(&app, &[vhost], |_| true)).map(Json)
}

fn leads(binding: &Binding, source: &str, kind: &str, to: &str) -> bool {
    let leads_there = match (&binding.destination, kind) {
        (Destination::Queue(name), "q") => name.as_str() == to,
        (Destination::Exchange(name), "e") => name.as_str() == to,
        _ => false,
    };
    leads_there && binding.source.as_str() == source
}

/// `GET /api/bindings/:vhost/e/:exchange/(q|e)/:destination`.
pub(crate) async fn between(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, source, kind, to)): Path<(String, String, String, String)>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let vhost = operator.must_see(&app, &vhost)?;
    let source = name_in(&source);
    query.list(all(&app, &[vhost], |binding| leads(binding, source, &kind, &to))).map(Json)
}

/// `GET /api/bindings/:vhost/e/:exchange/(q|e)/:destination/:properties_key`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, source, kind, to, key)): Path<(String, String, String, String, String)>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let vhost = operator.must_see(&app, &vhost)?;
    let source = name_in(&source);
    let between = all(&app, &[vhost], |binding| leads(binding, source, &kind, &to));
    let is_it = |shown: &Value| shown.get("properties_key").and_then(Value::as_str) == Some(&key);
    let found = between.into_iter().find(is_it).ok_or_else(Failure::not_found)?;
    Ok(Json(query.object(found)))
}
