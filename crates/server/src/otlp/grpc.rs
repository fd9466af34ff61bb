//! OTLP over gRPC: the `Export` call of the trace, logs and metrics services.
//!
//! Messages pass through as the bytes they came as: the decoder that writes columns reads them, so no message object
//! is ever built. A call is read and answered here rather than by `tonic`, which decompresses on the threads that answer.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::ConnectInfo;
use bytes::{BufMut, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Version};
use http_body_util::{BodyExt, Full};
use kino_engine::{Encoding, IngestError, Signal};
use tonic::body::Body;
use tonic::metadata::MetadataValue;
use tonic::transport::server::TcpConnectInfo;
use tonic::{Code, Status};

use super::Otlp;
use super::body::{self, BodyError};
use super::reply;
use crate::connections::Peer;

const PATHS: [(&str, Signal); 3] = [
    ("/opentelemetry.proto.collector.trace.v1.TraceService/Export", Signal::Traces),
    ("/opentelemetry.proto.collector.logs.v1.LogsService/Export", Signal::Logs),
    ("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", Signal::Metrics),
];

const GRPC_STATUS: &str = "grpc-status";

/// How the content type of a gRPC call begins.
const CONTENT_TYPE: &[u8] = b"application/grpc";

/// The routes of OTLP over gRPC: the three services, by path. Other requests are answered as OTLP over HTTP:
/// an exporter that was given the wrong one of the two ports works, or reads what is wrong.
pub(crate) fn routes(otlp: Arc<Otlp>) -> axum::Router {
    axum::Router::new().fallback_service(Services { http: super::http::routes(Arc::clone(&otlp)), otlp })
}

#[derive(Clone, Debug)]
struct Services {
    otlp: Arc<Otlp>,
    http: axum::Router,
}

/// Whether a request is a call of gRPC.
pub(super) fn is_call(headers: &http::HeaderMap) -> bool {
    headers.get(http::header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(CONTENT_TYPE))
}

impl tower::Service<Request<axum::body::Body>> for Services {
    type Response = axum::response::Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<axum::response::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<axum::body::Body>) -> Self::Future {
        // A page in a browser speaks HTTP/1.1 here, whatever it names its content: the routes look where it is from.
        if is_call(request.headers()) && request.version() == Version::HTTP_2 {
            let otlp = Arc::clone(&self.otlp);
            return Box::pin(async move { Ok(call(otlp, request).await) });
        }
        Box::pin(self.http.call(request))
    }
}

/// Answers a call of gRPC.
pub(super) async fn call(otlp: Arc<Otlp>, mut request: Request<axum::body::Body>) -> axum::response::Response {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<Peer>>().copied() {
        request.extensions_mut().insert(TcpConnectInfo { local_addr: None, remote_addr: Some(peer.0) });
    }
    respond(otlp, request.map(Body::new)).await.map(axum::body::Body::new)
}

async fn respond(otlp: Arc<Otlp>, request: Request<Body>) -> Response<Body> {
    let Some((_, signal)) = PATHS.iter().find(|(path, _)| *path == request.uri().path()) else {
        return Status::new(Code::from(reply::UNIMPLEMENTED), "only OTLP's Export calls are served here").into_http();
    };
    let peer = request.extensions().get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr);
    if let Err(refusal) = otlp.guard.takes_otlp(request.headers(), peer) {
        return Status::new(Code::from(reply::UNAUTHENTICATED), refusal).into_http();
    }
    match export(&otlp, *signal, request).await {
        Ok(answer) => unary(&answer),
        Err(status) => status.into_http(),
    }
}

async fn export(otlp: &Otlp, signal: Signal, request: Request<Body>) -> Result<Vec<u8>, Status> {
    let peer = request.extensions().get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr);
    let (parts, body) = request.into_parts();
    let body = axum::body::Body::new(body);
    let read = body::read_message(&parts.headers, body, otlp.body_bytes_max, &otlp.budget).await;
    let (bytes, _held) = read.map_err(|error| body_status(otlp, &error))?;
    let project = otlp.senders.project(peer).await;
    let taken = otlp.engine.ingest_from(signal, bytes, Encoding::Protobuf, project).await;
    let taken = taken.map_err(|error| status(&error))?;
    Ok(reply::export_response(signal, taken.rejected, &taken.message, Encoding::Protobuf))
}

/// The answer of a call that went well: one message in its frame, and the status behind it.
fn unary(message: &[u8]) -> Response<Body> {
    let mut frame = BytesMut::with_capacity(body::FRAME_BYTES + message.len());
    frame.put_u8(0);
    frame.put_u32(message.len() as u32);
    frame.put_slice(message);
    let trailers = HeaderMap::from_iter([(HeaderName::from_static(GRPC_STATUS), HeaderValue::from_static("0"))]);
    let body = Full::new(frame.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// What OTLP's clients take as final is `INVALID_ARGUMENT`; `OUT_OF_RANGE`, which gRPC has for a message over the
/// limit, they send again for ever.
fn body_status(otlp: &Otlp, error: &BodyError) -> Status {
    let (name, code) = match error {
        BodyError::Busy => {
            otlp.engine.refuse("overloaded");
            return status(&IngestError::Full { retry_after: super::RETRY_AFTER, reason: error.to_string() });
        }
        BodyError::TooLarge { .. } => ("body_too_large", Code::InvalidArgument),
        BodyError::Encoding(_) => ("unsupported_content_encoding", Code::Unimplemented),
        BodyError::Compressed { .. } => ("undecodable_body", Code::InvalidArgument),
        BodyError::Incomplete => ("incomplete_body", Code::Unavailable),
    };
    otlp.engine.refuse(name);
    let mut status = Status::new(code, error.to_string());
    if code == Code::Unimplemented {
        status.metadata_mut().insert("grpc-accept-encoding", MetadataValue::from_static("gzip,zstd,identity"));
    }
    status
}

fn status(error: &IngestError) -> Status {
    let message = error.to_string();
    match error {
        IngestError::Undecodable(_) => Status::new(Code::InvalidArgument, message),
        IngestError::Full { retry_after, .. } => {
            let details = reply::status(reply::RESOURCE_EXHAUSTED, &message, Some(*retry_after), Encoding::Protobuf);
            Status::with_details(Code::ResourceExhausted, message, details.into())
        }
        IngestError::ReadOnly(_) | IngestError::Fault(_) => Status::new(Code::Unavailable, message),
    }
}
