//! Shapes that auto-instrumented programs record: which findings open unasked. Most of these shapes open none.

use std::sync::Arc;

use kino_model::{Resource, Trace, Value};

use super::{check, times};
use crate::detect::{DetectorConfig, Neighbours, findings, opens};
use crate::execution::{EntrySpans, executions};
use crate::finding::Code;
use crate::testing::{MILLI, traces, trees};

/// The findings that open for these traces. `others`: the medians of the service's other operations in milliseconds.
fn opened_of(traces: &[Trace], neighbours: &[i64]) -> String {
    let trees = trees(traces);
    let found = executions(&trees, EntrySpans::Outermost);
    let neighbours = Neighbours { medians: neighbours.iter().map(|millis| millis * MILLI).collect() };
    let said = findings(&found, &DetectorConfig::default());
    let opened = said.iter().filter(|finding| opens(finding, &found, &neighbours));
    opened.map(|finding| format!("{} {}", finding.code, finding.subject.name)).collect::<Vec<_>>().join(", ")
}

fn opened(text: &str) -> String {
    opened_of(&traces(text), &[])
}

/// The traces, each of a process of its own; they say besides what was started.
fn processes(text: &str, command: &str) -> Vec<Trace> {
    let mut traces = traces(text);
    for (number, trace) in traces.iter_mut().enumerate() {
        for span in &mut trace.spans {
            let mut resource = Resource::clone(&span.resource);
            resource.attributes.push(("service.instance.id".into(), Value::from(number.to_string())));
            resource.attributes.push(("process.command".into(), Value::from(command)));
            span.resource = Arc::new(resource);
        }
    }
    traces
}

/// Medians of the other operations of a service, two of which take long, in milliseconds.
const SHARED: [i64; 8] = [390, 350, 40, 25, 12, 6, 3, 1];

const PAGE: &str = "GET /report 0..400 kind=server\n  SELECT 300..310 kind=client db.query.text='SELECT a FROM t'";

#[test]
fn requests_that_compute_long_are_reported_where_most_others_do_not() {
    assert_eq!(opened_of(&traces(&times(5, PAGE)), &SHARED), "dead_time GET /report");
    assert_eq!(opened_of(&traces(&times(5, PAGE)), &[40, 25, 12, 6, 3, 1]), "", "one page is as its author made it");
    assert_eq!(opened_of(&traces(&times(5, PAGE)), &[380, 300, 200, 150, 90, 60, 40, 20]), "", "as all pages do");
    assert_eq!(opened(&times(5, PAGE)), "", "nothing is known of others");
    for name in ["POST /login", "POST accounts/signup/", "POST /api/token"] {
        assert_eq!(opened_of(&traces(&times(5, &PAGE.replace("GET /report", name))), &SHARED), "", "{name}");
    }
    let job = PAGE.replace("kind=server", "kind=consumer");
    assert_eq!(opened_of(&traces(&times(5, &job)), &SHARED), "", "no person waits for a job");
}

#[test]
fn connections_that_stay_open_are_no_dead_time() {
    let sse = "GET /events 0..30000 kind=server\n  send 0..1 asgi.event.type=http.response.start
  send 1000..1001 asgi.event.type=http.response.body\n  send 9000..9001 asgi.event.type=http.response.body";
    assert_eq!(opened_of(&traces(&times(4, sse)), &SHARED), "");
    let websocket = "GET /ws 0..30000 kind=server\n  receive 1..29000 asgi.event.type=websocket.receive\n  send 29001..29002 asgi.event.type=websocket.send";
    assert_eq!(opened_of(&traces(&times(4, websocket)), &SHARED), "");
    let switched = "GET 0..30000 kind=server http.response.status_code=101\n  auth 0..2";
    assert_eq!(opened_of(&traces(&times(4, switched)), &SHARED), "");
}

#[test]
fn a_command_that_is_slow_to_start_is_reported_and_a_server_that_waits_is_not() {
    let command =
        "prompt 0..460\n  POST 350..455 kind=client http.request.method=POST url.full=http://m/v1/chat/completions";
    assert_eq!(opened_of(&processes(&times(3, command), "/bin/tool"), &[]), "dead_time prompt");
    assert_eq!(opened_of(&processes(&times(2, command), "/bin/tool"), &[]), "");
    let server = "serve 0..60000\n  SELECT 2000..2001 kind=client db.query.text='SELECT a FROM t'\n  SELECT 31000..31002 kind=client db.query.text='SELECT a FROM t'";
    assert_eq!(opened_of(&processes(&times(4, server), "/bin/tool"), &[]), "");
    let build = "build 0..900\n  jinja2.render 600..700\n  POST 800..820 kind=client http.request.method=POST url.full=http://h/done";
    assert_eq!(opened_of(&processes(&times(4, build), "/bin/tool"), &[]), "", "what it renders is its work");
}

