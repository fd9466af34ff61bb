//! `demo`: a real program, recorded, explained, changed, and the change proved. Every number shown was measured here.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use kino_runner::Order;
use kino_wire::compare::CompareQuestion;
use kino_wire::explain::{ExplainOperationQuestion, ExplainTraceQuestion};
use kino_wire::find::FindQuestion;
use serde::Serialize;
use serde_json::Value as Json;

use super::stop;
use crate::app::{App, Outcome};
use crate::args::Demo;
use crate::client::{Client, EngineLookup};
use crate::config::Settings;
use crate::failure::{Failure, code};
use crate::render::{self, Style};
use crate::{output, progress, start};

/// The operation that the program's executions are.
const OPERATION: &str = "journal.generate";
const FIRST: &str = "demo-first";
const BEFORE: &str = "demo-before";
const AFTER: &str = "demo-after";
/// How many lines of a failed build are shown.
const BUILD_LINES_MAX: usize = 30;

#[derive(Serialize)]
struct Toured<'a> {
    schema: &'static str,
    explain: &'a Json,
    compare: &'a Json,
}

/// Takes the tour.
pub(super) fn run(app: &App, arguments: &Demo) -> Outcome {
    let checkout = checkout(&app.settings).ok_or_else(no_checkout)?;
    let say = |text: &str| if app.output.json { Ok(()) } else { app.output.text(&app.output.style.fit(text)) };
    let style = app.output.style;
    say(&intro(style))?;
    let program = build(&checkout)?;
    let home = Home::new(app, arguments.keep);
    let settings = home.settings(&app.settings);
    let ran_before = matches!(start::settled(&settings), EngineLookup::Engine(_));
    let client = start::engine(&settings, &*app.clock)?;
    let toured = tour(app, arguments, &settings, &client, &program, &checkout);
    if !ran_before {
        stop::stop(&settings)?;
    }
    drop(home);
    toured?;
    say(&outro(style, arguments.keep, &app.settings.program))?;
    Ok(ExitCode::SUCCESS)
}

fn tour(
    app: &App,
    arguments: &Demo,
    settings: &Settings,
    client: &Client,
    program: &Path,
    checkout: &Path,
) -> Result<(), Failure> {
    let style = app.output.style;
    let say = |text: &str| if app.output.json { Ok(()) } else { app.output.text(&app.output.style.fit(text)) };
    let scope = kino_wire::ask::Scope { project: None, all: true };

    say(&step(style, 1, "Run it, recorded", &format!("$ kino run --label {FIRST} -- journal")))?;
    let variant = |label: &'static str, arguments: &'static [&'static str]| Variant { label, arguments };
    // Enough to see where the time goes; what is proved needs more.
    let first = arguments.executions.div_ceil(2);
    let last = executions(settings, program, checkout, first, &[variant(FIRST, &[])])?;
    say(&format!("{first} times. The last one ended with:\n\n{last}"))?;

    say(&step(style, 2, "Ask where the time goes", &format!("$ kino explain {OPERATION}")))?;
    let question = ExplainOperationQuestion {
        operation: OPERATION.to_owned(),
        service: None,
        last: first as usize,
        all_states: false,
        scope: scope.clone(),
        worktree: None,
    };
    let explained = client.ask(&question)?;
    say(&render::explain::operation(&explained, style))?;
    say(&format!("\n{}", newest_path(client, style, &scope)?))?;

    let heading = "Change it: the three parts at once";
    say(&step(style, 3, heading, &format!("$ kino run --label {AFTER} -- journal --concurrent")))?;
    let both = [variant(BEFORE, &[]), variant(AFTER, &["--concurrent"])];
    let last = executions(settings, program, checkout, arguments.executions, &both)?;
    say(&format!(
        "{} times, in turn with the unchanged program (label {BEFORE}), so that a machine that\nslows down slows both. \
         The last one ended with:\n\n{last}",
        arguments.executions
    ))?;

    let command = format!("$ kino compare --before label:{BEFORE} --after label:{AFTER}");
    say(&step(style, 4, "Prove it", &command))?;
    let question = CompareQuestion { before: format!("label:{BEFORE}"), after: format!("label:{AFTER}"), scope };
    let compared = client.ask(&question)?;
    say(&render::compare::text(&compared, style))?;
    if app.output.json {
        let value = |answer: Result<Json, serde_json::Error>| answer.map_err(|e| Failure::because("writing JSON", &e));
        let (explain, compare) = (value(serde_json::to_value(&explained))?, value(serde_json::to_value(&compared))?);
        app.output.json(&Toured { schema: "kino.demo.v1", explain: &explain, compare: &compare })?;
    }
    Ok(())
}

/// The critical path of the newest trace.
fn newest_path(client: &Client, style: Style, scope: &kino_wire::ask::Scope) -> Result<String, Failure> {
    let question =
        FindQuestion { name: Some(OPERATION.to_owned()), limit: 1, scope: scope.clone(), ..FindQuestion::default() };
    let Some(newest) = client.ask(&question)?.items.into_iter().next() else {
        return Err(Failure::new(code::FAILED, "the program ran, but no trace of it arrived; `kino doctor` looks why"));
    };
    let trace = client.ask(&ExplainTraceQuestion::overview(newest.trace_id))?;
    let title = format!("{} of the newest run, in time order", style.heading("Critical path"));
    Ok(format!("{title}\n{}", render::explain::path(&trace.critical_path, &trace.path, style)))
}

/// One way to run the program.
#[derive(Clone, Copy)]
struct Variant {
    label: &'static str,
    arguments: &'static [&'static str],
}

