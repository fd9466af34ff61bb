//! The command line: what can be said, in words that teach. Parsing only; what happens is in `commands`.

mod check;
mod diagnose;
#[cfg(test)]
mod help;
mod hook;
mod import;
mod init;
mod insights;
mod instrument;
mod lake;
mod lists;
mod run;
mod search;
mod setup;
mod suite;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::check::{Check, CheckFormat};
pub(crate) use self::diagnose::Diagnose;
pub(crate) use self::hook::Hook;
pub(crate) use self::import::{Import, ImportFrom};
pub(crate) use self::init::Init;
pub(crate) use self::insights::{InsightState, Insights, OneInsight};
pub(crate) use self::instrument::{Instrument, Language};
pub(crate) use self::lake::Lake;
pub(crate) use self::lists::{Operations, Runs, Services};
pub(crate) use self::run::{REPEAT, Run};
pub(crate) use self::search::Search;
pub(crate) use self::setup::{Completions, ConfigCommand, Man};
pub(crate) use self::suite::SuiteArguments;
use crate::commands::key::Key;
use crate::completion;
use crate::list_page::ListPage;
use kino_text::time::{self, Against, When};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const EXIT_CODES: &str = "\
Start here:
  kino demo               a real program traced, explained, its change proved
  kino run -- pytest      run anything with tracing switched on
  kino diagnose           what is wrong now, causes first, each with a command
  kino explain checkout   where the time of an operation goes
  kino run --against HEAD -- pytest   prove an uncommitted change
  kino compare --before label:old --after label:new

Exit codes:
  0   done                       4   no engine can be reached or started
  1   failed                     5   what it needs is not installed or allowed
  2   wrong arguments            75  at a limit right now: try again
  3   nothing has that name or id
  `kino run --against` exits with its verdict: 0 pass, 1 fail, 3 undecided.
  `kino run` exits as its command does (128+N after signal N; 125: kino itself
  failed, 126: the command cannot be executed, 127: it was not found).

Environment:
  KINO_HOME   the folder of its data and of config.toml (default ~/.kino)
  NO_COLOR    no colour, even on a terminal

Durations are written 250ms, 1.5s, 2m; points in time as RFC 3339 \
(2026-05-01T12:00:00Z), a date, a local time of day (14:05), Unix nanoseconds, or how \
long ago: 15m, 2h, 3d.";

/// Records what programs really do, and makes it readable.
///
/// Any program with OpenTelemetry sends its traces to the engine, which every command starts when none runs.
/// Ask on the command line, or let an assistant ask over MCP (`kino mcp`).
#[derive(Debug, Parser)]
#[command(name = "kino", disable_version_flag = true, after_help = EXIT_CODES, styles = STYLES, max_term_width = 90)]
pub(crate) struct Arguments {
    /// Print JSON of a documented, versioned shape instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Whether text is coloured.
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide_possible_values = true,
        help = "Colour text: auto (on a terminal, unless NO_COLOR is set), always or never"
    )]
    pub(crate) color: Color,
    /// Print long text at once, where a terminal would show it page by page.
    #[arg(long, global = true)]
    pub(crate) no_pager: bool,
    /// Print the version.
    #[arg(long, short = 'V')]
    pub(crate) version: bool,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What `kino` is asked to do, by its first word.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a command with tracing switched on, and say what was learned.
    Run(Run),
    /// Say what is wrong now, the most severe first: one call over everything recorded.
    Diagnose(Diagnose),
    /// Find traces, newest first.
    Find(Find),
    /// List the recorded runs, newest first.
    Runs(Runs),
    /// List the services, the most spans first.
    Services(Services),
    /// List the operations, the most total time first.
    Operations(Operations),
    /// Say where the time of a trace, an operation or the whole system goes.
    Explain(Explain),
    /// Predict how long an operation takes at an input, from how its duration followed that input so far.
    Predict(Predict),
    /// Compare two sets of traces, with a statistical verdict.
    Compare(Compare),
    /// Check what was recorded against what the repository expects.
    Check(Check),
    /// Show exceptions, grouped.
    ///
    /// An exception that several spans recorded as it passed up through them counts once, at the innermost. Errors that
    /// a Python or Node program printed, and no span recorded, are read from the output of its run, and say so.
    Errors(Errors),
    /// Search what runs printed and what programs logged.
    Search(Search),
    /// Show what is wrong, as it was found in the background: open, acknowledged, fixed, back again.
    Insights(Insights),
    /// Show everything recorded of a trace, a span, a run, a run's output, a verification, or a finding.
    Open(Open),
    /// Watch traces, findings and runs as they arrive, and open them, in the terminal.
    Watch(Watch),
    /// Print what to add to a Rust or Go program so that it reports what it does; nothing is written.
    Instrument(Instrument),
    /// Ask in SQL (read-only).
    Sql(Sql),
    /// Import files of traces (OTLP, Jaeger JSON, Zipkin JSON) and reports of tests (JUnit XML), or pull traces from
    /// Jaeger or Tempo.
    Import(Import),
    /// Export traces as OTLP.
    Export(Export),
    /// Remove traces for good.
    Forget(Forget),
    /// The files that hold the data, for other tools.
    #[command(subcommand)]
    Lake(Lake),
    /// Keys for what does not run as you on this machine: MCP over HTTP, Prometheus, other machines.
    #[command(subcommand)]
    Key(Key),
    /// Set up AI assistants: each change is shown and asked for, and `--undo` takes it back.
    Init(Init),
    /// Answer an assistant before and after its tool calls; its configuration calls this, not people.
    Hook(Hook),
    /// Serve MCP on standard input and output, for an assistant.
    Mcp,
    /// A tour with a real program: traced, explained, changed, and the change proved.
    Demo(Demo),
    /// Run the engine in the foreground.
    Serve(Serve),
    /// Stop the engine after it has written everything out.
    Stop,
    /// Show the engine's state: what it accepted, refused and stores.
    Status,
    /// Print the JSON Schema of every question and answer of the REST interface.
    Schema,
    /// Show the engine's log.
    Logs(Logs),
    /// Check the installation, and say how to repair it.
    Doctor(Doctor),
    /// Show the settings in force, and where each comes from.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a completion script for a shell, or install it.
    Completions(Completions),
    /// Print the manual page, or write the pages of all commands.
    Man(Man),
    /// Opens a terminal of its own, then becomes the command. For `run` alone.
    #[command(name = "__terminal", hide = true)]
    Terminal(Terminal),
}

