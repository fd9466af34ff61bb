//! The routes of the two OTLP ports. Each answers both protocols: exporters that were given the other port work, or read
//! what is wrong.
//!
//! ```text
//!  port of HTTP ─► /v1/… ─► http        port of gRPC ─► call over HTTP/2 ─► grpc
//!              └► else: call ─► grpc                └► else: as the port of HTTP
//! ```

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::{Router, middleware};
use http::Version;

use super::{Otlp, grpc, http as over_http};
use crate::guard;

/// Returns the routes of the port of OTLP over HTTP.
pub(crate) fn http(otlp: Arc<Otlp>) -> Router {
    over_http::routes()
        .fallback(call_or_not_found)
        .layer(middleware::from_fn_with_state(otlp.guard.clone(), guard::allow_local_pages))
        .with_state(otlp)
}

/// Returns the routes of the port of OTLP over gRPC.
pub(crate) fn grpc(otlp: Arc<Otlp>) -> Router {
    Router::new().fallback_service(GrpcPort { http: http(Arc::clone(&otlp)), otlp })
}

/// Answers a call of gRPC: programs with a hard-wired gRPC exporter are given the port of HTTP too, by an endpoint that
/// was configured for others.
async fn call_or_not_found(State(otlp): State<Arc<Otlp>>, request: Request) -> Response {
    if grpc::is_call(request.headers()) { grpc::call(otlp, request).await } else { over_http::not_found() }
}

#[derive(Clone, Debug)]
struct GrpcPort {
    otlp: Arc<Otlp>,
    http: Router,
}

impl tower::Service<Request<Body>> for GrpcPort {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // A page in a browser uses HTTP/1.1 here, whatever content type it names: the other routes check its origin.
        if grpc::is_call(request.headers()) && request.version() == Version::HTTP_2 {
            let otlp = Arc::clone(&self.otlp);
            return Box::pin(async move { Ok(grpc::call(otlp, request).await) });
        }
        Box::pin(self.http.call(request))
    }
}
