//! Grafana Tempo: a search lists ids of traces, and each is fetched as OTLP protobuf.
//!
//! ```text
//!  GET /api/search?q={ resource.service.name = "shop" }&start&end (s)&limit&spss=1
//!      {"traces":[{"traceID","startTimeUnixNano":"…","durationMs"}],"metrics":{…}}
//!  GET /api/v2/traces/ID   Accept: application/protobuf    a trace, and whether it is whole
//!  GET /api/traces/ID      the same without the latter, where there is no version 2
//! ```
//!
//! Before TraceQL, services are searched as `tags=service.name="shop"`, which finds every name that contains it; what has
//! no span of exactly that service is not imported. Source: `docs/sources/tempo/api_docs/_index.md` of
//! github.com/grafana/tempo. The tenant is a header, `X-Scope-OrgID`.

use kino_model::TraceId;
use serde::Deserialize;
use serde_json::Value as Json;

use super::api::{Api, Hit, Page, RequestFault, Trace};
use super::http::{Server, encoded};
use super::jaeger::{trace_id, whole};
use super::protobuf;
use super::windows::Stretch;
use crate::render;

/// The header of the tenant.
pub(super) const TENANT: &str = "x-scope-orgid";
/// The largest list that is read: 10,000 traces with a span each take some megabytes.
const LIST_BYTES_MAX: u64 = 16 << 20;
/// The largest trace that is read. Tempo itself limits a trace to 5 MB unless it is set otherwise.
const TRACE_BYTES_MAX: u64 = 128 << 20;
const SECOND: i64 = 1_000_000_000;
/// How far outside of the window a listed trace may lie: clocks differ, and lists round.
const SLACK_NANOS: i64 = 60 * SECOND;

/// What is known of the server so far.
#[derive(Debug, Default)]
pub(super) struct Tempo {
    /// Whether it knows no TraceQL; `None` before the first search.
    by_tags: Option<bool>,
    /// Whether it has version 2 of the traces' path; `None` before the first trace that is there.
    has_v2: Option<bool>,
}

#[derive(Deserialize)]
struct TempoAnswer {
    traces: Option<Vec<Listed>>,
    metrics: Option<Json>,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "traceID", default)]
    id: String,
    #[serde(rename = "startTimeUnixNano", default)]
    start: Json,
    #[serde(rename = "durationMs", default)]
    duration_millis: Json,
}

impl Api for Tempo {
    fn what(&self) -> &'static str {
        "Tempo's API"
    }

    fn grain_nanos(&self) -> i64 {
        SECOND
    }

    /// Tempo refuses searches over more than a week, unless it is set otherwise.
    fn width_nanos_max(&self) -> i64 {
        24 * 3_600 * SECOND
    }

    fn services(&mut self, _: &mut Server, named: &[String]) -> Result<Vec<Option<String>>, RequestFault> {
        Ok(if named.is_empty() { vec![None] } else { named.iter().cloned().map(Some).collect() })
    }

    fn search(
        &mut self,
        server: &mut Server,
        service: Option<&str>,
        window: Stretch,
        limit: u64,
    ) -> Result<Page, RequestFault> {
        let (start, end) = ((window.start / SECOND).to_string(), (window.end / SECOND).to_string());
        let mut search = |by_tags: bool| {
            let limit = limit.to_string();
            let filter = if by_tags { ("tags", tags(service)) } else { ("q", traceql(service)) };
            let query =
                [(filter.0, filter.1.as_str()), ("start", &start), ("end", &end), ("limit", &limit), ("spss", "1")];
            server.get("/api/search", &query, "application/json", LIST_BYTES_MAX)
        };
        let body = match (self.by_tags, search(self.by_tags.unwrap_or_default())) {
            (None, Err(refused @ RequestFault::Status { status: 400, .. })) => {
                let body = search(true).map_err(|_| refused)?;
                self.by_tags = Some(true);
                body
            }
            (_, answered) => {
                let body = answered?;
                self.by_tags.get_or_insert(false);
                body
            }
        };
        page(&body, window)
    }

    fn fetch(&mut self, server: &mut Server, id: TraceId, end_unix_nanos: i64) -> Result<Option<Trace>, RequestFault> {
        let mut get = |version: &str| {
            let path = format!("/api{version}/traces/{}", encoded(&id.to_string()));
            match server.get(&path, &[], "application/protobuf", TRACE_BYTES_MAX) {
                Ok(body) => Ok(Some(body)),
                Err(RequestFault::Status { status: 404, .. }) => Ok(None),
                Err(fault) => Err(fault),
            }
        };
        let wrong = |why: &str| RequestFault::Wrong(why.to_owned());
        let mut incomplete = None;
        let answer = if self.has_v2 == Some(false) { None } else { get("/v2")? };
        let body = match answer {
            Some(answer) => {
                let (body, partial) = protobuf::unwrapped(&answer).map_err(wrong)?;
                self.has_v2 = Some(true);
                incomplete = partial.map(|note| render::clean(&note).into_owned());
                body
            }
            // It knows no version 2, or no such trace: the first version says which.
            None if self.has_v2 != Some(true) => {
                let Some(body) = get("")? else { return Ok(None) };
                self.has_v2 = Some(false);
                body
            }
            None => return Ok(None),
        };
        let trace = protobuf::outlined(body, id).map_err(wrong)?;
        Ok(trace.map(|trace| Trace { incomplete, end_unix_nanos: trace.end_unix_nanos.max(end_unix_nanos), ..trace }))
    }

    /// Messages of one kind, one after another, are one message.
    fn join(&self, bodies: &[&[u8]]) -> Vec<u8> {
        bodies.concat()
    }
}

