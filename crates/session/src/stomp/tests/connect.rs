//! CONNECT: versions, credentials, refusals, heart-beats, time-outs.

use std::time::Duration;

use model::{Refusal, UserName, VhostName};

use super::talk::{Talk, error};
use crate::stomp::{Carrier, Credentials, Settings};

const LOGIN: &str = "login guest guest / by config";

fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

#[test]
fn an_empty_connect_logs_the_default_user_in() {
    // Spec §11: 23.
    let connected = "CONNECTED server:RabbitMQ/4.2.0 session:~ heart-beat:0,0 version:1.0";
    assert_eq!(Talk::new().say("CONNECT"), format!("{LOGIN}; {connected}"));
    assert_eq!(Talk::new().say("STOMP receipt:1"), format!("{LOGIN}; {connected}"));
}

#[test]
fn the_highest_common_version_is_taken() {
    // Spec §11: 24, 25.
    let said = Talk::new().say("CONNECT accept-version:1.1,1.2,1.0");
    assert!(said.ends_with("version:1.2"), "{said}");
    let said = Talk::new().say("CONNECT accept-version:100.1");
    assert_eq!(said, error("Version mismatch", "Supported versions are 1.0,1.1,1.2\n"));
}

#[test]
fn credentials_come_from_the_frame_the_settings_or_the_upgrade() {
    let login = |talk: &mut Talk, frame: &str| {
        let said = talk.say(frame);
        said.split(';').next().unwrap_or_default().to_owned()
    };
    let with = "CONNECT login:ann passcode:a\\cb host:/v";
    assert_eq!(login(&mut Talk::new(), with), "login ann a:b /v by stomp_headers");
    let without = login(&mut Talk::new(), "CONNECT login:ann");
    assert_eq!(without, "login ann guest / by stomp_headers");
    assert_eq!(login(&mut Talk::new(), "CONNECT passcode:x"), LOGIN);
    // Spec §11: 130.
    let credentials =
        Some(Credentials { login: b"web".as_slice().into(), passcode: b"pw".as_slice().into() });
    let carrier = Carrier::WebSocket { credentials: credentials.map(Box::new) };
    let mut talk = Talk::with(Settings::default(), carrier);
    assert_eq!(login(&mut talk, with), "login web pw /v by http_basic");
}

#[test]
fn leading_spaces_of_a_1_0_connect_do_not_count() {
    // Spec §11: 19.
    let said = Talk::new().send(b"CONNECT\nlogin:  ann \npasscode: b\n\n\0");
    assert!(said.starts_with("login ann  b / by"), "{said}");
    let said = Talk::new().send(b"CONNECT\naccept-version:1.2\nlogin: ann\n\n\0");
    assert!(said.starts_with("login  ann guest"), "{said}");
}

#[test]
fn without_a_default_user_credentials_must_come() {
    // Spec §11: 41.
    let settings = || Settings { default_credentials: None, ..Settings::default() };
    for frame in ["CONNECT", "CONNECT login:ann"] {
        let said = Talk::with(settings(), Carrier::Tcp).say(frame);
        assert!(said.contains("message:Bad CONNECT"), "{said}");
        assert!(said.ends_with("|Missing login or passcode header(s)"), "{said}");
    }
}

#[test]
fn a_refused_login_may_be_tried_again() {
    // Spec §11: 26 to 29, 30, 128.
    let vhost = || VhostName::parse("//").unwrap();
    for (frame, refusal, detail) in [
        ("CONNECT", Refusal::LoginRefused(user("guest")), "Access refused for user 'guest'"),
        ("CONNECT host://", Refusal::NoSuchVhost(vhost()), "Virtual host '//' access denied"),
        ("CONNECT", Refusal::LoopbackOnly(user("guest")), "non-loopback access denied"),
        (
            "CONNECT",
            Refusal::UserConnectionLimit(user("guest"), 1),
            "Connection refused: user connection limit reached",
        ),
    ] {
        let mut talk = Talk::new();
        talk.refuse("login", refusal);
        let said = talk.say(frame);
        assert!(said.contains("ERROR message:Bad CONNECT"), "{said}");
        assert!(said.ends_with(&format!("|{detail}")), "{said}");
        assert!(talk.say("CONNECT").contains("CONNECTED"));
    }
    let mut talk = Talk::new();
    talk.refuse("", Refusal::VhostRefused(VhostName::root(), user("guest")));
    let said = talk.say("CONNECT");
    assert!(said.ends_with("|Virtual host '/' access denied"), "{said}");
}

#[test]
fn a_heart_beat_must_be_two_numbers() {
    let mut talk = Talk::new();
    let said = talk.say("CONNECT heart-beat:often");
    assert!(said.starts_with("ERROR message:Processing error"), "{said}");
    assert!(talk.say("CONNECT").contains("CONNECTED"));
}

