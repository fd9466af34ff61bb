//! The real binary: starting, stopping, and asking the engine.

mod support;

use std::collections::BTreeSet;
use std::process::Stdio;

use serde_json::{Value as Json, json};
use support::Home;

const TRACE: &str = "5b8efff798038103d269b633813fc60c";
const BEGIN: u64 = 1_777_593_600_000_000_000;

/// A root of 100 ms with two children, one after the other, the second of which failed.
fn trace() -> Json {
    let span = |id: &str, parent: &str, name: &str, from: u64, to: u64| {
        json!({
            "traceId": TRACE, "spanId": id, "parentSpanId": parent, "name": name, "kind": 2,
            "startTimeUnixNano": (BEGIN + from * 1_000_000).to_string(),
            "endTimeUnixNano": (BEGIN + to * 1_000_000).to_string(),
        })
    };
    let mut failed = span("0000000000000003", "0000000000000001", "charge", 40, 100);
    failed["status"] = json!({"code": 2, "message": "declined"});
    failed["events"] = json!([{
        "name": "exception", "timeUnixNano": (BEGIN + 90_000_000).to_string(),
        "attributes": [
            {"key": "exception.type", "value": {"stringValue": "CardDeclined"}},
            {"key": "exception.message", "value": {"stringValue": "no funds"}},
        ],
    }]);
    let spans = [
        span("0000000000000001", "", "POST /checkout", 0, 100),
        span("0000000000000002", "0000000000000001", "reserve", 0, 40),
        failed,
    ];
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]});
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]})
}

fn with_trace() -> Home {
    let home = Home::new();
    std::fs::write(home.path().join("trace.json"), trace().to_string()).expect("the home takes files");
    let imported = home.json(&["import", "trace.json"]);
    assert_eq!((imported["schema"].as_str(), imported["spans"].as_u64()), (Some("kino.import.v1"), Some(3)));
    home
}

#[test]
fn what_was_imported_is_found_explained_and_exported() {
    let home = with_trace();
    let found = home.json(&["find", "--name", "charge", "--error", "--min-duration", "50ms"]);
    let item = &found["items"][0];
    assert_eq!(item["trace_id"], TRACE);
    assert_eq!((&item["root_name"], &item["duration_nanos"]), (&json!("POST /checkout"), &json!(100_000_000)));
    assert_eq!(home.json(&["find", "--service", "shop", "--name", "nothing"])["items"], json!([]));

    let explained = home.json(&["explain", TRACE]);
    let path: Vec<_> = explained["critical_path"].as_array().unwrap().iter().map(|s| s["name"].as_str()).collect();
    assert_eq!(path, [Some("reserve"), Some("charge")]);
    let operation = home.json(&["explain", "POST /checkout"]);
    assert_eq!((&operation["schema"], &operation["executions"]), (&json!("kino.explain_operation.v1"), &json!(1)));
    let errors = home.json(&["errors"]);
    assert_eq!((&errors["items"][0]["type"], &errors["items"][0]["count"]), (&json!("CardDeclined"), &json!(1)));

    let out = home.path().join("out.jsonl");
    let exported = home.json(&["export", "--out", out.to_str().unwrap()]);
    assert_eq!(exported["schema"], "kino.export.v1");
    let other = Home::new();
    let again = other.json(&["import", out.to_str().unwrap()]);
    assert_eq!(again["spans"], 3);
}

#[test]
fn text_is_for_people_and_mistakes_say_what_to_do() {
    let home = with_trace();
    let explained = home.kino(&["explain", TRACE]);
    let text = String::from_utf8(explained.stdout).unwrap();
    assert!(text.contains("Critical path") && text.contains("charge (shop)") && !text.contains('\u{1b}'), "{text}");

    let typo = home.kino(&["explain", "POST /chekout"]);
    let said = String::from_utf8(typo.stderr).unwrap();
    assert_eq!(typo.status.code(), Some(3), "{said}");
    assert!(said.contains("did you mean \"POST /checkout\""), "{said}");
    let empty = home.kino(&["compare", "--before", "label:none", "--after", "label:none"]);
    assert!(!empty.status.success() && !empty.stderr.is_empty());
    assert_eq!(home.kino(&["find", "--since", "yesterday-ish"]).status.code(), Some(2));
    assert_eq!(home.kino(&["forget", "--everything"]).status.code(), Some(2), "there is no terminal to ask on");

    let forgotten = home.json(&["forget", TRACE, "--yes"]);
    assert_eq!((&forgotten["traces"], &forgotten["spans"]), (&json!(1), &json!(3)));
    assert_eq!(home.json(&["find"])["items"], json!([]));
}

#[test]
fn commands_that_start_at_once_share_one_engine() {
    let home = Home::new();
    assert_eq!(home.kino(&["status"]).status.code(), Some(4), "status starts none");
    let start = || home.command(&["find", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let children: Vec<_> = (0..8).map(|_| start()).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let pids: BTreeSet<_> = (0..3).map(|_| home.json(&["status"])["pid"].as_u64().unwrap()).collect();
    assert_eq!(pids.len(), 1);
    let stopped = home.json(&["stop"]);
    assert_eq!(stopped["pid"].as_u64(), pids.first().copied());
    assert_eq!(home.json(&["stop"])["pid"], Json::Null);
    assert!(!home.path().join("engine.json").exists());
}

#[test]
fn an_engine_that_was_killed_is_replaced_and_nothing_is_lost() {
    let home = with_trace();
    let pid = home.json(&["status"])["pid"].as_u64().unwrap();
    let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(killed.success());
    let found = home.json(&["find"]);
    assert_eq!(found["items"][0]["trace_id"], TRACE);
    assert_eq!(found["items"][0]["span_count"], 3);
    assert_ne!(home.json(&["status"])["pid"].as_u64(), Some(pid));
}

#[test]
fn the_doctor_names_a_configuration_that_cannot_be_read() {
    let home = Home::new();
    std::fs::write(home.path().join("config.toml"), "[listen]\nadr = \"x\"\n").unwrap();
    let output = home.kino(&["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let answer: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&answer["checks"][0]["name"], &answer["checks"][0]["state"]),
        (&json!("configuration"), &json!("failed"))
    );
    assert_eq!(home.kino(&["find"]).status.code(), Some(2));
    std::fs::write(home.path().join("config.toml"), "[listen]\naddr = \"127.0.0.1:0\"\n").unwrap();
    let checks = home.kino(&["doctor", "--json"]);
    let answer: Json = serde_json::from_slice(&checks.stdout).unwrap();
    let state =
        |name: &str| answer["checks"].as_array().unwrap().iter().find(|c| c["name"] == name).unwrap()["state"].clone();
    assert_eq!((state("home"), state("engine")), (json!("ok"), json!("ok")));
}
