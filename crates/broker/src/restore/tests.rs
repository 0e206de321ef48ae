//! A broker that ends, or crashes, and another that goes on from what it left.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use model::{
    AckMode, Binding, DeclareMode, Destination, ExchangeName, ExchangeSpec, FieldTable, FieldValue,
    LinkId, Marks, Permission, QueueName, RoutingKey, ShortString, SourceId, UserName,
};

use super::*;
use crate::access::Access;
use crate::auth::{Tag, TopicPermission, UserLimits};
use crate::broker::Login;
use crate::definitions::{Changes, Definitions, Key};
use crate::durability::End;
use crate::queue::DeleteIf;
use crate::sample;
use crate::settings::Settings;
use crate::store::disk::{Crash, FakeDisk};
use crate::store::{self, Store};
use crate::vhost::VhostLimits;

/// A node's data directory: definitions in a file, messages on a disk in memory.
struct Kept {
    definitions: PathBuf,
    disk: FakeDisk,
}

impl Kept {
    fn new() -> Self {
        Self { definitions: free_path(), disk: FakeDisk::default() }
    }

    fn open(&self) -> Result<Arc<Broker>, RestoreError> {
        let definitions = Arc::new(Definitions::open(&self.definitions).unwrap());
        let settings = store::Settings { segment_bytes: 1 << 20, ..store::Settings::default() };
        let (store, _) = Store::open(Arc::new(self.disk.clone()), settings).unwrap();
        let known = Some(Arc::clone(&definitions));
        let log = MessageLog::new(Arc::new(store), known, &sample::CODEC, u64::MAX);
        Broker::open(Settings::default(), Durability { definitions, log })
    }

    fn start(&self) -> Arc<Broker> {
        let broker = self.open().unwrap();
        broker.begin().unwrap();
        broker
    }

    /// The definitions as they are on another log.
    fn on(&self, disk: FakeDisk) -> Self {
        let definitions = free_path();
        std::fs::copy(&self.definitions, &definitions).unwrap();
        Self { definitions, disk }
    }

    /// What a crash at this moment leaves.
    fn crashed(&self) -> Self {
        self.on(self.disk.crashed(self.disk.operations(), Crash::LosesAll))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.definitions);
    }
}

fn free_path() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("hopwire-restore-{}-{number}.redb", std::process::id()))
}

/// Guest at work in a vhost.
struct Guest<'a> {
    broker: &'a Arc<Broker>,
    access: Access,
    turn: Turn,
}

fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

fn log_in<'a>(broker: &'a Arc<Broker>, vhost: &str, link: u64) -> Guest<'a> {
    let name = user("guest");
    let login = Login { user: &name, password: b"guest", vhost: None, is_loopback: true };
    let identity = broker.login(login).unwrap();
    let vhost = VhostName::parse(vhost).unwrap();
    let access = broker.enter(&identity, &vhost, LinkId(link)).unwrap();
    Guest { broker, access, turn: Turn::new(Instant::now()) }
}

fn exchange(name: &str) -> ExchangeName {
    ExchangeName::parse(name).unwrap()
}

fn queue(name: &str) -> QueueName {
    QueueName::parse(name).unwrap()
}

fn table(entries: &[(&str, FieldValue)]) -> FieldTable {
    let entry =
        |(name, value): &(&str, FieldValue)| (ShortString::parse(name).unwrap(), value.clone());
    entries.iter().map(entry).collect()
}

