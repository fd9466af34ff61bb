//! Jaeger's query service: `/api/services` and `/api/traces`, as its UI asks them, or the third version of its API where
//! only that is served.
//!
//! ```text
//!  GET /api/services      {"data":["shop"],"total":1,"errors":null}
//!  GET /api/traces        ?service&start&end (µs, both included)&limit
//!                         {"data":[{"traceID","spans":[…],"processes":{…}}],"errors":null}
//!  GET /api/v3/services   {"services":["shop"]}
//!  GET /api/v3/traces     ?query.service_name&query.start_time_min&query.start_time_max (RFC 3339)&query.search_depth
//!                         {"result":{"resourceSpans":[…]}}, one or several; 404 where there is none
//! ```
//!
//! Sources: `query_parser.go`, `http_handler.go` and `apiv3/http_gateway.go` of github.com/jaegertracing/jaeger, and
//! `api_v3/query_service.proto` of jaeger-idl. A trace is listed where a span *of that service* began in the window, and it
//! comes whole.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use kino_model::TraceId;
use kino_text::suggest;
use serde::Deserialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::api::{Api, Hit, Page, RequestFault, Trace};
use super::http::Server;
use super::windows::Stretch;
use crate::failure::{Failure, code};
use crate::render;

/// The largest page that is read. What has more is asked for in shorter windows.
const PAGE_BYTES_MAX: u64 = 64 << 20;
/// The largest list of services.
const SERVICES_BYTES_MAX: u64 = 8 << 20;
/// Services that are asked for where none is named.
const SERVICES_MAX: usize = 10_000;
const JSON: &str = "application/json";

/// What is known of the server so far.
#[derive(Debug, Default)]
pub(super) struct Jaeger {
    /// Whether only the third version of the API is there.
    is_v3: bool,
}

impl Api for Jaeger {
    fn what(&self) -> &'static str {
        "Jaeger's query service"
    }

    fn grain_nanos(&self) -> i64 {
        1_000
    }

    /// Its stores take any window.
    fn width_nanos_max(&self) -> i64 {
        i64::MAX / 2
    }

    fn services(&mut self, server: &mut Server, named: &[String]) -> Result<Vec<Option<String>>, RequestFault> {
        let all = self.list(server)?;
        if all.len() > SERVICES_MAX {
            let message =
                format!("there are {} services, more than {SERVICES_MAX}: name some with --service", all.len());
            return Err(RequestFault::Failed(Failure::new(code::FAILED, message)));
        }
        if let Some(wrong) = named.iter().find(|name| !all.contains(name)) {
            let near = suggest::nearest(wrong, all.iter().map(String::as_str));
            let near: Vec<String> = near.iter().map(|name| format!("{:?}", render::clean(name))).collect();
            let near = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) };
            let message = format!("{} knows no service {:?}{near}", server.address, render::clean(wrong));
            return Err(RequestFault::Failed(Failure::new(code::NOT_FOUND, message)));
        }
        Ok(if named.is_empty() { all } else { named.to_vec() }.into_iter().map(Some).collect())
    }

    fn search(
        &mut self,
        server: &mut Server,
        service: Option<&str>,
        window: Stretch,
        limit: u64,
    ) -> Result<Page, RequestFault> {
        let (service, limit) = (service.unwrap_or_default(), limit.to_string());
        if self.is_v3 {
            let time = |nanos| Timestamp::from_nanosecond(i128::from(nanos)).map(|at| at.to_string());
            let (Ok(start), Ok(end)) = (time(window.start), time(window.end - 1)) else {
                return Err(RequestFault::Wrong("a time is out of range".to_owned()));
            };
            let query = [
                ("query.service_name", service),
                ("query.start_time_min", &start),
                ("query.start_time_max", &end),
                ("query.search_depth", &limit),
                ("query.num_traces", &limit),
            ];
            return match server.get("/api/v3/traces", &query, JSON, PAGE_BYTES_MAX) {
                Ok(body) => v3_page(&body, service, window),
                Err(RequestFault::Status { status: 404, .. }) => Ok(Page::default()),
                Err(fault) => Err(fault),
            };
        }
        let (start, end) = ((window.start / 1_000).to_string(), (window.end / 1_000 - 1).to_string());
        let query = [("service", service), ("start", &start), ("end", &end), ("limit", &limit)];
        page(&server.get("/api/traces", &query, JSON, PAGE_BYTES_MAX)?, service, window)
    }

    /// Pages have whole traces.
    fn fetch(&mut self, _: &mut Server, _: TraceId, _: i64) -> Result<Option<Trace>, RequestFault> {
        Ok(None)
    }

    fn join(&self, bodies: &[&[u8]]) -> Vec<u8> {
        let field = if self.is_v3 { "resourceSpans" } else { "data" };
        [format!("{{\"{field}\":[").as_bytes(), &bodies.join(&b','), b"]}"].concat()
    }
}

