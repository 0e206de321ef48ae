//! Class `tx`: transactions of publishes and acknowledgements.

use crate::amqp::method::argument::ArgumentError;
use crate::amqp::method::class::{Arguments, Class, MethodId, class};
use crate::reader::Reader;

class! {
    /// Transactions of publishes and acknowledgements.
    Tx = 90;

    /// Client: the channel becomes transactional.
    Select = 10 {}
    /// Server: so be it.
    SelectOk = 11 {}
    /// Client: carries out what was collected.
    Commit = 20 {}
    /// Server: it is done.
    CommitOk = 21 {}
    /// Client: forgets what was collected.
    Rollback = 30 {}
    /// Server: it is forgotten.
    RollbackOk = 31 {}
}
