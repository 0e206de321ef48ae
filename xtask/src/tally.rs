//! Counts of tests, read from the closing lines of the runners that we use.

use std::ops::AddAssign;

/// How many tests passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Tests whose claim holds.
    pub(crate) passed: u32,
    /// Tests whose claim does not hold, or that never came to an end.
    pub(crate) failed: u32,
    /// Tests that did not run.
    pub(crate) skipped: u32,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

impl Tally {
    /// One failed test: a step that broke before it could count.
    pub(crate) const BROKEN: Self = Self { passed: 0, failed: 1, skipped: 0 };

    /// One passed test: a step that counts itself.
    pub(crate) const HELD: Self = Self { passed: 1, failed: 0, skipped: 0 };

    /// Reads one line of a runner's output; zero for a line that counts nothing.
    ///
    /// What nextest calls skipped was left out by a filter, and is not counted. It shows what a
    /// failed test printed, libtest's own result too, but indented.
    pub(crate) fn read(line: &str) -> Self {
        let is_libtest = line.starts_with("test result:");
        let line = line.trim();
        let is_nextest = line.starts_with("Summary [");
        let is_vitest = line.starts_with("Tests ");
        if is_nextest || is_libtest || is_vitest {
            let skipped = if is_nextest { 0 } else { count(line, &["ignored", "skipped", "todo"]) };
            return Self {
                passed: count(line, &["passed"]),
                failed: count(line, &["failed", "timed"]),
                skipped,
            };
        }
        let Some(counted) = line.strip_prefix("ℹ ").or_else(|| line.strip_prefix("# ")) else {
            return Self::default();
        };
        node_line(counted)
    }
}

/// A summary line of Node's own test runner: `pass 12`.
fn node_line(line: &str) -> Tally {
    let Some((word, number)) = line.split_once(' ') else {
        return Tally::default();
    };
    let Ok(number) = number.parse() else {
        return Tally::default();
    };
    match word {
        "pass" => Tally { passed: number, ..Tally::default() },
        "fail" | "cancelled" => Tally { failed: number, ..Tally::default() },
        "skipped" | "todo" => Tally { skipped: number, ..Tally::default() },
        _ => Tally::default(),
    }
}

/// The sum of the numbers that stand before one of `words`.
fn count(line: &str, words: &[&str]) -> u32 {
    let tokens: Vec<&str> = line.split_whitespace().collect();
    let mut sum = 0;
    for pair in tokens.windows(2) {
        let [number, word] = pair else { continue };
        let word = word.trim_end_matches([',', ';']);
        if words.contains(&word) {
            sum += number.parse().unwrap_or(0);
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, passed: u32, failed: u32, skipped: u32) {
        assert_eq!(Tally::read(line), Tally { passed, failed, skipped }, "{line}");
    }

    #[test]
    fn closing_lines_of_every_runner_are_counted() {
        check("     Summary [   0.1s] 3 tests run: 3 passed, 9 skipped", 3, 0, 0);
        check("  Summary [ 9s] 7 tests run: 4 passed (1 slow), 2 failed, 1 timed out", 4, 3, 0);
        check("test result: FAILED. 5 passed; 1 failed; 2 ignored; 0 measured", 5, 1, 2);
        check("      Tests  1 failed | 11 passed | 2 skipped (14)", 11, 1, 2);
        check("ℹ pass 8", 8, 0, 0);
        check("# fail 2", 0, 2, 0);
        check("ℹ skipped 1", 0, 0, 1);
    }

    #[test]
    fn other_lines_count_nothing() {
        check("3 passed, 1 failed", 0, 0, 0);
        check("    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured", 0, 0, 0);
        check("Test Files  2 passed (2)", 0, 0, 0);
        check("# duration_ms 12", 0, 0, 0);
        check("", 0, 0, 0);
    }

    #[test]
    fn a_tally_reads_as_the_plain_closing_line() {
        let mut sum = Tally { passed: 4, failed: 0, skipped: 1 };
        sum += Tally::BROKEN;
        assert_eq!(sum.to_string(), "4 passed, 1 failed, 1 skipped");
    }
}
