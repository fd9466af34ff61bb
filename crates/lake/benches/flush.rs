//! What a flush costs by its parts: `cargo bench -p kino-lake --bench flush -- SPANS`.
//!
//! Sorts and encodes a shop's spans as a flush does, and prints the best of several rounds and the largest columns;
//! asserts nothing.

#![expect(clippy::print_stdout, reason = "a benchmark's output is its table")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kino_lake::write::{self, Arrival};
use kino_model::{Batch, UnixNanos};
use kino_testkit::shop::Shop;
use parquet::file::reader::{FileReader, SerializedFileReader};

/// Spans of one hot batch: a request's.
const BATCH_SPANS: usize = 512;
/// Rounds, of which the best counts.
const ROUNDS: usize = 7;

fn main() {
    let spans: usize = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(250_000);
    let mut shop = Shop::new(7, UnixNanos(1_760_000_000_000_000_000));
    let (mut batches, mut made) = (Vec::new(), 0);
    while made < spans {
        let mut rows = Vec::with_capacity(BATCH_SPANS + 64);
        while rows.len() < BATCH_SPANS {
            rows.extend(shop.next_trace());
        }
        // A request lists its spans by who sent them.
        rows.sort_by_key(|span| (Arc::as_ptr(&span.resource), Arc::as_ptr(&span.scope)));
        made += rows.len();
        batches.push(Batch::from_rows(&rows, &[]));
    }
    let bytes: usize = batches.iter().map(Batch::memory_size).sum();
    println!("{made} spans, {} B each in memory", bytes / made);
    let arrival = Arrival { min: UnixNanos(0), max: UnixNanos(1) };
    let mut best = Duration::MAX;
    let mut set = None;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let built = write::build(&batches, arrival, &[]).expect("the shop's rows fit their tables");
        best = best.min(started.elapsed());
        set = Some(built);
    }
    println!("build: {} ns a span", best.as_nanos() / made as u128);
    let mut columns: BTreeMap<String, i64> = BTreeMap::new();
    for file in set.into_iter().flat_map(|set| set.files) {
        println!("{}: {:.2} B a span", file.meta.table.name(), file.bytes.len() as f64 / made as f64);
        let reader = SerializedFileReader::new(file.bytes).expect("a file that was just written");
        for group in reader.metadata().row_groups() {
            for column in group.columns() {
                let name = format!("{}.{}", file.meta.table.name(), column.column_path().string());
                *columns.entry(name).or_default() += column.compressed_size();
            }
        }
    }
    let mut columns: Vec<_> = columns.into_iter().collect();
    columns.sort_by_key(|(_, bytes)| -bytes);
    for (name, bytes) in columns.iter().take(24) {
        println!("  {name}: {:.2} B a span", *bytes as f64 / made as f64);
    }
}
