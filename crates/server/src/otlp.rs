//! OTLP in: the listeners on which instrumented programs report.

use std::time::Duration;

use kino_engine::Engine;

use crate::guard::Guard;
use crate::sender::Senders;

pub(crate) mod body;
pub(crate) mod grpc;
pub(crate) mod http;
mod reply;

/// When to come again after a refusal that the store did not time itself. Its flush takes about that long.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What both listeners share.
#[derive(Debug)]
pub(crate) struct Otlp {
    /// Where it all goes.
    pub(crate) engine: Engine,
    /// Where senders work.
    pub(crate) senders: Senders,
    /// Who may send.
    pub(crate) guard: Guard,
    /// The most bytes of one request, decompressed.
    pub(crate) body_bytes_max: usize,
    /// The most bytes of all requests at one time.
    pub(crate) budget: body::Budget,
}
