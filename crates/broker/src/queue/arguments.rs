//! The arguments of a queue's declare: which are known, which values they may have.
//!
//! Source: RabbitMQ; `amqp.md` §5.3 and §5.4 of the specification sheets. What is not known is
//! kept and has no meaning.

use std::time::Duration;

use model::{
    ExchangeName, FieldTable, FieldValue, QueueName, QueueSpec, Refusal, Resource, RoutingKey,
    VhostName,
};

use super::age;
use super::limits::{DeadLetterTarget, Limits, Overflow, QueueKind};

/// The longest time to live or lease, in milliseconds: ten years. Source: RabbitMQ.
const EXPIRY_MS_MAX: i64 = 315_360_000_000;

/// The largest segment of a stream, in bytes. Source: RabbitMQ.
const SEGMENT_BYTES_MAX: i64 = 3_000_000_000;
const SEGMENT_SIZE: &str = "x-stream-max-segment-size-bytes";

/// The sizes of a stream's filters, in bytes. Source: RabbitMQ. They mean nothing here.
const FILTER_BYTES_MIN: i64 = 16;
const FILTER_BYTES_MAX: i64 = 255;
const FILTER_SIZE: &str = "x-stream-filter-size-bytes";

/// How often a quorum queue lets a message return, if its declarer does not say.
///
/// Source: RabbitMQ 4.0, "Quorum Queues: delivery limit".
const RETURNS_MAX_DEFAULT: u32 = 20;

/// What a declare amounts to.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) kind: QueueKind,
    pub(super) limits: Limits,
    /// As given, with the resolved `x-queue-type`.
    pub(super) arguments: FieldTable,
}

/// An argument that some kind of queue knows.
struct Known {
    key: &'static str,
    check: Check,
    kinds: &'static [QueueKind],
}

/// What values an argument may have.
#[derive(Clone, Copy)]
enum Check {
    Expiry { min_ms: i64 },
    Whole { min: i64 },
    AnyWhole,
    Priority,
    Truth,
    OneOf(&'static [&'static str], &'static str),
    DeadLetterExchange,
    DeadLetterKey,
    Version,
    Age,
    Anything,
}

use Check::{AnyWhole, Anything, Expiry, OneOf, Whole};

const C: QueueKind = QueueKind::Classic;
const Q: QueueKind = QueueKind::Quorum;
const S: QueueKind = QueueKind::Stream;

const OVERFLOWS: Check =
    OneOf(&["drop-head", "reject-publish", "reject-publish-dlx"], "invalid_overflow");
const STRATEGIES: Check = OneOf(&["at-most-once", "at-least-once"], "invalid_dlx_strategy");
const LOCATORS: Check = OneOf(
    &["client-local", "balanced", "random", "least-leaders", "min-masters"],
    "invalid_queue_locator_arg",
);

#[rustfmt::skip]
const KNOWN: [Known; 24] = [
    Known { key: "x-queue-type", check: Anything, kinds: &[C, Q, S] },
    Known { key: "x-expires", check: Expiry { min_ms: 1 }, kinds: &[C, Q] },
    Known { key: "x-message-ttl", check: Expiry { min_ms: 0 }, kinds: &[C, Q] },
    Known { key: "x-dead-letter-exchange", check: Check::DeadLetterExchange, kinds: &[C, Q] },
    Known { key: "x-dead-letter-routing-key", check: Check::DeadLetterKey, kinds: &[C, Q] },
    Known { key: "x-dead-letter-strategy", check: STRATEGIES, kinds: &[Q] },
    Known { key: "x-max-length", check: Whole { min: 0 }, kinds: &[C, Q] },
    Known { key: "x-max-length-bytes", check: Whole { min: 0 }, kinds: &[C, Q, S] },
    Known { key: "x-max-in-memory-length", check: Whole { min: 0 }, kinds: &[Q] },
    Known { key: "x-max-in-memory-bytes", check: Whole { min: 0 }, kinds: &[Q] },
    Known { key: "x-max-priority", check: Check::Priority, kinds: &[C] },
    Known { key: "x-overflow", check: OVERFLOWS, kinds: &[C, Q] },
    Known { key: "x-queue-mode", check: Anything, kinds: &[C] },
    Known { key: "x-queue-version", check: Check::Version, kinds: &[C] },
    Known { key: "x-single-active-consumer", check: Check::Truth, kinds: &[C, Q] },
    Known { key: "x-queue-master-locator", check: Anything, kinds: &[C] },
    Known { key: "x-queue-leader-locator", check: LOCATORS, kinds: &[C, Q, S] },
    Known { key: "x-delivery-limit", check: AnyWhole, kinds: &[Q] },
    Known { key: "x-quorum-initial-group-size", check: Whole { min: 1 }, kinds: &[Q] },
    Known { key: "x-consumer-timeout", check: Whole { min: 0 }, kinds: &[Q] },
    Known { key: "x-max-age", check: Check::Age, kinds: &[S] },
    Known { key: SEGMENT_SIZE, check: Whole { min: 0 }, kinds: &[S] },
    Known { key: FILTER_SIZE, check: Whole { min: 0 }, kinds: &[S] },
    Known { key: "x-initial-cluster-size", check: Whole { min: 1 }, kinds: &[S] },
];

