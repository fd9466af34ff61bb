//! The repository's own rules, each a small check with tests of its own.
//!
//! A check is a pure function over a [`Tree`]: what cargo and git say of the checkout, read once. It answers with
//! complaints that name the place and what to do.

mod checks;
mod circles;
mod docs;
mod tree;
mod types;
mod words;

use std::path::Path;

use crate::exec;
use tree::Tree;

/// Arguments of `cargo xtask tidy`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Say what is checked, and check nothing
    #[arg(long)]
    list: bool,
}

/// One rule.
struct TidyCheck {
    name: &'static str,
    about: &'static str,
    run: fn(&Tree) -> Vec<String>,
}

const CHECKS: &[TidyCheck] = &[
    TidyCheck { name: "arrows", about: "crates use only the crates below them", run: checks::arrows },
    TidyCheck { name: "circles", about: "sibling modules do not use each other", run: circles::circles },
    TidyCheck { name: "pure", about: "crates without IO touch nothing outside", run: checks::pure },
    TidyCheck { name: "headers", about: "every Rust file opens with `//!`", run: checks::headers },
    TidyCheck { name: "lengths", about: "no Rust file is longer than 800 lines", run: checks::lengths },
    TidyCheck { name: "map", about: "ARCHITECTURE.md names every crate", run: checks::map },
    TidyCheck { name: "holds", about: "ARCHITECTURE.md says what holds of every crate", run: checks::invariants },
    TidyCheck {
        name: "reasons",
        about: "ARCHITECTURE.md says what every dependency is for",
        run: checks::dependencies,
    },
    TidyCheck { name: "unsafe", about: "ARCHITECTURE.md names every file with unsafe code", run: checks::unsafe_code },
    TidyCheck { name: "owners", about: "what is left to do has an owner", run: checks::owners },
    TidyCheck { name: "paths", about: "no path of one machine", run: checks::paths },
    TidyCheck { name: "fuzz", about: "the lock file of the fuzz targets is up to date", run: checks::fuzz },
    TidyCheck { name: "words", about: "names, comments, messages and pages use plain words", run: words::words },
    TidyCheck { name: "types", about: "a name of a type means one thing", run: types::types },
    TidyCheck {
        name: "docs",
        about: "doc comments say more than the name, and public items have one",
        run: docs::docs,
    },
    TidyCheck { name: "versions", about: "one version of arrow and of parquet", run: checks::versions },
];

/// Runs every check; false when one complains.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    if args.list {
        for check in CHECKS {
            println!("{:<9} {}", check.name, check.about);
        }
        return Ok(true);
    }
    let (passed, complaints) = check(&exec::workspace_root()?)?;
    println!("{passed} passed, {complaints} failed");
    Ok(complaints == 0)
}

/// Prints the complaints; returns how many checks had none, and how many had some.
pub(crate) fn check(root: &Path) -> anyhow::Result<(u64, u64)> {
    let tree = Tree::read(root)?;
    let mut failed = 0;
    for check in CHECKS {
        let complaints = (check.run)(&tree);
        println!("{:<9} {}", check.name, if complaints.is_empty() { "ok" } else { check.about });
        for complaint in &complaints {
            println!("  {complaint}");
        }
        failed += u64::from(!complaints.is_empty());
    }
    Ok((CHECKS.len() as u64 - failed, failed))
}
