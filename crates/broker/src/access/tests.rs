//! What is allowed, what is refused, and in which words.
//!
//! A story is a list of lines and what each answers. A line begins with who does it: `guest`, or a
//! user made by `user`, on a link of their own; `ann/2` is Ann on a second link. `-` is the empty
//! name.

mod bindings;
mod declare;
mod policies;
mod publish;
mod rights;
mod run;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use model::{
    Binding, ConsumerId, ConsumerTag, DeclareMode, Destination, DestinationRule, ExchangeName,
    ExchangeSpec, FieldTable, FieldValue, LinkId, Marks, Message, Permission, Properties,
    QueueName, QueueSpec, Refusal, RoutingKey, RuleEffect, ShortString, UserName, VhostName,
};

use super::{Access, Follow};
use crate::auth::{RuleSubject, Tag, TopicPermission, UserLimits};
use crate::broker::{Broker, Login};
use crate::inbox::Inbox;
use crate::policy::{ApplyTo, Policy, PolicyKind, PolicySpec};
use crate::queue::DeleteIf;
use crate::sample;
use crate::settings::Settings;
use crate::stream::Cursor;
use crate::turn::Turn;

/// Tells a story.
fn check(story: &[(&str, &str)]) {
    let mut world = World::new();
    for (line, expected) in story {
        let found = world.hear(line);
        assert_eq!(&found, expected, "{line}");
    }
}

struct World {
    broker: Arc<Broker>,
    links: HashMap<String, Access>,
    cursors: HashMap<String, Cursor>,
    turn: Turn,
}

fn name<T>(parse: impl Fn(&str) -> Result<T, model::NameError>, text: &str) -> T {
    parse(if text == "-" { "" } else { text }).unwrap()
}

fn exchange(text: &str) -> ExchangeName {
    name(ExchangeName::parse, text)
}

fn queue(text: &str) -> QueueName {
    name(QueueName::parse, text)
}

fn user(text: &str) -> UserName {
    name(UserName::parse, text)
}

fn key(text: &str) -> RoutingKey {
    RoutingKey::parse(if text == "-" { b"" } else { text.as_bytes() }).unwrap()
}

/// What follows `key=` among the words.
fn option<'a>(words: &[&'a str], key: &str) -> Option<&'a str> {
    words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
}

/// Arguments among the words: those with a `:`, as in `x-max-length:5` or `x-overflow:drop-head`.
fn arguments(words: &[&str]) -> FieldTable {
    let entry = |word: &&str| {
        let (name, value) = word.split_once(':')?;
        let value = match value.parse() {
            Ok(number) => FieldValue::I32(number),
            Err(_) => FieldValue::string(value),
        };
        Some((ShortString::truncated(name), value))
    };
    words.iter().filter_map(entry).collect()
}

fn says<T>(result: Result<T, Refusal>, say: impl FnOnce(T) -> String) -> String {
    match result {
        Ok(value) => say(value),
        Err(refusal) => refusal.to_string(),
    }
}

fn ok<T>(result: Result<T, Refusal>) -> String {
    says(result, |_| "ok".to_owned())
}

impl World {
    fn new() -> Self {
        let broker = Broker::new(Settings { message_bytes_max: 100, ..Settings::default() });
        let turn = Turn::new(Instant::now());
        Self { broker, links: HashMap::new(), cursors: HashMap::new(), turn }
    }

    fn hear(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words.as_slice() {
            ["user" | "permit" | "topic" | "rules" | "forget", ..] => self.operate(&words),
            [who, verb @ ("policy" | "operator-policy"), name, rest @ ..] => {
                self.set_policy(who, verb, name, rest)
            }
            [who, "leave"] => {
                self.links.remove(*who).unwrap().leave(&mut self.turn);
                "ok".to_owned()
            }
            [who, verb, rest @ ..] => self.act(who, verb, rest),
            _ => panic!("{line}"),
        };
        self.broker.finish(&mut self.turn);
        answer
    }

