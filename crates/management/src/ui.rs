//! The web pages inside the binary: the playground at `/`.
//!
//! Built by `cargo xtask run` into `ui/dist`. Without them `/` is one plain page that says how to
//! get them.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

/// The built pages; empty if the binary was built without them.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../ui/dist"]
#[allow_missing = true]
struct Pages;

/// Nothing from elsewhere; WebSockets to any host, because the playground lets one choose.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self'; font-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

/// Files under here carry a hash of their content in the name.
const HASHED: &str = "assets/";

const WITHOUT_PAGES: &str = "<!doctype html><meta charset=\"utf-8\"><title>Hopwire</title>\
    <h1>Hopwire is running</h1>\
    <p>This binary was built without its web pages. With Node 20: <code>cargo xtask run</code>.</p>\
    <p>The management API is at <a href=\"/api/overview\">/api/overview</a>.</p>";

/// Serves a page or one of its files.
pub(crate) async fn page(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    let Some(file) = Pages::get(path) else {
        return match path {
            "index.html" => {
                with_policy(WITHOUT_PAGES.into(), "text/html; charset=utf-8", "no-cache", "")
            }
            _ => StatusCode::NOT_FOUND.into_response(),
        };
    };
    let tag = format!("\"{}\"", hex(&file.metadata.sha256_hash()));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known == tag.as_str()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let caching = match path.starts_with(HASHED) {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    with_policy(Body::from(file.data.into_owned()), kind_of(path), caching, &tag)
}

fn with_policy(body: Body, kind: &str, caching: &str, tag: &str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, caching),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::ETAG, tag),
    ];
    (headers, body).into_response()
}

fn kind_of(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" | "webmanifest" => "application/json",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
