//! How requests are read, and how they are refused.

use serde_json::json;

use super::refuses;
use crate::broker::Broker;
use crate::http::Api;

#[test]
fn lists_come_in_pages_sorted_and_with_the_columns_wanted() {
    let broker = Broker::start();
    let api = Api::of(&broker);
    for name in ["b", "a", "C"] {
        assert_eq!(api.put(&format!("/api/queues/%2F/{name}"), ""), 201);
    }
    assert_eq!(api.names("/api/queues"), ["C", "a", "b"]);
    assert_eq!(api.names("/api/queues?page_size=2").len(), 3, "no page, no pages");
    let page = api.get("/api/queues?page=2&page_size=2&columns=name");
    assert_eq!(
        page,
        json!({
            "total_count": 3, "item_count": 1, "filtered_count": 3, "page": 2, "page_size": 2,
            "page_count": 2, "items": [{"name": "b"}],
        })
    );
    let found = api.get("/api/queues?page=1&name=c&use_regex=false");
    assert_eq!((&found["filtered_count"], &found["total_count"]), (&json!(1), &json!(3)));
    let found = api.get("/api/queues?page=1&name=%5E%5Bab%5D&use_regex=true");
    assert_eq!(found["filtered_count"], 2);
    assert_eq!(api.get("/api/queues?page=1&name=%5B&use_regex=true")["filtered_count"], 0);
    assert_eq!(api.names("/api/queues?sort=name&sort_reverse=true"), ["b", "a", "C"]);
    let publish = json!({
        "properties": {}, "routing_key": "a", "payload": "x", "payload_encoding": "string",
    });
    let path = "/api/exchanges/%2F/amq.default/publish";
    let answer = api.ask("POST", path, "", &publish.to_string());
    assert_eq!((answer.status, answer.json()), (200, json!({"routed": true})));
    assert_eq!(api.names("/api/queues?sort=messages&sort_reverse=true")[0], "a");
    let stats =
        api.list("/api/queues?columns=name,message_stats.publish&sort=message_stats.publish");
    assert_eq!(stats[2], json!({"name": "a", "message_stats": {"publish": 1}}));
    assert_eq!(stats[0], json!({"name": "C"}), "nothing published yet");
    assert_eq!(api.get("/api/whoami?columns=name")["name"], "guest");

    let invalid = api.ask("GET", "/api/queues?page=x", "", "");
    refuses(&invalid, 400, "bad_request", "Pagination parameters are invalid");
    let errors = [
        ("page=0", "invalid_pagination_parameters"),
        ("page=1&page_size=501", "invalid_pagination_parameters"),
        ("page=3&page_size=2", "page_out_of_range"),
    ];
    for (query, error) in errors {
        let answer = api.ask("GET", &format!("/api/queues?{query}"), "", "");
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!(error)), "{query}");
    }
    assert_eq!(api.status("/api/queues?name=a&name=b"), 400);
}

