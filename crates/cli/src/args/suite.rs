//! Arguments of `explain --tests`.

use clap::Args;

use super::{Format, ListFormat};
use crate::completion;

/// Which tests, and how they are listed.
#[derive(Debug, Args)]
pub(crate) struct SuiteArguments {
    /// Tests: which fail, are flaky, became slower, take longest, and ask a database most.
    #[arg(long)]
    pub(crate) tests: bool,
    /// With --tests: those of this run (id, or a unique prefix).
    #[arg(long, value_name = "RUN_ID", requires = "tests", conflicts_with = "label", add = completion::runs())]
    pub(crate) run: Option<String>,
    /// With --tests: those of all runs with this label.
    #[arg(long, value_name = "NAME", requires = "tests", add = completion::labels())]
    pub(crate) label: Option<String>,
    /// With --tests: at most this many of each kind.
    #[arg(long, value_name = "N", requires = "tests", default_value_t = kino_wire::suite::DEFAULT_LIMIT as u64,
          value_parser = clap::value_parser!(u64).range(1..=kino_wire::suite::MAX_LIMIT as u64))]
    pub(crate) top: u64,
    /// With --tests, how they are listed: a table, one JSON document, a JSON line a test, or comma-separated values.
    #[arg(long, value_enum, value_name = "FORMAT", requires = "tests", conflicts_with = "json")]
    format: Option<Format>,
}

impl SuiteArguments {
    /// How the list is written.
    pub(crate) fn format(&self) -> ListFormat {
        ListFormat { format: self.format }
    }
}
