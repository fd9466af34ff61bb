//! Builds the binary that is released: optimised, without paths of this machine, and linked against an old glibc.
//!
//! The linker and the C compiler are zig's, installed from PyPI below the folder of build products: it has the symbols
//! of every glibc, so that the machine that builds may be newer than those that run.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use super::elf::{Needs, Version};
use super::release;
use crate::{exec, packages};

/// A cold build with zig on two busy cores takes less than half of it.
const BUILD_LIMIT: Duration = Duration::from_hours(2);

/// What cargo separates flags with, since a path may have spaces.
const SEPARATOR: &str = "\u{1f}";

/// Builds a program of the workspace for `triple` and `glibc`; returns its path.
///
/// # Errors
///
/// Where zig cannot be installed, the build fails, or the program needs a newer glibc than was asked for.
pub(crate) fn build(root: &Path, program: &str, triple: &str, glibc: Version) -> anyhow::Result<PathBuf> {
    let target = exec::target_dir(root)?;
    let tools = tools(root, &target)?;
    let mut command = Command::new(exec::cargo());
    command.current_dir(root).args(["zigbuild", "--release", "--locked", "--package", program, "--bin", program]);
    command.args(["--target", &format!("{triple}.{glibc}")]);
    command.env("PATH", path_with(&tools)?);
    // A console script, so that zig is found whatever the virtual environment is called.
    command.env("CARGO_ZIGBUILD_ZIG_PATH", tools.join("python-zig"));
    let cargo_home = cargo_home()?;
    let names = [(root, "/kinescope"), (cargo_home.as_path(), "/cargo"), (target.as_path(), "/target")];
    let renamed = |option: &str| names.map(|(from, to)| format!("{option}={}={to}", from.display()));
    command.env("CARGO_ENCODED_RUSTFLAGS", renamed("--remap-path-prefix").join(SEPARATOR));
    command.env_remove("RUSTFLAGS").env("CFLAGS", renamed("-ffile-prefix-map").join(" "));
    let seconds = release::source_seconds(root)?;
    command.env("SOURCE_DATE_EPOCH", seconds.to_string()).env("CARGO_INCREMENTAL", "0");
    command.env("KINO_BUILD_COMMIT", release::commit(root)?);
    command.env("KINO_BUILD_DATE", release::date(seconds)?.to_string());
    if !exec::run(command, BUILD_LIMIT)?.success {
        bail!("{program} could not be built; the output is above");
    }
    let built = target.join(triple).join("release").join(program);
    let bytes = std::fs::read(&built).with_context(|| format!("failed to read {}", built.display()))?;
    match Needs::read(&bytes)?.glibc() {
        Some(needed) if needed > glibc => bail!("{program} needs glibc {needed}, and {glibc} was asked for"),
        _ => Ok(built),
    }
}

/// The folder of zig's programs, installed where they are not yet.
fn tools(root: &Path, target: &Path) -> anyhow::Result<PathBuf> {
    let python = packages::python(&root.join("xtask/src/dist"), &target.join("dist-tools"))?;
    Ok(python.parent().context("an interpreter without a folder")?.to_owned())
}

#[expect(clippy::disallowed_methods, reason = "programs are found by the environment's PATH")]
fn path_with(tools: &Path) -> anyhow::Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(tools.to_owned()).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).context("a folder of PATH has a colon in its name")
}

/// The folder with the sources of libraries, whose paths must not be in the binary.
#[expect(clippy::disallowed_methods, reason = "cargo's folder is said by the environment")]
fn cargo_home() -> anyhow::Result<PathBuf> {
    if let Some(home) = std::env::var_os("CARGO_HOME") {
        return Ok(home.into());
    }
    Ok(PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cargo"))
}