/// The arguments that matter when a queue of that kind is declared again.
pub(super) fn known_to(kind: QueueKind) -> impl Iterator<Item = &'static str> {
    KNOWN.iter().filter(move |known| known.kinds.contains(&kind)).map(|known| known.key)
}

/// The arguments with `x-queue-type` said, as RabbitMQ 4 stores and compares them.
pub(super) fn with_kind(arguments: &FieldTable) -> FieldTable {
    let mut arguments = arguments.clone();
    let given = arguments.get("x-queue-type").and_then(FieldValue::as_string);
    if matches!(given, None | Some(b"" | b"undefined")) && !has_other_kind(&arguments) {
        arguments.set("x-queue-type", FieldValue::string(QueueKind::default().as_str()));
    }
    arguments
}

fn has_other_kind(arguments: &FieldTable) -> bool {
    arguments.get("x-queue-type").is_some_and(|value| value.as_string().is_none())
}

/// Reads a declare.
///
/// # Errors
///
/// [`Refusal::InvalidArgument`] for a value that cannot be; [`Refusal::PreconditionFailed`] for an
/// argument or flag that queues of that kind do not have.
pub(super) fn accept(
    vhost: &VhostName,
    name: &QueueName,
    spec: &QueueSpec,
) -> Result<Declared, Refusal> {
    let arguments = with_kind(&spec.arguments);
    let invalid = |argument: &str, reason: String| Refusal::InvalidArgument {
        argument: argument.into(),
        resource: Resource::Queue(name.clone()),
        vhost: vhost.clone(),
        reason: reason.into(),
    };
    check_exchange(vhost, name, &arguments)?;
    let kind = kind(&arguments).map_err(|reason| invalid("x-queue-type", reason))?;
    for known in KNOWN.iter().filter(|known| known.kinds.contains(&kind)) {
        if let Some(value) = arguments.get(known.key) {
            check(known.check, value, &arguments).map_err(|reason| invalid(known.key, reason))?;
        }
    }
    let is_strange =
        |known: &&Known| !known.kinds.contains(&kind) && arguments.get(known.key).is_some();
    if let Some(strange) = KNOWN.iter().find(is_strange) {
        let text = format!(
            "invalid arg '{}' for queue '{name}' in vhost '{vhost}' of queue type {}",
            strange.key,
            kind.module()
        );
        return Err(Refusal::PreconditionFailed(text.into()));
    }
    check_flags(vhost, name, kind, spec)?;
    check_sizes(&arguments)?;
    Ok(Declared { kind, limits: limits(kind, &arguments), arguments })
}

/// RabbitMQ asks for rights on the dead-letter exchange first and so stumbles over its type there.
fn check_exchange(
    vhost: &VhostName,
    name: &QueueName,
    arguments: &FieldTable,
) -> Result<(), Refusal> {
    let key = "x-dead-letter-exchange";
    match arguments.get(key) {
        Some(value) if value.as_string().is_none() => {
            let kind = value.type_name();
            let text = format!(
                "invalid type '{kind}' for arg '{key}' in queue '{name}' in vhost '{vhost}'"
            );
            Err(Refusal::PreconditionFailed(text.into()))
        }
        _ => Ok(()),
    }
}

fn check_flags(
    vhost: &VhostName,
    name: &QueueName,
    kind: QueueKind,
    spec: &QueueSpec,
) -> Result<(), Refusal> {
    if kind == QueueKind::Classic {
        return Ok(());
    }
    let property = match spec {
        QueueSpec { name: None, .. } => {
            let text = format!("Cannot declare a server-named queue for type {}", kind.module());
            return Err(Refusal::PreconditionFailed(text.into()));
        }
        QueueSpec { is_exclusive: true, .. } => "exclusive-owner",
        QueueSpec { is_auto_delete: true, .. } => "auto-delete",
        QueueSpec { is_durable: false, .. } => "non-durable",
        _ => return Ok(()),
    };
    let text = format!("invalid property '{property}' for queue '{name}' in vhost '{vhost}'");
    Err(Refusal::PreconditionFailed(text.into()))
}

/// What RabbitMQ asks only once it makes a stream; no other kind of queue has these arguments.
fn check_sizes(arguments: &FieldTable) -> Result<(), Refusal> {
    let size = |key| arguments.get(key).and_then(FieldValue::as_integer);
    let text = match (size(SEGMENT_SIZE), size(FILTER_SIZE)) {
        (Some(bytes), _) if bytes > SEGMENT_BYTES_MAX => {
            format!("Exceeded max value for {SEGMENT_SIZE}")
        }
        (_, Some(bytes)) if !(FILTER_BYTES_MIN..=FILTER_BYTES_MAX).contains(&bytes) => {
            format!("Invalid value for {FILTER_SIZE}")
        }
        _ => return Ok(()),
    };
    Err(Refusal::PreconditionFailed(text.into()))
}

