//! The programs of `calibration/programs`: how each is started, and what must be installed before.
//!
//! Packages and compiled programs go to `calibration/` in the folder of build products; the programs themselves are
//! copied to where they run, so that nothing that happens in the checkout meanwhile changes what runs.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::bail;

use crate::{exec, packages};

#[derive(Debug)]
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) command: Vec<OsString>,
    pub(super) environment: Vec<(OsString, OsString)>,
    /// Root operations that a run has.
    pub(super) operations: usize,
    /// Whether `CALIBRATION_EXTRA` makes it work more.
    pub(super) takes_extra: bool,
    /// Whether it can do many times as much.
    pub(super) has_endless_work: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum ProgramLanguage {
    Python,
    Node,
    Rust,
}

/// Every program, its language, and its root operations, in the order in which they run.
const PROGRAMS: [(&str, ProgramLanguage, usize); 11] = [
    ("interpret", ProgramLanguage::Python, 2),
    ("archive", ProgramLanguage::Python, 2),
    ("graph", ProgramLanguage::Python, 2),
    ("orders", ProgramLanguage::Python, 3),
    ("spool", ProgramLanguage::Python, 3),
    ("pool", ProgramLanguage::Python, 2),
    ("sockets", ProgramLanguage::Python, 2),
    ("offspring", ProgramLanguage::Python, 2),
    ("events", ProgramLanguage::Node, 3),
    ("particles", ProgramLanguage::Rust, 0),
    (STORY, ProgramLanguage::Python, 1),
];
/// Programs that prepare nothing that their work uses up.
const ENDLESS: [&str; 2] = ["interpret", "particles"];
/// Its work is that of a program in `examples/stories`.
const STORY: &str = "review";

/// Installs and compiles what the programs need, and copies them to `work`. An empty `wanted` means all.
///
/// # Errors
///
/// Where a name is unknown, or something cannot be installed.
pub(super) fn prepare(root: &Path, work: &Path, wanted: &[String]) -> anyhow::Result<Vec<Program>> {
    let names: Vec<&str> = PROGRAMS.iter().map(|(name, ..)| *name).collect();
    if let Some(unknown) = wanted.iter().find(|name| !names.contains(&name.as_str())) {
        bail!("there is no program {unknown}, only {}", names.join(", "));
    }
    let sources = root.join("calibration");
    packages::copy(&sources.join("programs"), work)?;
    packages::copy(&root.join("examples/stories/python"), &work.join("stories"))?;
    let products = exec::target_dir(root)?.join("calibration");
    fs::create_dir_all(&products)?;
    let chosen = PROGRAMS.iter().filter(|(name, ..)| wanted.is_empty() || wanted.iter().any(|one| one == name));
    let chosen: Vec<_> = chosen.copied().collect();
    let needs = |language| chosen.iter().any(|(_, its, _)| *its == language);
    let python = if needs(ProgramLanguage::Python) { packages::python(&sources, &products)? } else { PathBuf::new() };
    let modules = if needs(ProgramLanguage::Node) { packages::node(&sources, &products)? } else { PathBuf::new() };
    let mut programs = Vec::new();
    for (name, language, operations) in chosen {
        let command: Vec<OsString> = match language {
            ProgramLanguage::Python => vec![python.clone().into(), format!("{name}.py").into()],
            ProgramLanguage::Node => vec!["node".into(), format!("{name}.js").into()],
            ProgramLanguage::Rust => vec![compile(name, work)?.into()],
        };
        let environment = match language {
            ProgramLanguage::Node => vec![("NODE_PATH".into(), modules.clone().into())],
            ProgramLanguage::Python | ProgramLanguage::Rust => Vec::new(),
        };
        let has_endless_work = ENDLESS.contains(&name);
        programs.push(Program { name, command, environment, operations, takes_extra: name != STORY, has_endless_work });
    }
    Ok(programs)
}

/// The compiled program, beside its source.
fn compile(name: &str, work: &Path) -> anyhow::Result<PathBuf> {
    let program = work.join(name);
    let mut rustc = Command::new("rustc");
    rustc.args(["-O", "--edition", "2024", "-o"]).arg(&program).arg(work.join(format!("{name}.rs")));
    packages::install(rustc)?;
    Ok(program)
}
