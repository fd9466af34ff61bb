//! Verifications: a command executed before and after a change, compared and judged. Their records are stored for a
//! while, so that a client may disconnect and ask again.
//!
//! ```text
//!  verify_start ─► record (running) ◄─ verify_progress, again and again
//!                     └─ verify_finish ─► both sides' runs ─► analyze::verify ─► record (done, with its verdict)
//! ```

mod records;
mod verdict;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kino_analyze::compare::{Design, LEVEL, LOOKS_SHARE};
use kino_analyze::execution::{EntrySpans, executions};
use kino_analyze::tree::trees;
use kino_analyze::verify as analyze;
use kino_model::RunId;
use kino_text::figures;
use kino_wire::Problem;
use kino_wire::ask::{Done, Scope};
use kino_wire::compare::Sides;
use kino_wire::run::{RunVerification, Side};
use kino_wire::verify::{
    Verify, VerifyBase, VerifyEnd, VerifyFinish, VerifyLeftOut, VerifyLook, VerifyLooked, VerifyProgress,
    VerifyQuestion, VerifyRuns, VerifySide, VerifyStart, VerifyState, VerifyVerdict, looks,
};
use serde::{Deserialize, Serialize};

pub(crate) use self::records::VerificationRecords;
use crate::Engine;
use crate::error::OrProblem;
use crate::offload::offload;
use crate::runs::RunRecord as Run;

/// How long a question may wait for the end.
const WAIT_MAX: Duration = Duration::from_mins(2);
/// How often a waiting question looks.
const WAIT_STEP: Duration = Duration::from_millis(100);
/// The most executions a side that may be planned.
const PLANNED_MAX: u64 = 1_000;
/// The largest slowdown that may be tolerated: ten times as slow.
const TOLERATE_MAX: f64 = 9.0;
/// Earlier runs of a command that a change is compared with, the newest.
const PREVIOUS_RUNS_MAX: usize = 200;

/// What the store keeps of a verification.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct VerificationRecord {
    project: Option<String>,
    /// What the base's traces are, where it is not executed.
    selector: Option<String>,
    /// Whether the base is executed too.
    in_turn: bool,
    /// When the executing process last reported.
    heard_unix_nanos: i64,
    warm_up_runs: Vec<RunId>,
    /// How often it was looked whether the verdict is sure.
    #[serde(default)]
    looks: u64,
    /// Whether a look made it sure, so that the rest was not executed.
    #[serde(default)]
    is_sure: bool,
    verify: Verify,
}

/// Whether a verification can begin so.
fn check(start: &VerifyStart) -> Result<(), Problem> {
    if start.command.is_empty() || !(1..=PLANNED_MAX).contains(&start.planned) {
        let message = format!("a verification needs a command, and 1 to {PLANNED_MAX} executions of each side");
        return Err(Problem::invalid(message));
    }
    if !(0.0..=TOLERATE_MAX).contains(&start.tolerate) {
        return Err(Problem::invalid(format!("a tolerated slowdown is a part from 0 to {TOLERATE_MAX}")));
    }
    Ok(())
}

