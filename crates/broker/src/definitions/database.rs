//! Where definitions are kept: a redb file with two tables.

use std::fs::File;
use std::io;
use std::path::Path;

use redb::{
    Builder, Database as Redb, ReadableDatabase, ReadableTable, Table, TableDefinition, TableError,
};

use super::definition::Definition;
use super::definitions::Change;
use super::encode::Malformed;

/// Keys and values of [`Definition`].
const DEFINITIONS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("definitions");

/// Numbers, by name.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// The format of keys and values.
const FORMAT: (&str, u64) = ("format", 1);
/// The lowest queue number that was never given.
const NEXT_QUEUE: &str = "next-queue";
/// Memory for pages of the file, in bytes: what is defined is in memory anyhow.
const CACHE_BYTES: usize = 1 << 20;

/// 1 once the vhost and the user that a new node begins with are there.
const HAS_BEGUN: &str = "has-begun";
/// 1 if the node ended by itself.
const WAS_CLEAN: &str = "was-clean";

/// Why definitions cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be opened, or is damaged.
    #[error("cannot open '{0}': {1}; move it away to start without definitions")]
    Database(String, Box<redb::Error>),
    /// A definition cannot be read.
    #[error("'{0}' is damaged: {1}; move it away to start without definitions")]
    Damaged(String, String),
    /// Written by a later version of the program.
    #[error("'{0}' has format {1}, this program reads {format}", format = FORMAT.1)]
    Format(String, u64),
    /// The operating system gives no thread.
    #[error("cannot start a thread for definitions: {0}")]
    Thread(#[from] std::io::Error),
}

/// The file.
pub(super) struct Database(Redb);

/// What was in it.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) definitions: Vec<Definition>,
    /// Whether no node has begun with it yet.
    pub(super) is_new: bool,
    /// The lowest queue number that was never given.
    pub(super) next_queue: u64,
    pub(super) was_clean: bool,
}

impl Database {
    /// Opens or creates it, and notes that the node runs, and that the next `block` numbers of
    /// queues may be given.
    pub(super) fn open(path: &Path, block: u64) -> Result<(Self, Contents), OpenError> {
        let name = path.display().to_string();
        if path.exists() {
            return Self::begin(builder().create(path), name, block);
        }
        // A file that a crash left half created does not open: it gets its name when it is whole.
        let failed = |error: io::Error| {
            OpenError::Database(name.clone(), Box::new(redb::StorageError::Io(error).into()))
        };
        let unborn = path.with_extension("new");
        if unborn.exists() {
            std::fs::remove_file(&unborn).map_err(failed)?;
        }
        let made = Self::begin(builder().create(&unborn), name.clone(), block)?;
        std::fs::rename(&unborn, path).map_err(failed)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or(Path::new("."))).map_err(failed)?;
        folder.sync_all().map_err(failed)?;
        Ok(made)
    }

    /// The same on what behaves like a file.
    #[cfg(test)]
    pub(super) fn on(
        backend: impl redb::StorageBackend,
        block: u64,
    ) -> Result<(Self, Contents), OpenError> {
        Self::begin(builder().create_with_backend(backend), "definitions".to_owned(), block)
    }

    fn begin(
        opened: Result<Redb, redb::DatabaseError>,
        name: String,
        block: u64,
    ) -> Result<(Self, Contents), OpenError> {
        let failed = |error: redb::Error| OpenError::Database(name.clone(), Box::new(error));
        let database = Self(opened.map_err(|error| failed(error.into()))?);
        let (contents, format) = database.read().map_err(failed)?;
        if let Some(found) = format.filter(|found| *found != FORMAT.1) {
            return Err(OpenError::Format(name, found));
        }
        let mut read = Contents { definitions: Vec::new(), ..contents.0 };
        for (key, value) in contents.1 {
            let damaged =
                |Malformed(what): Malformed| OpenError::Damaged(name.clone(), what.to_owned());
            read.definitions.push(Definition::read(&key, &value).map_err(damaged)?);
        }
        let numbers = [(FORMAT.0, FORMAT.1), (WAS_CLEAN, 0), (NEXT_QUEUE, read.next_queue + block)];
        database.note(&numbers).map_err(failed)?;
        Ok((database, read))
    }

    #[expect(clippy::type_complexity, reason = "read once, at the start")]
    fn read(&self) -> Result<((Contents, Vec<(Vec<u8>, Vec<u8>)>), Option<u64>), redb::Error> {
        let (mut contents, mut raw) = (Contents::default(), Vec::new());
        let transaction = self.0.begin_read()?;
        let meta = match transaction.open_table(META) {
            Ok(meta) => meta,
            Err(TableError::TableDoesNotExist(_)) => {
                // Number 0 is nobody's.
                (contents.is_new, contents.next_queue) = (true, 1);
                return Ok(((contents, raw), None));
            }
            Err(error) => return Err(error.into()),
        };
        let number = |name: &str| meta.get(name).map(|found| found.map(|it| it.value()));
        contents.is_new = number(HAS_BEGUN)? != Some(1);
        contents.next_queue = number(NEXT_QUEUE)?.unwrap_or(1);
        contents.was_clean = number(WAS_CLEAN)? == Some(1);
        let format = number(FORMAT.0)?;
        for entry in transaction.open_table(DEFINITIONS)?.iter()? {
            let (key, value) = entry?;
            raw.push((key.value().to_vec(), value.value().to_vec()));
        }
        Ok(((contents, raw), format))
    }

    /// Notes whether the node ended by itself.
    pub(super) fn mark(&self, is_clean: bool) -> Result<(), redb::Error> {
        self.note(&[(WAS_CLEAN, u64::from(is_clean))])
    }

    fn note(&self, numbers: &[(&str, u64)]) -> Result<(), redb::Error> {
        let mut transaction = self.0.begin_write()?;
        transaction.set_quick_repair(true);
        {
            let mut meta = transaction.open_table(META)?;
            for (name, number) in numbers {
                meta.insert(*name, *number)?;
            }
            transaction.open_table(DEFINITIONS)?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Makes changes durable, all or none.
    pub(super) fn commit(&self, changes: &[Change]) -> Result<(), redb::Error> {
        let mut transaction = self.0.begin_write()?;
        transaction.set_quick_repair(true);
        {
            let mut definitions = transaction.open_table(DEFINITIONS)?;
            let mut meta = transaction.open_table(META)?;
            for change in changes {
                match change {
                    Change::Put(definition) => {
                        let (key, value) = (definition.key().0, definition.value());
                        definitions.insert(key.as_slice(), value.as_slice())?;
                    }
                    Change::Remove(key) => drop(definitions.remove(key.0.as_slice())?),
                    Change::RemoveVhost(name) => {
                        let vhost = super::Key::vhost(name).0;
                        definitions.remove(vhost.as_slice())?;
                        for prefix in super::Key::prefixes(name) {
                            remove_all(&mut definitions, &prefix)?;
                        }
                    }
                    Change::NextQueue(number) => drop(meta.insert(NEXT_QUEUE, *number)?),
                    Change::Begun => drop(meta.insert(HAS_BEGUN, 1)?),
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

fn remove_all(definitions: &mut Table<'_, &[u8], &[u8]>, prefix: &[u8]) -> Result<(), redb::Error> {
    let end = after(prefix);
    definitions.retain_in(prefix..end.as_slice(), |_, _| false)?;
    Ok(())
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// What stands behind all that begins like that.
fn after(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Database")
    }
}