#[test]
fn a_worker_that_waits_for_work_has_no_bottleneck() {
    let wait = |what: &str| format!("work 0..5000\n  wait 1..4990 kind=client {what}\n  handle 4990..4999");
    for what in ["db.query.text='BRPOP jobs 5'", "messaging.operation.type=receive", "messaging.operation=poll"] {
        assert_eq!(opened(&times(5, &wait(what))), "", "{what}");
    }
    assert_eq!(opened(&times(5, &wait("db.query.text='SELECT a FROM t WHERE b = 1'"))), "bottleneck wait");
}

#[test]
fn what_an_operation_is_for_is_no_bottleneck() {
    let proxy = "GET /mirror 0..400 kind=server\n  GET 2..398 kind=client http.request.method=GET url.full=http://up/x";
    assert_eq!(opened(&times(5, proxy)), "");
    let stored = "POST /new 0..400 kind=server\n  INSERT 2..150 kind=client db.query.text='INSERT INTO t VALUES (?)'\n  COMMIT 150..398 kind=client db.query.text=COMMIT";
    assert_eq!(opened(&times(5, stored)), "");
    let handled = "GET /a 0..400 kind=server\n  AController.list 1..399";
    assert_eq!(opened(&times(5, handled)), "", "the request by another name");
    let computed = "GET /a 0..400 kind=server\n  score 1..301\n  render 301..399";
    assert_eq!(opened(&times(5, computed)), "bottleneck score", "the author's own span");
    let short = "GET /list 0..60 kind=server\n  SELECT 2..55 kind=client db.query.text='SELECT a FROM t'";
    assert_eq!(opened(&times(5, short)), "", "too short to be noticed");
    let down = "GET /news 0..400 kind=server\n  render 0..60\n  GET 61..390 kind=client ! http.request.method=GET url.full=http://up/x";
    assert_eq!(opened(&times(5, down)), "", "that it fails is the news");
}

#[test]
fn a_script_that_a_cache_server_asks_for_is_no_error() {
    let evaluate =
        |error: &str| check(Code::ErrorCluster, &times(6, &format!("EVALSHA 0..2 kind=client ! exception={error}")));
    assert_eq!(evaluate("redis.exceptions.NoScriptError:missing"), "");
    assert_eq!(
        evaluate("ReplyError:'NOSCRIPT No matching script. Please use EVAL.'"),
        "",
        "whatever the client calls it"
    );
    assert_eq!(evaluate("Exception:'ERR: NOSCRIPT No matching script'"), "");
    assert_ne!(evaluate("ReplyError:'ERR value is not an integer, NOSCRIPT or so'"), "");
    assert_ne!(evaluate("redis.exceptions.ResponseError:missing"), "");
}

#[test]
fn a_model_and_the_request_that_asks_it_are_one_call() {
    let agent = "agent run 0..600\n  think 0..60\n  chat m 60..560 kind=client gen_ai.request.model=m gen_ai.operation.name=chat
    POST 200..500 kind=client http.request.method=POST url.full=http://m/v1/responses\n  tool 560..600";
    let found = check(Code::Bottleneck, &times(4, agent));
    assert!(found.starts_with("chat m holds") && !found.contains("POST"), "{found}");
    assert_eq!(opened(&times(4, agent)), "", "an agent waits for its model: that is how it works");
    // Where only the HTTP client is instrumented, the address says that it is a model.
    let asks = |path: &str| {
        let ask = |from: u32| {
            format!("  POST {from}..{} kind=client http.request.method=POST url.full=http://m{path}", from + 80)
        };
        let all: Vec<String> = (0..6).map(|number| ask(10 + number * 90)).collect();
        times(4, &format!("answer 0..600\n{}", all.join("\n")))
    };
    assert_eq!(opened(&asks("/v1/chat/completions")), "");
    assert_ne!(opened(&asks("/v1/orders")), "");
}

