//! `run --against`: a command executed before and after a change, in turn, and the verdict.
//!
//! ```text
//!  BASE ─► verify_start ─► worktree, setup ─► warm-up each ─► A B  B A  A B … ─► verify_finish ─► verdict
//! ```
//!
//! Both sides are executed in turn, and which comes first is random in blocks of two turns, so that a machine that slows
//! down slows both. The first execution of each side builds and warms up, and does not count. After a turn the engine is
//! asked whether the verdict is sure; then no more turns follow.

mod base;
mod turns;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::ProgressBar;
use kino_repo::{Worktree, project};
use kino_wire::verify::{
    Verify, VerifyBase, VerifyEnd, VerifyFinish, VerifyLook, VerifyProgress, VerifyRuns, VerifyStart, VerifyVerdict,
};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

pub(crate) use self::turns::Order;
use self::turns::{Pace, since};

use super::heart::Heart;
use super::{Quiet, child, quietly, silence};
use crate::app::{App, Outcome};
use crate::args;
use crate::config::{self, Settings};
use crate::failure::{Failure, code};
use crate::{output, progress, render};

/// How much of what a failed command wrote last is shown.
const LAST_WORDS_LINES: usize = 12;
/// Variables that lead a program to code by path.
const CODE_PATHS: [&str; 6] = ["PYTHONPATH", "NODE_PATH", "RUBYLIB", "PERL5LIB", "CLASSPATH", "GOPATH"];

/// One side that is executed.
struct Side {
    app: App,
    command: Vec<OsString>,
    runs: VerifyRuns,
    /// The last words of the latest execution that failed, and how it ended.
    failure: Option<String>,
    /// Spans it sent.
    spans: u64,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Before,
    After,
}

/// Executes and judges.
pub(super) fn run(app: &App, arguments: &args::Run, base: &str) -> Outcome {
    let interrupted = child::interrupted();
    let base = base::parse(base, &app.settings.directory)?;
    let id = match &arguments.verify_id {
        Some(id) => id.clone(),
        None => fresh_id()?,
    };
    let code = config::git().code(&app.settings.directory, &app.settings.scratch()?);
    let started = app.ask(&VerifyStart {
        id: id.clone(),
        command: arguments.command.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
        directory: app.settings.directory.to_string_lossy().into_owned(),
        code: code.state.clone(),
        base: base.clone(),
        planned: u64::from(arguments.repeat),
        tolerate: arguments.tolerate,
        start_unix_nanos: app.now().0,
    });
    let started = started.map_err(not_carried_out)?;
    output::note(&format!("kino │ verification {}: {}", &id[..id.len().min(12)], plan(&started, &base)));
    let heart = Heart::new(app, progress_of(id, None, None));
    let mut notes = code.notes;
    if let VerifyBase::Revision { commit, .. } = &base
        && code.state.code_state.as_ref() == Some(commit)
    {
        notes.push("both sides are the same code: nothing is uncommitted here".to_owned());
    }
    let executed = execute(app, arguments, &base, &heart, &interrupted, &mut notes);
    let stopped = interrupted.load(Ordering::Acquire);
    let end = match &executed {
        _ if stopped => VerifyEnd::Interrupted,
        Ok(()) => VerifyEnd::Whole,
        Err(failure) => VerifyEnd::Failed(failure.message.clone()),
    };
    let finish = VerifyFinish { progress: heart.stop(), end, notes, end_unix_nanos: app.now().0 };
    let verify = app.ask(&finish).map_err(not_carried_out)?;
    if !stopped {
        executed?;
    }
    show(app, arguments, &verify)?;
    Ok(exit_code(&verify, stopped))
}

fn exit_code(verify: &Verify, stopped: bool) -> ExitCode {
    ExitCode::from(match verify.verdict {
        _ if stopped => code::INTERRUPTED,
        Some(VerifyVerdict::Pass) => 0,
        Some(VerifyVerdict::Fail) => code::FAILED,
        Some(VerifyVerdict::Undecided) => code::UNDECIDED,
        None => code::RUN_FAILED,
    })
}

