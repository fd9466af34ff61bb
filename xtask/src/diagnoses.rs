//! Whether `kino diagnose` names the cause, measured on recordings of programs whose cause is known.
//!
//! ```text
//!  diagnoses/programs ── record: `kino serve`, `kino run` ──► target/diagnoses/recorded ── report: questions ──► a table
//! ```
//!
//! Owns what the harness in `diagnoses/harness` needs to find: packages, a binary, a folder. The harness is Python, as are
//! the end-to-end tests that use it too; it runs the programs, asks and judges.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{exec, packages};

/// Ten programs take some minutes.
const LIMIT: Duration = Duration::from_hours(1);
/// The page whose table a report can write.
const PAGE: &str = "docs/findings/diagnoses.md";

/// Arguments of `cargo xtask diagnoses`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Runs each program that is not recorded yet, in a project and with a home of its own
    Record {
        #[command(flatten)]
        common: CommonArgs,
        /// Records again what is recorded already
        #[arg(long)]
        again: bool,
    },
    /// Asks about each recording, and counts calls and tokens until the cause is named
    Report {
        #[command(flatten)]
        common: CommonArgs,
        /// Prints every answer beside the truth
        #[arg(long)]
        detail: bool,
        /// Writes the table into docs/findings/diagnoses.md
        #[arg(long)]
        write: bool,
    },
}

/// What both actions take.
#[derive(clap::Args)]
struct CommonArgs {
    /// The binary that records or is asked; without it `kino` among the release builds
    #[arg(long, value_name = "PATH")]
    kino: Option<PathBuf>,
    /// The folder for recordings; without it `diagnoses/recorded` in the folder of build products
    #[arg(long, value_name = "PATH")]
    cache: Option<PathBuf>,
    /// Only programs whose name begins like this; may be repeated
    #[arg(long = "program", value_name = "NAME")]
    programs: Vec<String>,
}

/// Records or reports; false when it did not reach its end.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let root = exec::workspace_root()?;
    let target = exec::target_dir(&root)?;
    let (sources, products) = (root.join("diagnoses"), target.join("diagnoses"));
    let python = packages::python(&sources, &products)?;
    let command = match &args.action {
        Action::Record { common, again } => {
            let modules = packages::node(&sources, &products)?;
            let mut command = common.harness("record", &python, &sources, &target)?;
            command.arg("--modules").arg(modules).args(again.then_some("--again"));
            command
        }
        Action::Report { common, detail, write } => {
            let mut command = common.harness("report", &python, &sources, &target)?;
            command.args(detail.then_some("--detail"));
            if *write {
                command.arg("--write").arg(root.join(PAGE));
            }
            command
        }
    };
    Ok(exec::run(command, LIMIT)?.success)
}

impl CommonArgs {
    fn harness(&self, action: &str, python: &Path, sources: &Path, target: &Path) -> anyhow::Result<Command> {
        let kino = exec::kino(self.kino.as_deref())?;
        let cache = self.cache.clone().unwrap_or_else(|| target.join("diagnoses/recorded"));
        let mut command = Command::new(python);
        command.current_dir(sources).args(["-m", "harness", action, "--kino"]).arg(kino);
        command.arg("--cache").arg(std::path::absolute(cache)?);
        command.args(self.programs.iter().flat_map(|name| ["--program", name.as_str()]));
        Ok(command)
    }
}
