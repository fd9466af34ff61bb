//! `cargo xtask bench`: measures the budgets of the design on a real engine, beside peers on the same data.
//!
//! ```text
//!  build release ─► engine on a home of its own ─► load (OTLP) ─► watch ─► flush ─► questions ─► peers ─► docs/benchmarks.md
//! ```
//!
//! Figures are whole-process and end-to-end: what a client sees. Nothing here passes or fails.

mod engine;
mod figures;
mod large;
mod machine;
mod observer;
mod peers;
mod questions;
mod report;
mod split;
mod watching;

use std::io::Write;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures Kinescope and its peers on this machine and writes a page of it.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many spans to load.
    #[arg(long, default_value_t = 20_000_000)]
    spans: u64,
    /// How many times each question is asked.
    #[arg(long, default_value_t = 200)]
    repeats: usize,
    /// Also measure a cold release build of `kino`, in a target folder of its own.
    #[arg(long)]
    cold_build: bool,
    /// Which peers to measure beside it; kino-sql brings a query engine, which takes long to build.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "duckdb,kino-sql,prost")]
    peers: Vec<Peer>,
    /// The page to write, in the checkout.
    #[arg(long, default_value = "docs/benchmarks.md")]
    page: PathBuf,
    /// Print the table, but leave the page as it is.
    #[arg(long)]
    dry: bool,
    /// Measure only the cost of late roots: the percentage of traces whose root arrives long after the rest.
    #[arg(long, default_value_t = 0)]
    split: u64,
    /// The same, of a hundred requests that are sent once more, long after.
    #[arg(long, default_value_t = 0)]
    doubled: u64,
    /// Keep the engine's home here instead of in a temporary folder.
    #[arg(long)]
    home: Option<PathBuf>,
}

/// What is measured beside Kinescope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Peer {
    /// DuckDB from PyPI over the same files.
    Duckdb,
    /// kino-sql over the same files and rows.
    KinoSql,
    /// A receiver on tonic and prost that only decodes.
    Prost,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let temporary = tempfile::Builder::new().prefix("kino-bench-").tempdir()?;
    let home = arguments.home.clone().unwrap_or_else(|| temporary.path().join("home"));
    let mut report = report::Report::new(machine::describe()?, arguments.spans);

    let programs = engine::build(arguments.peers.contains(&Peer::KinoSql))?;
    if arguments.split + arguments.doubled > 0 {
        report.extend(split::measure(&programs, &arguments, temporary.path())?)?;
        writeln!(std::io::stdout(), "{}", report.table())?;
        return if arguments.dry { Ok(()) } else { report.add_to(&programs.root.join(&arguments.page)) };
    }
    if arguments.cold_build {
        report.add(engine::cold_build(temporary.path())?)?;
    }
    report.add(engine::binary_size(&programs)?)?;
    report.extend(engine::start_up(&programs, &home, "empty home")?)?;

    let mut running = engine::RunningEngine::start(&programs, &home)?;
    report.extend(engine::load(&mut running, &programs, &arguments, temporary.path())?)?;
    report.extend(questions::visibility(&running)?)?;
    report.extend(engine::settle(&running)?)?;
    report.add(watching::detectors()?)?;
    report.add(watching::beside_load(&running, &programs)?)?;
    engine::settle(&running)?;
    report.extend(questions::storage(&running)?)?;
    report.extend(questions::ask_all(&running, &temporary.path().join("ids"), arguments.repeats)?)?;
    report.extend(engine::idle(&running)?)?;
    if arguments.peers.contains(&Peer::Duckdb) {
        report.extend(peers::duckdb(&running, temporary.path())?)?;
    }
    if arguments.peers.contains(&Peer::KinoSql) {
        report.extend(peers::kino_sql(&running, &programs)?)?;
    }
    report.extend(large::traces(&running)?)?;
    running.stop()?;
    report.extend(engine::start_up(&programs, &home, "with everything in it")?)?;
    if arguments.peers.contains(&Peer::Prost) {
        report.extend(peers::prost_receiver(&programs, arguments.spans)?)?;
    }

    writeln!(std::io::stdout(), "{}", report.table())?;
    if !arguments.dry {
        report.write(&programs.root.join(&arguments.page))?;
    }
    Ok(())
}