fn show(app: &App, arguments: &args::Run, verify: &Verify) -> Result<(), Failure> {
    if let Some(path) = &arguments.json_out {
        let json = serde_json::to_string(verify).map_err(|error| Failure::because("writing JSON", &error))?;
        fs::write(path, json + "\n").map_err(|error| Failure::because(path.display(), &error))?;
    }
    app.output.answer(verify, |style| render::verify::text(verify, style))
}

/// What could not be carried out must not be taken for a verdict by its exit code.
fn not_carried_out(failure: Failure) -> Failure {
    let code = match failure.code {
        code::FAILED | code::NOT_FOUND => code::RUN_FAILED,
        other => other,
    };
    Failure { code, ..failure }
}

/// An id for a new verification.
///
/// # Errors
/// Where the system has no randomness.
pub(crate) fn fresh_id() -> Result<String, Failure> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| Failure::new(code::RUN_FAILED, format!("no randomness: {error}")))?;
    Ok(kino_model::TraceId(random).to_string())
}

fn plan(started: &Verify, base: &VerifyBase) -> String {
    let (planned, what) = (render::counted(started.planned, "execution"), &started.before.what);
    match base {
        VerifyBase::Revision { .. } => {
            format!("up to {planned} here and as many at {what}, in turn, and one each to warm up")
        }
        _ => format!("{planned} here and one to warm up, against {what}"),
    }
}

fn progress_of(id: String, before: Option<&Side>, after: Option<&Side>) -> VerifyProgress {
    let runs = |side: Option<&Side>| side.map(|side| side.runs.clone()).unwrap_or_default();
    VerifyProgress { id, before: runs(before), after: runs(after) }
}

fn execute(
    app: &App,
    arguments: &args::Run,
    base: &VerifyBase,
    heart: &Heart,
    interrupted: &Arc<AtomicBool>,
    notes: &mut Vec<String>,
) -> Result<(), Failure> {
    let mut after = Side::new(app.clone(), arguments.command.clone());
    let mut worktree = None;
    let mut before = match base {
        VerifyBase::Revision { commit, .. } => {
            let tree = base_tree(app, arguments, commit)?;
            let side = base_side(app, &arguments.command, &tree, notes)?;
            worktree = Some(tree);
            Some(side)
        }
        _ => None,
    };
    let sides = 1 + u64::from(before.is_some());
    let bar = progress::bar((u64::from(arguments.repeat) + 1) * sides, "executing");
    let pinned = arguments.pin.as_ref().map(Pinned::to).transpose()?;
    let done = Turns { app, arguments, heart, interrupted, bar: &bar }.take(&mut before, &mut after, notes);
    drop(pinned);
    bar.finish_and_clear();
    drop(worktree);
    for (side, where_) in [(before.as_ref(), "before the change"), (Some(&after), "after the change")] {
        if let Some(failure) = side.and_then(|side| side.failure.as_ref()) {
            output::note(&format!("kino │ the command failed {where_}: {failure}"));
        }
    }
    let spans_came = after.spans + before.as_ref().map_or(0, |side| side.spans) > 0;
    if done.is_ok() && !spans_came {
        notes.push("no spans came, so that the command's own duration is compared".to_owned());
        notes.extend(silence(arguments, false));
    }
    done
}

/// What all turns share.
struct Turns<'a> {
    app: &'a App,
    arguments: &'a args::Run,
    heart: &'a Heart,
    interrupted: &'a AtomicBool,
    bar: &'a ProgressBar,
}

