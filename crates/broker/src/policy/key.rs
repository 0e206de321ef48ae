//! What a policy can say: each key with its values, what cannot have it, and who wins when an
//! operator policy or the arguments of a declare say something else.
//!
//! Source: RabbitMQ 4.2, "Policies"; `amqp.md` §9.2 of the specification sheets.

use model::FieldValue;

use super::subject::Subject;
use super::term::Term;

/// A key of definitions.
#[derive(Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
    values: Values,
    /// What the value is, in RabbitMQ's texts: "… is not a valid …".
    noun: &'static str,
    /// A policy with this key does not apply at all to a queue of these types.
    strangers: &'static [Subject],
    /// What an operator policy does to a policy; `None` has no place in one.
    operator: Option<Winner>,
    /// What it does to the argument of the same name, with `x-` before it.
    argument: Option<Winner>,
}

/// Which values a key can have.
#[derive(Clone, Copy)]
enum Values {
    Whole { min: i64 },
    AnyWhole,
    Text,
    OneOf(&'static [&'static str]),
    Version,
    Age,
}

/// Which of two values counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Winner {
    /// The lower number.
    Lower,
    /// The lower number, but the higher one if either is negative, which means none.
    LowerCount,
    /// The stronger word: the operator's against a policy's, a policy's against an argument's.
    Strong,
    /// The weaker word: an argument's against a policy's.
    Weak,
    /// In a quorum queue as [`Self::Strong`], else as [`Self::Weak`].
    StrongInQuorum,
    /// In a stream as [`Self::Strong`], else as [`Self::Lower`].
    StrongInStream,
}

use Subject::{Classic, Quorum, Stream};
use Values::{AnyWhole, OneOf, Text, Whole};
use Winner::{Lower, LowerCount, Strong, StrongInQuorum, StrongInStream, Weak};

const COUNT: Values = Whole { min: 0 };
const OVERFLOWS: Values = OneOf(&["drop-head", "reject-publish", "reject-publish-dlx"]);
const STRATEGIES: Values = OneOf(&["at-most-once", "at-least-once"]);
const MODES: Values = OneOf(&["default", "lazy"]);
const LEADERS: Values =
    OneOf(&["client-local", "balanced", "random", "least-leaders", "min-masters"]);
const MASTERS: Values = OneOf(&["client-local", "random", "min-masters"]);

const OF_QUORUM: &[Subject] = &[Classic, Stream];
const OF_STREAM: &[Subject] = &[Classic, Quorum];

const KEYS: [Key; 26] = [
    key("alternate-exchange", Text, "alternate exchange name"),
    key("consumer-timeout", COUNT, "consumer timeout").capped_by(Lower).over(Lower),
    key("dead-letter-exchange", Text, "dead letter exchange name").not_of(&[Stream]).over(Weak),
    key("dead-letter-routing-key", Text, "dead letter routing key").not_of(&[Stream]).over(Weak),
    key("dead-letter-strategy", STRATEGIES, "dead letter strategy").not_of(OF_QUORUM).over(Weak),
    key("delivery-limit", AnyWhole, "delivery limit")
        .not_of(OF_QUORUM)
        .capped_by(LowerCount)
        .over(LowerCount),
    key("expires", Whole { min: 1 }, "queue expiry").not_of(&[Stream]).capped_by(Lower).over(Lower),
    key("federation-upstream", Text, "federation upstream name"),
    key("federation-upstream-pattern", Text, "federation upstream pattern"),
    key("federation-upstream-set", Text, "federation upstream set name"),
    key("initial-cluster-size", COUNT, "cluster size").not_of(OF_STREAM).over(Strong),
    key("max-age", Values::Age, "max age").not_of(OF_STREAM).over(Strong),
    key("max-in-memory-bytes", COUNT, "maximum memory in bytes")
        .not_of(OF_QUORUM)
        .capped_by(Lower)
        .over(Lower),
    key("max-in-memory-length", COUNT, "maximum memory in bytes")
        .not_of(OF_QUORUM)
        .capped_by(Lower)
        .over(Lower),
    key("max-length", COUNT, "maximum length").not_of(&[Stream]).capped_by(Lower).over(Lower),
    key("max-length-bytes", COUNT, "maximum length in bytes").capped_by(Lower).over(StrongInStream),
    key("message-ttl", COUNT, "message TTL").not_of(&[Stream]).capped_by(Lower).over(Lower),
    key("overflow", OVERFLOWS, "overflow value")
        .not_of(&[Stream])
        .capped_by(Strong)
        .over(StrongInQuorum),
    key("queue-leader-locator", LEADERS, "queue leader locator value").over(Strong),
    key("queue-master-locator", MASTERS, "queue master locator value").not_of(&[Quorum]).over(Weak),
    key("queue-mode", MODES, "queue-mode value").not_of(&[Quorum, Stream]).over(Weak),
    key("queue-version", Values::Version, "queue-version value").capped_by(Strong).over(Weak),
    key("quorum-initial-group-size", COUNT, "quorum group size").not_of(OF_QUORUM).over(Strong),
    key("stream-filter-size-bytes", COUNT, "filter size").not_of(OF_STREAM).over(Strong),
    key("stream-max-segment-size-bytes", COUNT, "segment size").not_of(OF_STREAM).over(Strong),
    key("target-group-size", COUNT, "target group size")
        .not_of(OF_QUORUM)
        .capped_by(Lower)
        .over(Lower),
];