impl Guest<'_> {
    fn finish(&mut self) {
        self.broker.finish(&mut self.turn);
        self.broker.settle_definitions().unwrap();
    }

    /// `options` are letters: durable, auto-delete, internal.
    fn exchange(&mut self, name: &str, kind: &str, options: &str) {
        let spec = ExchangeSpec {
            name: exchange(name),
            kind: kind.into(),
            is_durable: options.contains('d'),
            is_auto_delete: options.contains('a'),
            is_internal: options.contains('i'),
            arguments: table(&[("alternate-exchange", FieldValue::string("other"))]),
        };
        self.access.declare_exchange(&mut self.turn, &spec, DeclareMode::Active).unwrap();
        self.finish();
    }

    /// `options` are letters: durable, auto-delete, exclusive.
    fn queue(&mut self, name: &str, options: &str, arguments: &[(&str, FieldValue)]) {
        let spec = QueueSpec {
            name: Some(queue(name)),
            is_durable: options.contains('d'),
            is_exclusive: options.contains('x'),
            is_auto_delete: options.contains('a'),
            arguments: table(arguments),
        };
        self.access.declare_queue(&mut self.turn, &spec, DeclareMode::Active).unwrap();
        self.finish();
    }

    fn delete(&mut self, name: &str) {
        let all = DeleteIf::default();
        self.access.delete_queue(&mut self.turn, &queue(name), all).unwrap();
        self.finish();
    }

    fn bind(&mut self, source: &str, to: Destination, key: &str, entries: &[(&str, FieldValue)]) {
        let (key, arguments) = (RoutingKey::parse(key.as_bytes()).unwrap(), table(entries));
        let binding = Binding { source: exchange(source), destination: to, key, arguments };
        self.access.bind(&mut self.turn, &binding).unwrap();
        self.finish();
    }

    fn unbind(&mut self, source: &str, to: Destination, key: &str) {
        let (key, arguments) = (RoutingKey::parse(key.as_bytes()).unwrap(), FieldTable::new());
        let binding = Binding { source: exchange(source), destination: to, key, arguments };
        self.access.unbind(&mut self.turn, &binding).unwrap();
        self.finish();
    }

    /// Publishes a persistent message to a queue by name, and waits until it is safe.
    fn publish(&mut self, to: &str, body: &str) {
        let marks = Marks { is_persistent: true, ..Marks::default() };
        let message = sample::message(to, body.as_bytes(), marks);
        let queue = self.broker.vhost(&VhostName::root()).unwrap().queue(to).unwrap();
        let mut queues = [queue];
        crate::queue::publish_all(&mut queues, &mut self.turn, &[message]);
        self.finish();
        self.broker.log().unwrap().wait_for_writer();
    }
}

/// The bodies that a queue holds, in order, and how many of them may have been handed out.
fn contents(broker: &Arc<Broker>, name: &str) -> Option<Vec<String>> {
    let queue = broker.vhost(&VhostName::root()).unwrap().queue(name).ok()?;
    let mut turn = Turn::new(Instant::now());
    let mut bodies = Vec::new();
    while let Some(got) = queue.get(&mut turn, LinkId(99), SourceId(1), AckMode::Manual).unwrap() {
        bodies.push(String::from_utf8(got.message.body().to_vec()).unwrap());
    }
    queue.lose(&mut turn, LinkId(99));
    broker.finish(&mut turn);
    Some(bodies)
}

/// Everything that is to survive, as text. What is not durable stands in it, too.
fn picture(broker: &Broker) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, vhost) in broker.vhosts.read().iter() {
        lines.push(format!("{name} {:?}", vhost.metadata()));
        let topology = vhost.look();
        lines.extend(topology.exchanges().map(|it| format!("{name} {:?}", it.spec())));
        lines.extend(topology.queues().map(|it| format!("{name} {:?}", it.spec())));
        lines.extend(topology.bindings().map(|it| format!("{name} {it:?}")));
    }
    lines.extend(broker.list_users().iter().map(|it| format!("{it:?}")));
    lines.extend(broker.list_permissions().iter().map(|it| format!("{it:?}")));
    lines.extend(broker.list_topic_permissions().iter().map(|it| format!("{it:?}")));
    lines.sort();
    lines
}

