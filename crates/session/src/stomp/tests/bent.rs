//! Conversations cut and bent at any place.

use proptest::prelude::*;

use super::talk::{Talk, plain};

/// Frames that touch each other: subscriptions, transactions, settlements, nonsense.
fn frame() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "CONNECT\naccept-version:1.2\n\n\0",
        "SUBSCRIBE\nid:1\ndestination:/queue/a\nack:client\nreceipt:s\n\n\0",
        "SUBSCRIBE\nid:2\ndestination:/queue/b\n\n\0",
        "UNSUBSCRIBE\nid:1\nreceipt:u\n\n\0",
        "UNSUBSCRIBE\nid:2\n\n\0\n\r\n",
        "SEND\ndestination:/queue/a\nreceipt:1\ncontent-length:3\n\na\0b\0",
        "SEND\ndestination:/topic/k\ntransaction:t\n\nx\0",
        "SEND\ndestination:/topic/k\nreply-to:/temp-queue/r\n\nx\0",
        "SEND\ndestination:/nowhere/to/go\n\nx\0",
        "BEGIN\ntransaction:t\nreceipt:b\n\n\0",
        "COMMIT\ntransaction:t\nreceipt:c\n\n\0",
        "ABORT\ntransaction:t\n\n\0",
        "ACK\nid:T_1@@s@@1\n\n\0",
        "NACK\nid:T_1@@s@@2\ntransaction:t\n\n\0",
        "FOO\nreceipt:f\n\n\0",
        "DISCONNECT\nreceipt:d\n\n\0",
        "\n",
        "\r\n\0",
    ])
}

/// What came of it, in no particular order: pieces are answered one by one, a whole at its end.
///
/// Which number a consumer has depends on whether an earlier one's end was answered before; it is
/// the link's alone, and left out.
fn sorted(said: &[String]) -> Vec<String> {
    let unnumbered = |said: &str| match said.split_once(' ') {
        Some(("cancel", _)) => "cancel".to_owned(),
        _ => said.to_owned(),
    };
    let mut all: Vec<String> =
        said.iter().flat_map(|said| said.split("; ").map(unnumbered)).collect();
    all.retain(|said| !said.is_empty());
    all.sort();
    all
}

proptest! {
    #[test]
    fn a_conversation_in_pieces_comes_to_the_same(
        frames in proptest::collection::vec(frame(), 1..12),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8),
    ) {
        let bytes = frames.concat().into_bytes();
        let whole = [Talk::connected("1.2").send(&bytes)];
        let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        ends.push(bytes.len());
        ends.sort_unstable();
        let mut talk = Talk::connected("1.2");
        let mut start = 0;
        let mut pieces = Vec::new();
        for end in ends {
            pieces.push(talk.send(&bytes[start..end]));
            start = end;
        }
        prop_assert_eq!(sorted(&pieces), sorted(&whole));
    }

    #[test]
    fn deliveries_and_garbage_at_any_time_never_panic(
        steps in proptest::collection::vec(
            (frame(), proptest::collection::vec(any::<u8>(), 0..6), 0..4_u32, any::<bool>()),
            1..16,
        ),
    ) {
        let mut talk = Talk::new();
        talk.send(b"CONNECT\naccept-version:1.2\n\n\0");
        for (frame, garbage, consumer, is_garbled) in steps {
            talk.holds_back = !talk.holds_back;
            talk.send(frame.as_bytes());
            talk.deliver(consumer, plain("a", "x"));
            if !talk.holds_back {
                talk.release();
            }
            if is_garbled {
                talk.send(&garbage);
            }
        }
    }
}
