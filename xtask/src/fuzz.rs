//! Builds the fuzz targets with coverage and AddressSanitizer, and runs each for a while.
//!
//! The targets live in `fuzz/`, a workspace of its own, because they are built with flags that nothing else is built
//! with. Those flags are set here rather than by cargo-fuzz, so that the stable toolchain is all that is needed:
//! `RUSTC_BOOTSTRAP` lets it accept `-Z sanitizer`.
//!
//! ```text
//!  fuzz/corpus/TARGET      small seeds, committed; read only
//!  target/fuzz/corpus/…    what the fuzzer added to them; stays from run to run
//!  fuzz/artifacts/TARGET   inputs that made a target fail
//! ```

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::exec;

/// Building the targets with all their dependencies, optimised.
const BUILD_LIMIT: Duration = Duration::from_hours(1);
/// What a target may take beyond its time: reading its corpus, and the input it is at.
const RUN_SLACK: Duration = Duration::from_mins(5);
/// One input may take this long before it counts as a finding; the decoders take microseconds.
const INPUT_SECONDS_MAX: u32 = 20;
/// Memory a target may take before it counts as a finding, the sanitizer's own included.
const MEMORY_MB_MAX: u32 = 2048;
/// Longer inputs find little that shorter ones do not, and are slow.
const INPUT_BYTES_MAX: u32 = 16 << 10;

/// What cargo-fuzz builds targets with, too: counters on every edge, operands of comparisons, addresses checked.
const FLAGS: &[&str] = &[
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    "-Zsanitizer=address",
    "-Cdebug-assertions",
    "-Coverflow-checks",
];

/// SQLite's amalgamation, which the store links, keeps two constants under one name; no target's business.
const SANITIZER_OPTIONS: (&str, &str) = ("ASAN_OPTIONS", "detect_odr_violation=0");

/// Arguments of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Minutes that each target runs
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// Only targets whose name contains this
    #[arg(long)]
    target: Option<String>,
    /// Write the committed seeds again instead, from the product's own encoders
    #[arg(long)]
    seeds: bool,
}

/// Runs the targets; false when one of them found something.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let root = exec::workspace_root()?;
    let folder = root.join("fuzz");
    let products = exec::target_dir(&root)?.join("fuzz");
    if args.seeds {
        return write_seeds(&folder, &products);
    }
    let mut wanted = targets(&folder)?;
    wanted.retain(|name| args.target.as_ref().is_none_or(|part| name.contains(part.as_str())));
    if wanted.is_empty() {
        bail!("no fuzz target matches; fuzz/targets has one file for each");
    }
    let programs = build(&folder, &products, &wanted)?;
    let mut found = Vec::new();
    for target in &wanted {
        if !fuzz(&folder, &products, &programs, target, args.minutes)? {
            found.push(target);
        }
    }
    println!("{} passed, {} failed", wanted.len() - found.len(), found.len());
    for target in &found {
        println!("  {target}: the input is in fuzz/artifacts/{target}");
    }
    Ok(found.is_empty())
}

/// Builds the targets and says where they are. The sanitizer's flags must not reach build scripts, hence `--target`.
fn build(folder: &Path, products: &Path, targets: &[String]) -> anyhow::Result<PathBuf> {
    let host = host()?;
    let mut command = Command::new(exec::cargo());
    command.current_dir(folder).env("RUSTC_BOOTSTRAP", "1").env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"));
    command.args(["build", "--release", "--target", &host, "--target-dir"]).arg(products);
    for target in targets {
        command.args(["--bin", target]);
    }
    if !exec::run(command, BUILD_LIMIT)?.success {
        bail!("the fuzz targets do not build");
    }
    Ok(products.join(host).join("release"))
}

fn fuzz(folder: &Path, products: &Path, programs: &Path, target: &str, minutes: u64) -> anyhow::Result<bool> {
    let corpus = products.join("corpus").join(target);
    let seeds = folder.join("corpus").join(target);
    let artifacts = folder.join("artifacts").join(target);
    for folder in [&corpus, &seeds, &artifacts] {
        std::fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
    }
    let mut command = Command::new(programs.join(target));
    command.env(SANITIZER_OPTIONS.0, SANITIZER_OPTIONS.1).env("RUST_BACKTRACE", "1");
    command.current_dir(folder).arg(&corpus).arg(&seeds).args([
        format!("-artifact_prefix={}/", artifacts.display()),
        format!("-max_total_time={}", minutes * 60),
        format!("-max_len={INPUT_BYTES_MAX}"),
        format!("-timeout={INPUT_SECONDS_MAX}"),
        format!("-rss_limit_mb={MEMORY_MB_MAX}"),
        "-print_final_stats=1".to_owned(),
        // Naming each new function reads all debug information, which takes longer than the fuzzing.
        "-print_funcs=0".to_owned(),
    ]);
    let words = folder.join("dictionaries").join(format!("{target}.dict"));
    if words.is_file() {
        command.arg(format!("-dict={}", words.display()));
    }
    Ok(exec::run(command, RUN_SLACK + Duration::from_mins(minutes))?.success)
}

/// Built as the targets are, so that what they are made of need not be built a second time.
fn write_seeds(folder: &Path, products: &Path) -> anyhow::Result<bool> {
    let programs = build(folder, products, &["seeds".to_owned()])?;
    let mut command = Command::new(programs.join("seeds"));
    command.env(SANITIZER_OPTIONS.0, SANITIZER_OPTIONS.1);
    Ok(exec::run(command, RUN_SLACK)?.success)
}

/// One target a file; its manifest names them the same.
fn targets(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder.join("targets")).context("failed to list the fuzz targets")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
        }
    }
    names.sort();
    Ok(names)
}

/// The toolchain's own target triple.
fn host() -> anyhow::Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("failed to start rustc")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc -vV names no host")
}
