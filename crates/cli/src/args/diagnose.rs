//! Arguments of `diagnose`.

use clap::Args;

use super::ScopeArguments;
use kino_text::time::{self, When};

/// Arguments of `diagnose`.
#[derive(Debug, Args)]
#[command(after_help = "\
It evaluates the newest executions of every operation at which executions start, and ranks what is wrong with them:
findings, failures by their first cause, and what the newest state of the code does otherwise than the one before. \
Each entry is one cause, with the part of the time or of the executions that is lost by it, and the command to go on \
with. What only follows from a cause is listed below it.

Words of a complaint match recorded names alone (operations, services, attributes, errors, statements): what they name \
ranks higher, and the answer says by how much. It also lists the words that name nothing.

Examples:
  kino diagnose
  kino diagnose \"checkout is slow for customer halden\"
  kino diagnose --since 1d --json")]
pub(crate) struct Diagnose {
    /// Words of the complaint.
    #[arg(value_name = "WORDS")]
    pub(crate) words: Vec<String>,
    /// Only executions that started at or after this.
    #[arg(long, value_name = "TIME", value_parser = time::parse_when)]
    pub(crate) since: Option<When>,
    /// At most this many entries.
    #[arg(long, value_name = "N", default_value_t = kino_wire::diagnose::DEFAULT_LIMIT,
          value_parser = parse_entries)]
    pub(crate) limit: usize,
    /// Whose traces.
    #[command(flatten)]
    pub(crate) scope: ScopeArguments,
}

fn parse_entries(text: &str) -> Result<usize, String> {
    let max = kino_wire::diagnose::MAX_LIMIT;
    let number = text.parse().ok().filter(|limit| (1..=max).contains(limit));
    number.ok_or_else(|| format!("a number from 1 to {max} is expected"))
}
