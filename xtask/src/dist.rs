//! Packages: makes one release binary installable without Rust, and tries each package in a bare environment.
//!
//! ```text
//!  binary ─► release ─┬─► archive  kino-VERSION-TARGET.tar.gz
//!  (zig, old glibc)   ├─► wheel    pip, pipx, uv
//!                     ├─► npm      npm, npx
//!                     ├─► debian   dpkg, apt
//!                     └─► image    podman, docker, any OCI runtime
//!                            └──► target/dist/, with SHA256SUMS
//! ```
//!
//! Never publishes anything. A package is a function of the [`release::Release`], so that the same binary gives the same
//! bytes.

mod archive;
mod binary;
mod checksum;
mod debian;
mod documents;
mod elf;
mod image;
mod notes;
mod notices;
mod npm;
mod rehearsal;
mod release;
mod tree;
mod trial;
mod wheel;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Subcommand, ValueEnum};

use crate::exec;
use elf::Version;
pub(crate) use rehearsal::rehearse;
use release::{COMMAND, Package, Release};
pub(crate) use trial::TrialOutcome;

/// Arguments of `cargo xtask dist`.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    make: Make,
}

#[derive(Subcommand)]
enum Action {
    /// Installs each package in a root folder of its own, without a network, and uses it
    Try(trial::Args),
    /// Prints the release notes of a version, from CHANGELOG.md
    Notes {
        /// The version; by default that of Cargo.toml
        version: Option<String>,
    },
}

#[derive(clap::Args)]
struct Make {
    /// Package this binary, and build none
    #[arg(long, value_name = "FILE")]
    bin: Option<PathBuf>,
    /// The oldest glibc that the binary must run on
    #[arg(long, default_value = "2.17")]
    glibc: Version,
    /// Only these packages
    #[arg(long, value_delimiter = ',', value_name = "FORMAT")]
    only: Vec<Format>,
    /// The root folder whose C library goes into the image
    #[arg(long, value_name = "DIR", default_value = "/")]
    libraries: PathBuf,
    /// Make every package a second time, and fail where the bytes differ
    #[arg(long)]
    twice: bool,
    /// How hard to compress: 1 is quick, 9 makes the smallest packages
    #[arg(long, value_name = "LEVEL", default_value = "9", value_parser = clap::value_parser!(u32).range(1..=9))]
    compression: u32,
    /// Make an archive of kino-sql too
    #[arg(long)]
    with_sql: bool,
    /// With --with-sql: archive this binary, and build none
    #[arg(long, value_name = "FILE", requires = "with_sql")]
    sql_bin: Option<PathBuf>,
    /// Where the packages go; by default `dist` in the folder of build products
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Archive,
    Wheel,
    Npm,
    Debian,
    Image,
}

impl Format {
    /// The name on the command line.
    fn name(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Wheel => "wheel",
            Self::Npm => "npm",
            Self::Debian => "debian",
            Self::Image => "image",
        }
    }
}

/// The machine that `cargo xtask dist` builds for.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// Makes the packages, or does what the subcommand says.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let root = exec::workspace_root()?;
    match &args.action {
        Some(Action::Try(args)) => trial::run(&root, args),
        Some(Action::Notes { version }) => {
            let changelog = fs::read_to_string(root.join("CHANGELOG.md")).context("failed to read CHANGELOG.md")?;
            print!("{}", notes::of_version(&changelog, version.as_deref().unwrap_or(env!("CARGO_PKG_VERSION")))?);
            Ok(true)
        }
        None => make(&root, &args.make),
    }
}

fn make(root: &Path, args: &Make) -> anyhow::Result<bool> {
    let binary = match &args.bin {
        Some(binary) => binary.clone(),
        None => binary::build(root, COMMAND, TRIPLE, args.glibc)?,
    };
    let out = match &args.out {
        Some(out) => out.clone(),
        None => exec::target_dir(root)?.join("dist"),
    };
    write(root, &binary, &out, args)?;
    Ok(true)
}

