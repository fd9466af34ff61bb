//! A recorded run: a command with tracing switched on, of which the engine learns the beginning and the end.
//!
//! ```text
//!  engine, code state, ids ─► run_start ─► child (environment, streams, signals) ─► run_finish
//!       └─ none can be reached: the same into the spool, for a later command to take in
//! ```
//!
//! The command comes first: where no engine can be had it runs all the same. It waits for an engine only for a bounded
//! time, and what is recorded of it then is recorded afterwards.

mod registration;

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kino_model::{RunId, names};
use kino_repo::Code;
use kino_wire::admin::StatusQuestion;
use kino_wire::run::{CodeState, Run, RunFinish, RunOutput, RunStart};
use kino_wire::{Problem, ProblemKind};
use rustix::process::Pid;

pub(crate) use self::registration::recorder as own_recorder;
use self::registration::{Reached, Registration};
use crate::child::screen::Screen;
use crate::child::{self, ChildExit, Command, Streams};
use crate::commands::Above;
pub use crate::environment::Marks;
use crate::environment::{self, EnvironmentInputs};
use crate::injection::{Injected, Injection, Sink};
use crate::lines::AskedLines;
use crate::service_name::{self, WorkingDirectory};
use crate::spool::{Rescue, SpoolError, Spooled, is_passing};
use crate::{Client, EngineNews, Host, RunnerError, java, nextest, stragglers, suites};

/// How often a full store is asked to take the end of a run.
const END_ATTEMPTS_MAX: usize = 20;
/// The time between two of these attempts.
const END_PAUSE: Duration = Duration::from_millis(250);

/// A command that was executed.
#[derive(Debug)]
pub struct Executed {
    /// How it ended, and what it wrote.
    pub ended: ChildExit,
    /// What is recorded of it; `None` where nothing could be, which the host has said.
    pub recorded: Option<Recorded>,
    /// What waits for an engine instead.
    pub waiting: Option<SpooledRun>,
}

/// An execution that no engine took.
#[derive(Debug)]
pub struct SpooledRun {
    /// Where it waits, and what of it.
    pub spooled: Spooled,
    /// Why no engine took it.
    pub why: String,
    /// What came through the bootstrap; `None` where none was injected.
    pub injected: Option<Injected>,
    /// What there is to say of the tests that reports and the output name, a sentence each.
    pub notes: Vec<String>,
}

/// What is recorded of an execution.
#[derive(Debug)]
pub struct Recorded {
    /// As the engine has it.
    pub run: Run,
    /// The code that ran.
    pub code: Code,
    /// Whether it sent metrics.
    pub metrics_came: bool,
    /// What came through the bootstrap; `None` where none was injected.
    pub injected: Option<Injected>,
    /// What there is to say of the tests that reports and the output name, a sentence each.
    pub notes: Vec<String>,
}

/// A run that the engine knows of.
struct Recording<C> {
    client: C,
    start: RunStart,
    code: Code,
    /// Metric points refused before the run, to see afterwards whether it sent any.
    metric_points: u64,
    /// Where what the engine does not take is written.
    rescue: Rescue,
}

