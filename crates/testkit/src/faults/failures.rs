//! Timeouts, refusals, exceptions, and what differs in executions that fail.

use kino_model::Trace;

use super::plan::{Scene, Step};
use super::{LookAlike, Planted, Suite};

pub(super) const SUITES: &[Suite] = &[
    Suite {
        code: "timeout_cluster",
        planted: &[
            Planted { name: "by exception", subject: "GET", build: timeouts_by_exception },
            Planted { name: "by status", subject: "GET", build: timeouts_by_status },
        ],
        look_alikes: &[
            LookAlike { name: "failures of other kinds", build: other_failures },
            LookAlike { name: "long, but well", build: long_but_well },
            LookAlike { name: "limits all over", build: limits_all_over },
            LookAlike { name: "wanted by a passing test", build: timeouts_in_test },
            LookAlike { name: "two", build: two_timeouts },
        ],
    },
    Suite {
        code: "timeout_budget_exceeded",
        planted: &[Planted { name: "child goes on", subject: "compute", build: child_goes_on }],
        look_alikes: &[
            LookAlike { name: "child ends with its caller", build: child_ends_too },
            LookAlike { name: "left behind on purpose", build: left_behind },
            LookAlike { name: "message handled later", build: handled_later },
        ],
    },
    Suite {
        code: "rate_limited",
        planted: &[
            Planted { name: "HTTP 429", subject: "POST", build: http_429 },
            Planted { name: "gRPC resource exhausted", subject: "prices.v1.Prices/Get", build: grpc_8 },
            Planted { name: "by exception", subject: "chat gpt-5-mini", build: limit_by_exception },
        ],
        look_alikes: &[
            LookAlike { name: "HTTP 503", build: http_503 },
            LookAlike { name: "two refusals", build: two_refusals },
            LookAlike { name: "message too large", build: message_too_large },
            LookAlike { name: "wanted by a passing test", build: refusals_in_test },
        ],
    },
    Suite {
        code: "error_cluster",
        planted: &[
            Planted { name: "with stack", subject: "charge", build: errors_with_stack },
            Planted { name: "by message", subject: "charge", build: errors_by_message },
        ],
        look_alikes: &[
            LookAlike { name: "all different", build: errors_all_different },
            LookAlike { name: "handled", build: errors_handled },
            LookAlike { name: "wanted by a passing test", build: errors_in_test },
            LookAlike { name: "two, seen in each layer", build: errors_in_layers },
        ],
    },
    Suite {
        code: "what_differs",
        planted: &[
            Planted { name: "number above a threshold", subject: "POST /work", build: differs_by_number },
            Planted { name: "value", subject: "POST /work", build: differs_by_value },
            Planted { name: "slow above a threshold", subject: "POST /work", build: slow_by_number },
        ],
        look_alikes: &[
            LookAlike { name: "failures at random", build: fails_at_random },
            LookAlike { name: "slow at random", build: slow_at_random },
            LookAlike { name: "an attribute of the outcome", build: outcome_as_attribute },
            LookAlike { name: "four failures", build: four_failures },
        ],
    },
];

/// Makes `executions` traces, the first or every n-th of which (in shuffled order) do `bad` after their preparation.
fn mixed(
    scene: &mut Scene,
    bad: u64,
    executions: u64,
    mut step: impl FnMut(&mut Scene, bool) -> Vec<Step>,
) -> Vec<Trace> {
    let mut is_bad: Vec<bool> = (0..executions).map(|number| number < bad).collect();
    for at in (1..is_bad.len()).rev() {
        let other = scene.random.below(at as u64 + 1) as usize;
        is_bad.swap(at, other);
    }
    scene.requests(executions, |scene, number| {
        let mut steps = vec![Step::work("prepare", 5.0)];
        steps.extend(step(scene, is_bad[number as usize]));
        scene.request("POST /work", steps)
    })
}

/// The number of bad executions and of all.
fn sizes(scene: &mut Scene, is_least: bool, least_bad: u64, least: u64) -> (u64, u64) {
    if is_least {
        (least_bad, least)
    } else {
        (scene.between(2 * least_bad, 3 * least_bad), scene.between(2 * least, 4 * least))
    }
}

