//! Any bytes as a segment of the write-ahead log: taken apart without a panic, every byte accounted for, and damage
//! costs the record that it touches.

#![no_main]

use kino_store::wal::fuzzing;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzzing::check_segment(bytes);
    fuzzing::check_columns(bytes);
    fuzzing::check_damage(bytes);
});
