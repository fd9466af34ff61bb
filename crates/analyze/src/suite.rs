//! Tests as executions: which fail, are flaky, take long, or ask a database most, each with an execution to look at.
//!
//! A test is known by service, suite and name. It *fails* where its newest execution that was not skipped failed. It is
//! *flaky* where both outcomes were seen at one state of the code, or within one run: nothing but chance lay between them.
//! Times are medians of executions that passed, as a test that fails ends early or late for reasons of its own.

mod compare;

use std::collections::{BTreeMap, HashMap};

use kino_model::test_case::{self, Outcome};
use kino_model::{Span, SpanKind, names};

pub use compare::{Changed, Suites, compare};

use crate::execution::{Execution, executions_where, is_test_case};
use crate::finding::{Evidence, Location, evidence, location};
use crate::tree::Tree;

/// Newest executions of one test that count; older ones are counted as left out.
pub const EXECUTIONS_EACH_MAX: usize = 200;
/// Characters of a failure's message.
const MESSAGE_CHARS_MAX: usize = 500;

/// How a test is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TestId {
    /// The service that it ran in.
    pub service: String,
    /// The file, class or binary that it belongs to; empty where none is recorded.
    pub suite: String,
    pub name: String,
}

/// A span that a test runner made of a test, with what it ended with.
#[derive(Clone, Debug, PartialEq)]
pub struct TestExecution<'a> {
    /// Which test.
    pub id: TestId,
    /// What ran it, where that is recorded.
    pub framework: Option<&'a str>,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether its framework counts it as failed.
    pub has_failed: bool,
    /// Unix nanoseconds.
    pub start: i64,
    /// Nanoseconds; `None` where its source gives none, and while it has not ended.
    pub duration: Option<i64>,
    /// Database calls below it; one that a library made for another counts once, with that one.
    pub statements: u64,
    /// The most memory its process had, in bytes; `None` for a test without a process of its own.
    pub peak_memory: Option<i64>,
    pub code_state: Option<&'a str>,
    pub run_id: Option<&'a str>,
    /// Its span.
    pub evidence: Evidence,
    /// Where it is in the code.
    pub location: Option<Location>,
    /// Why it failed, at most 500 characters; `None` where it did not, or nothing says why.
    pub message: Option<String>,
}

/// What is known of one test.
#[derive(Clone, Debug, PartialEq)]
pub struct Test<'a> {
    /// Its executions, the newest first, at most [`EXECUTIONS_EACH_MAX`].
    pub executions: Vec<TestExecution<'a>>,
    /// Older ones that do not count.
    pub left_out: u64,
}

/// Both outcomes of one test where nothing but chance lay between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flake<'t> {
    /// The state of the code, or the run where no state is known.
    pub at: &'t str,
    /// The newest execution there that failed.
    pub failed: Evidence,
    /// The newest one there that passed.
    pub passed: Evidence,
}

/// The tests in `trees`, by id.
pub fn tests<'t>(trees: &'t [Tree<'_>]) -> Vec<Test<'t>> {
    tests_of(&executions_where(trees, is_test_case))
}

/// The tests among `executions`, by id; the others are none.
pub fn tests_of<'t>(executions: &[Execution<'t, '_>]) -> Vec<Test<'t>> {
    let mut by_id: BTreeMap<TestId, Vec<TestExecution<'t>>> = BTreeMap::new();
    for execution in executions.iter().filter(|it| is_test_case(it.tree.span(it.entry))) {
        let one = read(execution);
        by_id.entry(one.id.clone()).or_default().push(one);
    }
    let test = |mut executions: Vec<TestExecution<'t>>| {
        executions.sort_by_key(|one| (std::cmp::Reverse(one.start), one.evidence));
        let left_out = executions.len().saturating_sub(EXECUTIONS_EACH_MAX) as u64;
        executions.truncate(EXECUTIONS_EACH_MAX);
        Test { executions, left_out }
    };
    by_id.into_values().map(test).collect()
}

