//! Writes a development journal: gathers context, then asks a language model for a summary, a dialogue and the
//! technical decisions — one after the other, or with `--concurrent` all three at once.
//!
//! It is an ordinary program with the ordinary OpenTelemetry crates and knows nothing of Kinescope: where it sends
//! its spans, and which trace it continues, comes from the standard environment variables. The language model is a
//! local HTTP server (`model`) that answers after a realistic delay, scaled down, so that anybody can run it.

mod journal;
mod model;
mod telemetry;

use clap::Parser;

/// Writes a development journal for the current directory.
#[derive(Parser)]
#[command(name = "journal", version)]
struct Arguments {
    /// Ask for the three parts at once rather than one after the other.
    #[arg(long)]
    concurrent: bool,

    /// How many journals to write, one after the other.
    #[arg(long, default_value_t = 1, value_name = "N")]
    repeat: u32,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let model = model::serve()?;
    runtime.block_on(async {
        let telemetry = telemetry::start()?;
        for _ in 0..arguments.repeat {
            let journal = journal::generate(&telemetry.parent, model, arguments.concurrent).await?;
            show(&journal);
        }
        // The exporter's thread needs this runtime while it sends what is left.
        tokio::task::spawn_blocking(move || telemetry.stop()).await?
    })
}

#[expect(clippy::print_stdout, reason = "the journal is what this program is for")]
fn show(journal: &str) {
    println!("{journal}");
}
