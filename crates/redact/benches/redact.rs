//! What redaction costs a span of clean data, and one with a secret in it.
//!
//! A plain program rather than a harness: it prints nanoseconds a span and bytes a span, over columns as decoders
//! fill them. `cargo bench -p kino-redact --bench redact` runs it with the settings of a packaged build.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::sync::Arc;
use std::time::Instant;

use arrow_array::builder::{MapBuilder, MapFieldNames, StringBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, RecordBatch, StringArray};
use arrow_schema::{Field, Schema};
use kino_model::Batch;
use kino_redact::{Redactor, Rules};

/// The size of batch in which spans are decoded under load.
const SPANS: usize = 16 * 1024;
const ROUNDS: usize = 200;

fn main() {
    let redactor = Redactor::new([9; 32], Rules::default());
    for (what, every) in [("clean", usize::MAX), ("a secret in 1 of 1000", 1000), ("a secret in 1 of 10", 10)] {
        let batch = batch(every);
        let bytes: usize = batch.spans.columns().iter().map(|column| column.get_array_memory_size()).sum();
        let mut nanos: Vec<u128> = (0..ROUNDS)
            .map(|_| {
                let batch = batch.clone();
                let started = now();
                let redacted = redactor.redact_batch(batch);
                let took = started.elapsed().as_nanos();
                drop(std::hint::black_box(redacted));
                took
            })
            .collect();
        nanos.sort_unstable();
        let per_span = |nanos: u128| nanos as f64 / SPANS as f64;
        println!(
            "{what:<22} median {:>7.1} ns/span, best {:>7.1} ns/span, {} bytes of columns a span",
            per_span(nanos[ROUNDS / 2]),
            per_span(nanos[0]),
            bytes / SPANS
        );
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}

/// Spans of a web service: a name, a URL or a statement, and a handful of attributes without a column of their own.
fn batch(secret_every: usize) -> Batch {
    let (mut names, mut urls, mut statements) = (Vec::new(), Vec::new(), Vec::new());
    let fields = MapFieldNames { entry: "entries".into(), key: "keys".into(), value: "values".into() };
    let mut attributes = MapBuilder::new(Some(fields), StringBuilder::new(), StringBuilder::new());
    for row in 0..SPANS {
        let (web, secret) = (row % 3 == 0, row % secret_every == secret_every - 1);
        names.push(if web { "GET /api/v1/orders/{id}".to_owned() } else { format!("SELECT shop.orders{}", row % 7) });
        urls.push(
            web.then(|| format!("https://shop.example.org/api/v1/orders/{:08x}?expand=lines&page=2", row * 7919)),
        );
        let statement =
            "SELECT id, total, created_at FROM orders WHERE customer_id = $1 ORDER BY created_at DESC LIMIT 50";
        statements.push(
            (!web).then(|| if secret { format!("{statement} -- password=hunter{row}") } else { statement.to_owned() }),
        );
        for (key, value) in [
            ("thread.id", format!("{}", row % 16)),
            ("thread.name", format!("worker-{}", row % 16)),
            ("net.peer.ip", format!("10.0.{}.{}", row % 200, row % 251)),
            ("user_agent.original", "okhttp/4.12.0".to_owned()),
        ] {
            attributes.keys().append_value(key);
            attributes.values().append_value(value);
        }
        attributes.append(true).expect("as many keys as values");
    }
    let resource = r#"{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]}"#;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("name", Arc::new(StringArray::from(names))),
        ("service_name", Arc::new(vec!["shop"; SPANS].into_iter().collect::<DictionaryArray<Int32Type>>())),
        ("url_full", Arc::new(StringArray::from(urls))),
        ("db_query_text", Arc::new(StringArray::from(statements))),
        ("resource", Arc::new(vec![resource; SPANS].into_iter().collect::<DictionaryArray<Int32Type>>())),
        ("attributes", Arc::new(attributes.finish())),
    ];
    let field = |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    Batch { spans: RecordBatch::try_new(schema, arrays).expect("columns of one length"), ..Batch::empty() }
}
