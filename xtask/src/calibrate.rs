//! Whether verdicts on time survive the same unchanged code, run many times.
//!
//! ```text
//!  calibration/programs ── record: `kino run`, again and again ──► calibration/recorded/*.csv ── report ──► tables
//! ```
//!
//! Owns what is executed and what is written down of it; whether two times differ, `kino-analyze` says.

mod bursts;
mod measure;
mod programs;
mod record;
mod recording;
mod report;

/// Arguments of `cargo xtask calibrate`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Runs the programs of calibration/ under `kino run` and writes their times down
    Record(record::Args),
    /// Forms comparisons from what was recorded, and prints how often a verdict is wrong
    Report,
}

/// Runs the action; false when it did not reach its end.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    match &args.action {
        Action::Record(args) => record::run(args),
        Action::Report => report::run(),
    }
}
