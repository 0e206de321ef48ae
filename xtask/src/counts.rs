//! `cargo xtask counts`: instructions that the message paths take, held against
//! `bench/counts.tsv`. Counts, not seconds: they say the same on a busy machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use crate::command::{cargo, is_installed, output, program, root, run};
use crate::failure::{Failure, Outcome};
use crate::report;

/// The bounds: one path a line, and the most instructions that one unit of it may take.
const TABLE: &str = "bench/counts.tsv";

/// The function in `bench/src/bin/paths` inside which it counts.
const COUNTED: &str = "*paths::measured*";

/// Runs at once: what two cores carry. A count does not depend on it.
const PARALLEL: usize = 2;

/// A bound is what was found and a tenth: counts repeat within a hundredth, compilers do not.
const SLACK_PERCENT: u64 = 10;

/// Two paths that differ in what stands beside them only, and how far their counts may differ.
struct Ratio {
    large: &'static str,
    small: &'static str,
    percent_max: u64,
}

/// What must not grow with the number of subscriptions.
const RATIOS: [Ratio; 2] = [
    Ratio { large: "route-100000", small: "route-100", percent_max: 150 },
    Ratio { large: "subscribe-100000", small: "subscribe-100", percent_max: 200 },
];

/// What to do with the bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bounds {
    /// Fail where a count is beyond one.
    Hold,
    /// Replace them by what is found.
    Write,
}

/// Counts per unit, by path.
type Counts = BTreeMap<String, u64>;

/// Counts every path and holds the counts against their bounds.
pub(crate) fn counts(bounds: Bounds) -> Outcome {
    if !is_installed("valgrind") {
        let next = "as root: apt-get install -y valgrind";
        return Err(Failure::new("valgrind is not on the path", next));
    }
    let binary = report::step("build the paths in release", build)?;
    let found = report::step("count instructions under callgrind", || count_all(&binary))?;
    if bounds == Bounds::Write {
        write(&found)?;
    }
    let table = root().join(TABLE);
    let text = fs::read_to_string(&table).map_err(|error| Failure::at(&table, &error))?;
    hold(&found, &parse(&text)?)
}

fn build() -> Outcome<PathBuf> {
    let arguments = ["build", "--release", "--package", "hopwire-bench", "--bin", "paths"];
    run(&mut cargo(&arguments), "mend what does not compile")?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    Ok(target.unwrap_or_else(|| root().join("target")).join("release/paths"))
}

/// Where callgrind leaves what it found, for `callgrind_annotate`.
fn folder(binary: &Path) -> PathBuf {
    binary.with_file_name("counts")
}

fn count_all(binary: &Path) -> Outcome<Counts> {
    let folder = folder(binary);
    fs::create_dir_all(&folder).map_err(|error| Failure::at(&folder, &error))?;
    let shown = binary.display().to_string();
    let listed = output(&mut program(&shown, &[]), "build it again")?;
    // The long ones stand at the end of the list; they begin first.
    let waiting: Mutex<Vec<String>> = Mutex::new(listed.lines().map(str::to_owned).collect());
    let next = || waiting.lock().ok().and_then(|mut waiting| waiting.pop());
    let count_some = || -> Outcome<Counts> {
        let mut found = Counts::new();
        while let Some(path) = next() {
            let count = count(&shown, &path, &folder.join(format!("{path}.out")))?;
            report::note(&format!("{path}: {count}"));
            found.insert(path, count);
        }
        Ok(found)
    };
    let outcomes: Vec<Outcome<Counts>> = thread::scope(|scope| {
        let running: Vec<_> = (0..PARALLEL).map(|_| scope.spawn(count_some)).collect();
        let broken = || Err(Failure::new("a counting thread panicked", "this is a bug in xtask"));
        running.into_iter().map(|one| one.join().unwrap_or_else(|_| broken())).collect()
    });
    let mut all = Counts::new();
    for outcome in outcomes {
        all.extend(outcome?);
    }
    Ok(all)
}

/// Instructions of one unit of a path.
fn count(binary: &str, path: &str, out: &Path) -> Outcome<u64> {
    let collect = format!("--toggle-collect={COUNTED}");
    let out_file = format!("--callgrind-out-file={}", out.display());
    let arguments = ["--tool=callgrind", "--quiet", &collect, &out_file, binary, path];
    let said = output(&mut program("valgrind", &arguments), "run it by hand to see more")?;
    let profile = fs::read_to_string(out).map_err(|error| Failure::at(out, &error))?;
    let units = number_after(&said, "units ");
    let total = number_after(&profile, "totals: ").or_else(|| number_after(&profile, "summary: "));
    match (total, units) {
        (Some(total @ 1..), Some(units @ 1..)) => Ok(total.div_ceil(units)),
        _ => Err(Failure::new(
            format!("nothing was counted of {path}"),
            format!("does `{COUNTED}` still name the function in bench/src/bin/paths?"),
        )),
    }
}

