//! Definitions on a real file, closed or left as a crash leaves them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use model::{
    Binding, Destination, ExchangeName, ExchangeSpec, FieldTable, FieldValue, Permission,
    QueueName, QueueSpec, RoutingKey, ShortString, UserName, VhostName,
};
use proptest::prelude::*;

use super::*;
use crate::auth::{PasswordHash, Tag, TopicPermission, User, UserLimits};
use crate::policy::{ApplyTo, Policy, PolicyKind, PolicySpec};
use crate::store::QueueId;
use crate::vhost::{VhostLimits, VhostMetadata};

/// A file that goes with its owner.
struct File(PathBuf);

impl File {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("hopwire-definitions-{}-{number}.redb", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn open(&self) -> Definitions {
        Definitions::open(&self.0).unwrap()
    }

    /// What is found, in the order of the keys.
    fn found(&self) -> Vec<Definition> {
        self.open().take_loaded().definitions
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn vhost(name: &str) -> VhostName {
    VhostName::parse(name).unwrap()
}

fn exchange(name: &str) -> ExchangeName {
    ExchangeName::parse(name).unwrap()
}

fn queue(name: &str) -> QueueName {
    QueueName::parse(name).unwrap()
}

fn key(text: &str) -> RoutingKey {
    RoutingKey::parse(text.as_bytes()).unwrap()
}

fn binding(source: &str, destination: Destination, routing_key: &str) -> Binding {
    let (source, key, arguments) = (exchange(source), key(routing_key), FieldTable::new());
    Binding { source, destination, key, arguments }
}

fn vhost_definition(name: &str) -> Definition {
    Definition::Vhost(vhost(name), VhostMetadata::default())
}

fn queue_definition(of: &str, name: &str, number: u64) -> Definition {
    let spec = QueueSpec {
        name: Some(queue(name)),
        is_durable: true,
        is_exclusive: false,
        is_auto_delete: false,
        arguments: FieldTable::new(),
    };
    Definition::Queue(vhost(of), spec, QueueId(number))
}

fn policy_definition(of: &str, kind: PolicyKind) -> Definition {
    let mut spec = PolicySpec { name: "p".to_owned(), ..PolicySpec::default() };
    spec.definition.set("max-length", FieldValue::I64(5));
    Definition::Policy(vhost(of), kind, Arc::new(Policy::parse(kind, spec).unwrap()))
}

fn exchange_definition(of: &str, name: &str) -> Definition {
    let spec = ExchangeSpec {
        name: exchange(name),
        kind: "topic".into(),
        is_durable: true,
        is_auto_delete: false,
        is_internal: false,
        arguments: FieldTable::new(),
    };
    Definition::Exchange(vhost(of), spec)
}

/// Every field type, nested up to three deep.
fn value() -> impl Strategy<Value = FieldValue> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..20);
    let leaf = prop_oneof![
        any::<bool>().prop_map(FieldValue::Bool),
        any::<i8>().prop_map(FieldValue::I8),
        any::<u8>().prop_map(FieldValue::U8),
        any::<i16>().prop_map(FieldValue::I16),
        any::<u16>().prop_map(FieldValue::U16),
        any::<i32>().prop_map(FieldValue::I32),
        any::<u32>().prop_map(FieldValue::U32),
        any::<i64>().prop_map(FieldValue::I64),
        any::<u32>().prop_map(|bits| FieldValue::F32(f32::from_bits(bits))),
        any::<u64>().prop_map(|bits| FieldValue::F64(f64::from_bits(bits))),
        any::<(u8, u32)>().prop_map(|(scale, value)| FieldValue::Decimal { scale, value }),
        bytes().prop_map(|bytes| FieldValue::LongString(bytes.into())),
        bytes().prop_map(|bytes| FieldValue::Binary(bytes.into())),
        any::<u64>().prop_map(FieldValue::Timestamp),
        Just(FieldValue::Void),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(FieldValue::Array),
            entries(inner).prop_map(FieldValue::Table),
        ]
    })
}

fn entries(value: impl Strategy<Value = FieldValue>) -> impl Strategy<Value = FieldTable> {
    let name = proptest::collection::vec(any::<u8>(), 0..8)
        .prop_map(|bytes| ShortString::parse(bytes).unwrap());
    proptest::collection::vec((name, value), 0..4).prop_map(|pairs| pairs.into_iter().collect())
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c/ü. ]{1,4}", Just("x".repeat(255))]
}

