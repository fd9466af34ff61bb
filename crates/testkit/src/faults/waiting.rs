//! Executions that wait while others have what they need: pools, locks, limiters; and waits that no single
//! execution causes.
//!
//! Each case is a small simulation: requests come at random, and are served in their order as soon as something is free.
//! How much is asked of it, how many there are of it, and who asks are drawn.

use kino_model::{SpanKind, Trace};

use super::plan::{Scene, Step};
use super::{LookAlike, Planted, Suite};

pub(super) const SUITES: &[Suite] = &[Suite {
    code: "held_by",
    planted: &[
        Planted { name: "a pool, one tenant", subject: "connect", build: pool },
        Planted { name: "a statement's lock, one tenant", subject: "BEGIN", build: statement_lock },
        Planted { name: "a named lock, one tenant", subject: "book", build: named_lock },
        Planted { name: "a limiter, while bulk work runs", subject: "throttle", build: limiter },
    ],
    look_alikes: &[
        LookAlike { name: "a pool that all use alike", build: pool_too_small },
        LookAlike { name: "a pool that most executions' tenant keeps", build: pool_of_most },
        LookAlike { name: "a slow network beside a long job", build: slow_network },
        LookAlike { name: "a limiter that waits at any time", build: limiter_at_any_time },
        LookAlike { name: "long holds and no waits", build: pool_with_room },
    ],
}];

/// The tenant who may hold it for long.
const HEAVY: &str = "halden";
const TENANTS: [&str; 6] = ["acme", "borealis", "cargo", "delta", "echo", "fjord"];

/// Who comes, and what each needs.
struct Load {
    requests: u64,
    /// Milliseconds between two that come, on average.
    every: f64,
    /// The part of the requests that are of [`HEAVY`].
    heavy_part: f64,
    /// How long a request needs what it waits for: those of [`HEAVY`], and others.
    hold: [f64; 2],
    /// How many may have it at once.
    size: usize,
}

/// One request, in milliseconds from the begin of its case.
struct Served {
    tenant: &'static str,
    at: f64,
    wait: f64,
    hold: f64,
}

impl Load {
    /// One in which [`HEAVY`] keeps so much of `size` busy, and the others hardly any.
    fn of_heavy(scene: &mut Scene, is_least: bool, size: usize) -> Self {
        let requests = if is_least { 200 } else { scene.between(250, 500) };
        let (every, heavy_part) = (scene.uniform(20.0, 60.0), scene.uniform(0.08, 0.15));
        let busy = if is_least { 0.6 } else { scene.uniform(0.65, 0.8) };
        let heavy = busy * size as f64 * every / heavy_part;
        Self { requests, every, heavy_part, hold: [heavy, every * scene.uniform(0.05, 0.15)], size }
    }

    /// First come, first served.
    fn serve(&self, scene: &mut Scene) -> Vec<Served> {
        let mut free = vec![0.0f64; self.size];
        let mut at = 0.0;
        let serve = |_| {
            at -= self.every * scene.uniform(1e-9, 1.0).ln();
            let is_heavy = scene.random.chance(self.heavy_part);
            let tenant = if is_heavy { HEAVY } else { *scene.random.pick(&TENANTS) };
            let hold = self.hold[usize::from(!is_heavy)] * scene.uniform(0.5, 1.5);
            let first = (0..free.len()).min_by(|&a, &b| free[a].total_cmp(&free[b])).unwrap_or(0);
            let got = free[first].max(at + 0.2);
            free[first] = got + hold;
            Served { tenant, at, wait: got - at, hold }
        };
        (0..self.requests).map(serve).collect()
    }
}

fn exactly(step: Step) -> Step {
    Step { exact: true, ..step }
}

/// The requests as traces, each at its moment; `body` says what one does while it waits and holds.
fn recorded(scene: &mut Scene, served: &[Served], body: impl Fn(&Served) -> Vec<Step>) -> Vec<Trace> {
    scene.unscaled();
    let traces = served.iter().map(|request| {
        let tail = scene.uniform(0.5, 10.0);
        let step = Step::new("POST /work", SpanKind::Server, tail)
            .with("app.tenant", request.tenant)
            .with("app.region", *scene.random.pick(&["north", "south"]))
            .with("app.parcels", scene.random.below(9) as i64)
            .of(body(request));
        scene.trace_at(request.at, &step)
    });
    traces.collect()
}

fn pooled(request: &Served) -> Vec<Step> {
    vec![
        exactly(Step::client("connect", request.wait).with("db.system.name", "postgresql")),
        Step::sql("SELECT", "SELECT a FROM t WHERE b = $1", 0.3),
        exactly(Step::work("match", (request.hold - 0.3).max(0.0))),
    ]
}

