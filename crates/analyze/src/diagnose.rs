//! `diagnose`: what is wrong now, over the newest executions of every entry operation, ranked by what it costs.
//!
//! ```text
//!  executions of each entry operation
//!    ├─ findings of the detectors ─┐
//!    ├─ failures, by first cause   ├─► candidates ─► folded: one entry a cause ─► ordered by severity
//!    ├─ newest code against before │                   └─ words of the complaint raise what they name
//!    └─ a slow last execution     ─┘
//! ```
//!
//! A candidate's severity is the part of its operation's time (or executions) that is lost, times the operation's
//! weight, how recent it is and how sure. The weight is the square root of the operation's part of all recorded time,
//! so that a job that runs once a night is not buried by a busy service. What only says where the time is, or costs
//! neither time nor executions now, counts for a fourth; where a cause explains it, it is folded into that cause.
//!
//! Words match names that were recorded and nothing else: no word has a meaning here. The weight of an operation that they name
//! is whole: it says which operation matters where no word does.

mod changed;
mod failures;
mod fold;
mod loss;
mod unusual;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kino_model::{Fingerprint, Span, TraceId, names};

pub use words::Words;

use crate::detect::{self, Beside, DetectorConfig, may_wait_for_others};
use crate::execution::{EntrySpans, Execution, executions, has_failed, is_run};
use crate::finding::{Code, Evidence, Finding, Location};
use crate::noise::History;
use crate::tree::Tree;
use words::RecordedWords;

/// What does not name a cause, or costs neither time nor executions now, counts for this part.
const DISCOUNT: f64 = 0.25;
/// Executions of the newest state of the code from which on findings rest on these alone.
const NEWEST_MIN: usize = 5;
/// How long an operation has not run when what is wrong with it counts for half: a day.
const HALF_WEIGHT_NANOS: f64 = 86_400e9;
/// Findings of one entry operation that are ranked, in the order of the detectors.
const FINDINGS_MAX: usize = 30;
/// Entry operations for whose waits holders are sought, those with the most recorded time: each takes a look at
/// everything that ran meanwhile.
const WAITING_GROUPS_MAX: usize = 8;
/// Causes that only say where the time is; the others are counted.
const WHERE_MAX: usize = 3;

/// What is to be diagnosed.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'t, 'a> {
    /// The traces that hold the newest executions of every entry operation, then those that ran beside them.
    pub trees: &'t [Tree<'a>],
    /// How many of them hold executions that are judged.
    pub judged: usize,
    /// Those among them that only say how it was before everything newer failed: they set failures apart, and count for
    /// nothing else.
    pub contrast: &'t BTreeSet<TraceId>,
    /// Everything that began since is among them, in Unix nanoseconds.
    pub whole_since: i64,
    /// How many recorded traces each loaded one represents, where more are recorded than loaded; 1 for traces not in the map.
    pub traces_represented: &'t HashMap<TraceId, f64>,
    /// Which detectors run.
    pub config: &'t DetectorConfig,
    /// What earlier runs say of the noise.
    pub history: &'t History,
    /// At most this many causes.
    pub limit: usize,
}

/// What is wrong.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnosis {
    /// The most severe first.
    pub causes: Vec<Cause>,
    /// Causes beyond the limit.
    pub left_out: u64,
    /// What it rests on.
    pub looked_at: LookedAt,
    /// The words of the complaint.
    pub words: Vec<WordMatch>,
}

/// What one word of a complaint names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WordMatch {
    /// As written.
    pub word: String,
    /// Causes that it names something of.
    pub causes: u64,
    /// Whether it names anything in the data that was read.
    pub recorded: bool,
}

/// What a diagnosis rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LookedAt {
    /// Entry operations.
    pub operations: u64,
    /// Ended executions.
    pub executions: u64,
    /// Failed ones among them.
    pub failed: u64,
    /// Executions that have not ended.
    pub open_executions: u64,
    /// Spans of all of them.
    pub spans: u64,
    /// The earliest and the latest start of an execution, in Unix nanoseconds.
    pub period: Option<(i64, i64)>,
}

/// One cause, with what follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cause {
    /// What names it best.
    pub lead: Candidate,
    /// What else was seen of it, the most severe first.
    pub also: Vec<Candidate>,
    /// What the order is by.
    pub severity: f64,
    /// Indices into the complaint's words that name something of it.
    pub words: Vec<usize>,
    /// By how much they raised it.
    pub words_factor: f64,
}

