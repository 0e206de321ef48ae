//! What is durable, over an orderly stop and over `kill -9`: each kind of thing a message knows.

use futures_util::StreamExt;
use lapin::message::BasicGetMessage;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions,
    BasicPublishOptions, BasicRecoverOptions, ConfirmSelectOptions, QueueDeclareOptions,
    QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use tokio::time::timeout;

use crate::alarms::SmallDisk;
use crate::broker::{Broker, WAIT_MAX, run};
use crate::client_amqp::block_on;
use crate::crash::{Directory, Stomp};

async fn channel(broker: &Broker) -> (Connection, Channel) {
    let url = format!("amqp://guest:guest@{}", broker.amqp());
    let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

async fn declare(channel: &Channel, queue: &str, arguments: &[(&str, AMQPValue)]) {
    let mut table = FieldTable::default();
    for (key, value) in arguments {
        table.insert((*key).into(), value.clone());
    }
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(queue.into(), durable, table).await.unwrap();
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

fn persistent() -> BasicProperties {
    BasicProperties::default().with_delivery_mode(2)
}

async fn send(channel: &Channel, queue: &str, body: &[u8], properties: BasicProperties) {
    let options = BasicPublishOptions::default();
    let sent = channel.basic_publish("".into(), queue.into(), options, body, properties);
    sent.await.unwrap().await.unwrap();
}

async fn confirming(broker: &Broker) -> (Connection, Channel) {
    let (connection, channel) = channel(broker).await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    (connection, channel)
}

async fn get(channel: &Channel, queue: &str) -> Option<BasicGetMessage> {
    let got = channel.basic_get(queue.into(), BasicGetOptions::default());
    timeout(WAIT_MAX, got).await.expect("an answer in time").unwrap()
}

/// Everything that is ready, as text; `*` marks what says that it comes again.
async fn all(channel: &Channel, queue: &str) -> String {
    let mut words = Vec::new();
    while let Some(message) = get(channel, queue).await {
        let mark = if message.redelivered { "*" } else { "" };
        words.push(format!("{}{mark}", String::from_utf8_lossy(&message.data)));
    }
    words.join(" ")
}

fn stop(mut broker: Broker) {
    broker.terminate();
    assert!(broker.wait().success());
}

#[test]
fn an_orderly_stop_leaves_the_definitions_as_json_for_its_owner() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = Directory::new();
    let broker = directory.start("");
    block_on(async {
        let (_connection, channel) = channel(&broker).await;
        declare(&channel, "kept", &[]).await;
        let transient = QueueDeclareOptions::default();
        channel.queue_declare("gone".into(), transient, FieldTable::default()).await.unwrap();
    });
    let file = directory.path().join("definitions.json");
    assert!(!file.exists());
    stop(broker);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    let all: serde_json::Value = serde_json::from_str(&text).unwrap();
    let queues = all["queues"].as_array().unwrap();
    let names: Vec<_> = queues.iter().map(|queue| queue["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["kept"]);
    assert_eq!(all["users"][0]["name"], "guest");
    assert!(all["users"][0]["password_hash"].as_str().is_some_and(|hash| hash.len() > 40));
}

#[test]
fn an_orderly_stop_remembers_what_was_handed_out_and_a_kill_suspects_all() {
    let directory = Directory::new();
    let broker = directory.start("");
    block_on(async {
        let (_connection, channel) = confirming(&broker).await;
        declare(&channel, "q", &[]).await;
        for body in [b"a", b"b", b"c", b"d"] {
            send(&channel, "q", body, persistent()).await;
        }
        send(&channel, "q", b"transient", BasicProperties::default()).await;
        let (a, b) = (get(&channel, "q").await.unwrap(), get(&channel, "q").await.unwrap());
        assert_eq!((a.redelivered, b.redelivered), (false, false));
    });
    stop(broker);
    let broker = directory.start("");
    block_on(async {
        let (_connection, channel) = channel(&broker).await;
        assert_eq!(all(&channel, "q").await, "a* b* c d");
    });
    stop(broker);
    let broker = directory.start("");
    block_on(async {
        let (_connection, channel) = confirming(&broker).await;
        send(&channel, "q", b"e", persistent()).await;
        let got = get(&channel, "q").await.unwrap();
        assert_eq!((&*got.data, got.redelivered), (&b"a"[..], true));
        got.ack(BasicAckOptions::default()).await.unwrap();
        // A barrier: the ack is durable.
        send(&channel, "q", b"f", persistent()).await;
    });
    drop(broker);
    let broker = directory.start("");
    block_on(async {
        let (_connection, channel) = channel(&broker).await;
        assert_eq!(all(&channel, "q").await, "b* c* d* e* f*");
    });
}

#[test]
fn priorities_expirations_and_deaths_survive_a_kill() {
    let directory = Directory::new();
    let broker = directory.start("");
    block_on(async {
        let (_connection, channel) = confirming(&broker).await;
        let dead =
            [("x-dead-letter-exchange", text("")), ("x-dead-letter-routing-key", text("dead"))];
        declare(&channel, "dead", &[]).await;
        declare(&channel, "prior", &[("x-max-priority", AMQPValue::ShortShortUInt(5))]).await;
        declare(&channel, "dying", &dead).await;
        for (body, priority) in [("one", 1), ("five", 5), ("three", 3), ("fünf", 9)] {
            let properties = persistent().with_priority(priority);
            send(&channel, "prior", body.as_bytes(), properties).await;
        }
        send(&channel, "prior", b"none", persistent()).await;
        send(&channel, "dying", b"refused", persistent().with_message_id("m-1".into())).await;
        let refused = get(&channel, "dying").await.unwrap();
        refused.nack(BasicNackOptions { requeue: false, multiple: false }).await.unwrap();
        let soon = persistent().with_expiration("1500".into());
        send(&channel, "dying", b"short-lived", soon).await;
        let late = persistent().with_expiration("3600000".into());
        send(&channel, "dying", b"long-lived", late).await;
    });
    drop(broker);
    let broker = directory.start("");
    block_on(async {
        let (_connection, channel) = channel(&broker).await;
        assert_eq!(all(&channel, "prior").await, "five* fünf* three* one* none*");
        let options = BasicConsumeOptions::default();
        let mut dead = channel
            .basic_consume("dead".into(), "".into(), options, FieldTable::default())
            .await
            .unwrap();
        let mut deaths = Vec::new();
        for _ in 0..2 {
            let died = timeout(WAIT_MAX, dead.next()).await.expect("in time").unwrap().unwrap();
            let table = died.properties.headers().as_ref().unwrap().inner().clone();
            let Some(AMQPValue::FieldArray(list)) = table.get("x-death") else { panic!() };
            let AMQPValue::FieldTable(first) = &list.as_slice()[0] else { panic!() };
            let word = |name: &str| match first.inner().get(name) {
                Some(AMQPValue::LongString(word)) => word.to_string(),
                Some(AMQPValue::LongLongInt(number)) => number.to_string(),
                other => format!("{other:?}"),
            };
            let body = String::from_utf8_lossy(&died.data).into_owned();
            deaths.push(format!("{body}: {} {} {}", word("reason"), word("queue"), word("count")));
        }
        assert_eq!(deaths, ["refused: rejected dying 1", "short-lived: expired dying 1"]);
        let left = get(&channel, "dying").await.unwrap();
        assert_eq!(left.data, b"long-lived");
    });
}

#[test]
fn what_came_back_too_often_dies_though_the_broker_stopped_meanwhile() {
    let directory = Directory::new();
    let broker = directory.start("");
    let refuse = async |channel: &Channel| {
        let again = get(channel, "q").await.unwrap();
        again.nack(BasicNackOptions { requeue: true, multiple: false }).await.unwrap();
    };
    block_on(async {
        let (_connection, channel) = confirming(&broker).await;
        declare(&channel, "dead", &[]).await;
        let arguments = [
            ("x-queue-type", text("quorum")),
            ("x-delivery-limit", AMQPValue::LongInt(2)),
            ("x-dead-letter-exchange", text("")),
            ("x-dead-letter-routing-key", text("dead")),
        ];
        declare(&channel, "q", &arguments).await;
        send(&channel, "q", b"often", persistent()).await;
        send(&channel, "q", b"once", persistent()).await;
        refuse(&channel).await;
        refuse(&channel).await;
    });
    stop(broker);
    let broker = directory.start("");
    block_on(async {
        let (_connection, channel) = channel(&broker).await;
        assert!(get(&channel, "dead").await.is_none());
        refuse(&channel).await;
        assert_eq!(all(&channel, "q").await, "once");
        assert_eq!(all(&channel, "dead").await, "often");
    });
}

#[test]
fn what_was_committed_survives_a_kill_and_what_was_not_leaves_no_trace() {
    let directory = Directory::new();
    let broker = directory.start("");
    block_on(async {
        let (_connection, confirming) = confirming(&broker).await;
        declare(&confirming, "q", &[]).await;
        send(&confirming, "q", b"first", persistent()).await;
        let (_other, channel) = channel(&broker).await;
        channel.tx_select().await.unwrap();
        let put = async |body: &str| {
            let (options, body) = (BasicPublishOptions::default(), body.as_bytes());
            let sent =
                channel.basic_publish("".into(), "q".into(), options, body, persistent()).await;
            drop(sent.unwrap());
        };
        let first = get(&channel, "q").await.unwrap();
        first.ack(BasicAckOptions::default()).await.unwrap();
        put("committed").await;
        channel.tx_commit().await.unwrap();
        let again = get(&channel, "q").await.unwrap();
        again.ack(BasicAckOptions::default()).await.unwrap();
        put("uncommitted").await;

        let mut stomp = Stomp::connect(broker.stomp()).await.unwrap();
        let send = |body: &str, transaction: &str| {
            format!(
                "SEND\ndestination:/amq/queue/q\npersistent:true\ntransaction:{transaction}\n\n\
                 {body}\0"
            )
        };
        let frames = [
            "BEGIN\ntransaction:1\n\n\0".to_owned(),
            "BEGIN\ntransaction:2\n\n\0".to_owned(),
            send("stomp-1", "1"),
            send("stomp-uncommitted", "2"),
            send("stomp-2", "1"),
            "COMMIT\ntransaction:1\nreceipt:r\n\n\0".to_owned(),
        ];
        stomp.write(&frames.concat()).await.unwrap();
        let receipt = timeout(WAIT_MAX, stomp.next()).await.expect("in time").unwrap();
        assert_eq!((&*receipt.command, receipt.header("receipt-id")), ("RECEIPT", Some("r")));
        drop(broker);
    });
    let broker = directory.start("");
    block_on(async {
        let (_connection, channel) = channel(&broker).await;
        assert_eq!(all(&channel, "q").await, "committed* stomp-1* stomp-2*");
    });
}

#[test]
fn a_durable_subscription_keeps_what_comes_while_its_subscriber_is_away() {
    let directory = Directory::new();
    let subscribe = "SUBSCRIBE\nid:news\ndestination:/topic/news.*\ndurable:true\n\
                     auto-delete:false\nack:client-individual\nreceipt:s\n\n\0";
    let send = |body: &str| {
        format!("SEND\ndestination:/topic/news.de\npersistent:true\nreceipt:{body}\n\n{body}\0")
    };
    let expect = async |stomp: &mut Stomp, wanted: &str| {
        let frame = timeout(WAIT_MAX, stomp.next()).await.expect("in time").unwrap();
        let body = String::from_utf8_lossy(&frame.body).into_owned();
        let mark = if frame.header("redelivered") == Some("true") { "*" } else { "" };
        assert_eq!(format!("{} {body}{mark}", frame.command), wanted, "{:?}", frame.headers);
        frame.header("ack").map(str::to_owned)
    };
    let broker = directory.start("");
    block_on(async {
        let mut page = Stomp::connect(broker.stomp()).await.unwrap();
        page.write(subscribe).await.unwrap();
        expect(&mut page, "RECEIPT ").await;
        page.write("DISCONNECT\nreceipt:bye\n\n\0").await.unwrap();
        expect(&mut page, "RECEIPT ").await;
        let mut sender = Stomp::connect(broker.stomp()).await.unwrap();
        for body in ["one", "two"] {
            sender.write(&send(body)).await.unwrap();
            expect(&mut sender, "RECEIPT ").await;
        }
    });
    stop(broker);
    let broker = directory.start("");
    block_on(async {
        let mut sender = Stomp::connect(broker.stomp()).await.unwrap();
        sender.write(&send("three")).await.unwrap();
        expect(&mut sender, "RECEIPT ").await;
        let mut page = Stomp::connect(broker.stomp()).await.unwrap();
        page.write(subscribe).await.unwrap();
        expect(&mut page, "RECEIPT ").await;
        let ack = expect(&mut page, "MESSAGE one").await.unwrap();
        expect(&mut page, "MESSAGE two").await;
        expect(&mut page, "MESSAGE three").await;
        page.write(&format!("ACK\nid:{ack}\nreceipt:a\n\n\0")).await.unwrap();
        expect(&mut page, "RECEIPT ").await;
        // Behind the ack.
        page.write(&send("four")).await.unwrap();
        let answers = [page.next().await.unwrap(), page.next().await.unwrap()];
        assert!(answers.iter().any(|it| it.command == "RECEIPT"));
    });
    drop(broker);
    let broker = directory.start("");
    block_on(async {
        let mut page = Stomp::connect(broker.stomp()).await.unwrap();
        page.write(subscribe).await.unwrap();
        expect(&mut page, "RECEIPT ").await;
        for wanted in ["MESSAGE two*", "MESSAGE three*", "MESSAGE four*"] {
            expect(&mut page, wanted).await;
        }
    });
}

#[test]
fn a_second_node_on_the_same_directory_is_refused_in_one_line() {
    let directory = Directory::new();
    let broker = directory.start("");
    let path = directory.path();
    let data = path.to_str().unwrap();
    let arguments = ["serve", "--data-dir", data, "--set", "listeners.tcp.default=127.0.0.1:0"];
    let others = [
        "--set",
        "stomp.listeners.tcp.default=127.0.0.1:0",
        "--set",
        "web_stomp.tcp.listener=127.0.0.1:0",
        "--set",
        "management.tcp.listener=127.0.0.1:0",
    ];
    let (status, said, errors) = run(&[&arguments[..], &others[..]].concat());
    assert!(!status.success());
    let lines: Vec<_> = errors.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 1, "{errors}");
    assert!(errors.contains("another"), "{errors}");
    assert!(!said.contains("ready"), "{said}");
    block_on(async {
        let (_connection, channel) = confirming(&broker).await;
        declare(&channel, "q", &[]).await;
        send(&channel, "q", b"unharmed", persistent()).await;
    });
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

/// The bodies of the long queue: a number, then padding to 1 KiB.
fn long_body(number: u64) -> Vec<u8> {
    let mut body = format!("{number} ").into_bytes();
    body.resize(1024, b'.');
    body
}

fn long_number(body: &[u8]) -> u64 {
    assert_eq!(body.len(), 1024);
    let text = std::str::from_utf8(body).unwrap();
    text.split_once(' ').unwrap().0.parse().unwrap()
}

#[test]
fn a_long_queue_stays_small_in_memory_and_comes_in_order() {
    let count = number("LONG_QUEUE", 60_000);
    let memory_max = 100_000_000;
    let directory = Directory::new();
    let broker = directory.start("store.segment_bytes = 16MB\n");
    let disk = |when: &str| {
        let bytes = directory.log_bytes();
        println!("{when}: {} MB on disk", bytes / 1_000_000);
        bytes
    };
    let memory = |broker: &Broker, when: &str| {
        let bytes = broker.memory_bytes();
        println!("{when}: {} MB in memory", bytes / 1_000_000);
        assert!(bytes < memory_max, "{when}: {bytes} bytes");
    };
    block_on(async {
        let (_connection, channel) = confirming(&broker).await;
        declare(&channel, "long", &[]).await;
        declare(&channel, "other", &[]).await;
        publish_long(&channel, "long", count).await;
        memory(&broker, "published");
        publish_long(&channel, "other", count).await;
        memory(&broker, "published another");
    });
    drop(broker);
    let broker = directory.start("store.segment_bytes = 16MB\n");
    println!("{}", broker.ready_line());
    memory(&broker, "restarted");
    block_on(async {
        let (_connection, channel) = confirming(&broker).await;
        // By get, some of them given back, which come again at once.
        let mut expected = 0;
        while expected < count / 10 {
            let got = get(&channel, "long").await.unwrap();
            assert_eq!(long_number(&got.data), expected);
            if expected % 100 == 0 && !got.redelivered {
                panic!("all are marked after a kill");
            }
            if expected % 7 == 0 {
                got.nack(BasicNackOptions { requeue: true, multiple: false }).await.unwrap();
                let again = get(&channel, "long").await.unwrap();
                assert_eq!(long_number(&again.data), expected);
                again.ack(BasicAckOptions::default()).await.unwrap();
            } else {
                got.ack(BasicAckOptions::default()).await.unwrap();
            }
            expected += 1;
        }
        memory(&broker, "a tenth was got");
        channel.basic_qos(200, lapin::options::BasicQosOptions::default()).await.unwrap();
        let options = BasicConsumeOptions::default();
        let mut consumer = channel
            .basic_consume("long".into(), "".into(), options, FieldTable::default())
            .await
            .unwrap();
        let mut most = 0;
        let mut refused = std::collections::HashSet::new();
        while expected < count || !refused.is_empty() {
            let next = timeout(WAIT_MAX, consumer.next()).await.expect("in time");
            let delivery = next.unwrap().unwrap();
            let number = long_number(&delivery.data);
            if !refused.remove(&number) {
                assert_eq!(number, expected);
                expected += 1;
                if number.is_multiple_of(1000) {
                    refused.insert(number);
                    let requeue = BasicNackOptions { requeue: true, multiple: false };
                    delivery.nack(requeue).await.unwrap();
                    continue;
                }
            }
            delivery.ack(BasicAckOptions::default()).await.unwrap();
            if number.is_multiple_of(5000) {
                most = most.max(broker.memory_bytes());
            }
        }
        println!("while it was drained: at most {} MB in memory", most / 1_000_000);
        assert!(most < memory_max, "{most}");
        assert!(get(&channel, "long").await.is_none());
        let full = disk("drained one");
        assert!(full > count * 1024, "the other is there");
        let purged = channel.queue_purge("other".into(), QueuePurgeOptions::default()).await;
        assert_eq!(purged.unwrap(), u32::try_from(count).unwrap());
        // Space comes back behind the next syncs.
        let begun = std::time::Instant::now();
        while disk("purged") > 64 << 20 {
            assert!(begun.elapsed() < WAIT_MAX);
            send(&channel, "other", b"more", persistent()).await;
        }
    });
}

#[test]
fn who_gets_and_who_consumes_share_a_long_queue_without_seeing_anything_twice() {
    let directory = Directory::new();
    let broker = directory.start("store.segment_bytes = 4MB\n");
    block_on(async {
        let (_connection, channel) = confirming(&broker).await;
        declare(&channel, "q", &[]).await;
        publish_long(&channel, "q", BEYOND_MEMORY).await;
    });
    drop(broker);
    let broker = directory.start("");
    let seen = std::cell::RefCell::new(std::collections::BTreeSet::new());
    let note = |body: &[u8]| {
        let number = long_number(body);
        assert!(seen.borrow_mut().insert(number), "{number} came twice");
    };
    let is_all = || seen.borrow().len() as u64 == BEYOND_MEMORY;
    block_on(async {
        let (connection, channel) = channel(&broker).await;
        let getter = async |channel: Channel| {
            while let Some(got) = get(&channel, "q").await {
                note(&got.data);
                got.ack(BasicAckOptions::default()).await.unwrap();
            }
        };
        let consumer = async {
            channel.basic_qos(20, lapin::options::BasicQosOptions::default()).await.unwrap();
            let options = BasicConsumeOptions::default();
            let consumer =
                channel.basic_consume("q".into(), "".into(), options, FieldTable::default());
            let mut consumer = consumer.await.unwrap();
            while !is_all() {
                let Ok(next) = timeout(WAIT_MAX / 4, consumer.next()).await else { return };
                let delivery = next.unwrap().unwrap();
                note(&delivery.data);
                delivery.ack(BasicAckOptions::default()).await.unwrap();
            }
        };
        let (first, second) =
            (connection.create_channel().await.unwrap(), connection.create_channel().await);
        tokio::join!(getter(first), getter(second.unwrap()), consumer);
        assert!(is_all(), "{} of {BEYOND_MEMORY}", seen.borrow().len());
    });
}

/// A publish that is answered, or `false` if it will not be: the disk is full, and then publishers
/// are blocked.
async fn is_confirmed(channel: &Channel, queue: &str, body: &[u8]) -> bool {
    let options = BasicPublishOptions::default();
    let sent = channel.basic_publish("".into(), queue.into(), options, body, persistent());
    let Ok(confirm) = sent.await else { return false };
    let answer = timeout(WAIT_MAX / 10, confirm).await;
    matches!(answer, Ok(Ok(Confirmation::Ack(_))))
}

#[test]
fn what_was_confirmed_before_the_disk_was_full_is_there_once_there_is_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    let data = disk.path().join("data");
    let environment = [("HOPWIRE_DATA_DIR", data.to_str().unwrap())];
    let settings = "store.segment_bytes = 1MB\ndisk_free_limit.absolute = 0\n";
    let broker = Broker::with_environment(settings, &environment);
    let (mut confirmed, mut acked) = (0, 0);
    block_on(async {
        let (_connection, publisher) = confirming(&broker).await;
        declare(&publisher, "q", &[]).await;
        let (_other, consumer) = confirming(&broker).await;
        for number in 0..2000 {
            assert!(is_confirmed(&publisher, "q", &long_body(number)).await);
        }
        for number in 0..500 {
            let got = get(&consumer, "q").await.unwrap();
            assert_eq!(long_number(&got.data), number);
            got.ack(BasicAckOptions::default()).await.unwrap();
            acked += 1;
        }
        // A barrier: the acks are durable.
        assert!(is_confirmed(&publisher, "q", &long_body(2000)).await);
        disk.fill(3_000_000);
        confirmed = 2001;
        while is_confirmed(&publisher, "q", &long_body(confirmed)).await {
            confirmed += 1;
            assert!(confirmed < 20_000, "three megabytes are never full");
        }
        // Consumers go on; what they acknowledge may come again.
        let got = get(&consumer, "q").await.unwrap();
        assert_eq!(long_number(&got.data), acked);
        got.ack(BasicAckOptions::default()).await.unwrap();
    });
    drop(broker);
    disk.empty();
    let broker = Broker::with_environment(settings, &environment);
    block_on(async {
        let (_connection, channel) = confirming(&broker).await;
        let mut numbers = Vec::new();
        while let Some(got) = get(&channel, "q").await {
            numbers.push(long_number(&got.data));
            got.ack(BasicAckOptions::default()).await.unwrap();
        }
        // The last one may be there, too: it was written, and nobody heard of it.
        numbers.retain(|number| *number < confirmed);
        assert!(numbers.first() == Some(&acked) || numbers.first() == Some(&(acked + 1)));
        assert!(numbers.iter().copied().eq(numbers[0]..confirmed), "{confirmed}: {numbers:?}");
        assert!(is_confirmed(&channel, "q", &long_body(0)).await, "it takes messages again");
    });
}

/// More than a queue holds in memory.
const BEYOND_MEMORY: u64 = 20_000;

#[test]
fn a_long_queue_with_priorities_comes_by_priority_and_in_order() {
    let directory = Directory::new();
    let broker = directory.start("store.segment_bytes = 4MB\n");
    let priority = |number: u64| u8::try_from(number * 7 % 5).unwrap();
    let by_priority = || {
        let mut numbers: Vec<_> = (0..BEYOND_MEMORY).collect();
        numbers.sort_by_key(|number| std::cmp::Reverse(priority(*number)));
        numbers
    };
    block_on(async {
        let (_connection, channel) = confirming(&broker).await;
        let five = ("x-max-priority", AMQPValue::ShortShortUInt(5));
        declare(&channel, "q", &[five]).await;
        let properties = |number| persistent().with_priority(priority(number));
        publish_as(&channel, "q", BEYOND_MEMORY, properties).await;
        let mut seen = take(&channel, "q", BEYOND_MEMORY / 3, Taking::Give).await;
        seen.truncate(usize::try_from(BEYOND_MEMORY / 3).unwrap());
        assert!(by_priority().starts_with(&seen));
    });
    drop(broker);
    let broker = directory.start("");
    block_on(async {
        let (_connection, channel) = channel(&broker).await;
        let seen = take(&channel, "q", BEYOND_MEMORY, Taking::Ack).await;
        assert!(seen == by_priority());
        assert!(get(&channel, "q").await.is_none());
    });
}

#[test]
fn a_long_queue_that_expires_dies_whole_and_in_order() {
    let directory = Directory::new();
    let broker = directory.start("store.segment_bytes = 4MB\n");
    block_on(async {
        let (_connection, channel) = confirming(&broker).await;
        declare(&channel, "dead", &[]).await;
        let arguments = [
            ("x-message-ttl", AMQPValue::LongInt(8000)),
            ("x-dead-letter-exchange", text("")),
            ("x-dead-letter-routing-key", text("dead")),
        ];
        declare(&channel, "q", &arguments).await;
        publish_as(&channel, "q", BEYOND_MEMORY, |_| persistent()).await;
    });
    drop(broker);
    let broker = directory.start("");
    block_on(async {
        let (_connection, channel) = channel(&broker).await;
        let seen = take(&channel, "dead", BEYOND_MEMORY, Taking::Ack).await;
        let turns: Vec<_> = seen.windows(2).filter(|pair| pair[0] + 1 != pair[1]).collect();
        assert!(turns.is_empty(), "the order breaks at {turns:?}");
        assert!(get(&channel, "q").await.is_none());
        assert!(get(&channel, "dead").await.is_none());
    });
}

#[derive(Clone, Copy, PartialEq)]
enum Taking {
    Ack,
    /// Takes them, and gives all back in the end.
    Give,
}

/// The numbers of so many messages, as a consumer sees them.
async fn take(channel: &Channel, queue: &str, count: u64, taking: Taking) -> Vec<u64> {
    let options = BasicConsumeOptions::default();
    let consumer = channel.basic_consume(queue.into(), "c".into(), options, FieldTable::default());
    let mut consumer = consumer.await.unwrap();
    let mut numbers = Vec::new();
    while (numbers.len() as u64) < count {
        let next = timeout(WAIT_MAX, consumer.next()).await;
        let delivery = next.unwrap_or_else(|_| panic!("no {}", numbers.len())).unwrap().unwrap();
        numbers.push(long_number(&delivery.data));
        if taking == Taking::Ack {
            delivery.ack(BasicAckOptions::default()).await.unwrap();
        }
    }
    channel.basic_cancel("c".into(), BasicCancelOptions::default()).await.unwrap();
    if taking == Taking::Give {
        channel.basic_recover(BasicRecoverOptions { requeue: true }).await.unwrap();
    }
    numbers
}

async fn publish_long(channel: &Channel, queue: &str, count: u64) {
    publish_as(channel, queue, count, |_| persistent()).await;
}

async fn publish_as(
    channel: &Channel,
    queue: &str,
    count: u64,
    properties: impl Fn(u64) -> BasicProperties,
) {
    let mut open = std::collections::VecDeque::new();
    for number in 0..count {
        let (options, body) = (BasicPublishOptions::default(), long_body(number));
        let sent =
            channel.basic_publish("".into(), queue.into(), options, &body, properties(number));
        open.push_back(sent.await.unwrap());
        if open.len() >= 1000 {
            for confirm in open.drain(..500) {
                timeout(WAIT_MAX, confirm).await.expect("in time").unwrap();
            }
        }
    }
    for confirm in open {
        timeout(WAIT_MAX, confirm).await.expect("in time").unwrap();
    }
}
