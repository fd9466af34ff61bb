//! Caches, locks and memory.

use kino_model::{Attributes, SpanKind, Trace, Value, thin_vec};

use super::plan::{Scene, Step};
use super::{LookAlike, Planted, Suite};

pub(super) const SUITES: &[Suite] = &[
    Suite {
        code: "cache_ineffective",
        planted: &[
            Planted { name: "keys that come again", subject: "price cache", build: few_hits },
            Planted { name: "without keys", subject: "price cache", build: few_hits_no_keys },
        ],
        look_alikes: &[
            LookAlike { name: "mostly hits", build: mostly_hits },
            LookAlike { name: "still cold", build: still_cold },
            LookAlike { name: "nineteen look-ups", build: few_lookups },
            LookAlike { name: "each key once or twice", build: barely_warm },
        ],
    },
    Suite {
        code: "cache_key_collision",
        planted: &[Planted { name: "key without its tenant", subject: "price cache", build: collision }],
        look_alikes: &[
            LookAlike { name: "one input each", build: one_input_each },
            LookAlike { name: "never answered from it", build: collision_without_hits },
            LookAlike { name: "two caches, same keys", build: two_caches },
        ],
    },
    Suite {
        code: "lock_contention",
        planted: &[
            Planted { name: "on spans", subject: "update stock", build: waits_on_spans },
            Planted { name: "on events", subject: "update stock", build: waits_on_events },
        ],
        look_alikes: &[
            LookAlike { name: "short waits", build: short_waits },
            LookAlike { name: "off the critical path", build: waits_beside },
            LookAlike { name: "long holds, no waits", build: holds },
            LookAlike { name: "in two executions", build: two_waits },
        ],
    },
    Suite {
        code: "deadlock",
        planted: &[
            Planted { name: "two", subject: "POST /work", build: circle_of_two },
            Planted { name: "several", subject: "POST /work", build: circle_of_several },
        ],
        look_alikes: &[
            LookAlike { name: "a queue", build: queue },
            LookAlike { name: "a circle that resolved", build: resolved_circle },
        ],
    },
    Suite {
        code: "memory_growth",
        planted: &[
            Planted { name: "by execution", subject: "POST /work", build: leak },
            Planted { name: "with collections", subject: "POST /work", build: leak_with_collections },
        ],
        look_alikes: &[
            LookAlike { name: "steady", build: steady },
            LookAlike { name: "warms up, then level", build: warm_up },
            LookAlike { name: "collected again and again", build: sawtooth },
            LookAlike { name: "follows the input", build: follows_input },
            LookAlike { name: "several processes, each steady", build: several_processes },
            LookAlike { name: "a random walk that returns", build: mean_reverting },
        ],
    },
];

/// A look-up, and what a miss costs.
fn lookup(hit: bool, key: Option<String>, input: Option<String>) -> Step {
    let mut step = Step::work("price cache", if hit { 0.3 } else { 4.0 }).with("kino.cache.hit", hit);
    if let Some(key) = key {
        step = step.with("kino.cache.key", key);
    }
    if let Some(input) = input {
        step = step.with("kino.cache.input", input);
    }
    step
}

/// Look-ups, two an execution, each made by `make` from its number.
fn lookups(scene: &mut Scene, count: u64, mut make: impl FnMut(&mut Scene, u64) -> Step) -> Vec<Trace> {
    scene.requests(count.div_ceil(2), |scene, number| {
        let steps = (2 * number..(2 * number + 2).min(count)).map(|lookup| make(scene, lookup)).collect();
        scene.request("POST /work", steps)
    })
}

fn few_hits(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let count = if is_least { 20 } else { scene.between(60, 200) };
    let (keys, rate) = (scene.between(2, 5), scene.uniform(0.0, 0.25));
    lookups(scene, count, |scene, number| {
        let hit = number >= keys && scene.random.chance(rate);
        lookup(hit, Some(format!("price:{}", number % keys)), None)
    })
}

fn few_hits_no_keys(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let count = if is_least { 20 } else { scene.between(60, 200) };
    let rate = scene.uniform(0.0, 0.25);
    lookups(scene, count, |scene, _| lookup(scene.random.chance(rate), None, None))
}

fn mostly_hits(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let keys = scene.between(5, 20);
    lookups(scene, 150, |_, number| lookup(number >= keys, Some(format!("price:{}", number % keys)), None))
}

fn still_cold(scene: &mut Scene, _: bool) -> Vec<Trace> {
    lookups(scene, 60, |_, number| lookup(false, Some(format!("price:{number}")), None))
}