#[test]
fn a_broker_comes_back_as_it_was() {
    let data = Kept::new();
    let broker = data.start();
    let node = broker.operate_as_node();
    let other = VhostName::parse("other/one").unwrap();
    let metadata = VhostMetadata { tags: vec!["a".into()], ..VhostMetadata::default() };
    node.set_vhost(&other, metadata).unwrap();
    let limits = VhostLimits { queues_max: Some(100), connections_max: None };
    node.set_vhost_limits(&other, limits).unwrap();
    let ann_limits = UserLimits { channels_max: Some(7), connections_max: None };
    node.set_user_with_password(user("ann"), b"secret", vec![Tag::new("monitoring")], ann_limits)
        .unwrap();
    let some = Permission { configure: "^a".into(), write: String::new(), read: ".*".into() };
    node.set_permission(&user("ann"), &other, some).unwrap();
    let topic = TopicPermission { write: "^w".into(), read: "^r".into() };
    node.set_topic_permission(&user("ann"), &other, exchange("amq.topic"), topic).unwrap();
    node.set_permission(&user("guest"), &other, Permission::everything()).unwrap();
    for vhost in ["/", "other/one"] {
        let mut guest = log_in(&broker, vhost, 1);
        guest.exchange("e1", "topic", "d");
        guest.exchange("e2", "headers", "di");
        guest.exchange("e3", "fanout", "da");
        let number = FieldValue::I32;
        guest.queue("plain", "d", &[]);
        guest.queue("auto", "da", &[("x-max-priority", FieldValue::U8(5))]);
        let dead_letter = ("x-dead-letter-exchange", FieldValue::string("e1"));
        guest.queue("q", "d", &[("x-message-ttl", number(60_000)), dead_letter]);
        let quorum = ("x-queue-type", FieldValue::string("quorum"));
        guest.queue("quorum", "d", &[quorum, ("x-delivery-limit", number(3))]);
        let to = |name: &str| Destination::Queue(queue(name));
        guest.bind("e1", to("q"), "a.*.#", &[]);
        guest.bind("e1", to("q"), "b", &[]);
        guest.bind("e1", to("plain"), "b", &[]);
        guest.unbind("e1", to("q"), "b");
        guest.bind("e1", Destination::Exchange(exchange("e2")), "x", &[]);
        let matching = [("x-match", FieldValue::string("all")), ("n", number(1))];
        guest.bind("e2", to("q"), "", &matching);
        guest.bind("e2", to("q"), "", &[("n", number(2)), ("m", FieldValue::Void)]);
        guest.bind("amq.direct", to("auto"), "k", &[]);
        guest.bind("e3", to("auto"), "", &[]);
    }
    let before = picture(&broker);
    assert!(before.len() > 40, "{before:#?}");
    assert_eq!(picture(&data.crashed().start()), before, "after a crash");
    broker.close(End::Orderly).unwrap();
    drop(broker);
    let again = data.start();
    assert_eq!(picture(&again), before, "after an orderly end");
    let name = user("ann");
    let login = |password| Login { user: &name, password, vhost: None, is_loopback: true };
    again.login(login(b"secret")).unwrap();
    again.login(login(b"wrong")).unwrap_err();
}

/// A node that was told to stop while a connection would not end wrote down that all was in order,
/// and what that connection had came again as if nobody had seen it.
#[test]
fn what_was_handed_out_when_the_end_was_cut_short_says_so() {
    let is_redelivered = |broker: &Arc<Broker>| {
        let queue = broker.vhost(&VhostName::root()).unwrap().queue("q").unwrap();
        let mut turn = Turn::new(Instant::now());
        let got = queue.get(&mut turn, LinkId(9), SourceId(1), AckMode::Manual).unwrap();
        got.unwrap().is_redelivered
    };
    let left = |end| {
        let data = Kept::new();
        let broker = data.start();
        let mut guest = log_in(&broker, "/", 1);
        guest.queue("q", "d", &[]);
        guest.publish("q", "a");
        assert!(!is_redelivered(&broker));
        broker.close(end).unwrap();
        data.crashed()
    };
    assert!(is_redelivered(&left(End::CutShort).start()));
    // The other way around: a link that is known to have given back what it had would have said so.
    assert!(!is_redelivered(&left(End::Orderly).start()));
}

