//! What a client waits for: visibility, storage, and each kind of question over everything loaded.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use kino_model::{TraceId, UnixNanos};
use kino_testkit::RequestStream;
use kino_wire::admin::{LakeFilesQuestion, StatusQuestion};
use kino_wire::explain::{ExplainOperationQuestion, ExplainSystemQuestion, ExplainTraceQuestion};
use kino_wire::find::FindQuestion;
use kino_wire::live::{MAX_OPERATIONS, OperationsQuestion};

use crate::engine::RunningEngine;
use crate::figures::{Figure, Samples, millis, thousands};

/// How often visibility is tried.
const VISIBILITY_TRIES: u64 = 50;

/// From the acknowledgement of a request until one of its traces answers.
pub(crate) fn visibility(running: &RunningEngine) -> anyhow::Result<Vec<Figure>> {
    let mut samples = Samples::default();
    for attempt in 0..VISIBILITY_TRIES {
        let mut stream = RequestStream::new(1_000_000 + attempt, 1, UnixNanos(running.file.started_unix_nanos));
        let request = stream.next_request().0.to_vec();
        let url = format!("http://{}/v1/traces", running.file.otlp_http);
        ureq::post(url).header("Content-Type", "application/x-protobuf").send(&request[..])?;
        let trace_id = *stream.last_trace_ids().first().context("a request has traces")?;
        samples.time(|| while running.ask(&ExplainTraceQuestion::overview(trace_id)).is_err() {});
    }
    let worst = samples.quantile(1.0);
    let figure = Figure::with_goal(
        "from acknowledgement to an answer that has it, hot rows",
        "< 100 ms",
        samples.summary(),
        worst < Duration::from_millis(100),
    );
    Ok(vec![figure])
}

/// Bytes a span in the lake, by table.
pub(crate) fn storage(running: &RunningEngine) -> anyhow::Result<Vec<Figure>> {
    let files = running.ask(&LakeFilesQuestion::default())?.files;
    let spans: u64 = files.iter().filter(|file| file.table == "spans").map(|file| file.rows).sum();
    ensure!(spans > 0, "no span reached the lake");
    let mut figures = Vec::new();
    for table in ["spans", "events", "links", "traces", "rollups"] {
        let bytes: u64 = files.iter().filter(|file| file.table == table).map(|file| file.bytes).sum();
        let each = bytes as f64 / spans as f64;
        let measured =
            format!("{each:.1} B a span ({} files)", files.iter().filter(|file| file.table == table).count());
        figures.push(match table {
            "spans" => Figure::with_goal("storage: `spans`", "≤ 45 B a span", measured, each <= 45.0),
            _ => Figure::plain(format!("storage: `{table}`"), measured),
        });
    }
    let visible = running.ask(&StatusQuestion {})?.spans;
    figures.push(Figure::plain("spans in the store when questions are asked", thousands(visible)));
    Ok(figures)
}

/// Every kind of question, again and again.
pub(crate) fn ask_all(running: &RunningEngine, ids: &Path, repeats: usize) -> anyhow::Result<Vec<Figure>> {
    let ids: Vec<TraceId> = std::fs::read_to_string(ids)?.lines().map(str::parse).collect::<Result<_, _>>()?;
    ensure!(!ids.is_empty(), "no trace ids were collected");
    let mut figures = Vec::new();

    let mut by_id = Samples::default();
    for turn in 0..repeats.max(100) {
        let trace_id = ids[turn * 7_919 % ids.len()];
        by_id.time(|| running.ask(&ExplainTraceQuestion::overview(trace_id)))?;
    }
    let met = by_id.quantile(0.99) <= Duration::from_millis(10);
    figures.push(Figure::with_goal("one trace by id, explained", "p99 ≤ 10 ms", by_id.summary(), met));

    figures.extend(finds(running, repeats)?);
    figures.extend(explanations(running, repeats)?);
    figures.push(command(running, repeats)?);
    Ok(figures)
}

