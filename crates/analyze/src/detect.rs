//! Detectors: pure functions from executions to findings, one module each.
//!
//! Each module says what it finds, the least evidence it wants, what it is silent about, and what to do. Executions
//! are judged in groups of one entry operation, those of GraphQL by what is asked, and requests without a route by their path. A saving is what the critical path would lose, never a sum of
//! durations. What happens inside a test that passed opens no finding about errors or retries.

mod bottleneck;
mod broken;
mod caches;
pub(crate) mod call;
mod command;
mod connections;
mod dead_time;
mod detection;
mod error_cluster;
mod facts;
pub(crate) mod failures;
pub(crate) mod features;
mod graphql;
mod held_by;
mod identical;
mod latency_grows;
mod llm_waste;
mod locks;
mod memory;
mod n_plus_one;
mod permanent_redirect;
mod rate_limited;
mod relate;
mod retime;
mod retry_storm;
mod routes;
pub(crate) mod rule;
mod sequential;
mod timeouts;
mod unasked;
mod what_differs;
mod worth;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

pub use held_by::{Beside, WaitedFor, may_wait_for_others, waited_for};
pub use retime::retime;
pub use unasked::{Neighbours, opens};
pub(crate) use worth::in_words as worth_in_words;

use crate::execution::Execution;
use crate::finding::{Code, Evidence, Finding, Location, Number, Subject, SubjectKind};
use crate::fingerprint::{hierarchical, shape};
use detection::Detection;
use facts::Group;
use relate::{Ranked, relate};

/// Which detectors run, and the facts that they cannot read from traces.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DetectorConfig {
    /// Codes that are switched off.
    pub off: Vec<Code>,
    /// What a million input tokens cost, by the model's name or the beginning of it; the longest that fits counts. In
    /// whatever currency the user thinks in. Without a price no cost is reported.
    pub input_token_prices: BTreeMap<String, f64>,
}

impl DetectorConfig {
    /// Whether findings of this code are wanted.
    pub fn is_on(&self, code: Code) -> bool {
        !self.off.contains(&code)
    }

    /// The same for executions that are whole runs ([`programs`](crate::execution::programs)): only what is wrong with the
    /// calls that a program makes itself is searched, since all else is found in the executions below.
    #[must_use]
    pub fn for_programs(&self) -> Self {
        const OF_PROGRAMS: [Code; 2] = [Code::NPlusOne, Code::RepeatedIdenticalCall];
        let is_off = |code: &Code| !OF_PROGRAMS.contains(code) || !self.is_on(*code);
        let off = Code::ALL.iter().copied().filter(is_off).collect();
        Self { off, ..self.clone() }
    }

    /// What a million input tokens of `model` cost.
    pub fn input_token_price(&self, model: &str) -> Option<f64> {
        let fitting = self.input_token_prices.iter().filter(|(name, _)| model.starts_with(name.as_str()));
        fitting.max_by_key(|(name, _)| name.len()).map(|(_, price)| *price)
    }
}

/// A group of fewer spans is judged before other threads would have begun.
const ALONE_SPANS_MAX: usize = 2_000;
/// Threads that judge a large group: detectors differ so much in their cost that more would wait for one.
const THREADS: usize = 2;

type Detector = fn(&Group<'_, '_>, &mut Vec<Detection>);

/// Each detector with the codes it gives.
const DETECTORS: &[(&[Code], Detector)] = &[
    (&[Code::SequentialCouldBeParallel], sequential::detect),
    (&[Code::NPlusOne], n_plus_one::detect),
    (&[Code::RepeatedIdenticalCall], identical::detect),
    (&[Code::RetryStorm], retry_storm::detect),
    (&[Code::TimeoutCluster, Code::TimeoutBudgetExceeded], timeouts::detect),
    (&[Code::RateLimited], rate_limited::detect),
    (&[Code::ErrorCluster], error_cluster::detect),
    (&[Code::WhatDiffers], what_differs::detect),
    (&[Code::LatencyGrowsWithInput], latency_grows::detect),
    (&[Code::LlmTokenWaste], llm_waste::detect),
    (&[Code::CacheIneffective, Code::CacheKeyCollision], caches::detect),
    (&[Code::ConnectionChurn], connections::detect),
    (&[Code::PermanentRedirect], permanent_redirect::detect),
    (&[Code::LockContention, Code::Deadlock], locks::detect),
    (&[Code::DeadTime], dead_time::detect),
    (&[Code::MemoryGrowth], memory::detect),
    (&[Code::ClockSkew, Code::BrokenTrace], broken::detect),
    (&[Code::Bottleneck], bottleneck::detect),
];

