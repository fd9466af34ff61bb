//! Who has what others wait for: pools, locks, workers, rates, blocked event loops; and what only looks like it.

use std::fmt::Write as _;

use kino_model::{Trace, TraceId};

use crate::detect::{Beside, DetectorConfig, findings, findings_beside, may_wait_for_others};
use crate::execution::{EntrySpans, executions};
use crate::finding::{Code, Finding};
use crate::testing::{Random, trace, trees};

/// Traces of any number, from their texts.
fn recorded(texts: &[String]) -> Vec<Trace> {
    let of = |(number, text): (usize, &String)| {
        let mut trace = trace(text, 1);
        let mut id = [7; 16];
        id[..8].copy_from_slice(&(number as u64 + 1).to_be_bytes());
        trace.trace_id = TraceId(id);
        for span in &mut trace.spans {
            span.trace_id = TraceId(id);
        }
        trace
    };
    texts.iter().enumerate().map(of).collect()
}

fn held_by(texts: &[String]) -> Vec<Finding> {
    let traces = recorded(texts);
    let trees = trees(&traces);
    let mut found = findings(&executions(&trees, EntrySpans::Outermost), &DetectorConfig::default());
    found.retain(|finding| finding.code == Code::HeldBy);
    found
}

fn text(found: &[Finding]) -> String {
    found.iter().map(|finding| finding.text.as_str()).collect::<Vec<_>>().join("\n")
}

/// One request: when it comes, who sends it, for how long it needs a connection.
struct Request {
    at: f64,
    shipper: &'static str,
    hold: f64,
}

const SHIPPERS: [&str; 5] = ["acme", "borealis", "cargo", "delta", "echo"];

/// Requests that come at random; one in eight is of `halden`, whose take `long` milliseconds, the others' about four.
fn requests(seed: u64, count: usize, long: f64, every: f64) -> Vec<Request> {
    let mut random = Random(seed);
    let mut at = 0.0;
    let request = |_| {
        at -= every * random.uniform().ln();
        let shipper = if random.below(8) == 0 { "halden" } else { SHIPPERS[random.below(5) as usize] };
        let hold = if shipper == "halden" { long } else { 4.0 } * (0.5 + random.uniform());
        Request { at, shipper, hold }
    };
    (0..count).map(request).collect()
}

/// What each request records with a pool of `size` connections, first come first served.
fn pooled(requests: &[Request], size: usize, seed: u64) -> Vec<String> {
    let mut random = Random(seed);
    let mut free = vec![0.0f64; size];
    let mut texts = Vec::new();
    for Request { at, shipper, hold } in requests {
        let next = free.iter_mut().min_by(|a, b| a.total_cmp(b)).unwrap();
        let got = next.max(at + 0.2);
        let released = got + hold;
        *next = released;
        let end = released + 15.0 * random.uniform();
        let (parcels, region) = (random.below(9), ["north", "south"][random.below(2) as usize]);
        texts.push(format!(
            "POST /screen {at:.3}..{end:.3} kind=server shipper={shipper} parcels={parcels} region={region}
  load {:.3}..{:.3}
    connect {:.3}..{got:.3} kind=client db.system=sqlite
    SELECT {:.3}..{:.3} kind=client db.system=sqlite
    match {:.3}..{released:.3} code.file.path=match.py code.line.number=12",
            at + 0.1,
            released + 0.01,
            at + 0.15,
            got + 0.05,
            got + 1.0,
            got + 1.1
        ));
    }
    texts
}

#[test]
fn the_tenant_who_holds_a_pool_is_named_with_what_it_does_meanwhile() {
    let found = held_by(&pooled(&requests(1, 250, 350.0, 45.0), 2, 2));
    insta::assert_snapshot!(text(&found), @"POST /screen waits 76.0 ms for connect in an execution, 57 % of it. 100 % of this waiting fell while executions with shipper=halden had it (1.9 at once): they are 12 % of the executions and 97 % of the holding meanwhile; 98 % of that time in match.");
    assert_eq!(found[0].location.as_ref().map(|location| location.path.as_str()), Some("match.py"));
    assert_eq!(found[0].subject.name, "connect");
}

