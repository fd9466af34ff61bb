//! The engine under measurement: built, started, loaded, left alone, stopped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use kino_model::DurationNanos;
use kino_wire::Question;
use kino_wire::admin::{EngineFile, LakeFilesQuestion, StatusQuestion};
use serde_json::Value as Json;

use crate::Arguments;
use crate::figures::{Figure, Samples, millis, now, thousands};
use crate::observer::{TICKS_PER_SECOND, Threads, Watched};

/// How long nothing is asked of the engine before it counts as idle: what it keeps for the next question goes in between.
const AT_REST: Duration = Duration::from_secs(70);
/// How long it is watched then.
const IDLE: Duration = Duration::from_secs(10);

/// Where everything is.
#[derive(Debug)]
pub(crate) struct Programs {
    /// The checkout.
    pub root: PathBuf,
    /// The folder with the release binaries.
    pub folder: PathBuf,
}

/// Builds what is measured and what measures, as a user would.
pub(crate) fn build(with_sql: bool) -> anyhow::Result<Programs> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the package is in the checkout")?.to_owned();
    // One by one: built together, each would have the features that the others want of what they share.
    for package in ["kino", "kino-bench"].into_iter().chain(with_sql.then_some("kino-sql")) {
        cargo(&root, &["build", "--release", "-p", package], &[])?;
    }
    let own = std::env::current_exe()?;
    let target = own.ancestors().nth(2).context("the binary is in the target folder")?;
    Ok(Programs { folder: target.join("release"), root })
}

fn cargo(root: &Path, command: &[&str], rest: &[&str]) -> anyhow::Result<()> {
    let status = Command::new("cargo").args(command).args(rest).current_dir(root).status()?;
    ensure!(status.success(), "cargo {} failed", command.join(" "));
    Ok(())
}

/// How long `cargo build --release` of `kino` takes with nothing built before.
pub(crate) fn cold_build(temporary: &Path) -> anyhow::Result<Figure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the package is in the checkout")?;
    let target = temporary.join("cold-target");
    let started = now();
    cargo(root, &["build", "--release", "-p", "kino", "--target-dir"], &[&target.to_string_lossy()])?;
    let took = started.elapsed();
    fs::remove_dir_all(&target)?;
    Ok(Figure::with_goal("cold release build of `kino`", "≤ 7 min", millis(took), took < Duration::from_mins(7)))
}

/// The size of the stripped binary.
pub(crate) fn binary_size(programs: &Programs) -> anyhow::Result<Figure> {
    let bytes = fs::metadata(programs.folder.join("kino"))?.len();
    let megabytes = bytes as f64 / 1e6;
    Ok(Figure::with_goal("stripped binary", "≤ 40 MB", format!("{megabytes:.1} MB"), megabytes <= 40.0))
}

/// An engine that runs.
#[derive(Debug)]
pub(crate) struct RunningEngine {
    child: Child,
    /// Where it listens, and the token it takes.
    pub file: EngineFile,
    pub home: PathBuf,
    /// The `kino` binary.
    pub kino: PathBuf,
    agent: ureq::Agent,
}

impl RunningEngine {
    /// Starts an engine on `home` and waits until it is ready.
    pub(crate) fn start(programs: &Programs, home: &Path) -> anyhow::Result<Self> {
        let kino = programs.folder.join("kino");
        fs::create_dir_all(home)?;
        let log = fs::File::create(home.join("bench.log"))?;
        let address = "127.0.0.1:0";
        let mut child = Command::new(&kino)
            .args(["serve", "--addr", address, "--otlp-grpc", address, "--otlp-http", address])
            .env("KINO_HOME", home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("failed to start {}", kino.display()))?;
        let started = now();
        let file = loop {
            if let Some(file) = read_engine_file(home, child.id()) {
                break file;
            }
            if let Some(status) = child.try_wait()? {
                bail!("the engine ended with {status}: {}", fs::read_to_string(home.join("bench.log"))?);
            }
            ensure!(started.elapsed() < Duration::from_mins(2), "the engine did not become ready in two minutes");
            thread::sleep(Duration::from_micros(500));
        };
        let agent = ureq::Agent::config_builder().timeout_global(Some(Duration::from_mins(10))).build().into();
        Ok(Self { child, file, home: home.to_owned(), kino, agent })
    }

    /// Asks a typed question.
    pub(crate) fn ask<Q: Question>(&self, question: &Q) -> anyhow::Result<Q::Answer> {
        Ok(serde_json::from_value(self.ask_json(Q::NAME, &serde_json::to_value(question)?)?)?)
    }

    /// Asks the question called `name`.
    pub(crate) fn ask_json(&self, name: &str, question: &Json) -> anyhow::Result<Json> {
        let url = format!("http://{}/api/v1/{name}", self.file.http);
        let token = format!("Bearer {}", self.file.token);
        let mut answer = self.agent.post(url).header("Authorization", token).send_json(question)?;
        let body = answer.body_mut().with_config().limit(1 << 30).read_to_vec()?;
        Ok(serde_json::from_slice(&body)?)
    }

    /// Processor time taken so far, user and system.
    pub(crate) fn cpu_time(&self) -> anyhow::Result<Duration> {
        processor_time(&self.pid().to_string())
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A memory figure of `/proc/PID/status`, in bytes: `VmRSS` now, `VmHWM` at most so far.
    pub(crate) fn memory(&self, name: &str) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with(name)).context("the kernel reports memory")?;
        let kibibytes: u64 = line.split_whitespace().nth(1).context("a figure")?.parse()?;
        Ok(kibibytes * 1024)
    }

    /// Stops the engine and waits for it.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let status =
            Command::new(&self.kino).arg("stop").env("KINO_HOME", &self.home).stdout(Stdio::null()).status()?;
        ensure!(status.success(), "kino stop failed");
        self.child.wait()?;
        Ok(())
    }
}