fn few_lookups(scene: &mut Scene, _: bool) -> Vec<Trace> {
    lookups(scene, 19, |_, number| lookup(false, Some(format!("price:{}", number % 3)), None))
}

fn barely_warm(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let mut seen = std::collections::BTreeSet::new();
    lookups(scene, 80, |scene, _| {
        let key = scene.random.below(90);
        lookup(!seen.insert(key), Some(format!("price:{key}")), None)
    })
}

fn collision(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let count = if is_least { 2 } else { scene.between(20, 80) };
    lookups(scene, count, |_, number| {
        let key = format!("price:{}", if is_least { 0 } else { number % 5 });
        lookup(
            number >= count.min(5).min(count / 2),
            Some(key),
            Some(format!("tenant {} item {}", number % 3, number % 5)),
        )
    })
}

fn one_input_each(scene: &mut Scene, _: bool) -> Vec<Trace> {
    lookups(scene, 60, |_, number| {
        lookup(number >= 10, Some(format!("price:{}", number % 10)), Some(format!("item {}", number % 10)))
    })
}

fn collision_without_hits(scene: &mut Scene, _: bool) -> Vec<Trace> {
    lookups(scene, 40, |_, number| lookup(false, Some("price".to_owned()), Some(format!("item {number}"))))
}

fn two_caches(scene: &mut Scene, _: bool) -> Vec<Trace> {
    lookups(scene, 60, |_, number| {
        let step = lookup(
            number >= 10,
            Some(format!("{}", number / 2 % 5)),
            Some(format!("of {} {}", number % 2, number / 2 % 5)),
        );
        Step { name: if number % 2 == 0 { "price cache".into() } else { "stock cache".into() }, ..step }
    })
}

fn update(scene: &mut Scene, wait_millis: f64, on_event: bool) -> Step {
    let wait = scene.random.log_normal(wait_millis, 0.3);
    let lock: Attributes = thin_vec![
        ("kino.lock.name".into(), Value::from("stock")),
        ("kino.lock.wait_nanos".into(), Value::Int((wait * 1e6) as i64)),
    ];
    let mut step = Step { exact: true, ..Step::work("update stock", wait + 5.0) };
    if on_event {
        step.events.push(("lock acquired", lock));
    } else {
        step.attributes.extend(lock);
    }
    step
}

/// Times of this suite are the locks' own, in real milliseconds; the rest of a request takes about 45.
fn waiting(scene: &mut Scene, executions: u64, wait: f64, on_event: bool) -> Vec<Trace> {
    scene.requests(executions, |scene, _| {
        let update = update(scene, wait, on_event);
        scene.request("POST /work", vec![Step::work("prepare", 30.0), update])
    })
}

fn waits_on_spans(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    scene.unscaled();
    let executions = if is_least { 3 } else { scene.between(8, 30) };
    waiting(scene, executions, if is_least { 8.0 } else { 25.0 }, false)
}

fn waits_on_events(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    scene.unscaled();
    let executions = if is_least { 3 } else { scene.between(8, 30) };
    waiting(scene, executions, if is_least { 8.0 } else { 25.0 }, true)
}

fn short_waits(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.unscaled();
    waiting(scene, 25, 0.4, false)
}

fn waits_beside(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.unscaled();
    scene.requests(20, |scene, _| {
        let update = update(scene, 20.0, false);
        let fan = Step::work("both", 0.2).of(vec![Step::client("GET", 150.0), update]).together();
        scene.request("POST /work", vec![fan])
    })
}

fn holds(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.requests(20, |scene, _| {
        let step =
            Step::work("update stock", 30.0).with("kino.lock.name", "stock").with("kino.lock.wait_nanos", 1_000i64);
        scene.request("POST /work", vec![step])
    })
}

fn two_waits(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.unscaled();
    scene.requests(20, |scene, number| {
        let wait = if number < 2 { 40.0 } else { 0.05 };
        let update = update(scene, wait, false);
        scene.request("POST /work", vec![Step::work("prepare", 30.0), update])
    })
}

fn waiter(owner: usize, holder: usize, open: bool) -> Step {
    let step = Step::work("lock", 20.0)
        .with("kino.lock.name", format!("lock {}", char::from(b'a' + (holder % 26) as u8)))
        .with("kino.lock.owner", format!("task {owner}"))
        .with("kino.lock.holder", format!("task {holder}"));
    Step { open, ..step }
}

