//! `tests`: which tests fail, are flaky, take long, or ask a database most; and what two sets of them differ in.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use kino_analyze::compare::LooseLines;
use kino_analyze::execution::Execution;
use kino_analyze::suite::{self as analyze, Changed, Test, TestId, median, tests};
use kino_analyze::tree::{Tree, trees};
use kino_model::test_case::{self, Outcome};
use kino_model::{Trace, UnixNanos};
use kino_store::snapshot::TraceFilter;
use kino_wire::Problem;
use kino_wire::compare::Sides;
use kino_wire::finding::Evidence;
use kino_wire::suite::{
    DEFAULT_LIMIT, MAX_LIMIT, TestChange, TestItem, TestList, TestSide, Tests, TestsCompared, TestsQuestion,
};
use kino_wire::window::Window;

use crate::error::OrProblem;
use crate::execution_set::ExecutionSet;
use crate::limit::limit;
use crate::load;
use crate::offload::offload;
use crate::temporary_worktrees::leave_out_temporary;
use crate::{Engine, scope, to_wire};

/// Traces with tests that are looked at, the newest.
const TRACES_MAX: usize = 5_000;
/// Changes of each kind in a comparison.
const CHANGES_MAX: usize = 50;
/// What spans of tests say; one of these is on each.
const SAID_OF_TESTS: [(&str, &str); 3] =
    [(test_case::RESULT, "pass"), (test_case::RESULT, "fail"), (test_case::OUTCOME, "skipped")];

impl Engine {
    pub(crate) async fn tests(&self, question: TestsQuestion) -> Result<Tests, Problem> {
        let limit = limit(question.limit, DEFAULT_LIMIT, MAX_LIMIT)?;
        let now = self.inner.clock.now().0;
        let window = Window {
            start_unix_nanos: question.since_unix_nanos.unwrap_or(i64::MIN),
            end_unix_nanos: question.until_unix_nanos.unwrap_or(i64::MAX),
        };
        let set = match (&question.run, &question.label) {
            (Some(_), Some(_)) => return Err(Problem::invalid("run and label exclude each other: name one of them")),
            (Some(run), None) => self.execution_set(&format!("run:{run}"), &question.scope).await?,
            (None, Some(label)) => self.execution_set(&format!("label:{label}"), &question.scope).await?,
            (None, None) => self.traces_with_tests(window, &question).await?,
        };
        let chosen = question.run.is_some() || question.label.is_some();
        let against = question.since_unix_nanos.filter(|_| !chosen).map(|since| Window {
            start_unix_nanos: since.saturating_sub(window.end_unix_nanos.min(now).saturating_sub(since).max(0)),
            end_unix_nanos: since,
        });
        let earlier = match against {
            Some(against) => Some((against, self.traces_with_tests(against, &question).await?)),
            None => None,
        };
        offload(move || answer(&question, &set, earlier.as_ref(), window, limit)).await.or_problem()
    }

    /// Loads the newest traces of a window that have tests.
    async fn traces_with_tests(&self, window: Window, question: &TestsQuestion) -> Result<ExecutionSet, Problem> {
        let snapshot = self.snapshot();
        let mut lists = Vec::new();
        for (key, value) in SAID_OF_TESTS {
            let filter = TraceFilter {
                service: question.service.clone(),
                attributes: vec![(key.to_owned(), value.to_owned())],
                since: (window.start_unix_nanos > i64::MIN).then_some(UnixNanos(window.start_unix_nanos)),
                until: (window.end_unix_nanos < i64::MAX).then_some(UnixNanos(window.end_unix_nanos)),
                project: scope::project(&question.scope),
                ..TraceFilter::default()
            };
            lists.push(snapshot.trace_ids_of(&filter).await.or_problem()?);
        }
        // Each list begins with the newest, so that the newest of all come first when they take turns.
        let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
        let in_turn = (0..longest).flat_map(|at| lists.iter().filter_map(move |list| list.get(at).copied()));
        let mut seen = HashSet::new();
        let ids: Vec<_> = in_turn.filter(|id| seen.insert(*id)).collect();
        let beyond = ids.len().saturating_sub(TRACES_MAX) as u64;
        let (mut traces, skipped) = load::traces(&snapshot, ids.into_iter().take(TRACES_MAX)).await?;
        let temporary = leave_out_temporary(&mut traces, &self.scratch()).len() as u64;
        Ok(ExecutionSet { traces, left_out: beyond + skipped.len() as u64 + temporary, lines: LooseLines::new() })
    }
}

