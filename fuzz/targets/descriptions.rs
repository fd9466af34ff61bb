//! Any bytes as a manifest or an inventory of the lake: read or refused without a panic, and damage is noticed.

#![no_main]

use kino_lake::describe::fuzzing;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzzing::check_inventory(bytes);
    fuzzing::check_manifest(bytes);
    fuzzing::check_damage(bytes);
});
