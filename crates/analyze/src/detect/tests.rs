//! Each detector on what it is made for and on what only looks like it.

use std::fmt::Write as _;

use insta::assert_snapshot;

use super::{DetectorConfig, findings, retime};
use crate::execution::{EntrySpans, executions};
use crate::finding::Code;
use crate::testing::{MILLI, trace, traces, trees};
use crate::tree::Tree;

/// The findings of `code` over `text`, as text.
pub(super) fn check(code: Code, text: &str) -> String {
    let traces = traces(text);
    let trees = trees(&traces);
    let found = executions(&trees, EntrySpans::Outermost);
    let mut shown = String::new();
    for finding in findings(&found, &DetectorConfig::default()).iter().filter(|finding| finding.code == code) {
        writeln!(shown, "{}", finding.text).unwrap();
        assert!((0.0..=1.0).contains(&finding.confidence));
        assert!(!finding.evidence.is_empty() && finding.evidence.len() <= crate::finding::MAX_EXAMPLES);
    }
    let off = DetectorConfig { off: vec![code], ..DetectorConfig::default() };
    assert!(findings(&found, &off).iter().all(|finding| finding.code != code), "the off switch works");
    shown
}

/// The same trace several times.
pub(super) fn times(count: usize, text: &str) -> String {
    vec![text; count].join("\n---\n")
}

#[test]
fn unchanged_own_times_give_back_the_recorded_duration() {
    let trace = trace("r 0..100\n  a 10..50\n    b 20..45\n  c 30..80\n  d 85..110\n  e 86..90", 1);
    let tree = Tree::new(&trace);
    assert!((retime(&tree, 0, |_| 1.0) - 100.0 * MILLI as f64).abs() < 1.0);
}

#[test]
fn without_a_span_the_whole_shrinks_only_by_its_drag() {
    let trace = trace("r 0..100\n  slow 0..90\n  other 0..70\n  after 90..100", 1);
    let tree = Tree::new(&trace);
    let slow = (0..tree.len()).find(|&index| tree.span(index).name == "slow").unwrap();
    let without = retime(&tree, 0, |index| if index == slow { 0.0 } else { 1.0 });
    assert!((without - 80.0 * MILLI as f64).abs() < 1.0, "{without}");
}

