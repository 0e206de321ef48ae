//! Wildcards of destination rules: `*` stands for any run of characters.

use model::{UserName, VhostName};

/// One place in a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    /// This byte.
    Byte(u8),
    /// Any run of bytes.
    Run,
    /// Any run of bytes but `.`: what `*` is in a topic key.
    Word,
}

impl Piece {
    fn of_rule(byte: u8) -> Self {
        match byte {
            b'*' => Self::Run,
            byte => Self::Byte(byte),
        }
    }
}

/// A pattern with the session's names put in.
#[derive(Debug)]
pub(super) struct Wildcard(Vec<Piece>);

impl Wildcard {
    /// Reads a rule's pattern. What the variables stand for means only itself, and is spelled as in
    /// destinations.
    pub(super) fn of_rule(pattern: &str, user: &UserName, vhost: &VhostName) -> Self {
        let mut pieces = Vec::with_capacity(pattern.len());
        let mut rest = pattern;
        while let Some((at, variable)) = first_variable(rest) {
            let (literal, from_variable) = rest.split_at_checked(at).unwrap_or((rest, ""));
            pieces.extend(literal.bytes().map(Piece::of_rule));
            let name = if variable == USERNAME { user.as_str() } else { vhost.as_str() };
            pieces.extend(escape(name).bytes().map(Piece::Byte));
            rest = from_variable.get(variable.len()..).unwrap_or_default();
        }
        pieces.extend(rest.bytes().map(Piece::of_rule));
        Self(pieces)
    }

    /// The destinations that a topic binding key can bring, under `prefix`. A `#` is either no word
    /// or a run of any bytes, so a key with two of them has four readings.
    fn of_topic(prefix: &str, key: &str) -> Vec<Self> {
        let mut readings: Vec<Vec<&str>> = vec![Vec::new()];
        for word in key.split('.') {
            let without = match word {
                "#" if readings.len() < READINGS_MAX => readings.clone(),
                _ => Vec::new(),
            };
            readings.iter_mut().for_each(|words| words.push(word));
            readings.extend(without);
        }
        readings.iter().map(|words| Self::of_words(prefix, words)).collect()
    }

    fn of_words(prefix: &str, words: &[&str]) -> Self {
        let mut pieces: Vec<Piece> = prefix.bytes().map(Piece::Byte).collect();
        for (at, word) in words.iter().enumerate() {
            if at > 0 {
                pieces.push(Piece::Byte(b'.'));
            }
            match *word {
                "#" => pieces.push(Piece::Run),
                "*" => pieces.push(Piece::Word),
                word => pieces.extend(escape(word).bytes().map(Piece::Byte)),
            }
        }
        Self(pieces)
    }

    /// Whether it stands for `text`.
    pub(super) fn matches(&self, text: &str) -> bool {
        let literal = Self(text.bytes().map(Piece::Byte).collect());
        self.overlaps(&literal)
    }

    /// Whether it stands for a destination that a topic subscription could bring.
    pub(super) fn overlaps_topic(&self, prefix: &str, key: &str) -> bool {
        Self::of_topic(prefix, key).iter().any(|topic| self.overlaps(topic))
    }

    /// Whether some text is matched by both. One row per own piece; a cell says whether what lies
    /// behind both places can be the same.
    fn overlaps(&self, other: &Self) -> bool {
        let width = other.0.len();
        let mut below = vec![false; width + 1];
        let mut row = vec![false; width + 1];
        for own in (0..=self.0.len()).rev() {
            let piece = self.0.get(own).copied();
            for at in (0..=width).rev() {
                let others = other.0.get(at).copied();
                let next = |cells: &[bool], at: usize| cells.get(at).copied().unwrap_or(false);
                let is_same = match (piece, others) {
                    (None, None) => true,
                    (Some(Piece::Byte(a)), Some(Piece::Byte(b))) => a == b && next(&below, at + 1),
                    (piece, others) => {
                        // A run of either side ends here, or takes one piece of the other.
                        let own_ends = is_run(piece) && next(&below, at);
                        let others_ends = is_run(others) && next(&row, at + 1);
                        let own_takes = others.is_some_and(|other| takes(piece, other));
                        let others_takes = piece.is_some_and(|own| takes(others, own));
                        own_ends
                            || others_ends
                            || own_takes && next(&row, at + 1)
                            || others_takes && next(&below, at)
                    }
                };
                if let Some(cell) = row.get_mut(at) {
                    *cell = is_same;
                }
            }
            std::mem::swap(&mut below, &mut row);
        }
        below.first().copied().unwrap_or(false)
    }
}

