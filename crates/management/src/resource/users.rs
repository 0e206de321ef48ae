//! `/api/users` and `/api/whoami`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use broker::auth::Tag;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::Operator;
use crate::error::Failure;
use crate::json::object::user;
use crate::page::Query;
use crate::request::{Path, UrlQuery};

/// `GET /api/users`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    operator: Operator,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    operator.must_be_administrator()?;
    let mut users = app.engine.broker().list_users();
    users.sort_by(|a, b| a.name.cmp(&b.name));
    query.list(users.iter().map(user).collect()).map(Json)
}

/// `GET /api/users/:user`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(name): Path<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    operator.must_be_administrator()?;
    let users = app.engine.broker().list_users();
    let found = users.iter().find(|known| known.name.as_str() == name);
    Ok(Json(query.object(user(found.ok_or_else(Failure::not_found)?))))
}

/// `GET /api/whoami`.
pub(crate) async fn whoami(operator: Operator) -> Json<Value> {
    let user = operator.user();
    let tags: Vec<&str> = user.tags.iter().map(Tag::as_str).collect();
    Json(json!({"name": user.name.as_str(), "tags": tags, "is_internal_user": true}))
}
