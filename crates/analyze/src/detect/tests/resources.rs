//! What a process holds, which connections it opens, what tokens cost, and first executions.

use insta::assert_snapshot;

use super::{check, trees};
use crate::compare::{Verdict, compare};
use crate::detect::{DetectorConfig, findings};
use crate::execution::{EntrySpans, executions};
use crate::finding::{Code, Unit};
use crate::testing::traces;
use kino_model::Value;

/// Executions that record their process's memory, in megabytes.
fn memory(count: usize, megabytes: impl Fn(usize) -> usize) -> String {
    let trace = |number: usize| {
        let (at, bytes) = (number * 100, megabytes(number) * 1_000_000);
        format!("r {at}..{} process.memory.usage={bytes}", at + 10)
    };
    (0..count).map(trace).collect::<Vec<_>>().join("\n---\n")
}

#[test]
fn memory_that_only_grows_is_reported() {
    let text = check(Code::MemoryGrowth, &memory(40, |number| 100 + 2 * number));
    assert_eq!(
        text,
        "the process of r grows from 100.0 MB to 164.0 MB over 40 executions, 2.0 MB each, and gives nothing back.\n"
    );
}

#[test]
fn memory_that_levels_off_or_comes_back_is_left_alone() {
    let silent = |text: &str| assert_eq!(check(Code::MemoryGrowth, text), "");
    silent(&memory(28, |number| 100 + 2 * number));
    silent(&memory(60, |_| 100));
    silent(&memory(60, |number| 100 + 10 * number.min(9)));
    silent(&memory(60, |number| 100 + 10 * (number % 13)));
}

const DB: &str = "kind=client db.system.name=postgresql db.namespace=shop server.address=db";

/// Executions that do `item` several times, each a tenth of a second long, in the notation with `{N}` for N milliseconds
/// after its beginning.
fn items(count: usize, item: &str) -> String {
    let at = |text: &str, from: usize| {
        let mut parts = text.split('{');
        let mut moved = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (after, rest) = part.split_once('}').expect("a closing brace");
            moved.push_str(&(from + after.parse::<usize>().unwrap()).to_string());
            moved.push_str(rest);
        }
        moved
    };
    let all: String = (0..count).map(|number| at(item, number * 100)).collect();
    super::times(3, &format!("load 0..{}\n{all}", count * 100))
}

fn churn(text: &str) -> String {
    check(Code::ConnectionChurn, text)
}

#[test]
fn a_connection_for_each_item_is_churn() {
    let statement = "db.query.text='SELECT a FROM t WHERE b = $1'";
    let each = format!("  pg.connect {{0}}..{{30}} {DB}\n  pg.query {{30}}..{{50}} {DB} {statement}\n");
    assert_snapshot!(churn(&items(6, &each)), @"load opens 6 connections to postgresql shop on db in an execution, where 1 would do: opening the others takes 150 ms of its critical path.");
    // The pool opens one each time, and closes it after its use; below it, the login is around the socket.
    let pooled = format!(
        "  work {{0}}..{{90}}\n    pg-pool.connect {{0}}..{{31}} {DB}\n      pg.connect {{0}}..{{30}} {DB}\n        \
         tcp.connect {{1}}..{{9}} net.peer.name=db\n    pg.query {{32}}..{{50}} {DB} {statement}\n"
    );
    assert_eq!(churn(&items(6, &pooled)), churn(&items(6, &each)));
}

#[test]
fn a_client_that_closes_after_each_request_is_churn() {
    let each = "  GET {0}..{90} kind=client http.request.method=GET url.full=http://api/item server.address=api server.port=443\n    \
                tls.connect {1}..{60}\n      tcp.connect {2}..{20} net.peer.name=10.0.0.1 net.peer.port=443\n";
    assert_snapshot!(churn(&items(5, each)), @"load opens 5 connections to api in an execution, where 1 would do: opening the others takes 236 ms of its critical path.");
    let ruby = "  connect {0}..{40} server.address=api server.port=80\n  GET {40}..{90} kind=client http.request.method=GET \
                url.path=/item server.address=api server.port=80\n";
    assert_snapshot!(churn(&items(5, ruby)), @"load opens 5 connections to api in an execution, where 1 would do: opening the others takes 160 ms of its critical path.");
}