fn finds(running: &RunningEngine, repeats: usize) -> anyhow::Result<Vec<Figure>> {
    let second = 1_000_000_000;
    let finds = [
        ("find: the newest", "p95 ≤ 50 ms", FindQuestion::default()),
        (
            "find: root service and duration",
            "p95 ≤ 50 ms",
            FindQuestion {
                service: Some("frontend".into()),
                min_duration_nanos: Some(second),
                ..FindQuestion::default()
            },
        ),
        (
            "find: service and name of any span",
            "p95 ≤ 50 ms",
            FindQuestion {
                service: Some("payment".into()),
                name: Some("shop.v1.PaymentService/Charge".into()),
                ..FindQuestion::default()
            },
        ),
        (
            "find: failed, by a promoted attribute",
            "p95 ≤ 50 ms",
            FindQuestion {
                error: true,
                attributes: vec![("http.response.status_code".into(), "500".into())],
                ..FindQuestion::default()
            },
        ),
        (
            "find: by a rare attribute of the map",
            "≤ 1 s",
            FindQuestion { attributes: vec![("client.address".into(), "10.8.1.1".into())], ..FindQuestion::default() },
        ),
    ];
    let mut figures = Vec::new();
    for (what, goal, question) in finds {
        let mut samples = Samples::default();
        let limit = if goal.starts_with('p') { 50 } else { 1_000 };
        for _ in 0..(if limit == 50 { repeats } else { repeats.min(10) }) {
            samples.time(|| running.ask(&question))?;
        }
        figures.push(Figure::with_goal(
            what,
            goal,
            samples.summary(),
            samples.quantile(0.95) <= Duration::from_millis(limit),
        ));
    }

    Ok(figures)
}

fn explanations(running: &RunningEngine, repeats: usize) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let mut first = Samples::default();
    let mut again = Samples::default();
    for turn in 0..=repeats.min(50) {
        let operation =
            ExplainOperationQuestion { operation: "POST /checkout".into(), last: 1_000, ..Default::default() };
        let samples = if turn == 0 { &mut first } else { &mut again };
        samples.time(|| running.ask(&operation))?;
    }
    let met = again.quantile(0.95) <= Duration::from_millis(100);
    figures.push(Figure::with_goal("explain an operation over its last 1,000", "p95 ≤ 100 ms", again.summary(), met));
    let what = "the same, the first time in half a minute: its traces are read from the files";
    figures.push(Figure::plain(what, millis(first.quantile(1.0))));

    let mut system = Samples::default();
    for _ in 0..repeats.min(20) {
        system.time(|| running.ask(&ExplainSystemQuestion::default()))?;
    }
    figures.push(Figure::plain("explain the system", system.summary()));
    figures.push(percentiles(running, repeats)?);
    Ok(figures)
}

/// Percentiles of every operation over every span in the store.
fn percentiles(running: &RunningEngine, repeats: usize) -> anyhow::Result<Figure> {
    let everything = OperationsQuestion { limit: MAX_OPERATIONS, ..OperationsQuestion::default() };
    let mut samples = Samples::default();
    for _ in 0..repeats {
        let answer = samples.time(|| running.ask(&everything))?;
        ensure!(answer.items.iter().any(|operation| operation.duration.is_some()), "no operation has percentiles");
    }
    let met = samples.quantile(0.95) <= Duration::from_millis(20);
    let what = "percentiles per operation over everything, from rollups";
    Ok(Figure::with_goal(what, "≤ 20 ms", samples.summary(), met))
}

fn command(running: &RunningEngine, repeats: usize) -> anyhow::Result<Figure> {
    let mut command = Samples::default();
    for _ in 0..repeats.min(50) {
        let mut find = Command::new(&running.kino);
        find.args(["find", "--all", "--json"]).env("KINO_HOME", &running.home).stdout(Stdio::null());
        let status = command.time(|| find.status())?;
        ensure!(status.success(), "kino find failed");
    }
    let median = command.quantile(0.5);
    let met = median <= Duration::from_millis(30);
    Ok(Figure::with_goal("`kino find`, the whole process", "≤ 30 ms", format!("median {}", millis(median)), met))
}
