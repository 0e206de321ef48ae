//! `POST /api/exchanges/:vhost/:exchange/publish`: one message by HTTP, for tries.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use broker::turn::Turn;
use model::{ExchangeName, Properties, ShortString};
use serde_json::{Map, Value, json};

use super::exchanges::name_in;
use crate::app::App;
use crate::auth::Operator;
use crate::error::Failure;
use crate::json::table::table;
use crate::kept::is_kept;
use crate::request::{Fields, Path};

/// `POST /api/exchanges/:vhost/:exchange/publish`. Answered as RabbitMQ confirms.
pub(crate) async fn post(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((vhost, name)): Path<(String, String)>,
    fields: Fields,
) -> Result<Json<Value>, Failure> {
    let vhost = operator.must_see_to_add(&app, &vhost)?;
    let exchange = ExchangeName::parse(name_in(&name))
        .map_err(|error| Failure::bad_request(error.to_string()))?;
    let key = fields.text("routing_key")?;
    let payload = payload(&fields)?;
    let properties = properties(fields.wanted("properties")?)?;
    let broker = app.engine.broker();
    let known = broker.list_exchanges(&vhost).unwrap_or_default();
    if !known.iter().any(|view| view.name == exchange) {
        return Err(Failure::missing("exchange_not_found"));
    }
    let mut access = broker.visit(&operator.identity, &vhost)?;
    let mut turn = Turn::new(Instant::now());
    let message = engine::compose(exchange, key.as_bytes(), &properties, &payload)?;
    let routed = access.publish(&mut turn, &Arc::new(message));
    broker.finish(&mut turn);
    let routed = routed?;
    if routed.was_rejected {
        return Err(Failure::bad_request(
            "rejected: Unable to publish message. Check queue limits.",
        ));
    }
    if routed.is_logged && !is_kept(&app).await {
        return Err(Failure::internal("the message cannot be kept"));
    }
    Ok(Json(json!({"routed": !routed.is_unroutable()})))
}

fn payload(fields: &Fields) -> Result<Vec<u8>, Failure> {
    let payload = match fields.wanted("payload")? {
        Value::String(text) => text,
        _ => return Err(Failure::bad_request("payload_not_string")),
    };
    match fields.text("payload_encoding")? {
        "string" => Ok(payload.clone().into_bytes()),
        "base64" => BASE64_STANDARD
            .decode(payload)
            .map_err(|error| Failure::bad_request(format!("payload is not base64: {error}"))),
        other => Err(Failure::bad_request(format!(
            "payload_encoding: found '{other}', wanted 'string' or 'base64'"
        ))),
    }
}

fn properties(given: &Value) -> Result<Properties, Failure> {
    let empty = Map::new();
    let map = match given {
        Value::Object(map) => map,
        Value::Array(list) if list.is_empty() => &empty,
        _ => return Err(Failure::bad_request("properties: wanted an object")),
    };
    let text = |key: &str| match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => ShortString::parse(text)
            .map(Some)
            .map_err(|error| Failure::bad_request(format!("{key}: {error}"))),
        Some(found) => Err(Failure::bad_request(format!("{key}: found {found}, wanted a text"))),
    };
    let number = |key: &str| match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_u64().map(Some).ok_or_else(|| {
            Failure::bad_request(format!("{key}: found {value}, wanted a whole number"))
        }),
    };
    let octet = |key: &str| {
        let octet = number(key)?.map(u8::try_from).transpose();
        octet.map_err(|_| Failure::bad_request(format!("{key}: wanted at most 255")))
    };
    let headers = match map.get("headers") {
        None => None,
        headers => Some(table(headers)?),
    };
    Ok(Properties {
        content_type: text("content_type")?,
        content_encoding: text("content_encoding")?,
        headers,
        delivery_mode: octet("delivery_mode")?,
        priority: octet("priority")?,
        correlation_id: text("correlation_id")?,
        reply_to: text("reply_to")?,
        expiration: text("expiration")?,
        message_id: text("message_id")?,
        timestamp: number("timestamp")?,
        message_type: text("type")?,
        user_id: text("user_id")?,
        app_id: text("app_id")?,
        cluster_id: text("cluster_id")?,
    })
}
