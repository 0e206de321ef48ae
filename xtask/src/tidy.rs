//! `cargo xtask tidy`: the rules of STYLE that no compiler checks.

mod arrows;
mod documents;
mod size;
mod source;
mod testing;
mod wording;

use std::fmt;

use source::Source;

use crate::command::root;
use crate::failure::{Failure, Outcome};
use crate::report;
use crate::tree::{self, File};

/// A place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    /// Counted from 1; `None` for a rule about the whole file.
    line: Option<usize>,
    /// Which rule, and how to keep it.
    rule: String,
}

impl Finding {
    fn at(file: &File, line: usize, rule: impl Into<String>) -> Self {
        Self { path: file.path.clone(), line: Some(line), rule: rule.into() }
    }

    fn in_file(file: &File, rule: impl Into<String>) -> Self {
        Self { path: file.path.clone(), line: None, rule: rule.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(out, "{}:{line}: {}", self.path, self.rule),
            None => write!(out, "{}: {}", self.path, self.rule),
        }
    }
}

/// Reads the whole project and names each place that breaks a rule.
pub(crate) fn tidy() -> Outcome {
    report::step("tidy", || {
        let findings = find(&tree::files()?);
        for finding in &findings {
            report::plain(&format!("  {finding}"));
        }
        match findings.len() {
            0 => Ok(()),
            1 => Err(Failure::new("one place breaks a rule of STYLE", "mend the line above")),
            many => Err(Failure::new(
                format!("{many} places break a rule of STYLE"),
                "mend the lines above",
            )),
        }
    })
}

fn find(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let tests = test_paths(files);
    for file in files {
        if file.extension() == "rs" {
            let source = match tests.iter().any(|path| is_of(file, path)) {
                true => Source::read_tests(&file.text),
                false => Source::read(&file.text),
            };
            size::check(file, &source, &mut findings);
            wording::check_rust(file, &source, &mut findings);
            testing::check_rust(file, &source, &mut findings);
            arrows::check_uses(file, &source, &mut findings);
        } else {
            testing::check_story(file, &mut findings);
        }
        wording::check_any(file, &root(), &mut findings);
    }
    arrows::check_manifests(files, &mut findings);
    documents::check(files, &mut findings);
    findings
}

/// Modules, as paths without their ending, that hold nothing but tests: the `tests` folders that
/// cargo knows, and what is declared below a `#[cfg(test)]`.
fn test_paths(files: &[File]) -> Vec<String> {
    let mut paths = vec!["tests".to_owned()];
    for file in files.iter().filter(|file| file.extension() == "rs") {
        let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        if let Some((package, _)) = file.path.split_once("/tests/") {
            paths.push(format!("{package}/tests"));
        }
        let home = match name {
            "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
            name => format!("{folder}/{}", name.trim_end_matches(".rs")),
        };
        let modules = Source::read(&file.text);
        let modules = modules.test_modules();
        paths.extend(modules.iter().map(|module| format!("{home}/{module}")));
    }
    paths.sort();
    paths.dedup();
    paths
}

/// Is the file this module, or below it?
fn is_of(file: &File, module: &str) -> bool {
    file.path.strip_suffix(".rs") == Some(module) || file.is_under(module)
}

/// For the rules' tests: a file that was never on a disk.
#[cfg(test)]
fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_declared_for_tests_is_test_with_all_below_it() {
        let files = [
            file("crates/a/src/queue.rs", "//! Q.\n#[cfg(test)]\nmod random;\nmod state;\n"),
            file("crates/a/tests/story.rs", "//! S.\n"),
        ];
        let tests = test_paths(&files);
        let is_test = |path: &str| tests.iter().any(|test| is_of(&file(path, ""), test));
        assert!(is_test("crates/a/src/queue/random.rs"));
        assert!(is_test("crates/a/src/queue/random/model.rs"));
        assert!(is_test("crates/a/tests/story.rs"));
        assert!(is_test("tests/rust/main.rs"));
        assert!(!is_test("crates/a/src/queue/state.rs"));
    }
}
