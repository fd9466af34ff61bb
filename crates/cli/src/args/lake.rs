//! Arguments of `lake`.

use clap::Subcommand;

/// Commands under `lake`.
#[derive(Debug, Subcommand)]
pub(crate) enum Lake {
    /// List the Parquet files that hold the data now. DuckDB, Polars and Spark read them as they are.
    Files {
        /// Write what is still in memory out first.
        #[arg(long)]
        flush: bool,
    },
}
