//! Where to connect: `amqp://user:password@host:port/vhost` and `ws://host:port/path`.
//!
//! Source: RabbitMQ, "URI Specification"; RFC 6455 §3.

use std::fmt;

use percent_encoding::percent_decode_str;

use crate::error::Error;

/// Which protocol a URI speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// AMQP 0-9-1 over TCP.
    Amqp,
    /// STOMP over WebSocket.
    WebSocket,
}

/// Where to connect, and as whom.
#[derive(Clone, PartialEq, Eq)]
pub struct Uri {
    /// The protocol.
    pub scheme: Scheme,
    /// A name or an address, without brackets.
    pub host: String,
    /// The port; the protocol's own if none was given.
    pub port: u16,
    /// Who; `guest` if not given.
    pub user: String,
    /// The password; `guest` if not given. Not shown.
    pub password: String,
    /// The vhost of an AMQP URI; `/` if not given.
    pub vhost: String,
    /// The path and query of a WebSocket URI; `/ws` if not given.
    pub path: String,
}

impl Uri {
    /// Reads a URI.
    ///
    /// # Errors
    ///
    /// [`Error::Uri`] with what was found and what was wanted.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let failed = |reason: &str| Error::Uri { found: redact(text), reason: reason.to_owned() };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| failed(WANTED))?;
        let (scheme, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "amqp" => (Scheme::Amqp, 5672),
            "ws" => (Scheme::WebSocket, 15674),
            "amqps" | "wss" => return Err(failed("TLS is not available in this client yet")),
            _ => return Err(failed(WANTED)),
        };
        let (authority, path) = match rest.find('/').and_then(|at| rest.split_at_checked(at)) {
            Some((authority, path)) => (authority, Some(path)),
            None => (rest, None),
        };
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        let (user, password) = match login.map(|login| login.split_once(':')) {
            None => ("guest".to_owned(), "guest".to_owned()),
            Some(None) => (decode(login.unwrap_or_default()), String::new()),
            Some(Some((user, password))) => (decode(user), decode(password)),
        };
        let (host, port) = place_of(place, default_port).ok_or_else(|| failed(WANTED_PLACE))?;
        let vhost = match path.and_then(|path| path.strip_prefix('/')) {
            None | Some("") => "/".to_owned(),
            Some(vhost) => decode(vhost.split('?').next().unwrap_or_default()),
        };
        let path = match path {
            None | Some("/") => "/ws".to_owned(),
            Some(path) => path.to_owned(),
        };
        Ok(Self { scheme, host, port, user, password, vhost, path })
    }

    /// `host:port`, as a `Host` header and messages say it.
    pub fn place(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

const WANTED: &str = "wanted amqp://user:password@host:port/vhost or ws://host:port/path";
const WANTED_PLACE: &str = "wanted a host and a port from 1 to 65535";

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn place_of(place: &str, default_port: u16) -> Option<(String, u16)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (host, port.strip_prefix(':'))
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let port = match port {
        None => default_port,
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
    };
    let host = if host.is_empty() { "localhost" } else { host };
    Some((host.to_owned(), port))
}

/// The URI without its password, for messages.
fn redact(text: &str) -> String {
    let hidden = || {
        let (scheme, rest) = text.split_once("://")?;
        let (login, place) = rest.rsplit_once('@')?;
        let user = login.split(':').next()?;
        Some(format!("{scheme}://{user}:…@{place}"))
    };
    hidden().unwrap_or_else(|| text.to_owned())
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            Scheme::Amqp => write!(f, "amqp://{}", self.place()),
            Scheme::WebSocket => write!(f, "ws://{}{}", self.place(), self.path),
        }
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_has_rabbitmqs_defaults() {
        let uri = Uri::parse("amqp://localhost").unwrap();
        let wanted = ("localhost", 5672, "guest", "guest", "/");
        let found = (&*uri.host, uri.port, &*uri.user, &*uri.password, &*uri.vhost);
        assert_eq!(found, wanted);
        assert_eq!(Uri::parse("ws://h").unwrap().path, "/ws");
    }

    #[test]
    fn parts_are_percent_decoded() {
        let uri = Uri::parse("amqp://a%40b:p%2Fw@[::1]:5673/%2Fv").unwrap();
        let found = (&*uri.host, uri.port, &*uri.user, &*uri.password, &*uri.vhost);
        assert_eq!(found, ("::1", 5673, "a@b", "p/w", "/v"));
        assert_eq!(uri.place(), "[::1]:5673");
    }

    #[test]
    fn a_bad_uri_says_what_was_wanted_and_hides_the_password() {
        let error = Uri::parse("http://ann:hush@host").unwrap_err().to_string();
        assert!(error.contains("wanted amqp://") && !error.contains("hush"), "{error}");
        assert!(Uri::parse("amqp://h:0").is_err());
        assert!(Uri::parse("amqp://h:65536").is_err());
        assert!(Uri::parse("localhost").is_err());
    }

    #[test]
    fn no_password_is_shown() {
        let uri = Uri::parse("amqp://ann:hush@host/v").unwrap();
        assert!(!format!("{uri} {uri:?}").contains("hush"));
    }
}
