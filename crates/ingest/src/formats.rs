//! The formats of files: what an input is, is told by its bytes, never by its name.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};

use crate::decoder::decoder;
use crate::{Decoded, Harvest, Limits, Undecodable, jaeger, otlp};

/// What a file turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OTLP JSON, one document or one a line.
    OtlpJson,
    /// OTLP protobuf: one `ExportTraceServiceRequest`, which has the shape of `TracesData`.
    OtlpProtobuf,
    /// Jaeger's JSON.
    JaegerJson,
}

impl Format {
    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::OtlpJson => "otlp-json",
            Self::OtlpProtobuf => "otlp-protobuf",
            Self::JaegerJson => "jaeger-json",
        }
    }
}

/// A kind of JSON document.
#[derive(Debug)]
pub(crate) struct Document {
    /// The format that it belongs to.
    pub(crate) format: Format,
    /// The field of the outermost object that only this kind has.
    field: &'static str,
    /// Decodes one, all of it or nothing.
    pub(crate) decode: fn(&[u8], &Limits) -> Result<Harvest, Undecodable>,
}

/// Every kind of JSON document; where one has the fields of several, the first of these counts.
static DOCUMENTS: [Document; 3] = [
    Document { format: Format::OtlpJson, field: "resourceSpans", decode: otlp::json_traces },
    Document { format: Format::OtlpJson, field: "resourceLogs", decode: otlp::json_logs },
    Document { format: Format::JaegerJson, field: "data", decode: jaeger::harvest },
];

/// Decodes a whole file. In JSON lines, a line that cannot be decoded is named and costs the others nothing.
///
/// # Errors
/// When it is of no known format, or nothing in it can be decoded.
pub fn decode_file(bytes: &[u8], limits: &Limits) -> Result<(Format, Decoded), Undecodable> {
    decoder(bytes, limits).finish(bytes)
}

/// Returns the kind of a document.
///
/// # Errors
/// Where it is no JSON object, or of no known kind.
pub(crate) fn of_document(text: &[u8]) -> Result<&'static Document, Undecodable> {
    let kind = read(text).map_err(|error| Undecodable { expected: "JSON", problem: error.to_string() })?;
    kind.map(|kind| &DOCUMENTS[kind]).ok_or_else(|| {
        let fields: Vec<&str> = DOCUMENTS.iter().map(|document| document.field).collect();
        let problem = format!("it is JSON with none of the fields {}", fields.join(", "));
        Undecodable { expected: "a trace file", problem }
    })
}

/// Returns whether a text is one JSON object, of whatever kind.
pub(crate) fn is_document(text: &[u8]) -> bool {
    check(text).is_ok()
}

/// As [`is_document`], with the reason why not.
pub(crate) fn check(text: &[u8]) -> Result<(), serde_json::Error> {
    read(text).map(drop)
}

/// The place in [`DOCUMENTS`] of the kind that the outermost fields tell; their values are passed over, however deep
/// they are nested.
fn read(text: &[u8]) -> Result<Option<usize>, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let kind = json.deserialize_map(Fields)?;
    json.end()?;
    Ok(kind)
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut found = None::<usize>;
        while let Some(field) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            let place = DOCUMENTS.iter().position(|document| document.field == field);
            let is_there = map.next_value::<Option<IgnoredAny>>()?.is_some();
            if let Some(place) = place.filter(|_| is_there) {
                found = Some(found.map_or(place, |found| found.min(place)));
            }
        }
        Ok(found)
    }
}
