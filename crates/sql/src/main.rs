//! `kino-sql`: read-only SQL over one pinned snapshot of a Kinescope store.
//!
//! ```text
//!  kino sql "…" ─► engine pins a snapshot ─► kino-sql --snapshot - "…" ─► table or JSON on stdout
//! ```
//!
//! A process of its own, so that the main binary carries no query engine and a wild query that runs out of memory
//! hurts no other process. It never writes: not to the store, not anywhere else.

mod hex;
mod lake;
mod output;
mod query;
mod snapshot;
mod tables;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

/// Runs one read-only SQL query over a snapshot that `kino sql` took.
///
/// Tables: spans, events, links, traces. Ids are lowercase hex text, times are BIGINT Unix nanoseconds, attributes
/// without a column of their own are read as `attributes['key']`. Every column is described in docs/schema.md.
#[derive(Debug, Parser)]
#[command(name = "kino-sql", version)]
struct Arguments {
    /// The answer of the engine's `sql_snapshot`, as a JSON file; `-` reads it from standard input.
    #[arg(long, value_name = "FILE")]
    snapshot: PathBuf,
    /// Print JSON (`kino.sql.v1`) instead of a table.
    #[arg(long)]
    json: bool,
    /// Print at most this many rows; says so when there are more.
    #[arg(long, value_name = "ROWS", default_value_t = 1_000)]
    limit: usize,
    /// Give up after this many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
    /// The memory that the query's operators may take, in bytes; sorts spill to disk beyond it.
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 30)]
    memory: usize,
    /// One statement of SQL that reads.
    #[arg(value_name = "QUERY")]
    query: String,
}

/// The exit code where a file of the snapshot is damaged: `kino sql` lets the engine look, and asks once more.
const DAMAGED: u8 = 3;

/// Exit codes: 0 answered, 1 the query or the store is at fault, 2 wrong arguments (clap's own), 3 a file is damaged.
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            if error.is::<query::Damaged>() { ExitCode::from(DAMAGED) } else { ExitCode::FAILURE }
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let limits = query::Limits {
        rows: arguments.limit,
        time: Duration::from_secs(arguments.timeout),
        memory_bytes: arguments.memory,
    };
    let snapshot = snapshot::read(&arguments.snapshot)?;
    let answer = query::run(snapshot, arguments.query.clone(), limits)?;
    output::print(&answer, arguments.json)
}