fn kind(arguments: &FieldTable) -> Result<QueueKind, String> {
    match arguments.get("x-queue-type") {
        None => Ok(QueueKind::default()),
        Some(value) => {
            let text = value.as_str().ok_or_else(|| unacceptable(value))?;
            let unsupported = || quoted(&format!("unsupported queue type '{text}'"));
            QueueKind::parse(text).ok_or_else(unsupported)
        }
    }
}

/// Judges a value; the error is the reason in RabbitMQ's terms.
fn check(check: Check, value: &FieldValue, arguments: &FieldTable) -> Result<(), String> {
    match check {
        Check::Expiry { min_ms } => whole(value, min_ms, Some(("value_too_large", EXPIRY_MS_MAX))),
        Check::Whole { min } => whole(value, min, None),
        Check::AnyWhole => whole(value, i64::MIN, None),
        Check::Priority => whole(value, 0, Some(("max_value_exceeded", i64::from(u8::MAX)))),
        Check::Truth => value.as_bool().map(drop).ok_or_else(|| unacceptable(value)),
        Check::OneOf(choices, reason) => {
            let text = value.as_string().ok_or_else(|| unacceptable(value))?;
            let is_one = choices.iter().any(|choice| choice.as_bytes() == text);
            is_one.then_some(()).ok_or_else(|| reason.to_owned())
        }
        Check::DeadLetterExchange => is_name(value),
        Check::DeadLetterKey => {
            is_name(value)?;
            let has_exchange = arguments.get("x-dead-letter-exchange").is_some();
            let reason = || "routing_key_but_no_dlx_defined".to_owned();
            has_exchange.then_some(()).ok_or_else(reason)
        }
        Check::Version => {
            whole(value, i64::MIN, None)?;
            let is_known = matches!(value.as_integer(), Some(1 | 2));
            let reason = || quoted(&format!("unsupported queue version '{value}'"));
            is_known.then_some(()).ok_or_else(reason)
        }
        Check::Age => {
            let text = value.as_str().ok_or_else(|| unacceptable(value))?;
            age::parse(text).map(drop).ok_or_else(|| "invalid_max_age".to_owned())
        }
        Check::Anything => Ok(()),
    }
}

fn whole(value: &FieldValue, min: i64, max: Option<(&str, i64)>) -> Result<(), String> {
    let found = value
        .as_integer()
        .ok_or_else(|| quoted(&format!("expected integer, got {}", value.type_name())))?;
    match max {
        Some((reason, max)) if found > max => Err(format!("{{{reason},{found}}}")),
        _ if found >= min => Ok(()),
        _ if found == 0 => Err("{value_zero,0}".to_owned()),
        _ => Err(format!("{{value_negative,{found}}}")),
    }
}

/// A long string that is short enough to name an exchange or be a key.
fn is_name(value: &FieldValue) -> Result<(), String> {
    let bytes = value.as_string().ok_or_else(|| unacceptable(value))?;
    (bytes.len() <= model::name::NAME_BYTES_MAX && std::str::from_utf8(bytes).is_ok())
        .then_some(())
        .ok_or_else(|| unacceptable(value))
}

fn unacceptable(value: &FieldValue) -> String {
    format!("{{unacceptable_type,{}}}", value.type_name())
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// What checked arguments amount to.
pub(super) fn limits(kind: QueueKind, arguments: &FieldTable) -> Limits {
    let whole = |key| arguments.get(key).and_then(FieldValue::as_integer);
    let count = |key| whole(key).and_then(|value| u64::try_from(value).ok());
    let text = |key| arguments.get(key).and_then(FieldValue::as_str);
    let overflow = text("x-overflow").and_then(Overflow::parse).unwrap_or_default();
    let exchange = text("x-dead-letter-exchange").and_then(|it| ExchangeName::parse(it).ok());
    let key = text("x-dead-letter-routing-key");
    Limits {
        message_ttl: count("x-message-ttl").map(Duration::from_millis),
        lease: count("x-expires").map(Duration::from_millis),
        messages_max: count("x-max-length"),
        bytes_max: count("x-max-length-bytes"),
        overflow: match (kind, overflow) {
            // Source: RabbitMQ, "Quorum Queues": accepted there, and means the default.
            (QueueKind::Quorum, Overflow::RejectPublishDeadLetter) => Overflow::DropHead,
            (_, overflow) => overflow,
        },
        dead_letter: exchange.map(|exchange| DeadLetterTarget {
            exchange,
            key: key.and_then(|key| RoutingKey::parse(key.as_bytes()).ok()),
        }),
        priority_max: whole("x-max-priority")
            .map(|max| u8::try_from(max).unwrap_or(u8::MAX).max(1)),
        is_single_active: arguments
            .get("x-single-active-consumer")
            .and_then(FieldValue::as_bool)
            .unwrap_or_default(),
        returns_max: match (kind, whole("x-delivery-limit")) {
            (QueueKind::Quorum, None) => Some(RETURNS_MAX_DEFAULT),
            // A negative limit is none.
            (QueueKind::Quorum, Some(limit)) => u32::try_from(limit).ok(),
            _ => None,
        },
        age_max: text("x-max-age").and_then(age::parse),
        segment_bytes: count(SEGMENT_SIZE),
    }
}

#[cfg(test)]
mod tests;
