//! Policies on paper: what they may say, whom they mean, and who wins.

use std::sync::Arc;

use model::{FieldTable, FieldValue, ShortString};

use super::*;

/// `max-length:5 overflow:drop-head`: numbers are whole ones, the rest texts.
fn table(words: &str) -> FieldTable {
    let entry = |word: &str| {
        let (name, value) = word.split_once(':').unwrap();
        let text = || FieldValue::string(value);
        (ShortString::truncated(name), value.parse().map_or_else(|_| text(), FieldValue::I64))
    };
    words.split_whitespace().map(entry).collect()
}

fn words(table: &FieldTable) -> String {
    let entry =
        |(name, value): (&ShortString, &FieldValue)| format!("{}:{value}", name.to_str_lossy());
    table.iter().map(entry).collect::<Vec<_>>().join(" ")
}

fn policy(kind: PolicyKind, name: &str, definition: &str) -> Result<Policy, PolicyError> {
    let (name, pattern) = (name.to_owned(), "^q".to_owned());
    let definition = table(definition);
    Policy::parse(kind, PolicySpec { name, pattern, definition, ..PolicySpec::default() })
}

#[track_caller]
fn refuses(kind: PolicyKind, definition: &str, text: &str) {
    let refused = policy(kind, "p", definition).unwrap_err().to_string();
    assert_eq!(refused, format!("Validation failed\n\n{text}\n"), "{definition}");
}

#[test]
fn a_value_that_cannot_be_is_refused_in_rabbitmqs_words() {
    let policy = PolicyKind::Policy;
    refuses(policy, "", "no policy provided");
    refuses(policy, "max-length:-1", "-1 is not a valid maximum length");
    refuses(policy, "max-length:x", "<<\"x\">> is not a valid maximum length");
    refuses(policy, "max-length-bytes:-1", "-1 is not a valid maximum length in bytes");
    refuses(policy, "message-ttl:-1", "-1 is not a valid message TTL");
    refuses(policy, "expires:0", "0 is not a valid queue expiry");
    refuses(policy, "overflow:x", "<<\"x\">> is not a valid overflow value");
    refuses(policy, "dead-letter-exchange:1", "1 is not a valid dead letter exchange name");
    refuses(policy, "dead-letter-routing-key:1", "1 is not a valid dead letter routing key");
    refuses(policy, "dead-letter-strategy:x", "<<\"x\">> is not a valid dead letter strategy");
    refuses(policy, "delivery-limit:x", "<<\"x\">> is not a valid delivery limit");
    refuses(policy, "alternate-exchange:1", "1 is not a valid alternate exchange name");
    refuses(policy, "queue-mode:x", "<<\"x\">> is not a valid queue-mode value");
    refuses(policy, "queue-version:3", "3 is not a valid queue-version value");
    refuses(policy, "max-age:x", "<<\"x\">> is not a valid max age");
    refuses(policy, "max-length:-1 message-ttl:-1", "-1 is not a valid maximum length");
}

#[test]
fn a_value_at_the_limit_is_taken() {
    for definition in [
        "max-length:0",
        "max-length-bytes:0",
        "message-ttl:0",
        "expires:1",
        "delivery-limit:-1",
        "queue-version:2",
        "max-age:1h",
        "message-ttl:9223372036854775807",
    ] {
        assert!(policy(PolicyKind::Policy, "p", definition).is_ok(), "{definition}");
    }
}

#[test]
fn unknown_keys_are_named_after_values_were_judged() {
    let unknown = "[{<<\"nix\">>,2},{<<\"nope\">>,1}] are not recognised policy settings";
    refuses(PolicyKind::Policy, "nope:1 nix:2 max-length:1", unknown);
    refuses(PolicyKind::Policy, "message-ttl:-1 nope:1", "-1 is not a valid message TTL");
    let mirrors = "[{<<\"ha-mode\">>,<<\"all\">>}] are not recognised policy settings";
    refuses(PolicyKind::Policy, "ha-mode:all", mirrors);
    let dead = "[{<<\"dead-letter-exchange\">>,<<\"x\">>}] are not recognised policy settings";
    refuses(PolicyKind::Operator, "dead-letter-exchange:x max-length:3", dead);
    assert!(policy(PolicyKind::Operator, "o", "overflow:drop-head max-length:3").is_ok());
}

#[test]
fn a_name_has_a_byte_at_least_and_255_at_most() {
    let named = |bytes| policy(PolicyKind::Policy, &"n".repeat(bytes), "max-length:1").is_ok();
    assert_eq!([0, 1, 255, 256].map(named), [false, true, true, false]);
}

#[test]
fn a_pattern_that_is_none_is_refused_with_the_reason() {
    let spec = PolicySpec {
        name: "p".to_owned(),
        pattern: "(".to_owned(),
        definition: table("max-length:1"),
        ..PolicySpec::default()
    };
    let refused = Policy::parse(PolicyKind::Policy, spec).unwrap_err().to_string();
    let begins = "Validation failed\n\npattern should be regular expression but is invalid: ";
    assert!(refused.starts_with(begins), "{refused}");
}

