//! What the checks look at: the text files of the checkout, its packages and its lock file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::exec;

/// Files larger than this are data, not text that a person wrote.
const FILE_SIZE_MAX: u64 = 1 << 20;

/// The endings of what people write here.
const TEXT_ENDINGS: [&str; 11] = ["rs", "md", "toml", "py", "js", "mjs", "ts", "sh", "json", "yml", "sql"];

/// The checkout, as the checks see it.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Its folder.
    pub root: PathBuf,
    /// Its text files.
    pub files: Vec<File>,
    pub packages: Vec<Package>,
    /// Every package and version in the lock file.
    pub locked: Vec<(String, String)>,
    /// What the lock file of the fuzz targets, a workspace of its own, says that packages need.
    pub fuzz_needs: BTreeMap<String, BTreeSet<String>>,
}

/// A text file.
#[derive(Debug)]
pub(super) struct File {
    /// Relative to the root, with forward slashes.
    pub path: String,
    /// Its content.
    pub text: String,
}

/// A package of the workspace.
#[derive(Debug)]
pub(super) struct Package {
    pub name: String,
    /// Its folder, relative to the root.
    pub folder: String,
    /// The packages of this workspace that its normal dependencies name.
    pub uses: Vec<String>,
    /// The packages from elsewhere that it names, for whatever purpose.
    pub dependencies: Vec<String>,
    /// The packages that it is always built with.
    pub needs: BTreeSet<String>,
}

impl Tree {
    /// Reads the checkout at `root`.
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let lock = std::fs::read_to_string(root.join("Cargo.lock")).context("failed to read Cargo.lock")?;
        let fuzz = std::fs::read_to_string(root.join("fuzz/Cargo.lock")).context("failed to read fuzz/Cargo.lock")?;
        Ok(Self {
            root: root.to_owned(),
            files: files(root)?,
            packages: packages(root)?,
            locked: locked(&lock),
            fuzz_needs: needs(&fuzz),
        })
    }

    /// The file at `path`.
    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The files with this ending.
    pub(super) fn with_ending(&self, ending: &str) -> impl Iterator<Item = &File> {
        self.files.iter().filter(move |file| Path::new(&file.path).extension().is_some_and(|found| found == ending))
    }
}

fn files(root: &Path) -> anyhow::Result<Vec<File>> {
    let output = Command::new("git")
        .current_dir(root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .context("failed to start git, which knows the files of the checkout")?;
    if !output.status.success() {
        bail!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let mut files = Vec::new();
    for path in String::from_utf8_lossy(&output.stdout).split('\0').filter(|path| is_text(path)) {
        let place = root.join(path);
        // A file that git knows and the disk does not was deleted and not committed yet.
        let Ok(metadata) = place.symlink_metadata() else { continue };
        if metadata.is_file() && metadata.len() <= FILE_SIZE_MAX {
            let bytes = std::fs::read(&place).with_context(|| format!("failed to read {path}"))?;
            files.push(File { path: path.to_owned(), text: String::from_utf8_lossy(&bytes).into_owned() });
        }
    }
    Ok(files)
}

fn is_text(path: &str) -> bool {
    let ending = Path::new(path).extension().and_then(|ending| ending.to_str());
    // Hooks and runners have no ending, and lock files of package managers are not written by people.
    let generated = path.ends_with("package-lock.json") || path.ends_with("Cargo.lock");
    !generated && ending.map_or(path.starts_with(".ci/"), |ending| TEXT_ENDINGS.contains(&ending))
}

fn packages(root: &Path) -> anyhow::Result<Vec<Package>> {
    let metadata = exec::metadata(root)?;
    let listed = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let names: Vec<&str> = listed.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut packages = Vec::new();
    for package in listed {
        let name = package["name"].as_str().context("a package without a name")?;
        let manifest = Path::new(package["manifest_path"].as_str().context("a package without a manifest")?);
        let folder = manifest.parent().and_then(|folder| folder.strip_prefix(root).ok()).unwrap_or(Path::new(""));
        let dependencies = package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
        let uses = dependencies
            .iter()
            .filter(|dependency| dependency["kind"].is_null())
            .filter_map(|dependency| dependency["name"].as_str())
            .filter(|used| names.contains(used))
            .map(str::to_owned)
            .collect();
        let always = dependencies.iter().filter(|it| it["kind"].is_null() && it["optional"] != true);
        let needs = always.filter_map(|dependency| dependency["name"].as_str()).map(str::to_owned).collect();
        let named = dependencies.iter().filter_map(|dependency| dependency["name"].as_str());
        let outside = named.filter(|used| !names.contains(used)).map(str::to_owned).collect();
        packages.push(Package {
            name: name.to_owned(),
            folder: folder.to_string_lossy().replace('\\', "/"),
            uses,
            dependencies: outside,
            needs,
        });
    }
    Ok(packages)
}

/// Names and versions of a lock file, whose entries are lines `name = "…"` followed by `version = "…"`.
pub(super) fn locked(text: &str) -> Vec<(String, String)> {
    let quoted =
        |line: &str, key: &str| line.strip_prefix(key).map(|rest| rest.trim_matches([' ', '=', '"']).to_owned());
    let mut name = None;
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(named) = quoted(line, "name ") {
            name = Some(named);
        } else if let Some(version) = quoted(line, "version ")
            && let Some(name) = name.take()
        {
            found.push((name, version));
        }
    }
    found
}

/// The packages that each package of a lock file needs, by name: lines ` "NAME",` or ` "NAME VERSION",` behind the name.
pub(super) fn needs(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut name = String::new();
    for line in text.lines() {
        if let Some(named) = line.strip_prefix("name = ") {
            named.trim_matches('"').clone_into(&mut name);
            found.entry(name.clone()).or_default();
        } else if let Some(needed) = line.strip_prefix(" \"") {
            let needed = needed.split([' ', '"']).next().unwrap_or_default();
            found.entry(name.clone()).or_default().insert(needed.to_owned());
        }
    }
    found
}
