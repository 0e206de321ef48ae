//! Field tables as JSON, and JSON as field tables.

use model::{FieldTable, FieldValue, ShortString};
use serde_json::{Map, Value};

use crate::error::Failure;

/// A table as a JSON object; of repeated names the first counts.
pub(crate) fn object(table: &FieldTable) -> Value {
    let mut map = Map::new();
    for (name, value) in table.iter() {
        map.entry(name.to_str_lossy()).or_insert_with(|| json(value));
    }
    Value::Object(map)
}

fn json(value: &FieldValue) -> Value {
    match value {
        FieldValue::Bool(value) => Value::from(*value),
        FieldValue::F32(value) => Value::from(*value),
        FieldValue::F64(value) => Value::from(*value),
        FieldValue::Decimal { scale, value } => {
            Value::from(f64::from(*value) / 10_f64.powi(i32::from(*scale)))
        }
        FieldValue::LongString(bytes) | FieldValue::Binary(bytes) => {
            Value::from(String::from_utf8_lossy(bytes))
        }
        FieldValue::Array(values) => values.iter().map(json).collect(),
        FieldValue::Timestamp(seconds) => Value::from(*seconds),
        FieldValue::Table(table) => object(table),
        FieldValue::Void => Value::Null,
        integer => integer.as_integer().map_or(Value::Null, Value::from),
    }
}

/// The `arguments` of a request as a table.
///
/// # Errors
///
/// 400 if it is no object, or a name is too long.
pub(crate) fn table(arguments: Option<&Value>) -> Result<FieldTable, Failure> {
    let mut table = FieldTable::new();
    let map = match arguments {
        None | Some(Value::Null) => return Ok(table),
        Some(Value::Object(map)) => map,
        // RabbitMQ's own clients send `[]` for an empty object.
        Some(Value::Array(list)) if list.is_empty() => return Ok(table),
        Some(other) => {
            return Err(Failure::bad_request(format!(
                "arguments: found {other}, wanted an object"
            )));
        }
    };
    for (name, value) in map {
        let name = ShortString::parse(name)
            .map_err(|error| Failure::bad_request(format!("arguments: {error}")))?;
        table.push(name, field(value));
    }
    Ok(table)
}

/// A JSON value as RabbitMQ types it: whole numbers `long`, others `double`, texts `longstr`.
pub(crate) fn field(value: &Value) -> FieldValue {
    match value {
        Value::Null => FieldValue::Void,
        Value::Bool(value) => FieldValue::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(number) => FieldValue::I64(number),
            None => FieldValue::F64(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => FieldValue::string(text),
        Value::Array(values) => FieldValue::Array(values.iter().map(field).collect()),
        Value::Object(map) => {
            let mut table = FieldTable::new();
            for (name, value) in map {
                table.push(ShortString::truncated(name), field(value));
            }
            FieldValue::Table(table)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_goes_to_json_and_back() {
        let arguments =
            json!({"x-message-ttl": 1000, "x-dead-letter-exchange": "dlx", "a": [1, true]});
        assert_eq!(object(&table(Some(&arguments)).unwrap()), arguments);
    }

    #[test]
    fn no_arguments_are_an_empty_object_and_a_text_is_none() {
        assert_eq!(object(&table(None).unwrap()), json!({}));
        assert_eq!(object(&table(Some(&json!([]))).unwrap()), json!({}));
        assert!(table(Some(&json!("x"))).is_err());
    }
}
