//! Ends requests whose key is revoked while they are under way: a question that waits for news, a stream.
//!
//! A request has its key checked once, when it begins, and may be under way for minutes. Requests over the Unix socket, or
//! with the owner's token, need no key and are not checked again.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use kino_wire::Access;

use crate::guard::Guard;
use crate::reply::unauthorized;

/// How often the key of a request that is under way is checked.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// The error that replaces the answer, or ends its body.
#[derive(Debug, thiserror::Error)]
#[error("the key of this request has been revoked")]
struct Revoked;

/// Serves a request for as long as its key has the scopes that it had when the request began.
pub(crate) async fn end_on_revocation(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let Some(caller) = Guard::caller(request.headers(), request.extensions()) else { return next.run(request).await };
    let scopes = guard.scopes(&caller);
    if scopes.is_empty() {
        // The owner's token, or a key that the route refuses.
        return next.run(request).await;
    }
    let mut revoked: EndOfAccess = Box::pin(revoked(guard, caller, scopes));
    tokio::select! {
        response = next.run(request) => response.map(|body| Body::new(RevocableBody { body, revoked: Some(revoked) })),
        () = &mut revoked => unauthorized(&Revoked.to_string()),
    }
}

type EndOfAccess = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Returns once the key no longer allows all of `scopes`.
async fn revoked(guard: Guard, caller: Vec<u8>, scopes: Vec<Access>) {
    loop {
        tokio::time::sleep(CHECK_EVERY).await;
        let now = guard.scopes(&caller);
        if !scopes.iter().all(|scope| now.contains(scope)) {
            return;
        }
    }
}

/// The body of an answer; it fails when the key is revoked.
struct RevocableBody {
    body: Body,
    /// `None` once the key is revoked.
    revoked: Option<EndOfAccess>,
}

impl HttpBody for RevocableBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(revoked) = &mut self.revoked else { return Poll::Ready(None) };
        if revoked.as_mut().poll(cx).is_ready() {
            self.revoked = None;
            return Poll::Ready(Some(Err(axum::Error::new(Revoked))));
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
