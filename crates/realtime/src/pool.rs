//! A pool of publishers: as many as asked for, closed when idle, replaced when old or broken.

use std::ops::{Deref, DerefMut};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use client::Uri;
use serde::Serialize;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use crate::envelope::Saying;
use crate::error::Error;
use crate::publisher::Publisher;

/// How a pool behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the broker is: `amqp://user:password@host:port/vhost`.
    pub uri: String,
    /// The most publishers at once; each has a connection of its own. Default 8.
    pub size: usize,
    /// How long a publisher may lie unused before it is closed. Default 60 s.
    pub idle_timeout: Duration,
    /// How old a publisher may become before it is replaced, so that a fleet spreads anew. Default
    /// 1 h.
    pub recycle_after: Duration,
    /// How long to wait for a free publisher, and for the broker's answers. Default 10 s.
    pub timeout: Duration,
}

impl Settings {
    /// The defaults, for that broker.
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            size: 8,
            idle_timeout: Duration::from_secs(60),
            recycle_after: Duration::from_secs(3600),
            timeout: Duration::from_secs(10),
        }
    }
}

/// A pool of publishers.
#[derive(Debug)]
pub struct Pool {
    uri: Uri,
    settings: Settings,
    permits: Semaphore,
    idle: Mutex<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    publisher: Publisher,
    since: Instant,
}

/// A publisher lent out; goes back when dropped, unless it broke.
#[derive(Debug)]
pub(crate) struct Lease<'a> {
    pool: &'a Pool,
    publisher: Option<Publisher>,
    _permit: SemaphorePermit<'a>,
}

impl Pool {
    /// A pool; connects when the first publisher is needed.
    ///
    /// # Errors
    ///
    /// [`Error::Client`] if the URI is bad.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let uri = Uri::parse(&settings.uri)?;
        let permits = Semaphore::new(settings.size.max(1));
        Ok(Self { uri, settings, permits, idle: Mutex::default() })
    }

    /// Publishers that lie ready.
    pub fn idle(&self) -> usize {
        self.with_idle(|idle| idle.len())
    }

    /// Publishes one message and waits for the broker's confirm. A connection that broke before the
    /// message was on its way is replaced and the message published on the new one; a message whose
    /// confirm never came is published again under the same id, which readers drop if they see it
    /// twice.
    pub(crate) async fn say<T: Serialize>(&self, saying: Saying<'_, T>) -> Result<(), Error> {
        let envelope = saying.seal(SystemTime::now())?;
        let mut lease = self.lease().await?;
        match lease.publish(&envelope).await {
            Err(Error::Client(error)) if error.is_connection() => {
                drop(lease);
                self.with_idle(Vec::clear);
                self.lease().await?.publish(&envelope).await
            }
            result => result,
        }
    }

    /// A publisher, ready or new.
    pub(crate) async fn lease(&self) -> Result<Lease<'_>, Error> {
        let wait = self.settings.timeout;
        let permit = timeout(wait, self.permits.acquire()).await;
        let permit = permit.ok().and_then(Result::ok).ok_or(Error::PoolExhausted(wait))?;
        self.close_stale();
        let publisher = match self.with_idle(Vec::pop) {
            Some(idle) => idle.publisher,
            None => Publisher::open(&self.uri, wait).await?,
        };
        Ok(Lease { pool: self, publisher: Some(publisher), _permit: permit })
    }

    /// Drops what has lain too long or is too old; dropping a publisher closes its connection.
    fn close_stale(&self) {
        let now = Instant::now();
        let Settings { idle_timeout, recycle_after, .. } = self.settings;
        self.with_idle(|idle| {
            idle.retain(|idle| {
                let is_fresh = now - idle.since < idle_timeout;
                let is_young = now - idle.publisher.opened() < recycle_after;
                is_fresh && is_young && !idle.publisher.is_broken()
            });
        });
    }

    fn with_idle<T>(&self, with: impl FnOnce(&mut Vec<Idle>) -> T) -> T {
        with(&mut self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl Deref for Lease<'_> {
    type Target = Publisher;

    fn deref(&self) -> &Publisher {
        self.publisher.as_ref().expect("a lease holds its publisher until it is dropped")
    }
}

impl DerefMut for Lease<'_> {
    fn deref_mut(&mut self) -> &mut Publisher {
        self.publisher.as_mut().expect("a lease holds its publisher until it is dropped")
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let Some(publisher) = self.publisher.take() else {
            return;
        };
        if !publisher.is_broken() {
            let since = Instant::now();
            self.pool.with_idle(|idle| idle.push(Idle { publisher, since }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_exhausted_pool_says_so_after_its_time_and_not_before() {
        let settings = Settings { size: 2, ..Settings::new("amqp://localhost") };
        let pool = Pool::new(settings).unwrap();
        let _lent = pool.permits.acquire_many(2).await.unwrap();
        let begun = Instant::now();
        let error = pool.lease().await.unwrap_err();
        let ten_seconds = Duration::from_secs(10);
        assert!(matches!(error, Error::PoolExhausted(waited) if waited == ten_seconds), "{error}");
        assert_eq!(begun.elapsed().as_secs(), 10);
        assert_eq!(
            error.to_string(),
            "no channel became free within 10s; make the pool larger or publish less at once"
        );
    }

    #[test]
    fn a_bad_uri_is_told_when_the_pool_is_made() {
        assert!(Pool::new(Settings::new("http://localhost")).is_err());
    }
}
