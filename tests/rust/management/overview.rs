//! `/api/overview`: its shape, and true figures.

use serde_json::json;

use super::{Busy, has};
use crate::broker::Broker;
use crate::client_amqp::block_on;
use crate::http::Api;

#[test]
fn the_overview_of_a_fresh_node_has_its_whole_shape() {
    let broker = Broker::start();
    let found = Api::of(&broker).get("/api/overview");
    has(
        &found,
        &[
            ("management_version", "string"),
            ("rates_mode", "string"),
            ("sample_retention_policies", "object"),
            ("exchange_types", "array"),
            ("product_version", "string"),
            ("product_name", "string"),
            ("rabbitmq_version", "string"),
            ("hopwire_version", "string"),
            ("cluster_name", "string"),
            ("cluster_tags", "object"),
            ("node_tags", "object"),
            ("erlang_version", "string"),
            ("erlang_full_version", "string"),
            ("disable_stats", "boolean"),
            ("default_queue_type", "string"),
            ("is_op_policy_updating_enabled", "boolean"),
            ("enable_queue_totals", "boolean"),
            ("message_stats", "object"),
            ("churn_rates", "object"),
            ("queue_totals", "object"),
            ("object_totals", "object"),
            ("statistics_db_event_queue", "integer"),
            ("node", "string"),
            ("listeners", "array"),
            ("contexts", "array"),
        ],
    );
    assert_eq!(found["product_name"], "RabbitMQ");
    assert_eq!(found["management_version"], found["rabbitmq_version"]);
    let version = found["rabbitmq_version"].as_str().unwrap();
    assert!(version.split('.').all(|part| part.parse::<u32>().is_ok()), "{version}");
    let kinds: Vec<&str> = found["exchange_types"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| kind["name"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["direct", "fanout", "headers", "topic"]);
    assert_eq!(found["message_stats"], json!({}));
    let objects = json!({
        "channels": 0, "connections": 0, "consumers": 0, "exchanges": 7, "queues": 0,
    });
    assert_eq!(found["object_totals"], objects);
    for (part, names) in [
        ("queue_totals", &["messages", "messages_ready", "messages_unacknowledged"][..]),
        (
            "churn_rates",
            &[
                "connection_created",
                "connection_closed",
                "channel_created",
                "channel_closed",
                "queue_declared",
                "queue_created",
                "queue_deleted",
            ],
        ),
    ] {
        assert_eq!(found[part].as_object().unwrap().len(), 2 * names.len());
        for name in names {
            assert_eq!(found[part][name], 0, "{part}.{name}");
            assert_eq!(found[part][format!("{name}_details")], json!({"rate": 0.0}));
        }
    }
}

#[test]
fn the_overview_names_the_listeners() {
    let broker = Broker::start();
    let found = Api::of(&broker).get("/api/overview");
    let node = found["node"].as_str().unwrap();
    let ports: Vec<(String, u64)> = found["listeners"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            has(one, &[("ip_address", "string"), ("socket_opts", "object"), ("tls", "boolean")]);
            assert_eq!(one["node"], node);
            (one["protocol"].as_str().unwrap().to_owned(), one["port"].as_u64().unwrap())
        })
        .collect();
    let port = |protocol: &str, port: u16| (protocol.to_owned(), u64::from(port));
    assert_eq!(
        ports,
        [
            port("amqp", broker.amqp().port()),
            port("http", broker.management().port()),
            port("http/web-stomp", broker.web_stomp().port()),
            port("stomp", broker.stomp().port()),
        ]
    );
    let context = &found["contexts"][0];
    has(context, &[("ssl_opts", "array"), ("path", "string"), ("cowboy_opts", "string")]);
    assert_eq!(context["description"], "RabbitMQ Management");
    assert_eq!(context["port"], broker.management().port().to_string(), "as a text");
    let bare = Api::of(&broker).get("/api/overview?disable_stats=true");
    assert_eq!(bare["disable_stats"], true);
    assert_eq!(bare["object_totals"], json!({"connections": 0, "exchanges": 7, "queues": 0}));
    assert!(bare.get("churn_rates").is_none() && bare.get("listeners").is_none());
}

#[test]
fn the_overview_counts_what_happened() {
    let broker = Broker::start();
    block_on(async {
        let busy = Busy::on(&broker).await;
        let api = Api::of(&broker);
        let found = api.get("/api/overview");
        let stats = &found["message_stats"];
        for (name, count) in [
            ("publish", 7),
            ("confirm", 6),
            ("return_unroutable", 1),
            ("drop_unroutable", 1),
            ("get", 2),
            ("get_no_ack", 0),
            ("get_empty", 1),
            ("deliver", 0),
            ("deliver_no_ack", 1),
            ("deliver_get", 3),
            ("redeliver", 0),
            ("ack", 1),
        ] {
            assert_eq!(stats[name], count, "{name} of {stats}");
            has(&stats[format!("{name}_details")], &[("rate", "number")]);
        }
        let totals = &found["queue_totals"];
        assert_eq!(totals["messages"], 3);
        assert_eq!(
            (&totals["messages_ready"], &totals["messages_unacknowledged"]),
            (&json!(2), &json!(1))
        );
        let objects = json!({
            "channels": 2, "connections": 2, "consumers": 1, "exchanges": 8, "queues": 2,
        });
        assert_eq!(found["object_totals"], objects);
        let churn = &found["churn_rates"];
        for (name, count) in [
            ("connection_created", 2),
            ("connection_closed", 0),
            ("channel_created", 2),
            ("channel_closed", 0),
            // A topic subscription counts as the queue it looks like.
            ("queue_declared", 3),
            ("queue_created", 3),
            ("queue_deleted", 1),
        ] {
            assert_eq!(churn[name], count, "{name} of {churn}");
        }
        busy.connection.close().await.unwrap();
        let found = api.until("/api/overview", |found| found["object_totals"]["connections"] == 1);
        assert_eq!(found["churn_rates"]["connection_closed"], 1);
        assert_eq!(found["churn_rates"]["channel_closed"], 1);
        assert_eq!(found["queue_totals"]["messages_ready"], 3, "what was unacked is ready again");
    });
}
