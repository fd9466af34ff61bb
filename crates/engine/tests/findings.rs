//! Findings over their life, in a real engine: real detectors over planted faults, a clock that is moved by hand.

#![expect(clippy::unwrap_used, reason = "a test fails where its helpers do")]

use std::path::Path;
use std::slice::from_ref;
use std::sync::Arc;

use kino_engine::{Encoding, Engine, EngineConfig, Signal};
use kino_model::{Resource, Span, SpanId, SpanKind, Trace, TraceId, UnixNanos, Value, thin_vec};
use kino_testkit::faults::{self, Ranges, Truth};
use kino_testkit::{TestClock, otlp};
use kino_wire::{Backend, Problem, ProblemKind};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

const NOW: i64 = 1_790_000_000_000_000_000;
const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

struct Home {
    engine: Engine,
    clock: Arc<TestClock>,
    folder: TempDir,
    sent: std::cell::Cell<u64>,
}

/// What ran: the state of the code, in which worktree.
#[derive(Clone, Copy)]
struct Code<'c>(&'c str, &'c str);

const BAD: Code<'static> = Code("c0ffee", "/w/main");
const GOOD: Code<'static> = Code("c0ffee+1", "/w/main");

async fn open_in(folder: &Path, clock: &Arc<TestClock>, config: &str) -> Engine {
    let mut config: EngineConfig = serde_json::from_str(config).unwrap();
    folder.clone_into(&mut config.home);
    Engine::open(config, "0.0.1-test", Arc::clone(clock) as _).await.unwrap().0
}

async fn open_with(config: &str) -> Home {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(TestClock::at(UnixNanos(NOW)));
    let engine = open_in(folder.path(), &clock, config).await;
    Home { engine, clock, folder, sent: std::cell::Cell::new(0) }
}

/// Traces of an operation with an N+1 among its calls.
fn faulty() -> Vec<Trace> {
    let planted = |case: &faults::Case| {
        case.name == "SQL with literals" && matches!(case.truth, Truth::Planted { at_minimum: false, .. })
    };
    let case = faults::cases("n_plus_one", 7, Ranges::Tuning).into_iter().find(planted).unwrap();
    case.traces.into_iter().filter(|trace| faults::is_own(trace.trace_id)).collect()
}

/// The same operation with one statement where there were many, in a quarter of the time.
fn repaired() -> Vec<Trace> {
    let mut traces = faulty();
    for trace in &mut traces {
        let mut once = std::collections::BTreeSet::new();
        let shape = |span: &Span| kino_analyze::statement::normalise(span.text("db.query.text").unwrap_or_default());
        trace.spans.retain(|span| span.text("db.query.text").is_none() || once.insert(shape(span)));
        let begin = trace.spans.iter().map(|span| span.start.0).min().unwrap();
        let sooner = |at: UnixNanos| UnixNanos(begin + (at.0 - begin) / 4);
        for span in &mut trace.spans {
            (span.start, span.end) = (sooner(span.start), span.end.map(sooner));
        }
    }
    traces
}

impl Home {
    async fn ask(&self, name: &str, question: Json) -> Result<Json, Problem> {
        self.engine.ask_json(name, question).await
    }

    async fn get(&self, name: &str, question: Json) -> Json {
        self.ask(name, question).await.unwrap()
    }

    /// Runs `count` executions like those of `traces` in a state of the code, one a second, and lets them settle.
    async fn run(&self, traces: &[Trace], count: usize, code: Option<Code<'_>>) {
        for trace in traces.iter().cycle().take(count) {
            self.clock.advance_nanos(SECOND);
            self.sent.set(self.sent.get() + 1);
            self.send(trace, self.sent.get(), code).await;
        }
        self.clock.advance_nanos(15 * SECOND);
    }

