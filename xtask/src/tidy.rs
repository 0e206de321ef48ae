//! `cargo xtask tidy`: the rules of STYLE that no compiler checks.

mod arrows;
mod documents;
mod size;
mod source;
mod testing;
mod wording;

use std::fmt;

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
    for file in files {
        if file.extension() == "rs" {
            let source = source::Source::read(&file.text);
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

/// For the rules' tests: a file that was never on a disk.
#[cfg(test)]
fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: text.to_owned() }
}