/// The number on the line that begins like that.
fn number_after(text: &str, start: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(start)?.trim().parse().ok())
}

/// The bounds by path.
fn parse(text: &str) -> Outcome<Counts> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let bound = |line: &str| {
        let parsed = line
            .split_once('\t')
            .and_then(|(path, bound)| Some((path.to_owned(), bound.trim().parse().ok()?)));
        parsed.ok_or_else(|| Failure::new(format!("{TABLE}: no path and bound: {line}"), MOVE))
    };
    lines.map(bound).collect()
}

/// How a bound is moved.
const MOVE: &str = "cargo xtask counts --write";

fn write(found: &Counts) -> Outcome {
    let mut text = String::from(
        "# The most instructions that one unit of a path may take: what was counted, and a tenth.\n\
         # bench/src/bin/paths/path.rs says what a unit is.\n\
         # Moved on purpose by `cargo xtask counts --write`.\n",
    );
    for (path, count) in found {
        text.push_str(&format!("{path}\t{}\n", count + count * SLACK_PERCENT / 100));
    }
    let table = root().join(TABLE);
    fs::write(&table, text).map_err(|error| Failure::at(&table, &error))
}

/// Prints what was found, and fails if any of it is too much.
fn hold(found: &Counts, bounds: &Counts) -> Outcome {
    report::plain(&format!("{:32}{:>12}{:>12}{:>8}", "path", "found", "bound", "%"));
    let mut broken = Vec::new();
    for (path, &count) in found {
        let Some(&bound) = bounds.get(path) else {
            broken.push(format!("{path} has no bound in {TABLE}"));
            continue;
        };
        let percent = count * 100 / bound.max(1);
        report::plain(&format!("{path:32}{count:>12}{bound:>12}{percent:>8}"));
        if count > bound {
            broken.push(format!("{path} takes {count} instructions, at most {bound} are allowed"));
        }
    }
    for path in bounds.keys().filter(|path| !found.contains_key(*path)) {
        broken.push(format!("{TABLE} bounds {path}, which is no path"));
    }
    for Ratio { large, small, percent_max } in RATIOS {
        let (Some(&many), Some(&few)) = (found.get(large), found.get(small)) else {
            broken.push(format!("{large} and {small} must both be counted"));
            continue;
        };
        let percent = many * 100 / few.max(1);
        report::plain(&format!("{large} / {small}: {percent} %, at most {percent_max} %"));
        if percent > percent_max {
            broken.push(format!("{large} takes {percent} % of {small}, at most {percent_max} %"));
        }
    }
    if broken.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        broken.join("\n  "),
        format!(
            "callgrind_annotate target/release/counts/<path>.out shows where they go; \
             to move the bounds on purpose: {MOVE}"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Counts {
        parse(text).unwrap()
    }

    const WELL: &str =
        "route-100\t100\nroute-100000\t150\nsubscribe-100\t10\nsubscribe-100000\t20\n";

    #[test]
    fn a_count_at_its_bound_holds_and_one_beyond_does_not() {
        assert_eq!(hold(&of(WELL), &of(WELL)), Ok(()));
        let less = WELL.replace("\t10\n", "\t9\n");
        let failure = hold(&of(WELL), &of(&less)).unwrap_err();
        assert_eq!(failure.what, "subscribe-100 takes 10 instructions, at most 9 are allowed");
        assert!(failure.next.contains("callgrind_annotate") && failure.next.contains(MOVE));
    }

    #[test]
    fn what_grows_with_the_number_of_subscriptions_is_found() {
        for (at, beyond) in [("\t150\n", "\t151\n"), ("\t20\n", "\t21\n")] {
            let more = WELL.replace(at, beyond);
            let failure = hold(&of(&more), &of(&more)).unwrap_err();
            assert!(failure.what.contains("100000 takes"), "{}", failure.what);
        }
    }

    #[test]
    fn a_path_without_a_bound_and_a_bound_without_a_path_are_found() {
        let more = format!("{WELL}other\t1\n");
        assert!(hold(&of(&more), &of(WELL)).unwrap_err().what.contains("other has no bound"));
        assert!(hold(&of(WELL), &of(&more)).unwrap_err().what.contains("other, which is no path"));
        assert!(parse("route-100 100\n").is_err());
    }

    #[test]
    fn totals_are_read_from_a_profile() {
        let profile = "version: 1\nevents: Ir\nsummary: 12\n\nfn=(1) a\n1 12\n\ntotals: 12\n";
        assert_eq!(number_after(profile, "totals: "), Some(12));
        assert_eq!(number_after(profile, "units "), None);
    }
}
