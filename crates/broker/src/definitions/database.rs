//! Where definitions are kept: a redb file with two tables.

use std::path::Path;

use redb::{Database as Redb, ReadableDatabase, ReadableTable, Table, TableDefinition, TableError};

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
    /// The lowest queue number that was never given; `None` in a new file.
    pub(super) next_queue: Option<u64>,
    pub(super) was_clean: bool,
}

impl Database {
    /// Opens or creates it, and notes that the node runs.
    pub(super) fn open(path: &Path) -> Result<(Self, Contents), OpenError> {
        let name = || path.display().to_string();
        let failed = |error: redb::Error| OpenError::Database(name(), Box::new(error));
        let database = Self(Redb::create(path).map_err(|error| failed(error.into()))?);
        let (contents, format) = database.read().map_err(failed)?;
        if let Some(found) = format.filter(|found| *found != FORMAT.1) {
            return Err(OpenError::Format(name(), found));
        }
        let mut read = Contents { definitions: Vec::new(), ..contents.0 };
        for (key, value) in contents.1 {
            let damaged = |Malformed(what): Malformed| OpenError::Damaged(name(), what.to_owned());
            read.definitions.push(Definition::read(&key, &value).map_err(damaged)?);
        }
        database.mark(false).map_err(failed)?;
        Ok((database, read))
    }

    #[expect(clippy::type_complexity, reason = "read once, at the start")]
    fn read(&self) -> Result<((Contents, Vec<(Vec<u8>, Vec<u8>)>), Option<u64>), redb::Error> {
        let (mut contents, mut raw) = (Contents::default(), Vec::new());
        let transaction = self.0.begin_read()?;
        let meta = match transaction.open_table(META) {
            Ok(meta) => meta,
            Err(TableError::TableDoesNotExist(_)) => return Ok(((contents, raw), None)),
            Err(error) => return Err(error.into()),
        };
        let number = |name: &str| meta.get(name).map(|found| found.map(|it| it.value()));
        contents.next_queue = number(NEXT_QUEUE)?;
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
        let mut transaction = self.0.begin_write()?;
        transaction.set_quick_repair(true);
        {
            let mut meta = transaction.open_table(META)?;
            meta.insert(FORMAT.0, FORMAT.1)?;
            meta.insert(WAS_CLEAN, u64::from(is_clean))?;
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
                    Change::RemoveAll(prefix) => remove_all(&mut definitions, &prefix.0)?,
                    Change::NextQueue(number) => drop(meta.insert(NEXT_QUEUE, *number)?),
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