fn traceql(service: Option<&str>) -> String {
    service.map_or_else(|| "{}".to_owned(), |service| format!("{{ resource.service.name = {} }}", quoted(service)))
}

fn tags(service: Option<&str>) -> String {
    service.map(|service| format!("service.name={}", quoted(service))).unwrap_or_default()
}

/// A text in quotes, from which it cannot break out.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn page(body: &[u8], window: Stretch) -> Result<Page, RequestFault> {
    let answer: TempoAnswer = serde_json::from_slice(body).map_err(|error| RequestFault::Wrong(error.to_string()))?;
    if answer.traces.is_none() && answer.metrics.is_none() {
        return Err(RequestFault::Wrong("the list has neither traces nor metrics".to_owned()));
    }
    let traces = answer.traces.unwrap_or_default();
    let mut page = Page { listed: traces.len() as u64, ..Page::default() };
    for listed in traces {
        let Some(id) = trace_id(&listed.id) else {
            page.issues.push(("wrong_trace_id", format!("{:?}", render::clean(&listed.id))));
            continue;
        };
        let start = whole(&listed.start);
        let end_unix_nanos = start.saturating_add(whole(&listed.duration_millis).saturating_mul(1_000_000));
        let is_inside = start == 0
            || start < window.end.saturating_add(SLACK_NANOS)
                && end_unix_nanos >= window.start.saturating_sub(SLACK_NANOS);
        page.hits.push(Hit { id, is_inside, end_unix_nanos, trace: None });
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of Tempo's API documentation.
    const DOCUMENTED: &str = r#"{"traces":[{"traceID":"2f3e0cee77ae5dc9c17ade3689eb2e54","rootServiceName":"shop-backend",
        "rootTraceName":"update-billing","startTimeUnixNano":"1684778327699392724","durationMs":557,"spanSets":[{"spans":[{
        "spanID":"563d623c76514f8e","startTimeUnixNano":"1684778327735077898","durationNanos":"446979497","attributes":[{
        "key":"status","value":{"stringValue":"error"}}]}],"matched":1}]},
        {"traceID":"d6e9329d67b6146a","rootServiceName":"frontend","rootTraceName":"/cart",
        "startTimeUnixNano":"1634727903545000000","durationMs":611}],"metrics":{"totalBlocks":13}}"#;

    #[test]
    fn the_documented_answer_is_read() {
        let window = Stretch { start: 1_684_778_327 * SECOND, end: 1_684_778_328 * SECOND };
        let page = page(DOCUMENTED.as_bytes(), window).unwrap();
        let found: Vec<_> = page.hits.iter().map(|hit| (hit.id.to_string(), hit.is_inside)).collect();
        let expected = [("2f3e0cee77ae5dc9c17ade3689eb2e54", true), ("0000000000000000d6e9329d67b6146a", false)];
        assert_eq!(found, expected.map(|(id, is_inside)| (id.to_owned(), is_inside)));
        assert_eq!(page.hits[0].end_unix_nanos, 1_684_778_328_256_392_724);
    }

    #[test]
    fn a_list_without_traces_and_one_that_is_no_list_differ() {
        let window = Stretch { start: 0, end: SECOND };
        assert_eq!(page(br#"{"metrics":{}}"#, window).unwrap().listed, 0);
        for wrong in ["{}", "<html>", r#"{"data":[]}"#, r#"{"traces":7}"#] {
            assert!(page(wrong.as_bytes(), window).is_err(), "{wrong}");
        }
        let hostile = page(
            br#"{"traces":[{"traceID":"../../x"},{},{"traceID":"1","startTimeUnixNano":"x","durationMs":{}}]}"#,
            window,
        );
        let hostile = hostile.unwrap();
        assert_eq!((hostile.listed, hostile.hits.len(), hostile.issues.len()), (3, 1, 2));
    }

    #[test]
    fn a_service_does_not_break_out_of_its_quotes() {
        assert_eq!(traceql(None), "{}");
        assert_eq!(traceql(Some("a\"} || {\\")), "{ resource.service.name = \"a\\\"} || {\\\\\" }");
        assert_eq!(tags(Some("a b\n")), "service.name=\"a b\\n\"");
    }
}
