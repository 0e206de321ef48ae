//! `hopwire store check | repair`: looks at the stored messages of a node that is down, and keeps
//! what can be read if they are damaged.
//!
//! Statuses: 0 is fine, 1 is damaged (or, after a repair, messages were lost), 2 is that it could
//! not be tried.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Write as _, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use broker::store::disk::Folder;
use broker::store::{self, Checkup, DirectoryLock, LockError, Progress, Repaired, Settings};
use clap::{Args, Subcommand};

use crate::directory::MESSAGES;

/// How many lost messages are listed one by one.
const LOST_LISTED: usize = 20;
/// Between two lines of progress.
const PROGRESS_PERIOD: Duration = Duration::from_secs(2);

/// What to do with the store.
#[derive(Clone, Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Clone, Debug, Subcommand)]
enum Task {
    /// Looks at every byte; changes nothing (status 0: fine, 1: damaged, 2: cannot)
    Check(Place),
    /// Keeps what can be read, and a copy of every file it removes (0: nothing lost, 1: lost some,
    /// 2: cannot)
    Repair(Place),
}

#[derive(Clone, Debug, Args)]
struct Place {
    /// Where the broker keeps its files
    #[arg(
        long,
        value_name = "DIRECTORY",
        env = "HOPWIRE_DATA_DIR",
        default_value = "hopwire-data"
    )]
    data_dir: PathBuf,
}

/// Why nothing could be done, and what to do about it.
struct Hindrance {
    found: String,
    advice: &'static str,
}

/// Carries it out.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let done = match &arguments.task {
        Task::Check(place) => check(place),
        Task::Repair(place) => repair(place),
    };
    done.unwrap_or_else(|Hindrance { found, advice }| {
        eprintln!("hopwire: {found}\n    → {advice}");
        ExitCode::from(2)
    })
}

impl Place {
    fn messages(&self) -> PathBuf {
        self.data_dir.join(MESSAGES)
    }

    /// The log, and the right to it; `None` if nothing was ever stored.
    fn open(&self) -> Result<Option<(DirectoryLock, Folder)>, Hindrance> {
        let directory = self.data_dir.display();
        if !self.data_dir.is_dir() {
            let found = format!("there is no directory '{directory}'");
            return Err(Hindrance { found, advice: "name the node's with --data-dir" });
        }
        let lock = DirectoryLock::take(&self.data_dir).map_err(|error| Hindrance {
            found: format!("'{directory}': {error}"),
            advice: match error {
                LockError::Held => "stop the node, then try again",
                LockError::Disk(_) => MEND_DISK,
            },
        })?;
        if !self.messages().is_dir() {
            say(&format!("✓ nothing is stored in {directory}"));
            return Ok(None);
        }
        let folder = Folder::open(&self.messages()).map_err(|error| self.hindered(&error))?;
        Ok(Some((lock, folder)))
    }

    fn hindered(&self, error: &dyn Display) -> Hindrance {
        let found = format!("'{}': {error}", self.messages().display());
        Hindrance { found, advice: MEND_DISK }
    }
}

const MEND_DISK: &str = "look at its owner, its mode, and the disk";

fn check(place: &Place) -> Result<ExitCode, Hindrance> {
    let Some((_lock, folder)) = place.open()? else { return Ok(ExitCode::SUCCESS) };
    let checkup = store::check(&folder, &mut progress());
    let checkup = checkup.map_err(|error| place.hindered(&error))?;
    tell(&checkup);
    let Checkup { segments, records, .. } = &checkup;
    let seen = format!("{segments} files, {records} records");
    if checkup.is_sound() {
        say(&format!("✓ {seen}: everything is as it was written"));
        return Ok(ExitCode::SUCCESS);
    }
    let wrong = checkup.damage.len() + checkup.missing.len();
    let directory = place.data_dir.display();
    say(&format!("✗ {seen}: damaged in {wrong} places"));
    say(&format!("    → hopwire store repair --data-dir {directory} keeps everything else"));
    Ok(ExitCode::FAILURE)
}

