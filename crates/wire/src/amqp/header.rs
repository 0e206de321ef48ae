//! The property list of a content header.
//!
//! ```text
//! flags:u16  then, for each flag set from bit 15 downwards, its value:
//! 15 content-type:short     14 content-encoding:short  13 headers:table
//! 12 delivery-mode:u8       11 priority:u8             10 correlation-id:short
//!  9 reply-to:short          8 expiration:short         7 message-id:short
//!  6 timestamp:u64           5 type:short               4 user-id:short
//!  3 app-id:short            2 cluster-id:short
//! ```
//!
//! Bits 1 and 0 are ignored, as RabbitMQ does; the standard's continuation flags are not used.

use model::{FieldValue, Properties, PropertyCodec, PropertyError, PropertyFacts, ShortString};

use crate::amqp::field::{RawTable, decode_table, encode_table};
use crate::reader::{Reader, Truncated};
use crate::writer::Writer;

/// Reads and writes properties in this format; a message that came by AMQP refers to it.
pub static PROPERTY_CODEC: PropertyCodec =
    PropertyCodec { decode: decode_properties, facts: property_facts, encode: encode_properties };

/// The property bytes of a message without properties.
pub const NO_PROPERTIES: [u8; 2] = [0, 0];

/// The `delivery-mode` of a persistent message.
const PERSISTENT: u8 = 2;

pub(super) const CONTENT_TYPE: u16 = 1 << 15;
pub(super) const CONTENT_ENCODING: u16 = 1 << 14;
pub(super) const HEADERS: u16 = 1 << 13;
pub(super) const DELIVERY_MODE: u16 = 1 << 12;
pub(super) const PRIORITY: u16 = 1 << 11;
pub(super) const CORRELATION_ID: u16 = 1 << 10;
pub(super) const REPLY_TO: u16 = 1 << 9;
pub(super) const EXPIRATION: u16 = 1 << 8;
pub(super) const MESSAGE_ID: u16 = 1 << 7;
pub(super) const TIMESTAMP: u16 = 1 << 6;
pub(super) const TYPE: u16 = 1 << 5;
pub(super) const USER_ID: u16 = 1 << 4;
pub(super) const APP_ID: u16 = 1 << 3;
pub(super) const CLUSTER_ID: u16 = 1 << 2;

/// A property list being walked: the flags, and the values not yet read.
pub(super) struct Walk<'a> {
    flags: u16,
    values: Reader<'a>,
}

impl<'a> Walk<'a> {
    pub(super) fn start(bytes: &'a [u8]) -> Result<Self, PropertyError> {
        let mut values = Reader::new(bytes);
        let flags = values.u16().map_err(truncated)?;
        Ok(Self { flags, values })
    }

    pub(super) fn read<T>(
        &mut self,
        flag: u16,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, Truncated>,
    ) -> Result<Option<T>, PropertyError> {
        match self.flags & flag {
            0 => Ok(None),
            _ => read(&mut self.values).map(Some).map_err(truncated),
        }
    }

    pub(super) fn short(&mut self, flag: u16) -> Result<Option<&'a [u8]>, PropertyError> {
        self.read(flag, Reader::short_slice)
    }

    fn short_string(&mut self, flag: u16) -> Result<Option<ShortString>, PropertyError> {
        let bytes = self.short(flag)?;
        bytes.map(ShortString::parse).transpose().map_err(|_| PropertyError::Truncated)
    }

    pub(super) fn end(self) -> Result<(), PropertyError> {
        match self.values.rest().len() {
            0 => Ok(()),
            bytes => Err(PropertyError::Trailing(bytes)),
        }
    }
}

fn truncated(_: Truncated) -> PropertyError {
    PropertyError::Truncated
}

