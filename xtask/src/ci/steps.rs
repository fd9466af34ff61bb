//! The steps themselves: what each starts, and what it needs to find.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::StepOutcome;
use crate::dist::{self, TrialOutcome};
use crate::{exec, tidy};

/// The longest that one step may take: a cold build of the whole workspace on two cores takes about half of it.
const STEP_LIMIT: Duration = Duration::from_hours(1);
/// Building cargo-deny takes minutes; where it takes longer than this, the step is not worth its time.
const INSTALL_LIMIT: Duration = Duration::from_mins(15);
/// Enough to meet the named points; longer runs are for people to start.
const KILLS: &str = "20";
/// The oldest Node whose packages the end-to-end tests install.
const NODE_NEEDED: &str = "process.exit(Number(process.versions.node.split('.')[0]) < 20 ? 1 : 0)";

#[derive(Debug)]
pub(super) struct Step {
    /// What `--only` and `--skip` call it.
    pub name: &'static str,
    /// One line for `--list`.
    pub about: &'static str,
    pub run: fn(&Context) -> anyhow::Result<StepOutcome>,
}

/// What every step needs to know.
pub(super) struct Context {
    root: PathBuf,
    target: PathBuf,
}

/// All steps, the quick ones first.
pub(super) const STEPS: &[Step] = &[
    Step { name: "fmt", about: "formatting", run: fmt },
    Step { name: "tidy", about: "the repository's own rules", run: tidy_step },
    Step { name: "clippy", about: "lints of every crate and target, warnings are errors", run: clippy },
    Step { name: "test", about: "unit and integration tests of every crate", run: test },
    Step { name: "doctest", about: "the examples in the documentation", run: doctest },
    Step { name: "doc", about: "the documentation builds without warnings", run: doc },
    Step { name: "deny", about: "licences, duplicate versions and sources of dependencies", run: deny },
    Step { name: "advisories", about: "known vulnerabilities of dependencies", run: advisories },
    Step { name: "crash", about: "an engine killed under load loses and doubles nothing", run: crash },
    Step { name: "dist", about: "each package installed and used in a root folder of its own", run: dist_step },
    Step { name: "e2e", about: "the real binaries against real emitters and a real MCP client", run: end_to_end },
];

impl Context {
    /// Finds the checkout and its folder of build products.
    pub(super) fn new() -> anyhow::Result<Self> {
        let root = exec::workspace_root()?;
        let target = exec::target_dir(&root)?;
        Ok(Self { root, target })
    }

    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(exec::cargo());
        command.current_dir(&self.root).args(arguments);
        command
    }

    fn program(&self, name: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Command {
        let mut command = Command::new(name);
        command.current_dir(&self.root).args(arguments);
        command
    }
}

/// The outcome of a program that is one check, or that reports its tests.
fn outcome(command: Command) -> anyhow::Result<StepOutcome> {
    let ended = exec::run(command, STEP_LIMIT)?;
    Ok(if ended.success {
        StepOutcome::Passed(ended.passed.max(1))
    } else {
        StepOutcome::Failed(ended.passed, ended.failed.max(1))
    })
}

fn fmt(context: &Context) -> anyhow::Result<StepOutcome> {
    if !exec::available("cargo", &["fmt", "--version"]) {
        return Ok(StepOutcome::CouldNotRun("rustfmt is missing: `rustup component add rustfmt`".into()));
    }
    outcome(context.cargo(&["fmt", "--all", "--check"]))
}

fn tidy_step(context: &Context) -> anyhow::Result<StepOutcome> {
    let (passed, complaints) = tidy::check(&context.root)?;
    Ok(if complaints == 0 { StepOutcome::Passed(passed) } else { StepOutcome::Failed(passed, complaints) })
}

fn clippy(context: &Context) -> anyhow::Result<StepOutcome> {
    if !exec::available("cargo", &["clippy", "--version"]) {
        return Ok(StepOutcome::CouldNotRun("clippy is missing: `rustup component add clippy`".into()));
    }
    outcome(context.cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))
}

fn test(context: &Context) -> anyhow::Result<StepOutcome> {
    // The programs that tests start must exist before the tests do. `--examples` brings in the dependencies of tests,
    // so that both commands resolve to the same features and share every build product.
    let built = exec::run(context.cargo(&["build", "--workspace", "--bins", "--examples", "--locked"]), STEP_LIMIT)?;
    if !built.success {
        return Ok(StepOutcome::Failed(0, 1));
    }
    if exec::available("cargo", &["nextest", "--version"]) {
        return outcome(context.cargo(&["nextest", "run", "--workspace", "--locked", "--no-fail-fast"]));
    }
    println!("cargo-nextest is not installed: using cargo test, which is slower and says the same");
    let arguments = ["test", "--workspace", "--locked", "--no-fail-fast", "--lib", "--bins", "--tests", "--examples"];
    outcome(context.cargo(&arguments))
}

fn doctest(context: &Context) -> anyhow::Result<StepOutcome> {
    outcome(context.cargo(&["test", "--workspace", "--doc", "--locked", "--no-fail-fast"]))
}

fn doc(context: &Context) -> anyhow::Result<StepOutcome> {
    let mut command = context.cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    outcome(command)
}