fn get(millis: f64) -> Step {
    Step::http("GET", "http://reports:8080/v1/report/7", millis)
}

fn limited(millis: f64) -> Step {
    Step { exact: true, ..get(millis) }
}

fn timeouts_by_exception(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let (bad, all) = sizes(scene, is_least, 3, 15);
    mixed(scene, bad, all, |scene, is_bad| {
        let millis = 500.0 + scene.uniform(0.0, 5.0);
        vec![if is_bad { limited(millis).raising("ReadTimeout", "timed out", "") } else { get(40.0) }]
    })
}

fn timeouts_by_status(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let (bad, all) = sizes(scene, is_least, 3, 15);
    mixed(scene, bad, all, |scene, is_bad| {
        let millis = 500.0 + scene.uniform(0.0, 5.0);
        vec![if is_bad { limited(millis).failed().with("http.response.status_code", 504i64) } else { get(40.0) }]
    })
}

fn other_failures(scene: &mut Scene, _: bool) -> Vec<Trace> {
    mixed(scene, 8, 30, |_, is_bad| {
        vec![if is_bad { limited(500.0).raising("ConnectionReset", "connection reset by peer", "") } else { get(40.0) }]
    })
}

fn long_but_well(scene: &mut Scene, _: bool) -> Vec<Trace> {
    mixed(scene, 8, 30, |_, is_bad| vec![if is_bad { limited(500.0) } else { get(40.0) }])
}

fn limits_all_over(scene: &mut Scene, _: bool) -> Vec<Trace> {
    mixed(scene, 10, 30, |scene, is_bad| {
        let millis = (scene.uniform(0.0, 4.0)).exp() * 20.0;
        vec![if is_bad { limited(millis).raising("DeadlineExceeded", "deadline exceeded", "") } else { get(40.0) }]
    })
}

fn in_test(scene: &mut Scene, step: &Step) -> Vec<Trace> {
    scene.requests(8, |_, _| {
        Step::work("refuses", 1.0).with("test.case.name", "refuses").of(vec![Step::work("prepare", 5.0), step.clone()])
    })
}

fn timeouts_in_test(scene: &mut Scene, _: bool) -> Vec<Trace> {
    in_test(scene, &limited(500.0).raising("ReadTimeout", "timed out", ""))
}

fn two_timeouts(scene: &mut Scene, _: bool) -> Vec<Trace> {
    mixed(scene, 2, 30, |_, is_bad| {
        vec![if is_bad { limited(500.0).raising("ReadTimeout", "timed out", "") } else { get(40.0) }]
    })
}

/// A call that gives up, over work that takes `millis`.
fn caller(scene: &mut Scene, is_bad: bool, millis: f64, callee: impl Fn(Step) -> Step) -> Vec<Step> {
    let spread = scene.uniform(0.9, 1.1);
    let inner = Step { service: "reports", ..Step::work("compute", if is_bad { millis * spread } else { 20.0 }) };
    let call = get(1.0).of(vec![callee(inner)]);
    vec![if is_bad { Step { ends_after: Some(200.0), ..call }.raising("ReadTimeout", "timed out", "") } else { call }]
}

fn child_goes_on(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let (bad, all) = sizes(scene, is_least, 3, 15);
    mixed(scene, bad, all, |scene, is_bad| caller(scene, is_bad, 900.0, |inner| inner))
}

fn child_ends_too(scene: &mut Scene, _: bool) -> Vec<Trace> {
    mixed(scene, 8, 30, |scene, is_bad| {
        caller(scene, is_bad, 200.0, |inner| Step { ends_after: is_bad.then_some(204.0), ..inner })
    })
}

fn left_behind(scene: &mut Scene, _: bool) -> Vec<Trace> {
    mixed(scene, 8, 30, |_, is_bad| {
        let audit = Step::work("audit", if is_bad { 900.0 } else { 20.0 });
        vec![Step { ends_after: Some(50.0), ..Step::work("save", 1.0).of(vec![audit]) }]
    })
}