/// Walks a property list once: validates it and gathers what the broker must know.
///
/// # Errors
///
/// [`PropertyError`] if the bytes are no property list.
pub fn property_facts(bytes: &[u8]) -> Result<PropertyFacts<'_>, PropertyError> {
    let mut walk = Walk::start(bytes)?;
    let mut facts = PropertyFacts::default();
    walk.short(CONTENT_TYPE)?;
    walk.short(CONTENT_ENCODING)?;
    if let Some(table) = walk.read(HEADERS, Reader::long_slice)? {
        // Source: RabbitMQ, "Sender-selected Distribution".
        let mut has_sender_selected = false;
        let table = RawTable::parse_with(table, |name| {
            has_sender_selected |= matches!(name, b"CC" | b"BCC");
        })?;
        facts.has_sender_selected = has_sender_selected;
        facts.headers = Some(table.as_bytes());
    }
    facts.is_persistent = walk.read(DELIVERY_MODE, Reader::u8)? == Some(PERSISTENT);
    facts.priority = walk.read(PRIORITY, Reader::u8)?;
    walk.short(CORRELATION_ID)?;
    facts.reply_to = walk.short(REPLY_TO)?;
    facts.expiration = walk.short(EXPIRATION)?;
    walk.short(MESSAGE_ID)?;
    walk.read(TIMESTAMP, Reader::u64)?;
    walk.short(TYPE)?;
    facts.user_id = walk.short(USER_ID)?;
    walk.short(APP_ID)?;
    walk.short(CLUSTER_ID)?;
    walk.end()?;
    Ok(facts)
}

/// Decodes a property list.
///
/// # Errors
///
/// [`PropertyError`] if the bytes are no property list.
pub fn decode_properties(bytes: &[u8]) -> Result<Properties, PropertyError> {
    let mut walk = Walk::start(bytes)?;
    let properties = Properties {
        content_type: walk.short_string(CONTENT_TYPE)?,
        content_encoding: walk.short_string(CONTENT_ENCODING)?,
        headers: walk.read(HEADERS, Reader::long_slice)?.map(decode_table).transpose()?,
        delivery_mode: walk.read(DELIVERY_MODE, Reader::u8)?,
        priority: walk.read(PRIORITY, Reader::u8)?,
        correlation_id: walk.short_string(CORRELATION_ID)?,
        reply_to: walk.short_string(REPLY_TO)?,
        expiration: walk.short_string(EXPIRATION)?,
        message_id: walk.short_string(MESSAGE_ID)?,
        timestamp: walk.read(TIMESTAMP, Reader::u64)?,
        message_type: walk.short_string(TYPE)?,
        user_id: walk.short_string(USER_ID)?,
        app_id: walk.short_string(APP_ID)?,
        cluster_id: walk.short_string(CLUSTER_ID)?,
    };
    walk.end()?;
    Ok(properties)
}

/// The property list with a header more, a signed 64-bit integer; in the place of one of that name.
/// Nothing but its neighbours is read, unless there is a header that may have that name.
///
/// # Errors
///
/// [`PropertyError`] if the bytes are no property list.
pub fn with_long_header(
    properties: &[u8],
    name: &str,
    value: i64,
) -> Result<Vec<u8>, PropertyError> {
    let mut walk = Walk::start(properties)?;
    walk.short(CONTENT_TYPE)?;
    walk.short(CONTENT_ENCODING)?;
    let before = properties.len() - walk.values.rest().len();
    let headers = walk.read(HEADERS, Reader::long_slice)?.unwrap_or_default();
    let after = walk.values.rest();
    if headers.windows(name.len()).any(|bytes| bytes == name.as_bytes()) {
        let mut properties = decode_properties(properties)?;
        properties.headers.get_or_insert_default().set(name, FieldValue::I64(value));
        return Ok(encode_properties(&properties));
    }
    let mut entry = Vec::with_capacity(name.len() + LONG_ENTRY_BYTES);
    entry.put_short_slice(name.as_bytes());
    entry.put(&[LONG]);
    entry.put(&value.to_be_bytes());
    let mut out = Vec::with_capacity(properties.len() + entry.len() + TABLE_LENGTH_BYTES);
    out.put(&(walk.flags | HEADERS).to_be_bytes());
    out.put(properties.get(size_of::<u16>()..before).unwrap_or_default());
    let headers_bytes = headers.len() + entry.len();
    out.put(&u32::try_from(headers_bytes).unwrap_or(u32::MAX).to_be_bytes());
    out.put(headers);
    out.put(&entry);
    out.put(after);
    Ok(out)
}

