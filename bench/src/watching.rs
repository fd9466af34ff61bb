//! What it takes to watch for findings: the detectors by themselves, and beside a steady load.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::ensure;
use kino_analyze::DetectorConfig;
use kino_analyze::detect::findings;
use kino_analyze::execution::{EntrySpans, Execution, executions};
use kino_analyze::tree::trees;
use kino_model::{Trace, UnixNanos};
use kino_testkit::Shop;

use crate::engine::{Programs, RunningEngine, processor_time};
use crate::figures::{Figure, now, thousands};
use crate::observer::{Threads, Watched};

/// Traces that the detectors judge at a time, as the engine does in a busy time.
const TRACES: usize = 2_000;
/// How long they judge.
const JUDGING: Duration = Duration::from_secs(5);
/// The load beside which the engine watches, and how long.
const RATE: u64 = 100_000;
const LOAD_SECONDS: u64 = 30;
/// How long the engine may take to see what came last.
const CATCH_UP_MAX: Duration = Duration::from_mins(2);

/// Spans that all detectors together judge in a second of processor time: trees, executions and critical paths
/// included, reading them from the store not.
pub(crate) fn detectors() -> anyhow::Result<Figure> {
    let mut shop = Shop::new(1, UnixNanos(1_700_000_000_000_000_000));
    let trace = |shop: &mut Shop| {
        let spans = shop.next_trace();
        Trace { trace_id: spans.first().map(|span| span.trace_id).unwrap_or_default(), spans, ..Trace::default() }
    };
    let traces: Vec<Trace> = (0..TRACES).map(|_| trace(&mut shop)).collect();
    let spans: usize = traces.iter().map(|trace| trace.spans.len()).sum();
    let config = DetectorConfig::default();
    let (started, before) = (now(), processor_time("self")?);
    let (mut judged, mut found) = (0, 0);
    while started.elapsed() < JUDGING {
        let trees = trees(&traces);
        let mut operations: BTreeMap<(&str, &str), Vec<Execution<'_, '_>>> = BTreeMap::new();
        for execution in executions(&trees, EntrySpans::Outermost) {
            let span = execution.tree.span(execution.entry);
            operations.entry((span.service(), &span.name)).or_default().push(execution);
        }
        found += operations.values().map(|executions| findings(executions, &config).len()).sum::<usize>();
        judged += spans;
    }
    ensure!(found > 0, "the shop has a fault that the detectors must see");
    let rate = judged as f64 / processor_time("self")?.saturating_sub(before).as_secs_f64();
    let what = "all detectors together, of one core, reading from the store not included";
    Ok(Figure::with_goal(what, "100,000 spans/s", format!("{} spans/s", thousands(rate as u64)), rate >= RATE as f64))
}

/// What of a steady load is looked at, and what that takes.
pub(crate) fn beside_load(running: &RunningEngine, programs: &Programs) -> anyhow::Result<Figure> {
    let before = Watched::of(&running.file)?;
    let mut threads = Threads::default();
    threads.look(running.pid())?;
    let cpu_before = threads.time();
    let spans = RATE * LOAD_SECONDS;
    let mut load = Command::new(programs.folder.join("load"))
        .args(["--to", &running.file.otlp_http, "--spans", &spans.to_string(), "--rate", &RATE.to_string()])
        .args(["--start", &running.file.started_unix_nanos.to_string(), "--seed", "7"])
        .stdout(Stdio::null())
        .spawn()?;
    let status = loop {
        threads.look(running.pid())?;
        if let Some(status) = load.try_wait()? {
            break status;
        }
        thread::sleep(Duration::from_millis(250));
    };
    ensure!(status.success(), "the load did not arrive");
    let started = now();
    let mut last = Watched::of(&running.file)?;
    loop {
        thread::sleep(Duration::from_secs(2));
        threads.look(running.pid())?;
        let now = Watched::of(&running.file)?;
        if now.spans == last.spans || started.elapsed() > CATCH_UP_MAX {
            break;
        }
        last = now;
    }
    let cpu = threads.time().saturating_sub(cpu_before);
    let unseen = last.unseen - before.unseen;
    let measured = format!(
        "{:.1} s of processor time for {} spans in {LOAD_SECONDS} s, {} judged (some more than once), {} traces not looked at",
        cpu.as_secs_f64(),
        thousands(spans),
        thousands(last.spans - before.spans),
        thousands(unseen)
    );
    let is_current = unseen == 0 && cpu <= Duration::from_secs(LOAD_SECONDS);
    let what = format!("watching for findings beside a load of {} spans/s, reading included", thousands(RATE));
    Ok(Figure::with_goal(what, "nothing unseen, one core", measured, is_current))
}