/// Reads the execution of a test.
fn read<'t>(execution: &Execution<'t, '_>) -> TestExecution<'t> {
    let span: &'t Span = execution.tree.span(execution.entry);
    let has_failed = test_case::has_failed(span);
    let name = span.text(test_case::NAME).unwrap_or(&span.name);
    let is_timed = span.attribute(test_case::TIMED).and_then(kino_model::Value::as_bool) != Some(false);
    TestExecution {
        id: TestId {
            service: span.service().to_owned(),
            suite: span.text(test_case::SUITE).unwrap_or_default().to_owned(),
            name: name.to_owned(),
        },
        framework: span.text(test_case::FRAMEWORK),
        outcome: Outcome::of(span),
        has_failed,
        start: execution.start(),
        duration: execution.duration().filter(|_| is_timed),
        statements: statements(execution),
        peak_memory: span.int(test_case::PEAK_MEMORY),
        code_state: span.resource.text(names::CODE_STATE),
        run_id: span.resource.text(names::RUN_ID),
        evidence: evidence(execution.trace_id(), span),
        location: location(span),
        message: if has_failed { message(span) } else { None },
    }
}

/// Database calls below a test; taking a connection is none.
fn statements(execution: &Execution<'_, '_>) -> u64 {
    let (tree, spans) = (execution.tree, execution.spans());
    let (mut count, mut position) = (0, 1);
    while let Some(index) = spans.get(position) {
        let index = *index as usize;
        if is_statement(tree.span(index)) {
            count += 1;
            position += tree.subtree(index).len();
        } else {
            position += 1;
        }
    }
    count
}

fn is_statement(span: &Span) -> bool {
    let served = matches!(span.kind, SpanKind::Server | SpanKind::Consumer);
    let says = |key: &str| span.attribute(key).is_some();
    !served && (says("db.query.text") || says("db.operation.name"))
}

/// The first exception that the test itself recorded, else the message of its status.
fn message(span: &Span) -> Option<String> {
    let exception = span.events.iter().find(|event| event.name == "exception").map(|event| {
        let text = |key| kino_model::attribute::find(&event.attributes, key).and_then(kino_model::Value::as_str);
        [text(names::EXCEPTION_TYPE), text(names::EXCEPTION_MESSAGE)]
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(": ")
    });
    let found = exception.filter(|text| !text.is_empty()).unwrap_or_else(|| span.status.message.to_string());
    (!found.is_empty()).then(|| found.chars().take(MESSAGE_CHARS_MAX).collect())
}

impl<'a> Test<'a> {
    /// Its newest execution.
    pub fn newest(&self) -> &TestExecution<'a> {
        &self.executions[0]
    }

    /// The newest execution that was not skipped, where that failed.
    pub fn failing(&self) -> Option<&TestExecution<'a>> {
        self.judged().next().filter(|one| one.has_failed)
    }

    /// How many executions failed.
    pub fn failures(&self) -> u64 {
        self.executions.iter().filter(|one| one.has_failed).count() as u64
    }

    /// The execution with the most database calls; `None` where none made any.
    pub fn most_statements(&self) -> Option<&TestExecution<'a>> {
        let most = self.executions.iter().rev().max_by_key(|one| one.statements)?;
        (most.statements > 0).then_some(most)
    }

    /// The execution that took longest, of those that passed.
    pub fn longest(&self) -> Option<&TestExecution<'a>> {
        self.passed().filter(|one| one.duration.is_some()).max_by_key(|one| one.duration)
    }

    /// Durations of the executions that passed, the shortest first.
    pub fn durations(&self) -> Vec<i64> {
        let mut durations: Vec<i64> = self.passed().filter_map(|one| one.duration).collect();
        durations.sort_unstable();
        durations
    }

    /// Both outcomes at one state of the code, or in one run; the newest such place.
    pub fn flake(&self) -> Option<Flake<'_>> {
        flake(self.judged())
    }

    /// The executions that have an outcome, the newest first.
    fn judged(&self) -> impl Iterator<Item = &TestExecution<'a>> {
        self.executions.iter().filter(|one| one.outcome != Outcome::Skipped)
    }

    fn passed(&self) -> impl Iterator<Item = &TestExecution<'a>> {
        self.judged().filter(|one| !one.has_failed)
    }
}

