//! What a key opened ends with the key, and what one key's holder does not read leaves room for others.

#![expect(clippy::unwrap_used, reason = "a test fails where its helpers do")]

mod harness;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use harness::{Server, request, start};
use kino_wire::Access;
use serde_json::json;

/// Nothing here takes as long, however loaded the machine is.
const HANG: Duration = Duration::from_mins(1);

fn key(server: &Server, name: &str) -> String {
    kino_server::keys::create(server.home.path(), name, &[Access::Read], 0).unwrap()
}

/// Sends a request with a key, and gives back the connection, of which nothing has been read.
fn send(server: &Server, key: &str, request: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&server.running.listeners.http).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    let more = headers.iter().map(|(name, value)| [name, ": ", value, "\r\n"].concat()).collect::<Vec<_>>().concat();
    let head =
        format!("{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n{more}");
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    stream
}

/// The status of an answer, of which nothing more is read.
fn status(stream: &mut TcpStream) -> String {
    let mut line = [0; 12];
    stream.read_exact(&mut line).unwrap();
    String::from_utf8_lossy(&line[9..]).into_owned()
}

/// What still comes, until the connection ends.
fn rest(stream: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => panic!("it goes on: {error}"),
        _ => String::from_utf8_lossy(&rest).into_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_waits_for_news_ends_when_its_key_is_revoked() {
    let server = start().await;
    let (gone, stays) = (key(&server, "gone"), key(&server, "stays"));
    let sequence = server.ask("findings_changed", json!({ "wait_millis": 0 })).await.json()["sequence"].clone();
    let question = json!({ "after": sequence, "wait_millis": 5_000 }).to_string();
    let wait = |key| send(&server, key, "POST /api/v1/findings_changed", &[], &question);
    let (mut ended, mut answered) = (wait(&gone), wait(&stays));
    kino_server::keys::revoke(server.home.path(), "gone").unwrap();
    let answer = rest(&mut ended);
    assert!(answer.starts_with("HTTP/1.1 401") && !answer.contains("kino.findings_changed"), "{answer}");
    let answer = rest(&mut answered);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("kino.findings_changed.v1"), "{answer}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_key_is_revoked() {
    let server = start().await;
    let key = key(&server, "agent");
    let bearer = format!("Bearer {key}");
    let accept = ("accept", "application/json, text/event-stream");
    let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
    } });
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json"), accept];
    let opened = request("POST", server.api("/mcp"), &headers, hello.to_string().into_bytes()).await;
    let session = opened.header("mcp-session-id").to_owned();
    assert_eq!((opened.status, session.is_empty()), (200, false), "{}", opened.text());
    let mut stream = send(&server, &key, "GET /mcp", &[accept, ("mcp-session-id", &session)], "");
    assert_eq!(status(&mut stream), "200");
    kino_server::keys::revoke(server.home.path(), "agent").unwrap();
    let (ended, end) = std::sync::mpsc::sync_channel(1);
    // What keeps the stream alive also keeps it from timing out.
    std::thread::spawn(move || ended.send(rest(&mut stream)));
    end.recv_timeout(HANG).unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_without_a_reader_leave_room_for_questions_and_for_other_keys() {
    let server = start().await;
    // More than the buffers of a connection hold.
    for batch in 0..8_u64 {
        let text = "0123456789abcdef".repeat(1 << 10);
        let spans: Vec<_> = (0..256_u64)
            .map(|number| {
                let mut span =
                    harness::span(&format!("{:016x}", (batch << 32) | (number + 1)), "", "work", harness::SECOND);
                span["traceId"] = json!(format!("{:032x}", (batch << 32) | (number + 1)));
                span["attributes"] = json!([{ "key": "text", "value": { "stringValue": text } }]);
                span
            })
            .collect();
        assert_eq!(server.send_json(&harness::traces(&spans)).await.status, 200);
    }
    let (one, other) = (key(&server, "one"), key(&server, "other"));
    let export = |key: &str| send(&server, key, "POST /api/v1/export", &[], "{}");
    let mut open: Vec<_> = (0..4).map(|_| export(&one)).collect();
    assert!(open.iter_mut().all(|stream| status(stream) == "200"));
    let refused: Vec<_> = (0..600).map(|_| export(&one)).collect();
    for mut refused in refused {
        let answer = rest(&mut refused);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 429") && answer.contains("too many exports"),
            "{answer}"
        );
    }
    let find = rest(&mut send(&server, &one, "POST /api/v1/find", &[], "{}"));
    assert!(find.starts_with("HTTP/1.1 200"), "{find}");
    assert_eq!(status(&mut export(&other)), "200");
    drop(open);
    while status(&mut export(&one)) != "200" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.stop().await;
}