#[test]
fn what_a_test_does_itself_is_on_purpose() {
    let calls = |indent: &str, from: u32| -> String {
        let line = |at: u32| {
            format!(
                "{indent}GET {}..{} kind=client http.request.method=GET http.response.status_code=200 http.response.body.size=9 url.full=http://127.0.0.1/get",
                from + at * 20,
                from + at * 20 + 15
            )
        };
        (0..6).map(line).collect::<Vec<_>>().join("\n")
    };
    let test = format!(
        "t.py::a 0..200 pytest.nodeid=t.py::a\n  t.py::a::call 1..190 pytest.nodeid=t.py::a\n{}",
        calls("    ", 5)
    );
    assert_eq!(opened(&test), "");
    let code = format!(
        "t.py::a 0..200 pytest.nodeid=t.py::a\n  t.py::a::call 1..190 pytest.nodeid=t.py::a\n    refresh 2..180\n{}",
        calls("      ", 5)
    );
    assert_eq!(opened(&code), "repeated_identical_call GET", "what the tested code does is the code's");
    // What an ORM's instrumentation recorded is below what the driver's did not, by its time alone.
    let twice = |indent: &str| -> String {
        let line = |at: u32| {
            let (from, to) = (5 + at * 20, 20 + at * 20);
            let of = |from: u32, to: u32, scope: &str| {
                format!(
                    "{indent}SELECT {from}..{to} kind=client scope={scope} db.query.text='SELECT a FROM t WHERE b = ?'"
                )
            };
            [of(from, to, "orm"), of(from + 1, to - 1, "driver")].join("\n")
        };
        (0..8).map(line).collect::<Vec<_>>().join("\n")
    };
    let test = format!(
        "t.py::a 0..200 pytest.nodeid=t.py::a\n  t.py::a::call 1..190 pytest.nodeid=t.py::a\n{}",
        twice("    ")
    );
    assert_eq!(opened(&test), "");
    let fixture = format!(
        "t.py::a 0..200 pytest.nodeid=t.py::a\n  users setup 1..190 pytest.span_type=fixture\n{}",
        twice("    ")
    );
    assert_eq!(opened(&fixture), "");
    assert_ne!(opened(&fixture.replace("pytest.span_type=fixture", "db.role=writer")), "");
    let slow = "t.py::a 0..900 pytest.nodeid=t.py::a\n  SELECT 1..2 kind=client\n  SELECT 700..880 kind=client";
    assert_eq!(opened(&times(4, slow)), "");
}

#[test]
fn a_program_that_runs_tests_fails_on_purpose() {
    let fails = times(5, "GET 0..9 kind=client ! exception=Error:'socket hang up'");
    for runner in [
        "/app/node_modules/mocha/bin/mocha.js",
        "/app/node_modules/.bin/vitest",
        "C:\\x\\node_modules\\jest\\bin\\run.js",
    ] {
        assert_eq!(opened_of(&processes(&fails, runner), &[]), "", "{runner}");
    }
    for program in ["/app/node_modules/.bin/server", "/srv/jest/server.js", "/app/taper.js"] {
        assert_eq!(opened_of(&processes(&fails, program), &[]), "error_cluster GET", "{program}");
    }
}

#[test]
fn an_error_that_is_an_answer_is_none() {
    let answered = |status: u32, kind: &str| {
        format!(
            "GET /x 0..9 kind=server http.response.status_code={status}\n  middleware 1..8 ! kind={kind} exception=TypeError:next"
        )
    };
    for status in [200, 304, 404, 422] {
        assert_eq!(opened(&times(5, &answered(status, "internal"))), "", "{status}");
    }
    assert_eq!(opened(&times(5, &answered(500, "internal"))), "error_cluster middleware");
    assert_eq!(opened(&times(5, &answered(500, "client"))), "error_cluster middleware", "what it calls is down");
    assert_eq!(opened(&times(5, &answered(200, "client"))), "", "its caller was ready for that");
    assert_ne!(check(Code::ErrorCluster, &times(5, &answered(200, "client"))), "", "an answer where it is asked about");
    let mixed = format!("{}\n---\n{}", times(3, &answered(200, "client")), times(4, &answered(500, "client")));
    assert_eq!(opened(&mixed), "error_cluster middleware", "most requests fail with it");
    let resolver = answered(200, "internal").replace("exception", "graphql.field.name=user exception");
    assert_eq!(opened(&times(5, &resolver)), "error_cluster middleware", "GraphQL answers errors with 200");
    for exception in
        ["click.exceptions.Exit", "SystemExit", "asyncio.exceptions.CancelledError", "pyramid.httpexceptions.HTTPFound"]
    {
        assert_eq!(opened(&times(5, &format!("run 0..9 ! exception={exception}:0"))), "", "{exception}");
    }
    let probe = "SELECT 0..1 kind=client ! db.query.text='SELECT v FROM version' exception=sqlite3.OperationalError:'no such table: version'";
    assert_eq!(opened(&times(5, probe)), "");
    assert_eq!(opened(&times(5, &probe.replace("no such table: version", "disk I/O error"))), "error_cluster SELECT");
}