#[test]
fn a_statement_that_takes_the_databases_lock_waits_for_its_holder() {
    let statement = |text: String| {
        text.replace("connect ", "BEGIN ").replace(
            "kind=client db.system=sqlite\n    SELECT",
            "kind=client db.query.text='BEGIN IMMEDIATE'\n    SELECT",
        )
    };
    let texts: Vec<String> = pooled(&requests(1, 250, 175.0, 45.0), 1, 2).into_iter().map(statement).collect();
    let found = held_by(&texts);
    assert_eq!(found[0].subject.name, "BEGIN");
    assert!(text(&found).contains("for BEGIN in an execution") && text(&found).contains("shipper=halden"), "{found:?}");
    let reading: Vec<String> = texts.iter().map(|text| text.replace("BEGIN IMMEDIATE", "BEGIN")).collect();
    assert_eq!(text(&held_by(&reading)), "", "a transaction that only begins waits for nothing");
}

#[test]
fn work_after_the_release_does_not_hide_the_holder() {
    // `answer` takes longer than all but halden's holding, so that more seem to hold a connection than there are.
    let texts: Vec<String> = pooled(&requests(21, 200, 200.0, 25.0), 2, 22)
        .iter()
        .map(|text| {
            text.lines()
                .filter(|line| !line.contains("SELECT") && !line.contains("load"))
                .map(|line| line.replace("    ", "  "))
                .collect::<Vec<_>>()
                .join("\n")
        })
        .collect();
    insta::assert_snapshot!(text(&held_by(&texts)), @"POST /screen waits 74.3 ms for connect in an execution, 68 % of it. 100 % of this waiting fell while executions with shipper=halden had it (1.9 at once): they are 12 % of the executions and 87 % of the holding meanwhile; 96 % of that time in match.");
}

#[test]
fn a_pool_that_all_use_alike_has_no_holder() {
    let named = (0..40).filter(|seed| {
        let requests = requests(100 + seed, 120, 4.0, 2.0);
        !held_by(&pooled(&requests, 2, *seed)).is_empty()
    });
    assert!(named.count() <= 1);
}

/// Requests that need `connect` for as long as the network takes, beside a job that runs all the time.
fn slow_network(seed: u64, count: usize, job: &str) -> Vec<String> {
    let mut random = Random(seed);
    let mut texts = vec![job.to_owned()];
    let mut at = 0.0;
    for _ in 0..count {
        at -= 80.0 * random.uniform().ln();
        let got = at + 40.0 + 10.0 * random.uniform();
        let end = got + 5.0 + 5.0 * random.uniform();
        let shipper = SHIPPERS[random.below(5) as usize];
        texts.push(format!(
            "GET / {at:.3}..{end:.3} kind=server shipper={shipper}\n  connect {at:.3}..{got:.3} kind=client"
        ));
    }
    texts
}

#[test]
fn a_long_job_that_overlaps_all_waits_is_not_named() {
    let jobs = [
        "nightly 0..40000 kind=internal tenant=halden",
        "nightly 0..40000 kind=internal tenant=halden\n  connect 0..45 kind=client",
        "nightly 5000..20000 kind=internal tenant=halden\n  connect 5000..5045 kind=client",
    ];
    for job in jobs {
        for seed in 0..10 {
            assert_eq!(text(&held_by(&slow_network(seed, 150, job))), "", "{job} {seed}");
        }
    }
}

#[test]
fn several_long_jobs_that_overlap_all_waits_are_not_named() {
    for seed in 0..10 {
        let mut texts = slow_network(seed, 150, "nightly 0..12000 tenant=halden\n  connect 0..45 kind=client");
        for part in 0..6 {
            let (start, end) = (part * 2000, part * 2000 + 1900);
            texts.push(format!("export {start}..{end} tenant=halden\n  connect {start}..{} kind=client", start + 45));
        }
        assert_eq!(text(&held_by(&texts)), "", "{seed}");
    }
}

#[test]
fn a_single_execution_has_no_holder() {
    let alone =
        "POST /screen 0..100 kind=server shipper=halden\n  connect 0..80 kind=client\n  match 80..100".to_owned();
    assert_eq!(text(&held_by(std::slice::from_ref(&alone))), "");
    assert_eq!(text(&held_by(&vec![alone; 5])), "");
}

