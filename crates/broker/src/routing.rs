//! The routing keys of a message beyond its own: sender-selected distribution.
//!
//! Where they lead is found in [`crate::vhost`]. Source: RabbitMQ, "Sender-selected Distribution".

use model::{FieldTable, Message, Properties, Refusal};

use crate::exchange::array_of_keys;

/// The routing keys in the headers `CC` and `BCC`.
#[derive(Debug, Default)]
pub(crate) struct SelectedKeys {
    /// The keys, `CC`'s first.
    pub(crate) keys: Vec<Box<[u8]>>,
    /// Whether there is a `BCC`, which nobody else may see.
    pub(crate) has_blind: bool,
    /// The properties they were found in.
    pub(crate) properties: Option<Box<Properties>>,
}

/// Reads them.
///
/// # Errors
///
/// [`Refusal::InvalidMessage`] if one of the two is no array.
pub(crate) fn selected_keys(message: &Message) -> Result<SelectedKeys, Refusal> {
    if !message.marks().has_sender_selected {
        return Ok(SelectedKeys::default());
    }
    // A session lets no message in whose properties cannot be read.
    let properties = message.properties().map_err(|_| Refusal::Internal)?;
    let mut selected = SelectedKeys::default();
    if let Some(headers) = &properties.headers {
        selected.collect(headers, "CC")?;
        selected.has_blind = selected.collect(headers, "BCC")?;
    }
    selected.properties = Some(Box::new(properties));
    Ok(selected)
}

impl SelectedKeys {
    /// Adds the keys of one header; whether it is there.
    fn collect(&mut self, headers: &FieldTable, name: &str) -> Result<bool, Refusal> {
        let Some(value) = headers.get(name) else { return Ok(false) };
        let Some(keys) = array_of_keys(value) else {
            let found = value.type_name();
            let text = format!("{{unacceptable_type_in_header,\"{name}\",{found}}}");
            return Err(Refusal::InvalidMessage(text.into()));
        };
        self.keys.extend(keys.map(Box::from));
        Ok(true)
    }
}
