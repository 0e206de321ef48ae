//! Field values and tables: the loosely typed part of AMQP 0-9-1, as RabbitMQ reads it.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::short_string::ShortString;

/// One value of a field table or array.
///
/// Source: RabbitMQ's list of field types, which differs from the one printed in AMQP 0-9-1.
/// Equality is exact: same kind, same bits. For looser comparisons see
/// [`Self::is_same_argument`] and [`Self::is_same_header`].
#[derive(Clone, Debug)]
pub enum FieldValue {
    /// `t`: a truth value.
    Bool(bool),
    /// `b`: a signed octet.
    I8(i8),
    /// `B`: an unsigned octet.
    U8(u8),
    /// `s`: a signed 16-bit integer.
    I16(i16),
    /// `u`: an unsigned 16-bit integer.
    U16(u16),
    /// `I`: a signed 32-bit integer.
    I32(i32),
    /// `i`: an unsigned 32-bit integer.
    U32(u32),
    /// `l`, and `L` when read: a signed 64-bit integer.
    I64(i64),
    /// `f`: a 32-bit floating point number.
    F32(f32),
    /// `d`: a 64-bit floating point number.
    F64(f64),
    /// `D`: `value` divided by ten to the power of `scale`.
    Decimal {
        /// Digits after the decimal point.
        scale: u8,
        /// All digits.
        value: u32,
    },
    /// `S`: a long string, in no particular encoding.
    LongString(Box<[u8]>),
    /// `x`: a byte array.
    Binary(Box<[u8]>),
    /// `A`: an array.
    Array(Vec<FieldValue>),
    /// `T`: seconds since the Unix epoch.
    Timestamp(u64),
    /// `F`: a nested table.
    Table(FieldTable),
    /// `V`: nothing.
    Void,
}

impl FieldValue {
    /// A long string.
    pub fn string(text: impl AsRef<[u8]>) -> Self {
        Self::LongString(text.as_ref().into())
    }

    /// The name RabbitMQ's reply texts give to this kind.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Bool(_) => "bool",
            Self::I8(_) => "byte",
            Self::U8(_) => "unsignedbyte",
            Self::I16(_) => "short",
            Self::U16(_) => "unsignedshort",
            Self::I32(_) => "signedint",
            Self::U32(_) => "unsignedint",
            Self::I64(_) => "long",
            Self::F32(_) => "float",
            Self::F64(_) => "double",
            Self::Decimal { .. } => "decimal",
            Self::LongString(_) => "longstr",
            Self::Binary(_) => "binary",
            Self::Array(_) => "array",
            Self::Timestamp(_) => "timestamp",
            Self::Table(_) => "table",
            Self::Void => "void",
        }
    }

    /// The number, if this is one of the whole-number kinds `b B s u I i l`.
    pub fn as_integer(&self) -> Option<i64> {
        match *self {
            Self::I8(value) => Some(value.into()),
            Self::U8(value) => Some(value.into()),
            Self::I16(value) => Some(value.into()),
            Self::U16(value) => Some(value.into()),
            Self::I32(value) => Some(value.into()),
            Self::U32(value) => Some(value.into()),
            Self::I64(value) => Some(value),
            _ => None,
        }
    }

    /// The number, if this is one of the floating point kinds `f d`.
    pub fn as_float(&self) -> Option<f64> {
        match *self {
            Self::F32(value) => Some(value.into()),
            Self::F64(value) => Some(value),
            _ => None,
        }
    }

    /// The truth value, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The bytes, if this is a long string.
    pub fn as_string(&self) -> Option<&[u8]> {
        match self {
            Self::LongString(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text, if this is a long string in UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        self.as_string().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// The elements, if this is an array.
    pub fn as_array(&self) -> Option<&[FieldValue]> {
        match self {
            Self::Array(values) => Some(values),
            _ => None,
        }
    }

    /// The nested table, if this is one.
    pub fn as_table(&self) -> Option<&FieldTable> {
        match self {
            Self::Table(table) => Some(table),
            _ => None,
        }
    }

    /// Whether a declaration that says `other` asks for the same as one that said `self`.
    ///
    /// Whole numbers compare by value whatever their width, so do floating point numbers;
    /// every other kind only equals itself.
    ///
    /// Source: RabbitMQ, `rabbit_misc:assert_args_equivalence/4`.
    pub fn is_same_argument(&self, other: &Self) -> bool {
        match (self.as_integer(), other.as_integer()) {
            (Some(mine), Some(others)) => return mine == others,
            (None, None) => {}
            _ => return false,
        }
        match (self.as_float(), other.as_float()) {
            (Some(mine), Some(others)) => mine == others,
            (None, None) => self == other,
            _ => false,
        }
    }

    /// Whether a headers exchange takes `self` and `other` for the same value.
    ///
    /// As [`Self::is_same_argument`], and a long string equals a byte array of the same bytes.
    ///
    /// Source: RabbitMQ 3.13 and later, `rabbit_exchange_type_headers`.
    pub fn is_same_header(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::LongString(text), Self::Binary(bytes))
            | (Self::Binary(bytes), Self::LongString(text)) => text == bytes,
            _ => self.is_same_argument(other),
        }
    }
}

