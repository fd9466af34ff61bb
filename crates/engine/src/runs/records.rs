//! What is stored of runs: a record of each, and the locations of its operations.

use std::collections::BTreeSet;

use kino_model::{BlobHash, RunId, SpanId, TraceId};
use kino_store::Store;
use kino_wire::Problem;
use kino_wire::ask::{Target, TargetKind};
use kino_wire::insights::FindingChange;
use kino_wire::run::{CodeState, RunLines, RunSent, RunVerification};
use serde::{Deserialize, Serialize};

use super::history::Location;
use super::recorder::Process;
use crate::documents::Documents;
use crate::resolve::{self, MATCHES_MAX, Prefix, repeated, too_short};

/// The kind under which the store keeps runs.
const RECORD_KIND: &str = "run";
/// The kind under which it keeps where the operations of a run lay.
const LOCATIONS_KIND: &str = "run_locations";
/// The newest runs, which are read for a list, a label or a prefix.
pub(super) const RUNS_MAX: usize = 10_000;
/// More ids than these are compared with all runs at once, rather than looked up one by one.
const LOOKED_UP_MAX: usize = 100;
/// As many as this are read beyond [`RUNS_MAX`] at a time when old ones are removed.
const PRUNED_AT_ONCE: usize = 1_000;

/// What the store keeps of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunRecord {
    pub(crate) run_id: RunId,
    pub(crate) trace_id: TraceId,
    pub(super) span_id: SpanId,
    pub(super) parent_span_id: Option<SpanId>,
    pub(crate) label: Option<String>,
    /// The tool call of an assistant that started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) call: Option<String>,
    pub(crate) command: Vec<String>,
    pub(super) directory: String,
    pub(crate) code: CodeState,
    pub(crate) start_unix_nanos: i64,
    /// The process that reports its end; `None` where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) recorder: Option<Process>,
    pub(crate) end_unix_nanos: Option<i64>,
    pub(super) exit_code: Option<i32>,
    pub(super) signal: Option<i32>,
    pub(crate) stdout_blob: Option<BlobHash>,
    pub(crate) stderr_blob: Option<BlobHash>,
    pub(super) diff_blob: Option<BlobHash>,
    pub(super) cut_bytes: u64,
    /// Processor time of its command and the command's children.
    #[serde(default)]
    pub(super) cpu_nanos: Option<i64>,
    /// The share of the machine's cores that other programs used meanwhile.
    #[serde(default)]
    pub(super) others_cpu: Option<f64>,
    #[serde(default)]
    pub(super) peak_memory_bytes: Option<u64>,
    /// What became of findings by it.
    #[serde(default)]
    pub(crate) findings_changed: Vec<FindingChange>,
    /// The verification that executed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) verification: Option<RunVerification>,
    /// How much it sent; `None` until its end has been summarised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sent: Option<RunSent>,
    /// Which changed lines it executed; `None` where that was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lines: Option<RunLines>,
}

impl RunRecord {
    /// Whether its command has come to an end.
    pub(crate) fn has_ended(&self) -> bool {
        self.end_unix_nanos.is_some()
    }

    /// Whether the process that recorded it is gone without a report of its end. Asks the system.
    pub(crate) fn is_lost(&self) -> bool {
        !self.has_ended() && self.recorder.as_ref().is_some_and(Process::is_gone)
    }

    /// Whether its command ended otherwise than well.
    pub(crate) fn failed(&self) -> bool {
        self.signal.is_some() || self.exit_code != Some(0)
    }

    /// Whether a question about this project is about the run; one of unknown project always counts.
    pub(crate) fn is_of(&self, project: Option<&str>) -> bool {
        project.is_none() || self.code.project.is_none() || self.code.project.as_deref() == project
    }
}

/// The records of runs. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct RunRecords {
    runs: Documents<RunRecord>,
    pub(crate) locations: Documents<Vec<Location>>,
}

impl RunRecords {
    pub(crate) fn new(store: &Store) -> Self {
        Self { runs: Documents::new(store, RECORD_KIND), locations: Documents::new(store, LOCATIONS_KIND) }
    }