/// When text is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Colour, wherever the answer goes.
    Always,
    /// No colour, on a terminal either.
    Never,
}

/// How a list is written.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct ListFormat {
    /// How the list is written: a table, one JSON document, a JSON line an item, or comma-separated values.
    #[arg(long, value_enum, value_name = "FORMAT", conflicts_with = "json")]
    pub(crate) format: Option<Format>,
}

/// The ways to write a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// The whole answer, as `--json`.
    Json,
    /// One item a line.
    Jsonl,
    /// One item a line, its fields in columns.
    Csv,
}

/// Whose traces.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ScopeArguments {
    /// All projects, not just that of this directory.
    #[arg(long)]
    pub(crate) all: bool,
}

/// Arguments of `doctor`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Doctor {
    /// Restore a lost or older catalog (meta.sqlite) from the lake's files. No engine may run.
    #[arg(long)]
    pub(crate) rebuild: bool,
}

/// Which traces.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Filters {
    /// A span of exactly this service.
    #[arg(long, short, value_name = "SERVICE", add = completion::services())]
    pub(crate) service: Option<String>,
    /// A span of exactly this name.
    #[arg(long, short, value_name = "NAME", add = completion::operations())]
    pub(crate) name: Option<String>,
    /// The root lasted at least this long.
    #[arg(long, value_name = "DURATION", value_parser = time::parse_duration)]
    pub(crate) min_duration: Option<i64>,
    /// The trace started at or after this.
    #[arg(long, value_name = "TIME", value_parser = time::parse_when)]
    pub(crate) since: Option<When>,
    /// The trace started before this.
    #[arg(long, value_name = "TIME", value_parser = time::parse_when)]
    pub(crate) until: Option<When>,
    /// Some span in the trace failed.
    #[arg(long)]
    pub(crate) error: bool,
    /// An attribute of the span or of its resource; may be repeated.
    #[arg(long = "attr", value_name = "KEY=VALUE", value_parser = parse_attribute)]
    pub(crate) attributes: Vec<(String, String)>,
    /// Traces of this run (id, or a unique prefix).
    #[arg(long, value_name = "RUN_ID", add = completion::runs())]
    pub(crate) run: Option<String>,
    /// Whose traces.
    #[command(flatten)]
    pub(crate) scope: ScopeArguments,
}

/// Arguments of `find`.
#[derive(Debug, Args)]
#[command(after_help = "\
--service, --name and --attr hold together on one span, any in the trace; --min-duration is the root's.

