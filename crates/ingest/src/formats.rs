//! The formats of files: the bytes of an input say what it is, not its name.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};

use crate::{Harvest, Limits, Undecodable, jaeger, otlp};

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

/// Returns the kind of a document by its outermost fields, whose values are passed over, however deep they are nested;
/// `None` for a JSON object of no known kind.
///
/// # Errors
/// Where the text is not one JSON object.
pub(crate) fn of_document(text: &[u8]) -> Result<Option<&'static Document>, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let kind = json.deserialize_map(Fields)?;
    json.end()?;
    Ok(kind.map(|kind| &DOCUMENTS[kind]))
}

/// Returns what to say of a JSON object of no known kind.
pub(crate) fn unknown() -> Undecodable {
    let fields: Vec<&str> = DOCUMENTS.iter().map(|document| document.field).collect();
    let problem = format!("it is JSON with none of the fields {}", fields.join(", "));
    Undecodable { expected: "a trace file", problem }
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
