//! `sql`: hands one pinned snapshot to `kino-sql`, a process of its own.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use kino_mcp::{Ran, SqlRows, SqlRunner};
use kino_wire::sql::{SqlReleaseQuestion, SqlSnapshotQuestion};
use kino_wire::{Damage, Problem, ProblemKind};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::app::{App, Outcome};
use crate::args::Sql;
use crate::client::Client;
use crate::config::{self, Settings};
use crate::failure::{Failure, code};
use crate::start;

/// The separate program.
const PROGRAM: &str = "kino-sql";
/// Its exit code where a file of the snapshot is damaged.
const DAMAGED: u8 = 3;
/// How to get it.
pub(super) const HOW_TO_GET_IT: &str = "kino-sql is not installed: `cargo build --release -p kino-sql` in a checkout builds it; put it beside kino or on PATH";

/// Asks in SQL.
pub(super) fn run(app: &App, arguments: &Sql) -> Outcome {
    let program = find(&app.settings).ok_or_else(|| Failure::new(code::UNAVAILABLE, HOW_TO_GET_IT))?;
    let client = app.engine()?;
    let mut exit = ask_once(app, arguments, &program, &client)?;
    if exit == DAMAGED {
        // The engine has looked since, and leaves out what is damaged.
        exit = ask_once(app, arguments, &program, &client)?;
    }
    Ok(ExitCode::from(exit))
}

fn ask_once(app: &App, arguments: &Sql, program: &Path, client: &Client) -> Result<u8, Failure> {
    let mut snapshot = Snapshot::take(&app.settings, client)?;
    let mut command = Command::new(program);
    command.arg("--snapshot").arg(&snapshot.path);
    if app.output.json {
        command.arg("--json");
    }
    if let Some(limit) = arguments.limit {
        command.arg("--limit").arg(limit.to_string());
    }
    if let Some(timeout) = arguments.timeout {
        let seconds = u64::try_from(timeout).unwrap_or(0).div_ceil(1_000_000_000);
        command.arg("--timeout").arg(seconds.to_string());
    }
    if let Some(memory) = arguments.memory {
        command.arg("--memory").arg(memory.to_string());
    }
    let status = command.arg("--").arg(&arguments.query).status();
    let status = status.map_err(|error| Failure::because(program.display(), &error))?;
    let exit = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(code::FAILED);
    snapshot.damaged = exit == DAMAGED;
    Ok(exit)
}

/// Where `kino-sql` is: beside this program, or on `PATH`.
pub(super) fn find(settings: &Settings) -> Option<PathBuf> {
    let beside = settings.program.parent().map(Path::to_owned);
    let path = config::variable("PATH").unwrap_or_default();
    let folders = beside.into_iter().chain(std::env::split_paths(&path).collect::<Vec<_>>());
    folders.map(|folder| folder.join(PROGRAM)).find(|program| program.is_file())
}

/// A pinned snapshot in a file; dropping it removes the file and releases the pin.
struct Snapshot<'a> {
    path: PathBuf,
    pin: String,
    client: &'a Client,
    /// What the engine answered without, if anything.
    damage: Option<Damage>,
    /// Whether the query met damage, which the engine is to look for.
    damaged: bool,
}

impl<'a> Snapshot<'a> {
    fn take(settings: &Settings, client: &'a Client) -> Result<Self, Failure> {
        let snapshot = client.ask(&SqlSnapshotQuestion {})?;
        let folder = settings.scratch()?;
        let path = folder.join(format!("sql.{}.{}.json", std::process::id(), snapshot.pin));
        let taken = Self { path, pin: snapshot.pin.clone(), client, damage: snapshot.damage, damaged: false };
        let failed = |error: &dyn std::error::Error| Failure::because(taken.path.display(), error);
        let bytes = serde_json::to_vec(&snapshot).map_err(|error| failed(&error))?;
        // Recorded rows are for the owner's eyes.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&taken.path);
        file.and_then(|mut file| file.write_all(&bytes)).map_err(|error| failed(&error))?;
        Ok(taken)
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        // The file may never have been made; an unreleased pin ends by itself.
        drop(fs::remove_file(&self.path));
        drop(self.client.ask(&SqlReleaseQuestion { pin: self.pin.clone(), damaged: self.damaged }));
    }
}

/// Runs SQL for MCP's tool, over the engine that runs on the home when a statement comes.
pub(super) struct Runner {
    settings: Settings,
}

/// What `kino-sql --json` prints.
#[derive(Deserialize)]
struct Printed {
    columns: Vec<Column>,
    rows: Vec<Map<String, Json>>,
    more: bool,
}

#[derive(Deserialize)]
struct Column {
    name: String,
}

impl Runner {
    /// A runner for the engine of this home.
    pub(super) fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone() }
    }
}

impl SqlRunner for Runner {
    fn run(&self, statement: String, rows_max: usize) -> Ran<'_> {
        let settings = self.settings.clone();
        Box::pin(async move {
            let ran = tokio::task::spawn_blocking(move || query(&settings, &statement, rows_max)).await;
            ran.map_err(|error| Problem::internal(&error))?
        })
    }
}

fn query(settings: &Settings, statement: &str, rows_max: usize) -> Result<SqlRows, Problem> {
    // Where the first met damage, the engine has looked since, and leaves it out.
    match query_once(settings, statement, rows_max)? {
        Some(rows) => Ok(rows),
        None => query_once(settings, statement, rows_max)?.ok_or_else(|| {
            let message = "a file of the lake was found damaged while it was read: ask again".to_owned();
            Problem { kind: ProblemKind::Internal, message, did_you_mean: Vec::new() }
        }),
    }
}

/// `None` where a file turned out to be damaged.
fn query_once(settings: &Settings, statement: &str, rows_max: usize) -> Result<Option<SqlRows>, Problem> {
    let program = find(settings).ok_or_else(|| Problem::unavailable(HOW_TO_GET_IT))?;
    let failed = |message: String| Problem { kind: ProblemKind::Internal, message, did_you_mean: Vec::new() };
    let client = start::running(settings).map_err(|failure| failed(failure.message))?;
    let mut snapshot = Snapshot::take(settings, &client).map_err(|failure| failed(failure.message))?;
    let mut command = Command::new(program);
    command.arg("--snapshot").arg(&snapshot.path).args(["--json", "--limit"]).arg(rows_max.to_string());
    // Standard input is the client's: the query must not read from it.
    let ran = command.arg("--").arg(statement).stdin(Stdio::null()).output();
    let ran = ran.map_err(|error| Problem::internal(&error))?;
    if ran.status.code() == Some(DAMAGED.into()) {
        snapshot.damaged = true;
        return Ok(None);
    }
    if !ran.status.success() {
        return Err(Problem::invalid(String::from_utf8_lossy(&ran.stderr).trim().to_owned()));
    }
    let printed: Printed = serde_json::from_slice(&ran.stdout).map_err(|error| Problem::internal(&error))?;
    let columns: Vec<String> = printed.columns.into_iter().map(|column| column.name).collect();
    let cells = |mut row: Map<String, Json>| columns.iter().map(|name| row.remove(name).unwrap_or_default()).collect();
    let rows = printed.rows.into_iter().map(cells).collect();
    Ok(Some(SqlRows { columns, rows, more: printed.more, damage: snapshot.damage }))
}
