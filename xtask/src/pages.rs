//! The npm packages of the checkout: installed and built when their sources are newer.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::command::{program, root, run};
use crate::failure::Outcome;
use crate::report;

/// An npm package inside the checkout.
pub(crate) struct Package {
    folder: PathBuf,
    name: &'static str,
}

impl Package {
    /// The package in `name`, if this checkout has it.
    pub(crate) fn find(name: &'static str) -> Option<Self> {
        let folder = root().join(name);
        folder.join("package.json").is_file().then_some(Self { folder, name })
    }

    /// Installs the package's dependencies as its lock file says, if that changed.
    pub(crate) fn install(&self) -> Outcome {
        let installed = self.folder.join("node_modules/.package-lock.json");
        let wanted = newest(&[self.folder.join("package.json"), self.lock_file()]);
        if modified(&installed) > wanted {
            return Ok(());
        }
        let verb = if self.lock_file().is_file() { "ci" } else { "install" };
        report::step(&format!("npm {verb} in {}", self.name), || {
            self.npm(&[verb], "is the npm registry within reach? then again")
        })
    }

    /// Builds the package, if a source is newer than what was built.
    pub(crate) fn build(&self) -> Outcome {
        let built = self.folder.join("dist");
        if !built.is_dir() || self.is_stale() {
            return report::step(&format!("npm run build in {}", self.name), || {
                self.npm(&["run", "build"], "mend what the build names")
            });
        }
        Ok(())
    }

    /// Runs one of npm's verbs in the package's folder.
    pub(crate) fn npm(&self, arguments: &[&str], next: &str) -> Outcome {
        run(program("npm", arguments).current_dir(&self.folder), next)
    }

    /// Its path from the top folder.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The folder, for a runner of its own.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn lock_file(&self) -> PathBuf {
        self.folder.join("package-lock.json")
    }

    fn is_stale(&self) -> bool {
        let mut sources = Vec::new();
        collect(&self.folder, &["node_modules", "dist"], &mut sources);
        let mut built = Vec::new();
        collect(&self.folder.join("dist"), &[], &mut built);
        newest(&sources) > newest(&built)
    }
}

fn newest(paths: &[PathBuf]) -> SystemTime {
    paths.iter().map(|path| modified(path)).max().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// When a file last changed; the beginning of time for one that is not there.
fn modified(path: &Path) -> SystemTime {
    fs::metadata(path).and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn collect(folder: &Path, left_out: &[&str], files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if !path.is_dir() {
            files.push(path);
        } else if !left_out.iter().any(|left_out| name == *left_out) {
            collect(&path, left_out, files);
        }
    }
}
