//! Keeps a ledger, with ordinary threads and the ordinary OpenTelemetry crates. Two stories:
//!
//! - `ledger book [--fixed]`: transfers are booked by several threads. Fault: the lock on the accounts is not released while
//!   the receipt is written. Repair: the receipt is written after the lock is given back.
//! - `ledger print [--slower PERCENT]`: statements are printed, in a time that scatters by itself. `--slower 15` makes
//!   each take 15 % longer: a regression among the noise. `--slower 0` is none, whatever the noise says.

mod book;
mod print;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use opentelemetry::trace::{Span, Tracer};
use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::trace::SdkTracerProvider;

/// Keeps a ledger.
#[derive(Parser)]
#[command(name = "ledger", version)]
struct Arguments {
    #[command(subcommand)]
    story: Story,
}

#[derive(Subcommand)]
enum Story {
    /// Book transfers from several threads.
    Book {
        /// Write the receipt after the lock is given back.
        #[arg(long)]
        fixed: bool,
    },
    /// Print statements.
    Print {
        /// By how many percent each takes longer.
        #[arg(long, default_value_t = 0, value_name = "PERCENT")]
        slower: u32,
        /// How many.
        #[arg(long, default_value_t = 40, value_name = "N")]
        statements: u32,
        /// What the noise begins with.
        #[arg(long, default_value_t = 1, value_name = "SEED")]
        seed: u64,
    },
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    // The exporter's connection lives on this runtime; the ledger itself is made of threads.
    let entered = runtime.enter();
    let exporter = SpanExporter::builder().with_tonic().build().context("setting up the OTLP exporter")?;
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    global::set_tracer_provider(provider.clone());
    match arguments.story {
        Story::Book { fixed } => book::transfers(fixed),
        Story::Print { slower, statements, seed } => print::statements(statements, slower, seed),
    }
    drop(entered);
    provider.shutdown().context("sending the last spans")
}

/// A span as the instrumentation of a function begins it.
fn span(name: &'static str, file: &'static str, line: u32, function: &'static str) -> impl Span {
    global::tracer("ledger")
        .span_builder(name)
        .with_attributes([
            KeyValue::new("code.file.path", file),
            KeyValue::new("code.line.number", i64::from(line)),
            KeyValue::new("code.function.name", function),
        ])
        .start(&global::tracer("ledger"))
}
