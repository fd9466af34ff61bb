//! Programs under `kino run` whose calls have no request above them: loops of the whole program, and failures that it handled.

use insta::assert_snapshot;

use super::times;
use crate::detect::{DetectorConfig, Neighbours, findings, opens};
use crate::execution::{EntrySpans, executions, programs};
use crate::finding::Code;
use crate::testing::{traces, trees};

/// What opens unasked of the programs in `text` as wholes.
fn opened(text: &str) -> String {
    let traces = traces(text);
    let trees = trees(&traces);
    let found = programs(&trees);
    let said = findings(&found, &DetectorConfig::default().for_programs());
    let opened = said.iter().filter(|finding| opens(finding, &found, &Neighbours::default()));
    opened.map(|finding| finding.text.clone()).collect::<Vec<_>>().join("\n")
}

/// A run of 1.5 s that makes `count` calls, each of 2 ms, the first at 300 ms.
fn script(run: &str, count: usize, line: impl Fn(usize) -> String) -> String {
    let calls = (0..count).map(|at| {
        let from = 300 + 3 * at;
        format!("  {from}..{} {}", from + 2, line(at)).replace("  ", "  CALL ")
    });
    format!(
        "python 0..1500 @kino kino.run.command='python3 job.py --day 20' {run}\n{}",
        calls.collect::<Vec<_>>().join("\n")
    )
}

fn select(at: usize) -> String {
    format!("kind=client db.system.name=postgresql db.query.text='SELECT a FROM t WHERE id = {at}'")
}

fn insert(_: usize) -> String {
    "kind=client db.system.name=postgresql db.query.text='INSERT INTO t VALUES ($1)'".to_owned()
}

#[test]
fn a_script_that_asks_for_each_thing_by_itself_is_found_in_a_single_run() {
    assert_snapshot!(opened(&script("", 119, select)), @"119 calls of one kind below python3 job.py --day ? in an execution (at most 119), 238 ms on the critical path, where one would do: SELECT a FROM t WHERE id = ?");
    assert_eq!(opened(&script("", 8, select)), "", "too few to be worth a change");
    let failed = script("kino.run.exit_code=1 !", 119, select);
    assert_ne!(opened(&failed), "", "however it ended");
}

#[test]
fn rows_that_are_stored_one_by_one_are_found_where_a_person_waits_for_them() {
    assert_snapshot!(opened(&script("", 96, insert)), @"96 calls of one kind below python3 job.py --day ? in an execution (at most 96), 192 ms on the critical path, where one would do: INSERT INTO t VALUES (?)");
    assert_eq!(opened(&script("", 30, insert)), "", "60 ms of a script that fills a database");
    assert_eq!(opened(&times(3, &script("", 30, insert))), "", "however often");
}

#[test]
fn the_same_question_again_and_again_is_asked_once() {
    let same =
        |_: usize| "kind=client db.system.name=postgresql db.query.text='SELECT a FROM t WHERE id = 7'".to_owned();
    assert_snapshot!(opened(&script("", 60, same)), @"the same call with the same data 60 times in an execution of python3 job.py --day ?; asked once it would save 118 ms: SELECT a FROM t WHERE id = ?");
}

#[test]
fn what_a_program_is_for_is_no_loop() {
    let get = |at: usize| format!("kind=client http.request.method=GET url.full=http://shop/product/{at}");
    assert_eq!(opened(&times(3, &script("", 200, get))), "", "a load generator, or a download");
    let page = |at: usize| format!("kind=client db.query.text='SELECT a FROM t ORDER BY id LIMIT 9 OFFSET {at}'");
    assert_eq!(opened(&script("", 119, page)), "", "pages");
    let define = |at: usize| format!("kind=client db.query.text='CREATE INDEX i{at} ON t (a)'");
    assert_eq!(opened(&script("", 119, define)), "", "migrations");
    let poll = |at: usize| {
        format!(
            "  SELECT {}..{} kind=client db.query.text='SELECT state FROM jobs WHERE id = $1'",
            1_000 * at,
            1_000 * at + 2
        )
    };
    let polls: Vec<String> = (0..60).map(poll).collect();
    assert_eq!(
        opened(&format!("node 0..60000 @kino kino.run.command='node wait.js'\n{}", polls.join("\n"))),
        "",
        "polling"
    );
    let sqlite = |at: usize| select(at).replace("postgresql", "sqlite").replace("kind=client", "kind=client x=1");
    let quick = script("", 119, sqlite).replace("0..1500", "0..9000");
    assert_eq!(opened(&quick), "", "a part of the time too small, and no other side that has less to do");
}