Examples:
  kino find --error --since 1h
  kino find --follow --service checkout
  kino find --format csv --limit 1000 > traces.csv
  kino find --service checkout --min-duration 250ms
  kino find --name 'GET /cart' --attr http.response.status_code=500 --all")]
pub(crate) struct Find {
    /// Which traces.
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// At most this many.
    #[arg(long, value_name = "N", default_value_t = kino_wire::find::DEFAULT_LIMIT,
          value_parser = parse_limit)]
    pub(crate) limit: usize,
    /// Go on where an earlier answer stopped.
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
    /// Go on with the traces that are recorded from now on, as they arrive.
    #[arg(long, short, conflicts_with_all = ["cursor", "until"])]
    pub(crate) follow: bool,
    /// How the list is written.
    #[command(flatten)]
    pub(crate) format: ListFormat,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
#[command(after_help = "\
An operation (a span) of exactly that name comes first, then a trace whose id is, or begins with, these digits (at \
least four), then the only operation whose name contains the words. Where several fit, they are listed. \
TRACE_ID/SPAN_ID is a part of a trace: that span and everything below it.

Of a trace that failed or was slow it says first what sets it apart from others of its entry operation, why it failed, \
what it waited for, and what it logged.

--since asks what changed: the window from then on against the stretch of the same length before it. --against takes \
another window, START..END, or how long it lasts until --since: 1h, or its START alone.

--tests lists tests: those that fail, are flaky (both outcomes at one state of the code, or in one run), take longest and \
ask a database most, each with the execution to look at. With --since also those that became slower, against the stretch \
of the same length before. Two runs of a suite: kino compare --before run:A --after run:B.

Examples:
  kino explain 5b8efff798038103d269b633813fc60c
  kino explain --tests
  kino explain --tests --run 4f2a91c0
  kino explain --tests --since 1d --format csv
  kino explain 5b8efff798038103d269b633813fc60c --flame
  kino explain 5b8efff7 --list critical-path --offset 500 --json
  kino explain 5b8e
  kino explain journal.generate --last 50
  kino explain orders               GET /orders/<int:id>, if it is the only one
  kino explain --system
  kino run --lines -- pytest && kino explain --change
  kino explain --since 14:05
  kino explain --since 14:05 --until 14:20 --against 3h
  kino explain --since 1h --against 2026-05-01T12:00Z..2026-05-01T13:00Z")]
pub(crate) struct Explain {
    /// A trace's id or its beginning, a part of a trace, or the name of an operation or a part of it.
    #[arg(value_name = "TRACE_ID|OPERATION", required_unless_present_any = ["system", "since", "tests", "change"],
          add = completion::operations_and_traces())]
    pub(crate) what: Option<String>,
    /// Every entry point, and the calls below it.
    #[arg(long, conflicts_with = "what")]
    pub(crate) system: bool,
    /// Which lines changed since the last commit no run recorded with --lines has executed at this state of the code.
    #[arg(long, conflicts_with_all = ["what", "system", "since", "tests", "service", "list", "offset", "flame", "tree"])]
    pub(crate) change: bool,
    /// What changed since then; with --tests, only tests executed since then.
    #[arg(long, value_name = "TIME", value_parser = time::parse_when,
          conflicts_with_all = ["what", "system", "last", "list", "offset"])]
    pub(crate) since: Option<When>,
    /// Which tests.
    #[command(flatten)]
    pub(crate) suite: SuiteArguments,
    /// The end of the window; by default now.
    #[arg(long, value_name = "TIME", value_parser = time::parse_when, requires = "since")]
    pub(crate) until: Option<When>,
    /// What the window is compared with: START..END, START, or a length such as 1h.
    #[arg(long, value_name = "WINDOW", value_parser = time::parse_against, requires = "since", conflicts_with = "tests")]
    pub(crate) against: Option<Against>,
    /// The operation, or the tests, of exactly this service.
    #[arg(long, short, value_name = "SERVICE", add = completion::services())]
    pub(crate) service: Option<String>,
    /// Over how many executions, newest first.
    #[arg(long, value_name = "N", default_value_t = kino_wire::explain::DEFAULT_LAST)]
    pub(crate) last: usize,
    /// An operation's executions of every state of the code, instead of the newest one that has enough.
    #[arg(long)]
    pub(crate) all_states: bool,
    /// Draw a trace as a flame graph alone: callers above callees, each as wide as its share of the time.
    #[arg(long, conflicts_with_all = ["system", "since", "list", "json"])]
    pub(crate) flame: bool,
    /// Draw every span of a trace alone, each below the one that called it.
    #[arg(long, conflicts_with_all = ["system", "since", "list", "json", "flame"])]
    pub(crate) tree: bool,
    /// A part of a trace's answer.
    #[command(flatten)]
    pub(crate) page: ListPage,
    /// Whose traces.
    #[command(flatten)]
    pub(crate) scope: ScopeArguments,
}