    async fn send(&self, trace: &Trace, number: u64, code: Option<Code<'_>>) {
        let begin = trace.spans.iter().map(|span| span.start.0).min().unwrap();
        let last = trace.spans.iter().filter_map(|span| span.end).map(|end| end.0).max().unwrap();
        let shift = kino_model::Clock::now(self.clock.as_ref()).0 - last;
        assert!(last >= begin);
        let mut spans = trace.spans.clone();
        for span in &mut spans {
            let mut id = span.trace_id.0;
            id[8..].copy_from_slice(&number.to_be_bytes());
            span.trace_id = TraceId(id);
            span.start = UnixNanos(span.start.0 + shift);
            span.end = span.end.map(|end| UnixNanos(end.0 + shift));
            if let Some(Code(state, worktree)) = code {
                let mut resource = Resource::clone(&span.resource);
                let attributes = [("kino.project", "/p"), ("kino.code_state", state), ("kino.worktree", worktree)];
                resource.attributes.extend(attributes.map(|(key, value)| (key.into(), value.into())));
                span.resource = Arc::new(resource);
            }
        }
        let body = otlp::traces_request(&spans);
        let taken = self.engine.ingest(Signal::Traces, body.into(), Encoding::Protobuf).await.unwrap();
        assert_eq!((taken.accepted, taken.rejected), (spans.len() as u64, 0), "{}", taken.message);
    }

    /// The findings, once all that arrived was looked at.
    async fn insights(&self, mut question: Json) -> Json {
        question["wait_millis"] = json!(20_000);
        self.get("insights", question).await
    }

    /// The N+1, in whatever state.
    async fn n_plus_one(&self) -> Option<Json> {
        let states = json!(["open", "acknowledged", "fixed", "recurring", "decayed"]);
        let all = self.insights(json!({ "states": states })).await;
        all["items"].as_array().unwrap().iter().find(|item| item["code"] == "n_plus_one").cloned()
    }

    async fn state(&self) -> String {
        self.n_plus_one().await.map_or("none".to_owned(), |item| item["state"].as_str().unwrap().to_owned())
    }

