//! Calls made again: N+1, identical calls, retry storms.

use kino_model::Trace;

use super::plan::{Scene, Step};
use super::{LookAlike, Planted, Suite};

pub(super) const SUITES: &[Suite] = &[
    Suite {
        code: "n_plus_one",
        planted: &[
            Planted { name: "SQL with literals", subject: "load", build: sql_literals },
            Planted { name: "SQL with bound values", subject: "load", build: sql_bound },
            Planted { name: "HTTP by id", subject: "load", build: http_by_id },
            Planted { name: "RPC", subject: "load", build: rpc_each },
            Planted { name: "spread over parents", subject: "load", build: spread },
            Planted { name: "two statements interleaved", subject: "load", build: interleaved },
            Planted { name: "five short statements in turn", subject: "load", build: in_turn },
            Planted { name: "a long list in every fifth execution", subject: "load", build: long_lists },
        ],
        look_alikes: &[
            LookAlike { name: "batches", build: batches },
            LookAlike { name: "retries", build: retries_of_one },
            LookAlike { name: "four items", build: few_items },
            LookAlike { name: "four items, five statements in turn", build: few_items_in_turn },
            LookAlike { name: "connection checks", build: connection_checks },
            LookAlike { name: "polling", build: polling },
            LookAlike { name: "language model turns", build: model_turns },
            LookAlike { name: "requests that ask a model", build: model_requests },
            LookAlike { name: "pages by number", build: http_pages },
            LookAlike { name: "pages by offset", build: sql_pages },
            LookAlike { name: "scatter to shards, at once", build: scatter },
            LookAlike { name: "in a tenth of the executions", build: seldom_loop },
        ],
    },
    Suite {
        code: "repeated_identical_call",
        planted: &[
            Planted { name: "statement with literals", subject: "SELECT", build: same_statement },
            Planted { name: "GET", subject: "GET", build: same_get },
        ],
        look_alikes: &[
            LookAlike { name: "bound values unknown", build: sql_bound },
            LookAlike { name: "a write between, SQL", build: write_between },
            LookAlike { name: "a write between, HTTP", build: post_between },
            LookAlike { name: "polling a job", build: polling },
            LookAlike { name: "twice", build: twice },
            LookAlike { name: "a different id each time", build: http_by_id },
            LookAlike { name: "a function whose answer changes", build: volatile },
            LookAlike { name: "status differs", build: status_differs },
        ],
    },
    Suite {
        code: "retry_storm",
        planted: &[
            Planted { name: "HTTP 503", subject: "GET", build: storm_http },
            Planted { name: "statement that fails", subject: "UPDATE", build: storm_sql },
            Planted { name: "with growing pauses", subject: "GET", build: storm_backoff },
        ],
        look_alikes: &[
            LookAlike { name: "second attempt succeeds", build: retry_succeeds },
            LookAlike { name: "different items fail", build: different_items },
            LookAlike { name: "wanted by a passing test", build: storm_in_test },
            LookAlike { name: "failures at the same time", build: failures_together },
            LookAlike { name: "waiting until it exists", build: until_it_exists },
        ],
    },
];

fn load(scene: &mut Scene, calls: Vec<Step>) -> Step {
    let other = Step::work("render", 12.0);
    scene.request("POST /work", vec![Step::work("load", 0.5).of(calls), other])
}

/// Executions with a list each; lists have `least` items at the minimum.
fn lists(scene: &mut Scene, is_least: bool, item: impl Fn(&mut Scene, u64) -> Vec<Step>) -> Vec<Trace> {
    let executions = if is_least { 1 } else { scene.between(5, 30) };
    scene.requests(executions, |scene, _| {
        let items = scene.count(is_least, 5);
        let calls = (0..items).flat_map(|number| item(scene, number)).collect();
        load(scene, calls)
    })
}

fn sql_literals(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    lists(scene, is_least, |scene, _| {
        let id = scene.random.below(100_000);
        vec![Step::sql("SELECT", &format!("SELECT * FROM item WHERE id = {id}"), 2.0)]
    })
}

fn sql_bound(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    lists(scene, is_least, |_, _| vec![Step::sql("SELECT", "SELECT * FROM item WHERE id = $1", 2.0)])
}

fn http_by_id(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    lists(scene, is_least, |scene, _| {
        let id = scene.random.below(100_000);
        vec![Step::http("GET", &format!("http://prices:8080/v1/price/{id}"), 3.0)]
    })
}

fn rpc_each(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    lists(scene, is_least, |_, _| vec![Step::rpc("prices.v1.Prices", "Get", 2.0)])
}

fn spread(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    lists(scene, is_least, |scene, _| {
        let id = scene.random.below(100_000);
        let call = Step::sql("SELECT", &format!("SELECT * FROM item WHERE id = {id}"), 2.0);
        vec![Step::work("item", 0.2).of(vec![call])]
    })
}

fn interleaved(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    lists(scene, is_least, |scene, _| {
        let id = scene.random.below(100_000);
        let select = Step::sql("SELECT", &format!("SELECT * FROM item WHERE id = {id}"), 2.0);
        vec![select, Step::sql("UPDATE", &format!("UPDATE stock SET n = n - 1 WHERE id = {id}"), 1.5)]
    })
}