#[test]
fn what_cannot_be_read_or_found_is_answered_as_json() {
    let broker = Broker::start();
    let api = Api::of(&broker);
    let queue = "/api/queues/%2F/q";
    for body in ["{bad", "[]", "7", "\u{1}"] {
        for kind in ["", "Content-Type: application/json\r\n", "Content-Type: text/plain\r\n"] {
            let answer = api.ask("PUT", queue, kind, body);
            refuses(&answer, 400, "bad_request", "not_json");
        }
    }
    let twice = api.ask("PUT", queue, "", r#""{}""#);
    assert!(twice.status == 400 && twice.text().contains("encoded twice"), "{twice:?}");
    assert_eq!(api.ask("PUT", queue, "Content-Type: text/plain\r\n", "{}").status, 201);

    let missing = ("Object Not Found", "Not Found");
    for path in [
        "/api/queues/%2F/absent",
        "/api/queues/absent",
        "/api/exchanges/%2F/absent",
        "/api/connections/absent",
        "/api/channels/absent",
        "/api/aliveness-test/absent",
        "/api/nothing",
        "/api/queues/%2F/q/nothing",
    ] {
        refuses(&api.ask("GET", path, "", ""), 404, missing.0, missing.1);
    }
    for path in ["/api/queues/absent/q", "/api/exchanges/absent/x"] {
        let answer = api.ask("PUT", path, "", r#"{"type":"topic"}"#);
        refuses(&answer, 404, "not_found", "vhost_not_found");
    }
    let post = api.ask("POST", "/api/exchanges/%2F/absent/publish", "", "{}");
    refuses(&post, 400, "bad_request", "[{key_missing,routing_key}]");
    let message = json!({
        "properties": {}, "routing_key": "k", "payload": 7, "payload_encoding": "string",
    });
    let absent = "/api/exchanges/%2F/absent/publish";
    let post = api.ask("POST", absent, "", &message.to_string());
    refuses(&post, 400, "bad_request", "payload_not_string");
    let message = message.to_string().replace(":7", ":\"7\"");
    refuses(&api.ask("POST", absent, "", &message), 404, "not_found", "exchange_not_found");

    let wrong_method = api.ask("POST", "/api/overview", "", "{}");
    assert_eq!(wrong_method.status, 405);
    assert_eq!(wrong_method.json()["error"], "method_not_allowed");
    assert_eq!(api.status("/api/queues/%FF"), 400, "a name is UTF-8");
    assert_eq!(api.ask("GET", "/api/queues/%FF", "", "").json()["error"], "bad_request");
    let long = "x".repeat(256);
    assert_eq!(api.put(&format!("/api/queues/%2F/{long}"), "{}"), 400);
    let head = api.ask("HEAD", "/api/overview", "", "");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn a_body_beyond_the_limit_is_refused_and_one_at_it_is_not() {
    let broker = Broker::start();
    let api = Api::of(&broker);
    let body = |bytes: usize| {
        let payload = "x".repeat(bytes);
        let message = json!({
            "properties": {}, "routing_key": "nobody", "payload": payload,
            "payload_encoding": "string",
        });
        message.to_string()
    };
    let path = "/api/exchanges/%2F/amq.default/publish";
    let room = 10_000_000 - body(0).len();
    assert_eq!(api.ask("POST", path, "", &body(room)).json(), json!({"routed": false}));
    let beyond = api.ask("POST", path, "", &body(room + 1));
    refuses(&beyond, 400, "bad_request", "wanted a body of 10000000 bytes at most");
}

#[test]
fn options_need_no_login_and_answers_carry_rabbitmqs_headers() {
    let broker = Broker::start();
    let api = Api::of(&broker);
    let options = api.login(None).ask("OPTIONS", "/api/queues/%2F/q", "", "");
    assert_eq!(options.status, 204);
    let allowed = options.header("allow").unwrap();
    for method in ["get", "head", "put", "delete"] {
        assert!(allowed.contains(method), "{method} in {allowed}");
    }
    let answer = api.ask("GET", "/api/overview", "", "");
    for (name, value) in [
        ("cache-control", "no-cache"),
        ("vary", "accept, accept-encoding, origin"),
        ("x-content-type-options", "nosniff"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
}

#[test]
fn health_checks_answer_probes() {
    let broker = Broker::start();
    let api = Api::of(&broker);
    let ok = json!({"status": "ok"});
    for path in [
        "/api/health/checks/alarms",
        "/api/health/checks/local-alarms",
        "/api/health/checks/virtual-hosts",
        "/api/aliveness-test/%2F",
    ] {
        assert_eq!(api.get(path), ok, "{path}");
        assert_eq!(api.login(None).status(path), 401, "{path}");
    }
    let before = api.get("/api/overview")["object_totals"].clone();
    assert_eq!(api.get("/api/aliveness-test/%2F"), ok);
    assert_eq!(api.get("/api/overview")["object_totals"], before, "it leaves nothing behind");
    for path in ["is-in-service", "ready-to-serve-clients"] {
        assert_eq!(api.login(None).get(&format!("/api/health/checks/{path}")), ok);
    }
    let port = broker.amqp().port();
    let listening = api.get(&format!("/api/health/checks/port-listener/{port}"));
    assert_eq!(listening, json!({"status": "ok", "port": port}));
    let closed = api.ask("GET", "/api/health/checks/port-listener/1", "", "");
    assert_eq!((closed.status, &closed.json()["missing"]), (503, &json!(1)));
    assert_eq!(api.status("/api/health/checks/port-listener/many"), 400);
}
