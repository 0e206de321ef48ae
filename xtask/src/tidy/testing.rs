//! Tests run, assert and do not sleep.

use super::Finding;
use super::source::Source;
use crate::tree::File;

pub(super) fn check_rust(file: &File, source: &Source<'_>, findings: &mut Vec<Finding>) {
    // A paused clock moves by itself when a test awaits it.
    let clock_is_paused = file.text.contains("start_paused = true");
    for line in &source.lines {
        let code = line.code();
        let code = code.trim();
        for attribute in ["#[ignore", "#[should_panic"] {
            if code.starts_with(attribute) {
                let rule = format!("{attribute}] is not used here: assert what is true today");
                findings.push(Finding::at(file, line.number, rule));
            }
        }
        let sleeps =
            code.contains("thread::sleep") || code.contains("time::sleep") && !clock_is_paused;
        if line.is_test && sleeps {
            findings.push(Finding::at(file, line.number, "a test does not sleep: move the clock"));
        }
    }
}

/// The stories in other languages.
pub(super) fn check_story(file: &File, findings: &mut Vec<Finding>) {
    if !file.is_under("tests") || !matches!(file.extension(), "py" | "php" | "mjs") {
        return;
    }
    for (index, line) in file.text.lines().enumerate() {
        let code = line.trim_start();
        let sleeps = ["time.sleep(", "usleep(", " sleep("].iter().any(|word| code.contains(word));
        if sleeps || code.starts_with("sleep(") {
            let rule = "a story does not sleep: await the event";
            findings.push(Finding::at(file, index + 1, rule));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn check(path: &str, text: &str, expected: usize) {
        let file = file(path, text);
        let mut findings = Vec::new();
        if file.extension() == "rs" {
            let source = match file.path.contains("/tests/") {
                true => Source::read_tests(text),
                false => Source::read(text),
            };
            check_rust(&file, &source, &mut findings);
        } else {
            check_story(&file, &mut findings);
        }
        assert_eq!(findings.len(), expected, "{findings:?}");
    }

    #[test]
    fn tests_that_do_not_run_or_want_a_panic_are_found() {
        check("src/a.rs", "#[ignore]\nfn a() {}\n", 1);
        check("src/a.rs", "#[ignore = \"slow\"]\nfn a() {}\n", 1);
        check("src/a.rs", "#[should_panic]\nfn a() {}\n", 1);
    }

    #[test]
    fn sleeping_is_found_in_tests_only() {
        let sleep = "    std::thread::sleep(x);\n";
        check("src/a.rs", &format!("#[cfg(test)]\nmod tests {{\n{sleep}}}\n"), 1);
        check("crates/a/tests/b.rs", sleep, 1);
        check("src/a.rs", &format!("fn a() {{\n{sleep}}}\n"), 0);
        check("tests/stories/a.py", "    time.sleep(1)\n", 1);
    }

    #[test]
    fn awaiting_a_paused_clock_is_no_sleep() {
        let text = "#[tokio::test(start_paused = true)]\ntokio::time::sleep(x).await;\n";
        check("crates/a/tests/b.rs", text, 0);
    }
}