/// Statements of one item, each too short for a list of them to be worth a finding by itself.
fn parts_of_item(id: u64) -> Vec<Step> {
    let parts = ["owner", "note", "file", "setting", "label"];
    let select = |part: &&str| Step::sql("SELECT", &format!("SELECT * FROM {part} WHERE item = {id}"), 0.15);
    parts.iter().map(select).collect()
}

fn in_turn(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    lists(scene, is_least, |scene, _| parts_of_item(scene.random.below(100_000)))
}

/// One operation for single items and for lists.
fn long_lists(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    scene.requests(20, |scene, number| {
        let items = if number % 5 == 3 { scene.count(is_least, 20) } else { 1 };
        let calls = (0..items).map(|id| Step::sql("SELECT", &format!("SELECT * FROM item WHERE id = {id}"), 2.0));
        load(scene, calls.collect())
    })
}

fn few_items_in_turn(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let executions = scene.between(5, 30);
    scene.requests(executions, |scene, _| {
        let items = scene.between(1, 4);
        let calls = (0..items).flat_map(|_| parts_of_item(scene.random.below(100_000))).collect();
        load(scene, calls)
    })
}

fn batches(scene: &mut Scene, _: bool) -> Vec<Trace> {
    lists(scene, false, |_, _| vec![Step::sql("INSERT", "INSERT INTO item (a, b) VALUES (1, 2), (3, 4), (5, 6)", 4.0)])
}

fn retries_of_one(scene: &mut Scene, _: bool) -> Vec<Trace> {
    lists(scene, false, |_, _| vec![Step::http("GET", "http://prices:8080/v1/price/7", 3.0).failed()])
}

fn few_items(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let executions = scene.between(5, 30);
    scene.requests(executions, |scene, _| {
        let items = scene.between(1, 4);
        let calls = (0..items)
            .map(|_| {
                let id = scene.random.below(100_000);
                Step::sql("SELECT", &format!("SELECT * FROM item WHERE id = {id}"), 4.0)
            })
            .collect();
        load(scene, calls)
    })
}

fn connection_checks(scene: &mut Scene, _: bool) -> Vec<Trace> {
    lists(scene, false, |_, number| {
        // Each bracket holds a statement of its own; it is the brackets that repeat.
        let table = "x".repeat(number as usize + 1);
        vec![
            Step::sql("SELECT", "SELECT 1", 2.0),
            Step::sql("BEGIN", "BEGIN", 1.0),
            Step::sql("INSERT", &format!("INSERT INTO log_{table} VALUES ($1)"), 2.0),
            Step::sql("COMMIT", "COMMIT", 1.0),
            Step::http("GET", "http://db:8080/healthz", 1.0),
        ]
    })
}

fn polling(scene: &mut Scene, _: bool) -> Vec<Trace> {
    lists(scene, false, |_, _| vec![Step::http("GET", "http://jobs:8080/v1/job/1234567", 1.0).after(50.0)])
}

fn model_turns(scene: &mut Scene, _: bool) -> Vec<Trace> {
    lists(scene, false, |scene, _| {
        let input = scene.between(200, 2_000) as i64;
        vec![Step::chat(input, 100, 40.0)]
    })
}

/// Turns whose HTTP client is instrumented as well.
fn model_requests(scene: &mut Scene, _: bool) -> Vec<Trace> {
    lists(scene, false, |scene, _| {
        let input = scene.between(200, 2_000) as i64;
        let request = Step::http("POST", "https://api.models.example/v1/chat", 38.0);
        vec![Step::chat(input, 100, 2.0).of(vec![request])]
    })
}

fn http_pages(scene: &mut Scene, _: bool) -> Vec<Trace> {
    lists(scene, false, |_, number| {
        vec![Step::http("GET", &format!("http://items:8080/v1/items?page={}&per_page=100", number + 1), 5.0)]
    })
}

fn sql_pages(scene: &mut Scene, _: bool) -> Vec<Trace> {
    lists(scene, false, |_, number| {
        vec![Step::sql("SELECT", &format!("SELECT * FROM item ORDER BY id LIMIT 500 OFFSET {}", number * 500), 5.0)]
    })
}

fn scatter(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let executions = scene.between(5, 30);
    let shards = scene.between(5, 12);
    scene.requests(executions, |scene, _| {
        let calls = (0..shards).map(|shard| Step::http("GET", &format!("http://search:8080/shard/{shard}/q"), 8.0));
        let fan = Step::work("load", 0.5).of(calls.collect()).together();
        scene.request("POST /work", vec![fan, Step::work("render", 12.0)])
    })
}

fn seldom_loop(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.requests(30, |scene, number| {
        let items = if number % 10 == 3 { 12 } else { 2 };
        let calls = (0..items).map(|id| Step::sql("SELECT", &format!("SELECT * FROM item WHERE id = {id}"), 2.0));
        load(scene, calls.collect())
    })
}

