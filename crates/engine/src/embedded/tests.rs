//! What a batch of commands does and answers, with a broker behind the link.

use model::{
    AckMode, Binding, ConsumerTag, DeclareMode, Destination, ExchangeName, FieldTable, Marks,
    Message, MessageParts, Outcome, Properties, PropertyCodec, PropertyFacts, QueueName, QueueSpec,
    RoutingKey, UserName, VhostName,
};

use super::*;
use crate::command::{Consume, DeleteIf, Password, Publish};
use crate::engine::Engine;

static CODEC: PropertyCodec = PropertyCodec {
    decode: |_| Ok(Properties::default()),
    facts: |_| Ok(PropertyFacts::default()),
    encode: |_| Vec::new(),
};

/// A link with channels 1 and 2 and a queue `q`, on a broker of its own.
fn link() -> crate::Link {
    let engine = Engine::embedded(Broker::new(broker::Settings::default()));
    let address = ([127, 0, 0, 1], 1).into();
    let mut link =
        engine.connect(Peer { address, local: address, protocol: "test", is_tls: false });
    let login = Login {
        user: UserName::parse("guest").unwrap(),
        password: Password(b"guest"[..].into()),
        vhost: None,
        mechanism: "test",
    };
    let mut commands = vec![
        Command::Login(Box::new(login)),
        Command::OpenVhost(VhostName::root()),
        Command::OpenChannel(Channel(1)),
        Command::OpenChannel(Channel(2)),
        parse("1 declare q"),
    ];
    let mut events = Vec::new();
    link.submit(Instant::now(), &mut commands, &mut events);
    assert_eq!(events.len(), 5, "{events:?}");
    link
}

fn queue(name: &str) -> QueueName {
    QueueName::parse(name).unwrap()
}

fn exchange(name: &str) -> ExchangeName {
    ExchangeName::parse(if name == "-" { "" } else { name }).unwrap()
}

/// `channel verb …`: a publish is `1 publish exchange key`, with `!` behind it if it is mandatory
/// and `#n` if it wants a confirm by that number.
fn parse(line: &str) -> Command {
    let words: Vec<&str> = line.split_whitespace().collect();
    let channel = Channel(words[0].parse().unwrap());
    let name = words.get(2).copied().unwrap_or_default();
    match words[1] {
        "declare" => {
            let spec = QueueSpec {
                name: Some(queue(name)),
                is_durable: false,
                is_exclusive: false,
                is_auto_delete: false,
                arguments: FieldTable::new(),
            };
            Command::DeclareQueue(channel, Box::new(spec), DeclareMode::Active)
        }
        "delete" => Command::DeleteQueue(channel, queue(name), DeleteIf::default()),
        "count" => Command::PurgeQueue(channel, queue(name)),
        "put-off" => Command::PutOff(channel),
        "close" => Command::CloseChannel(channel, Vec::new()),
        "bind" | "unbind" => {
            let binding = Box::new(Binding {
                source: exchange(name),
                destination: Destination::Queue(queue(words[3])),
                key: RoutingKey::parse(words[4].as_bytes()).unwrap(),
                arguments: FieldTable::new(),
            });
            match words[1] {
                "bind" => Command::Bind(channel, binding),
                _ => Command::Unbind(channel, binding),
            }
        }
        "consume" => Command::Consume(
            channel,
            Box::new(Consume {
                queue: queue(name),
                consumer: ConsumerId(0),
                tag: ConsumerTag::parse("t").unwrap(),
                ack: AckMode::Automatic,
                prefetch: 0,
                is_exclusive: false,
                arguments: FieldTable::new(),
            }),
        ),
        "publish" => {
            let number = words.iter().find_map(|word| word.strip_prefix('#'));
            let message = Message::new(MessageParts {
                exchange: exchange(name),
                content: words[3].into(),
                key_bytes: words[3].len().try_into().unwrap(),
                property_bytes: 0,
                codec: &CODEC,
                marks: Marks::default(),
            });
            Command::Publish(Publish {
                channel,
                message: Arc::new(message),
                is_mandatory: words.contains(&"!"),
                confirm: number.map(|number| number.parse().unwrap()),
            })
        }
        other => panic!("{other}"),
    }
}

fn show(event: &Event) -> String {
    match event {
        Event::Answered(channel, Reply::Removed { messages }) => {
            format!("{} removed {messages}", channel.0)
        }
        Event::Answered(channel, _) => format!("{} done", channel.0),
        Event::Refused { channel, refusal, .. } => format!("{} {refusal}", channel.0),
        Event::Confirmed(channel, number) => format!("{} confirmed {number}", channel.0),
        Event::Rejected(channel, number) => format!("{} rejected {number}", channel.0),
        Event::Returned(channel, message) => {
            format!("{} returned {}", channel.0, String::from_utf8_lossy(message.routing_key()))
        }
        Event::Held(_) => "held".to_owned(),
        Event::Released => "released".to_owned(),
        other => format!("{other:?}"),
    }
}

