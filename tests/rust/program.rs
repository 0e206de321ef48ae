//! The program itself: how it starts, refuses to start, and stops.

use std::fs;
use std::net::TcpListener;

use crate::amqp_bytes as amqp;
use crate::broker::{Broker, folder, run};
use crate::peer::Peer;
use crate::websocket_bytes as ws;

/// The program refuses to serve with this configuration, and says one line that has `part`.
fn refuses(configuration: &str, parts: &[&str]) {
    let folder = folder();
    let path = folder.join("hopwire.conf");
    fs::write(&path, configuration).unwrap();
    let (status, _, errors) = run(&["serve", "--config", path.to_str().unwrap()]);
    let _ = fs::remove_dir_all(folder);
    assert!(!status.success(), "{configuration}: it started");
    assert_eq!(errors.trim().lines().count(), 1, "one clear line, not:\n{errors}");
    for part in parts {
        assert!(errors.contains(part), "'{part}' is not in: {errors}");
    }
}

#[test]
fn a_taken_port_ends_the_start_with_its_address() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for key in ["listeners.tcp.default", "stomp.listeners.tcp.default", "web_stomp.tcp.listener"] {
        let others = [
            "listeners.tcp.default",
            "stomp.listeners.tcp.default",
            "web_stomp.tcp.listener",
            "management.tcp.listener",
        ];
        let mut configuration = format!("{key} = {address}\n");
        for other in others.iter().filter(|other| **other != key) {
            configuration.push_str(&format!("{other} = 127.0.0.1:0\n"));
        }
        refuses(&configuration, &[&address]);
    }
}

#[test]
fn an_unknown_key_is_answered_with_the_nearest_known_one() {
    refuses("web_stomp.tcp.prot = 15674\n", &[":1:", "web_stomp.tcp.prot", "web_stomp.tcp.port"]);
}

#[test]
fn a_bad_value_is_named_with_its_line() {
    refuses("# fine\nweb_stomp.tcp.port = many\n", &[":2:", "many"]);
    refuses("this is no setting\n", &[":1:"]);
}

#[test]
fn an_unreadable_configuration_is_named() {
    let missing = folder().join("missing.conf");
    let (status, _, errors) = run(&["serve", "--config", missing.to_str().unwrap()]);
    assert!(!status.success());
    assert_eq!(errors.trim().lines().count(), 1, "one clear line, not:\n{errors}");
    assert!(errors.contains("missing.conf"), "{errors}");
}

#[test]
fn an_unknown_argument_is_refused_with_its_name() {
    let (status, _, errors) = run(&["serve", "--confg", "x"]);
    assert!(!status.success());
    assert!(errors.contains("--confg"), "{errors}");
}

#[test]
fn two_spellings_of_one_listener_are_one_listener() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = format!(
        "web_stomp.listeners.http.default = {port}\nweb_stomp.listeners.ws.default = {port}\n"
    );
    let broker = Broker::with(&settings);
    assert_eq!(broker.web_stomp().port(), port);
    ws::session(([127, 0, 0, 1], port).into());
}

#[test]
fn a_terminated_broker_says_goodbye_in_every_protocol_and_ends_well() {
    let mut broker = Broker::start();
    let page = ws::session(broker.web_stomp());
    let back_end = amqp::open(broker.amqp(), 8192);
    let client = Peer::saying(
        broker.stomp(),
        "CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0",
    );
    let addresses = [broker.amqp(), broker.stomp(), broker.web_stomp(), broker.management()];
    broker.terminate();
    ws::expect_close(page, 1012);
    amqp::expect_close(back_end, 320);
    client.hear_to_the_end();
    assert!(broker.wait().success());
    for address in addresses {
        assert!(std::net::TcpStream::connect(address).is_err(), "{address} is closed");
    }
}

#[test]
fn receipts_of_a_broker_that_stops_come_in_order_and_without_a_gap() {
    let mut broker = Broker::start();
    let mut page = ws::session(broker.web_stomp());
    for number in 0..200 {
        let send = format!("SEND\ndestination:/queue/last\nreceipt:{number}\n\nx\0");
        page.say(ws::masked(ws::TEXT, send.as_bytes()));
    }
    // The first receipt shows that the broker is at work on them.
    let (_, first) = ws::hear(&mut page);
    assert!(String::from_utf8_lossy(&first).contains("receipt-id:0\n"));
    broker.terminate();
    let said = ws::expect_close(page, 1012);
    let receipts: Vec<&str> =
        said.lines().filter_map(|line| line.strip_prefix("receipt-id:")).collect();
    let expected: Vec<String> = (1..=receipts.len()).map(|number| number.to_string()).collect();
    assert_eq!(receipts, expected, "in order and without a gap");
    assert!(broker.wait().success());
}

#[test]
fn the_doctor_finds_a_healthy_path_well_and_a_dead_one_not() {
    let broker = Broker::start();
    let url = format!("ws://{}/ws", broker.web_stomp());
    let (status, said, errors) = run(&["doctor", &url, "--user", "guest", "--pass", "guest"]);
    assert!(status.success(), "{said}\n{errors}");
    let (status, said, _) = run(&["doctor", &url, "--user", "guest", "--pass", "wrong"]);
    assert!(!status.success(), "{said}");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (status, said, _) = run(&["doctor", &format!("ws://{closed}/ws")]);
    assert!(!status.success(), "{said}");
}