#[test]
fn a_dominating_call_is_a_bottleneck_with_drag_and_what_if() {
    assert_snapshot!(check(Code::Bottleneck, &times(3, "
        load 0..100
          query 5..85 kind=client code.file.path=db.py code.line.number=7
          meanwhile 5..45
    ")), @"query holds 80 % of the critical path of load (80.0 ms of 100 ms): without it 40.0 ms less, half of it saves 40.0 ms.");
}

#[test]
fn an_even_spread_or_too_few_executions_is_no_bottleneck() {
    let even = "load 0..100\n  a 0..20\n  b 20..40\n  c 40..60\n  d 60..80\n  e 80..100";
    assert_eq!(check(Code::Bottleneck, &times(9, even)), "");
    assert_eq!(check(Code::Bottleneck, &times(2, "load 0..100\n  query 5..95")), "");
}

const PARTS: &str = "
    journal.generate 0..330
      summary.generate 2..110
        chat 3..109 kind=client gen_ai.request.model=m gen_ai.usage.input_tokens=100
      dialogue.generate 111..220
        chat 112..219 kind=client gen_ai.request.model=m gen_ai.usage.input_tokens=80
      technical-decisions 221..328
        chat 222..327 kind=client gen_ai.request.model=m gen_ai.usage.input_tokens=120
";

#[test]
fn calls_one_after_another_could_be_parallel() {
    assert_snapshot!(check(Code::SequentialCouldBeParallel, &times(5, PARTS)), @"3 calls below journal.generate (dialogue.generate, summary.generate, technical-decisions) run one after another in 5 of 5 executions with no data seen to flow between them: at the same time they would save 215 ms of 330 ms.");
}

#[test]
fn sequences_that_may_have_a_reason_are_left_alone() {
    let silent = |text: &str| assert_eq!(check(Code::SequentialCouldBeParallel, text), "", "{text}");
    silent(&times(4, PARTS));
    silent(&times(
        5,
        "r 0..200\n  a 0..100 kind=client out.result=token-123456\n  b 100..200 kind=client in='use token-123456'",
    ));
    silent(&times(5, "r 0..200\n  a 0..100 kind=client\n  b 100..200 kind=client link=2"));
    silent(&times(5, "r 0..200\n  a 0..100 kind=client !\n  a 100..200 kind=client"));
    silent(&times(5, "r 0..200\n  a 0..100\n  b 100..200"));
    silent(&times(5, "r 0..200\n  a 0..100 kind=client db.query.text=a\n  b 100..200 kind=client db.query.text=b"));
    silent(&times(5, "r 0..200\n  a 0..100 kind=client\n  b 1..101 kind=client"));
    silent(&times(5, "r 0..300\n  a 0..100 kind=client\n  b 200..300 kind=client"));
    let turn = |number: u32| {
        format!(
            "  chat {}..{} kind=client gen_ai.request.model=m gen_ai.usage.input_tokens={}",
            number * 100,
            number * 100 + 100,
            number * 500 + 100
        )
    };
    silent(&times(5, &format!("r 0..300\n{}\n{}\n{}", turn(0), turn(1), turn(2))));
}

/// `count` calls under one parent, one after another.
fn list(count: usize, line: impl Fn(usize) -> String) -> String {
    let calls: Vec<String> =
        (0..count).map(|i| format!("    SELECT {}..{} {}", 10 + 5 * i, 13 + 5 * i, line(i))).collect();
    format!("r 0..{e}\n  load_cart 1..{e}\n{c}", e = 20 + 5 * count, c = calls.join("\n"))
}

#[test]
fn one_query_per_item_is_found_at_the_nearest_common_ancestor() {
    let text = list(12, |i| format!("kind=client db.query.text='SELECT * FROM item WHERE id = {i}'"));
    assert_snapshot!(check(Code::NPlusOne, &text), @"12 calls of one kind below load_cart in an execution (at most 12), 36.0 ms on the critical path, where one would do: SELECT * FROM item WHERE id = ?");
    let spread: Vec<String> = (0..8)
        .map(|i| {
            format!(
                "  item {a}..{b}\n    GET {a}..{b} kind=client http.request.method=GET url.full=http://shop/price/{i}",
                a = i * 10,
                b = i * 10 + 9
            )
        })
        .collect();
    assert_snapshot!(check(Code::NPlusOne, &format!("r 0..90\n{}", spread.join("\n"))), @"8 calls of one kind below r in an execution (at most 8), 72.0 ms on the critical path, where one would do: GET shop/price/{id}");
}

/// Statements on these tables, each of 0.15 ms and this many milliseconds after the one before.
fn spaced(pause: f64, tables: impl Iterator<Item = char>) -> String {
    let call = |(at, table): (usize, char)| {
        let from = 1.0 + at as f64 * (0.15 + pause);
        format!("  SELECT {from}..{} kind=client db.query.text='SELECT * FROM {table} WHERE id = $1'", from + 0.15)
    };
    tables.enumerate().map(call).collect::<Vec<_>>().join("\n")
}

/// The same, one right after another.
fn statements(tables: impl Iterator<Item = char>) -> String {
    spaced(0.15, tables)
}

#[test]
fn computing_between_short_statements_is_no_wait() {
    let list = |pause: f64| {
        let calls = 40;
        let end = calls as f64 * (pause + 0.2);
        check(Code::NPlusOne, &format!("r 0..{end}\n{}", spaced(pause, "a".repeat(calls).chars())))
    };
    assert_ne!(list(5.0), "");
    assert_eq!(list(12.0), "", "so long a pause may be one on purpose");
}

#[test]
fn calls_made_in_turn_by_one_loop_are_one_finding() {
    let in_turn = format!("r 0..20\n{}", statements("abcd".repeat(6).chars()));
    assert_snapshot!(check(Code::NPlusOne, &in_turn), @"24 calls of 4 kinds in turn below r in an execution (at most 24), 3.60 ms on the critical path, where one of each would do: 6 × SELECT * FROM a WHERE id = ?; 6 × SELECT * FROM b WHERE id = ?; 6 × SELECT * FROM c WHERE id = ?; 6 × SELECT * FROM d WHERE id = ?");
    let twice_an_item = format!("r 0..20\n{}", statements("aab".repeat(8).chars()));
    assert_snapshot!(check(Code::NPlusOne, &twice_an_item), @"24 calls of 2 kinds in turn below r in an execution (at most 24), 3.60 ms on the critical path, where one of each would do: 16 × SELECT * FROM a WHERE id = ?; 8 × SELECT * FROM b WHERE id = ?");
    let one_after_another = format!("r 0..20\n{}", statements("abcd".chars().flat_map(|table| [table; 6])));
    assert_eq!(check(Code::NPlusOne, &one_after_another), "", "each list is too short to be worth a finding");
}

#[test]
fn long_lists_in_a_part_of_the_executions_are_found() {
    let executions = |lists: usize, calls: usize| {
        let execution = |number: usize| {
            format!("r 0..20\n{}", statements("a".repeat(if number < lists { calls } else { 1 }).chars()))
        };
        check(Code::NPlusOne, &(0..20).map(execution).collect::<Vec<_>>().join("\n---\n"))
    };
    assert_snapshot!(executions(3, 24), @"24 calls of one kind below r in each of 3 of 20 executions (at most 24), 3.60 ms on the critical path, where one would do: SELECT * FROM a WHERE id = ?");
    assert_eq!(executions(2, 24), "", "two may be chance");
    assert_eq!(executions(3, 12), "", "so few are no load");
}

#[test]
fn requests_that_ask_a_language_model_are_no_n_plus_one() {
    let chat = |i: usize| {
        format!(
            "  chat {a}..{b} kind=client gen_ai.request.model=m gen_ai.usage.input_tokens=100\n    POST {a}..{b} kind=client http.request.method=POST url.full=http://127.0.0.1:40001/chat?n={i}",
            a = i * 10,
            b = i * 10 + 9
        )
    };
    let asked = format!("r 0..120\n{}", (0..12).map(chat).collect::<Vec<_>>().join("\n"));
    assert_eq!(check(Code::NPlusOne, &asked), "");
    assert_ne!(check(Code::NPlusOne, &asked.replace("gen_ai.request.model=m gen_ai.usage.input_tokens=100", "")), "");
}

#[test]
fn a_port_that_the_system_chose_does_not_make_another_call() {
    let page = |port: u16| {
        let get = |i: usize| {
            format!(
                "  GET {}..{} kind=client http.request.method=GET url.full=http://127.0.0.1:{port}/price/{i}",
                i * 10,
                i * 10 + 9
            )
        };
        format!("r 0..80\n{}", (0..8).map(get).collect::<Vec<_>>().join("\n"))
    };
    let one = "8 calls of one kind below r in an execution (at most 8), 72.0 ms on the critical path, where one would do: GET 127.0.0.1/price/{id}\n";
    assert_eq!(check(Code::NPlusOne, &format!("{}\n---\n{}", page(40_001), page(40_002))), one);
    // Of two services each is called in half of the executions, which is not most.
    assert_eq!(check(Code::NPlusOne, &format!("{}\n---\n{}", page(8_080), page(8_081))), "");
}

#[test]
fn what_says_why_comes_before_what_says_where() {
    let traces = traces(&times(5, PARTS));
    let trees = trees(&traces);
    let found = findings(&executions(&trees, EntrySpans::Outermost), &DetectorConfig::default());
    let codes: Vec<Code> = found.iter().map(|finding| finding.code).collect();
    assert_eq!(codes[0], Code::SequentialCouldBeParallel);
    assert!(codes[1..].contains(&Code::Bottleneck), "{codes:?}");
    assert!(found.iter().all(|finding| finding.code != Code::Bottleneck || finding.saving_nanos.is_none()));
}

#[test]
fn gaps_that_recording_itself_takes_are_not_dead() {
    let calls = |pause: f64| {
        let call = |i: usize| format!("  call {}..{}", i as f64 * (0.01 + pause), i as f64 * (0.01 + pause) + 0.01);
        format!("r 0..{}\n{}", 20.0 * (0.01 + pause), (0..20).map(call).collect::<Vec<_>>().join("\n"))
    };
    assert_eq!(check(Code::DeadTime, &times(3, &calls(0.05))), "");
    assert_ne!(check(Code::DeadTime, &times(3, &calls(6.0))), "");
}

#[test]
fn batches_retries_polling_few_items_and_brackets_are_no_n_plus_one() {
    let silent = |text: &str| assert_eq!(check(Code::NPlusOne, text), "", "{text}");
    silent(&list(4, |i| format!("kind=client db.query.text='SELECT {i} FROM t'")));
    silent(&list(12, |i| format!("kind=client db.query.text='SELECT {i}'")));
    silent(&list(12, |i| format!("kind=client db.query.text='SELECT QUOTE(?), QUOTE(?)' x={i}")));
    silent(&list(12, |i| format!("http.request.method=POST http.route=/login url.path=/login x={i}")));
    silent(&list(12, |_| "kind=client db.query.text=COMMIT".to_owned()));
    silent(&list(12, |i| format!("kind=client ! db.query.text='SELECT {i} FROM t'")));
    silent(&list(12, |i| format!("kind=client db.query.text='INSERT INTO t VALUES ({i}), ({i})'")));
    silent(&list(12, |_| "kind=client db.query.text='SELECT a FROM t WHERE b = 1'".to_owned()));
    silent(&list(12, |i| format!("kind=client http.request.method=GET url.full=http://shop/healthz?x={i}")));
    let polling: Vec<String> = (0..12)
        .map(|i| {
            format!(
                "  GET {}..{} kind=client http.request.method=GET url.full=http://shop/job?t={i}",
                i * 1000,
                i * 1000 + 2
            )
        })
        .collect();
    silent(&format!("r 0..13000\n{}", polling.join("\n")));
}

mod failures;
mod foreign;
mod graphql;
mod held_by;
mod inputs;
mod places;
mod programs;
mod relations;
mod resources;
mod routes;
mod whole;

proptest::proptest! {
    #[test]
    fn any_traces_give_findings_of_finite_numbers_that_do_not_hang_on_the_order_of_traces(
        mut set in proptest::collection::vec(crate::critical_path::tests::any_trace(), 0..8)
    ) {
        for (number, trace) in set.iter_mut().enumerate() {
            trace.trace_id.0[0] = number as u8;
        }
        let forward = trees(&set);
        let found = findings(&executions(&forward, EntrySpans::Outermost), &DetectorConfig::default());
        let longest = forward.iter().flat_map(|tree| (0..tree.len()).map(|index| tree.duration(index))).max().unwrap_or(0);
        for finding in &found {
            proptest::prop_assert!(finding.numbers.iter().all(|number| number.value.is_finite()), "{:?}", finding);
            proptest::prop_assert!(finding.saving_nanos.is_none_or(|saving| (0..=longest).contains(&saving)), "{:?}", finding);
            proptest::prop_assert!(!finding.evidence.is_empty());
        }
        let mut backward = trees(&set);
        backward.reverse();
        proptest::prop_assert_eq!(found, findings(&executions(&backward, EntrySpans::Outermost), &DetectorConfig::default()));
    }
}

#[test]
fn every_finding_has_its_page() {
    for code in Code::ALL {
        let page = format!("{}/../../docs/findings/{code}.md", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&page).unwrap_or_default();
        assert!(text.starts_with(&format!("# `{code}`")), "{page}");
    }
}
