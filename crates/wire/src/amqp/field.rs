//! Field tables and values.
//!
//! ```text
//! table = bytes:u32 { name:short-string tag:u8 value }*
//! array = bytes:u32 { tag:u8 value }*
//! ```
//!
//! The tags are RabbitMQ's, which differ from the printed standard: `s` is a 16-bit integer.

use model::{FieldTable, FieldValue, PropertyError, ShortString};

use crate::reader::{Reader, Truncated};
use crate::writer::Writer;

/// How deep tables and arrays may nest, the outermost being 1. Our limit; RabbitMQ has none.
///
/// Real headers nest twice (`x-death`); a frame could hold thousands of levels.
pub const DEPTH_MAX: usize = 64;

/// Why bytes are no field table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// They end within an entry, or a nested length reaches beyond the end.
    #[error("the field table ends within an entry")]
    Truncated,
    /// A tag that RabbitMQ does not know.
    #[error("unknown field type {0:#04x}")]
    UnknownType(u8),
    /// More than [`DEPTH_MAX`] levels.
    #[error("the field table is nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
}

impl From<Truncated> for FieldError {
    fn from(_: Truncated) -> Self {
        Self::Truncated
    }
}

impl From<FieldError> for PropertyError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Truncated => Self::Truncated,
            FieldError::UnknownType(tag) => Self::UnknownFieldType(tag),
            FieldError::TooDeep => Self::TooDeep(DEPTH_MAX),
        }
    }
}

/// The bytes of a field table, without the length before them, known to be well formed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawTable<'a>(&'a [u8]);

impl<'a> RawTable<'a> {
    /// Takes the bytes of a table if they are well formed.
    ///
    /// # Errors
    ///
    /// [`FieldError`] at the first entry that is not.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FieldError> {
        Self::parse_with(bytes, |_| {})
    }

    /// As [`Self::parse`], and shows each name of the outermost table to `on_name`.
    ///
    /// # Errors
    ///
    /// [`FieldError`] at the first entry that is not well formed.
    pub fn parse_with(
        bytes: &'a [u8],
        mut on_name: impl FnMut(&'a [u8]),
    ) -> Result<Self, FieldError> {
        let mut reader = Reader::new(bytes);
        while !reader.is_empty() {
            on_name(reader.short_slice()?);
            skip_value(&mut reader, 1)?;
        }
        Ok(Self(bytes))
    }

    /// The bytes, without the length before them.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether there are no entries.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The decoded table.
    pub fn decode(self) -> FieldTable {
        // `parse` has walked these bytes, so that the default is never taken.
        decode_table(self.0).unwrap_or_default()
    }
}

/// Reads a value's tag and skips the value.
pub(super) fn skip_value(reader: &mut Reader<'_>, depth: usize) -> Result<(), FieldError> {
    let bytes = match reader.u8()? {
        b't' | b'b' | b'B' => 1,
        b's' | b'u' => 2,
        b'I' | b'i' | b'f' => 4,
        b'D' => 5,
        b'l' | b'L' | b'd' | b'T' => 8,
        b'V' => 0,
        b'S' | b'x' => return Ok(reader.long_slice().map(drop)?),
        tag @ (b'A' | b'F') => {
            if depth >= DEPTH_MAX {
                return Err(FieldError::TooDeep);
            }
            let mut inner = Reader::new(reader.long_slice()?);
            while !inner.is_empty() {
                if tag == b'F' {
                    inner.short_slice()?;
                }
                skip_value(&mut inner, depth + 1)?;
            }
            return Ok(());
        }
        tag => return Err(FieldError::UnknownType(tag)),
    };
    reader.take(bytes)?;
    Ok(())
}

/// Decodes a table from its bytes without the length before them.
///
/// # Errors
///
/// [`FieldError`] if the bytes are not well formed.
pub fn decode_table(bytes: &[u8]) -> Result<FieldTable, FieldError> {
    read_table(bytes, 1)
}

fn read_table(bytes: &[u8], depth: usize) -> Result<FieldTable, FieldError> {
    let mut reader = Reader::new(bytes);
    let mut table = FieldTable::new();
    while !reader.is_empty() {
        let name = ShortString::parse(reader.short_slice()?).map_err(|_| FieldError::Truncated)?;
        table.push(name, read_value(&mut reader, depth)?);
    }
    Ok(table)
}