impl PartialEq for FieldValue {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::F32(a), Self::F32(b)) => a.to_bits() == b.to_bits(),
            (Self::F64(a), Self::F64(b)) => a.to_bits() == b.to_bits(),
            (
                Self::Decimal { scale, value },
                Self::Decimal { scale: other_scale, value: other_value },
            ) => scale == other_scale && value == other_value,
            (Self::LongString(a), Self::LongString(b)) | (Self::Binary(a), Self::Binary(b)) => {
                a == b
            }
            (Self::Array(a), Self::Array(b)) => a == b,
            (Self::Timestamp(a), Self::Timestamp(b)) => a == b,
            (Self::Table(a), Self::Table(b)) => a == b,
            (Self::Void, Self::Void) => true,
            // Whole numbers of the same width, or kinds that differ.
            _ => {
                std::mem::discriminant(self) == std::mem::discriminant(other)
                    && self.as_integer() == other.as_integer()
            }
        }
    }
}

/// Equality is by bits, so that it is total even for floating point numbers.
impl Eq for FieldValue {}

impl Hash for FieldValue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Bool(value) => value.hash(state),
            Self::F32(value) => value.to_bits().hash(state),
            Self::F64(value) => value.to_bits().hash(state),
            Self::Decimal { scale, value } => (scale, value).hash(state),
            Self::LongString(bytes) | Self::Binary(bytes) => bytes.hash(state),
            Self::Array(values) => values.hash(state),
            Self::Timestamp(seconds) => seconds.hash(state),
            Self::Table(table) => table.hash(state),
            _ => self.as_integer().hash(state),
        }
    }
}

/// As reply texts show a value: `RabbitMQ`, `-5`, `true`.
impl fmt::Display for FieldValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::F32(value) => write!(f, "{value:?}"),
            Self::F64(value) => write!(f, "{value:?}"),
            Self::Decimal { scale, value } => write!(f, "{{{scale},{value}}}"),
            Self::LongString(bytes) | Self::Binary(bytes) => {
                f.write_str(&String::from_utf8_lossy(bytes))
            }
            Self::Array(values) => {
                f.write_str("[")?;
                for (index, value) in values.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma}{value}")?;
                }
                f.write_str("]")
            }
            Self::Timestamp(seconds) => write!(f, "{seconds}"),
            Self::Table(table) => {
                f.write_str("{")?;
                for (index, (name, value)) in table.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma}{name}={value}")?;
                }
                f.write_str("}")
            }
            Self::Void => f.write_str("undefined"),
            _ => write!(f, "{}", self.as_integer().unwrap_or_default()),
        }
    }
}

/// Named values in the order received; of two with the same name the first wins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FieldTable(Vec<(ShortString, FieldValue)>);

impl FieldTable {
    /// An empty table.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The first value of that name.
    pub fn get(&self, name: &str) -> Option<&FieldValue> {
        self.iter().find(|(found, _)| found.as_bytes() == name.as_bytes()).map(|(_, value)| value)
    }

    /// Adds an entry at the end, even if the name is there already.
    pub fn push(&mut self, name: ShortString, value: FieldValue) {
        self.0.push((name, value));
    }

