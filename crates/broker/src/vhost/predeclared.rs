//! The exchanges that every vhost is born with. Source: RabbitMQ, "Exchanges: predeclared".

use model::{ExchangeKind, ExchangeName, ExchangeSpec, FieldTable};

const PREDECLARED: [(&str, ExchangeKind, bool); 7] = [
    ("", ExchangeKind::Direct, false),
    ("amq.direct", ExchangeKind::Direct, false),
    ("amq.fanout", ExchangeKind::Fanout, false),
    ("amq.headers", ExchangeKind::Headers, false),
    ("amq.match", ExchangeKind::Headers, false),
    ("amq.rabbitmq.trace", ExchangeKind::Topic, true),
    ("amq.topic", ExchangeKind::Topic, false),
];

/// The exchanges that every vhost is born with.
pub(super) fn exchanges() -> impl Iterator<Item = (ExchangeSpec, ExchangeKind)> {
    PREDECLARED.into_iter().filter_map(|(name, kind, is_internal)| {
        let spec = ExchangeSpec {
            name: ExchangeName::parse(name).ok()?,
            kind: kind.as_str().into(),
            is_durable: true,
            is_auto_delete: false,
            is_internal,
            arguments: FieldTable::new(),
        };
        Some((spec, kind))
    })
}