impl Jaeger {
    fn list(&mut self, server: &mut Server) -> Result<Vec<String>, RequestFault> {
        #[derive(Deserialize)]
        struct Services {
            data: Option<Vec<String>>,
        }
        #[derive(Deserialize)]
        struct V3Services {
            #[serde(default)]
            services: Vec<String>,
        }
        match server.get("/api/services", &[], JSON, SERVICES_BYTES_MAX) {
            Ok(body) => {
                let services: Services = parsed(&body)?;
                Ok(services.data.unwrap_or_default())
            }
            Err(RequestFault::Status { status: 404, .. }) => {
                let services: V3Services = parsed(&server.get("/api/v3/services", &[], JSON, SERVICES_BYTES_MAX)?)?;
                self.is_v3 = true;
                Ok(services.services)
            }
            Err(fault) => Err(fault),
        }
    }
}

fn parsed<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, RequestFault> {
    serde_json::from_slice(body).map_err(|error| RequestFault::Wrong(error.to_string()))
}

#[derive(Deserialize)]
struct JaegerAnswer<'a> {
    #[serde(borrow)]
    data: Option<Vec<&'a RawValue>>,
    errors: Option<Vec<Refused>>,
}

#[derive(Deserialize)]
struct Refused {
    #[serde(default)]
    msg: String,
}

#[derive(Deserialize)]
struct TraceView<'a> {
    #[serde(rename = "traceID", borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    spans: Vec<SpanView<'a>>,
    #[serde(default)]
    processes: Option<BTreeMap<String, JaegerProcess>>,
}

#[derive(Deserialize)]
struct SpanView<'a> {
    #[serde(rename = "traceID", default, borrow)]
    trace_id: Cow<'a, str>,
    #[serde(rename = "spanID", borrow)]
    id: Cow<'a, str>,
    #[serde(rename = "startTime", default)]
    start_micros: u64,
    #[serde(rename = "duration", default)]
    duration_micros: u64,
    #[serde(rename = "processID", default, borrow)]
    process_id: Cow<'a, str>,
    #[serde(default)]
    process: Option<JaegerProcess>,
}

#[derive(Deserialize)]
struct JaegerProcess {
    #[serde(rename = "serviceName", default)]
    service: String,
}

/// A span of either form, as far as a pull looks at it.
struct SpanExtent {
    id: String,
    start_nanos: i64,
    end_nanos: i64,
    service: String,
}

