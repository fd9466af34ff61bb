//! `calibrate report`: hands over to the program that forms comparisons from what was recorded, built in release.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where recordings lie, in the repository.
const RECORDED: &str = "calibration/recorded";

/// Prints the tables; says whether it ran to its end.
pub(crate) fn run() -> anyhow::Result<bool> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is in the repository");
    let mut files: Vec<PathBuf> = std::fs::read_dir(root.join(RECORDED))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "csv"));
    files.sort();
    let command = ["run", "--release", "--quiet", "-p", "kino-analyze", "--example", "calibrate", "--"];
    Ok(Command::new("cargo").args(command).args(files).status()?.success())
}
