//! The engine's part of a verification: what it rests on, who may run one, and what becomes of one that falls silent.

#![expect(clippy::unwrap_used, reason = "a test fails where its helpers do")]

use std::sync::Arc;

use kino_engine::{Encoding, Engine, EngineConfig, Signal};
use kino_model::UnixNanos;
use kino_testkit::TestClock;
use kino_wire::{Backend, Problem, ProblemKind};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

const NOW: i64 = 1_790_000_000_000_000_000;
const SECOND: i64 = 1_000_000_000;

struct Home {
    engine: Engine,
    clock: Arc<TestClock>,
    _folder: TempDir,
}

async fn open() -> Home {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(TestClock::at(UnixNanos(NOW)));
    let as_clock: Arc<dyn kino_model::Clock> = clock.clone();
    let (engine, _) = Engine::open(EngineConfig::new(folder.path()), "0.0.1-test", as_clock).await.unwrap();
    Home { engine, clock, _folder: folder }
}

fn id(number: u8) -> String {
    format!("{number:02x}").repeat(16)
}

fn code(state: &str, uncommitted: bool) -> Json {
    let commit = state.split('+').next();
    json!({ "project": "/p/.git", "worktree": "/p", "commit": commit, "branch": null, "code_state": state, "uncommitted": uncommitted })
}

fn runs(runs: &[u8], warm_ups: &[u8]) -> Json {
    let ids = |numbers: &[u8]| numbers.iter().map(|number| id(*number)).collect::<Vec<_>>();
    json!({ "runs": ids(runs), "warm_up_runs": ids(warm_ups), "failed_runs": 0 })
}

impl Home {
    async fn ask(&self, name: &str, question: Json) -> Result<Json, Problem> {
        self.engine.ask_json(name, question).await
    }

    async fn get(&self, name: &str, question: Json) -> Json {
        self.ask(name, question).await.unwrap()
    }

    /// A run of `bench` at this state of the code, whose one span `task` takes so long.
    async fn run(&self, number: u8, state: &str, millis: i64) {
        let start = NOW - 600 * SECOND + i64::from(number) * SECOND;
        let (trace, span) = (format!("{number:032x}"), format!("{number:016x}"));
        let begin = json!({
            "run_id": id(number), "trace_id": trace, "span_id": span, "parent_span_id": null, "label": null,
            "command": ["bench"], "directory": "/p", "code": code(state, state.contains('+')), "diff": null,
            "start_unix_nanos": start,
        });
        self.get("run_start", begin).await;
        let attribute = |(key, value): (&str, String)| json!({ "key": key, "value": { "stringValue": value } });
        let resource: Vec<Json> = [
            ("service.name", "bench".to_owned()),
            ("kino.run.id", id(number)),
            ("kino.code_state", state.to_owned()),
            ("kino.project", "/p/.git".to_owned()),
        ]
        .map(attribute)
        .into();
        let end = start + millis * 1_000_000;
        let body = json!({ "resourceSpans": [{ "resource": { "attributes": resource }, "scopeSpans": [{ "spans": [{
            "traceId": trace, "spanId": format!("a{number:015x}"), "parentSpanId": span, "name": "task", "kind": 1,
            "startTimeUnixNano": start.to_string(), "endTimeUnixNano": end.to_string(),
        }] }] }] });
        self.engine.ingest(Signal::Traces, body.to_string().into(), Encoding::Json).await.unwrap();
        let none = json!({ "base64": "", "cut_bytes": 0 });
        let finish = json!({
            "run_id": id(number), "exit_code": 0, "signal": null, "stdout": none, "stderr": none, "end_unix_nanos": end,
        });
        self.get("run_finish", finish).await;
    }

    async fn start(&self, number: u8, base: Json, state: &str) -> Result<Json, Problem> {
        let start = json!({
            "id": id(number), "command": ["bench"], "directory": "/p", "code": code(state, state.contains('+')),
            "base": base, "planned": 7, "start_unix_nanos": NOW,
        });
        self.ask("verify_start", start).await
    }

    async fn finish(&self, number: u8, before: Json, after: Json, end: Json) -> Json {
        let progress = json!({ "id": id(number), "before": before, "after": after });
        let finish = json!({ "progress": progress, "end": end, "notes": [], "end_unix_nanos": NOW + SECOND });
        self.get("verify_finish", finish).await
    }
}

fn revision(commit: &str) -> Json {
    json!({ "revision": { "commit": commit, "revision": "HEAD~1" } })
}

