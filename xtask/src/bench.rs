//! `bench`: hands over to the benchmark program, built in release like everything that it measures.

use std::process::Command;

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Arguments of the benchmark itself; `--help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    rest: Vec<String>,
}

/// Runs the benchmark; says whether it ran to its end.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let command = ["run", "--release", "--quiet", "-p", "kino-bench", "--bin", "bench", "--"];
    Ok(Command::new("cargo").args(command).args(&args.rest).status()?.success())
}
