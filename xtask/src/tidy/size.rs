//! How long files, functions and lines may be.

use super::Finding;
use super::source::Source;
use crate::tree::File;

/// Lines of a file without its tests. Source: STYLE §4, "Files".
const FILE_LINES_MAX: usize = 400;
/// Lines of a function, its head and closing brace included. Source: STYLE §4, "Files".
const FUNCTION_LINES_MAX: usize = 60;
/// Characters of a line. Source: STYLE §4, "Files".
const COLUMNS_MAX: usize = 100;

pub(super) fn check(file: &File, source: &Source<'_>, findings: &mut Vec<Finding>) {
    let own = source.lines.iter().filter(|line| !line.is_test).count();
    if own > FILE_LINES_MAX {
        let rule =
            format!("{own} lines without tests, at most {FILE_LINES_MAX}: which noun leaves?");
        findings.push(Finding::in_file(file, rule));
    }
    for function in source.functions() {
        if function.lines > FUNCTION_LINES_MAX && !function.head.is_test {
            let rule =
                format!("a function of {} lines, at most {FUNCTION_LINES_MAX}", function.lines);
            findings.push(Finding::at(file, function.head.number, rule));
        }
    }
    for line in &source.lines {
        let columns = line.text.chars().count();
        if columns > COLUMNS_MAX {
            let rule = format!("{columns} columns, at most {COLUMNS_MAX}");
            findings.push(Finding::at(file, line.number, rule));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn check_text(path: &str, text: &str, expected: usize) {
        let mut findings = Vec::new();
        check(&file(path, text), &Source::read(text), &mut findings);
        assert_eq!(findings.len(), expected, "{findings:?}");
    }

    #[test]
    fn a_file_may_be_as_long_as_the_limit_and_no_longer() {
        check_text("crates/a/src/b.rs", &"x\n".repeat(FILE_LINES_MAX), 0);
        check_text("crates/a/src/b.rs", &"x\n".repeat(FILE_LINES_MAX + 1), 1);
    }

    #[test]
    fn tests_do_not_count() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    x\n".repeat(FILE_LINES_MAX));
        check_text("crates/a/src/b.rs", &tests, 0);
        let long = "x\n".repeat(FILE_LINES_MAX + 1);
        let mut findings = Vec::new();
        check(&file("crates/a/tests/b.rs", &long), &Source::read_tests(&long), &mut findings);
        assert_eq!(findings, []);
    }

    #[test]
    fn a_function_may_be_as_long_as_the_limit_and_no_longer() {
        let fits = format!("fn a() {{\n{}}}\n", "    x\n".repeat(FUNCTION_LINES_MAX - 2));
        check_text("src/a.rs", &fits, 0);
        let too_long = format!("fn a() {{\n{}}}\n", "    x\n".repeat(FUNCTION_LINES_MAX - 1));
        check_text("src/a.rs", &too_long, 1);
    }

    #[test]
    fn columns_are_characters_not_bytes() {
        check_text("src/a.rs", &"é".repeat(COLUMNS_MAX), 0);
        check_text("src/a.rs", &"é".repeat(COLUMNS_MAX + 1), 1);
    }
}