fn tell(checkup: &Checkup) {
    for damage in &checkup.damage {
        say(&format!("✗ {}, byte {}: {}", damage.file, damage.offset, damage.what));
    }
    for file in &checkup.missing {
        say(&format!("✗ {file} is missing"));
    }
    if let Some(torn) = &checkup.torn {
        let (file, offset, bytes) = (&torn.file, torn.offset, torn.bytes);
        say(&format!("! {file}, byte {offset}: {bytes} bytes were torn by a crash, unconfirmed"));
        say("    → the next start cuts them off");
    }
    if let Some(file) = &checkup.unborn {
        say(&format!("! {file} was made and not used yet\n    → the next start removes it"));
    }
}

fn repair(place: &Place) -> Result<ExitCode, Hindrance> {
    let Some((_lock, folder)) = place.open()? else { return Ok(ExitCode::SUCCESS) };
    let copy = keep(place).map_err(|error| Hindrance {
        found: format!("cannot keep a copy of '{}': {error}", place.messages().display()),
        advice: "nothing was changed: the copy is made of hard links beside it",
    })?;
    let repaired = store::repair(Arc::new(folder), Settings::default(), &mut progress());
    // Whatever happened, what is still there needs no copy.
    let tidied = forget(&copy, &place.messages());
    let repaired = repaired.map_err(|error| place.hindered(&error))?;
    tidied.map_err(|error| place.hindered(&error))?;
    let Some(repaired) = repaired else {
        say("✓ everything is as it was written: nothing to repair");
        return Ok(ExitCode::SUCCESS);
    };
    tell_repaired(&repaired, &copy);
    let status = if repaired.lost.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    Ok(status)
}

fn tell_repaired(repaired: &Repaired, copy: &Path) {
    for (queue, sequence) in repaired.lost.iter().take(LOST_LISTED) {
        say(&format!("✗ lost: message {sequence} of queue {}", queue.0));
    }
    if let Some(more) = repaired.lost.len().checked_sub(LOST_LISTED + 1) {
        say(&format!("✗ lost: {} more", more + 1));
    }
    if repaired.may_repeat {
        say("! no checkpoint could be read: messages may be back that had been acknowledged");
    }
    if !repaired.removed.is_empty() {
        say(&format!("  removed {}", repaired.removed.join(", ")));
        say(&format!("  a copy of what was removed is in {}", copy.display()));
    }
    let (messages, lost) = (repaired.messages, repaired.lost.len());
    say(&format!("✓ repaired: {messages} messages are there, {lost} are known to be lost"));
    say("    → start the node; remove the copy when you need it no longer");
}

/// Gives every file of the log a second name, in a directory beside it.
fn keep(place: &Place) -> io::Result<PathBuf> {
    let mut number = 1;
    let copy = loop {
        let copy = place.data_dir.join(format!("{MESSAGES}-before-repair-{number}"));
        match fs::create_dir(&copy) {
            Ok(()) => break copy,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    };
    for entry in fs::read_dir(place.messages())? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "log") {
            fs::hard_link(entry.path(), copy.join(entry.file_name()))?;
        }
    }
    File::open(&copy)?.sync_all()?;
    File::open(&place.data_dir)?.sync_all()?;
    Ok(copy)
}

/// Removes the second names of files that still have their first, and the directory if it is empty.
fn forget(copy: &Path, messages: &Path) -> io::Result<()> {
    let mut is_empty = true;
    for entry in fs::read_dir(copy)? {
        let entry = entry?;
        if messages.join(entry.file_name()).exists() {
            fs::remove_file(entry.path())?;
        } else {
            is_empty = false;
        }
    }
    if is_empty { fs::remove_dir(copy) } else { Ok(()) }
}

/// Says now and then how far it is.
fn progress() -> impl FnMut(Progress) {
    let mut said = Instant::now();
    move |Progress { done, all }| {
        if said.elapsed() >= PROGRESS_PERIOD {
            said = Instant::now();
            eprintln!("… {done} of {all} files");
        }
    }
}

fn say(text: &str) {
    // Nobody reads on if standard output is closed; the exit status still tells.
    drop(writeln!(stdout(), "{text}"));
}
