//! `run`: a command with tracing switched on, and afterwards what was learned.
//!
//! ```text
//!  engine, code state, ids ─► run_start ─► child (environment, streams, signals) ─► run_finish ─► a few lines
//! ```
//!
//! The command comes first: where no engine can be had it runs all the same, and its exit code is ours. It waits for
//! an engine only so long, and what is recorded of it then is recorded afterwards.

mod against;
mod capture;
mod child;
mod environment;
mod heart;
mod registration;
mod terminal;

use std::ffi::OsString;
use std::fs;
use std::io::{self, IsTerminal};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kino_repo::{Code, DIFF_BYTES_MAX};
use kino_wire::admin::StatusQuestion;
use kino_wire::run::{Run, RunFinish, RunOutput};
use kino_wire::{Problem, ProblemKind};

pub(super) use self::against::{Order, fresh_id};
use self::capture::OUTPUT_BYTES_MAX;
use self::child::{Ended, Streams};
use self::environment::{Ids, Known};
use self::registration::{Registered, Registration};
pub(crate) use self::terminal::become_command;
use crate::app::{App, Outcome};
use crate::args;
use crate::client::Client;
use crate::failure::{Failure, code};
use crate::output;
use crate::render::{self, Style};

/// How often a full store is asked to take the end of a run.
const END_ATTEMPTS_MAX: usize = 20;
/// The time between two of these attempts.
const END_PAUSE: Duration = Duration::from_millis(250);

/// A run that the engine knows of.
struct Recording {
    client: Client,
    ids: Ids,
    code: Code,
    /// Metric points refused before the run, to tell whether it sent any.
    metric_points: u64,
}

/// Runs a command, or, where it is to be compared, verifies what changed.
pub(super) fn run(app: &App, arguments: &args::Run) -> Outcome {
    match &arguments.against {
        Some(base) => against::run(app, arguments, base),
        None => Ok(once(app, arguments)),
    }
}

fn once(app: &App, arguments: &args::Run) -> ExitCode {
    let label = arguments.label.as_deref();
    let not_recorded = |failure: &Failure| output::note(&format!("kino │ this run is not recorded: {failure}"));
    let begun = Registration::begin(app, &arguments.command, label);
    let begun = begun.and_then(|mut registration| registration.wait_a_little(app).map(|()| registration));
    let registration = begun.inspect_err(not_recorded).ok();
    let variables = registration.as_ref().map(|begun| variables(begun, &arguments.command, label)).unwrap_or_default();
    let streams = if arguments.no_output_capture { Streams::Ours } else { Streams::HandedOn };
    let ended = child::run(&app.settings, &arguments.command, &variables, streams);
    if let Err(failure) = &ended.status {
        output::note(&format!("kino: {failure}"));
    }
    if let Some(registration) = registration {
        match Recording::of(registration, app) {
            Ok(recording) => finish(app, arguments, &recording, &ended),
            Err(failure) => not_recorded(&failure),
        }
    }
    ExitCode::from(match &ended.status {
        Ok(status) => exit_code(*status),
        Err(failure) => failure.code,
    })
}

impl Recording {
    /// Of a run whose command has ended.
    fn of(registration: Registration, app: &App) -> Result<Self, Failure> {
        let (Registered { client, metric_points }, ids, code) = registration.registered(app)?;
        Ok(Self { client, ids, code, metric_points })
    }
}

/// What the command needs to send its spans here; nothing where it is not known where that is.
fn variables(registration: &Registration, command: &[OsString], label: Option<&str>) -> Vec<(&'static str, OsString)> {
    let Some(engine) = &registration.engine else { return Vec::new() };
    let (ids, code) = (&registration.ids, &registration.code.state);
    environment::variables(&Known { engine, ids, label, code, program: &command[0] }, crate::config::variable)
}

/// Reports the end. A failure is said and no more: the command's own outcome is what counts.
fn finish(app: &App, arguments: &args::Run, recording: &Recording, ended: &Ended) {
    match tell(app, recording, ended) {
        Ok(run) => report(app, arguments, recording, ended, &run),
        Err(failure) => output::note(&format!("kino │ the end of this run is not recorded: {failure}")),
    }
}

/// The engine may have been stopped meanwhile: then another one is started, which finds the run in the store.
fn tell(app: &App, recording: &Recording, ended: &Ended) -> Result<Run, Failure> {
    let (exit_code, signal) = match &ended.status {
        Ok(status) => (status.code(), status.signal()),
        Err(failure) => (Some(i32::from(failure.code)), None),
    };
    let question = RunFinish {
        run_id: recording.ids.run.clone(),
        exit_code,
        signal,
        stdout: kept(&ended.stdout.kept, ended.stdout.cut_bytes),
        stderr: kept(&ended.stderr.kept, ended.stderr.cut_bytes),
        end_unix_nanos: app.now().0,
        cpu_nanos: ended.cpu_nanos,
    };
    let mut attempts = 1;
    loop {
        match recording.client.ask(&question) {
            Err(Problem { kind: ProblemKind::Internal, .. }) => return Ok(app.engine()?.ask(&question)?),
            Err(Problem { kind: ProblemKind::Busy, .. }) if attempts < END_ATTEMPTS_MAX => {
                attempts += 1;
                thread::sleep(END_PAUSE);
            }
            answer => return Ok(answer?),
        }
    }
}

