//! The file that a recording writes: one line for each run and operation, in the order of time.
//!
//! ```text
//!  # occasion=a; condition=bursts; extra_percent=0; cores=2; cpu=…; kernel=…; kino=0.1.0; first_run_unix_ms=…
//!  start_ms,program,operation,executions,micros
//!  0,archive,*wall,1,412345               the run, from its record
//!  0,archive,*cpu,1,398000                user and system time of `kino run` and all below it
//!  0,archive,*others,1,20125              millionths of the machine's cores that other programs used meanwhile
//!  0,archive,*roots,40,301234             the sum over all executions of root operations
//!  0,archive,archive.pack,19,7512         the median of them, without the first of several in a process
//! ```
//!
//! `start_ms` counts from the occasion's first run. A run's lines are written at once, so that a recording that was
//! interrupted ends with a whole run and can be continued.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::measure::RunTimes;

const COLUMNS: &str = "start_ms,program,operation,executions,micros";
const FIRST_RUN: &str = "; first_run_unix_ms=";

/// An open file, and how far it has got.
#[derive(Debug)]
pub(super) struct Recording {
    path: PathBuf,
    file: File,
    /// Which recording this is, and on which machine.
    about: String,
    first_run_unix_millis: Option<u64>,
    runs: BTreeMap<String, usize>,
}

impl Recording {
    /// Opens the file at its end, or makes it.
    ///
    /// # Errors
    ///
    /// Where the file is of another recording or machine, or cannot be written.
    pub(super) fn open(path: PathBuf, about: String) -> anyhow::Result<Self> {
        let before = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            read => read.with_context(|| format!("failed to read {}", path.display()))?,
        };
        let mut first_run_unix_millis = None;
        let mut runs = BTreeMap::new();
        if let Some(header) = before.lines().next() {
            let (recorded, first) = header.trim_start_matches("# ").split_once(FIRST_RUN).unwrap_or((header, ""));
            if recorded != about {
                bail!("{} was recorded otherwise, choose another occasion:\n  {recorded}\n  {about}", path.display());
            }
            first_run_unix_millis = Some(first.parse().context("the first line has no time of the first run")?);
        }
        for line in before.lines().skip(2) {
            let mut fields = line.split(',').skip(1);
            if let (Some(program), Some("*wall")) = (fields.next(), fields.next()) {
                *runs.entry(program.to_owned()).or_default() += 1;
            }
        }
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.with_context(|| format!("failed to open {}", path.display()))?;
        Ok(Self { path, file, about, first_run_unix_millis, runs })
    }

    /// Returns the number of runs of the program in the file.
    pub(super) fn runs(&self, program: &str) -> usize {
        self.runs.get(program).copied().unwrap_or_default()
    }

    /// Returns the place of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends the lines of a run.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub(super) fn add(&mut self, program: &str, run: &RunTimes) -> anyhow::Result<()> {
        let start = run.start_unix_nanos / 1_000_000;
        let mut text = String::new();
        let first = *self.first_run_unix_millis.get_or_insert_with(|| {
            text = format!("# {}{FIRST_RUN}{start}\n{COLUMNS}\n", self.about);
            start
        });
        text.push_str(&lines(program, start.saturating_sub(first), run)?);
        self.file.write_all(text.as_bytes()).with_context(|| format!("failed to write {}", self.path.display()))?;
        *self.runs.entry(program.to_owned()).or_default() += 1;
        Ok(())
    }
}

fn lines(program: &str, start_millis: u64, run: &RunTimes) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let mut line = |operation: &str, executions: usize, nanos: u64| {
        let micros = (nanos + 500) / 1_000;
        writeln!(text, "{start_millis},{program},{operation},{executions},{micros}")
    };
    line("*wall", 1, run.wall_nanos)?;
    line("*cpu", 1, run.cpu_nanos)?;
    if let Some(others) = run.others_cpu {
        line("*others", 1, (others * 1e9) as u64)?;
    }
    if run.roots_count > 0 {
        line("*roots", run.roots_count, run.roots_nanos)?;
    }
    for operation in &run.operations {
        line(&operation.name.replace([',', '\n'], " "), operation.executions, operation.median_nanos)?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::measure::OperationTimes;
    use super::*;

    #[test]
    fn a_run_is_a_line_for_each_operation() {
        let operations = vec![OperationTimes { name: "a, b".to_owned(), executions: 4, median_nanos: 2_500 }];
        let run = RunTimes {
            start_unix_nanos: 0,
            wall_nanos: 1_499,
            cpu_nanos: 500,
            others_cpu: Some(0.25),
            roots_count: 5,
            roots_nanos: 9_000,
            operations,
        };
        let expected = "7,p,*wall,1,1\n7,p,*cpu,1,1\n7,p,*others,1,250000\n7,p,*roots,5,9\n7,p,a  b,4,3\n";
        assert_eq!(lines("p", 7, &run).unwrap(), expected);
    }
}
