//! Which names a policy means.

use crate::pattern::{Pattern, PatternError};

/// A regular expression searched, unanchored, in names.
///
/// Look-around cannot be searched for in linear time; but `^(?!…)` at the beginning, RabbitMQ's own
/// example for "all but the predeclared", needs none: what follows is found, and what must not be
/// there is not.
#[derive(Clone, Debug)]
pub(super) struct NamePattern {
    source: Box<str>,
    found: Pattern,
    /// None of these is found.
    missing: Box<[Pattern]>,
}

impl NamePattern {
    /// Compiles a pattern; the empty one is found in every name.
    ///
    /// # Errors
    ///
    /// [`PatternError`] if it is too long, malformed, or needs other look-around or
    /// back-references.
    pub(super) fn compile(source: &str) -> Result<Self, PatternError> {
        let mut missing = Vec::new();
        let mut rest = source;
        if let Some(mut behind) = source.strip_prefix('^') {
            while let Some((denied, further)) = denied(behind) {
                missing.push(Pattern::compile(&format!("^(?:{denied})"))?);
                behind = further;
            }
            if !missing.is_empty() && !has_alternatives(behind) {
                rest = behind;
            }
        }
        if rest.len() == source.len() {
            // Of `^(?!a)b|c` the second alternative denies nothing; it is refused as look-around.
            missing.clear();
        }
        let found = match (rest, missing.is_empty()) {
            ("", _) => Pattern::Everything,
            (_, true) => Pattern::compile(rest)?,
            (_, false) => Pattern::compile(&format!("^{rest}"))?,
        };
        Ok(Self { source: source.into(), found, missing: missing.into() })
    }

    /// As it was given.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// Whether it means that name.
    pub(super) fn is_found_in(&self, name: &str) -> bool {
        let name = name.as_bytes();
        self.found.is_found_in(name) && !self.missing.iter().any(|it| it.is_found_in(name))
    }
}

/// What `(?!…)` at the beginning denies, and what stands behind it.
fn denied(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix("(?!")?;
    let end = parts(inside).find_map(|(at, part)| (part == Part::Closes).then_some(at))?;
    Some((inside.get(..end)?, inside.get(end + 1..)?))
}

/// Whether it has alternatives outside of all groups.
fn has_alternatives(text: &str) -> bool {
    parts(text).any(|(_, part)| part == Part::Alternative)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Closes a group that was opened before the text.
    Closes,
    /// A `|` outside of all groups.
    Alternative,
}

/// What stands outside of groups, classes and escapes, with its place in bytes.
fn parts(text: &str) -> impl Iterator<Item = (usize, Part)> {
    let (mut depth, mut is_escaped) = (0_u32, false);
    // Letters of the class that is open, `^` at its front apart: the first may be a `]`.
    let mut class: Option<u32> = None;
    text.char_indices().filter_map(move |(at, letter)| {
        if std::mem::take(&mut is_escaped) {
            class = class.map(|letters| letters + 1);
            return None;
        }
        match (letter, class) {
            ('\\', _) => is_escaped = true,
            (']', Some(1..)) => class = None,
            ('^', Some(0)) => {}
            (_, Some(letters)) => class = Some(letters + 1),
            ('[', None) => class = Some(0),
            _ => {}
        }
        if is_escaped || class.is_some() {
            return None;
        }
        match letter {
            '(' => depth += 1,
            ')' if depth == 0 => return Some((at, Part::Closes)),
            ')' => depth -= 1,
            '|' if depth == 0 => return Some((at, Part::Alternative)),
            _ => {}
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, found_in: &[&str], not_in: &[&str]) {
        let compiled = NamePattern::compile(pattern).unwrap();
        for name in found_in {
            assert!(compiled.is_found_in(name), "{pattern} in {name}");
        }
        for name in not_in {
            assert!(!compiled.is_found_in(name), "{pattern} not in {name}");
        }
    }

    #[test]
    fn a_pattern_is_searched_and_the_empty_one_is_everywhere() {
        check("q", &["q", "aqb"], &["a"]);
        check("^q$", &["q"], &["qq"]);
        check("", &["", "a"], &[]);
    }

    #[test]
    fn all_but_some_names_can_be_meant() {
        check("^(?!amq\\.).*", &["q", "xamq.q"], &["amq.gen-1"]);
        check("^(?!amq\\.)", &["q", "xamq.q"], &["amq.gen-1"]);
        check("^(?!a|b(c))(?!d)[^)]", &["e", "bd"], &["a1", "bc", "d", ")"]);
        check("^(?!a\\))a", &["a", "ab"], &["a)", "b"]);
        check("^(?!a)(b|c)", &["b", "cc"], &["a", "ab"]);
        check("^(?![])|]x)(\\||[^]|])", &["|", "c", "}x"], &[")x", "]x", "]", "|x"]);
    }

    #[test]
    fn other_look_around_is_refused() {
        for pattern in ["(?!a)", "^a(?!b)", "^(?!a)b|c", "(?<=a)b", "^(?=a)", "(", "^(?!("] {
            assert!(NamePattern::compile(pattern).is_err(), "{pattern}");
        }
    }
}
