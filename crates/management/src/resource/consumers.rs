//! `/api/consumers`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use model::VhostName;
use serde_json::Value;

use super::queues;
use crate::app::App;
use crate::auth::Operator;
use crate::error::Failure;
use crate::json::object::consumer;
use crate::page::Query;
use crate::request::{Path, UrlQuery};

fn all(app: &App, vhosts: &[VhostName]) -> Vec<Value> {
    let mut shown = Vec::new();
    for queue in queues::all(app, vhosts) {
        shown.extend(queue.consumers.iter().map(|known| consumer(app, &queue, known)));
    }
    shown
}

/// `GET /api/consumers`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    operator: Operator,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    query.list(all(&app, &operator.vhosts(&app))).map(Json)
}

/// `GET /api/consumers/:vhost`.
pub(crate) async fn list_in(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(vhost): Path<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let vhost = operator.must_see(&app, &vhost)?;
    query.list(all(&app, &[vhost])).map(Json)
}
