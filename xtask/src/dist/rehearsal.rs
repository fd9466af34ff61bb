//! What CI does of a release: packages a binary of any profile, compressed little, and tries every package.
//!
//! The binary is linked against this machine's glibc, so the root folders are this machine's own Debian release. That a
//! released binary runs on older ones is for `cargo xtask dist` and `cargo xtask dist try` to show.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use super::elf::Version;
use super::trial::{self, TrialOutcome};
use super::{Make, write};
use crate::exec;

/// Removing a quarter of a gigabyte of debug information.
const STRIP_LIMIT: Duration = Duration::from_mins(2);

/// Packages `binary` and tries the packages; returns each format's name and outcome.
pub(crate) fn rehearse(root: &Path, target: &Path, binary: &Path) -> anyhow::Result<Vec<(&'static str, TrialOutcome)>> {
    let folder = target.join("dist-ci");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("failed to remove {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder)?;
    let stripped = target.join("dist-ci-kino");
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(&stripped).arg(binary);
    let is_stripped = exec::available("strip", &["--version"]) && exec::run(strip, STRIP_LIMIT)?.success;
    let options = Make {
        bin: None,
        glibc: Version { major: 2, minor: 17 },
        only: Vec::new(),
        libraries: "/".into(),
        twice: false,
        compression: 1,
        with_sql: false,
        sql_bin: None,
        out: None,
    };
    write(root, if is_stripped { &stripped } else { binary }, &folder, &options)?;
    let outcomes = trial::try_all(target, &folder, &[], Some(&suite()))?;
    Ok(outcomes.into_iter().map(|(format, outcome)| (format.name(), outcome)).collect())
}

/// The name of this machine's Debian release; of another distribution there is no mirror, and preparing fails with it.
fn suite() -> String {
    let text = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    name.unwrap_or("unknown").trim_matches('"').to_owned()
}
