//! Suspects: which operation most likely makes the difference, and why.
//!
//! Latency alone misleads: an exception or an early return hardly moves it. So an operation is suspected for what
//! changed in structure (it appeared, vanished, fails, throws, is called more or less often) and for its part in the
//! change of the critical path, the gap between a client and its server being the server's.

use kino_model::DurationNanos;

use super::sides::{ExecutionSums, Sides};
use super::{Test, Verdict};
use crate::statistics::quantile_f64;

/// New failures are the strongest reason: their score starts here and grows with the share of failing executions.
const FAILURE_SCORE: f64 = 0.6;
/// Appearing and vanishing come next.
const STRUCTURE_SCORE: f64 = 0.4;
/// A changed number of calls is a weaker reason.
const CALLS_SCORE: f64 = 0.2;
/// A smaller part of the change of the critical path is not worth a line.
const SMALLEST_PART: f64 = 0.05;
/// Without a verdict, time is a reason only if it moved by this part of the whole.
const UNPROVED_PART: f64 = 0.1;

/// A likely cause.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspect {
    /// The service.
    pub service: String,
    /// The span name.
    pub name: String,
    /// 0 to 1.
    pub score: f64,
    /// Why, in numbers.
    pub reason: String,
}

pub(super) fn rank(sides: &Sides<'_>, tests: &[Test], verdict: Verdict) -> Vec<Suspect> {
    if sides.executions.iter().any(Vec::is_empty) {
        return Vec::new();
    }
    let count = sides.operations.len();
    let changes: Vec<Change> = (0..count).map(|operation| Change::new(sides, operation)).collect();
    let whole_before: f64 = changes.iter().map(|change| change.critical[0]).sum();
    let slower: f64 = changes.iter().map(|change| change.moved().max(0.0)).sum();
    let faster: f64 = changes.iter().map(|change| (-change.moved()).max(0.0)).sum();
    let mut suspects = Vec::new();
    for (operation, change) in changes.iter().enumerate() {
        let test = &tests[operation];
        let is_shown = matches!(verdict, Verdict::Faster | Verdict::Slower | Verdict::Mixed)
            || matches!(test.verdict, Verdict::Faster | Verdict::Slower);
        let is_large = verdict == Verdict::TooFewExecutions && change.moved().abs() > UNPROVED_PART * whole_before;
        let mut reasons = Vec::new();
        let mut score = change.structure(&mut reasons);
        let part = change.moved().abs() / if change.moved() > 0.0 { slower } else { faster }.max(1.0);
        // What counts is the movement in the direction of the whole; the other is told only with another reason.
        let against = match verdict {
            Verdict::Faster => change.moved() > 0.0,
            Verdict::Slower => change.moved() <= 0.0,
            Verdict::TooFewExecutions => change.moved() * (slower - faster) < 0.0,
            Verdict::NoDifferenceShown | Verdict::Mixed => false,
        };
        if (is_shown || is_large) && part >= SMALLEST_PART && !against {
            score = score.max(part);
            let [before, after] = change.critical.map(|nanos| DurationNanos(nanos.round() as i64));
            reasons.push(format!(
                "{before} → {after} on the critical path, {:.0} % of the change{}",
                part * 100.0,
                if is_shown { "" } else { " (too few executions to tell from noise)" }
            ));
        }
        if !reasons.is_empty() {
            let (service, name) = sides.operations.name(operation);
            let (service, name) = (service.to_owned(), name.to_owned());
            suspects.push(Suspect { service, name, score: score.min(1.0), reason: reasons.join("; ") });
        }
    }
    suspects.sort_by(|a, b| b.score.total_cmp(&a.score).then((&a.service, &a.name).cmp(&(&b.service, &b.name))));
    suspects
}

/// One operation's figures per execution, before and after.
struct Change {
    /// The median of its time on the critical path.
    critical: [f64; 2],
    /// The share of executions it was called in.
    present: [f64; 2],
    /// The share of executions it failed in.
    failing: [f64; 2],
    /// The share of executions it threw in.
    throwing: [f64; 2],
    /// The median of its calls.
    calls: [f64; 2],
    /// Whether each side's number of calls is the same throughout.
    steady: bool,
}

impl Change {
    fn new(sides: &Sides<'_>, operation: usize) -> Self {
        let sums = |side: usize| sides.executions[side].iter().map(move |it: &ExecutionSums| it.of(operation));
        let median = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            quantile_f64(&values, 0.5)
        };
        let share = |side: usize, is: fn(&super::sides::Sums) -> bool| {
            sums(side).filter(is).count() as f64 / sides.executions[side].len() as f64
        };
        let steady_side = |side: usize| {
            let mut calls = sums(side).map(|it| it.calls);
            let first = calls.next();
            calls.all(|calls| Some(calls) == first)
        };
        Self {
            critical: [0, 1].map(|side| median(sums(side).map(|it| it.critical).collect())),
            present: [0, 1].map(|side| share(side, |it| it.calls > 0)),
            failing: [0, 1].map(|side| share(side, |it| it.errors > 0)),
            throwing: [0, 1].map(|side| share(side, |it| it.exceptions > 0)),
            calls: [0, 1].map(|side| median(sums(side).map(|it| it.calls as f64).collect())),
            steady: steady_side(0) && steady_side(1),
        }
    }

    fn moved(&self) -> f64 {
        self.critical[1] - self.critical[0]
    }

    /// Medians of whole numbers: half a call is the least they can move by.
    fn moved_calls(&self) -> bool {
        (self.calls[1] - self.calls[0]).abs() >= 0.5
    }

    /// Adds the structural reasons; returns the score of the strongest.
    fn structure(&self, reasons: &mut Vec<String>) -> f64 {
        let mut score = 0.0f64;
        let mut percent = |what: &str, [before, after]: [f64; 2], base: f64| {
            let difference = (after - before).abs();
            reasons.push(format!("{what} in {:.0} % of executions, before {:.0} %", after * 100.0, before * 100.0));
            score = score.max(base + (1.0 - base) * difference);
        };
        if self.failing[1] > self.failing[0] {
            percent("fails", self.failing, FAILURE_SCORE);
        } else if self.throwing[1] > self.throwing[0] {
            percent("throws", self.throwing, FAILURE_SCORE);
        }
        match self.present {
            [before, after] if before == 0.0 && after > 0.0 => {
                percent("appeared: called", self.present, STRUCTURE_SCORE);
            }
            [before, after] if after == 0.0 && before > 0.0 => {
                percent("vanished: called", self.present, STRUCTURE_SCORE);
            }
            _ if self.steady && self.moved_calls() => {
                let [before, after] = self.calls;
                reasons.push(format!("{before} → {after} calls an execution"));
                score = score.max(CALLS_SCORE + (1.0 - CALLS_SCORE) * (after - before).abs() / before.max(after) / 2.0);
            }
            _ => {}
        }
        score
    }
}
