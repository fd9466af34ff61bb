//! The engine: plain questions in, plain answers out. What every front end (HTTP, MCP, the command line) talks to.
//!
//! ```text
//!  bytes ─► ingest: decode, redact ─► store          questions ─► dispatch ─► store's snapshot ─► analyze ─► answers
//! ```
//!
//! It owns the life of runs, the meaning of selectors and of a caller's project, and the limits of answers. State
//! is the services' own (`Intake`, `RunRecords`, `VerificationRecords`, `Findings`, `Pins`, `Housekeeping`); a question
//! is answered over one snapshot. It opens no sockets, reads no environment, and takes its clock from its opener.

pub mod config;
mod engine;
mod error;
mod ingest;
pub mod metrics;
mod secret;

mod dispatch;

mod admin;
mod after_call;
mod change;
mod check;
mod compare;
mod diagnose;
mod documents;
mod errors;
mod evidence;
mod execution_set;
mod explain;
mod export;
mod find;
mod findings;
mod forward;
mod housekeeping;
mod latest_executions;
mod limit;
mod live;
mod load;
mod members;
mod offline;
mod offload;
mod pins;
mod predict;
mod project;
mod rebuild;
mod redaction;
mod related_traces;
mod resolve;
mod runs;
mod scope;
mod search;
mod searched;
mod selector;
mod sql;
mod suite;
mod temporary_worktrees;
mod to_wire;
mod verify;

pub use admin::LOG_FILE;
pub use config::EngineConfig;
pub use engine::Engine;
pub use error::OpenError;
pub use export::ExportError;
pub use forward::{ForwardPeer, Reply};
pub use ingest::{Encoding, IngestError, IngestOutcome, Signal};
pub use kino_store::{Claim, OpenReport, StoreError};
pub use offline::{OfflineRedaction, RedactedSpans};
pub use offload::{offload_bytes, offload_with_permit};
pub use rebuild::rebuild;
pub use secret::random_hex;
