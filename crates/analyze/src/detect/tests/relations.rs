//! What findings have to do with each other: which one is listed, which one explains another's time, and what is too
//! little to be worth one.

use std::fmt::Write as _;

use insta::assert_snapshot;

use super::{check, times, trees};
use crate::detect::{DetectorConfig, findings};
use crate::execution::{EntrySpans, executions};
use crate::finding::{Code, Finding};
use crate::testing::traces;

fn all(text: &str) -> Vec<Finding> {
    let traces = traces(text);
    let trees = trees(&traces);
    findings(&executions(&trees, EntrySpans::Outermost), &DetectorConfig::default())
}

/// Code, subject and remarks of what is listed, in its order.
fn listed(text: &str) -> String {
    let mut shown = String::new();
    for finding in all(text) {
        writeln!(shown, "{} {}", finding.code, finding.subject.name).unwrap();
        finding.remarks.iter().for_each(|remark| writeln!(shown, "  {remark}").unwrap());
    }
    shown
}

/// An import of items: a rate is asked for each over HTTP, with attempts and pauses of a retrying client (Python's
/// `requests`, whose caller is a span of its own).
fn import(items: usize, attempts: usize, pause: usize) -> String {
    let mut text = String::new();
    let mut at = 10;
    for item in 0..items {
        let begin = at;
        let mut tries = String::new();
        for attempt in 0..attempts {
            let failed = attempt + 1 < attempts;
            let status = if failed { "503 !" } else { "200" };
            writeln!(
                tries,
                "    GET {at}..{} kind=client http.request.method=GET url.full=http://rates:8080/v1/rate/{item} http.response.status_code={status}",
                at + 5
            )
            .unwrap();
            at += if failed { 5 + pause } else { 5 };
        }
        writeln!(text, "  rates.v1.Rates/Get {begin}..{at} kind=client rpc.service=rates.v1.Rates rpc.method=Get")
            .unwrap();
        text.push_str(&tries);
        at += 1;
    }
    format!("nightly_import 0..{at}\n{text}")
}