fn deny(context: &Context) -> anyhow::Result<StepOutcome> {
    let Some(program) = cargo_deny(context)? else {
        return Ok(StepOutcome::CouldNotRun("cargo-deny is neither installed nor could be built here".into()));
    };
    outcome(context.program(program, &["check", "--hide-inclusion-graph", "licenses", "bans", "sources"]))
}

fn advisories(context: &Context) -> anyhow::Result<StepOutcome> {
    let Some(program) = cargo_deny(context)? else {
        return Ok(StepOutcome::CouldNotRun("cargo-deny is neither installed nor could be built here".into()));
    };
    let fetched = exec::run(context.program(&program, &["fetch", "db"]), INSTALL_LIMIT)?;
    if !fetched.success {
        return Ok(StepOutcome::CouldNotRun("the advisory database could not be fetched".into()));
    }
    outcome(context.program(program, &["check", "--disable-fetch", "advisories"]))
}

/// The installed cargo-deny, or one built once into the folder of build products.
fn cargo_deny(context: &Context) -> anyhow::Result<Option<PathBuf>> {
    if exec::available("cargo-deny", &["--version"]) {
        return Ok(Some("cargo-deny".into()));
    }
    let tools = context.target.join("tools");
    let program = tools.join("bin").join("cargo-deny");
    // A build that failed once in this folder would fail for every step that asks.
    let failed_before = tools.join("cargo-deny.failed");
    if program.is_file() || failed_before.exists() {
        return Ok(program.is_file().then_some(program));
    }
    let mut command = context.cargo(&["install", "cargo-deny", "--locked", "--debug", "--quiet"]);
    command.arg("--root").arg(&tools).env("CARGO_TARGET_DIR", tools.join("build"));
    let built = exec::run(command, INSTALL_LIMIT).is_ok_and(|ended| ended.success) && program.is_file();
    // The intermediate products are as large as the project's own and of no further use.
    let swept = std::fs::remove_dir_all(tools.join("build"));
    if built && let Err(error) = swept {
        println!("could not remove what building cargo-deny left: {error}");
    }
    if !built {
        std::fs::create_dir_all(&tools)?;
        std::fs::write(failed_before, "delete this file to try again\n")?;
    }
    Ok(built.then_some(program))
}

fn crash(context: &Context) -> anyhow::Result<StepOutcome> {
    outcome(context.cargo(&["xtask", "crash", "--kills", KILLS]))
}

fn dist_step(context: &Context) -> anyhow::Result<StepOutcome> {
    let binaries = context.cargo(&["build", "--workspace", "--bins", "--examples", "--locked"]);
    if !exec::run(binaries, STEP_LIMIT)?.success {
        return Ok(StepOutcome::Failed(0, 1));
    }
    let outcomes = dist::rehearse(&context.root, &context.target, &context.target.join("debug/kino"))?;
    let (mut passed, mut failed, mut reasons) = (0, 0, Vec::new());
    for (name, outcome) in outcomes {
        match outcome {
            TrialOutcome::Passed => passed += 1,
            TrialOutcome::Failed => failed += 1,
            TrialOutcome::CouldNotRun(why) => reasons.push(format!("{name} was not tried: {why}")),
        }
    }
    for reason in &reasons {
        println!("{reason}");
    }
    Ok(match (passed, failed) {
        (0, 0) => StepOutcome::CouldNotRun(reasons.into_iter().next().unwrap_or_default()),
        (passed, 0) => StepOutcome::Passed(passed),
        (passed, failed) => StepOutcome::Failed(passed, failed),
    })
}

fn end_to_end(context: &Context) -> anyhow::Result<StepOutcome> {
    let tests = context.root.join("e2e");
    if !tests.is_dir() {
        return Ok(StepOutcome::CouldNotRun("there is no e2e folder".into()));
    }
    if !exec::available("python3", &["-c", "import venv, ensurepip"]) {
        return Ok(StepOutcome::CouldNotRun("python3 with venv is missing (Debian: python3-venv)".into()));
    }
    if !exec::available("npm", &["--version"]) || !exec::available("node", &["-e", NODE_NEEDED]) {
        return Ok(StepOutcome::CouldNotRun("node 20 or newer with npm is missing".into()));
    }
    let venv = context.target.join("e2e").join("venv");
    let python = venv.join("bin").join("python");
    let mut preparations = Vec::new();
    if !python.is_file() {
        let mut create = context.program("python3", &["-m", "venv"]);
        create.arg(&venv);
        preparations.push(("a virtual environment could not be made", create));
    }
    let requirements = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "e2e/requirements.txt"];
    preparations.push(("the Python packages could not be installed", context.program(&python, &requirements)));
    let node = ["ci", "--prefix", "e2e/node", "--no-audit", "--no-fund"];
    preparations.push(("the node packages could not be installed", context.program("npm", &node)));
    for (what, command) in preparations {
        if !exec::run(command, INSTALL_LIMIT)?.success {
            return Ok(StepOutcome::CouldNotRun(format!("{what}; its output is above")));
        }
    }
    let binaries = context.cargo(&["build", "--workspace", "--bins", "--examples", "--locked"]);
    if !exec::run(binaries, STEP_LIMIT)?.success {
        return Ok(StepOutcome::Failed(0, 1));
    }
    let mut tests = context.program(&python, &["-m", "pytest", "-q", "-rs", "e2e"]);
    tests.env("KINO_BIN_DIR", context.target.join("debug"));
    outcome(tests)
}
