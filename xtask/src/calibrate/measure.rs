//! One run: executed under `kino run`, and reduced to a few numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde_json::Value;

use super::programs::Program;
use crate::system;

/// A process with fewer executions of an operation has no first of several: `kino compare` has the same bound.
const SEVERAL: usize = 3;

/// What a run took.
#[derive(Debug, PartialEq)]
pub(super) struct RunTimes {
    pub(super) start_unix_nanos: u64,
    /// The command's time as `kino run` recorded it.
    pub(super) wall_nanos: u64,
    /// User and system time of the command and of `kino run` around it; the engine's is not in it.
    pub(super) cpu_nanos: u64,
    /// The share of the machine's cores that other programs used meanwhile, where the run is long enough to measure it.
    pub(super) others_cpu: Option<f64>,
    /// Executions of root operations, the first ones included.
    pub(super) roots_count: usize,
    /// Their durations, added up.
    pub(super) roots_nanos: u64,
    /// By name.
    pub(super) operations: Vec<OperationTimes>,
}

/// A root operation within a run.
#[derive(Debug, PartialEq)]
pub(super) struct OperationTimes {
    pub(super) name: String,
    /// Executions that the median is taken of.
    pub(super) executions: usize,
    pub(super) median_nanos: u64,
}

/// Where runs are executed and recorded: a temporary folder and the engine that `kino` starts for it.
#[derive(Debug)]
pub(super) struct RunFolder {
    kino: PathBuf,
    folder: PathBuf,
}

impl RunFolder {
    /// Makes the folder and starts the engine.
    ///
    /// # Errors
    ///
    /// Where either fails.
    pub(super) fn new(kino: &Path) -> anyhow::Result<Self> {
        let kino = kino.canonicalize().with_context(|| format!("there is no {}", kino.display()))?;
        let folder = std::env::temp_dir().join(format!("kino-calibrate-{}", std::process::id()));
        let place = Self { kino, folder };
        std::fs::create_dir_all(place.work()).context("failed to make a folder to work in")?;
        // Any question starts an engine.
        let question = place.kino(&["find", "--all"]).output().context("failed to start kino")?;
        if !question.status.success() {
            bail!("the engine did not start:\n{}", String::from_utf8_lossy(&question.stderr));
        }
        Ok(place)
    }

    /// The folder in which programs run.
    pub(super) fn work(&self) -> PathBuf {
        self.folder.join("work")
    }

    /// The version of the binary.
    ///
    /// # Errors
    ///
    /// Where it cannot be started.
    pub(super) fn version(&self) -> anyhow::Result<String> {
        let output = self.kino(&["--version"]).output().context("failed to start kino")?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(text.trim_start_matches("kino ").to_owned())
    }

    fn kino(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.kino);
        command.args(arguments).current_dir(self.work()).stdin(Stdio::null());
        command.env("KINO_HOME", self.folder.join("home")).env_remove("TRACEPARENT");
        command
    }

    /// Executes the program once.
    ///
    /// # Errors
    ///
    /// Where it fails or is not recorded.
    pub(super) fn run(&self, program: &Program, extra: f64) -> anyhow::Result<RunTimes> {
        let mut command = self.kino(&["run", "--json", "--"]);
        command.args(&program.command).envs(program.environment.iter().cloned());
        command.env("CALIBRATION_EXTRA", extra.to_string());
        let before = system::children_cpu()?;
        let output = command.output().context("failed to start kino run")?;
        let cpu = system::children_cpu()?.saturating_sub(before);
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            bail!("{} ended with {}:\n{said}", program.name, output.status);
        }
        let record = said.lines().last().unwrap_or_default();
        let record: Value =
            serde_json::from_str(record).with_context(|| format!("kino run gave no record:\n{said}"))?;
        let run_id = record["run_id"].as_str().context("a record without an id")?;
        let export =
            self.kino(&["export", "--all", "--run", run_id]).output().context("failed to start kino export")?;
        if !export.status.success() {
            bail!("the run cannot be exported:\n{}", String::from_utf8_lossy(&export.stderr));
        }
        let run = reduce(&record, cpu.as_nanos() as u64, &String::from_utf8_lossy(&export.stdout))?;
        if run.operations.len() != program.operations {
            bail!(
                "{} has {} root operations where {} are expected",
                program.name,
                run.operations.len(),
                program.operations
            );
        }
        Ok(run)
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // An engine that is gone already, or a folder, is what is wanted.
        drop(self.kino(&["stop"]).output());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

#[derive(Debug)]
struct Span {
    process: String,
    id: String,
    parent: String,
    name: String,
    start: u64,
    nanos: u64,
}

