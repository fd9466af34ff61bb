//! What the lake costs and how fast it answers: `cargo bench -p kino-store --bench scans -- MILLIONS_OF_SPANS`.
//!
//! Fills a real store with a shop's traces, then asks it the product's questions. Prints a table; asserts nothing.

#![expect(clippy::print_stdout, reason = "a benchmark's output is its table")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use std::collections::BTreeMap;
use std::fs::File;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kino_model::{Batch, DurationNanos, TraceId, UnixNanos};
use kino_store::snapshot::{OperationFilter, TraceFilter};
use kino_store::{Store, StoreConfig};
use kino_testkit::SystemClock;
use kino_testkit::shop::Shop;
use parquet::file::reader::{FileReader, SerializedFileReader};

/// Spans of one append: what a busy collector sends in a second or so.
const BATCH_SPANS: usize = 20_000;
/// Times each question is asked.
const ROUNDS: usize = 200;

#[tokio::main]
async fn main() {
    let millions: f64 = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1.0);
    let home = tempfile::tempdir().expect("a temporary folder");
    let config = StoreConfig { hot_bytes_max: 4 << 30, ..StoreConfig::new(home.path()) };
    let (store, _) = Store::open(config, Arc::new(SystemClock::new())).await.expect("a fresh store opens");
    let ids = fill(&store, (millions * 1e6) as usize).await;
    sizes(&store, home.path());
    ask(&store, &ids).await;
    store.close().await.expect("the store closes");
}

/// Appends and flushes; gives some of the trace ids.
async fn fill(store: &Store, spans: usize) -> Vec<TraceId> {
    let mut shop = Shop::new(7, UnixNanos(1_760_000_000_000_000_000));
    let (mut ids, mut made) = (Vec::new(), 0);
    let (mut appending, mut flushing) = (Duration::ZERO, Duration::ZERO);
    let mut unflushed = 0;
    while made < spans {
        let mut rows = Vec::with_capacity(BATCH_SPANS + 64);
        while rows.len() < BATCH_SPANS {
            let trace = shop.next_trace();
            if ids.len() < 10_000 || made % 7 == 0 {
                ids.push(trace[0].trace_id);
            }
            rows.extend(trace);
        }
        made += rows.len();
        unflushed += rows.len();
        let batch = Batch::from_rows(&rows, &[]);
        let begun = Instant::now();
        store.append(batch).await.expect("the store takes the batch");
        appending += begun.elapsed();
        if unflushed >= 1_000_000 || made >= spans {
            let begun = Instant::now();
            store.flush().await.expect("the flush succeeds");
            flushing += begun.elapsed();
            unflushed = 0;
        }
    }
    let each = |time: Duration| time.as_nanos() as f64 / made as f64;
    println!("{made} spans: append {:.0} ns a span, flush {:.0} ns a span", each(appending), each(flushing));
    let begun = Instant::now();
    store.compact().await.expect("the merge succeeds");
    println!("merging until nothing is worth it: {:.1} s", begun.elapsed().as_secs_f64());
    ids
}

/// Bytes a span, by table, and by column of `spans`.
fn sizes(store: &Store, home: &std::path::Path) {
    let files = store.snapshot().files();
    let mut tables: BTreeMap<&str, (u64, u64, u64)> = BTreeMap::new();
    let mut columns: BTreeMap<String, i64> = BTreeMap::new();
    for file in &files {
        let table = tables.entry(file.meta.table.name()).or_default();
        *table = (table.0 + 1, table.1 + file.meta.rows, table.2 + file.meta.bytes);
        if file.meta.table.name() != "spans" {
            continue;
        }
        let opened = File::open(home.join("lake").join(&file.path)).expect("the file is there");
        let reader = SerializedFileReader::new(opened).expect("the file is Parquet");
        for chunk in reader.metadata().row_groups().iter().flat_map(parquet::file::metadata::RowGroupMetaData::columns)
        {
            *columns.entry(chunk.column_path().string()).or_default() += chunk.compressed_size();
        }
    }
    let spans = tables.get("spans").map_or(1, |table| table.1).max(1) as f64;
    for (table, (files, rows, bytes)) in &tables {
        println!("{table:10} {files:4} files {rows:10} rows {bytes:12} bytes {:6.2} B/span", *bytes as f64 / spans);
    }
    let mut columns: Vec<(String, i64)> = columns.into_iter().collect();
    columns.sort_by_key(|(_, bytes)| -bytes);
    for (column, bytes) in columns {
        println!("  {column:45} {:6.2} B/span", bytes as f64 / spans);
    }
}

async fn ask(store: &Store, ids: &[TraceId]) {
    let snapshot = &store.snapshot();
    let pick = |round: usize| ids[(round * 7_919) % ids.len()];
    measure("trace by id, first", 1, |_| async { snapshot.trace(pick(1)).await.expect("readable").is_some() }).await;
    measure("trace by id", ROUNDS * 5, |round| async move {
        snapshot.trace(pick(round)).await.expect("readable").is_some()
    })
    .await;
    let thousand: Vec<TraceId> = (0..1_000).map(pick).collect();
    let thousand = &thousand;
    measure("1,000 traces by id", 5, |_| async { !snapshot.traces(thousand).await.expect("readable").is_empty() })
        .await;
    let text = |text: &str| Some(text.to_owned());
    let attribute = |key: &str, value: &str| vec![(key.to_owned(), value.to_owned())];
    let filters = [
        ("find, newest", TraceFilter::default()),
        ("find, service", TraceFilter { service: text("payment"), ..TraceFilter::default() }),
        ("find, unknown name", TraceFilter { name: text("nothing has this name"), ..TraceFilter::default() }),
        ("find, error", TraceFilter { error: true, ..TraceFilter::default() }),
        ("find, slow", TraceFilter { min_duration: Some(DurationNanos::from_secs(600)), ..TraceFilter::default() }),
        (
            "find, promoted attribute",
            TraceFilter { attributes: attribute("http.response.status_code", "500"), ..TraceFilter::default() },
        ),
        (
            "find, promoted, absent",
            TraceFilter { attributes: attribute("db.system", "no such system"), ..TraceFilter::default() },
        ),
        (
            "find, map, absent",
            TraceFilter { attributes: attribute("made.up.key", "no such value"), ..TraceFilter::default() },
        ),
    ];
    for (name, filter) in &filters {
        measure(name, ROUNDS / 10, |_| async {
            snapshot.find(filter, 20, None).await.expect("readable");
            true
        })
        .await;
    }
    measure("operations", ROUNDS / 10, |_| async {
        !snapshot.operations(None).await.expect("readable").operations.is_empty()
    })
    .await;
    let operation = &OperationFilter { name: text("GET /cart"), ..OperationFilter::default() };
    measure("newest 1,000 spans", ROUNDS / 10, |_| async {
        snapshot.newest_spans(operation, 1_000).await.expect("readable");
        true
    })
    .await;
}

async fn measure<F: Future<Output = bool>>(name: &str, rounds: usize, ask: impl Fn(usize) -> F) {
    let mut times = Vec::with_capacity(rounds);
    let mut answered = 0;
    for round in 0..rounds {
        let begun = Instant::now();
        answered += usize::from(ask(round).await);
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let at = |q: f64| times[((times.len() - 1) as f64 * q) as usize].as_secs_f64() * 1e3;
    println!(
        "{name:28} p50 {:8.2} ms  p95 {:8.2} ms  p99 {:8.2} ms  ({answered}/{rounds})",
        at(0.5),
        at(0.95),
        at(0.99)
    );
}
