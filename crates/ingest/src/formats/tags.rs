//! What OpenTelemetry's exporters write into the tags of formats that know nothing else, read back.

use std::sync::Arc;

use kino_model::{Scope, Span, SpanKind, StatusCode, Value};

/// Moves kind, status, scope and trace state out of a span's tags; OpenTracing's `error` sets the status and stays.
pub(crate) fn read_conventions(span: &mut Span) {
    let mut scope = Scope::default();
    let status = &mut span.status;
    let kind = &mut span.kind;
    let trace_state = &mut span.trace_state;
    span.attributes.retain(|(key, value)| {
        match (key.as_str(), value) {
            ("span.kind", Value::String(text)) => match text.as_str() {
                "server" => *kind = SpanKind::Server,
                "client" => *kind = SpanKind::Client,
                "producer" => *kind = SpanKind::Producer,
                "consumer" => *kind = SpanKind::Consumer,
                "internal" => *kind = SpanKind::Internal,
                _ => return true,
            },
            ("otel.status_code", Value::String(text)) => match text.as_str() {
                "OK" => status.code = StatusCode::Ok,
                "ERROR" => status.code = StatusCode::Error,
                _ => return true,
            },
            ("otel.status_description", Value::String(text)) => status.message.clone_from(text),
            ("otel.scope.name" | "otel.library.name", Value::String(text)) => scope.name.clone_from(text),
            ("otel.scope.version" | "otel.library.version", Value::String(text)) => scope.version.clone_from(text),
            ("w3c.tracestate", Value::String(text)) => trace_state.clone_from(text),
            ("error", Value::Bool(true)) => {
                status.code = StatusCode::Error;
                return true;
            }
            ("error", Value::String(text)) if text == "true" => {
                status.code = StatusCode::Error;
                return true;
            }
            _ => return true,
        }
        false
    });
    span.scope = Arc::new(scope);
}

/// An id in hex with the leading zeros that senders leave out; an empty one stays empty.
pub(crate) fn padded(hex: &str, digits: usize) -> String {
    if hex.is_empty() { String::new() } else { format!("{hex:0>digits$}") }
}
