//! `--causes record`: one system that runs through all cases, and two windows of each.
//!
//! ```text
//!  requests ───────────────────────────────────────────────────────────────────────────►
//!  │ normal window │ settle │ window with the fault │ settle, order each, export │ next …
//!                    ▲ on                             ▲ off
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::Args;
use super::cases::{self, Case};
use super::engine::Engine;
use super::load::Load;
use super::running::RunningSystem;
use crate::random::mix;
use crate::{exec, system};

/// After a window, requests of it end; then the fault is switched on or off.
const DRAIN: Duration = Duration::from_millis(500);
/// Then things settle before the next window.
const SETTLE: Duration = Duration::from_millis(1_500);
/// After a fault there may be a long queue: the next case waits until no more than this is under way, or gives up.
const UNDER_WAY_USUAL: usize = 3;
const QUEUE_LIMIT: Duration = Duration::from_mins(1);
/// Cases that may fail before a recording is given up.
const FAILURES_MAX: usize = 5;
/// Before the first case: interpreters compile, caches fill, and as many closed connections as later wait for their end,
/// which the system gives a minute.
const WARM_UP: Duration = Duration::from_mins(1);
/// How often a wait looks whether it was interrupted.
const LOOK: Duration = Duration::from_millis(100);
/// What /proc counts in.
const TICKS_PER_SECOND: f64 = 100.0;

/// Where the three files of a case are.
pub(super) struct CaseFiles {
    pub(super) manifest: PathBuf,
    pub(super) spans: PathBuf,
    pub(super) logs: PathBuf,
}

impl CaseFiles {
    /// Of an open or of a sealed case.
    pub(super) fn new(cache: &Path, name: &str, is_sealed: bool) -> Self {
        let folder = cache.join(if is_sealed { "sealed" } else { "cases" });
        let file = |ending: &str| folder.join(format!("{name}.{ending}"));
        Self { manifest: file("json"), spans: file("spans.jsonl"), logs: file("logs.jsonl") }
    }

    fn of(cache: &Path, case: &Case) -> Self {
        Self::new(cache, &case.name, case.is_sealed())
    }
}

/// What a recording needs while it goes on.
struct Recording<'a> {
    engine: &'a Engine,
    running: RunningSystem,
    load: Load,
    window: Duration,
}

/// Records; false when it was interrupted, or a case failed.
pub(super) fn run(args: &Args) -> anyhow::Result<bool> {
    let (root, cache, kino) = (exec::workspace_root()?, args.cache()?, args.kino()?);
    let wanted: Vec<Case> = cases::all(args.seed, args.unchanged)
        .into_iter()
        .filter(|case| args.is_chosen(&case.name) && (!args.sealed || case.is_sealed() || case.cause.is_none()))
        .filter(|case| !CaseFiles::of(&cache, case).manifest.is_file())
        .collect();
    let window = Duration::from_secs(args.seconds);
    let about = (window + DRAIN + SETTLE) * 2 * wanted.len() as u32;
    println!("{} cases to record into {}, at least {} minutes", wanted.len(), cache.display(), about.as_secs() / 60);
    if wanted.is_empty() {
        return Ok(true);
    }
    for folder in ["cases", "sealed"] {
        fs::create_dir_all(cache.join(folder)).context("failed to make the folder for cases")?;
    }
    system::catch_interrupts();
    let folder = std::env::temp_dir().join(format!("kino-causes-{}", std::process::id()));
    let engine = Engine::start(&kino, &folder)?;
    let products = exec::target_dir(&root)?.join("causes");
    let start = |number: usize| -> anyhow::Result<Recording<'_>> {
        let running = RunningSystem::start(&root, &products, &folder.join(format!("system-{number}")), &engine)?;
        let load = Load::start(&running.gateway());
        load.order_each()?;
        wait(WARM_UP);
        Ok(Recording { engine: &engine, running, load, window })
    };
    let mut recording = start(0)?;
    let mut failures = 0;
    for (number, case) in wanted.iter().enumerate() {
        let manifest = match recording.record(case, &CaseFiles::of(&cache, case)) {
            Ok(Some(manifest)) => manifest,
            Ok(None) => {
                println!("interrupted; the same command goes on from here");
                return Ok(false);
            }
            Err(error) if failures < FAILURES_MAX => {
                failures += 1;
                println!("{} is not recorded, and all services start again: {error:#}", case.name);
                drop(recording);
                recording = start(failures)?;
                continue;
            }
            Err(error) => return Err(error.context("too many cases failed")),
        };
        let share = |side: &str, key: &str| 100.0 * manifest[side][key].as_f64().unwrap_or_default();
        println!(
            "{:>3} of {}  {:<26} busy {:.0} and {:.0} % of all cores, of which this system {:.0} and {:.0} %",
            number + 1,
            wanted.len(),
            case.name,
            share("before", "busy_share"),
            share("after", "busy_share"),
            share("before", "own_share"),
            share("after", "own_share"),
        );
    }
    Ok(failures == 0)
}

