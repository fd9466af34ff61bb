//! Reports of tests: what runners write of the tests that they executed, as spans of tests.
//!
//! ```text
//!  JUnit XML │ the text of `cargo test` │ the text or JSON of `go test` ──► Report { cases, issues } ──► spans
//! ```
//!
//! A report seldom says when a test began. Such tests are put one after another, from the time on that their suite names,
//! else from that of the report. One without a duration is a moment, and says so (`kino.test.timed`).

pub mod cargo_test;
pub mod go_test;
pub mod junit;

use std::sync::Arc;

use kino_model::test_case::{self, Outcome};
use kino_model::{
    Attributes, Event, Resource, Scope, Span, SpanId, SpanKind, Status, StatusCode, TraceId, UnixNanos, Value, names,
    thin_vec,
};

use crate::Issues;

/// Tests that one report may have; the others are counted. The largest suites have a fifth of it.
pub const CASES_MAX: usize = 250_000;
/// Bytes of a name or a path; longer ones are cut and counted.
const NAME_BYTES_MAX: usize = 8 << 10;

/// The tests of one report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// What it calls itself, or its first suite; empty where it does not.
    pub title: String,
    /// What it is about, in its order.
    pub cases: Vec<TestCase>,
    /// Tests beyond [`CASES_MAX`].
    pub left_out: u64,
    /// What was refused or mended, by name.
    pub issues: Issues,
}

/// One execution of a test, as a report has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TestCase {
    /// The file, class, package or binary that it belongs to; empty where none is named.
    pub suite: String,
    pub name: String,
    /// How it ended; `None` counts as passed.
    pub outcome: Option<Outcome>,
    /// Unix nanoseconds; `None` where it is not said.
    pub start: Option<i64>,
    /// Nanoseconds; `None` where it is not said.
    pub duration: Option<i64>,
    /// Why it failed.
    pub failure: Option<TestFailure>,
    /// The file that it is in, as written.
    pub file: Option<String>,
    /// The line in that file.
    pub line: Option<i64>,
}

/// Why a test failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestFailure {
    /// The type of an exception, or what the runner calls it; empty where none is named.
    pub kind: String,
    /// In words.
    pub message: String,
    /// A stack, or what the test printed about it.
    pub stack: String,
}

/// Where the spans of a report belong.
#[derive(Clone, Debug)]
pub struct ReportContext<'a> {
    /// Their trace.
    pub trace_id: TraceId,
    /// The span above them.
    pub parent: SpanId,
    /// Who they are of.
    pub resource: Arc<Resource>,
    /// What ran or reported the tests: `junit`, `cargo test`, `go test`.
    pub framework: &'a str,
    /// When the first of them begins, where nothing says it, in Unix nanoseconds.
    pub start: i64,
    /// When the last of them has ended, where that is known: a start outside of the two is not believed.
    pub end: Option<i64>,
    /// What makes the ids of these spans others than those of another report in the same trace.
    pub seed: u64,
}

impl Report {
    /// Adds a test, within the bounds.
    pub(crate) fn push(&mut self, mut case: TestCase) {
        if self.cases.len() >= CASES_MAX {
            self.left_out += 1;
            return;
        }
        for text in [&mut case.suite, &mut case.name].into_iter().chain(case.file.as_mut()) {
            self.cut(text);
        }
        if let Some(failure) = &mut case.failure {
            self.cut(&mut failure.kind);
        }
        self.cases.push(case);
    }

    fn cut(&mut self, text: &mut String) {
        if text.len() > NAME_BYTES_MAX {
            self.issues.add("value_cut", || format!("a name of {} bytes", text.len()));
            text.truncate(text.floor_char_boundary(NAME_BYTES_MAX));
        }
    }

    /// Returns the tests as spans, in their order.
    pub fn spans(&self, place: &ReportContext<'_>) -> Vec<Span> {
        let mut at = place.start;
        let mut spans = Vec::with_capacity(self.cases.len());
        let scope = Arc::new(Scope { name: "kino.tests".into(), ..Scope::default() });
        for (number, case) in self.cases.iter().enumerate() {
            let believed = |start: &i64| place.end.is_none_or(|end| (place.start..=end).contains(start));
            let start = case.start.filter(believed).unwrap_or(at);
            let end = start.saturating_add(case.duration.unwrap_or(0));
            at = place.end.map_or(end, |last| end.min(last));
            let id = SpanId(mixed(place.seed, number as u64).to_be_bytes());
            let mut span = Span {
                trace_id: place.trace_id,
                span_id: id,
                parent_span_id: Some(place.parent),
                kind: SpanKind::Internal,
                start: UnixNanos(start),
                end: Some(UnixNanos(end)),
                resource: Arc::clone(&place.resource),
                scope: Arc::clone(&scope),
                ..case.span(place.framework)
            };
            span.events.iter_mut().for_each(|event| event.time = UnixNanos(end));
            spans.push(span);
        }
        spans
    }
}

