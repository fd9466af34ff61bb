//! Retries, timeouts, refusals, exceptions.

use insta::assert_snapshot;

use kino_model::Value;

use super::{check, times};
use crate::detect::{DetectorConfig, findings};
use crate::execution::{EntrySpans, executions};
use crate::finding::Code;
use crate::testing::{traces, trees};

const RETRIED: &str = "
    sync 0..100
      PUT 0..20 kind=client ! http.request.method=PUT url.full=http://shop/a
      PUT 25..45 kind=client ! http.request.method=PUT url.full=http://shop/a
      PUT 50..70 kind=client ! http.request.method=PUT url.full=http://shop/a
      PUT 75..95 kind=client http.request.method=PUT url.full=http://shop/a
";

#[test]
fn a_call_that_fails_and_is_made_again_is_a_storm() {
    assert_snapshot!(check(Code::RetryStorm, &times(2, RETRIED)), @"PUT is tried 4 times in a row (at most 4) in 2 of 2 executions of sync, 75.0 ms lost to failed attempts and the pauses between.");
}

#[test]
fn starts_that_were_cut_to_whole_milliseconds_do_not_hide_a_storm() {
    let retried = |ends: [&str; 3]| {
        let call = |(at, end): (usize, &&str)| {
            format!("  PUT {}..{end} kind=client ! http.request.method=PUT url.full=http://shop/a", at * 10)
        };
        times(2, &format!("sync 0..40\n{}", ends.iter().enumerate().map(call).collect::<Vec<_>>().join("\n")))
    };
    assert_ne!(check(Code::RetryStorm, &retried(["10.8", "20.9", "30.7"])), "");
    assert_eq!(check(Code::RetryStorm, &retried(["12", "22", "32"])), "");
    assert_eq!(check(Code::RetryStorm, &retried(["11.5", "21.5", "31.5"])), "");
}

#[test]
fn one_retry_other_items_and_passed_tests_are_no_storm() {
    let silent = |text: &str| assert_eq!(check(Code::RetryStorm, text), "", "{text}");
    silent(RETRIED);
    silent(&times(9, "r 0..50\n  a 0..20 kind=client !\n  a 25..45 kind=client"));
    silent(&times(9, "r 0..90\n  a 0..20 kind=client\n  a 25..45 kind=client\n  a 50..60 kind=client"));
    let items = "r 0..90\n  a 0..20 kind=client ! db.query.text='SELECT 1 FROM t'\n  a 25..45 kind=client ! db.query.text='SELECT 2 FROM t'\n  a 50..60 kind=client ! db.query.text='SELECT 3 FROM t'";
    silent(&times(9, items));
    silent(&times(9, &RETRIED.replace("sync 0..100", "sync 0..100 test.case.name=retries")));
    // The files that could be there, one after another.
    let stat = |at: i64| format!("  stat {at}..{} ! exception=ENOENT:missing", at + 8);
    silent(&times(9, &format!("GET 0..50\n{}\n{}\n{}", stat(0), stat(10), stat(20))));
}

#[test]
fn timeouts_at_one_limit_are_a_cluster_and_outlived_callers_exceed_their_budget() {
    let text = (0..4)
        .map(|i| {
            format!(
                "r 0..120\n  ask 0..{} kind=client ! error.type=TimeoutError\n    work 5..115 kind=server @shop",
                50 + i % 2
            )
        })
        .collect::<Vec<_>>()
        .join("\n---\n");
    assert_snapshot!(check(Code::TimeoutCluster, &text), @"4 of 4 calls of ask end at a limit of 50.5 ms.");
    assert_snapshot!(check(Code::TimeoutBudgetExceeded, &text), @"work goes on for 64.5 ms after its caller timed out, in 4 cases: it is not cancelled with its caller.");
}

#[test]
fn scattered_or_few_timeouts_are_no_cluster() {
    let ask = |millis: u32| format!("r 0..900\n  ask 0..{millis} kind=client ! error.type=timeout");
    let text = |millis: &[u32]| millis.iter().map(|&millis| ask(millis)).collect::<Vec<_>>().join("\n---\n");
    assert_eq!(check(Code::TimeoutCluster, &text(&[50, 50])), "");
    assert_eq!(check(Code::TimeoutCluster, &text(&[50, 100, 200, 400])), "");
    assert_eq!(check(Code::TimeoutCluster, &times(5, "r 0..9\n  ask 0..5 kind=client ! error.type=ValueError")), "");
}

