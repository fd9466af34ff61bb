//! OTLP over gRPC: the `Export` call of the trace, logs and metrics services.
//!
//! Messages pass through as the bytes they came as: the decoder that writes columns reads them, so no message object
//! is ever built.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::ConnectInfo;
use bytes::{Buf, BufMut, Bytes};
use http::{HeaderValue, Request, Response, Version};
use kino_engine::{Encoding, IngestError, Signal};
use tonic::body::Body;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, UnaryService};
use tonic::transport::server::TcpConnectInfo;
use tonic::{Code, Status};

use super::Otlp;
use super::reply;
use crate::connections::Peer;
use crate::guard::Scope;

const PATHS: [(&str, Signal); 3] = [
    ("/opentelemetry.proto.collector.trace.v1.TraceService/Export", Signal::Traces),
    ("/opentelemetry.proto.collector.logs.v1.LogsService/Export", Signal::Logs),
    ("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", Signal::Metrics),
];

/// How the content type of a gRPC call begins.
const CONTENT_TYPE: &[u8] = b"application/grpc";

/// The three services as one, told apart by path. What is no call of gRPC is answered as OTLP over HTTP: an exporter
/// that was given the wrong one of the two ports works, or reads what is wrong.
#[derive(Clone, Debug)]
pub(crate) struct Services {
    otlp: Arc<Otlp>,
    http: axum::Router,
}

impl Services {
    pub(crate) fn new(otlp: Arc<Otlp>) -> Self {
        Self { http: super::http::routes(Arc::clone(&otlp)), otlp }
    }
}

/// Whether a request is a call of gRPC.
pub(super) fn is_call(headers: &http::HeaderMap) -> bool {
    headers.get(http::header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(CONTENT_TYPE))
}

impl tower::Service<Request<Body>> for Services {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // A page in a browser speaks HTTP/1.1 here, whatever it names its content: the routes look where it is from.
        if is_call(request.headers()) && request.version() == Version::HTTP_2 {
            let otlp = Arc::clone(&self.otlp);
            return Box::pin(async move { Ok(call(otlp, request).await) });
        }
        let mut request = request.map(axum::body::Body::new);
        let peer = request.extensions().get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr);
        if let Some(peer) = peer {
            request.extensions_mut().insert(ConnectInfo(Peer(peer)));
        }
        let answer = self.http.call(request);
        Box::pin(async move { Ok(answer.await?.map(Body::new)) })
    }
}

pub(super) async fn call(otlp: Arc<Otlp>, request: Request<Body>) -> Response<Body> {
    let Some((_, signal)) = PATHS.iter().find(|(path, _)| *path == request.uri().path()) else {
        return Status::new(Code::from(reply::UNIMPLEMENTED), "only OTLP's Export calls are served here").into_http();
    };
    if let Err(refusal) = otlp.guard.key(request.headers(), Scope::Ingest) {
        return Status::new(Code::from(reply::UNAUTHENTICATED), refusal).into_http();
    }
    let limit = otlp.body_bytes_max;
    let refusals = Arc::clone(&otlp);
    let mut grpc = Grpc::new(RawCodec)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(limit);
    let response = grpc.unary(Export { otlp, signal: *signal }, request).await;
    too_large_is_final(response, &refusals)
}

/// The codec refuses a message over the limit with `OUT_OF_RANGE`, which OTLP's clients retry for ever; the answer
/// they take as final is `INVALID_ARGUMENT`.
fn too_large_is_final(mut response: Response<Body>, otlp: &Otlp) -> Response<Body> {
    const OUT_OF_RANGE: &str = "11";
    let code = response.headers().get("grpc-status").map(HeaderValue::as_bytes);
    if code == Some(OUT_OF_RANGE.as_bytes()) {
        otlp.engine.refuse("body_too_large");
        response.headers_mut().insert("grpc-status", HeaderValue::from(reply::INVALID_ARGUMENT));
    }
    response
}

struct Export {
    otlp: Arc<Otlp>,
    signal: Signal,
}

impl UnaryService<Bytes> for Export {
    type Response = Bytes;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Bytes>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let (otlp, signal) = (Arc::clone(&self.otlp), self.signal);
        Box::pin(async move {
            let peer = request.remote_addr();
            let bytes = request.into_inner();
            let Some(_held) = otlp.budget.hold(bytes.len()) else {
                otlp.engine.refuse("overloaded");
                let reason = "too many bytes are being taken in at the moment; send again".to_owned();
                return Err(status(&IngestError::Full { retry_after: super::RETRY_AFTER, reason }));
            };
            let project = otlp.senders.project(peer).await;
            let taken = otlp.engine.ingest_from(signal, bytes, Encoding::Protobuf, project).await;
            let taken = taken.map_err(|error| status(&error))?;
            let response = reply::export_response(signal, taken.rejected, &taken.message, Encoding::Protobuf);
            Ok(tonic::Response::new(response.into()))
        })
    }
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

/// Hands messages over as bytes.
#[derive(Clone, Copy, Debug, Default)]
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
