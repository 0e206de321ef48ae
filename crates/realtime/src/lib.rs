//! What a web back end pushes to its browsers: notifications, online status, chat, dashboards,
//! shared editing.
//!
//! A [`Realtime`] publishes over AMQP 0-9-1 through a pool of channels with confirms: when a call
//! returns, the broker has the message. Exchanges, keys and bodies are those of
//! `docs/scenarios.md`, so any page and any other back end speaks with it.
//!
//! ```no_run
//! # async fn example() -> Result<(), hopwire_realtime::Error> {
//! use hopwire_realtime::{Level, Notification, Realtime, Settings, Id};
//!
//! let realtime = Realtime::connect(Settings::new("amqp://guest:guest@localhost:5672/")).await?;
//! let shipped = Notification::new(Level::Success, "Order shipped", "Order 1042 is on its way.");
//! realtime.notifications().to_user(&Id::parse("7")?, &shipped).await?;
//! # Ok(()) }
//! ```

mod chat;
mod dashboard;
mod editing;
mod envelope;
mod error;
mod id;
mod notifications;
mod pool;
mod presence;
mod publisher;

use std::sync::Arc;

pub use chat::Chat;
pub use dashboard::{Alert, Dashboard, Severity};
pub use editing::{Cursor, Editing, Operation};
pub use envelope::COMPRESS_ABOVE_BYTES;
pub use error::Error;
pub use id::Id;
pub use notifications::{Level, Notification, Notifications};
pub use pool::{Pool, Settings};
pub use presence::{OnlineUser, Presence};

/// A back end's way to its browsers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Realtime {
    pool: Arc<Pool>,
}

impl Realtime {
    /// Connects once, to see that the broker is there and lets us in.
    ///
    /// # Errors
    ///
    /// [`Error::Client`] if the URI is bad, nobody answers, or the login is refused.
    pub async fn connect(settings: Settings) -> Result<Self, Error> {
        let pool = Pool::new(settings)?;
        drop(pool.lease().await?);
        Ok(Self { pool: Arc::new(pool) })
    }

    /// Notifications: `info`, `success`, `warning`, `error`.
    pub fn notifications(&self) -> Notifications<'_> {
        Notifications { pool: &self.pool }
    }

    /// Online status.
    pub fn presence(&self) -> Presence<'_> {
        Presence { pool: &self.pool }
    }

    /// Chat: direct, group, typing.
    pub fn chat(&self) -> Chat<'_> {
        Chat { pool: &self.pool }
    }

    /// Dashboards: metrics and alerts.
    pub fn dashboard(&self) -> Dashboard<'_> {
        Dashboard { pool: &self.pool }
    }

    /// Collaborative editing: operations and cursors.
    pub fn editing(&self) -> Editing<'_> {
        Editing { pool: &self.pool }
    }

    /// The pool, for messages of one's own.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }
}
