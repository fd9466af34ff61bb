//! Passing recordings on, as `status` describes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How passing on goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ForwardState {
    /// The last request was taken, or there was none yet.
    #[default]
    Sending,
    /// The last request is sent again after a wait: there was no answer, or a retryable one.
    Waiting,
    /// The last request was refused for good; the next one is tried all the same.
    Refused,
    /// Nothing more is passed on: it would come back.
    Stopped,
}

/// What was passed on to another OTLP endpoint, and what was not. Counts are since the store was made, of all endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Forwarding {
    /// The endpoint, without credentials.
    pub url: String,
    /// How it goes.
    pub state: ForwardState,
    /// What happened last, where it was not taken.
    pub why: Option<String>,
    /// Spans that the endpoint took.
    pub passed_spans: u64,
    /// Log records that the endpoint took.
    pub passed_log_records: u64,
    /// Spans that the endpoint refused for good, or that alone are more than a request may be.
    pub refused_spans: u64,
    /// Log records of the same kind.
    pub refused_log_records: u64,
    /// Spans that were let go before they were passed on: over the bound, forgotten, or too old.
    pub missed_spans: u64,
    /// Log records of the same kind.
    pub missed_log_records: u64,
    /// Segments of the log with them, those included that were gone at a start, whose rows are in no count.
    pub missed_segments: u64,
    /// Spans without an end, which are not passed on: the same span with its end is.
    pub unfinished_spans: u64,
    /// Records of the log that could not be read.
    pub unreadable_records: u64,
    /// Bytes of the log that are not passed on yet.
    pub behind_bytes: u64,
    /// Bytes of the log that stay for this alone.
    pub log_bytes: u64,
    /// The limit of those bytes.
    pub log_bytes_max: u64,
}

impl Forwarding {
    /// Returns a sentence for a person where it does not go well; `None` where it does.
    pub fn warning(&self) -> Option<String> {
        let why = self.why.as_deref()?;
        Some(match self.state {
            ForwardState::Sending => return None,
            ForwardState::Waiting => {
                format!("what is recorded waits to be passed on to {}: {why}. It is tried again by itself", self.url)
            }
            ForwardState::Refused => format!(
                "{} does not take what is passed on: {why}. Of it {} spans and {} log records are lost to it, never here",
                self.url, self.refused_spans, self.refused_log_records
            ),
            ForwardState::Stopped => format!("{}: {why}", self.url),
        })
    }
}
