//! Chat: exchange `chat`, keys `user.<id>` and `room.<id>`.

use serde::Serialize;

use crate::envelope::Saying;
use crate::error::Error;
use crate::id::Id;
use crate::pool::Pool;

const EXCHANGE: &str = "chat";

#[derive(Serialize)]
struct Words<'a> {
    from: &'a Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<&'a Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    active: Option<bool>,
}

/// Pushes chat messages.
#[derive(Debug)]
pub struct Chat<'a> {
    pub(crate) pool: &'a Pool,
}

impl Chat<'_> {
    /// From one user to another.
    ///
    /// # Errors
    ///
    /// [`Error`] if the broker did not confirm it.
    pub async fn direct(&self, from: &Id, to: &Id, text: &str) -> Result<(), Error> {
        let words = Words { from, to: Some(to), room: None, text: Some(text), active: None };
        self.push(format!("user.{to}"), "direct", words).await
    }

    /// From a user to everybody in a room.
    ///
    /// # Errors
    ///
    /// [`Error`] if the broker did not confirm it.
    pub async fn group(&self, from: &Id, room: &Id, text: &str) -> Result<(), Error> {
        let words = Words { from, to: None, room: Some(room), text: Some(text), active: None };
        self.push(format!("room.{room}"), "group", words).await
    }

    /// A user began typing to another.
    ///
    /// # Errors
    ///
    /// [`Error`] if the broker did not confirm it.
    pub async fn began_typing_to(&self, from: &Id, to: &Id) -> Result<(), Error> {
        self.typing(from, Some(to), None, true).await
    }

    /// A user stopped typing to another.
    ///
    /// # Errors
    ///
    /// [`Error`] if the broker did not confirm it.
    pub async fn stopped_typing_to(&self, from: &Id, to: &Id) -> Result<(), Error> {
        self.typing(from, Some(to), None, false).await
    }

    /// A user began typing in a room.
    ///
    /// # Errors
    ///
    /// [`Error`] if the broker did not confirm it.
    pub async fn began_typing_in(&self, from: &Id, room: &Id) -> Result<(), Error> {
        self.typing(from, None, Some(room), true).await
    }

    /// A user stopped typing in a room.
    ///
    /// # Errors
    ///
    /// [`Error`] if the broker did not confirm it.
    pub async fn stopped_typing_in(&self, from: &Id, room: &Id) -> Result<(), Error> {
        self.typing(from, None, Some(room), false).await
    }

    async fn typing(
        &self,
        from: &Id,
        to: Option<&Id>,
        room: Option<&Id>,
        active: bool,
    ) -> Result<(), Error> {
        let key = match (to, room) {
            (Some(to), _) => format!("user.{to}"),
            (None, Some(room)) => format!("room.{room}"),
            (None, None) => return Ok(()),
        };
        let words = Words { from, to, room, text: None, active: Some(active) };
        self.push(key, "typing", words).await
    }

    async fn push(&self, key: String, kind: &str, fields: Words<'_>) -> Result<(), Error> {
        let is_fleeting = fields.active.is_some();
        self.pool.say(Saying { exchange: EXCHANGE, key, kind, fields, is_fleeting }).await
    }
}
