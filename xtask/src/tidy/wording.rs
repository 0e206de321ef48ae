//! What files say first, how they and their types are called, and what must not be written.

use std::path::Path;

use super::Finding;
use super::source::Source;
use crate::tree::File;

/// Names that say nothing. Source: STYLE §4, "Names".
const BANNED: [&str; 9] =
    ["util", "misc", "common", "helper", "manager", "handler", "processor", "data", "info"];

/// The marker of work left over, split so that this file does not carry it.
const LEFT_OVER: &str = concat!("TO", "DO");

/// Folders that every machine has; naming them says nothing about one.
const SHARED_PLACES: [&str; 7] = ["", "/", "/home", "/opt", "/srv", "/tmp", "/usr/src"];

pub(super) fn check_rust(file: &File, source: &Source<'_>, findings: &mut Vec<Finding>) {
    if !file.text.starts_with("//! ") {
        findings.push(Finding::in_file(file, "the first line must be `//!`: what lives here"));
    }
    for line in &source.lines {
        let code = line.code();
        if let Some(name) = type_name(&code)
            && let Some(word) = banned(&camel_words(name))
        {
            let rule = format!("a type named {name}: '{word}' says nothing, find the noun");
            findings.push(Finding::at(file, line.number, rule));
        }
        let is_door = matches!(file.name(), "lib.rs" | "mod.rs");
        if is_door && !line.is_test && code.trim_start_matches("pub ").starts_with("fn ") {
            let rule = "a door holds no logic: purpose, `mod` lines and `pub use` only";
            findings.push(Finding::at(file, line.number, rule));
        }
    }
}

pub(super) fn check_any(file: &File, root: &Path, findings: &mut Vec<Finding>) {
    if matches!(file.extension(), "rs" | "ts" | "tsx" | "mjs" | "js" | "py" | "php") {
        let stem = file.name().split('.').next().unwrap_or_default().to_lowercase();
        let words: Vec<String> = stem.split(['_', '-']).map(str::to_owned).collect();
        if let Some(word) = banned(&words) {
            let rule = format!("'{word}' in a file's name says nothing, find the noun");
            findings.push(Finding::in_file(file, rule));
        }
    }
    let private = private_places(root);
    for (index, line) in file.text.lines().enumerate() {
        if let Some(place) = private.iter().find(|place| names(line, place)) {
            let rule = format!("'{place}' is a path of one machine");
            findings.push(Finding::at(file, index + 1, rule));
        }
        if is_left_over(line) {
            let rule = format!("{LEFT_OVER} without an issue: write `{LEFT_OVER}(#12)`, or do it");
            findings.push(Finding::at(file, index + 1, rule));
        }
    }
}

/// `Name` of a line that defines a struct, an enum, a trait or an alias.
fn type_name(code: &str) -> Option<&str> {
    let mut words = code.split_whitespace().skip_while(|word| word.starts_with("pub"));
    let keyword = words.next()?;
    if !matches!(keyword, "struct" | "enum" | "trait" | "type" | "union") {
        return None;
    }
    let name = words.next()?.split(|letter: char| !letter.is_alphanumeric()).next()?;
    (!name.is_empty()).then_some(name)
}

/// `FrameHeader` as `frame`, `header`.
fn camel_words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for letter in name.chars() {
        match words.last_mut() {
            Some(word) if !letter.is_uppercase() => word.push(letter),
            _ => words.push(letter.to_lowercase().collect()),
        }
    }
    words
}

fn banned(words: &[String]) -> Option<&'static str> {
    BANNED.into_iter().find(|banned| {
        let is_plural = |word: &str| word.strip_suffix('s') == Some(banned);
        words.iter().any(|word| word == banned || is_plural(word))
    })
}

/// Folders that exist only where this runs: the checkout, its parent and the user's home.
fn private_places(root: &Path) -> Vec<String> {
    let home = std::env::var("HOME").unwrap_or_default();
    let parent = root.parent().map(|parent| parent.display().to_string());
    let mut places = vec![root.display().to_string(), home];
    places.extend(parent);
    places.retain(|place| !SHARED_PLACES.contains(&place.as_str()));
    places
}

/// Does the line name `place` itself or something in it?
fn names(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, found)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + found.len()..).and_then(|text| text.chars().next());
        let is_part = |letter: char| letter.is_alphanumeric() || "._-*}/".contains(letter);
        !before.is_some_and(is_part) && after == Some('/')
    })
}

fn is_left_over(line: &str) -> bool {
    line.match_indices(LEFT_OVER).any(|(at, found)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + found.len()..).unwrap_or_default();
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
        let is_inside = before.is_some_and(is_word) || after.chars().next().is_some_and(is_word);
        let has_issue = after
            .strip_prefix("(#")
            .and_then(|rest| rest.split_once(')'))
            .is_some_and(|(number, _)| number.parse::<u32>().is_ok());
        !is_inside && !has_issue
    })
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn check(path: &str, text: &str, expected: &[&str]) {
        let file = file(path, text);
        let mut findings = Vec::new();
        if file.extension() == "rs" {
            check_rust(&file, &Source::read(text), &mut findings);
        }
        check_any(&file, Path::new("/srv/checkout"), &mut findings);
        assert_eq!(findings.len(), expected.len(), "{findings:?}");
        for (finding, part) in findings.iter().zip(expected) {
            assert!(finding.rule.contains(part), "{finding} should say {part}");
        }
    }

    #[test]
    fn a_file_begins_by_saying_what_lives_in_it() {
        check("src/frame.rs", "//! Frames.\n", &[]);
        check("src/frame.rs", "use std::io;\n", &["first line"]);
    }

    #[test]
    fn names_that_say_nothing_are_found_by_word() {
        check("src/string_utils.rs", "//! X.\n", &["'util'"]);
        check("src/database.rs", "//! X.\n", &[]);
        check("src/a.rs", "//! X.\npub(crate) struct QueueManager;\n", &["'manager'"]);
        check("src/a.rs", "//! X.\npub enum QueueInfo<T> {\n}\n", &["'info'"]);
        check("src/a.rs", "//! X.\npub struct Metadata;\n", &[]);
        check("ui/src/helpers.ts", "", &["'helper'"]);
    }

    #[test]
    fn doors_hold_no_logic() {
        check("crates/a/src/lib.rs", "//! X.\npub fn a() {}\n", &["door"]);
        check("crates/a/src/lib.rs", "//! X.\nmod a;\npub use a::B;\n", &[]);
    }

    #[test]
    fn work_left_over_names_its_issue() {
        check("docs/a.md", &format!("{LEFT_OVER}: later"), &["issue"]);
        check("docs/a.md", &format!("{LEFT_OVER}(#12): later"), &[]);
        check("docs/a.md", &format!("{LEFT_OVER}S and MAS{LEFT_OVER}N"), &[]);
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        check("a.sh", "cd /srv/checkout/target", &["/srv/checkout"]);
        check("a.sh", "cd /var/srv/checkout/target", &[]);
        check("a.sh", "the /srv/checkouts", &[]);
    }
}
