//! Where time goes, how it grows, and traces that are not whole.

use kino_model::{SpanId, SpanKind, Trace};

use super::plan::{Scene, Step};
use super::{LookAlike, Planted, Suite};

pub(super) const SUITES: &[Suite] = &[
    Suite {
        code: "bottleneck",
        planted: &[
            Planted { name: "one long call", subject: "GET report", build: one_long_call },
            Planted { name: "many short ones", subject: "transform", build: many_short },
        ],
        look_alikes: &[
            LookAlike { name: "an even spread", build: even_spread },
            LookAlike { name: "long, but off the critical path", build: beside },
            LookAlike { name: "in half of the executions", build: long_sometimes },
            LookAlike { name: "two executions", build: two_executions },
        ],
    },
    Suite {
        code: "dead_time",
        planted: &[Planted { name: "between calls", subject: "handle", build: silent_stretch }],
        look_alikes: &[
            LookAlike { name: "small gaps", build: small_gaps },
            LookAlike { name: "what a request computes", build: computing },
            LookAlike { name: "work of a leaf", build: leaf_work },
            LookAlike { name: "waiting for the other side", build: network },
            LookAlike { name: "once in a while", build: silent_sometimes },
        ],
    },
    Suite {
        code: "latency_grows_with_input",
        planted: &[
            Planted { name: "linear", subject: "POST /work", build: linear },
            Planted { name: "quadratic", subject: "POST /work", build: quadratic },
        ],
        look_alikes: &[
            LookAlike { name: "unrelated numbers", build: no_growth },
            LookAlike { name: "inputs too alike", build: narrow },
            LookAlike { name: "shrinks", build: shrinks },
            LookAlike { name: "a count of the result", build: result_count },
            LookAlike { name: "heavy tails", build: heavy_tails },
            LookAlike { name: "one outlier", build: one_outlier },
        ],
    },
    Suite {
        code: "clock_skew",
        planted: &[
            Planted { name: "behind", subject: "POST /work", build: behind },
            Planted { name: "ahead", subject: "POST /work", build: ahead },
        ],
        look_alikes: &[
            LookAlike { name: "slow network", build: slow_network },
            LookAlike { name: "response ends after the client has it", build: late_end },
            LookAlike { name: "goes on after the client left", build: goes_on },
        ],
    },
    Suite {
        code: "broken_trace",
        planted: &[
            Planted { name: "missing parents", subject: "POST /work", build: missing_parents },
            Planted { name: "requests under one id", subject: "POST /work", build: one_id },
            Planted { name: "spans that never end", subject: "POST /work", build: never_ends },
        ],
        look_alikes: &[
            LookAlike { name: "continues a silent caller", build: silent_caller },
            LookAlike { name: "still running", build: still_running },
            LookAlike { name: "handled after the root ended", build: after_root },
            LookAlike { name: "a client's two requests", build: two_roots },
        ],
    },
];

fn executions(scene: &mut Scene, is_least: bool, least: u64) -> u64 {
    if is_least { least } else { scene.between(3 * least, 10 * least) }
}

fn even(each: f64) -> Vec<Step> {
    ["parse", "check", "load", "price", "save", "render"].iter().map(|name| Step::work(name, each)).collect()
}

fn named(name: &str, millis: f64) -> Step {
    Step { name: name.into(), ..Step::http("GET", "http://reports:8080/v1/report/7", millis) }
}

fn one_long_call(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let count = executions(scene, is_least, 3);
    // Beside 30 ms of other work; half of it is well more than the least that counts, which is a time for people.
    if is_least {
        scene.unscaled();
    }
    let millis = if is_least { 34.0 } else { scene.uniform(40.0, 200.0) };
    scene.requests(count, |scene, _| {
        let mut steps = even(5.0);
        steps.insert(3, named("GET report", millis));
        scene.request("POST /work", steps)
    })
}

fn many_short(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let count = executions(scene, is_least, 3);
    let calls = if is_least { 12 } else { scene.between(16, 60) };
    if is_least {
        scene.unscaled();
    }
    scene.requests(count, |scene, _| {
        let mut steps = even(5.0);
        steps.extend((0..calls).map(|_| Step::work("transform", 2.5)));
        scene.request("POST /work", steps)
    })
}

fn even_spread(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let (count, each) = (scene.between(10, 30), scene.uniform(3.0, 20.0));
    scene.requests(count, |scene, _| {
        let steps = even(each);
        scene.request("POST /work", steps)
    })
}

