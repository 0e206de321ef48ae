//! `/api/permissions`, and those of a user or a vhost.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use broker::view::PermissionView;
use model::{Permission, UserName, VhostName};
use serde_json::Value;

use crate::app::App;
use crate::auth::Operator;
use crate::error::Failure;
use crate::json::object::permission;
use crate::page::Query;
use crate::request::{Fields, Path, UrlQuery};

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
    operator.must_find_user(&app, &user)?;
    query.list(all(&app, &operator, |row| row.user.as_str() == user)?).map(Json)
}

/// `GET /api/vhosts/:vhost/permissions`.
pub(crate) async fn of_vhost(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(vhost): Path<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    operator.must_find_vhost(&app, &vhost)?;
    query.list(all(&app, &operator, |row| row.vhost.as_str() == vhost)?).map(Json)
}

/// User and vhost of a path that gives rights.
///
/// # Errors
///
/// 400 if there is no such user or vhost.
pub(crate) fn both(app: &App, user: &str, vhost: &str) -> Result<(UserName, VhostName), Failure> {
    let broker = app.engine.broker();
    let user = broker.list_users().into_iter().map(|view| view.name).find(|it| it.as_str() == user);
    let mut vhosts = broker.list_vhosts().into_iter().map(|view| view.name);
    let vhost = vhosts.find(|it| it.as_str() == vhost);
    user.zip(vhost).ok_or_else(|| Failure::bad_request("vhost_or_user_not_found"))
}

/// `PUT /api/permissions/:vhost/:user`.
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, user)): Path<(String, String)>,
    fields: Fields,
) -> Result<StatusCode, Failure> {
    let node = operator.operate(&app)?;
    fields.must_have(&["configure", "write", "read"])?;
    let (user, vhost) = both(&app, &user, &vhost)?;
    let permission = Permission {
        configure: fields.text("configure")?.to_owned(),
        write: fields.text("write")?.to_owned(),
        read: fields.text("read")?.to_owned(),
    };
    let is_it = |row: &PermissionView| row.vhost == vhost && row.user == user;
    let existed = app.engine.broker().list_permissions().iter().any(is_it);
    node.set_permission(&user, &vhost, permission)?;
    Ok(if existed { StatusCode::NO_CONTENT } else { StatusCode::CREATED })
}

/// `DELETE /api/permissions/:vhost/:user`.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, user)): Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    let node = operator.operate(&app)?;
    let (user, vhost) = both(&app, &user, &vhost).map_err(|_| Failure::not_found())?;
    let had_any = node.clear_permission(&user, &vhost);
    had_any.then_some(StatusCode::NO_CONTENT).ok_or_else(Failure::not_found)
}
