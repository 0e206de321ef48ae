//! Class `connection`: the conversation on channel 0.

use crate::amqp::field::RawTable;
use crate::amqp::method::argument::{Argument, ArgumentError, Bits, LongString};
use crate::amqp::method::class::{Arguments, Class, MethodId, class};
use crate::reader::Reader;

class! {
    /// The conversation on channel 0.
    Connection<'a> = 10;

    /// Server: begins, and says what it is.
    Start<'a> = 10 {
        version_major: u8,
        version_minor: u8,
        server_properties: RawTable<'a>,
        mechanisms: LongString<'a>,
        locales: LongString<'a>,
    }
    /// Client: chooses a mechanism, says what it is.
    StartOk<'a> = 11 {
        client_properties: RawTable<'a>,
        mechanism: &'a str,
        response: LongString<'a>,
        locale: &'a str,
    }
    /// Server: a mechanism's next question.
    Secure<'a> = 20 { challenge: LongString<'a> }
    /// Client: the answer to it.
    SecureOk<'a> = 21 { response: LongString<'a> }
    /// Server: proposes limits. Sizes in bytes, heart-beat in seconds.
    Tune = 30 { channel_max: u16, frame_max: u32, heartbeat: u16 }
    /// Client: accepts or lowers them.
    TuneOk = 31 { channel_max: u16, frame_max: u32, heartbeat: u16 }
    /// Client: enters a vhost.
    Open<'a> = 40 { virtual_host: &'a str, capabilities: &'a [u8] } [insist] {}
    /// Server: the connection is ready.
    OpenOk<'a> = 41 { known_hosts: &'a [u8] }
    /// Either: ends the connection and says why.
    Close<'a> = 50 { reply_code: u16, reply_text: &'a str, class_id: u16, method_id: u16 }
    /// Either: the end is understood.
    CloseOk = 51 {}
    /// Server: publishes are held back.
    Blocked<'a> = 60 { reason: &'a str }
    /// Server: they flow again.
    Unblocked = 61 {}
    /// Client: has a fresh secret.
    UpdateSecret<'a> = 70 { new_secret: LongString<'a>, reason: &'a str }
    /// Server: took it.
    UpdateSecretOk = 71 {}
}
