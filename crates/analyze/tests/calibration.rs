//! Verdicts on recorded runs of unchanged programs: the recordings are `cargo xtask calibrate`'s.

#![allow(clippy::expect_used)]

#[path = "calibration/others.rs"]
mod others;
#[path = "calibration/replay.rs"]
mod replay;

use std::path::{Path, PathBuf};

fn recordings() -> Vec<replay::Recording> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../calibration/recorded");
    let files = std::fs::read_dir(folder).expect("there are recordings");
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|kind| kind == "csv"));
    files.sort();
    files.iter().map(|file| replay::read(file)).collect()
}

/// The wrong ones among all that `kind` names.
fn wrong(rows: &[replay::Row], kind: impl Fn(&str) -> bool) -> (usize, usize) {
    let of_kind = rows.iter().filter(|row| kind(&row.comparison));
    of_kind.fold((0, 0), |(wrong, tries), row| (wrong + row.wrong, tries + row.tries))
}

/// Three standard deviations above `level`: a handful of tries proves no less.
fn bound(level: f64, tries: usize) -> f64 {
    let tries = tries as f64;
    level * tries + 3.0 * (level * tries).sqrt() + 1.0
}

#[test]
fn unchanged_programs_that_run_in_turn_are_seldom_called_different() {
    let rows = replay::unchanged(&recordings());
    for sides in ["4 a side", "5 a side", "10 a side"] {
        let (wrong, tries) = wrong(&rows, |it| it.starts_with("in turn") && it.ends_with(sides));
        assert!(tries > 20 && wrong as f64 <= bound(0.01, tries), "{sides}: {wrong} of {tries}");
        for row in rows.iter().filter(|row| row.comparison.starts_with("in turn") && row.comparison.ends_with(sides)) {
            assert_eq!(row.decided, row.tries, "{} {}: turns say how much runs vary", row.recording, row.comparison);
        }
    }
    let (wrong, tries) = wrong(&rows, |it| it.starts_with("in turn") && it.ends_with("with history"));
    assert!(tries > 20 && wrong as f64 <= bound(0.01, tries), "with history: {wrong} of {tries}");
}

#[test]
fn unchanged_programs_are_seldom_called_different_without_turns() {
    let rows = replay::unchanged(&recordings());
    let (wrong, tries) = wrong(&rows, |it| !it.starts_with("in turn"));
    assert!(tries > 100 && wrong as f64 <= bound(0.02, tries), "{wrong} of {tries}");
}

#[test]
fn verifications_of_unchanged_programs_do_not_fail() {
    let stops = replay::verifications(&recordings());
    let unchanged: Vec<&replay::Stops> = stops.iter().filter(|it| it.comparison.starts_with("unchanged")).collect();
    for stops in &unchanged {
        assert!(stops.turns == 0 || stops.turns >= 4, "{}: {} turns", stops.recording, stops.turns);
    }
    let failed: usize = unchanged.iter().map(|it| it.counts[0]).sum();
    let tries: usize = unchanged.iter().flat_map(|it| it.counts).sum();
    assert!(tries > 20 && failed as f64 <= bound(0.01, tries), "{failed} of {tries}");
}

#[test]
fn other_tools_tests_call_unchanged_programs_different_more_often() {
    let recordings = recordings();
    let (theirs, tries) = wrong(&others::rows(&recordings), |_| true);
    let (ours, of) = wrong(&replay::unchanged(&recordings), |it| it == "one side after the other, 10 a side");
    assert!(theirs * of > ours * tries, "theirs {theirs} of {tries}, ours {ours} of {of}");
}
