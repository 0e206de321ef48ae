//! Who asks: HTTP Basic against the broker's users, and what their tags let them see.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use broker::Identity;
use broker::auth::User;
use broker::view::{UserView, VhostView};
use model::{Refusal, UserName, VhostName};

use crate::app::App;
use crate::error::Failure;

/// Somebody with a right to use the API.
#[derive(Debug)]
pub(crate) struct Operator {
    pub(crate) identity: Identity,
}

impl FromRequestParts<Arc<App>> for Operator {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let (user, password) = basic(&parts.headers).ok_or_else(Failure::no_credentials)?;
        let user = UserName::parse(&user).map_err(|_| Failure::wrong_credentials())?;
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let is_loopback = peer.is_some_and(|peer| peer.0.ip().to_canonical().is_loopback());
        let login =
            broker::Login { user: &user, password: password.as_bytes(), vhost: None, is_loopback };
        let identity = app.engine.broker().login(login).map_err(|refusal| match refusal {
            Refusal::LoopbackOnly(_) => {
                Failure::not_authorised("User can only log in via localhost")
            }
            _ => Failure::wrong_credentials(),
        })?;
        if !identity.user().is_management() {
            return Err(Failure::not_authorised("Not management user"));
        }
        Ok(Self { identity })
    }
}

impl Operator {
    pub(crate) fn user(&self) -> &User {
        self.identity.user()
    }

    /// # Errors
    ///
    /// 401 unless they may do everything.
    pub(crate) fn must_be_administrator(&self) -> Result<(), Failure> {
        match self.user().is_administrator() {
            true => Ok(()),
            false => Err(Failure::not_authorised("Not administrator user")),
        }
    }

    /// # Errors
    ///
    /// 401 unless they may see everything.
    pub(crate) fn must_be_monitor(&self) -> Result<(), Failure> {
        match self.user().is_monitoring() {
            true => Ok(()),
            false => Err(Failure::not_authorised("Not monitor user")),
        }
    }

    /// The broker's operations, for an administrator.
    ///
    /// # Errors
    ///
    /// 401 for anybody else.
    pub(crate) fn operate<'a>(&self, app: &'a App) -> Result<broker::Operator<'a>, Failure> {
        Ok(app.engine.broker().operate(&self.identity)?)
    }

    /// # Errors
    ///
    /// 401 unless they may do everything, 404 if there is no such user.
    pub(crate) fn must_find_user(&self, app: &App, name: &str) -> Result<UserView, Failure> {
        self.must_be_administrator()?;
        let mut users = app.engine.broker().list_users().into_iter();
        users.find(|known| known.name.as_str() == name).ok_or_else(Failure::not_found)
    }

    /// # Errors
    ///
    /// 401 unless they may do everything, 404 if there is no such vhost.
    pub(crate) fn must_find_vhost(&self, app: &App, name: &str) -> Result<VhostView, Failure> {
        self.must_be_administrator()?;
        let mut vhosts = app.engine.broker().list_vhosts().into_iter();
        vhosts.find(|known| known.name.as_str() == name).ok_or_else(Failure::not_found)
    }

    /// The vhosts whose objects they see.
    pub(crate) fn vhosts(&self, app: &App) -> Vec<VhostName> {
        let broker = app.engine.broker();
        let all = broker.list_vhosts().into_iter().map(|vhost| vhost.name);
        if self.user().is_monitoring() {
            return all.collect();
        }
        let permissions = broker.list_permissions();
        let may_enter = |vhost: &VhostName| {
            permissions.iter().any(|row| row.user == self.user().name && row.vhost == *vhost)
        };
        all.filter(may_enter).collect()
    }

    /// # Errors
    ///
    /// 404 if there is no such vhost, 401 if they do not see it.
    pub(crate) fn must_see(&self, app: &App, vhost: &str) -> Result<VhostName, Failure> {
        self.sees(app, vhost, Failure::not_found)
    }

    /// The same for who makes something there: RabbitMQ's 404 then has another reason.
    ///
    /// # Errors
    ///
    /// 404 `vhost_not_found` if there is no such vhost, 401 if they do not see it.
    pub(crate) fn must_see_to_add(&self, app: &App, vhost: &str) -> Result<VhostName, Failure> {
        self.sees(app, vhost, || Failure::missing("vhost_not_found"))
    }

    fn sees(
        &self,
        app: &App,
        vhost: &str,
        missing: impl FnOnce() -> Failure,
    ) -> Result<VhostName, Failure> {
        let mut all = app.engine.broker().list_vhosts().into_iter().map(|view| view.name);
        let vhost = all.find(|name| name.as_str() == vhost).ok_or_else(missing)?;
        match self.vhosts(app).contains(&vhost) {
            true => Ok(vhost),
            false => Err(Failure::not_authorised("User not authorised to access virtual host")),
        }
    }
}

/// User and password of an `Authorization: Basic` header.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_split_at_the_first_colon() {
        let credentials = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            basic(&headers)
        };
        let wanted = Some(("ann".to_owned(), "a:b".to_owned()));
        assert_eq!(credentials("Basic YW5uOmE6Yg=="), wanted);
        assert_eq!(credentials("basic YW5uOmE6Yg=="), wanted);
        assert_eq!(credentials("Bearer YW5uOmE6Yg=="), None);
        assert_eq!(credentials("Basic !!!"), None);
        assert_eq!(credentials("Basic"), None);
    }
}
