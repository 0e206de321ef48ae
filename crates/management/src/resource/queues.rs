//! `/api/queues`. Topic subscriptions are listed, too, as the queues they look like.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use broker::turn::Turn;
use broker::view::QueueView;
use model::{Binding, DeclareMode, Destination, QueueName, QueueSpec, VhostName};
use serde::Deserialize;
use serde_json::{Value, json};

use super::bindings;
use crate::app::App;
use crate::auth::Operator;
use crate::error::Failure;
use crate::json::object::{consumer, queue};
use crate::json::table::table;
use crate::page::{Query, is_true};
use crate::request::{Fields, Path, UrlQuery};

pub(crate) fn all(app: &App, vhosts: &[VhostName]) -> Vec<QueueView> {
    let broker = app.engine.broker();
    let mut all: Vec<_> =
        vhosts.iter().filter_map(|vhost| broker.list_queues(vhost)).flatten().collect();
    all.sort_by(|a, b| (&a.vhost, &a.name).cmp(&(&b.vhost, &b.name)));
    all
}

/// `GET /api/queues`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    operator: Operator,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let seen = all(&app, &operator.vhosts(&app));
    query.list(seen.iter().map(|view| queue(&app, view)).collect()).map(Json)
}

/// `GET /api/queues/:vhost`.
pub(crate) async fn list_in(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(vhost): Path<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let vhost = operator.must_see(&app, &vhost)?;
    query.list(all(&app, &[vhost]).iter().map(|view| queue(&app, view)).collect()).map(Json)
}

fn find(app: &App, vhost: &VhostName, name: &str) -> Option<QueueView> {
    all(app, std::slice::from_ref(vhost)).into_iter().find(|view| view.name.as_str() == name)
}

/// `GET /api/queues/:vhost/:queue`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, name)): Path<(String, String)>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let vhost = operator.must_see(&app, &vhost)?;
    let view = find(&app, &vhost, &name).ok_or_else(Failure::not_found)?;
    let consumers: Vec<Value> =
        view.consumers.iter().map(|known| consumer(&app, &view, known)).collect();
    let mut shown = queue(&app, &view);
    if let Value::Object(map) = &mut shown {
        map.insert("consumer_details".to_owned(), Value::Array(consumers));
        map.insert("incoming".to_owned(), json!([]));
        map.insert("deliveries".to_owned(), json!([]));
    }
    Ok(Json(query.object(shown)))
}

/// `GET /api/queues/:vhost/:queue/bindings`.
pub(crate) async fn bindings_of(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, name)): Path<(String, String)>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let vhost = operator.must_see(&app, &vhost)?;
    find(&app, &vhost, &name).ok_or_else(Failure::not_found)?;
    let leads_to = |binding: &Binding| match &binding.destination {
        Destination::Queue(to) => to.as_str() == name,
        _ => false,
    };
    query.list(bindings::all(&app, &[vhost], leads_to)).map(Json)
}

/// `PUT /api/queues/:vhost/:queue`: declares it.
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, name)): Path<(String, String)>,
    fields: Fields,
) -> Result<StatusCode, Failure> {
    let vhost = operator.must_see_to_add(&app, &vhost)?;
    let existed = find(&app, &vhost, &name).is_some();
    let spec = QueueSpec {
        name: Some(parse(&name)?),
        is_durable: fields.flag("durable")?.unwrap_or(true),
        is_exclusive: false,
        is_auto_delete: fields.flag("auto_delete")?.unwrap_or(false),
        arguments: table(fields.get("arguments"))?,
    };
    let broker = app.engine.broker();
    let mut access = broker.visit(&operator.identity, &vhost)?;
    let mut turn = Turn::new(Instant::now());
    let declared = access.declare_queue(&mut turn, &spec, DeclareMode::Active);
    broker.finish(&mut turn);
    declared?;
    Ok(if existed { StatusCode::NO_CONTENT } else { StatusCode::CREATED })
}

/// The query of a `DELETE`.
#[derive(Debug, Deserialize)]
pub(crate) struct DeleteQuery {
    #[serde(rename = "if-unused")]
    if_unused: Option<String>,
    #[serde(rename = "if-empty")]
    if_empty: Option<String>,
}

/// `DELETE /api/queues/:vhost/:queue`.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, name)): Path<(String, String)>,
    UrlQuery(query): UrlQuery<DeleteQuery>,
) -> Result<StatusCode, Failure> {
    let vhost = operator.must_see(&app, &vhost)?;
    find(&app, &vhost, &name).ok_or_else(Failure::not_found)?;
    let broker = app.engine.broker();
    let mut access = broker.visit(&operator.identity, &vhost)?;
    let mut turn = Turn::new(Instant::now());
    let only_if = broker::DeleteIf {
        is_unused: is_true(query.if_unused.as_deref()),
        is_empty: is_true(query.if_empty.as_deref()),
    };
    let deleted = access.delete_queue(&mut turn, &parse(&name)?, only_if);
    broker.finish(&mut turn);
    deleted?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /api/queues/:vhost/:queue/contents`: drops its ready messages.
pub(crate) async fn purge(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, name)): Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    let vhost = operator.must_see(&app, &vhost)?;
    find(&app, &vhost, &name).ok_or_else(Failure::not_found)?;
    let broker = app.engine.broker();
    let mut access = broker.visit(&operator.identity, &vhost)?;
    let mut turn = Turn::new(Instant::now());
    let purged = access.purge_queue(&mut turn, &parse(&name)?);
    broker.finish(&mut turn);
    purged?;
    Ok(StatusCode::NO_CONTENT)
}

fn parse(name: &str) -> Result<QueueName, Failure> {
    QueueName::parse(name).map_err(|error| Failure::bad_request(error.to_string()))
}