/// Executes a command and records it where that is possible; else it waits in the spool of its directory. The host says
/// what cannot be recorded, and why a command did not start.
pub fn execute<H: Host>(host: &H, command: Command<'_>, marks: Marks<'_>) -> Executed {
    let screen = Screen::default();
    let is_shown = command.streams == Streams::HandedOn && io::stderr().is_terminal();
    let mut injection = inject(host, command.directory, is_shown.then(|| screen.clone()));
    let sinks = injection.as_ref().map(Injection::sinks);
    let begun = Registration::begin(host, command, marks, sinks, true);
    let not_recorded = |failure: &H::Failure| host.say(&format!("kino │ this run is not recorded: {failure}"));
    let mut registration = begun.inspect_err(not_recorded).ok();
    if let Some(registration) = &mut registration {
        registration.wait_a_little(host);
    }
    let variables = registration.as_ref().map(|begun| variables(host, begun, injection.as_ref(), command, marks));
    let mut variables = variables.unwrap_or_default();
    let asked = registration.as_ref().filter(|_| injection.is_some() && host.records_lines());
    let asked = asked.and_then(|begun| AskedLines::of(&begun.code));
    variables.extend(asked.as_ref().map(AskedLines::variable));
    let watch = |pid: Pid| {
        if let (Some(injection), Some(begun)) = (&injection, &registration) {
            injection.watch(above(host, begun, pid, &variables));
        }
    };
    let ended = child::run(command, &variables, &host.terminal_helper(), host.clock(), &screen, &watch);
    if let Err(error) = &ended.status {
        host.say(&format!("kino: {error}"));
    }
    let mut executed = Executed { ended, recorded: None, waiting: None };
    match registration.map(|registration| registration.reached(host)) {
        Some(Reached::Engine(recording)) => {
            record(
                host,
                *recording,
                injection.take(),
                RecordingInputs { command, variables: &variables, lines: asked },
                &mut executed,
            );
        }
        Some(Reached::Spool(begun, spool, failure)) => {
            let (start, code) = *begun;
            stragglers::wait(start.run_id);
            let injected = injection.take().map(|injection| injection.finish(Sink::Spool(spool.clone())));
            let has_tests = injected.as_ref().is_some_and(|injected| injected.counts.tests > 0);
            let known = Tested { start: &start, code: &code, command, ended: &executed.ended, has_tests };
            let notes = tests(host, known, &variables, &|spans, count| {
                spool.spans(spans, count);
                Ok(())
            });
            let lines = asked.zip(injected.as_ref()).and_then(|(asked, injected)| asked.seen(&injected.counts.lines));
            let spooled = spool.finish(&RunFinish { lines, ..finish_of(host, start.run_id, &executed.ended) });
            executed.waiting = Some(SpooledRun { spooled, why: failure.to_string(), injected, notes });
        }
        Some(Reached::Nowhere(failure, error)) => {
            host.say(&format!("kino │ this run is not recorded: {failure}"));
            host.say(&format!("kino │ nor can it wait in .kino/spool: {error}"));
        }
        None => {}
    }
    if let Some(injection) = injection {
        injection.abandon();
    }
    executed
}

/// What was executed, with what in its environment, and which lines it was asked about.
struct RecordingInputs<'a> {
    command: Command<'a>,
    variables: &'a [(&'static str, OsString)],
    lines: Option<AskedLines>,
}

/// Reports the end of a run to its engine; to the spool, where that has gone.
fn record<H: Host>(
    host: &H,
    recording: Recording<H::Client>,
    injection: Option<Injection<H::Client>>,
    asked: RecordingInputs<'_>,
    executed: &mut Executed,
) {
    let RecordingInputs { command, variables, lines } = asked;
    stragglers::wait(recording.start.run_id);
    let Recording { client, start, code, metric_points: points_before, rescue } = recording;
    let sink = Sink::Engine(client.clone(), Some(rescue.clone()));
    let injected = injection.map(|injection| injection.finish(sink));
    let has_tests = injected.as_ref().is_some_and(|injected| injected.counts.tests > 0);
    let known = Tested { start: &start, code: &code, command, ended: &executed.ended, has_tests };
    let mut notes = tests(host, known, variables, &|spans, count| deliver(&client, &rescue, spans, count));
    let lines = lines.zip(injected.as_ref()).and_then(|(lines, injected)| lines.seen(&injected.counts.lines));
    let question = RunFinish { lines, ..finish_of(host, start.run_id, &executed.ended) };
    // Whole, so that it can be taken in by itself.
    let spooled = rescue.opened().map(|spool| spool.finish(&question));
    match finish(host, &client, &question) {
        Ok(run) => {
            let metrics_came = run.spans == 0 && metric_points(&client) > points_before;
            notes.extend(spooled.as_ref().map(came_later));
            executed.recorded = Some(Recorded { run, code, metrics_came, injected, notes });
        }
        Err(failure) => match spooled.map_or_else(|| Ok(rescue.spool()?.finish(&question)), Ok::<_, SpoolError>) {
            Ok(spooled) => {
                executed.waiting = Some(SpooledRun { spooled, why: failure.to_string(), injected, notes });
            }
            Err(_) => host.say(&format!("kino │ the end of this run is not recorded: {failure}")),
        },
    }
}