/// The type octet of a signed 64-bit integer.
const LONG: u8 = b'l';
/// What an entry of that type takes beside its name: the name's length, the type, the value.
const LONG_ENTRY_BYTES: usize = 1 + 1 + size_of::<i64>();
/// What stands before the entries of a table.
const TABLE_LENGTH_BYTES: usize = size_of::<u32>();

/// Encodes a property list.
pub fn encode_properties(properties: &Properties) -> Vec<u8> {
    let mut out = NO_PROPERTIES.to_vec();
    let mut flags = 0;
    let mut short = |flag: u16, value: &Option<ShortString>, out: &mut Vec<u8>| {
        if let Some(value) = value {
            flags |= flag;
            out.put_short_slice(value.as_bytes());
        }
    };
    short(CONTENT_TYPE, &properties.content_type, &mut out);
    short(CONTENT_ENCODING, &properties.content_encoding, &mut out);
    if let Some(headers) = &properties.headers {
        encode_table(headers, &mut out);
    }
    out.extend(properties.delivery_mode);
    out.extend(properties.priority);
    short(CORRELATION_ID, &properties.correlation_id, &mut out);
    short(REPLY_TO, &properties.reply_to, &mut out);
    short(EXPIRATION, &properties.expiration, &mut out);
    short(MESSAGE_ID, &properties.message_id, &mut out);
    if let Some(seconds) = properties.timestamp {
        out.put_u64(seconds);
    }
    short(TYPE, &properties.message_type, &mut out);
    short(USER_ID, &properties.user_id, &mut out);
    short(APP_ID, &properties.app_id, &mut out);
    short(CLUSTER_ID, &properties.cluster_id, &mut out);
    for (flag, is_set) in [
        (HEADERS, properties.headers.is_some()),
        (DELIVERY_MODE, properties.delivery_mode.is_some()),
        (PRIORITY, properties.priority.is_some()),
        (TIMESTAMP, properties.timestamp.is_some()),
    ] {
        flags |= if is_set { flag } else { 0 };
    }
    if let Some(start) = out.first_chunk_mut() {
        *start = flags.to_be_bytes();
    }
    out
}

#[cfg(test)]
mod tests {
    use model::FieldTable;

    use super::*;

    /// The bytes are those of the properties decoded, changed and encoded again.
    #[test]
    fn a_header_is_added_to_any_properties_and_replaces_its_namesake() {
        let short = |text: &str| Some(ShortString::truncated(text));
        let table = |values: &[(&str, FieldValue)]| {
            let mut table = FieldTable::new();
            values.iter().for_each(|(name, value)| table.set(name, value.clone()));
            Some(table)
        };
        let (other, value) = (FieldValue::string("n"), FieldValue::I64(-2));
        for headers in [
            None,
            Some(FieldTable::new()),
            table(&[("other", other.clone())]),
            table(&[("a-n", other.clone()), ("n", other.clone()), ("z", FieldValue::I32(1))]),
        ] {
            for is_full in [false, true] {
                let mut properties =
                    Properties { headers: headers.clone(), ..Properties::default() };
                if is_full {
                    properties.content_type = short("text/plain");
                    properties.content_encoding = short("utf-8");
                    properties.delivery_mode = Some(2);
                    properties.timestamp = Some(7);
                    properties.cluster_id = short("c");
                }
                let found = with_long_header(&encode_properties(&properties), "n", -2).unwrap();
                properties.headers.get_or_insert_default().set("n", value.clone());
                assert_eq!(found, encode_properties(&properties), "{headers:?} {is_full}");
            }
        }
        for bytes in [&[][..], &[0x80, 0, 5], &[0x20, 0, 0, 0, 0, 9]] {
            assert_eq!(with_long_header(bytes, "n", 1), Err(PropertyError::Truncated));
        }
    }
}