#[test]
fn a_single_holder_is_named_by_its_operation() {
    // Requests that come while one import has the only connection wait for its end, and go on one after another.
    let mut texts = Vec::new();
    let mut random = Random(9);
    let (mut free, mut at) = (0.0f64, 0.0f64);
    let import = (400.0, 1400.0);
    texts.push(format!(
        "import {}..{} kind=internal\n  connect {}..{} kind=client\n  parse {}..{}",
        import.0,
        import.1,
        import.0,
        import.0 + 0.2,
        import.0 + 0.3,
        import.1
    ));
    for _ in 0..120 {
        at -= 20.0 * random.uniform().ln();
        let mut got = free.max(at + 0.2);
        if got > import.0 - 4.0 && got < import.1 {
            got = import.1;
        }
        let end = got + 1.0 + 2.0 * random.uniform();
        free = end;
        texts.push(format!("GET / {at:.3}..{end:.3} kind=server\n  connect {at:.3}..{got:.3} kind=client"));
    }
    insta::assert_snapshot!(text(&held_by(&texts)), @"GET / waits 241 ms for connect in an execution, 99 % of it. 90 % of this waiting fell while one execution of import had it (1.0 at once): it is 1 % of the executions and 90 % of the holding meanwhile; 100 % of that time in parse.");
}

#[test]
fn a_holder_of_another_operation_is_found_beside_those_that_wait() {
    let requests = requests(3, 250, 350.0, 45.0);
    let texts: Vec<String> = pooled(&requests, 2, 4)
        .iter()
        .zip(&requests)
        .map(|(text, request)| {
            let other = request.shipper == "halden";
            text.replace("shipper=halden", "")
                .replace("POST /screen", if other { "POST /bulk" } else { "POST /screen" })
        })
        .collect();
    let traces = recorded(&texts);
    let trees = trees(&traces);
    let of = |name| executions(&trees, EntrySpans::Operation { service: None, name });
    let found =
        findings_beside(&of("POST /screen"), Beside { trees: &trees, since: i64::MIN }, &DetectorConfig::default());
    let found: Vec<Finding> = found.into_iter().filter(|finding| finding.code == Code::HeldBy).collect();
    insta::assert_snapshot!(text(&found), @"POST /screen waits 132 ms for connect in an execution, 92 % of it. 100 % of this waiting fell while executions of POST /bulk had it (1.9 at once): they are 16 % of the executions and 97 % of the holding meanwhile; 98 % of that time in match.");
    let alone = findings(&of("POST /screen"), &DetectorConfig::default());
    assert!(alone.iter().all(|finding| finding.code != Code::HeldBy), "without them no holder is known");
}

#[test]
fn a_lock_says_who_has_it_between_its_event_and_the_end() {
    let texts: Vec<String> = pooled(&requests(7, 200, 80.0, 20.0), 1, 8)
        .iter()
        .map(|text| {
            let lines: Vec<&str> = text.lines().collect();
            let bounds = |line: &str| -> (f64, f64) {
                let range = line.split(' ').find(|word| word.contains("..")).unwrap();
                let (start, end) = range.split_once("..").unwrap();
                (start.parse().unwrap(), end.parse().unwrap())
            };
            let (asked, got) = bounds(lines[2]);
            let (_, released) = bounds(lines[4]);
            let mut out = String::from(lines[0]);
            write!(
                out,
                "\n  book {asked:.3}..{released:.3} kino.lock.name=accounts kino.lock.wait_nanos={}",
                ((got - asked) * 1e6) as i64
            )
            .unwrap();
            out
        })
        .collect();
    insta::assert_snapshot!(text(&held_by(&texts)), @"POST /screen waits 37.2 ms for the lock accounts in an execution, 65 % of it. 80 % of this waiting fell while executions with shipper=halden had it (1.0 at once): they are 12 % of the executions and 80 % of the holding meanwhile.");
}

#[test]
fn messages_wait_for_workers_that_others_keep() {
    let texts: Vec<String> = pooled(&requests(11, 200, 300.0, 40.0), 2, 12).iter().map(|text| {
        let lines: Vec<&str> = text.lines().collect();
        let range = |line: &str| line.split(' ').find(|word| word.contains("..")).unwrap().to_owned();
        let (asked, got) = { let range = range(lines[2]); let (a, b) = range.split_once("..").unwrap(); (a.parse::<f64>().unwrap(), b.to_owned()) };
        let released = range(lines[4]).split_once("..").unwrap().1.to_owned();
        let shipper = lines[0].split(' ').find(|word| word.starts_with("shipper")).unwrap();
        format!("POST /order {:.3}..{asked:.3} kind=server @shop\n  send {:.3}..{asked:.3} kind=producer @shop\n    orders process {got}..{released} kind=consumer @work {shipper}", asked - 2.0, asked - 1.0)
    }).collect();
    insta::assert_snapshot!(text(&held_by(&texts)), @"POST /order waits 39.0 ms for a worker of orders process in an execution, 97 % of it. 100 % of this waiting fell while executions with shipper=halden had it (1.9 at once): they are 16 % of the executions and 97 % of the holding meanwhile.");
}

