//! `/api/permissions`, and those of a user or a vhost.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use broker::view::PermissionView;
use serde_json::Value;

use crate::app::App;
use crate::auth::Operator;
use crate::error::Failure;
use crate::json::object::permission;
use crate::page::Query;
use crate::request::{Path, UrlQuery};

fn all(
    app: &App,
    operator: &Operator,
    is_wanted: impl Fn(&PermissionView) -> bool,
) -> Result<Vec<Value>, Failure> {
    operator.must_be_administrator()?;
    let mut rows = app.engine.broker().list_permissions();
    rows.sort_by(|a, b| (&a.vhost, &a.user).cmp(&(&b.vhost, &b.user)));
    Ok(rows.iter().filter(|row| is_wanted(row)).map(permission).collect())
}

/// `GET /api/permissions`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    operator: Operator,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    query.list(all(&app, &operator, |_| true)?).map(Json)
}

/// `GET /api/permissions/:vhost/:user`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, user)): Path<(String, String)>,
) -> Result<Json<Value>, Failure> {
    let is_it = |row: &PermissionView| row.vhost.as_str() == vhost && row.user.as_str() == user;
    let found = all(&app, &operator, is_it)?.into_iter().next();
    found.map(Json).ok_or_else(Failure::not_found)
}

/// `GET /api/users/:user/permissions`.
pub(crate) async fn of_user(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(user): Path<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    query.list(all(&app, &operator, |row| row.user.as_str() == user)?).map(Json)
}

/// `GET /api/vhosts/:vhost/permissions`.
pub(crate) async fn of_vhost(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(vhost): Path<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    query.list(all(&app, &operator, |row| row.vhost.as_str() == vhost)?).map(Json)
}
