//! `accuracy`: starts the program that measures detectors on planted faults, built in release. With `--causes` it
//! measures what `kino compare` suspects in a real system, with `--topologies` in systems that are drawn.

use std::path::Path;
use std::process::Command;

use crate::causes;

/// The page that a whole measure writes.
const PAGE: &str = "docs/findings/accuracy.md";

/// Arguments of `cargo xtask accuracy`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many seeds; each makes every form of every fault and every look-alike
    #[arg(long, default_value_t = 40, value_name = "N")]
    seeds: u64,
    /// Measures one detector only, form by form, and writes nothing
    #[arg(long, value_name = "CODE")]
    detector: Option<String>,
    /// Uses the seeds and ranges that detectors may be tuned on, and writes nothing
    #[arg(long)]
    tuning: bool,
    /// Measures the suspects of `kino compare` on this many systems that are drawn from seeds, and writes nothing
    #[arg(long, value_name = "N", conflicts_with_all = ["seeds", "detector", "tuning", "causes"])]
    topologies: Option<u64>,
    #[command(flatten)]
    causes: causes::Args,
}

/// Measures; says whether it ran to its end.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    if args.causes.is_wanted() {
        return causes::run(&args.causes);
    }
    let example = |name: &str| {
        let mut cargo = Command::new("cargo");
        cargo.args(["run", "--release", "--quiet", "-p", "kino-analyze", "--example", name, "--"]);
        cargo
    };
    if let Some(systems) = args.topologies {
        return Ok(example("topologies").args(["--systems", &systems.to_string()]).status()?.success());
    }
    let mut cargo = example("accuracy");
    cargo.args(["--seeds", &args.seeds.to_string()]);
    if args.tuning {
        cargo.args(["--tuning", "--detail"]);
    }
    if let Some(code) = &args.detector {
        cargo.args(["--detector", code, "--detail"]);
    } else if !args.tuning {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is in the repository");
        cargo.arg("--write").arg(root.join(PAGE));
    }
    Ok(cargo.status()?.success())
}
