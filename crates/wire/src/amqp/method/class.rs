//! What all methods have in common, and the macro that makes a class of a table.

use std::fmt;

use crate::amqp::method::access::Access;
use crate::amqp::method::argument::ArgumentError;
use crate::amqp::method::basic::Basic;
use crate::amqp::method::channel::Channel;
use crate::amqp::method::confirm::Confirm;
use crate::amqp::method::connection::Connection;
use crate::amqp::method::exchange::Exchange;
use crate::amqp::method::queue::Queue;
use crate::amqp::method::tx::Tx;
use crate::reader::Reader;
use crate::writer::Writer;

/// The numbers of a method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MethodId {
    /// Its class.
    pub class_id: u16,
    /// Itself, within its class.
    pub method_id: u16,
}

impl MethodId {
    /// No method: what a close says that no method caused.
    pub const NONE: Self = Self { class_id: 0, method_id: 0 };
}

impl fmt::Display for MethodId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.class_id, self.method_id)
    }
}

/// The arguments of one method.
pub trait Arguments<'a>: Sized {
    /// The method's numbers.
    const ID: MethodId;

    /// Reads the arguments.
    ///
    /// # Errors
    ///
    /// [`ArgumentError`] if they are not this method's.
    fn read_arguments(reader: &mut Reader<'a>) -> Result<Self, ArgumentError>;

    /// Appends the arguments.
    fn write_arguments(&self, out: &mut Vec<u8>);

    /// Appends a method frame's payload: the numbers and the arguments.
    fn write(&self, out: &mut Vec<u8>) {
        let [c0, c1] = Self::ID.class_id.to_be_bytes();
        let [m0, m1] = Self::ID.method_id.to_be_bytes();
        out.put(&[c0, c1, m0, m1]);
        self.write_arguments(out);
    }
}

/// The methods of one class, as an enum.
pub(super) trait Class<'a>: Sized {
    /// The class's number.
    const CLASS_ID: u16;

    /// Reads the arguments of the method with that number; `None` if there is none.
    fn read(method_id: u16, reader: &mut Reader<'a>) -> Option<Result<Self, ArgumentError>>;

    /// The method's numbers.
    fn id(&self) -> MethodId;

    /// Appends a method frame's payload.
    fn write(&self, out: &mut Vec<u8>);
}

/// Any method.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "each variant is the class of its name")]
pub enum Method<'a> {
    Connection(Connection<'a>),
    Channel(Channel<'a>),
    Access(Access<'a>),
    Exchange(Exchange<'a>),
    Queue(Queue<'a>),
    Basic(Basic<'a>),
    Confirm(Confirm),
    Tx(Tx),
}

impl<'a> Method<'a> {
    /// Reads the arguments of the method with those numbers; `None` if there is no such method.
    pub fn read(id: MethodId, reader: &mut Reader<'a>) -> Option<Result<Self, ArgumentError>> {
        let method = id.method_id;
        Some(match id.class_id {
            Connection::CLASS_ID => Connection::read(method, reader)?.map(Self::Connection),
            Channel::CLASS_ID => Channel::read(method, reader)?.map(Self::Channel),
            Access::CLASS_ID => Access::read(method, reader)?.map(Self::Access),
            Exchange::CLASS_ID => Exchange::read(method, reader)?.map(Self::Exchange),
            Queue::CLASS_ID => Queue::read(method, reader)?.map(Self::Queue),
            Basic::CLASS_ID => Basic::read(method, reader)?.map(Self::Basic),
            Confirm::CLASS_ID => Confirm::read(method, reader)?.map(Self::Confirm),
            Tx::CLASS_ID => Tx::read(method, reader)?.map(Self::Tx),
            _ => return None,
        })
    }

    /// Its numbers.
    pub fn id(&self) -> MethodId {
        match self {
            Self::Connection(method) => method.id(),
            Self::Channel(method) => method.id(),
            Self::Access(method) => method.id(),
            Self::Exchange(method) => method.id(),
            Self::Queue(method) => method.id(),
            Self::Basic(method) => method.id(),
            Self::Confirm(method) => method.id(),
            Self::Tx(method) => method.id(),
        }
    }

    /// Appends a method frame's payload: the numbers and the arguments.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Connection(method) => method.write(out),
            Self::Channel(method) => method.write(out),
            Self::Access(method) => method.write(out),
            Self::Exchange(method) => method.write(out),
            Self::Queue(method) => method.write(out),
            Self::Basic(method) => method.write(out),
            Self::Confirm(method) => method.write(out),
            Self::Tx(method) => method.write(out),
        }
    }
}

/// Makes a class of a table: a struct per method, and an enum of them all.
///
/// A method is `Name = number, [ticket] { arguments } [bits] { arguments after the bits }`. The
/// ticket is the standard's abandoned access ticket: read over, written as zero.
macro_rules! class {
    (
        $(#[$class_doc:meta])*
        $class:ident $(<$class_life:lifetime>)? = $class_id:literal;
        $(
            $(#[$doc:meta])*
            $method:ident $(<$life:lifetime>)? = $id:literal $(, $ticket:ident)? {
                $( $field:ident : $type:ty ),* $(,)?
            } $([ $( $bit:ident ),+ ] { $( $tail:ident : $tail_type:ty ),* $(,)? })?
        )+
    ) => {
        $(#[$class_doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum $class $(<$class_life>)? {
            $( $(#[$doc])* $method($method $(<$life>)?), )+
        }

        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, Default, PartialEq)]
            pub struct $method $(<$life>)? {
                $( #[doc = concat!("The argument `", stringify!($field), "`.")]
                    pub $field: $type, )*
                $( $( #[doc = concat!("The bit `", stringify!($bit), "`.")] pub $bit: bool, )+
                $( #[doc = concat!("The argument `", stringify!($tail), "`.")]
                    pub $tail: $tail_type, )* )?
            }

            impl<'a> Arguments<'a> for $method $(<$life>)? {
                const ID: MethodId = MethodId { class_id: $class_id, method_id: $id };

                #[allow(unused_variables, reason = "a method may have no arguments")]
                fn read_arguments(reader: &mut Reader<'a>) -> Result<Self, ArgumentError> {
                    $( let $ticket: u16 = Argument::read(reader)?; )?
                    $( let $field = Argument::read(reader)?; )*
                    $(
                        let mut bits = Bits::read(reader)?;
                        $( let $bit = bits.next(); )+
                        $( let $tail = Argument::read(reader)?; )*
                    )?
                    Ok(Self { $( $field, )* $( $( $bit, )+ $( $tail, )* )? })
                }

                #[allow(unused_variables, reason = "a method may have no arguments")]
                fn write_arguments(&self, out: &mut Vec<u8>) {
                    $( let $ticket: u16 = 0; $ticket.write(out); )?
                    $( self.$field.write(out); )*
                    $(
                        Bits::write(&[ $( self.$bit ),+ ], out);
                        $( self.$tail.write(out); )*
                    )?
                }
            }
        )+

        impl<'a> Class<'a> for $class $(<$class_life>)? {
            const CLASS_ID: u16 = $class_id;

            fn read(
                method_id: u16,
                reader: &mut Reader<'a>,
            ) -> Option<Result<Self, ArgumentError>> {
                Some(match method_id {
                    $( $id => Arguments::read_arguments(reader).map(Self::$method), )+
                    _ => return None,
                })
            }

            fn id(&self) -> MethodId {
                match self {
                    $( Self::$method(_) => $method::ID, )+
                }
            }

            fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $( Self::$method(method) => method.write(out), )+
                }
            }
        }
    };
}

pub(super) use class;
