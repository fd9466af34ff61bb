//! OTLP over HTTP: `POST /v1/traces`, `/v1/logs`, `/v1/metrics`, in protobuf or JSON.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use kino_engine::{Encoding, IngestError, Signal};
use kino_wire::error_chain;

use super::Otlp;
use super::body::{self, BodyError};
use super::reply;
use crate::connections::Peer;
use crate::forward::FORWARDERS;

/// Returns the routes of OTLP over HTTP, without the fallback.
pub(super) fn routes() -> Router<Arc<Otlp>> {
    Router::new()
        .route("/v1/traces", post(|state, request| export(state, request, Signal::Traces)).fallback(not_a_post))
        .route("/v1/logs", post(|state, request| export(state, request, Signal::Logs)).fallback(not_a_post))
        .route("/v1/metrics", post(|state, request| export(state, request, Signal::Metrics)).fallback(not_a_post))
}

async fn export(State(otlp): State<Arc<Otlp>>, request: Request, signal: Signal) -> Response {
    let (parts, body) = request.into_parts();
    let peer = parts.extensions.get::<ConnectInfo<Peer>>().map(|info| info.0.0);
    if let Err(message) = otlp.guard.takes_otlp(&parts.headers, peer) {
        return refusal(StatusCode::UNAUTHORIZED, reply::UNAUTHENTICATED, message, Encoding::Json);
    }
    let mut forwarders = parts.headers.get_all(FORWARDERS).iter().filter_map(|ids| ids.to_str().ok());
    if forwarders.any(|ids| otlp.engine.is_forward_loop(ids)) {
        otlp.engine.refuse("forward_loop");
        let message = "this engine passed it on before: it would never end";
        return refusal(StatusCode::LOOP_DETECTED, reply::INVALID_ARGUMENT, message, Encoding::Json);
    }
    let Some(encoding) = encoding(&parts.headers) else {
        otlp.engine.refuse("unsupported_content_type");
        let message = "the content type must be application/x-protobuf or application/json";
        return refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, reply::INVALID_ARGUMENT, message, Encoding::Json);
    };
    let (bytes, reserved) = match body::read(&parts.headers, body, otlp.body_bytes_max, &otlp.budget).await {
        Ok(read) => read,
        Err(error) => return body_refusal(&otlp, &error, encoding),
    };
    let project = otlp.senders.project(peer).await;
    let outcome = otlp.engine.ingest_from(signal, bytes, encoding, project).await;
    drop(reserved);
    match outcome {
        Ok(taken) => {
            let response = reply::export_response(signal, taken.rejected, &taken.message, encoding);
            answer(StatusCode::OK, response, encoding)
        }
        Err(error) => ingest_refusal(&error, encoding),
    }
}

/// Returns the body's encoding by its content type, whose parameters are ignored; `None` for another type.
fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/x-protobuf") || essence.eq_ignore_ascii_case("application/protobuf") {
        Some(Encoding::Protobuf)
    } else if essence.eq_ignore_ascii_case("application/json") {
        Some(Encoding::Json)
    } else {
        None
    }
}

fn answer(status: StatusCode, body: Vec<u8>, encoding: Encoding) -> Response {
    let content_type = match encoding {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn refusal(status: StatusCode, code: i32, message: &str, encoding: Encoding) -> Response {
    answer(status, reply::status(code, message, None, encoding), encoding)
}

fn body_refusal(otlp: &Otlp, error: &BodyError, encoding: Encoding) -> Response {
    let (name, status, code) = match error {
        BodyError::TooLarge { .. } => ("body_too_large", StatusCode::PAYLOAD_TOO_LARGE, reply::INVALID_ARGUMENT),
        BodyError::Busy => {
            otlp.engine.refuse("overloaded");
            return busy(&error.to_string(), super::RETRY_AFTER, encoding);
        }
        BodyError::Encoding(_) => {
            ("unsupported_content_encoding", StatusCode::UNSUPPORTED_MEDIA_TYPE, reply::INVALID_ARGUMENT)
        }
        BodyError::Compressed { .. } => ("undecodable_body", StatusCode::BAD_REQUEST, reply::INVALID_ARGUMENT),
        BodyError::Incomplete => ("incomplete_body", StatusCode::REQUEST_TIMEOUT, reply::UNAVAILABLE),
    };
    otlp.engine.refuse(name);
    refusal(status, code, &error.to_string(), encoding)
}

fn ingest_refusal(error: &IngestError, encoding: Encoding) -> Response {
    let message = error_chain(error);
    match error.retry_after() {
        Some(retry_after) => busy(&message, retry_after, encoding),
        None if error.is_invalid() => refusal(StatusCode::BAD_REQUEST, reply::INVALID_ARGUMENT, &message, encoding),
        None => refusal(StatusCode::SERVICE_UNAVAILABLE, reply::UNAVAILABLE, &message, encoding),
    }
}

fn busy(message: &str, retry_after: Duration, encoding: Encoding) -> Response {
    let body = reply::status(reply::RESOURCE_EXHAUSTED, message, Some(retry_after), encoding);
    let mut response = answer(StatusCode::TOO_MANY_REQUESTS, body, encoding);
    // The header counts whole seconds.
    let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    response
}

async fn not_a_post() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, [(http::header::ALLOW, "POST")], "OTLP is sent with POST\n").into_response()
}

pub(super) fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "OTLP is served at /v1/traces, /v1/logs and /v1/metrics\n").into_response()
}
