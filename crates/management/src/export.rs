//! Everything that is defined, as RabbitMQ exports it: what `rabbitmqctl import_definitions` reads.
//!
//! Source: RabbitMQ, "Definition Export and Import".

use broker::Broker;
use broker::policy::{Policy, PolicyKind};
use broker::view::{ExchangeView, QueueView, VhostView};
use model::{Binding, Destination, ExchangeName, VhostName};
use serde_json::{Map, Value, json};

use crate::json::object::{permission, policy, topic_permission, user};
use crate::json::table::object;

/// All definitions of a broker as a JSON text, with passwords as hashes.
pub fn definitions(broker: &Broker, version: &str) -> String {
    let vhosts = broker.list_vhosts();
    let (mut exchanges, mut queues, mut bindings) = (Vec::new(), Vec::new(), Vec::new());
    for vhost in &vhosts {
        let (name, listed) = (&vhost.name, Listed::of(broker, vhost));
        let kept = listed.exchanges.iter().filter(|it| it.is_durable && !is_predeclared(&it.name));
        exchanges.extend(kept.map(|it| {
            json!({
                "name": it.name.as_str(),
                "vhost": name.as_str(),
                "type": it.kind,
                "durable": true,
                "auto_delete": it.is_auto_delete,
                "internal": it.is_internal,
                "arguments": object(&it.arguments),
            })
        }));
        queues.extend(listed.queues.iter().filter(|it| it.is_durable).map(|it| {
            json!({
                "name": it.name.as_str(),
                "vhost": name.as_str(),
                "durable": true,
                "auto_delete": it.is_auto_delete,
                "arguments": object(&it.arguments),
            })
        }));
        let made = broker.list_bindings(name).unwrap_or_default();
        let kept = made.iter().map(|it| &it.binding).filter(|it| listed.keeps(it));
        bindings.extend(kept.map(|it| binding(name.as_str(), it)));
    }
    let topics = broker.list_topic_permissions();
    let caps = policies(broker, &vhosts, PolicyKind::Operator, operator_policy);
    let parameters = vhosts.iter().filter_map(limits).chain(caps);
    let all = json!({
        "product_name": "Hopwire",
        "product_version": version,
        "users": broker.list_users().iter().map(user).collect::<Vec<_>>(),
        "vhosts": vhosts.iter().map(described).collect::<Vec<_>>(),
        "permissions": broker.list_permissions().iter().map(permission).collect::<Vec<_>>(),
        "topic_permissions": topics.iter().map(topic_permission).collect::<Vec<_>>(),
        "parameters": parameters.collect::<Vec<_>>(),
        "policies": policies(broker, &vhosts, PolicyKind::Policy, policy),
        "exchanges": exchanges,
        "queues": queues,
        "bindings": bindings,
    });
    format!("{all:#}\n")
}

/// What there is in a vhost.
struct Listed {
    exchanges: Vec<ExchangeView>,
    queues: Vec<QueueView>,
}

impl Listed {
    fn of(broker: &Broker, vhost: &VhostView) -> Self {
        Self {
            exchanges: broker.list_exchanges(&vhost.name).unwrap_or_default(),
            queues: broker.list_queues(&vhost.name).unwrap_or_default(),
        }
    }

    /// Whether both ends of a binding are there after a restart, and it was made.
    fn keeps(&self, binding: &Binding) -> bool {
        let is_kept = |name: &ExchangeName| {
            let at = self.exchanges.binary_search_by(|it| it.name.cmp(name));
            at.ok().and_then(|at| self.exchanges.get(at)).is_some_and(|it| it.is_durable)
        };
        let is_end_kept = match &binding.destination {
            Destination::Exchange(name) => is_kept(name),
            Destination::Queue(name) => {
                let at = self.queues.binary_search_by(|it| it.name.cmp(name));
                at.ok().and_then(|at| self.queues.get(at)).is_some_and(|it| it.is_durable)
            }
        };
        !binding.source.is_default() && is_kept(&binding.source) && is_end_kept
    }
}

fn binding(vhost: &str, binding: &Binding) -> Value {
    let (kind, destination) = match &binding.destination {
        Destination::Queue(name) => ("queue", name.as_str()),
        Destination::Exchange(name) => ("exchange", name.as_str()),
    };
    json!({
        "source": binding.source.as_str(),
        "vhost": vhost,
        "destination": destination,
        "destination_type": kind,
        "routing_key": binding.key.to_string(),
        "arguments": object(&binding.arguments),
    })
}

fn described(view: &VhostView) -> Value {
    json!({
        "name": view.name.as_str(),
        "description": view.description,
        "tags": view.tags,
        "metadata": {"description": view.description, "tags": view.tags},
    })
}