/// Requests that wait in `throttle` while bulk work runs, or for as long at any time.
fn throttled(seed: u64, is_caused: bool) -> Vec<String> {
    let mut random = Random(seed);
    let mut texts = Vec::new();
    let mut bulks: Vec<(f64, f64)> = Vec::new();
    for _ in 0..12 {
        let start = 12_000.0 * random.uniform();
        bulks.push((start, start + 300.0));
        texts.push(format!("GET /sync {start:.3}..{:.3} kind=server plan=bulk", start + 300.0));
    }
    for _ in 0..250 {
        let at = 12_000.0 * random.uniform();
        let meanwhile = bulks.iter().any(|bulk| at > bulk.0 && at < bulk.1);
        let slow = if is_caused { meanwhile } else { random.below(4) == 0 };
        let until = at + if slow { 60.0 + 40.0 * random.uniform() } else { 0.1 };
        texts.push(format!(
            "GET /rate {at:.3}..{:.3} kind=server plan=free\n  rate_limiter.wait {at:.3}..{until:.3}",
            until + 8.0
        ));
    }
    texts.push("watch 0..13000 plan=free".to_owned());
    texts
}

#[test]
fn executions_that_run_during_waits_beyond_chance_are_named_where_no_holder_is_seen() {
    insta::assert_snapshot!(text(&held_by(&throttled(1, true))), @"GET /rate waits 18.4 ms for rate_limiter.wait in an execution, 70 % of it. 79 % of this waiting fell while executions of GET /sync ran (1.2 at once): they are 5 % of the executions, and at other times run during 24 % of it.");
    let found = |is_caused: bool| (0..30).filter(|seed| !held_by(&throttled(*seed, is_caused)).is_empty()).count();
    assert!(found(true) >= 24, "{}", found(true));
    assert!(found(false) <= 1, "{}", found(false));
}

/// An event loop: `GET /item` asks its store three times; `GET /export` asks once and computes for `burn` milliseconds.
/// What would happen meanwhile happens at its end, unless each has a thread.
fn looped(seed: u64, burn: f64, is_threaded: bool) -> Vec<String> {
    looped_with(seed, 20, burn, is_threaded)
}

/// The same with one `GET /export` among the given number of requests.
fn looped_with(seed: u64, one_in: u64, burn: f64, is_threaded: bool) -> Vec<String> {
    let mut random = Random(seed);
    // Of each task the pending times, and what is recorded: line starts with their depth.
    let mut clock = 0.0f64;
    let mut texts = Vec::new();
    let mut pending: Vec<(f64, usize)> = Vec::new();
    let mut tasks: Vec<(bool, Vec<f64>, f64)> = Vec::new();
    let mut at = 0.0;
    for number in 0..300 {
        at -= 20.0 * random.uniform().ln();
        tasks.push((random.below(one_in) == 0, Vec::new(), 0.0));
        pending.push((at, number));
    }
    while let Some(next) = pending.iter().enumerate().min_by(|a, b| a.1.0.total_cmp(&b.1.0)).map(|it| it.0) {
        let (due, number) = pending.swap_remove(next);
        let now = if is_threaded { due } else { clock.max(due) };
        clock = now + 0.02;
        let (is_export, times, _) = &mut tasks[number];
        times.push(now);
        let calls = if *is_export { 1 } else { 3 };
        if times.len() <= calls {
            pending.push((clock + 5.0 + 15.0 * random.uniform(), number));
        } else if *is_export {
            clock = now + burn;
            tasks[number].2 = clock;
            if is_threaded {
                clock = now;
            }
        } else {
            tasks[number].2 = clock;
        }
    }
    for (is_export, times, end) in tasks {
        let name = if is_export { "GET /export" } else { "GET /item" };
        let mut text =
            format!("{name} {:.3}..{end:.3} kind=server client={}", times[0], ["a", "b"][random.below(2) as usize]);
        for pair in times.windows(2) {
            write!(text, "\n  GET {:.3}..{:.3} kind=client", pair[0] + 0.01, pair[1]).unwrap();
        }
        if is_export {
            write!(text, "\n  layout {:.3}..{end:.3}", times.last().unwrap() + 0.01).unwrap();
        }
        texts.push(text);
    }
    texts
}

