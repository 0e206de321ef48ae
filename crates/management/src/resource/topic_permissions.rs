//! `/api/topic-permissions`, and those of a user or a vhost.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use broker::auth::TopicPermission;
use broker::view::TopicPermissionView;
use model::{ExchangeName, UserName, VhostName};
use serde_json::Value;

use super::permissions::both;
use crate::app::App;
use crate::auth::Operator;
use crate::error::Failure;
use crate::json::object::topic_permission;
use crate::page::Query;
use crate::request::{Fields, Path, UrlQuery};

fn all(
    app: &App,
    operator: &Operator,
    is_wanted: impl Fn(&TopicPermissionView) -> bool,
) -> Result<Vec<Value>, Failure> {
    operator.must_be_administrator()?;
    let rows = app.engine.broker().list_topic_permissions();
    Ok(rows.iter().filter(|row| is_wanted(row)).map(topic_permission).collect())
}

/// `GET /api/topic-permissions`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    operator: Operator,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    query.list(all(&app, &operator, |_| true)?).map(Json)
}

/// `GET /api/users/:user/topic-permissions`.
pub(crate) async fn of_user(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(user): Path<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    operator.must_find_user(&app, &user)?;
    query.list(all(&app, &operator, |row| row.user.as_str() == user)?).map(Json)
}

/// `GET /api/vhosts/:vhost/topic-permissions`.
pub(crate) async fn of_vhost(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(vhost): Path<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    operator.must_find_vhost(&app, &vhost)?;
    query.list(all(&app, &operator, |row| row.vhost.as_str() == vhost)?).map(Json)
}

/// `GET /api/topic-permissions/:vhost/:user`: a list, as there may be one for each exchange.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, user)): Path<(String, String)>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let is_it =
        |row: &TopicPermissionView| row.vhost.as_str() == vhost && row.user.as_str() == user;
    let found = all(&app, &operator, is_it)?;
    if found.is_empty() {
        return Err(Failure::not_found());
    }
    query.list(found).map(Json)
}

/// Whether a user has any in a vhost.
fn has_any(app: &App, user: &UserName, vhost: &VhostName) -> bool {
    let rows = app.engine.broker().list_topic_permissions();
    rows.iter().any(|row| row.user == *user && row.vhost == *vhost)
}

/// `PUT /api/topic-permissions/:vhost/:user`.
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, user)): Path<(String, String)>,
    fields: Fields,
) -> Result<StatusCode, Failure> {
    let node = operator.operate(&app)?;
    fields.must_have(&["exchange", "write", "read"])?;
    let (user, vhost) = both(&app, &user, &vhost)?;
    let exchange = ExchangeName::parse(fields.text("exchange")?)
        .map_err(|error| Failure::bad_request(error.to_string()))?;
    let (write, read) = (fields.text("write")?.to_owned(), fields.text("read")?.to_owned());
    let had_any = has_any(&app, &user, &vhost);
    node.set_topic_permission(&user, &vhost, exchange, TopicPermission { write, read })?;
    Ok(if had_any { StatusCode::NO_CONTENT } else { StatusCode::CREATED })
}

/// `DELETE /api/topic-permissions/:vhost/:user`: all of them.
pub(crate) async fn delete_all(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, user)): Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    let node = operator.operate(&app)?;
    let (user, vhost) = both(&app, &user, &vhost).map_err(|_| Failure::not_found())?;
    let had_any = node.clear_topic_permissions(&user, &vhost, None);
    had_any.then_some(StatusCode::NO_CONTENT).ok_or_else(Failure::not_found)
}

/// `DELETE /api/topic-permissions/:vhost/:user/:exchange`. For whoever has any there: RabbitMQ does
/// not look whether there is one for that exchange.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, user, exchange)): Path<(String, String, String)>,
) -> Result<StatusCode, Failure> {
    let node = operator.operate(&app)?;
    let (user, vhost) = both(&app, &user, &vhost).map_err(|_| Failure::not_found())?;
    let exchange = ExchangeName::parse(&exchange).map_err(|_| Failure::not_found())?;
    if !has_any(&app, &user, &vhost) {
        return Err(Failure::not_found());
    }
    node.clear_topic_permissions(&user, &vhost, Some(&exchange));
    Ok(StatusCode::NO_CONTENT)
}
