//! Trace and span ids: 16 and 8 bytes, written as lowercase hex.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id of {expected} hex digits was expected, found {found:?}")]
pub struct IdError {
    expected: usize,
    found: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// The length in bytes.
            pub const LEN: usize = $bytes;

            /// Takes exactly the right number of bytes; anything else is `None`.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// All-zero ids are invalid in OpenTelemetry.
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

        /// Reads hex digits of either case.
        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let refuse = || IdError { expected: $bytes * 2, found: text.chars().take(64).collect() };
                let digits = text.as_bytes();
                if digits.len() != $bytes * 2 {
                    return Err(refuse());
                }
                let mut bytes = [0u8; $bytes];
                for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
                    let high = hex_digit(pair[0]).ok_or_else(refuse)?;
                    let low = hex_digit(pair[1]).ok_or_else(refuse)?;
                    *byte = high << 4 | low;
                }
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// The id of a trace.
    TraceId,
    16
);
id!(
    /// The id of a span, unique within its trace.
    SpanId,
    8
);

const HEX: &[u8; 16] = b"0123456789abcdef";

fn hex_digit(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|value| value as u8)
}

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
    fn wrong_ids_are_refused() {
        for text in ["", "zz", "eee19b7ec3c1b17", "eee19b7ec3c1b17g", "eee19b7ec3c1b174ee", "ééééé\u{0}"] {
            assert!(text.parse::<SpanId>().is_err(), "{text:?}");
        }
        assert!(SpanId::default().is_zero());
        assert!(SpanId::from_slice(&[1; 7]).is_none());
    }
}
