//! What the start prints: where everything is, and how to stop.
//!
//! Standard output carries nothing else, one `<protocol> <address>` line per listener and a last
//! line beginning with `ready`: scripts and tests read it.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _, stdout};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// What the start prints.
#[derive(Debug)]
pub(crate) struct Banner<'a> {
    /// Protocols and where they listen, in the order to be shown.
    pub(crate) listeners: &'a [(&'static str, SocketAddr)],
    /// The user made at the start.
    pub(crate) user: &'a str,
    /// Whether that user may log in from this machine only.
    pub(crate) is_local_only: bool,
    /// The path of the WebSocket endpoint.
    pub(crate) ws_path: &'a str,
    /// Where the broker keeps its files.
    pub(crate) data_dir: &'a Path,
    /// How long the start took.
    pub(crate) took: Duration,
}

impl Banner<'_> {
    /// Prints it.
    pub(crate) fn print(&self) {
        let is_coloured = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let mut out = stdout().lock();
        // Nobody reads on if standard output is closed.
        drop(out.write_all(self.text(is_coloured).as_bytes()));
        drop(out.flush());
    }

    fn text(&self, is_coloured: bool) -> String {
        let (bold, off) = if is_coloured { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{bold}Hopwire{off} {}\n", env!("CARGO_PKG_VERSION"));
        for (protocol, address) in self.listeners {
            let _ = writeln!(text, "  {protocol:<10} {address}");
        }
        let address_of = |wanted: &str| {
            let found = self.listeners.iter().find(|(protocol, _)| *protocol == wanted);
            found.map(|(_, address)| reachable(*address))
        };
        text.push('\n');
        for (protocol, scheme) in [("web-stomp", "ws"), ("web-stomps", "wss")] {
            if let Some(address) = address_of(protocol) {
                let _ = writeln!(text, "  WebSocket   {scheme}://{address}{}", self.ws_path);
            }
        }
        if let Some(address) = address_of("management") {
            let _ = writeln!(text, "  Playground  {bold}http://{address}/{off}");
        }
        let limited = if self.is_local_only { " (from this machine only)" } else { "" };
        let _ = writeln!(text, "  User        {}{limited}", self.user);
        let data = self.data_dir.display();
        let _ = writeln!(text, "  Data        {data}");
        let _ = writeln!(text, "  Stop        Ctrl-C\n");
        let _ = writeln!(text, "ready in {:.1} ms", self.took.as_secs_f64() * 1000.0);
        text
    }
}

/// An address as a person types it: `localhost` for every interface.
fn reachable(address: SocketAddr) -> String {
    match address.ip() {
        ip if ip.is_unspecified() || ip.is_loopback() => format!("localhost:{}", address.port()),
        _ => address.to_string(),
    }
}
