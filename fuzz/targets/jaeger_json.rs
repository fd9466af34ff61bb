//! Jaeger's JSON, and whatever a file may be: no bytes make the decoders panic, and what they take in comes out again.
#![no_main]

use kino_ingest::{Limits, decode_file, jaeger};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let limits = Limits::default();
    if let Ok(decoded) = jaeger::decode(body, &limits) {
        kino_fuzz::check(&decoded);
    }
    if let Ok((_, decoded)) = decode_file(body, &limits) {
        kino_fuzz::check(&decoded);
    }
});
