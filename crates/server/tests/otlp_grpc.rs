//! OTLP over gRPC, with a client that sends bytes as they are.

#![expect(clippy::unwrap_used, reason = "a test fails where its helpers do")]

mod harness;

use bytes::Bytes;
use harness::{Server, request, start, start_changed};
use kino_model::{Clock, UnixNanos};
use kino_testkit::grpc::Raw;
use kino_testkit::{Shop, SystemClock};
use serde_json::json;
use tonic::codec::CompressionEncoding;
use tonic::{Code, Status};

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

async fn call(
    server: &Server,
    path: &'static str,
    body: Vec<u8>,
    compression: Option<CompressionEncoding>,
) -> Result<Bytes, Status> {
    call_at(&server.running.listeners.otlp_grpc, path, body, compression).await
}

async fn call_at(
    address: &str,
    path: &'static str,
    body: Vec<u8>,
    compression: Option<CompressionEncoding>,
) -> Result<Bytes, Status> {
    let address = format!("http://{address}");
    let channel = tonic::transport::Endpoint::from_shared(address).unwrap().connect().await.unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    if let Some(compression) = compression {
        client = client.send_compressed(compression);
    }
    client.ready().await.unwrap();
    let request = tonic::Request::new(Bytes::from(body));
    client.unary(request, http::uri::PathAndQuery::from_static(path), Raw).await.map(tonic::Response::into_inner)
}

fn spans(seed: u64) -> Vec<kino_model::Span> {
    let now = SystemClock::new().now();
    Shop::new(seed, UnixNanos(now.0 - 60 * harness::SECOND)).next_trace()
}