/// Arguments of `predict`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --attr it lists the numeric attributes that executions carry, and which explains most of the duration. \
The shape (constant, logarithmic, linear, n log n, quadratic, cubic) is chosen by its error on executions that \
it did not see. Where the data cannot carry an answer, it says why and what would help. \
Without --limit-duration the limit is the one at which executions were seen to time out.

Examples:
  kino predict review.diff
  kino predict review.diff --attr diff_bytes --at 800000
  kino predict 'GET /report' --attr rows --limit-duration 2s")]
pub(crate) struct Predict {
    /// The exact name of an operation.
    #[arg(value_name = "OPERATION", add = completion::operations())]
    pub(crate) operation: String,
    /// The numeric attribute, of the operation's span or of any span below it.
    #[arg(long = "attr", value_name = "KEY")]
    pub(crate) attribute: Option<String>,
    /// The value to predict for.
    #[arg(long, value_name = "VALUE", requires = "attribute")]
    pub(crate) at: Option<f64>,
    /// Say at which value this duration is crossed.
    #[arg(long, value_name = "DURATION", requires = "attribute", value_parser = time::parse_duration)]
    pub(crate) limit_duration: Option<i64>,
    /// The operation of exactly this service.
    #[arg(long, short, value_name = "SERVICE", add = completion::services())]
    pub(crate) service: Option<String>,
    /// Over how many executions, newest first.
    #[arg(long, value_name = "N", default_value_t = kino_wire::predict::DEFAULT_LAST)]
    pub(crate) last: usize,
    /// Whose traces.
    #[command(flatten)]
    pub(crate) scope: ScopeArguments,
}

/// Arguments of `compare`.
#[derive(Debug, Args)]
#[command(after_help = "\
A selector is one of
  run:ID           traces of one run
  label:NAME       traces of all runs with that label (kino run --label NAME)
  commit:SHA       traces of that commit with nothing uncommitted; a unique
                   beginning will do
  code:HASH        traces of exactly that state of the code; a unique beginning
                   will do
  time:START..END  traces that started between two times: RFC 3339, dates (UTC),
                   or Unix nanoseconds

Times get a verdict at the 1 % level, corrected for the operations tried: about ten executions a side \
are enough for a clear difference. Counts get theirs from one execution a side on.

Examples:
  kino compare --before label:before --after label:after
  kino compare --before commit:4f2a91c --after commit:9d03b7e")]
pub(crate) struct Compare {
    /// The set before the change.
    #[arg(long, value_name = "SELECTOR", add = completion::selectors())]
    pub(crate) before: String,
    /// The set after it.
    #[arg(long, value_name = "SELECTOR", add = completion::selectors())]
    pub(crate) after: String,
    /// Whose traces.
    #[command(flatten)]
    pub(crate) scope: ScopeArguments,
}

/// Arguments of `errors`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kino errors --since 1d
  kino errors --run 4f2a91c0
  kino errors --fingerprint d0905e4c
  kino errors --service checkout --json")]
pub(crate) struct Errors {
    /// Of exactly this service.
    #[arg(long, short, value_name = "SERVICE", add = completion::services())]
    pub(crate) service: Option<String>,
    /// Seen at or after this.
    #[arg(long, value_name = "TIME", value_parser = time::parse_when)]
    pub(crate) since: Option<When>,
    /// Seen before this.
    #[arg(long, value_name = "TIME", value_parser = time::parse_when)]
    pub(crate) until: Option<When>,
    /// Only what this run recorded.
    #[arg(long, value_name = "RUN_ID", add = completion::runs())]
    pub(crate) run: Option<String>,
    /// Only the group of this fingerprint; a unique beginning will do.
    #[arg(long, value_name = "FINGERPRINT", add = completion::errors())]
    pub(crate) fingerprint: Option<String>,
    /// At most this many groups.
    #[arg(long, value_name = "N", default_value_t = kino_wire::find::DEFAULT_LIMIT, value_parser = parse_limit)]
    pub(crate) limit: usize,
    /// How the list is written.
    #[command(flatten)]
    pub(crate) format: ListFormat,
    /// Whose traces.
    #[command(flatten)]
    pub(crate) scope: ScopeArguments,
}

