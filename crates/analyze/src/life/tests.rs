//! The state machine alone, and what looks make of executions.

use std::collections::BTreeMap;
use std::hash::BuildHasher as _;

use foldhash::quality::FixedState;
use kino_model::{Fingerprint, Trace, UnixNanos};
use kino_testkit::faults::{self, Case, Ranges, Truth};

use super::*;
use crate::detect::DetectorConfig;
use crate::execution::{EntrySpans, Execution, executions};
use crate::finding::Code;
use crate::prevalence::is_occasional;
use crate::tree::trees;

const CRITERIA: FixCriteria = FixCriteria { needed: 3, prevalence: None };

fn set(worktree: &str, code: &str, newest: i64, executions: u64) -> Set {
    let code = (!code.is_empty()).then(|| code.to_owned());
    Set {
        worktree: worktree.to_owned(),
        first_code: code.clone(),
        last_code: code.clone(),
        code,
        oldest: newest - 1,
        newest,
        executions,
        median: Some(newest),
    }
}

fn opened() -> Life {
    Life::open(&set("main", "bad", 10, 5), CRITERIA, 11)
}

#[test]
fn it_opens_is_fixed_and_comes_back() {
    let mut life = opened();
    assert_eq!((life.state, life.opened_at_code.as_deref(), life.last_seen), (State::Open, Some("bad"), 10));
    assert!(!life.seen(&set("main", "bad", 20, 4), None, 21), "seeing it again is no change");
    assert!(life.gone(&set("main", "good", 30, 3), 31));
    let repair = life.repair.clone().unwrap();
    assert_eq!((repair.before_code.as_deref(), repair.after_code.as_deref()), (Some("bad"), Some("good")));
    assert_eq!((repair.executions_before, repair.executions_after, repair.effect()), (4, 3, Some(1.5)));
    assert!(!life.gone(&set("main", "good", 32, 3), 33), "gone for longer is no change");
    assert!(life.seen(&set("main", "worse", 40, 3), None, 41));
    assert_eq!((life.state, life.recurrences, life.changed), (State::Recurring, 1, 41));
    assert!(life.gone(&set("main", "better", 50, 3), 51));
    assert_eq!(life.state, State::Fixed);
}

#[test]
fn only_what_is_there_can_be_acknowledged() {
    let mut life = opened();
    assert!(life.acknowledge(false, 12) && !life.acknowledge(false, 13));
    assert!(life.acknowledge(true, 14));
    assert_eq!(life.state, State::Open);
    life.gone(&set("main", "good", 30, 3), 31);
    assert!(!life.acknowledge(false, 32));
    life.seen(&set("main", "", 40, 3), None, 41);
    life.acknowledge(false, 42);
    assert!(life.acknowledge(true, 43));
    assert_eq!(life.state, State::Recurring, "it is what it was before");
}

#[test]
fn old_code_in_another_worktree_does_not_bring_it_back() {
    let mut life = opened();
    life.gone(&set("main", "good", 30, 3), 31);
    assert!(!life.seen(&set("base", "bad", 40, 3), None, 41));
    assert_eq!((life.state, life.last_seen), (State::Fixed, 10));
    assert!(life.seen(&set("base", "new", 50, 3), None, 51), "new code does");
}

#[test]
fn what_was_not_looked_at_decays_and_what_is_fixed_stays() {
    let mut life = opened();
    assert!(!life.decay(11, 100));
    assert!(life.decay(12, 100));
    assert!(!life.decay(12, 101));
    assert!(life.seen(&set("main", "bad", 200, 3), None, 201));
    assert_eq!(life.state, State::Open);
    life.gone(&set("main", "good", 300, 3), 301);
    assert!(!life.decay(1_000, 1_001));
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut life = opened();
    for number in 0..100 {
        let place = number.to_string();
        life.seen(&set(&place, &place, 20 + number, 3), None, 200);
    }
    assert_eq!((life.bad_codes.len(), life.judged.len()), (BAD_CODES_MAX, WORKTREES_MAX));
    assert!(life.is_known_in("99") && !life.is_known_in("bad"));
    assert_eq!((life.judged_until("99"), life.judged_until("0")), (119, i64::MIN));
}