/// Packages `binary` and writes what was made, with checksums, to `out`.
fn write(root: &Path, binary: &Path, out: &Path, args: &Make) -> anyhow::Result<()> {
    let release = Release::read(root, binary, flate2::Compression::new(args.compression))?;
    let glibc = release.needs.glibc().map_or_else(|| "no glibc".to_owned(), |version| format!("glibc {version}"));
    println!("{} runs on {glibc} and newer, {}", release.stem(), megabytes(release.binary.len()));
    let mut packages = packages(&release, args)?;
    if args.twice && packages != self::packages(&release, args)? {
        bail!("the same binary gave different packages");
    }
    if args.with_sql {
        packages.push(sql_archive(root, &release, args.glibc, args.sql_bin.as_deref())?);
    }
    packages.push(checksums(&packages));
    fs::create_dir_all(out).with_context(|| format!("failed to make {}", out.display()))?;
    remove_listed(out)?;
    for package in packages {
        let path = out.join(&package.name);
        fs::write(&path, &package.bytes).with_context(|| format!("failed to write {}", path.display()))?;
        println!("{:>9}  {}", megabytes(package.bytes.len()), path.display());
    }
    Ok(())
}

/// Makes the chosen formats; all of them where none is chosen.
fn packages(release: &Release, args: &Make) -> anyhow::Result<Vec<Package>> {
    let chosen = Format::value_variants().iter().filter(|format| args.only.is_empty() || args.only.contains(format));
    let make = |format: &Format| match format {
        Format::Archive => archive::make(release),
        Format::Wheel => wheel::make(release),
        Format::Npm => npm::make(release),
        Format::Debian => debian::make(release),
        Format::Image => image::make(release, &args.libraries),
    };
    chosen.map(make).collect()
}

/// The archive of the program that answers `kino sql`, built here unless there is a binary.
fn sql_archive(root: &Path, release: &Release, glibc: Version, binary: Option<&Path>) -> anyhow::Result<Package> {
    let binary = match binary {
        Some(binary) => binary.to_owned(),
        None => binary::build(root, archive::SQL, release.platform.triple, glibc)?,
    };
    let bytes = fs::read(&binary).with_context(|| format!("failed to read {}", binary.display()))?;
    elf::Needs::read(&bytes).with_context(|| format!("{} cannot be packaged", binary.display()))?;
    let notices = notices::collect(root, release.platform.triple, archive::SQL)?;
    archive::of_sql(release, &bytes, &notices)
}

/// The file that `sha256sum --check` reads.
fn checksums(packages: &[Package]) -> Package {
    let lines = packages.iter().map(|package| format!("{}  {}\n", checksum::sha256(&package.bytes), package.name));
    Package { name: "SHA256SUMS".to_owned(), bytes: lines.collect::<String>().into_bytes() }
}

/// Removes the packages that an earlier run wrote to `folder`: other versions and tags would pass for this one's.
fn remove_listed(folder: &Path) -> anyhow::Result<()> {
    let list = fs::read_to_string(folder.join("SHA256SUMS")).unwrap_or_default();
    let names = list.lines().filter_map(|line| line.split_once("  ")).map(|(_, name)| name);
    for path in names.filter(|name| !name.contains('/')).map(|name| folder.join(name)) {
        if path.is_file() {
            fs::remove_file(&path).with_context(|| format!("failed to remove {}", path.display()))?;
        }
    }
    Ok(())
}

fn megabytes(bytes: usize) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_an_earlier_run_are_removed_and_other_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["old.whl", "notes.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::write(folder.path().join("SHA256SUMS"), "00  old.whl\n00  gone.deb\n00  ../x\n").unwrap();
        remove_listed(folder.path()).unwrap();
        assert!(!folder.path().join("old.whl").exists());
        assert!(folder.path().join("notes.txt").exists());
    }

    #[test]
    fn checksums_are_listed_as_sha256sum_reads_them() {
        let package = Package { name: "kino.tar.gz".to_owned(), bytes: Vec::new() };
        let listed = String::from_utf8(checksums(&[package]).bytes).unwrap();
        assert_eq!(listed, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  kino.tar.gz\n");
    }
}