/// Submits the lines as one batch and says what is answered at once.
fn check(batch: &str, expected: &str) {
    let mut link = link();
    let mut commands = batch.split(';').map(parse).collect();
    let mut events = Vec::new();
    link.submit(Instant::now(), &mut commands, &mut events);
    let found: Vec<String> = events.iter().map(show).collect();
    assert_eq!(found.join("; "), expected, "{batch}");
}

/// Publishes are carried out in runs; what stands between two of them divides a run.
#[test]
fn a_change_of_the_topology_counts_for_the_publishes_behind_it_and_no_others() {
    check(
        "1 publish amq.direct k; 1 bind amq.direct q k; 1 publish amq.direct k; \
         1 publish amq.direct k; 1 unbind amq.direct q k; 1 publish amq.direct k; 1 count q",
        "1 done; 1 done; 1 removed 2",
    );
    check(
        "1 publish - other !; 1 declare other; 1 publish - other !; 1 count other",
        "1 returned other; 1 done; 1 removed 1",
    );
}

#[test]
fn a_queue_deleted_between_two_publishes_gets_the_first_only() {
    check(
        "1 publish - q #1; 1 delete q; 1 publish - q ! #2; 1 declare q; 1 publish - q #3; \
         1 count q",
        "1 confirmed 1; 1 removed 1; 1 returned q; 1 confirmed 2; 1 done; 1 confirmed 3; \
         1 removed 1",
    );
}

#[test]
fn what_stands_behind_a_refused_publish_is_dropped_until_the_channel_closes() {
    check(
        "1 publish - q #1; 1 publish - q #2; 1 publish nothing q #3; 1 publish - q #4; \
         2 publish - q; 1 count q; 1 close; 1 publish - q; 2 count q",
        "1 confirmed 1; 1 confirmed 2; 1 no exchange 'nothing' in vhost '/'; 1 done; 2 removed 3",
    );
}

/// Source: RabbitMQ, "Publisher Confirms": a mandatory message comes back before its confirm.
#[test]
fn a_message_comes_back_before_its_confirm() {
    check(
        "1 publish - q ! #1; 1 publish - gone ! #2; 1 publish - gone #3; 1 publish - q #4",
        "1 confirmed 1; 1 returned gone; 1 confirmed 2; 1 confirmed 3; 1 confirmed 4",
    );
}

#[test]
fn channels_that_take_turns_are_answered_each_in_its_order() {
    check(
        "1 publish - q #1; 2 publish - q #1; 1 publish - q #2; 2 publish - gone ! #2; 1 count q",
        "1 confirmed 1; 2 confirmed 1; 1 confirmed 2; 2 returned gone; 2 confirmed 2; \
         1 removed 3",
    );
}

/// Of the longest run, and of one that takes two locks, every message arrives, in order.
#[test]
fn a_consumer_gets_a_run_in_its_order() {
    let longest = broker::queue::Positions::MESSAGES_MAX;
    for length in [1, longest, longest + 1, 300] {
        let mut link = link();
        let mut commands = vec![parse("1 consume q")];
        commands.extend((0..length).map(|_| parse("1 publish - q")));
        let mut events = Vec::new();
        link.submit(Instant::now(), &mut commands, &mut events);
        assert_eq!(events.len(), 1);
        events.clear();
        link.receive(Instant::now(), length + 1, &mut events);
        let sequence = |event: &Event| match event {
            Event::Delivered(delivery) => delivery.id.sequence,
            other => panic!("{other:?}"),
        };
        let found: Vec<u64> = events.iter().map(sequence).collect();
        assert_eq!(found, (0..length as u64).collect::<Vec<u64>>());
    }
}

fn submitted(link: &mut crate::Link, batch: &str) -> String {
    let mut commands = batch.split(';').map(parse).collect();
    let mut events = Vec::new();
    link.submit(Instant::now(), &mut commands, &mut events);
    events.iter().map(show).collect::<Vec<_>>().join("; ")
}

fn received(link: &mut crate::Link) -> String {
    let mut events = Vec::new();
    link.receive(Instant::now(), 100, &mut events);
    events.iter().map(show).collect::<Vec<_>>().join("; ")
}

