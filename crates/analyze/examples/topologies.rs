//! Measures suspects on systems that are drawn from a seed: `cargo xtask accuracy --topologies N`.
//!
//! Arguments: `--systems N`, `--from SEED`, `--detail` (what was suspected in each case that is wrong).
//! Each system has one fault of one service, and one pair of windows without any.

#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};

use kino_analyze::compare::Comparison;
use kino_analyze::{Entry, compare, executions, trees};
use kino_model::Trace;
use kino_testkit::topology::Fault;
use kino_testkit::{Random, Topology};

/// Calls of the faulty service in the first window, at least: what is hardly called cannot be judged.
const CALLS_MIN: usize = 20;
/// Nanoseconds between the starts of two windows.
const APART: i64 = 600_000_000_000;
/// A Monday in 2026.
const EPOCH: i64 = 1_767_571_200_000_000_000;

/// Cases of one kind, and at which place the faulty service was.
#[derive(Default)]
struct Score {
    cases: u64,
    within: [u64; 3],
    /// What a guess would have been right in.
    by_chance: f64,
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
    let mut scores: BTreeMap<[&str; 2], Score> = BTreeMap::new();
    let mut unchanged = [0u64; 2];
    for seed in from..from + systems {
        let mut random = Random::new(seed);
        let topology = Topology::draw(&mut random);
        let before = topology.window(&mut random, EPOCH, None);
        let same = topology.window(&mut random, EPOCH + APART, None);
        let first = suspected(&before, &same).first().cloned();
        unchanged[0] += 1;
        unchanged[1] += u64::from(first.is_none());
        if let Some(first) = first.filter(|_| detail) {
            println!("{seed} unchanged: {} ({})", first.0, first.1);
        }
        let Some(fault) = fault(&topology, &mut random, &before) else { continue };
        let mut after = topology.window(&mut random, EPOCH + APART, Some(&fault));
        for logs in ["with logs", "without logs"] {
            let mut first = before.clone();
            if logs == "without logs" {
                for trace in first.iter_mut().chain(&mut after) {
                    trace.logs.clear();
                }
            }
            let found = suspected(&first, &after);
            let place = found.iter().position(|(service, _)| *service == fault.service_name);
            for kind in [fault.kind.name(), "all"] {
                let score = scores.entry([logs, kind]).or_default();
                score.cases += 1;
                score.by_chance += 1.0 / topology.services().len() as f64;
                for (at, within) in [1, 3, 5].into_iter().enumerate() {
                    score.within[at] += u64::from(place.is_some_and(|place| place < within));
                }
            }
            if detail && place != Some(0) {
                println!("{seed} {logs}: {:?} of {}, at {place:?}", fault.kind, fault.service_name);
                for (service, reason) in found.iter().take(3) {
                    println!("    {service}: {reason}");
                }
            }
        }
    }
    println!("| fault | | cases | AS@1 | AS@3 | AS@5 | by chance |\n|---|---|---:|---:|---:|---:|---:|");
    for ([logs, kind], score) in &scores {
        let part = |count: u64| count as f64 / score.cases.max(1) as f64;
        let [one, three, five] = score.within.map(part);
        let chance = score.by_chance / score.cases.max(1) as f64;
        println!("| `{kind}` | {logs} | {} | {one:.2} | {three:.2} | {five:.2} | {chance:.2} |", score.cases);
    }
    println!("\nwithout a fault: no suspect in {} of {}", unchanged[1], unchanged[0]);
}

/// A fault of a service that the first window's requests reach.
fn fault(topology: &Topology, random: &mut Random, before: &[Trace]) -> Option<Fault> {
    let mut calls: BTreeMap<&str, usize> = BTreeMap::new();
    for span in before.iter().flat_map(|trace| &trace.spans) {
        *calls.entry(span.service()).or_default() += 1;
    }
    let reached = |name: &&String| calls.get(name.as_str()).is_some_and(|count| *count >= CALLS_MIN);
    let reached: Vec<String> = topology.services().iter().filter(reached).cloned().collect();
    (!reached.is_empty()).then(|| (0..100).find_map(|_| topology.fault(random, &reached))).flatten()
}

/// The services of the suspects, each once, with the reason for the first suspect of it.
fn suspected(before: &[Trace], after: &[Trace]) -> Vec<(String, String)> {
    let trees = [trees(before), trees(after)];
    let [before, after] = trees.each_ref().map(|trees| executions(trees, Entry::Outermost));
    let found: Comparison = compare(&before, &after);
    let mut seen = BTreeSet::new();
    let first = found.suspects.into_iter().filter(|suspect| seen.insert(suspect.service.clone()));
    first.map(|suspect| (suspect.service, suspect.reason)).collect()
}
