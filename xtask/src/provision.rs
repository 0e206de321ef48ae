//! What the tests need on a bare Debian 12: packages, stock clients, a browser.

use std::fs;

use crate::command::{is_installed, output, program, root, run};
use crate::failure::{Failure, Outcome};
use crate::pages::Package;
use crate::report;

/// Debian packages that the stories speak with, are compared with, or are counted by.
const PACKAGES: [&str; 10] = [
    "amqp-tools",
    "chromium",
    "openssl",
    "php-amqplib",
    "php-bcmath",
    "php-cli",
    "php-mbstring",
    "python3-venv",
    "rabbitmq-server",
    "valgrind",
];

/// Debian packages that the benchmark compares with; tests do not need them.
const PEERS: [&str; 3] = ["mosquitto", "nats-server", "rabbitmq-server"];

/// Where the Python stories find their clients; git ignores it.
pub(crate) const VENV: &str = ".cache/venv";

/// Installs what is missing, and nothing else.
pub(crate) fn provision() -> Outcome {
    install_packages()?;
    if let Some(clients) = Package::find("tests/node") {
        clients.install()?;
    }
    install_python_clients()
}

pub(crate) fn install_packages() -> Outcome {
    let mut missing = missing(&PACKAGES);
    if !is_installed("node") || !is_installed("npm") {
        missing.extend(["nodejs", "npm"]);
    }
    install(&missing)
}

/// Installs what the benchmark compares with.
pub(crate) fn install_peers() -> Outcome {
    install(&missing(&PEERS))
}

fn missing(packages: &[&'static str]) -> Vec<&'static str> {
    packages.iter().copied().filter(|name| !is_present(name)).collect()
}

fn install(missing: &[&str]) -> Outcome {
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    let by_hand = format!("as root: apt-get update && apt-get install -y {list}");
    let id = output(&mut program("id", &["-u"]), &by_hand)?;
    if id.trim() != "0" || !is_installed("apt-get") {
        return Err(Failure::new(format!("missing on this machine: {list}"), by_hand));
    }
    report::step(&format!("apt-get install {list}"), || {
        run(&mut apt(&["update", "-qq"]), &by_hand)?;
        let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
        arguments.extend(missing);
        run(&mut apt(&arguments), &by_hand)
    })?;
    for service in ["rabbitmq-server", "nats-server", "mosquitto"] {
        if missing.contains(&service) {
            stop_installed(service);
        }
    }
    Ok(())
}

fn is_present(package: &str) -> bool {
    let query = ["-W", "-f", "${db:Status-Status}", package];
    output(&mut program("dpkg-query", &query), "").is_ok_and(|status| status == "installed")
}

fn apt(arguments: &[&str]) -> std::process::Command {
    let mut command = program("apt-get", arguments);
    command.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C.UTF-8");
    command
}

/// A package's own broker may have been started on its usual ports: nothing here wants it there.
fn stop_installed(service: &str) {
    let stopped = output(&mut program("service", &[service, "stop"]), "");
    if stopped.is_ok() {
        report::note(&format!("stopped the {service} that its package had started"));
    }
}

fn install_python_clients() -> Outcome {
    let venv = root().join(VENV);
    let wanted_path = root().join("tests/python/requirements.txt");
    let wanted =
        fs::read_to_string(&wanted_path).map_err(|error| Failure::at(&wanted_path, &error))?;
    let stamp = venv.join("requirements.installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    report::step("pip install of the Python clients", || {
        let next = "are python3-venv and the Python registry within reach? then again";
        run(&mut program("python3", &["-m", "venv", VENV]), next)?;
        let pip = venv.join("bin/pip").display().to_string();
        let arguments = ["install", "--quiet", "--disable-pip-version-check", "-r"];
        run(program(&pip, &arguments).arg(&wanted_path), next)?;
        fs::write(&stamp, &wanted).map_err(|error| Failure::at(&stamp, &error))
    })
}
