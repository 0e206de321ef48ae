//! Ids of users, rooms, boards and documents.

use std::fmt;

use serde::Serialize;

use crate::error::Error;

/// An id: one word of a routing key, 1 to 64 characters of `A–Z a–z 0–9 _ -`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Id(String);

impl Id {
    /// The longest id, in characters. Source: `docs/scenarios.md`.
    pub const LENGTH_MAX: usize = 64;

    /// Reads an id.
    ///
    /// # Errors
    ///
    /// [`Error::Id`] if it is empty, too long, or has another character.
    pub fn parse(text: impl Into<String>) -> Result<Self, Error> {
        let found = text.into();
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let is_id = (1..=Self::LENGTH_MAX).contains(&found.len()) && found.chars().all(is_word);
        if is_id { Ok(Self(found)) } else { Err(Error::Id { found }) }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_word_of_64_characters_at_most() {
        assert!(Id::parse("a".repeat(64)).is_ok());
        assert!(Id::parse("a".repeat(65)).is_err());
        for bad in ["", "a.b", "*", "#", "ä", "a b"] {
            assert!(Id::parse(bad).is_err(), "{bad}");
        }
    }
}
