//! Where in a stream a consumer begins and what of it it wants: the arguments of its consume.
//!
//! Source: RabbitMQ, "Streams"; `amqp.md` §6.10 of the specification sheets.

use std::time::Duration;

use model::{FieldTable, FieldValue, Message};

use super::age;

const OFFSET: &str = "x-stream-offset";
const FILTER: &str = "x-stream-filter";
const MATCH_UNFILTERED: &str = "x-stream-match-unfiltered";
const FILTER_VALUE: &str = "x-stream-filter-value";

/// The arguments that only consumers of streams have.
pub(super) const STREAM_ONLY: [&str; 3] = [OFFSET, FILTER, MATCH_UNFILTERED];

/// Where a consumer begins (`x-stream-offset`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// With the oldest message that is kept.
    First,
    /// With the newest message.
    Last,
    /// With what comes from here on.
    Next,
    /// With that offset, or the next above it.
    Offset(u64),
    /// With what came then: milliseconds since 1970.
    Time(u64),
    /// With what came in so much time before.
    Ago(Duration),
}

/// Which messages a consumer wants (`x-stream-filter`).
///
/// RabbitMQ filters by chunks and lets a client filter again; here what does not match is not
/// delivered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Filter {
    values: Vec<Box<[u8]>>,
    matches_unfiltered: bool,
}

impl Start {
    /// Reads the arguments of a consume. The error is the reason in RabbitMQ's terms.
    pub(super) fn parse(arguments: &FieldTable) -> Result<Self, String> {
        let Some(value) = arguments.get(OFFSET) else { return Ok(Self::Next) };
        if let FieldValue::Timestamp(seconds) = value {
            return Ok(Self::Time(seconds.saturating_mul(1000)));
        }
        if let Some(offset) = value.as_integer() {
            // Below the first offset is the first.
            return Ok(Self::Offset(u64::try_from(offset).unwrap_or(0)));
        }
        let found = match value.as_str() {
            Some("first") => Some(Self::First),
            Some("last") => Some(Self::Last),
            Some("next") => Some(Self::Next),
            Some(text) => age::parse(text).map(Self::Ago),
            None => None,
        };
        let shown = || match value.as_string() {
            Some(_) => format!("<<\"{value}\">>"),
            None => value.to_string(),
        };
        found.ok_or_else(|| {
            format!("{{invalid_stream_offset_arg,{{{},{}}}}}", value.type_name(), shown())
        })
    }

    /// The argument that it is read from.
    pub(super) const ARGUMENT: &'static str = OFFSET;
}

impl Filter {
    /// Reads the arguments of a consume; `None` takes everything. Source: RabbitMQ: what is no
    /// string or list of strings is no filter.
    pub(super) fn parse(arguments: &FieldTable) -> Option<Self> {
        let values = match arguments.get(FILTER)? {
            FieldValue::Array(values) => {
                values.iter().filter_map(|value| Some(value.as_string()?.into())).collect()
            }
            value => vec![value.as_string()?.into()],
        };
        let matches_unfiltered =
            arguments.get(MATCH_UNFILTERED).and_then(FieldValue::as_bool).unwrap_or(false);
        Some(Self { values, matches_unfiltered })
    }

    /// Whether the consumer wants that message. Decodes its properties.
    pub(super) fn admits(&self, message: &Message) -> bool {
        let headers = message.properties().ok().and_then(|properties| properties.headers);
        let value = headers.as_ref().and_then(|headers| headers.get(FILTER_VALUE));
        match value.and_then(FieldValue::as_string) {
            Some(value) => self.values.iter().any(|wanted| **wanted == *value),
            None => self.matches_unfiltered,
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{Marks, Properties};

    use super::*;
    use crate::sample;

    fn table(values: &[(&str, FieldValue)]) -> FieldTable {
        let mut table = FieldTable::new();
        values.iter().for_each(|(key, value)| table.set(key, value.clone()));
        table
    }

    #[test]
    fn a_start_is_a_word_a_number_a_time_or_a_length_of_time() {
        let text = |text: &str| FieldValue::string(text);
        for (value, start) in [
            (text("first"), Ok(Start::First)),
            (text("last"), Ok(Start::Last)),
            (text("next"), Ok(Start::Next)),
            (FieldValue::I64(7), Ok(Start::Offset(7))),
            (FieldValue::I32(7), Ok(Start::Offset(7))),
            (FieldValue::I64(-7), Ok(Start::Offset(0))),
            (FieldValue::Timestamp(7), Ok(Start::Time(7000))),
            (text("2m"), Ok(Start::Ago(Duration::from_secs(120)))),
            (text("x"), Err("{invalid_stream_offset_arg,{longstr,<<\"x\">>}}")),
            (FieldValue::Bool(true), Err("{invalid_stream_offset_arg,{bool,true}}")),
        ] {
            let found = Start::parse(&table(&[(OFFSET, value.clone())]));
            assert_eq!(found, start.map_err(str::to_owned), "{value}");
        }
        assert_eq!(Start::parse(&FieldTable::new()), Ok(Start::Next));
    }

    #[test]
    fn a_filter_admits_its_values_and_on_demand_what_has_none() {
        let message = |value: Option<&str>| {
            let headers = value.map(|value| table(&[(FILTER_VALUE, FieldValue::string(value))]));
            let properties = Properties { headers, ..Properties::default() };
            sample::with_properties("k", b"", Marks::default(), &properties)
        };
        let admitted = |filter: &Filter| {
            [Some("a"), Some("b"), None].map(|value| filter.admits(&message(value)))
        };
        let one = table(&[(FILTER, FieldValue::string("a"))]);
        assert_eq!(admitted(&Filter::parse(&one).unwrap()), [true, false, false]);
        let values = FieldValue::Array(vec![FieldValue::string("b"), FieldValue::I32(1)]);
        let some = table(&[(FILTER, values), (MATCH_UNFILTERED, FieldValue::Bool(true))]);
        assert_eq!(admitted(&Filter::parse(&some).unwrap()), [false, true, true]);
        assert_eq!(Filter::parse(&table(&[(FILTER, FieldValue::I32(1))])), None);
        assert_eq!(Filter::parse(&table(&[(MATCH_UNFILTERED, FieldValue::Bool(true))])), None);
    }
}
