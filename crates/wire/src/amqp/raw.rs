//! Properties and tables as they lie in their bytes: read and written without a copy of each value.
//!
//! For the layout see [`super::header`] and [`super::field`].

use std::borrow::Cow;

use model::{PropertyError, ShortString, ShortStringError};

use crate::amqp::field::{FieldError, RawTable, skip_value};
use crate::amqp::header::{
    APP_ID, CLUSTER_ID, CONTENT_ENCODING, CONTENT_TYPE, CORRELATION_ID, DELIVERY_MODE, EXPIRATION,
    HEADERS, MESSAGE_ID, NO_PROPERTIES, PRIORITY, REPLY_TO, TIMESTAMP, TYPE, USER_ID, Walk,
};
use crate::reader::Reader;
use crate::writer::Writer;

/// The fourteen properties, borrowed. See [`model::Properties`] for what they mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawProperties<'a> {
    /// A short string; so all without another word.
    pub content_type: Option<Cow<'a, [u8]>>,
    /// As above.
    pub content_encoding: Option<Cow<'a, [u8]>>,
    /// A table.
    pub headers: Option<RawTable<'a>>,
    /// An octet.
    pub delivery_mode: Option<u8>,
    /// An octet.
    pub priority: Option<u8>,
    /// A short string.
    pub correlation_id: Option<Cow<'a, [u8]>>,
    /// A short string.
    pub reply_to: Option<Cow<'a, [u8]>>,
    /// A short string.
    pub expiration: Option<Cow<'a, [u8]>>,
    /// A short string.
    pub message_id: Option<Cow<'a, [u8]>>,
    /// Seconds since the Unix epoch.
    pub timestamp: Option<u64>,
    /// A short string.
    pub message_type: Option<Cow<'a, [u8]>>,
    /// A short string.
    pub user_id: Option<Cow<'a, [u8]>>,
    /// A short string.
    pub app_id: Option<Cow<'a, [u8]>>,
    /// A short string.
    pub cluster_id: Option<Cow<'a, [u8]>>,
}

impl<'a> RawProperties<'a> {
    /// Reads a property list.
    ///
    /// # Errors
    ///
    /// [`PropertyError`] if the bytes are none.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PropertyError> {
        let mut walk = Walk::start(bytes)?;
        let short =
            |walk: &mut Walk<'a>, flag| walk.short(flag).map(|value| value.map(Cow::Borrowed));
        let properties = Self {
            content_type: short(&mut walk, CONTENT_TYPE)?,
            content_encoding: short(&mut walk, CONTENT_ENCODING)?,
            headers: walk.read(HEADERS, Reader::long_slice)?.map(RawTable::parse).transpose()?,
            delivery_mode: walk.read(DELIVERY_MODE, Reader::u8)?,
            priority: walk.read(PRIORITY, Reader::u8)?,
            correlation_id: short(&mut walk, CORRELATION_ID)?,
            reply_to: short(&mut walk, REPLY_TO)?,
            expiration: short(&mut walk, EXPIRATION)?,
            message_id: short(&mut walk, MESSAGE_ID)?,
            timestamp: walk.read(TIMESTAMP, Reader::u64)?,
            message_type: short(&mut walk, TYPE)?,
            user_id: short(&mut walk, USER_ID)?,
            app_id: short(&mut walk, APP_ID)?,
            cluster_id: short(&mut walk, CLUSTER_ID)?,
        };
        walk.end()?;
        Ok(properties)
    }

    /// Appends the property list.
    ///
    /// # Errors
    ///
    /// [`ShortStringError`] if a value does not fit; `out` then ends in part of a list.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), ShortStringError> {
        let flags_at = out.len();
        out.put(&NO_PROPERTIES);
        let mut flags = 0;
        let mut short = |flag, value: &Option<Cow<'a, [u8]>>, out: &mut Vec<u8>| match value {
            None => Ok(()),
            Some(value) => {
                flags |= flag;
                put_short(value, out)
            }
        };
        short(CONTENT_TYPE, &self.content_type, out)?;
        short(CONTENT_ENCODING, &self.content_encoding, out)?;
        if let Some(headers) = self.headers {
            out.put_long_slice(headers.as_bytes());
        }
        out.extend(self.delivery_mode);
        out.extend(self.priority);
        short(CORRELATION_ID, &self.correlation_id, out)?;
        short(REPLY_TO, &self.reply_to, out)?;
        short(EXPIRATION, &self.expiration, out)?;
        short(MESSAGE_ID, &self.message_id, out)?;
        if let Some(seconds) = self.timestamp {
            out.put_u64(seconds);
        }
        short(TYPE, &self.message_type, out)?;
        short(USER_ID, &self.user_id, out)?;
        short(APP_ID, &self.app_id, out)?;
        short(CLUSTER_ID, &self.cluster_id, out)?;
        for (flag, is_set) in [
            (HEADERS, self.headers.is_some()),
            (DELIVERY_MODE, self.delivery_mode.is_some()),
            (PRIORITY, self.priority.is_some()),
            (TIMESTAMP, self.timestamp.is_some()),
        ] {
            flags |= if is_set { flag } else { 0 };
        }
        if let Some(start) = out.get_mut(flags_at..).and_then(<[u8]>::first_chunk_mut) {
            *start = flags.to_be_bytes();
        }
        Ok(())
    }
}

