//! Runs every fuzz target for a while.
//!
//! Targets live in crates of their own (`fuzz/` in the root or beside a crate), outside the workspace, because the
//! sanitizers they are built with need compiler flags of their own. `RUSTC_BOOTSTRAP` lets the stable toolchain
//! accept those flags, so that no nightly is needed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::exec;

/// Building a target with its dependencies under the sanitizers, beside the time asked for.
const BUILD_LIMIT: Duration = Duration::from_mins(40);

/// Arguments of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Minutes that each target runs
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Only targets whose name contains this
    #[arg(long)]
    target: Option<String>,
}

/// Runs the targets; false when one of them found something.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let root = exec::workspace_root()?;
    if !exec::available("cargo", &["fuzz", "--version"]) {
        bail!("cargo-fuzz is not installed: `cargo install cargo-fuzz --locked`, then try again");
    }
    let mut found = Vec::new();
    let mut ran = 0_u64;
    for folder in folders(&root)? {
        for target in targets(&folder)? {
            if args.target.as_ref().is_some_and(|wanted| !target.contains(wanted.as_str())) {
                continue;
            }
            ran += 1;
            if !fuzz(&folder, &target, args.minutes)? {
                found.push(target);
            }
        }
    }
    if ran == 0 {
        bail!("no fuzz target matches; `cargo fuzz list` in a fuzz folder shows their names");
    }
    println!("{} passed, {} failed", ran - found.len() as u64, found.len());
    for target in &found {
        println!("  {target}: see its artifacts folder for the input");
    }
    Ok(found.is_empty())
}

fn fuzz(folder: &Path, target: &str, minutes: u64) -> anyhow::Result<bool> {
    let mut command = Command::new("cargo");
    command.current_dir(folder).env("RUSTC_BOOTSTRAP", "1");
    command.args(["fuzz", "run", "--fuzz-dir", ".", target, "--"]);
    command.args([
        format!("-max_total_time={}", minutes * 60),
        "-rss_limit_mb=4096".into(),
        "-print_final_stats=1".into(),
    ]);
    Ok(exec::run(command, BUILD_LIMIT + Duration::from_mins(minutes))?.success)
}

fn folders(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut candidates = vec![root.join("fuzz")];
    for entry in std::fs::read_dir(root.join("crates")).context("failed to list the crates")? {
        candidates.push(entry?.path().join("fuzz"));
    }
    candidates.retain(|folder| folder.join("Cargo.toml").is_file());
    candidates.sort();
    Ok(candidates)
}

fn targets(folder: &Path) -> anyhow::Result<Vec<String>> {
    let output = Command::new("cargo")
        .current_dir(folder)
        .args(["fuzz", "list", "--fuzz-dir", "."])
        .output()
        .context("failed to list the fuzz targets")?;
    if !output.status.success() {
        bail!("cargo fuzz list failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}
