//! Users, vhosts, their rights and limits, and bindings changed over HTTP.

use serde_json::json;

use super::{hears, refuses};
use crate::amqp_bytes as amqp;
use crate::broker::{Broker, folder};
use crate::http::{Api, segment};
use crate::peer::Peer;

/// `test12` with a known salt. Source: RabbitMQ, "Passwords".
const HASH: &str = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR";

/// What RabbitMQ 3.10 answers word for word.
const AS_RABBITMQ: &[(&str, &str)] = &[
    ("PUT /users/hw {}", "400 tags_not_present"),
    (r#"PUT /users/hw {"password":"a","tags":"management, x"}"#, "201"),
    (r#"PUT /users/hw {"password":"a","tags":["management","y"]}"#, "204"),
    (r#"PUT /users/hw {"password_hash":"!!","tags":""}"#, r#"400 ["not_base64","!!"]"#),
    (
        r#"PUT /users/hw {"password":"a","password_hash":"kI3G","tags":""}"#,
        "400 both_password_and_password_hash_are_provided",
    ),
    ("GET /users/hw-2/permissions", "404 Not Found"),
    ("DELETE /users/hw-2", "404 Not Found"),
    ("PUT /vhosts/hw", "201"),
    (r#"PUT /vhosts/hw {"description":"d","tags":"a,b"}"#, "204"),
    ("GET /vhosts/hw?columns=description,tags", r#"200 {"description":"d","tags":["a","b"]}"#),
    (
        "GET /permissions/hw/guest",
        r#"200 {"configure":".*","read":".*","user":"guest","vhost":"hw","write":".*"}"#,
    ),
    ("GET /permissions/hw/hw", "404 Not Found"),
    (
        "PUT /permissions/hw/hw {}",
        "400 [{key_missing,configure},{key_missing,write},{key_missing,read}]",
    ),
    (r#"PUT /permissions/hw/hw {"configure":"a","write":"b","read":"c"}"#, "201"),
    (r#"PUT /permissions/hw/hw {"configure":"a","write":"b","read":"c"}"#, "204"),
    (
        r#"PUT /permissions/hw/hw-2 {"configure":"a","write":"b","read":"c"}"#,
        "400 vhost_or_user_not_found",
    ),
    ("DELETE /permissions/hw/hw", "204"),
    ("DELETE /permissions/hw/hw", "404 Not Found"),
    ("GET /topic-permissions/hw/hw", "404 Not Found"),
    (r#"PUT /topic-permissions/hw/hw {"exchange":"amq.topic","write":"a","read":"b"}"#, "201"),
    (r#"PUT /topic-permissions/hw/hw {"exchange":"other","write":"a","read":"b"}"#, "204"),
    ("DELETE /topic-permissions/hw/hw/other", "204"),
    (
        "GET /users/hw/topic-permissions",
        r#"200 [{"exchange":"amq.topic","read":"b","user":"hw","vhost":"hw","write":"a"}]"#,
    ),
    ("DELETE /topic-permissions/hw/hw", "204"),
    ("DELETE /topic-permissions/hw/hw", "404 Not Found"),
    ("GET /vhosts/hw/topic-permissions", "200 []"),
    ("PUT /vhost-limits/hw/max-queues {}", "400 [{key_missing,value}]"),
    (r#"PUT /vhost-limits/hw/max-queues {"value":5}"#, "204"),
    (
        r#"PUT /vhost-limits/hw/max-queues {"value":"5"}"#,
        "400 Validation failed\n\nmax-queues should be a number, actually was <<\"5\">>\n",
    ),
    (
        r#"PUT /vhost-limits/hw/nope {"value":5}"#,
        "400 Validation failed\n\nUnrecognised terms [{<<\"nope\">>,5}] in limits\n",
    ),
    (r#"PUT /vhost-limits/hw-2/max-queues {"value":5}"#, "404 vhost_not_found"),
    ("GET /vhost-limits/hw", r#"200 [{"value":{"max-queues":5},"vhost":"hw"}]"#),
    ("DELETE /vhost-limits/hw/max-queues", "204"),
    ("DELETE /vhost-limits/hw/max-queues", "204"),
    ("GET /vhost-limits/hw", "200 []"),
    (r#"PUT /user-limits/hw/max-channels {"value":5}"#, "204"),
    ("GET /user-limits/hw", r#"200 [{"user":"hw","value":{"max-channels":5}}]"#),
    (
        r#"PUT /user-limits/hw/nope {"value":5}"#,
        "400 Unrecognised terms [{<<\"nope\">>,5}] in user-limits",
    ),
    (r#"PUT /user-limits/hw-2/max-channels {"value":5}"#, r#"400 ["no_such_user","hw-2"]"#),
    ("DELETE /user-limits/hw/max-channels", "204"),
    ("PUT /queues/hw/q {}", "201"),
    ("POST /bindings/hw/e/amq.topic/q/q", "201"),
    (r#"POST /bindings/hw/e/amq.topic/q/q {"routing_key":"k"}"#, "201"),
    ("POST /bindings/hw/e/nope/q/q", "404 no exchange 'nope' in vhost 'hw'"),
    ("POST /bindings/hw/e/amq.topic/q/nope", "404 no queue 'nope' in vhost 'hw'"),
    ("POST /bindings/hw-2/e/amq.topic/q/q", "404 vhost_not_found"),
    ("POST /bindings/hw/e/amq.default/q/q", "401 Access refused."),
    ("DELETE /bindings/hw/e/amq.topic/q/q/~", "204"),
    ("DELETE /bindings/hw/e/amq.topic/q/q/~", "404 Not Found"),
    ("DELETE /bindings/hw/e/amq.topic/q/q/k", "204"),
    ("DELETE /vhosts/hw", "204"),
    ("DELETE /vhosts/hw", "404 Not Found"),
    ("DELETE /users/hw", "204"),
    ("GET /users/hw", "404 Not Found"),
];

#[test]
fn users_vhosts_rights_limits_and_bindings_change_as_rabbitmqs_do() {
    let broker = Broker::start();
    hears(Api::of(&broker), AS_RABBITMQ);
    if let Some(oracle) = Api::of_oracle() {
        hears(oracle, AS_RABBITMQ);
    }
}

#[test]
fn only_administrators_change_them() {
    let broker =
        Broker::with("default_users.man.password = p\ndefault_users.man.tags = policymaker\n");
    let api = Api::of(&broker).login("man:p");
    for path in [
        "/api/users/x",
        "/api/vhosts/x",
        "/api/permissions/%2F/man",
        "/api/topic-permissions/%2F/man",
        "/api/vhost-limits/%2F/max-queues",
        "/api/user-limits/man/max-channels",
    ] {
        for method in ["PUT", "DELETE"] {
            let answer = api.ask(method, path, "", r#"{"value":1,"tags":""}"#);
            refuses(&answer, 401, "not_authorised", "Not administrator user");
        }
    }
    let bulk = api.ask("POST", "/api/users/bulk-delete", "", r#"{"users":["guest"]}"#);
    refuses(&bulk, 401, "not_authorised", "Not administrator user");
}

#[test]
fn a_new_user_logs_in_at_once_and_after_a_kill_and_not_when_deleted() {
    let data = folder();
    let environment = [("HOPWIRE_DATA_DIR", data.to_str().unwrap())];
    let start = || Broker::with_environment("", &environment);
    let broker = start();
    let api = Api::of(&broker);
    let user = json!({"password_hash": HASH, "tags": ["management", "team"]}).to_string();
    let everything = r#"{"configure":".*","write":".*","read":".*"}"#;
    assert_eq!(api.put("/api/users/ann", &user), 201);
    assert_eq!(api.put("/api/permissions/%2F/ann", everything), 201);
    assert_eq!(api.put("/api/vhosts/v", r#"{"description":"theirs"}"#), 201);
    assert_eq!(api.put("/api/vhost-limits/v/max-queues", r#"{"value":1}"#), 204);
    assert_eq!(api.put("/api/user-limits/ann/max-connections", r#"{"value":3}"#), 204);
    assert_eq!(api.login("ann:test12").get("/api/whoami")["tags"], json!(["management", "team"]));

    drop(broker);
    let broker = start();
    let api = Api::of(&broker);
    assert_eq!(api.get("/api/users/ann")["password_hash"], HASH);
    assert_eq!(api.get("/api/users/ann")["limits"], json!({"max-connections": 3}));
    assert_eq!(api.get("/api/vhosts/v")["description"], "theirs");
    assert_eq!(api.put("/api/queues/v/q1", "{}"), 201);
    assert_eq!(api.put("/api/queues/v/q2", "{}"), 400, "the limit is 1");
    // Set anew without a password: nobody logs in by one, and the limits stay.
    assert_eq!(api.put("/api/users/ann", r#"{"tags":"management"}"#), 204);
    assert_eq!(api.login("ann:test12").status("/api/whoami"), 401);
    assert_eq!(api.get("/api/users/ann")["limits"], json!({"max-connections": 3}));
    assert_eq!(api.put("/api/users/ann", r#"{"password":"new","tags":"management"}"#), 204);
    let page = Peer::saying(
        broker.stomp(),
        "CONNECT\naccept-version:1.2\nhost:/\nlogin:ann\npasscode:new\n\n\0",
    );
    api.until("/api/connections", |list| list[0]["user"] == "ann");
    assert_eq!(api.ask("DELETE", "/api/users/ann", "", "").status, 204);
    let end = String::from_utf8(page.hear_to_the_end()).unwrap();
    assert!(end.contains("user 'ann' is deleted"), "{end}");
    assert_eq!(api.login("ann:new").status("/api/whoami"), 401);
    assert_eq!(api.ask("DELETE", "/api/vhosts/v", "", "").status, 204);

    drop(broker);
    let broker = start();
    let api = Api::of(&broker);
    assert_eq!(
        (api.names("/api/users"), api.names("/api/vhosts")),
        (vec!["guest".into()], vec!["/".into()])
    );
    drop(broker);
    let _ = std::fs::remove_dir_all(data);
}

#[test]
fn connections_to_a_deleted_vhost_are_told_so() {
    let broker = Broker::start();
    let api = Api::of(&broker);
    let mut back_end = amqp::open(broker.amqp(), 8192);
    assert_eq!(api.ask("DELETE", "/api/vhosts/%2F", "", "").status, 204);
    let close = amqp::expect(&mut back_end, 10, 50);
    assert_eq!(close[..2], 320_u16.to_be_bytes());
    let text = b"CONNECTION_FORCED - vhost '/' is deleted";
    assert_eq!(close[3..3 + text.len()], *text);
}

#[test]
fn a_binding_says_where_it_is_found() {
    let broker = Broker::start();
    let api = Api::of(&broker);
    assert_eq!(api.put("/api/queues/%2F/q%2F1", "{}"), 201);
    let at = "/api/bindings/%2F/e/amq.topic/q/q%2F1";
    for body in
        [r#"{"routing_key":"a~b c/d"}"#, r#"{"routing_key":"k","arguments":{"b":1,"a":"x"}}"#]
    {
        let posted = api.ask("POST", at, "", body);
        assert_eq!(posted.status, 201);
        let [binding] = &api.list(at)[..] else { panic!("one binding") };
        let key = segment(binding["properties_key"].as_str().unwrap());
        // The head is heard in lower case.
        let location = format!("q%2F1/{key}").to_lowercase().replace("%7e", "~");
        assert_eq!(posted.header("location").map(|it| it.replace("%7e", "~")), Some(location));
        assert_eq!(api.get(&format!("{at}/{key}")), *binding);
        assert_eq!(api.ask("DELETE", &format!("{at}/{key}"), "", "").status, 204);
        assert_eq!(api.status(&format!("{at}/{key}")), 404);
    }
}