/// One thing that is wrong with one entry operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Where it comes from.
    pub source: CandidateSource,
    /// Service and name of the entry operation.
    pub entry: (String, String),
    /// Service and name of the operation that it is about.
    pub subject: (String, String),
    /// One or two sentences.
    pub text: String,
    /// What is lost by it.
    pub loss: Loss,
    /// 0 to 1.
    pub confidence: f64,
    /// The loss with everything that it is weighted by, without words.
    pub severity: f64,
    /// Executions that it rests on.
    pub executions: u64,
    /// Where in the code.
    pub location: Option<Location>,
    /// At most three spans to look at.
    pub evidence: Vec<Evidence>,
    /// Stable across renames of paths, ids and numbers.
    pub fingerprint: Fingerprint,
    /// The fingerprint of the finding that explains most of its time.
    pub follows_from: Option<Fingerprint>,
    /// What shows it.
    pub next: Next,
    /// The executions it was seen in, where it is about some of them.
    traces: BTreeSet<TraceId>,
    /// Other operations that it suspects.
    suspects: Vec<(String, String)>,
    /// What words may name.
    names: RecordedWords,
}

/// Where a candidate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CandidateSource {
    /// A detector.
    Finding(Code),
    /// Executions that failed of one first cause.
    Error,
    /// The newest state of the code against the one before.
    Changed,
    /// A last execution that was far slower than its like.
    Unusual,
}

/// What is lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loss {
    /// 0 to 1.
    pub share: f64,
    /// What it is a share of.
    pub of: Of,
}

/// What a share is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// The time of the entry operation's executions.
    Time,
    Executions,
    /// The calls of the operation that it is about.
    Calls,
    /// Tokens sent to language models.
    Tokens,
    /// The process's memory.
    Memory,
}

/// What to ask next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Explain this trace.
    Trace(TraceId),
    /// Explain this operation.
    Operation {
        service: String,
        /// The span name.
        name: String,
    },
    /// Compare these two states of the code.
    Compare {
        before: String,
        /// The newest.
        after: String,
    },
}

impl Candidate {
    /// Whether a word of a complaint names something of it.
    fn is_named_by(&self, word: &str) -> bool {
        self.names.has(word)
    }
}

/// The class of what only says where the time is.
const WHERE: u8 = 3;

impl CandidateSource {
    /// A finding's code, or a word for the others.
    pub fn name(self) -> &'static str {
        match self {
            Self::Finding(code) => code.name(),
            Self::Error => "error",
            Self::Changed => "changed",
            Self::Unusual => "unusual",
        }
    }

    /// How well it names a cause: the lower the better.
    fn class(self) -> u8 {
        match self {
            Self::Error => 0,
            Self::Finding(code) if !loss::says_where(code) && code != Code::WhatDiffers => 0,
            Self::Changed => 1,
            Self::Finding(Code::WhatDiffers) | Self::Unusual => 2,
            Self::Finding(_) => WHERE,
        }
    }
}

impl Of {
    /// In the plural where it is counted.
    pub fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Executions => "executions",
            Self::Calls => "calls",
            Self::Tokens => "tokens",
            Self::Memory => "memory",
        }
    }
}

/// The executions of one entry operation.
struct ExecutionGroup<'t, 'a> {
    service: &'a str,
    name: &'a str,
    /// By start; the last is the newest.
    all: Vec<Execution<'t, 'a>>,
    /// Older ones that went well.
    contrast: Vec<Execution<'t, 'a>>,
    /// How many of `all`, at the end, are of the newest state of the code; all of them where there are too few.
    newest: usize,
    /// The part of all recorded time, its square root, and how recent the last execution is: 0 to 1.
    weight: f64,
}

impl<'t, 'a> ExecutionGroup<'t, 'a> {
    /// Executions that say how it is now.
    fn now(&self) -> &[Execution<'t, 'a>] {
        &self.all[self.all.len() - self.newest..]
    }

    fn entry(&self) -> (String, String) {
        (self.service.to_owned(), self.name.to_owned())
    }
}

