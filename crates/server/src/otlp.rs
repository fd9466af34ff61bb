//! OTLP in: the listeners on which instrumented programs report.

use std::time::Duration;

use kino_engine::Engine;

use crate::guard::Guard;
use crate::sender::Senders;

pub(crate) mod body;
mod grpc;
mod http;
pub(crate) mod ports;
mod reply;

/// When a client may retry after a refusal for which the store names no time: about as long as its flush takes.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The state that both listeners share.
#[derive(Debug)]
pub(crate) struct Otlp {
    pub(crate) engine: Engine,
    pub(crate) senders: Senders,
    pub(crate) guard: Guard,
    /// The most bytes of one request, decompressed.
    pub(crate) body_bytes_max: usize,
    /// The most bytes of all requests at one time.
    pub(crate) budget: body::Budget,
}
