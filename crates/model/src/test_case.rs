//! Tests as spans: the attributes that say what one was, and the closed list of how it ended.

use crate::Span;
use crate::closed::closed;

/// The name of a test; what makes a span one. Span.
pub const NAME: &str = "test.case.name";
/// What the test belongs to: a file, a class, a binary. Span.
pub const SUITE: &str = "test.suite.name";
/// `pass` or `fail`; absent from a test that was skipped. Span.
pub const RESULT: &str = "test.case.result.status";
/// How the test ended: an [`Outcome`]. Span.
pub const OUTCOME: &str = "kino.test.outcome";
/// What ran the test: `pytest`, `nextest`, or `junit` where a report is all that is known. Span.
pub const FRAMEWORK: &str = "kino.test.framework";
/// `false` where the source gives no duration: start and end are equal then, and say nothing. Span.
pub const TIMED: &str = "kino.test.timed";
/// The most memory that the test's process had resident, in bytes; only of tests with a process of their own. Span.
pub const PEAK_MEMORY: &str = "kino.test.peak_memory_bytes";

closed! {
    /// How a test ended.
    Outcome {
        /// As it should.
        Passed = "passed",
        /// An expectation of the test did not hold.
        Failed = "failed",
        /// Something else went wrong: in a fixture, or the process was ended by a signal.
        Error = "error",
        /// It was not executed.
        Skipped = "skipped",
        /// It failed, and is marked as one that does.
        ExpectedFailure = "expected_failure",
        /// It passed, and is marked as one that fails.
        UnexpectedSuccess = "unexpected_success",
        /// It took longer than it may.
        TimedOut = "timed_out",
    }
}

impl Outcome {
    /// Returns how a test ended, as its span says: by [`OUTCOME`], else by [`RESULT`], else by the span's status.
    pub fn of(span: &Span) -> Self {
        let named = span.text(OUTCOME).and_then(Self::from_name);
        named.unwrap_or_else(|| if has_failed(span) { Self::Failed } else { Self::Passed })
    }

    /// Returns the value of [`RESULT`] that goes with it; `None` for a test that was skipped.
    pub fn result(self) -> Option<&'static str> {
        match self {
            Self::Passed | Self::ExpectedFailure => Some("pass"),
            Self::Failed | Self::Error | Self::UnexpectedSuccess | Self::TimedOut => Some("fail"),
            Self::Skipped => None,
        }
    }
}

/// Returns whether a test counts as failed for what ran it: a framework decides whether an unexpected success does.
pub fn has_failed(span: &Span) -> bool {
    match span.text(RESULT) {
        Some(result) => result == "fail",
        None => span.is_error(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{StatusCode, Value};

    fn span(attributes: &[(&str, &str)], is_error: bool) -> Span {
        let mut span = Span::default();
        span.attributes.extend(attributes.iter().map(|(key, value)| ((*key).into(), Value::from(*value))));
        span.status.code = if is_error { StatusCode::Error } else { StatusCode::Unset };
        span
    }

    #[test]
    fn the_most_precise_word_counts() {
        assert_eq!(Outcome::of(&span(&[(OUTCOME, "timed_out"), (RESULT, "fail")], true)), Outcome::TimedOut);
        assert_eq!(Outcome::of(&span(&[(OUTCOME, "<b>"), (RESULT, "fail")], false)), Outcome::Failed);
        assert_eq!(Outcome::of(&span(&[], true)), Outcome::Failed);
        assert_eq!(Outcome::of(&span(&[], false)), Outcome::Passed);
        assert!(has_failed(&span(&[(RESULT, "fail")], false)));
        assert!(!has_failed(&span(&[(RESULT, "pass")], true)));
    }
}