/// The same call again and again, with other work between.
fn again(scene: &mut Scene, is_least: bool, call: &Step, between: Option<&Step>) -> Vec<Trace> {
    let executions = if is_least { 1 } else { scene.between(4, 25) };
    scene.requests(executions, |scene, _| {
        let times = scene.count(is_least, 3);
        let mut steps = Vec::new();
        for _ in 0..times {
            steps.push(call.clone());
            steps.extend(between.cloned());
            steps.push(Step::work("compute", 3.0));
        }
        load(scene, steps)
    })
}

fn same_statement(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let call = Step::sql("SELECT", "SELECT value FROM settings WHERE key = 'theme'", 2.0);
    again(scene, is_least, &call, None)
}

fn same_get(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    again(scene, is_least, &Step::http("GET", "http://config:8080/v1/flags/checkout", 3.0), None)
}

fn write_between(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let call = Step::sql("SELECT", "SELECT count(*) FROM cart WHERE owner = 17", 2.0);
    again(scene, false, &call, Some(&Step::sql("INSERT", "INSERT INTO cart VALUES ($1, $2)", 1.0)))
}

fn post_between(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let call = Step::http("GET", "http://cart:8080/v1/cart/mine", 3.0);
    again(scene, false, &call, Some(&Step::http("POST", "http://cart:8080/v1/cart/mine/items", 3.0)))
}

fn twice(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.requests(15, |scene, _| {
        let call = Step::sql("SELECT", "SELECT value FROM settings WHERE key = 'theme'", 4.0);
        load(scene, vec![call.clone(), Step::work("compute", 3.0), call])
    })
}

fn volatile(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let statement = *scene.random.pick(&["SELECT nextval('order_id')", "SELECT gen_random_uuid()", "SELECT now()"]);
    again(scene, false, &Step::sql("SELECT", statement, 2.0), None)
}

fn status_differs(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.requests(12, |scene, _| {
        let call = |status: i64| {
            Step::http("GET", "http://jobs:8080/v1/job/1234567", 3.0).with("http.response.status_code", status)
        };
        load(scene, vec![call(202), Step::work("compute", 3.0), call(206), call(200)])
    })
}

fn storms(scene: &mut Scene, is_least: bool, attempt: impl Fn(u64) -> Step, last: Option<&Step>) -> Vec<Trace> {
    let (affected, executions) = if is_least { (2, 10) } else { (scene.between(4, 15), 30) };
    scene.requests(executions, |scene, number| {
        let mut steps = vec![Step::work("prepare", 5.0)];
        if number < affected {
            let attempts = scene.count(is_least, 3);
            steps.extend((0..attempts - u64::from(last.is_some())).map(&attempt));
            steps.extend(last.cloned());
        }
        load(scene, steps)
    })
}

fn unavailable(url: &str) -> Step {
    Step::http("GET", url, 4.0).with("http.response.status_code", 503i64).with("error.type", "503").failed()
}

fn storm_http(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let url = "http://prices:8080/v1/price/7";
    storms(scene, is_least, |_| unavailable(url), Some(&Step::http("GET", url, 4.0)))
}

fn storm_sql(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let call = Step::sql("UPDATE", "UPDATE stock SET n = n - 1 WHERE id = $1", 3.0);
    storms(scene, is_least, |_| call.clone().raising("SerializationFailure", "could not serialize access", ""), None)
}

fn storm_backoff(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let url = "http://prices:8080/v1/price/7";
    storms(scene, is_least, |attempt| unavailable(url).after(4.0 * (1u64 << attempt.min(8)) as f64), None)
}

fn retry_succeeds(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.requests(30, |scene, number| {
        let url = "http://prices:8080/v1/price/7";
        let mut steps = vec![Step::work("prepare", 5.0)];
        if number % 3 == 0 {
            steps.push(unavailable(url));
        }
        steps.push(Step::http("GET", url, 4.0));
        load(scene, steps)
    })
}

fn different_items(scene: &mut Scene, _: bool) -> Vec<Trace> {
    storms(scene, false, |number| unavailable(&format!("http://prices:8080/v1/price/{}", 100 + number)), None)
}

fn storm_in_test(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.requests(8, |_, _| {
        let attempts = (0..6).map(|_| unavailable("http://prices:8080/v1/price/7")).collect();
        Step::work("gives up after six attempts", 1.0)
            .with("test.case.name", "gives up after six attempts")
            .of(attempts)
    })
}

fn failures_together(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.requests(12, |scene, _| {
        let calls = (0..5).map(|_| unavailable("http://prices:8080/v1/price/7")).collect();
        let fan = Step::work("load", 0.5).of(calls).together();
        scene.request("POST /work", vec![fan])
    })
}

fn until_it_exists(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let missing = Step::http("GET", "http://jobs:8080/v1/job/1234567", 2.0)
        .with("http.response.status_code", 404i64)
        .with("error.type", "404")
        .failed()
        .after(30.0);
    let there = Step::http("GET", "http://jobs:8080/v1/job/1234567", 2.0).after(30.0);
    storms(scene, false, |_| missing.clone(), Some(&there))
}
