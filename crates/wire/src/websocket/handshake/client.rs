//! The client's end of the upgrade: its request, and the check of the answer.

use std::mem::MaybeUninit;

use crate::websocket::extension;
use crate::websocket::handshake::{HEAD_BYTES_MAX, HEADERS_MAX, Key};
use crate::websocket::message::Compression;
use crate::websocket::subprotocol::Subprotocol;

/// What a client asks for.
#[derive(Clone, Debug)]
pub struct Offer<'a> {
    /// `Host`: name or address, with the port if it is not the scheme's own.
    pub host: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// Made of 16 unpredictable bytes.
    pub key: Key,
    /// Offered in this order.
    pub subprotocols: &'a [Subprotocol],
    /// Whether to offer permessage-deflate.
    pub compression: Compression,
    /// `Origin`, to look like a browser.
    pub origin: Option<&'a str>,
    /// `Authorization`.
    pub authorization: Option<&'a str>,
}

/// What a server granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The subprotocol, if it confirmed one.
    pub subprotocol: Option<Subprotocol>,
    /// Whether messages may be compressed.
    pub compression: Compression,
}

/// Why a server's answer is no upgrade.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Not HTTP, or too long.
    #[error("the answer is not HTTP")]
    Malformed,
    /// Another status than 101.
    #[error("the server answers {code} {reason}")]
    Refused {
        /// The status.
        code: u16,
        /// Its name, as the server gave it.
        reason: Box<str>,
    },
    /// `Upgrade`, `Connection` or `Sec-WebSocket-Accept` is missing or wrong.
    #[error("the server answers 101 with a missing or wrong {0}")]
    Header(&'static str),
    /// A subprotocol that was not offered.
    #[error("the server chose the subprotocol {0:?}, which was not offered")]
    Subprotocol(Box<str>),
    /// Extensions that were not offered.
    #[error(transparent)]
    Extension(#[from] extension::AnswerError),
}

impl Offer<'_> {
    /// The request.
    pub fn request(&self) -> Vec<u8> {
        let Self { host, target, key: Key(key), .. } = self;
        let mut request = format!(
            "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n",
        );
        let subprotocols: Vec<_> = self.subprotocols.iter().map(|chosen| chosen.name()).collect();
        let subprotocols = subprotocols.join(", ");
        let headers = [
            ("Sec-WebSocket-Protocol", Some(subprotocols.as_str()).filter(|list| !list.is_empty())),
            (
                "Sec-WebSocket-Extensions",
                match self.compression {
                    Compression::None => None,
                    Compression::Deflate => Some(extension::OFFER),
                },
            ),
            ("Origin", self.origin),
            ("Authorization", self.authorization),
        ];
        for (name, value) in headers {
            if let Some(value) = value {
                request.extend([name, ": ", value, "\r\n"]);
            }
        }
        request.push_str("\r\n");
        request.into_bytes()
    }

    /// Reads the answer and says how many bytes its head took; `None` if it goes on.
    ///
    /// # Errors
    ///
    /// [`ClientError`] if it is not the upgrade that was asked for. RFC 6455, section 4.1.
    pub fn parse_answer(&self, input: &[u8]) -> Result<Option<(Answer, usize)>, ClientError> {
        let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        let mut parsed = httparse::Response::new(&mut []);
        let head = input.get(..HEAD_BYTES_MAX).unwrap_or(input);
        let status = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut parsed,
            head,
            &mut headers,
        );
        let taken = match status {
            Ok(httparse::Status::Complete(taken)) => taken,
            Ok(httparse::Status::Partial) if input.len() < HEAD_BYTES_MAX => return Ok(None),
            _ => return Err(ClientError::Malformed),
        };
        match parsed.code {
            Some(101) => Ok(Some((self.check(&parsed)?, taken))),
            code => Err(ClientError::Refused {
                code: code.unwrap_or_default(),
                reason: parsed.reason.unwrap_or_default().into(),
            }),
        }
    }

    fn check(&self, parsed: &httparse::Response<'_, '_>) -> Result<Answer, ClientError> {
        let value = |name: &str| {
            let header =
                parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            header.and_then(|header| str::from_utf8(header.value).ok()).map(str::trim)
        };
        let expect = |name: &'static str, is_right: &dyn Fn(&str) -> bool| {
            value(name).filter(|value| is_right(value)).ok_or(ClientError::Header(name))
        };
        expect("Upgrade", &|value| value.eq_ignore_ascii_case("websocket"))?;
        expect("Connection", &|value| {
            value.split(',').any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
        })?;
        expect("Sec-WebSocket-Accept", &|value| value == self.key.accept())?;

        let subprotocol = match value("Sec-WebSocket-Protocol") {
            None => None,
            Some(name) => {
                let chosen = Subprotocol::named(name).filter(|one| self.subprotocols.contains(one));
                Some(chosen.ok_or_else(|| ClientError::Subprotocol(name.into()))?)
            }
        };
        let is_compressed = extension::accepted(value("Sec-WebSocket-Extensions").unwrap_or(""))?;
        let compression = match (is_compressed, self.compression) {
            (false, _) => Compression::None,
            (true, Compression::Deflate) => Compression::Deflate,
            (true, Compression::None) => return Err(extension::AnswerError.into()),
        };
        Ok(Answer { subprotocol, compression })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::websocket::handshake::{Request, Upgrade};

    fn offer() -> Offer<'static> {
        Offer {
            host: "localhost:15674",
            target: "/ws",
            key: Key::from_nonce(*b"the sample nonce"),
            subprotocols: &Subprotocol::ALL,
            compression: Compression::Deflate,
            origin: None,
            authorization: Some("Basic Z3Vlc3Q6Z3Vlc3Q="),
        }
    }

    fn answer() -> String {
        let (request, _) = Request::parse(&offer().request()).unwrap().unwrap();
        let key = request.key().unwrap();
        let upgrade = Upgrade::accept(&request, &key, Compression::Deflate);
        String::from_utf8(upgrade.response).unwrap()
    }

    #[test]
    fn our_server_grants_what_our_client_asks() {
        let (request, _) = Request::parse(&offer().request()).unwrap().unwrap();
        assert_eq!(request.authorization.as_deref(), Some("Basic Z3Vlc3Q6Z3Vlc3Q="));
        let expected =
            Answer { subprotocol: Some(Subprotocol::V12), compression: Compression::Deflate };
        let text = answer();
        assert_eq!(offer().parse_answer(text.as_bytes()), Ok(Some((expected, text.len()))));
    }

    #[test]
    fn answers_that_were_not_asked_for_are_turned_down() {
        let check = |from: &str, to: &str, error| {
            assert!(answer().contains(from));
            assert_eq!(offer().parse_answer(answer().replace(from, to).as_bytes()), Err(error));
        };
        check("s3pPLM", "xxxxxx", ClientError::Header("Sec-WebSocket-Accept"));
        check("Upgrade: websocket\r\n", "", ClientError::Header("Upgrade"));
        check("Connection: Upgrade", "Connection: close", ClientError::Header("Connection"));
        check("v12.stomp", "mqtt", ClientError::Subprotocol("mqtt".into()));
        check("permessage-deflate;", "bzip2;", ClientError::Extension(extension::AnswerError));
        let refused = ClientError::Refused { code: 403, reason: "Forbidden".into() };
        check("101 Switching Protocols", "403 Forbidden", refused);
        check("HTTP/1.1", "SMTP/1.1", ClientError::Malformed);
        let plain = Offer { compression: Compression::None, ..offer() };
        let error = plain.parse_answer(answer().as_bytes());
        assert_eq!(error, Err(ClientError::Extension(extension::AnswerError)));
    }

    proptest! {
        #[test]
        fn a_part_of_an_answer_asks_for_more(end: prop::sample::Index) {
            let answer = answer();
            let part = &answer.as_bytes()[..end.index(answer.len())];
            prop_assert_eq!(offer().parse_answer(part), Ok(None));
        }

        #[test]
        fn garbage_is_read_without_panic(bytes: Vec<u8>) {
            let _ = offer().parse_answer(&bytes);
        }
    }
}