#[test]
fn scripts_that_fill_a_database_or_fetch_files_do_it_on_purpose() {
    let each = |line: &dyn Fn(u32) -> String| (0..40).map(line).collect::<Vec<_>>().join("\n");
    let insert = |at: u32| {
        format!("  INSERT {}..{} kind=client db.query.text='INSERT INTO t VALUES ({at})'", at * 5, at * 5 + 4)
    };
    let seed = format!("seed 0..220\n{}", each(&insert));
    assert_eq!(opened(&seed), "");
    assert_eq!(opened(&times(3, &seed)), "n_plus_one seed", "what is done again and again is no filling");
    let define = |at: u32| {
        format!("  CREATE {}..{} kind=client db.query.text='CREATE INDEX i{at} ON t (a)'", at * 5, at * 5 + 4)
    };
    assert_eq!(opened(&times(3, &format!("migrate 0..220\n{}", each(&define)))), "");
    let tables = |at: u32| {
        format!(
            "  SELECT {}..{} kind=client db.query.text='SELECT sql FROM sqlite_master WHERE name = ?'",
            at * 5,
            at * 5 + 4
        )
    };
    assert_eq!(opened(&times(3, &format!("inspect 0..220\n{}", each(&tables)))), "");
    let fetch = |at: u32| {
        format!(
            "  GET {}..{} kind=client http.request.method=GET url.full=http://mirror/package/{at}",
            at * 5,
            at * 5 + 4
        )
    };
    assert_eq!(opened(&format!("download 0..220\n{}", each(&fetch))), "");
}

#[test]
fn requests_of_which_only_the_address_is_known_may_differ() {
    let again = |more: &str| {
        let line = |at: u32| {
            format!(
                "  GET {}..{} kind=client http.request.method=GET url.full=http://h/get {more}",
                at * 20,
                at * 20 + 15
            )
        };
        format!("sync 0..90\n{}", (0..4).map(line).collect::<Vec<_>>().join("\n"))
    };
    assert_eq!(opened(&again("a=1")), "");
    assert_eq!(opened(&times(3, &again("a=1"))), "repeated_identical_call GET");
    assert_eq!(opened(&again("http.response.body.size=512")), "repeated_identical_call GET");
}

#[test]
fn waiting_until_something_is_up_is_no_storm() {
    let waits = |pause: u32| {
        let line = |at: u32| {
            let start = at * pause;
            format!("  connect {start}..{} kind=client ! exception=ConnectionRefusedError:x", start + 2)
        };
        let up = 8 * pause;
        let attempts = (0..8).map(line).collect::<Vec<_>>().join("\n");
        format!("start 0..{}\n{attempts}\n  connect {up}..{} kind=client", up + 5, up + 2)
    };
    assert_eq!(opened(&waits(1_000)), "");
    assert_eq!(opened(&waits(4)), "retry_storm connect");
}

#[test]
fn a_limit_that_a_service_keeps_is_its_own() {
    let refuses = "GET /limited 0..1 kind=server http.response.status_code=429";
    assert_eq!(opened(&times(9, refuses)), "");
    let refused = "sync 0..9\n  GET 1..2 kind=client ! http.response.status_code=429";
    assert_eq!(opened(&times(9, refused)), "rate_limited GET");
}

