//! Bytes of one format in, columnar batches of the model and named issues out.
//!
//! It does no IO. What arrives live and what is read from files goes through the same code, and a file gives the same
//! rows whether it is decoded whole or in pieces while it grows ([`Decoder`]).
//!
//! ```text
//!  OTLP protobuf │ OTLP JSON │ files of other formats ──► judge each record ──► Decoded { batch, issues, counts }
//!  reports of tests ──► Report ──► spans of tests
//!  spans, logs ──► OTLP, for export
//! ```

mod decoder;
mod formats;
pub mod issues;
mod judge;
pub mod limits;
pub mod otlp;
pub mod reports;

use kino_model::{Batch, LogRecord, Span};

pub use decoder::{Decoder, decode_file, decoder};
pub use formats::{Format, jaeger};
pub use issues::Issues;
pub use limits::Limits;

/// How an OTLP message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

/// The rows of one body, with what was refused or mended in it.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// The rows.
    pub batch: Batch,
    /// What was refused or mended, by name.
    pub issues: Issues,
    /// Spans taken in.
    pub spans: u64,
    /// Log records taken in.
    pub logs: u64,
    /// Spans refused.
    pub rejected_spans: u64,
    /// Log records refused.
    pub rejected_logs: u64,
}

/// Why a body could not be decoded at all: nothing of it was taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not {expected}: {problem}")]
pub struct Undecodable {
    /// What it was read as.
    pub expected: &'static str,
    /// What was found, and where.
    pub problem: String,
}

/// Rows on their way into a batch.
#[derive(Debug, Default)]
pub(crate) struct Harvest {
    pub spans: Vec<Span>,
    pub logs: Vec<LogRecord>,
    pub issues: Issues,
    pub rejected_spans: u64,
    pub rejected_logs: u64,
}

impl Harvest {
    /// Adds what another holds.
    pub(crate) fn merge(&mut self, mut other: Self) {
        self.spans.append(&mut other.spans);
        self.logs.append(&mut other.logs);
        self.issues.merge(other.issues);
        self.rejected_spans += other.rejected_spans;
        self.rejected_logs += other.rejected_logs;
    }

    pub(crate) fn finish(self) -> Decoded {
        Decoded {
            batch: Batch::from_rows(&self.spans, &self.logs),
            issues: self.issues,
            spans: self.spans.len() as u64,
            logs: self.logs.len() as u64,
            rejected_spans: self.rejected_spans,
            rejected_logs: self.rejected_logs,
        }
    }
}