fn definition() -> impl Strategy<Value = Definition> {
    let limit = || proptest::option::of(any::<u64>());
    let text = || "[ -~ü]{0,9}";
    let of = || name().prop_map(|name| vhost(&name));
    let user = || name().prop_map(|name| UserName::parse(&name).unwrap());
    let exchange_name = || name().prop_map(|name| exchange(&name));
    let table = || entries(value());
    let routing_key = || {
        let bytes = proptest::collection::vec(any::<u8>(), 0..9);
        bytes.prop_map(|bytes| RoutingKey::parse(&bytes).unwrap())
    };
    let pattern = prop_oneof![Just(String::new()), Just("^q[.]".to_owned())];
    let destination = prop_oneof![
        name().prop_map(|name| Destination::Queue(queue(&name))),
        name().prop_map(|name| Destination::Exchange(exchange(&name))),
    ];
    let texts = || proptest::collection::vec(text(), 0..3);
    prop_oneof![
        (of(), text(), texts(), limit(), limit()).prop_map(|(of, description, tags, c, q)| {
            let limits = VhostLimits { connections_max: c, queues_max: q };
            Definition::Vhost(of, VhostMetadata { description, tags, limits })
        }),
        (user(), proptest::option::of(text()), texts(), limit(), limit()).prop_map(
            |(name, password, tags, c, h)| {
                let password = password.map(|it| PasswordHash::new(it.as_bytes()).unwrap());
                let tags = tags.iter().map(|tag| Tag::new(tag)).collect();
                let limits = UserLimits { connections_max: c, channels_max: h };
                Definition::User(User { name, password, tags, limits })
            }
        ),
        (of(), user(), [text(), text(), text()]).prop_map(
            |(of, user, [configure, write, read])| {
                Definition::Permission(of, user, Permission { configure, write, read })
            }
        ),
        (of(), user(), exchange_name(), [text(), text()]).prop_map(
            |(of, user, exchange, [write, read])| {
                let permission = TopicPermission { write, read };
                Definition::TopicPermission(of, user, exchange, permission)
            }
        ),
        (of(), exchange_name(), text(), any::<[bool; 2]>(), table()).prop_map(
            |(of, name, kind, [is_auto_delete, is_internal], arguments)| {
                let (kind, is_durable) = (kind.as_str().into(), true);
                let spec =
                    ExchangeSpec { name, kind, is_durable, is_auto_delete, is_internal, arguments };
                Definition::Exchange(of, spec)
            }
        ),
        (of(), name(), any::<bool>(), table(), any::<u64>()).prop_map(
            |(of, name, is_auto_delete, arguments, number)| {
                let name = Some(queue(&name));
                let (is_durable, is_exclusive) = (true, false);
                let spec = QueueSpec { name, is_durable, is_exclusive, is_auto_delete, arguments };
                Definition::Queue(of, spec, QueueId(number))
            }
        ),
        (of(), exchange_name(), destination, routing_key(), table()).prop_map(
            |(of, source, destination, key, arguments)| {
                Definition::Binding(of, Binding { source, destination, key, arguments })
            }
        ),
        (of(), any::<bool>(), text(), pattern, any::<i64>(), table()).prop_map(
            |(of, is_operator, name, pattern, priority, definition)| {
                let (apply_to, kind) = match is_operator {
                    true => (ApplyTo::QuorumQueues, PolicyKind::Operator),
                    false => (ApplyTo::All, PolicyKind::Policy),
                };
                let spec = PolicySpec { name, pattern, apply_to, priority, definition };
                Definition::Policy(of, kind, Arc::new(Policy::kept(spec).unwrap()))
            }
        ),
        (of(), text(), text(), proptest::collection::vec(any::<u8>(), 0..30)).prop_map(
            |(of, component, name, bytes)| {
                let (component, name) = (component.as_str().into(), name.as_str().into());
                Definition::Parameter(of, component, name, bytes.into())
            }
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_definition_is_read_as_it_was_put(definition in definition()) {
        let (key, value) = (definition.key(), definition.value());
        let read = Definition::read(&key.0, &value);
        prop_assert_eq!(read.as_ref(), Ok(&definition));
        // A key that is cut off is nothing else's.
        for end in 0..key.0.len() {
            prop_assert!(Definition::read(&key.0[..end], &value).is_err());
        }
    }
}

#[test]
fn a_change_that_was_waited_for_survives_a_crash() {
    let file = File::new();
    let definitions = file.open();
    definitions.wait(definitions.put(queue_definition("/", "a", 1))).unwrap();
    drop(definitions);
    let reopened = file.open();
    let loaded = reopened.take_loaded();
    assert_eq!(loaded.definitions, [queue_definition("/", "a", 1)]);
    assert!(!loaded.was_clean);
    reopened.close().unwrap();
    assert!(file.open().take_loaded().was_clean);
    assert!(!file.open().take_loaded().was_clean, "the node that opened it last did not close it");
}

#[test]
fn the_last_change_of_one_key_counts() {
    let file = File::new();
    let definitions = file.open();
    let at = |number| queue_definition("/", "a", number);
    let gone = || Change::Remove(at(0).key());
    definitions.put(at(1));
    definitions.push(gone());
    definitions.put(at(2));
    definitions.put(queue_definition("/", "b", 3));
    definitions.push(Change::Remove(queue_definition("/", "b", 0).key()));
    definitions.close().unwrap();
    assert_eq!(file.found(), [at(2)]);
}

#[test]
fn a_file_of_a_later_format_is_refused_with_both_numbers() {
    let file = File::new();
    file.open().close().unwrap();
    let database = redb::Database::create(&file.0).unwrap();
    let transaction = database.begin_write().unwrap();
    let meta = redb::TableDefinition::<&str, u64>::new("meta");
    transaction.open_table(meta).unwrap().insert("format", 2).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let refused = Definitions::open(&file.0).unwrap_err().to_string();
    assert!(refused.ends_with("has format 2, this program reads 1"), "{refused}");
}

#[test]
fn changes_of_many_threads_share_commits_and_are_all_there() {
    let file = File::new();
    let definitions = file.open();
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let definitions = &definitions;
            scope.spawn(move || {
                let number = |at| thread * 250 + at;
                for at in 0..250 {
                    let name = format!("q{}", number(at));
                    definitions.put(queue_definition("/", &name, number(at)));
                }
                definitions.settle().unwrap();
                assert!(definitions.failure().is_none());
            });
        }
    });
    assert!(definitions.is_settled());
    assert!(definitions.commits() < 2000, "{} commits", definitions.commits());
    println!("{} commits for 2000 changes", definitions.commits());
    drop(definitions);
    assert_eq!(file.found().len(), 2000);
}