#[tokio::test(flavor = "multi_thread")]
async fn warm_ups_do_not_count_and_the_verdict_can_be_asked_for_again() {
    let home = open().await;
    let started = home.start(0xf0, revision("aaaa"), "bbbb").await.unwrap();
    assert_eq!((&started["state"], &started["before"]["what"]), (&json!("running"), &json!("HEAD~1 (aaaa)")));
    // The warm-ups would turn the verdict around, did they count.
    home.run(1, "aaaa", 1).await;
    home.run(2, "bbbb", 90_000).await;
    for number in 0..7 {
        home.run(10 + number, "aaaa", 100 + i64::from(number)).await;
        home.run(30 + number, "bbbb", 50 + i64::from(number)).await;
    }
    let numbers = |from: u8| (from..from + 7).collect::<Vec<u8>>();
    let engine = home.engine.clone();
    let waits = json!({ "id": &id(0xf0)[..6], "wait_millis": 60_000 });
    let waiting = tokio::spawn(async move { engine.ask_json("verify", waits).await.unwrap() });
    let done = home.finish(0xf0, runs(&numbers(10), &[1]), runs(&numbers(30), &[2]), json!("whole")).await;
    assert_eq!((&done["state"], &done["verdict"]), (&json!("done"), &json!("pass")));
    assert_eq!((&done["before"]["executions"], &done["after"]["executions"]), (&json!(7), &json!(7)));
    assert_eq!(done["reasons"][0]["code"], "faster");
    assert_eq!(done["left_out"]["warm_up_runs"], json!([id(1), id(2)]));
    assert_eq!(done["left_out"]["executions_missing"], 0);
    let listed = home.get("runs", json!({})).await;
    let warm_up = listed["items"].as_array().unwrap().iter().find(|run| run["run_id"] == id(1)).unwrap();
    assert_eq!(warm_up["verification"], json!({ "id": id(0xf0), "side": "before" }));
    assert_eq!(waiting.await.unwrap(), done, "the waiting client was answered with the end");
    assert_eq!(home.get("verify", json!({ "id": id(0xf0) })).await, done);
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_verification_of_a_project_runs_at_a_time_and_one_that_falls_silent_is_over() {
    let home = open().await;
    home.start(0xf1, revision("aaaa"), "bbbb").await.unwrap();
    let second = home.start(0xf2, revision("aaaa"), "bbbb").await.unwrap_err();
    assert!(second.kind == ProblemKind::Busy && second.message.contains(&id(0xf1)), "{second}");
    home.clock.advance_nanos(50 * SECOND);
    home.get("verify_progress", json!({ "id": id(0xf1), "before": runs(&[], &[]), "after": runs(&[], &[]) })).await;
    home.clock.advance_nanos(50 * SECOND);
    assert_eq!(home.get("verify", json!({ "id": id(0xf1) })).await["state"], "running");
    home.clock.advance_nanos(20 * SECOND);
    let silent = home.get("verify", json!({ "id": id(0xf1) })).await;
    assert_eq!((&silent["state"], &silent["verdict"]), (&json!("failed"), &Json::Null));
    assert_eq!(silent["reasons"][0]["code"], "broken_off");
    home.start(0xf2, revision("aaaa"), "bbbb").await.unwrap();
    let failed = home.finish(0xf2, runs(&[], &[]), runs(&[], &[]), json!({ "failed": "no such folder" })).await;
    assert_eq!((&failed["state"], &failed["reasons"][0]["text"]), (&json!("failed"), &json!("no such folder")));
    let unknown = home.ask("verify", json!({ "id": "0000" })).await.unwrap_err();
    assert_eq!(unknown.kind, ProblemKind::NotFound);
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn previous_runs_are_the_newest_clean_ones_of_other_code() {
    let home = open().await;
    for (number, state) in [(1, "aaaa"), (2, "bbbb"), (3, "bbbb"), (4, "bbbb+cc"), (5, "bbbb+dd")] {
        home.run(number, state, 10).await;
    }
    let start = |number, state| home.start(number, json!("previous"), state);
    let started = start(0xe1, "bbbb+ee").await.unwrap();
    assert_eq!(started["before"]["what"], "previous runs at bbbb");
    assert_eq!(started["before"]["runs"].as_array().unwrap().len(), 2);
    // The warm-up of this one is no previous run of the next.
    home.finish(0xe1, runs(&[], &[3]), runs(&[5], &[]), json!("interrupted")).await;
    let next = start(0xe2, "bbbb+ee").await.unwrap();
    assert_eq!(next["before"]["runs"], json!([id(2)]));
    home.finish(0xe2, runs(&[], &[]), runs(&[5], &[]), json!("whole")).await;
    assert_eq!(start(0xe3, "bbbb").await.unwrap()["before"]["what"], "previous runs at aaaa");
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn old_verifications_go_and_so_do_those_beyond_a_number_the_oldest_first() {
    const RECORDS_MAX: u64 = 200;
    let home = open().await;
    let id = |number: u64| format!("{number:032x}");
    let begin = async |number: u64, project: u64| {
        let start = json!({
            "id": id(number), "command": ["bench"], "directory": "/p", "planned": 1, "start_unix_nanos": NOW,
            "code": { "project": format!("/{project}"), "worktree": null, "commit": null, "branch": null,
                      "code_state": null, "uncommitted": false },
            "base": revision("aaaa"),
        });
        home.get("verify_start", start).await;
    };
    let end = async |number: u64| {
        let progress = json!({ "id": id(number), "before": runs(&[], &[]), "after": runs(&[], &[]) });
        let finish = json!({ "progress": progress, "end": { "failed": "no" }, "notes": [], "end_unix_nanos": NOW });
        home.get("verify_finish", finish).await;
    };
    let is_stored = async |number: u64| home.ask("verify", json!({ "id": id(number) })).await.is_ok();
    for number in 1..=RECORDS_MAX {
        begin(number, 0).await;
        end(number).await;
    }
    assert!(is_stored(1).await && is_stored(RECORDS_MAX).await);
    for number in RECORDS_MAX + 1..=RECORDS_MAX + 3 {
        begin(number, 0).await;
        end(number).await;
    }
    let stored = [is_stored(1).await, is_stored(3).await, is_stored(4).await, is_stored(RECORDS_MAX + 3).await];
    assert_eq!(stored, [false, false, true, true], "the oldest made room");

    let days = |days: i64| days * 86_400 * SECOND;
    home.clock.advance_nanos(days(89));
    begin(1_000, 1).await;
    assert_eq!([is_stored(4).await, is_stored(5).await, is_stored(1_000).await], [false, true, true]);
    end(1_000).await;
    home.clock.advance_nanos(days(2));
    begin(1_001, 2).await;
    assert_eq!([is_stored(5).await, is_stored(RECORDS_MAX + 3).await], [false, false], "they were too old");
    assert_eq!([is_stored(1_000).await, is_stored(1_001).await], [true, true]);

    // What is too old goes when the engine starts, too.
    home.clock.advance_nanos(days(91));
    let Home { engine, clock, _folder: folder } = home;
    engine.close().await.unwrap();
    let (engine, _) = Engine::open(EngineConfig::new(folder.path()), "0.0.1-test", clock).await.unwrap();
    let gone = engine.ask_json("verify", json!({ "id": id(1_001) })).await.unwrap_err();
    assert!(gone.kind == ProblemKind::NotFound && gone.did_you_mean.is_empty(), "{gone}");
    engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selector_that_names_nothing_is_refused_before_anything_runs() {
    let home = open().await;
    let refused = home.start(0xd1, json!({ "selector": "label:never" }), "bbbb").await.unwrap_err();
    assert_eq!(refused.kind, ProblemKind::NotFound);
    let refused = home.start(0xd1, json!("previous"), "bbbb").await.unwrap_err();
    assert!(refused.message.contains("has not been run here before"), "{refused}");
    assert!(home.ask("verify", json!({ "id": id(0xd1) })).await.is_err(), "nothing was stored of it");
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn forgetting_everything_forgets_runs_and_verifications() {
    let home = open().await;
    home.run(1, "aaaa", 10).await;
    home.start(0xf0, revision("aaaa"), "bbbb").await.unwrap();
    home.finish(0xf0, runs(&[1], &[]), runs(&[], &[]), json!({ "failed": "no" })).await;
    assert_eq!(home.get("runs", json!({})).await["items"].as_array().unwrap().len(), 1);
    home.get("verify", json!({ "id": id(0xf0) })).await;
    home.get("forget", json!({ "everything": true })).await;
    assert_eq!(home.get("runs", json!({})).await["items"], json!([]));
    let gone = home.ask("verify", json!({ "id": id(0xf0) })).await.unwrap_err();
    assert_eq!(gone.kind, ProblemKind::NotFound);
    home.engine.close().await.unwrap();
}
