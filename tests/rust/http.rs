//! HTTP/1.1 as far as the management API needs it: one request per connection.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::broker::Broker;
use crate::peer::Peer;

/// Who asks: `user:password`.
pub(crate) const GUEST: &str = "guest:guest";

/// The management API of one broker, as one user.
#[derive(Clone, Copy)]
pub(crate) struct Api<'a> {
    address: SocketAddr,
    login: Option<&'a str>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The head, in lower case.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl<'a> Api<'a> {
    /// As guest.
    pub(crate) fn of(broker: &Broker) -> Api<'static> {
        Api { address: broker.management(), login: Some(GUEST) }
    }

    /// As guest on the RabbitMQ that stories are told to as well, if there is one.
    pub(crate) fn of_oracle() -> Option<Api<'static>> {
        let url = crate::oracle::Addresses::of_oracle()?.http_url;
        let address = url.strip_prefix("http://").unwrap().parse().unwrap();
        Some(Api { address, login: Some(GUEST) })
    }

    /// As somebody else, `user:password`, or as nobody.
    pub(crate) fn login(self, login: impl Into<Option<&'a str>>) -> Api<'a> {
        Api { address: self.address, login: login.into() }
    }

    /// A request with more header lines, each ending in CR LF.
    pub(crate) fn ask(self, method: &str, path: &str, more: &str, body: &str) -> Answer {
        let login = self.login.map_or_else(String::new, |login| {
            format!("Authorization: Basic {}\r\n", STANDARD.encode(login))
        });
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{login}{more}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Answer::parse(&Peer::saying(self.address, request).hear_to_the_end())
    }

    /// Ends a connection by its name, with more header lines; the status.
    pub(crate) fn end_connection(self, name: &str, more: &str) -> u16 {
        self.ask("DELETE", &format!("/api/connections/{}", segment(name)), more, "").status
    }

    /// The JSON at a path, which is there.
    pub(crate) fn get(self, path: &str) -> Value {
        let answer = self.ask("GET", path, "", "");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// The list at a path, which is there.
    pub(crate) fn list(self, path: &str) -> Vec<Value> {
        match self.get(path) {
            Value::Array(list) => list,
            other => panic!("{path}: a list, not {other}"),
        }
    }

    /// The names of the list at a path.
    pub(crate) fn names(self, path: &str) -> Vec<String> {
        self.list(path).iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    }

    /// The status of a `GET`.
    pub(crate) fn status(self, path: &str) -> u16 {
        self.ask("GET", path, "", "").status
    }

    /// Puts a JSON body and returns the status.
    pub(crate) fn put(self, path: &str, body: &str) -> u16 {
        self.ask("PUT", path, "", body).status
    }

    /// Asks until the answer is as wanted: for what another connection does at the same time.
    pub(crate) fn until(self, path: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = std::time::Instant::now();
        loop {
            let found = self.get(path);
            if is_wanted(&found) {
                return found;
            }
            assert!(begun.elapsed() < crate::broker::WAIT_MAX, "{path} stays {found}");
        }
    }
}

/// A name as one segment of a path.
pub(crate) fn segment(name: &str) -> String {
    let quoted = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).into(),
        _ => format!("%{byte:02X}"),
    };
    name.bytes().map(quoted).collect()
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(!head.contains("transfer-encoding"), "bodies of known length: {head}");
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut pairs = self.head.lines().filter_map(|line| line.split_once(": "));
        pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, which it says it is.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{}", self.text());
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
