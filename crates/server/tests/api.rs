//! The third port: questions, health, metrics, imports and exports, and who may ask; and the server's life.

mod harness;

use harness::{SECOND, Server, TRACE, config, request, span, start, start_with, traces};
use kino_engine::config::ApiKey;
use kino_wire::Access;
use serde_json::json;

const KEY: &str = "a key that is long enough";
/// SHA-256 of [`KEY`].
const HASH: &str = "8954b7cb67decd26deeabf5d80881b75912b904a2696399f02e64af3cea10bfb";

/// The beginning of a conversation over MCP.
fn hello() -> Vec<u8> {
    let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } } });
    hello.to_string().into_bytes()
}

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
    let diagnosed = server.ask("diagnose", json!({ "words": "nothing like it" })).await.json();
    assert_eq!((&diagnosed["schema"], &diagnosed["entries"]), (&json!("kino.diagnose.v1"), &json!([])));
    assert_eq!(diagnosed["looked_at"]["executions"], 1);
    assert!(diagnosed["words"].as_array().unwrap().iter().all(|word| word["recorded"] == false), "{diagnosed}");
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
        let bearer = other.bearer();
        let owner = [("authorization", bearer.as_str())];
        let imported = request("POST", other.api("/api/v1/import"), &owner, exported.body).await;
        assert_eq!(imported.status, 200, "{}", imported.text());
        assert_eq!(imported.json()["spans"], 2);
        let open = || json!({ "id": TRACE });
        let [before, after] = [server.ask("open", open()).await, other.ask("open", open()).await];
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
    let bearer = server.bearer();
    let owner = ("authorization", bearer.as_str());
    let health = request("GET", server.api("/healthz"), &[owner], Vec::new()).await;
    assert_eq!((&health.json()["status"], &health.json()["pid"]), (&json!("ok"), &json!(std::process::id())));
    let metrics = request("GET", server.api("/metrics"), &[owner], Vec::new()).await.text();
    assert!(metrics.contains("kino_accepted_rows_total{table=\"spans\"} 2\n"), "{metrics}");
    assert!(metrics.contains("kino_append_seconds_count 1\n"), "{metrics}");
    assert!(metrics.contains("\nkino_findings_evaluation_seconds_total "), "{metrics}");
    let headers = [owner, ("content-type", "application/json"), ("accept", "application/json, text/event-stream")];
    let mcp = request("POST", server.api("/mcp"), &headers, hello()).await;
    assert_eq!(mcp.status, 200, "{}", mcp.text());
    assert!(mcp.text().contains("serverInfo"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_over_http_is_answered_as_one_list() {
    let server = with_a_trace().await;
    let bearer = server.bearer();
    let headers = |session| {
        let fixed = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
        ];
        fixed.into_iter().chain(session).collect::<Vec<_>>()
    };
    let begun = request("POST", server.api("/mcp"), &headers(None), hello()).await;
    let session = begun.header("mcp-session-id").to_owned();
    let headers = headers(Some(("mcp-session-id", session.as_str())));
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let only_notes = request("POST", server.api("/mcp"), &headers, json!([ready]).to_string().into_bytes()).await;
    assert_eq!((only_notes.status, only_notes.text().as_str()), (202, ""));
    let batch = json!([
        { "jsonrpc": "2.0", "id": 1, "method": "ping" },
        { "jsonrpc": "2.0", "id": "two", "method": "tools/call", "params": { "name": "find_traces", "arguments": {} } },
        { "jsonrpc": "2.0", "method": "notifications/nothing" },
        { "jsonrpc": "2.0", "id": 3, "method": "no/such" },
        5,
    ]);
    let answered = request("POST", server.api("/mcp"), &headers, batch.to_string().into_bytes()).await;
    assert_eq!(answered.status, 200, "{}", answered.text());
    let answers = answered.json().as_array().unwrap().clone();
    let of =
        |id: serde_json::Value| answers.iter().find(|answer| answer["id"] == id).unwrap_or(&serde_json::Value::Null);
    assert_eq!(answers.len(), 4, "{answers:?}");
    assert_eq!(of(json!(1))["result"], json!({}));
    assert!(of(json!("two"))["result"]["content"][0]["text"].as_str().unwrap().contains(TRACE));
    assert_eq!((&of(json!(3))["error"]["code"], &of(json!(null))["error"]["code"]), (&json!(-32601), &json!(-32600)));
    let strangers = [("content-type", "application/json"), ("accept", "application/json, text/event-stream")];
    let refused = request("POST", server.api("/mcp"), &strangers, batch.to_string().into_bytes()).await;
    assert_eq!(refused.status, 401);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_hosts_and_the_pages_of_other_ports_are_refused_whatever_they_show() {
    let server = start().await;
    let bearer = server.bearer();
    let owner = ("authorization", bearer.as_str());
    let own = format!("http://{}", server.running.listeners.http);
    let origins =
        ["https://evil.example", "null", "http://localhost:3000", "http://127.0.0.1:3000", "http://localhost"];
    for header in origins.map(|origin| ("origin", origin)).into_iter().chain([("host", "evil.example")]) {
        for path in ["/", "/healthz", "/metrics", "/mcp"] {
            let answer = request("GET", server.api(path), &[header, owner], Vec::new()).await;
            assert_eq!(answer.status, 403, "{path} {header:?}");
            assert_eq!(answer.header("access-control-allow-origin"), "");
        }
        assert_eq!(request("POST", server.api("/api/v1/find"), &[header, owner], Vec::new()).await.status, 403);
        assert_eq!(request("OPTIONS", server.api("/api/v1/forget"), &[header], Vec::new()).await.status, 403);
    }
    assert_eq!(request("GET", server.api("/metrics"), &[("origin", &own), owner], Vec::new()).await.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_learn_that_it_lives_and_may_send_and_nothing_else() {
    let server = with_a_trace().await;
    let health = request("GET", server.api("/healthz"), &[], Vec::new()).await;
    assert_eq!((health.status, health.json()), (200, json!({ "status": "ok", "version": "0.0.1-test" })));
    let front = request("GET", server.api("/"), &[], Vec::new()).await;
    assert_eq!((front.status, front.header("content-type")), (200, "text/plain; charset=utf-8"));
    assert!(front.text().contains("kino watch") && !front.text().contains("shop"), "{}", front.text());
    for wrong in [None, Some("Bearer "), Some("Bearer 0"), Some("Basic eDp5"), Some("Bearer")] {
        let headers: Vec<_> = wrong.map(|wrong| ("authorization", wrong)).into_iter().collect();
        assert_eq!(request("GET", server.api("/metrics"), &headers, Vec::new()).await.status, 401, "{wrong:?}");
        assert_eq!(request("POST", server.api("/mcp"), &headers, hello()).await.status, 401, "{wrong:?}");
        let questions = ["find", "status", "forget", "stop", "acknowledge_finding", "insights_told", "sql_snapshot"];
        for name in questions.into_iter().chain(["import", "export", "no_such_question"]) {
            let answer = request("POST", server.api(&format!("/api/v1/{name}")), &headers, b"{}".to_vec()).await;
            assert_eq!(answer.status, 401, "{name} {wrong:?}");
        }
    }
    assert_eq!(server.ask("find", json!({})).await.json()["items"][0]["trace_id"], TRACE);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_answers_without_a_token_and_is_gone_with_the_engine() {
    use std::io::{Read, Write};
    let server = with_a_trace().await;
    let places = kino_server::SocketPlaces::of(server.home.path(), None);
    let mut stream = places.connect().unwrap();
    let asked = tokio::task::spawn_blocking(move || {
        let body = r#"{"service":"shop"}"#;
        let head = "POST /api/v1/find HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: ";
        stream.write_all(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = asked.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(TRACE), "{answer}");
    let Server { running, home } = server;
    running.engine.request_stop();
    running.wait().await.unwrap();
    assert_eq!(places.connect().unwrap_err().kind(), std::io::ErrorKind::NotFound);
    drop(home);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_open_what_they_are_for() {
    let home = tempfile::tempdir().unwrap();
    let mut config = config(home.path());
    config.keys = vec![ApiKey { name: "reader".to_owned(), sha256: HASH.to_owned(), scopes: vec![Access::Read] }];
    let server = Server { running: start_with(config).await.unwrap(), home };
    let bearer = format!("Bearer {KEY}");
    let key = ("authorization", bearer.as_str());
    let json = ("content-type", "application/json");
    assert_eq!(request("GET", server.api("/healthz"), &[], Vec::new()).await.status, 200);
    assert_eq!(request("POST", server.api("/api/v1/find"), &[], Vec::new()).await.status, 401);
    assert_eq!(request("GET", server.api("/api/v1/schema"), &[], Vec::new()).await.status, 401);
    let schema = request("GET", server.api("/api/v1/schema"), &[key], Vec::new()).await;
    assert_eq!(schema.json()["questions"]["stop"]["access"], "admin");
    assert_eq!(request("POST", server.api("/api/v1/find"), &[key], Vec::new()).await.status, 200);
    assert_eq!(request("POST", server.api("/api/v1/stop"), &[key], Vec::new()).await.status, 401);
    assert_eq!(request("POST", server.api("/api/v1/acknowledge_finding"), &[key], Vec::new()).await.status, 401);
    // A key for one's own use must not silence every program of this machine.
    assert_eq!(server.send("/v1/traces", &[json], b"{}".to_vec()).await.status, 200);

    let bearer = server.bearer();
    let owner = ("authorization", bearer.as_str());
    assert_eq!(request("POST", server.api("/api/v1/stop"), &[owner], Vec::new()).await.status, 200);
    server.running.wait().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_and_revoked_while_the_engine_runs() {
    let server = start().await;
    let home = server.home.path();
    let key = kino_server::keys::create(home, "reader", &[Access::Read], 0).unwrap();
    let sender = kino_server::keys::create(home, "sender", &[Access::Ingest], 0).unwrap();
    let status = async |name: &str, key: &str| {
        let bearer = format!("Bearer {key}");
        let url = server.api(&format!("/api/v1/{name}"));
        request("POST", url, &[("authorization", bearer.as_str())], b"{}".to_vec()).await.status
    };
    assert_eq!(status("find", &key).await, 200);
    assert_eq!(status("forget", &key).await, 401);
    assert_eq!(status("import", &key).await, 401);
    assert_eq!(status("find", &sender).await, 401);
    assert_eq!(status("run_start", &sender).await, 400, "allowed, and no question");
    let writer = kino_server::keys::create(home, "writer", &[Access::Write], 0).unwrap();
    assert_eq!(status("acknowledge_finding", &writer).await, 400, "allowed, and no question");
    assert_eq!(status("forget", &writer).await, 401);
    assert_eq!(status("find", &writer).await, 401);
    assert_eq!(status("acknowledge_finding", &sender).await, 401);
    assert!(kino_server::keys::revoke(home, "reader").unwrap());
    assert_eq!(status("find", &key).await, 401);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bound_to_every_address_with_a_key_it_serves_its_own_socket() {
    let home = tempfile::tempdir().unwrap();
    kino_server::keys::create(home.path(), "other", &[Access::Read], 0).unwrap();
    let mut config = config(home.path());
    let every = Some("0.0.0.0:0".to_owned());
    (config.listen.addr, config.listen.otlp_http) = (every.clone(), every);
    let server = Server { running: start_with(config).await.unwrap(), home };
    kino_server::SocketPlaces::of(server.home.path(), None).connect().unwrap();
    let port = server.running.listeners.otlp_http.rsplit_once(':').unwrap().1;
    let json = ("content-type", "application/json");
    let url = |host: &str| format!("http://{host}:{port}/v1/traces");
    let sent = async |host: &str| request("POST", url(host), &[json], b"{}".to_vec()).await.status;
    assert_eq!(sent("127.0.0.1").await, 200);
    // An address of this machine that is not loopback's acts as another machine's, where there is one.
    if let Some(address) = own_address() {
        assert_eq!(sent(&address).await, 401, "{address}");
    }
    server.stop().await;
}

/// An address of this machine other than loopback's. No packet is sent.
fn own_address() -> Option<String> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then(|| address.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn listening_beyond_this_machine_needs_a_key() {
    let home = tempfile::tempdir().unwrap();
    let mut config = config(home.path());
    config.listen.addr = Some("0.0.0.0:0".to_owned());
    let error = start_with(config).await.unwrap_err().to_string();
    assert!(error.contains("kino key new"), "{error}");
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
