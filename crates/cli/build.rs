//! Asks the linker to fold functions whose code is the same, and says which commit is built.
//!
//! Generic code is compiled once for each crate and type that uses it, and `kino` is some megabytes smaller without the
//! copies. Only where the linker is the toolchain's own, which can: Linux on x86-64 with nothing else configured.
//!
//! `KINO_BUILD_COMMIT` and `KINO_BUILD_DATE` come from the environment, where `cargo xtask dist` sets them, or from git
//! in a release build. A build for development names neither, so that a commit alone rebuilds nothing.

#![expect(clippy::disallowed_methods, reason = "cargo passes a build script its settings in the environment")]

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let is_linux = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    let is_usual = env::var_os("RUSTC_LINKER").is_none() && is("CARGO_ENCODED_RUSTFLAGS", "");
    if is_linux && is("CARGO_CFG_TARGET_ARCH", "x86_64") && is_usual && is("PROFILE", "release") {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
    if let Ok(target) = env::var("TARGET") {
        println!("cargo::rustc-env=KINO_BUILD_TARGET={target}");
    }
    println!("cargo::rerun-if-env-changed=KINO_BUILD_COMMIT");
    println!("cargo::rerun-if-env-changed=KINO_BUILD_DATE");
    if env::var_os("KINO_BUILD_COMMIT").is_none() && is("PROFILE", "release") {
        name_commit();
    }
}

/// Passes on what git says of the checkout; nothing where this is none.
fn name_commit() {
    let Some(root) = git(&["rev-parse", "--show-toplevel"]) else { return };
    // A copy of the sources within another repository is not that repository's commit.
    if !Path::new(&root).join("crates/cli/build.rs").is_file() {
        return;
    }
    let commit = git(&["describe", "--always", "--exclude=*", "--abbrev=12", "--dirty"]);
    let date = git(&["log", "-1", "--format=%cd", "--date=format-local:%Y-%m-%d"]);
    let (Some(commit), Some(date), Some(log)) = (commit, date, git(&["rev-parse", "--git-path", "logs/HEAD"])) else {
        return;
    };
    println!("cargo::rustc-env=KINO_BUILD_COMMIT={commit}");
    println!("cargo::rustc-env=KINO_BUILD_DATE={date}");
    // The commit, and whether files differ from it.
    for changed in [log.as_str(), "../../crates", "../../Cargo.lock"] {
        println!("cargo::rerun-if-changed={changed}");
    }
}

/// What git prints, in UTC; `None` where it fails.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).env("TZ", "UTC").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned()).filter(|text| !text.is_empty())
}
