//! Findings over their life, in a real engine: real detectors over planted faults, a clock that is moved by hand.

#![expect(clippy::unwrap_used, reason = "a test fails where its helpers do")]

use std::path::Path;
use std::sync::Arc;

use kino_engine::{Encoding, Engine, EngineConfig, Signal};
use kino_model::{Resource, Span, Trace, TraceId, UnixNanos};
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
                resource.attributes.extend(attributes.map(|(key, value)| (key.to_owned(), value.into())));
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
async fn what_is_kept_outlives_the_engine() {
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
    let unknown = home.ask("acknowledge_finding", json!({ "fingerprint": "feed" })).await.unwrap_err();
    assert_eq!(unknown.kind, ProblemKind::NotFound);
    assert!(unknown.did_you_mean.contains(&fingerprint), "{unknown:?}");
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
}
