//! Writes the seeds that each target starts from, small and from the product's own encoders where it has one.
//!
//! `cargo xtask fuzz --seeds` runs this after a change to the formats. Always writes the same bytes.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use kino_ingest::Encoding;
use kino_ingest::otlp::{encode_logs, encode_traces};
use kino_model::exact::protobuf::put_message_field;
use kino_model::{
    Attributes, Batch, Event, Link, LogRecord, Resource, Scope, Span, SpanId, SpanKind, Status, StatusCode, TraceId,
    UnixNanos, Value, thin_vec,
};
use kino_store::wal::fuzzing::segment_of;
use kino_testkit::Shop;

/// What a seed is called and holds.
type Seeds = Vec<(&'static str, Vec<u8>)>;

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (target, seeds) in [
        ("otlp_protobuf", otlp(Encoding::Protobuf)),
        ("otlp_json", [otlp(Encoding::Json), json_by_hand()].concat()),
        ("jaeger_json", jaeger()),
        ("wal", wal()),
        ("descriptions", kino_lake::describe::fuzzing::seeds()),
    ] {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        for (name, bytes) in seeds {
            fs::write(folder.join(name), bytes)?;
        }
    }
    Ok(())
}

fn otlp(encoding: Encoding) -> Seeds {
    let mut seeds = vec![
        ("shop", encode_traces(&shop(3, 2), encoding)),
        ("genai", encode_traces(&shop(7, 2), encoding)),
        ("senders", encode_traces(&shop(5, 5), encoding)),
        ("awkward", encode_traces(&[awkward(), open()], encoding)),
        ("logs", encode_logs(&logs(), encoding)),
    ];
    if encoding == Encoding::Protobuf {
        seeds.push(("metrics", metrics()));
        seeds.push(("unknown", [0x7a, 2, 1, 2, 0xf8, 0x3f, 5].to_vec()));
    }
    seeds
}

/// The first spans of a made-up trace.
fn shop(seed: u64, spans: usize) -> Vec<Span> {
    let mut trace = Shop::new(seed, UnixNanos(1_760_000_000_000_000_000)).next_trace();
    trace.truncate(spans);
    trace
}

/// Every kind of value, keys that repeat and keys of columns under old spellings, events and links.
fn awkward() -> Span {
    let values: Attributes = thin_vec![
        (
            "array".into(),
            Value::Array(thin_vec![Value::Int(1), Value::Empty, Value::Array(thin_vec![Value::Bool(true)])])
        ),
        ("bytes".into(), Value::Bytes(thin_vec![0, 255])),
        ("db.statement".into(), Value::from("SELECT 1")),
        ("double".into(), Value::Double(-0.1)),
        ("empty".into(), Value::Empty),
        ("http.status_code".into(), Value::Int(500)),
        ("http.status_code".into(), Value::Int(501)),
        ("map".into(), Value::Map(thin_vec![("k".into(), Value::from("v")), ("k".into(), Value::Int(-1))])),
        ("text".into(), Value::from("é \u{1F600} \n")),
    ];
    Span {
        trace_id: TraceId([1; 16]),
        span_id: SpanId([2; 8]),
        parent_span_id: Some(SpanId([3; 8])),
        name: "GET /".into(),
        kind: SpanKind::Server,
        start: UnixNanos(1_760_000_000_000_000_000),
        end: Some(UnixNanos(1_760_000_000_000_000_030)),
        status: Status { code: StatusCode::Error, message: "no".into() },
        trace_state: "a=b".into(),
        flags: 0x101,
        dropped_attributes_count: u32::MAX,
        events: thin_vec![Event {
            time: UnixNanos(1_760_000_000_000_000_020),
            name: "exception".into(),
            attributes: thin_vec![("exception.type".into(), Value::from("E"))],
            dropped_attributes_count: 1,
        }],
        dropped_events_count: 1,
        links: thin_vec![Link {
            trace_id: TraceId([4; 16]),
            span_id: SpanId([5; 8]),
            trace_state: "c=d".into(),
            flags: 3,
            attributes: thin_vec![("k".into(), Value::from("v"))],
            dropped_attributes_count: 2,
        }],
        dropped_links_count: 2,
        resource: Arc::new(Resource {
            attributes: values.clone(),
            dropped_attributes_count: 9,
            schema_url: "https://example.test/1".into(),
        }),
        scope: Arc::new(Scope {
            name: "lib".into(),
            version: "1".into(),
            attributes: thin_vec![("k".into(), Value::from("v"))],
            dropped_attributes_count: 1,
            schema_url: "s".into(),
        }),
        attributes: values,
        revision: 0,
    }
}

fn open() -> Span {
    Span { trace_id: TraceId([1; 16]), span_id: SpanId([9; 8]), start: UnixNanos(1), ..Span::default() }
}

fn logs() -> Vec<LogRecord> {
    let awkward = awkward();
    let within = LogRecord {
        trace_id: Some(TraceId([1; 16])),
        span_id: Some(SpanId([2; 8])),
        event: Event { attributes: awkward.attributes, ..awkward.events[0].clone() },
        observed: Some(UnixNanos(1_760_000_000_000_000_040)),
        severity_number: 17,
        severity_text: "ERROR".into(),
        body: Value::from("it broke"),
        flags: 1,
        resource: awkward.resource,
        scope: awkward.scope,
    };
    let body = Value::Map(thin_vec![
        ("code".into(), Value::Int(7)),
        ("at".into(), Value::Array(thin_vec![Value::Double(0.5)]))
    ]);
    vec![within, LogRecord { body, ..LogRecord::default() }]
}

