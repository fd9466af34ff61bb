//! `run`: a command with tracing switched on, and afterwards what was learned; or the verdict on a change.
//!
//! The command's exit code is ours, recorded or not. How commands are executed is `kino-runner`'s matter.

mod against;

use std::fs;
use std::io::{self, IsTerminal};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use kino_model::DurationNanos;
use kino_repo::DIFF_BYTES_MAX;
use kino_runner::child::{ChildExit, Command, OUTPUT_BYTES_MAX, Streams};
use kino_runner::recording::{self, Marks, Recorded};
use kino_runner::{Injected, JavaAgent, Sampled, Silence};
use kino_wire::change::ChangeQuestion;
use kino_wire::errors::{Errors, ErrorsQuestion};
use kino_wire::run::Run;

use crate::app::{App, Outcome};
use crate::args;
use crate::failure::{Failure, code};
use crate::output;
use crate::render::{self, Style};
use crate::{spool, start};

/// Runs a command, or, where it is to be compared, verifies what changed.
pub(super) fn run(app: &App, arguments: &args::Run) -> Outcome {
    let mut app = app.clone();
    let run = &mut app.settings.engine.run;
    run.inject &= !arguments.no_inject;
    run.lines |= arguments.lines;
    if let Some(jar) = &arguments.java_agent {
        JavaAgent::new(jar).map_err(|error| Failure::new(code::WRONG, format!("--java-agent: {error}")))?;
        run.java_agent = Some(std::path::absolute(jar).map_err(|error| Failure::because(jar.display(), &error))?);
    }
    match &arguments.against {
        Some(base) => against::run(&app, arguments, base),
        None => Ok(once(&app, arguments)),
    }
}

fn once(app: &App, arguments: &args::Run) -> ExitCode {
    let streams = match arguments.no_output_capture {
        true => Streams::Ours,
        // An assistant reads both outputs as one text.
        false if arguments.call.is_some() && has_one_output() => Streams::Joined,
        false => Streams::HandedOn,
    };
    let command = Command { words: &arguments.command, directory: &app.settings.directory, streams };
    let marks = Marks { label: arguments.label.as_deref(), call: arguments.call.as_deref() };
    // An assistant reads the command's output: what there is to say reaches it by its hook.
    if marks.call.is_some() {
        output::silence();
    }
    let executed = recording::execute(app, command, marks);
    if let (Err(error), Some(_)) = (&executed.ended.status, marks.call) {
        // What the command itself would have said.
        output::note_as_it_is(&format!("kino: {}", render::clean(&error.to_string())));
    }
    if let Some(recorded) = &executed.recorded {
        report(app, arguments, &executed.ended, recorded);
        if let Ok(client) = start::running(&app.settings) {
            spool::take_in(app, &client);
        }
    }
    if let Some(waiting) = &executed.waiting {
        spool::say(waiting);
        for note in waiting.injected.iter().flat_map(not_seen) {
            output::note(&format!("kino │ {note}"));
        }
    }
    ExitCode::from(match &executed.ended.status {
        Ok(status) => exit_code(*status),
        Err(error) => error.exit_code(),
    })
}

/// Whether standard output and standard error are one file, and no terminal.
fn has_one_output() -> bool {
    let about = |descriptor| rustix::fs::fstat(descriptor).ok().map(|found| (found.st_dev, found.st_ino));
    let (out, err) = (about(rustix::stdio::stdout()), about(rustix::stdio::stderr()));
    out.is_some() && out == err && !io::stdout().is_terminal()
}

