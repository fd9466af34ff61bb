//! `doctor`: looks for what is wrong from outside the engine, then asks the engine what it sees from within.

mod rebuild;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use kino_engine::config::Listen;
use kino_model::UnixNanos;
use kino_wire::admin::{Check, CheckState, Doctor, DoctorQuestion};

use super::init::{self, HookState};
use super::sql;
use crate::app::{App, Outcome};
use crate::args;
use crate::client::{self, Client, EngineLookup, VERSION};
use crate::clock::SystemClock;
use crate::config::Settings;
use crate::failure::{Failure, code, remedy};
use crate::output::Output;
use crate::{render, start};

/// Below this much free space, warn: the engine's own reserve comes on top.
const FREE_BYTES_MIN: u64 = 1 << 30;
/// A clock that shows less than this (the beginning of 2025) is wrong.
const TIME_PLAUSIBLE_MIN: i64 = 1_735_689_600_000_000_000;
/// Files may be this much younger than now before the clock counts as set back.
const CLOCK_SLACK: Duration = Duration::from_mins(1);
/// The ports that programs look at by themselves.
const USUAL_PORTS: [(&str, u16); 3] = [("OTLP/gRPC", 4317), ("OTLP/HTTP", 4318), ("REST and MCP", 4319)];

/// Looks at everything. Takes the settings as they were read, because they may be what is wrong.
pub(crate) fn run(
    settings: Result<Settings, Failure>,
    json: bool,
    color: args::Color,
    arguments: args::Doctor,
) -> Outcome {
    let mut answer = Doctor { schema: Doctor::SCHEMA.to_owned(), checks: Vec::new() };
    let settings = match settings {
        Ok(settings) => settings,
        Err(failure) => {
            let next = "mend config.toml, or move it away";
            let message = one_line(&failure.message);
            answer.checks.push(check("configuration", CheckState::Failed, message, Some(next)));
            let text = if json {
                serde_json::to_string(&answer).map_err(|error| Failure::because("writing JSON", &error))?
            } else {
                render::engine::doctor(&answer, render::Style::default())
            };
            writeln!(io::stdout(), "{}", text.trim_end()).map_err(|error| Failure::because("writing", &error))?;
            return Ok(ExitCode::from(code::FAILED));
        }
    };
    let output = Output::new(json, color, &settings);
    let app = App { settings, output, clock: Arc::new(SystemClock::new()) };
    if arguments.rebuild {
        return rebuild::run(&app);
    }
    let checks = &mut answer.checks;
    checks.push(check("version", CheckState::Ok, format!("kino {VERSION}"), None));
    checks.push(home(&app.settings.home));
    checks.push(disk(&app.settings.home));
    checks.push(clock(&app.settings.home, app.now()));
    let engine = engine(&app, checks);
    checks.extend(aside(&app.settings.home));
    checks.extend(ports(engine.as_ref(), &app.settings.engine.listen));
    checks.push(kino_sql(&app.settings));
    checks.extend(assistants(&app));
    if let Some(engine) = engine {
        match engine.ask(&DoctorQuestion {}) {
            Ok(inside) => checks.extend(inside.checks),
            Err(problem) => checks.push(check("engine", CheckState::Failed, problem.message, Some("see `kino logs`"))),
        }
    }
    app.output.answer(&answer, |style| render::engine::doctor(&answer, style))?;
    let failed = answer.checks.iter().any(|check| check.state == CheckState::Failed);
    Ok(if failed { ExitCode::from(code::FAILED) } else { ExitCode::SUCCESS })
}

fn check(name: &str, state: CheckState, message: impl Into<String>, next: Option<&str>) -> Check {
    Check { name: name.to_owned(), state, message: message.into(), next: next.map(str::to_owned) }
}

/// A check is one line; what the engine or a parser said may be several.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the home takes files.
fn home(home: &Path) -> Check {
    let probe = home.join(format!(".doctor.{}", std::process::id()));
    if let Err(failure) = crate::home::prepare(home) {
        return check("home", CheckState::Failed, failure.message, None);
    }
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&probe)
        .and_then(|mut file| file.write_all(b"probe").and_then(|()| file.sync_all()))
        .and_then(|()| fs::remove_file(&probe));
    match written {
        Ok(()) => check("home", CheckState::Ok, format!("{} takes files", home.display()), None),
        Err(error) => {
            // What was begun must not stay; where it cannot be removed it is empty.
            drop(fs::remove_file(&probe));
            let message = format!("{} takes no files: {error}", home.display());
            check("home", CheckState::Failed, message, Some(remedy(error.kind())))
        }
    }
}

fn disk(home: &Path) -> Check {
    let Ok(disk) = rustix::fs::statvfs(home) else {
        return check("disk", CheckState::Warning, "the free space cannot be read", None);
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let message = format!("{} free", render::bytes(free));
    if free == 0 {
        check("disk", CheckState::Failed, message, Some("free some space; nothing acknowledged is lost meanwhile"))
    } else if free < FREE_BYTES_MIN {
        check("disk", CheckState::Warning, message, Some("free some space, or set [retention] in config.toml"))
    } else {
        check("disk", CheckState::Ok, message, None)
    }
}

/// Whether the clock is plausible: not before this program was made, nor behind what was written here.
fn clock(home: &Path, now: UnixNanos) -> Check {
    let latest = fs::read_dir(home)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.metadata().ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok())
        .max()
        .unwrap_or_default();
    let now_since = Duration::from_nanos(u64::try_from(now.0).unwrap_or(0));
    let next = Some("set the clock: times of spans and retention depend on it");
    if now.0 < TIME_PLAUSIBLE_MIN {
        check("clock", CheckState::Failed, "the clock is years behind", next)
    } else if latest > now_since + CLOCK_SLACK {
        check("clock", CheckState::Warning, "the clock is behind files that were already written here", next)
    } else {
        check("clock", CheckState::Ok, "plausible", None)
    }
}