fn reduce(record: &Value, cpu_nanos: u64, export: &str) -> anyhow::Result<RunTimes> {
    let number = |key: &str| record[key].as_u64().with_context(|| format!("a record without {key}"));
    let mut spans = Vec::new();
    let mut runs = BTreeSet::new();
    for line in export.lines().filter(|line| !line.trim().is_empty()) {
        let message: Value = serde_json::from_str(line).context("the export is not JSON lines")?;
        for group in message["resourceSpans"].as_array().into_iter().flatten() {
            read_group(group, &mut spans, &mut runs)?;
        }
    }
    let roots = spans.iter().filter(|span| span.parent.is_empty() || runs.contains(&span.parent));
    let mut by_process: BTreeMap<(&str, &str), Vec<&Span>> = BTreeMap::new();
    let (mut roots_count, mut roots_nanos) = (0, 0);
    for span in roots.filter(|span| !runs.contains(&span.id)) {
        roots_count += 1;
        roots_nanos += span.nanos;
        by_process.entry((&span.name, &span.process)).or_default().push(span);
    }
    let mut counted: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for ((name, _), mut executions) in by_process {
        executions.sort_by_key(|span| span.start);
        let cold = usize::from(executions.len() >= SEVERAL);
        counted.entry(name).or_default().extend(executions[cold..].iter().map(|span| span.nanos));
    }
    let operations = counted.into_iter().map(|(name, mut nanos)| OperationTimes {
        name: name.to_owned(),
        executions: nanos.len(),
        median_nanos: median(&mut nanos),
    });
    Ok(RunTimes {
        start_unix_nanos: number("start_unix_nanos")?,
        wall_nanos: number("duration_nanos")?,
        cpu_nanos,
        others_cpu: record["others_cpu"].as_f64(),
        roots_count,
        roots_nanos,
        operations: operations.collect(),
    })
}

/// Adds a resource's spans; those of `kino run` itself are noted in `runs` by their ids.
fn read_group(group: &Value, spans: &mut Vec<Span>, runs: &mut BTreeSet<String>) -> anyhow::Result<()> {
    let attribute = |key: &str| {
        let found = group["resource"]["attributes"].as_array()?.iter().find(|attribute| attribute["key"] == key)?;
        let value = &found["value"];
        value["stringValue"].as_str().or(value["intValue"].as_str()).map(str::to_owned)
    };
    let process = attribute("service.instance.id").or_else(|| attribute("process.pid")).unwrap_or_default();
    let is_run = attribute("service.name").as_deref() == Some("kino");
    let scopes = group["scopeSpans"].as_array().into_iter().flatten();
    for span in scopes.flat_map(|scope| scope["spans"].as_array().into_iter().flatten()) {
        let text = |key: &str| span[key].as_str().unwrap_or_default().to_owned();
        let time = |key: &str| text(key).parse::<u64>().with_context(|| format!("a span without {key}"));
        let (start, end) = (time("startTimeUnixNano")?, time("endTimeUnixNano")?);
        if is_run {
            runs.insert(text("spanId"));
        }
        spans.push(Span {
            process: process.clone(),
            id: text("spanId"),
            parent: text("parentSpanId"),
            name: text("name"),
            start,
            nanos: end.saturating_sub(start),
        });
    }
    Ok(())
}

/// Of an even number, the mean of the two in the middle; of none, zero.
fn median(nanos: &mut [u64]) -> u64 {
    nanos.sort_unstable();
    let middle = nanos.len() / 2;
    match nanos {
        [] => 0,
        _ if nanos.len() % 2 == 1 => nanos[middle],
        _ => u64::midpoint(nanos[middle - 1], nanos[middle]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn span(id: &str, parent: &str, name: &str, times: [u64; 2]) -> Value {
        let [start, end] = times.map(|time| time.to_string());
        json!({ "spanId": id, "parentSpanId": parent, "name": name, "startTimeUnixNano": start, "endTimeUnixNano": end })
    }

    fn group(service: &str, spans: &[Value]) -> Value {
        let attributes = json!([{ "key": "service.name", "value": { "stringValue": service } }]);
        json!({ "resourceSpans": [{ "resource": { "attributes": attributes }, "scopeSpans": [{ "spans": spans }] }] })
    }

    #[test]
    fn the_first_of_several_and_inner_spans_are_left_out_of_the_median() {
        let record = json!({ "start_unix_nanos": 5, "duration_nanos": 100, "others_cpu": 0.25 });
        let run = group("kino", &[span("run", "", "python", [0, 100])]);
        let mut spans = vec![span("b", "run", "several", [30, 34]), span("a", "run", "several", [10, 29])];
        spans.push(span("inner", "a", "inner", [11, 12]));
        spans.push(span("c", "run", "several", [40, 46]));
        spans.push(span("d", "run", "once", [50, 57]));
        let export = format!("{run}\n{}\n", group("p", &spans));
        let found = reduce(&record, 9, &export).unwrap();
        let operation =
            |name: &str, executions, median_nanos| OperationTimes { name: name.to_owned(), executions, median_nanos };
        let expected = RunTimes {
            start_unix_nanos: 5,
            wall_nanos: 100,
            cpu_nanos: 9,
            others_cpu: Some(0.25),
            roots_count: 4,
            roots_nanos: 36,
            operations: vec![operation("once", 1, 7), operation("several", 2, 5)],
        };
        assert_eq!(found, expected);
    }
}