    fn operate(&mut self, words: &[&str]) -> String {
        let node = self.broker.operate_as_node();
        let root = VhostName::root();
        let pattern = |text: &&str| if *text == "-" { String::new() } else { (*text).to_owned() };
        match words {
            ["user", name, tags @ ..] => {
                let tags = tags.iter().map(|tag| Tag::new(tag)).collect();
                let limits = UserLimits::default();
                ok(node.set_user_with_password(user(name), b"secret", tags, limits))
            }
            ["permit", name, configure, write, read] => ok(node.set_permission(
                &user(name),
                &root,
                Permission {
                    configure: pattern(configure),
                    write: pattern(write),
                    read: pattern(read),
                },
            )),
            ["topic", name, of, write, read] => {
                let permission = TopicPermission { write: pattern(write), read: pattern(read) };
                ok(node.set_topic_permission(&user(name), &root, exchange(of), permission))
            }
            ["rules", whose, rules @ ..] => {
                let subject = match whose.strip_prefix('@') {
                    Some(tag) => RuleSubject::Tag(tag.into()),
                    None => RuleSubject::User(user(whose)),
                };
                let rule = |pair: &[&str]| DestinationRule {
                    effect: match pair[0] {
                        "read" => RuleEffect::Read,
                        "write" => RuleEffect::Write,
                        "deny" => RuleEffect::Deny,
                        other => panic!("{other}"),
                    },
                    pattern: pair[1].to_owned(),
                };
                node.set_rules(subject, rules.chunks(2).map(rule).collect());
                "ok".to_owned()
            }
            ["forget", name] => node.delete_user(&user(name)).to_string(),
            _ => panic!("{words:?}"),
        }
    }

    /// `ann policy p ^q max-length:2 priority=3 to=queues`; without a pattern it is deleted.
    fn set_policy(&mut self, who: &str, verb: &str, name: &str, words: &[&str]) -> String {
        let password: &[u8] = if who == "guest" { b"guest" } else { b"secret" };
        let (user, vhost) = (user(who), None);
        let login = Login { user: &user, password, vhost, is_loopback: true };
        let identity = self.broker.login(login).unwrap();
        let kind = match verb {
            "policy" => PolicyKind::Policy,
            _ => PolicyKind::Operator,
        };
        let made = self.broker.make_policies(&identity, &VhostName::root(), kind);
        says(made, |policymaker| {
            let [pattern, rest @ ..] = words else {
                return policymaker.delete(&mut self.turn, name).to_string();
            };
            let spec = PolicySpec {
                name: name.to_owned(),
                pattern: (*pattern).to_owned(),
                apply_to: option(rest, "to").map_or(ApplyTo::All, |it| ApplyTo::parse(it).unwrap()),
                priority: option(rest, "priority").map_or(0, |it| it.parse().unwrap()),
                definition: arguments(rest),
            };
            let policy = Policy::parse(kind, spec).unwrap();
            policymaker.set(&mut self.turn, policy).to_string()
        })
    }

    fn enter(&mut self, who: &str) -> Result<(), Refusal> {
        let (name, _) = who.split_once('/').unwrap_or((who, ""));
        let password: &[u8] = if name == "guest" { b"guest" } else { b"secret" };
        let identity = self.broker.login(Login {
            user: &user(name),
            password,
            vhost: None,
            is_loopback: true,
        })?;
        let link = LinkId(self.links.len() as u64 + 1);
        let access = self.broker.enter(&identity, &VhostName::root(), link)?;
        self.links.insert(who.to_owned(), access);
        Ok(())
    }

