//! OTLP traces and logs, protobuf and JSON, both ways; metrics are only counted.
//!
//! ```text
//!  ExportTraceServiceRequest │ TracesData = resource_spans: [ resource, scope_spans: [ scope, spans ] ]
//!  ExportLogsServiceRequest  │ LogsData   = resource_logs:  [ resource, scope_logs:  [ scope, log_records ] ]
//! ```
//!
//! Follows opentelemetry-proto 1.x. Unknown fields are passed over; a body that breaks the wire format is refused
//! whole; in one that does not, each record is judged alone.

mod encode;
mod json;
mod protobuf;

use crate::{Decoded, Encoding, Harvest, Limits, Undecodable};

pub use encode::{encode_logs, encode_traces};

/// Decodes an `ExportTraceServiceRequest`.
///
/// # Errors
/// When the body is not one.
pub fn decode_traces(body: &[u8], encoding: Encoding, limits: &Limits) -> Result<Decoded, Undecodable> {
    match encoding {
        Encoding::Protobuf => protobuf::traces(body, limits),
        Encoding::Json => json::traces(body, limits).map(Harvest::finish),
    }
}

/// Decodes an `ExportLogsServiceRequest`.
///
/// # Errors
/// When the body is not one.
pub fn decode_logs(body: &[u8], encoding: Encoding, limits: &Limits) -> Result<Decoded, Undecodable> {
    match encoding {
        Encoding::Protobuf => protobuf::logs(body, limits),
        Encoding::Json => json::logs(body, limits).map(Harvest::finish),
    }
}

pub(crate) fn json_traces(body: &[u8], limits: &Limits) -> Result<Harvest, Undecodable> {
    json::traces(body, limits)
}

pub(crate) fn json_logs(body: &[u8], limits: &Limits) -> Result<Harvest, Undecodable> {
    json::logs(body, limits)
}

/// Counts the data points of an `ExportMetricsServiceRequest`.
///
/// # Errors
/// When the body is not one.
pub fn count_metrics(body: &[u8], encoding: Encoding, _limits: &Limits) -> Result<u64, Undecodable> {
    match encoding {
        Encoding::Protobuf => protobuf::metric_points(body),
        Encoding::Json => json::metric_points(body),
    }
}
