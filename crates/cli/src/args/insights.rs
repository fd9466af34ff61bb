//! Arguments of `insights`.

use clap::{Args, Subcommand, ValueEnum};
use kino_text::time::{self, When};

use super::{ListFormat, ScopeArguments, parse_limit};
use crate::completion;

/// Arguments of `insights`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
The engine evaluates every operation with new executions and stores what it finds. A finding is
  open          seen, and not acknowledged
  acknowledged  seen, and marked as known (`kino insights ack`)
  fixed         later executions show it gone; with the code, and the effect
  recurring     it was fixed, and is back
  decayed       its operation has not been seen for findings.decay_days

The first is the one most worth acting on: its saving, times how often its operation runs, times how sure it is. \
In config.toml, `[findings] off = [\"dead_time\"]` switches a detector off.

Examples:
  kino insights
  kino insights --file app/models.py
  kino insights --state fixed --since 7d
  kino insights show 3f9a
  kino insights ack 3f9a"
)]
pub(crate) struct Insights {
    /// Only those in this state; may be repeated. By default open and recurring ones.
    #[arg(long = "state", value_enum, value_name = "STATE")]
    pub(crate) states: Vec<InsightState>,
    /// Only those located in this file; may be repeated.
    #[arg(long = "file", value_name = "PATH")]
    pub(crate) files: Vec<String>,
    /// Only those that opened or changed their state at or after this.
    #[arg(long, value_name = "TIME", value_parser = time::parse_when)]
    pub(crate) since: Option<When>,
    /// At most this many.
    #[arg(long, value_name = "N", default_value_t = kino_wire::insights::DEFAULT_LIMIT, value_parser = parse_limit)]
    pub(crate) limit: usize,
    /// How the list is written.
    #[command(flatten)]
    pub(crate) format: ListFormat,
    /// Whose findings.
    #[command(flatten)]
    pub(crate) scope: ScopeArguments,
    /// One finding.
    #[command(subcommand)]
    pub(crate) one: Option<OneInsight>,
}

/// What to do with one finding.
#[derive(Debug, Subcommand)]
pub(crate) enum OneInsight {
    /// Show everything stored about a finding.
    Show {
        /// Its fingerprint; a unique beginning will do.
        #[arg(value_name = "FINGERPRINT", add = completion::findings())]
        fingerprint: String,
        /// Whose findings.
        #[command(flatten)]
        scope: ScopeArguments,
    },
    /// Mark a finding as known, so that it is not listed until it comes back.
    Ack {
        /// Its fingerprint; a unique beginning will do.
        #[arg(value_name = "FINGERPRINT", add = completion::findings())]
        fingerprint: String,
        /// Take the acknowledgement back.
        #[arg(long)]
        undo: bool,
        /// Whose findings.
        #[command(flatten)]
        scope: ScopeArguments,
    },
}

/// A state of a finding, or any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InsightState {
    /// Seen.
    Open,
    /// Seen, and you know.
    Acknowledged,
    /// Later executions show it gone.
    Fixed,
    /// It was fixed, and is back.
    Recurring,
    /// Its operation has not been seen for long.
    Decayed,
    /// Whatever its state.
    All,
}
