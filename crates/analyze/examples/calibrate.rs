//! Prints how often a verdict on recorded runs of unchanged programs is wrong: what `cargo xtask calibrate report` calls
//! with the files of `calibration/recorded`.

#![allow(clippy::print_stdout, clippy::expect_used)]

#[path = "../tests/calibration/others.rs"]
mod others;
#[path = "../tests/calibration/replay.rs"]
mod replay;

use std::path::PathBuf;

use replay::{Row, Stops};

fn main() {
    let mut files: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    files.sort();
    let recordings: Vec<replay::Recording> = files.iter().map(|file| replay::read(file)).collect();
    println!("| recording | comparison | tries | wrong | with a verdict |\n|---|---|---:|---:|---:|");
    let rows = replay::unchanged(&recordings).into_iter().chain(others::rows(&recordings));
    for Row { recording, comparison, tries, wrong, decided } in rows {
        let part = |count: usize| 100.0 * count as f64 / tries.max(1) as f64;
        let (wrong_part, decided) = (part(wrong), part(decided));
        println!("| {recording} | {comparison} | {tries} | {wrong} ({wrong_part:.1} %) | {decided:.0} % |");
    }
    println!(
        "\n| recording | verification | tries | fail | pass | undecided | turns |\n|---|---|---:|---:|---:|---:|---:|"
    );
    for Stops { recording, comparison, counts: [fail, pass, undecided], turns } in replay::verifications(&recordings) {
        let tries = fail + pass + undecided;
        println!("| {recording} | {comparison} | {tries} | {fail} | {pass} | {undecided} | {turns} |");
    }
}
