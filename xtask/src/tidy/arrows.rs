//! Which room may know which: in manifests between crates, in paths between folders.

use super::Finding;
use super::source::Source;
use crate::tree::File;

/// Each room and the rooms that it may depend on. Source: ARCHITECTURE, "Rooms".
const ROOMS: [(&str, &[&str]); 10] = [
    ("model", &[]),
    ("wire", &["model"]),
    ("tls", &[]),
    ("client", &["wire", "model"]),
    ("broker", &["model"]),
    ("engine", &["broker", "client", "model"]),
    ("session", &["engine", "wire", "model"]),
    ("management", &["engine", "broker", "model"]),
    ("server", &["session", "management", "engine", "broker", "client", "tls", "model"]),
    ("realtime", &["client", "model"]),
];

/// Folders inside a room, and which of the listed folders each may name. Source: STYLE §1.
const FOLDERS: [(&str, &str, &[&str]); 9] = [
    ("broker", "auth", &[]),
    ("broker", "policy", &[]),
    ("broker", "exchange", &[]),
    ("broker", "store", &[]),
    ("broker", "queue", &["store", "policy"]),
    ("broker", "stream", &["store", "policy"]),
    ("broker", "vhost", &["auth", "policy", "exchange", "store", "queue", "stream"]),
    ("session", "amqp", &[]),
    ("session", "stomp", &[]),
];

pub(super) fn check_manifests(files: &[File], findings: &mut Vec<Finding>) {
    for file in files {
        let Some(room) = room_of(&file.path) else {
            continue;
        };
        if file.name() != "Cargo.toml" {
            continue;
        }
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            findings.push(Finding::in_file(file, "a room without arrows: add it to ARCHITECTURE"));
            continue;
        };
        for (line, found) in dependencies(&file.text) {
            let is_room = ROOMS.iter().any(|(name, _)| *name == found);
            if is_room && !allowed.contains(&found) {
                let rule = format!("no arrow leads from {room} to {found} (ARCHITECTURE, Rooms)");
                findings.push(Finding::at(file, line, rule));
            }
        }
    }
}

pub(super) fn check_uses(file: &File, source: &Source<'_>, findings: &mut Vec<Finding>) {
    let Some(room) = room_of(&file.path) else {
        return;
    };
    let own = FOLDERS.iter().find(|(folder_room, folder, _)| {
        *folder_room == room && file.is_under(&format!("crates/{room}/src/{folder}"))
    });
    let Some((_, own, allowed)) = own else { return };
    for line in source.lines.iter().filter(|line| !line.is_test) {
        let code = line.code();
        for (_, other, _) in FOLDERS.iter().filter(|(other_room, ..)| *other_room == room) {
            let is_named = code.contains(&format!("crate::{other}::"));
            if is_named && other != own && !allowed.contains(other) {
                let rule = format!("inside {room}, {own} does not know {other} (ARCHITECTURE)");
                findings.push(Finding::at(file, line.number, rule));
            }
        }
    }
}

/// `broker` of `crates/broker/src/lib.rs`.
fn room_of(path: &str) -> Option<&str> {
    path.strip_prefix("crates/")?.split_once('/').map(|(room, _)| room)
}

/// Line number and name of each dependency that the built crate has; not those of its tests.
fn dependencies(manifest: &str) -> Vec<(usize, &str)> {
    let mut section = "";
    let mut found = Vec::new();
    for (index, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
            continue;
        }
        let is_dependency = matches!(section, "dependencies" | "build-dependencies");
        let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
        if is_dependency && !name.is_empty() && !name.starts_with('#') {
            found.push((index + 1, name));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn check_manifest(path: &str, text: &str, expected: usize) {
        let mut findings = Vec::new();
        check_manifests(&[file(path, text)], &mut findings);
        assert_eq!(findings.len(), expected, "{findings:?}");
    }

    #[test]
    fn an_arrow_against_the_order_is_found() {
        check_manifest("crates/wire/Cargo.toml", "[dependencies]\nmodel.workspace = true\n", 0);
        check_manifest("crates/wire/Cargo.toml", "[dependencies]\nbroker.workspace = true\n", 1);
        check_manifest(
            "crates/session/Cargo.toml",
            "[dependencies]\nbroker = { path = \"x\" }\n",
            1,
        );
    }

    #[test]
    fn tests_may_know_more_than_the_room() {
        check_manifest(
            "crates/wire/Cargo.toml",
            "[dev-dependencies]\nclient.workspace = true\n",
            0,
        );
    }

    #[test]
    fn a_new_room_needs_its_arrows() {
        check_manifest("crates/cellar/Cargo.toml", "[dependencies]\n", 1);
    }

    #[test]
    fn strangers_in_one_room_stay_strangers() {
        let mut findings = Vec::new();
        for (path, text) in [
            ("crates/session/src/amqp/channel.rs", "use crate::stomp::frame;\n"),
            ("crates/broker/src/queue/state.rs", "use crate::store::Record;\n"),
            ("crates/broker/src/auth/user.rs", "use crate::vhost::Vhost;\n"),
        ] {
            check_uses(&file(path, text), &Source::read(text), &mut findings);
        }
        assert_eq!(findings.len(), 2, "{findings:?}");
    }
}
