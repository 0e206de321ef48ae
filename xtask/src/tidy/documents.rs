//! Pages lead somewhere: links resolve, every page of `docs/` is linked, every folder says what
//! it is for.

use std::collections::BTreeSet;

use super::Finding;
use crate::tree::File;

pub(super) fn check(files: &[File], findings: &mut Vec<Finding>) {
    let paths: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let folders: BTreeSet<&str> = paths.iter().flat_map(|path| folders_of(path)).collect();
    let mut linked = BTreeSet::new();
    for page in files.iter().filter(|file| file.extension() == "md") {
        for (line, target) in links(&page.text) {
            let resolved = resolve(&page.path, target);
            if !paths.contains(resolved.as_str()) && !folders.contains(resolved.as_str()) {
                findings.push(Finding::at(page, line, format!("no file at the link '{target}'")));
            }
            if resolved != page.path {
                linked.insert(resolved);
            }
        }
    }
    for page in files.iter().filter(|file| file.extension() == "md" && file.is_under("docs")) {
        if !linked.contains(&page.path) && page.path != "docs/README.md" {
            findings
                .push(Finding::in_file(page, "no page links here: link it from docs/README.md"));
        }
    }
    check_purposes(&paths, findings);
}

/// Each public folder at the top has a door that says what it is for.
fn check_purposes(paths: &BTreeSet<&str>, findings: &mut Vec<Finding>) {
    let tops: BTreeSet<&str> =
        paths.iter().filter_map(|path| path.split_once('/')).map(|(top, _)| top).collect();
    for top in tops.into_iter().filter(|top| !top.starts_with('.')) {
        // The rooms below `crates` and `clients` are packages, each with its own description.
        let is_street = matches!(top, "crates" | "clients");
        let doors = ["README.md", "src/lib.rs", "src/main.rs", "package.json"];
        let has_door = doors.iter().any(|door| paths.contains(format!("{top}/{door}").as_str()));
        if !is_street && !has_door {
            findings.push(Finding {
                path: top.to_owned(),
                line: None,
                rule: "a folder without a line on what it is for: add a README.md".to_owned(),
            });
        }
    }
}

/// The folders on the way to a file.
fn folders_of(path: &str) -> Vec<&str> {
    path.match_indices('/').filter_map(|(at, _)| path.get(..at)).collect()
}

/// Line number and target of each relative link; code blocks and addresses left out.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut is_code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        for part in line.split("](").skip(1) {
            let Some((target, _)) = part.split_once(')') else {
                continue;
            };
            let target = target.split([' ', '#']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:") {
                found.push((index + 1, target));
            }
        }
    }
    found
}

/// The path from the top that a link on `page` leads to.
fn resolve(page: &str, target: &str) -> String {
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    let start = if target.starts_with('/') { "" } else { folder };
    let mut parts: Vec<&str> = start.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn check_files(files: &[(&str, &str)], expected: &[&str]) {
        let files: Vec<File> = files.iter().map(|(path, text)| file(path, text)).collect();
        let mut findings = Vec::new();
        check(&files, &mut findings);
        assert_eq!(findings.len(), expected.len(), "{findings:?}");
        for (finding, part) in findings.iter().zip(expected) {
            assert!(finding.to_string().contains(part), "{finding} should say {part}");
        }
    }

    #[test]
    fn links_lead_to_files_and_folders() {
        check_files(
            &[
                ("README.md", "[a](docs/README.md) [b](docs) [c](https://x.y)"),
                ("docs/README.md", ""),
            ],
            &[],
        );
        check_files(&[("README.md", "[a](docs/none.md#there)")], &["docs/none.md"]);
    }

    #[test]
    fn a_page_that_nothing_links_is_found() {
        let page = ("docs/format/log.md", "");
        check_files(&[("docs/README.md", "[log](format/log.md)"), page], &[]);
        check_files(&[("docs/README.md", ""), page], &["no page links here"]);
    }

    #[test]
    fn a_folder_says_what_it_is_for() {
        check_files(&[("cellar/wine.rs", "")], &["cellar"]);
        check_files(&[("cellar/wine.rs", ""), ("cellar/README.md", "Wine.")], &[]);
        check_files(&[("crates/a/Cargo.toml", ""), (".ci/run", "")], &[]);
    }
}
