//! OTLP as Json: no bytes make the decoders panic, and what they take in comes out again.
#![no_main]

use kino_ingest::otlp::{count_metrics, decode_logs, decode_traces};
use kino_ingest::{Encoding, Limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let limits = Limits::default();
    let decoded = [decode_traces(body, Encoding::Json, &limits), decode_logs(body, Encoding::Json, &limits)];
    decoded.iter().flatten().for_each(kino_fuzz::check);
    if let Err(problem) = count_metrics(body, Encoding::Json, &limits) {
        assert!(!problem.to_string().is_empty());
    }
});
