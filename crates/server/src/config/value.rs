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

/// A size in RabbitMQ's information units: `kB`, `MB`, `GB`, `TB` in steps of 1000, `k`, `KiB` and
/// the like in steps of 1024; without regard to case.
pub(super) fn information(value: &str) -> Result<u64, String> {
    let wanted =
        || format!("found '{value}', wanted a number of bytes such as 1048576, 1MB or 1MiB");
    let digits_end = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let (digits, unit) = value.split_at_checked(digits_end).ok_or_else(wanted)?;
    let unit = unit.trim().to_ascii_lowercase();
    let (prefix, base) = match unit.as_str() {
        "" => ("", 1),
        unit => match (unit.strip_suffix("ib"), unit.strip_suffix('i'), unit.strip_suffix('b')) {
            (Some(prefix), ..) | (_, Some(prefix), _) => (prefix, 1024),
            (.., Some(prefix)) => (prefix, 1000),
            _ => (unit, 1024),
        },
    };
    let factor = match prefix {
        "" if base == 1 => Some(1u64),
        "k" => Some(base),
        "m" => Some(base.pow(2)),
        "g" => Some(base.pow(3)),
        "t" => Some(base.pow(4)),
        _ => None,
    };
    let bytes = digits.parse::<u64>().ok().zip(factor);
    bytes.and_then(|(digits, factor)| digits.checked_mul(factor)).ok_or_else(wanted)
}

/// A share or a multiple: a number that is not negative.
pub(super) fn fraction(value: &str) -> Result<f64, String> {
    let found = value.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    found.ok_or_else(|| format!("found '{value}', wanted a number such as 0.6"))
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

    /// Source: RabbitMQ, `rabbit_resource_monitor_misc`.
    #[test]
    fn information_has_units_of_both_kinds() {
        assert_eq!(information("1024"), Ok(1024));
        assert_eq!(information("50MB"), Ok(50_000_000));
        assert_eq!(information("50 MB"), Ok(50_000_000));
        assert_eq!(information("2kB"), Ok(2000));
        assert_eq!(information("2k"), Ok(2048));
        assert_eq!(information("2KiB"), Ok(2048));
        assert_eq!(information("3Mi"), Ok(3 << 20));
        assert_eq!(information("3G"), Ok(3 << 30));
        assert_eq!(information("1TiB"), Ok(1 << 40));
        for bad in ["", "MB", "-1", "1.5GB", "1b", "1i", "1ib", "1xB", "99999999999999999TB"] {
            assert!(information(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn fractions_are_not_negative() {
        assert_eq!(fraction("0.6"), Ok(0.6));
        assert_eq!(fraction("2"), Ok(2.0));
        for bad in ["-0.1", "inf", "NaN", "60%", ""] {
            assert!(fraction(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes("1024"), Ok(1024));
        assert_eq!(bytes("2MB"), Ok(2 << 20));
        assert!(bytes("2 apples").is_err());
        assert!(bytes("99999999999999999999GB").is_err());
    }
}
