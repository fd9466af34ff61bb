//! Two sets of executions, before and after a change.

use kino_model::Trace;

use super::PairSuite;
use super::plan::{Scene, Step};

/// The root operation that pairs are about.
pub(super) const ROOT: &str = "POST /work";

pub(super) const SUITES: &[PairSuite] = &[
    PairSuite {
        code: "regression",
        planted: &[
            ("10 % at 5 % noise", |scene, is_least| slower(scene, is_least, 1.10, 0.05)),
            ("15 % at 8 % noise", |scene, is_least| slower(scene, is_least, 1.15, 0.08)),
            ("50 % at 20 % noise", |scene, is_least| slower(scene, is_least, 1.5, 0.2)),
        ],
        look_alikes: &[
            ("no change at 5 % noise", |scene, _| equal(scene)),
            ("no change, heavy tails", |scene, _| pair(scene, 30, [40.0, 40.0], 0.8)),
            ("0.3 %, many executions", |scene, _| pair(scene, 60, [40.0, 40.12], 0.1)),
            ("a cold first execution", cold),
            ("faster", |scene, _| pair(scene, 25, [40.0, 30.0], 0.05)),
        ],
    },
    PairSuite {
        code: "improvement",
        planted: &[
            ("10 % at 5 % noise", |scene, is_least| slower(scene, is_least, 0.9, 0.05)),
            ("40 % at 20 % noise", |scene, is_least| slower(scene, is_least, 0.6, 0.2)),
        ],
        look_alikes: &[
            ("no change at 5 % noise", |scene, _| equal(scene)),
            ("no change, heavy tails", |scene, _| pair(scene, 30, [40.0, 40.0], 0.8)),
            ("slower", |scene, _| pair(scene, 25, [30.0, 40.0], 0.05)),
        ],
    },
    PairSuite {
        code: "structure_changed",
        planted: &[
            ("a call appeared", |scene, is_least| structure(scene, is_least, [None, Some("audit")])),
            ("a call vanished", |scene, is_least| structure(scene, is_least, [Some("audit"), None])),
            ("a call replaced", |scene, is_least| structure(scene, is_least, [Some("audit"), Some("journal")])),
        ],
        look_alikes: &[
            ("a branch that some take", branch),
            ("more calls of the same", more_calls),
            ("slower, nothing else", |scene, _| pair(scene, 10, [30.0, 60.0], 0.05)),
        ],
    },
];

/// A set whose median duration is near `millis`; the noise is that of the whole.
fn set(scene: &mut Scene, count: u64, millis: f64, noise: f64) -> Vec<Trace> {
    scene.sigma = 0.0;
    scene.requests(count, |scene, _| {
        let whole = scene.random.log_normal(millis, noise);
        let steps = vec![Step::work("prepare", 0.3 * whole), Step::work("handle", 0.7 * whole)];
        let root = Step::work("work", 0.01).of(steps);
        Step { name: ROOT.into(), kind: kino_model::SpanKind::Server, ..root }
    })
}

fn pair(scene: &mut Scene, count: u64, millis: [f64; 2], noise: f64) -> [Vec<Trace>; 2] {
    millis.map(|millis| set(scene, count, millis, noise))
}

fn slower(scene: &mut Scene, is_least: bool, ratio: f64, noise: f64) -> [Vec<Trace>; 2] {
    let count = if is_least { 20 } else { scene.between(30, 80) };
    pair(scene, count, [40.0, 40.0 * ratio], noise)
}

pub(super) fn equal(scene: &mut Scene) -> [Vec<Trace>; 2] {
    pair(scene, 20, [40.0, 40.0], 0.05)
}

pub(super) fn slower_tenth(scene: &mut Scene) -> [Vec<Trace>; 2] {
    pair(scene, 20, [40.0, 44.0], 0.05)
}

/// One process on each side, restarted between; its first execution takes many times as long.
fn cold(scene: &mut Scene, _: bool) -> [Vec<Trace>; 2] {
    [1, 2].map(|process| {
        scene.process = process;
        let firsts = u64::from(process == 2);
        let mut traces = set(scene, firsts, 900.0, 0.05);
        traces.extend(set(scene, 20, 40.0, 0.05));
        traces
    })
}

fn structure(scene: &mut Scene, is_least: bool, extra: [Option<&str>; 2]) -> [Vec<Trace>; 2] {
    let count = if is_least { 1 } else { scene.between(3, 30) };
    extra.map(|extra| {
        scene.requests(count, |scene, _| {
            let mut steps = vec![Step::work("prepare", 5.0), Step::work("handle", 10.0)];
            steps.extend(extra.map(|name| Step::work(name, 3.0)));
            scene.request(ROOT, steps)
        })
    })
}

fn branch(scene: &mut Scene, _: bool) -> [Vec<Trace>; 2] {
    [0, 1].map(|_| {
        let mut traces = scene.requests(14, |scene, _| {
            let mut steps = vec![Step::work("prepare", 5.0), Step::work("handle", 10.0)];
            if scene.random.chance(0.4) {
                steps.push(Step::work("audit", 3.0));
            }
            scene.request(ROOT, steps)
        });
        // Each branch is taken at least once.
        for steps in [vec![Step::work("prepare", 5.0)], vec![Step::work("prepare", 5.0), Step::work("audit", 3.0)]] {
            let mut steps = steps;
            steps.push(Step::work("handle", 10.0));
            let request = scene.request(ROOT, steps);
            traces.push(scene.trace(&request));
        }
        traces
    })
}

fn more_calls(scene: &mut Scene, _: bool) -> [Vec<Trace>; 2] {
    [3, 5].map(|calls| {
        scene.requests(10, |scene, _| {
            let steps = (0..calls).map(|_| Step::work("handle", 4.0)).collect();
            scene.request(ROOT, steps)
        })
    })
}
