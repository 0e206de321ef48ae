//! What an exchange looks at: a message's routing keys and headers.

use std::cell::OnceCell;

use model::{FieldTable, FieldValue, Message};
use smallvec::SmallVec;

/// A message's routing keys and headers.
#[derive(Debug)]
pub(crate) struct Address<'a> {
    message: &'a Message,
    keys: SmallVec<[&'a [u8]; 1]>,
    headers: OnceCell<FieldTable>,
}

impl<'a> Address<'a> {
    /// The address of a message that goes by `key`, and by `further` keys if there are any.
    pub(crate) fn new(message: &'a Message, key: &'a [u8], further: &'a [Box<[u8]>]) -> Self {
        let mut keys = SmallVec::new();
        keys.push(key);
        keys.extend(further.iter().map(|key| &**key));
        Self { message, keys, headers: OnceCell::new() }
    }

    /// The routing keys: the publish's own first, then those of `CC` and `BCC`.
    pub(crate) fn keys(&self) -> &[&'a [u8]] {
        &self.keys
    }

    /// Whether the headers were not asked for: then any message with the same keys goes the same
    /// way.
    pub(crate) fn is_known_by_keys(&self) -> bool {
        self.headers.get().is_none()
    }

    /// The message's headers, decoded when first asked for.
    pub(crate) fn headers(&self) -> &FieldTable {
        self.headers.get_or_init(|| {
            let properties = self.message.properties().unwrap_or_default();
            properties.headers.unwrap_or_default()
        })
    }
}

/// The routing keys in one of the headers `CC` and `BCC`; only strings count.
///
/// Source: RabbitMQ, "Sender-selected Distribution".
pub(crate) fn array_of_keys(value: &FieldValue) -> Option<impl Iterator<Item = &[u8]>> {
    value.as_array().map(|keys| keys.iter().filter_map(FieldValue::as_string))
}
