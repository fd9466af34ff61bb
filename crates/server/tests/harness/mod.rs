//! A real server on free ports with a home of its own, and the few requests that tests make of it.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![expect(clippy::unwrap_used, reason = "a test fails where its harness does")]

use std::sync::Arc;

use kino_engine::EngineConfig;
use kino_model::Clock;
use kino_server::{RunningServer, ServeError, ServerConfig, serve};
use kino_testkit::SystemClock;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

pub(crate) struct Server {
    pub(crate) running: RunningServer,
    pub(crate) home: TempDir,
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

pub(crate) fn config(home: &std::path::Path) -> EngineConfig {
    let mut config = EngineConfig::new(home);
    let free = Some("127.0.0.1:0".to_owned());
    (config.listen.addr, config.listen.otlp_grpc, config.listen.otlp_http) = (free.clone(), free.clone(), free);
    config
}

pub(crate) async fn start_with(config: EngineConfig) -> Result<RunningServer, ServeError> {
    let config = ServerConfig { engine: config, version: "0.0.1-test".to_owned(), runtime: None, signals: false };
    serve(config, Arc::new(SystemClock::new())).await
}

pub(crate) async fn start() -> Server {
    start_changed(|_| {}).await
}

pub(crate) async fn start_changed(change: impl FnOnce(&mut EngineConfig)) -> Server {
    let home = tempfile::tempdir().unwrap();
    let mut config = config(home.path());
    change(&mut config);
    Server { running: start_with(config).await.unwrap(), home }
}

impl Server {
    pub(crate) fn otlp(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.listeners.otlp_http)
    }

    pub(crate) fn api(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.listeners.http)
    }

    /// Sends traces as OTLP JSON.
    pub(crate) async fn send_json(&self, body: &Json) -> Answer {
        let headers = [("content-type", "application/json")];
        request("POST", self.otlp("/v1/traces"), &headers, body.to_string().into_bytes()).await
    }

    /// Sends bytes to a path of the OTLP listener.
    pub(crate) async fn send(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        request("POST", self.otlp(path), headers, body).await
    }

    /// The header that opens everything.
    pub(crate) fn bearer(&self) -> String {
        let file = std::fs::read(self.home.path().join(kino_server::ENGINE_FILE)).unwrap();
        let file: Json = serde_json::from_slice(&file).unwrap();
        format!("Bearer {}", file["token"].as_str().unwrap())
    }

    /// Asks a question over REST as the engine's own user.
    pub(crate) async fn ask(&self, name: &str, question: Json) -> Answer {
        let bearer = self.bearer();
        let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
        request("POST", self.api(&format!("/api/v1/{name}")), &headers, question.to_string().into_bytes()).await
    }

    /// The counter of an issue in `status`.
    pub(crate) async fn issue(&self, name: &str) -> u64 {
        self.ask("status", json!({})).await.json()["issues"][name].as_u64().unwrap_or_default()
    }

    pub(crate) async fn stop(self) {
        self.running.engine.request_stop();
        self.running.wait().await.unwrap();
    }
}

/// One HTTP request on a connection of its own.
pub(crate) async fn request(method: &str, url: String, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    let mut request = http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body).unwrap();
    tokio::task::spawn_blocking(move || {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let mut response = agent.run(request).unwrap();
        let headers = response.headers().clone();
        let body = response.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap();
        Answer { status: response.status().as_u16(), headers, body }
    })
    .await
    .unwrap()
}

/// A request of one resource with these spans.
pub(crate) fn traces(spans: &[Json]) -> Json {
    json!({ "resourceSpans": [{
        "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": "shop" } }] },
        "scopeSpans": [{ "scope": { "name": "test" }, "spans": spans }],
    }] })
}

/// A span of the trace `5b8e…c`, some milliseconds long, that began `ago_nanos` before now.
pub(crate) fn span(id: &str, parent: &str, name: &str, ago_nanos: i64) -> Json {
    let start = SystemClock::new().now().0 - ago_nanos;
    json!({
        "traceId": TRACE, "spanId": id, "parentSpanId": parent, "name": name, "kind": 2,
        "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + 5_000_000).to_string(),
    })
}

pub(crate) const TRACE: &str = "5b8efff798038103d269b633813fc60c";
pub(crate) const SECOND: i64 = 1_000_000_000;