/// All findings over executions of any operations: those that name a cause before those that only say where the time
/// is, then what saves most if it is repaired, with all that follows from it; what follows from another finding comes
/// after that one. Executions that have not ended count only for what is wrong with the trace itself.
pub fn findings(executions: &[Execution<'_, '_>], config: &DetectorConfig) -> Vec<Finding> {
    findings_beside(executions, Beside::default(), config)
}

/// Findings, and what detectors saw that is not worth one.
pub(crate) struct DetectedFindings {
    /// As [`findings`] has them.
    pub(crate) findings: Vec<Finding>,
    /// What claims to save something, and saves too little, in the order of the detectors.
    pub(crate) slight: Vec<Finding>,
}

/// As [`findings`], with what is not worth one.
pub(crate) fn judged(executions: &[Execution<'_, '_>], config: &DetectorConfig) -> DetectedFindings {
    judged_beside(executions, Beside::default(), config)
}

/// The same; who holds what the executions wait for is also searched among what ran `beside` them.
pub fn findings_beside<'t, 'a>(
    executions: &[Execution<'t, 'a>],
    beside: Beside<'t, 'a>,
    config: &DetectorConfig,
) -> Vec<Finding> {
    judged_beside(executions, beside, config).findings
}

fn judged_beside<'t, 'a>(
    executions: &[Execution<'t, 'a>],
    beside: Beside<'t, 'a>,
    config: &DetectorConfig,
) -> DetectedFindings {
    let groups = graphql::by_operation(executions);
    let (mut ranked, mut slight): (Vec<Ranked>, Vec<Finding>) = (Vec::new(), Vec::new());
    let waits = config.is_on(Code::HeldBy) && groups.values().any(|executions| held_by::may_wait_in(executions));
    for (key, executions) in groups {
        let group = Group::new(&key, &executions, config);
        let detectors: Vec<Detector> = DETECTORS
            .iter()
            .filter(|(codes, _)| codes.iter().any(|&code| config.is_on(code)))
            .map(|(_, detector)| *detector)
            .collect();
        let mut found = found(&group, &detectors);
        found.retain(|found| config.is_on(found.finding.code));
        let unworthy = found.extract_if(.., |found| !worth::is_worth_it(&group, found));
        slight.extend(unworthy.filter(Detection::claims_saving).map(|found| found.finding));
        ranked.extend(relate(&group, found));
    }
    if waits {
        let mut waiting = Vec::new();
        held_by::detect(executions, beside, false, &mut waiting);
        // Where only the newest executions were judged among all that ran, all of them may say more by themselves.
        if waiting.is_empty() && beside.since > i64::MIN {
            held_by::detect(executions, Beside::default(), false, &mut waiting);
        }
        ranked.extend(waiting.into_iter().map(Ranked::of_waiting));
    }
    ranked.sort_by(in_order);
    // One loop that several pages reach is one finding, at the page where it costs most.
    let mut seen = BTreeSet::new();
    ranked.retain(|ranked| seen.insert(ranked.finding.fingerprint));
    DetectedFindings { findings: ranked.into_iter().map(|ranked| ranked.finding).collect(), slight }
}