impl Recording<'_> {
    /// Records both windows and writes the files; returns the manifest, which is written last, or `None` when it was
    /// interrupted.
    fn record(&mut self, case: &Case, files: &CaseFiles) -> anyhow::Result<Option<Value>> {
        if let Some(cause) = &case.cause {
            self.running.prepare(cause)?;
            wait(SETTLE);
        }
        let before = self.window(mix(case.seed ^ 1));
        let failed: u64 = self.load.counts().values().map(|[_, failed]| failed).sum();
        if failed > 0 {
            bail!("{failed} requests fail before anything is wrong");
        }
        wait(DRAIN);
        if let Some(cause) = &case.cause {
            self.running.switch_on(cause).with_context(|| format!("{} cannot be made", case.name))?;
        }
        wait(SETTLE);
        let after = self.window(mix(case.seed ^ 2));
        wait(DRAIN);
        self.running.switch_off()?;
        self.wait_for_queue()?;
        if case.cause.is_some() {
            self.load.order_each()?;
            self.wait_for_queue()?;
        }
        wait(SETTLE);
        if system::interrupted() {
            return Ok(None);
        }
        self.export(&before, &after, &["export", "--all"], &files.spans)?;
        self.export(&before, &after, &["export", "--all", "--logs"], &files.logs)?;
        let cause = case.cause.as_ref();
        let manifest = json!({
            "case": case.name,
            "fault": cause.map(|cause| cause.fault.name()),
            "service": cause.map(|cause| cause.service.name),
            "operation": cause.and_then(|cause| cause.operation),
            "parameters": cause.map(|cause| &cause.parameters),
            "seed": case.seed,
            "before": before,
            "after": after,
            "requests_left_out": self.load.left_out(),
        });
        fs::write(&files.manifest, format!("{manifest:#}\n")).context("failed to write the manifest")?;
        Ok(Some(manifest))
    }

    /// Waits until what came during a fault is answered, and what it left in the queue is handled.
    fn wait_for_queue(&self) -> anyhow::Result<()> {
        let began = exec::now();
        loop {
            let (requests, messages) = (self.load.under_way(), self.running.messages()?);
            if requests <= UNDER_WAY_USUAL && messages <= UNDER_WAY_USUAL || system::interrupted() {
                break;
            }
            if began.elapsed() > QUEUE_LIMIT {
                bail!("{requests} requests and {messages} messages are still under way after the fault");
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Lets requests come for as long as a window lasts; returns when it was, how busy the cores were, and which
    /// requests came.
    fn window(&mut self, seed: u64) -> Value {
        self.load.restart(seed);
        let (start, busy, own) = (exec::unix_nanos(), system::busy_ticks(), self.running.busy_ticks());
        wait(self.window);
        let end = exec::unix_nanos();
        let ticks = (end - start) as f64 / 1e9 * TICKS_PER_SECOND * self.running.cores() as f64;
        let share = |now: u64, then: u64| (now.saturating_sub(then) as f64 / ticks * 1e3).round() / 1e3;
        let counts = self.load.counts();
        let requests: serde_json::Map<String, Value> = counts
            .into_iter()
            .map(|(kind, [made, failed])| (kind.to_owned(), json!({ "made": made, "failed": failed })))
            .collect();
        json!({
            "start_unix_nanos": start,
            "end_unix_nanos": end,
            "busy_share": share(system::busy_ticks(), busy),
            "own_share": share(self.running.busy_ticks(), own),
            "requests": requests,
        })
    }

    fn export(&self, before: &Value, after: &Value, command: &[&str], to: &Path) -> anyhow::Result<()> {
        let mut text = Vec::new();
        for window in [before, after] {
            let (since, until) = (window["start_unix_nanos"].to_string(), window["end_unix_nanos"].to_string());
            text.extend(self.engine.ask(&[command, &["--since", &since, "--until", &until]].concat())?);
        }
        fs::write(to, text).with_context(|| format!("failed to write {}", to.display()))
    }
}

/// Waits, but no longer than until Ctrl-C.
fn wait(time: Duration) {
    let began = exec::now();
    while began.elapsed() < time && !system::interrupted() {
        std::thread::sleep(LOOK.min(time.saturating_sub(began.elapsed())));
    }
}