    /// Gives the first entry of that name this value, or adds one at the end.
    ///
    /// A name longer than a short string is cut.
    pub fn set(&mut self, name: &str, value: FieldValue) {
        match self.0.iter_mut().find(|(found, _)| found.as_bytes() == name.as_bytes()) {
            Some((_, current)) => *current = value,
            None => self.0.push((ShortString::truncated(name), value)),
        }
    }

    /// Adds an entry at the front.
    ///
    /// A name longer than a short string is cut.
    pub fn prepend(&mut self, name: &str, value: FieldValue) {
        self.0.insert(0, (ShortString::truncated(name), value));
    }

    /// Removes all entries of that name and returns the first value.
    pub fn remove(&mut self, name: &str) -> Option<FieldValue> {
        let mut first = None;
        self.0.retain_mut(|(found, value)| {
            let is_kept = found.as_bytes() != name.as_bytes();
            if !is_kept && first.is_none() {
                first = Some(std::mem::replace(value, FieldValue::Void));
            }
            is_kept
        });
        first
    }

    /// Sorts the entries by name; of those with the same name the first stays.
    ///
    /// Two bindings whose sorted arguments are equal are the same binding.
    pub fn sort(&mut self) {
        self.0.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.0.dedup_by(|(later, _), (earlier, _)| later == earlier);
    }

    /// The entries in the order received.
    pub fn iter(&self) -> impl Iterator<Item = (&ShortString, &FieldValue)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(ShortString, FieldValue)> for FieldTable {
    fn from_iter<I: IntoIterator<Item = (ShortString, FieldValue)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_different_width_are_the_same() {
        let small = FieldValue::I32(1000);
        assert!(small.is_same_argument(&FieldValue::I64(1000)));
        assert!(small.is_same_argument(&FieldValue::U16(1000)));
        assert!(!small.is_same_argument(&FieldValue::I64(1001)));
        assert!(!small.is_same_argument(&FieldValue::F64(1000.0)));
        assert!(!small.is_same_argument(&FieldValue::string("1000")));
        assert!(FieldValue::F32(0.5).is_same_argument(&FieldValue::F64(0.5)));
        assert!(!FieldValue::U8(5).is_same_argument(&FieldValue::Timestamp(5)));
    }

    #[test]
    fn a_header_string_equals_the_same_bytes() {
        let text = FieldValue::string("a");
        let bytes = FieldValue::Binary(b"a".as_slice().into());
        assert!(text.is_same_header(&bytes));
        assert!(!text.is_same_argument(&bytes));
        assert_ne!(text, bytes);
    }

    #[test]
    fn equality_is_exact_in_kind_and_bits() {
        assert_ne!(FieldValue::I32(1), FieldValue::I64(1));
        assert_ne!(FieldValue::I32(1), FieldValue::I32(2));
        assert_ne!(FieldValue::Void, FieldValue::I32(1));
        assert_eq!(FieldValue::F64(f64::NAN), FieldValue::F64(f64::NAN));
        assert_ne!(FieldValue::F64(0.0), FieldValue::F64(-0.0));
    }

    #[test]
    fn the_first_of_two_equal_names_wins() {
        let mut table = FieldTable::new();
        table.push(ShortString::truncated("b"), FieldValue::I32(1));
        table.push(ShortString::truncated("b"), FieldValue::I32(2));
        table.push(ShortString::truncated("a"), FieldValue::I32(3));
        assert_eq!(table.get("b"), Some(&FieldValue::I32(1)));
        let mut sorted = table.clone();
        sorted.sort();
        let names: Vec<_> = sorted.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(names, ["a=3", "b=1"]);
        assert_eq!(table.remove("b"), Some(FieldValue::I32(1)));
        assert_eq!((table.len(), table.get("b")), (1, None));
    }

    #[test]
    fn values_show_as_in_reply_texts() {
        let mut table = FieldTable::new();
        table.set("n", FieldValue::Bool(true));
        table.set("n", FieldValue::I8(-5));
        let array = FieldValue::Array(vec![FieldValue::string("x"), FieldValue::Table(table)]);
        assert_eq!(array.to_string(), "[x,{n=-5}]");
    }
}
