//! Protocol versions and their negotiation.

use std::fmt;

/// A version of STOMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 1.0: no NACK in the standard (RabbitMQ takes it), leading spaces of values are cut.
    V1_0,
    /// 1.1: heart-beats, NACK, escapes.
    V1_1,
    /// 1.2: the `ack` header.
    V1_2,
}

impl Version {
    /// Every version, lowest first.
    pub const ALL: [Self; 3] = [Self::V1_0, Self::V1_1, Self::V1_2];

    /// Every version, as a `version` header lists them.
    pub const SUPPORTED: &'static str = "1.0,1.1,1.2";

    /// As headers write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1_0 => "1.0",
            Self::V1_1 => "1.1",
            Self::V1_2 => "1.2",
        }
    }

    /// Reads one version as headers write it.
    pub fn parse(text: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.as_str().as_bytes() == text)
    }

    /// The highest version that both ends speak. `accept` is the `accept-version` header; without
    /// one the peer speaks 1.0.
    ///
    /// Source: STOMP 1.2, "Protocol Negotiation"; RabbitMQ, which compares the entries between the
    /// commas literally, so that of `1.0, 1.2` only 1.0 counts.
    pub fn negotiate(accept: Option<&[u8]>) -> Option<Self> {
        match accept {
            None => Some(Self::V1_0),
            Some(list) => list.split(|byte| *byte == b',').filter_map(Self::parse).max(),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_common_version_wins_whatever_the_order() {
        for (accept, negotiated) in [
            (None, Some(Version::V1_0)),
            (Some("1.1,1.2,1.0"), Some(Version::V1_2)),
            (Some("1.1,1.0"), Some(Version::V1_1)),
            (Some("2.0,1.1"), Some(Version::V1_1)),
            (Some("1.0, 1.1"), Some(Version::V1_0)),
            (Some("100.1"), None),
            (Some(""), None),
        ] {
            assert_eq!(Version::negotiate(accept.map(str::as_bytes)), negotiated, "{accept:?}");
        }
    }

    #[test]
    fn the_supported_list_names_every_version() {
        assert_eq!(Version::SUPPORTED, Version::ALL.map(Version::as_str).join(","));
    }
}
