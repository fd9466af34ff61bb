//! OTLP over HTTP, as exporters speak it and as they should not: each gets the answer that the protocol asks for.

#![expect(clippy::unwrap_used, reason = "a test fails where its helpers do")]

mod harness;

use std::io::{Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use harness::{SECOND, TRACE, request, span, start, start_changed, traces};
use kino_ingest::Encoding;
use serde_json::{Value as Json, json};

const JSON: (&str, &str) = ("content-type", "application/json");
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn good() -> Json {
    traces(&[span("eee19b7ec3c1b174", "", "GET /", SECOND)])
}

/// The one trace that these tests send.
async fn spans_of_the_trace(server: &harness::Server) -> u64 {
    let found = server.ask("open", json!({ "id": TRACE })).await;
    if found.status == 404 { 0 } else { found.json()["total"].as_u64().unwrap() }
}

/// Sends a good span beside one that `spoil` changed: the good one stays whatever happens to the other.
async fn check_spoiled(spoil: impl Fn(&mut Json), rejected: u64, stored: u64, issue: &str) {
    let server = start().await;
    let mut spoiled = span("bbb19b7ec3c1b174", "", "spoiled", SECOND);
    spoil(&mut spoiled);
    let answer = server.send_json(&traces(&[span("eee19b7ec3c1b174", "", "GET /", SECOND), spoiled])).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let partial = answer.json()["partialSuccess"].clone();
    if rejected == 0 {
        assert_eq!(partial, Json::Null);
    } else {
        assert_eq!(partial["rejectedSpans"], rejected.to_string(), "{partial}");
        assert_ne!(partial["errorMessage"], "");
    }
    assert_eq!(spans_of_the_trace(&server).await, stored);
    if !issue.is_empty() {
        assert_eq!(server.issue(issue).await, 1, "{}", server.ask("status", json!({})).await.text());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_and_protobuf_are_stored_and_answered_in_kind() {
    let server = start().await;
    let json = server
        .send("/v1/traces", &[("content-type", "application/json; charset=utf-8")], good().to_string().into())
        .await;
    assert_eq!((json.status, json.header("content-type"), json.text().as_str()), (200, "application/json", "{}"));
    assert_eq!(spans_of_the_trace(&server).await, 1);

    let opened = kino_ingest::otlp::decode_traces(
        good().to_string().as_bytes(),
        Encoding::Json,
        &kino_ingest::Limits::default(),
    );
    let rows = kino_model::batch::rows::spans(&opened.unwrap().batch);
    let mut other = rows[0].clone();
    other.span_id = kino_model::SpanId([7; 8]);
    let body = kino_testkit::otlp::traces_request(&[other]);
    let protobuf = server.send("/v1/traces", &[PROTOBUF], body).await;
    assert_eq!((protobuf.status, protobuf.header("content-type")), (200, "application/x-protobuf"));
    assert!(protobuf.body.is_empty());
    assert_eq!(spans_of_the_trace(&server).await, 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gzip_zstd_and_chunks_are_read() {
    let server = start().await;
    let body = |id: &str| traces(&[span(id, "", "GET /", SECOND)]).to_string().into_bytes();
    let gzipped = gzip(&body("aaa19b7ec3c1b174"));
    assert_eq!(server.send("/v1/traces", &[JSON, ("content-encoding", "gzip")], gzipped).await.status, 200);
    let zstd = zstd::encode_all(&body("bbb19b7ec3c1b174")[..], 3).unwrap();
    assert_eq!(server.send("/v1/traces", &[JSON, ("content-encoding", "zstd")], zstd).await.status, 200);
    assert_eq!(spans_of_the_trace(&server).await, 2);

    // Chunked, without a Content-Length, in pieces that cut a name in two: as Node's SDK sends.
    let address = server.running.listeners.otlp_http.clone();
    let body = body("ccc19b7ec3c1b174");
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        for piece in body.chunks(37) {
            stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).unwrap();
            stream.write_all(piece).unwrap();
            stream.write_all(b"\r\n").unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(spans_of_the_trace(&server).await, 3);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undecodable_body_is_refused_whole_with_a_status_in_its_own_encoding() {
    let server = start().await;
    let cut = good().to_string().into_bytes();
    for body in [b"\xff\xfenonsense".to_vec(), b"{".to_vec(), cut[..cut.len() / 2].to_vec()] {
        let answer = server.send("/v1/traces", &[JSON], body).await;
        assert_eq!((answer.status, answer.header("content-type")), (400, "application/json"));
        assert_eq!(answer.json()["code"], 3);
        assert_ne!(answer.json()["message"], "");
    }
    let answer = server.send("/v1/traces", &[PROTOBUF], vec![0xff; 40]).await;
    assert_eq!((answer.status, answer.header("content-type")), (400, "application/x-protobuf"));
    assert_eq!(answer.body[..2], [0x08, 3]);
    let answer = server.send("/v1/traces", &[JSON, ("content-encoding", "gzip")], b"not gzip".to_vec()).await;
    assert_eq!(answer.status, 400);
    assert_eq!(server.issue("undecodable_body").await, 5);
    assert_eq!(spans_of_the_trace(&server).await, 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_types_encodings_methods_and_paths_are_named() {
    let server = start().await;
    let body = good().to_string().into_bytes();
    let text = server.send("/v1/traces", &[("content-type", "text/plain")], body.clone()).await;
    assert_eq!(text.status, 415);
    assert_eq!(server.send("/v1/traces", &[JSON, ("content-encoding", "br")], body.clone()).await.status, 415);
    assert_eq!(server.send("/v1/spans", &[JSON], body).await.status, 404);
    let get = request("GET", server.otlp("/v1/traces"), &[], Vec::new()).await;
    assert_eq!((get.status, get.header("allow")), (405, "POST"));
    assert_eq!(server.issue("unsupported_content_type").await, 1);
    assert_eq!(server.issue("unsupported_content_encoding").await, 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_over_the_limit_are_refused_compressed_or_not() {
    let server = start_changed(|config| config.limits.body_bytes_max = 64 * 1024).await;
    let large = vec![b' '; 100 * 1024];
    assert_eq!(server.send("/v1/traces", &[JSON], large).await.status, 413);
    let bomb = gzip(&vec![0; 4 << 20]);
    assert!(bomb.len() < 64 * 1024, "small enough that only what it unfolds to is over the limit");
    let answer = server.send("/v1/traces", &[JSON, ("content-encoding", "gzip")], bomb).await;
    assert_eq!(answer.status, 413);
    assert_eq!(server.issue("body_too_large").await, 2);
    assert_eq!(server.send_json(&good()).await.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_into_memory_is_to_be_sent_again() {
    let server = start_changed(|config| config.limits.in_flight_bytes_max = 16 * 1024).await;
    let answer = server.send("/v1/traces", &[JSON], vec![b' '; 32 * 1024]).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "1"));
    assert_eq!(answer.json()["code"], 8);
    assert_eq!(answer.json()["details"][0]["@type"], "type.googleapis.com/google.rpc.RetryInfo");
    assert_eq!(server.send_json(&good()).await.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_store_refuses_with_429_and_takes_rows_again_after_a_flush() {
    let server = start_changed(|config| config.limits.hot_bytes_max = 4096).await;
    assert_eq!(server.send_json(&good()).await.status, 200);
    let spans: Vec<Json> = (0..200).map(|id| span(&format!("{:016x}", id + 1), "", "GET /", SECOND)).collect();
    let body = traces(&spans);
    let answer = server.send_json(&body).await;
    assert_eq!(answer.status, 429, "{}", answer.text());
    assert_ne!(answer.header("retry-after"), "");
    assert!(server.issue("overloaded").await >= 1);
    // The refusal asked for a flush; a client that waits as asked is accepted.
    while server.send_json(&body).await.status != 200 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(spans_of_the_trace(&server).await, 201);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_counted_and_the_answer_says_so() {
    let server = start().await;
    let point = json!({ "timeUnixNano": "1", "asInt": "1" });
    let metrics = json!({ "resourceMetrics": [{ "scopeMetrics": [{ "metrics": [
        { "name": "a", "gauge": { "dataPoints": [point, point] } },
        { "name": "b", "sum": { "dataPoints": [point] } },
    ] }] }] });
    let answer = server.send("/v1/metrics", &[JSON], metrics.to_string().into_bytes()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["partialSuccess"]["rejectedDataPoints"], "3");
    assert!(answer.text().contains("OTEL_METRICS_EXPORTER=none"));
    assert_eq!(server.issue("metric_points_not_stored").await, 3);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_stored_with_their_trace() {
    let server = start().await;
    server.send_json(&good()).await;
    let logs = json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": [
        { "timeUnixNano": span("", "", "", 0)["startTimeUnixNano"], "traceId": TRACE, "spanId": "eee19b7ec3c1b174",
          "severityText": "WARN", "body": { "stringValue": "slow" } },
    ] }] }] });
    let answer = server.send("/v1/logs", &[JSON], logs.to_string().into_bytes()).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
    let opened = server.ask("open", json!({ "id": TRACE })).await.json();
    assert_eq!(opened["logs"][0]["body"], "slow");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_with_wrong_ids_are_rejected_one_by_one() {
    check_spoiled(|span| span["spanId"] = json!("0000000000000000"), 1, 1, "").await;
    check_spoiled(|span| span["spanId"] = json!("bbb1"), 1, 1, "").await;
    check_spoiled(|span| span["traceId"] = json!("00000000000000000000000000000000"), 1, 1, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn absurd_times_never_cost_the_good_span() {
    let server = start().await;
    let mut backwards = span("bbb19b7ec3c1b174", "", "backwards", SECOND);
    backwards["endTimeUnixNano"] = json!("1");
    let mut timeless = span("ccc19b7ec3c1b174", "", "timeless", SECOND);
    timeless["startTimeUnixNano"] = json!("0");
    let mut beyond = span("ddd19b7ec3c1b174", "", "beyond", SECOND);
    beyond["endTimeUnixNano"] = json!(u64::MAX.to_string());
    let good = span("eee19b7ec3c1b174", "", "GET /", SECOND);
    let answer = server.send_json(&traces(&[backwards, timeless, beyond, good])).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let rejected = &answer.json()["partialSuccess"]["rejectedSpans"];
    let rejected: u64 = rejected.as_str().map_or(0, |count| count.parse().unwrap());
    assert_eq!(spans_of_the_trace(&server).await, 4 - rejected);
    let opened = server.ask("open", json!({ "id": format!("{TRACE}/eee19b7ec3c1b174") })).await;
    assert_eq!(opened.status, 200);
    let issues = server.ask("status", json!({})).await.json()["issues"].clone();
    let named: u64 = issues.as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert!(named >= 3, "{issues}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_nesting_and_huge_values_do_not_hurt_their_neighbours() {
    let server = start().await;
    let mut huge = span("bbb19b7ec3c1b174", "", "huge", SECOND);
    huge["attributes"] = json!([{ "key": "text", "value": { "stringValue": "x".repeat(1 << 20) } }]);
    let answer = server.send_json(&traces(&[huge, span("eee19b7ec3c1b174", "", "GET /", SECOND)])).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(spans_of_the_trace(&server).await, 2);

    let deep = format!("{}{}", r#"{"arrayValue":{"values":["#.repeat(10_000), "]}}".repeat(10_000));
    let body = good()
        .to_string()
        .replace(r#""kind":2"#, &format!(r#""kind":2,"attributes":[{{"key":"deep","value":{deep}}}]"#));
    assert!(body.len() > 100_000);
    let answer = server.send("/v1/traces", &[JSON], body.into_bytes()).await;
    assert!(matches!(answer.status, 200 | 400), "{}", answer.text());
    assert_eq!(server.send_json(&good()).await.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_collapses_and_a_differing_span_under_the_same_id_stays() {
    let server = start().await;
    let body = good();
    for _ in 0..3 {
        assert_eq!(server.send_json(&body).await.status, 200);
    }
    assert_eq!(spans_of_the_trace(&server).await, 1);
    server.send_json(&traces(&[span("eee19b7ec3c1b174", "", "POST /", SECOND)])).await;
    assert_eq!(spans_of_the_trace(&server).await, 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_that_arrives_a_day_late_joins_its_trace() {
    let server = start().await;
    server.send_json(&good()).await;
    server.ask("lake_files", json!({ "flush": true })).await;
    let day = 24 * 3_600 * SECOND;
    let late = span("bbb19b7ec3c1b174", "eee19b7ec3c1b174", "late", day);
    assert_eq!(server.send_json(&traces(&[late])).await.text(), "{}");
    let found = server.ask("find", json!({})).await.json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    assert_eq!(found["items"][0]["span_count"], 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_from_elsewhere_may_not_send_and_local_ones_may() {
    let server = start().await;
    let body = good().to_string().into_bytes();
    let foreign = [JSON, ("origin", "https://evil.example")];
    assert_eq!(server.send("/v1/traces", &foreign, body.clone()).await.status, 403);
    let local = server.send("/v1/traces", &[JSON, ("origin", "http://localhost:3000")], body).await;
    assert_eq!((local.status, local.header("access-control-allow-origin")), (200, "http://localhost:3000"));
    server.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_names_no_project_is_of_the_one_it_works_in() {
    let server = start().await;
    server.send_json(&good()).await;
    // This test's process is the sender; where it is in no repository, its project stays unknown.
    let project = kino_repo::project::name_of(&std::env::current_dir().unwrap());
    let find = async |project: &str| {
        let found = server.ask("find", json!({ "scope": { "project": project } })).await.json();
        found["items"].as_array().unwrap().len()
    };
    assert_eq!(find("/somewhere/else/.git").await, usize::from(project.is_none()));
    assert_eq!(find(&project.unwrap_or_default()).await, 1);
    server.stop().await;
}
