//! What accompanies the binary: licence, notices of what is linked in, read-me, release notes, completions, manual pages.
//!
//! Completions and manual pages are printed by the binary itself, so that they fit it.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use super::release::COMMAND;
use super::{notes, notices};

/// The documents, as texts.
#[derive(Debug, Clone)]
pub(crate) struct Documents {
    /// The project's licence.
    pub licence: String,
    /// The licences of every library that is linked into the binary.
    pub notices: String,
    /// The project's page.
    pub readme: String,
    /// What changed in this version.
    pub notes: String,
    /// Completion scripts by shell.
    pub completions: Vec<(&'static str, String)>,
    /// Manual pages by file name (`kino.1`); empty where the binary has none.
    pub manuals: Vec<(String, String)>,
}

/// Where each shell looks for completions below a prefix's `share`.
const SHELLS: [(&str, &str); 3] = [
    ("bash", "bash-completion/completions/kino"),
    ("zsh", "zsh/site-functions/_kino"),
    ("fish", "fish/vendor_completions.d/kino.fish"),
];

impl Documents {
    /// Reads the checkout's documents, and asks the binary for its own.
    ///
    /// # Errors
    ///
    /// Where a document is missing, or where the binary does not run on this machine.
    pub(crate) fn read(root: &Path, binary: &Path, triple: &str, version: &str) -> anyhow::Result<Self> {
        let file =
            |name: &str| std::fs::read_to_string(root.join(name)).with_context(|| format!("failed to read {name}"));
        let mut completions = Vec::new();
        for (shell, _) in SHELLS {
            completions.push((shell, printed(binary, &["completions", shell])?));
        }
        Ok(Self {
            licence: file("LICENSE")?,
            notices: notices::collect(root, triple, COMMAND)?,
            readme: file("README.md")?,
            notes: notes::of_version(&file("CHANGELOG.md")?, version)?,
            completions,
            manuals: manuals(binary)?,
        })
    }

    /// The files below a prefix's `share`, by path.
    pub(crate) fn shared(&self) -> impl Iterator<Item = (String, &str)> {
        let place = |shell: &str| SHELLS.iter().find(|(name, _)| *name == shell).map(|(_, path)| *path);
        let completions = self.completions.iter();
        let completions = completions.filter_map(move |(shell, text)| Some((place(shell)?.to_owned(), text.as_str())));
        let manuals = self.manuals.iter();
        let manuals = manuals.map(|(name, text)| (format!("man/man{}/{name}", section(name)), text.as_str()));
        completions.chain(manuals)
    }
}

/// The section of a manual page by the end of its name.
pub(crate) fn section(name: &str) -> &str {
    name.rsplit_once('.').map_or("1", |(_, section)| section)
}

/// The manual pages that the binary writes, by file name; none where it has no command for them.
fn manuals(binary: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let folder = tempfile::tempdir().context("failed to make a folder")?;
    if printed(binary, &["man", "--out", &folder.path().to_string_lossy()]).is_err() {
        return Ok(Vec::new());
    }
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(folder.path())? {
        let entry = entry?;
        let text = std::fs::read_to_string(entry.path()).context("failed to read a manual page")?;
        pages.push((entry.file_name().to_string_lossy().into_owned(), text));
    }
    pages.sort();
    Ok(pages)
}

/// What the binary prints, run without the user's home and settings.
fn printed(binary: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let home = tempfile::tempdir().context("failed to make a folder")?;
    let mut command = Command::new(binary);
    command.args(arguments).env_clear().env("HOME", home.path()).env("KINO_HOME", home.path().join("kino"));
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("{} does not run on this machine", binary.display()))?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("{} {}: {}", binary.display(), arguments.join(" "), error.trim());
    }
    String::from_utf8(output.stdout).context("the binary printed bytes that are not text")
}
