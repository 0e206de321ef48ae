//! Destination rules: ordered lists per user and per tag, of which the first match decides.
//!
//! A rule that grants reading says nothing about writing, and the other way round; one that denies
//! speaks of both. Who has any list, and is matched by no rule, is denied.

use std::sync::Arc;

use model::{DestinationRule, Refusal, Right, RuleEffect, UserName, VhostName};

use super::place::Place;
use super::wildcard::Wildcard;

/// Whose list of rules it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleSubject {
    /// One user's.
    User(UserName),
    /// That of everybody with that tag.
    Tag(Box<str>),
}

/// The lists that a user is judged by: their own, then those of their tags in the order of the
/// tags.
#[derive(Clone, Debug, Default)]
pub(super) struct RuleLists(Box<[Arc<[DestinationRule]>]>);

impl FromIterator<Arc<[DestinationRule]>> for RuleLists {
    fn from_iter<I: IntoIterator<Item = Arc<[DestinationRule]>>>(lists: I) -> Self {
        Self(lists.into_iter().collect())
    }
}

impl RuleLists {
    /// Whether there are none: RabbitMQ's patterns alone judge.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Judges. Only reading and writing are ever judged by rules.
    ///
    /// # Errors
    ///
    /// [`Refusal::DestinationRefused`] if the first rule that matches denies it, or none matches.
    pub(super) fn judge(
        &self,
        right: Right,
        place: Place<'_>,
        user: &UserName,
        vhost: &VhostName,
    ) -> Result<(), Refusal> {
        if self.is_empty() || right == Right::Configure {
            return Ok(());
        }
        let refused = |rule: Option<&DestinationRule>| Refusal::DestinationRefused {
            right,
            destination: place.name(),
            vhost: vhost.clone(),
            user: user.clone(),
            rule: rule.cloned(),
        };
        for rule in self.0.iter().flat_map(|list| list.iter()) {
            let pattern = || Wildcard::of_rule(&rule.pattern, user, vhost);
            match (rule.effect, right) {
                (RuleEffect::Read, Right::Read) | (RuleEffect::Write, Right::Write)
                    if place.is_meant_by(&pattern()) =>
                {
                    return Ok(());
                }
                // A subscription to `/topic/#` must not bring what a rule denies by name.
                (RuleEffect::Deny, Right::Read) if place.brings_what_is_meant_by(&pattern()) => {
                    return Err(refused(Some(rule)));
                }
                (RuleEffect::Deny, Right::Write) if place.is_meant_by(&pattern()) => {
                    return Err(refused(Some(rule)));
                }
                _ => {}
            }
        }
        Err(refused(None))
    }
}

#[cfg(test)]
mod tests {
    use model::{ExchangeKind, ExchangeName};

    use super::*;

    fn lists(text: &str) -> RuleLists {
        let rule = |line: &str| {
            let (effect, pattern) = line.trim().split_once(' ').unwrap();
            let effect = match effect {
                "read" => RuleEffect::Read,
                "write" => RuleEffect::Write,
                _ => RuleEffect::Deny,
            };
            DestinationRule { pattern: pattern.to_owned(), effect }
        };
        text.split('|').map(|list| list.split(';').map(rule).collect()).collect()
    }

    /// `place` is `queue q`, or `direct x k` and the like with `-` for an empty name or key.
    fn check(rules: &str, right: Right, place: &str, expected: &str) {
        let words: Vec<&str> =
            place.split(' ').map(|word| if word == "-" { "" } else { word }).collect();
        let name;
        let place_of = match words.as_slice() {
            ["queue", queue] => Place::Queue(queue),
            [kind, exchange, key] => {
                name = ExchangeName::parse(exchange).unwrap();
                let kind = ExchangeKind::parse(kind).unwrap();
                Place::Exchange { name: &name, kind, key: key.as_bytes() }
            }
            _ => panic!("{place}"),
        };
        let user = UserName::parse("ann").unwrap();
        let found = match lists(rules).judge(right, place_of, &user, &VhostName::root()) {
            Ok(()) => "ok".to_owned(),
            Err(Refusal::DestinationRefused { destination, rule: None, .. }) => {
                format!("{destination}: no rule")
            }
            Err(Refusal::DestinationRefused { destination, rule: Some(rule), .. }) => {
                format!("{destination}: {rule}")
            }
            Err(other) => other.to_string(),
        };
        assert_eq!(found, expected, "{rules}; {right} {place}");
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let rules = "deny /queue/user.bob.*; read /queue/user.*; write /exchange/notifications*";
        check(rules, Right::Read, "queue user.ann.1", "ok");
        check(rules, Right::Read, "queue user.bob.1", "/queue/user.bob.1: deny /queue/user.bob.*");
        check(rules, Right::Write, "queue user.ann.1", "/queue/user.ann.1: no rule");
        check(rules, Right::Write, "fanout notifications -", "ok");
        check(rules, Right::Write, "topic notifications all.x", "ok");
        check(
            rules,
            Right::Read,
            "topic notifications all",
            "/exchange/notifications/all: no rule",
        );
        check("read /queue/a|write /queue/a", Right::Write, "direct - a", "ok");
        check("read /queue/a|write /queue/a", Right::Configure, "queue b", "ok");
    }

    #[test]
    fn variables_stand_for_the_session() {
        let rules = "read /queue/{vhost}.{username}.*";
        check(rules, Right::Read, "queue /.ann.x", "ok");
        check(rules, Right::Read, "queue /.bob.x", "/queue/%2F.bob.x: no rule");
    }

    #[test]
    fn a_place_is_meant_by_each_of_its_spellings() {
        check("read /topic/a.*", Right::Read, "topic amq.topic a.b", "ok");
        check("read /exchange/amq.topic/a.*", Right::Read, "topic amq.topic a.b", "ok");
        check("read /topic/a.*", Right::Read, "topic other a.b", "/exchange/other/a.b: no rule");
        check("write /amq/queue/q", Right::Write, "direct - q", "ok");
        check("write /exchange/f", Right::Write, "fanout f key", "ok");
        check(
            "deny /exchange/f; read *",
            Right::Read,
            "fanout f k",
            "/exchange/f/k: deny /exchange/f",
        );
        check("write /exchange/d", Right::Write, "direct d key", "/exchange/d/key: no rule");
        check("read /exchange/a/*", Right::Read, "direct a/b c", "/exchange/a%2Fb/c: no rule");
    }

    #[test]
    fn a_wildcard_subscription_does_not_pass_by_a_denial() {
        let rules = "deny /topic/admin*; read /topic/*";
        check(rules, Right::Read, "topic amq.topic news.#", "ok");
        check(rules, Right::Read, "topic amq.topic #", "/topic/#: deny /topic/admin*");
        check(rules, Right::Read, "topic amq.topic *.x", "/topic/*.x: deny /topic/admin*");
        // On a direct exchange a `#` is a character.
        check("deny /exchange/d/a; read *", Right::Read, "direct d #", "ok");
    }
}
