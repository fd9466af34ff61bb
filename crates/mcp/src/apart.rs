//! What sets a trace apart, as tables of `explain`: the first cause, the wait, what differs, the log lines. Each is
//! recorded text, cleaned and bounded, in columns named `untrusted.*`.

use kino_wire::apart::{Apart, Difference, Earlier, Failure, LogLine, OperationApart, Wait};
use kino_wire::explain::ExplainTrace;

use crate::answer::Table;
use crate::calls::{at, evidence, location};
use crate::cells::Cell;
use crate::recorded::MESSAGE_BYTES_MAX;

/// Spans that a failure passed through and that are named.
const PASSED_MAX: usize = 3;

/// Facts about the whole: few, since they are shown whatever the budget.
pub(crate) fn facts(explained: &ExplainTrace) -> Vec<(&'static str, Cell)> {
    let mut facts = Vec::new();
    if let Some(apart) = &explained.apart {
        let is = |truth: bool| Cell::Plain(if truth { "yes" } else { "no" }.into());
        facts.extend([("failed", is(apart.failed)), ("slow", is(apart.slow))]);
        facts.extend(apart.likes.duration.map(|usual| ("usual", Cell::Nanos(usual.p50_nanos))));
        facts.push(("others", Cell::Count(apart.likes.executions)));
        let counts = [
            ("others_failed", apart.likes.failed),
            ("others_slow", apart.likes.slow),
            ("others_not_read", apart.likes.traces_left_out),
            ("differences_beyond", apart.operations_left_out + apart.attributes_left_out),
        ];
        facts
            .extend(counts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, Cell::Count(count))));
    }
    facts.extend(explained.next.as_deref().map(next));
    facts
}

/// The next call. Names of operations in it were recorded.
fn next(command: &str) -> (&'static str, Cell) {
    let open = command.strip_prefix("kino open ");
    let is_place = |place: &&str| place.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'/');
    let cell = match open.filter(is_place) {
        Some(place) => Cell::Plain(format!("open_evidence id={place}")),
        None => Cell::recorded(command),
    };
    ("ask_next", cell)
}

/// The tables, the most telling first.
pub(crate) fn tables(explained: &ExplainTrace) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    tables.extend(explained.failure.as_ref().map(cause_table));
    tables.extend(explained.failure.as_ref().and_then(|failure| failure.earlier.as_ref()).map(earlier_table));
    if let Some(apart) = &explained.apart {
        tables.extend(apart.wait.as_ref().map(wait_table));
        tables.push(attributes_table(apart));
        tables.push(operations_table(apart));
    }
    tables.push(logs_table(&explained.logs, explained.root.as_ref().map_or(0, |root| root.start_unix_nanos)));
    tables.retain(|table| !table.rows.is_empty());
    tables
}

fn cause_table(failure: &Failure) -> Table {
    let mut table = Table::new(
        "first_cause",
        1,
        &["service", "name", "type", "message", "frame", "function", "passed", "reported", "handled", "evidence"],
    );
    let cause = &failure.cause;
    let frame = cause.frame.as_ref();
    let place = frame.map_or_else(|| location(cause.location.as_ref()), |frame| at(&frame.path, frame.line));
    let passed: Vec<&str> = failure.passed.iter().skip(1).take(PASSED_MAX).map(String::as_str).collect();
    let reported = failure.reported.as_ref().map(|it| format!("{}: {}", it.error_type, it.message));
    table.rows.push(vec![
        Cell::recorded(&cause.service),
        Cell::recorded(&cause.name),
        Cell::recorded(&cause.error_type),
        Cell::recorded_up_to(&cause.message, MESSAGE_BYTES_MAX),
        place,
        frame.map_or(Cell::Empty, |frame| Cell::recorded(&frame.function)),
        Cell::recorded(&passed.join(" < ")),
        Cell::recorded(&reported.unwrap_or_default()),
        if failure.handled { Cell::Plain("yes".into()) } else { Cell::Empty },
        evidence(std::slice::from_ref(&cause.evidence)),
    ]);
    table
}