/// Executes a command that must be recorded, with empty standard input and its output only captured.
///
/// # Errors
/// Where it cannot be recorded; a command that did not start is none.
pub(crate) fn execute_quietly<H: Host>(host: &H, command: Command<'_>) -> Result<(Run, ChildExit), H::Failure> {
    let injection = inject(host, command.directory, None);
    let sinks = injection.as_ref().map(Injection::sinks);
    let mut registration = Registration::begin(host, command, Marks::default(), sinks, false)?;
    registration.wait(host)?;
    let mut variables = variables(host, &registration, injection.as_ref(), command, Marks::default());
    variables.push(("PWD", command.directory.as_os_str().to_owned()));
    let (helper, screen) = (host.terminal_helper(), Screen::default());
    let ended = child::run(command, &variables, &helper, host.clock(), &screen, &|_| ());
    let recording = registration.registered(host)?;
    stragglers::wait(recording.start.run_id);
    if let Some(injection) = injection {
        injection.finish(Sink::Engine(recording.client.clone(), None));
    }
    let run = finish(host, &recording.client, &finish_of(host, recording.start.run_id, &ended))?;
    Ok((run, ended))
}

/// The bootstrap in the command that is about to start; the command starts without where that fails.
fn inject<H: Host>(host: &H, directory: &Path, screen: Option<Screen>) -> Option<Injection<H::Client>> {
    let not_injected =
        |error: &RunnerError| host.say(&format!("kino │ nothing is injected into this command: {error}"));
    Injection::begin(host, directory, screen)?.inspect_err(not_injected).ok()
}

/// What the command needs to report, and to send its spans to the engine, where it is known where that is.
fn variables<H: Host>(
    host: &H,
    registration: &Registration<H>,
    injection: Option<&Injection<H::Client>>,
    command: Command<'_>,
    marks: Marks<'_>,
) -> Vec<(&'static str, OsString)> {
    let engine = registration.engine.as_ref();
    let (ids, code) = (&registration.ids, &registration.code.state);
    let Command { words, directory, .. } = command;
    let variable = |name: &str| host.variable(name);
    let mut set = environment::variables(&EnvironmentInputs { engine, ids, marks, code, words, directory }, variable);
    if let Some(injection) = injection {
        let project = code.worktree.as_deref().map_or(directory, Path::new);
        set.extend(injection.variables(engine, project, variable));
        if nextest::is_nextest(words) {
            match nextest::variables(directory, variable) {
                Ok(runners) => set.extend(runners),
                Err(why) => host.say(&format!("kino │ {why}")),
            }
        }
    }
    set.extend(java_options(host, code, command));
    set
}

/// What makes JVMs of the command load the user's agent; a build tool's own JVM does not.
fn java_options<H: Host>(host: &H, code: &CodeState, command: Command<'_>) -> Option<(&'static str, OsString)> {
    let agent = host.java_agent()?;
    let (worktree, project) = (code.worktree.as_deref(), code.project.as_deref());
    let program =
        service_name::program(command.words, WorkingDirectory { directory: command.directory, worktree, project });
    if let Some(instead) = java::build_tool(&program) {
        host.say(&format!(
            "kino │ {program}'s own JVM gets no agent, and so its tests have none; they get it by {instead}"
        ));
        return None;
    }
    agent.variable(host.variable(java::VARIABLE).as_deref())
}

/// Hands spans to the engine; to the spool where that is gone.
fn deliver(client: &impl Client, rescue: &Rescue, spans: &[u8], count: u64) -> Result<(), String> {
    if let Some(spool) = rescue.opened() {
        spool.spans(spans, count);
        return Ok(());
    }
    let Err(problem) = client.import(spans.to_owned()) else { return Ok(()) };
    match rescue.spool() {
        Ok(spool) if is_passing(&problem) => {
            spool.spans(spans, count);
            Ok(())
        }
        _ => Err(problem.message),
    }
}

/// Says what the engine of a run did not take, as it was gone.
fn came_later(spooled: &Spooled) -> String {
    let (waiting, dropped) = (spooled.spans, spooled.dropped);
    let dropped = if dropped > 0 { format!(", and {dropped} are lost") } else { String::new() };
    let failed = spooled.failed.as_ref().map(|error| format!(" ({error})")).unwrap_or_default();
    format!(
        "the engine ended in the middle of this run: {waiting} of its spans go by way of .kino/spool{dropped}{failed}"
    )
}