    /// Returns the whole id for a unique prefix of a recorded run's; any other text as it is, since spans may name runs
    /// that `kino run` did not record.
    pub(crate) async fn id_of(&self, text: &str) -> Result<String, Problem> {
        if text.is_empty() {
            return Err(Problem::invalid("a run's id is empty"));
        }
        let Some(prefix) = Prefix::of(text, RunId::LEN) else { return Ok(text.to_owned()) };
        let mut found = self.beginning(&prefix).await?;
        match found.len() {
            0 => Ok(text.to_owned()),
            1 => Ok(found.remove(0).id),
            _ => Err(resolve::several(text, found)),
        }
    }

    /// Returns the runs whose id begins so, at most [`MATCHES_MAX`].
    pub(crate) async fn beginning(&self, prefix: &Prefix) -> Result<Vec<Target>, Problem> {
        let target = |run: RunRecord| Target {
            kind: TargetKind::Run,
            id: run.run_id.to_string(),
            name: run.command.join(" "),
            time_unix_nanos: Some(run.start_unix_nanos),
        };
        Ok(self.runs.beginning(prefix, MATCHES_MAX).await?.into_iter().map(target).collect())
    }

    /// Which of these ids name runs that `kino run` recorded.
    pub(crate) async fn recorded<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Result<BTreeSet<RunId>, Problem> {
        Ok(self.of(ids).await?.into_iter().map(|run| run.run_id).collect())
    }

    /// The records of those of these ids that name runs which `kino run` recorded.
    pub(crate) async fn of<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Result<Vec<RunRecord>, Problem> {
        let ids: BTreeSet<RunId> = ids.filter_map(|id| id.parse().ok()).collect();
        if ids.len() > LOOKED_UP_MAX {
            let mut known = self.all().await?;
            known.retain(|run| ids.contains(&run.run_id));
            return Ok(known);
        }
        let mut recorded = Vec::new();
        for id in ids {
            recorded.extend(self.get(&id.to_string()).await?);
        }
        Ok(recorded)
    }

    /// All runs, the newest first.
    pub(crate) async fn all(&self) -> Result<Vec<RunRecord>, Problem> {
        let mut runs = self.runs.newest(RUNS_MAX).await?;
        runs.sort_by_key(|run| std::cmp::Reverse(run.start_unix_nanos));
        Ok(runs)
    }

    /// Says that there is no such run.
    pub(crate) fn none_called(id: &str) -> Problem {
        let hint = too_short(id).map(|hint| format!(" ({hint})")).unwrap_or_default();
        Problem::not_found(format!("there is no run {:?}{hint}; `runs` lists what there is", repeated(id)), Vec::new())
    }

    /// Removes a run, and where its operations lay; returns whether it was there.
    pub(crate) async fn remove(&self, id: &str) -> Result<bool, Problem> {
        self.locations.remove(id).await?;
        self.runs.remove(id).await
    }

    /// Removes all runs, and where their operations lay.
    pub(crate) async fn clear(&self) -> Result<(), Problem> {
        self.locations.clear().await?;
        self.runs.clear().await
    }

    /// Removes the oldest of more runs than are looked through, those with a label excepted. Where that fails it is
    /// tried again at the next occasion.
    pub(crate) async fn prune(&self) {
        if self.runs.is_read_only() {
            return;
        }
        if let Err(problem) = self.prune_once().await {
            tracing::warn!(%problem, "failed to remove old runs; they stay until it succeeds");
        }
    }

    async fn prune_once(&self) -> Result<(), Problem> {
        let runs = self.runs.newest_json(RUNS_MAX + PRUNED_AT_ONCE).await?;
        let is_labelled = |json: &serde_json::Value| json.get("label").is_some_and(|label| !label.is_null());
        for (id, _) in runs.into_iter().skip(RUNS_MAX).filter(|(_, json)| !is_labelled(json)) {
            self.remove(&id).await?;
        }
        Ok(())
    }

    /// Returns the run with this id.
    pub(crate) async fn get(&self, id: &str) -> Result<Option<RunRecord>, Problem> {
        self.runs.get(id).await
    }

    /// Changes the record of a run, where there is one. Another change of it at the same time may be lost.
    pub(crate) async fn change(&self, id: RunId, change: impl FnOnce(&mut RunRecord)) -> Result<(), Problem> {
        if let Some(mut record) = self.get(&id.to_string()).await? {
            change(&mut record);
            self.put(&record).await?;
        }
        Ok(())
    }

    /// Keeps a run.
    pub(crate) async fn put(&self, run: &RunRecord) -> Result<(), Problem> {
        self.runs.put(&run.run_id.to_string(), run).await
    }
}
