//! The grammar of `rabbitmq.conf`: `key = value` lines.
//!
//! ```text
//! # a comment
//! listeners.tcp.default = 5672
//! default_pass = 'with # and spaces'    # another comment
//! ```
//! Source: RabbitMQ, "Configuration"; cuttlefish's sysctl-like syntax.

use std::path::Path;

use super::key::{ConfigError, Origin};

/// One assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The key as written.
    pub(crate) key: String,
    /// The value, without quotes and comment.
    pub(crate) value: String,
    /// Where it stands.
    pub(crate) origin: Origin,
}

/// Reads a file.
///
/// # Errors
///
/// [`ConfigError`] if it cannot be read, or a line is no assignment.
pub(crate) fn read_file(path: &Path) -> Result<Vec<Entry>, ConfigError> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|cause| ConfigError::Unreadable {
        file: shown.clone(),
        cause: cause.to_string(),
    })?;
    parse(&shown, &text)
}

/// Reads the assignments of a text; `file` is for messages.
///
/// # Errors
///
/// [`ConfigError::NoAssignment`] with the line that is none.
pub(crate) fn parse(file: &str, text: &str) -> Result<Vec<Entry>, ConfigError> {
    let mut entries = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let origin = Origin::File { file: file.to_owned(), line: number + 1 };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            return Err(ConfigError::NoAssignment { origin, found: line.to_owned() });
        };
        let key = key.trim();
        let is_key = |c: char| c.is_ascii_alphanumeric() || "_-.\\{}*/@".contains(c);
        if key.is_empty() || !key.chars().all(is_key) {
            return Err(ConfigError::NoAssignment { origin, found: line.to_owned() });
        }
        entries.push(Entry { key: key.to_owned(), value: unquote(value.trim()), origin });
    }
    Ok(entries)
}

/// A value without its quotes or its trailing comment.
fn unquote(value: &str) -> String {
    if let Some(rest) = value.strip_prefix('\'')
        && let Some((quoted, _)) = rest.split_once('\'')
    {
        return quoted.to_owned();
    }
    let end = [" #", "\t#"].iter().filter_map(|mark| value.find(mark)).min();
    let bare = end.and_then(|end| value.get(..end)).unwrap_or(value);
    bare.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: &[(&str, &str)]) {
        let entries = parse("test.conf", text).unwrap();
        let found: Vec<_> =
            entries.iter().map(|entry| (entry.key.as_str(), entry.value.as_str())).collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn comments_blank_lines_and_carriage_returns_are_passed_over() {
        check("# c\r\n\r\na.b = 1\r\n  c=2 # why\n", &[("a.b", "1"), ("c", "2")]);
    }

    #[test]
    fn quotes_protect_hashes_and_spaces() {
        check("p = 'a # b ' # c", &[("p", "a # b ")]);
    }

    #[test]
    fn a_value_may_hold_equals_signs_and_hashes_without_space() {
        check("p = a=b#c", &[("p", "a=b#c")]);
    }

    #[test]
    fn a_line_without_equals_is_refused_with_its_number() {
        let error = parse("x.conf", "a = 1\nnonsense\n").unwrap_err();
        assert_eq!(error.to_string(), "x.conf:2: found 'nonsense', wanted 'key = value'");
    }
}