/// One gauge with two points.
fn metrics() -> Vec<u8> {
    let mut request = Vec::new();
    put_message_field(&mut request, 1, |resource| {
        put_message_field(resource, 2, |scope| {
            put_message_field(scope, 2, |metric| {
                put_message_field(metric, 5, |gauge| {
                    put_message_field(gauge, 1, |_| ());
                    put_message_field(gauge, 1, |_| ());
                });
            });
        });
    });
    request
}

/// What other writers of OTLP/JSON write differently.
fn json_by_hand() -> Seeds {
    let variants = r#"{"resourceSpans":[{"resource":{"attributes":null},"scopeSpans":[{"scope":null,"spans":[
{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174","parentSpanId":"","name":null,
"kind":"SPAN_KIND_CLIENT","startTimeUnixNano":1700000000000000000,"endTimeUnixNano":"1700000000000000001",
"status":{"code":"STATUS_CODE_ERROR"},"attributes":[{"key":"i","value":{"intValue":7}},
{"key":"d","value":{"doubleValue":"NaN"}},{"key":"e","value":{}},{"key":"b","value":{"bytesValue":"AP8="}},
{"key":"a","value":{"arrayValue":{"values":[{"kvlistValue":{"values":[{"key":"k"}]}}]}}}],"unheardOf":[{}]}]}]}]}"#;
    let metrics = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","sum":{"dataPoints":[{},{}]}}]}]}]}"#;
    vec![("variants", variants.into()), ("metrics", metrics.into())]
}

fn jaeger() -> Seeds {
    let document = r#"{"data":[{"traceID":"abc","spans":[
{"traceID":"abc","spanID":"1","operationName":"root","references":[],"startTime":1760000000000000,"duration":500,
"tags":[{"key":"span.kind","type":"string","value":"server"},{"key":"n","type":"int64","value":7},
{"key":"error","type":"bool","value":true},{"key":"otel.status_description","value":"no"},
{"key":"otel.scope.name","type":"string","value":"lib"}],
"logs":[{"timestamp":1760000000000200,"fields":[{"key":"event","type":"string","value":"boom"},
{"key":"x","type":"float64","value":2}]}],"processID":"p1"},
{"traceID":"abc","spanID":"2","flags":1,"operationName":"child","references":[
{"refType":"CHILD_OF","traceID":"abc","spanID":"1"},{"refType":"FOLLOWS_FROM","traceID":"def","spanID":"1"}],
"startTime":1760000000000100,"duration":100,"tags":[],"logs":null,"processID":"p2"}],
"processes":{"p1":{"serviceName":"shop","tags":[{"key":"hostname","type":"string","value":"h"}]}}}]}"#;
    let small =
        r#"{"data":[{"traceID":"1","spans":[{"spanID":"2","parentSpanID":"3","process":{"serviceName":"s"}}]}]}"#;
    let zipkin = r#"[{"traceId":"a","id":"1","kind":"CLIENT","name":"ask","timestamp":1760000000000000,"duration":9,
"localEndpoint":{"serviceName":"web","ipv4":"10.0.0.1","port":80},"remoteEndpoint":{"serviceName":"api"},
"annotations":[{"timestamp":1760000000000001,"value":"{\"tick\": {\"n\": 1}}"}],"tags":{"error":"no","http.status_code":"500"}},
{"traceId":"a","id":"1","kind":"SERVER","shared":true,"timestamp":1760000000000001,"localEndpoint":{"serviceName":"api"}},
{"traceId":"a","id":"2","parentId":"1","timestamp":1760000000000002,"localEndpoint":{"serviceName":"api"}}]"#;
    let junit = r#"<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aa">]><testsuites name="all"><testsuite name="s"
timestamp="2026-05-01T12:00:00+02:00"><testcase classname="t.Cart" name="a &lt;&a;" time="0.25" file="t.py" line="3"/>
<testcase name="b"><failure message="3 != 4" type="AssertionError">at <![CDATA[x.py]]>:3 &#65;</failure><system-out>y</system-out>
</testcase><testsuite><testcase name="c"><skipped type="pytest.xfail"/><flakyFailure time="1"/></testcase></testsuite>
</testsuite></testsuites>"#;
    let mut lines = encode_traces(&[open()], Encoding::Json);
    lines.extend(b"\n{}\n");
    lines.extend(encode_logs(&logs()[1..], Encoding::Json));
    vec![
        ("document", document.into()),
        ("small", small.into()),
        ("lines", lines),
        ("junit", junit.into()),
        ("protobuf", encode_traces(&[open()], Encoding::Protobuf)),
        ("zipkin", zipkin.into()),
    ]
}

fn wal() -> Seeds {
    let batches = [Batch::from_rows(&[open()], &[]), Batch::from_rows(&[], &logs()[1..])];
    let blobs: [&[u8]; 3] = [b"first", b"", b"a third one"];
    let small = segment_of(&[], &blobs);
    // Records within a record: what a trace of this very program might hold.
    let within = segment_of(&[], &[&small, b"behind"]);
    let mut damage = vec![200, 40, 0, 1];
    damage.extend(&within);
    let mut torn = vec![255, 90, 0, 0];
    torn.extend(&within);
    // The first record's payload: behind the segment's header and the record's.
    let columns = segment_of(&batches[..1], &[])[56..].to_vec();
    vec![
        ("columns", columns),
        ("batches", segment_of(&batches, &blobs)),
        ("blobs", small),
        ("within", within),
        ("damage", damage),
        ("torn", torn),
    ]
}
