//! Messages on their way out.

use std::future::poll_fn;

use model::Properties;

use super::confirms::Confirms;
use crate::error::Error;

/// A message to be published.
#[derive(Clone, Copy, Debug)]
pub struct Publish<'a> {
    /// The exchange; empty for the default one.
    pub exchange: &'a str,
    /// The routing key.
    pub key: &'a str,
    /// Its properties.
    pub properties: &'a Properties,
    /// Its body.
    pub body: &'a [u8],
    /// Whether it comes back if it goes nowhere.
    pub is_mandatory: bool,
}

/// The broker's word on a publish, when it comes.
#[derive(Debug)]
pub struct Confirm {
    /// Which publish of which channel; `None` on a channel that does not confirm.
    pub(super) awaited: Option<(Confirms, u64)>,
}

impl Confirm {
    /// Waits for it. At once on a channel that does not confirm.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] if a queue did not take it, another if channel or connection ended
    /// before.
    pub async fn confirmed(self) -> Result<(), Error> {
        match &self.awaited {
            None => Ok(()),
            Some((confirms, number)) => poll_fn(|context| confirms.poll(*number, context)).await,
        }
    }
}

impl Drop for Confirm {
    fn drop(&mut self) {
        if let Some((confirms, number)) = &self.awaited {
            confirms.leave(*number);
        }
    }
}