#[test]
fn who_publishes_during_an_alarm_is_held_after_it_and_who_does_not_is_not() {
    let mut link = link();
    let crate::Link::Embedded(embedded) = &link;
    let (alarms, connection) =
        (Arc::clone(embedded.broker.alarms()), Arc::clone(&embedded.connection));
    let disk = |free_bytes| broker::alarms::DiskLevel { free_bytes, limit_bytes: 100 };
    assert_eq!(submitted(&mut link, "1 publish - q #1"), "1 confirmed 1");
    alarms.note_disk(disk(99));
    assert_eq!(submitted(&mut link, "1 declare other; 1 count q"), "1 done; 1 removed 1");
    assert!(connection.held_by().is_empty());
    let held = submitted(&mut link, "1 publish - q #2; 1 publish - q #3; 1 count q");
    assert_eq!(held, "1 confirmed 2; 1 confirmed 3; 1 removed 2; held");
    assert!(connection.held_by().has(model::Alarm::Disk));
    // Told once, however often it publishes; what else it does goes on.
    assert_eq!(submitted(&mut link, "1 publish - q #4"), "1 confirmed 4");
    alarms.note_disk(disk(100));
    assert_eq!(received(&mut link), "released");
    assert!(connection.held_by().is_empty());
    assert_eq!(submitted(&mut link, "1 publish - q #5"), "1 confirmed 5");
    // A publish that waits for its commit holds, too; an end while held is forgotten.
    alarms.note_disk(disk(99));
    assert_eq!(submitted(&mut link, "1 put-off"), "held");
    link.close(Instant::now());
    alarms.note_disk(disk(100));
    assert_eq!(received(&mut link), "");
}

/// Two consumers of one link are handed the same message of a stream; each has its own credit, and
/// what comes back to one that has ended is nobody's.
#[test]
fn consumers_of_a_stream_on_one_link_have_each_their_own_credit() {
    let mut link = link();
    let mut arguments = FieldTable::new();
    arguments.set("x-queue-type", model::FieldValue::string("stream"));
    let spec = QueueSpec {
        name: Some(queue("s")),
        is_durable: true,
        is_exclusive: false,
        is_auto_delete: false,
        arguments,
    };
    let consume = |number: u32| {
        let consume = Consume {
            queue: queue("s"),
            consumer: ConsumerId(number),
            tag: ConsumerTag::parse("t").unwrap(),
            ack: AckMode::Manual,
            prefetch: 1,
            is_exclusive: false,
            arguments: FieldTable::new(),
        };
        Command::Consume(Channel(1), Box::new(consume))
    };
    let mut commands = vec![Command::DeclareQueue(Channel(1), Box::new(spec), DeclareMode::Active)];
    commands.extend([consume(0), consume(1)]);
    commands.extend((0..4).map(|_| parse("1 publish - s")));
    let mut events = Vec::new();
    link.submit(Instant::now(), &mut commands, &mut events);
    assert!(events.iter().all(|event| matches!(event, Event::Answered(..))), "{events:?}");
    let deliveries = |link: &mut crate::Link| {
        let mut events = Vec::new();
        link.receive(Instant::now(), 100, &mut events);
        let delivered = |event| match event {
            Event::Delivered(delivery) => {
                assert!(delivery.has_offset);
                (delivery.consumer.0, delivery.id)
            }
            other => panic!("{other:?}"),
        };
        events.into_iter().map(delivered).collect::<Vec<_>>()
    };
    let settle = |link: &mut crate::Link, id| {
        let mut commands =
            vec![Command::Settle(Channel(1), smallvec::smallvec![id], Outcome::Reject)];
        link.submit(Instant::now(), &mut commands, &mut Vec::new());
    };
    let heard = deliveries(&mut link);
    let [(0, first), (1, second)] = heard[..] else { panic!("{heard:?}") };
    assert_eq!((first.sequence, second.sequence), (0, 0));
    settle(&mut link, second);
    let heard = deliveries(&mut link);
    let [(1, second)] = heard[..] else { panic!("{heard:?}") };
    assert_eq!(second.sequence, 1);
    let mut commands = vec![Command::Cancel(Channel(1), ConsumerId(1)), consume(1)];
    commands.push(parse("1 publish - s"));
    link.submit(Instant::now(), &mut commands, &mut Vec::new());
    let heard = deliveries(&mut link);
    let [(1, third)] = heard[..] else { panic!("{heard:?}") };
    assert_eq!(third.sequence, 4);
    settle(&mut link, second);
    assert_eq!(deliveries(&mut link), []);
    settle(&mut link, first);
    let heard = deliveries(&mut link);
    assert!(matches!(heard[..], [(0, id)] if id.sequence == 1), "{heard:?}");
}
