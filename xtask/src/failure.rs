//! How a task ends badly: what happened, and what the reader can do next.

/// A task's result.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a task stopped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What was found, and what was wanted.
    pub(crate) what: String,
    /// What to do about it: a command where there is one.
    pub(crate) next: String,
}

impl Failure {
    /// A failure with its way out.
    pub(crate) fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { what: what.into(), next: next.into() }
    }

    /// A file or directory could not be used.
    pub(crate) fn at(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(format!("{}: {error}", path.display()), "look at its owner, mode and free space")
    }
}