/// A vhost's limits are a parameter there; `None` if it has none.
fn limits(view: &VhostView) -> Option<Value> {
    let mut limits = Map::new();
    if let Some(max) = view.limits.connections_max {
        limits.insert("max-connections".to_owned(), json!(max));
    }
    if let Some(max) = view.limits.queues_max {
        limits.insert("max-queues".to_owned(), json!(max));
    }
    let vhost = view.name.as_str();
    (!limits.is_empty()).then(
        || json!({"component": "vhost-limits", "name": "limits", "vhost": vhost, "value": limits}),
    )
}

/// The policies of one kind, each with its vhost, as `shown`.
fn policies(
    broker: &Broker,
    vhosts: &[VhostView],
    kind: PolicyKind,
    shown: impl Fn(&VhostName, &Policy) -> Value,
) -> Vec<Value> {
    let of = |vhost: &VhostView| {
        let all = broker.list_policies(&vhost.name, kind).unwrap_or_default();
        all.iter().map(|one| shown(&vhost.name, one)).collect::<Vec<_>>()
    };
    vhosts.iter().flat_map(of).collect()
}

/// An operator policy is a parameter there.
fn operator_policy(vhost: &VhostName, policy: &Policy) -> Value {
    json!({
        "component": PolicyKind::Operator.as_str(),
        "name": policy.name(),
        "vhost": vhost.as_str(),
        "value": {
            "pattern": policy.pattern(),
            "apply-to": policy.apply_to().as_str(),
            "definition": object(policy.definition().table()),
            "priority": policy.priority(),
        },
    })
}

fn is_predeclared(name: &ExchangeName) -> bool {
    name.is_default() || name.as_str().starts_with("amq.")
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use broker::policy::PolicySpec;
    use broker::turn::Turn;
    use broker::{Login, Settings};
    use model::{
        DeclareMode, FieldTable, FieldValue, LinkId, QueueName, QueueSpec, UserName, VhostName,
    };

    use super::*;

    #[test]
    fn what_is_durable_is_exported_and_no_password() {
        let broker = Broker::new(Settings::default());
        let guest = UserName::parse("guest").unwrap();
        let login = Login { user: &guest, password: b"guest", vhost: None, is_loopback: true };
        let identity = broker.login(login).unwrap();
        let mut access = broker.enter(&identity, &VhostName::root(), LinkId(1)).unwrap();
        let mut turn = Turn::new(Instant::now());
        for (name, is_durable, is_exclusive) in
            [("kept", true, false), ("transient", false, false), ("mine", true, true)]
        {
            let name = QueueName::parse(name).unwrap();
            let spec = QueueSpec {
                name: Some(name.clone()),
                is_durable,
                is_exclusive,
                is_auto_delete: false,
                arguments: FieldTable::new(),
            };
            access.declare_queue(&mut turn, &spec, DeclareMode::Active).unwrap();
            let binding = Binding {
                source: ExchangeName::parse("amq.topic").unwrap(),
                destination: Destination::Queue(name),
                key: model::RoutingKey::parse(b"k").unwrap(),
                arguments: FieldTable::new(),
            };
            access.bind(&mut turn, &binding).unwrap();
        }
        for kind in [PolicyKind::Policy, PolicyKind::Operator] {
            let mut spec = PolicySpec { name: kind.as_str().to_owned(), ..PolicySpec::default() };
            spec.definition.set("max-length", FieldValue::I64(5));
            let policy = Policy::parse(kind, spec).unwrap();
            let made = broker.make_policies(&identity, &VhostName::root(), kind).unwrap();
            made.set(&mut turn, policy);
        }
        let text = definitions(&broker, "1");
        let all: Value = serde_json::from_str(&text).unwrap();
        let names = |of: &str, field: &str| -> Vec<String> {
            let list = all[of].as_array().unwrap();
            list.iter().map(|it| it[field].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names("vhosts", "name"), ["/"]);
        assert_eq!(names("users", "name"), ["guest"]);
        assert_eq!(names("permissions", "user"), ["guest"]);
        assert_eq!(names("queues", "name"), ["kept"]);
        assert_eq!(names("bindings", "destination"), ["kept"]);
        assert_eq!(all["exchanges"], json!([]));
        assert_eq!(names("policies", "name"), ["policy"]);
        let parameters = json!([{
            "component": "operator_policy", "name": "operator_policy", "vhost": "/",
            "value": {
                "pattern": "", "apply-to": "all", "priority": 0, "definition": {"max-length": 5},
            },
        }]);
        assert_eq!(all["parameters"], parameters);
    }
}
