//! Other programs, run to their end.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use crate::failure::{Failure, Outcome};
use crate::report;

/// The top folder of the checkout.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// A program that will start in the top folder, without standard input.
pub(crate) fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// The cargo that runs this task.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    program(&cargo, arguments)
}

/// Is there a program of this name on the path?
pub(crate) fn is_installed(name: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else {
        return false;
    };
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// Runs a program with its output where ours goes.
pub(crate) fn run(command: &mut Command, next: &str) -> Outcome {
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(format!("`{}` ended with {status}", shown(command)), next))
}

/// Runs a program and returns what it printed on standard output.
pub(crate) fn output(command: &mut Command, next: &str) -> Outcome<String> {
    let done = command.output().map_err(|error| cannot_start(command, &error))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
    Err(Failure::new(format!("`{}` ended with {}: {said}", shown(command), done.status), next))
}

/// How long a runner may say nothing; each prints a line per test, and builds one per crate.
const SILENCE_MAX: Duration = Duration::from_secs(240);

/// Runs a program, passes each line that it prints on, and shows it to `observe`.
/// Returns whether the program ended well; one that falls silent is ended, with what it started.
pub(crate) fn tee(command: &mut Command, mut observe: impl FnMut(&str)) -> Outcome<bool> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|error| cannot_start(command, &error))?;
    let (lines, printed) = channel();
    if let Some(stdout) = child.stdout.take() {
        forward(stdout, lines.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        forward(stderr, lines);
    }
    loop {
        match printed.recv_timeout(SILENCE_MAX) {
            Ok(line) => {
                report::plain(&line);
                observe(&line);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                report::note(&format!("silent for {} s: ended", SILENCE_MAX.as_secs()));
                let group = format!("-{}", child.id());
                let _ = program("kill", &["-KILL", "--", &group]).output();
                break;
            }
        }
    }
    let status = child.wait().map_err(|error| cannot_start(command, &error))?;
    Ok(status.success())
}

fn forward(source: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        let mut source = BufReader::new(source);
        let mut line = Vec::new();
        while source.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            if lines.send(text).is_err() {
                return;
            }
        }
    });
}

fn cannot_start(command: &Command, error: &std::io::Error) -> Failure {
    let name = command.get_program().to_string_lossy();
    Failure::new(format!("cannot run `{name}`: {error}"), format!("install `{name}`, then again"))
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut text = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}
