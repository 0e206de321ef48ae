//! `/api/policies` and `/api/operator-policies`: the same, but for who may.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use broker::Policymaker;
use broker::policy::{ApplyTo, Policy, PolicyKind, PolicySpec, Term};
use broker::turn::Turn;
use model::{Refusal, VhostName};
use serde_json::Value;

use crate::app::App;
use crate::auth::Operator;
use crate::error::Failure;
use crate::json::object::policy;
use crate::json::table::{field, table};
use crate::page::Query;
use crate::request::{Fields, Path, UrlQuery};

fn all(app: &App, kind: PolicyKind, vhosts: &[VhostName]) -> Vec<Value> {
    let broker = app.engine.broker();
    let of = |vhost: &VhostName| {
        let policies = broker.list_policies(vhost, kind).unwrap_or_default();
        policies.iter().map(|one| policy(vhost, one)).collect::<Vec<_>>()
    };
    vhosts.iter().flat_map(of).collect()
}

/// `GET /api/policies`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(kind): Extension<PolicyKind>,
    operator: Operator,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    query.list(all(&app, kind, &operator.vhosts(&app))).map(Json)
}

/// `GET /api/policies/:vhost`.
pub(crate) async fn list_in(
    State(app): State<Arc<App>>,
    Extension(kind): Extension<PolicyKind>,
    operator: Operator,
    Path(vhost): Path<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let vhost = operator.must_see(&app, &vhost)?;
    query.list(all(&app, kind, &[vhost])).map(Json)
}

/// Somebody who may see and change the policies of a vhost one by one; `missing` says that there is
/// no such vhost.
fn policymaker(
    app: &App,
    kind: PolicyKind,
    operator: &Operator,
    vhost: &str,
    missing: impl Fn() -> Failure,
) -> Result<(Policymaker, VhostName), Failure> {
    let vhost = VhostName::parse(vhost).map_err(|_| missing())?;
    let broker = app.engine.broker();
    match broker.make_policies(&operator.identity, &vhost, kind) {
        Ok(policymaker) => Ok((policymaker, vhost)),
        Err(Refusal::NoSuchVhost(_)) => Err(missing()),
        Err(refusal) => Err(refusal.into()),
    }
}

/// `GET /api/policies/:vhost/:name`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Extension(kind): Extension<PolicyKind>,
    operator: Operator,
    Path((vhost, name)): Path<(String, String)>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Json<Value>, Failure> {
    let (_, vhost) = policymaker(&app, kind, &operator, &vhost, Failure::not_found)?;
    let policies = app.engine.broker().list_policies(&vhost, kind).unwrap_or_default();
    let found = policies.iter().find(|policy| policy.name() == name);
    Ok(Json(query.object(policy(&vhost, found.ok_or_else(Failure::not_found)?))))
}

/// `PUT /api/policies/:vhost/:name`.
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    Extension(kind): Extension<PolicyKind>,
    operator: Operator,
    Path((vhost, name)): Path<(String, String)>,
    fields: Fields,
) -> Result<StatusCode, Failure> {
    let missing = || Failure::missing("vhost_not_found");
    let (policymaker, _) = policymaker(&app, kind, &operator, &vhost, missing)?;
    let spec = spec(name, &fields)?;
    let policy =
        Policy::parse(kind, spec).map_err(|error| Failure::bad_request(error.to_string()))?;
    let mut turn = Turn::new(Instant::now());
    let is_new = policymaker.set(&mut turn, policy);
    app.engine.broker().finish(&mut turn);
    Ok(if is_new { StatusCode::CREATED } else { StatusCode::NO_CONTENT })
}

/// `DELETE /api/policies/:vhost/:name`.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Extension(kind): Extension<PolicyKind>,
    operator: Operator,
    Path((vhost, name)): Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    let (policymaker, _) = policymaker(&app, kind, &operator, &vhost, Failure::not_found)?;
    let mut turn = Turn::new(Instant::now());
    let was_there = policymaker.delete(&mut turn, &name);
    app.engine.broker().finish(&mut turn);
    was_there.then_some(StatusCode::NO_CONTENT).ok_or_else(Failure::not_found)
}

fn spec(name: String, fields: &Fields) -> Result<PolicySpec, Failure> {
    fields.must_have(&["pattern", "definition"])?;
    let pattern = fields.wanted("pattern")?;
    let priority = match fields.get("priority") {
        None => 0,
        Some(value) => whole(value).ok_or_else(|| {
            let found = field(value);
            Failure::invalid(&format!("priority should be a number, actually was {}", Term(&found)))
        })?,
    };
    let pattern = pattern.as_str().ok_or_else(|| {
        let found = field(pattern);
        Failure::invalid(&format!("pattern should be a binary but was {}", Term(&found)))
    })?;
    let apply_to = match fields.optional_text("apply-to")? {
        None => ApplyTo::default(),
        Some(text) => ApplyTo::parse(text).ok_or_else(|| {
            Failure::invalid(&format!(
                "apply-to '{text}' unrecognised; should be one of: 'queues', 'classic_queues', \
                 'quorum_queues', 'streams', 'exchanges', or 'all'"
            ))
        })?,
    };
    let definition = table(fields.get("definition"))?;
    Ok(PolicySpec { name, pattern: pattern.to_owned(), apply_to, priority, definition })
}

/// A whole number, also as a text.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}
