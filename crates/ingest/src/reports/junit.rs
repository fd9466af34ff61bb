//! JUnit's XML, as most runners of tests can write it.
//!
//! ```text
//!  <testsuites name>
//!    <testsuite name timestamp>                                    may be outermost, and in each other
//!      <testcase classname name time file line timestamp>
//!        <failure message type>…</failure>   <error …>   <skipped type>
//!        <flakyFailure …>  <rerunFailure …>                        one more execution each, which failed
//!        <system-out>…  <system-err>…                              not stored, counted
//! ```
//!
//! There is no standard: <https://github.com/testmoapp/junitxml> collects what tools write. The bytes are hostile. Entities
//! are replaced where XML predefines them, and never by what the document declares, so that none can grow; elements are
//! read one by one, however deep; tests, names and texts are bounded. A document that breaks off gives what came before.

use std::borrow::Cow;

use kino_model::test_case::Outcome;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use super::{Report, TestCase, TestFailure, seconds};
use crate::{Limits, Undecodable};

/// Suites in each other whose names are remembered; deeper ones count as the innermost of these.
const DEPTH_MAX: usize = 64;
/// Texts about one test that count; a test is not tried again more often.
const REASONS_MAX: usize = 100;

/// Reads a report.
///
/// # Errors
/// Where it is no XML, or its outermost element is neither `testsuites` nor `testsuite`.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Report, Undecodable> {
    let text = String::from_utf8_lossy(bytes);
    let mut reading = Reading { text_bytes_max: limits.value_bytes_max, ..Reading::default() };
    if matches!(text, Cow::Owned(_)) {
        reading.report.issues.add("invalid_utf8", || "text that is not UTF-8".to_owned());
    }
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(&text));
    reader.config_mut().allow_dangling_amp = true;
    let mut open = 0_usize;
    loop {
        match reader.read_event() {
            Ok(Event::Eof) if reading.is_report => {
                reading
                    .report
                    .issues
                    .add_many("report_broken_off", u64::from(open > 0), || format!("{open} elements are open"));
                break;
            }
            Ok(Event::Eof) => return Err(not_a_report("it has no element")),
            Ok(Event::Start(element)) => {
                open += 1;
                reading.start(&element)?;
            }
            Ok(Event::Empty(element)) => {
                reading.start(&element)?;
                reading.end(element.local_name().into_inner());
            }
            Ok(Event::End(element)) => {
                open = open.saturating_sub(1);
                reading.end(element.local_name().into_inner());
            }
            Ok(Event::Text(text)) => reading.text(&text.xml10_content()),
            Ok(Event::CData(text)) => reading.text(&text.xml10_content()),
            Ok(Event::GeneralRef(reference)) => reading.text(&resolved(&reference)),
            Ok(_) => {}
            Err(error) if reading.is_report => {
                let position = reader.buffer_position();
                reading.report.issues.add("report_broken_off", || format!("at byte {position}: {error}"));
                break;
            }
            Err(error) => return Err(not_a_report(&error.to_string())),
        }
    }
    Ok(reading.report)
}

fn not_a_report(problem: &str) -> Undecodable {
    Undecodable { expected: "JUnit XML", problem: problem.to_owned() }
}

/// A character, or an entity that XML predefines; any other stays as it is written.
fn resolved(reference: &BytesRef<'_>) -> String {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return character.to_string();
    }
    let name: &str = reference;
    match name {
        "lt" => "<".to_owned(),
        "gt" => ">".to_owned(),
        "amp" => "&".to_owned(),
        "apos" => "'".to_owned(),
        "quot" => "\"".to_owned(),
        other => format!("&{other};"),
    }
}

/// An attribute's text; `None` where there is none.
fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = element.attributes().with_checks(false).flatten().find(|one| one.key.into_inner() == name)?;
    let text = found.normalized_value(XmlVersion::Implicit1_0).unwrap_or_else(|_| found.value.clone());
    Some(text.into_owned())
}

/// How far a document is read.
#[derive(Default)]
struct Reading {
    report: Report,
    /// Whether the outermost element is one of a report.
    is_report: bool,
    suites: Vec<Suite>,
    /// Suites beyond [`DEPTH_MAX`] that are open.
    deeper: usize,
    case: Option<TestCase>,
    /// What is said about the open case.
    reasons: Vec<Reason>,
    /// Whether text belongs to the last of them.
    in_reason: bool,
    text_bytes_max: usize,
}

/// An open suite.
struct Suite {
    name: String,
    /// When its next test begins, where it says when it began, in Unix nanoseconds.
    next: Option<i64>,
}