#[test]
fn calls_that_retries_slow_down_follow_from_the_storm() {
    assert_snapshot!(listed(&times(3, &import(6, 4, 20))), @r"
    retry_storm GET
    n_plus_one nightly_import
      follows from retry_storm of GET, which explains 94 % of its time
      n_plus_one: 6 calls of one kind below nightly_import in an execution (at most 6), 30.0 ms on the critical path, where one would do: GET rates:8080/v1/rate/{id}
    bottleneck rates.v1.Rates/Get
      follows from retry_storm of GET, which explains 94 % of its time
    ");
    let found = all(&times(3, &import(6, 4, 20)));
    let storm = found.iter().find(|it| it.code == Code::RetryStorm).unwrap();
    let calls = found.iter().find(|it| it.code == Code::NPlusOne).unwrap();
    assert_eq!(calls.follows_from.as_ref(), Some(&storm.fingerprint));
    assert!(storm.follows_from.is_none() && calls.saving_nanos < storm.saving_nanos, "{found:?}");
}

#[test]
fn calls_that_nothing_slows_down_follow_from_nothing() {
    let found = all(&times(3, &import(6, 1, 0)));
    assert!(found.iter().any(|it| it.code == Code::NPlusOne));
    assert!(found.iter().all(|it| it.code == Code::Bottleneck || it.follows_from.is_none()), "{found:?}");
}

#[test]
fn retries_of_another_branch_explain_nothing() {
    let items: Vec<String> = (0..8)
        .map(|i| {
            format!(
                "    SELECT {}..{} kind=client db.query.text='SELECT name FROM item WHERE id = {i}'",
                10 * i,
                10 * i + 9
            )
        })
        .collect();
    let storm: Vec<String> = (0..6)
        .map(|i| {
            format!("    GET {}..{} kind=client ! http.request.method=GET url.full=http://ads/v1", 10 * i, 10 * i + 9)
        })
        .collect();
    let text = format!("r 0..90\n  load 0..85\n{}\n  ads 0..60\n{}", items.join("\n"), storm.join("\n"));
    let found = all(&times(3, &text));
    assert!(found.iter().any(|it| it.code == Code::NPlusOne));
    assert!(found.iter().all(|it| it.code == Code::Bottleneck || it.follows_from.is_none()), "{found:?}");
}

#[test]
fn time_spent_waiting_for_a_lock_is_the_locks() {
    let text: Vec<String> = (0..6)
        .map(|i| {
            format!(
                "  UPDATE {}..{} kind=client db.query.text='UPDATE stock SET n = n - 1 WHERE id = {i}' kino.lock.name=stock kino.lock.wait_nanos=18000000",
                i * 20,
                i * 20 + 20
            )
        })
        .collect();
    assert_snapshot!(listed(&times(3, &format!("r 0..121\n{}", text.join("\n")))), @r"
    lock_contention UPDATE
    n_plus_one r
      follows from lock_contention of UPDATE, which explains 90 % of its time
    bottleneck UPDATE
      follows from lock_contention of UPDATE, which explains 90 % of its time
    ");
}

/// A page of books as a GraphQL server resolves it: authors over HTTP (Node's `undici`), one for each book.
fn resolvers(books: usize, authors: usize) -> String {
    let resolved: Vec<String> = (0..books)
        .map(|book| {
            let (at, end) = (5 + book * 10, 14 + book * 10);
            format!(
                "    graphql.resolve books.{book}.author {at}..{end} graphql.field.name=author graphql.parent.name=Book\n      GET {at}..{end} kind=client http.request.method=GET url.full=http://authors:3000/authors/{} server.address=authors server.port=3000",
                book % authors
            )
        })
        .collect();
    format!("query 0..{e}\n  graphql.execute 1..{e}\n{r}", e = 6 + books * 10, r = resolved.join("\n"))
}

#[test]
fn one_finding_for_one_set_of_calls() {
    assert_snapshot!(listed(&times(5, &resolvers(12, 12))), @r"
    n_plus_one graphql.execute
    bottleneck GET
      n_plus_one of graphql.execute is about the same calls
    ");
    // Few authors of many books: the others are the same call again.
    assert_snapshot!(listed(&times(5, &resolvers(12, 3))), @r"
    repeated_identical_call GET
    bottleneck GET
      repeated_identical_call of GET is about the same calls
    ");
    assert_snapshot!(listed(&times(5, &resolvers(18, 6))), @r"
    n_plus_one graphql.execute
      repeated_identical_call: the same call with the same data 3 times in an execution of query; asked once it would save 108 ms: GET authors/authors/{id}
    bottleneck GET
      n_plus_one of graphql.execute is about the same calls
    ");
}

#[test]
fn what_one_call_in_many_shares_is_no_other_set() {
    let text = "
        page 0..220
          prices 2..110
            GET 3..109 kind=client http.request.method=GET url.full=http://prices/all
          stock 111..220
            GET 112..131 kind=client http.request.method=GET url.full=http://stock/1
            GET 133..152 kind=client http.request.method=GET url.full=http://stock/2
            GET 154..173 kind=client http.request.method=GET url.full=http://stock/3
            GET 175..194 kind=client http.request.method=GET url.full=http://stock/4
            GET 196..215 kind=client http.request.method=GET url.full=http://stock/5
    ";
    let codes: Vec<Code> = all(&times(5, text)).iter().map(|it| it.code).collect();
    assert!(codes.contains(&Code::NPlusOne) && codes.contains(&Code::SequentialCouldBeParallel), "{codes:?}");
}

#[test]
fn ten_times_the_same_key_is_no_list_of_items() {
    let get = |key: usize, at: usize| {
        format!(
            "  GET {at}..{at}.8 kind=client db.system.name=redis db.query.text='GET authors:{key}' server.address=cache server.port=6379"
        )
    };
    let page = |keys: &[usize]| {
        let calls: Vec<String> = keys.iter().enumerate().map(|(at, &key)| get(key, at + 2)).collect();
        format!("GET /books 0..30 kind=server\n{}", calls.join("\n"))
    };
    assert_snapshot!(check(Code::RepeatedIdenticalCall, &page(&[1; 10])), @"the same call with the same data 10 times in an execution of GET /books; asked once it would save 7.20 ms: GET authors:?");
    assert_eq!(check(Code::NPlusOne, &page(&[1; 10])), "");
    assert_eq!(check(Code::NPlusOne, &page(&[1, 2, 1, 1, 2, 1, 1, 2, 1, 1])), "", "two authors are no list");
    assert_ne!(check(Code::NPlusOne, &page(&[1, 2, 3, 4, 5, 6])), "");
}

#[test]
fn the_same_question_to_each_replica_is_asked_of_each() {
    let ask = |peer: usize| {
        format!(
            "  SELECT {}..{} kind=client db.query.text='SELECT max(id) FROM log' server.address=db-{peer}",
            peer * 10,
            peer * 10 + 9
        )
    };
    let text = format!("r 0..60\n{}", (0..6).map(ask).collect::<Vec<_>>().join("\n"));
    assert_eq!(check(Code::RepeatedIdenticalCall, &text), "");
    assert_ne!(check(Code::RepeatedIdenticalCall, &text.replace("db-", "db server.port=54321 x=")), "");
}

/// Resolvers of Node's `Promise.all` over a pool, all under way at once.
fn at_once(calls: usize, shards: bool) -> String {
    let call = |i: usize| {
        let host = if shards { format!("shard-{i}") } else { "db".to_owned() };
        format!(
            "    pg.query:SELECT shop {}..{} kind=client db.system.name=postgresql db.query.text='SELECT * FROM author WHERE id = $1' server.address={host} server.port=5432",
            5.0 + 0.1 * i as f64,
            25.0 + 0.2 * i as f64
        )
    };
    format!(
        "POST /graphql 0..40 kind=server\n  graphql.execute 2..38\n{}",
        (0..calls).map(call).collect::<Vec<_>>().join("\n")
    )
}

#[test]
fn calls_made_at_once_are_a_load() {
    assert_snapshot!(check(Code::NPlusOne, &at_once(24, false)), @"24 calls of one kind below graphql.execute in an execution (at most 24), at the same time as each other or other work: 508 ms of answering, of which 22.3 ms on the critical path, where one would do: SELECT * FROM author WHERE id = ?");
    let found = all(&at_once(24, false));
    let calls = found.iter().find(|it| it.code == Code::NPlusOne).unwrap();
    assert!(calls.saving_nanos.is_none_or(|nanos| nanos < 20_000_000), "{calls:?}");
    assert_eq!(check(Code::NPlusOne, &at_once(24, true)), "", "a scatter asks each shard once");
    assert_eq!(check(Code::NPlusOne, &at_once(8, false)), "", "eight are no load, and cost no time");
    let one_is_slow = at_once(8, false).replace("..26.2 ", "..37 ");
    assert_ne!(one_is_slow, at_once(8, false));
    assert_eq!(check(Code::NPlusOne, &one_is_slow), "", "one call for all would be as slow as the slowest");
}

#[test]
fn a_pool_of_four_makes_a_list_shorter_and_no_less_of_a_list() {
    let call = |i: usize| {
        format!(
            "    SELECT {}..{} kind=client db.query.text='SELECT * FROM author WHERE id = $1' server.address=db",
            5 + 5 * (i / 4),
            10 + 5 * (i / 4)
        )
    };
    let text = format!("r 0..60\n  load 1..58\n{}", (0..40).map(call).collect::<Vec<_>>().join("\n"));
    assert_snapshot!(check(Code::NPlusOne, &text), @"40 calls of one kind below load in an execution (at most 40), at the same time as each other or other work: 200 ms of answering, of which 50.0 ms on the critical path, where one would do: SELECT * FROM author WHERE id = ?");
}

#[test]
fn what_is_recorded_by_two_libraries_is_one_call() {
    let call = |i: usize| {
        format!(
            "  SELECT shop {a}..{b} kind=client db.query.text='SELECT * FROM book WHERE id = %s'\n    SELECT {a}.1..{a}.9 kind=client db.query.text='SELECT * FROM book WHERE id = %s'",
            a = i * 10,
            b = i * 10 + 9
        )
    };
    let text = format!("r 0..100\n{}", (0..9).map(call).collect::<Vec<_>>().join("\n"));
    assert_snapshot!(check(Code::NPlusOne, &text), @"9 calls of one kind below r in an execution (at most 9), 81.0 ms on the critical path, where one would do: SELECT * FROM book WHERE id = ?");
}

#[test]
fn too_small_a_saving_is_not_reported() {
    // Reads of 20 µs each.
    let read = |system: &str, i: usize, key: usize| {
        let at = 0.1 + 0.03 * i as f64;
        format!(
            "  SELECT {at}..{} kind=client db.system.name={system} db.query.text='SELECT v FROM kv WHERE k = {key}'",
            at + 0.02
        )
    };
    let of = |system: &str, millis: usize, count: usize, key: fn(usize) -> usize| {
        let reads: Vec<String> = (0..count).map(|i| read(system, i, key(i))).collect();
        listed(&format!("main 0..{millis}\n{}", reads.join("\n")))
    };
    let program = |millis: usize, count: usize, key: fn(usize) -> usize| of("postgresql", millis, count, key);
    let same: fn(usize) -> usize = |_| 7;
    let other: fn(usize) -> usize = |i| i;
    assert_eq!(program(1, 8, other), "", "a tenth of a millisecond, though it is a tenth of all");
    assert_eq!(program(1_000, 19, same), "", "a three-thousandth of a second");
    assert!(program(40, 24, same).starts_with("repeated_identical_call"), "23 calls are a load");
    assert!(program(40, 24, other).starts_with("n_plus_one"), "so are these");
    assert_eq!(of("sqlite", 40, 24, same), "", "no load on another side, where it is in the process");
    assert_eq!(of("sqlite", 40, 24, other), "");
    assert_eq!(program(1_000, 24, same), "", "now and then in a long time, they are none");
}
