//! What a configuration key is, how one is looked up, and what to say when there is none.

use std::fmt;

use super::keys::KEYS;
use super::parse::Entry;
use super::settings::Settings;

/// A key, declared once in [`super::keys`].
pub(super) struct Key {
    /// Its name; a word `$name` stands for any one word of the reader's choice.
    pub(super) name: &'static str,
    /// Takes the value over; the second argument is what stood for `$name`.
    pub(super) apply: fn(&mut Settings, &str, &str) -> Result<(), String>,
}

/// Where an assignment stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// In a file.
    File {
        /// Its path.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// In an environment variable.
    Variable(String),
    /// In `--set`.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line } => write!(f, "{file}:{line}"),
            Self::Variable(name) => f.write_str(name),
            Self::Flag => f.write_str("--set"),
        }
    }
}

/// Why a configuration cannot be used. One line, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read configuration file {file}: {cause}")]
    Unreadable {
        /// Its path.
        file: String,
        /// What the system said.
        cause: String,
    },
    /// A line that is no assignment.
    #[error("{origin}: found '{found}', wanted 'key = value'")]
    NoAssignment {
        /// Where.
        origin: Origin,
        /// The line.
        found: String,
    },
    /// No such key.
    #[error("{origin}: unknown key '{key}'{}", nearest(.key))]
    UnknownKey {
        /// Where.
        origin: Origin,
        /// The key.
        key: String,
    },
    /// The key does not take that value.
    #[error("{origin}: {key}: {reason}")]
    BadValue {
        /// Where.
        origin: Origin,
        /// The key.
        key: String,
        /// What was found and what was wanted.
        reason: String,
    },
}

/// Takes over all entries, in order: a later one wins.
///
/// # Errors
///
/// The first [`ConfigError`].
pub(crate) fn apply_all(settings: &mut Settings, entries: &[Entry]) -> Result<(), ConfigError> {
    for Entry { key, value, origin } in entries {
        let found = KEYS.iter().find_map(|known| Some((known, matches(known.name, key)?)));
        let Some((known, word)) = found else {
            return Err(ConfigError::UnknownKey { origin: origin.clone(), key: key.clone() });
        };
        (known.apply)(settings, &word, value).map_err(|reason| ConfigError::BadValue {
            origin: origin.clone(),
            key: key.clone(),
            reason,
        })?;
    }
    Ok(())
}

/// Entries from variables: `HOPWIRE_STOMP_LOGIN_TIMEOUT` is `stomp.login_timeout`.
///
/// # Errors
///
/// [`ConfigError::UnknownKey`] for a `HOPWIRE_*` variable that names none.
pub(crate) fn from_environment(
    variables: impl Iterator<Item = (String, String)>,
) -> Result<Vec<Entry>, ConfigError> {
    let mut entries = Vec::new();
    for (variable, value) in variables {
        let Some(name) = variable.strip_prefix("HOPWIRE_") else {
            continue;
        };
        if NOT_KEYS.contains(&name) {
            continue;
        }
        let key = KEYS.iter().find_map(|known| by_variable(known.name, name));
        let origin = Origin::Variable(variable.clone());
        let Some(key) = key else {
            return Err(ConfigError::UnknownKey { origin, key: name.to_lowercase() });
        };
        entries.push(Entry { key, value, origin });
    }
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(entries)
}

/// Variables with a meaning of their own: flags, and what tests and tools use.
const NOT_KEYS: [&str; 10] = [
    "CONFIG", "DATA_DIR", "LOG", "PASSWORD", "BIN", "AMQP", "WS_URL", "WS_FRAME", "UI_URL",
    "API_URL",
];

/// Whether `key` is an instance of `name`; if so, what stands for its `$` words, joined by dots.
///
/// A dot inside a word is written `\.`.
fn matches(name: &str, key: &str) -> Option<String> {
    let key = key.replace("\\.", "\u{0}");
    let mut given = key.split('.');
    let mut words = Vec::new();
    for wanted in name.split('.') {
        match given.next()? {
            "" => return None,
            word if wanted.starts_with('$') => words.push(word.replace('\u{0}', ".")),
            word if word == wanted => {}
            _ => return None,
        }
    }
    given.next().is_none().then(|| words.join("."))
}