/// Runs each variant several times under `kino run`, two of them in turn, and returns the last variant's last report.
fn executions(
    settings: &Settings,
    program: &Path,
    checkout: &Path,
    times: u32,
    variants: &[Variant],
) -> Result<String, Failure> {
    let bar = progress::bar(u64::from(times) * variants.len() as u64, "running");
    let order = Order::random()?;
    let mut report = String::new();
    for turn in 0..times {
        let ordered = match variants {
            [first, second] => order.of(turn, [*first, *second]).to_vec(),
            others => others.to_vec(),
        };
        for variant in ordered {
            let said = execute(settings, program, checkout, variant).inspect_err(|_| bar.finish_and_clear())?;
            if variants.last().is_some_and(|last| last.label == variant.label) {
                report = said;
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(report)
}

/// Runs the program once; its report.
fn execute(settings: &Settings, program: &Path, checkout: &Path, variant: Variant) -> Result<String, Failure> {
    let ran = Command::new(&settings.program)
        .args(["run", "--label", variant.label, "--"])
        .arg(program)
        .args(variant.arguments)
        .current_dir(checkout)
        .env("KINO_HOME", &settings.home)
        .env_remove("OTEL_EXPORTER_OTLP_ENDPOINT")
        .env_remove("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        .env_remove("OTEL_RESOURCE_ATTRIBUTES")
        .env_remove("OTEL_SERVICE_NAME")
        .env_remove("TRACEPARENT")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::because("running the program", &error))?;
    let report = String::from_utf8_lossy(&ran.stderr).into_owned();
    if !ran.status.success() {
        return Err(Failure::new(code::FAILED, format!("the program ended with {}:\n{report}", ran.status)));
    }
    Ok(report)
}

/// The checkout that holds the program: around the working directory, or the one that this command was built in.
fn checkout(settings: &Settings) -> Option<PathBuf> {
    let around = settings.directory.ancestors().chain(settings.program.ancestors());
    around.map(Path::to_owned).find(|folder| folder.join("examples/journal/Cargo.toml").is_file())
}

fn no_checkout() -> Failure {
    let repository = env!("CARGO_PKG_REPOSITORY");
    Failure::new(
        code::UNAVAILABLE,
        format!(
            "the demo builds a small program from the source code, which is not here:\n\n  git clone {repository}\n  \
             cd kinescope && kino demo"
        ),
    )
}

/// Builds the program with cargo and returns where it is.
fn build(checkout: &Path) -> Result<PathBuf, Failure> {
    let spinner = progress::spinner("building examples/journal with cargo".to_owned());
    let mut cargo = Command::new(crate::config::variable("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "-p", "journal", "--message-format", "json-render-diagnostics"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    cargo.current_dir(checkout).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let built = cargo.output().map_err(|error| {
        let message = format!("cargo cannot be started ({error}): https://rustup.rs installs it");
        Failure::new(code::UNAVAILABLE, message)
    })?;
    spinner.finish_and_clear();
    if !built.status.success() {
        let said = String::from_utf8_lossy(&built.stderr).into_owned();
        let lines: Vec<_> = said.lines().collect();
        let shown = lines[lines.len().saturating_sub(BUILD_LINES_MAX)..].join("\n");
        return Err(Failure::new(
            code::FAILED,
            format!("cargo could not build examples/journal; it ended with\n{shown}"),
        ));
    }
    // Cargo names the file: it knows target directories and profiles that we do not.
    let messages = BufReader::new(built.stdout.as_slice()).lines().map_while(Result::ok);
    let programs = messages.filter_map(|line| {
        let message: Json = serde_json::from_str(&line).ok()?;
        let is_program = message["target"]["name"] == "journal";
        message["executable"].as_str().filter(|_| is_program).map(PathBuf::from)
    });
    programs.last().ok_or_else(|| Failure::new(code::FAILED, "cargo did not say where it put the program"))
}

/// Where the demo records: a folder of its own that goes away with it, or the ordinary home.
struct Home {
    temporary: Option<PathBuf>,
}

impl Home {
    fn new(app: &App, keep: bool) -> Self {
        let name = format!("kino-demo-{}-{}", std::process::id(), app.now().0);
        Self { temporary: (!keep).then(|| std::env::temp_dir().join(name)) }
    }

    fn settings(&self, settings: &Settings) -> Settings {
        self.temporary.clone().map_or_else(|| settings.clone(), |home| settings.with_home(home))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(home) = &self.temporary
            && let Err(error) = fs::remove_dir_all(home)
            && home.exists()
        {
            output::note(&format!("kino: {} could not be removed: {error}", home.display()));
        }
    }
}

fn intro(style: Style) -> String {
    format!(
        "{}\n\nexamples/journal writes a development journal: it gathers some context, then\n\
         asks a language model for a summary, a dialogue and the technical decisions.\n\
         It is an ordinary program with OpenTelemetry in it; the model is a local server\n\
         that answers after a realistic delay, scaled down. What follows is measured\n\
         while you watch.\n",
        style.heading("A tour of Kinescope")
    )
}

fn step(style: Style, number: u8, title: &str, command: &str) -> String {
    let title = style.heading(&format!("── {number}. {title} "));
    format!("\n{title}\n{}\n", style.paint(render::Tone::Faint, command))
}

fn outro(style: Style, keep: bool, program: &Path) -> String {
    let recordings = if keep {
        "The recordings are in your KINO_HOME: `kino find` lists them."
    } else {
        "The recordings went away with the demo; --keep keeps them."
    };
    // As JSON writes a string, which is what the configuration wants.
    let program = Json::from(program.to_string_lossy());
    format!(
        "\n{}\nLet your assistant ask these questions itself: kino init shows what it would write for yours,\n\
         and asks. By hand, in its MCP configuration:\n\n  \
         {{\"mcpServers\": {{\"kino\": {{\n    \"command\": {program},\n    \"args\": [\"mcp\"]}}}}}}\n\nThen \
         record your own program: kino run -- CMD\n{recordings}\n",
        style.heading("── Next ")
    )
}
