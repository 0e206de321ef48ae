//! The request a server reads on an accepted socket.

use std::mem::MaybeUninit;

use crate::websocket::handshake::{HEAD_BYTES_MAX, HEADERS_MAX, Key};

/// An HTTP request, as far as an upgrade needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The method, `GET` for an upgrade.
    pub method: String,
    /// The path, without query and trailing slash; `/` for the root.
    pub path: String,
    /// `Origin`, if a browser sent it.
    pub origin: Option<String>,
    /// `Authorization`.
    pub authorization: Option<String>,
    /// `Sec-WebSocket-Protocol`, all of them, joined by commas.
    pub protocols: String,
    /// `Sec-WebSocket-Extensions`, all of them, joined by commas.
    pub extensions: String,
    is_http_1_1: bool,
    connection: String,
    upgrade: String,
    key: Option<String>,
    version: Option<String>,
}

/// Why bytes are no request. All of it is answered by 400, too long ones by 431.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// More than [`HEAD_BYTES_MAX`] bytes or [`HEADERS_MAX`] headers.
    #[error("the request's head is too long")]
    TooLong,
    /// Not HTTP/1.
    #[error("the request is not HTTP")]
    Malformed,
}

/// Why a request is no upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeError {
    /// It does not ask for a WebSocket (426).
    #[error("the request does not ask for an upgrade to a WebSocket")]
    NotAsked,
    /// Without a key (400).
    #[error("the request has no Sec-WebSocket-Key")]
    NoKey,
    /// Its version is none that we speak (400).
    #[error("the Sec-WebSocket-Version is not 13")]
    Version,
}

impl Request {
    /// Reads a request and says how many bytes its head took; `None` if it goes on.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if these bytes, whatever follows, are no request.
    pub fn parse(input: &[u8]) -> Result<Option<(Self, usize)>, RequestError> {
        let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        let mut parsed = httparse::Request::new(&mut []);
        let head = input.get(..HEAD_BYTES_MAX).unwrap_or(input);
        let status = parsed.parse_with_uninit_headers(head, &mut headers);
        match status {
            Ok(httparse::Status::Complete(taken)) => Ok(Some((Self::from_parsed(&parsed), taken))),
            Ok(httparse::Status::Partial) if input.len() >= HEAD_BYTES_MAX => {
                Err(RequestError::TooLong)
            }
            Ok(httparse::Status::Partial) => Ok(None),
            Err(httparse::Error::TooManyHeaders) => Err(RequestError::TooLong),
            Err(_) => Err(RequestError::Malformed),
        }
    }

    fn from_parsed(parsed: &httparse::Request<'_, '_>) -> Self {
        let mut request = Self {
            method: parsed.method.unwrap_or_default().into(),
            path: path_of(parsed.path.unwrap_or_default()).into(),
            is_http_1_1: parsed.version == Some(1),
            ..Self::default()
        };
        for header in parsed.headers.iter() {
            // A header that is not UTF-8 is none of those that matter here.
            if let Ok(value) = str::from_utf8(header.value) {
                request.take_header(header.name, value.trim());
            }
        }
        request
    }

    fn take_header(&mut self, name: &str, value: &str) {
        let list = match name.to_ascii_lowercase().as_str() {
            "connection" => &mut self.connection,
            "upgrade" => &mut self.upgrade,
            "sec-websocket-protocol" => &mut self.protocols,
            "sec-websocket-extensions" => &mut self.extensions,
            "sec-websocket-key" => return set_first(&mut self.key, value),
            "sec-websocket-version" => return set_first(&mut self.version, value),
            "origin" => return set_first(&mut self.origin, value),
            "authorization" => return set_first(&mut self.authorization, value),
            _ => return,
        };
        if !list.is_empty() {
            list.push(',');
        }
        list.push_str(value);
    }

    /// The key of an upgrade to a WebSocket.
    ///
    /// # Errors
    ///
    /// [`UpgradeError`] if it asks for no upgrade, or for one that we cannot give. Versions 7 and 8
    /// of the drafts frame as 13 does; RabbitMQ takes them.
    pub fn key(&self) -> Result<Key, UpgradeError> {
        let asks = has_token(&self.connection, "upgrade") && has_token(&self.upgrade, "websocket");
        if self.method != "GET" || !self.is_http_1_1 || !asks {
            return Err(UpgradeError::NotAsked);
        }
        let key = self.key.as_deref().filter(|key| !key.is_empty()).ok_or(UpgradeError::NoKey)?;
        match self.version.as_deref() {
            Some("13" | "8" | "7") => Ok(Key(key.into())),
            _ => Err(UpgradeError::Version),
        }
    }
}

fn set_first(slot: &mut Option<String>, value: &str) {
    slot.get_or_insert_with(|| value.into());
}

fn has_token(list: &str, token: &str) -> bool {
    list.split(',').any(|item| item.trim().eq_ignore_ascii_case(token))
}