fn read_value(reader: &mut Reader<'_>, depth: usize) -> Result<FieldValue, FieldError> {
    Ok(match reader.u8()? {
        b't' => FieldValue::Bool(reader.u8()? != 0),
        b'b' => FieldValue::I8(i8::from_be_bytes(reader.array()?)),
        b'B' => FieldValue::U8(reader.u8()?),
        b's' => FieldValue::I16(i16::from_be_bytes(reader.array()?)),
        b'u' => FieldValue::U16(reader.u16()?),
        b'I' => FieldValue::I32(i32::from_be_bytes(reader.array()?)),
        b'i' => FieldValue::U32(reader.u32()?),
        b'l' | b'L' => FieldValue::I64(i64::from_be_bytes(reader.array()?)),
        b'f' => FieldValue::F32(f32::from_be_bytes(reader.array()?)),
        b'd' => FieldValue::F64(f64::from_be_bytes(reader.array()?)),
        b'D' => FieldValue::Decimal { scale: reader.u8()?, value: reader.u32()? },
        b'S' => FieldValue::LongString(reader.long_slice()?.into()),
        b'x' => FieldValue::Binary(reader.long_slice()?.into()),
        b'T' => FieldValue::Timestamp(reader.u64()?),
        b'V' => FieldValue::Void,
        b'A' | b'F' if depth >= DEPTH_MAX => return Err(FieldError::TooDeep),
        b'F' => FieldValue::Table(read_table(reader.long_slice()?, depth + 1)?),
        b'A' => {
            let mut inner = Reader::new(reader.long_slice()?);
            let mut values = Vec::new();
            while !inner.is_empty() {
                values.push(read_value(&mut inner, depth + 1)?);
            }
            FieldValue::Array(values)
        }
        tag => return Err(FieldError::UnknownType(tag)),
    })
}

/// Appends a table with its length before it.
pub fn encode_table(table: &FieldTable, out: &mut Vec<u8>) {
    out.put_measured(|out| encode_entries(table, out));
}

/// Appends a table's entries without the length before them.
pub fn encode_entries(table: &FieldTable, out: &mut Vec<u8>) {
    for (name, value) in table.iter() {
        out.put_short_slice(name.as_bytes());
        encode_value(value, out);
    }
}

fn encode_value(value: &FieldValue, out: &mut Vec<u8>) {
    match value {
        FieldValue::Bool(value) => encode_fixed(b't', [u8::from(*value)], out),
        FieldValue::I8(value) => encode_fixed(b'b', value.to_be_bytes(), out),
        FieldValue::U8(value) => encode_fixed(b'B', [*value], out),
        FieldValue::I16(value) => encode_fixed(b's', value.to_be_bytes(), out),
        FieldValue::U16(value) => encode_fixed(b'u', value.to_be_bytes(), out),
        FieldValue::I32(value) => encode_fixed(b'I', value.to_be_bytes(), out),
        FieldValue::U32(value) => encode_fixed(b'i', value.to_be_bytes(), out),
        FieldValue::I64(value) => encode_fixed(b'l', value.to_be_bytes(), out),
        FieldValue::F32(value) => encode_fixed(b'f', value.to_be_bytes(), out),
        FieldValue::F64(value) => encode_fixed(b'd', value.to_be_bytes(), out),
        FieldValue::Decimal { scale, value } => {
            out.put(&[b'D', *scale]);
            out.put_u32(*value);
        }
        FieldValue::LongString(bytes) => {
            out.put_u8(b'S');
            out.put_long_slice(bytes);
        }
        FieldValue::Binary(bytes) => {
            out.put_u8(b'x');
            out.put_long_slice(bytes);
        }
        FieldValue::Array(values) => {
            out.put_u8(b'A');
            out.put_measured(|out| values.iter().for_each(|value| encode_value(value, out)));
        }
        FieldValue::Timestamp(seconds) => encode_fixed(b'T', seconds.to_be_bytes(), out),
        FieldValue::Table(table) => {
            out.put_u8(b'F');
            encode_table(table, out);
        }
        FieldValue::Void => out.put_u8(b'V'),
    }
}

fn encode_fixed<const N: usize>(tag: u8, bytes: [u8; N], out: &mut Vec<u8>) {
    out.put_u8(tag);
    out.put(&bytes);
}
