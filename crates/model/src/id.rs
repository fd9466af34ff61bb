//! Ids and hashes of a fixed number of bytes, written as lowercase hex.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Returned when a text is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} {digits}, found {found:?}")]
pub struct IdError {
    expected: usize,
    digits: &'static str,
    found: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $case:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// The length in bytes; as text it is twice as long.
            pub const LEN: usize = $bytes;

            /// Takes exactly the right number of bytes; anything else is `None`.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// Returns whether all bytes are zero, which OpenTelemetry does not allow in trace and span ids.
            pub fn is_zero(self) -> bool {
                self.0 == [0; $bytes]
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = [0u8; $bytes * 2];
                for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
                    pair[0] = HEX[usize::from(byte >> 4)];
                    pair[1] = HEX[usize::from(byte & 15)];
                }
                f.pad(std::str::from_utf8(&text).expect("hex digits are ASCII"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let mut bytes = [0u8; $bytes];
                if read_hex(text, DigitCase::$case, &mut bytes) {
                    return Ok(Self(bytes));
                }
                let found = text.chars().take(64).collect();
                Err(IdError { expected: $bytes * 2, digits: DigitCase::$case.digits(), found })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": format!("^[0-9a-f]{{{}}}$", $bytes * 2) })
            }
        }
    };
}

id!(
    /// The id of a trace. Read in either case, since W3C and OTLP writers differ.
    TraceId,
    16,
    Either
);
id!(
    /// The id of a span, unique within its trace. Read in either case.
    SpanId,
    8,
    Either
);
id!(
    /// The id of a run, drawn by `kino run`. Spans carry it as text in `kino.run.id`, where any other text is possible.
    RunId,
    16,
    Lower
);
id!(
    /// The id of a verification, drawn by the process that executes it.
    VerificationId,
    16,
    Lower
);
id!(
    /// The SHA-256 of a blob's content.
    BlobHash,
    32,
    Lower
);
id!(
    /// A hash that stays the same for one fault, one error or one shape of it. The first half of a finding's is its
    /// family's.
    Fingerprint,
    8,
    Lower
);

/// Which digits an id is read from. It is always written in lower case.
#[derive(Clone, Copy)]
enum DigitCase {
    Either,
    Lower,
}

impl DigitCase {
    fn digits(self) -> &'static str {
        match self {
            Self::Either => "hex digits",
            Self::Lower => "lowercase hex digits",
        }
    }

    fn value(self, digit: u8) -> Option<u8> {
        match (digit, self) {
            (b'0'..=b'9', _) => Some(digit - b'0'),
            (b'a'..=b'f', _) => Some(digit - b'a' + 10),
            (b'A'..=b'F', Self::Either) => Some(digit - b'A' + 10),
            _ => None,
        }
    }
}

/// Fills `bytes` with what `text` says in hex. Returns whether it has exactly as many digits, and nothing else.
fn read_hex(text: &str, case: DigitCase, bytes: &mut [u8]) -> bool {
    if text.len() != bytes.len() * 2 {
        return false;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let (Some(high), Some(low)) = (case.value(pair[0]), case.value(pair[1])) else { return false };
        *byte = high << 4 | low;
    }
    true
}

const HEX: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_and_write_hex() {
        let id: TraceId = "5B8EFFF798038103D269B633813FC60C".parse().unwrap();
        assert_eq!(id.to_string(), "5b8efff798038103d269b633813fc60c");
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"5b8efff798038103d269b633813fc60c\"");
        assert_eq!(serde_json::from_str::<SpanId>("\"eee19b7ec3c1b174\"").unwrap().to_string(), "eee19b7ec3c1b174");
    }

    #[test]
    fn only_trace_and_span_ids_are_read_in_upper_case() {
        let error = "5B8EFFF798038103D269B633813FC60C".parse::<RunId>().unwrap_err();
        assert_eq!(error.to_string(), "expected 32 lowercase hex digits, found \"5B8EFFF798038103D269B633813FC60C\"");
        let id: RunId = "5b8efff798038103d269b633813fc60c".parse().unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"5b8efff798038103d269b633813fc60c\"");
        assert!("C0FFEE0012345678".parse::<Fingerprint>().is_err());
    }

    #[test]
    fn a_schema_has_the_pattern_of_what_is_written() {
        let schema = |schema: Schema| serde_json::to_string(&schema).unwrap();
        let generator = &mut SchemaGenerator::default();
        assert_eq!(schema(SpanId::json_schema(generator)), r#"{"type":"string","pattern":"^[0-9a-f]{16}$"}"#);
        assert_eq!(schema(BlobHash::json_schema(generator)), r#"{"type":"string","pattern":"^[0-9a-f]{64}$"}"#);
    }

    #[test]
    fn wrong_ids_are_refused() {
        for text in ["", "zz", "eee19b7ec3c1b17", "eee19b7ec3c1b17g", "eee19b7ec3c1b174ee", "ééééé\u{0}"] {
            assert!(text.parse::<SpanId>().is_err(), "{text:?}");
        }
        assert!(SpanId::default().is_zero());
        assert!(SpanId::from_slice(&[1; 7]).is_none());
    }
}