#[test]
fn starts_cut_off_to_whole_milliseconds_hide_no_connection() {
    // A query seems to begin before its connection is there, and the next connection before the query has ended.
    let query = format!("{DB} db.query.text=SELECT");
    let each = format!(
        "  pg.connect {{0}}..{{30}} {DB}\n  pg.query {{30}}..{{50}}.4 {query}\n  pg.connect {{50}}..{{60}}.4 {DB}\n  \
         pg.query {{60}}..{{90}}.8 {query}\n"
    );
    assert_snapshot!(churn(&items(3, &each)), @"load opens 6 connections to postgresql shop on db in an execution, where 1 would do: opening the others takes 60.0 ms of its critical path.");
}

#[test]
fn as_many_connections_are_enough_as_are_in_use_at_once() {
    let each = format!(
        "  left {{0}}..{{90}}\n    connect {{0}}..{{30}} {DB}\n    SELECT {{30}}..{{80}} {DB} db.query.text=SELECT\n  \
         right {{5}}..{{95}}\n    connect {{5}}..{{35}} {DB}\n    SELECT {{35}}..{{85}} {DB} db.query.text=SELECT\n"
    );
    assert_snapshot!(churn(&items(5, &each)), @"load opens 10 connections to postgresql shop on db in an execution, where 2 would do: opening the others takes 120 ms of its critical path.");
}

#[test]
fn connections_that_are_needed_are_no_churn() {
    let silent = |text: &str| assert_eq!(churn(text), "", "{text}");
    let query = format!("{DB} db.query.text=SELECT");
    // One for all, and as many as are in use at once.
    let queries =
        (3..9).map(|number| format!("  pg.query {number}0..{number}9 {query}\n")).collect::<Vec<_>>().concat();
    silent(&super::times(3, &format!("load 0..100\n  pg.connect 0..30 {DB}\n{queries}")));
    let at_once =
        |number: usize| format!("  work {number}..90\n    pg.connect {number}..30 {DB}\n    pg.query 30..80 {query}\n");
    silent(&super::times(3, &format!("load 0..100\n{}", (0..9).map(at_once).collect::<String>())));
    // A pool is filled: nothing used the connections in between.
    let filled = (0..9)
        .map(|number| format!("  pg.connect {}..{} {DB}\n", number * 10, number * 10 + 9))
        .collect::<Vec<_>>()
        .concat();
    silent(&super::times(3, &format!("load 0..100\n{filled}  pg.query 91..99 {query}\n")));
    // What a pool gives may have been open for long.
    for name in ["pg-pool.connect", "pool.acquire", "HikariDataSource.getConnection"] {
        silent(&items(6, &format!("  {name} {{0}}..{{30}} {DB}\n  pg.query {{30}}..{{50}} {query}\n")));
    }
    // Three are too few.
    silent(&items(4, &format!("  pg.connect {{0}}..{{30}} {DB}\n  pg.query {{30}}..{{50}} {query}\n")));
    // Attempts that fail, and connections whose last call did.
    silent(&items(6, &format!("  pg.connect {{0}}..{{30}} {DB} !\n  pg.query {{30}}..{{50}} {query}\n")));
    silent(&items(6, &format!("  pg.connect {{0}}..{{30}} {DB}\n  pg.query {{30}}..{{50}} {query} !\n")));
    // Time that no one would notice.
    silent(&items(6, &format!("  pg.connect {{0}}..{{1}} {DB}\n  pg.query {{30}}..{{50}} {query}\n")));
}

#[test]
fn connections_elsewhere_and_after_a_while_are_no_churn() {
    let silent = |text: &str| assert_eq!(churn(text), "", "{text}");
    let trace = |item: &dyn Fn(usize) -> String, each: usize| {
        let all: String = (0..6).map(item).collect();
        super::times(3, &format!("load 0..{}\n{all}", 6 * each))
    };
    let one = |number: usize, each: usize, more: &str| {
        let at = number * each;
        let system = "kind=client db.system.name=postgresql";
        format!(
            "  pg.connect {at}..{} {system} {more}\n  pg.query {}..{} {system} {more} db.query.text=SELECT\n",
            at + 30,
            at + 30,
            at + 50
        )
    };
    // Other servers, databases and processes.
    silent(&trace(&|number| one(number, 100, &format!("server.address=db-{number}")), 100));
    silent(&trace(&|number| one(number, 100, &format!("server.address=db db.namespace=shop_{number}")), 100));
    silent(&trace(&|number| one(number, 100, &format!("server.address=db @worker-{number}")), 100));
    // A pool closes what idles for longer than a second; within one it opened the next by itself.
    silent(&trace(&|number| one(number, 2_000, "server.address=db"), 2_000));
    assert_ne!(churn(&trace(&|number| one(number, 100, "server.address=db"), 100)), "");
    // A test opens what it wants.
    let test = trace(&|number| one(number, 100, "server.address=db"), 100);
    silent(&test.replace("load 0..600", "load 0..600 test.case.name=load test.case.result.status=pass"));
}

