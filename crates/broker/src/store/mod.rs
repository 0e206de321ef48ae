//! The store: what was confirmed survives anything.
//!
//! One log for the messages of all durable queues. Callers bring batches of records — a message
//! with its places in queues, messages that a queue settled or handed out, a queue that is gone —
//! and one writer puts everything that came meanwhile into one write and one sync. The log is cut
//! into segments, one file each. An index in memory says where each message lies that still
//! matters.
//!
//! ```text
//! record      the frame and checksum of everything
//! operation   what a record says about queues
//! segment     one file: header, checkpoint, writes, seal
//! scan        reading one from front to back, torn or damaged
//! seal        a segment's messages that lived when it ended
//! checkpoint  what all older segments mean
//! index       what each queue holds, and how much lives in each segment
//! reader      messages read back, in batches
//! log         append, sync: the writer's steps
//! compaction  dead segments go, worn ones are copied forward
//! recovery    from files to a log
//! check       every byte looked at
//! repair      what can be kept of damaged files
//! intake      where callers leave batches
//! writer      the thread that takes them
//! housekeeper the thread that makes the next file and removes dead ones
//! ```
//!
//! The rules, each kept by a crash test in `crash`:
//!
//! - A waiter hears of a sync only after it. After a write or a sync failed nothing is written
//!   until the node is restarted, because nobody knows what the disk holds.
//! - A segment is born durably, with a checkpoint of everything older, before it takes a record; it
//!   takes none after it was sealed, or after a restart. So only the last segment can be torn, and
//!   only it is read from front to back.
//! - A checkpoint and the seals of the segments it names replace all older records. So a record
//!   that settles a message need not be kept for as long as the message's file is there.
//! - A file goes after a durable record says that nothing in it matters. So a file that is missing
//!   without one is noticed.
//! - A sequence is never given twice in a queue, nor is a queue's number.
//!
//! Nothing here knows what a message or a queue's name is; `record` and `segment` know nothing of
//! queues. The format, byte by byte: docs/formats/store.md. Topology, users and policies
//! will live beside it, in `definitions`, in a database of their own.

mod batch;
mod check;
mod checkpoint;
mod compaction;
#[cfg(test)]
mod crash;
pub mod disk;
mod error;
mod housekeeper;
mod index;
mod intake;
mod lock;
mod log;
mod operation;
mod reader;
mod record;
mod recovery;
mod repair;
mod scan;
mod seal;
mod segment;
mod settings;
#[expect(clippy::module_inception, reason = "the room and its main noun share the name")]
mod store;
#[cfg(test)]
mod tests;
mod varint;
mod version;
mod writer;

pub use batch::{Batch, TooLarge};
pub use check::{Checkup, Progress, check};
pub use error::{Damage, DiskError, OpenError};
pub use index::QueueTotals;
pub use intake::{Failure, Refused, Ticket, Waiter};
pub use lock::{DirectoryLock, LockError};
pub use log::Counts;
pub use operation::{Place, QueueId, SequenceRange};
pub use reader::{Page, StoredMessage};
pub use record::PAYLOAD_BYTES_MAX;
pub use recovery::{Cut, Report};
pub use repair::{Repaired, repair};
pub use settings::Settings;
pub use store::{Head, PageLimit, Store, Usage};
pub use version::FORMAT_VERSION;
