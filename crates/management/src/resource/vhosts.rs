//! `/api/vhosts`.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use broker::turn::Turn;
use broker::vhost::{VhostLimits, VhostMetadata};
use model::VhostName;
use serde_json::Value;

use super::{connections, queues};
use crate::app::App;
use crate::auth::Operator;
use crate::error::Failure;
use crate::json::object::vhost;
use crate::page::Query;
use crate::request::{Fields, Path, UrlQuery};

fn all(app: &App, operator: &Operator) -> Vec<Value> {
    let seen = operator.vhosts(app);
    let mut views = app.engine.broker().list_vhosts();
    views.retain(|view| seen.contains(&view.name));
    views.sort_by(|a, b| a.name.cmp(&b.name));
    let shown = views.iter().map(|view| {
        let queues = queues::all(app, std::slice::from_ref(&view.name));
        vhost(app, view, &queues)
    });
    shown.collect()
}

/// `GET /api/vhosts`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    operator: Operator,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    query.list(all(&app, &operator)).map(Json)
}

/// `GET /api/vhosts/:vhost`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(name): Path<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    operator.must_be_administrator()?;
    let is_it = |shown: &Value| shown.get("name").and_then(Value::as_str) == Some(&name);
    let found = all(&app, &operator).into_iter().find(is_it).ok_or_else(Failure::not_found)?;
    Ok(Json(query.object(found)))
}

/// `PUT /api/vhosts/:vhost`. What is not said about one that exists is forgotten, but for its
/// limits.
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<StatusCode, Failure> {
    let node = operator.operate(&app)?;
    let name = VhostName::parse(&name).map_err(|error| Failure::bad_request(error.to_string()))?;
    // What cannot be had is refused, not forgotten.
    if fields.flag("tracing")? == Some(true) {
        return Err(Failure::bad_request("tracing: found true, wanted false: there is none here"));
    }
    for field in ["default_queue_type", "defaultqueuetype"] {
        match fields.optional_text(field)? {
            None | Some("" | "classic" | "undefined") => {}
            Some(other) => {
                let text = format!("{field}: found '{other}', wanted 'classic'");
                return Err(Failure::bad_request(text));
            }
        }
    }
    let metadata = VhostMetadata {
        description: fields.optional_text("description")?.unwrap_or_default().to_owned(),
        tags: fields.texts("tags")?.unwrap_or_default(),
        limits: VhostLimits::default(),
    };
    let is_new = node.set_vhost(&name, metadata)?;
    Ok(if is_new { StatusCode::CREATED } else { StatusCode::NO_CONTENT })
}

/// `DELETE /api/vhosts/:vhost`. The connections to it end.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(name): Path<String>,
) -> Result<StatusCode, Failure> {
    let node = operator.operate(&app)?;
    let name = VhostName::parse(&name).map_err(|_| Failure::not_found())?;
    let mut turn = Turn::new(Instant::now());
    let was_there = node.delete_vhost(&mut turn, &name);
    app.engine.broker().finish(&mut turn);
    if !was_there {
        return Err(Failure::not_found());
    }
    let reason = format!("vhost '{name}' is deleted");
    connections::end_all(&app, &reason, |details| details.vhost.as_ref() == Some(&name));
    Ok(StatusCode::NO_CONTENT)
}