/// Arguments of `open`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kino open 5b8efff798038103d269b633813fc60c
  kino open 5b8e/eee1          the beginning of an id: at least four digits
  kino open run:4f2a91c0       how a run ended, what it sent, what is wrong
  kino open blob:HASH          a run's output or diff; `kino run` names it
  kino open verification:8d3f  what `kino run --against` answered
  kino open finding:3f9a       a finding, by its fingerprint")]
pub(crate) struct Open {
    /// TRACE_ID, TRACE_ID/SPAN_ID, run:ID, blob:HASH, verification:ID or finding:FINGERPRINT, or the beginning of one.
    #[arg(value_name = "ID", add = completion::openable())]
    pub(crate) id: String,
    /// Skip this many spans or bytes.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) offset: u64,
    /// At most this many spans or bytes (0: as many as the engine gives at once).
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) limit: u64,
}

/// Arguments of `watch`.
#[derive(Debug, Args)]
#[command(after_help = "\
Traces appear as they are recorded, newest first; the bar beside a duration is half full at the operation's median. \
Enter opens a trace (waterfall, critical path, breakdown, findings, logs), a span, a finding, a run, its output; \
Esc goes back, Tab leads to findings and runs. \
/ narrows the list (service:shop name:\"GET /cart\" error min:250ms run:ID key=value words) or searches a text; \
s searches the outputs of all runs and all logs. ? explains every key.

Examples:
  kino watch
  kino watch --service checkout
  kino watch --all")]
pub(crate) struct Watch {
    /// Only traces with a span of exactly this service, at first.
    #[arg(long, short, value_name = "SERVICE", add = completion::services())]
    pub(crate) service: Option<String>,
    /// Whose traces.
    #[command(flatten)]
    pub(crate) scope: ScopeArguments,
}

/// Arguments of `sql`.
#[derive(Debug, Args)]
#[command(after_help = "\
Tables: spans, events, links, traces. Ids are lowercase hex, times BIGINT Unix nanoseconds; every column is \
described in docs/schema.md. The query runs in a process of its own, kino-sql \
(cargo build --release -p kino-sql), over one snapshot of everything recorded, whatever its project.

Examples:
  kino sql \"SELECT name, count(*) FROM spans GROUP BY name ORDER BY 2 DESC\"
  kino sql --json --limit 5 \"SELECT * FROM traces\"")]
pub(crate) struct Sql {
    /// One statement of SQL that reads.
    #[arg(value_name = "QUERY")]
    pub(crate) query: String,
    /// At most this many rows.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Give up after this long.
    #[arg(long, value_name = "DURATION", value_parser = time::parse_duration)]
    pub(crate) timeout: Option<i64>,
    /// The memory that the query may take, in bytes.
    #[arg(long, value_name = "BYTES")]
    pub(crate) memory: Option<u64>,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kino export --out traces.jsonl --since 1d
  kino export --encoding protobuf --out traces.pb --run 4f2a91c0
  kino export --trace 5b8efff798038103d269b633813fc60c")]
pub(crate) struct Export {
    /// How the spans are encoded.
    #[arg(long, value_enum, default_value_t = ExportFormat::Otlp)]
    pub(crate) format: ExportFormat,
    /// How it is written: JSON with one message a line, or protobuf.
    #[arg(long, value_enum, default_value_t = Encoding::Json)]
    pub(crate) encoding: Encoding,
    /// Write logs instead of traces.
    #[arg(long)]
    pub(crate) logs: bool,
    /// Write to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// This trace, by its id or the beginning of it; may be repeated.
    #[arg(long = "trace", value_name = "TRACE_ID", add = completion::traces())]
    pub(crate) traces: Vec<String>,
    /// Which traces.
    #[command(flatten)]
    pub(crate) filters: Filters,
}

/// What `export` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// OpenTelemetry's own.
    Otlp,
}

/// How OTLP is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Encoding {
    /// OTLP JSON, one message a line.
    Json,
    /// OTLP protobuf.
    Protobuf,
}

/// Arguments of `forget`.
#[derive(Debug, Args)]
#[command(after_help = "\
Hides at once, then removes from every file. There is no way back.

Examples:
  kino forget 5b8efff798038103d269b633813fc60c
  kino forget --run 4f2a91c04f2a91c04f2a91c04f2a91c0 --yes
  kino forget --before 30d")]
