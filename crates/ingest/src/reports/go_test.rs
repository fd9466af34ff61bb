//! What `go test` prints: lines of JSON with `-json`, text otherwise.
//!
//! ```text
//!  {"Time":"…","Action":"pass","Package":"example.com/shop","Test":"TestAdd","Elapsed":0.01}     run, output, pass, fail, skip
//!
//!  --- FAIL: TestAdd (0.01s)          a sub-test is indented by four spaces; with -v those that pass are there too
//!      add_test.go:9: want 3         with -v it comes before that, behind the test's `=== RUN` or `=== NAME`
//!  FAIL    example.com/shop    0.012s     ends the tests of a package: ok │ FAIL │ ?
//! ```
//!
//! Sources: `go help test`, `go doc test2json`, and the package `testing`, at <https://pkg.go.dev/cmd/test2json>.

use std::collections::HashMap;

use kino_model::test_case::Outcome;
use serde::Deserialize;

use super::cargo_test::plain;
use super::{Report, TestCase, TestFailure, junit, seconds};

/// Bytes of what one test printed.
const PRINTED_BYTES_MAX: usize = 64 << 10;
/// Tests whose output is collected at the same time.
const OPEN_MAX: usize = 10_000;

/// Reads what the command wrote to its output.
pub fn read(output: &str) -> Report {
    let mut report = Report::default();
    let mut printed: HashMap<(String, String), String> = HashMap::new();
    let mut text = Text::default();
    for line in output.lines() {
        if line.starts_with('{')
            && let Ok(event) = serde_json::from_str::<TestEvent>(line)
        {
            event.take(&mut printed, &mut report);
        } else {
            text.line(&plain(line), &mut report);
        }
    }
    text.package("", &mut report);
    report
}

/// A line of `-json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TestEvent {
    action: String,
    #[serde(default)]
    time: Option<String>,
    #[serde(default)]
    package: String,
    #[serde(default)]
    test: String,
    #[serde(default)]
    elapsed: Option<f64>,
    #[serde(default)]
    output: String,
}

impl TestEvent {
    fn take(self, printed: &mut HashMap<(String, String), String>, report: &mut Report) {
        if self.test.is_empty() {
            return;
        }
        let key = (self.package, self.test);
        let outcome = match self.action.as_str() {
            "pass" | "bench" => Outcome::Passed,
            "fail" => Outcome::Failed,
            "skip" => Outcome::Skipped,
            "output" => {
                if printed.contains_key(&key) || printed.len() < OPEN_MAX {
                    add(printed.entry(key).or_default(), &self.output);
                }
                return;
            }
            _ => return,
        };
        let text = printed.remove(&key).unwrap_or_default();
        let duration = self.elapsed.and_then(|elapsed| seconds(&elapsed.to_string()));
        let end = self.time.as_deref().and_then(junit::time);
        let (suite, name) = key;
        report.push(TestCase {
            suite,
            name,
            outcome: Some(outcome),
            start: end.map(|end| end - duration.unwrap_or(0)),
            duration,
            failure: (outcome == Outcome::Failed).then(|| failure(&text)),
            ..TestCase::default()
        });
    }
}

/// Adds text within the bound.
fn add(text: &mut String, more: &str) {
    if text.len() + more.len() <= PRINTED_BYTES_MAX {
        text.push_str(more);
    }
}

/// The reason is the first line that a test logged itself: `add_test.go:9: want 3`.
fn failure(text: &str) -> TestFailure {
    let is_own = |line: &&str| !line.is_empty() && !line.starts_with("===") && !line.starts_with("---");
    let message = text.lines().map(str::trim).find(is_own).unwrap_or_default().to_owned();
    TestFailure { kind: String::new(), message, stack: text.trim_end().to_owned() }
}

/// Tests of a package whose name is not known yet: it comes after them.
#[derive(Default)]
struct Text {
    cases: Vec<TestCase>,
    /// What the last of them printed.
    printed: String,
    /// With `-v`: the test that prints now, and what each has printed whose result has not come.
    running: Option<String>,
    logged: HashMap<String, String>,
}

impl Text {
    fn line(&mut self, line: &str, report: &mut Report) {
        if let Some(case) = result(line) {
            self.close();
            self.running = None;
            self.printed = self.logged.remove(&case.name).unwrap_or_default();
            self.cases.push(case);
        } else if let Some(package) = package(line) {
            self.package(package, report);
        } else if let Some(change) = line.strip_prefix("=== ") {
            self.close();
            let running = change.split_once(char::is_whitespace).filter(|(what, _)| *what != "PAUSE");
            self.running = running.map(|(_, name)| name.trim().to_owned());
        } else if line.starts_with("    ")
            && let Some(text) = self.printing()
        {
            add(text, line.trim_start());
            add(text, "\n");
        }
    }

    /// What the test has printed whose lines come now; `None` where no test is known, or too many are.
    fn printing(&mut self) -> Option<&mut String> {
        let Some(running) = &self.running else { return (!self.cases.is_empty()).then_some(&mut self.printed) };
        let has_room = self.logged.len() < OPEN_MAX || self.logged.contains_key(running);
        has_room.then(|| self.logged.entry(running.clone()).or_default())
    }

    fn close(&mut self) {
        let printed = std::mem::take(&mut self.printed);
        if let Some(last) = self.cases.last_mut().filter(|last| last.outcome == Some(Outcome::Failed)) {
            last.failure.get_or_insert_with(|| failure(&printed));
        }
    }