/// The key that a variable names, with its words in lower case; a number ends one with two words.
fn by_variable(name: &str, variable: &str) -> Option<String> {
    let upper = |text: &str| text.replace('.', "_").to_uppercase();
    let Some((before, after)) = name.split_once('$') else {
        return (upper(name) == variable).then(|| name.to_owned());
    };
    let word = variable.strip_prefix(&upper(before))?.to_lowercase();
    match after.split_once('.') {
        None => (!word.is_empty()).then(|| format!("{before}{word}")),
        Some((_, "$number")) => {
            let (word, number) = word.rsplit_once('_')?;
            Some(format!("{before}{word}.{number}"))
        }
        Some((_, after)) => {
            let word = word.strip_suffix(&format!("_{after}"))?;
            (!word.is_empty()).then(|| format!("{before}{word}.{after}"))
        }
    }
}

/// The known key most like an unknown one, as the end of a message.
fn nearest(key: &str) -> String {
    let best = KEYS.iter().map(|known| (distance(known.name, key), known.name)).min();
    match best {
        Some((found, name)) if found <= key.len() / 2 + 1 => format!(", did you mean '{name}'?"),
        _ => "; docs/configuration.md lists the keys".to_owned(),
    }
}

/// Levenshtein's distance, in characters.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.chars()) {
            let change = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = change.min(left + 1).min(*cell + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::*;

    fn failure(text: &str) -> String {
        let entries = parse("x.conf", text).unwrap();
        apply_all(&mut Settings::default(), &entries).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        assert_eq!(
            failure("web_stomp.tcp.prot = 1"),
            "x.conf:1: unknown key 'web_stomp.tcp.prot', did you mean 'web_stomp.tcp.port'?"
        );
    }

    #[test]
    fn a_bad_value_names_what_was_found_and_wanted() {
        assert_eq!(
            failure("heartbeat = soon"),
            "x.conf:1: heartbeat: found 'soon', wanted a whole number"
        );
    }

    #[test]
    fn what_topic_subscriptions_may_fall_behind_is_for_the_configuration_to_say() {
        use broker::stream::{Overflow, StreamLimits, StreamSettings, TotalLimits};

        let defaults = Settings::default().broker().unwrap().streams;
        assert_eq!(defaults, StreamSettings::default());
        let key = "stream.topic_subscription";
        let text = format!(
            "{key}.max_length = 1\n{key}.max_length_bytes = 2KB\n{key}.total_max_length = 3\n\
             {key}.total_max_length_bytes = 4MB\n{key}.overflow = disconnect"
        );
        let mut settings = Settings::default();
        apply_all(&mut settings, &parse("x.conf", &text).unwrap()).unwrap();
        let streams = StreamSettings {
            each: StreamLimits { messages_max: 1, bytes_max: 2 << 10 },
            all: TotalLimits { messages_max: 3, bytes_max: 4 << 20 },
            overflow: Overflow::Disconnect,
        };
        assert_eq!(settings.broker().unwrap().streams, streams);
        assert_eq!(
            failure(&format!("{key}.overflow = reject-publish")),
            format!(
                "x.conf:1: {key}.overflow: found 'reject-publish', wanted 'drop-head' or \
                 'disconnect'"
            )
        );
    }

    #[test]
    fn a_file_of_the_log_has_at_least_64_kib_and_at_most_1_gib() {
        let found = |value: &str| {
            let mut settings = Settings::default();
            let text = format!("store.segment_bytes = {value}");
            apply_all(&mut settings, &parse("x.conf", &text).unwrap()).map(|()| settings)
        };
        assert_eq!(found("64KB").unwrap().segment_bytes, 64 << 10);
        assert_eq!(found("1GB").unwrap().segment_bytes, 1 << 30);
        for beyond in ["65535", "1073741825", "5GB"] {
            assert_eq!(
                found(beyond).unwrap_err().to_string(),
                format!(
                    "x.conf:1: store.segment_bytes: found '{beyond}', wanted 64KB to 1073741824 \
                     bytes"
                )
            );
        }
    }

    #[test]
    fn a_variable_names_a_key() {
        let one = |name: &str| vec![(name.to_owned(), "7".to_owned())].into_iter();
        let entries = from_environment(one("HOPWIRE_STOMP_LOGIN_TIMEOUT")).unwrap();
        assert_eq!(entries[0].key, "stomp.login_timeout");
        let entries = from_environment(one("HOPWIRE_LISTENERS_TCP_MAIN")).unwrap();
        assert_eq!(entries[0].key, "listeners.tcp.main");
        assert!(from_environment(one("HOPWIRE_NONSENSE_KEY")).is_err());
        assert_eq!(from_environment(one("PATH")).unwrap(), []);
    }
}