#[test]
fn rounds_of_a_program_that_sleeps_between_them_are_no_loop() {
    // Twelve rounds of thirty writes; between two of them the program asks a page, and is silent for most of the time.
    let rounds = |silence: &dyn Fn(usize) -> usize, calls: usize| {
        let mut lines = vec![String::new()];
        let mut at = 300;
        for round in 0..12 {
            lines
                .push(format!("  GET {at}..{} kind=client http.request.method=GET url.full=http://shop/page", at + 20));
            for call in 0..calls {
                let from = at + 30 + 6 * call;
                lines.push(format!("  INSERT {from}..{} {}", from + 5, insert(call)));
            }
            at += 30 + 6 * calls + silence(round);
        }
        lines[0] = format!("python 0..{at} @kino kino.run.command='python3 watch.py'");
        opened(&lines.join("\n"))
    };
    assert_eq!(rounds(&|_| 1_000, 10), "", "ten rows of a round are few");
    assert!(rounds(&|_| 400, 30).starts_with("30 calls of one kind"), "what a round does is a loop");
    assert!(rounds(&|_| 20, 10).starts_with("120 calls of one kind"), "it does not sleep");
    assert!(rounds(&|round| 400 * (round % 4 + 1), 10).starts_with("120 calls of one kind"), "no timer");
}

#[test]
fn calls_of_several_processes_requests_and_tests_are_no_program() {
    let run = script("", 119, select);
    let with = |line: &str| run.replacen('\n', &format!("\n  {line}\n"), 1);
    assert_eq!(opened(&with("test_a 1..9 test.case.name=test_a")), "", "a suite");
    assert_eq!(opened(&with("GET 1..9 kind=server")), "", "a server");
    assert_eq!(opened(&script("kino.run.signal=15 !", 119, select)), "", "a server that was stopped");
    assert_eq!(opened(&run.replace("0..1500", "0..")), "", "it may be one");
    let below = run.replace("  CALL", "    CALL").replacen('\n', "\n  import 290..800\n", 1);
    assert_eq!(opened(&below), "", "what is below a span is found there");
    let mut each = traces(&run);
    for (number, span) in each[0].spans.iter_mut().enumerate().skip(1) {
        let mut resource = kino_model::Resource::clone(&span.resource);
        resource.attributes.push(("process.pid".into(), kino_model::Value::Int(number as i64)));
        span.resource = std::sync::Arc::new(resource);
    }
    let trees = trees(&each);
    assert_eq!(findings(&programs(&trees), &DetectorConfig::default().for_programs()), [], "one call of each process");
    let mut suite = traces(&run);
    for span in suite[0].spans.iter_mut().skip(1) {
        let mut resource = kino_model::Resource::clone(&span.resource);
        resource.attributes.push(("process.command".into(), kino_model::Value::from("/app/node_modules/.bin/mocha")));
        span.resource = std::sync::Arc::new(resource);
    }
    assert!(programs(&crate::testing::trees(&suite)).is_empty(), "a suite whose tests are not recorded");
}

/// The `error_cluster` findings that open of the calls below runs.
fn errors(text: &str) -> String {
    let traces = traces(text);
    let trees = trees(&traces);
    let found = executions(&trees, EntrySpans::Outermost);
    let said = findings(&found, &DetectorConfig::default());
    let opened = said.iter().filter(|it| it.code == Code::ErrorCluster && opens(it, &found, &Neighbours::default()));
    opened.map(|finding| finding.text.clone()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_failed_call_without_a_request_is_judged_by_how_its_run_ended() {
    let run = |end: &str, failures: usize| {
        let fails = (0..failures).map(|at| {
            format!(
                "  UPDATE {}..{} kind=client ! db.query.text='UPDATE accounts SET balance = balance - $1' exception=DatabaseError:'new row violates check constraint x'",
                10 * at,
                10 * at + 5
            )
        });
        let lines: Vec<String> = fails.collect();
        format!("node 0..{end} @kino kino.run.command='node pay.js'\n{}", lines.join("\n"))
    };
    assert_eq!(errors(&run("900", 5)), "", "the program handled all of them");
    assert_eq!(errors(&run("900 kino.run.exit_code=1 !", 5)), "", "one run fails once");
    assert_eq!(errors(&run("900 kino.run.signal=15 !", 5)), "", "a signal says nothing of them");
    assert_eq!(errors(&run("", 5)), "", "it may end well");
    let failing = times(3, &run("900 kino.run.exit_code=1 !", 2));
    assert_snapshot!(errors(&failing), @"DatabaseError in 3 of 6 executions of UPDATE, raised in UPDATE.");
}