impl Turns<'_> {
    /// A warm-up each, then turns until they are enough.
    fn take(&self, before: &mut Option<Side>, after: &mut Side, notes: &mut Vec<String>) -> Result<(), Failure> {
        let order = Order::random()?;
        let planned = self.arguments.repeat;
        let mut pace = Pace::new(planned, self.arguments.budget, self.app.now());
        for turn in 0..=planned {
            if turn > 0 && pace.is_over(self.app.now()) {
                notes.push(format!("the budget allowed {} of {planned} turns", turn - 1));
                return Ok(());
            }
            let begun = self.app.now();
            for which in order.of(turn, [Which::Before, Which::After]) {
                let side = match (which, &mut *before) {
                    (Which::After, _) => &mut *after,
                    (Which::Before, Some(side)) => side,
                    (Which::Before, None) => continue,
                };
                let ran = side.execute();
                if self.interrupted.load(Ordering::Acquire) {
                    return Ok(());
                }
                side.take(ran?, turn > 0)?;
                let runs = side.runs.clone();
                self.heart.update(|progress| match which {
                    Which::Before => progress.before = runs,
                    Which::After => progress.after = runs,
                });
                self.bar.inc(1);
            }
            pace.took(since(begun, self.app.now()));
            if turn == 0 {
                output::note(&format!("kino │ {}", pace.forecast(1 + u64::from(before.is_some()), self.app.now())));
            }
            if before.is_some() && pace.is_look(turn) && self.is_sure(&mut pace)? {
                notes.push(format!("it ended after {turn} of {planned} turns: the verdict was sure"));
                return Ok(());
            }
        }
        Ok(())
    }

    /// Whether more turns would change nothing.
    fn is_sure(&self, pace: &mut Pace) -> Result<bool, Failure> {
        let begun = self.app.now();
        let looked = self.app.ask(&VerifyLook { progress: self.heart.progress() })?;
        pace.looked(since(begun, self.app.now()));
        Ok(looked.verdict.is_some())
    }
}

/// Keeps this thread, and what it starts, to some cores until it is dropped.
struct Pinned(CpuSet);

impl Pinned {
    fn to(cores: &args::Cores) -> Result<Self, Failure> {
        let failed = |error: rustix::io::Errno| {
            Failure::new(code::WRONG, format!("--pin: the command cannot be kept to these cores: {error}"))
        };
        let before = sched_getaffinity(None).map_err(failed)?;
        let mut wanted = CpuSet::new();
        cores.0.iter().for_each(|core| wanted.set(*core));
        sched_setaffinity(None, &wanted).map_err(failed)?;
        Ok(Self(before))
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // It had these cores before.
        sched_setaffinity(None, &self.0).ok();
    }
}

impl Side {
    fn new(app: App, command: Vec<OsString>) -> Self {
        Self { app, command, runs: VerifyRuns::default(), failure: None, spans: 0 }
    }

    fn execute(&self) -> Result<Quiet, Failure> {
        quietly(&self.app, &self.command)
    }

    fn take(&mut self, ran: Quiet, counts: bool) -> Result<(), Failure> {
        let failed = ran.run.signal.is_some() || ran.run.exit_code != Some(0);
        ran.ended.status?;
        self.spans += ran.run.spans;
        if failed {
            let how = match (ran.run.exit_code, ran.run.signal) {
                (_, Some(signal)) => format!("signal {signal}"),
                (code, _) => format!("exit {}", code.unwrap_or_default()),
            };
            let said = if ran.ended.stderr.kept.is_empty() { &ran.ended.stdout.kept } else { &ran.ended.stderr.kept };
            self.failure = Some(format!("{how}{}", last_words(said)));
        }
        if counts {
            self.runs.runs.push(ran.run.run_id);
            self.runs.failed_runs += u64::from(failed);
        } else {
            self.runs.warm_up_runs.push(ran.run.run_id);
        }
        Ok(())
    }
}

/// The last lines of what a command wrote, indented and harmless to a terminal.
fn last_words(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().collect();
    let shown = &lines[lines.len().saturating_sub(LAST_WORDS_LINES)..];
    shown.iter().flat_map(|line| ["\nkino │   ".to_owned(), render::clean(line).into_owned()]).collect()
}

/// The base, checked out and set up.
fn base_tree(app: &App, arguments: &args::Run, commit: &str) -> Result<Worktree, Failure> {
    let project = project::of(&app.settings.directory)
        .ok_or_else(|| Failure::new(code::WRONG, "this directory is in no git repository, so it has no revisions"))?;
    let tree = Worktree::add(&config::git(), &project.worktree, commit, &app.settings.scratch()?)
        .map_err(|error| Failure { code: code::RUN_FAILED, ..Failure::from_error(&error) })?;
    if let Some(line) = &arguments.setup {
        let spinner = progress::spinner(format!("setting {commit:.12} up"));
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(line).current_dir(&tree.root).env("KINO_ORIGIN", &project.worktree).stdin(Stdio::null());
        let ran = shell.output().map_err(|error| Failure::because("starting sh for --setup", &error))?;
        spinner.finish_and_clear();
        if !ran.status.success() {
            let said = if ran.stderr.is_empty() { &ran.stdout } else { &ran.stderr };
            let message = format!("--setup ended with {}:{}", ran.status, last_words(said));
            return Err(Failure::new(code::RUN_FAILED, message));
        }
    }
    Ok(tree)
}