#[test]
fn refusals_come_with_the_rate_before_them() {
    let calls: Vec<String> = (0..30)
        .map(|i| {
            let (start, status) = if i < 10 { (i * 200, 200) } else { (4000 + i * 20, if i > 24 { 429 } else { 200 }) };
            format!(
                "  POST {start}..{} kind=client http.request.method=POST http.response.status_code={status}",
                start + 10
            )
        })
        .collect();
    assert_snapshot!(check(Code::RateLimited, &format!("r 0..9000\n{}", calls.join("\n"))), @"5 of 30 requests of POST are refused for too many; 18 were made in the second before. A request every 66.7 ms stayed below the limit.");
    assert_eq!(check(Code::RateLimited, &times(9, "r 0..9\n  a 0..1 http.response.status_code=500 !")), "");
    assert_eq!(
        check(
            Code::RateLimited,
            "r 0..9\n  a 0..1 http.response.status_code=429\n  a 2..3 http.response.status_code=429"
        ),
        ""
    );
}

/// A worker that asks two providers in turn, `tries` times each; the first one refuses all but the last try.
fn refused(tries: usize, pause: usize, path: impl Fn(usize) -> String) -> String {
    let mut at = 0;
    let mut lines = Vec::new();
    for attempt in 0..tries {
        for (provider, status) in [("slowpoke", if attempt + 1 < tries { 429 } else { 200 }), ("easy", 200)] {
            let url = format!("http://{provider}.test{}", path(attempt));
            lines.push(format!(
                "  POST {at}..{} kind=client http.request.method=POST url.full={url} http.response.status_code={status}{}",
                at + 10,
                if status == 429 { " !" } else { "" }
            ));
            at += 20;
        }
        at += pause;
    }
    format!("sync 0..{at}\n{}", lines.join("\n"))
}

#[test]
fn refusals_are_counted_where_they_are_made_with_the_time_until_the_next_try() {
    let same = |_: usize| "/prices/7".to_owned();
    assert_snapshot!(check(Code::RateLimited, &refused(5, 300, same)), @"4 of 5 requests of POST slowpoke.test/prices/{id} are refused for too many; 2 were made in the second before. 1.36 s of an execution pass in refused ones and until they are asked again.");
    // Two ways to ask the same provider: both are counted, under their common name.
    let both = |attempt: usize| if attempt.is_multiple_of(2) { "/prices/7".to_owned() } else { "/stock/7".to_owned() };
    let found = check(Code::RateLimited, &refused(8, 300, both));
    assert!(found.starts_with("7 of 8 requests of POST are refused"), "{found}");
    // Where the next thing is asked at once, nothing is waited for.
    let other = |attempt: usize| format!("/prices/{attempt}");
    let found = check(Code::RateLimited, &refused(5, 0, other));
    assert!(found.starts_with("4 of 5 requests of POST slowpoke.test/prices/{id} are refused"), "{found}");
}

#[test]
fn retries_of_what_is_refused_follow_from_the_limit() {
    let same = |_: usize| "/prices/7".to_owned();
    let calls = refused(5, 300, same);
    let alone: Vec<&str> = calls.lines().filter(|line| !line.contains("easy")).collect();
    let alone = alone.join("\n");
    let all = traces(&[alone.as_str(); 2].join("\n---\n"));
    let trees = trees(&all);
    let found = findings(&executions(&trees, EntrySpans::Outermost), &DetectorConfig::default());
    let codes: Vec<Code> = found.iter().map(|finding| finding.code).collect();
    let of = |code: Code| found.iter().find(|finding| finding.code == code).unwrap_or_else(|| panic!("{codes:?}"));
    assert_eq!(of(Code::RetryStorm).follows_from.as_ref(), Some(&of(Code::RateLimited).fingerprint));
}

#[test]
fn one_exception_again_and_again_is_a_cluster_at_its_innermost_span() {
    let text = "handle 0..9 ! exception=KeyError:'id 17'\n  load 1..8 ! exception=KeyError:'id 17'";
    assert_snapshot!(check(Code::ErrorCluster, &times(3, text)), @"KeyError in 3 of 3 executions of handle, raised in load.");
    assert_eq!(check(Code::ErrorCluster, &times(2, text)), "");
    assert_eq!(check(Code::ErrorCluster, &times(9, "handle 0..9\n  load 1..8 exception=KeyError:handled")), "");
    // Asks whether it is there, or adds it unless it is; where that fails the request, it is an error all the same.
    for answer in ["ENOENT", "DoesNotExist", "sqlite3.IntegrityError"] {
        let asks = format!("handle 0..9\n  load 1..8 ! exception={answer}:message");
        assert_eq!(check(Code::ErrorCluster, &times(9, &asks)), "", "{answer}");
        let fails = asks.replace("handle 0..9", "handle 0..9 !");
        assert_ne!(check(Code::ErrorCluster, &times(9, &fails)), "", "{answer}");
    }
    assert_eq!(
        check(Code::ErrorCluster, &times(9, "t 0..9 test.case.name=t\n  load 1..8 ! exception=KeyError:wanted")),
        ""
    );
}

