//! Collaborative editing: exchange `editing`, key `document.<id>`.

use serde::Serialize;

use crate::envelope::Saying;
use crate::error::Error;
use crate::id::Id;
use crate::pool::Pool;

const EXCHANGE: &str = "editing";

/// A change to a document. Positions and lengths count UTF-16 code units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Operation {
    /// Puts text in.
    Insert {
        /// Before which unit.
        position: u64,
        /// What.
        text: String,
    },
    /// Takes text out.
    Delete {
        /// From which unit on.
        position: u64,
        /// How many units.
        length: u64,
    },
}

/// Where a user's cursor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cursor {
    /// Before which UTF-16 code unit.
    pub position: u64,
    /// The other end of the selection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchor: Option<u64>,
}

#[derive(Serialize)]
struct Change<'a> {
    document: &'a Id,
    user: &'a Id,
    revision: u64,
    operation: &'a Operation,
}

#[derive(Serialize)]
struct Place<'a> {
    document: &'a Id,
    user: &'a Id,
    #[serde(flatten)]
    cursor: Cursor,
}

/// Pushes operations and cursors.
#[derive(Debug)]
pub struct Editing<'a> {
    pub(crate) pool: &'a Pool,
}

impl Editing<'_> {
    /// A user changed a document at `revision`.
    ///
    /// # Errors
    ///
    /// [`Error`] if the broker did not confirm it.
    pub async fn operation(
        &self,
        document: &Id,
        user: &Id,
        revision: u64,
        operation: &Operation,
    ) -> Result<(), Error> {
        let fields = Change { document, user, revision, operation };
        let (key, kind) = (format!("document.{document}"), "operation");
        self.pool.say(Saying { exchange: EXCHANGE, key, kind, fields, is_fleeting: false }).await
    }

    /// A user's cursor moved.
    ///
    /// # Errors
    ///
    /// [`Error`] if the broker did not confirm it.
    pub async fn cursor(&self, document: &Id, user: &Id, cursor: Cursor) -> Result<(), Error> {
        let fields = Place { document, user, cursor };
        let (key, kind) = (format!("document.{document}"), "cursor");
        self.pool.say(Saying { exchange: EXCHANGE, key, kind, fields, is_fleeting: true }).await
    }
}
