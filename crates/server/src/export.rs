//! `definitions.json`: what is defined, for people and for a node whose database does not open.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use broker::Broker;

/// In the data directory.
const FILE_NAME: &str = "definitions.json";

/// Writes it into the data directory; whole, or not at all.
pub(crate) fn write(directory: &Path, broker: &Broker) -> io::Result<()> {
    let json = management::definitions(broker, env!("CARGO_PKG_VERSION"));
    let (path, unfinished) = (directory.join(FILE_NAME), directory.join("definitions.json.new"));
    // Hashes of passwords are nobody else's business.
    let mut options = OpenOptions::new();
    let mut file: File =
        options.write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(json.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(unfinished, path)
}