#[test]
fn an_exception_that_each_span_saw_from_its_own_place_is_one() {
    let text = "handle 0..9 ! exception=KeyError:'id 17'\n  load 1..8 ! exception=KeyError:'id 17'";
    let mut traces = traces(&times(3, text));
    for span in traces.iter_mut().flat_map(|trace| &mut trace.spans) {
        let stack =
            format!("Traceback:\n  File \"/app/{name}.py\", line 3, in {name}\nKeyError: 'id 17'", name = span.name);
        span.events[0].attributes.push(("exception.stacktrace".into(), Value::from(stack.as_str())));
    }
    let trees = trees(&traces);
    let found = findings(&executions(&trees, EntrySpans::Outermost), &DetectorConfig::default());
    let clusters: Vec<&str> =
        found.iter().filter(|it| it.code == Code::ErrorCluster).map(|it| it.subject.name.as_str()).collect();
    assert_eq!(clusters, ["load"]);
}

#[test]
fn a_cluster_has_the_fingerprint_under_which_errors_are_grouped() {
    let own = |root: &str| {
        let stack = format!(
            "Traceback (most recent call last):\n  File \"/usr/lib/python3/site-packages/flask/app.py\", line 9, in run\n  \
             File \"{root}/shop/load.py\", line 7, in load\nKeyError: 7"
        );
        let mut traces = traces(&times(3, "handle 0..9\n  load 1..8 ! exception=KeyError:7"));
        for span in traces.iter_mut().flat_map(|trace| &mut trace.spans) {
            let mut resource = kino_model::Resource::clone(&span.resource);
            resource.attributes.push((kino_model::names::WORKTREE.into(), Value::from(root)));
            span.resource = std::sync::Arc::new(resource);
            for event in &mut span.events {
                event.attributes.push(("exception.stacktrace".into(), Value::from(stack.as_str())));
            }
        }
        traces
    };
    let found_in = |root: &str| {
        let traces = own(root);
        let trees = trees(&traces);
        let found = findings(&executions(&trees, EntrySpans::Outermost), &DetectorConfig::default());
        found.into_iter().find(|it| it.code == Code::ErrorCluster).unwrap().next.unwrap()
    };
    let (here, elsewhere) = (found_in("/home/me/shop"), found_in("/tmp/another"));
    assert_eq!(here, elsewhere, "in whatever worktree it happened");
    let traces = own("/home/me/shop");
    let span = traces[0].spans.iter().find(|span| span.is_error()).unwrap();
    let evidence = crate::finding::Evidence { trace_id: traces[0].trace_id, span_id: None };
    let raised = crate::errors::exception(&span.events[0], evidence).unwrap();
    let raised = crate::errors::Exception { root: Some("/home/me/shop"), ..raised };
    assert_eq!(here, format!("kino errors --fingerprint {}", crate::errors::fingerprint_of(&raised)));
}

#[test]
fn a_statement_that_fails_in_a_refused_request_is_the_clients_fault() {
    let request = |status: u32, end: &str| {
        format!(
            "POST /products 0..9 kind=server http.response.status_code={status}{end}\n  INSERT 1..8 kind=client ! db.query.text='INSERT INTO products VALUES (?)' exception=SqliteError:'UNIQUE constraint failed: products.name'"
        )
    };
    for status in [400, 409, 422] {
        assert_eq!(check(Code::ErrorCluster, &times(6, &request(status, ""))), "", "{status}");
    }
    assert_ne!(check(Code::ErrorCluster, &times(6, &request(500, " !"))), "", "the server failed");
    let upstream =
        request(404, "").replace("db.query.text='INSERT INTO products VALUES (?)'", "http.request.method=GET");
    assert_ne!(check(Code::ErrorCluster, &times(6, &upstream)), "", "what a service calls has failed it");
}

#[test]
fn statements_that_differ_and_constraints_that_differ_are_several_errors() {
    let fails = |statement: &str, constraint: &str| {
        format!(
            "POST /pay 0..9 kind=server http.response.status_code=500 !\n  UPDATE 1..8 kind=client ! db.query.text='{statement}' exception=DatabaseError:'row violates check constraint \"{constraint}\"'"
        )
    };
    let (debit, credit) = ("UPDATE a SET b = b - $1", "UPDATE a SET c = c + $1");
    let two = |one: &str, other: &str| format!("{}\n---\n{}", times(2, one), times(2, other));
    assert_eq!(check(Code::ErrorCluster, &two(&fails(debit, "x"), &fails(credit, "x"))), "");
    assert_eq!(check(Code::ErrorCluster, &two(&fails(debit, "x"), &fails(debit, "y"))), "");
    assert_ne!(check(Code::ErrorCluster, &times(4, &fails(debit, "x"))), "");
}