/// The same command at the same place of the other worktree.
fn base_side(app: &App, command: &[OsString], tree: &Worktree, notes: &mut Vec<String>) -> Result<Side, Failure> {
    let here = app.settings.directory.canonicalize().unwrap_or_else(|_| app.settings.directory.clone());
    let project = project::of(&here).ok_or_else(|| Failure::new(code::RUN_FAILED, "the repository has gone"))?;
    let root = project.worktree;
    let inner = here.strip_prefix(&root).unwrap_or(Path::new(""));
    let there = tree.root.join(inner);
    if !there.is_dir() {
        let message = format!("there is no folder {} at the revision to compare with", inner.display());
        return Err(Failure::new(code::RUN_FAILED, message));
    }
    let places = Places { here: &here, root: &root, there: &there, tree: &tree.root };
    let mut moved = Vec::with_capacity(command.len());
    for (index, word) in command.iter().enumerate() {
        let at_base = places.word(word, index == 0);
        if at_base != *word {
            notes.push(format!("before the change {} stands for {}", at_base.display(), word.display()));
        }
        moved.push(at_base);
    }
    let root_text = root.to_string_lossy().into_owned();
    for name in CODE_PATHS {
        let value = crate::config::variable(name).unwrap_or_default();
        if value.to_string_lossy().contains(&root_text) {
            notes.push(format!("{name} names this directory on both sides: the code may be the same"));
        }
    }
    let settings = Settings { directory: there, ..app.settings.clone() };
    Ok(Side::new(App { settings, ..app.clone() }, moved))
}

/// Where things are on both sides.
struct Places<'a> {
    here: &'a Path,
    root: &'a Path,
    there: &'a Path,
    tree: &'a Path,
}

impl Places<'_> {
    /// A word of the command as the base needs it: an absolute path into this worktree leads to the same file of the
    /// other, where it has it; a program that git does not keep (an environment, a build) stays the one here.
    fn word(&self, word: &OsStr, is_program: bool) -> OsString {
        let path = Path::new(word);
        if path.is_absolute() {
            let counterpart = path.strip_prefix(self.root).ok().map(|inner| self.tree.join(inner));
            return counterpart.filter(|path| path.exists()).map_or_else(|| word.to_owned(), PathBuf::into_os_string);
        }
        let names_a_file = is_program && path.components().count() > 1;
        if names_a_file && !self.there.join(path).exists() && self.here.join(path).exists() {
            return self.here.join(path).into_os_string();
        }
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_the_other_worktree_where_it_has_them() {
        let (mine, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (folder, file) in [(&mine, "app.py"), (&other, "app.py"), (&mine, "tool"), (&mine, "venv")] {
            fs::write(folder.path().join(file), "").unwrap();
        }
        let places = Places { here: mine.path(), root: mine.path(), there: other.path(), tree: other.path() };
        let word = |word: &str, program| places.word(OsStr::new(word), program);
        let absolute = |folder: &tempfile::TempDir, file: &str| folder.path().join(file).into_os_string();
        assert_eq!(word(absolute(&mine, "app.py").to_str().unwrap(), false), absolute(&other, "app.py"));
        assert_eq!(word(absolute(&mine, "venv").to_str().unwrap(), true), absolute(&mine, "venv"));
        assert_eq!(word("./tool", true), mine.path().join("./tool").into_os_string());
        assert_eq!(word("./app.py", true), "./app.py");
        assert_eq!(word("./tool", false), "./tool");
        assert_eq!(word("python", true), "python");
    }

    #[test]
    fn last_words_are_few_and_harmless() {
        let lines: Vec<String> = (0..40).map(|line| format!("line {line} \u{1b}[31m")).collect();
        let words = last_words(lines.join("\n").as_bytes());
        assert_eq!(words.lines().count(), LAST_WORDS_LINES + 1);
        assert!(words.contains("line 39") && !words.contains('\u{1b}'), "{words}");
    }
}