impl Engine {
    pub(crate) async fn verify_start(&self, start: VerifyStart) -> Result<Verify, Problem> {
        check(&start)?;
        let records = self.inner.verifications.all().await?;
        if records.iter().any(|record| record.verify.id == start.id) {
            return Err(Problem::invalid(format!("the verification {} exists already", start.id)));
        }
        let project = start.code.project.clone();
        let is_running =
            |record: &&VerificationRecord| record.verify.state == VerifyState::Running && record.project == project;
        if let Some(running) = records.iter().find(is_running) {
            return Err(Problem::busy(format!(
                "another verification of this project runs, and two at once would disturb each other's timing: wait for {}",
                running.verify.id
            )));
        }
        let command: Vec<String> = start.command.iter().map(|argument| self.inner.redaction.text(argument)).collect();
        let warm_ups: BTreeSet<RunId> = records.iter().flat_map(|record| record.warm_up_runs.iter().copied()).collect();
        let in_turn = matches!(start.base, VerifyBase::Revision { .. });
        let (before, selector) = match start.base {
            VerifyBase::Revision { commit, revision } => {
                let short: String = commit.chars().take(12).collect();
                (VerifySide { what: format!("{revision} ({short})"), ..VerifySide::default() }, None)
            }
            VerifyBase::Selector(selector) => {
                let scope = Scope { project: project.clone(), all: project.is_none() };
                // Whether it names anything is better known before anything is executed.
                self.execution_set(&selector, &scope).await?;
                (VerifySide { what: selector.clone(), ..VerifySide::default() }, Some(selector))
            }
            VerifyBase::Previous => {
                let code_state = start.code.code_state.as_deref();
                let (what, runs) = self.previous(&command, project.as_deref(), code_state, &warm_ups).await?;
                let failed_runs = runs.iter().filter(|run| run.failed()).count() as u64;
                let runs = runs.into_iter().map(|run| run.run_id).collect();
                (VerifySide { what, runs, failed_runs, executions: 0 }, None)
            }
        };
        let verify = Verify {
            schema: Verify::SCHEMA.to_owned(),
            id: start.id,
            state: VerifyState::Running,
            verdict: None,
            reasons: Vec::new(),
            command,
            planned: start.planned,
            tolerate: start.tolerate,
            before,
            after: VerifySide { what: "this directory".to_owned(), ..VerifySide::default() },
            comparison: None,
            structure: Vec::new(),
            new_errors: Vec::new(),
            findings_fixed: Vec::new(),
            findings_opened: Vec::new(),
            left_out: VerifyLeftOut::default(),
            notes: Vec::new(),
            start_unix_nanos: start.start_unix_nanos,
            end_unix_nanos: None,
        };
        let heard_unix_nanos = self.inner.clock.now().0;
        let record = VerificationRecord {
            project,
            selector,
            in_turn,
            heard_unix_nanos,
            warm_up_runs: Vec::new(),
            looks: 0,
            is_sure: false,
            verify,
        };
        self.inner.verifications.put(&record).await?;
        self.inner.verifications.prune().await;
        Ok(record.verify)
    }

    pub(crate) async fn verify_progress(&self, progress: VerifyProgress) -> Result<Done, Problem> {
        let mut record = self.inner.verifications.get(&progress.id.to_string()).await?;
        if record.verify.state != VerifyState::Running {
            return Err(Problem::invalid(format!("the verification {} has ended", record.verify.id)));
        }
        self.take(&mut record, progress).await?;
        self.inner.verifications.put(&record).await?;
        Ok(Done { count: 1 })
    }

    /// Whether the verdict is sure already. What a look decides stays decided: the same runs are judged at the end, at
    /// the same level.
    pub(crate) async fn verify_look(&self, look: VerifyLook) -> Result<VerifyLooked, Problem> {
        let mut record = self.inner.verifications.get(&look.progress.id.to_string()).await?;
        if record.verify.state != VerifyState::Running {
            return Err(Problem::invalid(format!("the verification {} has ended", record.verify.id)));
        }
        self.take(&mut record, look.progress).await?;
        record.looks += 1;
        let (judged, _) = self.judged(&record, record.level_of_look()).await?;
        record.is_sure = judged.verdict != analyze::Verdict::Undecided;
        self.inner.verifications.put(&record).await?;
        Ok(VerifyLooked { verdict: record.is_sure.then(|| verdict::to_wire(judged.verdict)) })
    }

