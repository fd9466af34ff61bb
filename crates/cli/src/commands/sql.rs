//! `sql`: hands one pinned snapshot to `kino-sql`, a process of its own.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::thread;

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
    let mut snapshot = Snapshot::take(client)?;
    let mut command = Command::new(program);
    command.args(["--snapshot", "-"]);
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
    let child = snapshot.given_to(command.arg("--").arg(&arguments.query));
    let status = child.and_then(|mut child| child.wait());
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

/// A pinned snapshot; dropping it releases the pin.
struct Snapshot<'a> {
    /// As JSON. Recorded rows are for the owner's eyes: they go through a pipe, and no file is left of them.
    json: Arc<Vec<u8>>,
    pin: String,
    client: &'a Client,
    /// What the engine answered without, if anything.
    damage: Option<Damage>,
    /// Whether the query met damage, which the engine is to look for.
    damaged: bool,
}

impl<'a> Snapshot<'a> {
    fn take(client: &'a Client) -> Result<Self, Failure> {
        let snapshot = client.ask(&SqlSnapshotQuestion {})?;
        let json = serde_json::to_vec(&snapshot).map_err(|error| Failure::because("the snapshot", &error))?;
        Ok(Self { json: Arc::new(json), pin: snapshot.pin, client, damage: snapshot.damage, damaged: false })
    }

    /// Starts the program with this on its standard input.
    fn given_to(&self, command: &mut Command) -> io::Result<Child> {
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        if let Some(mut input) = child.stdin.take() {
            let json = Arc::clone(&self.json);
            // A program that refuses its arguments reads nothing.
            let feed = move || drop(input.write_all(&json));
            thread::Builder::new().name("snapshot".to_owned()).spawn(feed)?;
        }
        Ok(child)
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        // An unreleased pin ends by itself.
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
    columns: Vec<ResultColumn>,
    rows: Vec<Map<String, Json>>,
    more: bool,
}

#[derive(Deserialize)]
struct ResultColumn {
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
            Problem::new(ProblemKind::Internal, message)
        }),
    }
}

/// `None` where a file turned out to be damaged.
fn query_once(settings: &Settings, statement: &str, rows_max: usize) -> Result<Option<SqlRows>, Problem> {
    let program = find(settings).ok_or_else(|| Problem::unavailable(HOW_TO_GET_IT))?;
    let client = start::running(settings)?;
    let mut snapshot = Snapshot::take(&client)?;
    let mut command = Command::new(program);
    command.args(["--snapshot", "-", "--json", "--limit"]).arg(rows_max.to_string()).arg("--").arg(statement);
    let child = snapshot.given_to(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let ran = child.and_then(Child::wait_with_output).map_err(|error| Problem::io(&error))?;
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
