//! What a server answers to a request: the upgrade, or why not.

use crate::websocket::extension;
use crate::websocket::handshake::{Key, Request, RequestError, UpgradeError};
use crate::websocket::message::Compression;
use crate::websocket::subprotocol::Subprotocol;

/// An accepted upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade {
    /// The subprotocol that is confirmed; `None` if no known one was offered.
    pub subprotocol: Option<Subprotocol>,
    /// Whether messages may be compressed.
    pub compression: Compression,
    /// The response (101).
    pub response: Vec<u8>,
}

/// An answer other than the upgrade. The connection closes behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200, for health checks.
    Ok,
    /// 400.
    BadRequest,
    /// 403: an origin that is not allowed.
    Forbidden,
    /// 404: another path.
    NotFound,
    /// 408: the request did not come in time.
    RequestTimeout,
    /// 426: a plain request for a WebSocket's path.
    UpgradeRequired,
    /// 431: too long a head.
    HeadTooLong,
    /// 503: too many connections, or going down.
    Unavailable,
}

impl Upgrade {
    /// Accepts the upgrade that `request` asks for by `key`.
    pub fn accept(request: &Request, key: &Key, compression: Compression) -> Self {
        let subprotocol = Subprotocol::choose(&request.protocols);
        let extension = match compression {
            Compression::None => None,
            Compression::Deflate => extension::accept(&request.extensions),
        };
        let mut response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n",
            key.accept(),
        );
        let confirmed = [
            ("Sec-WebSocket-Protocol", subprotocol.map(Subprotocol::name)),
            ("Sec-WebSocket-Extensions", extension.as_deref()),
        ];
        for (name, value) in confirmed {
            if let Some(value) = value {
                response.extend([name, ": ", value, "\r\n"]);
            }
        }
        response.push_str("\r\n");
        let compression = extension.map_or(Compression::None, |_| Compression::Deflate);
        Self { subprotocol, compression, response: response.into_bytes() }
    }
}

impl Status {
    /// The number and its name.
    pub fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::Forbidden => "403 Forbidden",
            Self::NotFound => "404 Not Found",
            Self::RequestTimeout => "408 Request Timeout",
            Self::UpgradeRequired => "426 Upgrade Required",
            Self::HeadTooLong => "431 Request Header Fields Too Large",
            Self::Unavailable => "503 Service Unavailable",
        }
    }

    /// The whole response, without a body.
    pub fn response(self) -> Vec<u8> {
        let line = self.line();
        let more = match self {
            // RFC 9110, section 15.5.22; RFC 6455, section 4.4.
            Self::UpgradeRequired => {
                "Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            }
            Self::BadRequest => "Connection: close\r\nSec-WebSocket-Version: 13\r\n",
            _ => "Connection: close\r\n",
        };
        format!("HTTP/1.1 {line}\r\n{more}Content-Length: 0\r\n\r\n").into_bytes()
    }
}

impl From<RequestError> for Status {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::TooLong => Self::HeadTooLong,
            RequestError::Malformed => Self::BadRequest,
        }
    }
}

impl From<UpgradeError> for Status {
    fn from(error: UpgradeError) -> Self {
        match error {
            UpgradeError::NotAsked => Self::UpgradeRequired,
            UpgradeError::NoKey | UpgradeError::Version => Self::BadRequest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upgrade(headers: &str, compression: Compression) -> String {
        let head = format!(
            "GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n",
        );
        let (request, _) = Request::parse(head.as_bytes()).unwrap().unwrap();
        let upgrade = Upgrade::accept(&request, &request.key().unwrap(), compression);
        String::from_utf8(upgrade.response).unwrap()
    }

    const PLAIN: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    #[test]
    fn only_what_was_offered_and_chosen_is_confirmed() {
        assert_eq!(upgrade("", Compression::Deflate), PLAIN);
        assert_eq!(upgrade("Sec-WebSocket-Protocol: mqtt\r\n", Compression::Deflate), PLAIN);
        let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
        assert_eq!(upgrade(offer, Compression::None), PLAIN);
        let both =
            upgrade(&format!("Sec-WebSocket-Protocol: v11.stomp\r\n{offer}"), Compression::Deflate);
        let confirmed = "Sec-WebSocket-Protocol: v11.stomp\r\n\
            Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n\r\n";
        assert!(both.ends_with(confirmed), "{both}");
    }

    #[test]
    fn refusals_end_the_connection() {
        let text = |status: Status| String::from_utf8(status.response()).unwrap();
        assert_eq!(
            text(Status::NotFound),
            "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        );
        assert!(text(UpgradeError::NotAsked.into()).contains("Upgrade: websocket\r\n"));
        assert!(text(UpgradeError::Version.into()).starts_with("HTTP/1.1 400 "));
        assert!(text(RequestError::TooLong.into()).starts_with("HTTP/1.1 431 "));
    }
}
