//! Messages for tests: properties are kept beside their bytes, which are only a number.

use std::sync::{Arc, Mutex, PoisonError};

use model::{
    ExchangeName, Marks, Message, MessageParts, Properties, PropertyCodec, PropertyError,
    PropertyFacts,
};

/// Numbers properties instead of encoding them.
pub(crate) static CODEC: PropertyCodec = PropertyCodec { decode, facts, encode };

static KNOWN: Mutex<Vec<Properties>> = Mutex::new(Vec::new());

fn decode(bytes: &[u8]) -> Result<Properties, PropertyError> {
    let number = bytes.try_into().map(u64::from_be_bytes).map_err(|_| PropertyError::Truncated)?;
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(known[usize::try_from(number).unwrap()].clone())
}

fn facts(_: &[u8]) -> Result<PropertyFacts<'_>, PropertyError> {
    Ok(PropertyFacts::default())
}

fn encode(properties: &Properties) -> Vec<u8> {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.push(properties.clone());
    (known.len() as u64 - 1).to_be_bytes().to_vec()
}

/// A message to `amq.topic` with the given key, body and marks.
pub(crate) fn message(key: &str, body: &[u8], marks: Marks) -> Arc<Message> {
    with_properties(key, body, marks, &Properties::default())
}

/// The same with properties.
pub(crate) fn with_properties(
    key: &str,
    body: &[u8],
    marks: Marks,
    properties: &Properties,
) -> Arc<Message> {
    let encoded = encode(properties);
    let content = [key.as_bytes(), &encoded, body].concat();
    Arc::new(Message::new(MessageParts {
        exchange: ExchangeName::parse("amq.topic").unwrap(),
        content,
        key_bytes: u8::try_from(key.len()).unwrap(),
        property_bytes: u32::try_from(encoded.len()).unwrap(),
        codec: &CODEC,
        marks,
    }))
}
