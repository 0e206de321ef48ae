//! Messages on their way out.

use model::Properties;
use tokio::sync::oneshot;

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
    pub(super) receiver: Option<oneshot::Receiver<Result<(), Error>>>,
}

impl Confirm {
    /// Waits for it. At once on a channel that does not confirm.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] if a queue did not take it, another if channel or connection ended
    /// before.
    pub async fn confirmed(self) -> Result<(), Error> {
        match self.receiver {
            None => Ok(()),
            Some(receiver) => receiver.await.unwrap_or(Err(Error::Rejected)),
        }
    }
}
