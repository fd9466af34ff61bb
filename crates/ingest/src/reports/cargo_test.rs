//! The text of `cargo test`, which on the stable toolchain is all that it says: names and outcomes, without durations.
//!
//! ```text
//!  error output  "     Running tests/it.rs (target/debug/deps/it-0a1b…)"   "   Doc-tests shop"      one a binary
//!  output        running 2 tests
//!                test cart::adds ... ok          FAILED │ ignored[, why] │ bench: …
//!                ---- cart::adds stdout ----     what a failed test printed
//!                test result: FAILED. 1 passed; 1 failed; …
//! ```
//!
//! On a terminal both are one text, with colours. Which binary a test is in follows from the order, and is not said where
//! the numbers of both do not agree. The harness is rustc's: <https://doc.rust-lang.org/rustc/tests/>.

use std::collections::HashMap;

use kino_model::test_case::Outcome;

use super::{Report, TestCase, TestFailure};

/// Bytes of what a failed test printed.
const PRINTED_BYTES_MAX: usize = 64 << 10;

/// Reads what a command wrote to its output and its error output; on a terminal the second is empty.
pub fn read(output: &str, error_output: &str) -> Report {
    let mut reading = Reading::default();
    for line in output.lines() {
        reading.line(&plain(line));
    }
    let mut suites = reading.suites;
    suites.extend(error_output.lines().filter_map(|line| suite(&plain(line))));
    let mut report = Report::default();
    let is_known = suites.len() == reading.blocks.len();
    let mut printed = reading.printed;
    for (number, block) in reading.blocks.into_iter().enumerate() {
        let suite = if is_known { suites[number].as_str() } else { "" };
        let read = block.cases.len() as u64;
        let missing = block.announced.saturating_sub(read);
        report.issues.add_many("test_not_read", missing, || {
            format!(
                "{} tests are announced, and {read} can be read: the tests print between their names and results",
                block.announced
            )
        });
        for mut case in block.cases {
            if case.outcome == Some(Outcome::Failed) {
                case.failure = printed.remove(&(number, case.name.clone()));
            }
            suite.clone_into(&mut case.suite);
            report.push(case);
        }
    }
    report
}

/// The tests of one binary.
#[derive(Default)]
struct Block {
    announced: u64,
    cases: Vec<TestCase>,
    /// Whether its result was said: what follows is of no test.
    has_ended: bool,
}

#[derive(Default)]
struct Reading {
    blocks: Vec<Block>,
    /// Binaries named in the same text.
    suites: Vec<String>,
    /// What failed tests printed, by their block and name.
    printed: HashMap<(usize, String), TestFailure>,
    /// The failed test whose output is being read.
    printing: Option<String>,
}

impl Reading {
    fn line(&mut self, line: &str) {
        if let Some(announced) = announced(line) {
            self.printing = None;
            self.blocks.push(Block { announced, ..Block::default() });
            return;
        }
        self.suites.extend(suite(line));
        let number = self.blocks.len().wrapping_sub(1);
        let Some(block) = self.blocks.last_mut().filter(|block| !block.has_ended) else { return };
        if line.starts_with("test result: ") {
            block.has_ended = true;
            self.printing = None;
        } else if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            self.printing = Some(name.to_owned());
        } else if line == "failures:" {
            self.printing = None;
        } else if let Some(name) = &self.printing {
            let failure = self.printed.entry((number, name.clone())).or_default();
            if failure.stack.len() + line.len() < PRINTED_BYTES_MAX {
                failure.note(line);
            }
        } else {
            block.cases.extend(case(line));
        }
    }
}

impl TestFailure {
    /// Adds a line of what a test printed; of a panic the first line of the message is the reason.
    fn note(&mut self, line: &str) {
        let after_panic = self.stack.lines().last().is_some_and(|last| last.contains(" panicked at "));
        if after_panic && self.message.is_empty() {
            "panic".clone_into(&mut self.kind);
            line.trim().clone_into(&mut self.message);
        }
        self.stack.push_str(line);
        self.stack.push('\n');
    }
}

/// `running 3 tests`, `running 1 test`.
fn announced(line: &str) -> Option<u64> {
    let (number, word) = line.strip_prefix("running ")?.split_once(' ')?;
    matches!(word, "test" | "tests").then(|| number.parse().ok())?
}

/// The binary that a line of cargo's own names: its path in the project, or the package of doc tests.
fn suite(line: &str) -> Option<String> {
    let line = line.trim_start();
    if let Some(package) = line.strip_prefix("Doc-tests ") {
        return Some(format!("{} (doc tests)", package.trim()));
    }
    let (what, binary) = line.strip_prefix("Running ")?.rsplit_once(" (")?;
    let binary = binary.strip_suffix(')')?.rsplit(['/', '\\']).next()?;
    // The file is called as the target, a dash and a hash.
    let target = binary.rsplit_once('-').map_or(binary, |(target, _)| target);
    Some(format!("{target} {}", what.trim_start_matches("unittests ").trim()))
}

