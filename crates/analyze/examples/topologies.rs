//! Measures suspects on systems that are drawn from a seed: `cargo xtask accuracy --topologies N`.
//!
//! Arguments: `--systems N`, `--from SEED`, `--detail` (what was suspected in each case that is wrong).
//! Each system has one fault of one service, and one pair of windows without any; and at another time, with more
//! requests, with other ones more frequent and each operation somewhat faster or slower, the same with an incident:
//! something that happens to a machine, a network or a program under load.

#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};

use kino_analyze::compare::Comparison;
use kino_analyze::{EntrySpans, compare, executions, trees};
use kino_model::Trace;
use kino_testkit::topology::Fault;
use kino_testkit::{Random, Topology};

/// Calls of the faulty service in the first window, at least: what is hardly called cannot be judged.
const CALLS_MIN: usize = 20;
/// Nanoseconds between the starts of two windows.
const APART: i64 = 600_000_000_000;
/// A Monday in 2026.
const EPOCH: i64 = 1_767_571_200_000_000_000;
/// Requests of a window with an incident: these, but no more than make this many spans.
const REQUESTS: [f64; 2] = [300.0, 3_000.0];
const SPANS_MAX: usize = 120_000;
/// What an incident's draws follow from, beside the system's seed.
const INCIDENTS: u64 = 1 << 32;

/// Cases of one kind, and at which place the faulty service was: among suspects that are shown, and among all.
#[derive(Default)]
struct Score {
    cases: u64,
    shown: [u64; 3],
    listed: [u64; 3],
    /// What a guess would have been right in.
    by_chance: f64,
}

/// Pairs of windows without a fault, in how many nothing is shown, and in how many nothing is listed.
#[derive(Default)]
struct Silence {
    cases: u64,
    none_shown: u64,
    none_listed: u64,
}

/// A service among the suspects.
#[derive(Clone)]
struct Found {
    service: String,
    /// Of the first suspect of it.
    reason: String,
    shown: bool,
}

#[derive(Default)]
struct Report {
    detail: bool,
    scores: BTreeMap<[&'static str; 3], Score>,
    silence: BTreeMap<&'static str, Silence>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: u64| {
        let at = arguments.iter().position(|it| it == name)?;
        Some(arguments.get(at + 1)?.parse().unwrap_or(default))
    };
    let systems = number("--systems", 200).unwrap_or(200);
    let from = number("--from", 1).unwrap_or(1);
    let detail = arguments.iter().any(|it| it == "--detail");
    let mut report = Report { detail, ..Report::default() };
    for seed in from..from + systems {
        let mut random = Random::new(seed);
        let topology = Topology::draw(&mut random);
        let before = topology.window(&mut random, EPOCH, None);
        let same = topology.window(&mut random, EPOCH + APART, None);
        report.unchanged("faults", seed, &before, &same);
        let calls = calls(&before);
        let drawn = reached(&topology, &calls);
        if let Some(fault) = drawn.and_then(|from| (0..100).find_map(|_| topology.fault(&mut random, &from))) {
            let after = topology.window(&mut random, EPOCH + APART, Some(&fault));
            report.changed("faults", seed, &topology, (before.clone(), after), &fault);
        }
        incident(&mut report, seed, &topology, &before);
    }
    report.print();
}

/// The same system at another time.
fn incident(report: &mut Report, seed: u64, topology: &Topology, usual: &[Trace]) {
    let mut random = Random::new(seed + INCIDENTS);
    let spans: usize = usual.iter().map(|trace| trace.spans.len()).sum();
    let most = (SPANS_MAX * usual.len() / spans.max(1)) as f64;
    let requests = (REQUESTS[0] * (REQUESTS[1] / REQUESTS[0]).powf(random.unit())).min(most);
    let topology = topology.with_requests(requests as u64);
    let before = topology.window(&mut random, EPOCH, None);
    let later = topology.at_another_time(&mut random);
    let same = later.window(&mut random, EPOCH + APART, None);
    report.unchanged("incidents", seed, &before, &same);
    let calls = calls(&before);
    let Some(from) = reached(&topology, &calls) else { return };
    let Some(fault) = (0..100).find_map(|_| later.incident(&mut random, &from)) else { return };
    let after = later.window(&mut random, EPOCH + APART, Some(&fault));
    report.changed("incidents", seed, &topology, (before, after), &fault);
}

