//! Sockets that listen.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use crate::config::Endpoint;

/// Connections that wait to be accepted. The system caps it (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// Why a port cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen for {protocol} on {address}: {}", explain(.cause, .key))]
pub(crate) struct ListenError {
    protocol: &'static str,
    address: SocketAddr,
    key: &'static str,
    cause: io::Error,
}

/// Listens. The unspecified IPv6 address takes IPv4 in, too; where the system has no IPv6, IPv4
/// alone.
///
/// # Errors
///
/// [`ListenError`] with the key to change.
pub(crate) fn listen(
    protocol: &'static str,
    key: &'static str,
    endpoint: Endpoint,
) -> Result<TcpListener, ListenError> {
    let address = SocketAddr::new(endpoint.ip, endpoint.port);
    let is_everything = endpoint.ip == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let listener = match bind(address) {
        Err(error) if is_everything && error.kind() != io::ErrorKind::AddrInUse => {
            bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), endpoint.port))
        }
        bound => bound,
    };
    listener.map_err(|cause| ListenError { protocol, address, key, cause })
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn explain(cause: &io::Error, key: &str) -> String {
    match cause.kind() {
        io::ErrorKind::AddrInUse => format!(
            "the port is taken (by another broker?); stop what holds it or set {key} to another one"
        ),
        io::ErrorKind::AddrNotAvailable => {
            format!("this machine has no such address; set {key} to one of its own")
        }
        io::ErrorKind::PermissionDenied => {
            format!("ports below 1024 need privileges; set {key} to a higher one")
        }
        _ => cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_said_with_the_key_to_change() {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let first = listen("AMQP", "listeners.tcp.default", Endpoint { ip, port: 0 }).unwrap();
        let port = first.local_addr().unwrap().port();
        let second = listen("AMQP", "listeners.tcp.default", Endpoint { ip, port });
        let text = second.unwrap_err().to_string();
        assert!(text.starts_with(&format!("cannot listen for AMQP on 127.0.0.1:{port}")), "{text}");
        assert!(text.contains("listeners.tcp.default"), "{text}");
    }
}
