//! Notifications: exchange `notifications`, keys `user.<id>` and `broadcast`.

use serde::Serialize;

use crate::envelope::Saying;
use crate::error::Error;
use crate::id::Id;
use crate::pool::Pool;

const EXCHANGE: &str = "notifications";

/// How a page shows a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For information.
    Info,
    /// Something went well.
    Success,
    /// Something wants attention.
    Warning,
    /// Something went wrong.
    Error,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Success => "success",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notification {
    #[serde(skip)]
    level: Level,
    title: String,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

impl Notification {
    /// A notification without a link.
    pub fn new(level: Level, title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { level, title: title.into(), text: text.into(), link: None }
    }

    /// With a URL to open.
    #[must_use]
    pub fn with_link(mut self, link: impl Into<String>) -> Self {
        self.link = Some(link.into());
        self
    }
}

/// Pushes notifications.
#[derive(Debug)]
pub struct Notifications<'a> {
    pub(crate) pool: &'a Pool,
}

impl Notifications<'_> {
    /// To one user's pages.
    ///
    /// # Errors
    ///
    /// [`Error`] if the broker did not confirm it.
    pub async fn to_user(&self, user: &Id, notification: &Notification) -> Result<(), Error> {
        self.push(format!("user.{user}"), notification).await
    }

    /// To every page.
    ///
    /// # Errors
    ///
    /// [`Error`] if the broker did not confirm it.
    pub async fn to_all(&self, notification: &Notification) -> Result<(), Error> {
        self.push("broadcast".to_owned(), notification).await
    }

    async fn push(&self, key: String, notification: &Notification) -> Result<(), Error> {
        let kind = notification.level.as_str();
        let fields = notification;
        self.pool.say(Saying { exchange: EXCHANGE, key, kind, fields, is_fleeting: false }).await
    }
}