/// A value of a table, as far as those that only pass it on care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawValue<'a> {
    /// `S`: a long string.
    Text(&'a [u8]),
    /// `I`: a signed 32-bit integer.
    I32(i32),
    /// `l`, and `L` when read: a signed 64-bit integer.
    I64(i64),
    /// Anything else.
    Other,
}

/// The entries of a table, in the order of the bytes.
pub fn entries(table: RawTable<'_>) -> impl Iterator<Item = (&[u8], RawValue<'_>)> {
    let mut reader = Reader::new(table.as_bytes());
    // The table is known to be well formed, so that it ends where its bytes end.
    std::iter::from_fn(move || {
        let name = reader.short_slice().ok()?;
        Some((name, read_value(&mut reader).ok()?))
    })
}

fn read_value<'a>(reader: &mut Reader<'a>) -> Result<RawValue<'a>, FieldError> {
    let (tag, mut behind) = match reader.rest().split_first() {
        Some((tag, behind)) => (*tag, Reader::new(behind)),
        None => return Err(FieldError::Truncated),
    };
    let value = match tag {
        b'S' => RawValue::Text(behind.long_slice()?),
        b'I' => RawValue::I32(i32::from_be_bytes(behind.array()?)),
        b'l' | b'L' => RawValue::I64(i64::from_be_bytes(behind.array()?)),
        _ => {
            skip_value(reader, 1)?;
            return Ok(RawValue::Other);
        }
    };
    *reader = behind;
    Ok(value)
}

/// Appends an entry with a long string to the bytes of a table.
///
/// # Errors
///
/// [`ShortStringError`] if the name does not fit; nothing is appended then.
pub fn append_text(name: &[u8], value: &[u8], table: &mut Vec<u8>) -> Result<(), ShortStringError> {
    put_short(name, table)?;
    table.put_u8(b'S');
    table.put_long_slice(value);
    Ok(())
}

fn put_short(value: &[u8], out: &mut Vec<u8>) -> Result<(), ShortStringError> {
    match value.len() {
        0..=ShortString::BYTES_MAX => {
            out.put_short_slice(value);
            Ok(())
        }
        found_bytes => Err(ShortStringError { found_bytes }),
    }
}

#[cfg(test)]
mod tests {
    use model::{FieldTable, FieldValue, Properties};

    use super::*;
    use crate::amqp::header::encode_properties;

    #[test]
    fn raw_properties_are_the_same_bytes() {
        let short = |text: &str| Some(ShortString::truncated(text));
        let mut headers = FieldTable::new();
        headers.set("text", FieldValue::string("a"));
        headers.set("small", FieldValue::I32(-1));
        headers.set("large", FieldValue::I64(-2));
        headers.set("table", FieldValue::Table(headers.clone()));
        headers.set("truth", FieldValue::Bool(true));
        headers.set("last", FieldValue::string(""));
        let all = Properties {
            content_type: short("1"),
            content_encoding: short("2"),
            headers: Some(headers),
            delivery_mode: Some(3),
            priority: Some(4),
            correlation_id: short("5"),
            reply_to: short("6"),
            expiration: short("7"),
            message_id: short("8"),
            timestamp: Some(9),
            message_type: short("10"),
            user_id: short("11"),
            app_id: short("12"),
            cluster_id: short("13"),
        };
        for properties in [all, Properties::default()] {
            let bytes = encode_properties(&properties);
            let raw = RawProperties::parse(&bytes).unwrap();
            let mut encoded = b"before".to_vec();
            raw.encode(&mut encoded).unwrap();
            assert_eq!(encoded.strip_prefix(b"before"), Some(&*bytes));
            let Some(table) = raw.headers else { continue };
            let found: Vec<_> = entries(table).collect();
            assert_eq!(
                found,
                [
                    (&b"text"[..], RawValue::Text(b"a")),
                    (b"small", RawValue::I32(-1)),
                    (b"large", RawValue::I64(-2)),
                    (b"table", RawValue::Other),
                    (b"truth", RawValue::Other),
                    (b"last", RawValue::Text(b"")),
                ]
            );
        }
    }

    #[test]
    fn what_is_too_long_for_a_short_string_is_refused() {
        let mut out = Vec::new();
        assert_eq!(append_text(&[b'n'; 255], b"v", &mut out), Ok(()));
        let table = RawTable::parse(&out).unwrap();
        assert_eq!(entries(table).count(), 1);
        let too_long = ShortStringError { found_bytes: 256 };
        assert_eq!(append_text(&[b'n'; 256], b"v", &mut Vec::new()), Err(too_long));
        let properties =
            RawProperties { app_id: Some(vec![0; 256].into()), ..RawProperties::default() };
        assert_eq!(properties.encode(&mut out), Err(too_long));
    }
}