    async fn restart(&mut self, config: &str) {
        self.engine.close().await.unwrap();
        self.engine = open_in(self.folder.path(), &self.clock, config).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_opens_is_fixed_and_recurs_with_the_states_of_the_code() {
    let home = open_with("{}").await;
    home.run(&faulty(), 6, Some(BAD)).await;
    let open = home.n_plus_one().await.unwrap();
    assert_eq!(
        (&open["state"], &open["opened_at_code"], &open["fixed_at_code"]),
        (&json!("open"), &json!(BAD.0), &Json::Null)
    );
    assert_eq!((&open["project"], &open["executions"]), (&json!("/p"), &json!(6)));
    assert!(open["worth_nanos_per_day"].as_i64().unwrap() > 0, "{open}");

    home.run(&repaired(), 2, Some(GOOD)).await;
    assert_eq!(home.state().await, "open", "two executions without it are too few");
    home.run(&repaired(), 4, Some(GOOD)).await;
    let fixed = home.n_plus_one().await.unwrap();
    assert_eq!((&fixed["state"], &fixed["fixed_at_code"]), (&json!("fixed"), &json!(GOOD.0)), "{fixed}");
    let fix = &fixed["fix"];
    assert_eq!((&fix["before_code"], &fix["after_code"]), (&json!(BAD.0), &json!(GOOD.0)));
    assert!(fix["effect"].as_f64().unwrap() < 0.9, "{fix}");
    assert_eq!(
        home.insights(json!({})).await["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|item| item["code"] == "n_plus_one")
            .count(),
        0
    );

    home.run(&faulty(), 6, Some(Code("c0ffee+2", "/w/main"))).await;
    let again = home.n_plus_one().await.unwrap();
    assert_eq!((&again["state"], &again["recurrences"]), (&json!("recurring"), &json!(1)), "{again}");
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_findings_outlive_the_engine() {
    let mut home = open_with("{}").await;
    home.run(&faulty(), 6, Some(BAD)).await;
    let before = home.n_plus_one().await.unwrap();
    home.restart("{}").await;
    let after = home.n_plus_one().await.unwrap();
    assert_eq!(
        (&before["fingerprint"], &before["first_seen_unix_nanos"]),
        (&after["fingerprint"], &after["first_seen_unix_nanos"])
    );
    home.run(&repaired(), 6, Some(GOOD)).await;
    assert_eq!(home.state().await, "fixed", "an engine judges what another one opened");
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrived_before_an_engine_died_is_looked_at_by_the_next() {
    let mut home = open_with("{}").await;
    home.run(&faulty(), 6, Some(BAD)).await;
    // No time passes for the observer, which has looked at nothing when the engine ends.
    home.restart("{}").await;
    assert_eq!(home.state().await, "open");
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_acknowledges_and_takes_it_back() {
    let home = open_with("{}").await;
    home.run(&faulty(), 6, Some(BAD)).await;
    let fingerprint = home.n_plus_one().await.unwrap()["fingerprint"].as_str().unwrap().to_owned();
    let unique = &fingerprint[..12];
    let said = home.get("acknowledge_finding", json!({ "fingerprint": unique })).await;
    assert_eq!((&said["state"], &said["fingerprint"]), (&json!("acknowledged"), &json!(fingerprint)));
    home.run(&faulty(), 3, Some(BAD)).await;
    assert_eq!(home.state().await, "acknowledged", "seeing it again is no news");
    let back = home.get("acknowledge_finding", json!({ "fingerprint": fingerprint, "undo": true })).await;
    assert_eq!(back["state"], "open");
    for written in [&fingerprint[..12], &fingerprint[..12].to_uppercase()] {
        let shown = home.get("insights", json!({ "fingerprint": written })).await;
        assert_eq!(shown["items"][0]["fingerprint"], json!(fingerprint), "{written}");
    }
    let unknown = home.ask("acknowledge_finding", json!({ "fingerprint": "feed" })).await.unwrap_err();
    assert_eq!(unknown.kind, ProblemKind::NotFound);
    assert!(unknown.did_you_mean.is_empty(), "a fingerprint that is unlike it is no help: {unknown:?}");
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_seen_any_more_decays() {
    let home = open_with(r#"{"findings":{"decay_days":7}}"#).await;
    home.run(&faulty(), 6, Some(BAD)).await;
    assert_eq!(home.state().await, "open");
    home.clock.advance_nanos(6 * DAY);
    assert_eq!(home.state().await, "open");
    home.clock.advance_nanos(2 * DAY);
    assert_eq!(home.state().await, "decayed");
    home.run(&faulty(), 6, Some(BAD)).await;
    assert_eq!(home.state().await, "open");
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_verification_executes_of_older_code_is_no_news() {
    let home = open_with("{}").await;
    let scratch = home.folder.path().canonicalize().unwrap().join("scratch/tree.1/main");
    let elsewhere = Code("c0ffee", scratch.to_str().unwrap());
    home.run(&faulty(), 60, Some(elsewhere)).await;
    assert_eq!(home.state().await, "none", "it ran in a worktree that is gone by now");
    home.run(&faulty(), 60, Some(BAD)).await;
    assert_eq!(home.state().await, "open");
    home.run(&repaired(), 60, Some(GOOD)).await;
    assert_eq!(home.state().await, "fixed");
    home.run(&faulty(), 60, Some(elsewhere)).await;
    assert_eq!(home.state().await, "fixed");
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_forgotten_is_found_no_more() {
    let home = open_with("{}").await;
    home.run(&faulty(), 6, Some(BAD)).await;
    let found = home.n_plus_one().await.unwrap();
    let trace = found["evidence"][0]["trace_id"].clone();
    home.get("insights_told", json!({ "client": "assistant", "fingerprints": [found["fingerprint"]] })).await;
    let before = home.get("findings_changed", json!({})).await["sequence"].clone();
    home.get("forget", json!({ "trace_ids": [trace] })).await;
    let all = home.get("insights", json!({ "states": ["open", "decayed"] })).await;
    let codes: Vec<&Json> = all["items"].as_array().unwrap().iter().map(|item| &item["code"]).collect();
    assert!(!codes.contains(&&json!("n_plus_one")), "{codes:?}");
    assert_eq!(home.get("findings_changed", json!({ "after": before })).await["removed"], true);
    home.get("forget", json!({ "everything": true })).await;
    let all = home.insights(json!({})).await;
    assert_eq!((&all["items"], &all["operations"]), (&json!([]), &json!(0)));
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn old_code_that_runs_elsewhere_after_the_repair_is_no_recurrence() {
    let home = open_with("{}").await;
    home.run(&faulty(), 6, Some(BAD)).await;
    assert_eq!(home.state().await, "open");
    home.run(&repaired(), 6, Some(GOOD)).await;
    assert_eq!(home.state().await, "fixed");
    home.run(&faulty(), 6, Some(Code(BAD.0, "/tmp/worktree-of-the-base"))).await;
    assert_eq!(home.state().await, "fixed", "a comparison ran the base in a worktree of its own");
    home.run(&faulty(), 6, Some(Code(BAD.0, BAD.1))).await;
    assert_eq!(home.state().await, "recurring", "the repair was taken back where it was made");
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_state_of_the_code_time_alone_shows_what_is_gone() {
    let home = open_with("{}").await;
    home.run(&faulty(), 6, None).await;
    assert_eq!(home.state().await, "open");
    home.run(&repaired(), 6, None).await;
    assert_eq!(home.state().await, "fixed");
    home.run(&faulty(), 6, None).await;
    assert_eq!(home.state().await, "recurring");
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_names_the_repair_of_an_earlier_one_like_it() {
    let home = open_with("{}").await;
    home.run(&faulty(), 6, Some(BAD)).await;
    assert_eq!(home.state().await, "open");
    home.run(&repaired(), 6, Some(GOOD)).await;
    assert_eq!(home.state().await, "fixed");
    // The same statements in a loop, below another entry.
    let mut other = faulty();
    for span in other.iter_mut().flat_map(|trace| &mut trace.spans).filter(|span| span.parent_span_id.is_none()) {
        span.name = "GET /another".into();
    }
    home.run(&other, 6, Some(GOOD)).await;
    let open = home.insights(json!({ "states": ["open"] })).await;
    let items = open["items"].as_array().unwrap();
    let like = items.iter().find(|item| item["code"] == "n_plus_one").unwrap();
    let worked = &like["worked_here"];
    assert_eq!(worked["fix"]["after_code"], GOOD.0, "{like}");
    assert_eq!(worked["next"], json!(format!("kino compare --before code:{} --after code:{}", BAD.0, GOOD.0)));
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_receives_a_finding_once_until_it_changes() {
    let home = open_with("{}").await;
    home.run(&faulty(), 6, Some(BAD)).await;
    let news = json!({ "only_new_for": "assistant", "states": ["open", "recurring", "fixed"] });
    let codes = |answer: &Json| -> Vec<(String, String)> {
        let text = |item: &Json, key: &str| item[key].as_str().unwrap().to_owned();
        answer["items"].as_array().unwrap().iter().map(|item| (text(item, "code"), text(item, "state"))).collect()
    };
    let first = home.insights(news.clone()).await;
    assert!(codes(&first).contains(&("n_plus_one".to_owned(), "open".to_owned())));
    let fingerprints: Vec<&Json> = first["items"].as_array().unwrap().iter().map(|item| &item["fingerprint"]).collect();
    home.get("insights_told", json!({ "client": "assistant", "fingerprints": fingerprints })).await;
    let again = home.insights(news.clone()).await;
    assert_eq!((codes(&again), &again["left_out"]["told_before"]), (Vec::new(), &json!(fingerprints.len())));
    let other = home.insights(json!({ "only_new_for": "another" })).await;
    assert_eq!(codes(&other), codes(&first), "another client has not heard of it");
    home.run(&repaired(), 6, Some(GOOD)).await;
    assert!(codes(&home.insights(news).await).contains(&("n_plus_one".to_owned(), "fixed".to_owned())));
    let unheard = json!({ "only_new_for": "another", "states": ["fixed"] });
    assert_eq!(codes(&home.insights(unheard).await), Vec::new(), "who never heard of it need not hear that it is gone");
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_waits_for_changes_is_woken() {
    let home = open_with("{}").await;
    let after = home.get("findings_changed", json!({})).await["sequence"].clone();
    let waiting = home.get("findings_changed", json!({ "after": after, "wait_millis": 25_000 }));
    let (changes, ()) = tokio::join!(waiting, async {
        home.run(&faulty(), 6, Some(BAD)).await;
        home.insights(json!({})).await;
    });
    assert!(changes["sequence"].as_u64() > after.as_u64());
    assert!(changes["items"].as_array().unwrap().iter().all(|item| item["state"] == "open"), "{changes}");
    let nothing = home.get("findings_changed", json!({ "after": u64::MAX / 2, "wait_millis": 1 })).await;
    assert_eq!(nothing["items"], json!([]));
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_switched_off_is_found_nowhere() {
    let home = open_with(r#"{"findings":{"off":["n_plus_one"]}}"#).await;
    home.run(&faulty(), 6, Some(BAD)).await;
    assert_eq!(home.state().await, "none");
    let entry = faulty()[0].spans.iter().find(|span| span.parent_span_id.is_none()).unwrap().name.clone();
    let explained = home.get("explain_operation", json!({ "operation": entry })).await;
    assert_eq!(explained["executions"], 6);
    let codes: Vec<&Json> = explained["findings"].as_array().unwrap().iter().map(|it| &it["code"]).collect();
    assert!(!codes.contains(&&json!("n_plus_one")), "{codes:?}");
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_planted_fault_of_one_set_opens_and_no_look_alike_does() {
    for code in ["n_plus_one", "retry_storm", "error_cluster", "lock_contention", "deadlock"] {
        for case in faults::cases(code, 3, Ranges::Tuning) {
            if matches!(case.truth, Truth::Planted { at_minimum: true, .. }) {
                continue;
            }
            let home = open_with("{}").await;
            let own: Vec<Trace> = case.traces.iter().filter(|it| faults::is_own(it.trace_id)).cloned().collect();
            home.run(&own, own.len(), Some(BAD)).await;
            // Some happen in the first executions alone, and are over before the last: the observer looks when it likes.
            let states = json!(["open", "acknowledged", "fixed", "recurring", "decayed"]);
            let all = home.insights(json!({ "limit": 1_000, "states": states })).await;
            let found = all["items"].as_array().unwrap().iter().any(|item| item["code"] == code);
            assert_eq!(found, case.truth != Truth::LookAlike, "{code}: {}", case.name);
            home.engine.close().await.unwrap();
        }
    }
}

/// Ten executions of `work`, in which `fetch` (with these attributes) follows `login` (with those).
fn two_calls(login: &[(&str, Value)], fetch: &[(&str, Value)]) -> Vec<Span> {
    let resource =
        Arc::new(Resource { attributes: thin_vec![("service.name".into(), "shop".into())], ..Resource::default() });
    let span = |trace: u64, id: u64, name: &str, millis: std::ops::Range<i64>, attributes: &[(&str, Value)]| Span {
        trace_id: TraceId(u128::from(trace).to_be_bytes()),
        span_id: SpanId((trace * 10 + id).to_be_bytes()),
        parent_span_id: (id > 1).then(|| SpanId((trace * 10 + 1).to_be_bytes())),
        name: name.into(),
        kind: if id > 1 { SpanKind::Client } else { SpanKind::Internal },
        start: UnixNanos(NOW - SECOND + millis.start * 1_000_000),
        end: Some(UnixNanos(NOW - SECOND + millis.end * 1_000_000)),
        attributes: attributes.iter().map(|(key, value)| ((*key).into(), value.clone())).collect(),
        resource: Arc::clone(&resource),
        ..Span::default()
    };
    let execution = |trace: u64| {
        let calls = [span(trace, 2, "login", 0..100, login), span(trace, 3, "fetch", 100..200, fetch)];
        [span(trace, 1, "work", 0..201, &[])].into_iter().chain(calls)
    };
    (1..=10).flat_map(execution).collect()
}

/// Whether the calls are said to run in sequence without need, once they went through redaction.
async fn could_be_parallel(login: &[(&str, Value)], fetch: &[(&str, Value)]) -> bool {
    let home = open_with("{}").await;
    let body = otlp::traces_request(&two_calls(login, fetch));
    home.engine.ingest(Signal::Traces, body.into(), Encoding::Protobuf).await.unwrap();
    let answer = home.get("explain_operation", json!({ "operation": "work", "scope": { "all": true } })).await;
    assert_eq!(answer["executions"], json!(10));
    home.engine.close().await.unwrap();
    answer["findings"].as_array().unwrap().iter().any(|it| it["code"] == "sequential_could_be_parallel")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_flows_from_one_call_into_the_next_is_seen_to_flow_though_it_is_redacted() {
    const TOKEN: &str = "tok-9f86d081884c7d65";
    let text = |text: &str| Value::from(text);
    let header = |text: &str| Value::Array(thin_vec![Value::from(text)]);
    let bearer = format!("Bearer {TOKEN}");
    let outputs = [
        ("app.result.token", text(TOKEN)),
        ("app.result", text(TOKEN)),
        ("output.value", text(&format!(r#"{{"access_token":"{TOKEN}","expires_in":3600}}"#))),
        ("http.response.header.x-auth-token", header(TOKEN)),
        ("http.response.header.x-session", header(TOKEN)),
    ];
    let inputs = [
        ("app.request.token", text(&bearer)),
        ("http.request.header.authorization", header(&bearer)),
        ("http.request.header.x-api-key", header(TOKEN)),
        ("http.request.body", text(&format!(r#"{{"token": "{TOKEN}"}}"#))),
        ("url.full", text(&format!("http://shop/cart?access_token={TOKEN}"))),
    ];
    for output in &outputs {
        for input in &inputs {
            assert!(!could_be_parallel(from_ref(output), from_ref(input)).await, "{output:?} {input:?}");
        }
    }
    // The look-alikes: every call shows the same key; what came out is something else; nothing came out.
    let key = ("http.request.header.authorization", header(&bearer));
    assert!(could_be_parallel(&[key.clone(), ("app.result", text("plenty-of-stock"))], from_ref(&key)).await);
    let other = ("output.value", text(r#"{"access_token": "tok-0000d081884c7d66"}"#));
    assert!(could_be_parallel(&[key.clone(), other], from_ref(&key)).await);
    assert!(could_be_parallel(&[("app.result", text("12 pieces, in two boxes"))], from_ref(&key)).await);
    assert!(could_be_parallel(&[], from_ref(&key)).await);
}

impl Home {
    /// A run whose one trace holds its own span alone; its trace's id.
    async fn recorded_run(&self, number: u8, label: Option<&str>) -> String {
        let now = kino_model::Clock::now(self.clock.as_ref()).0;
        let (run_id, trace_id) = (format!("{number:02x}").repeat(16), format!("{number:032x}"));
        let code = json!({ "project": "/p", "worktree": null, "commit": null, "branch": null, "code_state": null,
            "uncommitted": false });
        let begin = json!({
            "run_id": run_id, "trace_id": trace_id, "span_id": format!("{number:016x}"), "parent_span_id": null,
            "label": label, "command": ["bench"], "directory": "/p", "code": code, "diff": null,
            "start_unix_nanos": now - SECOND,
        });
        self.get("run_start", begin).await;
        let none = json!({ "base64": "", "cut_bytes": 0 });
        let finish = json!({ "run_id": run_id, "exit_code": 0, "signal": null, "stdout": none, "stderr": none,
            "end_unix_nanos": now });
        self.get("run_finish", finish).await;
        trace_id
    }

    async fn is_there(&self, trace_id: &str) -> bool {
        match self.ask("open", json!({ "id": trace_id })).await {
            Ok(_) => true,
            Err(problem) if problem.kind == ProblemKind::NotFound => false,
            Err(problem) => panic!("{problem}"),
        }
    }

    /// Lets what is in memory become files, lets these grow older than the retention, and waits until it has taken
    /// this trace: the youngest, and so the last.
    async fn outlive(&self, youngest: &str) {
        self.get("lake_files", json!({ "flush": true })).await;
        assert!(self.is_there(youngest).await);
        self.clock.advance_nanos(2 * DAY);
        // The background looks every few seconds.
        for _ in 0..600 {
            if !self.is_there(youngest).await {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("retention did not come by");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_leaves_the_evidence_of_open_findings_and_labelled_runs() {
    let config = r#"{"retention":{"days":1},"findings":{"decay_days":30}}"#;
    let mut home = open_with(config).await;
    home.run(&faulty(), 6, Some(BAD)).await;
    let found = home.n_plus_one().await.unwrap();
    assert_eq!(found["state"], "open");
    let evidence: Vec<String> =
        found["evidence"].as_array().unwrap().iter().map(|it| it["trace_id"].as_str().unwrap().to_owned()).collect();
    assert!(!evidence.is_empty() && evidence.len() < 6, "{found}");
    let sent = home.get("find", json!({ "scope": { "all": true } })).await;
    let other = sent["items"].as_array().unwrap().iter().map(|it| it["trace_id"].as_str().unwrap().to_owned());
    let other = other.into_iter().find(|id| !evidence.contains(id)).unwrap();
    let labelled = home.recorded_run(0xa1, Some("base")).await;
    let unlabelled = home.recorded_run(0xa2, None).await;
    home.outlive(&unlabelled).await;
    let check = async |home: &Home, when: &str| {
        for trace_id in evidence.iter().chain([&labelled]) {
            assert!(home.is_there(trace_id).await, "{trace_id} is gone {when}");
        }
        assert!(!home.is_there(&other).await, "what is no evidence goes");
    };
    check(&home, "after the first round").await;

    // The next engine knows what the last one left.
    home.restart(config).await;
    let unlabelled = home.recorded_run(0xa3, None).await;
    home.outlive(&unlabelled).await;
    check(&home, "after a restart").await;
    home.engine.close().await.unwrap();
}