/// Something that is said about a test.
struct Reason {
    element: Element,
    failure: TestFailure,
    time: Option<i64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Element {
    Failure,
    Error,
    Skipped,
    /// One more execution, which failed: the report's own outcome is that of the last.
    Again,
}

impl Element {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "failure" => Self::Failure,
            "error" => Self::Error,
            "skipped" => Self::Skipped,
            "flakyFailure" | "flakyError" | "rerunFailure" | "rerunError" => Self::Again,
            _ => return None,
        })
    }
}

impl Reading {
    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), Undecodable> {
        let name = element.local_name().into_inner();
        if !self.is_report {
            if !matches!(name, "testsuites" | "testsuite") {
                let shown: String = name.chars().take(40).collect();
                return Err(not_a_report(&format!(
                    "its outermost element is <{shown}>, not <testsuites> or <testsuite>"
                )));
            }
            self.is_report = true;
        }
        match (name, &self.case) {
            ("testsuites", None) => self.title(element),
            ("testsuite", None) => self.suite(element),
            ("testcase", None) => self.case(element),
            (reason, Some(_)) if !self.in_reason => self.reason(reason, element),
            _ => {}
        }
        Ok(())
    }

    fn title(&mut self, element: &BytesStart<'_>) {
        if self.report.title.is_empty() {
            self.report.title = attribute(element, "name").unwrap_or_default();
        }
    }

    fn suite(&mut self, element: &BytesStart<'_>) {
        self.title(element);
        if self.suites.len() >= DEPTH_MAX {
            self.deeper += 1;
            self.report.issues.add("suite_too_deep", || format!("suites nest deeper than {DEPTH_MAX}"));
            return;
        }
        let next = attribute(element, "timestamp").and_then(|text| time(&text));
        self.suites.push(Suite { name: attribute(element, "name").unwrap_or_default(), next });
    }

    fn case(&mut self, element: &BytesStart<'_>) {
        let suite = self.suites.last();
        let class = attribute(element, "classname").filter(|class| !class.trim().is_empty());
        let duration = attribute(element, "time");
        let nanos = duration.as_deref().and_then(seconds);
        if let Some(text) = duration.filter(|_| nanos.is_none()) {
            self.report.issues.add("invalid_duration", || format!("{text:?} is not a number of seconds"));
        }
        let own = attribute(element, "timestamp").and_then(|text| time(&text));
        self.case = Some(TestCase {
            suite: class.or_else(|| suite.map(|suite| suite.name.clone())).unwrap_or_default(),
            name: attribute(element, "name").unwrap_or_default(),
            outcome: None,
            start: own.or_else(|| suite.and_then(|suite| suite.next)),
            duration: nanos,
            failure: None,
            file: attribute(element, "file").filter(|file| !file.is_empty()),
            line: attribute(element, "line").and_then(|line| line.parse().ok()),
        });
        self.reasons.clear();
    }

    fn reason(&mut self, name: &str, element: &BytesStart<'_>) {
        if matches!(name, "system-out" | "system-err") {
            self.report.issues.add("test_output_not_stored", || "what a test printed, in its report".to_owned());
        }
        let Some(kind) = Element::of(name) else { return };
        if self.reasons.len() >= REASONS_MAX {
            self.report
                .issues
                .add("reason_left_out", || format!("a test says more than {REASONS_MAX} times how it ended"));
            return;
        }
        let failure = TestFailure {
            kind: attribute(element, "type").unwrap_or_default(),
            message: attribute(element, "message").unwrap_or_default(),
            stack: String::new(),
        };
        let time = attribute(element, "time").as_deref().and_then(seconds);
        self.reasons.push(Reason { element: kind, failure, time });
        self.in_reason = true;
    }

    fn text(&mut self, text: &str) {
        let Some(reason) = self.reasons.last_mut().filter(|_| self.in_reason) else { return };
        let room = self.text_bytes_max.saturating_sub(reason.failure.stack.len());
        let fits = text.floor_char_boundary(room.min(text.len()));
        reason.failure.stack.push_str(&text[..fits]);
        if fits < text.len() {
            self.report.issues.add("value_cut", || "the text about a test".to_owned());
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "testsuite" if self.case.is_none() => {
                if self.deeper > 0 {
                    self.deeper -= 1;
                } else {
                    self.suites.pop();
                }
            }
            "testcase" => {
                self.in_reason = false;
                self.finish_case();
            }
            other if Element::of(other).is_some() => self.in_reason = false,
            _ => {}
        }
    }

    fn finish_case(&mut self) {
        let Some(mut case) = self.case.take() else { return };
        if let (Some(suite), Some(start)) = (self.suites.last_mut(), case.start) {
            suite.next = Some(start.saturating_add(case.duration.unwrap_or(0)));
        }
        let mut reasons = std::mem::take(&mut self.reasons);
        for reason in &mut reasons {
            let failure = &mut reason.failure;
            failure.stack.truncate(failure.stack.trim_end().len());
            if failure.message.is_empty() {
                failure.message =
                    failure.stack.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("").to_owned();
            }
        }
        for again in reasons.extract_if(.., |reason| reason.element == Element::Again) {
            self.report.push(TestCase {
                outcome: Some(outcome(Element::Failure, &again.failure.kind)),
                failure: Some(again.failure),
                duration: again.time,
                ..case.clone()
            });
        }
        // One that failed and then failed in its tear-down says both; the first is what it is about.
        if let Some(reason) = reasons.into_iter().min_by_key(|reason| reason.element == Element::Skipped) {
            case.outcome = Some(outcome(reason.element, &reason.failure.kind));
            case.failure = (reason.element != Element::Skipped).then_some(reason.failure);
        }
        self.report.push(case);
    }
}

