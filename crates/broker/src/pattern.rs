//! A pattern of rights and policies: a regular expression searched, unanchored, in a name or key.

use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder};

/// The longest pattern, in bytes. Source: RabbitMQ.
const PATTERN_BYTES_MAX: usize = 1024;

/// The most memory a compiled pattern may take, in bytes; ours.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// A compiled pattern. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    /// `.*`: everything. Not worth a machine.
    Everything,
    /// The empty pattern stands for `^$`: only the empty name.
    Empty,
    /// Anything else.
    Search(Arc<Regex>),
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PatternError {
    #[error("pattern has {0} bytes, wanted at most {PATTERN_BYTES_MAX}")]
    TooLong(usize),
    #[error("pattern '{pattern}' is not a regular expression we can use: {reason}")]
    Invalid { pattern: Box<str>, reason: Box<str> },
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// [`PatternError`] if it is too long, malformed, or needs what cannot be searched for in
    /// linear time: look-around and back-references, which RabbitMQ's PCRE has.
    pub(crate) fn compile(text: &str) -> Result<Self, PatternError> {
        match text {
            "" | "^$" => return Ok(Self::Empty),
            ".*" | "^.*$" | "^.*" | ".*$" => return Ok(Self::Everything),
            text if text.len() > PATTERN_BYTES_MAX => {
                return Err(PatternError::TooLong(text.len()));
            }
            _ => {}
        }
        let compiled = RegexBuilder::new(text).size_limit(COMPILED_BYTES_MAX).build();
        compiled.map(|regex| Self::Search(Arc::new(regex))).map_err(|error| {
            let all = error.to_string();
            let last = all.lines().last().unwrap_or_default();
            let reason = last.strip_prefix("error: ").unwrap_or(last);
            PatternError::Invalid { pattern: text.into(), reason: reason.into() }
        })
    }

    /// Whether it is found in `name`.
    pub(crate) fn is_found_in(&self, name: &[u8]) -> bool {
        match self {
            Self::Everything => true,
            Self::Empty => name.is_empty(),
            Self::Search(regex) => regex.is_match(name),
        }
    }

    /// Whether nobody but the caller's table holds it.
    pub(crate) fn is_unshared(&self) -> bool {
        matches!(self, Self::Search(regex) if Arc::strong_count(regex) == 1)
    }
}

/// Puts the session's names into a pattern, as text that means only itself.
///
/// Source: RabbitMQ, "Topic Authorisation": `{username}` and `{vhost}`.
pub(crate) fn with_variables(pattern: &str, user: &str, vhost: &str) -> String {
    pattern.replace("{username}", &regex::escape(user)).replace("{vhost}", &regex::escape(vhost))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, found_in: &[&str], not_in: &[&str]) {
        let compiled = Pattern::compile(pattern).unwrap();
        for name in found_in {
            assert!(compiled.is_found_in(name.as_bytes()), "{pattern} in {name}");
        }
        for name in not_in {
            assert!(!compiled.is_found_in(name.as_bytes()), "{pattern} not in {name}");
        }
    }

    #[test]
    fn patterns_are_searched_not_matched_whole() {
        check("foo", &["foo", "myfoobar"], &["fo", ""]);
        check("^foo$", &["foo"], &["myfoobar"]);
        check("", &[""], &["a"]);
        check("^$", &[""], &["a"]);
        check(".*", &["", "a"], &[]);
        check(
            "^(stomp-subscription-|amq\\.topic)",
            &["amq.topic", "stomp-subscription-x"],
            &["amqXtopic"],
        );
    }

    #[test]
    fn look_around_is_refused_and_the_reason_said() {
        let error = Pattern::compile("^(?!admin)").unwrap_err().to_string();
        assert!(error.contains("'^(?!admin)'") && error.contains("look-around"), "{error}");
        assert!(Pattern::compile("(").is_err());
        assert!(Pattern::compile(&"a".repeat(1024)).is_ok());
        let too_long = Pattern::compile(&"a".repeat(1025)).unwrap_err();
        assert_eq!(too_long, PatternError::TooLong(1025));
    }

    #[test]
    fn a_user_called_dot_star_gains_nothing() {
        assert_eq!(with_variables("^{username}-{vhost}", ".*", "/"), "^\\.\\*-/");
    }
}