fn beside(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.sigma = scene.sigma.min(0.2);
    scene.requests(15, |scene, _| {
        let chain = Step::work("chain", 0.1).of(even(10.0));
        let fan = Step::work("both", 0.1).of(vec![chain, named("GET report", 25.0)]).together();
        scene.request("POST /work", vec![fan])
    })
}

fn long_sometimes(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.requests(20, |scene, number| {
        let mut steps = even(6.0);
        if number % 2 == 0 {
            steps.push(named("GET report", 60.0));
        }
        scene.request("POST /work", steps)
    })
}

fn two_executions(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.requests(2, |scene, _| {
        let steps = vec![named("GET report", 60.0)];
        scene.request("POST /work", steps)
    })
}

fn handle(scene: &mut Scene, silent: f64, each: f64) -> Step {
    let mut steps = even(each);
    steps[3].pause = silent;
    scene.request("POST /work", vec![Step::work("handle", 0.3).of(steps)])
}

fn silent_stretch(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let count = executions(scene, is_least, 3);
    // Longer than the least that counts, which is a time for people, by what durations vary.
    if is_least {
        scene.unscaled();
    }
    let silent = if is_least { 150.0 } else { scene.uniform(200.0, 600.0) };
    scene.requests(count, |scene, _| handle(scene, silent, 5.0))
}

fn small_gaps(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.requests(20, |scene, _| handle(scene, 3.0, 5.0))
}

fn computing(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.unscaled();
    scene.requests(20, |scene, _| handle(scene, 35.0, 5.0))
}

fn leaf_work(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.requests(20, |scene, _| {
        let steps = vec![Step::work("compress", 80.0), Step::work("save", 3.0)];
        scene.request("POST /work", vec![Step::work("handle", 0.3).of(steps)])
    })
}

fn server_below(millis: f64, network: f64) -> Step {
    let server =
        Step { service: "reports", pause: network / 2.0, ..Step::new("GET /report", SpanKind::Server, millis) };
    Step { millis: network / 2.0, ..named("GET report", 0.0) }.of(vec![server])
}

fn network(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.requests(20, |scene, _| {
        let steps = vec![server_below(5.0, 60.0), Step::work("save", 3.0)];
        scene.request("POST /work", vec![Step::work("handle", 0.3).of(steps)])
    })
}

fn silent_sometimes(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.requests(20, |scene, number| handle(scene, if number % 4 == 0 { 400.0 } else { 1.0 }, 5.0))
}

fn inputs(scene: &mut Scene, count: u64, spread: f64, millis: impl Fn(f64) -> f64) -> Vec<Trace> {
    scene.sigma = scene.sigma.min(0.25);
    scene.requests(count, |scene, _| {
        let bytes = 1_000.0 * (spread * scene.random.unit()).exp();
        let items = scene.random.below(1_000) as i64;
        let step = Step::work("handle", millis(bytes)).with("app.diff_bytes", bytes as i64).with("app.items", items);
        scene.request("POST /work", vec![step])
    })
}

fn growing(scene: &mut Scene, is_least: bool, millis: fn(f64) -> f64) -> Vec<Trace> {
    let count = if is_least { 20 } else { scene.between(50, 200) };
    let spread = if is_least { 3.0 } else { scene.uniform(3.5, 6.0) };
    inputs(scene, count, spread, millis)
}

fn linear(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    growing(scene, is_least, |bytes| 2.0 + bytes / 500.0)
}

fn quadratic(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    growing(scene, is_least, |bytes| 5.0 + (bytes / 1_000.0).powi(2))
}

fn no_growth(scene: &mut Scene, _: bool) -> Vec<Trace> {
    inputs(scene, 100, 5.0, |_| 40.0)
}

fn narrow(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.requests(60, |scene, _| {
        let bytes = 1_000.0 * (1.0 + scene.random.unit());
        let step = Step::work("handle", bytes / 50.0).with("app.diff_bytes", bytes as i64);
        scene.request("POST /work", vec![step])
    })
}

fn shrinks(scene: &mut Scene, _: bool) -> Vec<Trace> {
    inputs(scene, 80, 4.0, |bytes| 400_000.0 / (bytes + 2_000.0))
}

fn result_count(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.requests(80, |scene, _| {
        let rows = 10.0 * (4.0 * scene.random.unit()).exp();
        let step = Step::work("handle", rows).with("app.result.rows", rows as i64);
        scene.request("POST /work", vec![step])
    })
}

