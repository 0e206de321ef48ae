//! Declaring queues and declaring them again. Numbers in brackets are those of `amqp.md` §13.

use std::time::Instant;

use model::{FieldTable, FieldValue, LinkId, QueueName, QueueSpec, VhostName};

use crate::queue::handle::Queue;
use crate::turn::Turn;

/// `x-max-length=5 x-overflow=drop-head durable`: numbers are 64-bit, `i32:5` is a 32-bit one.
fn spec(words: &str) -> QueueSpec {
    let mut arguments = FieldTable::new();
    for (key, value) in words.split_whitespace().filter_map(|word| word.split_once('=')) {
        let value = match (value, value.strip_prefix("i32:")) {
            (_, Some(number)) => FieldValue::I32(number.parse().unwrap()),
            ("true", _) => FieldValue::Bool(true),
            (text, _) => text.parse().map_or_else(|_| FieldValue::string(text), FieldValue::I64),
        };
        arguments.set(key, value);
    }
    let has = |flag| words.split_whitespace().any(|word| word == flag);
    QueueSpec {
        name: (!has("unnamed")).then(|| QueueName::parse("q").unwrap()),
        is_durable: has("durable"),
        is_exclusive: has("exclusive"),
        is_auto_delete: has("auto-delete"),
        arguments,
    }
}

/// Declares a queue, perhaps `later` again by link 1 or another, and says how the last of it went.
#[track_caller]
fn check(first: &str, later: Option<&str>, expected: &str) {
    let mut turn = Turn::new(Instant::now());
    let name = QueueName::parse("q").unwrap();
    let created =
        Queue::create(&mut turn, &VhostName::root(), name, Some(LinkId(1)), &spec(first), None);
    let outcome = created.and_then(|queue| match later {
        Some(later) => {
            let link = LinkId(if later.contains("stranger") { 2 } else { 1 });
            queue.check_equivalent(Some(link), &spec(later))
        }
        None => Ok(()),
    });
    let outcome = outcome.map_or_else(|refusal| refusal.to_string(), |()| "ok".to_owned());
    assert_eq!(outcome, expected, "{first} / {later:?}");
}

#[track_caller]
fn check_invalid(first: &str, key: &str, reason: &str) {
    check(first, None, &format!("invalid arg '{key}' for queue 'q' in vhost '/': {reason}"));
}

/// (62)
#[test]
fn values_that_cannot_be_are_refused_in_rabbitmqs_terms() {
    check_invalid("x-message-ttl=-5", "x-message-ttl", "{value_negative,-5}");
    check_invalid("x-message-ttl=315360000001", "x-message-ttl", "{value_too_large,315360000001}");
    check_invalid("x-message-ttl=soon", "x-message-ttl", "\"expected integer, got longstr\"");
    check_invalid("x-expires=0", "x-expires", "{value_zero,0}");
    check_invalid("x-expires=-1", "x-expires", "{value_negative,-1}");
    check_invalid("x-max-length=-1", "x-max-length", "{value_negative,-1}");
    check_invalid(
        "x-max-length-bytes=true",
        "x-max-length-bytes",
        "\"expected integer, got bool\"",
    );
    check_invalid("x-max-priority=256", "x-max-priority", "{max_value_exceeded,256}");
    check_invalid("x-overflow=explode", "x-overflow", "invalid_overflow");
    // For topic subscriptions only.
    check_invalid("x-overflow=disconnect", "x-overflow", "invalid_overflow");
    check_invalid("x-overflow=1", "x-overflow", "{unacceptable_type,long}");
    check_invalid(
        "x-single-active-consumer=1",
        "x-single-active-consumer",
        "{unacceptable_type,long}",
    );
    check_invalid("x-queue-type=fast", "x-queue-type", "\"unsupported queue type 'fast'\"");
    check_invalid("x-queue-type=1", "x-queue-type", "{unacceptable_type,long}");
    check_invalid("x-queue-version=3", "x-queue-version", "\"unsupported queue version '3'\"");
    check_invalid(
        "x-queue-leader-locator=near",
        "x-queue-leader-locator",
        "invalid_queue_locator_arg",
    );
    let key = "x-dead-letter-routing-key";
    check_invalid("x-dead-letter-routing-key=k", key, "routing_key_but_no_dlx_defined");
    check(
        "x-dead-letter-exchange=5",
        None,
        "invalid type 'long' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'",
    );
    let quorum = "durable x-queue-type=quorum";
    let key = "x-quorum-initial-group-size";
    check_invalid(&format!("{quorum} {key}=0"), key, "{value_zero,0}");
    let key = "x-dead-letter-strategy";
    check_invalid(&format!("{quorum} {key}=never"), key, "invalid_dlx_strategy");
    let stream = "durable x-queue-type=stream";
    check_invalid(&format!("{stream} x-max-age=1x"), "x-max-age", "invalid_max_age");
    check_invalid(&format!("{stream} x-max-age=0D"), "x-max-age", "invalid_max_age");
}

