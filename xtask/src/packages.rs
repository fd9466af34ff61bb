//! What programs of `calibration/`, `causes/` and `diagnoses/` need from package registries, installed below the folder
//! of build products; never anything system-wide.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::exec;

/// Fetching packages from their registries.
const INSTALL_LIMIT: Duration = Duration::from_mins(10);

/// Copies the files of a folder, not of those below it.
pub(crate) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("failed to read {}", from.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// A virtual environment with the packages; returns its interpreter.
pub(crate) fn python(sources: &Path, products: &Path) -> anyhow::Result<PathBuf> {
    let interpreter = products.join("venv/bin/python");
    if !interpreter.is_file() {
        let mut create = Command::new("python3");
        create.args(["-m", "venv"]).arg(products.join("venv"));
        install(create)?;
    }
    let mut packages = Command::new(&interpreter);
    packages.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]);
    packages.arg(sources.join("requirements.txt"));
    install(packages)?;
    Ok(interpreter)
}

/// A folder with the packages; returns where Node finds them.
pub(crate) fn node(sources: &Path, products: &Path) -> anyhow::Result<PathBuf> {
    let folder = products.join("node");
    fs::create_dir_all(&folder)?;
    fs::copy(sources.join("package.json"), folder.join("package.json"))?;
    let mut packages = Command::new("npm");
    packages.args(["install", "--no-audit", "--no-fund", "--prefix"]).arg(&folder);
    install(packages)?;
    Ok(folder.join("node_modules"))
}

pub(crate) fn install(command: Command) -> anyhow::Result<()> {
    if !exec::run(command, INSTALL_LIMIT)?.success {
        bail!("what the programs need could not be installed; the output is above");
    }
    Ok(())
}