/// `test NAME ... ok`.
fn case(line: &str) -> Option<TestCase> {
    let (name, result) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let result = result.trim();
    let outcome = match result.split([',', ':', ' ']).next()? {
        "ok" | "bench" => Outcome::Passed,
        "FAILED" => Outcome::Failed,
        "ignored" => Outcome::Skipped,
        _ => return None,
    };
    let name = name.trim_end_matches(" - should panic");
    Some(TestCase { name: name.to_owned(), outcome: Some(outcome), ..TestCase::default() })
}

/// A line without the escape sequences that colour it, and without the carriage return of a terminal.
pub(super) fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line.trim_end_matches('\r').chars();
    while let Some(character) = rest.next() {
        if character != '\u{1b}' {
            text.push(character);
            continue;
        }
        match rest.next() {
            // A control sequence ends with a letter or its like.
            Some('[') => while rest.next().is_some_and(|next| !('@'..='~').contains(&next)) {},
            // A character set is chosen by one more character.
            Some('(' | ')') => drop(rest.next()),
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const STDERR: &str = "   Compiling shop v0.1.0 (/x)\n     Running unittests src/lib.rs (target/debug/deps/shop-0a1b2c3d)\n     \
                          Running tests/it.rs (target/debug/deps/it-99ff00aa)\nerror: test failed\n";
    const STDOUT: &str = "\nrunning 4 tests\ntest cart::adds ... ok\ntest cart::bad ... FAILED\ntest cart::later ... ignored, slow\n\
        test cart::panics - should panic ... ok\n\nfailures:\n\n---- cart::bad stdout ----\n\nthread 'cart::bad' (17) panicked at \
        src/lib.rs:9:5:\nassertion `left == right` failed\n  left: 3\n right: 4\n\n\nfailures:\n    cart::bad\n\ntest result: FAILED. \
        2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\nrunning 1 test\ntest whole ... ok\n\n\
        test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.12s\n";

    fn check(report: &Report, expected: &[&str]) {
        let line = |case: &TestCase| format!("{} | {} {}", case.suite, case.name, case.outcome.unwrap());
        assert_eq!(report.cases.iter().map(line).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn names_and_outcomes_have_their_binary_and_no_duration() {
        let report = read(STDOUT, STDERR);
        check(
            &report,
            &[
                "shop src/lib.rs | cart::adds passed",
                "shop src/lib.rs | cart::bad failed",
                "shop src/lib.rs | cart::later skipped",
                "shop src/lib.rs | cart::panics passed",
                "it tests/it.rs | whole passed",
            ],
        );
        let failure = report.cases[1].failure.as_ref().unwrap();
        assert_eq!((failure.kind.as_str(), failure.message.as_str()), ("panic", "assertion `left == right` failed"));
        assert!(failure.stack.contains("src/lib.rs:9:5"));
        assert!(report.cases.iter().all(|case| case.duration.is_none()) && report.issues.is_empty());
    }

    #[test]
    fn on_a_terminal_both_are_one_coloured_text() {
        let text = "\u{1b}[1m\u{1b}[92m     Running\u{1b}[0m tests/it.rs (target/debug/deps/it-99ff00aa)\r\n\r\nrunning 1 test\r\n\
                    test whole ... \u{1b}[32mok\u{1b}(B\u{1b}[m\r\n\r\ntest result: \u{1b}[32mok\u{1b}(B\u{1b}[m. 1 passed\r\n";
        check(&read(text, ""), &["it tests/it.rs | whole passed"]);
    }

    #[test]
    fn a_binary_is_not_guessed_and_an_unreadable_test_is_counted() {
        let report =
            read("running 2 tests\ntest a ... ok\ntest b ... printed by b\nok\n\ntest result: ok. 2 passed\n", STDERR);
        check(&report, &[" | a passed"]);
        assert_eq!(report.issues.counts["test_not_read"], 1);
    }

    #[test]
    fn text_that_only_looks_alike_is_no_test() {
        for text in
            ["test a ... ok\n", "running late tests\ntest a ... ok", "running 1 test\ntest result: ok.\ntest a ... ok"]
        {
            assert!(read(text, "").cases.is_empty(), "{text}");
        }
        assert_eq!(plain("\u{1b}"), "");
        assert_eq!(plain("a\u{1b}[31"), "a");
    }

    #[test]
    fn doc_tests_are_a_suite_of_their_package() {
        let report =
            read("running 1 test\ntest src/lib.rs - add (line 3) ... ok\n\ntest result: ok.\n", "   Doc-tests shop\n");
        check(&report, &["shop (doc tests) | src/lib.rs - add (line 3) passed"]);
    }
}
