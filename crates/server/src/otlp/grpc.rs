//! OTLP over gRPC: the `Export` call of the trace, logs and metrics services.
//!
//! Messages pass through as the bytes they came as: the decoder that writes columns reads them, so no message object
//! is ever built. A call is read and answered here rather than by `tonic`, which decompresses on the threads that answer.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::{BufMut, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use kino_engine::{Encoding, IngestError, Signal};
use kino_text::percent;
use kino_wire::error_chain;

use super::Otlp;
use super::body::{self, BodyError};
use super::reply;
use crate::connections::Peer;

const PATHS: [(&str, Signal); 3] = [
    ("/opentelemetry.proto.collector.trace.v1.TraceService/Export", Signal::Traces),
    ("/opentelemetry.proto.collector.logs.v1.LogsService/Export", Signal::Logs),
    ("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", Signal::Metrics),
];

/// The prefix of a gRPC call's content type, and the content type of every answer.
const GRPC: &str = "application/grpc";
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Returns whether a request is a call of gRPC.
pub(super) fn is_call(headers: &http::HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(GRPC.as_bytes()))
}

/// Answers a call of gRPC.
pub(super) async fn call(otlp: Arc<Otlp>, request: Request<Body>) -> Response {
    match export(&otlp, request).await {
        Ok(answer) => unary(&answer),
        Err(refusal) => refusal.into_response(),
    }
}

async fn export(otlp: &Otlp, request: Request<Body>) -> Result<Vec<u8>, Refusal> {
    let Some((_, signal)) = PATHS.iter().find(|(path, _)| *path == request.uri().path()) else {
        return Err(Refusal::new(reply::UNIMPLEMENTED, "only OTLP's Export calls are served here"));
    };
    let peer = request.extensions().get::<ConnectInfo<Peer>>().map(|info| info.0.0);
    let (parts, body) = request.into_parts();
    otlp.guard.takes_otlp(&parts.headers, peer).map_err(|why| Refusal::new(reply::UNAUTHENTICATED, why))?;
    let read = body::read_message(&parts.headers, body, otlp.body_bytes_max, &otlp.budget).await;
    let (bytes, _reserved) = read.map_err(|error| of_body(otlp, &error))?;
    let project = otlp.senders.project(peer).await;
    let taken = otlp.engine.ingest_from(*signal, bytes, Encoding::Protobuf, project).await;
    let taken = taken.map_err(|error| of_ingest(&error))?;
    Ok(reply::export_response(*signal, taken.rejected, &taken.message, Encoding::Protobuf))
}

/// The answer of a successful call: one message in its frame, then the status.
fn unary(message: &[u8]) -> Response {
    let mut frame = BytesMut::with_capacity(body::FRAME_BYTES + message.len());
    frame.put_u8(0);
    frame.put_u32(message.len() as u32);
    frame.put_slice(message);
    let trailers = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from_static("0"))]);
    let body = Full::new(frame.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(GRPC));
    response
}

/// The answer of a refused call.
#[derive(Debug)]
struct Refusal {
    code: i32,
    message: String,
    /// A `google.rpc.Status`, where the message is not all.
    details: Option<Vec<u8>>,
}

impl Refusal {
    fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: None }
    }

    /// Returns an answer of headers alone, as gRPC has it for calls that end without a message.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(GRPC));
        headers.insert(GRPC_STATUS, self.code.into());
        let texts = [
            (GRPC_MESSAGE, Some(percent_encoded(&self.message))),
            (GRPC_DETAILS, self.details.map(|details| STANDARD_NO_PAD.encode(details))),
        ];
        for (name, text) in texts {
            if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
                headers.insert(name, value);
            }
        }
        if self.code == reply::UNIMPLEMENTED {
            headers.insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static("gzip,zstd,identity"));
        }
        response
    }
}

/// Encodes a message for gRPC's header: bytes that are not printable ASCII, and the percent sign, as `%XX`.
fn percent_encoded(message: &str) -> String {
    percent::encoded(message, |byte| matches!(byte, b' '..=b'~') && byte != b'%')
}

/// Counts and answers a refused body. OTLP's clients take `INVALID_ARGUMENT` as final; after `OUT_OF_RANGE`, which gRPC
/// has for a message over the limit, they send the same again for ever.
fn of_body(otlp: &Otlp, error: &BodyError) -> Refusal {
    let (name, code) = match error {
        BodyError::Busy => {
            otlp.engine.refuse("overloaded");
            return busy(error.to_string(), super::RETRY_AFTER);
        }
        BodyError::TooLarge { .. } => ("body_too_large", reply::INVALID_ARGUMENT),
        BodyError::Encoding(_) => ("unsupported_content_encoding", reply::UNIMPLEMENTED),
        BodyError::Compressed { .. } => ("undecodable_body", reply::INVALID_ARGUMENT),
        BodyError::Incomplete => ("incomplete_body", reply::UNAVAILABLE),
    };
    otlp.engine.refuse(name);
    Refusal::new(code, error.to_string())
}

fn of_ingest(error: &IngestError) -> Refusal {
    let message = error_chain(error);
    match error.retry_after() {
        Some(retry_after) => busy(message, retry_after),
        None if error.is_invalid() => Refusal::new(reply::INVALID_ARGUMENT, message),
        None => Refusal::new(reply::UNAVAILABLE, message),
    }
}

fn busy(message: String, retry_after: Duration) -> Refusal {
    let details = reply::status(reply::RESOURCE_EXHAUSTED, &message, Some(retry_after), Encoding::Protobuf);
    Refusal { code: reply::RESOURCE_EXHAUSTED, message, details: Some(details) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_any_characters_fits_into_a_header() {
        assert_eq!(percent_encoded("100 % of ü\n"), "100 %25 of %C3%BC%0A");
        let refusal = Refusal { code: 8, message: "voll: ü\n".to_owned(), details: Some(vec![8, 8]) };
        let response = refusal.into_response();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        assert_eq!(header(GRPC_STATUS), Some("8"));
        assert_eq!(header(GRPC_MESSAGE), Some("voll: %C3%BC%0A"));
        assert_eq!(header(GRPC_DETAILS), Some("CAg"));
    }
}