fn handled_later(scene: &mut Scene, _: bool) -> Vec<Trace> {
    mixed(scene, 8, 30, |_, is_bad| {
        let handle = Step::new("process report", kino_model::SpanKind::Consumer, 900.0);
        let send = Step::new("send report", kino_model::SpanKind::Producer, 2.0).of(vec![handle]);
        let send = Step { ends_after: Some(3.0), ..send };
        let call = Step { ends_after: Some(200.0), ..get(1.0).of(vec![send]) };
        vec![if is_bad { call.raising("ReadTimeout", "timed out", "") } else { call }]
    })
}

fn refused(scene: &mut Scene, is_least: bool, good: &Step, bad: &Step) -> Vec<Trace> {
    let (count, all) = sizes(scene, is_least, 3, 15);
    scene.every(30.0);
    mixed(scene, count, all, |_, is_bad| vec![if is_bad { bad.clone() } else { good.clone() }])
}

fn post() -> Step {
    Step::http("POST", "http://mail:8080/v1/send", 6.0)
}

fn http_429(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let bad = post().with("http.response.status_code", 429i64).failed();
    refused(scene, is_least, &post(), &bad)
}

fn grpc_8(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let good = Step::rpc("prices.v1.Prices", "Get", 6.0);
    let bad = good.clone().with("rpc.grpc.status_code", 8i64).failed();
    refused(scene, is_least, &good, &bad)
}

fn limit_by_exception(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let good = Step::chat(800, 80, 40.0);
    let bad = good.clone().raising("openai.RateLimitError", "Rate limit reached for requests", "");
    refused(scene, is_least, &good, &bad)
}

fn http_503(scene: &mut Scene, _: bool) -> Vec<Trace> {
    refused(scene, false, &post(), &post().with("http.response.status_code", 503i64).failed())
}

fn two_refusals(scene: &mut Scene, _: bool) -> Vec<Trace> {
    mixed(scene, 2, 30, |_, is_bad| {
        vec![if is_bad { post().with("http.response.status_code", 429i64).failed() } else { post() }]
    })
}

fn message_too_large(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let good = Step::rpc("prices.v1.Prices", "Put", 6.0);
    let bad = good.clone().with("rpc.grpc.status_code", 8i64).raising(
        "RpcError",
        "grpc: received message larger than max (5242880 vs. 4194304)",
        "",
    );
    refused(scene, false, &good, &bad)
}

fn refusals_in_test(scene: &mut Scene, _: bool) -> Vec<Trace> {
    in_test(scene, &post().with("http.response.status_code", 429i64).failed())
}

const STACK: &str = "Traceback (most recent call last):\n  File \"/srv/app/billing.py\", line 84, in charge\n    \
    gateway.charge(card)\n  File \"/srv/app/gateway.py\", line 31, in charge\n    raise Declined(card)\nDeclined: no";

fn charge() -> Step {
    Step::work("charge", 8.0)
}

fn errors_with_stack(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let (bad, all) = sizes(scene, is_least, 3, 20);
    mixed(scene, bad, all, |scene, is_bad| {
        let message = format!("card {} declined", scene.random.below(1_000_000));
        vec![if is_bad { charge().raising("Declined", &message, STACK) } else { charge() }]
    })
}

fn errors_by_message(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let (bad, all) = sizes(scene, is_least, 3, 20);
    mixed(scene, bad, all, |scene, is_bad| {
        let message = format!("no row for order {} in {} ms", scene.random.below(1_000_000), scene.random.below(90));
        vec![if is_bad { charge().raising("LedgerError", &message, "") } else { charge() }]
    })
}

fn errors_all_different(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let mut number = 0;
    mixed(scene, 6, 40, |_, is_bad| {
        number += u8::from(is_bad);
        let kind = format!("{}Error", char::from(b'A' + number));
        vec![if is_bad { charge().raising(&kind, "failed", "") } else { charge() }]
    })
}

fn errors_handled(scene: &mut Scene, _: bool) -> Vec<Trace> {
    mixed(scene, 15, 40, |_, is_bad| {
        let raised = charge().raising("CacheMiss", "not there", STACK);
        vec![if is_bad { Step { failed: false, ..raised } } else { charge() }]
    })
}

fn errors_in_test(scene: &mut Scene, _: bool) -> Vec<Trace> {
    in_test(scene, &charge().raising("Declined", "card declined", STACK))
}

