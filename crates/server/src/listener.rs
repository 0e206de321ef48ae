//! Sockets that listen.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use crate::config::Endpoint;

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
    backlog: u16,
) -> Result<TcpListener, ListenError> {
    let address = SocketAddr::new(endpoint.ip, endpoint.port);
    let is_everything = endpoint.ip == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let listener = match bind(address, backlog) {
        Err(error) if is_everything && error.kind() != io::ErrorKind::AddrInUse => {
            bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), endpoint.port), backlog)
        }
        bound => bound,
    };
    listener.map_err(|cause| ListenError { protocol, address, key, cause })
}

fn bind(address: SocketAddr, backlog: u16) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog.into())?;
    TcpListener::from_std(socket.into())
}

/// What is to be said if the system makes a backlog of less than was asked for.
pub(crate) fn shortened_backlog(wanted: u16, somaxconn: &str) -> Option<String> {
    let allowed: u64 = somaxconn.trim().parse().ok()?;
    (allowed < wanted.into()).then(|| {
        format!(
            "at most {allowed} connections may wait to be accepted, not {wanted}; \
             raise net.core.somaxconn, or lower tcp_listen_options.backlog"
        )
    })
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
        let first = listen("AMQP", "listeners.tcp.default", Endpoint { ip, port: 0 }, 1).unwrap();
        let port = first.local_addr().unwrap().port();
        let second = listen("AMQP", "listeners.tcp.default", Endpoint { ip, port }, 1);
        let text = second.unwrap_err().to_string();
        assert!(text.starts_with(&format!("cannot listen for AMQP on 127.0.0.1:{port}")), "{text}");
        assert!(text.contains("listeners.tcp.default"), "{text}");
    }

    #[test]
    fn a_system_that_lets_fewer_wait_is_told_of() {
        assert_eq!(shortened_backlog(4096, "4096\n"), None);
        let text = shortened_backlog(4096, "4095\n").unwrap();
        assert!(text.starts_with("at most 4095 connections") && text.contains("somaxconn"));
        // A system without that file has nothing to say.
        assert_eq!(shortened_backlog(4096, ""), None);
    }
}
