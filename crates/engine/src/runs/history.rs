//! What earlier runs of a command say about noise: the locations of their operations, stored beside each run's record.
//!
//! Runs count as alike where they had the same command, project and state of the code; a state that is not known is
//! like no other. The engine's home is one machine's, and so is its history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kino_analyze::compare::located;
use kino_analyze::execution::Execution;
use kino_analyze::noise::{History, Located, Timed, Total};
use kino_model::{RunId, Trace, names};
use kino_wire::Problem;
use serde::{Deserialize, Serialize};

use super::{RunRecord, RunRecords};

/// Operations of a run whose locations are stored.
const LOCATIONS_MAX: usize = 200;
/// The newest runs of the command, which are read.
const RUNS_MAX: usize = 500;

/// Where an operation, or a total, of one run lay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Location {
    /// The service and name; of a total its name alone.
    of: Vec<String>,
    start_unix_nanos: i64,
    /// The median of the logarithms of its durations in nanoseconds.
    log_nanos: f64,
}

/// Where the operations and totals of a run lay.
pub(crate) fn locations(executions: &[Execution<'_, '_>], run_id: RunId) -> Vec<Location> {
    let run_id = run_id.to_string();
    let of_run = located(executions).into_iter().filter(|(_, run, _)| *run == run_id);
    let location = |(timed, _, located): (Timed, String, Located)| Location {
        of: match timed {
            Timed::Operation(service, name) => vec![service, name],
            Timed::Total(total) => vec![total.name().to_owned()],
        },
        start_unix_nanos: located.start,
        log_nanos: located.location,
    };
    of_run.map(location).take(LOCATIONS_MAX).collect()
}

impl Location {
    fn timed(&self) -> Option<Timed> {
        match &self.of[..] {
            [total] => Total::from_name(total).map(Timed::Total),
            [service, name] => Some(Timed::Operation(service.clone(), name.clone())),
            _ => None,
        }
    }
}

impl RunRecords {
    /// What is known of the noise of the command that these traces are of; nothing where there are several, or none.
    pub(crate) async fn history_of<'a>(
        &self,
        traces: impl Iterator<Item = &'a Arc<Trace>>,
    ) -> Result<History, Problem> {
        let spans = traces.filter_map(|trace| trace.spans.first());
        let ids = spans.filter_map(|span| span.resource.text(names::RUN_ID)?.parse().ok());
        let runs: BTreeSet<RunId> = ids.collect();
        if runs.is_empty() {
            return Ok(History::default());
        }
        let records = self.all().await?;
        let own = || records.iter().filter(|record| runs.contains(&record.run_id));
        let mut commands: Vec<_> = own().map(|record| (&record.command, &record.code.project)).collect();
        commands.sort_unstable();
        commands.dedup();
        let [(command, project)] = commands[..] else { return Ok(History::default()) };
        let is_alike = |record: &&RunRecord| &record.command == command && &record.code.project == project;
        let others = records.iter().filter(is_alike).filter(|record| !runs.contains(&record.run_id));
        self.learn(others).await
    }

    /// What is known of a command's noise by runs other than these.
    pub(crate) async fn history(
        &self,
        command: &[String],
        project: Option<&str>,
        others_than: &BTreeSet<RunId>,
    ) -> Result<History, Problem> {
        let records = self.all().await?;
        let is_alike = |record: &&RunRecord| {
            record.command == command
                && record.code.project.as_deref() == project
                && !others_than.contains(&record.run_id)
        };
        self.learn(records.iter().filter(is_alike)).await
    }

    async fn learn<'r>(&self, records: impl Iterator<Item = &'r RunRecord>) -> Result<History, Problem> {
        let mut by_state: BTreeMap<&str, BTreeMap<Timed, Vec<Located>>> = BTreeMap::new();
        for record in records.filter(|record| record.has_ended() && !record.failed()).take(RUNS_MAX) {
            let Some(state) = record.code.code_state.as_deref() else { continue };
            let Some(known) = self.locations.get(&record.run_id.to_string()).await? else { continue };
            let of_state = by_state.entry(state).or_default();
            for location in known {
                if let Some(timed) = location.timed() {
                    let located = Located::new(location.start_unix_nanos, location.log_nanos);
                    of_state.entry(timed).or_default().push(located);
                }
            }
        }
        let mut history = History::default();
        for (timed, runs) in by_state.into_values().flatten() {
            history.learn(timed, &runs);
        }
        Ok(history)
    }

    /// Keeps where the operations of a run lay.
    pub(crate) async fn put_locations(&self, run_id: RunId, locations: &[Location]) -> Result<(), Problem> {
        if locations.is_empty() { Ok(()) } else { self.locations.put(&run_id.to_string(), &locations.to_vec()).await }
    }
}
