//! What a broker says before and after a commit fails, and after a crash at any sync.

use std::sync::Arc;
use std::time::Instant;

use model::{
    Binding, DeclareMode, Destination, ExchangeName, ExchangeSpec, FieldTable, FieldValue, LinkId,
    Permission, QueueName, QueueSpec, Refusal, RoutingKey, UserName, VhostName,
};

use crate::access::{Access, Policymaker};
use crate::auth::{Tag, TopicPermission, UserLimits};
use crate::broker::{Broker, Login};
use crate::definitions::image::Image;
use crate::definitions::{Definition, Definitions, Key};
use crate::durability::Durability;
use crate::policy::{Policy, PolicyKind, PolicySpec};
use crate::queue::{DeleteIf, MessageLog};
use crate::sample;
use crate::settings::Settings;
use crate::store::disk::FakeDisk;
use crate::store::{self, Store};
use crate::turn::Turn;
use crate::vhost::{VhostLimits, VhostMetadata};

const LINK: LinkId = LinkId(7);

/// A broker, somebody in it, and the disks under it.
struct Node {
    image: Image,
    /// How often it was synced until the file was there: until then it has another name.
    born: usize,
    broker: Arc<Broker>,
    access: Access,
    policymaker: Policymaker,
    turn: Turn,
}

impl Node {
    fn new() -> Self {
        Self::on(Image::default())
    }

    fn on(image: Image) -> Self {
        let settings = store::Settings { segment_bytes: 1 << 20, ..store::Settings::default() };
        let (store, _) = Store::open(Arc::new(FakeDisk::default()), settings).unwrap();
        let definitions = Arc::new(Definitions::on(image.clone()).unwrap());
        let born = image.synced().len();
        let kept = Some(Arc::clone(&definitions));
        let log = MessageLog::new(Arc::new(store), kept, &sample::CODEC, u64::MAX);
        let broker = Broker::open(Settings::default(), Durability { definitions, log }).unwrap();
        broker.begin().unwrap();
        let guest = UserName::parse("guest").unwrap();
        let login = Login { user: &guest, password: b"guest", vhost: None, is_loopback: true };
        let identity = broker.login(login).unwrap();
        let root = VhostName::root();
        let access = broker.enter(&identity, &root, LINK).unwrap();
        let policymaker = broker.make_policies(&identity, &root, PolicyKind::Policy).unwrap();
        let turn = Turn::new(Instant::now());
        Self { image, born, broker, access, policymaker, turn }
    }

    /// Carries out `exchange n [auto]`, `queue n [auto|exclusive|transient]`, `bind x n k`,
    /// `chain x y k`, `unbind x n k`, `delete queue|exchange n`; waits as an engine does.
    fn hear(&mut self, line: &str) -> Result<(), Refusal> {
        let words: Vec<&str> = line.split(' ').collect();
        let (access, turn) = (&mut self.access, &mut self.turn);
        match words.as_slice() {
            ["exchange", name, how @ ..] => {
                let spec = ExchangeSpec {
                    name: exchange(name),
                    kind: "topic".into(),
                    is_durable: !how.contains(&"transient"),
                    is_auto_delete: how.contains(&"auto"),
                    is_internal: false,
                    arguments: FieldTable::new(),
                };
                access.declare_exchange(turn, &spec, DeclareMode::Active)?;
            }
            ["queue", name, how @ ..] => {
                let mut arguments = FieldTable::new();
                arguments.set("x-max-length", FieldValue::I16(3));
                let spec = QueueSpec {
                    name: Some(QueueName::parse(name).unwrap()),
                    is_durable: !how.contains(&"transient"),
                    is_exclusive: how.contains(&"exclusive"),
                    is_auto_delete: how.contains(&"auto"),
                    arguments,
                };
                access.declare_queue(turn, &spec, DeclareMode::Active)?;
            }
            ["bind", from, to, key] => access.bind(turn, &binding(from, queue(to), key))?,
            ["unbind", from, to, key] => access.unbind(turn, &binding(from, queue(to), key))?,
            ["chain", from, to, key] => {
                let to = Destination::Exchange(exchange(to));
                access.bind(turn, &binding(from, to, key))?;
            }
            ["delete", "queue", name] => {
                let name = QueueName::parse(name).unwrap();
                access.delete_queue(turn, &name, DeleteIf::default())?;
            }
            ["delete", "exchange", name] => {
                access.delete_exchange(turn, &exchange(name), DeleteIf::default())?;
            }
            ["policy", name, pattern, length] => {
                let mut spec = PolicySpec {
                    name: (*name).to_owned(),
                    pattern: (*pattern).to_owned(),
                    ..PolicySpec::default()
                };
                spec.definition.set("max-length", FieldValue::I64(length.parse().unwrap()));
                spec.definition.set("alternate-exchange", FieldValue::string("y"));
                let policy = Policy::parse(PolicyKind::Policy, spec).unwrap();
                self.policymaker.set(turn, policy);
            }
            ["delete", "policy", name] => {
                self.policymaker.delete(turn, name);
            }
            _ => panic!("{line}"),
        }
        self.broker.finish(&mut self.turn);
        self.broker.await_definitions(&mut self.turn)
    }