fn errors_in_layers(scene: &mut Scene, _: bool) -> Vec<Trace> {
    mixed(scene, 2, 40, |_, is_bad| {
        let layer = |name: &str, inner: Step| {
            let outer = Step::work(name, 1.0).of(vec![inner]);
            if is_bad { outer.raising("Declined", "card declined", STACK) } else { outer }
        };
        vec![layer("order", layer("pay", layer("bill", charge())))]
    })
}

/// Attributes that have nothing to do with the outcome.
fn unrelated(scene: &mut Scene, mut step: Step) -> Step {
    for key in ["app.items", "app.weight", "app.total"] {
        step = step.with(key, scene.random.below(1_000) as i64);
    }
    for key in ["app.locale", "app.plan", "app.channel", "app.variant"] {
        step = step.with(key, *scene.random.pick(&["a", "b", "c", "d"]));
    }
    step.with("app.request.id", format!("{:016x}", scene.random.bits()))
}

fn outcomes(
    scene: &mut Scene,
    bad: u64,
    executions: u64,
    slow: bool,
    mark: impl Fn(&mut Scene, bool, Step) -> Step,
) -> Vec<Trace> {
    scene.sigma = scene.sigma.min(0.15);
    let traces = mixed(scene, bad, executions, |scene, is_bad| {
        let step = Step::work("handle", if slow && is_bad { 120.0 } else { 20.0 });
        let step = unrelated(scene, step);
        vec![mark(scene, is_bad, step)]
    });
    if slow { traces } else { traces.into_iter().map(fail_root).collect() }
}

/// Fails the root where a step below it failed.
fn fail_root(mut trace: Trace) -> Trace {
    let failed = trace.spans.iter().any(kino_model::Span::is_error);
    if failed {
        trace.spans[0].status.code = kino_model::StatusCode::Error;
    }
    trace
}

fn size(scene: &mut Scene, is_large: bool) -> i64 {
    let bytes = if is_large { scene.uniform(520_000.0, 3e6) } else { scene.uniform(1_000.0, 480_000.0) };
    bytes as i64
}

fn failed_if(is_bad: bool, step: Step) -> Step {
    if is_bad { step.raising("Timeout", "timed out", "") } else { step }
}

fn differs_by_number(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let (bad, all) = sizes(scene, is_least, 5, 40);
    outcomes(scene, bad, all, false, |scene, is_bad, step| {
        let bytes = size(scene, is_bad);
        failed_if(is_bad, step.with("app.diff_bytes", bytes))
    })
}

fn differs_by_value(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let (bad, all) = sizes(scene, is_least, 5, 40);
    outcomes(scene, bad, all, false, |scene, is_bad, step| {
        let region = if is_bad { "ap-south" } else { *scene.random.pick(&["eu-west", "us-east", "us-west"]) };
        failed_if(is_bad, step.with("app.region", region))
    })
}

fn slow_by_number(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let (bad, all) = sizes(scene, is_least, 5, 40);
    outcomes(scene, bad, all, true, |scene, is_bad, step| {
        let bytes = size(scene, is_bad);
        step.with("app.diff_bytes", bytes)
    })
}

fn fails_at_random(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let (bad, all) = (scene.between(5, 30), scene.between(40, 150));
    outcomes(scene, bad, all, false, |_, is_bad, step| failed_if(is_bad, step))
}

fn slow_at_random(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let (bad, all) = (scene.between(5, 15), scene.between(40, 150));
    outcomes(scene, bad, all, true, |_, _, step| step)
}

fn outcome_as_attribute(scene: &mut Scene, _: bool) -> Vec<Trace> {
    outcomes(scene, 15, 80, false, |_, is_bad, step| {
        let step = step.with("http.response.status_code", if is_bad { 500i64 } else { 200 });
        failed_if(is_bad, step.with("app.retry.count", if is_bad { 3i64 } else { 0 }))
    })
}

fn four_failures(scene: &mut Scene, _: bool) -> Vec<Trace> {
    outcomes(scene, 4, 40, false, |scene, is_bad, step| {
        let bytes = size(scene, is_bad);
        failed_if(is_bad, step.with("app.diff_bytes", bytes))
    })
}
