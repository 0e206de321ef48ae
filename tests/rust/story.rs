//! Runs a story: a program in another language that ends well if its claim holds.

use std::env;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::broker::Broker;
use crate::oracle::Addresses;

/// How long a story may take; it has a shorter limit of its own, and says what it waited for.
const STORY_TIME_MAX: Duration = Duration::from_secs(110);

/// The story holds for Hopwire, and for the oracle if there is one. A second word is for the story.
pub(crate) fn holds(story: &str) {
    let broker = Broker::start();
    tell(story, &Addresses::of(&broker), &[]);
    if let Some(oracle) = Addresses::of_oracle() {
        tell(story, &oracle, &[]);
    }
}

/// The story holds for Hopwire with these settings; RabbitMQ has nothing like it.
pub(crate) fn holds_here(story: &str, settings: &str) {
    let broker = Broker::with(settings);
    tell(story, &Addresses::of(&broker), &[]);
}

/// The story holds at these addresses, told with more variables.
pub(crate) fn tell(story: &str, addresses: &Addresses, environment: &[(&str, &str)]) {
    let (file, words) = story.split_once(' ').unwrap_or((story, ""));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let mut process = Command::new(interpreter(&path))
        .arg(&path)
        .args(words.split_whitespace())
        .env("AMQP_URL", &addresses.amqp_url)
        .env("STOMP_ADDRESS", &addresses.stomp_address)
        .env("WS_URL", &addresses.ws_url)
        .env("HTTP_URL", &addresses.http_url)
        .env("BROKER", addresses.broker)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{story}: {error}; run it by `cargo xtask test`"));
    let (ended, end) = channel();
    let outputs: [Box<dyn Read + Send>; 2] =
        [Box::new(process.stdout.take().unwrap()), Box::new(process.stderr.take().unwrap())];
    for mut output in outputs {
        let ended = ended.clone();
        thread::spawn(move || {
            let mut said = Vec::new();
            let _ = output.read_to_end(&mut said);
            let _ = ended.send(String::from_utf8_lossy(&said).into_owned());
        });
    }
    let mut said = String::new();
    for _ in 0..2 {
        match end.recv_timeout(STORY_TIME_MAX) {
            Ok(part) => said.push_str(&part),
            Err(_) => {
                let _ = process.kill();
                said.push_str("(killed: it did not end)");
            }
        }
    }
    let status = process.wait().unwrap();
    assert!(status.success(), "{story} against {}: {status}\n{said}", addresses.broker);
}

fn interpreter(story: &Path) -> PathBuf {
    match story.extension().and_then(|extension| extension.to_str()) {
        Some("mjs") => "node".into(),
        Some("php") => "php".into(),
        Some("sh") => "sh".into(),
        Some("py") => env::var_os("STORIES_PYTHON").map_or_else(venv, PathBuf::from),
        other => panic!("no interpreter for {other:?}"),
    }
}

/// Where `cargo xtask test` installs the Python clients.
fn venv() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache/venv/bin/python")
}