/// No engine outlives the measurement, also not one that failed.
impl Drop for RunningEngine {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _killed = self.child.kill().is_ok() && self.child.wait().is_ok();
        }
    }
}

/// Processor time, user and system, that a process has taken so far; `self` is this one.
pub(crate) fn processor_time(process: &str) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let after_name = stat.rsplit_once(')').context("a process has a name")?.1;
    let fields: Vec<u64> = after_name.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
    let ticks = fields.get(11).zip(fields.get(12)).map(|(user, system)| user + system).context("stat is short")?;
    Ok(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
}

fn read_engine_file(home: &Path, pid: u32) -> Option<EngineFile> {
    let text = fs::read(home.join("engine.json")).ok()?;
    serde_json::from_slice::<EngineFile>(&text).ok().filter(|file| file.pid == pid)
}

/// From the start of the process until every listener is open and the log replayed.
pub(crate) fn start_up(programs: &Programs, home: &Path, state: &str) -> anyhow::Result<Vec<Figure>> {
    let mut samples = Samples::default();
    for _ in 0..5 {
        samples.time(|| RunningEngine::start(programs, home))?.stop()?;
    }
    let median = samples.quantile(0.5);
    let what = format!("starting the engine, {state}");
    Ok(vec![Figure::with_goal(what, "≤ 300 ms", millis(median), median <= Duration::from_millis(300))])
}

/// Sends the spans and says what that took.
pub(crate) fn load(
    running: &mut RunningEngine,
    programs: &Programs,
    arguments: &Arguments,
    temporary: &Path,
) -> anyhow::Result<Vec<Figure>> {
    let cpu_before = running.cpu_time()?;
    let output = Command::new(programs.folder.join("load"))
        .args(["--to", &running.file.otlp_http, "--spans", &arguments.spans.to_string()])
        .args(["--start", &running.file.started_unix_nanos.to_string()])
        .arg("--ids")
        .arg(temporary.join("ids"))
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "the load did not arrive");
    let sent: Json = serde_json::from_slice(&output.stdout)?;
    let cpu = running.cpu_time()?.saturating_sub(cpu_before);
    let mut observer = Threads::default();
    observer.look(running.pid())?;
    let spans = sent["spans"].as_f64().context("a number of spans")?;
    let seconds = sent["seconds"].as_f64().context("a duration")?;
    let cpu_nanos = cpu.as_nanos() as f64 / spans;
    let observer_nanos = observer.time().as_nanos() as f64 / spans;
    let peak = running.memory("VmHWM")?;
    let bytes_per_span = sent["bytes"].as_f64().context("bytes")? / spans;
    let rate = spans / seconds;
    Ok(vec![
        Figure::with_goal(
            "sustained ingest over OTLP/HTTP, flush and compaction included, sender on the same two cores",
            "500,000 spans/s",
            format!(
                "{} spans/s for {seconds:.0} s ({} spans of {bytes_per_span:.0} B, {} refusals)",
                thousands(rate as u64),
                thousands(spans as u64),
                sent["refusals"]
            ),
            rate >= 500_000.0,
        ),
        Figure::with_goal(
            "ingest, engine's processor time a span, everything included",
            "≤ 1,000 ns to acknowledged",
            format!(
                "{cpu_nanos:.0} ns ({} spans/s a core), of it {observer_nanos:.0} ns to watch for findings",
                thousands((1e9 / cpu_nanos) as u64)
            ),
            cpu_nanos <= 1_000.0,
        ),
        Figure::plain("engine's memory while loading, at most", format!("{} MB", peak / 1_000_000)),
    ])
}

/// Writes hot rows out and waits until nothing moves any more.
pub(crate) fn settle(running: &RunningEngine) -> anyhow::Result<Vec<Figure>> {
    let started = now();
    running.ask(&LakeFilesQuestion { flush: true })?;
    let mut last = (0, 0, 0);
    let mut quiet = 0;
    while quiet < 5 && started.elapsed() < Duration::from_mins(5) {
        let status = running.ask(&StatusQuestion {})?;
        let seen = (status.lake_files, status.lake_bytes, Watched::of(&running.file)?.spans);
        quiet = if seen == last { quiet + 1 } else { 0 };
        last = seen;
        thread::sleep(Duration::from_secs(1));
    }
    let took = DurationNanos(started.elapsed().as_nanos() as i64);
    Ok(vec![Figure::plain("writing out, compacting and looking for findings after the load", took.to_string())])
}

/// What the engine takes when nothing is asked of it.
pub(crate) fn idle(running: &RunningEngine) -> anyhow::Result<Vec<Figure>> {
    thread::sleep(AT_REST);
    let before = running.cpu_time()?;
    thread::sleep(IDLE);
    let cpu = running.cpu_time()?.saturating_sub(before);
    let resident = running.memory("VmRSS")? / 1_000_000;
    Ok(vec![
        Figure::with_goal(
            "idle engine, a minute after all this, resident",
            "≤ 60 MB",
            format!("{resident} MB"),
            resident <= 60,
        ),
        Figure::with_goal(
            "idle engine, processor time",
            "not measurable",
            format!("{} in {} s", millis(cpu), IDLE.as_secs()),
            cpu <= Duration::from_millis(20),
        ),
    ])
}