/// Diagnoses, and lets the words of a complaint raise what they name.
pub fn diagnose(recorded: &Recorded<'_, '_>, words: &Words) -> Diagnosis {
    let found = executions(&recorded.trees[..recorded.judged], EntrySpans::Outermost);
    let groups = groups(&found, recorded);
    let mut candidates = Vec::new();
    let mut waiting_groups = 0;
    let mut heaviest: Vec<&ExecutionGroup<'_, '_>> = groups.iter().collect();
    heaviest.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    for group in heaviest {
        let mut beside = Beside::default();
        let traces = group.now().iter().map(|it| it.tree.trace());
        let is_entry = |span: &Span| span.name == group.name && span.service() == group.service;
        if waiting_groups < WAITING_GROUPS_MAX && may_wait_for_others(traces, is_entry) {
            waiting_groups += 1;
            beside = Beside { trees: recorded.trees, since: recorded.whole_since };
        }
        candidates.extend(of_group(group, recorded, beside));
    }
    let mut causes = fold::fold(candidates);
    let words = words::raise(words, &mut causes, &groups);
    causes.sort_by(|a, b| {
        (b.severity.total_cmp(&a.severity))
            .then(a.lead.source.cmp(&b.lead.source))
            .then_with(|| a.lead.fingerprint.cmp(&b.lead.fingerprint))
    });
    let all = causes.len();
    let mut only_where = 0;
    causes.retain(|cause| {
        only_where += usize::from(cause.lead.source.class() == WHERE);
        cause.lead.source.class() < WHERE || only_where <= WHERE_MAX
    });
    causes.truncate(recorded.limit);
    let left_out = (all - causes.len()) as u64;
    for cause in &mut causes {
        settle_next(&mut cause.lead, &groups, recorded.config);
    }
    Diagnosis { causes, left_out, looked_at: looked_at(&groups), words }
}

/// What is wrong with one entry operation.
fn of_group<'t, 'a>(
    group: &ExecutionGroup<'t, 'a>,
    recorded: &Recorded<'t, 'a>,
    beside: Beside<'t, 'a>,
) -> Vec<Candidate> {
    let mut candidates = failures::candidates(group);
    let mut findings = detect::findings_beside(group.now(), beside, recorded.config);
    findings.retain(|finding| !failures::are_covered(&candidates, finding));
    findings.truncate(FINDINGS_MAX);
    candidates.extend(findings.into_iter().filter_map(|finding| of_finding(group, finding)));
    candidates.extend(changed::candidate(group, recorded.history));
    candidates.extend(unusual::candidate(group));
    for candidate in &mut candidates {
        candidate.severity = candidate.loss.share * candidate.confidence * group.weight * discount(candidate);
        for name in [&candidate.subject.0, &candidate.subject.1, &candidate.entry.0, &candidate.entry.1] {
            candidate.names.add(name);
        }
        words::collect(&mut candidate.names, &group.all, &candidate.evidence);
    }
    candidates
}

/// The executions by entry operation. Runs that hold others are no executions of their own.
fn groups<'t, 'a>(found: &[Execution<'t, 'a>], recorded: &Recorded<'_, '_>) -> Vec<ExecutionGroup<'t, 'a>> {
    let traces_represented = recorded.traces_represented;
    let mut by_operation: BTreeMap<(&str, &str), Vec<Execution<'t, 'a>>> = BTreeMap::new();
    for execution in found.iter().filter(|it| !is_run(it.tree, it.entry)) {
        let span = execution.tree.span(execution.entry);
        by_operation.entry((span.service(), &span.name)).or_default().push(*execution);
    }
    let nanos = |executions: &[Execution<'_, '_>]| -> f64 {
        let of = |it: &Execution<'_, '_>| traces_represented.get(&it.trace_id()).copied().unwrap_or(1.0);
        executions.iter().map(|it| it.duration().unwrap_or(0) as f64 * of(it)).sum()
    };
    let is_contrast = |it: &Execution<'_, '_>| recorded.contrast.contains(&it.trace_id());
    let mut contrasts: BTreeMap<(&str, &str), Vec<Execution<'t, 'a>>> = BTreeMap::new();
    for (operation, executions) in &mut by_operation {
        contrasts.insert(*operation, executions.extract_if(.., |it| is_contrast(it)).collect());
    }
    by_operation.retain(|_, executions| !executions.is_empty());
    let total: f64 = by_operation.values().map(|executions| nanos(executions)).sum();
    let latest = found.iter().map(Execution::start).max().unwrap_or(0);
    let mut group = |((service, name), all): ((&'a str, &'a str), Vec<Execution<'t, 'a>>)| {
        let part = if total > 0.0 { nanos(&all) / total } else { 1.0 };
        let idle = (latest - all.last().map_or(latest, Execution::start)) as f64;
        let weight = part.sqrt() / (1.0 + idle / HALF_WEIGHT_NANOS);
        let last = all.last().and_then(code_state);
        let of_last = all.iter().rev().take_while(|it| last.is_some() && code_state(it) == last).count();
        let newest = if of_last >= NEWEST_MIN { of_last } else { all.len() };
        let contrast = contrasts.remove(&(service, name)).unwrap_or_default();
        ExecutionGroup { service, name, all, contrast, newest, weight }
    };
    by_operation.into_iter().map(&mut group).collect()
}

