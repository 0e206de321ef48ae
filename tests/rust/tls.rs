//! TLS: stock clients on every TLS port, what is refused at the start and in the handshake, and
//! how a broker that stops says so.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::broker::{Broker, folder, run};
use crate::oracle::Addresses;
use crate::peer::Peer;
use crate::story::tell;

/// Free ports on loopback for everything that listens over TLS.
const LISTENERS: &str = "\
listeners.ssl.default = 127.0.0.1:0
stomp.listeners.ssl.1 = 127.0.0.1:0
web_stomp.ssl.listener = 127.0.0.1:0
";

/// An authority with a server's and a client's certificate, gone with the test.
struct Files {
    folder: PathBuf,
}

impl Files {
    fn new() -> Self {
        let folder = folder();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Hopwire stories");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
        for name in ["server", "client"] {
            let key = KeyPair::generate().unwrap();
            let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
            let mut params = CertificateParams::new(names).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            let certificate = params.signed_by(&key, &authority).unwrap();
            fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
            fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    /// Settings that name the server's files, for every TLS port.
    fn settings(&self) -> String {
        let (certificate, key) = (self.path("server.pem"), self.path("server.key"));
        let keys = ["ssl_options", "web_stomp.ssl"]
            .map(|prefix| format!("{prefix}.certfile = {certificate}\n{prefix}.keyfile = {key}\n"));
        format!("{}{LISTENERS}{}", include_str!("../users.conf"), keys.concat())
    }

    /// `openssl s_client` at `address`: how it ended, and what was heard after saying `words`.
    fn ask(&self, address: &str, arguments: &[&str], words: &str) -> (bool, String) {
        let mut client = Command::new("openssl")
            .args(["s_client", "-connect", address, "-verify_return_error", "-quiet"])
            .args(["-CAfile", &self.path("ca.pem")])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("openssl is installed");
        // A handshake that failed has closed it.
        let _ = client.stdin.take().unwrap().write_all(words.as_bytes());
        let output = client.wait_with_output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The story holds over TLS. Its clients find the authority as programs of their kind do.
fn holds_over_tls(story: &str) {
    let files = Files::new();
    let broker = Broker::with(&files.settings());
    let port = |protocol: &str| broker.address(protocol).port();
    let addresses = Addresses {
        amqp_url: format!("amqps://guest:guest@localhost:{}", port("amqps")),
        stomp_address: format!("localhost:{}", port("stomps")),
        ws_url: format!("wss://localhost:{}/ws", port("web-stomps")),
        ..Addresses::of(&broker)
    };
    let authority = files.path("ca.pem");
    let environment =
        [("NODE_EXTRA_CA_CERTS", &*authority), ("SSL_CERT_FILE", &authority), ("OVER_TLS", "1")];
    tell(story, &addresses, &environment);
}

#[test]
fn stompjs_and_amqplib_work_over_tls() {
    holds_over_tls("node/work_queue.mjs");
}

#[test]
fn compressed_messages_reach_ws_over_tls() {
    holds_over_tls("node/deflate.mjs");
}

#[test]
fn a_thousand_messages_keep_their_order_over_tls() {
    holds_over_tls("node/thousand_in_order.mjs");
}

#[test]
fn pika_works_over_tls() {
    holds_over_tls("python/queues.py");
}

#[test]
fn stomp_py_works_over_tls() {
    holds_over_tls("python/stomp_over_tcp.py");
}

#[test]
fn php_amqplib_works_over_tls() {
    holds_over_tls("php/back_end.php");
}

#[test]
fn pages_hear_1012_over_tls_when_the_broker_stops() {
    let files = Files::new();
    let mut broker = Broker::with(&files.settings());
    let wss = broker.address("web-stomps");
    // A client that has said nothing yet keeps nobody waiting.
    let silent = Peer::connect(wss);
    let addresses = Addresses {
        ws_url: format!("wss://localhost:{}/ws", wss.port()),
        ..Addresses::of(&broker)
    };
    let (authority, process) = (files.path("ca.pem"), broker.process_id().to_string());
    let environment = [("NODE_EXTRA_CA_CERTS", &*authority), ("BROKER_PROCESS", &process)];
    tell("node/stop_over_tls.mjs", &addresses, &environment);
    assert!(broker.wait().success());
    drop(silent);
}

const CONNECT: &str = "CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0\
                       DISCONNECT\nreceipt:bye\n\n\0";

#[test]
fn tls_1_2_and_1_3_are_spoken_and_older_ones_are_not() {
    let files = Files::new();
    let broker = Broker::with(&files.settings());
    let address = broker.address("stomps").to_string();
    for (version, is_spoken) in [("-tls1_2", true), ("-tls1_3", true), ("-tls1_1", false)] {
        let arguments = [version, "-cipher", "DEFAULT@SECLEVEL=0"];
        let (is_done, heard) = files.ask(&address, &arguments, CONNECT);
        assert_eq!(is_done && heard.contains("receipt-id:bye"), is_spoken, "{version}: {heard}");
    }
    let only = files.settings() + "ssl_options.versions.1 = tlsv1.3\n";
    let broker = Broker::with(&only);
    let address = broker.address("stomps").to_string();
    for (version, is_spoken) in [("-tls1_2", false), ("-tls1_3", true)] {
        let (_, heard) = files.ask(&address, &[version], CONNECT);
        assert_eq!(heard.contains("receipt-id:bye"), is_spoken, "{version}: {heard}");
    }
}

#[test]
fn client_certificates_are_asked_for_as_configured() {
    let files = Files::new();
    let asked = format!(
        "{}ssl_options.cacertfile = {}\nssl_options.verify = verify_peer\n",
        files.settings(),
        files.path("ca.pem")
    );
    let required = format!("{asked}ssl_options.fail_if_no_peer_cert = true\n");
    let (certificate, key) = (files.path("client.pem"), files.path("client.key"));
    let with_one = ["-cert", &*certificate, "-key", &key];
    for (settings, bare_may) in [(asked, true), (required, false)] {
        let broker = Broker::with(&settings);
        let address = broker.address("stomps").to_string();
        let (_, heard) = files.ask(&address, &[], CONNECT);
        assert_eq!(heard.contains("receipt-id:bye"), bare_may, "{heard}");
        let (_, heard) = files.ask(&address, &with_one, CONNECT);
        assert!(heard.contains("receipt-id:bye"), "{heard}");
    }
}

#[test]
fn plain_words_on_a_tls_port_are_closed_with_an_alert() {
    let files = Files::new();
    let broker = Broker::with(&files.settings());
    for (protocol, words) in [
        ("web-stomps", "GET /ws HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("stomps", CONNECT),
        ("amqps", "AMQP\0\0\u{9}\u{1}"),
    ] {
        let peer = Peer::saying(broker.address(protocol), words);
        let said = peer.hear_to_the_end();
        assert_eq!(said.first(), Some(&21), "{protocol}: an alert, not {said:?}");
    }
}

#[test]
fn listeners_without_what_they_need_end_the_start_with_the_key() {
    let files = Files::new();
    let (certificate, key) = (files.path("server.pem"), files.path("server.key"));
    let (other, missing) = (files.path("client.key"), files.path("missing.pem"));
    let amqps = "--set=listeners.ssl.default=127.0.0.1:0".to_owned();
    let wss = "--set=web_stomp.ssl.listener=127.0.0.1:0".to_owned();
    let set = |name: &str, value: &str| format!("--set=ssl_options.{name}={value}");
    let both = || [set("certfile", &certificate), set("keyfile", &key)];
    let refused = |arguments: &[String], parts: &[&str]| {
        let mut all = vec!["serve".to_owned()];
        for plain in ["listeners.tcp", "stomp.listeners.tcp"] {
            all.push(format!("--set={plain}.default=127.0.0.1:0"));
        }
        for plain in ["web_stomp", "management"] {
            all.push(format!("--set={plain}.tcp.listener=127.0.0.1:0"));
        }
        all.extend_from_slice(arguments);
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let (status, _, errors) = run(&all);
        assert!(!status.success(), "{arguments:?}: it started");
        assert_eq!(errors.trim().lines().count(), 1, "one clear line, not:\n{errors}");
        for part in parts {
            assert!(errors.contains(part), "'{part}' is not in: {errors}");
        }
    };
    refused(
        std::slice::from_ref(&amqps),
        &["ssl_options.certfile: wanted", "listeners.ssl.default"],
    );
    refused(&[wss], &["web_stomp.ssl.certfile: wanted", "web_stomp.ssl.port"]);
    let files = [amqps.clone(), set("certfile", &missing), set("keyfile", &key)];
    refused(&files, &["ssl_options.certfile: ", &missing, "cannot be read"]);
    let files = [amqps.clone(), set("certfile", &certificate), set("keyfile", &certificate)];
    refused(&files, &["ssl_options.keyfile: ", &certificate, "found no private key"]);
    let files = [amqps.clone(), set("certfile", &certificate), set("keyfile", &other)];
    refused(&files, &["ssl_options.keyfile: ", &other, "not the one of the certificate"]);
    let [certificate, key] = both();
    let verify = set("verify", "verify_peer");
    let options = [amqps.clone(), certificate.clone(), key.clone(), verify];
    refused(&options, &["ssl_options.cacertfile: wanted", "verify_peer"]);
    let fail = set("fail_if_no_peer_cert", "true");
    refused(&[amqps, certificate, key, fail], &["ssl_options.fail_if_no_peer_cert", "verify"]);
}
