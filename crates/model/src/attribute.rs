//! Attribute values, as OpenTelemetry defines them.
//!
//! A large trace has millions of them. A short [`Text`] is stored in place, a long one is shared by its clones, and a
//! [`ThinVec`] stores its length beside its members: a value takes three words, an empty list one.

use crate::{Text, ThinVec};

/// The deepest nesting of arrays and maps. Decoders refuse deeper values, and count them by name.
/// OpenTelemetry sets no limit; real emitters stay below five.
pub const MAX_VALUE_DEPTH: usize = 64;

/// A value of an attribute or a log's body: OTLP's `AnyValue`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// OTLP's `AnyValue` with no field set.
    #[default]
    Empty,
    /// Text.
    String(Text),
    /// A truth value.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// A double; NaN and infinities occur.
    Double(f64),
    /// Opaque bytes.
    Bytes(ThinVec<u8>),
    /// A list, whose members may differ in type.
    Array(ThinVec<Value>),
    /// A nested map, in the sender's order; keys may repeat.
    Map(Attributes),
}

/// Key–value pairs in the sender's order; keys may repeat.
pub type Attributes = ThinVec<(Text, Value)>;

// A large trace holds millions of these.
const _: () = assert!(size_of::<Value>() == 24);

impl Value {
    /// The text, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if this is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, if this is an integer or a double.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Double(value) => Some(*value),
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

    /// What the attribute map shows for this value: text as it is, numbers and truth values in their usual spelling,
    /// everything else as JSON (bytes as base64 text). Reading it back is the business of [`crate::exact`].
    pub fn to_text(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::String(text) => text.to_string(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Double(value) => value.to_string(),
            Self::Bytes(_) | Self::Array(_) | Self::Map(_) => self.to_json().to_string(),
        }
    }

    /// Plain JSON for people and queries; not lossless (NaN becomes text, repeated keys collapse, bytes become hex).
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Empty => Json::Null,
            Self::String(text) => Json::from(text.as_str()),
            Self::Bool(value) => Json::from(*value),
            Self::Int(value) => Json::from(*value),
            Self::Double(value) => {
                serde_json::Number::from_f64(*value).map_or_else(|| Json::from(value.to_string()), Json::Number)
            }
            Self::Bytes(bytes) => Json::from(hex(bytes)),
            Self::Array(members) => Json::Array(members.iter().map(Self::to_json).collect()),
            Self::Map(members) => {
                Json::Object(members.iter().map(|(key, value)| (key.to_string(), value.to_json())).collect())
            }
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<Text> for Value {
    fn from(text: Text) -> Self {
        Self::String(text)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).expect("four bits make one digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The first value under `key`.
pub fn find<'a>(attributes: &'a [(Text, Value)], key: &str) -> Option<&'a Value> {
    // Keys of one length mostly begin alike and end otherwise.
    let end = key.as_bytes().last();
    attributes.iter().find(|(name, _)| name.as_bytes().last() == end && name == key).map(|(_, value)| value)
}