    pub(crate) async fn verify_finish(&self, finish: VerifyFinish) -> Result<Verify, Problem> {
        let mut record = self.inner.verifications.get(&finish.progress.id.to_string()).await?;
        if record.verify.state == VerifyState::Done {
            return Ok(record.verify);
        }
        self.take(&mut record, finish.progress).await?;
        record.verify.end_unix_nanos = Some(finish.end_unix_nanos.max(record.verify.start_unix_nanos));
        record.verify.notes = finish.notes.iter().map(|note| self.inner.redaction.text(note)).collect();
        match &finish.end {
            VerifyEnd::Failed(why) => record.fail("failed", &self.inner.redaction.text(why)),
            VerifyEnd::Whole | VerifyEnd::Interrupted => self.judge(&mut record).await?,
        }
        if finish.end == VerifyEnd::Interrupted {
            record.verify.notes.push("it was interrupted: what had been recorded until then was compared".to_owned());
        }
        self.inner.verifications.put(&record).await?;
        Ok(record.verify)
    }

    pub(crate) async fn verify(&self, question: VerifyQuestion) -> Result<Verify, Problem> {
        let wait = Duration::from_millis(question.wait_millis).min(WAIT_MAX);
        let waited = async {
            loop {
                let record = self.inner.verifications.get(&question.id).await?;
                if record.verify.state != VerifyState::Running {
                    return Ok(record.verify);
                }
                tokio::time::sleep(WAIT_STEP).await;
            }
        };
        match tokio::time::timeout(wait, waited).await {
            Ok(ended) => ended,
            Err(_) => Ok(self.inner.verifications.get(&question.id).await?.verify),
        }
    }

    /// Takes over the progress, and notes in the records of runs that are new in it which verification executed them.
    async fn take(&self, record: &mut VerificationRecord, progress: VerifyProgress) -> Result<(), Problem> {
        let noted: BTreeSet<RunId> = [&record.verify.before.runs, &record.verify.after.runs, &record.warm_up_runs]
            .into_iter()
            .flatten()
            .copied()
            .collect();
        for (side, runs) in [(Side::Before, &progress.before), (Side::After, &progress.after)] {
            let new: Vec<RunId> =
                runs.runs.iter().chain(&runs.warm_up_runs).filter(|run| !noted.contains(run)).copied().collect();
            let verification = RunVerification { id: record.verify.id, side };
            self.note_verification(&verification, &new).await?;
        }
        record.take(progress, self.inner.clock.now().0);
        Ok(())
    }

    /// Compares both sides and puts the verdict down.
    async fn judge(&self, record: &mut VerificationRecord) -> Result<(), Problem> {
        let (judged, traces) = self.judged(record, record.level()).await?;
        let missing = record.missing();
        verdict::fill(&mut record.verify, judged, traces);
        record.verify.left_out.executions_missing = missing;
        record.verify.left_out.warm_up_runs.clone_from(&record.warm_up_runs);
        Ok(())
    }

    /// What both sides say as they are, at this level; and the traces of each that were left out.
    async fn judged(
        &self,
        record: &VerificationRecord,
        level: f64,
    ) -> Result<(analyze::Verification, Sides<u64>), Problem> {
        let before = match &record.selector {
            Some(selector) => {
                let scope = Scope { project: record.project.clone(), all: record.project.is_none() };
                self.execution_set(selector, &scope).await?
            }
            None => self.set_of_runs(&record.verify.before.runs).await?,
        };
        let after = self.set_of_runs(&record.verify.after.runs).await?;
        let sides =
            [&record.verify.before, &record.verify.after].map(|side| (side.runs.len() as u64, side.failed_runs));
        let traces = Sides { before: before.left_out, after: after.left_out };
        let config = Arc::clone(&self.inner.detectors);
        let [before_runs, after_runs] = [&record.verify.before.runs, &record.verify.after.runs];
        let turns: Option<Vec<(String, String)>> =
            record.in_turn.then(|| names_of(before_runs).zip(names_of(after_runs)).collect());
        let own: BTreeSet<RunId> =
            [before_runs, after_runs, &record.warm_up_runs].into_iter().flatten().copied().collect();
        let history = self.inner.runs.history(&record.verify.command, record.project.as_deref(), &own).await?;
        let tolerate = record.verify.tolerate;
        let judged = offload(move || {
            let trees = [&before, &after].map(|set| trees(&set.traces));
            let found = [&trees[0], &trees[1]].map(|trees| executions(trees, EntrySpans::Outermost));
            let side = |index: usize| analyze::Side {
                executions: &found[index],
                runs: sides[index].0,
                failed_runs: sides[index].1,
            };
            let design = Design { in_turn: turns.as_deref(), history: &history, level, ..Design::default() };
            analyze::verify(side(0), side(1), &analyze::Terms { design, tolerate, config: &config })
        });
        Ok((judged.await.or_problem()?, traces))
    }

