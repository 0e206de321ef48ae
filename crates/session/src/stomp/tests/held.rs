//! While an alarm is in effect: nothing is said, and nothing is read.

use engine::Event;
use model::{Alarm, AlarmSet};

use super::talk::{Talk, plain};

fn held() -> Event {
    Event::Held(AlarmSet::NONE.with(Alarm::Memory))
}

#[test]
fn what_was_read_is_carried_out_and_what_comes_later_waits() {
    let mut talk = Talk::connected("1.2");
    assert_eq!(talk.say("SEND destination:/topic/a|one"), "publish \"amq.topic\" a|one");
    assert_eq!(talk.hear(held()), "");
    assert!(!talk.is_reading());
    assert_eq!(talk.say("SEND destination:/topic/a|two"), "");
    assert_eq!(talk.hear(Event::Released), "");
    assert!(talk.is_reading());
    assert_eq!(talk.send(b""), "publish \"amq.topic\" a|two");
}

#[test]
fn a_held_peer_still_hears_messages_and_heart_beats_and_may_be_silent() {
    let mut talk = Talk::new();
    talk.say("CONNECT accept-version:1.2 heart-beat:1000,1000");
    talk.say("SUBSCRIBE id:1 destination:/amq/queue/q");
    talk.hear(held());
    assert_eq!(
        talk.wait_until(3000),
        "500 heart-beat; 1000 heart-beat; 1500 heart-beat; 2000 heart-beat; 2500 heart-beat; \
         3000 heart-beat"
    );
    assert!(talk.deliver(0, plain("q", "m")).contains("MESSAGE"));
    talk.hear(Event::Released);
    // Once it is read again, its silence counts again: lost after two to three periods of it.
    assert!(!talk.wait_until(4999).contains("closed"));
    assert!(talk.wait_until(6000).contains("closed"));
}

#[test]
fn a_held_connection_can_be_closed() {
    let mut talk = Talk::connected("1.2");
    talk.hear(held());
    let goodbye = talk.hear(Event::Closed { reason: "over".into() });
    assert!(goodbye.contains("ERROR") && goodbye.ends_with("closed"), "{goodbye}");
    let mut talk = Talk::connected("1.2");
    talk.hear(held());
    assert_eq!(talk.shut_down(), "closed as going down");
}

#[test]
fn a_send_in_a_transaction_is_announced_before_its_commit() {
    let mut talk = Talk::connected("1.2");
    talk.say("BEGIN transaction:t");
    assert_eq!(talk.say("SEND destination:/topic/a transaction:t|m"), "put off");
    assert_eq!(talk.say("COMMIT transaction:t"), "publish \"amq.topic\" a|m");
}
