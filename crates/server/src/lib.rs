//! The engine's listeners: OTLP over gRPC and HTTP, the API under `/api/v1/`, MCP at `/mcp`, health and metrics.
//!
//! ```text
//!  :4317  gRPC   Export of traces, logs, metrics ─┐
//!  :4318  HTTP   /v1/traces  /v1/logs  /v1/metrics┼─► Engine
//!  :4319  HTTP   /api/v1/NAME  /mcp  /healthz  /metrics
//!  socket HTTP   the same, for the commands of the engine's own user
//!  memory        spans of programs that no run records ─► Engine
//! ```
//!
//! It owns sockets, bodies, compression, authorization, and start and stop of the engine's process. It never interprets
//! a question.

mod api;
mod batch;
mod channel;
mod connections;
mod descriptors;
mod engine_file;
mod exports;
mod forward;
mod guard;
pub mod keys;
mod listen;
mod metrics;
mod otlp;
pub mod outgoing;
mod reply;
mod revocation;
mod sender;
mod serve;
mod shutdown;
mod socket;

pub use engine_file::ENGINE_FILE;
pub use forward::ForwardError;
pub use keys::{KeyError, StoredKey};
pub use serve::{Programs, RunningServer, ServeError, ServerConfig, serve, serve_with_programs};
pub use socket::{SocketError, SocketPlaces};