    /// Earlier runs of the same command: at the newest clean commit that has some, else at the newest other state.
    async fn previous(
        &self,
        command: &[String],
        project: Option<&str>,
        code_state: Option<&str>,
        warm_ups: &BTreeSet<RunId>,
    ) -> Result<(String, Vec<Run>), Problem> {
        let mut runs = self.inner.runs.all().await?;
        runs.retain(|run| run.command == command && run.code.project.as_deref() == project && run.has_ended());
        runs.retain(|run| !warm_ups.contains(&run.run_id));
        let other = |run: &&Run| code_state.is_none() || run.code.code_state.as_deref() != code_state;
        let clean = runs.iter().filter(other).find(|run| run.code.commit.is_some() && !run.code.uncommitted);
        let Some(chosen) = clean.or_else(|| runs.iter().find(other)) else {
            let message = match runs.len() {
                0 => {
                    "this command has not been run here before: compare with a revision, e.g. --against HEAD".to_owned()
                }
                same => format!(
                    "all {same} earlier runs of this command were of this very code: compare with a revision, e.g. --against HEAD~1"
                ),
            };
            return Err(Problem::not_found(message, Vec::new()));
        };
        let state = chosen.code.code_state.clone();
        let short = state.as_deref().map_or_else(|| "an unknown state".to_owned(), figures::code_state);
        runs.retain(|run| run.code.code_state == state);
        runs.truncate(PREVIOUS_RUNS_MAX);
        Ok((format!("previous runs at {short}"), runs))
    }
}

/// The ids as spans carry them.
fn names_of(runs: &[RunId]) -> impl Iterator<Item = String> + '_ {
    runs.iter().map(RunId::to_string)
}

impl VerificationRecord {
    fn take(&mut self, progress: VerifyProgress, now: i64) {
        self.heard_unix_nanos = now;
        self.warm_up_runs = [progress.before.warm_up_runs.clone(), progress.after.warm_up_runs.clone()].concat();
        let fill = |side: &mut VerifySide, runs: VerifyRuns| {
            side.runs = runs.runs;
            side.failed_runs = runs.failed_runs;
        };
        if progress.before != VerifyRuns::default() {
            fill(&mut self.verify.before, progress.before);
        }
        fill(&mut self.verify.after, progress.after);
    }

    fn fail(&mut self, code: &'static str, why: &str) {
        self.verify.state = VerifyState::Failed;
        self.verify.verdict = None;
        self.verify.reasons = vec![verdict::plain_reason(code, Some(VerifyVerdict::Undecided), why)];
    }

    /// The level of one look before the last turn.
    fn level_of_look(&self) -> f64 {
        LEVEL * LOOKS_SHARE / looks(self.verify.planned).len().max(1) as f64
    }

    /// The level of the verdict: of the look that made it sure, else what looks have left.
    fn level(&self) -> f64 {
        if self.is_sure { self.level_of_look() } else { LEVEL - self.looks as f64 * self.level_of_look() }
    }

    /// Planned executions that did not come about, though the verdict was not sure without them.
    fn missing(&self) -> u64 {
        if self.is_sure {
            return 0;
        }
        let short = |side: &VerifySide| self.verify.planned.saturating_sub(side.runs.len() as u64);
        short(&self.verify.after) + if self.in_turn { short(&self.verify.before) } else { 0 }
    }
}