/// The tests of a set that were executed within the window.
fn within<'t>(trees: &'t [Tree<'_>], window: Window, question: &TestsQuestion) -> Vec<Test<'t>> {
    let mut found = tests(trees);
    found.retain_mut(|test| {
        test.executions.retain(|one| (window.start_unix_nanos..window.end_unix_nanos).contains(&one.start));
        let is_asked =
            |test: &Test<'_>| question.service.as_ref().is_none_or(|service| *service == test.newest().id.service);
        !test.executions.is_empty() && is_asked(test)
    });
    found
}

fn answer(
    question: &TestsQuestion,
    set: &ExecutionSet,
    earlier: Option<&(Window, ExecutionSet)>,
    window: Window,
    limit: usize,
) -> Tests {
    let trees_now = trees(&set.traces);
    let found = within(&trees_now, window, question);
    let none: Vec<Arc<Trace>> = Vec::new();
    let trees_before = trees(earlier.map_or(&none, |(_, set)| &set.traces));
    let before = earlier.map(|(against, _)| within(&trees_before, *against, question)).unwrap_or_default();
    let suites = analyze::compare(&before, &found);
    let slower: BTreeMap<&TestId, Option<i64>> = suites
        .slower
        .iter()
        .filter_map(|change| Some((&change.after?.newest().id, median(&change.before?.durations()))))
        .collect();
    let mut answer = Tests {
        schema: Tests::SCHEMA.to_owned(),
        tests: found.len() as u64,
        against: earlier.map(|(against, _)| *against).filter(|_| !before.is_empty()),
        traces_left_out: set.left_out,
        executions_left_out: found.iter().map(|test| test.left_out).sum(),
        ..Tests::default()
    };
    let mut runs = BTreeSet::new();
    for one in found.iter().flat_map(|test| &test.executions) {
        answer.executions += 1;
        *answer.outcomes.entry(one.outcome).or_default() += 1;
        runs.extend(one.run_id);
    }
    answer.runs = runs.len() as u64;
    let mut lists: BTreeMap<usize, (TestList, usize, Vec<TestList>)> = BTreeMap::new();
    for list in TestList::ALL {
        let members = members(list, &found, &slower);
        answer.on_list.insert(list.name().to_owned(), members.len() as u64);
        for (rank, index) in members.into_iter().take(limit).enumerate() {
            lists.entry(index).or_insert_with(|| (list, rank, Vec::new())).2.push(list);
        }
    }
    let mut chosen: Vec<_> = lists.into_iter().collect();
    chosen.sort_by_key(|(_, (list, rank, _))| (*list, *rank));
    answer.items = chosen.into_iter().map(|(index, (_, _, lists))| item(&found[index], lists, &slower)).collect();
    answer.notes = notes(&answer, &found, earlier.is_some());
    answer
}

/// The tests on a list, by weight: their indices.
fn members(list: TestList, found: &[Test<'_>], slower: &BTreeMap<&TestId, Option<i64>>) -> Vec<usize> {
    // Of each test how much it weighs; `None` where it is not on the list.
    let weight = |test: &Test<'_>| -> Option<i64> {
        match list {
            TestList::Failing => test.failing().map(|one| one.start),
            TestList::Flaky => test.flake().map(|_| i64::try_from(test.failures()).unwrap_or(i64::MAX)),
            TestList::Slower => {
                let (before, now) = ((*slower.get(&test.newest().id)?)?, median(&test.durations())?);
                Some(now - before)
            }
            TestList::Slowest => median(&test.durations()),
            TestList::Statements => test.most_statements().map(|one| i64::try_from(one.statements).unwrap_or(i64::MAX)),
        }
    };
    let mut weighed: Vec<(i64, usize)> =
        found.iter().enumerate().filter_map(|(index, test)| Some((weight(test)?, index))).collect();
    weighed.sort_by_key(|(weight, index)| (std::cmp::Reverse(*weight), *index));
    weighed.into_iter().map(|(_, index)| index).collect()
}

fn item(test: &Test<'_>, lists: Vec<TestList>, slower: &BTreeMap<&TestId, Option<i64>>) -> TestItem {
    let newest = test.newest();
    let failing = test.failing().or_else(|| test.executions.iter().find(|one| one.has_failed));
    let flake = test.flake();
    let heaviest = test.most_statements().filter(|_| lists == [TestList::Statements]);
    let evidence = match (test.failing(), flake) {
        (Some(failing), _) => failing.evidence,
        (None, Some(flake)) => flake.failed,
        (None, None) => heaviest.or_else(|| test.longest()).unwrap_or(newest).evidence,
    };
    let evidence = to_wire::evidence(&evidence);
    TestItem {
        service: newest.id.service.clone(),
        framework: newest.framework.map(str::to_owned),
        suite: newest.id.suite.clone(),
        name: newest.id.name.clone(),
        outcome: newest.outcome,
        executions: test.executions.len() as u64 + test.left_out,
        failed: test.failures(),
        median_nanos: median(&test.durations()),
        max_nanos: test.longest().and_then(|one| one.duration),
        before_nanos: if lists.contains(&TestList::Slower) { slower.get(&newest.id).copied().flatten() } else { None },
        statements: test.most_statements().map_or(0, |one| one.statements),
        peak_memory_bytes: test.executions.iter().filter_map(|one| one.peak_memory).max(),
        message: failing.and_then(|one| one.message.clone()),
        flaky_at: flake.map(|flake| flake.at.to_owned()),
        location: test.executions.iter().find_map(|one| one.location.clone()).map(to_wire::location),
        next: explain(&evidence),
        evidence,
        passed: flake.map(|flake| to_wire::evidence(&flake.passed)),
        lists,
    }
}

/// The command that explains an execution; ids alone, so that it holds no recorded name.
fn explain(evidence: &Evidence) -> String {
    match evidence.span_id {
        Some(span) => format!("kino explain {}/{span}", evidence.trace_id),
        None => format!("kino explain {}", evidence.trace_id),
    }
}

fn notes(answer: &Tests, found: &[Test<'_>], asked_before: bool) -> Vec<String> {
    let mut notes = Vec::new();
    let untimed = found.iter().flat_map(|test| &test.executions);
    let untimed = untimed.filter(|one| one.duration.is_none() && one.outcome != Outcome::Skipped).count();
    if untimed > 0 {
        notes.push(format!(
            "{untimed} executions have no duration of their own: they are known from text or a report that says none"
        ));
    }
    if asked_before && answer.against.is_none() && answer.tests > 0 {
        notes.push(
            "no test was recorded in the stretch of the same length before: nothing to be slower than".to_owned(),
        );
    }
    notes
}

/// What two sets differ in; `None` where one of them has no tests.
pub(crate) fn compared(executions: [&[Execution<'_, '_>]; 2]) -> Option<TestsCompared> {
    let [before, after] = executions.map(analyze::tests_of);
    if before.is_empty() || after.is_empty() {
        return None;
    }
    let suites = analyze::compare(&before, &after);
    let mut left_out = 0;
    let mut cut = |changes: &[Changed<'_, '_>]| {
        left_out += changes.len().saturating_sub(CHANGES_MAX) as u64;
        changes.iter().take(CHANGES_MAX).map(change).collect::<Vec<_>>()
    };
    let (new_failures, repaired) = (cut(&suites.new_failures), cut(&suites.repaired));
    let (flaky, slower) = (cut(&suites.flaky), cut(&suites.slower));
    Some(TestsCompared {
        tests: Sides { before: before.len() as u64, after: after.len() as u64 },
        new_failures,
        repaired,
        flaky,
        slower,
        still_failing: suites.still_failing,
        appeared: suites.appeared,
        vanished: suites.vanished,
        together: suites.together,
        left_out,
    })
}

fn change(change: &Changed<'_, '_>) -> TestChange {
    let known = change.after.or(change.before).expect("a test is on one of two sides").newest();
    let [before, after] = [change.before, change.after].map(|test| test.map(side));
    let failed = change.flake.as_ref().map(|(_, failed, _)| to_wire::evidence(failed));
    let sides = [&after, &before].map(|side| side.as_ref().map(|side| side.evidence.clone()));
    let shown = failed.into_iter().chain(sides.into_iter().flatten()).next();
    let failing = [change.after, change.before].into_iter().flatten();
    let failing = failing.flat_map(|test| &test.executions).find(|one| one.has_failed);
    TestChange {
        service: known.id.service.clone(),
        suite: known.id.suite.clone(),
        name: known.id.name.clone(),
        before,
        after,
        factor: change.factor,
        message: failing.and_then(|one| one.message.clone()),
        location: known.location.clone().map(to_wire::location),
        next: shown.as_ref().map(explain).unwrap_or_default(),
    }
}

fn side(test: &Test<'_>) -> TestSide {
    let shown = test.failing().or_else(|| test.longest()).unwrap_or_else(|| test.newest());
    TestSide {
        outcome: test.newest().outcome,
        executions: test.executions.len() as u64 + test.left_out,
        failed: test.failures(),
        median_nanos: median(&test.durations()),
        evidence: to_wire::evidence(&shown.evidence),
    }
}