fn pool(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let size = scene.between(1, 4) as usize;
    let served = Load::of_heavy(scene, is_least, size).serve(scene);
    recorded(scene, &served, |request| vec![Step::work("load", 0.0).of(pooled(request))])
}

fn statement_lock(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let served = Load::of_heavy(scene, is_least, 1).serve(scene);
    recorded(scene, &served, |request| {
        vec![
            exactly(Step::sql("BEGIN", "BEGIN IMMEDIATE", request.wait)),
            exactly(Step::work("match", request.hold)),
            Step::sql("COMMIT", "COMMIT", 0.1),
        ]
    })
}

fn named_lock(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let served = Load::of_heavy(scene, is_least, 1).serve(scene);
    recorded(scene, &served, |request| {
        let book = exactly(Step::work("book", request.wait + request.hold))
            .with("kino.lock.name", "accounts")
            .with("kino.lock.wait_nanos", (request.wait * 1e6) as i64);
        vec![book]
    })
}

/// A pool with too few places for what all ask of it.
fn pool_too_small(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let (requests, size, every) = (scene.between(150, 300), scene.between(1, 4), scene.uniform(2.0, 10.0));
    let hold = scene.uniform(0.7, 0.95) * size as f64 * every;
    let load = Load { requests, every, heavy_part: 0.125, hold: [hold; 2], size: size as usize };
    let served = load.serve(scene);
    recorded(scene, &served, pooled)
}

/// Who has it is who there is.
fn pool_of_most(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let (requests, size, every) = (scene.between(150, 300), scene.between(1, 4), scene.uniform(5.0, 20.0));
    let heavy_part = scene.uniform(0.65, 0.85);
    let hold = scene.uniform(0.7, 0.9) * size as f64 * every / heavy_part;
    let served = Load { requests, every, heavy_part, hold: [hold, 0.2 * hold], size: size as usize }.serve(scene);
    recorded(scene, &served, pooled)
}

/// More places than are ever asked for: `connect` takes as long as the network.
fn pool_with_room(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let (every, network) = (scene.uniform(20.0, 60.0), scene.uniform(0.5, 3.0));
    let heavy = 10.0 * every;
    let mut served = Load { requests: 200, every, heavy_part: 0.12, hold: [heavy, 5.0], size: 1_000 }.serve(scene);
    for request in &mut served {
        request.wait = network * scene.uniform(0.8, 1.2);
    }
    recorded(scene, &served, pooled)
}

fn slow_network(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let (every, network) = (scene.uniform(40.0, 120.0), scene.uniform(20.0, 80.0));
    let mut served = Load { requests: 150, every, heavy_part: 0.12, hold: [6.0; 2], size: 1_000 }.serve(scene);
    for request in &mut served {
        request.wait = network * scene.uniform(1.0, 1.25);
    }
    let end = served.last().map_or(0.0, |last| last.at);
    let mut traces = recorded(scene, &served, pooled);
    let from = end * scene.uniform(0.0, 0.4);
    let job = exactly(Step::work("nightly", end * scene.uniform(0.3, 0.6))).with("app.tenant", HEAVY);
    traces.push(scene.trace_at(from, &job));
    traces
}

/// Requests that wait in `throttle`: while bulk work runs, or one in four at any time.
fn limited(scene: &mut Scene, is_least: bool, is_caused: bool) -> Vec<Trace> {
    let (requests, bulks) = if is_least { (250, 12) } else { (scene.between(300, 500), scene.between(14, 20)) };
    let (length, long) = (scene.uniform(250.0, 350.0), scene.uniform(60.0, 90.0));
    let whole = bulks as f64 * length * scene.uniform(3.0, 4.0);
    scene.unscaled();
    let starts: Vec<f64> = (0..bulks).map(|_| whole * scene.random.unit()).collect();
    let mut traces = Vec::new();
    for &start in &starts {
        let bulk = exactly(Step::new("GET /sync", SpanKind::Server, length)).with("app.plan", "bulk");
        traces.push(scene.trace_at(start, &bulk));
    }
    for _ in 0..requests {
        let at = whole * scene.random.unit();
        let meanwhile = starts.iter().any(|&start| at > start && at < start + length);
        let is_slow = if is_caused { meanwhile } else { scene.random.chance(0.25) };
        let wait = if is_slow { long * scene.uniform(0.8, 1.4) } else { 0.1 };
        let throttle = exactly(Step::work("throttle", wait));
        let request = Step::new("GET /rate", SpanKind::Server, 8.0).with("app.plan", "free").of(vec![throttle]);
        traces.push(scene.trace_at(at, &request));
    }
    traces
}

fn limiter(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    limited(scene, is_least, true)
}

fn limiter_at_any_time(scene: &mut Scene, _: bool) -> Vec<Trace> {
    limited(scene, false, false)
}