impl TestCase {
    /// The span without ids, times and origin.
    fn span(&self, framework: &str) -> Span {
        let outcome = self.outcome.unwrap_or(Outcome::Passed);
        let text = |key: &'static str, text: &str| (key.into(), Value::from(text));
        let mut attributes: Attributes = thin_vec![
            text(test_case::NAME, &self.name),
            text(test_case::OUTCOME, outcome.name()),
            text(test_case::FRAMEWORK, framework),
        ];
        if !self.suite.is_empty() {
            attributes.push(text(test_case::SUITE, &self.suite));
        }
        attributes.extend(outcome.result().map(|result| text(test_case::RESULT, result)));
        attributes.extend(self.file.as_deref().map(|file| text("code.file.path", file)));
        attributes.extend(self.line.map(|line| ("code.line.number".into(), Value::Int(line))));
        if self.duration.is_none() {
            attributes.push((test_case::TIMED.into(), Value::Bool(false)));
        }
        let has_failed = outcome.result() == Some("fail");
        let mut events = Vec::new();
        let mut status = Status::default();
        if has_failed {
            let failure = self.failure.clone().unwrap_or_default();
            status = Status { code: StatusCode::Error, message: failure.message.as_str().into() };
            let kind = if failure.kind.is_empty() { outcome.name() } else { &failure.kind };
            attributes.push(text("error.type", kind));
            events.extend(self.failure.as_ref().map(TestFailure::event));
        }
        Span {
            name: self.name.as_str().into(),
            attributes,
            status,
            events: events.into_iter().collect(),
            ..Span::default()
        }
    }
}

impl TestFailure {
    /// The exception, without a time.
    fn event(&self) -> Event {
        let text = |key: &'static str, text: &str| (key.into(), Value::from(text));
        let mut attributes: Attributes = Attributes::new();
        for (key, value) in [
            (names::EXCEPTION_TYPE, &self.kind),
            (names::EXCEPTION_MESSAGE, &self.message),
            (names::EXCEPTION_STACKTRACE, &self.stack),
        ] {
            if !value.is_empty() {
                attributes.push(text(key, value));
            }
        }
        Event { name: "exception".into(), attributes, ..Event::default() }
    }
}

/// A number for each index, all different for one seed, and none of them zero but for one index in 2^64.
fn mixed(seed: u64, index: u64) -> u64 {
    // SplitMix64 (Steele, Lea and Flood 2014): a bijection of what it is given.
    let mut mixed = seed.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)).max(1)
}

/// Seconds, as reports write them (`0.123`, `1,234.5`), in nanoseconds; `None` where it is no such number.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    /// No test takes a century.
    const SECONDS_MAX: f64 = 3.2e9;
    let number: f64 = text.trim().replace(',', "").parse().ok()?;
    (0.0..SECONDS_MAX).contains(&number).then(|| (number * 1e9).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> ReportContext<'static> {
        ReportContext {
            trace_id: TraceId([1; 16]),
            parent: SpanId([2; 8]),
            resource: Arc::default(),
            framework: "junit",
            start: 1_000,
            end: Some(2_000),
            seed: 7,
        }
    }

    fn case(name: &str, start: Option<i64>, duration: Option<i64>) -> TestCase {
        TestCase { name: name.to_owned(), start, duration, ..TestCase::default() }
    }

    #[test]
    fn tests_follow_each_other_unless_a_believable_time_is_said() {
        let mut report = Report::default();
        for one in [
            case("a", None, Some(100)),
            case("b", None, None),
            case("c", Some(1_500), Some(10)),
            case("d", Some(5), Some(10)),
            case("e", None, Some(9_000)),
            case("f", None, Some(1)),
        ] {
            report.push(one);
        }
        let times: Vec<(i64, i64)> =
            report.spans(&place()).iter().map(|span| (span.start.0, span.end.unwrap().0)).collect();
        assert_eq!(
            times,
            [(1_000, 1_100), (1_100, 1_100), (1_500, 1_510), (1_510, 1_520), (1_520, 10_520), (2_000, 2_001)]
        );
    }

    #[test]
    fn a_span_says_how_its_test_ended_and_whether_its_time_is_known() {
        let failure =
            TestFailure { kind: "KeyError".to_owned(), message: "price".to_owned(), stack: "at x".to_owned() };
        let failed = TestCase {
            suite: "s".to_owned(),
            outcome: Some(Outcome::Failed),
            failure: Some(failure),
            line: Some(3),
            ..case("a", None, None)
        };
        let span = failed.span("junit");
        assert_eq!((span.text(test_case::RESULT), span.text("error.type")), (Some("fail"), Some("KeyError")));
        assert_eq!(span.attribute(test_case::TIMED), Some(&Value::Bool(false)));
        assert_eq!((span.events.len(), span.status.message.as_str()), (1, "price"));
        let skipped = TestCase { outcome: Some(Outcome::Skipped), ..case("b", None, Some(1)) }.span("junit");
        assert_eq!((skipped.text(test_case::RESULT), skipped.attribute(test_case::TIMED)), (None, None));
        assert!(!skipped.is_error());
    }

    #[test]
    fn what_is_beyond_the_bounds_is_counted() {
        let mut report = Report::default();
        report.push(case(&"é".repeat(NAME_BYTES_MAX), None, None));
        assert!(report.cases[0].name.len() <= NAME_BYTES_MAX);
        assert_eq!(report.issues.counts["value_cut"], 1);
        report.cases.resize(CASES_MAX, TestCase::default());
        report.push(case("more", None, None));
        assert_eq!((report.cases.len(), report.left_out), (CASES_MAX, 1));
    }

    #[test]
    fn seconds_are_read_as_reports_write_them() {
        for (text, nanos) in [("0.123", 123_000_000), ("1,234.5", 1_234_500_000_000), (" 2 ", 2_000_000_000)] {
            assert_eq!(seconds(text), Some(nanos), "{text}");
        }
        for text in ["", "-1", "NaN", "inf", "1e40", "a"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn ids_of_one_report_differ() {
        let mut ids: Vec<u64> = (0..1_000).map(|index| mixed(3, index)).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 1_000);
        assert!(!ids.contains(&0));
    }
}
