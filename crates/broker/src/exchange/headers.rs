//! The headers exchange: the arguments of a binding compared with the headers of a message.
//!
//! Source: RabbitMQ, "Headers Exchange"; values compare as RabbitMQ 3.13 and later do.

use model::{FieldTable, FieldValue, Refusal};

use super::targets::Found;

/// Targets with what they ask for. Every message is compared with every binding.
#[derive(Debug)]
pub(super) struct Headers<T> {
    bindings: Vec<Wanted<T>>,
}

#[derive(Debug)]
struct Wanted<T> {
    how: Match,
    arguments: FieldTable,
    target: T,
}

/// The `x-match` argument.
#[derive(Clone, Copy, Debug)]
enum Match {
    /// Every argument but those named `x-…`.
    All,
    /// One of the arguments but those named `x-…`.
    Any,
    /// Every argument.
    AllWithX,
    /// One of the arguments.
    AnyWithX,
}

impl Match {
    fn of(arguments: &FieldTable) -> Result<Self, Refusal> {
        match arguments.get("x-match") {
            None => Ok(Self::All),
            Some(FieldValue::LongString(text)) => match &**text {
                b"all" => Ok(Self::All),
                b"any" => Ok(Self::Any),
                b"all-with-x" => Ok(Self::AllWithX),
                b"any-with-x" => Ok(Self::AnyWithX),
                found => Err(Refusal::InvalidBinding(
                    format!(
                        "Invalid x-match field value {}; expected all, any, all-with-x, or \
                         any-with-x",
                        as_term(found)
                    )
                    .into(),
                )),
            },
            Some(found) => Err(Refusal::InvalidBinding(
                format!(
                    "Invalid x-match field type {} (value {found}); expected longstr",
                    found.type_name()
                )
                .into(),
            )),
        }
    }

    fn counts(self, name: &[u8]) -> bool {
        match self {
            Self::All | Self::Any => !name.starts_with(b"x-"),
            Self::AllWithX | Self::AnyWithX => name != b"x-match",
        }
    }
}

/// Bytes as RabbitMQ's texts show a binary: `<<"abc">>`, or numbers if they are not printable.
fn as_term(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => format!("<<\"{text}\">>"),
        _ => {
            let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
            format!("<<{}>>", numbers.join(","))
        }
    }
}

/// Refuses arguments that say nothing.
pub(super) fn check(arguments: &FieldTable) -> Result<(), Refusal> {
    Match::of(arguments).map(|_| ())
}

impl<T> Default for Headers<T> {
    fn default() -> Self {
        Self { bindings: Vec::new() }
    }
}

impl<T: PartialEq> Headers<T> {
    /// Binds; arguments that [`check`] would refuse match nothing and are left out.
    pub(super) fn bind(&mut self, arguments: &FieldTable, target: T) {
        if let Ok(how) = Match::of(arguments) {
            self.bindings.push(Wanted { how, arguments: arguments.clone(), target });
        }
    }

    pub(super) fn unbind(&mut self, arguments: &FieldTable, target: &T) {
        let is_it = |bound: &Wanted<T>| bound.target == *target && bound.arguments == *arguments;
        if let Some(at) = self.bindings.iter().position(is_it) {
            self.bindings.swap_remove(at);
        }
    }

    pub(super) fn route<'a>(&'a self, headers: &FieldTable, found: &mut Found<'a, T>) {
        let matching = self.bindings.iter().filter(|wanted| wanted.matches(headers));
        found.extend(matching.map(|wanted| &wanted.target));
    }
}

impl<T> Wanted<T> {
    fn matches(&self, headers: &FieldTable) -> bool {
        let mut asked = self.arguments.iter().filter(|(name, _)| self.how.counts(name.as_bytes()));
        let is_met = |(name, wanted): (&model::ShortString, &FieldValue)| {
            let mut all = headers.iter();
            let value = all.find(|(found, _)| *found == name).map(|(_, value)| value);
            match (wanted, value) {
                (_, None) => false,
                (FieldValue::Void, Some(_)) => true,
                (wanted, Some(value)) => wanted.is_same_header(value),
            }
        };
        match self.how {
            Match::All | Match::AllWithX => asked.all(is_met),
            Match::Any | Match::AnyWithX => asked.any(is_met),
        }
    }
}

#[cfg(test)]
mod tests {
    use model::ShortString;

    use super::*;

    /// A table of `name=value` words: a number, `'text`, `f:` a float, `void`.
    fn table(text: &str) -> FieldTable {
        let entry = |word: &str| {
            let (name, value) = word.split_once('=').unwrap();
            let value = match value {
                "void" => FieldValue::Void,
                text if text.starts_with('\'') => FieldValue::string(&text[1..]),
                float if float.starts_with("f:") => FieldValue::F64(float[2..].parse().unwrap()),
                number => FieldValue::I64(number.parse().unwrap()),
            };
            (ShortString::truncated(name), value)
        };
        text.split_whitespace().map(entry).collect()
    }

    fn check(arguments: &str, headers: &str, is_matching: bool) {
        let mut exchange = Headers::default();
        exchange.bind(&table(arguments), 1);
        let mut found = Found::new();
        exchange.route(&table(headers), &mut found);
        assert_eq!(!found.is_empty(), is_matching, "{arguments} against {headers}");
        drop(found);
        exchange.unbind(&table(arguments), &1);
        assert!(exchange.bindings.is_empty());
    }

    #[test]
    fn arguments_are_compared_as_rabbitmq_does() {
        check("a=1 b='x", "a=1 b='x c=9", true);
        check("a=1 b='x", "a=1", false);
        check("x-match='all a=1", "a=1", true);
        check("x-match='any a=1 b=2", "b=2", true);
        check("x-match='any a=1 b=2", "b=3", false);
        check("a=void", "a='anything", true);
        check("a=void", "b=1", false);
        check("a=1", "a=f:1", false);
        check("", "", true);
        check("x-match='any", "a=1", false);
    }

    #[test]
    fn arguments_named_x_count_only_where_asked_for() {
        check("x-match='all x-a=1", "", true);
        check("x-match='all-with-x x-a=1", "", false);
        check("x-match='all-with-x x-a=1", "x-a=1", true);
        check("x-match='any x-a=1", "x-a=1", false);
        check("x-match='any-with-x x-a=1", "x-a=1", true);
    }

    #[test]
    fn a_bad_match_is_refused_in_rabbitmqs_words() {
        let refused = |arguments| super::check(&table(arguments)).unwrap_err().to_string();
        assert_eq!(
            refused("x-match='foo"),
            "Invalid x-match field value <<\"foo\">>; expected all, any, all-with-x, or any-with-x"
        );
        assert_eq!(
            refused("x-match=1"),
            "Invalid x-match field type long (value 1); expected longstr"
        );
    }
}
