//! Online status: exchange `presence`, keys `user.<id>` and `broadcast`.

use std::time::SystemTime;

use serde::{Serialize, Serializer};

use crate::envelope::{Saying, timestamp};
use crate::error::Error;
use crate::id::Id;
use crate::pool::Pool;

const EXCHANGE: &str = "presence";

/// Somebody who is online.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OnlineUser {
    /// Who.
    pub user: Id,
    /// As pages show them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Since when.
    #[serde(serialize_with = "as_timestamp")]
    pub since: SystemTime,
}

fn as_timestamp<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&timestamp(*time))
}

#[derive(Serialize)]
struct Status<'a> {
    user: &'a Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    activity: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
}

#[derive(Serialize)]
struct Everybody<'a> {
    users: &'a [OnlineUser],
}

/// Pushes online status.
#[derive(Debug)]
pub struct Presence<'a> {
    pub(crate) pool: &'a Pool,
}

impl Presence<'_> {
    /// A user came online.
    ///
    /// # Errors
    ///
    /// [`Error`] if the broker did not confirm it.
    pub async fn online(&self, user: &Id, name: Option<&str>) -> Result<(), Error> {
        let status = Status { user, name, activity: None, subject: None };
        self.of_user("online", status, false).await
    }

    /// A user went offline.
    ///
    /// # Errors
    ///
    /// [`Error`] if the broker did not confirm it.
    pub async fn offline(&self, user: &Id) -> Result<(), Error> {
        let status = Status { user, name: None, activity: None, subject: None };
        self.of_user("offline", status, false).await
    }

    /// What a user does (`viewing`, `idle` …), and with what.
    ///
    /// # Errors
    ///
    /// [`Error`] if the broker did not confirm it.
    pub async fn activity(
        &self,
        user: &Id,
        activity: &str,
        subject: Option<&str>,
    ) -> Result<(), Error> {
        let status = Status { user, name: None, activity: Some(activity), subject };
        self.of_user("activity", status, true).await
    }

    /// Everybody who is online, to every page.
    ///
    /// # Errors
    ///
    /// [`Error`] if the broker did not confirm it.
    pub async fn online_users(&self, users: &[OnlineUser]) -> Result<(), Error> {
        let key = "broadcast".to_owned();
        let fields = Everybody { users };
        let kind = "online-users";
        self.pool.say(Saying { exchange: EXCHANGE, key, kind, fields, is_fleeting: false }).await
    }

    async fn of_user(
        &self,
        kind: &str,
        fields: Status<'_>,
        is_fleeting: bool,
    ) -> Result<(), Error> {
        let key = format!("user.{}", fields.user);
        self.pool.say(Saying { exchange: EXCHANGE, key, kind, fields, is_fleeting }).await
    }
}