/// Reports copies of damaged parts of the log, until a person deletes them.
fn aside(home: &Path) -> Option<Check> {
    let folder = home.join("wal").join("aside");
    let files = fs::read_dir(&folder).ok()?.flatten().count();
    let message = format!("{files} broken or cut stretches of the log are in {}", folder.display());
    let next = "a cut end is what a crash leaves; anything else is a failing disk. Examine them, then delete them";
    (files > 0).then(|| check("log", CheckState::Warning, message, Some(next)))
}

/// Whether an engine runs or can be started, and which.
fn engine(app: &App, checks: &mut Vec<Check>) -> Option<Client> {
    match client::find(&app.settings) {
        EngineLookup::Engine(client) => {
            let message = format!("process {} at {}", client.address.pid, client.address.http);
            checks.push(check("engine", CheckState::Ok, message, None));
            return Some(client);
        }
        EngineLookup::OtherVersion(other) => {
            let version = &other.address.version;
            let message = format!("the running engine is of version {version}, this command is of {VERSION}");
            checks.push(check("engine", CheckState::Failed, message, Some("`kino stop`, then ask again")));
            return None;
        }
        EngineLookup::Silent(address) => {
            let next = "see `kino logs`; ending it with kill -9 loses nothing that was acknowledged";
            let message = format!("process {} does not answer at {}", address.pid, address.http);
            checks.push(check("engine_file", CheckState::Warning, message, Some(next)));
        }
        EngineLookup::Stale(address) => {
            let message =
                format!("engine.json names process {}, which does not answer at {}", address.pid, address.http);
            let next = "an engine that was killed leaves it behind; the next start replaces it";
            checks.push(check("engine_file", CheckState::Warning, message, Some(next)));
        }
        EngineLookup::Starting(_) | EngineLookup::None => {}
    }
    match start::engine(&app.settings, &*app.clock) {
        Ok(client) => {
            let message = format!("none ran; started process {} at {}", client.address.pid, client.address.http);
            checks.push(check("engine", CheckState::Ok, message, None));
            Some(client)
        }
        Err(failure) => {
            checks.push(check(
                "engine",
                CheckState::Failed,
                one_line(&failure.message),
                Some("mend what it names, then ask again"),
            ));
            None
        }
    }
}

/// Whether the usual ports are the engine's, another program's, or free. An address that the configuration chose is no
/// cause for a warning.
fn ports(engine: Option<&Client>, listen: &Listen) -> Vec<Check> {
    let own = engine.map(|engine| {
        let address = &engine.address;
        [address.otlp_grpc.clone(), address.otlp_http.clone(), address.http.clone()]
    });
    let mut checks = Vec::new();
    for (index, (what, port)) in USUAL_PORTS.into_iter().enumerate() {
        let ours = own.as_ref().map(|own| own[index].as_str());
        if ours.is_some_and(|address| address.ends_with(&format!(":{port}"))) {
            checks.push(check("ports", CheckState::Ok, format!("{what} listens at its usual {port}"), None));
            continue;
        }
        let busy = TcpListener::bind(("127.0.0.1", port)).is_err();
        let place = ours.map(|address| format!("; {what} listens at {address}")).unwrap_or_default();
        let message = format!("{port} is {}{place}", if busy { "in use by another program" } else { "free" });
        let next = match index {
            2 => "`kino` and `kino mcp` find the engine anyway; MCP over HTTP and other machines need its address",
            _ => "programs under `kino run` find the engine anyway; others need OTEL_EXPORTER_OTLP_ENDPOINT",
        };
        let chosen = [&listen.otlp_grpc, &listen.otlp_http, &listen.addr][index].is_some();
        let state = if !chosen && (busy || ours.is_some()) { CheckState::Warning } else { CheckState::Ok };
        checks.push(check("ports", state, message, (state == CheckState::Warning).then_some(next)));
    }
    checks
}

/// The assistants that are found: whether each has the MCP server, and whether its hooks would run.
fn assistants(app: &App) -> Vec<Check> {
    let states = init::of_user(app).into_iter().map(|state| {
        let message = format!("{}: {}", state.name, state.sentence());
        if let Some(problem) = state.problems.first() {
            return check("assistants", CheckState::Warning, format!("{message}; {}", one_line(problem)), None);
        }
        match state.hooks {
            HookState::Unreviewed => {
                check("assistants", CheckState::Warning, message, Some("review them in Codex: /hooks"))
            }
            HookState::WouldNotRun => {
                check("assistants", CheckState::Warning, message, Some("see `kino init --check`"))
            }
            _ => check("assistants", CheckState::Ok, message, (!state.configured).then_some("`kino init` sets it up")),
        }
    });
    states.collect()
}

fn kino_sql(settings: &Settings) -> Check {
    match sql::find(settings) {
        Some(program) => check("kino_sql", CheckState::Ok, program.display().to_string(), None),
        None => check("kino_sql", CheckState::Warning, "`kino sql` needs kino-sql", Some(sql::HOW_TO_GET_IT)),
    }
}
