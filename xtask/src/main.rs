//! The chores of this repository, behind `cargo xtask`.
//!
//! Owns how the project checks itself; never a part of the product, and never linked against it: chores start the
//! same binaries that users start. A chore is one module with an `Args` and a `run`, and one line in [`Chore`]; what
//! every change must pass is also one line in `ci::STEPS`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to the person who started it")]

mod accuracy;
mod bench;
mod calibrate;
mod causes;
mod ci;
mod crash;
mod diagnoses;
mod dist;
mod exec;
mod field;
mod fuzz;
mod packages;
mod random;
mod system;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Chores of the Kinescope repository.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    after_help = "Examples:\n  cargo xtask ci                     everything that a change must pass\n  \
                  cargo xtask ci --list              the steps and what each does\n  \
                  cargo xtask ci --only clippy,test  two of them\n  \
                  cargo xtask tidy                   the repository's own rules, in a second"
)]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Runs everything that a change must pass, and ends with a table
    Ci(ci::Args),
    /// Checks the repository's own rules: crate arrows, module headers, file lengths, the map
    Tidy(tidy::Args),
    /// Measures the design's budgets and writes docs/benchmarks.md
    #[command(disable_help_flag = true)]
    Bench(bench::Args),
    /// Measures how often findings are right and writes docs/findings/accuracy.md; with --causes, how often suspects are
    Accuracy(accuracy::Args),
    /// Runs unchanged programs many times, to know what verdicts on time are worth
    Calibrate(calibrate::Args),
    /// Measures in how many calls `kino diagnose` names the cause, on recordings of programs whose cause is known
    Diagnoses(diagnoses::Args),
    /// Runs real packages, and measures how often findings on them are right
    Field(field::Args),
    /// Kills a real engine under load, and counts what is left
    Crash(crash::Args),
    /// Runs each fuzz target for a while
    Fuzz(fuzz::Args),
    /// Makes the packages that install kino without Rust
    Dist(dist::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().chore {
        Chore::Ci(args) => ci::run(&args),
        Chore::Tidy(args) => tidy::run(&args),
        Chore::Bench(args) => bench::run(&args),
        Chore::Accuracy(args) => accuracy::run(&args),
        Chore::Calibrate(args) => calibrate::run(&args),
        Chore::Diagnoses(args) => diagnoses::run(&args),
        Chore::Field(args) => field::run(&args),
        Chore::Crash(args) => crash::run(&args),
        Chore::Fuzz(args) => fuzz::run(&args),
        Chore::Dist(args) => dist::run(&args),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}