#[test]
fn what_blocks_an_event_loop_is_named_and_what_has_a_thread_is_not() {
    insta::assert_snapshot!(text(&held_by(&looped(1, 250.0, false))), @"GET /item is blocked for 229 ms in an execution, 78 % of it: while executions of GET /export computed in layout (18 times, up to 250 ms), nothing else in their process went on; they are 6 % of the executions.");
    for seed in 0..10 {
        assert_eq!(text(&held_by(&looped(seed, 250.0, true))), "", "{seed}");
    }
}

/// Whether executions of these traces, at their roots, may have waited for others.
fn may_wait(texts: &[String]) -> bool {
    let traces = recorded(texts);
    may_wait_for_others(traces.iter(), |span| span.parent_span_id.is_none())
}

#[test]
fn what_ran_beside_is_asked_for_where_waiting_may_be_a_part_of_the_time() {
    let lasting = |millis: f64| format!("GET /a 0..{millis}");
    let calm: Vec<String> = (0..40).map(|number| lasting(20.0 + f64::from(number % 9))).collect();
    assert!(!may_wait(&calm));
    let with = |slow: &[f64]| {
        let mut texts = calm.clone();
        texts.extend(slow.iter().map(|millis| lasting(*millis)));
        may_wait(&texts)
    };
    assert!(with(&[300.0, 310.0, 290.0]), "three stand out, and their excess is much of all time");
    assert!(!with(&[50.0, 51.0, 52.0]), "three that stand out a little are as nothing beside the rest");
    assert!(!with(&[900.0]), "one alone may have any reason");
    let connecting = |millis: f64| format!("GET /a 0..24\n  connect 0..{millis} kind=client");
    assert!(may_wait(&(0..20).map(|_| connecting(8.0)).collect::<Vec<_>>()));
    assert!(!may_wait(&(0..20).map(|_| connecting(0.1)).collect::<Vec<_>>()), "no wait to speak of");
}

#[test]
fn a_few_long_stretches_are_enough_where_all_others_stand_still_meanwhile() {
    let (mut found, mut few) = (0, 0);
    for seed in 0..20 {
        let texts = looped_with(seed, 75, 900.0, false);
        let exports = texts.iter().filter(|text| text.starts_with("GET /export")).count();
        if (3..=5).contains(&exports) {
            few += 1;
            found += usize::from(text(&held_by(&texts)).contains("while executions of GET /export computed in layout"));
        }
        assert_eq!(text(&held_by(&looped_with(seed, 75, 900.0, true))), "", "{seed}: with threads no request waits");
    }
    assert!(few >= 5 && found * 10 >= few * 8, "{found} of {few}");
}

#[test]
fn a_process_that_stops_as_a_whole_once_accuses_no_operation() {
    // Every 40 ms a request of 30 ms of two kinds, in turn; all that is under way at 2 s ends 700 ms later.
    let texts: Vec<String> = (0..120)
        .map(|number| {
            let start = 40 * number;
            let late = |at: i64| if at >= 2_000 { at + 700 } else { at };
            let name = ["GET /page", "GET /feed"][number as usize % 2];
            let (start, first, second, end) = (start, start + 3, start + 22, start + 90);
            format!(
                "{name} {}..{} kind=server client=a{}\n  GET {}..{} kind=client",
                late(start),
                late(end),
                number % 5,
                late(first),
                late(second)
            )
        })
        .collect();
    assert_eq!(text(&held_by(&texts)), "");
}

#[test]
fn a_caller_does_not_wait_for_its_own_child_as_for_another() {
    // One request after the other; each runs a hook itself, as a job queue without a broker does.
    let request = |at: u32| {
        let start = at * 400;
        format!(
            "POST /redeem {start}..{} kind=server\n  SELECT {}..{} kind=client\n  hook {}..{} kind=consumer",
            start + 250,
            start + 5,
            start + 9,
            start + 100,
            start + 240
        )
    };
    let requests: Vec<String> = (0..40).map(request).collect();
    assert_eq!(text(&held_by(&requests)), "");
}