#[test]
fn a_slower_kind_too_short_to_notice_and_a_growth_like_the_inputs_are_no_news() {
    let request = |number: u64, millis: u64, big: bool| {
        format!("GET 0..{} kind=server app.page={} app.number={number}", millis, if big { "big" } else { "small" })
    };
    let mixed = |slow: u64| {
        let lines: Vec<String> = (0..40)
            .map(|at| if at % 4 == 0 { request(at, slow + at % 3, true) } else { request(at, 2 + at % 2, false) })
            .collect();
        opened(&lines.join("\n---\n"))
    };
    assert_eq!(mixed(12), "");
    assert_eq!(mixed(400), "what_differs GET");
    let addressed = |at: u32| {
        let (millis, path) = if at.is_multiple_of(4) { (400 + at % 3, "big") } else { (2 + at % 2, "small") };
        format!("GET 0..{millis} kind=server url.path=/{path}")
    };
    assert_eq!(opened(&(0..40).map(addressed).collect::<Vec<_>>().join("\n---\n")), "", "two operations of one name");
    let grows = |power: i32| {
        let line =
            |at: u32| format!("list 0..{:.3} app.rows={}", 0.004 * f64::from(10 + at * 10).powi(power), 10 + at * 10);
        opened(&(0..40).map(line).collect::<Vec<_>>().join("\n---\n"))
    };
    assert_eq!(grows(1), "");
    assert_eq!(grows(2), "latency_grows_with_input list, what_differs list");
}

#[test]
fn traces_that_a_killed_program_leaves_are_few() {
    let cut = "r 0..9\nlost 1..2 parent=77\nlost 3..4 parent=78";
    assert_eq!(opened(cut), "");
    assert_eq!(opened(&times(3, cut)), "broken_trace r");
    let one_caller =
        "GET 0..9 kind=server parent=99\nGET 10..19 kind=server parent=99\nGET 20..29 kind=server parent=99";
    assert_eq!(opened(&times(5, one_caller)), "", "who calls records nothing");
}

#[test]
fn what_an_execution_catches_each_time_is_not_why_it_fails() {
    let page = "GET /login 0..50 kind=server ! http.response.status_code=500
    load 10..12 ! exception=TemplateNotFound:head\n  load 13..15 ! exception=TemplateNotFound:foot\n  render 16..40";
    assert_eq!(opened(&times(5, page)), "");
    let failed = "GET /cart 0..50 kind=server ! http.response.status_code=500
    load 10..12 ! exception=KeyError:7\n  render 16..40";
    assert_eq!(opened(&times(5, failed)), "error_cluster load", "the page that says so comes after it");
    let tried = "GET /cart 0..50 kind=server ! http.response.status_code=500
    try 10..12 ! exception=KeyError:7\n  try 13..15 ! exception=KeyError:7\n  render 16..40";
    assert_eq!(opened(&times(5, tried)), "error_cluster try", "the second time it was given up");
}

#[test]
fn what_a_loader_collects_and_what_waits_for_work_are_no_calls() {
    let calls = |call: &str| {
        let line = |at: u32| format!("  {} {}..{} kind=client", call, 10 + at * 20, 24 + at * 20);
        times(4, &format!("GET /rows 0..400 kind=server\n{}", (0..15).map(line).collect::<Vec<_>>().join("\n")))
    };
    assert_eq!(check(Code::NPlusOne, &calls("dataloader.load")), "");
    assert_ne!(check(Code::NPlusOne, &calls("fetch.row")), "");
    let pops = calls("BLPOP").replace("kind=client", "kind=client db.query.text='BLPOP q 405'");
    assert_eq!(check(Code::NPlusOne, &pops), "");
    assert_ne!(check(Code::NPlusOne, &pops.replace("BLPOP q 405", "HGET q ?")), "");
}

#[test]
fn steps_of_an_agent_need_each_other() {
    let steps = |reason: &str| {
        let step = |from: u32, reason: &str| {
            format!(
                "  step {from}..{}\n    chat m {}..{} kind=client gen_ai.request.model=m gen_ai.response.finish_reasons={reason}",
                from + 200,
                from + 1,
                from + 199
            )
        };
        times(6, &format!("answer 0..410\n{}\n{}", step(2, reason), step(203, "stop")))
    };
    assert_eq!(check(Code::SequentialCouldBeParallel, &steps("tool_calls")), "");
    assert_ne!(check(Code::SequentialCouldBeParallel, &steps("stop")), "");
    assert_eq!(opened(&steps("stop")), "", "what was answered is not recorded, and may be asked about next");
}