async fn stored(server: &Server) -> u64 {
    server.ask("status", json!({})).await.json()["spans"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_are_stored_plain_and_compressed() {
    let server = start().await;
    let mut sent = 0;
    for (seed, compression) in
        [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Zstd)].into_iter().enumerate()
    {
        let spans = spans(seed as u64 + 1);
        sent += spans.len() as u64;
        let answer = call(&server, TRACES, kino_testkit::otlp::traces_request(&spans), compression).await.unwrap();
        assert!(answer.is_empty());
        assert_eq!(stored(&server).await, sent);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_an_invalid_argument() {
    let server = start().await;
    let status = call(&server, TRACES, vec![0xff; 30], None).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(!status.message().is_empty());
    assert_eq!(server.issue("undecodable_body").await, 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_the_limit_is_refused_for_good() {
    let server = start_changed(|config| config.limits.body_bytes_max = 64 * 1024).await;
    let status = call(&server, TRACES, vec![0; 100 * 1024], None).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let bomb = call(&server, TRACES, vec![0; 8 << 20], Some(CompressionEncoding::Gzip)).await.unwrap_err();
    assert!(matches!(bomb.code(), Code::ResourceExhausted | Code::InvalidArgument), "{bomb:?}");
    assert!(bomb.details().is_empty(), "without a RetryInfo it is not sent again");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_store_says_when_to_come_again() {
    let server = start_changed(|config| config.limits.hot_bytes_max = 64).await;
    call(&server, TRACES, kino_testkit::otlp::traces_request(&spans(1)), None).await.unwrap();
    let status = call(&server, TRACES, kino_testkit::otlp::traces_request(&spans(2)), None).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    let details = String::from_utf8_lossy(status.details()).into_owned();
    assert!(details.contains("google.rpc.RetryInfo"), "{details:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_answered_and_other_services_are_not() {
    let server = start().await;
    assert!(call(&server, METRICS, Vec::new(), None).await.is_ok());
    let status = call(&server, "/grpc.health.v1.Health/Check", Vec::new(), None).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_at_the_port_of_http_is_answered_as_at_its_own() {
    let server = start().await;
    let address = &server.running.listeners.otlp_http;
    let spans = spans(1);
    let body = kino_testkit::otlp::traces_request(&spans);
    for compression in [None, Some(CompressionEncoding::Gzip)] {
        assert!(call_at(address, TRACES, body.clone(), compression).await.unwrap().is_empty());
        assert_eq!(stored(&server).await, spans.len() as u64, "what comes twice is there once");
    }
    let nonsense = call_at(address, TRACES, vec![0xff; 30], None).await.unwrap_err();
    assert!(nonsense.code() == Code::InvalidArgument && !nonsense.message().is_empty(), "{nonsense:?}");
    let other = call_at(address, "/grpc.health.v1.Health/Check", Vec::new(), None).await.unwrap_err();
    assert_eq!(other.code(), Code::Unimplemented, "{other:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_at_the_port_of_grpc_is_answered_as_at_its_own() {
    let server = start().await;
    let url = |path: &str| format!("http://{}{path}", server.running.listeners.otlp_grpc);
    let spans = spans(1);
    let protobuf = [("content-type", "application/x-protobuf")];
    let answer = request("POST", url("/v1/traces"), &protobuf, kino_testkit::otlp::traces_request(&spans)).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/x-protobuf"));
    assert_eq!(stored(&server).await, spans.len() as u64);

    let json = [("content-type", "application/json")];
    let nonsense = request("POST", url("/v1/traces"), &json, b"nonsense".to_vec()).await;
    assert_eq!((nonsense.status, nonsense.header("content-type")), (400, "application/json"));
    assert!(!nonsense.json()["message"].as_str().unwrap().is_empty());
    let elsewhere = request("GET", url("/"), &[], Vec::new()).await;
    assert_eq!(elsewhere.status, 404);
    assert!(elsewhere.text().contains("/v1/traces"), "{}", elsewhere.text());
    // What guards the one port guards the other.
    let foreign = [json[0], ("origin", "https://evil.example")];
    assert_eq!(request("POST", url("/v1/traces"), &foreign, b"{}".to_vec()).await.status, 403);
    let disguised = [("content-type", "application/grpc"), ("origin", "https://evil.example")];
    assert_eq!(request("POST", url(TRACES), &disguised, vec![0; 5]).await.status, 403);
    server.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn who_sends_to_the_other_port_is_known_all_the_same() {
    let server = start().await;
    let Some(project) = kino_repo::project::name_of(&std::env::current_dir().unwrap()) else {
        return server.stop().await;
    };
    let body = |seed| kino_testkit::otlp::traces_request(&spans(seed));
    let find = async |project: &str| {
        let found = server.ask("find", json!({ "scope": { "project": project } })).await.json();
        found["items"].as_array().unwrap().len()
    };
    call_at(&server.running.listeners.otlp_http, TRACES, body(1), None).await.unwrap();
    assert_eq!((find("/elsewhere/.git").await, find(&project).await), (0, 1));
    let url = format!("http://{}/v1/traces", server.running.listeners.otlp_grpc);
    request("POST", url, &[("content-type", "application/x-protobuf")], body(2)).await;
    assert_eq!((find("/elsewhere/.git").await, find(&project).await), (0, 2));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_client_whose_connection_was_closed_for_room_connects_again_and_loses_nothing() {
    let server = start().await;
    let address = server.running.listeners.otlp_grpc.clone();
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    let mut client = tonic::client::Grpc::new(channel);
    let mut sent = 0;
    for seed in 1..=2 {
        let spans = spans(seed);
        sent += spans.len() as u64;
        let body = Bytes::from(kino_testkit::otlp::traces_request(&spans));
        client.ready().await.unwrap();
        client.unary(tonic::Request::new(body), TRACES.parse().unwrap(), Raw).await.unwrap();
        assert_eq!(stored(&server).await, sent);
        // More than the listener has room for.
        let others: Vec<_> = (0..1_100).map(|_| std::net::TcpStream::connect(&address).unwrap()).collect();
        let answer = request("GET", format!("http://{address}/"), &[], Vec::new()).await;
        assert_eq!(answer.status, 404, "every connection has been accepted");
        drop(others);
    }
    server.stop().await;
}
