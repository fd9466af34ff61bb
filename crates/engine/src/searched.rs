//! Places in the code of what spans name no place for: their routes and statements are searched in the caller's worktree.
//!
//! ```text
//!  answer ── rows without a place ─► their spans ─► routes, statements ─┐
//!  question.worktree ─► git's list of files ─► source, no links ────────┴─► `searched` of each row
//! ```
//!
//! Only a worktree that the question names is read, and only for spans of its project or of none. Everything is bounded:
//! rows, traces, files, bytes and time; where not all files could be read, no place is called the only one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use kino_analyze::sought::{CodeSearch, SearchResult, Sought};
use kino_analyze::statement;
use kino_model::{Clock, Span, SpanId, SpanKind, Trace, TraceId, names};
use kino_repo::{Folder, Git, project};
use kino_store::Snapshot;
use kino_wire::Problem;
use kino_wire::diagnose::{Diagnose, DiagnoseQuestion};
use kino_wire::explain::{BreakdownRow, ExplainOperation, ExplainSystem, ExplainTrace};
use kino_wire::finding::{Evidence, Finding, Searched, SoughtKind, SourceLine};
use kino_wire::insights::{Insights, InsightsQuestion};

use crate::Engine;
use crate::error::OrProblem;
use crate::load;
use crate::offload::offload;

/// Rows of an answer that are searched for, the first ones.
const ROWS_MAX: usize = 100;
/// Traces that are read for them.
const TRACES_MAX: usize = 40;
const SPANS_MAX: usize = 200_000;
/// Spans above one that are looked at for a route.
const ANCESTORS_MAX: usize = 20;
/// Source files of a search.
const FILES_MAX: usize = 20_000;
/// The largest file: larger ones are generated.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Bytes of source of a search.
const BYTES_MAX: u64 = 128 << 20;
/// How long a search may take.
const NANOS_MAX: u64 = 1_500_000_000;
/// Characters of a sought text in an answer.
const TEXT_CHARS_MAX: usize = 300;

/// A row of an answer without a place in the code.
pub(crate) struct SearchedRow<'a> {
    /// Spans that it is about.
    evidence: Vec<Evidence>,
    /// Without its literals: calls under one name may send several, and the row is about the one that it shows.
    statement: Option<String>,
    /// Whether the route of the request that it is in says something, too.
    climbs: bool,
    searched: &'a mut Option<Searched>,
}

impl<'a> SearchedRow<'a> {
    fn new(evidence: &[Evidence], climbs: bool, searched: &'a mut Option<Searched>) -> Self {
        Self { evidence: evidence.to_vec(), statement: None, climbs, searched }
    }
}

impl Engine {
    /// Stored findings, with places that are searched for where the question names a worktree.
    pub(crate) async fn insights(&self, question: InsightsQuestion) -> Result<Insights, Problem> {
        let worktree = question.worktree.clone();
        let mut answer = self.inner.findings.insights(question).await?;
        let rows = answer.items.iter_mut().filter_map(|item| of_finding(&mut item.finding)).collect();
        self.search_places(worktree.as_deref(), &self.snapshot(), rows).await?;
        Ok(answer)
    }

    /// What is wrong, with places that are searched for where the question names a worktree.
    pub(crate) async fn diagnose(&self, question: DiagnoseQuestion) -> Result<Diagnose, Problem> {
        let worktree = question.worktree.clone();
        let mut answer = self.diagnosis(question).await?;
        let unplaced = answer.entries.iter_mut().filter(|entry| entry.location.is_none());
        let rows = unplaced.map(|entry| SearchedRow::new(&entry.evidence, true, &mut entry.searched)).collect();
        self.search_places(worktree.as_deref(), &self.snapshot(), rows).await?;
        Ok(answer)
    }

