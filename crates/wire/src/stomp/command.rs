//! The commands of both directions.

/// A frame's command. Case matters: `send` is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Client: log in. The same as [`Self::Connect`].
    Stomp,
    /// Client: log in.
    Connect,
    /// Client: publish.
    Send,
    /// Client: consume.
    Subscribe,
    /// Client: end a subscription.
    Unsubscribe,
    /// Client: accept a delivery.
    Ack,
    /// Client: decline a delivery.
    Nack,
    /// Client: open a transaction.
    Begin,
    /// Client: carry a transaction out.
    Commit,
    /// Client: forget a transaction.
    Abort,
    /// Client: say goodbye.
    Disconnect,
    /// Server: logged in.
    Connected,
    /// Server: a delivery.
    Message,
    /// Server: a frame was dealt with.
    Receipt,
    /// Server: something is wrong.
    Error,
}

impl Command {
    /// Every command.
    pub const ALL: [Self; 15] = [
        Self::Stomp,
        Self::Connect,
        Self::Send,
        Self::Subscribe,
        Self::Unsubscribe,
        Self::Ack,
        Self::Nack,
        Self::Begin,
        Self::Commit,
        Self::Abort,
        Self::Disconnect,
        Self::Connected,
        Self::Message,
        Self::Receipt,
        Self::Error,
    ];

    /// Reads a command line without its line end.
    pub fn parse(line: &[u8]) -> Option<Self> {
        Some(match line {
            b"SEND" => Self::Send,
            b"ACK" => Self::Ack,
            b"NACK" => Self::Nack,
            b"MESSAGE" => Self::Message,
            b"RECEIPT" => Self::Receipt,
            b"SUBSCRIBE" => Self::Subscribe,
            b"UNSUBSCRIBE" => Self::Unsubscribe,
            b"BEGIN" => Self::Begin,
            b"COMMIT" => Self::Commit,
            b"ABORT" => Self::Abort,
            b"DISCONNECT" => Self::Disconnect,
            b"CONNECT" => Self::Connect,
            b"STOMP" => Self::Stomp,
            b"CONNECTED" => Self::Connected,
            b"ERROR" => Self::Error,
            _ => return None,
        })
    }

    /// As the command line says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stomp => "STOMP",
            Self::Connect => "CONNECT",
            Self::Send => "SEND",
            Self::Subscribe => "SUBSCRIBE",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::Ack => "ACK",
            Self::Nack => "NACK",
            Self::Begin => "BEGIN",
            Self::Commit => "COMMIT",
            Self::Abort => "ABORT",
            Self::Disconnect => "DISCONNECT",
            Self::Connected => "CONNECTED",
            Self::Message => "MESSAGE",
            Self::Receipt => "RECEIPT",
            Self::Error => "ERROR",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_reads_as_it_is_written() {
        for command in Command::ALL {
            assert_eq!(Command::parse(command.as_str().as_bytes()), Some(command));
        }
        assert_eq!(Command::parse(b"send"), None);
        assert_eq!(Command::parse(b" SEND"), None);
    }
}
