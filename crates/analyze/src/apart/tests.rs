//! Executions as recorded, and what sets one of them apart.

use kino_model::Trace;
use kino_model::finding::WaitKind;

use super::*;
use crate::testing::{Random, traces, trees};

/// Compares the last execution of `GET /` in the notation with those before it.
fn check(text: &str) -> Apart {
    let traces = traces(text);
    let trees = trees(&traces);
    let entry = EntrySpans::Operation { service: None, name: "GET /" };
    let all = executions(&trees, entry);
    let (last, likes) = all.split_last().unwrap();
    apart(last, likes)
}

/// `count` likes of about 100 ms, each a second after the one before.
fn likes(count: usize, body: impl Fn(usize) -> String) -> String {
    let like = |number: usize| {
        let start = number * 1_000;
        let end = start + 100 + number % 7;
        format!("GET / {start}..{end} {}", body(number))
    };
    (0..count).map(like).collect::<Vec<_>>().join("\n---\n")
}

fn with(likes: &str, last: &str) -> Apart {
    check(&format!("{likes}\n---\n{last}"))
}

fn db(start: usize, nanos: usize) -> String {
    format!("\n  SELECT {}..{} kind=client db.query.text='SELECT 1'", start * 1_000 + 10, start * 1_000 + 10 + nanos)
}

#[test]
fn a_typical_execution_shows_no_difference() {
    let found = with(&likes(30, |at| db(at, 50)), &format!("GET / 90000..90106 {}", db(90, 50)));
    assert!(!found.is_unusual());
    assert_eq!((found.operations, found.attributes, found.wait), (Vec::new(), Vec::new(), None));
    assert_eq!((found.likes.executions, found.likes.slow), (30, 0));
}

#[test]
fn a_slow_one_names_the_wait_and_what_is_usual() {
    let found = with(&likes(30, |at| db(at, 50)), &format!("GET / 90000..92100 {}", db(90, 2_000)));
    assert!(found.is_slow);
    let wait = found.wait.unwrap();
    assert_eq!((wait.name.as_str(), wait.kind, wait.what.as_deref()), ("SELECT", WaitKind::Database, Some("SELECT ?")));
    assert_eq!((wait.nanos, wait.usual_nanos), (2_000_000_000, Some(50_000_000)));
    assert!(wait.share > 0.95, "{}", wait.share);
    let row = &found.operations[0];
    assert_eq!((row.name.as_str(), row.difference), ("SELECT", Difference::Slower));
}

#[test]
fn with_few_likes_only_what_is_certain_is_slow() {
    let slow = |count: usize, last: usize| {
        with(&likes(count, |_| String::new()), &format!("GET / 90000..{}", 90_000 + last)).is_slow
    };
    assert!(!slow(4, 60_000), "four say nothing");
    assert!(!slow(10, 200) && slow(10, 400));
    assert!(!slow(30, 140) && slow(30, 170));
}

#[test]
fn it_is_slow_even_where_many_likes_are() {
    let mixed =
        likes(30, |at| if at.is_multiple_of(3) { "tenant=halden".to_owned() } else { "tenant=acme".to_owned() });
    let mixed = mixed.lines().map(slow_down).collect::<Vec<_>>().join("\n");
    let found = with(&mixed, "GET / 90000..95000 tenant=halden");
    assert!(found.is_slow);
    assert_eq!(found.likes.slow, 10);
    let row = &found.attributes[0];
    assert_eq!((row.key.as_str(), row.value.as_str(), row.usual.as_deref()), ("tenant", "halden", Some("acme")));
    assert_eq!((row.likes_with_it, row.likes, row.alike_with_it, row.alike), (0, 20, 10, 10));
}

/// Executions of the tenant halden take 5 s.
fn slow_down(line: &str) -> String {
    let Some(range) = line.split(' ').find(|word| word.contains("..")).filter(|_| line.contains("halden")) else {
        return line.to_owned();
    };
    let start: i64 = range.split("..").next().unwrap().parse().unwrap();
    line.replace(range, &format!("{start}..{}", start + 5_000))
}

#[test]
fn calls_that_come_and_go_are_found_apart_at_the_topmost() {
    let body = |at: usize| format!("\n  charge {0}..{1}\n    bank {0}..{1}", at * 1_000 + 10, at * 1_000 + 50);
    let found = with(&likes(30, body), "GET / 90000..90010 !\n  refuse 90001..90009\n    audit 90002..90008");
    let found_apart: Vec<_> = found.operations.iter().map(|row| (row.name.as_str(), row.difference)).collect();
    assert!(
        found_apart.contains(&("charge", Difference::Missing))
            && found_apart.contains(&("refuse", Difference::OnlyHere)),
        "{found_apart:?}"
    );
    assert!(!found_apart.iter().any(|(name, _)| ["bank", "audit"].contains(name)), "{found_apart:?}");
}

