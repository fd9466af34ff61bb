//! Everything that a change must pass, in the order in which it fails fastest.
//!
//! Each step says its name and how long it took. A step that cannot run here (no Node, no network) says why and
//! fails nothing; it is listed again at the end, so that it does not pass for a success. Clippy, tests and docs each
//! see the whole workspace once, with one set of features, so that no dependency is built twice for one purpose.

mod steps;

use std::time::Duration;

use anyhow::bail;

use crate::exec;
use steps::{Context, STEPS, Step};

/// Arguments of `cargo xtask ci`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these steps
    #[arg(long, value_delimiter = ',', value_name = "STEP")]
    only: Vec<String>,
    /// All but these steps
    #[arg(long, value_delimiter = ',', value_name = "STEP")]
    skip: Vec<String>,
    /// Say what the steps are, and run none
    #[arg(long)]
    list: bool,
}

/// How a step ended.
#[derive(Debug, PartialEq)]
pub(crate) enum StepOutcome {
    /// All its checks passed: how many.
    Passed(u64),
    /// Some did not: how many did, and how many did not.
    Failed(u64, u64),
    /// It could not run on this machine, and why.
    CouldNotRun(String),
}

struct StepLine {
    name: &'static str,
    took: Duration,
    outcome: StepOutcome,
}

/// Runs the chosen steps; false when one failed.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let chosen = choose(&args.only, &args.skip)?;
    if args.list {
        for step in chosen {
            println!("{:<10} {}", step.name, step.about);
        }
        return Ok(true);
    }
    let context = Context::new()?;
    let mut lines = Vec::new();
    for step in chosen {
        println!("\n=== {}: {}", step.name, step.about);
        let started = exec::now();
        // What keeps a step from ending (a program that hangs, a folder that cannot be read) fails it like any other
        // fault, and the steps after it still run: one run shows all there is to repair.
        let outcome = (step.run)(&context).unwrap_or_else(|error| {
            println!("{error:#}");
            StepOutcome::Failed(0, 1)
        });
        let line = StepLine { name: step.name, took: started.elapsed(), outcome };
        println!("--- {}", describe(&line));
        lines.push(line);
    }
    let (summary, success) = summarise(&lines);
    println!("\n{summary}");
    Ok(success)
}

fn choose(only: &[String], skip: &[String]) -> anyhow::Result<Vec<&'static Step>> {
    for name in only.iter().chain(skip) {
        if !STEPS.iter().any(|step| step.name == name) {
            let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
            bail!("there is no step `{name}`; there are: {}", names.join(", "));
        }
    }
    let wanted = |step: &&Step| only.is_empty() || only.iter().any(|name| name == step.name);
    Ok(STEPS.iter().filter(wanted).filter(|step| !skip.iter().any(|name| name == step.name)).collect())
}

fn describe(line: &StepLine) -> String {
    let outcome = match &line.outcome {
        StepOutcome::Passed(1) => "passed".to_owned(),
        StepOutcome::Passed(count) => format!("passed ({count})"),
        StepOutcome::Failed(passed, failed) => format!("FAILED ({passed} passed, {failed} failed)"),
        StepOutcome::CouldNotRun(why) => format!("could not run: {why}"),
    };
    format!("{:<10} {:>7.1} s  {outcome}", line.name, line.took.as_secs_f64())
}

/// The table, and as its last line the totals alone.
fn summarise(lines: &[StepLine]) -> (String, bool) {
    let mut text = String::new();
    let (mut passed, mut failed, mut missing) = (0, 0, Vec::new());
    for line in lines {
        text.push_str(&describe(line));
        text.push('\n');
        match &line.outcome {
            StepOutcome::Passed(count) => passed += count,
            StepOutcome::Failed(good, bad) => (passed, failed) = (passed + good, failed + bad),
            StepOutcome::CouldNotRun(_) => missing.push(line.name),
        }
    }
    let unchecked = match missing.as_slice() {
        [] => String::new(),
        names => format!("\nnot checked on this machine: {}\n", names.join(", ")),
    };
    (format!("{text}{unchecked}\n{passed} passed, {failed} failed"), failed == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &'static str, outcome: StepOutcome) -> StepLine {
        StepLine { name, took: Duration::from_millis(1500), outcome }
    }

    #[test]
    fn the_last_line_holds_the_totals_alone() {
        let lines = [line("fmt", StepOutcome::Passed(1)), line("test", StepOutcome::Passed(41))];
        let (summary, success) = summarise(&lines);
        assert_eq!(summary.lines().last(), Some("42 passed, 0 failed"));
        assert!(success);
    }

    #[test]
    fn a_step_that_could_not_run_is_named_and_fails_nothing() {
        let lines = [line("fmt", StepOutcome::Passed(1)), line("e2e", StepOutcome::CouldNotRun("no node".into()))];
        let (summary, success) = summarise(&lines);
        assert!(summary.contains("could not run: no node"), "{summary}");
        assert!(summary.contains("not checked on this machine: e2e"), "{summary}");
        assert!(success);
    }

    #[test]
    fn a_failure_fails_the_run() {
        let (summary, success) = summarise(&[line("test", StepOutcome::Failed(3, 2))]);
        assert_eq!(summary.lines().last(), Some("3 passed, 2 failed"));
        assert!(!success);
    }

    #[test]
    fn an_unknown_step_is_answered_with_the_known_ones() {
        let error = choose(&["clipy".into()], &[]).unwrap_err().to_string();
        assert!(error.contains("no step `clipy`") && error.contains("clippy"), "{error}");
        assert_eq!(choose(&["fmt".into(), "tidy".into()], &["tidy".into()]).unwrap().len(), 1);
    }
}
