//! How values of keys are read. Each failure names what was found and what was wanted.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::time::Duration;

use super::settings::Endpoint;

pub(super) fn integer<T: FromStr>(value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("found '{value}', wanted a whole number"))
}

/// A number, or `infinity` for none.
pub(super) fn bound(value: &str) -> Result<Option<u64>, String> {
    match value {
        "infinity" => Ok(None),
        _ => value
            .parse()
            .map(Some)
            .map_err(|_| format!("found '{value}', wanted a whole number or 'infinity'")),
    }
}

pub(super) fn boolean(value: &str) -> Result<bool, String> {
    match value {
        "true" | "on" => Ok(true),
        "false" | "off" => Ok(false),
        _ => Err(format!("found '{value}', wanted 'true' or 'false'")),
    }
}

pub(super) fn milliseconds(value: &str) -> Result<Duration, String> {
    let wanted = || format!("found '{value}', wanted a whole number of milliseconds");
    value.parse().map(Duration::from_millis).map_err(|_| wanted())
}

/// A size: digits with an optional `KB`, `MB` or `GB`, in steps of 1024.
pub(super) fn bytes(value: &str) -> Result<u64, String> {
    let wanted = || format!("found '{value}', wanted a number of bytes such as 1048576 or 1MB");
    let digits_end = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let (digits, unit) = value.split_at_checked(digits_end).ok_or_else(wanted)?;
    let factor: u64 = match unit.trim().to_ascii_uppercase().as_str() {
        "" => 1,
        "KB" => 1 << 10,
        "MB" => 1 << 20,
        "GB" => 1 << 30,
        _ => return Err(wanted()),
    };
    digits.parse::<u64>().ok().and_then(|n| n.checked_mul(factor)).ok_or_else(wanted)
}

pub(super) fn port(value: &str) -> Result<u16, String> {
    value.parse().map_err(|_| format!("found '{value}', wanted a port from 0 to 65535"))
}

pub(super) fn ip(value: &str) -> Result<IpAddr, String> {
    value.parse().map_err(|_| format!("found '{value}', wanted an IP address"))
}

/// `5672`, `127.0.0.1:5672` or `::1:5672`: the last colon splits.
pub(super) fn endpoint(value: &str) -> Result<Endpoint, String> {
    let wanted = || format!("found '{value}', wanted a port or <ip>:<port>");
    let Some((host, tail)) = value.rsplit_once(':') else {
        return Ok(Endpoint { ip: ALL_INTERFACES, port: value.parse().map_err(|_| wanted())? });
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let ip = match host {
        "localhost" => "127.0.0.1".parse(),
        host => host.parse(),
    };
    Ok(Endpoint { ip: ip.map_err(|_| wanted())?, port: tail.parse().map_err(|_| wanted())? })
}

/// Every interface, IPv6 and IPv4 alike.
pub(super) const ALL_INTERFACES: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_split_at_the_last_colon() {
        let port_and_ip = |text: &str| endpoint(text).map(|e| (e.ip.to_string(), e.port));
        assert_eq!(port_and_ip("5672"), Ok(("::".into(), 5672)));
        assert_eq!(port_and_ip("127.0.0.1:0"), Ok(("127.0.0.1".into(), 0)));
        assert_eq!(port_and_ip("::1:5672"), Ok(("::1".into(), 5672)));
        assert_eq!(port_and_ip("[::1]:5672"), Ok(("::1".into(), 5672)));
        assert!(port_and_ip("host:x").is_err());
        assert!(port_and_ip("65536").is_err());
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes("1024"), Ok(1024));
        assert_eq!(bytes("2MB"), Ok(2 << 20));
        assert!(bytes("2 apples").is_err());
        assert!(bytes("99999999999999999999GB").is_err());
    }
}
