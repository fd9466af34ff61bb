//! Any bytes as a segment of the write-ahead log: taken apart without a panic, and what was whole before a damage
//! stays whole after it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    kino_store::wal::replay::fuzz_segment(bytes);
    kino_store::wal::replay::fuzz_damage(bytes);
});