/// What the run's commands are below, once its own has started.
fn above<H: Host>(host: &H, begun: &Registration<H>, pid: Pid, variables: &[(&'static str, OsString)]) -> Above {
    let variable = |name: &str| {
        let set = variables.iter().find(|(set, _)| *set == name).map(|(_, value)| value.clone());
        set.or_else(|| host.variable(name))
    };
    Above {
        pid: pid.as_raw_nonzero().get(),
        trace: begun.ids.trace,
        span: begun.ids.span,
        start: host.clock().now().0,
        resource: nextest::resource(&variable),
    }
}

/// A run of which tests may be known.
#[derive(Clone, Copy)]
struct Tested<'a> {
    start: &'a RunStart,
    code: &'a Code,
    command: Command<'a>,
    ended: &'a ChildExit,
    /// Whether processes of the run have recorded tests.
    has_tests: bool,
}

/// Takes in the tests that reports and the output name, by `deliver`; returns what there is to say of it.
fn tests<H: Host>(
    host: &H,
    known: Tested<'_>,
    variables: &[(&'static str, OsString)],
    deliver: suites::Deliver<'_>,
) -> Vec<String> {
    let Tested { start, code, command, ended, has_tests } = known;
    let state = &code.state;
    let set = variables.iter().find(|(name, _)| *name == environment::SERVICE_NAME).map(|(_, value)| value.clone());
    let service = set.or_else(|| host.variable(environment::SERVICE_NAME)).unwrap_or_default();
    let (service, run) = (service.to_string_lossy(), start.run_id.to_string());
    let resource = suites::resource(&[
        (names::SERVICE_NAME, Some(&service)),
        (names::RUN_ID, Some(&run)),
        (names::RUN_LABEL, start.label.as_deref()),
        (names::CALL_ID, start.call.as_deref()),
        (names::PROJECT, state.project.as_deref()),
        (names::WORKTREE, state.worktree.as_deref()),
        (names::CODE_STATE, state.code_state.as_deref()),
    ]);
    let junit = host.junit();
    let looked = suites::SuiteSearch {
        words: command.words,
        project: state.worktree.as_deref().map_or(command.directory, Path::new),
        junit: junit.as_deref(),
        has_tests,
        ended,
        above: (start.trace_id, start.span_id),
        times: (start.start_unix_nanos, host.clock().now().0),
        resource: &resource,
    };
    suites::take_in(looked, deliver)
}

fn finish_of<H: Host>(host: &H, run: RunId, ended: &ChildExit) -> RunFinish {
    let (exit_code, signal) = match &ended.status {
        Ok(status) => (status.code(), status.signal()),
        Err(error) => (Some(i32::from(error.exit_code())), None),
    };
    RunFinish {
        run_id: run,
        exit_code,
        signal,
        stdout: output(&ended.stdout.bytes, ended.stdout.cut_bytes),
        stderr: output(&ended.stderr.bytes, ended.stderr.cut_bytes),
        end_unix_nanos: host.clock().now().0,
        cpu_nanos: ended.cpu_nanos,
        others_cpu: ended.others_cpu,
        peak_memory_bytes: ended.peak_memory_bytes,
        lines: None,
    }
}

/// The engine may have been stopped meanwhile: then another one is started, which finds the run in the store.
fn finish<H: Host>(host: &H, client: &H::Client, question: &RunFinish) -> Result<Run, H::Failure> {
    let mut attempts = 1;
    loop {
        match client.ask(question) {
            Err(Problem { kind: ProblemKind::Internal, .. }) => return ask(host, question),
            Err(Problem { kind: ProblemKind::Busy, .. }) if attempts < END_ATTEMPTS_MAX => {
                attempts += 1;
                thread::sleep(END_PAUSE);
            }
            answer => return Ok(answer?),
        }
    }
}

/// Asks the engine, which is started if none runs.
pub(crate) fn ask<H: Host, Q: kino_wire::Question>(host: &H, question: &Q) -> Result<Q::Answer, H::Failure> {
    let say = |news: EngineNews<'_>| {
        if let EngineNews::Said(sentence) = news {
            host.say(sentence);
        }
    };
    Ok(host.engine(&say)?.ask(question)?)
}

fn output(bytes: &[u8], cut_bytes: u64) -> RunOutput {
    RunOutput { base64: BASE64_STANDARD.encode(bytes), cut_bytes }
}

/// How many metric points the engine has refused to store so far.
fn metric_points(client: &impl Client) -> u64 {
    let issues = client.ask(&StatusQuestion {}).map(|status| status.issues).unwrap_or_default();
    issues.into_iter().filter(|(name, _)| name.contains("metric")).map(|(_, count)| count).sum()
}
