//! Arguments of `runs`, `services` and `operations`.

use clap::Args;
use kino_model::UnixNanos;
use kino_text::time::{self, When};

use super::{ListFormat, ScopeArguments};
use crate::completion;

/// Arguments of `runs`.
#[derive(Debug, Args)]
#[command(after_help = "\
A run is one command under `kino run`. The list reads records alone, no spans: counts are those of each run's end. The \
beginning of an id is enough for every command that takes one.

Examples:
  kino runs
  kino runs --failed --since 1d
  kino runs --label before --json
  kino open run:4f2a91c0    how one ended, what it sent, what is wrong
  kino find --run 4f2a91c0  its traces
  kino compare --before run:4f2a91c0 --after run:8d3f07aa")]
pub(crate) struct Runs {
    /// Only runs with exactly this label.
    #[arg(long, value_name = "NAME", add = completion::labels())]
    pub(crate) label: Option<String>,
    /// Only runs that this tool call of an assistant started, as `kino run --call` names it.
    #[arg(long, value_name = "ID")]
    pub(crate) call: Option<String>,
    /// Only runs whose command failed.
    #[arg(long)]
    pub(crate) failed: bool,
    /// Only runs that started at or after this.
    #[arg(long, value_name = "TIME", value_parser = time::parse_when)]
    pub(crate) since: Option<When>,
    /// Only runs that started before this.
    #[arg(long, value_name = "TIME", value_parser = time::parse_when)]
    pub(crate) until: Option<When>,
    /// At most this many.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = limit(kino_wire::run::MAX_RUNS))]
    pub(crate) limit: u64,
    /// Go on where an earlier answer stopped.
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
    /// How the list is written.
    #[command(flatten)]
    pub(crate) format: ListFormat,
    /// Whose runs.
    #[command(flatten)]
    pub(crate) scope: ScopeArguments,
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Window {
    /// Only spans that started at or after this.
    #[arg(long, value_name = "TIME", value_parser = time::parse_when)]
    pub(crate) since: Option<When>,
    /// Only spans that started before this.
    #[arg(long, value_name = "TIME", value_parser = time::parse_when)]
    pub(crate) until: Option<When>,
}

/// Arguments of `services`.
#[derive(Debug, Args)]
#[command(after_help = "\
Counts are maintained as spans arrive, over everything that is stored: no span is read, however many there are. With \
--since or --until the spans that started in that time are read and counted, at most 20 million rows.

Examples:
  kino services
  kino services --since 1h
  kino services --all --json
  kino operations --service shop    what one of them does")]
pub(crate) struct Services {
    /// When.
    #[command(flatten)]
    pub(crate) window: Window,
    /// At most this many.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = limit(kino_wire::live::MAX_OPERATIONS))]
    pub(crate) limit: u64,
    /// How the list is written.
    #[command(flatten)]
    pub(crate) format: ListFormat,
    /// Whose services.
    #[command(flatten)]
    pub(crate) scope: ScopeArguments,
}

/// Arguments of `operations`.
#[derive(Debug, Args)]
#[command(after_help = "\
An operation is a service and the name of a span. Counts and durations are maintained as spans arrive, over everything \
that is stored: no span is read, however many there are. With --since or --until the spans that started in that time \
are read and counted, at most 20 million rows. TOTAL is the time of all its spans together.

Examples:
  kino operations
  kino operations --since 14:05 --until 14:20
  kino operations --service shop --roots
  kino explain 'GET /orders'      where the time of one goes; a part will do
  kino find --name 'GET /orders'  the traces it is in")]
pub(crate) struct Operations {
    /// Only those of exactly this service.
    #[arg(long, short, value_name = "SERVICE", add = completion::services())]
    pub(crate) service: Option<String>,
    /// Only those at which traces begin.
    #[arg(long)]
    pub(crate) roots: bool,
    /// When.
    #[command(flatten)]
    pub(crate) window: Window,
    /// At most this many.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = limit(kino_wire::live::MAX_OPERATIONS))]
    pub(crate) limit: u64,
    /// How the list is written.
    #[command(flatten)]
    pub(crate) format: ListFormat,
    /// Whose operations.
    #[command(flatten)]
    pub(crate) scope: ScopeArguments,
}

impl Window {
    /// Both ends, `now` being the present.
    pub(crate) fn unix_nanos(self, now: UnixNanos) -> (Option<i64>, Option<i64>) {
        let nanos = |when: Option<When>| when.map(|when| when.unix_nanos(now));
        (nanos(self.since), nanos(self.until))
    }
}

fn limit(max: usize) -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..=max as u64)
}
