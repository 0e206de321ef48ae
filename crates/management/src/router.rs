//! Paths to handlers, and the server around them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Extension, Router, ServiceExt};
use broker::policy::PolicyKind;
use engine::Engine;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tower::Layer as _;
use tower::util::MapRequestLayer;

use crate::app::{App, Settings};
use crate::error::Failure;
use crate::rates::{INTERVAL, Rates};
use crate::request::BODY_BYTES_MAX;
use crate::resource::{
    bindings, channels, connections, consumers, exchanges, health, limits, nodes, overview,
    permissions, policies, publish, queues, topic_permissions, users, vhosts,
};
use crate::ui;

/// How long requests in flight may take once the node goes down. One half-sent ends no sooner by
/// itself.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// Serves until `stop` is done, and what was asked before for a little longer.
///
/// # Errors
///
/// If the listener fails.
pub async fn serve(
    listener: TcpListener,
    engine: Engine,
    settings: Settings,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let app = Arc::new(App { engine, settings, rates: Mutex::new(Rates::default()) });
    let sampler = tokio::spawn(sample(Arc::clone(&app)));
    let service = MapRequestLayer::new(without_trailing_slash).layer(router(app));
    let service = ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(service);
    let (stopped, has_stopped) = oneshot::channel();
    let stop = async {
        stop.await;
        // Nobody waits for it if serving has failed.
        let _ = stopped.send(());
    };
    let served = axum::serve(listener, service).with_graceful_shutdown(stop);
    let too_late = async {
        drop(has_stopped.await);
        tokio::time::sleep(STOP_TIMEOUT).await;
    };
    let served = tokio::select! {
        served = served.into_future() => served,
        () = too_late => Ok(()),
    };
    sampler.abort();
    served
}

async fn sample(app: Arc<App>) {
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        let sample = overview::sample(&app);
        app.rates.lock().take(sample);
    }
}

fn router(app: Arc<App>) -> Router {
    let api = Router::new()
        .merge(objects())
        .merge(identities())
        .merge(policies("/policies", PolicyKind::Policy))
        .merge(policies("/operator-policies", PolicyKind::Operator))
        .merge(checks())
        .fallback(|| async { Failure::not_found() })
        .method_not_allowed_fallback(other_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), settle))
        .layer(middleware::map_response(with_headers))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(app);
    Router::new().nest("/api", api).fallback(ui::page)
}

/// Answers a change once it is durable.
async fn settle(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let is_change = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let response = next.run(request).await;
    let broker = app.engine.broker();
    if !is_change || broker.is_settled() {
        return response;
    }
    let broker = Arc::clone(broker);
    match tokio::task::spawn_blocking(move || broker.settle_definitions()).await {
        Ok(Ok(())) => response,
        Ok(Err(failure)) => Failure::internal(&failure.to_string()).into_response(),
        Err(_) => Failure::internal("the node goes down").into_response(),
    }
}

fn objects() -> Router<Arc<App>> {
    Router::new()
        .route("/overview", get(overview::get))
        .route("/nodes", get(nodes::list))
        .route("/nodes/{node}", get(nodes::get))
        .route("/connections", get(connections::list))
        .route("/connections/{name}", get(connections::get).delete(connections::delete))
        .route("/connections/{name}/channels", get(connections::channels_of))
        .route("/channels", get(channels::list))
        .route("/channels/{name}", get(channels::get))
        .route("/consumers", get(consumers::list))
        .route("/consumers/{vhost}", get(consumers::list_in))
        .route("/exchanges", get(exchanges::list))
        .route("/exchanges/{vhost}", get(exchanges::list_in))
        .route(
            "/exchanges/{vhost}/{name}",
            get(exchanges::get).put(exchanges::put).delete(exchanges::delete),
        )
        .route("/exchanges/{vhost}/{name}/publish", post(publish::post))
        .route("/exchanges/{vhost}/{name}/bindings/source", get(exchanges::bindings_from))
        .route("/exchanges/{vhost}/{name}/bindings/destination", get(exchanges::bindings_to))
        .route("/queues", get(queues::list))
        .route("/queues/{vhost}", get(queues::list_in))
        .route("/queues/{vhost}/{name}", get(queues::get).put(queues::put).delete(queues::delete))
        .route("/queues/{vhost}/{name}/bindings", get(queues::bindings_of))
        .route("/queues/{vhost}/{name}/contents", delete(queues::purge))
        .route("/bindings", get(bindings::list))
        .route("/bindings/{vhost}", get(bindings::list_in))
        .route(
            "/bindings/{vhost}/e/{source}/{kind}/{to}",
            get(bindings::between).post(bindings::post),
        )
        .route(
            "/bindings/{vhost}/e/{source}/{kind}/{to}/{key}",
            get(bindings::get).delete(bindings::delete),
        )
}