    /// Fills in where the rows' spans may have been made. Without a worktree, or where it cannot be read, nothing.
    ///
    /// # Errors
    /// Where the worktree is no absolute path, and where the store cannot be read.
    pub(crate) async fn search_places(
        &self,
        worktree: Option<&str>,
        snapshot: &Snapshot,
        mut rows: Vec<SearchedRow<'_>>,
    ) -> Result<(), Problem> {
        let Some(directory) = worktree.filter(|_| !rows.is_empty()) else { return Ok(()) };
        if !Path::new(directory).is_absolute() {
            return Err(Problem::invalid("`worktree` is not an absolute path: name the folder of a git worktree"));
        }
        let (Some(git), Some(project)) = (self.inner.config.git.clone(), project::of(Path::new(directory))) else {
            return Ok(());
        };
        rows.truncate(ROWS_MAX);
        let traces = traces_of(snapshot, &rows, &project.name).await?;
        let sought: Vec<Vec<Sought>> = rows.iter().map(|row| sought_of(row, &traces)).collect();
        let distinct: BTreeSet<Sought> = sought.iter().flatten().cloned().collect();
        if distinct.is_empty() {
            return Ok(());
        }
        let clock = Arc::clone(&self.inner.clock);
        let found = offload(move || search(&git, &project.worktree, distinct, clock.as_ref())).await.or_problem()?;
        for (row, sought) in rows.into_iter().zip(sought) {
            let mut known = sought.iter().filter_map(|sought| found.get(sought));
            let first = known.clone().find(|known| known.candidates == 1).or_else(|| known.next());
            *row.searched = first.cloned();
        }
        Ok(())
    }
}

/// The traces that rows point to, but for those of other projects.
async fn traces_of(
    snapshot: &Snapshot,
    rows: &[SearchedRow<'_>],
    project: &str,
) -> Result<BTreeMap<TraceId, Arc<Trace>>, Problem> {
    let mut ids: Vec<TraceId> = Vec::new();
    for evidence in rows.iter().filter_map(|row| row.evidence.first()) {
        if ids.len() < TRACES_MAX && !ids.contains(&evidence.trace_id) {
            ids.push(evidence.trace_id);
        }
    }
    let known = snapshot.trace_rows(&ids).await.or_problem()?;
    let is_of_others = |id: &TraceId| {
        known
            .iter()
            .any(|row| row.trace_id == *id && !row.projects.is_empty() && !row.projects.iter().any(|it| it == project))
    };
    ids.retain(|id| !is_of_others(id));
    let (traces, _) = load::traces_within(snapshot, ids.into_iter(), SPANS_MAX).await?;
    let of_project = |span: &Span| span.resource.text(names::PROJECT).is_none_or(|own| own == project);
    let own = traces.into_iter().filter(|trace| trace.spans.iter().all(of_project));
    Ok(own.map(|trace| (trace.trace_id, trace)).collect())
}

/// What to search for of a row: what its span says; then, where that helps, the route of the request around it.
fn sought_of(row: &SearchedRow<'_>, traces: &BTreeMap<TraceId, Arc<Trace>>) -> Vec<Sought> {
    let Some(evidence) = row.evidence.first() else { return Vec::new() };
    let Some(trace) = traces.get(&evidence.trace_id) else { return Vec::new() };
    let of_id = |id: SpanId| trace.spans.iter().find(|span| span.span_id == id);
    let first = match evidence.span_id {
        Some(id) => of_id(id),
        None => trace.spans.iter().find(|span| span.parent_span_id.is_none()).filter(|_| row.climbs),
    };
    let Some(first) = first else { return Vec::new() };
    let sends_shown = |span: &&Span| {
        let is_same_call = span.name == first.name && span.service() == first.service();
        is_same_call && span.text("db.query.text").map(statement::normalise) == row.statement
    };
    let about = row.statement.as_ref().map_or(Some(first), |_| trace.spans.iter().find(sends_shown));
    let Some(first) = about else { return Vec::new() };
    let mut sought: Vec<Sought> = Sought::of(first).into_iter().collect();
    let mut at = first;
    for _ in 0..ANCESTORS_MAX {
        if !row.climbs || at.kind == SpanKind::Server {
            break;
        }
        let parent = at.parent_span_id.and_then(of_id).filter(|parent| parent.service() == first.service());
        let Some(parent) = parent else { break };
        at = parent;
        if at.kind == SpanKind::Server {
            sought.extend(Sought::of(at));
        }
    }
    sought
}

/// Searches a worktree for all of them at once.
fn search(git: &Git, worktree: &Path, distinct: BTreeSet<Sought>, clock: &dyn Clock) -> BTreeMap<Sought, Searched> {
    let until = clock.monotonic_nanos().saturating_add(NANOS_MAX);
    let goes_on = || clock.monotonic_nanos() < until;
    let files = git.files(worktree, FILES_MAX, CodeSearch::is_source, goes_on);
    let (Some(files), Ok(folder)) = (files, Folder::open(worktree)) else { return BTreeMap::new() };
    let distinct: Vec<Sought> = distinct.into_iter().collect();
    let mut search = CodeSearch::new(&distinct);
    let (mut files_left_out, mut bytes_left) = (files.left_out, BYTES_MAX);
    for path in &files.paths {
        if bytes_left == 0 || !goes_on() {
            files_left_out += 1;
            continue;
        }
        // What is gone, or cannot be opened, is not there.
        let Ok(Some(bytes)) = folder.read(path, FILE_BYTES_MAX) else { continue };
        bytes_left = bytes_left.saturating_sub(bytes.len() as u64);
        search.read(path, &String::from_utf8_lossy(&bytes));
    }
    let found = search.finish(files_left_out == 0);
    let searched = distinct.into_iter().zip(found).filter_map(|(sought, found)| {
        let searched = searched(&sought, found?, files_left_out);
        Some((sought, searched))
    });
    searched.collect()
}

fn searched(sought: &Sought, found: SearchResult, files_left_out: u64) -> Searched {
    let text = match sought.kind {
        SoughtKind::Statement => statement::normalise(&sought.text),
        SoughtKind::Route => sought.text.clone(),
    };
    Searched {
        confidence: found.confidence,
        sought: sought.kind,
        text: text.chars().take(TEXT_CHARS_MAX).collect(),
        candidates: found.candidates,
        places: found.places.into_iter().map(|place| SourceLine { path: place.path, line: place.line }).collect(),
        files_left_out,
    }
}

fn of_finding(finding: &mut Finding) -> Option<SearchedRow<'_>> {
    finding.location.is_none().then(|| SearchedRow::new(&finding.evidence, true, &mut finding.searched))
}

