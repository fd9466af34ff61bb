//! `find_traces` with `list: tests`, and the tests of a comparison, as tables.

use kino_wire::ask::ask;
use kino_wire::finding::Evidence;
use kino_wire::suite::{MAX_LIMIT, TestChange, TestItem, TestList, Tests, TestsCompared, TestsQuestion};

use crate::answer::{Answer, Rendered, Table};
use crate::arguments;
use crate::tools::{Refusal, ToolContext, evidence, location, shapes};
use crate::untrusted::MESSAGE_BYTES_MAX;
use crate::value::Value;

impl ToolContext<'_> {
    /// Lists tests. What holds for them is `run`, `service`, `since`, `until`, `limit` (of each kind) and `cursor`.
    pub(crate) async fn list_tests(&self, arguments: arguments::Find) -> Result<Rendered, Refusal> {
        let question = TestsQuestion {
            run: arguments.run,
            label: None,
            since_unix_nanos: arguments::optional_time(arguments.since.as_ref(), self.now)?,
            until_unix_nanos: arguments::optional_time(arguments.until.as_ref(), self.now)?,
            service: arguments.service,
            limit: arguments.limit.min(MAX_LIMIT),
            scope: self.scope.clone(),
        };
        let mut answer = answer(&ask(self.backend, &question).await?);
        answer.facts.insert(0, self.scope_fact());
        self.finish(&answer, arguments.cursor.as_ref())
    }
}

fn answer(tests: &Tests) -> Answer {
    let on = |list: TestList| tests.on_list.get(list.name()).copied().unwrap_or(0);
    let mut facts = vec![
        ("tests", Value::Count(tests.tests)),
        ("executions", Value::Count(tests.executions)),
        ("failing", Value::Count(on(TestList::Failing))),
        ("flaky", Value::Count(on(TestList::Flaky))),
    ];
    facts.extend(tests.against.map(|_| ("slower", Value::Count(on(TestList::Slower)))));
    let beyond = [("traces_beyond", tests.traces_left_out), ("executions_beyond", tests.executions_left_out)];
    facts.extend(beyond.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, Value::Count(count))));
    let mut notes = tests.notes.clone();
    if tests.tests == 0 {
        notes.push("no test is recorded in this scope: run the suite with `kino run -- CMD`".to_owned());
    } else {
        notes.push("explain target=EVIDENCE shows what a test did".to_owned());
    }
    let table = Table::with_rows(&shapes::TESTS, tests.items.iter().map(row));
    Answer { tool: "find_traces", facts, notes, tables: vec![table], next: None }
}

fn row(test: &TestItem) -> Vec<Value> {
    let lists: Vec<&str> = test.lists.iter().map(|list| list.name()).collect();
    vec![
        Value::Plain(lists.join(" ")),
        Value::recorded(&test.service),
        Value::recorded(&test.suite),
        Value::recorded(&test.name),
        Value::word(test.outcome.name()),
        Value::Count(test.executions),
        Value::Count(test.failed),
        Value::nanos(test.median_nanos),
        Value::nanos(test.before_nanos),
        Value::Count(test.statements),
        test.peak_memory_bytes.and_then(|peak| u64::try_from(peak).ok()).map_or(Value::Empty, Value::Count),
        test.message.as_deref().map_or(Value::Empty, |text| Value::recorded_up_to(text, MESSAGE_BYTES_MAX)),
        location(test.location.as_ref()),
        one(Some(&test.evidence)),
        one(test.passed.as_ref()),
    ]
}

fn one(place: Option<&Evidence>) -> Value {
    place.map_or(Value::Empty, |place| evidence(std::slice::from_ref(place)))
}

/// The tests of a comparison: facts, and a table of what changed.
pub(crate) fn compared(tests: &TestsCompared) -> (Vec<(&'static str, Value)>, Table) {
    let mut facts =
        vec![("tests_before", Value::Count(tests.tests.before)), ("tests_after", Value::Count(tests.tests.after))];
    let counts = [
        ("tests_new", tests.appeared),
        ("tests_gone", tests.vanished),
        ("tests_failing_on_both_sides", tests.still_failing),
        ("tests_beyond", tests.left_out),
    ];
    facts.extend(counts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, Value::Count(count))));
    let kinds = [
        ("new failure", &tests.new_failures),
        ("flaky", &tests.flaky),
        ("repaired", &tests.repaired),
        ("slower", &tests.slower),
    ];
    let rows = kinds.into_iter().flat_map(|(kind, changes)| changes.iter().map(move |change| changed(kind, change)));
    (facts, Table::with_rows(&shapes::TESTS_CHANGED, rows))
}

fn changed(kind: &'static str, change: &TestChange) -> Vec<Value> {
    let sides = [change.before.as_ref(), change.after.as_ref()];
    let [was, is] = sides.map(|side| side.map_or(Value::Empty, |side| Value::word(side.outcome.name())));
    let [took, takes] = sides.map(|side| Value::nanos(side.and_then(|side| side.median_nanos)));
    let [earlier, now] = sides.map(|side| one(side.map(|side| &side.evidence)));
    vec![
        Value::Plain(kind.to_owned()),
        Value::recorded(&change.suite),
        Value::recorded(&change.name),
        was,
        is,
        took,
        takes,
        change.message.as_deref().map_or(Value::Empty, |text| Value::recorded_up_to(text, MESSAGE_BYTES_MAX)),
        location(change.location.as_ref()),
        earlier,
        now,
    ]
}
