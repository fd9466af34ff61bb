//! `tests`: which tests fail, are flaky, take long, or ask a database most; and what two sets of them differ in.

use std::collections::BTreeMap;

pub use kino_model::test_case::Outcome;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ask::Scope;
use crate::compare::Sides;
use crate::explain::is_zero;
use crate::finding::{Evidence, Location};
use crate::window::Window;

/// Tests on each list when nothing is said.
pub const DEFAULT_LIMIT: usize = 10;
/// The most tests on each list.
pub const MAX_LIMIT: usize = 1_000;

/// Which tests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TestsQuestion {
    /// Of this run: its id, or the beginning of it. Not with `label`.
    pub run: Option<String>,
    /// Of all runs with this label.
    pub label: Option<String>,
    /// Executed at or after this. With it alone, tests that became slower are looked for too, against the stretch of the
    /// same length before.
    pub since_unix_nanos: Option<i64>,
    /// Executed before this.
    pub until_unix_nanos: Option<i64>,
    /// Of exactly this service.
    pub service: Option<String>,
    /// At most this many tests on each list; 0 for [`DEFAULT_LIMIT`].
    pub limit: usize,
    /// Whose tests; a run is never scoped.
    pub scope: Scope,
}

/// Why a test is in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestList {
    /// Its newest execution that was not skipped failed.
    Failing,
    /// Both outcomes were seen at one state of the code, or in one run.
    Flaky,
    /// All its executions took longer than all before; only with `since`.
    Slower,
    /// It is among those that take longest.
    Slowest,
    /// It is among those that ask a database most.
    Statements,
}

impl TestList {
    /// Every list, the most urgent first.
    pub const ALL: [Self; 5] = [Self::Failing, Self::Flaky, Self::Slower, Self::Slowest, Self::Statements];

    /// In lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Flaky => "flaky",
            Self::Slower => "slower",
            Self::Slowest => "slowest",
            Self::Statements => "statements",
        }
    }
}

/// `kino.tests.v1`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tests {
    /// `kino.tests.v1`.
    pub schema: String,
    /// Different tests that were executed.
    pub tests: u64,
    /// How often, in all.
    pub executions: u64,
    /// Runs that they were executed in; 0 where they name none.
    pub runs: u64,
    /// Executions by how they ended.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// How many tests would be on each list without a limit.
    pub on_list: BTreeMap<String, u64>,
    /// The tests on any list: those that fail first, then by list and weight.
    pub items: Vec<TestItem>,
    /// What `slower` is against; absent where nothing earlier was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Window>,
    /// Traces with tests beyond the newest ones, which were looked at.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub traces_left_out: u64,
    /// Older executions of tests that were executed more often than counts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub executions_left_out: u64,
    /// What the answer cannot say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A test by its name and suite, over its executions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TestItem {
    /// Why it is here.
    pub lists: Vec<TestList>,
    /// The service that it ran in.
    pub service: String,
    /// What ran it, where that is recorded.
    pub framework: Option<String>,
    /// The file, class or binary that it belongs to; empty where none is recorded.
    pub suite: String,
    pub name: String,
    /// How its newest execution ended.
    pub outcome: Outcome,
    /// How often it was executed, as far as is known.
    pub executions: u64,
    /// How many of these failed.
    pub failed: u64,
    /// Median of those that passed; `null` where none has a duration.
    pub median_nanos: Option<i64>,
    /// The longest of them.
    pub max_nanos: Option<i64>,
    /// The median before the window; only of tests that became slower.
    pub before_nanos: Option<i64>,
    /// The most database calls that one execution made.
    pub statements: u64,
    /// The most memory that its process had; `null` for a test without a process of its own.
    pub peak_memory_bytes: Option<i64>,
    /// Why it failed last, the beginning of it. Recorded text.
    pub message: Option<String>,
    /// The state of the code, or the run, that had both outcomes.
    pub flaky_at: Option<String>,
    /// Where it is in the code.
    pub location: Option<Location>,
    /// The execution to look at: the newest that failed; else the longest, or, on the list for it alone, the one with the
    /// most database calls.
    pub evidence: Evidence,
    /// One that passed where that one failed; only of flaky tests.
    pub passed: Option<Evidence>,
    /// The command that explains it.
    pub next: String,
}

/// What two sets of tests differ in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TestsCompared {
    /// Different tests on each side.
    pub tests: Sides<u64>,
    /// Tests that fail now and did not before, those that are new among them.
    pub new_failures: Vec<TestChange>,
    /// Tests that failed before and pass now.
    pub repaired: Vec<TestChange>,
    /// Tests with both outcomes at one state of the code, on whichever side, or in one run.
    pub flaky: Vec<TestChange>,
    /// Tests of which every execution took longer than every one before, by half and 10 ms, beyond what all became slower
    /// together. Seen, and no verdict.
    pub slower: Vec<TestChange>,
    /// Tests that fail on both sides.
    pub still_failing: u64,
    /// Tests that only the second side has.
    pub appeared: u64,
    /// Tests that only the first side has.
    pub vanished: u64,
    /// How many times as long the tests of both sides take, by their median; absent with fewer than five.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub together: Option<f64>,
    /// Changes beyond the ones shown.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
}

/// A test that ended differently, or took another time, on the two sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TestChange {
    /// The service that it ran in.
    pub service: String,
    /// The file, class or binary that it belongs to.
    pub suite: String,
    pub name: String,
    /// Before; absent where there was no such test.
    pub before: Option<TestSide>,
    /// After; absent where there is no such test any more.
    pub after: Option<TestSide>,
    /// How many times as long it takes; `null` where a side has no duration.
    pub factor: Option<f64>,
    /// Why it failed last, the beginning of it. Recorded text.
    pub message: Option<String>,
    /// Where it is in the code.
    pub location: Option<Location>,
    /// The command that explains the execution that says most: one that failed, else one after.
    pub next: String,
}

/// How a test ended, and how long it took, in one of the two sets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TestSide {
    /// How its newest execution ended.
    pub outcome: Outcome,
    /// How often it was executed.
    pub executions: u64,
    /// How many of these failed.
    pub failed: u64,
    /// Median of those that passed; `null` where none has a duration.
    pub median_nanos: Option<i64>,
    /// The execution to look at: the newest that failed, else the longest, else the newest.
    pub evidence: Evidence,
}

crate::question!(TestsQuestion, "tests", Read, Rows, Tests);
crate::schema!(Tests, "kino.tests.v1");