fn report(app: &App, arguments: &args::Run, ended: &ChildExit, recorded: &Recorded) {
    let Recorded { run, code, metrics_came, injected, notes } = recorded;
    let mut known = render::run::RecorderNotes { notes: code.notes.clone(), ..render::run::RecorderNotes::default() };
    known.notes.extend(notes.iter().map(|note| render::clean(note).into_owned()));
    if ended.status.is_err() {
        known.silence = vec!["the command did not start".to_owned()];
    } else if run.spans == injected.as_ref().map_or(0, |injected| injected.sampled.commands) {
        let silence = Silence { words: &arguments.command, metrics_came: *metrics_came, injected: injected.is_some() };
        known.silence = kino_runner::why_no_spans(app, silence);
    }
    if run.exit_code != Some(0) {
        known.errors = errors(app, run);
    }
    for (what, stream) in [("output", &ended.stdout), ("error output", &ended.stderr)] {
        known.notes.extend(cut(what, stream.cut_bytes, OUTPUT_BYTES_MAX));
        if stream.left_open {
            known.notes.push(format!("a process of this run lives on; what it writes to the {what} now is lost"));
        }
    }
    known.notes.extend(injected.iter().flat_map(not_seen));
    known.notes.extend(lines(app, injected.as_ref()));
    known.notes.extend(cut("uncommitted diff", code.diff_cut_bytes, DIFF_BYTES_MAX));
    if run.signal.is_some() && io::stderr().is_terminal() {
        // The terminal has just echoed the key that ended it.
        output::note("");
    }
    if arguments.call.is_some() && arguments.json_out.is_none() && !app.output.json {
        return;
    }
    let style = Style { colour: io::stderr().is_terminal() && !app.settings.no_color, width: app.output.style.width };
    if arguments.call.is_none() {
        output::note_as_it_is(render::run::report(run, &known, style).trim_end());
    }
    let json = || serde_json::to_string(run).expect("a record of text and numbers is JSON");
    if let Some(path) = &arguments.json_out {
        if let Err(error) = fs::write(path, json() + "\n") {
            output::note(&format!("kino │ writing {}: {error}", path.display()));
        }
    } else if app.output.json {
        output::note_as_it_is(&json());
    }
}

/// What the bootstrap could not record, a sentence each.
fn not_seen(injected: &Injected) -> Vec<String> {
    let counts = &injected.counts;
    let mut notes: Vec<String> = counts
        .lost
        .iter()
        .map(|(why, spans)| format!("{} lost in the program: {why}", render::counted(*spans, "span")))
        .map(|note| render::clean(&note).into_owned())
        .collect();
    if counts.unreadable > 0 {
        notes.push(format!("{} cut off by the end of a process", render::counted(counts.unreadable, "record")));
    }
    if let Some((spans, why)) = &injected.refused {
        notes.push(format!("{} not stored: {why}", render::counted(*spans, "span")));
    }
    notes.extend(sampled(injected.sampled));
    if counts.faults > 0 {
        let places: Vec<_> = counts.faults_seen.iter().map(String::as_str).collect();
        notes.push(format!(
            "the instrumentation itself failed {}, and the program did not notice: {}; --no-inject leaves it out",
            render::counted(counts.faults, "time"),
            render::clean(&places.join(", "))
        ));
    }
    if injected.left > 0 {
        let live = render::counted(injected.left as u64, "process");
        notes.push(format!("{live} of this run live on: their spans go to the engine without `kino run`"));
    }
    notes
}

/// What is to be known of commands that were seen in `/proc`, a sentence each.
fn sampled(sampled: Sampled) -> Vec<String> {
    let Sampled { commands, dropped, every_nanos } = sampled;
    let mut notes = Vec::new();
    if commands > 0 {
        let every = DurationNanos(i64::try_from(every_nanos).unwrap_or(i64::MAX));
        let were = if commands == 1 { "was" } else { "were" };
        notes.push(format!(
            "{} {were} seen in /proc, looked at every {every}: shorter ones may be missing, and how one ended is not known",
            render::counted(commands, "command"),
        ));
    }
    if dropped > 0 {
        notes.push(format!("{} beyond what one run records left out", render::counted(dropped, "command")));
    }
    notes
}

/// How many changed lines runs of this state have executed, where that is asked for.
fn lines(app: &App, injected: Option<&Injected>) -> Option<String> {
    if !app.settings.engine.run.lines {
        return None;
    }
    let question = ChangeQuestion { worktree: app.worktree()?, limit: 0 };
    let answer = start::running(&app.settings).ok()?.ask(&question).ok()?;
    let is_recorded = injected.is_some_and(|injected| injected.counts.lines.is_watched);
    Some(render::change::sentence(&answer, is_recorded))
}

/// The errors of a run that failed; `None` where the engine does not say.
fn errors(app: &App, run: &Run) -> Option<Errors> {
    let run_id = Some(run.run_id.to_string());
    let question = ErrorsQuestion { run_id, limit: render::run::ERRORS_MAX, ..ErrorsQuestion::default() };
    start::running(&app.settings).ok()?.ask(&question).ok()
}

fn cut(what: &str, bytes: u64, limit: usize) -> Option<String> {
    let (shown, limit) = (render::bytes(bytes), render::bytes(limit as u64));
    (bytes > 0).then(|| format!("the last {shown} of the {what} are not recorded (the limit is {limit})"))
}

/// The command's code, or 128 and its signal, as shells say it.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(code::RUN_FAILED)
}
