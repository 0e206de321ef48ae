//! The project's files as git sees them: tracked ones, and new ones that are not ignored.

use std::fs;
use std::path::Path;

use crate::command::{output, program, root};
use crate::failure::Outcome;

/// One text file of the project.
pub(crate) struct File {
    /// Its path from the top folder, with `/` between the parts.
    pub(crate) path: String,
    /// What it says.
    pub(crate) text: String,
}

impl File {
    /// The last part of the path.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The ending of the name after its last dot; empty if there is none.
    pub(crate) fn extension(&self) -> &str {
        self.name().rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    /// Is it in this folder, or deeper?
    pub(crate) fn is_under(&self, folder: &str) -> bool {
        self.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Every text file of the project.
pub(crate) fn files() -> Outcome<Vec<File>> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate"];
    let listed = output(&mut program("git", &arguments), "run this inside a git checkout")?;
    let root = root();
    Ok(listed.lines().filter_map(|path| read(&root, path)).collect())
}

/// The file, unless it is gone from the work tree or is not text.
fn read(root: &Path, path: &str) -> Option<File> {
    let text = fs::read_to_string(root.join(path)).ok()?;
    Some(File { path: path.to_owned(), text })
}
