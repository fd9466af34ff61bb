//! What decoding OTLP protobuf costs a span, alone and with redaction, on requests as SDKs send them.
//!
//! A plain program rather than a harness: it prints nanoseconds a span and bytes a span. Every request is another one,
//! with ids of its own, as under load. `cargo bench -p kino-ingest --bench decode` runs it with the settings of a
//! packaged build.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::time::Instant;

use kino_ingest::{Encoding, Limits, otlp};
use kino_model::{Batch, UnixNanos};
use kino_redact::{Redactor, Rules};
use kino_testkit::RequestStream;

const TEMPLATES: usize = 128;
const ROUNDS: usize = 24;
/// The first trace's start: some day in 2025.
const START: i64 = 1_760_000_000_000_000_000;

fn main() {
    let redactor = Redactor::new([9; 32], Rules::default());
    let limits = Limits::default();
    let decode = |body: &[u8]| otlp::decode_traces(body, Encoding::Protobuf, &limits).expect("a whole request").batch;
    measure("decode", decode);
    measure("decode and redact", |body| redactor.redact_batch(decode(body)).0);
}

fn measure(what: &str, each: impl Fn(&[u8]) -> Batch) {
    let mut stream = RequestStream::new(1, TEMPLATES, UnixNanos(START));
    let (mut bytes, mut columns, mut spans) = (0, 0, 0);
    let mut rounds = Vec::new();
    // The shortest time of each template: what the machine's other work did not disturb.
    let mut shortest = [u128::MAX; TEMPLATES];
    for _ in 0..ROUNDS {
        let (mut nanos, mut in_round) = (0, 0);
        for shortest in &mut shortest {
            let (body, count) = stream.next_request();
            let started = now();
            let batch = each(body);
            let took = started.elapsed().as_nanos();
            *shortest = took.min(*shortest);
            nanos += took;
            bytes += body.len();
            columns += batch.memory_size();
            in_round += count;
        }
        rounds.push(nanos as f64 / in_round as f64);
        spans += in_round;
    }
    rounds.sort_by(f64::total_cmp);
    println!(
        "{what:<18} median {:>7.1} ns/span, undisturbed {:>7.1} ns/span; a span is {} bytes of OTLP, {} of columns",
        rounds[ROUNDS / 2],
        shortest.iter().sum::<u128>() as f64 / (spans / ROUNDS) as f64,
        bytes / spans,
        columns / spans
    );
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}
