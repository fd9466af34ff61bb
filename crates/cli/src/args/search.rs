//! Arguments of `search`.

use clap::Args;
use kino_wire::search::{DEFAULT_HITS, MAX_HITS};

use super::{ListFormat, ScopeArguments};
use crate::completion;

/// Arguments of `search`.
#[derive(Debug, Args)]
#[command(after_help = "\
ASCII letters match in either case. The newest come first: 64 MiB of what runs printed, and 500,000 log records; what was \
looked through is said, and what was not.

Examples:
  kino search 'connection refused'
  kino search --run 4f2a91c0 warning
  kino search timeout --format jsonl")]
pub(crate) struct Search {
    /// The text, on one line.
    #[arg(value_name = "TEXT")]
    pub(crate) text: String,
    /// Only what this run printed and logged (id, or a unique prefix).
    #[arg(long, value_name = "RUN_ID", add = completion::runs())]
    pub(crate) run: Option<String>,
    /// At most this many hits.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_HITS as u64, value_parser = clap::value_parser!(u64).range(1..=MAX_HITS as u64))]
    pub(crate) limit: u64,
    /// How the list is written.
    #[command(flatten)]
    pub(crate) format: ListFormat,
    /// Whose runs and logs.
    #[command(flatten)]
    pub(crate) scope: ScopeArguments,
}