#[group(id = "target", required = true, multiple = true, args = ["trace_ids", "run", "before", "everything"])]
pub(crate) struct Forget {
    /// Whole trace ids, as `kino find` lists them.
    #[arg(value_name = "TRACE_ID", add = completion::traces())]
    pub(crate) trace_ids: Vec<kino_model::TraceId>,
    /// Traces of this run; the whole id.
    #[arg(long, value_name = "RUN_ID", add = completion::runs())]
    pub(crate) run: Option<String>,
    /// Traces that started before this.
    #[arg(long, value_name = "TIME", value_parser = time::parse_when)]
    pub(crate) before: Option<When>,
    /// Everything, of every project: traces, findings, runs and verifications.
    #[arg(long, conflicts_with_all = ["trace_ids", "run", "before"])]
    pub(crate) everything: bool,
    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Whose traces.
    #[command(flatten)]
    pub(crate) scope: ScopeArguments,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// How often each variant is run.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub(crate) executions: u32,
    /// Record into the ordinary KINO_HOME instead of a temporary one.
    #[arg(long)]
    pub(crate) keep: bool,
}

/// Arguments of `serve`.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
Prints one line on standard output when it is ready. Everything here can also stand in $KINO_HOME/config.toml:

  lake = \"file:///data/lake\"

  [listen]
  addr = \"127.0.0.1:4319\"
  otlp_grpc = \"127.0.0.1:4317\"
  otlp_http = \"127.0.0.1:4318\"

  [sync]
  policy = \"interval\"                # or \"always\"
  interval_millis = 100

  [retention]
  days = 30

  [forward]                            # docs/forwarding.md
  url = \"http://127.0.0.1:14318\"
  headers = { Authorization = \"Bearer …\" }

Headers for the endpoint can also be in KINO_FORWARD_HEADERS, as NAME=VALUE,NAME=VALUE.")]
pub(crate) struct Serve {
    /// REST, MCP, health and metrics.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) addr: Option<String>,
    /// OTLP over gRPC.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) otlp_grpc: Option<String>,
    /// OTLP over HTTP.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) otlp_http: Option<String>,
    /// When what is acknowledged survives a power cut: up to the interval, or at any instant.
    #[arg(long, value_enum)]
    pub(crate) sync: Option<crate::config::Sync>,
    /// Where the Parquet files go: a URL.
    #[arg(long, value_name = "URL")]
    pub(crate) lake: Option<String>,
    /// Pass what is recorded on to this OTLP endpoint over HTTP, such as `http://127.0.0.1:14318`.
    #[arg(long, value_name = "URL")]
    pub(crate) forward: Option<String>,
    /// Pass it on without encryption, to another machine as well.
    #[arg(long)]
    pub(crate) forward_insecure: bool,
    /// Leave the terminal and whatever was inherited; take free ports where the usual ones are busy.
    #[arg(long, hide = true)]
    pub(crate) detached: bool,
}

/// Arguments of `logs`.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// How many lines, from the end.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100)]
    pub(crate) lines: usize,
    /// Go on as the log grows.
    #[arg(long, short)]
    pub(crate) follow: bool,
}

/// Arguments of the hidden `__terminal`.
#[derive(Debug, Args)]
pub(crate) struct Terminal {
    /// The command and its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    pub(crate) command: Vec<OsString>,
}

fn parse_attribute(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("KEY=VALUE is expected, e.g. http.route=/cart".to_owned()),
    }
}

fn parse_limit(text: &str) -> Result<usize, String> {
    let max = kino_wire::find::MAX_LIMIT;
    text.parse()
        .ok()
        .filter(|limit| (1..=max).contains(limit))
        .ok_or_else(|| format!("a number from 1 to {max} is expected; --cursor leads on to further items"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_command_keeps_its_own_flags() {
        let arguments = Arguments::try_parse_from(["kino", "run", "--label", "a", "--", "ls", "--json", "-l"]).unwrap();
        let Some(Command::Run(run)) = arguments.command else { panic!("not a run") };
        assert_eq!(run.command, ["ls", "--json", "-l"]);
        assert!(!arguments.json);
    }

    #[test]
    fn forget_takes_something_to_forget() {
        assert!(Arguments::try_parse_from(["kino", "forget"]).is_err());
        assert!(Arguments::try_parse_from(["kino", "forget", "--before", "30d"]).is_ok());
        assert!(Arguments::try_parse_from(["kino", "forget", "--everything", "--run", "x"]).is_err());
    }
}