/// A policy and an operator policy together, then over the arguments of a queue of that type.
#[track_caller]
fn check(subject: Subject, [own, cap, arguments]: [&str; 3], both: &str, queue: &str) {
    let mut policies = Policies::default();
    for (kind, definition) in [(PolicyKind::Policy, own), (PolicyKind::Operator, cap)] {
        if !definition.is_empty() {
            policies.set(kind, Arc::new(policy(kind, "p", definition).unwrap()));
        }
    }
    let effective = policies.effective(subject, "q");
    assert_eq!(words(effective.definition.table()), both, "{own} / {cap}");
    assert_eq!(words(&effective.arguments(&table(arguments))), queue, "{own} / {cap} {arguments}");
}

#[test]
fn lower_numbers_win_and_words_by_their_key() {
    let (c, q, s) = (Subject::Classic, Subject::Quorum, Subject::Stream);
    check(c, ["", "", "x-max-length:5"], "", "x-max-length:5");
    check(c, ["max-length:3", "", ""], "max-length:3", "x-max-length:3");
    for key in ["max-length", "max-length-bytes", "message-ttl", "expires"] {
        let said = |number: u8| format!("{key}:{number}");
        let argument = |number| format!("x-{}", said(number));
        check(c, [&said(3), "", &argument(5)], &said(3), &argument(3));
        check(c, [&said(5), "", &argument(3)], &said(5), &argument(3));
        check(c, ["", &said(3), &argument(5)], &said(3), &argument(3));
        check(c, [&said(5), &said(3), ""], &said(3), &argument(3));
        check(q, [&said(3), &said(5), &argument(4)], &said(3), &argument(3));
    }
    check(
        s,
        ["max-length-bytes:5", "", "x-max-length-bytes:3"],
        "max-length-bytes:5",
        "x-max-length-bytes:5",
    );
    check(s, ["max-age:1h", "", "x-max-age:1D"], "max-age:1h", "x-max-age:1h");
    let (drop, reject) = ("overflow:drop-head", "overflow:reject-publish");
    check(c, [drop, reject, ""], reject, "x-overflow:reject-publish");
    check(c, [drop, "", "x-overflow:reject-publish"], drop, "x-overflow:reject-publish");
    check(q, [drop, "", "x-overflow:reject-publish"], drop, "x-overflow:drop-head");
    for key in ["dead-letter-exchange", "dead-letter-routing-key"] {
        let (policy, argument) = (format!("{key}:a"), format!("x-{key}:b"));
        check(c, [&policy, "", &argument], &policy, &argument);
        check(q, [&policy, "", ""], &policy, &format!("x-{policy}"));
    }
}

#[test]
fn a_negative_delivery_limit_is_none_and_loses_to_any() {
    let q = Subject::Quorum;
    for [own, cap, argument, both, outcome] in
        [[5, 3, 4, 3, 3], [-1, 3, 4, 3, 3], [5, -1, -1, 5, 5], [-1, -2, -1, -1, -1]]
    {
        let said = |limit: i8| format!("delivery-limit:{limit}");
        let asked = format!("x-{}", said(argument));
        let queue = format!("x-{}", said(outcome));
        check(q, [&said(own), &said(cap), &asked], &said(both), &queue);
    }
}

#[test]
fn one_key_that_a_type_does_not_have_keeps_the_whole_policy_from_it() {
    let both = "delivery-limit:3 max-length:1";
    check(Subject::Classic, [both, "", ""], "", "");
    check(Subject::Quorum, [both, "", ""], both, "x-delivery-limit:3 x-max-length:1");
    check(Subject::Quorum, ["queue-mode:lazy max-length:1", "", ""], "", "");
    check(Subject::Stream, ["max-length:1 max-age:1h", "", ""], "", "");
    // An exchange does not mind; a queue does not mind an alternate exchange.
    check(Subject::Exchange, ["max-age:1h", "", ""], "max-age:1h", "x-max-age:1h");
    let alternate = "alternate-exchange:x max-length:1";
    check(Subject::Classic, [alternate, "", ""], alternate, "x-max-length:1");
}

#[test]
fn a_policy_means_what_it_applies_to() {
    let subjects = [Subject::Exchange, Subject::Classic, Subject::Quorum, Subject::Stream];
    let means = |text: &str| subjects.map(|subject| ApplyTo::parse(text).unwrap().means(subject));
    assert_eq!(means("all"), [true; 4]);
    assert_eq!(means("exchanges"), [true, false, false, false]);
    assert_eq!(means("queues"), [false, true, true, true]);
    assert_eq!(means("classic_queues"), [false, true, false, false]);
    assert_eq!(means("quorum_queues"), [false, false, true, false]);
    assert_eq!(means("streams"), [false, false, false, true]);
    assert_eq!(ApplyTo::parse("everything"), None);
}