/// The state of the code that an execution ran.
fn code_state<'a>(execution: &Execution<'_, 'a>) -> Option<&'a str> {
    execution.tree.span(execution.entry).resource.text(names::CODE_STATE)
}

fn looked_at(groups: &[ExecutionGroup<'_, '_>]) -> LookedAt {
    let mut looked = LookedAt { operations: groups.len() as u64, ..LookedAt::default() };
    for execution in groups.iter().flat_map(|group| group.all.iter().chain(&group.contrast)) {
        looked.spans += execution.spans().len() as u64;
        let start = execution.start();
        let (first, last) = looked.period.unwrap_or((start, start));
        looked.period = Some((first.min(start), last.max(start)));
        if execution.is_open() {
            looked.open_executions += 1;
            continue;
        }
        looked.executions += 1;
        looked.failed += u64::from(has_failed(execution.tree.span(execution.entry)) && !execution.is_passed_test());
    }
    looked
}

/// A finding as a candidate; `None` where failures say the same better.
fn of_finding(group: &ExecutionGroup<'_, '_>, finding: Finding) -> Option<Candidate> {
    let loss = loss::of(&finding, group.now())?;
    Some(Candidate {
        source: CandidateSource::Finding(finding.code),
        entry: group.entry(),
        next: Next::Operation { service: group.service.to_owned(), name: group.name.to_owned() },
        subject: (finding.subject.service, finding.subject.name),
        text: finding.text,
        loss,
        confidence: finding.confidence,
        severity: 0.0,
        executions: finding.executions,
        location: finding.location,
        traces: finding.evidence.iter().map(|evidence| evidence.trace_id).collect(),
        evidence: finding.evidence,
        fingerprint: finding.fingerprint,
        follows_from: finding.follows_from,
        suspects: Vec::new(),
        names: RecordedWords::default(),
    })
}

fn discount(candidate: &Candidate) -> f64 {
    match candidate.source {
        CandidateSource::Finding(Code::ClockSkew | Code::BrokenTrace) => DISCOUNT * DISCOUNT,
        CandidateSource::Finding(code) if loss::says_where(code) || loss::costs_nothing_now(code) => DISCOUNT,
        CandidateSource::Changed if candidate.loss.of != Of::Time => DISCOUNT,
        _ => 1.0,
    }
}

/// Leads to the first example of a finding instead of its operation, where that execution alone shows it.
fn settle_next(candidate: &mut Candidate, groups: &[ExecutionGroup<'_, '_>], config: &DetectorConfig) {
    let CandidateSource::Finding(code) = candidate.source else { return };
    let Some(example) = candidate.evidence.first().map(|evidence| evidence.trace_id) else { return };
    let of_entry =
        |group: &&ExecutionGroup<'_, '_>| (group.service, group.name) == (&candidate.entry.0, &candidate.entry.1);
    let Some(group) = groups.iter().find(of_entry) else { return };
    let alone: Vec<Execution<'_, '_>> = group.now().iter().filter(|it| it.trace_id() == example).copied().collect();
    let is_it = |it: &Finding| {
        it.code == code && (&it.subject.service, &it.subject.name) == (&candidate.subject.0, &candidate.subject.1)
    };
    if detect::findings(&alone, config).iter().any(is_it) {
        candidate.next = Next::Trace(example);
    }
}

#[cfg(test)]
mod tests;
