//! Arguments of `run`, with and without `--against`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use kino_model::VerificationId;
use kino_text::time;

/// Arguments of `run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Sets, where they are absent, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL, OTEL_SERVICE_NAME and \
OTEL_METRICS_EXPORTER=none; adds to OTEL_RESOURCE_ATTRIBUTES; sets TRACEPARENT, as the child of an incoming one. \
Records exit code, duration, output and the state of the code (commit and uncommitted diff). Input, output, signals \
and the exit code pass through untouched. With --json the run's record (kino.run.v1) goes to standard error as its \
last line, or to the file that --json-out names.

Examples:
  kino run -- cargo test
  kino run --label before -- python app.py
  kino run --call toolu_01A -- pytest -q             what a hook writes
  kino run --json-out run.json -- npm test
  kino run --against HEAD -- python app.py           prove an uncommitted change
  kino run --against main --setup 'npm ci' -- node bench.js

Python and Node programs need no OpenTelemetry: requests (Flask, FastAPI, Django, aiohttp, Express, Fastify, http; \
requests, httpx, urllib3, fetch), statements (sqlite3, psycopg, SQLAlchemy, pg, mysql2, better-sqlite3), Redis, \
commands and tests (pytest, unittest, node:test, vitest, jest) become spans. Nothing is installed or changed; \
--no-inject leaves it out. A program with an OpenTelemetry SDK of its own sends what it always sends. JVMs load the \
agent that --java-agent names (say, opentelemetry-javaagent.jar), and print a line about it.

Where no engine can be reached, the command runs all the same, and its record waits without secrets in .kino/spool for \
the next kino command in that directory.

With --against, CMD is executed up to N times on each side and the answer is a verdict: pass, fail or undecided, \
with its reasons. It ends earlier once the verdict is sure. BASE is a git revision, which is executed in a temporary \
worktree in turn with this directory; `previous` for earlier runs of the same command; or run:ID, label:NAME, \
code:HASH, time:START..END. CMD gets no input, and its output is recorded, not shown. With --json the answer \
(kino.verify.v1) goes to standard output. Exit codes then: 0 pass, 1 fail, 3 undecided, 2 wrong arguments, 75 \
another verification of this project runs, 125 it could not be carried out, 126 and 127 as always, 130 interrupted.")]
pub(crate) struct Run {
    /// A name for this run and others like it, for `compare --before label:NAME`.
    #[arg(long, short, value_name = "NAME")]
    pub(crate) label: Option<String>,
    /// The id of the tool call of an assistant that starts this run: nothing is added to the command's output then.
    #[arg(long, value_name = "ID", value_parser = parse_call, conflicts_with = "against")]
    pub(crate) call: Option<String>,
    /// Do not record the command's output; it writes straight to the terminal or pipe.
    #[arg(long)]
    pub(crate) no_output_capture: bool,
    /// Inject nothing into Python and Node programs; only what they report by themselves is recorded.
    #[arg(long)]
    pub(crate) no_inject: bool,
    /// Record which lines changed since the last commit Python and Node programs execute (`kino explain --change`).
    #[arg(long, conflicts_with_all = ["no_inject", "against"])]
    pub(crate) lines: bool,
    /// Have every JVM of the command load this Java agent, by JAVA_TOOL_OPTIONS.
    #[arg(long, value_name = "JAR")]
    pub(crate) java_agent: Option<PathBuf>,
    /// Write the run's record as JSON to this file, not to standard error.
    #[arg(long, value_name = "FILE")]
    pub(crate) json_out: Option<PathBuf>,
    /// Execute the command before and after a change, and say whether the change may stay.
    #[arg(long, value_name = "BASE", conflicts_with_all = ["label", "no_output_capture"])]
    pub(crate) against: Option<String>,
    /// How often on each side at most; it ends earlier once the verdict is sure.
    #[arg(long, value_name = "N", requires = "against", default_value_t = REPEAT,
          value_parser = clap::value_parser!(u32).range(1..=REPEAT_MAX))]
    pub(crate) repeat: u32,
    /// Slowdown that is tolerated; a pass excludes any larger one.
    #[arg(long, value_name = "PERCENT", requires = "against", default_value = "10%", value_parser = parse_part)]
    pub(crate) tolerate: f64,
    /// Begin no execution that would take the whole beyond this time.
    #[arg(long, value_name = "DURATION", requires = "against", value_parser = time::parse_duration)]
    pub(crate) budget: Option<i64>,
    /// Restrict the command to these processor cores, on both sides: 0, 2-3, 0,2.
    #[arg(long, value_name = "CORES", requires = "against", value_parser = parse_cores)]
    pub(crate) pin: Option<Cores>,
    /// What a shell does first in the temporary worktree; KINO_ORIGIN there names this one.
    #[arg(long, value_name = "CMDLINE", requires = "against")]
    pub(crate) setup: Option<String>,
    /// The verification's id, for a process that waits for it.
    #[arg(long, value_name = "ID", requires = "against", hide = true)]
    pub(crate) verify_id: Option<VerificationId>,
    /// The command and its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
}

fn parse_call(text: &str) -> Result<String, String> {
    if kino_wire::run::is_call_id(text) {
        return Ok(text.to_owned());
    }
    Err("an id has 1 to 128 letters, digits and _-.:, the first a letter or digit".to_owned())
}

/// Processor cores, by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cores(pub(crate) Vec<usize>);

/// The highest core that can be named: what the system's own set of cores holds.
const CORE_MAX: usize = 1_023;

fn parse_cores(text: &str) -> Result<Cores, String> {
    let wrong = || format!("{text:?} names no cores: write 0, 2-3 or 0,2, up to {CORE_MAX}");
    let number = |text: &str| text.parse::<usize>().ok().filter(|core| *core <= CORE_MAX).ok_or_else(wrong);
    let mut cores = Vec::new();
    for part in text.split(',') {
        match part.split_once('-') {
            Some((first, last)) => cores.extend(number(first)?..=number(last)?),
            None => cores.push(number(part)?),
        }
    }
    if cores.is_empty() { Err(wrong()) } else { Ok(Cores(cores)) }
}

/// A part of the whole: 10%, 2.5%.
fn parse_part(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%').unwrap_or(text).trim();
    let percent: f64 = percent.parse().map_err(|_| format!("{text:?} is not a percentage: write 10% or 2.5%"))?;
    if (0.0..=900.0).contains(&percent) { Ok(percent / 100.0) } else { Err("a slowdown from 0% to 900%".to_owned()) }
}

/// How often each side is executed at most when nothing is said: enough for a tenth to show through ordinary noise.
pub(crate) const REPEAT: u32 = 10;
/// How often each side is executed at most.
const REPEAT_MAX: i64 = 200;