    fn package(&mut self, name: &str, report: &mut Report) {
        self.close();
        self.running = None;
        self.logged.clear();
        for case in self.cases.drain(..) {
            report.push(TestCase { suite: name.to_owned(), ..case });
        }
    }
}

/// `--- PASS: TestAdd (0.01s)`.
fn result(line: &str) -> Option<TestCase> {
    let (word, rest) = line.trim_start_matches("    ").strip_prefix("--- ")?.split_once(": ")?;
    let outcome = match word {
        "PASS" | "BENCH" => Outcome::Passed,
        "FAIL" => Outcome::Failed,
        "SKIP" => Outcome::Skipped,
        _ => return None,
    };
    let (name, time) = rest.rsplit_once(" (").unwrap_or((rest, ""));
    let duration = time.strip_suffix("s)").and_then(seconds);
    Some(TestCase { name: name.to_owned(), outcome: Some(outcome), duration, ..TestCase::default() })
}

/// `ok  <tab>example.com/shop<tab>0.003s`.
fn package(line: &str) -> Option<&str> {
    let mut parts = line.split('\t');
    let word = parts.next()?.trim_end();
    let name = parts.next()?.split(' ').next()?;
    (matches!(word, "ok" | "FAIL") && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line a test: package, name, outcome, milliseconds, message.
    fn check(text: &str, expected: &[&str]) {
        let line = |case: &TestCase| {
            let time = case.duration.map_or("-".to_owned(), |nanos| (nanos / 1_000_000).to_string());
            let message = case.failure.as_ref().map(|failure| format!(" {}", failure.message)).unwrap_or_default();
            format!("{} {} {} {time}{message}", case.suite, case.name, case.outcome.unwrap())
        };
        assert_eq!(read(text).cases.iter().map(line).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn verbose_text_names_every_test_of_each_package() {
        check(
            "=== RUN   TestAdd\n--- PASS: TestAdd (0.01s)\n=== RUN   TestTable\n=== RUN   TestTable/one_(1)\n    t_test.go:9: want 3\n\
             --- FAIL: TestTable (0.02s)\n    --- FAIL: TestTable/one_(1) (0.01s)\n        t_test.go:9: want 3\n\
             --- SKIP: TestLater (0.00s)\n    t_test.go:20: not here\nFAIL\nFAIL\texample.com/shop\t0.034s\n\
             === RUN   TestB\n--- PASS: TestB (1.50s)\nPASS\nok  \texample.com/b\t1.6s\n?   \texample.com/c\t[no test files]\n",
            &[
                "example.com/shop TestAdd passed 10",
                "example.com/shop TestTable failed 20 ",
                "example.com/shop TestTable/one_(1) failed 10 t_test.go:9: want 3",
                "example.com/shop TestLater skipped 0",
                "example.com/b TestB passed 1500",
            ],
        );
    }

    #[test]
    fn verbose_text_says_why_before_the_result() {
        check(
            "=== RUN   TestTotal\n    t_test.go:12: before\n=== RUN   TestTotal/of_two\n    t_test.go:13: it is 3\n\
             === RUN   TestTotal/of_none\n=== NAME  TestTotal\n    t_test.go:14: after\n--- FAIL: TestTotal (0.00s)\n\
             \x20   --- FAIL: TestTotal/of_two (0.00s)\n    --- PASS: TestTotal/of_none (0.00s)\n\
             === RUN   TestSide\n=== PAUSE TestSide\n=== CONT  TestSide\n    t_test.go:20: side\n--- FAIL: TestSide (0.00s)\n\
             FAIL\nFAIL\tshop\t0.034s\n",
            &[
                "shop TestTotal failed 0 t_test.go:12: before",
                "shop TestTotal/of_two failed 0 t_test.go:13: it is 3",
                "shop TestTotal/of_none passed 0",
                "shop TestSide failed 0 t_test.go:20: side",
            ],
        );
    }

    #[test]
    fn without_verbose_only_failures_are_known() {
        check(
            "--- FAIL: TestBad (0.00s)\n    bad_test.go:7: got 4\nFAIL\nFAIL\texample.com/shop\t0.002s\nok  \texample.com/b\t(cached)\n",
            &["example.com/shop TestBad failed 0 bad_test.go:7: got 4"],
        );
    }

    #[test]
    fn lines_of_json_have_times() {
        let text = r#"{"Time":"2026-05-01T12:00:01Z","Action":"run","Package":"p","Test":"TestA"}
{"Time":"2026-05-01T12:00:01Z","Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Time":"2026-05-01T12:00:01Z","Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: no\n"}
{"Time":"2026-05-01T12:00:02Z","Action":"fail","Package":"p","Test":"TestA","Elapsed":0.5}
{"Time":"2026-05-01T12:00:02Z","Action":"skip","Package":"p","Test":"TestB","Elapsed":0}
{"Time":"2026-05-01T12:00:02Z","Action":"fail","Package":"p","Elapsed":0.6}
{"broken"#;
        check(text, &["p TestA failed 500 a_test.go:3: no", "p TestB skipped 0"]);
        let case = &read(text).cases[0];
        assert_eq!(case.start, junit::time("2026-05-01T12:00:01.5Z"));
    }

    #[test]
    fn other_text_has_no_tests() {
        for text in ["", "--- \n--- WHAT: x (1s)\nok\tp\n", "{}\n{\"Action\":\"pass\"}\n", "\u{1b}[31m--- \u{1b}"] {
            check(text, &[]);
        }
    }
}
