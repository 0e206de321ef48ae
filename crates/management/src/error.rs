//! How the API says no: status and `{"error":…, "reason":…}`.
//!
//! Source: RabbitMQ 4.2; `management.md` §1.2 of the specification sheets.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{Refusal, RefusalKind};
use serde_json::{Value, json};

/// A request that is not answered as asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    status: StatusCode,
    body: Option<Value>,
    asks_for_login: bool,
}

impl Failure {
    fn new(status: StatusCode, error: &str, reason: impl Into<Value>) -> Self {
        let body = Some(json!({"error": error, "reason": reason.into()}));
        Self { status, body, asks_for_login: false }
    }

    /// No credentials: 401, no body, and the browser asks for them.
    pub(crate) fn no_credentials() -> Self {
        Self { status: StatusCode::UNAUTHORIZED, body: None, asks_for_login: true }
    }

    /// Wrong credentials. RabbitMQ spells this one with a z.
    pub(crate) fn wrong_credentials() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "not_authorized", "Not_Authorized")
    }

    /// Right credentials, lacking rights. 401, never 403, as RabbitMQ does it.
    pub(crate) fn not_authorised(reason: impl Into<Value>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "not_authorised", reason)
    }

    /// What was asked for cannot be kept.
    pub(crate) fn internal(reason: &str) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_server_error", reason)
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Object Not Found", "Not Found")
    }

    /// Something the request needs does not exist: `vhost_not_found`, `exchange_not_found` …
    pub(crate) fn missing(reason: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", reason)
    }

    pub(crate) fn bad_request(reason: impl Into<Value>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", reason)
    }

    /// What RabbitMQ says of parameters that cannot be.
    pub(crate) fn invalid(text: &str) -> Self {
        Self::bad_request(format!("Validation failed\n\n{text}\n"))
    }

    pub(crate) fn method_not_allowed() -> Self {
        let reason = "this endpoint does not take that method";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", reason)
    }

    pub(crate) fn pagination_invalid() -> Self {
        Self::bad_request("Pagination parameters are invalid")
    }

    pub(crate) fn pagination_out_of_bounds(page: i64, page_size: i64) -> Self {
        let reason = format!("page {page}, page_size {page_size}: wanted page >= 1, size 1 to 500");
        Self::new(StatusCode::BAD_REQUEST, "invalid_pagination_parameters", reason)
    }

    pub(crate) fn page_out_of_range(
        page: usize,
        page_size: usize,
        items: usize,
        pages: usize,
    ) -> Self {
        let reason = format!("page {page} of {pages}, page_size {page_size}, items {items}");
        Self::new(StatusCode::BAD_REQUEST, "page_out_of_range", reason)
    }

    /// A health check that found something.
    pub(crate) fn unhealthy(body: Value) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, body: Some(body), asks_for_login: false }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let text = refusal.to_string();
        match refusal.kind() {
            RefusalKind::AccessRefused | RefusalKind::NotAllowed => Self::not_authorised(text),
            RefusalKind::NotFound => Self::not_found(),
            RefusalKind::Internal => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_server_error", text)
            }
            _ => Self::bad_request(text),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = match self.body {
            Some(body) => (self.status, Json(body)).into_response(),
            None => self.status.into_response(),
        };
        if self.asks_for_login {
            let realm = HeaderValue::from_static("Basic realm=\"RabbitMQ Management\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
        }
        response
    }
}
