//! Policies over HTTP: statuses and texts as RabbitMQ gives them, what they do, and that they last.

use serde_json::json;

use super::{hears, refuses};
use crate::broker::{Broker, folder};
use crate::http::Api;

/// What RabbitMQ 3.10 answers word for word. Later versions know more keys.
const AS_RABBITMQ: &[(&str, &str)] = &[
    ("GET /policies/%2F/hw", "404 Not Found"),
    ("GET /policies/nowhere", "404 Not Found"),
    (r#"PUT /policies/nowhere/hw {"pattern":"","definition":{}}"#, "404 vhost_not_found"),
    ("DELETE /policies/nowhere/hw", "404 Not Found"),
    ("PUT /policies/%2F/hw {}", "400 [{key_missing,pattern},{key_missing,definition}]"),
    (
        r#"PUT /policies/%2F/hw {"pattern":"^hw","definition":{}}"#,
        "400 Validation failed\n\nno policy provided\n",
    ),
    (
        r#"PUT /policies/%2F/hw {"pattern":"^hw","definition":{"max-length":"5"}}"#,
        "400 Validation failed\n\n<<\"5\">> is not a valid maximum length\n",
    ),
    (
        r#"PUT /policies/%2F/hw {"pattern":"^hw","definition":{"message-ttl":1.5}}"#,
        "400 Validation failed\n\n1.5 is not a valid message TTL\n",
    ),
    (
        r#"PUT /policies/%2F/hw {"pattern":"^hw","definition":{"nope":1,"nix":[2,"x"]}}"#,
        "400 Validation failed\n\n[{<<\"nix\">>,[2,<<\"x\">>]},{<<\"nope\">>,1}] are not \
         recognised policy settings\n",
    ),
    (
        r#"PUT /policies/%2F/hw {"pattern":5,"definition":{"max-length":5}}"#,
        "400 Validation failed\n\npattern should be a binary but was 5\n",
    ),
    (
        r#"PUT /policies/%2F/hw {"pattern":"^hw","priority":"x","definition":{"max-length":5}}"#,
        "400 Validation failed\n\npriority should be a number, actually was <<\"x\">>\n",
    ),
    (r#"PUT /policies/%2F/hw {"pattern":"^hw","definition":{"max-length":5}}"#, "201"),
    (
        r#"PUT /policies/%2F/hw {"pattern":"^hw","priority":-3,"apply-to":"queues",
            "definition":{"max-length":5,"overflow":"reject-publish"}}"#,
        "204",
    ),
    (
        "GET /policies/%2F/hw?columns=apply-to,name,pattern,priority,vhost",
        r#"200 {"apply-to":"queues","name":"hw","pattern":"^hw","priority":-3,"vhost":"/"}"#,
    ),
    (
        "GET /policies/%2F/hw?columns=definition",
        r#"200 {"definition":{"max-length":5,"overflow":"reject-publish"}}"#,
    ),
    ("GET /operator-policies/%2F/hw", "404 Not Found"),
    (
        r#"PUT /operator-policies/%2F/hw {"pattern":"^hw",
            "definition":{"max-length":5,"dead-letter-exchange":"x"}}"#,
        "400 Validation failed\n\n[{<<\"dead-letter-exchange\">>,<<\"x\">>}] are not recognised \
         policy settings\n",
    ),
    (r#"PUT /operator-policies/%2F/hw {"pattern":"^hw","definition":{"expires":60000}}"#, "201"),
    ("DELETE /operator-policies/%2F/hw", "204"),
    ("DELETE /operator-policies/%2F/hw", "404 Not Found"),
    ("DELETE /policies/%2F/hw", "204"),
    ("DELETE /policies/%2F/hw", "404 Not Found"),
];

#[test]
fn policies_are_set_and_refused_as_rabbitmq_does() {
    let broker = Broker::start();
    hears(Api::of(&broker), AS_RABBITMQ);
    if let Some(oracle) = Api::of_oracle() {
        hears(oracle, AS_RABBITMQ);
    }
}

const POLICYMAKERS: &str = "\
default_users.pam.password = p
default_users.pam.tags = policymaker
default_users.out.password = p
default_users.out.tags = policymaker
default_users.out.vhost_pattern = ^none$
default_users.man.password = p
default_users.man.tags = management
";

#[test]
fn policymakers_set_policies_where_they_may_enter_and_no_operator_policies() {
    let broker = Broker::with(POLICYMAKERS);
    let api = Api::of(&broker);
    let body = r#"{"pattern":"^q","definition":{"max-length":5}}"#;
    let (policy, operator) = ("/api/policies/%2F/p", "/api/operator-policies/%2F/o");
    assert_eq!(api.login("pam:p").put(policy, body), 201);
    assert_eq!(api.put(operator, body), 201);
    for (login, path, reason) in [
        ("man:p", policy, "User not authorised to access object"),
        ("out:p", policy, "User not authorised to access object"),
        ("man:p", operator, "Not administrator user"),
        ("pam:p", operator, "Not administrator user"),
    ] {
        for method in ["GET", "PUT", "DELETE"] {
            let answer = api.login(login).ask(method, path, "", body);
            refuses(&answer, 401, "not_authorised", reason);
        }
    }
    // To see all of them takes no more than to see the vhost.
    for list in ["/api/policies", "/api/policies/%2F", "/api/operator-policies"] {
        assert_eq!(api.login("man:p").list(list).len(), 1, "{list}");
    }
    assert_eq!(api.login("out:p").list("/api/policies").len(), 0);
    assert_eq!(api.login("out:p").status("/api/policies/%2F"), 401);
}

/// Publishes so many persistent messages to a queue over HTTP; how many were taken.
fn publish(api: Api<'_>, queue: &str, count: usize) -> usize {
    let publish = json!({
        "properties": {"delivery_mode": 2}, "routing_key": queue, "payload": "x",
        "payload_encoding": "string",
    });
    let path = "/api/exchanges/%2F/amq.default/publish";
    let post = || api.ask("POST", path, "", &publish.to_string()).status;
    (0..count).filter(|_| post() == 200).count()
}

#[test]
fn policies_act_at_once_and_after_a_kill_until_they_are_deleted() {
    let data = folder();
    let environment = [("HOPWIRE_DATA_DIR", data.to_str().unwrap())];
    let start = || Broker::with_environment("", &environment);
    let length = |api: Api<'_>, queue: &str| {
        api.get(&format!("/api/queues/%2F/{queue}"))["messages"].as_u64().unwrap()
    };
    let broker = start();
    let api = Api::of(&broker);
    assert_eq!(api.put("/api/queues/%2F/q1", "{}"), 201);
    assert_eq!(publish(api, "q1", 5), 5);
    let policy = r#"{"pattern":"^q","definition":{"max-length":3,"overflow":"reject-publish"}}"#;
    assert_eq!(api.put("/api/policies/%2F/p", policy), 201);
    assert_eq!(publish(api, "q1", 1), 0, "it is over the limit");
    let cap = r#"{"pattern":"^q","definition":{"max-length":2,"overflow":"drop-head"}}"#;
    assert_eq!(api.put("/api/operator-policies/%2F/cap", cap), 201);
    assert_eq!(length(api, "q1"), 2);
    let alternate = json!({
        "pattern": "^x", "apply-to": "exchanges",
        "definition": {"alternate-exchange": "amq.fanout"},
    });
    assert_eq!(api.put("/api/policies/%2F/ae", &alternate.to_string()), 201);
    assert_eq!(api.put("/api/exchanges/%2F/x", r#"{"type":"direct"}"#), 201);

    // Dropping it kills it.
    drop(broker);
    let broker = start();
    let api = Api::of(&broker);
    let q1 = api.get("/api/queues/%2F/q1");
    assert_eq!((&q1["policy"], &q1["operator_policy"]), (&json!("p"), &json!("cap")));
    let both = json!({"max-length": 2, "overflow": "drop-head"});
    assert_eq!(q1["effective_policy_definition"], both);
    assert_eq!(
        (q1["messages"].as_u64(), publish(api, "q1", 1), length(api, "q1")),
        (Some(2), 1, 2)
    );
    assert_eq!(api.put("/api/queues/%2F/q2", r#"{"arguments":{"x-max-length":9}}"#), 201);
    assert_eq!((publish(api, "q2", 4), length(api, "q2")), (4, 2));
    assert_eq!(api.get("/api/exchanges/%2F/x")["policy"], "ae");
    assert_eq!(api.ask("DELETE", "/api/operator-policies/%2F/cap", "", "").status, 204);
    assert_eq!(publish(api, "q2", 3), 1, "the policy rejects");
    assert_eq!(api.ask("DELETE", "/api/policies/%2F/p", "", "").status, 204);

    drop(broker);
    let broker = start();
    let api = Api::of(&broker);
    assert_eq!(publish(api, "q1", 3), 3);
    assert_eq!(api.get("/api/queues/%2F/q1")["policy"], json!(null));
    assert!(api.list("/api/operator-policies").is_empty());
    assert_eq!(api.names("/api/policies"), ["ae"]);
    drop(broker);
    let _ = std::fs::remove_dir_all(data);
}
