//! SASL responses with a user and a password.
//!
//! ```text
//! PLAIN    = 0 user 0 password
//! AMQPLAIN = a field table without the length before it: LOGIN and PASSWORD
//! ```

use std::borrow::Cow;
use std::fmt;

use model::{FieldTable, FieldValue};

use crate::amqp::field::{decode_table, encode_entries};

/// A user name and a password, as a response brought them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// The user, in no particular encoding.
    pub user: Cow<'a, [u8]>,
    /// The password, in no particular encoding.
    pub password: Cow<'a, [u8]>,
}

/// Shows the user only.
impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &String::from_utf8_lossy(&self.user))
            .finish_non_exhaustive()
    }
}

/// The mechanisms that name a user and a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616, without an authorisation identity.
    Plain,
    /// RabbitMQ's: the same in a field table.
    AmqPlain,
}

impl Mechanism {
    /// The mechanism of that name, exactly as in `connection.start`.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Plain, Self::AmqPlain].into_iter().find(|mechanism| mechanism.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::AmqPlain => "AMQPLAIN",
        }
    }

    /// Reads a response; `None` if it has not the mechanism's form.
    pub fn read(self, response: &[u8]) -> Option<Credentials<'_>> {
        match self {
            Self::Plain => read_plain(response),
            Self::AmqPlain => read_amqplain(response),
        }
    }

    /// The response that says `credentials`.
    pub fn write(self, credentials: &Credentials<'_>) -> Vec<u8> {
        match self {
            Self::Plain => [b"\0", &*credentials.user, b"\0", &*credentials.password].concat(),
            Self::AmqPlain => {
                let mut table = FieldTable::new();
                table.set("LOGIN", FieldValue::string(&credentials.user));
                table.set("PASSWORD", FieldValue::string(&credentials.password));
                let mut out = Vec::new();
                encode_entries(&table, &mut out);
                out
            }
        }
    }
}

fn read_plain(response: &[u8]) -> Option<Credentials<'_>> {
    let mut parts = response.strip_prefix(b"\0")?.split(|&byte| byte == 0);
    let (user, password) = (parts.next()?, parts.next()?);
    let credentials = Credentials { user: user.into(), password: password.into() };
    parts.next().is_none().then_some(credentials)
}

fn read_amqplain(response: &[u8]) -> Option<Credentials<'static>> {
    let table = decode_table(response).ok()?;
    let text = |name| match table.get(name)? {
        FieldValue::LongString(bytes) | FieldValue::Binary(bytes) => Some(bytes.to_vec().into()),
        _ => None,
    };
    Some(Credentials { user: text("LOGIN")?, password: text("PASSWORD")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_mechanisms_read_what_they_write() {
        let guest = Credentials {
            user: b"guest".as_slice().into(),
            password: b"s\xC3\xA9cret".as_slice().into(),
        };
        for mechanism in [Mechanism::Plain, Mechanism::AmqPlain] {
            let response = mechanism.write(&guest);
            assert_eq!(mechanism.read(&response), Some(guest.clone()));
            assert_eq!(Mechanism::parse(mechanism.name()), Some(mechanism));
        }
        assert!(!format!("{guest:?}").contains("cret"));
    }

    #[test]
    fn other_forms_are_none() {
        for response in [b"".as_slice(), b"guest\0guest", b"\0guest", b"id\0u\0p", b"\0u\0p\0"] {
            assert_eq!(Mechanism::Plain.read(response), None, "{response:?}");
        }
        for response in [b"".as_slice(), b"\x05LOGINS\0\0\0\x01u", b"\x05LOGIN?"] {
            assert_eq!(Mechanism::AmqPlain.read(response), None, "{response:?}");
        }
        assert_eq!(Mechanism::parse("plain"), None);
    }
}