#[test]
fn nothing_but_connect_comes_first() {
    // Spec §11: 31, 32.
    let mut talk = Talk::new();
    let said = talk.say("SEND destination:/queue/a");
    assert!(said.starts_with("ERROR message:Illegal command"), "{said}");
    assert!(said.ends_with("|You must log in using CONNECT first"), "{said}");
    assert!(talk.say("CONNECT").contains("CONNECTED"));
    // RabbitMQ closes without a word.
    let said = talk.say("CONNECT");
    assert!(said.contains("Illegal command") && said.ends_with("; closed"), "{said}");
    assert!(!talk.is_reading());
}

#[test]
fn a_first_frame_may_stand_for_a_connect() {
    // Spec §11: 38.
    let settings = || Settings { is_connect_implicit: true, ..Settings::default() };
    let mut talk = Talk::with(settings(), Carrier::Tcp);
    let said = talk.say("SUBSCRIBE destination:/queue/a receipt:r");
    let subscribed = "declare a D--; consume a as Q_/queue/a Automatic; RECEIPT receipt-id:r";
    assert_eq!(said, format!("{LOGIN}; {subscribed}"));
    let mut talk = Talk::with(settings(), Carrier::Tcp);
    talk.refuse("login", Refusal::LoginRefused(user("guest")));
    let said = talk.say("SUBSCRIBE destination:/queue/a");
    assert!(said.contains("Bad CONNECT") && said.ends_with("; closed"), "{said}");
    let mut talk = Talk::with(settings(), Carrier::WebSocket { credentials: None });
    assert!(talk.say("SUBSCRIBE destination:/queue/a").contains("Illegal command"));
}

#[test]
fn a_server_may_keep_its_name_to_itself() {
    // Spec §11: 40.
    let settings = Settings { is_server_hidden: true, ..Settings::default() };
    let said = Talk::with(settings, Carrier::Tcp).say("CONNECT");
    assert_eq!(said, format!("{LOGIN}; CONNECTED session:~ heart-beat:0,0 version:1.0"));
}

#[test]
fn who_does_not_log_in_in_time_is_closed() {
    // Spec §11: 37, 135; an ERROR does not reset the clock.
    let mut talk = Talk::new();
    assert_eq!(talk.wait_until(9_999), "");
    talk.say("SEND");
    assert_eq!(talk.wait_until(20_000), "10000 closed");
    let mut talk = Talk::connected("1.2");
    assert_eq!(talk.wait_until(60_000), "");
}

#[test]
fn heart_beats_are_the_clients_wishes_in_whole_seconds() {
    // Spec §11: 33 to 36, 137.
    let said = Talk::new().say("CONNECT heart-beat:5000,7000");
    assert!(said.contains("heart-beat:7000,5000"), "{said}");
    let mut talk = Talk::new();
    let said = talk.say("CONNECT heart-beat:500,1999");
    assert!(said.contains("heart-beat:1000,1000"), "{said}");
    let beats = "500 heart-beat; 1000 heart-beat; 1500 heart-beat; 2000 heart-beat; \
                 2500 heart-beat; 3000 closed";
    assert_eq!(talk.wait_until(4_000), beats);
}

#[test]
fn any_byte_keeps_a_peer_alive() {
    let mut talk = Talk::new();
    talk.say("CONNECT heart-beat:1000,0");
    for second in 1..10 {
        assert_eq!(talk.wait_until(second * 1_900), "");
        assert_eq!(talk.send(b"\n"), "");
    }
}

#[test]
fn a_frame_before_the_login_is_small() {
    // Spec §11: 21, 132.
    let frame = |bytes: usize| format!("CONNECT\nx:{}\n\n\0", "a".repeat(bytes - 13));
    let mut talk = Talk::new();
    assert!(talk.send(frame(65_536).as_bytes()).contains("CONNECTED"));
    let said = Talk::new().send(frame(65_537).as_bytes());
    assert!(said.contains("{frame_too_big,{65537,65536}}"), "{said}");
    let web = || Talk::with(Settings::default(), Carrier::WebSocket { credentials: None });
    assert!(web().send(frame(69_632).as_bytes()).contains("CONNECTED"));
    let said = web().send(frame(69_633).as_bytes());
    assert_eq!(said, "closed as malformed: {frame_too_big,{69633,69632}}");
    // Afterwards it is what the operator allows.
    assert!(talk.send(frame(100_000).as_bytes()).contains("Illegal command"));
}

#[test]
fn a_login_time_out_of_zero_leaves_no_time() {
    let settings = Settings { login_timeout: Duration::ZERO, ..Settings::default() };
    assert_eq!(Talk::with(settings, Carrier::Tcp).wait_until(0), "0 closed");
}