    fn hear_all(&mut self, lines: &str) {
        for line in lines.split("; ") {
            self.hear(line).unwrap_or_else(|refusal| panic!("{line}: {refusal}"));
        }
    }

    /// Everything that a restart must find again, or that is there without.
    fn all(&self) -> Vec<String> {
        let mut all = Vec::new();
        for vhost in self.broker.list_vhosts() {
            let name = vhost.name.clone();
            all.push(format!("{vhost:?}"));
            for it in self.broker.list_exchanges(&name).unwrap() {
                all.push(format!("{} {} {}", it.name, it.is_durable, it.is_auto_delete));
            }
            for it in self.broker.list_queues(&name).unwrap() {
                let how = (it.is_durable, it.is_auto_delete, it.owner);
                let policies = it.policies.definition;
                all.push(format!("{} {how:?} {:?} {policies:?}", it.name, it.arguments));
                if let Ok(queue) = self.broker.vhost(&name).unwrap().queue(it.name.as_str()) {
                    all.push(format!("{:?}", queue.limits()));
                }
            }
            let policies = self.broker.list_policies(&name, PolicyKind::Policy).unwrap();
            all.extend(policies.iter().map(|it| format!("{it:?}")));
            let bindings = self.broker.list_bindings(&name).unwrap();
            all.extend(bindings.iter().map(|it| format!("{:?}", it.binding)));
        }
        all.extend(self.broker.list_users().iter().map(|it| format!("{it:?}")));
        all.extend(self.broker.list_permissions().iter().map(|it| format!("{it:?}")));
        all.extend(self.broker.list_topic_permissions().iter().map(|it| format!("{it:?}")));
        all
    }
}

fn exchange(name: &str) -> ExchangeName {
    ExchangeName::parse(name).unwrap()
}

fn queue(name: &str) -> Destination {
    Destination::Queue(QueueName::parse(name).unwrap())
}

fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

fn binding(source: &str, destination: Destination, key: &str) -> Binding {
    let key = RoutingKey::parse(key.as_bytes()).unwrap();
    Binding { source: exchange(source), destination, key, arguments: FieldTable::new() }
}

fn topic_permission() -> TopicPermission {
    TopicPermission { write: "^a".to_owned(), read: ".*".to_owned() }
}

const TOPOLOGY: &str = "exchange x; exchange y auto; queue q; queue r auto; bind x q a; \
                        bind x q b; bind y q c; bind y r d; chain x y e; policy p ^q 2";

/// Users and vhosts beside the topology.
fn people(node: &Node) {
    let operator = node.broker.operate_as_node();
    let there = VhostName::parse("there").unwrap();
    operator.set_vhost(&there, VhostMetadata::default()).unwrap();
    let tags = vec![Tag::new("management")];
    operator.set_user_with_password(user("ann"), b"a", tags, UserLimits::default()).unwrap();
    operator.set_permission(&user("ann"), &there, Permission::everything()).unwrap();
    let on = exchange("amq.topic");
    operator.set_topic_permission(&user("ann"), &there, on, topic_permission()).unwrap();
    node.broker.settle_definitions().unwrap();
}

#[test]
fn what_cannot_be_kept_is_refused_and_undone() {
    let mut node = Node::new();
    node.hear_all(TOPOLOGY);
    people(&node);
    let before = node.all();
    node.image.fail();
    for line in [
        "delete queue q",
        "queue new",
        "exchange new",
        "bind x r z",
        "unbind x q a",
        "chain y x z",
        "delete exchange x",
        "delete policy p",
        "policy p ^q 1",
        "policy p ^r 2",
        "policy other ^r 1",
    ] {
        assert_eq!(node.hear(line), Err(Refusal::NotKept), "{line}");
        assert_eq!(node.all(), before, "{line}");
    }
}