#[test]
fn which_calls_an_execution_makes_is_not_why_it_is_slow() {
    let mixed = |slow: &str, quick: &str| {
        let lines = (0..40).map(|at| {
            if at % 4 == 0 {
                format!("make 0..{} kind=server{slow}", 400 + at % 3)
            } else {
                format!("make 0..{} kind=server{quick}", 2 + at % 2)
            }
        });
        opened(&lines.collect::<Vec<_>>().join("\n---\n"))
    };
    assert_eq!(mixed(" app.kind=pad", " app.kind=chat"), "what_differs make");
    let call = "\n  SELECT 0..1 kind=client db.query.text='SELECT value FROM store WHERE key=$1'";
    assert_eq!(mixed(call, ""), "", "the statement is what the slow ones do besides");
    let ends = "\n  receive 0..1 asgi.event.type=http.disconnect";
    assert_eq!(mixed(ends, ""), "", "what the protocol reports");
    let job = "\n  run/perform_order 0..2 kind=consumer celery.action=run";
    assert_eq!(mixed(job, ""), "", "a job that a library records");
}

#[test]
fn routes_under_one_method_are_several_operations() {
    let request = |at: u32| {
        let (millis, bytes) = if at.is_multiple_of(4) { (400 + at % 3, 79) } else { (2 + at % 2, 22) };
        format!("POST 0..{millis} kind=server http.request_content_length_uncompressed={bytes}")
    };
    assert_eq!(opened(&(0..40).map(request).collect::<Vec<_>>().join("\n---\n")), "");
}

#[test]
fn statements_that_share_no_more_than_their_verb_are_no_one_bottleneck() {
    let page = |tables: [&str; 4]| {
        let statement = |(at, table): (usize, &str)| {
            let from = 5 + at * 75;
            format!("  SELECT {from}..{} kind=client db.query.text='SELECT a FROM {table} WHERE b=$1'", from + 70)
        };
        let lines: Vec<String> = tables.into_iter().enumerate().map(statement).collect();
        opened(&times(12, &format!("GET /page 0..310 kind=server\n{}", lines.join("\n"))))
    };
    assert_eq!(page(["shop"; 4]), "bottleneck SELECT");
    assert_eq!(page(["shop", "cart", "item", "price"]), "");
}

#[test]
fn work_that_begins_after_its_caller_gave_up_was_queued() {
    let case = |from: u32| {
        format!("PATCH 0..5000 kind=client ! exception=ReadTimeout:timed_out\n  ask {from}..9000 kind=client\n---\n")
    };
    let text = |from: u32| (0..4).map(|_| case(from)).collect::<String>();
    let is_opened = |text: &str| opened(text.trim_end_matches("---\n")).contains("timeout_budget_exceeded");
    assert!(is_opened(&text(100)));
    assert!(!is_opened(&text(7000)));
    let server = text(100).replace("9000 kind=client", "9000 kind=server");
    assert!(!is_opened(&server), "a server seldom learns that its caller is gone");
}

#[test]
fn a_timers_calls_are_no_loop_and_a_proxys_are_counted_once() {
    let proxied = |at: usize, gap: usize| {
        let from = at * gap;
        format!(
            "  ask {from}..{} kind=client rpc.service=Api rpc.method=Id\n    serve {from}..{} kind=server\n      ask {from}..{} kind=client rpc.service=Api rpc.method=Id\n  work {}..{}",
            from + 5,
            from + 4,
            from + 3,
            from + 10,
            from + gap
        )
    };
    let run = |gap: usize| {
        let lines: Vec<String> = (0..20).map(|at| proxied(at, gap)).collect();
        format!("watch 0..{}\n{}", 20 * gap, lines.join("\n"))
    };
    assert_eq!(opened(&times(3, &run(1_000))), "");
    let text = check(Code::NPlusOne, &times(3, &run(12)));
    assert!(text.starts_with("20 calls of one kind"), "{text}");
}

#[test]
fn a_call_that_stalled_is_no_reason_to_make_fewer() {
    let page = |stalled: f64| {
        let mut from = 1.0;
        let mut lines = vec![String::from("GET /page 0..600 kind=server")];
        for at in 0..6 {
            let millis = if at == 3 { stalled } else { 0.1 };
            lines.push(format!(
                "  SELECT {from}..{} kind=client db.query.text='SELECT a FROM t WHERE b={at}'",
                from + millis
            ));
            from += millis + 0.1;
        }
        opened(&times(3, &lines.join("\n")))
    };
    assert_eq!(page(500.0), "bottleneck SELECT", "and no list of calls");
}