fn identities() -> Router<Arc<App>> {
    Router::new()
        .route("/vhosts", get(vhosts::list))
        .route("/vhosts/{vhost}", get(vhosts::get).put(vhosts::put).delete(vhosts::delete))
        .route("/vhosts/{vhost}/connections", get(connections::list_in))
        .route("/vhosts/{vhost}/channels", get(channels::list_in))
        .route("/vhosts/{vhost}/permissions", get(permissions::of_vhost))
        .route("/vhosts/{vhost}/topic-permissions", get(topic_permissions::of_vhost))
        .route("/users", get(users::list))
        .route("/users/without-permissions", get(users::without_permissions))
        .route("/users/bulk-delete", post(users::delete_all))
        .route("/users/{user}", get(users::get).put(users::put).delete(users::delete))
        .route("/users/{user}/permissions", get(permissions::of_user))
        .route("/users/{user}/topic-permissions", get(topic_permissions::of_user))
        .route("/permissions", get(permissions::list))
        .route(
            "/permissions/{vhost}/{user}",
            get(permissions::get).put(permissions::put).delete(permissions::delete),
        )
        .route("/topic-permissions", get(topic_permissions::list))
        .route(
            "/topic-permissions/{vhost}/{user}",
            get(topic_permissions::get)
                .put(topic_permissions::put)
                .delete(topic_permissions::delete_all),
        )
        .route("/topic-permissions/{vhost}/{user}/{exchange}", delete(topic_permissions::delete))
        .route("/vhost-limits", get(limits::list_of_vhosts))
        .route("/vhost-limits/{vhost}", get(limits::of_vhost))
        .route(
            "/vhost-limits/{vhost}/{name}",
            put(limits::put_of_vhost).delete(limits::delete_of_vhost),
        )
        .route("/user-limits", get(limits::list_of_users))
        .route("/user-limits/{user}", get(limits::of_user))
        .route(
            "/user-limits/{user}/{name}",
            put(limits::put_of_user).delete(limits::delete_of_user),
        )
        .route("/whoami", get(users::whoami))
}

fn policies(at: &str, kind: PolicyKind) -> Router<Arc<App>> {
    let one = get(policies::get).put(policies::put).delete(policies::delete);
    Router::new()
        .route(at, get(policies::list))
        .route(&format!("{at}/{{vhost}}"), get(policies::list_in))
        .route(&format!("{at}/{{vhost}}/{{name}}"), one)
        .layer(Extension(kind))
}

fn checks() -> Router<Arc<App>> {
    Router::new()
        .route("/aliveness-test/{vhost}", get(health::aliveness))
        .route("/health/checks/alarms", get(health::alarms))
        .route("/health/checks/local-alarms", get(health::local_alarms))
        .route("/health/checks/port-listener/{port}", get(health::port_listener))
        .route("/health/checks/virtual-hosts", get(health::virtual_hosts))
        .route("/health/checks/is-in-service", get(health::in_service))
        .route("/health/checks/ready-to-serve-clients", get(health::in_service))
}

/// `OPTIONS` needs no login: the answer's `allow` says all. Other methods are refused.
async fn other_method(method: Method) -> Response {
    match method {
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        _ => Failure::method_not_allowed().into_response(),
    }
}

/// What every answer of the API carries. Source: RabbitMQ.
async fn with_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CACHE_CONTROL, "no-cache");
    set(header::VARY, "accept, accept-encoding, origin");
    set(header::CONTENT_SECURITY_POLICY, "script-src 'self'; object-src 'self'");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    response.into_response()
}

/// `/api/users/` is `/api/users`: clients send both.
fn without_trailing_slash(mut request: Request) -> Request {
    let uri = request.uri();
    let path = uri.path();
    if !path.starts_with("/api/") || !path.ends_with('/') {
        return request;
    }
    let path = path.trim_end_matches('/');
    let rewritten = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    if let Ok(rewritten) = rewritten.parse::<Uri>() {
        *request.uri_mut() = rewritten;
    }
    request
}