#[test]
fn what_is_not_durable_does_not_come_back() {
    let data = Kept::new();
    let broker = data.start();
    let before = picture(&broker);
    let mut guest = log_in(&broker, "/", 1);
    guest.exchange("transient", "topic", "");
    guest.queue("transient", "", &[]);
    guest.queue("exclusive", "dx", &[]);
    let to = |name: &str| Destination::Queue(queue(name));
    guest.bind("amq.topic", to("transient"), "k", &[]);
    guest.bind("amq.topic", to("exclusive"), "k", &[]);
    guest.bind("amq.topic", Destination::Exchange(exchange("transient")), "k", &[]);
    guest.bind("transient", to("transient"), "k", &[]);
    guest.queue("durable", "d", &[]);
    guest.bind("transient", to("durable"), "k", &[]);
    guest.delete("durable");
    assert_eq!(picture(&data.crashed().start()), before);
}

#[test]
fn what_was_deleted_stays_deleted() {
    let data = Kept::new();
    let broker = data.start();
    let node = broker.operate_as_node();
    let other = VhostName::parse("other").unwrap();
    node.set_vhost(&other, VhostMetadata::default()).unwrap();
    node.set_permission(&user("guest"), &other, Permission::everything()).unwrap();
    let before = picture(&broker);
    let mut guest = log_in(&broker, "/", 1);
    let to = |name: &str| Destination::Queue(queue(name));
    guest.exchange("last", "fanout", "d");
    guest.exchange("first", "fanout", "da");
    guest.queue("q", "d", &[]);
    guest.bind("first", Destination::Exchange(exchange("last")), "", &[]);
    guest.bind("last", to("q"), "", &[]);
    guest.bind("amq.topic", to("q"), "a", &[]);
    let unconditionally = DeleteIf::default();
    guest.access.delete_exchange(&mut guest.turn, &exchange("last"), unconditionally).unwrap();
    guest.finish();
    guest.delete("q");
    // A vhost goes while somebody is at work in it, and goes on working.
    let mut inside = log_in(&broker, "other", 2);
    inside.queue("inside", "d", &[]);
    node.set_user_with_password(user("ann"), b"s", Vec::new(), UserLimits::default()).unwrap();
    node.set_permission(&user("ann"), &other, Permission::everything()).unwrap();
    assert!(node.delete_vhost(&mut inside.turn, &other));
    assert!(node.delete_user(&user("ann")));
    let late = QueueSpec { name: Some(queue("late")), ..plain_queue() };
    let _ = inside.access.declare_queue(&mut inside.turn, &late, DeclareMode::Active);
    inside.finish();
    drop(inside);
    node.set_vhost(&other, VhostMetadata::default()).unwrap();
    node.set_permission(&user("guest"), &other, Permission::everything()).unwrap();
    broker.settle_definitions().unwrap();
    assert_eq!(picture(&broker), before);
    assert_eq!(picture(&data.crashed().start()), before);
}

fn plain_queue() -> QueueSpec {
    QueueSpec {
        name: None,
        is_durable: true,
        is_exclusive: false,
        is_auto_delete: false,
        arguments: FieldTable::new(),
    }
}

/// The first start ended when no durable queue had been declared, and the next one was taken for
/// the first: `guest` came back with the password that everybody knows, and exchanges were gone.
#[test]
fn nothing_is_given_again_at_the_second_start() {
    let data = Kept::new();
    let broker = data.start();
    assert!(broker.is_new());
    log_in(&broker, "/", 1).exchange("e", "topic", "d");
    let node = broker.operate_as_node();
    node.set_user_with_password(user("ann"), b"s", Vec::new(), UserLimits::default()).unwrap();
    node.delete_user(&user("guest"));
    broker.settle_definitions().unwrap();
    let left = picture(&broker);
    let again = data.crashed().start();
    assert!(!again.is_new());
    assert_eq!(picture(&again), left);
}

