//! Reads traces: trees, critical paths, executions, breakdowns, comparisons, errors, findings.
//!
//! Everything here is pure: no IO, no clock, no randomness. It takes [`kino_model::Trace`]s and gives plain structs,
//! which the engine maps onto the wire's.
//!
//! ```text
//!  Trace ─► Tree ─► executions ─► explain_operation, compare, detect::findings
//!             └───► critical_path, explain_trace
//! ```

pub mod apart;
pub mod baseline;
pub mod compare;
pub mod critical_path;
pub mod detect;
pub mod diagnose;
pub mod errors;
pub mod execution;
pub mod expect;
pub mod explain;
pub mod failure;
pub mod finding;
mod fingerprint;
pub mod growth;
pub mod life;
pub mod log_lines;
pub mod noise;
mod operation;
pub mod predict;
pub mod prevalence;
mod random;
pub mod sought;
pub mod statement;
pub mod statistics;
pub mod suite;
#[cfg(test)]
mod testing;
pub mod tree;
mod units;
pub mod verify;

pub use compare::{Comparison, compare};
pub use critical_path::{CriticalPath, Segment, critical_path, critical_path_of};
pub use detect::DetectorConfig;
pub use execution::{EntrySpans, Execution, executions};
pub use explain::{
    Concurrent, OperationExplanation, TraceExplanation, explain_operation, explain_system, explain_trace,
};
pub use finding::Finding;
pub use tree::{Tree, trees};
