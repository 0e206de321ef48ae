//! `hopwire doctor`: what it finds, what it advises, and its exit status.

use std::net::TcpListener;

use crate::broker::{Broker, run};

/// The steps it takes when all is well.
const STEPS: [&str; 11] = [
    "DNS",
    "TCP",
    "upgrade",
    "subprotocol",
    "CONNECT",
    "subscribe",
    "round trip",
    "64 KiB message",
    "compression",
    "order",
    "heart-beat",
];

/// It fails with this status at the step, and advises with these words.
fn fails(arguments: &[&str], status: i32, step: &str, advice: &str) {
    let mut all = vec!["doctor"];
    all.extend(arguments);
    let (found, said, errors) = run(&all);
    assert_eq!(found.code(), Some(status), "{said}\n{errors}");
    let crosses: Vec<&str> = said.lines().filter(|line| line.starts_with('✗')).collect();
    assert_eq!(crosses.len(), 1, "one step fails: {said}");
    assert!(crosses[0][3..].trim_start().starts_with(step), "{step}: {said}");
    let after = said.lines().skip_while(|line| !line.starts_with('✗')).nth(1).unwrap_or_default();
    assert!(after.trim_start().starts_with("→ "), "advice follows: {said}");
    assert!(after.contains(advice), "'{advice}' is not in: {after}");
}

#[test]
fn a_healthy_path_passes_every_step() {
    let broker = Broker::start();
    let (status, said, errors) = run(&["doctor", &format!("ws://{}/ws", broker.web_stomp())]);
    assert_eq!(status.code(), Some(0), "{said}\n{errors}");
    let ticks: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("✓ ")).collect();
    assert_eq!(ticks.len(), STEPS.len(), "{said}");
    for (tick, step) in ticks.iter().zip(STEPS) {
        assert!(tick.starts_with(step) && tick.contains(" ms "), "{step}: {tick}");
    }
}

#[test]
fn a_broker_that_does_not_compress_is_remarked_on_and_not_a_failure() {
    let broker = Broker::with("web_stomp.ws_opts.compress = false");
    let (status, said, _) = run(&["doctor", &format!("ws://{}/ws", broker.web_stomp())]);
    assert_eq!(status.code(), Some(0), "{said}");
    let remark = said.lines().find(|line| line.starts_with('!')).unwrap_or_default();
    assert!(remark.contains("compression") && remark.contains("not negotiated"), "{said}");
}

#[test]
fn nothing_there_advises_to_start_the_broker() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    fails(&[&format!("ws://{address}/ws")], 1, "TCP", "is the broker running");
}

#[test]
fn a_name_that_leads_nowhere_advises_on_names() {
    fails(&["ws://nowhere.invalid:15674/ws"], 1, "DNS", "name");
}

#[test]
fn a_wrong_path_advises_the_right_one() {
    let broker = Broker::start();
    let url = format!("ws://{}/stomp", broker.web_stomp());
    fails(&[&url], 1, "upgrade", "RabbitMQ's and ours is /ws");
}

#[test]
fn a_wrong_password_and_a_wrong_vhost_advise_on_the_login() {
    let broker = Broker::start();
    let url = format!("ws://{}/ws", broker.web_stomp());
    fails(&[&url, "--pass", "wrong"], 1, "CONNECT", "check --user, --pass and --vhost");
    fails(&[&url, "--vhost", "absent"], 1, "CONNECT", "check --user, --pass and --vhost");
}

#[test]
fn a_port_that_speaks_something_else_advises_on_ports() {
    let broker = Broker::start();
    let amqp = format!("ws://{}/ws", broker.amqp());
    fails(&[&amqp], 1, "upgrade", "this port speaks another protocol");
    // HTTP, but no WebSocket there.
    let management = format!("ws://{}/ws", broker.management());
    fails(&[&management], 1, "upgrade", "the path is another one");
}

#[test]
fn a_port_that_says_nothing_is_given_up_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/ws", silent.local_addr().unwrap());
    fails(&[&url, "--timeout", "1"], 1, "upgrade", "Upgrade: websocket");
}

#[test]
fn a_full_broker_and_a_forbidding_one_are_told_apart() {
    let full = Broker::with("web_stomp.max_connections = 0");
    let url = format!("ws://{}/ws", full.web_stomp());
    fails(&[&url], 1, "upgrade", "all the connections it may have");
    let rules = "default_users.ann.password = p\ndefault_users.ann.read = ^$\n";
    let strict = Broker::with(rules);
    let url = format!("ws://{}/ws", strict.web_stomp());
    fails(&[&url, "--user", "ann", "--pass", "p"], 1, "subscribe", "stomp-subscription-");
}

#[test]
fn an_address_that_is_none_has_a_status_of_its_own() {
    for url in ["http://localhost", "amqp://localhost", "localhost", "ws://localhost:0/ws"] {
        fails(&[url], 2, "address", "mend the URL");
    }
}
