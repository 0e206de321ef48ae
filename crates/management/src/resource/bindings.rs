//! `/api/bindings`.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use broker::turn::Turn;
use model::{
    Binding, Destination, ExchangeName, FieldTable, QueueName, Refusal, RefusalKind, RoutingKey,
    VhostName,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde_json::Value;

use super::exchanges::name_in;
use crate::app::App;
use crate::auth::Operator;
use crate::error::Failure;
use crate::json::object::{binding, properties_key};
use crate::json::table::table;
use crate::page::Query;
use crate::request::{Fields, Path, UrlQuery};

/// The bindings of some vhosts that `is_wanted`.
pub(crate) fn all(
    app: &App,
    vhosts: &[VhostName],
    is_wanted: impl Fn(&Binding) -> bool,
) -> Vec<Value> {
    let broker = app.engine.broker();
    let lists = vhosts.iter().filter_map(|vhost| broker.list_bindings(vhost));
    lists.flatten().filter(|view| is_wanted(&view.binding)).map(|view| binding(&view)).collect()
}

/// `GET /api/bindings`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    operator: Operator,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    query.list(all(&app, &operator.vhosts(&app), |_| true)).map(Json)
}

/// `GET /api/bindings/:vhost`.
pub(crate) async fn list_in(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(vhost): Path<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let vhost = operator.must_see(&app, &vhost)?;
    query.list(all(&app, &[vhost], |_| true)).map(Json)
}

fn leads(binding: &Binding, source: &str, kind: &str, to: &str) -> bool {
    let leads_there = match (&binding.destination, kind) {
        (Destination::Queue(name), "q") => name.as_str() == to,
        (Destination::Exchange(name), "e") => name.as_str() == to,
        _ => false,
    };
    leads_there && binding.source.as_str() == source
}

/// `GET /api/bindings/:vhost/e/:exchange/(q|e)/:destination`.
pub(crate) async fn between(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, source, kind, to)): Path<(String, String, String, String)>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let vhost = operator.must_see(&app, &vhost)?;
    let source = name_in(&source);
    query.list(all(&app, &[vhost], |binding| leads(binding, source, &kind, &to))).map(Json)
}

/// `GET /api/bindings/:vhost/e/:exchange/(q|e)/:destination/:properties_key`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, source, kind, to, key)): Path<(String, String, String, String, String)>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let vhost = operator.must_see(&app, &vhost)?;
    let source = name_in(&source);
    let between = all(&app, &[vhost], |binding| leads(binding, source, &kind, &to));
    let is_it = |shown: &Value| shown.get("properties_key").and_then(Value::as_str) == Some(&key);
    let found = between.into_iter().find(is_it).ok_or_else(Failure::not_found)?;
    Ok(Json(query.object(found)))
}

/// `POST /api/bindings/:vhost/e/:exchange/(q|e)/:destination`: binds, and says where to find it.
pub(crate) async fn post(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, source, kind, to)): Path<(String, String, String, String)>,
    fields: Fields,
) -> Result<Response, Failure> {
    let vhost = operator.must_see_to_add(&app, &vhost)?;
    let bad = |error: &dyn std::fmt::Display| Failure::bad_request(error.to_string());
    let key = fields.optional_text("routing_key")?.unwrap_or_default();
    let binding = Binding {
        source: ExchangeName::parse(name_in(&source)).map_err(|error| bad(&error))?,
        destination: match kind.as_str() {
            "q" => Destination::Queue(QueueName::parse(&to).map_err(|error| bad(&error))?),
            "e" => Destination::Exchange(ExchangeName::parse(&to).map_err(|error| bad(&error))?),
            _ => return Err(Failure::not_found()),
        },
        key: RoutingKey::parse(key.as_bytes()).map_err(|error| bad(&error))?,
        arguments: table(fields.get("arguments"))?,
    };
    let broker = app.engine.broker();
    let mut access = broker.visit(&operator.identity, &vhost)?;
    let mut turn = Turn::new(Instant::now());
    let bound = access.bind(&mut turn, &binding);
    broker.finish(&mut turn);
    bound.map_err(refuse)?;
    let properties_key = properties_key(key, &sorted(&binding.arguments));
    let location = format!("{}/{}", segment(&to), segment(&properties_key));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)]).into_response())
}

/// `DELETE /api/bindings/:vhost/e/:exchange/(q|e)/:destination/:properties_key`.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, source, kind, to, key)): Path<(String, String, String, String, String)>,
) -> Result<StatusCode, Failure> {
    let vhost = operator.must_see(&app, &vhost)?;
    let source = name_in(&source);
    let broker = app.engine.broker();
    let views = broker.list_bindings(&vhost).unwrap_or_default().into_iter();
    let mut bindings = views.map(|view| view.binding);
    let is_it = |binding: &Binding| {
        let found = properties_key(&binding.key.to_string(), &binding.arguments);
        leads(binding, source, &kind, &to) && found == key
    };
    let binding = bindings.find(is_it).ok_or_else(Failure::not_found)?;
    let mut access = broker.visit(&operator.identity, &vhost)?;
    let mut turn = Turn::new(Instant::now());
    let unbound = access.unbind(&mut turn, &binding);
    broker.finish(&mut turn);
    unbound.map_err(refuse)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Bindings are kept with sorted arguments, and so named by them.
fn sorted(arguments: &FieldTable) -> FieldTable {
    let mut sorted = arguments.clone();
    sorted.sort();
    sorted
}

/// A name as one segment of a path.
fn segment(name: &str) -> PercentEncode<'_> {
    utf8_percent_encode(name, SEGMENT)
}

const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// RabbitMQ names what is missing here, and says of rights that they lack.
fn refuse(refusal: Refusal) -> Failure {
    match refusal.kind() {
        RefusalKind::NotFound => Failure::missing(&refusal.to_string()),
        RefusalKind::AccessRefused => Failure::not_authorised("Access refused."),
        _ => refusal.into(),
    }
}
