//! How each type of argument is read and written.

use crate::amqp::field::RawTable;
use crate::reader::{Reader, Truncated};
use crate::writer::Writer;

/// Why a method's arguments are not its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// Too short, or a field table that is none.
    #[error("malformed arguments")]
    Malformed,
    /// A short string that is not UTF-8.
    #[error("malformed UTF-8 in a short string")]
    NotText,
}

impl From<Truncated> for ArgumentError {
    fn from(_: Truncated) -> Self {
        Self::Malformed
    }
}

/// A type of method argument.
pub trait Argument<'a>: Sized {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// [`ArgumentError`] if what comes next is not of this type.
    fn read(reader: &mut Reader<'a>) -> Result<Self, ArgumentError>;

    /// Appends it.
    fn write(&self, out: &mut Vec<u8>);
}

/// A long string: length in bytes as four octets, then the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LongString<'a>(pub &'a [u8]);

impl<'a> Argument<'a> for u8 {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ArgumentError> {
        Ok(reader.u8()?)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.put_u8(*self);
    }
}

impl<'a> Argument<'a> for u16 {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ArgumentError> {
        Ok(reader.u16()?)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.put_u16(*self);
    }
}

impl<'a> Argument<'a> for u32 {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ArgumentError> {
        Ok(reader.u32()?)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.put_u32(*self);
    }
}

impl<'a> Argument<'a> for u64 {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ArgumentError> {
        Ok(reader.u64()?)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.put_u64(*self);
    }
}

/// A short string that must be UTF-8.
impl<'a> Argument<'a> for &'a str {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ArgumentError> {
        std::str::from_utf8(reader.short_slice()?).map_err(|_| ArgumentError::NotText)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.put_short_slice(self.as_bytes());
    }
}

/// A short string of which RabbitMQ does not ask that it be UTF-8.
impl<'a> Argument<'a> for &'a [u8] {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ArgumentError> {
        Ok(reader.short_slice()?)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.put_short_slice(self);
    }
}

impl<'a> Argument<'a> for LongString<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ArgumentError> {
        Ok(Self(reader.long_slice()?))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.put_long_slice(self.0);
    }
}

impl<'a> Argument<'a> for RawTable<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ArgumentError> {
        Self::parse(reader.long_slice()?).map_err(|_| ArgumentError::Malformed)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.put_long_slice(self.as_bytes());
    }
}

/// Consecutive truth values, packed into one octet from the lowest bit upwards.
pub(super) struct Bits(u8);

impl Bits {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ArgumentError> {
        Ok(Self(reader.u8()?))
    }

    pub(super) fn next(&mut self) -> bool {
        let bit = self.0 & 1;
        self.0 >>= 1;
        bit == 1
    }

    pub(super) fn write(bits: &[bool], out: &mut Vec<u8>) {
        let pack = |packed, (place, bit): (usize, &bool)| packed | u8::from(*bit) << place;
        out.put_u8(bits.iter().enumerate().fold(0, pack));
    }
}