#[test]
fn writes_with_a_savepoint_each_and_few_writes_are_meant() {
    let rows = |count: usize, between: &str, verb: &str| {
        let row = |at: usize| {
            let from = 5 + at * 20;
            format!(
                "  {between} {from}..{} kind=client db.query.text='{between} s{at}'\n  {verb} {}..{} kind=client db.query.text='{verb} t VALUES ({at})'",
                from + 1,
                from + 2,
                from + 18
            )
        };
        let rows = (0..count).map(row).collect::<Vec<_>>().join("\n");
        opened(&times(3, &format!("POST /import 0..{} kind=server\n{rows}", 10 + count * 20)))
    };
    assert_eq!(rows(12, "SAVEPOINT", "INSERT INTO"), "", "a row that fails leaves the others");
    assert_eq!(rows(12, "SELECT", "INSERT INTO"), "n_plus_one POST /import");
    assert_eq!(rows(6, "SHOW", "INSERT INTO"), "", "few things are made one by one");
    assert_eq!(rows(6, "SHOW", "DELETE FROM"), "", "or removed");
    assert_eq!(rows(6, "SHOW", "HSET"), "", "whatever holds them");
    assert_eq!(rows(6, "SHOW", "HGETALL"), "n_plus_one POST /import", "reading them is none of these");
    assert_eq!(rows(6, "SHOW", "UPDATE"), "", "or changed");
    assert_eq!(rows(12, "SHOW", "UPDATE"), "n_plus_one POST /import");
}

#[test]
fn long_requests_to_other_programs_are_no_loop() {
    let run = |millis: u32, head: &str| {
        let call = |at: u32| {
            let from = at * (millis + 20);
            format!(
                "  Start {from}..{} kind=client rpc.service=Api rpc.method=Start\n  prepare {}..{}",
                from + millis,
                from + millis,
                from + millis + 19
            )
        };
        format!("{head}\n{}", (0..7).map(call).collect::<Vec<_>>().join("\n"))
    };
    let daemon = run(30, "run 0..400");
    assert_eq!(opened(&daemon), "", "what a program asks for as long as it lives");
    assert!(opened(&times(3, &daemon)).contains("n_plus_one run"));
    let long = run(3_000, "GET /start 0..21200 kind=server");
    assert!(!opened(&times(3, &long)).contains("n_plus_one"), "the time is that of what is started");
}

#[test]
fn many_small_statements_of_a_database_in_the_process_are_no_fault_by_themselves() {
    let page = |system: &str, count: usize, step: f64| {
        let call = |at: usize| {
            let from = 0.2 + at as f64 * step;
            format!(
                "  SELECT {from}..{} kind=client db.system.name={system} db.query.text='SELECT name FROM labels WHERE note = {at}'",
                from + step / 2.0
            )
        };
        let end = 0.4 + count as f64 * step;
        times(3, &format!("GET /notes 0..{end} kind=server\n{}", (0..count).map(call).collect::<Vec<_>>().join("\n")))
    };
    assert_eq!(opened(&page("sqlite", 20, 0.11)), "", "1.1 ms of 2.6");
    assert_eq!(opened(&page("postgresql", 20, 0.11)), "n_plus_one GET /notes", "another side answers each");
    assert_eq!(opened(&page("sqlite", 40, 0.2)), "n_plus_one GET /notes", "4 ms of 8.4");
}

#[test]
fn a_single_row_by_an_offset_is_no_page() {
    let page = |end: &str| {
        let call = |at: usize| {
            format!("  SELECT {}..{} kind=client db.query.text='SELECT a FROM t {end}'", 1 + 2 * at, 2 + 2 * at)
        };
        let lines = (0..20).map(call).collect::<Vec<_>>().join("\n");
        opened(&times(3, &format!("GET /list 0..50 kind=server\n{lines}")))
    };
    assert_eq!(page("WHERE (id = ?) LIMIT ? OFFSET ?"), "n_plus_one GET /list");
    assert_eq!(page("WHERE (kind = ?) ORDER BY id LIMIT ? OFFSET ?"), "");
    assert_eq!(page("LIMIT ? OFFSET ?"), "", "all rows, by pages");
}

