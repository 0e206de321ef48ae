//! The STOMP subprotocols of a WebSocket.
//!
//! The choice is only confirmed to the client: the STOMP version comes from CONNECT.

/// A STOMP subprotocol, the best one last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subprotocol {
    /// STOMP 1.0.
    V10,
    /// STOMP 1.1.
    V11,
    /// STOMP 1.2.
    V12,
}

impl Subprotocol {
    /// All of them, the best one first: what a client offers.
    pub const ALL: [Self; 3] = [Self::V12, Self::V11, Self::V10];

    /// Its registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::V10 => "v10.stomp",
            Self::V11 => "v11.stomp",
            Self::V12 => "v12.stomp",
        }
    }

    /// The subprotocol of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|subprotocol| subprotocol.name() == name)
    }

    /// The best one of a `Sec-WebSocket-Protocol` list, wherever it stands in it.
    pub fn choose(offered: &str) -> Option<Self> {
        offered.split(',').filter_map(|name| Self::named(name.trim())).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_known_version_wins_in_any_order() {
        assert_eq!(Subprotocol::choose("v11.stomp, v10.stomp,v12.stomp"), Some(Subprotocol::V12));
        assert_eq!(Subprotocol::choose("v10.stomp, v11.stomp"), Some(Subprotocol::V11));
        assert_eq!(Subprotocol::choose("mqtt,V12.STOMP"), None);
        assert_eq!(Subprotocol::choose(""), None);
    }
}