/// One recorded execution of which nothing is shown.
struct Quiet {
    run: Run,
    ended: Ended,
}

/// Runs a command in the app's directory with nothing to read and its output kept alone.
fn quietly(app: &App, command: &[OsString]) -> Result<Quiet, Failure> {
    let mut registration = Registration::begin(app, command, None)?;
    registration.wait()?;
    let mut variables = variables(&registration, command, None);
    variables.push(("PWD", app.settings.directory.clone().into_os_string()));
    let ended = child::run(&app.settings, command, &variables, Streams::Kept);
    let run = tell(app, &Recording::of(registration, app)?, &ended)?;
    Ok(Quiet { run, ended })
}

fn report(app: &App, arguments: &args::Run, recording: &Recording, ended: &Ended, run: &Run) {
    let mut known = render::run::Known { silence: Vec::new(), notes: recording.code.notes.clone() };
    if ended.status.is_err() {
        known.silence = vec!["the command did not start".to_owned()];
    } else if run.spans == 0 {
        known.silence = silence(arguments, metric_points(&recording.client) > recording.metric_points);
    }
    for (what, stream) in [("output", &ended.stdout), ("error output", &ended.stderr)] {
        known.notes.extend(cut(what, stream.cut_bytes, OUTPUT_BYTES_MAX));
        if stream.left_open {
            known.notes.push(format!("a process of this run lives on; what it writes to the {what} now is lost"));
        }
    }
    known.notes.extend(cut("uncommitted diff", recording.code.diff_cut_bytes, DIFF_BYTES_MAX));
    if run.signal.is_some() && io::stderr().is_terminal() {
        // The terminal has just echoed the key that ended it.
        output::note("");
    }
    let style = Style { colour: io::stderr().is_terminal() && !app.settings.no_color, width: app.output.style.width };
    output::note_as_it_is(render::run::report(run, &known, style).trim_end());
    let json = || serde_json::to_string(run).expect("a record of text and numbers is JSON");
    if let Some(path) = &arguments.json_out {
        if let Err(error) = fs::write(path, json() + "\n") {
            output::note(&format!("kino │ writing {}: {error}", path.display()));
        }
    } else if app.output.json {
        output::note_as_it_is(&json());
    }
}

fn cut(what: &str, bytes: u64, limit: usize) -> Option<String> {
    let (shown, limit) = (render::bytes(bytes), render::bytes(limit as u64));
    (bytes > 0).then(|| format!("the last {shown} of the {what} are not kept (the limit is {limit})"))
}

fn kept(bytes: &[u8], cut_bytes: u64) -> RunOutput {
    RunOutput { base64: BASE64_STANDARD.encode(bytes), cut_bytes }
}

/// Why no spans came, the likeliest reasons first.
fn silence(arguments: &args::Run, metrics_came: bool) -> Vec<String> {
    let set = |name: &str| crate::config::variable(name).map(|value| value.to_string_lossy().into_owned());
    let mut reasons = Vec::new();
    for name in [environment::TRACES_ENDPOINT, environment::ENDPOINT] {
        if let Some(elsewhere) = set(name).filter(|value| !value.is_empty()) {
            reasons.push(format!("{name} was set already, so spans went to {elsewhere}"));
        }
    }
    if set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        reasons.push("OTEL_SDK_DISABLED=true switches OpenTelemetry off".to_owned());
    }
    if let Some(other) = set("OTEL_TRACES_EXPORTER").filter(|value| !value.is_empty() && value != "otlp") {
        reasons.push(format!("OTEL_TRACES_EXPORTER={other} sends spans elsewhere"));
    }
    if metrics_came {
        reasons.push("only metrics came, which are not stored".to_owned());
    }
    if reasons.is_empty() {
        reasons.push("the program most likely has no OpenTelemetry SDK, or set another endpoint by itself".to_owned());
        reasons.extend(how_to_instrument(arguments));
    }
    reasons
}

/// How to instrument a program without changing it, where its language has a way.
fn how_to_instrument(arguments: &args::Run) -> Option<String> {
    let program = std::path::Path::new(&arguments.command[0]).file_name()?.to_str()?;
    let advice = match program {
        name if name.starts_with("python") || matches!(name, "flask" | "pytest" | "uvicorn" | "gunicorn") => {
            "Python: pip install opentelemetry-distro opentelemetry-exporter-otlp, opentelemetry-bootstrap -a install, \
             then kino run -- opentelemetry-instrument CMD"
        }
        "node" | "npm" | "npx" | "yarn" | "pnpm" => {
            "Node: npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node, then \
             NODE_OPTIONS='--require @opentelemetry/auto-instrumentations-node/register' kino run -- CMD"
        }
        "java" => "Java: JAVA_TOOL_OPTIONS=-javaagent:opentelemetry-javaagent.jar kino run -- CMD",
        _ => return None,
    };
    Some(advice.to_owned())
}

/// How many metric points the engine has refused to store so far.
fn metric_points(client: &Client) -> u64 {
    let issues = client.ask(&StatusQuestion {}).map(|status| status.issues).unwrap_or_default();
    issues.into_iter().filter(|(name, _)| name.contains("metric")).map(|(_, count)| count).sum()
}

/// The command's code, or 128 and its signal, as shells say it.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(code::RUN_FAILED)
}
