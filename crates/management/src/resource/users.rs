//! `/api/users` and `/api/whoami`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use broker::auth::{HashAlgorithm, HashError, PasswordHash, Tag, User, UserLimits};
use model::UserName;
use serde_json::{Value, json};

use super::connections;
use crate::app::App;
use crate::auth::Operator;
use crate::error::Failure;
use crate::json::object::user;
use crate::page::Query;
use crate::request::{Fields, Path, UrlQuery};

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

/// `GET /api/users/without-permissions`.
pub(crate) async fn without_permissions(
    State(app): State<Arc<App>>,
    operator: Operator,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    operator.must_be_administrator()?;
    let broker = app.engine.broker();
    let permissions = broker.list_permissions();
    let mut users = broker.list_users();
    users.retain(|user| !permissions.iter().any(|row| row.user == user.name));
    users.sort_by(|a, b| a.name.cmp(&b.name));
    query.list(users.iter().map(user).collect()).map(Json)
}

/// `PUT /api/users/:user`. Without a password they have none, whatever they had before; their
/// limits stay.
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<StatusCode, Failure> {
    let node = operator.operate(&app)?;
    let name = UserName::parse(&name).map_err(|error| Failure::bad_request(error.to_string()))?;
    let tags = tags(&fields)?;
    let known = app.engine.broker().list_users().into_iter().find(|view| view.name == name);
    let limits = known.map_or_else(UserLimits::default, |view| UserLimits {
        connections_max: view.connections_max,
        channels_max: view.channels_max,
    });
    let given = |field| fields.optional_text(field).map(|it| it.filter(|text| !text.is_empty()));
    let is_new = match (given("password")?, given("password_hash")?) {
        (Some(_), Some(_)) => {
            return Err(Failure::bad_request("both_password_and_password_hash_are_provided"));
        }
        (Some(password), None) => {
            node.set_user_with_password(name, password.as_bytes(), tags, limits)?
        }
        (None, Some(text)) => {
            let password = Some(hash(text, &fields)?);
            node.set_user(User { name, password, tags, limits })
        }
        (None, None) => node.set_user(User { name, password: None, tags, limits }),
    };
    Ok(if is_new { StatusCode::CREATED } else { StatusCode::NO_CONTENT })
}

fn tags(fields: &Fields) -> Result<Vec<Tag>, Failure> {
    if let Some(tags) = fields.texts("tags")? {
        return Ok(tags.iter().map(|tag| Tag::new(tag)).collect());
    }
    // As clients of RabbitMQ before 2.4 say it.
    match fields.flag("administrator")? {
        Some(true) => Ok(vec![Tag::new(Tag::ADMINISTRATOR)]),
        Some(false) => Ok(Vec::new()),
        None => Err(Failure::bad_request("tags_not_present")),
    }
}

fn hash(text: &str, fields: &Fields) -> Result<PasswordHash, Failure> {
    let algorithm = match fields.optional_text("hashing_algorithm")? {
        None => HashAlgorithm::default(),
        Some(name) => HashAlgorithm::parse(name)
            .ok_or_else(|| Failure::bad_request(json!(["unknown_hashing_algorithm", name])))?,
    };
    PasswordHash::from_base64(algorithm, text).map_err(|error| match error {
        HashError::NotBase64 => Failure::bad_request(json!(["not_base64", text])),
        other => Failure::bad_request(other.to_string()),
    })
}

/// `DELETE /api/users/:user`. Their connections end.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(name): Path<String>,
) -> Result<StatusCode, Failure> {
    let node = operator.operate(&app)?;
    match UserName::parse(&name) {
        Ok(name) if delete_one(&app, &node, &name) => Ok(StatusCode::NO_CONTENT),
        _ => Err(Failure::not_found()),
    }
}

/// `POST /api/users/bulk-delete`. Who is not there is as good as deleted.
pub(crate) async fn delete_all(
    State(app): State<Arc<App>>,
    operator: Operator,
    fields: Fields,
) -> Result<StatusCode, Failure> {
    let node = operator.operate(&app)?;
    fields.must_have(&["users"])?;
    for name in fields.texts("users")?.unwrap_or_default() {
        if let Ok(name) = UserName::parse(&name) {
            delete_one(&app, &node, &name);
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

fn delete_one(app: &App, node: &broker::Operator<'_>, name: &UserName) -> bool {
    let was_there = node.delete_user(name);
    let reason = format!("user '{name}' is deleted");
    connections::end_all(app, &reason, |details| details.user.as_ref() == Some(name));
    was_there
}

/// `GET /api/whoami`.
pub(crate) async fn whoami(operator: Operator) -> Json<Value> {
    let user = operator.user();
    let tags: Vec<&str> = user.tags.iter().map(Tag::as_str).collect();
    Json(json!({"name": user.name.as_str(), "tags": tags, "is_internal_user": true}))
}
