//! `/api/exchanges`.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use broker::turn::Turn;
use broker::view::ExchangeView;
use model::{Binding, DeclareMode, Destination, ExchangeName, ExchangeSpec, VhostName};
use serde::Deserialize;
use serde_json::{Value, json};

use super::bindings;
use crate::app::App;
use crate::auth::Operator;
use crate::error::Failure;
use crate::json::object::exchange;
use crate::json::table::table;
use crate::page::{Query, is_true};
use crate::request::{Fields, Path, UrlQuery};

/// How the default exchange is called in a path.
const DEFAULT_IN_PATHS: &str = "amq.default";

/// An exchange's name in a path.
pub(crate) fn name_in(path: &str) -> &str {
    if path == DEFAULT_IN_PATHS { "" } else { path }
}

fn all(app: &App, vhosts: &[VhostName]) -> Vec<ExchangeView> {
    let broker = app.engine.broker();
    let lists = vhosts.iter().filter_map(|vhost| broker.list_exchanges(vhost));
    let mut all: Vec<_> = lists.flatten().collect();
    all.sort_by(|a, b| (&a.vhost, &a.name).cmp(&(&b.vhost, &b.name)));
    all
}

/// `GET /api/exchanges`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    operator: Operator,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let seen = all(&app, &operator.vhosts(&app));
    query.list(seen.iter().map(exchange).collect()).map(Json)
}

/// `GET /api/exchanges/:vhost`.
pub(crate) async fn list_in(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(vhost): Path<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let vhost = operator.must_see(&app, &vhost)?;
    query.list(all(&app, &[vhost]).iter().map(exchange).collect()).map(Json)
}

fn find(app: &App, vhost: &VhostName, name: &str) -> Option<ExchangeView> {
    all(app, std::slice::from_ref(vhost)).into_iter().find(|view| view.name.as_str() == name)
}

/// `GET /api/exchanges/:vhost/:exchange`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, name)): Path<(String, String)>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let vhost = operator.must_see(&app, &vhost)?;
    let view = find(&app, &vhost, name_in(&name)).ok_or_else(Failure::not_found)?;
    let mut shown = exchange(&view);
    if let Value::Object(map) = &mut shown {
        map.insert("incoming".to_owned(), json!([]));
        map.insert("outgoing".to_owned(), json!([]));
    }
    Ok(Json(query.object(shown)))
}

/// `PUT /api/exchanges/:vhost/:exchange`: declares it.
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, name)): Path<(String, String)>,
    fields: Fields,
) -> Result<StatusCode, Failure> {
    let vhost = operator.must_see_to_add(&app, &vhost)?;
    let name = name_in(&name);
    let existed = find(&app, &vhost, name).is_some();
    let spec = ExchangeSpec {
        name: parse(name)?,
        kind: fields.text("type")?.into(),
        is_durable: fields.flag("durable")?.unwrap_or(true),
        is_auto_delete: fields.flag("auto_delete")?.unwrap_or(false),
        is_internal: fields.flag("internal")?.unwrap_or(false),
        arguments: table(fields.get("arguments"))?,
    };
    let broker = app.engine.broker();
    let mut access = broker.visit(&operator.identity, &vhost)?;
    let mut turn = Turn::new(Instant::now());
    let declared = access.declare_exchange(&mut turn, &spec, DeclareMode::Active);
    broker.finish(&mut turn);
    declared?;
    Ok(if existed { StatusCode::NO_CONTENT } else { StatusCode::CREATED })
}

/// The query of a `DELETE`.
#[derive(Debug, Deserialize)]
pub(crate) struct DeleteQuery {
    #[serde(rename = "if-unused")]
    if_unused: Option<String>,
}

/// `DELETE /api/exchanges/:vhost/:exchange`.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, name)): Path<(String, String)>,
    UrlQuery(query): UrlQuery<DeleteQuery>,
) -> Result<StatusCode, Failure> {
    let vhost = operator.must_see(&app, &vhost)?;
    find(&app, &vhost, name_in(&name)).ok_or_else(Failure::not_found)?;
    let broker = app.engine.broker();
    let mut access = broker.visit(&operator.identity, &vhost)?;
    let mut turn = Turn::new(Instant::now());
    let only_if =
        broker::DeleteIf { is_unused: is_true(query.if_unused.as_deref()), is_empty: false };
    let deleted = access.delete_exchange(&mut turn, &parse(name_in(&name))?, only_if);
    broker.finish(&mut turn);
    deleted?;
    Ok(StatusCode::NO_CONTENT)
}

fn parse(name: &str) -> Result<ExchangeName, Failure> {
    ExchangeName::parse(name).map_err(|error| Failure::bad_request(error.to_string()))
}

/// `GET /api/exchanges/:vhost/:exchange/bindings/source`.
pub(crate) async fn bindings_from(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, name)): Path<(String, String)>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let vhost = operator.must_see(&app, &vhost)?;
    let name = name_in(&name);
    find(&app, &vhost, name).ok_or_else(Failure::not_found)?;
    let from = bindings::all(&app, &[vhost], |binding| binding.source.as_str() == name);
    query.list(from).map(Json)
}

/// `GET /api/exchanges/:vhost/:exchange/bindings/destination`.
pub(crate) async fn bindings_to(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, name)): Path<(String, String)>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let vhost = operator.must_see(&app, &vhost)?;
    let name = name_in(&name);
    find(&app, &vhost, name).ok_or_else(Failure::not_found)?;
    let leads_to = |binding: &Binding| match &binding.destination {
        Destination::Exchange(to) => to.as_str() == name,
        _ => false,
    };
    query.list(bindings::all(&app, &[vhost], leads_to)).map(Json)
}