/// A case's own traces, ten seconds apart. Those in which something that happens now and then does come first; `mixed`,
/// they do not.
fn own_traces(case: &Case, mixed: bool) -> Vec<Trace> {
    let mut own: Vec<Trace> = case.traces.iter().filter(|trace| faults::is_own(trace.trace_id)).cloned().collect();
    if mixed && Code::from_name(case.code).is_some_and(is_occasional) {
        own.sort_by_key(|trace| FixedState::with_seed(3).hash_one(trace.trace_id));
    }
    for (number, trace) in own.iter_mut().enumerate() {
        let first = trace.spans.iter().map(|span| span.start.0).min().unwrap_or_default();
        let shift = 10_000_000_000 * number as i64 - first;
        for span in &mut trace.spans {
            span.start.0 += shift;
            span.end = span.end.map(|end| UnixNanos(end.0 + shift));
        }
    }
    own
}

/// The findings with their lives after judging the first executions of each count, all of one state of the code.
fn lives_after(own: &[Trace], looks: &[usize]) -> Vec<(Code, Life)> {
    let mut lives: BTreeMap<(String, Fingerprint), (crate::Finding, Life)> = BTreeMap::new();
    for (now, traces) in looks.iter().map(|&count| &own[..count]).enumerate() {
        let trees = trees(traces);
        let mut operations: BTreeMap<String, Vec<Execution<'_, '_>>> = BTreeMap::new();
        for execution in executions(&trees, EntrySpans::Outermost) {
            operations.entry(execution.tree.span(execution.entry).name.to_string()).or_default().push(execution);
        }
        for (operation, executions) in operations {
            let of = lives.iter().filter(|((of, _), _)| *of == operation);
            let known: Vec<KnownFinding<'_>> = of
                .map(|((_, fingerprint), (finding, life))| KnownFinding {
                    fingerprint: *fingerprint,
                    code: finding.code,
                    saving_nanos: finding.saving_nanos,
                    life,
                })
                .collect();
            for outcome in look(&executions, &known, &DetectorConfig::default(), &|_, _| true, true) {
                let now = now as i64;
                match outcome {
                    FindingOutcome::Opened { finding, set, criteria } => {
                        let life = Life::open(&set, criteria, now);
                        lives.insert((operation.clone(), finding.fingerprint), (*finding, life));
                    }
                    FindingOutcome::Seen { finding, set, prevalence } => {
                        let id = (operation.clone(), finding.fingerprint);
                        let (before, life) = lives.get_mut(&id).unwrap();
                        life.seen(&set, prevalence, now);
                        *before = *finding;
                    }
                    FindingOutcome::Clean { fingerprint, set } => {
                        lives.get_mut(&(operation.clone(), fingerprint)).unwrap().1.clean(&set, now);
                    }
                    FindingOutcome::Gone { fingerprint, set } => {
                        lives.get_mut(&(operation.clone(), fingerprint)).unwrap().1.gone(&set, now);
                    }
                }
            }
        }
    }
    lives.into_values().map(|(finding, life)| (finding.code, life)).collect()
}

#[test]
fn whenever_it_is_looked_at_a_fault_that_is_there_stays_open() {
    // Who holds something shows among executions side by side; here they come one after another.
    for code in faults::codes().into_iter().filter(|code| *code != "held_by") {
        let planted = |case: &Case| case.before.is_empty() && case.truth != Truth::LookAlike;
        for case in faults::cases(code, 3, Ranges::Tuning).into_iter().filter(planted) {
            let own = own_traces(&case, true);
            for cut in (1..own.len()).step_by(own.len().div_ceil(5)) {
                let lives = lives_after(&own, &[cut, own.len()]);
                let is_there = lives.iter().any(|(found, life)| found.name() == code && life.state.is_present());
                assert!(is_there, "{code}: {}: at {cut} and {}", case.name, own.len());
            }
        }
    }
}

#[test]
fn what_happens_now_and_then_is_gone_when_hardly_by_luck() {
    let planted =
        |case: &Case| case.name == "HTTP 503" && matches!(case.truth, Truth::Planted { at_minimum: false, .. });
    let case = faults::cases("retry_storm", 3, Ranges::Tuning).into_iter().find(planted).unwrap();
    let own = own_traces(&case, false);
    let life = |looks: &[usize]| -> Life {
        let lives = lives_after(&own, looks);
        lives.into_iter().find(|(code, _)| *code == Code::RetryStorm).unwrap().1
    };
    let stormy = life(&[own.len()]).prevalence.unwrap().affected as usize;
    assert!(stormy > 5 && own.len() > stormy + 10, "{stormy} of {}", own.len());
    assert_eq!(life(&[stormy, stormy + 3]).state, State::Open);
    assert_eq!(life(&[stormy, own.len()]).state, State::Fixed);
    let looks: Vec<usize> = (stormy..=own.len()).collect();
    let fixed = life(&looks);
    assert_eq!(fixed.state, State::Fixed, "one by one they count together");
    assert!((4..=10).contains(&fixed.repair.unwrap().executions_after));
}