fn page(body: &[u8], service: &str, window: Stretch) -> Result<Page, RequestFault> {
    let answer: JaegerAnswer<'_> = parsed(body)?;
    let errors = answer.errors.unwrap_or_default();
    let Some(data) = answer.data else {
        return match errors.first() {
            Some(error) => Err(RequestFault::Wrong(render::clean(&error.msg).into_owned())),
            None => Ok(Page::default()),
        };
    };
    let mut page = Page { listed: data.len() as u64, ..Page::default() };
    page.issues.extend(errors.iter().map(|error| ("answered_with_error", render::clean(&error.msg).into_owned())));
    for raw in data {
        let view: TraceView<'_> = match serde_json::from_str(raw.get()) {
            Ok(view) => view,
            Err(error) => {
                page.issues.push(("undecodable_trace", error.to_string()));
                continue;
            }
        };
        let Some(id) = trace_id(&view.id) else {
            page.issues.push(("wrong_trace_id", format!("{:?}", render::clean(&view.id))));
            continue;
        };
        let has_other_ids =
            view.spans.iter().any(|span| !span.trace_id.is_empty() && trace_id(&span.trace_id) != Some(id));
        let seen = view.spans.into_iter().map(|span| {
            let of = |process: &JaegerProcess| process.service.clone();
            let processes = view.processes.as_ref();
            let service = span.process.as_ref().or_else(|| processes?.get(&*span.process_id)).map(of);
            let nanos = |micros: u64| i64::try_from(micros.saturating_mul(1_000)).unwrap_or(i64::MAX);
            SpanExtent {
                id: span.id.into_owned(),
                start_nanos: nanos(span.start_micros),
                end_nanos: nanos(span.start_micros.saturating_add(span.duration_micros)),
                service: service.unwrap_or_default(),
            }
        });
        page.hits.push(hit(id, seen.collect(), has_other_ids, raw.get().into(), service, window));
    }
    Ok(page)
}

fn hit(id: TraceId, seen: Vec<SpanExtent>, has_other_ids: bool, body: Vec<u8>, service: &str, window: Stretch) -> Hit {
    let is_inside =
        |span: &SpanExtent| span.service == service && (window.start..window.end).contains(&span.start_nanos);
    let is_inside = seen.iter().any(is_inside);
    let end_unix_nanos = seen.iter().map(|span| span.end_nanos).max().unwrap_or_default();
    let mut spans: Vec<_> = seen.iter().map(|span| (&span.id, span.start_nanos, span.end_nanos)).collect();
    spans.sort_unstable();
    let hash = Sha256::digest(format!("{spans:?}"));
    let mut services: Vec<String> = seen.into_iter().map(|span| span.service).collect();
    services.sort_unstable();
    services.dedup();
    let fingerprint = u64::from_be_bytes(hash[..8].try_into().expect("eight bytes"));
    let trace = Trace { fingerprint, end_unix_nanos, services, has_other_ids, incomplete: None, body };
    Hit { id, is_inside, end_unix_nanos, trace: Some(trace) }
}

/// An id of up to 32 digits, as Jaeger and Tempo write them without leading zeros; `None` for any other text.
pub(super) fn trace_id(text: &str) -> Option<TraceId> {
    let id: TraceId = (!text.is_empty()).then(|| format!("{text:0>32}"))?.parse().ok()?;
    (!id.is_zero()).then_some(id)
}

#[derive(Deserialize)]
struct V3Answer<'a> {
    #[serde(borrow)]
    result: Option<V3Result<'a>>,
}

#[derive(Deserialize)]
struct V3Result<'a> {
    #[serde(rename = "resourceSpans", default, borrow)]
    resource_spans: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct ResourceSpans {
    #[serde(default)]
    resource: Option<Attributes>,
    #[serde(rename = "scopeSpans", default)]
    scopes: Vec<JaegerScope>,
}

#[derive(Default, Deserialize)]
struct Attributes {
    #[serde(default)]
    attributes: Vec<Attribute>,
}

#[derive(Deserialize)]
struct Attribute {
    #[serde(default)]
    key: String,
    #[serde(default)]
    value: Json,
}

#[derive(Deserialize)]
struct JaegerScope {
    #[serde(default)]
    spans: Vec<V3Span>,
}

#[derive(Deserialize)]
struct V3Span {
    #[serde(rename = "traceId", default)]
    trace_id: String,
    #[serde(rename = "spanId", default)]
    id: String,
    #[serde(rename = "startTimeUnixNano", default)]
    start: Json,
    #[serde(rename = "endTimeUnixNano", default)]
    end: Json,
}

/// A whole number that JSON has as one or as text; zero for anything else.
pub(super) fn whole(value: &Json) -> i64 {
    value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default()
}