fn outcome(element: Element, kind: &str) -> Outcome {
    let says = |word: &str| kind.to_ascii_lowercase().contains(word);
    match element {
        Element::Skipped if says("xfail") => Outcome::ExpectedFailure,
        Element::Skipped => Outcome::Skipped,
        Element::Failure | Element::Error | Element::Again if says("timeout") || says("timed out") => Outcome::TimedOut,
        Element::Error => Outcome::Error,
        Element::Failure | Element::Again => Outcome::Failed,
    }
}

/// A point in time as reports write it, in Unix nanoseconds: `2026-05-01T12:00:00[.123][Z|+02:00]`. One without a zone is
/// taken for UTC.
pub(super) fn time(text: &str) -> Option<i64> {
    let text = text.trim();
    let (date, clock) = text.split_once(['T', ' '])?;
    let mut parts = date.split('-').map(str::parse::<i64>);
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let zone = clock.find(['Z', 'z', '+', '-']);
    let (clock, zone) = clock.split_at(zone.unwrap_or(clock.len()));
    let mut parts = clock.split(':');
    let (hour, minute): (i64, i64) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let second = seconds(parts.next()?)?;
    let sound = (1_970..2_262).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && parts.next().is_none();
    if !sound {
        return None;
    }
    let minutes = (days(year, month, day) * 24 + hour) * 60 + minute - offset_minutes(zone)?;
    (minutes * 60).checked_mul(1_000_000_000)?.checked_add(second)
}

/// Minutes east of Greenwich: `Z`, `+02:00`, `-0530`, or nothing.
fn offset_minutes(zone: &str) -> Option<i64> {
    if matches!(zone, "" | "Z" | "z") {
        return Some(0);
    }
    let digits: String = zone[1..].chars().filter(|character| *character != ':').collect();
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = digits.parse().ok()?;
    let minutes = number / 100 * 60 + number % 100;
    Some(if zone.starts_with('-') { -minutes } else { minutes })
}

