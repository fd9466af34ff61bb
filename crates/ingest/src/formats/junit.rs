//! JUnit's XML as a file to import: its tests in a trace of their own, below one span for the report.
//!
//! The ids follow from the bytes, so that a report that says when it ran is there once however often it is imported; one
//! that does not is of the moment at which it is read, and another trace each time. Its service is what it calls itself.
//! How it is read: [`crate::reports::junit`].

use std::sync::Arc;

use kino_model::{Resource, Span, SpanId, SpanKind, TraceId, UnixNanos, Value, thin_vec};
use sha2::{Digest, Sha256};

use crate::reports::{ReportContext, junit};
use crate::{Harvest, Limits, Undecodable};

/// What a report is called that does not name itself.
const UNNAMED: &str = "tests";

pub(crate) fn harvest(body: &[u8], limits: &Limits) -> Result<Harvest, Undecodable> {
    let mut report = junit::read(body, limits)?;
    let said = report.cases.iter().filter_map(|case| case.start).min();
    let moment = if said.is_none() { limits.now.0.unsigned_abs() } else { 0 };
    let digest = Sha256::digest(body);
    let known = u128::from_be_bytes(*digest.first_chunk().expect("a digest is longer than a trace id"));
    let trace_id = TraceId((known ^ u128::from(moment)).max(1).to_be_bytes());
    let parent = SpanId(*trace_id.0.last_chunk().expect("a trace id is longer than a span id"));
    let name = if report.title.trim().is_empty() { UNNAMED } else { report.title.as_str() };
    let attributes = thin_vec![("service.name".into(), Value::from(name))];
    let resource = Arc::new(Resource { attributes, ..Resource::default() });
    let start = said.unwrap_or(limits.now.0);
    let place = ReportContext {
        trace_id,
        parent,
        resource: Arc::clone(&resource),
        framework: "junit",
        start,
        end: None,
        seed: u64::from_be_bytes(parent.0),
    };
    let mut spans = report.spans(&place);
    let end = spans.iter().filter_map(|span| span.end).max().unwrap_or(UnixNanos(start));
    let name = name.into();
    let (start, kind) = (UnixNanos(start), SpanKind::Internal);
    spans.push(Span { trace_id, span_id: parent, name, kind, start, end: Some(end), resource, ..Span::default() });
    let left_out = report.left_out;
    report.issues.add_many("test_left_out", left_out, || format!("{left_out} tests beyond what one report may have"));
    Ok(Harvest { spans, issues: report.issues, rejected_spans: left_out, ..Harvest::default() })
}

#[cfg(test)]
mod tests {
    use kino_model::batch::rows;

    use super::*;
    use crate::{Format, decode_file, decoder};

    const REPORT: &str = r#"<testsuites name="shop"><testsuite name="cart" timestamp="2026-05-01T12:00:00Z">
        <testcase name="a" time="2"/><testcase name="b" time="1"><failure message="no"/></testcase></testsuite></testsuites>"#;

    #[test]
    fn a_report_is_a_trace_whose_ids_follow_from_its_bytes() {
        let (format, decoded) = decode_file(REPORT.as_bytes(), &Limits::default()).unwrap();
        assert_eq!((format, decoded.spans), (Format::JunitXml, 3));
        let spans = rows::spans(&decoded.batch);
        let root = spans.iter().find(|span| span.parent_span_id.is_none()).unwrap();
        assert_eq!((root.name.as_str(), root.service()), ("shop", "shop"));
        assert_eq!(root.end.unwrap().0 - root.start.0, 3_000_000_000);
        assert!(spans.iter().all(|span| span.trace_id == root.trace_id));
        assert_eq!(spans.iter().filter(|span| span.parent_span_id == Some(root.span_id)).count(), 2);
        let again = rows::spans(&decode_file(REPORT.as_bytes(), &Limits::default()).unwrap().1.batch);
        assert_eq!(again, spans);
    }

    #[test]
    fn pieces_give_what_the_whole_gives() {
        let whole = rows::spans(&decode_file(REPORT.as_bytes(), &Limits::default()).unwrap().1.batch);
        for cut in [1, 20, REPORT.len() - 1] {
            let mut decoder = decoder(REPORT.as_bytes(), &Limits::default());
            decoder.feed(&REPORT.as_bytes()[..cut]);
            let (_, decoded) = decoder.finish(&REPORT.as_bytes()[cut..]).unwrap();
            assert_eq!(rows::spans(&decoded.batch), whole);
        }
    }
}