/// The path of a request target: `/ws/?x=1` and `http://host/ws` are both `/ws`.
fn path_of(target: &str) -> &str {
    let target = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => {
            rest.find('/').and_then(|start| rest.get(start..)).unwrap_or("/")
        }
        _ => target,
    };
    let path = target.split(['?', '#']).next().unwrap_or_default();
    match path.strip_suffix('/') {
        Some("") | None => path,
        Some(path) => path,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BROWSER: &str = "GET /ws?token=1 HTTP/1.1\r\nHost: example.com:15674\r\n\
        Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nOrigin: http://example.com\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Protocol: v10.stomp\r\nSec-WebSocket-Protocol: v12.stomp\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

    fn read(text: &str) -> Request {
        let (request, taken) = Request::parse(text.as_bytes()).unwrap().unwrap();
        assert_eq!(taken, text.len());
        request
    }

    #[test]
    fn a_browsers_request_is_an_upgrade() {
        let request = read(BROWSER);
        assert_eq!(request.path, "/ws");
        assert_eq!(request.origin.as_deref(), Some("http://example.com"));
        assert_eq!(request.protocols, "v10.stomp,v12.stomp");
        assert_eq!(request.extensions, "permessage-deflate; client_max_window_bits");
        assert_eq!(request.key().unwrap().accept(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn what_is_no_upgrade_says_why() {
        let check = |from: &str, to: &str, error| {
            assert!(BROWSER.contains(from));
            assert_eq!(read(&BROWSER.replace(from, to)).key(), Err(error), "{to}");
        };
        check("GET", "POST", UpgradeError::NotAsked);
        check("HTTP/1.1", "HTTP/1.0", UpgradeError::NotAsked);
        check(", Upgrade", "", UpgradeError::NotAsked);
        check("WebSocket\r\n", "h2c\r\n", UpgradeError::NotAsked);
        check("-Key: dGhlIHNhbXBsZSBub25jZQ==", "-Key:", UpgradeError::NoKey);
        check("Sec-WebSocket-Key", "X-Key", UpgradeError::NoKey);
        check("Version: 13", "Version: 12", UpgradeError::Version);
        check("Sec-WebSocket-Version", "X-Version", UpgradeError::Version);
        for version in ["7", "8"] {
            let request = BROWSER.replace("Version: 13", &format!("Version: {version}"));
            assert!(read(&request).key().is_ok());
        }
    }

    #[test]
    fn paths_are_told_from_their_surroundings() {
        for (target, path) in [
            ("/ws", "/ws"),
            ("/ws/", "/ws"),
            ("/ws/?a=/b/", "/ws"),
            ("/", "/"),
            ("/?x", "/"),
            ("http://h:1/ws/", "/ws"),
            ("http://h", "/"),
            ("/a?u=http://h/b", "/a"),
            ("*", "*"),
        ] {
            assert_eq!(path_of(target), path, "{target}");
        }
    }

    #[test]
    fn the_limits_hold() {
        let filled = |bytes: usize| {
            let start = "GET / HTTP/1.1\r\nX: ";
            format!("{start}{}\r\n\r\n", "x".repeat(bytes - start.len() - 4))
        };
        assert!(matches!(Request::parse(filled(HEAD_BYTES_MAX).as_bytes()), Ok(Some(_))));
        let too_long = filled(HEAD_BYTES_MAX + 1);
        assert_eq!(Request::parse(too_long.as_bytes()), Err(RequestError::TooLong));
        assert_eq!(Request::parse(&too_long.as_bytes()[..HEAD_BYTES_MAX - 1]), Ok(None));

        let many = |count| format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(count));
        assert!(matches!(Request::parse(many(HEADERS_MAX).as_bytes()), Ok(Some(_))));
        let too_many = Request::parse(many(HEADERS_MAX + 1).as_bytes());
        assert_eq!(too_many, Err(RequestError::TooLong));
    }

    #[test]
    fn other_protocols_are_no_requests() {
        for bytes in [&b"\x16\x03\x01\x02\x00"[..], b"CONNECT\nlogin:a\n\n\0", b"AMQP\0\0\x09\x01"]
        {
            assert_eq!(Request::parse(bytes), Err(RequestError::Malformed));
        }
    }

    proptest! {
        #[test]
        fn a_part_of_a_request_asks_for_more(end in 0..BROWSER.len()) {
            prop_assert_eq!(Request::parse(&BROWSER.as_bytes()[..end]), Ok(None));
        }

        #[test]
        fn garbage_is_read_without_panic(bytes: Vec<u8>, at in 0..BROWSER.len()) {
            let _ = Request::parse(&bytes);
            let mut mixed = BROWSER.as_bytes()[..at].to_vec();
            mixed.extend(bytes);
            let _ = Request::parse(&mixed);
        }
    }
}