#[test]
fn a_binding_goes_alone_however_alike_others_are() {
    let file = File::new();
    let definitions = file.open();
    let to = |name: &str| Destination::Queue(queue(name));
    let bindings = [
        ("/", binding("a", to("q"), "k")),
        ("/", binding("a", to("q"), "")),
        ("/", binding("a", to("qq"), "k")),
        ("/", binding("a", Destination::Exchange(exchange("q")), "k")),
        ("/", binding("ab", to("q"), "k")),
        ("/x", binding("a", to("q"), "k")),
    ];
    for (of, binding) in bindings.clone() {
        definitions.put(Definition::Binding(vhost(of), binding));
    }
    let first = Definition::Binding(vhost("/"), bindings[0].1.clone());
    definitions.push(Change::Remove(first.key()));
    definitions.settle().unwrap();
    drop(definitions);
    let left = |file: &File| {
        let mut left = file.found();
        left.sort_by_key(Definition::key);
        left
    };
    let expected = |range: &[usize]| {
        let mut expected: Vec<_> = (range.iter())
            .map(|at| Definition::Binding(vhost(bindings[*at].0), bindings[*at].1.clone()))
            .collect();
        expected.sort_by_key(Definition::key);
        expected
    };
    assert_eq!(left(&file), expected(&[1, 2, 3, 4, 5]));
}

#[test]
fn a_vhost_goes_with_all_that_is_in_it_and_no_other() {
    let file = File::new();
    let definitions = file.open();
    let in_vhost = |of: &str| {
        let user = UserName::parse("ann").unwrap();
        let permission = Permission::everything();
        let topic = TopicPermission { write: String::new(), read: String::new() };
        [
            vhost_definition(of),
            Definition::Permission(vhost(of), user.clone(), permission),
            Definition::TopicPermission(vhost(of), user, exchange("e"), topic),
            exchange_definition(of, "e"),
            queue_definition(of, "q", 1),
            Definition::Binding(vhost(of), binding("e", Destination::Queue(queue("q")), "k")),
            policy_definition(of, PolicyKind::Policy),
            policy_definition(of, PolicyKind::Operator),
            Definition::Parameter(vhost(of), "c".into(), "n".into(), Box::from(*b"{}")),
        ]
    };
    for of in ["/", "/x", "x", "a", "ab"] {
        for definition in in_vhost(of) {
            definitions.put(definition);
        }
    }
    for gone in ["/", "a"] {
        definitions.push(Change::RemoveVhost(vhost(gone)));
    }
    definitions.close().unwrap();
    let mut found = file.found();
    found.sort_by_key(Definition::key);
    let mut expected: Vec<_> = ["/x", "x", "ab"].into_iter().flat_map(in_vhost).collect();
    expected.sort_by_key(Definition::key);
    assert_eq!(found, expected);
}

#[test]
fn no_queue_number_is_given_twice_however_often_the_node_crashes() {
    let file = File::new();
    let mut last = 0;
    for life in 0..5 {
        let definitions = file.open();
        for _ in 0..(1 + life * 700) {
            let QueueId(number) = definitions.next_queue();
            assert!(number > last, "{number} after {last}");
            last = number;
        }
        // Only what follows a number must be durable before the number is used.
        definitions.wait(definitions.put(queue_definition("/", "q", last))).unwrap();
        drop(definitions);
    }
}

#[test]
fn a_file_is_new_until_the_first_start_has_ended() {
    let file = File::new();
    let definitions = file.open();
    definitions.put(vhost_definition("/"));
    definitions.settle().unwrap();
    drop(definitions);
    let definitions = file.open();
    assert!(definitions.take_loaded().is_new);
    definitions.begin();
    definitions.settle().unwrap();
    drop(definitions);
    assert!(!file.open().take_loaded().is_new);
}

#[test]
fn nobody_waits_for_a_file_that_is_closed() {
    let file = File::new();
    let definitions = file.open();
    definitions.close().unwrap();
    let late = definitions.put(vhost_definition("/"));
    definitions.wait(late).unwrap_err();
    assert!(!definitions.is_settled());
}
