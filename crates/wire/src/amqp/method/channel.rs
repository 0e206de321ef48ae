//! Class `channel`: opens and closes channels.

use crate::amqp::method::argument::{Argument, ArgumentError, Bits, LongString};
use crate::amqp::method::class::{Arguments, Class, MethodId, class};
use crate::reader::Reader;

class! {
    /// Opens and closes channels.
    Channel<'a> = 20;

    /// Client: opens this channel.
    Open<'a> = 10 { out_of_band: &'a [u8] }
    /// Server: it is open.
    OpenOk<'a> = 11 { channel_id: LongString<'a> }
    /// Either: asks the other to pause or go on.
    Flow = 20 {} [active] {}
    /// Either: the answer to it.
    FlowOk = 21 {} [active] {}
    /// Either: ends the channel and says why.
    Close<'a> = 40 { reply_code: u16, reply_text: &'a str, class_id: u16, method_id: u16 }
    /// Either: the end is understood.
    CloseOk = 41 {}
}