#[test]
fn commands_that_are_sent_together_are_no_load_on_a_key_value_store() {
    let page = |system: &str, step: f64| {
        let call = |at: usize| {
            let from = 1.0 + at as f64 * step;
            format!(
                "  HGETALL {from}..{} kind=client db.system.name={system} db.query.text='HGETALL job:{at}'",
                from + 20.0
            )
        };
        let end = 40.0 + 30.0 * step;
        let lines = (0..30).map(call).collect::<Vec<_>>().join("\n");
        opened(&times(3, &format!("GET /jobs 0..{end} kind=server\n{lines}")))
    };
    assert_eq!(page("redis", 0.1), "");
    assert_eq!(page("redis", 21.0), "n_plus_one GET /jobs", "one after another");
    assert_eq!(page("postgresql", 0.1), "n_plus_one GET /jobs", "which reads many rows by one statement");
}

#[test]
fn what_a_test_repeats_is_no_loop_of_the_code() {
    let request = |at: u32| {
        let from = 5 + at * 20;
        format!(
            "      GET {from}..{} kind=internal\n        SELECT {}..{} kind=client db.query.text='SELECT a FROM t WHERE b = {at}'",
            from + 18,
            from + 1,
            from + 17
        )
    };
    let requests = (0..6).map(request).collect::<Vec<_>>().join("\n");
    let test = |above: &str| {
        format!("t.py::a 0..200 pytest.nodeid=t.py::a\n  t.py::a::call 1..190 pytest.nodeid=t.py::a\n{above}{requests}")
    };
    assert_eq!(check(Code::NPlusOne, &test("")), "");
    assert_ne!(check(Code::NPlusOne, &test("    crawl 2..180\n")), "");
}

#[test]
fn taking_work_from_a_table_is_no_loop() {
    let takes = |more: &str| {
        let take = |at: u32| {
            format!(
                "  SELECT {}..{} kind=client db.query.text='SELECT a FROM jobs WHERE queue=$1 LIMIT 1{more}'",
                at * 12,
                at * 12 + 10
            )
        };
        times(3, &format!("work 0..400\n{}", (0..30).map(take).collect::<Vec<_>>().join("\n")))
    };
    assert_eq!(check(Code::NPlusOne, &takes(" FOR UPDATE SKIP LOCKED")), "");
    assert_ne!(check(Code::NPlusOne, &takes("")), "");
}

#[test]
fn a_statement_that_is_slow_now_and_then_is_no_bottleneck() {
    let page = |millis: u32| {
        format!(
            "GET /list 0..{} kind=server\n  SELECT 5..{} kind=client db.query.text='SELECT a FROM t'",
            millis + 40,
            millis + 5
        )
    };
    let pages = |slow: usize| {
        let pages: Vec<String> = (0..10).map(|at| page(if at < slow { 600 } else { 30 })).collect();
        opened(&pages.join("\n---\n"))
    };
    assert_eq!(pages(10), "bottleneck SELECT");
    assert!(!pages(3).contains("bottleneck"));
    let unknown = page(600).replace("db.query.text='SELECT a FROM t'", "db.system.name=postgresql");
    assert_eq!(opened(&times(5, &unknown)), "", "nothing says which statement");
}

#[test]
fn slowness_by_what_a_library_records_is_another_kind_of_work() {
    let mixed = |key: &str| {
        let line = |at: u32| {
            if at.is_multiple_of(4) {
                format!("work 0..{} kind=consumer {key}=big", 400 + at % 3)
            } else {
                format!("work 0..{} kind=consumer {key}=small", 2 + at % 2)
            }
        };
        opened(&(0..40).map(line).collect::<Vec<_>>().join("\n---\n"))
    };
    assert_eq!(mixed("messaging.message.type"), "");
    assert_eq!(mixed("app.plan"), "what_differs work");
}

#[test]
fn work_that_goes_on_must_be_of_several_executions() {
    let call = |at: u32| {
        format!(
            "  PATCH {}..{} kind=client ! exception=ReadTimeout:timed_out\n    serve {}..{} kind=server",
            at,
            at + 1_000,
            at + 100,
            at + 9_000
        )
    };
    let once = format!("sync 0..9500\n{}", (0..4).map(|at| call(at * 20)).collect::<Vec<_>>().join("\n"));
    assert_eq!(check(Code::TimeoutBudgetExceeded, &once), "");
    assert_ne!(check(Code::TimeoutBudgetExceeded, &times(3, &once)), "");
}
