//! The engine over a real store in a home of its own: runs, selectors, what is counted, what is redacted.

#![expect(clippy::unwrap_used, reason = "a test fails where its helpers do")]

mod damage;
mod lists;
mod printed;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::StreamExt;
use kino_engine::{Encoding, Engine, EngineConfig, Signal};
use kino_model::UnixNanos;
use kino_testkit::TestClock;
use kino_wire::{Backend, Problem, ProblemKind, error_chain};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

const NOW: i64 = 1_790_000_000_000_000_000;
const MILLI: i64 = 1_000_000;

struct Home {
    engine: Engine,
    folder: TempDir,
}

async fn open() -> Home {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(TestClock::at(UnixNanos(NOW)));
    let (engine, _) = Engine::open(EngineConfig::new(folder.path()), "0.0.1-test", clock).await.unwrap();
    Home { engine, folder }
}

impl Home {
    async fn ask(&self, name: &str, question: Json) -> Result<Json, Problem> {
        self.engine.ask_json(name, question).await
    }

    async fn get(&self, name: &str, question: Json) -> Json {
        self.ask(name, question).await.unwrap()
    }

    /// Sends spans of one resource.
    async fn send(&self, resource: &[(&str, &str)], spans: &[Json]) {
        let attribute = |(key, value): &(&str, &str)| json!({ "key": key, "value": { "stringValue": value } });
        let attributes: Vec<Json> = resource.iter().map(attribute).collect();
        let body = json!({ "resourceSpans": [{
            "resource": { "attributes": attributes }, "scopeSpans": [{ "spans": spans }],
        }] });
        let taken = self.engine.ingest(Signal::Traces, body.to_string().into(), Encoding::Json).await.unwrap();
        assert_eq!((taken.accepted, taken.rejected), (spans.len() as u64, 0), "{}", taken.message);
    }

