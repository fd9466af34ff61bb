//! The lines of a spooled run: JSON, one object each.
//!
//! ```text
//!  {"spool":1}                                     the first: the version of the format
//!  {"start":{…}}                                   the question `run_start`
//!  {"spans":{"count":12,"request":{…}}}            a request of OTLP
//!  {"dropped":{"spans":3}}                         spans beyond the bound, or that could not be read
//!  {"finish":{…}}                                  the question `run_finish`; missing where the writer was killed
//! ```

use kino_wire::run::{RunFinish, RunStart};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The version that is written, and the only one that is read.
pub(super) const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SpoolLine {
    Spool(u32),
    Start(Box<RunStart>),
    Spans(Spans),
    Dropped(Dropped),
    Finish(Box<RunFinish>),
}

/// Spans, and how many.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Spans {
    pub(super) count: u64,
    pub(super) request: Box<RawValue>,
}

/// Spans that are not there.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Dropped {
    pub(super) spans: u64,
}

/// The line with its end.
pub(super) fn written(line: &SpoolLine) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(line).expect("a line is text, numbers and JSON");
    bytes.push(b'\n');
    bytes
}
