//! Connections that do nothing, or not what they should: the listeners answer all the same.

#![expect(clippy::unwrap_used, reason = "a test fails where its helpers do")]

mod harness;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use harness::{Server, request, span, start, traces};
use serde_json::json;

/// More than a listener for OTLP has room for.
const MANY: usize = 1_100;
/// More than the listener for questions has room for.
const REST_MANY: usize = 600;
/// Nothing here takes as long, however loaded the machine is.
const HANG: Duration = Duration::from_mins(1);

/// Connections that each have sent `bytes` and read nothing.
fn flood(address: &str, count: usize, bytes: &[u8]) -> Vec<TcpStream> {
    let open = |_| {
        let mut stream = TcpStream::connect(address).unwrap();
        // One that was closed for room meanwhile takes nothing any more.
        stream.write_all(bytes).ok();
        stream
    };
    (0..count).map(open).collect()
}

async fn each_listener_answers(server: &Server, id: usize) {
    assert_eq!(request("GET", server.api("/healthz"), &[], Vec::new()).await.status, 200);
    let body = traces(&[span(&format!("{id:016x}"), "", "work", harness::SECOND)]);
    assert_eq!(server.send_json(&body).await.status, 200);
    let headers = [("content-type", "application/json")];
    let url = format!("http://{}/v1/traces", server.running.listeners.otlp_grpc);
    assert_eq!(request("POST", url, &headers, body.to_string().into_bytes()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_full_of_useless_connections_answers() {
    let server = start().await;
    let listeners = server.running.listeners.clone();
    let half: [&[u8]; 4] = [
        b"",
        b"POST /v1/traces HTTP/1.1\r\nHost: loc",
        b"POST /api/v1/status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    ];
    let _idle = [&listeners.otlp_http, &listeners.otlp_grpc].map(|address| flood(address, MANY, b""));
    for (index, bytes) in half.into_iter().enumerate() {
        let _open = flood(&listeners.http, REST_MANY, bytes);
        each_listener_answers(&server, index + 1).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_for_news_is_not_idle() {
    let server = start().await;
    let sequence = server.ask("findings_changed", json!({"wait_millis": 0})).await.json()["sequence"].clone();
    let question = json!({"after": sequence, "wait_millis": 3_000}).to_string();
    let mut waiting = TcpStream::connect(&server.running.listeners.http).unwrap();
    waiting.set_read_timeout(Some(HANG)).unwrap();
    let head = "POST /api/v1/findings_changed HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    let head = format!("{head}Authorization: {}\r\n", server.bearer());
    write!(waiting, "{head}Content-Length: {}\r\n\r\n{question}", question.len()).unwrap();
    let idle = flood(&server.running.listeners.http, REST_MANY, b"");
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("kino.findings_changed.v1"), "{answer}");
    drop(idle);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_that_has_been_idle_longest_goes_first() {
    let server = start().await;
    let ask = |stream: &mut TcpStream| {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").ok();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).map(|()| answer == *b"HTTP/1.1 200")
    };
    let connect = || {
        let stream = TcpStream::connect(&server.running.listeners.http).unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        stream
    };
    let (mut first, mut second) = (connect(), connect());
    assert!(ask(&mut first).unwrap() && ask(&mut second).unwrap());
    let mut idle = flood(&server.running.listeners.http, REST_MANY, b"");
    // Every connection has been accepted once the last one is answered.
    assert!(ask(idle.last_mut().unwrap()).unwrap());
    for old in [&mut first, &mut second, &mut idle[0]] {
        let mut rest = Vec::new();
        let closed = old.read_to_end(&mut rest);
        assert!(closed.is_ok() || closed.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset));
    }
    server.stop().await;
}