fn heavy_tails(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.requests(80, |scene, _| {
        let items = (10.0 * (5.0 * scene.random.unit()).exp()) as i64;
        let millis = scene.random.log_normal(30.0, 1.0);
        scene.request("POST /work", vec![Step::work("handle", millis).with("app.items", items)])
    })
}

fn one_outlier(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.requests(60, |scene, number| {
        let (bytes, millis) =
            if number == 30 { (900_000, 900.0) } else { (1_000 + scene.random.below(9_000) as i64, 30.0) };
        scene.request("POST /work", vec![Step::work("handle", millis).with("app.diff_bytes", bytes)])
    })
}

fn skewed(scene: &mut Scene, is_least: bool, sign: f64) -> Vec<Trace> {
    let count = executions(scene, is_least, 3);
    let off = sign * if is_least { 60.0 } else { scene.uniform(100.0, 5_000.0) };
    scene.unscaled();
    scene.requests(count, |scene, _| {
        let mut call = server_below(8.0, 2.0);
        call.children[0].skew = off;
        scene.request("POST /work", vec![Step::work("prepare", 5.0), call])
    })
}

fn behind(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    skewed(scene, is_least, -1.0)
}

fn ahead(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    skewed(scene, is_least, 1.0)
}

fn slow_network(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.requests(20, |scene, _| {
        let steps = vec![Step::work("prepare", 5.0), server_below(8.0, 80.0)];
        scene.request("POST /work", steps)
    })
}

fn late_end(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.requests(20, |scene, _| {
        let mut call = server_below(8.0, 3.0);
        // The server writes its log after the last byte went out: it ends later than the client, yet is shorter.
        call.ends_after = Some(8.0 + scene.uniform(0.2, 0.4));
        call.children[0].millis = 7.5 + scene.uniform(0.0, 0.4);
        call.children[0].exact = true;
        scene.request("POST /work", vec![Step::work("prepare", 5.0), call])
    })
}

fn goes_on(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.requests(20, |scene, _| {
        let mut call = server_below(80.0, 3.0);
        call.ends_after = Some(20.0);
        scene.request("POST /work", vec![Step::work("prepare", 5.0), call])
    })
}

fn whole(scene: &mut Scene, count: u64) -> Vec<Trace> {
    scene.requests(count, |scene, _| {
        let steps = vec![Step::work("prepare", 5.0), Step::work("handle", 10.0).of(even(2.0))];
        scene.request("POST /work", steps)
    })
}

fn missing_parents(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let (broken, count) = if is_least { (1, 1) } else { (scene.between(2, 10), 20) };
    let mut traces = whole(scene, count);
    for trace in traces.iter_mut().take(broken as usize) {
        trace.spans.retain(|span| span.name != "handle");
    }
    traces
}

fn one_id(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let requests = if is_least { 3 } else { scene.between(4, 12) };
    let roots: Vec<Step> =
        (0..requests).map(|_| scene.request("POST /work", vec![Step::work("prepare", 5.0)])).collect();
    vec![scene.trace_of(&roots)]
}

fn never_ends(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let (open, count) = if is_least { (1, 1) } else { (scene.between(2, 10), 20) };
    scene.requests(count, |scene, number| {
        let fetch = Step { open: number < open, ..Step::client("GET", 5.0) };
        scene.request("POST /work", vec![fetch, Step::work("save", 5.0)])
    })
}

fn silent_caller(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let mut traces = whole(scene, 15);
    for trace in &mut traces {
        trace.spans[0].parent_span_id = Some(SpanId([7; 8]));
    }
    traces
}

fn still_running(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let mut traces = whole(scene, 6);
    let running = scene.request("POST /work", vec![Step { open: true, ..Step::work("handle", 5.0) }]);
    traces.push(scene.trace(&Step { open: true, ..running }));
    traces
}

fn after_root(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.requests(12, |scene, _| {
        let handle = Step::new("process order", SpanKind::Consumer, 900.0).after(50.0);
        let send = Step { ends_after: Some(2.0), ..Step::new("send order", SpanKind::Producer, 1.0).of(vec![handle]) };
        let request = scene.request("POST /work", vec![Step::work("prepare", 5.0), send]);
        Step { ends_after: Some(30.0), ..request }
    })
}

fn two_roots(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let traces = (0..8).map(|_| {
        let roots = [0, 1].map(|_| scene.request("POST /work", vec![Step::work("prepare", 5.0)]));
        scene.trace_of(&roots)
    });
    traces.collect()
}
