//! Messages that no session brings: made by an operator over HTTP.

use client::amqp::PROPERTY_CODEC;
use model::expiration;
use model::name::NAME_BYTES_MAX;
use model::{ExchangeName, Marks, Message, MessageParts, NameError, Properties, Refusal};

/// The `delivery_mode` of persistent messages.
const PERSISTENT: u8 = 2;

/// Makes a message of its parts.
///
/// # Errors
///
/// [`Refusal::PreconditionFailed`] if the key is too long, [`Refusal::InvalidExpiration`] if the
/// expiration is no number of milliseconds.
pub fn compose(
    exchange: ExchangeName,
    key: &[u8],
    properties: &Properties,
    body: &[u8],
) -> Result<Message, Refusal> {
    let key_bytes = u8::try_from(key.len()).map_err(|_| {
        let error = NameError::TooLong { found_bytes: key.len() };
        let text = format!("routing key: {error} (limit {NAME_BYTES_MAX})");
        Refusal::PreconditionFailed(text.into())
    })?;
    let expiration = properties.expiration.as_ref();
    let expiration_ms = expiration.map(|text| expiration::parse(text.as_bytes())).transpose()?;
    let headers = properties.headers.as_ref();
    let has = |name: &str| headers.is_some_and(|headers| headers.get(name).is_some());
    let marks = Marks {
        is_persistent: properties.delivery_mode == Some(PERSISTENT),
        has_user_id: properties.user_id.is_some(),
        has_sender_selected: has("CC") || has("BCC"),
        priority: properties.priority,
        expiration_ms,
        is_dead_letter: false,
    };
    let encoded = (PROPERTY_CODEC.encode)(properties);
    let content = [key, &encoded, body].concat();
    let property_bytes = u32::try_from(encoded.len()).unwrap_or(u32::MAX);
    let codec = &PROPERTY_CODEC;
    Ok(Message::new(MessageParts { exchange, content, key_bytes, property_bytes, codec, marks }))
}