#[test]
fn taking_from_sqlalchemys_pool_opens_nothing() {
    let each = format!("  connect {{0}}..{{30}} {DB}\n  SELECT {{30}}..{{50}} {DB} db.query.text=SELECT\n");
    let reported = |scope: &str| {
        let mut traces = traces(&items(6, &each));
        for span in traces.iter_mut().flat_map(|trace| &mut trace.spans) {
            span.scope = std::sync::Arc::new(kino_model::Scope { name: scope.into(), ..Default::default() });
        }
        let trees = trees(&traces);
        let found = findings(&executions(&trees, EntrySpans::Outermost), &DetectorConfig::default());
        found.iter().any(|finding| finding.code == Code::ConnectionChurn)
    };
    assert!(reported("github.com/exaring/otelpgx"));
    assert!(!reported("opentelemetry.instrumentation.sqlalchemy"));
}

#[test]
fn tokens_have_a_price_where_one_is_configured() {
    let turn = |number: u32| {
        let (at, input) = (number * 100, number * 500 + 500);
        format!("  chat {at}..{} kind=client gen_ai.request.model=large-2 gen_ai.usage.input_tokens={input}", at + 90)
    };
    let traces = traces(&format!("r 0..400\n{}\n{}\n{}\n{}", turn(0), turn(1), turn(2), turn(3)));
    let trees = trees(&traces);
    let found = executions(&trees, EntrySpans::Outermost);
    let cost = |prices: &[(&str, f64)]| {
        let input_token_prices = prices.iter().map(|(model, price)| ((*model).to_owned(), *price)).collect();
        let config = DetectorConfig { input_token_prices, ..DetectorConfig::default() };
        let waste = findings(&found, &config).into_iter().find(|finding| finding.code == Code::LlmTokenWaste).unwrap();
        waste.numbers.iter().find(|number| number.unit == Unit::Money).map(|number| number.value)
    };
    assert_eq!(cost(&[]), None);
    assert_eq!(cost(&[("small", 1.0)]), None);
    assert_eq!(cost(&[("large", 2.0), ("large-2", 10.0)]), Some(0.03), "3,000 of 5,000 tokens, the longest name fits");
}

#[test]
fn large_inputs_with_tiny_answers_are_a_question() {
    let call = |input: u32, output: u32, operation: &str| {
        format!(
            "r 0..100\n  chat 0..90 kind=client gen_ai.operation.name={operation} gen_ai.request.model=m \
             gen_ai.usage.input_tokens={input} gen_ai.usage.output_tokens={output}"
        )
    };
    let is_reported = |text: &str| !check(Code::LlmTokenWaste, &super::times(3, text)).is_empty();
    assert!(is_reported(&call(5_000, 3, "chat")));
    assert!(!is_reported(&call(5_000, 300, "chat")));
    assert!(!is_reported(&call(3_000, 3, "chat")));
    assert!(!is_reported(&call(5_000, 1, "embeddings")));
    assert_eq!(check(Code::LlmTokenWaste, &super::times(2, &call(5_000, 3, "chat"))), "");
}

#[test]
fn a_cold_first_execution_is_no_regression() {
    let side = |first: usize, process: &str| {
        let lines = (0..9).map(|number| {
            let (at, takes) = (number * 10_000, if number == 0 { first } else { 100 + number });
            format!("r {at}..{}", at + takes)
        });
        let mut traces = traces(&lines.collect::<Vec<_>>().join("\n---\n"));
        for span in traces.iter_mut().flat_map(|trace| &mut trace.spans) {
            let mut resource = (*span.resource).clone();
            resource.attributes.push(("service.instance.id".into(), Value::from(process)));
            span.resource = std::sync::Arc::new(resource);
        }
        traces
    };
    let (before, after) = (side(100, "a"), side(5_000, "b"));
    let (before, after) = (trees(&before), trees(&after));
    let (before, after) = (executions(&before, EntrySpans::Outermost), executions(&after, EntrySpans::Outermost));
    let comparison = compare(&before, &after);
    assert_eq!(comparison.verdict, Verdict::NoDifferenceShown);
    let root = &comparison.operations[0];
    assert_eq!((root.before.executions, root.after.executions), (9, 9), "counts keep it");
    assert!(root.after.p95_nanos.unwrap() < 200_000_000);
}