/// A topic key has at most this many readings: two `#` have four, and no exchange takes more.
const READINGS_MAX: usize = 4;

const USERNAME: &str = "{username}";
const VHOST: &str = "{vhost}";

fn first_variable(text: &str) -> Option<(usize, &'static str)> {
    [USERNAME, VHOST].into_iter().filter_map(|name| Some((text.find(name)?, name))).min()
}

fn is_run(piece: Option<Piece>) -> bool {
    matches!(piece, Some(Piece::Run | Piece::Word))
}

fn takes(run: Option<Piece>, other: Piece) -> bool {
    match (run, other) {
        (Some(Piece::Run), _) | (Some(Piece::Word), Piece::Word) => true,
        (Some(Piece::Word), Piece::Byte(byte)) => byte != b'.',
        _ => false,
    }
}

/// A name or key as part of a destination: `/` and `%` are percent-encoded, as in STOMP
/// destinations, so that no name can pass for another with a key.
pub(super) fn escape(text: &str) -> String {
    match text.contains(['/', '%']) {
        true => text.replace('%', "%25").replace('/', "%2F"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Wildcard {
        let user = UserName::parse("a*n/n").unwrap();
        Wildcard::of_rule(text, &user, &VhostName::root())
    }

    #[test]
    fn a_star_stands_for_any_run() {
        let check = |rule: &str, matched: &[&str], missed: &[&str]| {
            for text in matched {
                assert!(pattern(rule).matches(text), "{rule} matches {text}");
            }
            for text in missed {
                assert!(!pattern(rule).matches(text), "{rule} misses {text}");
            }
        };
        check("/queue/a", &["/queue/a"], &["/queue/ab", "/queue/", "x/queue/a", ""]);
        check("/queue/a*", &["/queue/a", "/queue/a.b/c"], &["/queue/b"]);
        check("*", &["", "x"], &[]);
        check("/a*b*c", &["/abc", "/aXbYc", "/abbc"], &["/acb", "/abcd"]);
        check(
            "/queue/{username}.*",
            &["/queue/a*n%2Fn.x"],
            &["/queue/aXn%2Fn.x", "/queue/a*n/n.x"],
        );
        check("/v{vhost}{username}", &["/v%2Fa*n%2Fn"], &["/v/a*n%2Fn"]);
        check("{user}", &["{user}"], &["a*n/n"]);
    }

    #[test]
    fn a_topic_subscription_overlaps_what_it_could_bring() {
        let check = |rule: &str, key: &str, is_overlapping: bool| {
            let found = pattern(rule).overlaps_topic("/topic/", key);
            assert_eq!(found, is_overlapping, "{rule} and {key}");
        };
        check("/topic/admin*", "#", true);
        check("/topic/admin*", "*", true);
        check("/topic/admin.x", "*", false);
        check("/topic/admin.x", "*.*", true);
        check("/topic/admin.x", "admin.#", true);
        check("/topic/admin", "admin.#", true);
        check("/topic/admin", "#.admin", true);
        check("/topic/administrator", "admin.#", false);
        check("/topic/a.b.c", "#.b.#", true);
        check("/topic/a.c", "#.b.#", false);
        check("/topic/*.secret", "news.*", true);
        check("/topic/*.secret", "news.public", false);
        check("/topic/.a", ".*", true);
        check("/queue/*", "#", false);
    }
}