/// The newest place where `executions`, the newest first, had both outcomes.
fn flake<'t, 'a: 't>(executions: impl Iterator<Item = &'t TestExecution<'a>>) -> Option<Flake<'t>> {
    let mut seen: HashMap<&str, [Option<Evidence>; 2]> = HashMap::new();
    let mut found = None;
    for one in executions {
        for place in one.code_state.into_iter().chain(one.run_id) {
            let both = seen.entry(place).or_default();
            both[usize::from(one.has_failed)].get_or_insert(one.evidence);
            if let ([Some(passed), Some(failed)], None) = (*both, found) {
                found = Some(Flake { at: place, failed, passed });
            }
        }
    }
    found
}

/// The median of sorted durations; `None` of none.
pub fn median(sorted: &[i64]) -> Option<i64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some(lower + (upper - lower) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{traces, trees};

    /// One line a test: name, outcome, executions, failures, statements, median in milliseconds, whether it is flaky.
    fn check(text: &str, expected: &[&str]) {
        let traces = traces(text);
        let trees = trees(&traces);
        let line = |test: &Test<'_>| {
            let median = median(&test.durations()).map_or("-".to_owned(), |nanos| (nanos / 1_000_000).to_string());
            let statements = test.most_statements().map_or(0, |one| one.statements);
            let flaky = if test.flake().is_some() { " flaky" } else { "" };
            let (newest, count) = (test.newest(), test.executions.len());
            let (name, outcome) = (&newest.id.name, newest.outcome);
            format!("{name} {outcome} {count} {} {statements} {median}{flaky}", test.failures())
        };
        assert_eq!(super::tests(&trees).iter().map(line).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_test_is_an_execution_wherever_it_is_in_a_trace() {
        check(
            "pytest 0..100 kino.run.command=x\n  one 0..10 test.case.name=one\n    q 1..2 db.query.text=a\n    \
             q 2..5 db.operation.name=b\n      q 3..4 db.query.text=a\n  two 20..50 test.case.name=two kino.test.outcome=failed !",
            &["one passed 1 0 2 10", "two failed 1 1 0 -"],
        );
    }

    #[test]
    fn both_outcomes_in_one_run_are_flaky_and_in_two_states_are_not() {
        check(
            "a 0..10 run=1 test.case.name=a !\n---\na 20..30 run=1 test.case.name=a\n---\nb 0..10 run=1 test.case.name=b !\n\
             ---\nb 20..30 run=2 test.case.name=b\n---\nc 0..1 run=1 test.case.name=c kino.test.outcome=skipped\n---\n\
             c 2..3 run=1 test.case.name=c",
            &["a passed 2 1 0 10 flaky", "b passed 2 1 0 10", "c passed 2 0 0 1"],
        );
    }

    #[test]
    fn what_has_no_duration_has_none_and_the_newest_judged_execution_says_whether_it_fails() {
        let text = "a 0..10 test.case.name=a kino.test.timed=false\n---\nb 0..10 test.case.name=b !\n---\n\
                    b 20..20 test.case.name=b kino.test.outcome=skipped";
        check(text, &["a passed 1 0 0 -", "b skipped 2 1 0 -"]);
        let traces = traces(text);
        let trees = trees(&traces);
        assert!(super::tests(&trees)[1].failing().is_some());
    }

    #[test]
    fn the_reason_is_the_exception_or_the_status() {
        let traces = traces("a 0..10 test.case.name=a ! exception=KeyError:'no such'");
        let trees = trees(&traces);
        assert_eq!(super::tests(&trees)[0].newest().message.as_deref(), Some("KeyError: no such"));
    }

    #[test]
    fn medians_of_even_and_odd_counts() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3]), Some(3));
        assert_eq!(median(&[1, 4]), Some(2));
        assert_eq!(median(&[1, 4, 90]), Some(4));
    }
}