/// Traces of the third version: entries of `resourceSpans`, each of one trace, brought together.
fn v3_page(body: &[u8], service: &str, window: Stretch) -> Result<Page, RequestFault> {
    let mut page = Page::default();
    let mut traces: BTreeMap<TraceId, (Vec<SpanExtent>, bool, Vec<u8>)> = BTreeMap::new();
    for answer in serde_json::Deserializer::from_slice(body).into_iter::<V3Answer<'_>>() {
        let answer = answer.map_err(|error| RequestFault::Wrong(error.to_string()))?;
        let result = answer.result.ok_or_else(|| RequestFault::Wrong("there is no result in it".to_owned()))?;
        for raw in result.resource_spans {
            let entry: ResourceSpans = match serde_json::from_str(raw.get()) {
                Ok(entry) => entry,
                Err(error) => {
                    page.issues.push(("undecodable_trace", error.to_string()));
                    continue;
                }
            };
            let attributes = entry.resource.unwrap_or_default().attributes;
            let of = attributes.iter().find(|attribute| attribute.key == "service.name");
            let of = of.and_then(|attribute| attribute.value["stringValue"].as_str()).unwrap_or_default();
            let spans: Vec<V3Span> = entry.scopes.into_iter().flat_map(|scope| scope.spans).collect();
            let Some(first) = spans.first() else { continue };
            let Some(id) = trace_id(&first.trace_id) else {
                page.issues.push(("wrong_trace_id", format!("{:?}", render::clean(&first.trace_id))));
                continue;
            };
            let (seen, has_other_ids, body) = traces.entry(id).or_default();
            *has_other_ids |= spans.iter().any(|span| trace_id(&span.trace_id) != Some(id));
            seen.extend(spans.into_iter().map(|span| SpanExtent {
                start_nanos: whole(&span.start),
                end_nanos: whole(&span.end),
                id: span.id,
                service: of.to_owned(),
            }));
            if !body.is_empty() {
                body.push(b',');
            }
            body.extend_from_slice(raw.get().as_bytes());
        }
    }
    page.listed = traces.len() as u64;
    page.hits =
        traces.into_iter().map(|(id, (seen, others, body))| hit(id, seen, others, body, service, window)).collect();
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `fixture/otlp2jaeger-out.json` of Jaeger's repository has it, with one span and its duplicate left out.
    const DOCUMENTED: &str = r#"{"data":[{"traceID":"83a9efd15c1c98a977e0711cc93ee28b","spans":[{
        "traceID":"83a9efd15c1c98a977e0711cc93ee28b","spanID":"e127af99e3b3e074","operationName":"okey-dokey-0",
        "references":[{"refType":"CHILD_OF","traceID":"83a9efd15c1c98a977e0711cc93ee28b","spanID":"909541b92cf05311"}],
        "startTime":1706678909209712,"duration":123,"tags":[{"key":"span.kind","type":"string","value":"server"}],
        "logs":[],"processID":"p1","warnings":null}],
        "processes":{"p1":{"serviceName":"telemetrygen","tags":[]}},"warnings":null}],
        "total":0,"limit":0,"offset":0,"errors":null}"#;
    const WINDOW: Stretch = Stretch { start: 1_706_678_909_000_000_000, end: 1_706_678_910_000_000_000 };

    #[test]
    fn the_documented_answer_is_read() {
        let page = page(DOCUMENTED.as_bytes(), "telemetrygen", WINDOW).unwrap();
        let [Hit { id, is_inside: true, trace: Some(trace), .. }] = page.hits.as_slice() else { panic!("{page:?}") };
        assert_eq!(id.to_string(), "83a9efd15c1c98a977e0711cc93ee28b");
        assert_eq!((trace.services.as_slice(), trace.has_other_ids), (["telemetrygen".to_owned()].as_slice(), false));
        assert_eq!(trace.end_unix_nanos, 1_706_678_909_209_835_000);
        let joined = Jaeger::default().join(&[&trace.body, &trace.body]);
        assert_eq!(serde_json::from_slice::<Json>(&joined).unwrap()["data"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn a_page_without_traces_and_one_that_is_no_page_differ() {
        assert_eq!(page(br#"{"data":null,"total":0,"errors":null}"#, "a", WINDOW).unwrap().listed, 0);
        assert_eq!(page(br#"{"data":[]}"#, "a", WINDOW).unwrap().listed, 0);
        for wrong in ["<html>", "[]", r#"{"data":{}}"#, r#"{"data":null,"errors":[{"code":500,"msg":"no store"}]}"#] {
            assert!(matches!(page(wrong.as_bytes(), "a", WINDOW), Err(RequestFault::Wrong(_))), "{wrong}");
        }
    }

    #[test]
    fn one_hostile_trace_costs_the_others_nothing() {
        let deep = format!(r#"{{"traceID":"1","spans":[],"x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        let body = format!(
            r#"{{"data":[{deep},{{"traceID":"zz","spans":[]}},{{"traceID":"0","spans":[]}},{{"spans":7}},
            {{"traceID":"2","spans":[{{"traceID":"3","spanID":"1"}}]}},{{"traceID":"4","spans":[{{"spanID":"1","startTime":18446744073709551615,"duration":18446744073709551615}}]}}]}}"#
        );
        let page = page(body.as_bytes(), "a", WINDOW).unwrap();
        let found: Vec<_> =
            page.hits.iter().map(|hit| (hit.id.0[15], hit.trace.as_ref().unwrap().has_other_ids)).collect();
        assert_eq!((page.listed, found.as_slice()), (6, [(1, false), (2, true), (4, false)].as_slice()));
        let names: Vec<_> = page.issues.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["wrong_trace_id", "wrong_trace_id", "undecodable_trace"]);
    }

    #[test]
    fn the_order_of_spans_does_not_matter_and_a_further_span_does() {
        let print = |spans: &str| {
            let body = format!(r#"{{"data":[{{"traceID":"1","spans":[{spans}]}}]}}"#);
            page(body.as_bytes(), "a", WINDOW).unwrap().hits[0].trace.as_ref().unwrap().fingerprint
        };
        let (one, two) = (r#"{"spanID":"1","startTime":1}"#, r#"{"spanID":"2","startTime":2,"processID":"p1"}"#);
        assert_eq!(print(&format!("{one},{two}")), print(&format!("{two},{one}")));
        assert_ne!(print(one), print(&format!("{one},{two}")));
    }

    #[test]
    fn the_third_version_brings_a_traces_resources_together() {
        // The shape of `apiv3/snapshots/FindTraces.json` of Jaeger's repository, with a service and a second answer.
        let entry = |trace: &str, span: &str, service: &str| {
            format!(
                r#"{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"{service}"}}}}]}},"scopeSpans":[{{"scope":{{}},"spans":[
                {{"kind":2,"name":"foobar","spanId":"{span}","startTimeUnixNano":"1706678909209712000","status":{{"code":2}},"traceId":"{trace}"}}]}}]}}"#
            )
        };
        let (one, two) = (format!("{:032x}", 1), format!("{:032x}", 2));
        let body = format!(
            "{{\"result\":{{\"resourceSpans\":[{},{}]}}}}\n{{\"result\":{{\"resourceSpans\":[{}]}}}}",
            entry(&one, "0000000000000002", "a"),
            entry(&two, "0000000000000003", "a"),
            entry(&one, "0000000000000004", "b")
        );
        let page = v3_page(body.as_bytes(), "a", WINDOW).unwrap();
        assert_eq!(page.listed, 2);
        let first = page.hits[0].trace.as_ref().unwrap();
        assert_eq!(first.services, ["a", "b"]);
        let joined = Jaeger { is_v3: true }.join(&[&first.body]);
        assert_eq!(serde_json::from_slice::<Json>(&joined).unwrap()["resourceSpans"].as_array().unwrap().len(), 2);
    }
}