#[test]
fn values_at_their_bounds_are_taken() {
    check("x-message-ttl=0 x-expires=1 x-max-length=0 x-max-priority=255", None, "ok");
    check("x-message-ttl=315360000000 x-max-priority=0 x-queue-version=2", None, "ok");
    check("x-queue-type= x-dead-letter-exchange= x-dead-letter-routing-key=k", None, "ok");
}

/// (63, 64)
#[test]
fn an_argument_of_another_kind_is_refused_and_an_unknown_one_is_kept() {
    let text =
        |key, kind| format!("invalid arg '{key}' for queue 'q' in vhost '/' of queue type {kind}");
    check("x-max-age=1D", None, &text("x-max-age", "rabbit_classic_queue"));
    check("x-delivery-limit=5", None, &text("x-delivery-limit", "rabbit_classic_queue"));
    let quorum = "durable x-queue-type=quorum x-max-priority=5";
    check(quorum, None, &text("x-max-priority", "rabbit_quorum_queue"));
    let stream = "durable x-queue-type=stream x-overflow=drop-head";
    check(stream, None, &text("x-overflow", "rabbit_stream_queue"));
    check("x-foo=1", Some(""), "ok");
}

/// (66)
#[test]
fn a_quorum_queue_is_durable_shared_and_named() {
    let text = |property| format!("invalid property '{property}' for queue 'q' in vhost '/'");
    check("x-queue-type=quorum", None, &text("non-durable"));
    check("durable auto-delete x-queue-type=quorum", None, &text("auto-delete"));
    check("durable exclusive x-queue-type=quorum", None, &text("exclusive-owner"));
    check(
        "durable unnamed x-queue-type=quorum",
        None,
        "Cannot declare a server-named queue for type rabbit_quorum_queue",
    );
    check("durable x-queue-type=quorum x-delivery-limit=-1", None, "ok");
}

#[test]
fn a_stream_is_durable_shared_and_named_and_its_sizes_have_bounds() {
    let text = |property| format!("invalid property '{property}' for queue 'q' in vhost '/'");
    check("x-queue-type=stream", None, &text("non-durable"));
    check("durable auto-delete x-queue-type=stream", None, &text("auto-delete"));
    check("durable exclusive x-queue-type=stream", None, &text("exclusive-owner"));
    check(
        "durable unnamed x-queue-type=stream",
        None,
        "Cannot declare a server-named queue for type rabbit_stream_queue",
    );
    let stream = "durable x-queue-type=stream x-max-age=7D x-max-length-bytes=0";
    let segment = "x-stream-max-segment-size-bytes";
    check(&format!("{stream} {segment}=3000000000"), None, "ok");
    let exceeded = "Exceeded max value for x-stream-max-segment-size-bytes";
    check(&format!("{stream} {segment}=3000000001"), None, exceeded);
    check_invalid(&format!("{stream} {segment}=-1"), segment, "{value_negative,-1}");
    let filter = "x-stream-filter-size-bytes";
    let invalid = "Invalid value for x-stream-filter-size-bytes";
    for (bytes, outcome) in [(15, invalid), (16, "ok"), (255, "ok"), (256, invalid)] {
        check(&format!("{stream} {filter}={bytes}"), None, outcome);
    }
}

/// (47, 48, 49)
#[test]
fn a_declare_that_says_something_else_is_told_what_differs() {
    let text = |key, received, current| {
        format!(
            "inequivalent arg '{key}' for queue 'q' in vhost '/': \
             received {received} but current is {current}"
        )
    };
    check("durable", Some("durable"), "ok");
    check("durable", Some(""), &text("durable", "'false'", "'true'"));
    check("", Some("auto-delete"), &text("auto_delete", "'true'", "'false'"));
    check("durable", Some("auto-delete"), &text("durable", "'false'", "'true'"));
    check("x-max-length=1", Some("x-max-length=i32:1"), "ok");
    check("x-max-length=1", Some("x-max-length=2"), &text("x-max-length", "'2'", "'1'"));
    check("x-max-length=1", Some("x-max-length=a"), &text("x-max-length", "'a'", "'1'"));
    check(
        "x-message-ttl=i32:1000",
        Some(""),
        &text("x-message-ttl", "none", "the value '1000' of type 'signedint'"),
    );
    check("", Some("x-expires=9"), &text("x-expires", "the value '9' of type 'long'", "none"));
}

#[test]
fn a_queue_without_a_kind_is_classic() {
    check("", Some("x-queue-type=classic"), "ok");
    check("x-queue-type=classic", Some(""), "ok");
    check(
        "durable x-queue-type=quorum",
        Some("durable"),
        "inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': \
         received 'classic' but current is 'quorum'",
    );
}

/// (50)
#[test]
fn an_exclusive_queue_is_its_owners_and_never_durable() {
    let locked = "cannot obtain exclusive access to locked queue 'q' in vhost '/'. \
                  It could be originally declared on another connection or the exclusive property \
                  value does not match that of the original declaration.";
    check("exclusive", Some("exclusive stranger"), locked);
    check("exclusive", Some(""), locked);
    check("", Some("exclusive"), locked);
    check("exclusive durable", Some("exclusive"), "ok");
    check("exclusive", Some("exclusive durable"), "ok");
}
