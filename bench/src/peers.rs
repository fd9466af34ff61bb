//! Peers in the same run: DuckDB and kino-sql over the same files, and an OTLP receiver that only decodes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use kino_wire::admin::LakeFilesQuestion;
use serde_json::Value as Json;

use crate::engine::{Programs, RunningEngine};
use crate::figures::{Figure, Samples, thousands};

const DUCKDB: &str = include_str!("duckdb_peer.py");
/// Enough for a steady rate; decoding keeps nothing, so that more shows nothing new.
const PROST_SPANS_MAX: u64 = 5_000_000;

/// The questions as SQL: a name, DuckDB's text, kino-sql's text.
const QUERIES: [(&str, &str); 3] = [
    (
        "percentiles per operation over everything",
        "SELECT service_name, name, count(*), approx_percentile(duration_nanos) FROM spans GROUP BY service_name, name",
    ),
    (
        "the latest 20 slow roots of a service",
        "SELECT trace_id, root_name, duration_nanos FROM traces WHERE root_service = 'frontend' \
         AND duration_nanos > 1000000000 ORDER BY start_unix_nanos DESC LIMIT 20",
    ),
    ("a map attribute over everything", "SELECT count(*) FROM spans WHERE attributes['client.address'] = '10.8.1.1'"),
];

/// `kino sql` over the engine's files and rows.
pub(crate) fn kino_sql(running: &RunningEngine, programs: &Programs) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (what, sql) in QUERIES {
        let sql = sql.replace("approx_percentile(duration_nanos)", "approx_percentile_cont(duration_nanos, 0.95)");
        let mut samples = Samples::default();
        for _ in 0..3 {
            let mut query = Command::new(&running.kino);
            query.args(["sql", "--json", &sql]).env("KINO_HOME", &running.home).stdout(Stdio::null());
            query.env("PATH", format!("{}:/usr/bin:/bin", programs.folder.display()));
            let status = samples.time(|| query.status())?;
            ensure!(status.success(), "kino sql failed on {sql}");
        }
        figures.push(Figure::plain(format!("`kino sql`, process included: {what}"), samples.summary()));
    }
    Ok(figures)
}

/// DuckDB, from PyPI, over the engine's files.
pub(crate) fn duckdb(running: &RunningEngine, temporary: &Path) -> anyhow::Result<Vec<Figure>> {
    let environment = temporary.join("venv");
    let made = Command::new("python3").args(["-m", "venv"]).arg(&environment).status()?;
    ensure!(made.success(), "failed to make a Python environment for DuckDB");
    let python = environment.join("bin/python");
    let installed = Command::new(&python).args(["-m", "pip", "install", "--quiet", "duckdb"]).status()?;
    ensure!(installed.success(), "failed to install duckdb from PyPI");
    let files = running.ask(&LakeFilesQuestion::default())?;
    let (files_path, script) = (temporary.join("files.json"), temporary.join("duckdb_peer.py"));
    fs::write(&files_path, serde_json::to_vec(&files)?)?;
    fs::write(&script, DUCKDB)?;
    let output = Command::new(&python).arg(&script).arg(&files_path).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "the queries in DuckDB failed");
    let lines = String::from_utf8(output.stdout)?;
    lines
        .lines()
        .map(|line| {
            let (what, measured) = line.split_once('\t').context("name and figure")?;
            Ok(Figure::plain(format!("DuckDB on the same files: {what}"), measured))
        })
        .collect()
}

/// The receiver on `tonic` and `prost` that decodes and keeps nothing, fed over gRPC.
pub(crate) fn prost_receiver(programs: &Programs, spans: u64) -> anyhow::Result<Vec<Figure>> {
    let mut peer = Command::new(programs.folder.join("prost-receiver")).stdout(Stdio::piped()).spawn()?;
    let mut address = String::new();
    BufReader::new(peer.stdout.take().context("a pipe")?).read_line(&mut address)?;
    let output = Command::new(programs.folder.join("load"))
        .args(["--protocol", "grpc", "--to", address.trim(), "--start", "1700000000000000000"])
        .args(["--spans", &spans.min(PROST_SPANS_MAX).to_string()])
        .output();
    peer.kill()?;
    peer.wait()?;
    let output = output?;
    ensure!(output.status.success(), "the load did not reach the receiver on prost");
    let sent: Json = serde_json::from_slice(&output.stdout)?;
    let rate = sent["spans_per_second"].as_f64().context("a rate")?;
    let what = "peer: a receiver on tonic + prost that decodes and keeps nothing, over gRPC, same sender";
    Ok(vec![Figure::plain(what, format!("{} spans/s", thousands(rate as u64)))])
}
