//! What it takes to watch for findings: the detectors by themselves, and beside a steady load.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use kino_analyze::DetectorConfig;
use kino_analyze::detect::findings;
use kino_analyze::execution::{Entry, Execution, executions};
use kino_analyze::tree::trees;
use kino_model::{Trace, UnixNanos};
use kino_testkit::Shop;

use crate::engine::{Programs, Running, TICKS_PER_SECOND, processor_time};
use crate::figures::{Figure, now, thousands};

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
        for execution in executions(&trees, Entry::Outermost) {
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
pub(crate) fn beside_load(running: &Running, programs: &Programs) -> anyhow::Result<Figure> {
    let before = Watched::of(running)?;
    let mut threads = Threads::default();
    threads.look(running)?;
    let cpu_before = threads.time();
    let spans = RATE * LOAD_SECONDS;
    let mut load = Command::new(programs.folder.join("load"))
        .args(["--to", &running.file.otlp_http, "--spans", &spans.to_string(), "--rate", &RATE.to_string()])
        .args(["--start", &running.file.started_unix_nanos.to_string(), "--seed", "7"])
        .stdout(Stdio::null())
        .spawn()?;
    let status = loop {
        threads.look(running)?;
        if let Some(status) = load.try_wait()? {
            break status;
        }
        thread::sleep(Duration::from_millis(250));
    };
    ensure!(status.success(), "the load did not arrive");
    let started = now();
    let mut last = Watched::of(running)?;
    loop {
        thread::sleep(Duration::from_secs(2));
        threads.look(running)?;
        let now = Watched::of(running)?;
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

/// The engine's counts of its evaluations so far.
pub(crate) struct Watched {
    /// Spans evaluated.
    pub spans: u64,
    /// Traces dropped unevaluated.
    unseen: u64,
}

impl Watched {
    pub(crate) fn of(running: &Running) -> anyhow::Result<Self> {
        let metrics = ureq::get(format!("http://{}/metrics", running.file.http));
        let metrics = metrics.header("Authorization", format!("Bearer {}", running.file.token));
        let text = metrics.call()?.body_mut().read_to_string()?;
        let figure = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|value| value.parse().ok()).with_context(|| format!("/metrics says nothing of {name}"))
        };
        Ok(Self {
            spans: figure("kino_findings_spans_evaluated_total")?,
            unseen: figure("kino_findings_traces_dropped_total")?,
        })
    }
}

/// Processor time of the observer's threads; one that has ended counts as it was last seen.
#[derive(Default)]
pub(crate) struct Threads(HashMap<String, u64>);

impl Threads {
    pub(crate) fn look(&mut self, running: &Running) -> anyhow::Result<()> {
        for thread in fs::read_dir(format!("/proc/{}/task", running.pid()))? {
            let path = thread?.path();
            let is_observer = fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim() == "kino-observer");
            let ticks = is_observer.then(|| ticks(&path)).flatten();
            if let (Some(ticks), Some(id)) = (ticks, path.file_name()) {
                self.0.insert(id.to_string_lossy().into_owned(), ticks);
            }
        }
        Ok(())
    }

    pub(crate) fn time(&self) -> Duration {
        Duration::from_millis(self.0.values().sum::<u64>() * 1_000 / TICKS_PER_SECOND)
    }
}

/// A thread's user and system time; `None` once it has ended.
fn ticks(thread: &Path) -> Option<u64> {
    let stat = fs::read_to_string(thread.join("stat")).ok()?;
    let fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(2);
    Some(fields.filter_map(|ticks| ticks.parse::<u64>().ok()).sum())
}
