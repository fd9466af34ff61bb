//! The third port: questions, health, metrics, imports and exports, and who may ask; and the server's life.

mod harness;

use harness::{SECOND, Server, TRACE, config, request, span, start, start_with, traces};
use kino_engine::config::{ApiKey, KeyScope};
use serde_json::json;

const KEY: &str = "a key that is long enough";
/// SHA-256 of [`KEY`].
const HASH: &str = "8954b7cb67decd26deeabf5d80881b75912b904a2696399f02e64af3cea10bfb";

async fn with_a_trace() -> Server {
    let server = start().await;
    let root = span("aaa19b7ec3c1b174", "", "GET /", 2 * SECOND);
    let mut child = span("bbb19b7ec3c1b174", "aaa19b7ec3c1b174", "SELECT", 2 * SECOND);
    child["startTimeUnixNano"] = root["startTimeUnixNano"].clone();
    child["endTimeUnixNano"] = root["endTimeUnixNano"].clone();
    assert_eq!(server.send_json(&traces(&[root, child])).await.status, 200);
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_that_was_sent_is_found_and_explained() {
    let server = with_a_trace().await;
    let found = server.ask("find", json!({ "service": "shop", "name": "SELECT" })).await.json();
    assert_eq!(found["schema"], "kino.find.v1");
    assert_eq!(found["items"][0]["trace_id"], TRACE);
    assert_eq!(found["items"][0]["root_name"], "GET /");
    assert_eq!(found["items"][0]["duration_nanos"], 5_000_000);

    let explained = server.ask("explain_trace", json!({ "trace_id": TRACE })).await.json();
    assert_eq!((&explained["schema"], &explained["spans"]), (&json!("kino.explain.v2"), &json!(2)));
    let path = explained["critical_path"].as_array().unwrap();
    assert_eq!(path.len(), 1);
    assert_eq!(path[0]["name"], "SELECT");

    let operation = server.ask("explain_operation", json!({ "operation": "SELECT" })).await.json();
    assert_eq!((&operation["executions"], &operation["services"]), (&json!(1), &json!(["shop"])));
    let system = server.ask("explain_system", json!({})).await.json();
    assert_eq!(system["entry_points"][0]["name"], "GET /");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_name_gets_the_nearest_right_ones() {
    let server = with_a_trace().await;
    let answer = server.ask("explain_operation", json!({ "operation": "SELEKT" })).await;
    assert_eq!((answer.status, &answer.json()["did_you_mean"]), (404, &json!(["SELECT"])));
    let answer = server.ask("explain_operation", json!({ "operation": "SELECT", "service": "shopp" })).await;
    assert_eq!(answer.json()["did_you_mean"], json!(["shop"]));
    let answer = server.ask("finds", json!({})).await;
    assert_eq!((answer.status, &answer.json()["did_you_mean"][0]), (404, &json!("find")));
    let answer = server.ask("find", json!({ "servise": "shop" })).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("servise"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_names_its_sets_and_refuses_empty_ones() {
    let server = with_a_trace().await;
    let all = "time:1970-01-01T00:00:00Z..2100-01-01T00:00:00Z";
    let same = server.ask("compare", json!({ "before": all, "after": all })).await.json();
    assert_eq!(same["schema"], "kino.compare.v1");
    assert!(same["counts"].as_array().unwrap().iter().all(|count| count["verdict"] == "same"), "{same}");
    for set in ["run:0123", "label:none", "commit:abc", "code:abc+1", "time:1..2"] {
        let answer = server.ask("compare", json!({ "before": all, "after": set })).await;
        assert_eq!(answer.status, 404, "{set}: {}", answer.text());
    }
    assert_eq!(server.ask("compare", json!({ "before": "branch:x", "after": all })).await.status, 400);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exported_otlp_comes_back_in_through_an_import() {
    let server = with_a_trace().await;
    for encoding in ["json", "protobuf"] {
        let exported = server.ask("export", json!({ "encoding": encoding })).await;
        assert_eq!(exported.status, 200);
        let other = start().await;
        let imported = request("POST", other.api("/api/v1/import"), &[], exported.body).await;
        assert_eq!(imported.status, 200, "{}", imported.text());
        assert_eq!(imported.json()["spans"], 2);
        let opened = |server: &Server| server.api("/api/v1/open");
        let body = || json!({ "id": TRACE }).to_string().into_bytes();
        let [before, after] =
            [request("POST", opened(&server), &[], body()).await, request("POST", opened(&other), &[], body()).await];
        assert_eq!(before.json()["spans"], after.json()["spans"]);
        other.stop().await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forgetting_hides_at_once_and_for_good() {
    let server = with_a_trace().await;
    assert_eq!(server.ask("forget", json!({})).await.status, 400);
    let forgotten = server.ask("forget", json!({ "trace_ids": [TRACE] })).await.json();
    assert_eq!((&forgotten["traces"], &forgotten["spans"]), (&json!(1), &json!(2)));
    assert_eq!(server.ask("explain_trace", json!({ "trace_id": TRACE })).await.status, 404);
    assert_eq!(server.ask("find", json!({})).await.json()["items"], json!([]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_metrics_and_mcp_are_served() {
    let server = with_a_trace().await;
    let health = request("GET", server.api("/healthz"), &[], Vec::new()).await;
    assert_eq!(health.status, 200);
    assert_eq!((&health.json()["status"], &health.json()["pid"]), (&json!("ok"), &json!(std::process::id())));
    let metrics = request("GET", server.api("/metrics"), &[], Vec::new()).await.text();
    assert!(metrics.contains("kino_accepted_rows_total{table=\"spans\"} 2\n"), "{metrics}");
    assert!(metrics.contains("kino_append_seconds_count 1\n"), "{metrics}");
    let headers = [("content-type", "application/json"), ("accept", "application/json, text/event-stream")];
    let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } } });
    let mcp = request("POST", server.api("/mcp"), &headers, hello.to_string().into_bytes()).await;
    assert_eq!(mcp.status, 200, "{}", mcp.text());
    assert!(mcp.text().contains("serverInfo"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_hosts_and_origins_are_refused() {
    let server = start().await;
    for header in [("host", "evil.example"), ("origin", "https://evil.example"), ("origin", "null")] {
        for path in ["/healthz", "/metrics", "/mcp"] {
            assert_eq!(request("GET", server.api(path), &[header], Vec::new()).await.status, 403, "{path} {header:?}");
        }
        assert_eq!(request("POST", server.api("/api/v1/find"), &[header], Vec::new()).await.status, 403);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_open_what_they_are_for() {
    let home = tempfile::tempdir().unwrap();
    let mut config = config(home.path());
    config.keys = vec![ApiKey { name: "reader".to_owned(), sha256: HASH.to_owned(), scopes: vec![KeyScope::Read] }];
    let server = Server { running: start_with(config).await.unwrap(), home };
    let bearer = format!("Bearer {KEY}");
    let key = ("authorization", bearer.as_str());
    let json = ("content-type", "application/json");
    assert_eq!(request("GET", server.api("/healthz"), &[], Vec::new()).await.status, 200);
    assert_eq!(server.ask("find", json!({})).await.status, 401);
    assert_eq!(request("POST", server.api("/api/v1/find"), &[key], Vec::new()).await.status, 200);
    assert_eq!(request("POST", server.api("/api/v1/stop"), &[key], Vec::new()).await.status, 401);
    assert_eq!(server.send("/v1/traces", &[json, key], b"{}".to_vec()).await.status, 401);

    let file = std::fs::read(server.home.path().join(kino_server::ENGINE_FILE)).unwrap();
    let file: serde_json::Value = serde_json::from_slice(&file).unwrap();
    let owner = format!("Bearer {}", file["token"].as_str().unwrap());
    let owner = ("authorization", owner.as_str());
    assert_eq!(server.send("/v1/traces", &[json, owner], b"{}".to_vec()).await.status, 200);
    assert_eq!(request("POST", server.api("/api/v1/stop"), &[owner], Vec::new()).await.status, 200);
    server.running.wait().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn listening_beyond_this_machine_needs_a_key() {
    let home = tempfile::tempdir().unwrap();
    let mut config = config(home.path());
    config.listen.addr = Some("0.0.0.0:0".to_owned());
    let error = start_with(config).await.unwrap_err().to_string();
    assert!(error.contains("[[keys]]"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chosen_port_that_is_busy_is_an_error_and_frees_the_home() {
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let home = tempfile::tempdir().unwrap();
    let mut taken = config(home.path());
    taken.listen.otlp_http = Some(busy.local_addr().unwrap().to_string());
    let error = start_with(taken).await.unwrap_err().to_string();
    assert!(error.contains("--otlp-http") && error.contains("in use"), "{error}");
    let server = Server { running: start_with(config(home.path())).await.unwrap(), home };
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_home_has_one_engine() {
    let server = start().await;
    let error = start_with(config(server.home.path())).await.unwrap_err().to_string();
    assert!(error.contains("kino stop"), "{error}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_writes_everything_out_and_leaves_no_file_behind() {
    let server = with_a_trace().await;
    let file = server.home.path().join(kino_server::ENGINE_FILE);
    let written: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(written["http"], server.running.listeners.http);
    assert_eq!(server.ask("stop", json!({})).await.status, 200);
    let Server { running, home } = server;
    running.wait().await.unwrap();
    assert!(!file.exists());
    let again = Server { running: start_with(config(home.path())).await.unwrap(), home };
    assert_eq!(again.ask("find", json!({})).await.json()["items"][0]["span_count"], 2);
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_ends_when_its_home_vanishes() {
    let Server { running, home } = start().await;
    drop(home);
    // What it says on the way out does not matter; that it ends does.
    drop(running.wait().await);
}
