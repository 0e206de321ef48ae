//! What is listed: queues, connections, channels, consumers, bindings, users, permissions.

use serde_json::{Value, json};

use super::{Busy, USERS, has};
use crate::broker::Broker;
use crate::client_amqp::{binding, block_on, channel, queue, topic};
use crate::http::{Api, segment};

#[test]
fn a_queue_shows_how_full_it_is_and_what_went_through_it() {
    let broker = Broker::start();
    block_on(async {
        let busy = Busy::on(&broker).await;
        let api = Api::of(&broker);
        let found = api.get("/api/queues/%2F/work");
        for (name, value) in [
            ("name", json!("work")),
            ("vhost", json!("/")),
            ("type", json!("classic")),
            ("durable", json!(true)),
            ("auto_delete", json!(false)),
            ("exclusive", json!(false)),
            // RabbitMQ 4 keeps the type among them, too.
            ("arguments", json!({"x-max-length": 10, "x-queue-type": "classic"})),
            ("state", json!("running")),
            ("policy", Value::Null),
            ("consumers", json!(0)),
            ("consumer_utilisation", json!(0.0)),
            ("consumer_details", json!([])),
            ("messages", json!(3)),
            ("messages_ready", json!(2)),
            ("messages_unacknowledged", json!(1)),
            ("message_bytes", json!(15)),
            ("message_bytes_ready", json!(10)),
            ("message_bytes_unacknowledged", json!(5)),
            (
                "message_stats",
                json!({
                    "publish": 4, "get": 2, "deliver_get": 2, "ack": 1,
                }),
            ),
        ] {
            assert_eq!(found[name], value, "{name}");
        }
        assert!(found.get("memory").is_none(), "nobody measures it");
        let exchange = api.get("/api/exchanges/%2F/news");
        assert_eq!((&exchange["type"], &exchange["durable"]), (&json!("topic"), &json!(true)));
        assert_eq!(exchange["message_stats"], json!({"publish_in": 7, "publish_out": 5}));
        assert!(api.get("/api/exchanges/%2F/amq.fanout").get("message_stats").is_none());

        // A topic subscription looks like the queue that RabbitMQ makes for one.
        let names = api.names("/api/queues/%2f/");
        assert!(names.len() == 2 && names[0].starts_with("stomp-subscription-"), "{names:?}");
        let subscription = api.get(&format!("/api/queues/%2F/{}", names[0]));
        assert_eq!(subscription["auto_delete"], true);
        assert_eq!(subscription["consumer_utilisation"], 1.0);
        assert_eq!(subscription["consumer_details"].as_array().unwrap().len(), 1);
        let stats = json!({"publish": 1, "deliver_no_ack": 1, "deliver_get": 1});
        assert_eq!(subscription["message_stats"], stats);
        drop(busy);
    });
}

#[test]
fn connections_channels_and_consumers_show_who_they_are() {
    let broker = Broker::start();
    block_on(async {
        let _busy = Busy::on(&broker).await;
        let api = Api::of(&broker);
        let connections = api.list("/api/connections");
        assert_eq!(connections.len(), 2);
        for one in &connections {
            has(
                one,
                &[
                    ("name", "string"),
                    ("node", "string"),
                    ("host", "string"),
                    ("port", "integer"),
                    ("peer_host", "string"),
                    ("peer_port", "integer"),
                    ("ssl", "boolean"),
                    ("client_properties", "object"),
                    ("connected_at", "integer"),
                    ("recv_oct", "integer"),
                    ("send_oct", "integer"),
                    ("timeout", "integer"),
                    ("frame_max", "integer"),
                    ("channel_max", "integer"),
                ],
            );
            assert_eq!((&one["user"], &one["vhost"]), (&json!("guest"), &json!("/")));
            assert_eq!((&one["state"], &one["channels"]), (&json!("running"), &json!(1)));
            assert!(one["recv_oct"].as_u64().unwrap() > 0 && one["send_oct"].as_u64().unwrap() > 0);
            let path = segment(one["name"].as_str().unwrap());
            assert_eq!(api.get(&format!("/api/connections/{path}"))["name"], one["name"]);
            let channels = api.list(&format!("/api/connections/{path}/channels"));
            assert_eq!(channels.len(), 1);
            let (name, connection) = (channels[0]["name"].as_str().unwrap(), &one["name"]);
            assert_eq!(name, format!("{} (1)", connection.as_str().unwrap()));
            let channel = api.get(&format!("/api/channels/{path}%20(1)"));
            assert_eq!(channel["connection_details"]["name"], *connection);
        }
        let by_protocol =
            |protocol: &str| connections.iter().find(|one| one["protocol"] == protocol).unwrap();
        let back_end = by_protocol("AMQP 0-9-1");
        assert_eq!(back_end["auth_mechanism"], "PLAIN");
        assert_eq!(back_end["client_properties"]["product"], "Hopwire client");
        assert_eq!(back_end["client_properties"]["capabilities"]["basic.nack"], true);
        let page = by_protocol("Web STOMP 1.2");
        assert_eq!(page["auth_mechanism"], "stomp_headers");
        assert_eq!(page["client_properties"], json!({"product": "STOMP client"}));

        let channels = api.list("/api/channels");
        let channel = channels.iter().find(|one| one["confirm"] == true).unwrap();
        assert_eq!(
            (&channel["messages_unacknowledged"], &channel["number"]),
            (&json!(1), &json!(1))
        );
        assert_eq!(channel["consumer_count"], 0);
        assert_eq!(channel["message_stats"]["publish"], 6);

        let consumers = api.list("/api/consumers");
        assert_eq!(consumers.len(), 1);
        has(
            &consumers[0],
            &[
                ("consumer_tag", "string"),
                ("ack_required", "boolean"),
                ("exclusive", "boolean"),
                ("active", "boolean"),
                ("activity_status", "string"),
                ("prefetch_count", "integer"),
                ("arguments", "object"),
                ("consumer_timeout", "integer"),
            ],
        );
        assert_eq!(consumers[0]["channel_details"]["connection_name"], page["name"]);
        assert_eq!(consumers[0]["queue"]["vhost"], "/");
        assert_eq!(api.list("/api/consumers/%2F"), consumers);
        assert_eq!(api.list("/api/vhosts/%2F/connections").len(), 2);
        assert_eq!(api.list("/api/vhosts/%2F/channels").len(), 2);
    });
}