#[test]
fn rights_and_vhosts_that_cannot_be_kept_are_undone() {
    let node = Node::new();
    people(&node);
    let there = VhostName::parse("there").unwrap();
    let before = node.all();
    node.image.fail();
    let operator = node.broker.operate_as_node();
    let mut turn = Turn::new(Instant::now());
    let limits = VhostLimits { queues_max: Some(1), ..VhostLimits::default() };
    let mut check = |what: &str, change: &mut dyn FnMut(&mut Turn)| {
        change(&mut turn);
        assert!(node.broker.settle_definitions().is_err(), "{what}");
        assert_eq!(node.all(), before, "{what}");
    };
    check("delete a user", &mut |_| assert!(operator.delete_user(&user("ann"))));
    check("delete a vhost", &mut |turn| assert!(operator.delete_vhost(turn, &there)));
    check("limit a vhost", &mut |_| operator.set_vhost_limits(&there, limits).unwrap());
    check("add a vhost", &mut |_| {
        let name = VhostName::parse("new").unwrap();
        operator.set_vhost(&name, VhostMetadata::default()).unwrap();
    });
    check("change a password", &mut |_| {
        operator.set_user_with_password(user("ann"), b"b", vec![], UserLimits::default()).unwrap();
    });
    check("take patterns", &mut |_| assert!(operator.clear_permission(&user("ann"), &there)));
    check("take patterns of keys", &mut |_| {
        assert!(operator.clear_topic_permissions(&user("ann"), &there, None));
    });
    check("give patterns", &mut |_| {
        let root = VhostName::root();
        operator.set_permission(&user("ann"), &root, Permission::everything()).unwrap();
    });
}

#[test]
fn what_is_transient_comes_and_goes_after_a_failure() {
    let mut node = Node::new();
    node.hear_all(TOPOLOGY);
    node.image.fail();
    assert_eq!(node.hear("queue new"), Err(Refusal::NotKept));
    let before = node.all();
    node.hear_all("queue t transient; queue e exclusive; bind x t a; bind x e a");
    // What is durable and there already is so after a restart.
    node.hear_all("queue q; exchange x; bind x q a");
    node.hear_all("unbind x t a; delete queue t; delete queue e");
    assert_eq!(node.all(), before);
}

#[test]
fn a_queue_that_is_there_again_takes_nothing_that_must_be_kept() {
    let mut node = Node::new();
    node.hear_all(TOPOLOGY);
    node.image.fail();
    assert_eq!(node.hear("delete queue q"), Err(Refusal::NotKept));
    let marks = model::Marks { is_persistent: true, ..model::Marks::default() };
    let vhost = node.broker.vhost(&VhostName::root()).unwrap();
    let q = vhost.queue("q").unwrap();
    let accepted = q.publish(&mut node.turn, &sample::message("a", b"x", marks));
    assert_eq!(accepted, crate::queue::Accepted::No);
}

#[test]
fn a_node_starts_whenever_the_last_one_crashed_and_finds_each_step_whole() {
    let mut node = Node::new();
    node.hear_all(TOPOLOGY);
    node.hear_all(
        "delete queue r; queue r; bind x r f; unbind x q b; delete exchange x; delete queue q",
    );
    people(&node);
    let mut turn = Turn::new(Instant::now());
    let there = VhostName::parse("there").unwrap();
    assert!(node.broker.operate_as_node().delete_vhost(&mut turn, &there));
    node.broker.settle_definitions().unwrap();
    let images = node.image.synced().split_off(node.born - 1);
    assert!(images.len() > 20, "{}", images.len());
    let mut last = Vec::new();
    for image in images {
        check_whole(Definitions::on(Image::of(image.clone())).unwrap().take_loaded().definitions);
        last = Node::on(Image::of(image)).all();
    }
    assert_eq!(last, node.all());
}

/// Nothing is kept without what it belongs to.
fn check_whole(kept: Vec<Definition>) {
    let has = |key: Key| kept.iter().any(|it| it.key() == key);
    let has_exchange = |vhost: &VhostName, name: &ExchangeName| {
        name.as_str().starts_with("amq.") || has(Key::exchange(vhost, name))
    };
    for it in &kept {
        let is_whole = match it {
            Definition::Vhost(..) | Definition::User(_) | Definition::Parameter(..) => true,
            Definition::Permission(vhost, user, _)
            | Definition::TopicPermission(vhost, user, ..) => {
                has(Key::vhost(vhost)) && has(Key::user(user))
            }
            Definition::Exchange(vhost, _)
            | Definition::Queue(vhost, ..)
            | Definition::Policy(vhost, ..) => has(Key::vhost(vhost)),
            Definition::Binding(vhost, binding) => {
                has_exchange(vhost, &binding.source)
                    && match &binding.destination {
                        Destination::Queue(name) => has(Key::queue(vhost, name)),
                        Destination::Exchange(name) => has_exchange(vhost, name),
                    }
            }
        };
        assert!(is_whole, "{it:?} alone in {kept:?}");
    }
}
