//! Files to import: what they are is told by their bytes, never by their name.

use kino_model::batch::rows;
use serde::de::IgnoredAny;

use crate::{Decoded, Encoding, Harvest, Limits, Undecodable, jaeger, otlp};

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

/// Which of the known fields a document has, their values passed over however deep they are nested.
#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Fields {
    resource_spans: Option<IgnoredAny>,
    resource_logs: Option<IgnoredAny>,
    data: Option<IgnoredAny>,
}

/// Decodes a whole file. In JSON lines, a line that cannot be decoded is named and costs the others nothing.
///
/// # Errors
/// When it is of no known format, or nothing in it can be decoded.
pub fn decode_file(bytes: &[u8], limits: &Limits) -> Result<(Format, Decoded), Undecodable> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii();
    if text.first() != Some(&b'{') {
        let decoded = otlp::decode_traces(bytes, Encoding::Protobuf, limits).ok();
        let decoded = decoded.filter(|decoded| decoded.spans + decoded.rejected_spans > 0);
        return decoded.map(|decoded| (Format::OtlpProtobuf, decoded)).ok_or_else(|| Undecodable {
            expected: "a trace file",
            problem: "it is neither OTLP JSON, OTLP protobuf nor Jaeger JSON".to_owned(),
        });
    }
    match serde_json::from_slice::<Fields>(text) {
        Ok(document) => decode_document(text, &document, limits),
        Err(whole) => decode_lines(text, limits)
            .map_err(|_| Undecodable { expected: "JSON, nor JSON lines", problem: whole.to_string() }),
    }
}

fn decode_document(text: &[u8], document: &Fields, limits: &Limits) -> Result<(Format, Decoded), Undecodable> {
    if document.resource_spans.is_some() {
        Ok((Format::OtlpJson, otlp::decode_traces(text, Encoding::Json, limits)?))
    } else if document.resource_logs.is_some() {
        Ok((Format::OtlpJson, otlp::decode_logs(text, Encoding::Json, limits)?))
    } else if document.data.is_some() {
        Ok((Format::JaegerJson, jaeger::decode(text, limits)?))
    } else {
        Err(Undecodable {
            expected: "a trace file",
            problem: "it is JSON with neither resourceSpans, resourceLogs nor data".to_owned(),
        })
    }
}

fn decode_lines(text: &[u8], limits: &Limits) -> Result<(Format, Decoded), Undecodable> {
    let mut harvest = Harvest::default();
    let mut format = None;
    let mut problem = None;
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let decoded = serde_json::from_slice(line)
            .map_err(|error| Undecodable { expected: "JSON", problem: error.to_string() })
            .and_then(|document| decode_document(line, &document, limits));
        match decoded {
            Ok((found, decoded)) => {
                format.get_or_insert(found);
                harvest.spans.extend(rows::spans(&decoded.batch));
                harvest.logs.extend(rows::logs(&decoded.batch));
                harvest.issues.merge(decoded.issues);
                harvest.rejected_spans += decoded.rejected_spans;
                harvest.rejected_logs += decoded.rejected_logs;
            }
            Err(error) => {
                harvest.issues.add("undecodable_line", || format!("line {}: {error}", number + 1));
                problem.get_or_insert(error);
            }
        }
    }
    match (format, problem) {
        (Some(format), _) => Ok((format, harvest.finish())),
        (None, Some(problem)) => Err(problem),
        (None, None) => Err(Undecodable { expected: "a trace file", problem: "it is empty".to_owned() }),
    }
}