/// A key of policies that no type of queue minds and no argument says.
const fn key(name: &'static str, values: Values, noun: &'static str) -> Key {
    Key { name, values, noun, strangers: &[], operator: None, argument: None }
}

impl Key {
    const fn not_of(self, strangers: &'static [Subject]) -> Self {
        Self { strangers, ..self }
    }

    const fn capped_by(self, winner: Winner) -> Self {
        Self { operator: Some(winner), ..self }
    }

    const fn over(self, winner: Winner) -> Self {
        Self { argument: Some(winner), ..self }
    }

    /// A key by its name.
    pub(super) fn find(name: &[u8]) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name.as_bytes() == name)
    }

    /// What an operator policy does to a policy; `None` has no place in one.
    pub(super) fn operator(&self) -> Option<Winner> {
        self.operator
    }

    /// What it does to an argument; `None` has no such argument.
    pub(super) fn argument(&self) -> Option<Winner> {
        self.argument
    }

    /// Whether a policy with this key can apply to that.
    pub(super) fn suits(&self, subject: Subject) -> bool {
        !self.strangers.contains(&subject)
    }

    /// Judges a value; the error is RabbitMQ's text.
    pub(super) fn check(&self, value: &FieldValue) -> Result<(), String> {
        let is_one_of = |words: &[&str]| value.as_str().is_some_and(|text| words.contains(&text));
        let is_valid = match self.values {
            Whole { min } => value.as_integer().is_some_and(|number| number >= min),
            AnyWhole => value.as_integer().is_some(),
            Text => value.as_str().is_some(),
            OneOf(words) => is_one_of(words),
            Values::Version => matches!(value.as_integer(), Some(1 | 2)),
            Values::Age => value.as_str().is_some_and(is_age),
        };
        let failed = || format!("{} is not a valid {}", Term(value), self.noun);
        is_valid.then_some(()).ok_or_else(failed)
    }
}

/// A number above zero and a unit: years, months, days, hours, minutes, seconds.
fn is_age(text: &str) -> bool {
    let digits = text.strip_suffix(['Y', 'M', 'D', 'h', 'm', 's']);
    digits.is_some_and(|digits| digits.parse::<u32>().is_ok_and(|count| count > 0))
}

impl Winner {
    /// Which of two values counts in that: the `strong` one is the operator's against a policy's,
    /// a policy's against an argument's.
    pub(super) fn of<'a>(
        self,
        subject: Subject,
        weak: &'a FieldValue,
        strong: &'a FieldValue,
    ) -> &'a FieldValue {
        let by_number =
            |is_better: fn(i64, i64) -> bool| match (weak.as_integer(), strong.as_integer()) {
                (Some(one), Some(other)) if is_better(one, other) => weak,
                _ => strong,
            };
        let is_lower = |one, other| one < other;
        let strong_if = |is_strong| if is_strong { strong } else { weak };
        match self {
            Lower => by_number(is_lower),
            LowerCount => by_number(|one, other| match one < 0 || other < 0 {
                true => one > other,
                false => one < other,
            }),
            Strong => strong,
            Weak => weak,
            StrongInQuorum => strong_if(subject == Quorum),
            StrongInStream if subject == Stream => strong,
            StrongInStream => by_number(is_lower),
        }
    }
}
