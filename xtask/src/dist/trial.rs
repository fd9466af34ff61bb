//! Tries packages: each is installed from its file in a root folder that has nothing of the project, and used.
//!
//! ```text
//!  target/dist/… ─► a fresh root folder (an old Debian, or the image's own files)
//!                     └─► own mounts, processes and network (unshare), chroot ─► trial/FORMAT.sh
//! ```
//!
//! The network has loopback alone, so that nothing can be fetched while a package is installed.

mod root;

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::Format;
use crate::exec;
use root::Base;

/// Arguments of `cargo xtask dist try`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder with the packages; by default `dist` in the folder of build products
    #[arg(long, value_name = "DIR")]
    packages: Option<PathBuf>,
    /// Only these packages
    #[arg(long, value_delimiter = ',', value_name = "FORMAT")]
    only: Vec<Format>,
    /// The Debian release to try them on; by default the oldest that can be fetched
    #[arg(long, value_name = "NAME")]
    suite: Option<String>,
}

/// How a trial ended.
#[derive(Debug)]
pub(crate) enum TrialOutcome {
    /// Every command of its script succeeded.
    Passed,
    /// One did not; its output is above.
    Failed,
    /// It could not run on this machine, and why.
    CouldNotRun(String),
}

/// The scripts and what they use, by file name.
const SCRIPTS: [(&str, &str); 8] = [
    ("first_steps.sh", include_str!("trial/first_steps.sh")),
    ("emit.py", include_str!("trial/emit.py")),
    ("archive.sh", include_str!("trial/archive.sh")),
    ("wheel.sh", include_str!("trial/wheel.sh")),
    ("npm.sh", include_str!("trial/npm.sh")),
    ("debian.sh", include_str!("trial/debian.sh")),
    ("image.sh", include_str!("trial/image.sh")),
    ("container.sh", include_str!("trial/container.sh")),
];

/// Tries the packages; false where one does not do what it should.
pub(crate) fn run(root: &Path, args: &Args) -> anyhow::Result<bool> {
    let target = exec::target_dir(root)?;
    let packages = args.packages.clone().unwrap_or_else(|| target.join("dist"));
    let outcomes = try_all(&target, &packages, &args.only, args.suite.as_deref())?;
    println!();
    for (format, outcome) in &outcomes {
        match outcome {
            TrialOutcome::Passed => println!("{:<8} passed", format.name()),
            TrialOutcome::Failed => println!("{:<8} failed", format.name()),
            TrialOutcome::CouldNotRun(why) => println!("{:<8} not tried: {why}", format.name()),
        }
    }
    Ok(!outcomes.iter().any(|(_, outcome)| matches!(outcome, TrialOutcome::Failed)))
}

/// Tries the chosen formats in the folder `packages`; all of them where none is chosen.
pub(crate) fn try_all(
    target: &Path,
    packages: &Path,
    only: &[Format],
    suite: Option<&str>,
) -> anyhow::Result<Vec<(Format, TrialOutcome)>> {
    let chosen = Format::value_variants().iter().filter(|format| only.is_empty() || only.contains(format));
    let base = Base::prepare(target, suite);
    let mut outcomes = Vec::new();
    for &format in chosen {
        println!("\n=== {}", format.name());
        let outcome = match &base {
            Err(why) => TrialOutcome::CouldNotRun(why.clone()),
            Ok(base) => try_one(base, target, packages, format)?,
        };
        outcomes.push((format, outcome));
    }
    Ok(outcomes)
}

fn try_one(base: &Base, target: &Path, packages: &Path, format: Format) -> anyhow::Result<TrialOutcome> {
    let ended = match format {
        Format::Image => {
            let file = root::file_ending_with(packages, "-oci.tar")?;
            root::run_image(&target.join("dist-try/image"), &file, SCRIPTS)?
        }
        Format::Npm => {
            let fresh = base.fresh("npm", packages, &[".tgz"], SCRIPTS)?;
            if let Err(why) = fresh.add_node()? {
                return Ok(TrialOutcome::CouldNotRun(why));
            }
            fresh.run("npm.sh")?
        }
        Format::Wheel => {
            let fresh = base.fresh("wheel", packages, &[".whl"], SCRIPTS)?;
            fresh.add_uv(&target.join("dist-try/uv"))?;
            fresh.run("wheel.sh")?
        }
        Format::Archive => base.fresh("archive", packages, &[".tar.gz", "SHA256SUMS"], SCRIPTS)?.run("archive.sh")?,
        Format::Debian => base.fresh("debian", packages, &[".deb"], SCRIPTS)?.run("debian.sh")?,
    };
    Ok(if ended { TrialOutcome::Passed } else { TrialOutcome::Failed })
}
