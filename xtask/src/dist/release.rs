//! What is released: one binary, its documents, and the facts that every package states in its own format.
//!
//! Packages are functions of a [`Release`] alone, so that the same release gives the same bytes.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use super::documents::Documents;
use super::elf::Needs;
use crate::exec;

/// The name in registries, where `kinescope` belongs to others; the command is `kino` everywhere.
pub(crate) const NAME: &str = "kinescope-cli";
pub(crate) const COMMAND: &str = "kino";
/// Who answers for a package.
pub(crate) const MAINTAINER: &str = "Kinescope maintainers <kinescope-dev@users.noreply.github.com>";

/// One machine, as each format calls it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Platform {
    /// Rust's name.
    pub triple: &'static str,
    /// ELF's, Python's and Linux's name of the processor.
    pub processor: &'static str,
    /// Node's name of the processor.
    pub node: &'static str,
    /// The name of the processor in Debian and in OCI images.
    pub debian: &'static str,
}

const PLATFORMS: [Platform; 2] = [
    Platform { triple: "x86_64-unknown-linux-gnu", processor: "x86_64", node: "x64", debian: "amd64" },
    Platform { triple: "aarch64-unknown-linux-gnu", processor: "aarch64", node: "arm64", debian: "arm64" },
];

impl Platform {
    /// The platform with ELF's name of a processor.
    pub(crate) fn of_processor(processor: &str) -> anyhow::Result<&'static Self> {
        let found = PLATFORMS.iter().find(|platform| platform.processor == processor);
        found.with_context(|| format!("there are no packages for the processor {processor:?}"))
    }
}

/// Everything that a package is made of.
#[derive(Debug)]
pub(crate) struct Release {
    /// The version, as in Cargo.toml.
    pub version: String,
    /// One line about the program.
    pub summary: String,
    /// Where the project is.
    pub repository: String,
    /// The machine that the binary is for.
    pub platform: &'static Platform,
    /// The time of every file in every package, in seconds since 1970.
    pub seconds: u64,
    /// How hard packages are compressed.
    pub compression: flate2::Compression,
    pub binary: Vec<u8>,
    /// What the binary needs of its machine.
    pub needs: Needs,
    /// What accompanies it.
    pub documents: Documents,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its file name.
    pub name: String,
    pub bytes: Vec<u8>,
}

impl Release {
    /// Reads the binary at `path` and the documents of the checkout at `root`.
    ///
    /// # Errors
    ///
    /// Where the file is not a Linux program of a known processor, or where a document is missing.
    pub(crate) fn read(root: &Path, path: &Path, compression: flate2::Compression) -> anyhow::Result<Self> {
        let binary = std::fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
        let needs = Needs::read(&binary).with_context(|| format!("{} cannot be packaged", path.display()))?;
        let platform = Platform::of_processor(needs.processor)?;
        let metadata = exec::metadata(root)?;
        let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
        let package = packages.iter().find(|package| package["name"] == COMMAND).context("there is no package kino")?;
        let field = |name: &str| {
            let text = package[name].as_str().with_context(|| format!("crates/cli/Cargo.toml has no {name}"))?;
            anyhow::Ok(text.to_owned())
        };
        let version = field("version")?;
        Ok(Self {
            summary: field("description")?,
            repository: field("repository")?,
            seconds: source_seconds(root)?,
            compression,
            documents: Documents::read(root, path, platform.triple, &version)?,
            platform,
            version,
            binary,
            needs,
        })
    }

    /// The start of a file's name: `kino-0.1.0-x86_64-unknown-linux-gnu`.
    pub(crate) fn stem(&self) -> String {
        format!("{COMMAND}-{}-{}", self.version, self.platform.triple)
    }

    /// The time of every file, as the civil date that formats without Unix times need.
    pub(crate) fn time(&self) -> anyhow::Result<jiff::Zoned> {
        civil(self.seconds)
    }
}

/// A Unix time as a date and a time of day in UTC.
fn civil(seconds: u64) -> anyhow::Result<jiff::Zoned> {
    let time = jiff::Timestamp::from_second(i64::try_from(seconds)?)?;
    Ok(time.to_zoned(jiff::tz::TimeZone::UTC))
}

/// The day of a Unix time in UTC.
pub(crate) fn date(seconds: u64) -> anyhow::Result<jiff::civil::Date> {
    Ok(civil(seconds)?.date())
}

/// `SOURCE_DATE_EPOCH` where it is set, the time of the commit otherwise.
#[expect(clippy::disallowed_methods, reason = "the standard way to pass the time of reproducible builds")]
pub(crate) fn source_seconds(root: &Path) -> anyhow::Result<u64> {
    let text = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text,
        Err(_) => git(root, &["log", "-1", "--format=%ct"])?,
    };
    text.parse().with_context(|| format!("SOURCE_DATE_EPOCH is {text:?}, not seconds since 1970"))
}

/// Twelve digits of the commit; `-dirty` follows where files differ from it.
pub(crate) fn commit(root: &Path) -> anyhow::Result<String> {
    git(root, &["describe", "--always", "--exclude=*", "--abbrev=12", "--dirty"])
}

fn git(root: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git").current_dir(root).args(arguments).output().context("failed to start git")?;
    if !output.status.success() {
        bail!("git {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// A release with a small text in place of the binary.
#[cfg(test)]
pub(crate) fn example() -> Release {
    let versions = [("libc.so.6".to_owned(), ["GLIBC_2.2.5".to_owned(), "GLIBC_2.17".to_owned()].into())];
    Release {
        version: "1.2.3".to_owned(),
        summary: "Records what programs do".to_owned(),
        repository: "https://example.com/kinescope".to_owned(),
        platform: &PLATFORMS[0],
        seconds: 1_700_000_001,
        compression: flate2::Compression::fast(),
        binary: b"#!/bin/sh\necho kino 1.2.3\n".to_vec(),
        needs: Needs {
            processor: "x86_64",
            loader: Some("/lib64/ld-linux-x86-64.so.2".to_owned()),
            libraries: ["libc.so.6".to_owned()].into(),
            versions: versions.into(),
        },
        documents: Documents {
            licence: "Apache License\n".to_owned(),
            notices: "regex 1.0: MIT\n".to_owned(),
            readme: "# Kinescope\n".to_owned(),
            notes: "Added\n".to_owned(),
            completions: vec![("bash", "complete kino\n".to_owned())],
            manuals: vec![("kino.1".to_owned(), ".TH KINO 1\n".to_owned())],
        },
    }
}
