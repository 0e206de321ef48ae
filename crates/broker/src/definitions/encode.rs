//! Definitions as bytes: numbers with the lowest byte first, texts behind their length.

use model::{FieldTable, FieldValue, ShortString};

/// Bytes that are no definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed: {0}")]
pub(super) struct Malformed(pub(super) &'static str);

/// Tables and arrays within each other, at most: no peer can have declared more.
const DEPTH_MAX: usize = 128;

pub(super) fn put_bytes(into: &mut Vec<u8>, bytes: &[u8]) {
    into.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    into.extend_from_slice(bytes);
}

pub(super) fn put_number(into: &mut Vec<u8>, number: u64) {
    into.extend_from_slice(&number.to_le_bytes());
}

/// A number, or none.
pub(super) fn put_option(into: &mut Vec<u8>, number: Option<u64>) {
    into.push(u8::from(number.is_some()));
    put_number(into, number.unwrap_or(0));
}

pub(super) fn put_table(into: &mut Vec<u8>, table: &FieldTable) {
    put_number(into, table.len() as u64);
    for (name, value) in table.iter() {
        put_bytes(into, name.as_bytes());
        put_value(into, value);
    }
}

/// The letter of AMQP, then the value.
fn put_value(into: &mut Vec<u8>, value: &FieldValue) {
    let mut put = |letter: u8, bytes: &[u8]| {
        into.push(letter);
        into.extend_from_slice(bytes);
    };
    match value {
        FieldValue::Bool(value) => put(b't', &[u8::from(*value)]),
        FieldValue::I8(value) => put(b'b', &value.to_le_bytes()),
        FieldValue::U8(value) => put(b'B', &value.to_le_bytes()),
        FieldValue::I16(value) => put(b's', &value.to_le_bytes()),
        FieldValue::U16(value) => put(b'u', &value.to_le_bytes()),
        FieldValue::I32(value) => put(b'I', &value.to_le_bytes()),
        FieldValue::U32(value) => put(b'i', &value.to_le_bytes()),
        FieldValue::I64(value) => put(b'l', &value.to_le_bytes()),
        FieldValue::F32(value) => put(b'f', &value.to_le_bytes()),
        FieldValue::F64(value) => put(b'd', &value.to_le_bytes()),
        FieldValue::Decimal { scale, value } => {
            put(b'D', &[*scale]);
            into.extend_from_slice(&value.to_le_bytes());
        }
        FieldValue::LongString(bytes) => {
            put(b'S', &[]);
            put_bytes(into, bytes);
        }
        FieldValue::Binary(bytes) => {
            put(b'x', &[]);
            put_bytes(into, bytes);
        }
        FieldValue::Array(values) => {
            put(b'A', &(values.len() as u64).to_le_bytes());
            values.iter().for_each(|value| put_value(into, value));
        }
        FieldValue::Timestamp(value) => put(b'T', &value.to_le_bytes()),
        FieldValue::Table(table) => {
            put(b'F', &[]);
            put_table(into, table);
        }
        FieldValue::Void => put(b'V', &[]),
    }
}

/// Reads from the front of bytes.
#[derive(Debug)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (first, rest) = self.0.split_first_chunk().ok_or(Malformed("it ends too early"))?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        self.take().map(|[byte]| byte)
    }

    pub(super) fn flag(&mut self) -> Result<bool, Malformed> {
        Ok(self.byte()? != 0)
    }

    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        self.take().map(u64::from_le_bytes)
    }

    pub(super) fn option(&mut self) -> Result<Option<u64>, Malformed> {
        let (is_some, number) = (self.flag()?, self.number()?);
        Ok(is_some.then_some(number))
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = u32::from_le_bytes(self.take()?) as usize;
        let cut = self.0.split_at_checked(length);
        let (bytes, rest) = cut.ok_or(Malformed("a text is cut off"))?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed("a text is not UTF-8"))
    }

    /// A name, as its type parses it.
    pub(super) fn name<T, E>(
        &mut self,
        parse: impl FnOnce(&'a str) -> Result<T, E>,
    ) -> Result<T, Malformed> {
        parse(self.text()?).map_err(|_| Malformed("a name is none"))
    }

    pub(super) fn table(&mut self) -> Result<FieldTable, Malformed> {
        self.nested_table(DEPTH_MAX)
    }

    fn nested_table(&mut self, depth: usize) -> Result<FieldTable, Malformed> {
        let depth = depth.checked_sub(1).ok_or(Malformed("a table is too deep"))?;
        let mut table = FieldTable::new();
        for _ in 0..self.number()? {
            let name =
                ShortString::parse(self.bytes()?).map_err(|_| Malformed("a key is too long"))?;
            table.push(name, self.value(depth)?);
        }
        Ok(table)
    }

    fn value(&mut self, depth: usize) -> Result<FieldValue, Malformed> {
        Ok(match self.byte()? {
            b't' => FieldValue::Bool(self.flag()?),
            b'b' => FieldValue::I8(i8::from_le_bytes(self.take()?)),
            b'B' => FieldValue::U8(self.byte()?),
            b's' => FieldValue::I16(i16::from_le_bytes(self.take()?)),
            b'u' => FieldValue::U16(u16::from_le_bytes(self.take()?)),
            b'I' => FieldValue::I32(i32::from_le_bytes(self.take()?)),
            b'i' => FieldValue::U32(u32::from_le_bytes(self.take()?)),
            b'l' => FieldValue::I64(i64::from_le_bytes(self.take()?)),
            b'f' => FieldValue::F32(f32::from_le_bytes(self.take()?)),
            b'd' => FieldValue::F64(f64::from_le_bytes(self.take()?)),
            b'D' => {
                let scale = self.byte()?;
                FieldValue::Decimal { scale, value: u32::from_le_bytes(self.take()?) }
            }
            b'S' => FieldValue::LongString(self.bytes()?.into()),
            b'x' => FieldValue::Binary(self.bytes()?.into()),
            b'A' => {
                let depth = depth.checked_sub(1).ok_or(Malformed("an array is too deep"))?;
                let mut values = Vec::new();
                for _ in 0..self.number()? {
                    values.push(self.value(depth)?);
                }
                FieldValue::Array(values)
            }
            b'T' => FieldValue::Timestamp(self.number()?),
            b'F' => FieldValue::Table(self.nested_table(depth)?),
            b'V' => FieldValue::Void,
            _ => return Err(Malformed("a value has an unknown type")),
        })
    }
}