fn of_row(row: &mut BreakdownRow) -> Option<SearchedRow<'_>> {
    let statement = row.statement.clone();
    row.code.is_none().then(|| SearchedRow { statement, ..SearchedRow::new(&row.examples, false, &mut row.searched) })
}

/// The rows of a trace's answer that name no place.
pub(crate) fn of_trace(answer: &mut ExplainTrace) -> Vec<SearchedRow<'_>> {
    let mut rows: Vec<SearchedRow<'_>> = Vec::new();
    let cause = answer.failure.as_mut().map(|failure| &mut failure.cause);
    if let Some(cause) = cause.filter(|cause| cause.frame.is_none() && cause.location.is_none()) {
        rows.push(SearchedRow::new(std::slice::from_ref(&cause.evidence), true, &mut cause.searched));
    }
    rows.extend(answer.findings.iter_mut().filter_map(of_finding));
    if let Some(apart) = &mut answer.apart {
        if let Some(wait) = apart.wait.as_mut().filter(|wait| wait.location.is_none()) {
            rows.push(SearchedRow::new(std::slice::from_ref(&wait.evidence), true, &mut wait.searched));
        }
        let unplaced = apart.operations.iter_mut().filter(|row| row.location.is_none());
        rows.extend(unplaced.map(|row| SearchedRow::new(row.evidence.as_slice(), false, &mut row.searched)));
    }
    rows.extend(answer.breakdown.iter_mut().filter_map(of_row));
    rows
}

/// The rows of an operation's answer that name no place.
pub(crate) fn of_operation(answer: &mut ExplainOperation) -> Vec<SearchedRow<'_>> {
    let findings = answer.findings.iter_mut().filter_map(of_finding);
    findings.chain(answer.breakdown.iter_mut().filter_map(of_row)).collect()
}

/// The rows of the whole system's answer that name no place: the first of each entry point, then the second of each.
pub(crate) fn of_system(answer: &mut ExplainSystem) -> Vec<SearchedRow<'_>> {
    let points = answer.entry_points.iter_mut();
    let ranked = points.flat_map(|point| point.breakdown.iter_mut().enumerate());
    let mut rows: Vec<(usize, SearchedRow<'_>)> = ranked.filter_map(|(rank, row)| Some((rank, of_row(row)?))).collect();
    rows.sort_by_key(|(rank, _)| *rank);
    rows.into_iter().map(|(_, row)| row).collect()
}
