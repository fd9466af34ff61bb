//! The formats of files: the bytes of an input say what it is, not its name.

pub mod jaeger;
pub(crate) mod junit;
mod tags;
mod zipkin;

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{Harvest, Limits, Undecodable, otlp};

/// What a file turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OTLP JSON, one document or one a line.
    OtlpJson,
    /// OTLP protobuf: one `ExportTraceServiceRequest`, which has the shape of `TracesData`.
    OtlpProtobuf,
    JaegerJson,
    /// Zipkin's JSON, version 2.
    ZipkinJson,
    /// JUnit's XML: a report of tests.
    JunitXml,
}

impl Format {
    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::OtlpJson => "otlp-json",
            Self::OtlpProtobuf => "otlp-protobuf",
            Self::JaegerJson => "jaeger-json",
            Self::ZipkinJson => "zipkin-json",
            Self::JunitXml => "junit-xml",
        }
    }
}

/// Every format, as a message lists them.
pub(crate) const NAMES: &str = "OTLP JSON, OTLP protobuf, Jaeger JSON, Zipkin JSON or JUnit XML";

/// A kind of JSON document.
#[derive(Debug)]
pub(crate) struct Document {
    /// The format that it belongs to.
    pub(crate) format: Format,
    /// What it is outermost.
    outermost: Outermost,
    /// The field that only this kind has: of the object, or of the first object of the list.
    field: &'static str,
    /// Decodes one, all of it or nothing.
    pub(crate) decode: fn(&[u8], &Limits) -> Result<Harvest, Undecodable>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outermost {
    Object,
    List,
}

/// Every kind of JSON document; where one has the fields of several, the first of these counts.
static DOCUMENTS: [Document; 4] = [
    Document {
        format: Format::OtlpJson,
        outermost: Outermost::Object,
        field: "resourceSpans",
        decode: otlp::json_traces,
    },
    Document { format: Format::OtlpJson, outermost: Outermost::Object, field: "resourceLogs", decode: otlp::json_logs },
    Document { format: Format::JaegerJson, outermost: Outermost::Object, field: "data", decode: jaeger::harvest },
    Document { format: Format::ZipkinJson, outermost: Outermost::List, field: "traceId", decode: zipkin::harvest },
];

/// Returns the kind of a document by its outermost fields, whose values are passed over, however deep they are nested;
/// `None` for an object or list of no known kind.
///
/// # Errors
/// Where the text is not one JSON object or list.
pub(crate) fn of_document(text: &[u8]) -> Result<Option<&'static Document>, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let kind = json.deserialize_any(DocumentVisitor)?;
    json.end()?;
    Ok(kind.map(|kind| &DOCUMENTS[kind]))
}

/// Returns what to say of a document of no known kind.
pub(crate) fn unknown() -> Undecodable {
    let fields: Vec<&str> = DOCUMENTS.iter().map(|document| document.field).collect();
    let problem = format!("it is JSON with none of the fields {}", fields.join(", "));
    Undecodable { expected: "a trace file", problem }
}

/// Returns the index in [`DOCUMENTS`].
struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list of objects")
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
        FieldsVisitor(Outermost::Object).visit_map(map)
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Self::Value, S::Error> {
        let kind = list.next_element_seed(FieldsVisitor(Outermost::List))?.flatten();
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(kind)
    }
}

/// Reads the fields of the object that decides; the kind must be outermost what this says.
struct FieldsVisitor(Outermost);

impl<'de> DeserializeSeed<'de> for FieldsVisitor {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut found = None::<usize>;
        while let Some(field) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            let is_it = |document: &Document| document.outermost == self.0 && document.field == field;
            let index = DOCUMENTS.iter().position(is_it);
            let is_there = map.next_value::<Option<IgnoredAny>>()?.is_some();
            if let Some(index) = index.filter(|_| is_there) {
                found = Some(found.map_or(index, |found| found.min(index)));
            }
        }
        Ok(found)
    }
}
