//! `/api/vhost-limits` and `/api/user-limits`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use broker::auth::UserLimits;
use broker::policy::Term;
use broker::vhost::VhostLimits;
use broker::view::{UserView, VhostView};
use model::VhostName;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::auth::Operator;
use crate::error::Failure;
use crate::json::table::field;
use crate::page::Query;
use crate::request::{Fields, Path, UrlQuery};

const CONNECTIONS: &str = "max-connections";
const QUEUES: &str = "max-queues";
const CHANNELS: &str = "max-channels";

/// Those that are there, by name.
fn set(limits: [(&str, Option<u64>); 2]) -> Option<Value> {
    let some = limits.into_iter().filter_map(|(name, max)| Some((name.to_owned(), json!(max?))));
    let map: Map<String, Value> = some.collect();
    (!map.is_empty()).then_some(Value::Object(map))
}

fn vhost_limits(view: &VhostView) -> Option<Value> {
    let VhostLimits { connections_max, queues_max } = view.limits;
    let value = set([(CONNECTIONS, connections_max), (QUEUES, queues_max)])?;
    Some(json!({"vhost": view.name.as_str(), "value": value}))
}

fn user_limits(view: &UserView) -> Option<Value> {
    let value = set([(CHANNELS, view.channels_max), (CONNECTIONS, view.connections_max)])?;
    Some(json!({"user": view.name.as_str(), "value": value}))
}

fn of_vhosts(app: &App, seen: &[VhostName]) -> Vec<Value> {
    let views = app.engine.broker().list_vhosts().into_iter();
    views.filter(|view| seen.contains(&view.name)).filter_map(|view| vhost_limits(&view)).collect()
}

/// `GET /api/vhost-limits`.
pub(crate) async fn list_of_vhosts(
    State(app): State<Arc<App>>,
    operator: Operator,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    query.list(of_vhosts(&app, &operator.vhosts(&app))).map(Json)
}

/// `GET /api/vhost-limits/:vhost`.
pub(crate) async fn of_vhost(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(vhost): Path<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let vhost = operator.must_see(&app, &vhost)?;
    query.list(of_vhosts(&app, &[vhost])).map(Json)
}

/// `GET /api/user-limits`.
pub(crate) async fn list_of_users(
    State(app): State<Arc<App>>,
    operator: Operator,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    operator.must_be_administrator()?;
    let users = app.engine.broker().list_users();
    query.list(users.iter().filter_map(user_limits).collect()).map(Json)
}

/// `GET /api/user-limits/:user`: their own, or anybody's for who sees everything.
pub(crate) async fn of_user(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(name): Path<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    if operator.user().name.as_str() != name && !operator.user().is_monitoring() {
        return Err(Failure::not_authorised("User not authorised to access object"));
    }
    let mut users = app.engine.broker().list_users().into_iter();
    let user = users.find(|known| known.name.as_str() == name).ok_or_else(Failure::not_found)?;
    query.list(user_limits(&user).into_iter().collect()).map(Json)
}

/// The value of a limit; a negative one is none.
fn value(name: &str, fields: &Fields) -> Result<Option<u64>, String> {
    let found = fields.get("value").unwrap_or(&Value::Null);
    match found.as_i64() {
        Some(value) => Ok(u64::try_from(value).ok()),
        None => {
            let found = field(found);
            Err(format!("{name} should be a number, actually was {}", Term(&found)))
        }
    }
}

fn unknown(name: &str, fields: &Fields, of: &str) -> String {
    let found = field(fields.get("value").unwrap_or(&Value::Null));
    format!("Unrecognised terms [{{<<\"{name}\">>,{}}}] in {of}", Term(&found))
}

/// `PUT /api/vhost-limits/:vhost/:name`.
pub(crate) async fn put_of_vhost(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, name)): Path<(String, String)>,
    fields: Fields,
) -> Result<StatusCode, Failure> {
    let node = operator.operate(&app)?;
    let missing = |_| Failure::missing("vhost_not_found");
    let view = operator.must_find_vhost(&app, &vhost).map_err(missing)?;
    fields.must_have(&["value"])?;
    let invalid = |text: String| Failure::invalid(&text);
    let mut limits = view.limits;
    match name.as_str() {
        CONNECTIONS => limits.connections_max = value(&name, &fields).map_err(invalid)?,
        QUEUES => limits.queues_max = value(&name, &fields).map_err(invalid)?,
        _ => return Err(invalid(unknown(&name, &fields, "limits"))),
    }
    node.set_vhost_limits(&view.name, limits)?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /api/vhost-limits/:vhost/:name`: as good as done if there is none by that name.
pub(crate) async fn delete_of_vhost(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, name)): Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    let node = operator.operate(&app)?;
    let view = operator.must_find_vhost(&app, &vhost)?;
    let mut limits = view.limits;
    match name.as_str() {
        CONNECTIONS => limits.connections_max = None,
        QUEUES => limits.queues_max = None,
        _ => {}
    }
    node.set_vhost_limits(&view.name, limits)?;
    Ok(StatusCode::NO_CONTENT)
}

fn limits_of(view: &UserView) -> UserLimits {
    UserLimits { connections_max: view.connections_max, channels_max: view.channels_max }
}

/// `PUT /api/user-limits/:user/:name`.
pub(crate) async fn put_of_user(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((user, name)): Path<(String, String)>,
    fields: Fields,
) -> Result<StatusCode, Failure> {
    let node = operator.operate(&app)?;
    fields.must_have(&["value"])?;
    let missing = |_| Failure::bad_request(json!(["no_such_user", user]));
    let view = operator.must_find_user(&app, &user).map_err(missing)?;
    let mut limits = limits_of(&view);
    match name.as_str() {
        CONNECTIONS => {
            limits.connections_max = value(&name, &fields).map_err(Failure::bad_request)?;
        }
        CHANNELS => limits.channels_max = value(&name, &fields).map_err(Failure::bad_request)?,
        _ => return Err(Failure::bad_request(unknown(&name, &fields, "user-limits"))),
    }
    node.set_user_limits(&view.name, limits);
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /api/user-limits/:user/:name`: as good as done if there is none by that name.
pub(crate) async fn delete_of_user(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((user, name)): Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    let node = operator.operate(&app)?;
    let view = operator.must_find_user(&app, &user)?;
    let mut limits = limits_of(&view);
    match name.as_str() {
        CONNECTIONS => limits.connections_max = None,
        CHANNELS => limits.channels_max = None,
        _ => {}
    }
    node.set_user_limits(&view.name, limits);
    Ok(StatusCode::NO_CONTENT)
}
