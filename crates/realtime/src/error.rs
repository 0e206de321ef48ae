//! What can go wrong for a back end that publishes.

/// What went wrong.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The connection, or the broker's answer.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// An id that cannot be a word of a routing key.
    #[error("id '{found}': wanted 1 to 64 characters of A-Z a-z 0-9 _ -")]
    Id {
        /// What was given.
        found: String,
    },
    /// A body that cannot be written as JSON.
    #[error("body: {0}")]
    Body(String),
    /// All channels of the pool were busy for too long.
    #[error("no channel became free within {0:?}; make the pool larger or publish less at once")]
    PoolExhausted(std::time::Duration),
}