#[test]
fn more_calls_than_ever_are_found_apart_with_their_numbers() {
    let call = |at: usize, count: usize| {
        (0..count).map(|n| format!("\n  item {0}..{0}", at * 1_000 + n)).collect::<Vec<_>>().concat()
    };
    let found = with(&likes(30, |at| call(at, 2 + at % 2)), &format!("GET / 90000..91000 {}", call(90, 40)));
    let row = found.operations.iter().find(|row| row.name == "item").unwrap();
    assert_eq!((row.difference, row.calls, row.usual_calls, row.likes_with_it), (Difference::MoreCalls, 40, 2.5, 30));
}

#[test]
fn ids_counters_and_what_follows_from_other_calls_set_nothing_apart() {
    let body = |at: usize| format!("order.id=o{at} sequence={at} user={}", ["a", "b"][at % 2]);
    let last = "GET / 90000..99000 order.id=o999 sequence=999 user=b\n  extra 90001..90002 extra.key=x";
    let found = with(&likes(30, body), last);
    assert!(found.is_slow);
    assert_eq!(found.attributes, []);
}

#[test]
fn a_number_far_beyond_the_others_sets_it_apart() {
    let found = with(&likes(30, |at| format!("items={}", 3 + at * 7 % 31)), "GET / 90000..99000 items=4800");
    let row = &found.attributes[0];
    assert_eq!((row.key.as_str(), row.value.as_str(), row.usual.as_deref()), ("items", "4800", Some("3 to 33")));
    let typical = with(&likes(30, |at| format!("items={}", 3 + at * 7 % 31)), "GET / 90000..99000 items=40");
    assert_eq!(typical.attributes, []);
}

#[test]
fn a_failed_one_is_compared_with_those_that_did_not_fail() {
    let body = |at: usize| if at.is_multiple_of(5) { "! region=eu".to_owned() } else { "region=us".to_owned() };
    let found = with(&likes(40, body), "GET / 39050..39100 ! region=eu");
    assert_eq!((found.is_failed, found.is_slow, found.likes.failed), (true, false, 8));
    assert_eq!(found.attributes[0].key, "region");
    assert_eq!((found.attributes[0].alike_with_it, found.attributes[0].alike), (8, 8));
    assert_eq!((found.likes.meanwhile, found.likes.meanwhile_alike), (1, 0));
}

#[test]
fn without_likes_a_failed_one_still_shows_its_longest_wait() {
    let found = check("GET / 0..5000 !\n  connect 10..4990 kind=client");
    let wait = found.wait.unwrap();
    assert_eq!((wait.name.as_str(), wait.kind, wait.usual_nanos), ("connect", WaitKind::Client, None));
    assert_eq!(found.likes, Likes::default());
}

#[test]
fn noise_alone_seldom_makes_an_execution_slow_or_names_an_attribute() {
    let mut random = Random(7);
    let (mut slow, mut named) = (0, 0);
    for _ in 0..200 {
        let line = |number: usize, random: &mut Random| {
            let nanos = (100.0 * (0.2 * random.normal()).exp()) as usize;
            let (start, shard, load) = (number * 1_000, random.below(8), random.below(1_000));
            format!("GET / {start}..{} shard={shard} load={load} flag={}", start + nanos, random.below(2))
        };
        let text: Vec<String> = (0..60).map(|number| line(number, &mut random)).collect();
        slow += u32::from(check(&text.join("\n---\n")).is_slow);
        let failing = format!("{} !", text.join("\n---\n"));
        named += u32::from(!check(&failing).attributes.is_empty());
    }
    assert!(slow <= 8, "{slow} of 200");
    assert!(named <= 8, "{named} of 200");
}

#[test]
fn the_subject_of_a_trace_is_the_first_that_failed_else_the_longest() {
    let subject_of = |text: &str| {
        let trace: Trace = crate::testing::trace(text, 1);
        let tree = Tree::new(&trace);
        subject(&tree).map(|execution| tree.span(execution.entry).name.to_string())
    };
    let suite = "run 0..100 kino.run.command=pytest\n  a 0..10\n  b 10..60 !\n  c 60..90 !";
    assert_eq!(subject_of(suite).as_deref(), Some("b"));
    assert_eq!(subject_of(&suite.replace('!', "")).as_deref(), Some("b"));
    assert_eq!(subject_of("run 0..100 kino.run.command=true").as_deref(), Some("run"));
}