#[test]
fn bindings_are_listed_by_source_destination_and_key() {
    let broker = Broker::start();
    let api = Api::of(&broker);
    block_on(async {
        let (_connection, channel) = channel(&broker).await;
        channel.declare_exchange(&topic("news")).await.unwrap();
        channel.declare_queue(&queue("a/b")).await.unwrap();
        channel.bind(&binding("news", "k #~", "a/b")).await.unwrap();
    });
    let made = json!({
        "source": "news", "vhost": "/", "destination": "a/b", "destination_type": "queue",
        "routing_key": "k #~", "arguments": {}, "properties_key": "k%20%23%7E",
    });
    let all = api.list("/api/bindings");
    assert_eq!(all.len(), 2, "the other is the default exchange's: {all:?}");
    assert!(all.contains(&made));
    assert_eq!(api.list("/api/bindings/%2F"), all);
    assert_eq!(api.list("/api/queues/%2F/a%2Fb/bindings"), all);
    assert_eq!(api.list("/api/exchanges/%2F/news/bindings/source"), std::slice::from_ref(&made));
    assert!(api.list("/api/exchanges/%2F/news/bindings/destination").is_empty());
    assert_eq!(api.list("/api/bindings/%2F/e/news/q/a%2Fb"), std::slice::from_ref(&made));
    // The key is quoted itself, and then as a segment of the path.
    assert_eq!(api.get("/api/bindings/%2F/e/news/q/a%2Fb/k%2520%2523%257E"), made);
    assert_eq!(api.status("/api/bindings/%2F/e/news/q/a%2Fb/other"), 404);
    let implicit = api.list("/api/bindings/%2F/e/amq.default/q/a%2Fb");
    assert_eq!((&implicit[0]["source"], &implicit[0]["routing_key"]), (&json!(""), &json!("a/b")));
}

#[test]
fn users_vhosts_and_permissions_are_listed() {
    let broker = Broker::with(USERS);
    let api = Api::of(&broker);
    let whoami = api.get("/api/whoami");
    assert_eq!(
        whoami,
        json!({
            "name": "guest", "tags": ["administrator", "impersonator"], "is_internal_user": true,
        })
    );
    assert_eq!(api.names("/api/users"), ["app", "guest", "man", "mon", "out", "root"]);
    assert_eq!(api.names("/api/users/"), api.names("/api/users"), "a trailing slash is nothing");
    let user = api.get("/api/users/man");
    assert_eq!((&user["tags"], &user["limits"]), (&json!(["management"]), &json!({})));
    assert_eq!(user["hashing_algorithm"], "rabbit_password_hashing_sha256");
    assert_eq!(user["password_hash"].as_str().unwrap().len(), 48, "36 bytes in base64");
    assert_eq!(api.status("/api/users/nobody"), 404);

    let vhost = api.get("/api/vhosts/%2F");
    assert_eq!(vhost["name"], "/");
    has(
        &vhost,
        &[
            ("description", "string"),
            ("tags", "array"),
            ("default_queue_type", "string"),
            ("metadata", "object"),
            ("tracing", "boolean"),
            ("cluster_state", "object"),
            ("messages", "integer"),
        ],
    );
    assert_eq!(api.list("/api/vhosts"), [vhost]);
    let guest = json!({
        "user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*",
    });
    assert_eq!(api.get("/api/permissions/%2F/guest"), guest);
    assert_eq!(api.list("/api/users/guest/permissions"), std::slice::from_ref(&guest));
    let all = api.list("/api/permissions");
    let whose: Vec<&str> = all.iter().map(|row| row["user"].as_str().unwrap()).collect();
    assert_eq!(whose, ["app", "guest", "man", "root"], "by user; two have none");
    assert_eq!(api.list("/api/vhosts/%2F/permissions"), all);
    assert_eq!(api.status("/api/permissions/%2F/out"), 404);
}