#[test]
fn a_first_start_that_crashes_is_begun_anew() {
    let data = Kept::new();
    let broker = data.open().unwrap();
    // Each seeding salts the password anew.
    let seeded = |broker: &Broker| {
        let mut lines = picture(broker);
        lines.retain(|line| !line.starts_with("UserView"));
        lines
    };
    let crashed = data.crashed();
    let again = crashed.open().unwrap();
    assert!(again.is_new());
    again.begin().unwrap();
    assert_eq!(seeded(&again), seeded(&broker));
    assert_eq!(again.list_users().len(), 1);
}

/// A crash between the two changes that a deletion makes left a binding without its queue, and the
/// node did not start any more.
#[test]
fn what_a_crash_left_of_a_deletion_is_forgotten() {
    let data = Kept::new();
    let broker = data.start();
    let before = picture(&broker);
    let mut guest = log_in(&broker, "/", 1);
    guest.exchange("e", "topic", "d");
    guest.queue("q", "d", &[]);
    guest.bind("e", Destination::Queue(queue("q")), "k", &[]);
    guest.bind("amq.topic", Destination::Queue(queue("q")), "k", &[]);
    guest.bind("amq.topic", Destination::Exchange(exchange("e")), "k", &[]);
    guest.bind("e", Destination::Exchange(exchange("amq.fanout")), "k", &[]);
    let root = VhostName::root();
    for key in [Key::queue(&root, &queue("q")), Key::exchange(&root, &exchange("e"))] {
        let (changes, undo) = (vec![Change::Remove(key)], Vec::new());
        broker.change_definitions(Changes { changes, undo });
    }
    let elsewhere = VhostName::parse("gone").unwrap();
    let spec = QueueSpec { name: Some(queue("late")), ..plain_queue() };
    broker.define(None, Definition::Queue(elsewhere, spec, QueueId(5)));
    broker.settle_definitions().unwrap();
    let crashed = data.crashed();
    assert_eq!(picture(&crashed.start()), before);
    let left = Definitions::open(&crashed.definitions).unwrap().take_loaded().definitions;
    assert!(!left.iter().any(|it| matches!(it, Definition::Queue(..) | Definition::Binding(..))));
}

#[test]
fn a_queue_declared_anew_has_nothing_of_the_old_one_wherever_a_crash_came() {
    let data = Kept::new();
    let broker = data.start();
    let mut guest = log_in(&broker, "/", 1);
    type Step = (&'static str, fn(&mut Guest<'_>));
    let steps: [Step; 7] = [
        ("declare", |guest| guest.queue("q", "d", &[])),
        ("publish", |guest| guest.publish("q", "old 1")),
        ("publish", |guest| guest.publish("q", "old 2")),
        ("delete", |guest| guest.delete("q")),
        ("declare", |guest| guest.queue("q", "d", &[])),
        ("publish", |guest| guest.publish("q", "new 1")),
        ("publish", |guest| guest.publish("q", "new 2")),
    ];
    let mut moments = 0;
    // Behind which operations of the log's disk the steps ended.
    let mut ends = vec![0];
    for (at, (what, step)) in steps.into_iter().enumerate() {
        let before = data.on(FakeDisk::default());
        step(&mut guest);
        let after = data.on(FakeDisk::default());
        let (first, end) = (ends[at.saturating_sub(1)], data.disk.operations());
        ends.push(end);
        // The log may be behind the definitions by a step, and the other way around.
        for (definitions, has_new) in [(&before, at > 4), (&after, at >= 4)] {
            for operations in first..=end {
                let crash = match moments % 3 {
                    0 => Crash::LosesAll,
                    1 => Crash::KeepsAll,
                    _ => Crash::Random(moments),
                };
                let image = definitions.on(data.disk.crashed(operations, crash));
                let found = contents(&image.start(), "q").unwrap_or_default();
                let word = if has_new { "new" } else { "old" };
                let is_right = found.iter().all(|body| body.starts_with(word));
                assert!(is_right, "{at} {what}, behind {operations}, {crash:?}: {found:?}");
                moments += 1;
            }
        }
    }
    assert!(moments > 50, "{moments} moments");
}