fn earlier_table(earlier: &Earlier) -> Table {
    let columns =
        ["service", "name", "type", "message", "frame", "function", "attributes", "good", "good_with_it", "evidence"];
    let mut table = Table::new("caught_before", 1, &columns);
    let frame = earlier.frame.as_ref();
    let attributes: Vec<String> = earlier.attributes.iter().map(|it| format!("{}={}", it.key, it.value)).collect();
    table.rows.push(vec![
        Cell::recorded(&earlier.service),
        Cell::recorded(&earlier.name),
        Cell::recorded(&earlier.error_type),
        Cell::recorded_up_to(&earlier.message, MESSAGE_BYTES_MAX),
        frame.map_or(Cell::Empty, |frame| at(&frame.path, frame.line)),
        frame.map_or(Cell::Empty, |frame| Cell::recorded(&frame.function)),
        Cell::recorded(&attributes.join(", ")),
        Cell::Count(earlier.likes),
        Cell::Count(earlier.likes_with_it),
        evidence(std::slice::from_ref(&earlier.evidence)),
    ]);
    table
}

fn wait_table(wait: &Wait) -> Table {
    let mut table =
        Table::new("wait", 1, &["kind", "service", "name", "took", "usual", "share", "what", "code_at", "evidence"]);
    table.rows.push(vec![
        Cell::word(&wait.kind),
        Cell::recorded(&wait.service),
        Cell::recorded(&wait.name),
        Cell::Nanos(wait.nanos),
        Cell::nanos(wait.usual_nanos),
        Cell::Share(wait.share),
        Cell::recorded(wait.what.as_deref().unwrap_or_default()),
        location(wait.location.as_ref()),
        evidence(std::slice::from_ref(&wait.evidence)),
    ]);
    table
}

fn attributes_table(apart: &Apart) -> Table {
    let columns = ["key", "value", "usual", "others_with_it", "others", "as_bad_with_it", "as_bad"];
    let mut table = Table::new("attributes_apart", 3, &columns);
    for row in &apart.attributes {
        table.rows.push(vec![
            Cell::recorded(&row.key),
            Cell::recorded(&row.value),
            Cell::recorded(row.usual.as_deref().unwrap_or_default()),
            Cell::Count(row.likes_with_it),
            Cell::Count(row.likes),
            Cell::Count(row.alike_with_it),
            Cell::Count(row.alike),
        ]);
    }
    table
}

fn operations_table(apart: &Apart) -> Table {
    let columns = ["differs", "service", "name", "calls", "usual_calls", "call", "usual_call", "code_at", "evidence"];
    let mut table = Table::new("operations_apart", 3, &columns);
    table.rows = apart.operations.iter().map(operation_row).collect();
    table
}

fn operation_row(row: &OperationApart) -> Vec<Cell> {
    let difference = match row.difference {
        Difference::OnlyHere => "only here",
        Difference::Missing => "missing",
        Difference::MoreCalls => "more calls",
        Difference::FewerCalls => "fewer calls",
        Difference::Slower => "slower",
        Difference::Fails => "fails",
    };
    vec![
        Cell::Plain(difference.into()),
        Cell::recorded(&row.service),
        Cell::recorded(&row.name),
        Cell::Count(row.calls),
        Cell::Number(row.usual_calls),
        Cell::nanos(row.call_nanos),
        Cell::nanos(row.usual_call_nanos),
        location(row.location.as_ref()),
        row.evidence.as_ref().map_or(Cell::Empty, |place| evidence(std::slice::from_ref(place))),
    ]
}

fn logs_table(logs: &[LogLine], start: i64) -> Table {
    let mut table = Table::new("logs", 3, &["at", "severity", "service", "body", "times", "only_here"]);
    table.rows = logs
        .iter()
        .map(|line| {
            vec![
                Cell::Nanos(line.time_unix_nanos - start),
                Cell::recorded(&line.severity),
                Cell::recorded(&line.service),
                Cell::recorded_up_to(&line.body, MESSAGE_BYTES_MAX),
                Cell::Count(line.times),
                line.apart.as_ref().map_or(Cell::Empty, |apart| match &apart.usual {
                    Some(usual) => Cell::recorded_up_to(&format!("others: {usual}"), MESSAGE_BYTES_MAX),
                    None => Cell::Plain("yes".into()),
                }),
            ]
        })
        .collect();
    table
}
