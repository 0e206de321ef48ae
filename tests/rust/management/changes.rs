//! What is changed over HTTP: queues and exchanges declared and deleted, connections ended.

use serde_json::json;

use super::refuses;
use crate::amqp_bytes as amqp;
use crate::broker::Broker;
use crate::http::Api;
use crate::peer::Peer;

#[test]
fn queues_and_exchanges_are_declared_and_deleted_with_rabbitmqs_statuses() {
    let broker = Broker::start();
    let api = Api::of(&broker);
    let delete = |path: &str| api.ask("DELETE", path, "", "").status;
    let exchange = "/api/exchanges/%2F/x%2Fy";
    assert_eq!(api.put(exchange, r#"{"type":"topic"}"#), 201);
    assert_eq!(api.put(exchange, r#"{"type":"topic"}"#), 204);
    let other = api.ask("PUT", exchange, "", r#"{"type":"fanout"}"#);
    assert_eq!(other.status, 400);
    let reason = other.json()["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("inequivalent arg 'type'"), "{reason}");
    assert_eq!(api.put("/api/exchanges/%2F/z", r#"{"type":"nope"}"#), 400);
    let incomplete = api.ask("PUT", "/api/exchanges/%2F/z", "", "{}");
    refuses(&incomplete, 400, "bad_request", "[{key_missing,type}]");
    assert_eq!(delete(exchange), 204);
    assert_eq!(delete(exchange), 404);
    assert!(matches!(delete("/api/exchanges/%2F/amq.topic"), 400 | 401));

    // As rabbitmqadmin writes it.
    assert_eq!(api.put("/api/queues/%2F/q", r#"{"durable":"false","arguments":[]}"#), 201);
    assert_eq!(api.get("/api/queues/%2F/q")["durable"], false);
    assert_eq!(api.get("/api/queues/%2F/q")["arguments"], json!({"x-queue-type": "classic"}));
    assert_eq!(api.put("/api/queues/%2F/q", "{}"), 400, "durable is the default");
    let flag = api.ask("PUT", "/api/queues/%2F/r", "", r#"{"durable":"maybe"}"#);
    assert_eq!((flag.status, &flag.json()["reason"]), (400, &json!(["not_boolean", "maybe"])));
    let ttl = r#"{"arguments":{"x-message-ttl":1000}}"#;
    assert_eq!(api.put("/api/queues/%2F/ttl", ttl), 201);
    let arguments = json!({"x-message-ttl": 1000, "x-queue-type": "classic"});
    assert_eq!(api.get("/api/queues/%2F/ttl")["arguments"], arguments);
    let publish = json!({
        "properties": {}, "routing_key": "q", "payload": "eA==", "payload_encoding": "base64",
    });
    let posted =
        api.ask("POST", "/api/exchanges/%2F/amq.default/publish", "", &publish.to_string());
    assert_eq!(posted.json(), json!({"routed": true}));
    assert_eq!(delete("/api/queues/%2F/q?if-empty=true"), 400);
    assert_eq!(api.get("/api/queues/%2F/q")["message_bytes"], 1);
    assert_eq!(delete("/api/queues/%2F/q/contents"), 204);
    assert_eq!(api.get("/api/queues/%2F/q")["messages"], 0);
    assert_eq!(delete("/api/queues/%2F/q?if-empty=true"), 204);
    assert_eq!(delete("/api/queues/%2F/q"), 404);
}

#[test]
fn ending_a_connection_tells_its_peer_in_its_own_protocol() {
    let broker = Broker::start();
    let api = Api::of(&broker);
    let end = |more: &str| {
        let name = api.names("/api/connections").remove(0);
        assert_eq!(api.end_connection(&name, more), 204);
        name
    };
    let is_gone = |name: &str| {
        api.until("/api/connections", |list| list.as_array().unwrap().is_empty());
        assert_eq!(api.end_connection(name, ""), 404);
    };
    let mut back_end = amqp::open(broker.amqp(), 8192);
    let name = end("");
    let close = amqp::expect(&mut back_end, 10, 50);
    assert_eq!(close[..2], 320_u16.to_be_bytes());
    let text = b"CONNECTION_FORCED - Closed via management plugin";
    assert_eq!(close[3..3 + text.len()], *text);
    back_end.say(amqp::method(0, 10, 51, b""));
    is_gone(&name);

    let connect = "CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0";
    let mut client = Peer::saying(broker.stomp(), connect);
    client.hear_until(b"\0");
    let name = end("X-Reason: bye\r\n");
    let said = String::from_utf8(client.hear_to_the_end()).unwrap();
    assert!(said.trim_start().starts_with("ERROR\n") && said.contains("bye"), "{said}");
    is_gone(&name);
}