    /// A run of the program `work` whose single span takes `millis`.
    async fn recorded_run(&self, number: u8, label: &str, code: &str, millis: i64) -> (String, Json) {
        let run_id = format!("{number:02x}").repeat(16);
        let (trace_id, own) = (format!("{number:032x}"), format!("{number:016x}"));
        let start = NOW - 60_000 * MILLI + i64::from(number) * 1_000 * MILLI;
        let code_state = json!({ "project": "/p", "worktree": null, "commit": code, "branch": null, "code_state": code, "uncommitted": false });
        let begin = json!({
            "run_id": run_id, "trace_id": trace_id, "span_id": own, "parent_span_id": null, "label": label,
            "command": ["/usr/bin/work", "--password=hunter2hunter2"], "directory": "/p", "code": code_state,
            "diff": null, "start_unix_nanos": start,
        });
        assert_eq!(self.get("run_start", begin).await["count"], 1);
        let resource = [
            ("service.name", "worker"),
            ("kino.run.id", run_id.as_str()),
            ("kino.code_state", code),
            ("kino.project", "/p"),
        ];
        let end = start + millis * MILLI;
        let span = json!({
            "traceId": trace_id, "spanId": format!("a{number:015x}"), "parentSpanId": own, "name": "task", "kind": 1,
            "startTimeUnixNano": start.to_string(), "endTimeUnixNano": end.to_string(),
        });
        self.send(&resource, &[span]).await;
        let output = |text: &str| json!({ "base64": BASE64.encode(text), "cut_bytes": 7 });
        let finish = json!({
            "run_id": run_id, "exit_code": 0, "signal": null, "stdout": output("done\n"),
            "stderr": { "base64": "", "cut_bytes": 0 }, "end_unix_nanos": end,
        });
        (run_id.clone(), self.get("run_finish", finish).await)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_ends_with_what_it_sent_and_keeps_its_output() {
    let home = open().await;
    let (run_id, run) = home.recorded_run(1, "base", "abc", 20).await;
    assert_eq!((&run["spans"], &run["traces"], &run["services"]), (&json!(1), &json!(1), &json!(["worker"])));
    assert_eq!(
        (&run["exit_code"], &run["duration_nanos"], &run["cut_bytes"]),
        (&json!(0), &json!(20 * MILLI), &json!(7))
    );
    assert_eq!(run["breakdown"][0]["name"], "task");
    assert_eq!(home.get("run", json!({ "run_id": &run_id[..4] })).await, run);

    let blob = format!("blob:{}", run["stdout_blob"].as_str().unwrap());
    assert_eq!(home.get("open", json!({ "id": blob })).await["text"], "done\n");
    assert_eq!(run["stderr_blob"], Json::Null);

    let own = home.get("open", json!({ "id": format!("{:032x}/{:016x}", 1, 1) })).await;
    assert_eq!(own["spans"].as_array().unwrap().len(), 1, "the open span gave way to the ended one");
    assert_eq!((&own["spans"][0]["name"], &own["spans"][0]["duration_nanos"]), (&json!("work"), &json!(20 * MILLI)));
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_listed_newest_first_page_by_page() {
    let home = open().await;
    for number in 1..=5 {
        home.recorded_run(number, if number == 3 { "odd" } else { "base" }, "abc", 20).await;
    }
    let ids = |runs: &Json| -> Vec<String> {
        let id = |run: &Json| run["run_id"].as_str().unwrap()[..2].to_owned();
        runs["items"].as_array().unwrap().iter().map(id).collect()
    };
    let first = home.get("runs", json!({ "limit": 2 })).await;
    assert_eq!((ids(&first), &first["left_out"]), (vec!["05".to_owned(), "04".to_owned()], &json!(3)));
    let second = home.get("runs", json!({ "limit": 2, "cursor": first["cursor"] })).await;
    assert_eq!((ids(&second), &second["left_out"]), (vec!["03".to_owned(), "02".to_owned()], &json!(1)));
    let last = home.get("runs", json!({ "limit": 2, "cursor": second["cursor"] })).await;
    assert_eq!(
        (ids(&last), &last["cursor"], &last["older_not_read"]),
        (vec!["01".to_owned()], &Json::Null, &json!(false))
    );
    assert_eq!(home.ask("runs", json!({ "cursor": "x" })).await.unwrap_err().kind, ProblemKind::Invalid);

    let run = &home.get("runs", json!({ "label": "odd" })).await["items"][0];
    assert_eq!((&run["code_state"], &run["command"][0]), (&json!("abc"), &json!("/usr/bin/work")));
    let sent = json!({ "traces": 1, "executions": 1, "spans": 1, "errors": 0, "findings": 0, "left_out_traces": 0 });
    assert_eq!(run["sent"], sent);
    let start = run["start_unix_nanos"].clone();
    assert_eq!(ids(&home.get("runs", json!({ "since_unix_nanos": start })).await), ["05", "04", "03"]);
    assert_eq!(ids(&home.get("runs", json!({ "until_unix_nanos": start })).await), ["02", "01"]);
    assert!(ids(&home.get("runs", json!({ "failed": true })).await).is_empty());
    home.engine.close().await.unwrap();
}

impl Home {
    /// A trace of one span.
    async fn trace(&self, trace_id: &str, service: &str, name: &str) {
        let span = json!({
            "traceId": trace_id, "spanId": &trace_id[..16], "name": name, "kind": 1,
            "startTimeUnixNano": NOW.to_string(), "endTimeUnixNano": (NOW + MILLI).to_string(),
        });
        self.send(&[("service.name", service)], &[span]).await;
    }

    async fn resolved(&self, what: &str) -> (String, String) {
        let target = self.get("resolve", json!({ "what": what })).await["target"].clone();
        (target["kind"].as_str().unwrap().to_owned(), target["id"].as_str().unwrap().to_owned())
    }

    async fn unresolved(&self, what: &str) -> Problem {
        self.ask("resolve", json!({ "what": what })).await.unwrap_err()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_beginning_of_an_id_means_what_begins_so() {
    let home = open().await;
    let ids = ["a1bd36".to_owned() + &"0".repeat(26), "a1bd37".to_owned() + &"f".repeat(26), "cafe".repeat(8)];
    for (flushed, id) in [(true, &ids[0]), (false, &ids[1]), (false, &ids[2])] {
        home.trace(id, "shop", "GET /orders/<int:id>").await;
        if flushed {
            home.get("lake_files", json!({ "flush": true })).await;
        }
    }
    home.trace(&"b0".repeat(16), "shop", "cafecafe").await;
    let trace = |id: &str| ("trace".to_owned(), id.to_owned());
    assert_eq!(home.resolved("a1bd36").await, trace(&ids[0]), "in a file");
    assert_eq!(home.resolved("A1BD37").await, trace(&ids[1]), "in memory, in upper case");
    assert_eq!(home.resolved("trace:cafe").await, trace(&ids[2]));
    assert_eq!(home.resolved(&ids[2]).await, trace(&ids[2]));
    assert_eq!(home.resolved("cafecafe").await, ("operation".to_owned(), "cafecafe".to_owned()), "exactly that name");

    let several = home.unresolved("a1bd").await;
    let found: Vec<_> = several.candidates.iter().map(|target| (target.id.as_str(), target.name.as_str())).collect();
    let root = "GET /orders/<int:id> (shop)";
    assert_eq!(found, [(ids[0].as_str(), root), (ids[1].as_str(), root)]);
    assert!(several.candidates.iter().all(|target| target.time_unix_nanos == Some(NOW)));
    let mixed = home.unresolved("cafe").await;
    let kinds: Vec<_> = mixed.candidates.iter().map(|target| target.kind.name()).collect();
    assert_eq!(kinds, ["trace", "operation"], "an id and a part of a name are both listed: {mixed:?}");

    assert!(home.unresolved("a1b").await.message.contains("at least 4 digits"));
    let none = home.unresolved("dddd").await;
    assert_eq!((none.kind, none.did_you_mean.len()), (ProblemKind::NotFound, 0), "{none:?}");
    for hostile in
        ["", " ", "run:", "%", "' OR 1=1", "a1bd\u{0}", "🦀🦀🦀🦀", &"x".repeat(1 << 20), &"a".repeat(1 << 20)]
    {
        let problem = home.unresolved(hostile).await;
        assert!(problem.message.len() < 1_000, "{}", problem.message.len());
    }
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_a_name_means_the_only_operation_that_contains_it() {
    let home = open().await;
    for (number, name) in ["GET /orders/<int:id>", "POST /cart", "GET /cart", "Orders"].into_iter().enumerate() {
        home.trace(&format!("{:02x}", number + 1).repeat(16), "shop", name).await;
    }
    let explained = home.get("explain_operation", json!({ "operation": "int:id" })).await;
    assert_eq!((&explained["operation"], &explained["asked"]), (&json!("GET /orders/<int:id>"), &json!("int:id")));
    let exact = home.get("explain_operation", json!({ "operation": "GET /cart" })).await;
    assert_eq!((&exact["operation"], &exact["asked"]), (&json!("GET /cart"), &Json::Null));
    let in_another_case = home.get("explain_operation", json!({ "operation": "orders" })).await;
    assert_eq!(in_another_case["operation"], "Orders", "the whole name comes before a part of another");
    let several = home.ask("explain_operation", json!({ "operation": "/cart" })).await.unwrap_err();
    let names: Vec<_> = several.candidates.iter().map(|target| target.id.as_str()).collect();
    assert_eq!(names, ["GET /cart", "POST /cart"]);
    let none = home.ask("explain_operation", json!({ "operation": "GET /carts" })).await.unwrap_err();
    assert!(none.candidates.is_empty() && none.did_you_mean.contains(&"GET /cart".to_owned()), "{none:?}");
    let elsewhere = json!({ "operation": "int:id", "service": "other" });
    assert_eq!(home.ask("explain_operation", elsewhere).await.unwrap_err().kind, ProblemKind::NotFound);
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_and_blobs_are_opened_by_the_beginning_of_their_id() {
    let home = open().await;
    let (run_id, run) = home.recorded_run(0xc1, "base", "abc", 20).await;
    home.recorded_run(0xc2, "base", "abc", 20).await;
    let opened = home.get("open", json!({ "id": "run:C1C1" })).await;
    assert_eq!((&opened["run"]["run_id"], &opened["spans"]), (&json!(run_id), &json!([])));
    assert_eq!(home.get("open", json!({ "id": "c1c1c1" })).await["run"]["run_id"], json!(run_id));
    assert_eq!(home.get("find", json!({ "run_id": "c1c1" })).await["items"].as_array().unwrap().len(), 1);
    let blob = run["stdout_blob"].as_str().unwrap();
    assert_eq!(home.get("open", json!({ "id": format!("blob:{}", &blob[..6]) })).await["text"], "done\n");
    assert_eq!(home.get("open", json!({ "id": format!("{:032x}/00000000000000c1", 0xc1) })).await["total"], 1);

    for (question, name) in [("find", json!({ "run_id": "zz" })), ("errors", json!({ "run_id": "dddd" }))] {
        let problem = home.ask(question, name).await.unwrap_err();
        assert_eq!((problem.kind, problem.did_you_mean.len()), (ProblemKind::NotFound, 0), "{problem:?}");
    }
    assert_eq!(home.ask("open", json!({ "id": "run:c1" })).await.unwrap_err().kind, ProblemKind::NotFound);
    assert_eq!(home.ask("open", json!({ "id": "verification:c1c1" })).await.unwrap_err().kind, ProblemKind::NotFound);
    assert_eq!(home.ask("open", json!({ "id": "nonsense" })).await.unwrap_err().kind, ProblemKind::Invalid);
    let forgetting = home.ask("forget", json!({ "run_id": "c1c1" })).await.unwrap_err();
    assert!(forgetting.message.contains(&run_id), "{forgetting:?}");
    assert_eq!(home.get("forget", json!({ "run_id": run_id })).await["traces"], 1);
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_there_is_not_is_said_with_the_nearest() {
    let home = open().await;
    home.recorded_run(1, "base", "abc", 20).await;
    let nearest = json!({ "did_you_mean": ["worker"] });
    for name in ["find", "errors"] {
        assert_eq!(home.get(name, json!({ "service": "worke" })).await["unknown_service"], nearest, "{name}");
    }
    let known = json!({ "service": "worker", "name": "nothing" });
    assert_eq!(home.get("find", known).await["unknown_service"], Json::Null, "it is the name that does not fit");
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_waits_for_changes_is_answered_on_one_and_at_the_end() {
    let home = open().await;
    let first = home.get("live", json!({})).await["changes"].clone();
    assert_eq!(home.get("live", json!({ "seen": first, "wait_millis": 1 })).await["changes"], first);
    let engine = home.engine.clone();
    let question = json!({ "seen": first, "wait_millis": 30_000 });
    let waiting = tokio::spawn(async move { engine.ask_json("live", question).await.unwrap() });
    let (run_id, _) = home.recorded_run(1, "base", "abc", 20).await;
    let changes = waiting.await.unwrap()["changes"].clone();
    assert_ne!(changes, first);

    let operations = home.get("operations", json!({ "service": "worker" })).await;
    let known = &operations["items"][0];
    assert_eq!((&known["name"], &known["spans"], &known["roots"]), (&json!("task"), &json!(1), &json!(0)));
    assert_eq!(known["total_nanos"], json!(20 * MILLI));
    assert_eq!(home.get("operations", json!({ "roots": true })).await["items"][0]["name"], "work");

    home.recorded_run(2, "other", "abc", 20).await;
    let runs = home.get("runs", json!({ "limit": 1 })).await;
    assert_eq!((&runs["items"][0]["label"], &runs["left_out"]), (&json!("other"), &json!(1)));
    let labelled = home.get("runs", json!({ "label": "base" })).await;
    assert_eq!((&labelled["items"][0]["run_id"], &labelled["left_out"]), (&json!(run_id), &json!(0)));
    assert_eq!(home.get("runs", json!({ "scope": { "project": "/elsewhere" } })).await["items"], json!([]));

    let seen = home.get("live", json!({})).await["changes"].clone();
    let engine = home.engine.clone();
    let question = json!({ "seen": seen, "wait_millis": 30_000 });
    let waiting = tokio::spawn(async move { engine.ask_json("live", question).await });
    home.engine.request_stop();
    assert_eq!(waiting.await.unwrap().unwrap()["changes"], seen);
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_listed_with_their_counts_the_largest_first() {
    let home = open().await;
    let span = |number: u8, name: &str, code: u8| {
        json!({
            "traceId": format!("{number:032x}"), "spanId": format!("{number:016x}"), "name": name,
            "startTimeUnixNano": NOW.to_string(), "endTimeUnixNano": (NOW + MILLI).to_string(), "status": { "code": code },
        })
    };
    home.send(&[("service.name", "api")], &[span(1, "read", 0)]).await;
    home.send(&[("service.name", "web")], &[span(2, "page", 0), span(3, "page", 2), span(4, "search", 0)]).await;
    let services = home.get("services", json!({})).await;
    assert_eq!(services["schema"], "kino.services.v1");
    let web = json!({ "service": "web", "operations": 2, "spans": 3, "roots": 3, "errors": 1 });
    let api = json!({ "service": "api", "operations": 1, "spans": 1, "roots": 1, "errors": 0 });
    assert_eq!(services["items"], json!([web, api]));
    let first = home.get("services", json!({ "limit": 1 })).await;
    assert_eq!((&first["items"], &first["left_out"]), (&json!([web]), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_found_in_outputs_and_logs_and_what_was_searched_is_said() {
    let home = open().await;
    let (run_id, run) = home.recorded_run(1, "base", "abc", 20).await;
    let record = |body: &str, trace: u8| {
        json!({
            "timeUnixNano": NOW.to_string(), "severityText": "WARN", "body": { "stringValue": body },
            "traceId": format!("{trace:032x}"), "spanId": format!("{trace:016x}"),
        })
    };
    let service = json!([{ "key": "service.name", "value": { "stringValue": "worker" } }]);
    let records = [record("All DONE here", 1), record("nothing", 2)];
    let body = json!({ "resourceLogs": [{
        "resource": { "attributes": service }, "scopeLogs": [{ "logRecords": records }],
    }] });
    home.engine.ingest(Signal::Logs, body.to_string().into(), Encoding::Json).await.unwrap();

    let found = home.get("search", json!({ "text": " Done " })).await;
    let hits = found["hits"].as_array().unwrap();
    assert_eq!(hits.len(), 2, "{found}");
    assert_eq!((&hits[0]["source"], &hits[0]["text"]), (&json!("log"), &json!("All DONE here")));
    assert_eq!((&hits[0]["severity"], &hits[0]["service"]), (&json!("WARN"), &json!("worker")));
    assert_eq!((&hits[1]["source"], &hits[1]["offset"]), (&json!("stdout"), &json!(0)));
    assert_eq!((&hits[1]["blob"], &hits[1]["run_id"]), (&run["stdout_blob"], &json!(run_id)));
    assert_eq!(found["searched"], json!({ "runs": 1, "output_bytes": 5, "logs": 2 }));
    assert_eq!(found["left_out"], json!({ "hits": 0, "runs": 0, "log_sources": 0 }));

    let one = home.get("search", json!({ "text": "done", "limit": 1 })).await;
    assert_eq!((one["hits"].as_array().unwrap().len(), &one["left_out"]["hits"]), (1, &json!(1)));
    let of_run = home.get("search", json!({ "text": "done", "run_id": &run_id[..6] })).await;
    assert_eq!((of_run["hits"].as_array().unwrap().len(), &of_run["searched"]["logs"]), (1, &json!(0)));
    for wrong in ["x", "two\nlines"] {
        assert_eq!(home.ask("search", json!({ "text": wrong })).await.unwrap_err().kind, ProblemKind::Invalid);
    }
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_in_spans_and_commands_are_gone_and_counted() {
    let home = open().await;
    let secret = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
    let span = json!({
        "traceId": format!("{:032x}", 9), "spanId": format!("{:016x}", 9), "name": "call", "kind": 3,
        "startTimeUnixNano": (NOW - MILLI).to_string(), "endTimeUnixNano": NOW.to_string(),
        "attributes": [{ "key": "note", "value": { "stringValue": format!("token {secret}") } }],
    });
    home.send(&[("service.name", "worker")], &[span]).await;
    let opened = home.get("open", json!({ "id": format!("{:032x}", 9) })).await;
    assert!(!opened.to_string().contains(secret), "{opened}");
    let redactions = home.get("status", json!({})).await["redactions"].clone();
    assert!(redactions.as_object().unwrap().values().any(|count| *count == 1), "{redactions}");
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_that_passes_up_through_spans_counts_once_where_it_was_raised() {
    let home = open().await;
    let stack = |functions: &[&str]| {
        let lines = functions.iter().map(|name| format!("  File \"/p/{name}.py\", line 7, in {name}\n    call()\n"));
        format!("Traceback (most recent call last):\n{}LoadError: refused", lines.collect::<String>())
    };
    // A span with its parent, and the stack of the exception that it recorded.
    let span = |trace: u8, id: u8, parent: u8, functions: &[&str]| {
        let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
        let at = (NOW - i64::from(id) * MILLI).to_string();
        let event = json!({ "name": "exception", "timeUnixNano": at, "attributes": [
            text("exception.type", "LoadError"), text("exception.message", "refused"),
            text("exception.stacktrace", &stack(functions)),
        ] });
        let parent = if parent == 0 { String::new() } else { format!("{parent:016x}") };
        json!({
            "traceId": format!("{trace:032x}"), "spanId": format!("{id:016x}"), "parentSpanId": parent, "name": "work",
            "startTimeUnixNano": (NOW - 1_000 * MILLI).to_string(), "endTimeUnixNano": NOW.to_string(),
            "status": { "code": 2 }, "events": [event],
        })
    };
    // In the first trace it passes from 4 through 2 to 1, and 3 fails for itself; in the second it is raised again.
    let first = [
        span(1, 1, 0, &["handle", "load", "connect"]),
        span(1, 2, 1, &["load", "connect"]),
        span(1, 3, 1, &["check", "connect"]),
        span(1, 4, 2, &["connect"]),
    ];
    let second = [span(2, 1, 0, &["load", "connect"]), span(2, 2, 1, &["connect"])];
    for flush in [false, true] {
        // Parents may lie elsewhere than what they are the parents of.
        home.send(&[("service.name", "worker")], &first[..2]).await;
        home.get("lake_files", json!({ "flush": flush })).await;
        home.send(&[("service.name", "worker")], &first[2..]).await;
        home.send(&[("service.name", "worker")], &second).await;
        let errors = home.get("errors", json!({ "scope": { "all": true } })).await;
        let shown: Vec<(&Json, &Json, &Json)> = errors["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| {
                (
                    &it["frames"].as_array().unwrap().last().unwrap()["function"],
                    &it["count"],
                    &it["examples"][0]["span_id"],
                )
            })
            .collect();
        let (raised, check) = (json!("connect"), json!("check"));
        let (two, one) = (json!(2), json!(1));
        let (inner, aside) = (json!(format!("{:016x}", 2)), json!(format!("{:016x}", 3)));
        assert_eq!(shown, [(&raised, &two, &inner), (&check, &one, &aside)], "{errors}");
    }
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sets_are_named_by_run_label_commit_code_and_time() {
    let home = open().await;
    let (slow, _) = home.recorded_run(1, "base", "abc1", 200).await;
    let (fast, _) = home.recorded_run(2, "new", "abd2+77", 20).await;
    let compare = |before: &str, after: &str| home.get("compare", json!({ "before": before, "after": after }));
    let one = compare(&format!("run:{}", &slow[..6]), &format!("run:{fast}")).await;
    assert_eq!((&one["verdict"], &one["executions"]), (&json!("too few runs"), &json!({ "before": 1, "after": 1 })));
    for number in 3..8 {
        home.recorded_run(number, "base", "abc1", 200 + i64::from(number)).await;
        home.recorded_run(number + 10, "new", "abd2+77", 20 + i64::from(number)).await;
    }
    let known = compare(&format!("run:{slow}"), &format!("run:{fast}")).await;
    assert_eq!((&known["verdict"], &known["operations"][0]["noise_source"]), (&json!("faster"), &json!("history")));
    for (before, after) in [("label:base", "label:new"), ("commit:abc", "code:abd2+77")] {
        let answer = compare(before, after).await;
        assert_eq!(answer["executions"], json!({ "before": 6, "after": 6 }), "{before}");
        assert_eq!(answer["verdict"], "faster", "{before}: {answer}");
        assert_eq!(answer["operations"][0]["name"], "task");
    }
    let all = "time:1970-01-01T00:00:00Z..2200-01-01T00:00:00Z";
    assert_eq!(compare(all, all).await["verdict"], "no difference shown");

    let wrong = |after: &str| home.ask("compare", json!({ "before": "label:base", "after": after }));
    let label = wrong("label:bass").await.unwrap_err();
    assert_eq!((label.kind, label.did_you_mean), (ProblemKind::NotFound, vec!["base".to_owned()]));
    assert!(wrong("commit:abd").await.unwrap_err().message.contains("code:HASH"));
    assert!(wrong("time:1..2").await.unwrap_err().message.contains("newest trace"));
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_sees_its_own_traces_and_those_of_no_project() {
    let home = open().await;
    for (number, project) in [(1, Some("/p")), (2, Some("/q")), (3, None)] {
        let span = json!({
            "traceId": format!("{number:032x}"), "spanId": format!("{number:016x}"), "name": "task", "kind": 1,
            "startTimeUnixNano": (NOW - MILLI).to_string(), "endTimeUnixNano": NOW.to_string(),
        });
        let mut resource = vec![("service.name", "worker")];
        resource.extend(project.map(|project| ("kino.project", project)));
        home.send(&resource, &[span]).await;
    }
    let count = async |scope: Json| {
        let find = home.get("find", json!({ "scope": scope })).await;
        let operation = home.get("explain_operation", json!({ "operation": "task", "scope": scope })).await;
        let found = find["items"].as_array().unwrap().len() as u64;
        assert_eq!(operation["executions"], found);
        found
    };
    assert_eq!(count(json!({ "project": "/p" })).await, 2);
    assert_eq!(count(json!({ "project": "/p", "all": true })).await, 3);
    assert_eq!(count(json!({})).await, 3);
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_runs_and_rows_outlive_the_engine() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(TestClock::at(UnixNanos(NOW)));
    let config = EngineConfig::new(folder.path());
    let (engine, _) = Engine::open(config.clone(), "0.0.1-test", clock.clone()).await.unwrap();
    let home = Home { engine, folder: tempfile::tempdir().unwrap() };
    let (run_id, run) = home.recorded_run(1, "base", "abc", 20).await;
    let nonsense = home.engine.ingest(Signal::Traces, "nonsense".into(), Encoding::Json).await;
    assert!(nonsense.is_err());
    home.engine.close().await.unwrap();

    let (engine, _) = Engine::open(config, "0.0.1-test", clock).await.unwrap();
    let home = Home { engine, folder };
    assert_eq!(home.get("run", json!({ "run_id": run_id })).await, run);
    assert_eq!(home.get("status", json!({})).await["issues"]["undecodable_body"], 1);
    assert!(
        home.get("doctor", json!({})).await["checks"].as_array().unwrap().iter().all(|check| check["state"] == "ok")
    );
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sql_snapshot_holds_every_table_and_is_given_back() {
    let home = open().await;
    home.recorded_run(1, "base", "abc", 20).await;
    let snapshot = home.get("sql_snapshot", json!({})).await;
    let tables: Vec<&str> =
        snapshot["rows"].as_array().unwrap().iter().map(|rows| rows["table"].as_str().unwrap()).collect();
    assert_eq!(tables, ["spans", "events", "links", "traces"]);
    let pin = json!({ "pin": snapshot["pin"] });
    assert_eq!(home.get("sql_release", pin.clone()).await["count"], 1);
    assert_eq!(home.get("sql_release", pin).await["count"], 0);
    home.engine.close().await.unwrap();
}

#[tokio::test]
async fn logs_leave_whether_or_not_they_stand_in_a_trace() {
    let home = open().await;
    let log = |nanos: i64, more: Json| {
        let mut log = json!({ "timeUnixNano": nanos.to_string(), "body": { "stringValue": format!("at {nanos}") } });
        log.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        log
    };
    let service = json!([{ "key": "service.name", "value": { "stringValue": "shop" } }]);
    let (trace, span) = ("ab".repeat(16), "cd".repeat(8));
    let logs =
        [log(NOW, json!({})), log(NOW + 1, json!({ "traceId": trace, "spanId": span })), log(NOW - 5, json!({}))];
    let body =
        json!({ "resourceLogs": [{ "resource": { "attributes": service }, "scopeLogs": [{ "logRecords": logs }] }] });
    home.engine.ingest(Signal::Logs, body.to_string().into(), Encoding::Json).await.unwrap();
    for filter in [json!({}), json!({ "since_unix_nanos": NOW }), json!({ "service": "other" })] {
        let expected = match filter.as_object().unwrap().keys().next().map(String::as_str) {
            None => vec![NOW - 5, NOW, NOW + 1],
            Some("service") => vec![],
            Some(_) => vec![NOW, NOW + 1],
        };
        let mut times = Vec::new();
        let question = serde_json::from_value(json!({ "signal": "logs", "filter": filter })).unwrap();
        let mut messages = std::pin::pin!(home.engine.export(question).await.unwrap());
        while let Some(message) = messages.next().await {
            let message: Json = serde_json::from_slice(&message.unwrap()).unwrap();
            let records = &message["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
            times.extend(
                records
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|log| log["timeUnixNano"].as_str().unwrap().parse::<i64>().unwrap()),
            );
        }
        times.sort_unstable();
        assert_eq!(times, expected, "{filter}");
    }
}

#[tokio::test]
async fn rules_of_ones_own_and_allowed_texts_are_heeded() {
    let folder = tempfile::tempdir().unwrap();
    let redaction =
        json!({ "patterns": [{ "name": "badge", "regex": "badge (?<secret>B-[0-9]{6})" }], "allow": ["hunter2.*"] });
    let redaction = serde_json::from_value(redaction).unwrap();
    let config = EngineConfig { redaction, ..EngineConfig::new(folder.path()) };
    let clock = Arc::new(TestClock::at(UnixNanos(NOW)));
    let (engine, _) = Engine::open(config, "0.0.1-test", clock).await.unwrap();
    let home = Home { engine, folder };
    let text = "badge B-123456 password=hunter2hunter2";
    let span = json!({ "traceId": "ef".repeat(16), "spanId": "12".repeat(8), "name": text,
        "startTimeUnixNano": NOW.to_string(), "endTimeUnixNano": (NOW + 1).to_string() });
    home.send(&[], &[span]).await;
    let found = home.get("find", json!({ "scope": { "all": true } })).await;
    let name = found["items"][0]["root_name"].as_str().unwrap();
    assert!(name.starts_with("badge [redacted:badge:") && name.ends_with("] password=hunter2hunter2"), "{name}");
}

#[tokio::test]
async fn a_redaction_pattern_that_is_none_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let redaction = serde_json::from_value(json!({ "patterns": [{ "name": "badge", "regex": "(" }] })).unwrap();
    let config = EngineConfig { redaction, ..EngineConfig::new(folder.path()) };
    let clock = Arc::new(TestClock::at(UnixNanos(NOW)));
    let error = error_chain(&Engine::open(config, "0.0.1-test", clock).await.unwrap_err());
    assert!(error.contains("`badge` is not a regular expression") && error.contains("unclosed group"), "{error}");
}

#[tokio::test]
async fn a_trace_at_the_end_of_time_is_found_and_duplicates_are_counted_once() {
    let home = open().await;
    let span = |trace: &str, name: &str, start: &str| {
        json!({ "traceId": trace.repeat(16), "spanId": "12".repeat(8),
        "name": name, "startTimeUnixNano": start, "endTimeUnixNano": start })
    };
    let now = NOW.to_string();
    home.send(&[], &[span("aa", "last", &u64::MAX.to_string()), span("bb", "one", &now)]).await;
    home.send(&[], &[span("bb", "another", &now), span("bb", "one", &now)]).await;
    for flush in [false, true] {
        home.get("lake_files", json!({ "flush": flush })).await;
        let found = home.get("find", json!({ "scope": { "all": true } })).await;
        let names: Vec<&str> =
            found["items"].as_array().unwrap().iter().map(|item| item["root_name"].as_str().unwrap()).collect();
        assert_eq!(names.len(), 2, "{found}");
        assert_eq!(names[0], "last");
        let status = home.get("status", json!({})).await;
        assert_eq!((&status["spans"], &status["issues"]["duplicate_span_id"]), (&json!(3), &json!(1)), "{status}");
    }
}

#[tokio::test]
async fn a_check_up_finds_a_single_flipped_bit_in_a_file() {
    let home = open().await;
    let span = json!({ "traceId": "ab".repeat(16), "spanId": "12".repeat(8), "name": "x",
        "startTimeUnixNano": NOW.to_string(), "endTimeUnixNano": NOW.to_string() });
    home.send(&[], &[span]).await;
    let files = home.get("lake_files", json!({ "flush": true })).await;
    let failed =
        |answer: &Json| answer["checks"].as_array().unwrap().iter().filter(|check| check["state"] == "failed").count();
    assert_eq!(failed(&home.get("doctor", json!({})).await), 0);
    let url = files["files"].as_array().unwrap().iter().find(|file| file["table"] == "spans").unwrap()["url"]
        .as_str()
        .unwrap();
    let path = url.strip_prefix("file://").unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    // Within the data, where no reader need notice.
    bytes[10] ^= 1;
    std::fs::write(path, bytes).unwrap();
    let answer = home.get("doctor", json!({})).await;
    assert!(failed(&answer) >= 1 && answer.to_string().contains("not those that were written"), "{answer}");
}

#[tokio::test]
async fn more_spans_than_the_log_takes_at_once_are_taken_in_whole() {
    let home = open().await;
    let spans: Vec<kino_model::Span> = (1..=40_000u64)
        .map(|number| kino_model::Span {
            trace_id: kino_model::TraceId([7; 16]),
            span_id: kino_model::SpanId(number.to_be_bytes()),
            start: UnixNanos(NOW),
            end: Some(UnixNanos(NOW + 1)),
            ..kino_model::Span::default()
        })
        .collect();
    let bytes = kino_ingest::otlp::encode_traces(&spans, Encoding::Protobuf);
    let imported = home.engine.import(bytes.into()).await.unwrap();
    assert_eq!(imported.spans, 40_000);
    assert_eq!(home.get("status", json!({})).await["spans"], json!(40_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duration_is_predicted_or_refused_with_what_would_help() {
    let home = open().await;
    let execution = |number: i64, service: &str| {
        let (size, start) = (number * 10_000, NOW - (100 - number) * 1_000 * MILLI);
        let late = size > 500_000;
        // 20 ms, and one more for each 10 kB; from 70 ms on a caller stops waiting.
        let nanos = if late { 70 * MILLI } else { (20 + number) * MILLI + number % 3 * MILLI / 10 };
        let status = if late { json!({ "code": 2 }) } else { json!({}) };
        let timeout = if late { "timeout" } else { "" };
        json!({
            "traceId": format!("{:032x}", number + 1), "spanId": format!("{:016x}", number + 1),
            "name": format!("review {service}"), "kind": 1, "status": status,
            "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + nanos).to_string(),
            "attributes": [
                { "key": "diff_bytes", "value": { "intValue": size.to_string() } },
                { "key": "files", "value": { "intValue": (number * 7 % 5).to_string() } },
                { "key": "error.type", "value": { "stringValue": timeout } },
            ],
        })
    };
    let spans: Vec<Json> = (1..60).map(|number| execution(number, "it")).collect();
    home.send(&[("service.name", "review")], &spans).await;

    let listed = home.get("predict", json!({ "operation": "review it" })).await;
    assert_eq!(
        (&listed["inputs"][0]["attribute"], &listed["inputs"][0]["model"]),
        (&json!("diff_bytes"), &json!("linear"))
    );
    assert_eq!((&listed["executions"], &listed["left_out"]["failed_executions"]), (&json!(50), &json!(9)));

    let asked = json!({ "operation": "review it", "attribute": "diff_bytes", "at": 800_000 });
    let answer = home.get("predict", asked).await;
    assert_eq!((&answer["schema"], &answer["model"]), (&json!("kino.predict.v1"), &json!("linear")));
    let nanos = answer["predicted_nanos"].as_f64().unwrap();
    assert!((nanos / 100e6 - 1.0).abs() < 0.02, "{answer}");
    assert_eq!((&answer["crosses"]["limit_nanos"], &answer["limit_was_seen"]), (&json!(70 * MILLI), &json!(true)));
    assert!((answer["crosses"]["at"].as_f64().unwrap() / 500_000.0 - 1.0).abs() < 0.02, "{answer}");

    let far = json!({ "operation": "review it", "attribute": "diff_bytes", "at": 5_000_000 });
    let far = home.get("predict", far).await;
    assert_eq!(
        (&far["predicted_nanos"], &far["help"]),
        (&Json::Null, &json!("record executions up to at least 2500000"))
    );

    let wrong = json!({ "operation": "review it", "attribute": "dif_bytes", "at": 5 });
    let problem = home.ask("predict", wrong).await.unwrap_err();
    assert_eq!((problem.kind, problem.did_you_mean), (ProblemKind::NotFound, vec!["diff_bytes".to_owned()]));
    let problem = home.ask("predict", json!({ "operation": "review it", "at": 5 })).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Invalid);
    home.engine.close().await.unwrap();
}

/// `count` executions of `GET /books` in one state of the code, one a second from `second` on, each with a span that says
/// where it is in the code.
async fn books(home: &Home, resource: &[(&str, &str)], second: i64, count: i64, path: &str) {
    for number in second + 1..=second + count {
        let (trace, span, start) =
            (format!("{:032x}", number + 0xb00), format!("{number:016x}"), NOW + number * 1_000 * MILLI);
        let at = |millis: i64| (start + millis * MILLI).to_string();
        let exception = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
        let stack = format!("Traceback (most recent call last):\n  File \"{path}\", line 3, in load\nKeyError: 'id'");
        home.send(
            resource,
            &[json!({
                "traceId": trace, "spanId": span, "name": "GET /books", "kind": 2,
                "startTimeUnixNano": at(0), "endTimeUnixNano": at(20), "status": { "code": 2 },
                "attributes": [exception("code.file.path", path)],
                "events": [{ "timeUnixNano": at(10), "name": "exception", "attributes": [
                    exception("exception.type", "KeyError"), exception("exception.message", "'id'"),
                    exception("exception.stacktrace", &stack),
                ] }],
            })],
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_is_explained_over_the_newest_code_that_ran_often_enough() {
    let home = open().await;
    let of = |state: &'static str| {
        [("service.name", "shop"), ("kino.project", "/p"), ("kino.worktree", "/p"), ("kino.code_state", state)]
    };
    books(&home, &of("aaaa"), 0, 20, "/p/a.py").await;
    let explain = async |all_states: bool| {
        home.get("explain_operation", json!({ "operation": "GET /books", "all_states": all_states })).await
    };
    let rests_on = |answer: &Json| {
        (answer["code_state"].clone(), answer["executions"].clone(), answer["left_out"]["other_states"].clone())
    };
    assert_eq!(rests_on(&explain(false).await), (json!("aaaa"), json!(20), Json::Null));
    books(&home, &of("bbbb"), 20, 6, "/p/a.py").await;
    books(&home, &of("cccc"), 26, 2, "/p/a.py").await;
    assert_eq!(rests_on(&explain(false).await), (json!("bbbb"), json!(6), json!(22)), "two are too few");
    assert_eq!(rests_on(&explain(true).await), (Json::Null, json!(28), Json::Null));
    books(&home, &of("cccc"), 28, 3, "/p/a.py").await;
    assert_eq!(rests_on(&explain(false).await), (json!("cccc"), json!(5), json!(26)));
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_a_verifications_worktree_are_left_out_and_its_paths_are_the_projects() {
    let home = open().await;
    let scratch = home.folder.path().canonicalize().unwrap().join("scratch/against-7/shop");
    let worktree = scratch.to_str().unwrap();
    let run = "07".repeat(16);
    let temporary = [
        ("service.name", "shop"),
        ("kino.project", "/src/shop/.git"),
        ("kino.worktree", worktree),
        ("kino.run.id", run.as_str()),
    ];
    let begin = json!({
        "run_id": run, "trace_id": "7".repeat(32), "span_id": "7".repeat(16), "parent_span_id": null, "label": null,
        "command": ["pytest"], "directory": worktree, "diff": null, "start_unix_nanos": NOW,
        "code": { "project": "/src/shop/.git", "worktree": worktree, "commit": "abc", "branch": null, "code_state": "abc", "uncommitted": false },
    });
    home.get("run_start", begin).await;
    books(&home, &temporary, 0, 3, &format!("{worktree}/shop/db.py")).await;
    let all = json!({ "all": true });
    let errors = home.get("errors", json!({ "scope": all })).await;
    assert_eq!((&errors["items"], &errors["left_out_temporary"]), (&json!([]), &json!(3)));
    let here = [("service.name", "shop"), ("kino.project", "/src/shop/.git"), ("kino.worktree", "/src/shop")];
    books(&home, &here, 10, 2, "/src/shop/shop/db.py").await;
    let system = home.get("explain_system", json!({ "scope": all })).await;
    let counted = (&system["entry_points"][0]["executions"], &system["traces_left_out"]);
    assert_eq!(counted, (&json!(2), &json!(4)), "the run's own span is one of them");
    let errors = home.get("errors", json!({ "scope": all })).await;
    assert_eq!((&errors["items"][0]["count"], &errors["left_out_temporary"]), (&json!(2), &json!(3)));
    let of_run = home.get("errors", json!({ "run_id": run })).await;
    assert_eq!(
        (&of_run["items"][0]["count"], &of_run["items"][0]["frames"][0]["path"]),
        (&json!(3), &json!("/src/shop/shop/db.py"))
    );
    let trace = home.get("explain_trace", json!({ "trace_id": format!("{:032x}", 0xb01) })).await;
    assert_eq!(trace["breakdown"][0]["code"]["path"], "/src/shop/shop/db.py");
    home.engine.close().await.unwrap();
}
