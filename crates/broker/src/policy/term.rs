//! Values as RabbitMQ's texts show them: Erlang terms.

use std::fmt;

use model::FieldValue;

/// A value as RabbitMQ's texts show it: `5`, `1.5`, `<<"text">>`.
#[derive(Clone, Copy, Debug)]
pub struct Term<'a>(pub &'a FieldValue);

impl fmt::Display for Term<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            FieldValue::LongString(bytes) | FieldValue::Binary(bytes) => {
                write!(f, "<<\"{}\">>", String::from_utf8_lossy(bytes))
            }
            FieldValue::Array(values) => {
                f.write_str("[")?;
                for (index, value) in values.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma}{}", Self(value))?;
                }
                f.write_str("]")
            }
            FieldValue::Table(table) => {
                f.write_str("#{")?;
                for (index, (name, value)) in table.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma}<<\"{}\">> => {}", name.to_str_lossy(), Self(value))?;
                }
                f.write_str("}")
            }
            FieldValue::Void => f.write_str("null"),
            other => write!(f, "{other}"),
        }
    }
}