impl Report {
    fn unchanged(&mut self, set: &'static str, seed: u64, before: &[Trace], same: &[Trace]) {
        let found = suspected(before, same);
        let silence = self.silence.entry(set).or_default();
        silence.cases += 1;
        silence.none_listed += u64::from(found.is_empty());
        silence.none_shown += u64::from(found.iter().all(|it| !it.shown));
        if let Some(Found { service, reason, shown }) = found.first().filter(|_| self.detail) {
            println!("{seed} {set}, unchanged: {service}, shown: {shown} ({reason})");
        }
    }

    fn changed(
        &mut self,
        set: &'static str,
        seed: u64,
        topology: &Topology,
        (mut before, mut after): (Vec<Trace>, Vec<Trace>),
        fault: &Fault,
    ) {
        for logs in ["with logs", "without logs"] {
            if logs == "without logs" {
                before.iter_mut().chain(&mut after).for_each(|trace| trace.logs.clear());
            }
            let found = suspected(&before, &after);
            let place = |found: &[Found]| found.iter().position(|it| it.service == fault.service_name);
            let shown: Vec<Found> = found.iter().filter(|it| it.shown).cloned().collect();
            let places = [place(&shown), place(&found)];
            for kind in [fault.kind.name(), "all"] {
                let score = self.scores.entry([set, logs, kind]).or_default();
                score.cases += 1;
                score.by_chance += 1.0 / topology.services().len() as f64;
                for (at, within) in [1, 3, 5].into_iter().enumerate() {
                    score.shown[at] += u64::from(places[0].is_some_and(|place| place < within));
                    score.listed[at] += u64::from(places[1].is_some_and(|place| place < within));
                }
            }
            if self.detail && places[0] != Some(0) {
                println!(
                    "{seed} {set} {logs}: {:?} of {}, at {:?} of {} services, {} requests",
                    fault.kind,
                    fault.service_name,
                    places[1],
                    topology.services().len(),
                    before.len()
                );
                for Found { service, reason, shown } in found.iter().take(3) {
                    println!("    {service}, shown: {shown}: {reason}");
                }
            }
        }
    }

    fn print(&self) {
        let cells = |places: [u64; 3], score: &Score| {
            places.map(|count| format!("{:.2}", count as f64 / score.cases.max(1) as f64)).join(" | ")
        };
        for set in ["faults", "incidents"] {
            println!(
                "\n| {set} | | cases | shown AS@1 | AS@3 | AS@5 | shown or listed AS@1 | AS@3 | AS@5 | by chance |"
            );
            println!("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|");
            for ([_, logs, kind], score) in self.scores.iter().filter(|([its, ..], _)| *its == set) {
                let (shown, listed) = (cells(score.shown, score), cells(score.listed, score));
                let chance = score.by_chance / score.cases.max(1) as f64;
                println!("| `{kind}` | {logs} | {} | {shown} | {listed} | {chance:.2} |", score.cases);
            }
        }
        for (set, silence) in &self.silence {
            let Silence { cases, none_shown, none_listed } = silence;
            println!("\n{set}, unchanged: nothing shown in {none_shown} of {cases}, nothing listed in {none_listed}");
        }
    }
}

/// Spans by service.
fn calls(window: &[Trace]) -> BTreeMap<String, usize> {
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for span in window.iter().flat_map(|trace| &trace.spans) {
        *calls.entry(span.service().to_owned()).or_default() += 1;
    }
    calls
}

/// The services that requests reach; `None` where there are none.
fn reached(topology: &Topology, calls: &BTreeMap<String, usize>) -> Option<Vec<String>> {
    let is_reached = |name: &&String| calls.get(*name).is_some_and(|count| *count >= CALLS_MIN);
    let reached: Vec<String> = topology.services().iter().filter(is_reached).cloned().collect();
    (!reached.is_empty()).then_some(reached)
}

/// The services of the suspects, each once, with the reason for the first suspect of it.
fn suspected(before: &[Trace], after: &[Trace]) -> Vec<Found> {
    let trees = [trees(before), trees(after)];
    let [before, after] = trees.each_ref().map(|trees| executions(trees, EntrySpans::Outermost));
    let found: Comparison = compare(&before, &after);
    let mut seen = BTreeSet::new();
    let first = found.suspects.into_iter().filter(|suspect| seen.insert(suspect.service.clone()));
    first.map(|it| Found { service: it.service, reason: it.reason, shown: it.shown }).collect()
}
