//! BEGIN, COMMIT, ABORT.

use super::talk::{Talk, check, error, plain};

#[test]
fn what_is_sent_in_a_transaction_leaves_at_its_commit() {
    // Spec §11: 78, 112, 113.
    check(&[
        ("BEGIN transaction:t receipt:b", "RECEIPT receipt-id:b"),
        ("SEND transaction:t destination:/queue/a receipt:1|1", "declare a D--; put off"),
        ("SEND destination:/queue/a|2", "publish \"\" a|2"),
        ("SEND transaction:t destination:/queue/a|3", "put off"),
        ("COMMIT transaction:t receipt:c", {
            "publish \"\" a confirmed|1; publish \"\" a|3; flush; RECEIPT receipt-id:1; \
             RECEIPT receipt-id:c"
        }),
        ("BEGIN transaction:t", ""),
        ("SEND transaction:t destination:/queue/a receipt:4|4", "put off"),
        ("ABORT transaction:t receipt:a", "RECEIPT receipt-id:a"),
    ]);
}

#[test]
fn an_unknown_transaction_is_named() {
    // Spec §11: 114.
    let missing = |command| {
        error(
            "Missing transaction",
            &format!("\"{command}\" must include a 'transaction' header\n"),
        )
    };
    let unknown = error("Bad transaction", "Invalid transaction identifier: \"t\"\n");
    check(&[
        ("BEGIN", &missing("BEGIN")),
        ("COMMIT", &missing("COMMIT")),
        ("ABORT", &missing("ABORT")),
        ("COMMIT transaction:t receipt:r", &unknown),
        ("ABORT transaction:t", &unknown),
        ("SEND transaction:t destination:/topic/k|x", &unknown),
        ("BEGIN transaction:t", ""),
        ("COMMIT transaction:t", ""),
        ("COMMIT transaction:t", &unknown),
    ]);
}

#[test]
fn a_second_begin_forgets_the_first() {
    // Spec §11: 115.
    check(&[
        ("BEGIN transaction:t", ""),
        ("SEND transaction:t destination:/topic/k|lost", "put off"),
        ("BEGIN transaction:t", ""),
        ("SEND transaction:t destination:/topic/k|kept", "put off"),
        ("COMMIT transaction:t", "publish \"amq.topic\" k|kept"),
    ]);
}

#[test]
fn an_ack_in_a_transaction_settles_at_its_commit() {
    // Spec §11: 98.
    let mut talk = Talk::connected("1.2");
    talk.say("SUBSCRIBE id:1 destination:/queue/a ack:client");
    talk.deliver(0, plain("a", "1"));
    talk.deliver(0, plain("a", "2"));
    talk.say("BEGIN transaction:t");
    assert_eq!(talk.say("ACK id:T_1@@~@@1 transaction:t receipt:r"), "RECEIPT receipt-id:r");
    assert_eq!(talk.say("NACK id:T_1@@~@@2 transaction:t"), "");
    assert_eq!(talk.say("COMMIT transaction:t"), "settle 1 Accept; settle 2 Requeue");
    assert!(talk.say("ACK id:T_1@@~@@1 transaction:t").contains("Bad transaction"));
}