/// Days from 1970-01-01 to a date of the Gregorian calendar (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(xml: &str) -> Report {
        read(xml.as_bytes(), &Limits::default()).unwrap()
    }

    /// A line a test: suite, name, outcome, milliseconds, message.
    fn check(xml: &str, expected: &[&str]) {
        let line = |case: &TestCase| {
            let time = case.duration.map_or("-".to_owned(), |nanos| (nanos / 1_000_000).to_string());
            let message = case.failure.as_ref().map(|failure| format!(" {}", failure.message)).unwrap_or_default();
            format!("{} {} {} {time}{message}", case.suite, case.name, case.outcome.unwrap_or(Outcome::Passed))
        };
        assert_eq!(report(xml).cases.iter().map(line).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn every_outcome_is_read() {
        check(
            r#"<?xml version="1.0"?><testsuites name="all"><testsuite name="s">
              <testcase classname="t.Cart" name="a &lt;1&gt;" time="0.25"/>
              <testcase classname="t.Cart" name="b" time="1"><failure message="3 != 4" type="AssertionError">at x.py:3</failure></testcase>
              <testcase name="c"><error type="OSError">  no
              such file</error></testcase>
              <testcase name="d" time="0"><skipped/></testcase>
              <testcase name="e" time="0"><skipped type="pytest.xfail" message="later"/></testcase>
              <testcase name="f" time="9"><failure type="test timeout"/></testcase>
            </testsuite></testsuites>"#,
            &[
                "t.Cart a <1> passed 250",
                "t.Cart b failed 1000 3 != 4",
                "s c error - no",
                "s d skipped 0",
                "s e expected_failure 0",
                "s f timed_out 9000 ",
            ],
        );
    }

    #[test]
    fn an_attempt_that_failed_before_is_an_execution_of_its_own() {
        check(
            r#"<testsuite name="s"><testcase name="a" time="0.1"><flakyFailure message="no" time="0.3"><stackTrace>x</stackTrace>
               </flakyFailure><system-out>long</system-out></testcase>
               <testcase name="b" time="0.1"><failure message="1"/><rerunFailure message="2"/></testcase></testsuite>"#,
            &["s a failed 300 no", "s a passed 100", "s b failed - 2", "s b failed 100 1"],
        );
    }

    #[test]
    fn tests_of_a_suite_with_a_time_begin_one_after_another() {
        let report = report(
            r#"<testsuite timestamp="2026-05-01T12:00:00.5+02:00"><testcase name="a" time="1"/><testcase name="b"/>
               <testcase name="c" timestamp="2026-05-01T10:00:09Z"/></testsuite>"#,
        );
        let starts: Vec<i64> = report.cases.iter().map(|case| case.start.unwrap() / 100_000_000).collect();
        let ten = days(2026, 5, 1) * 864_000 + 360_000;
        assert_eq!(starts, [ten + 5, ten + 15, ten + 90]);
    }

    #[test]
    fn times_are_read_with_and_without_a_zone() {
        assert_eq!(time("1970-01-02T00:00:01"), Some(86_401_000_000_000));
        assert_eq!(time("1970-01-01 01:00:00+01:00"), Some(0));
        assert_eq!(time("2000-03-01T00:00:00Z"), Some(951_868_800_000_000_000));
        for wrong in [
            "",
            "yesterday",
            "2026-13-01T00:00:00",
            "2026-01-01T25:00:00",
            "2026-01-01",
            "9999-01-01T00:00:00",
            "2026-01-01T00:00:00+é0",
        ] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn no_entity_grows_and_none_names_a_file() {
        let bomb = r#"<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]>
            <testsuite name="&b;"><testcase name="&f;"><failure>&b;&#65;&amp;</failure></testcase></testsuite>"#;
        let report = report(bomb);
        let case = &report.cases[0];
        assert_eq!((case.suite.as_str(), case.name.as_str()), ("&b;", "&f;"));
        assert_eq!(case.failure.as_ref().unwrap().stack, "&b;A&");
    }

    #[test]
    fn depth_and_text_are_bounded_and_counted() {
        let deep =
            format!("{}<testcase name=\"a\"/>{}", "<testsuite name=\"s\">".repeat(5_000), "</testsuite>".repeat(5_000));
        let report = report(&deep);
        assert_eq!(report.cases.len(), 1);
        assert_eq!(report.issues.counts["suite_too_deep"], 5_000 - DEPTH_MAX as u64);
        let limits = Limits { value_bytes_max: 10, ..Limits::default() };
        let long =
            format!("<testsuite><testcase name=\"a\"><failure>{}</failure></testcase></testsuite>", "é".repeat(100));
        let report = read(long.as_bytes(), &limits).unwrap();
        assert_eq!(report.cases[0].failure.as_ref().unwrap().stack, "ééééé");
        assert_eq!(report.issues.counts["value_cut"], 1);
    }

    #[test]
    fn what_breaks_off_gives_what_came_before() {
        let whole = r#"<testsuite name="s"><testcase name="a"/><testcase name="b"><failure message="x">y</failure></testcase></testsuite>"#;
        for end in 0..whole.len() {
            if let Ok(report) = read(&whole.as_bytes()[..end], &Limits::default()) {
                assert!(report.cases.len() <= 2);
            }
        }
        let cut = report(&whole[..whole.find("<testcase name=\"b\"").unwrap() + 12]);
        assert_eq!((cut.cases.len(), cut.issues.counts["report_broken_off"]), (1, 1));
        let between = report(&whole[..whole.find("<testcase name=\"b\"").unwrap()]);
        assert_eq!((between.cases.len(), between.issues.counts["report_broken_off"]), (1, 1));
        assert!(report(whole).issues.is_empty());
    }

    #[test]
    fn other_xml_is_refused_and_says_what_it_is() {
        for (text, said) in [("<html></html>", "<html>"), ("<", ""), ("<!-- only -->", "no element"), ("<a", "")] {
            let error = read(text.as_bytes(), &Limits::default()).unwrap_err();
            assert!(error.problem.contains(said), "{text}: {error}");
        }
    }
}