fn in_order(a: &Ranked, b: &Ranked) -> std::cmp::Ordering {
    let says_where = |finding: &Finding| matches!(finding.code, Code::Bottleneck | Code::DeadTime);
    let (worth_a, worth_b) = (a.worth, b.worth);
    let (a, b) = (&a.finding, &b.finding);
    (says_where(a).cmp(&says_where(b)))
        .then(worth_b.total_cmp(&worth_a))
        .then(a.follows_from.is_some().cmp(&b.follows_from.is_some()))
        .then(b.saving_nanos.cmp(&a.saving_nanos))
        .then(b.confidence.total_cmp(&a.confidence))
        .then(a.code.cmp(&b.code))
        .then_with(|| a.fingerprint.cmp(&b.fingerprint))
}

/// Returns the findings of this code in executions of one operation with relaxed thresholds: a single case and half of the
/// usual shares are enough. They are not reported; a known finding that is not among them is gone, if the executions are
/// enough to show it.
pub(crate) fn residual_findings(executions: &[Execution<'_, '_>], config: &DetectorConfig, code: Code) -> Vec<Finding> {
    let mut found = Vec::new();
    for (key, executions) in graphql::by_operation(executions) {
        let group = Group::new(&key, &executions, config).with_relaxed_thresholds();
        for (_, detector) in DETECTORS.iter().filter(|(codes, _)| codes.contains(&code)) {
            detector(&group, &mut found);
        }
    }
    let mut findings: Vec<Finding> = found.into_iter().map(|found| found.finding).collect();
    if code == Code::HeldBy {
        held_by::detect(executions, Beside::default(), true, &mut findings);
    }
    findings.retain(|finding| finding.code == code);
    findings
}

/// What the detectors say of a group, in their order. Large groups are judged by several threads at once.
fn found(group: &Group<'_, '_>, detectors: &[Detector]) -> Vec<Detection> {
    let run = |detector: &Detector| {
        let mut findings = Vec::new();
        detector(group, &mut findings);
        findings
    };
    let spans: usize = group.all.iter().map(|execution| execution.spans().len()).sum();
    if spans < ALONE_SPANS_MAX {
        return detectors.iter().flat_map(run).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((at, detector)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, detectors.get(at)?)))
        {
            done.push((at, run(detector)));
        }
        done
    };
    let mut done = std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..THREADS).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for helper in helpers {
            done.extend(helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().flat_map(|(_, findings)| findings).collect()
}

/// What a detector says; the rest of a finding follows from it.
struct Draft<'d> {
    code: Code,
    service: &'d str,
    name: &'d str,
    /// What else distinguishes this finding from others of its code and subject: a normalised statement, an attribute's name.
    detail: &'d str,
    numbers: Vec<Number>,
    saving_nanos: Option<f64>,
    confidence: f64,
    executions: usize,
    location: Option<Location>,
    evidence: Vec<Evidence>,
    text: String,
    next: Option<String>,
}

impl Draft<'_> {
    fn finding(self, group: &Group<'_, '_>) -> Detection {
        Detection::new(self.for_entry(&group.identity))
    }

    /// Returns the finding, for an entry operation of this name.
    fn for_entry(self, entry: &str) -> Finding {
        // An exception's fingerprint is no data of a text: without it all exceptions would be one.
        let is_fingerprint = self.code == Code::ErrorCluster;
        let detail = if is_fingerprint { self.detail.to_owned() } else { shape(self.detail) };
        let name = shape(self.name);
        let family = [self.code.name(), if detail.is_empty() { &name } else { &detail }];
        let parts = [self.code.name(), entry, self.service, &name, &detail];
        Finding {
            code: self.code,
            subject: Subject {
                kind: SubjectKind::Operation,
                service: self.service.to_owned(),
                name: self.name.to_owned(),
            },
            fingerprint: hierarchical(&family, &parts),
            numbers: self.numbers,
            saving_nanos: self.saving_nanos.map(|nanos| nanos.round() as i64),
            confidence: self.confidence,
            executions: self.executions as u64,
            location: self.location,
            evidence: self.evidence,
            text: self.text,
            next: self.next,
            remarks: Vec::new(),
            follows_from: None,
        }
    }
}

#[cfg(test)]
mod tests;