    fn act(&mut self, who: &str, verb: &str, words: &[&str]) -> String {
        if !self.links.contains_key(who)
            && let Err(refusal) = self.enter(who)
        {
            return refusal.to_string();
        }
        let Self { links, cursors, turn, .. } = self;
        let access = links.get_mut(who).unwrap();
        let only_if =
            DeleteIf { is_unused: words.contains(&"unused"), is_empty: words.contains(&"empty") };
        match (verb, words) {
            ("exchange" | "exchange?", [name, rest @ ..]) => {
                let spec = exchange_spec(name, rest);
                ok(access.declare_exchange(turn, &spec, mode(verb)))
            }
            ("queue" | "queue?", [name, rest @ ..]) => {
                let declared = access.declare_queue(turn, &queue_spec(name, rest), mode(verb));
                says(declared, |declared| match *name {
                    "-" => declared.queue.name().to_string(),
                    _ => format!("{} {}", declared.messages, declared.consumers),
                })
            }
            ("drop-exchange", [name, ..]) => {
                ok(access.delete_exchange(turn, &exchange(name), only_if))
            }
            ("drop-queue", [name, ..]) => {
                says(access.delete_queue(turn, &queue(name), only_if), |count| count.to_string())
            }
            ("purge", [name]) => {
                says(access.purge_queue(turn, &queue(name)), |count| count.to_string())
            }
            ("bind" | "unbind", [source, to, by, rest @ ..]) => {
                let destination = match to.strip_prefix('>') {
                    Some(name) => Destination::Exchange(exchange(name)),
                    None => Destination::Queue(queue(to)),
                };
                let (source, key, arguments) = (exchange(source), key(by), arguments(rest));
                let binding = Binding { source, destination, key, arguments };
                match verb {
                    "bind" => ok(access.bind(turn, &binding)),
                    _ => ok(access.unbind(turn, &binding)),
                }
            }
            ("publish", [to, by, rest @ ..]) => {
                let published = access.publish(turn, &message(to, by, rest));
                says(published, |routed| match routed.was_rejected {
                    true => "rejected".to_owned(),
                    false => routed.targets.to_string(),
                })
            }
            ("read", [name]) => ok(access.queue_to_read(&queue(name))),
            ("follow", [from, by, rest @ ..]) => {
                let followed = follow(access, turn, from, by, rest);
                says(followed, |cursor| {
                    cursors.insert(format!("{who} {from} {by}"), cursor);
                    "ok".to_owned()
                })
            }
            ("unfollow", [from, by]) => {
                cursors.remove(&format!("{who} {from} {by}")).unwrap();
                "ok".to_owned()
            }
            _ => panic!("{verb} {words:?}"),
        }
    }
}

fn mode(verb: &str) -> DeclareMode {
    if verb.ends_with('?') { DeclareMode::Passive } else { DeclareMode::Active }
}

fn exchange_spec(name: &str, words: &[&str]) -> ExchangeSpec {
    ExchangeSpec {
        name: exchange(name),
        kind: option(words, "type").unwrap_or("direct").into(),
        is_durable: words.contains(&"durable"),
        is_auto_delete: words.contains(&"auto"),
        is_internal: words.contains(&"internal"),
        arguments: arguments(words),
    }
}

fn queue_spec(name: &str, words: &[&str]) -> QueueSpec {
    QueueSpec {
        name: (name != "-").then(|| queue(name)),
        is_durable: words.contains(&"durable"),
        is_exclusive: words.contains(&"exclusive"),
        is_auto_delete: words.contains(&"auto"),
        arguments: arguments(words),
    }
}

fn message(to: &str, by: &str, words: &[&str]) -> Arc<Message> {
    let mut headers = FieldTable::new();
    for (name, option_name) in [("CC", "cc"), ("BCC", "bcc")] {
        match option(words, option_name) {
            None => {}
            Some(text) if text.starts_with('!') => headers.set(name, FieldValue::string(text)),
            Some(keys) => {
                let keys = keys.split(',').map(FieldValue::string).collect();
                headers.set(name, FieldValue::Array(keys));
            }
        }
    }
    let has_sender_selected = !headers.is_empty();
    if let Some(value) = option(words, "h") {
        headers.set("h", FieldValue::string(value));
    }
    let user_id = option(words, "user").map(ShortString::truncated);
    let marks = Marks { has_user_id: user_id.is_some(), has_sender_selected, ..Marks::default() };
    let properties = Properties { headers: Some(headers), user_id, ..Properties::default() };
    let size = option(words, "size").map_or(1, |size| size.parse().unwrap());
    let template = sample::with_properties("", &vec![b'x'; size], marks, &properties);
    Arc::new(template.republished(exchange(to), &key(by), &properties, marks))
}

fn follow(
    access: &mut Access,
    turn: &mut Turn,
    from: &str,
    by: &str,
    words: &[&str],
) -> Result<Cursor, Refusal> {
    access.follow(
        turn,
        Follow {
            exchange: &exchange(from),
            key: &key(by),
            queue: &queue(option(words, "as").unwrap_or("stomp-subscription-x")),
            consumer: ConsumerId(0),
            tag: &ConsumerTag::parse("T_0").unwrap(),
            channel: 1,
            arguments: &arguments(words),
            inbox: Arc::new(Inbox::default()),
        },
    )
}