fn waiters(scene: &mut Scene, holders: &[usize], open: bool) -> Vec<Trace> {
    let before = scene.between(2, 10);
    let mut traces = scene.requests(before, |scene, _| scene.request("POST /work", vec![Step::work("prepare", 5.0)]));
    traces.extend(scene.requests(holders.len() as u64, |scene, owner| {
        let step = waiter(owner as usize, holders[owner as usize], open);
        let request = scene.request("POST /work", vec![step]);
        Step { open, ..request }
    }));
    traces
}

fn circle_of_two(scene: &mut Scene, _: bool) -> Vec<Trace> {
    waiters(scene, &[1, 0], true)
}

fn circle_of_several(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let count = if is_least { 3 } else { scene.between(4, 9) as usize };
    let holders: Vec<usize> = (0..count).map(|owner| (owner + 1) % count).collect();
    waiters(scene, &holders, true)
}

fn queue(scene: &mut Scene, _: bool) -> Vec<Trace> {
    waiters(scene, &[9, 0, 1, 2, 3], true)
}

fn resolved_circle(scene: &mut Scene, _: bool) -> Vec<Trace> {
    waiters(scene, &[1, 0], false)
}

const MEBIBYTE: f64 = 1_048_576.0;

/// Executions of one process, with the memory it has after each.
fn memory(scene: &mut Scene, count: u64, mut mebibytes: impl FnMut(&mut Scene, u64) -> (f64, i64)) -> Vec<Trace> {
    scene.process = 1 + scene.random.below(30_000);
    scene.requests(count, |scene, number| {
        let (used, input) = mebibytes(scene, number);
        let mut request = scene.request("POST /work", vec![Step::work("handle", 10.0).with("app.rows", input)]);
        request.kind = SpanKind::Server;
        request.with("process.memory.usage", (used * MEBIBYTE) as i64)
    })
}

fn leak(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let count = if is_least { 30 } else { scene.between(60, 300) };
    let (first, noise) = (scene.uniform(80.0, 300.0), scene.uniform(0.002, 0.03));
    let growth = if is_least { 0.35 } else { scene.uniform(0.5, 3.0) };
    memory(scene, count, |scene, number| {
        let level = first * (1.0 + growth * number as f64 / count as f64);
        (scene.random.log_normal(level, noise), scene.random.below(1_000) as i64)
    })
}

fn leak_with_collections(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let count = if is_least { 30 } else { scene.between(60, 300) };
    let (first, tooth) = (scene.uniform(80.0, 300.0), scene.between(4, 7));
    let growth = if is_least { 0.6 } else { scene.uniform(0.8, 3.0) };
    memory(scene, count, |scene, number| {
        let level = first * (1.0 + growth * number as f64 / count as f64);
        let garbage = 0.15 * first * (number % tooth) as f64 / tooth as f64;
        (scene.random.log_normal(level + garbage, 0.01), 1)
    })
}

fn steady(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let (first, noise) = (scene.uniform(80.0, 300.0), scene.uniform(0.002, 0.15));
    memory(scene, 80, |scene, _| (scene.random.log_normal(first, noise), 1))
}

fn warm_up(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let (first, grown) = (scene.uniform(80.0, 200.0), scene.uniform(0.5, 2.0));
    let warm = scene.uniform(4.0, 12.0);
    memory(scene, 100, |scene, number| {
        let level = first * (1.0 + grown * (1.0 - (-(number as f64) / warm).exp()));
        (scene.random.log_normal(level, 0.01), 1)
    })
}

fn sawtooth(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let (first, tooth) = (scene.uniform(80.0, 300.0), scene.between(5, 25));
    memory(scene, 100, |scene, number| {
        let level = first * (1.0 + 1.5 * (number % tooth) as f64 / tooth as f64);
        (scene.random.log_normal(level, 0.02), 1)
    })
}

fn follows_input(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let first = scene.uniform(80.0, 300.0);
    memory(scene, 60, |scene, _| {
        let rows = scene.random.below(1_000) as i64;
        (scene.random.log_normal(first * (1.0 + rows as f64 / 1_000.0), 0.01), rows)
    })
}

fn several_processes(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let mut traces = Vec::new();
    for process in 0..4u32 {
        let first = 80.0 * (1.0 + f64::from(process) * 0.6);
        traces.extend(memory(scene, 35, |scene, _| (scene.random.log_normal(first, 0.02), 1)));
    }
    traces
}

fn mean_reverting(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let first = scene.uniform(80.0, 300.0);
    let mut off = 0.0;
    memory(scene, 120, |scene, _| {
        off = 0.8 * off + scene.random.log_normal(1.0, 0.08).ln();
        (first * (1.0 + off), 1)
    })
}
