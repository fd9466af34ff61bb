//! What sets a trace apart, as tables of `explain`: the first cause, the wait, what differs, the log lines. Each is
//! recorded text, cleaned and bounded, in columns named `untrusted.*`.

use kino_wire::apart::{Apart, Difference, Earlier, Failure, LogLine, OperationApart, Wait};
use kino_wire::explain::ExplainTrace;

use crate::answer::Table;
use crate::tools::{at, evidence, location, searched, shapes};
use crate::untrusted::MESSAGE_BYTES_MAX;
use crate::value::Value;

/// Spans that a failure passed through and that are named.
const PASSED_MAX: usize = 3;

/// Facts about the whole: few, since they are shown whatever the budget.
pub(crate) fn facts(explained: &ExplainTrace) -> Vec<(&'static str, Value)> {
    let mut facts = Vec::new();
    if let Some(apart) = &explained.apart {
        let is = |truth: bool| Value::Plain(if truth { "yes" } else { "no" }.into());
        facts.extend([("failed", is(apart.failed)), ("slow", is(apart.slow))]);
        facts.extend(apart.likes.duration.map(|usual| ("usual", Value::Nanos(usual.p50_nanos))));
        facts.push(("others", Value::Count(apart.likes.executions)));
        let counts = [
            ("others_failed", apart.likes.failed),
            ("others_slow", apart.likes.slow),
            ("others_not_read", apart.likes.traces_left_out),
            ("differences_beyond", apart.operations_left_out + apart.attributes_left_out),
        ];
        facts.extend(
            counts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, Value::Count(count))),
        );
    }
    facts.extend(explained.next.as_deref().map(next));
    facts
}

/// The next call, as a tool's. Names of operations in it were recorded.
fn next(command: &str) -> (&'static str, Value) {
    let open = command.strip_prefix("kino open ");
    let is_place = |place: &&str| place.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'/');
    let cell = match (open.filter(is_place), command.strip_prefix("kino explain ")) {
        (Some(place), _) => Value::Plain(format!("open_evidence id={place}")),
        (None, Some(operation)) => Value::recorded(&explain(operation)),
        (None, None) => Value::recorded(command),
    };
    ("ask_next", cell)
}

/// `explain` of an operation, from what follows the command: a name in one word or in quotes, and its service.
fn explain(operation: &str) -> String {
    let is_name = |name: &str| name.starts_with('\'') == (name.len() > 1 && name.ends_with('\''));
    match operation.rsplit_once(" --service ").filter(|(name, _)| is_name(name)) {
        Some((name, service)) => format!("explain target={name} service={service}"),
        None => format!("explain target={operation}"),
    }
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
    let mut table = Table::new(&shapes::FIRST_CAUSE);
    let cause = &failure.cause;
    let frame = cause.frame.as_ref();
    let place = frame.map_or_else(|| location(cause.location.as_ref()), |frame| at(&frame.path, frame.line));
    let passed: Vec<&str> = failure.passed.iter().skip(1).take(PASSED_MAX).map(String::as_str).collect();
    let reported = failure.reported.as_ref().map(|it| format!("{}: {}", it.error_type, it.message));
    table.rows.push(vec![
        Value::recorded(&cause.service),
        Value::recorded(&cause.name),
        Value::recorded(&cause.error_type),
        Value::recorded_up_to(&cause.message, MESSAGE_BYTES_MAX),
        place,
        frame.map_or(Value::Empty, |frame| Value::recorded(&frame.function)),
        searched(cause.searched.as_ref()),
        Value::recorded(&passed.join(" < ")),
        Value::recorded(&reported.unwrap_or_default()),
        if failure.handled { Value::Plain("yes".into()) } else { Value::Empty },
        evidence(std::slice::from_ref(&cause.evidence)),
    ]);
    table
}

fn earlier_table(earlier: &Earlier) -> Table {
    let mut table = Table::new(&shapes::CAUGHT_BEFORE);
    let frame = earlier.frame.as_ref();
    let attributes: Vec<String> = earlier.attributes.iter().map(|it| format!("{}={}", it.key, it.value)).collect();
    table.rows.push(vec![
        Value::recorded(&earlier.service),
        Value::recorded(&earlier.name),
        Value::recorded(&earlier.error_type),
        Value::recorded_up_to(&earlier.message, MESSAGE_BYTES_MAX),
        frame.map_or(Value::Empty, |frame| at(&frame.path, frame.line)),
        frame.map_or(Value::Empty, |frame| Value::recorded(&frame.function)),
        Value::recorded(&attributes.join(", ")),
        Value::Count(earlier.likes),
        Value::Count(earlier.likes_with_it),
        evidence(std::slice::from_ref(&earlier.evidence)),
    ]);
    table
}

fn wait_table(wait: &Wait) -> Table {
    let mut table = Table::new(&shapes::WAIT);
    table.rows.push(vec![
        Value::word(wait.kind.name()),
        Value::recorded(&wait.service),
        Value::recorded(&wait.name),
        Value::Nanos(wait.nanos),
        Value::nanos(wait.usual_nanos),
        Value::Share(wait.share),
        Value::recorded(wait.what.as_deref().unwrap_or_default()),
        location(wait.location.as_ref()),
        searched(wait.searched.as_ref()),
        evidence(std::slice::from_ref(&wait.evidence)),
    ]);
    table
}

fn attributes_table(apart: &Apart) -> Table {
    let mut table = Table::new(&shapes::ATTRIBUTES_APART);
    for row in &apart.attributes {
        table.rows.push(vec![
            Value::recorded(&row.key),
            Value::recorded(&row.value),
            Value::recorded(row.usual.as_deref().unwrap_or_default()),
            Value::Count(row.likes_with_it),
            Value::Count(row.likes),
            Value::Count(row.alike_with_it),
            Value::Count(row.alike),
        ]);
    }
    table
}

fn operations_table(apart: &Apart) -> Table {
    Table::with_rows(&shapes::OPERATIONS_APART, apart.operations.iter().map(operation_row))
}

fn operation_row(row: &OperationApart) -> Vec<Value> {
    let difference = match row.difference {
        Difference::OnlyHere => "only here",
        Difference::Missing => "missing",
        Difference::MoreCalls => "more calls",
        Difference::FewerCalls => "fewer calls",
        Difference::Slower => "slower",
        Difference::Fails => "fails",
    };
    vec![
        Value::Plain(difference.into()),
        Value::recorded(&row.service),
        Value::recorded(&row.name),
        Value::Count(row.calls),
        Value::Number(row.usual_calls),
        Value::nanos(row.call_nanos),
        Value::nanos(row.usual_call_nanos),
        location(row.location.as_ref()),
        searched(row.searched.as_ref()),
        row.evidence.as_ref().map_or(Value::Empty, |place| evidence(std::slice::from_ref(place))),
    ]
}

fn logs_table(logs: &[LogLine], start: i64) -> Table {
    let mut table = Table::new(&shapes::LOGS);
    table.rows = logs
        .iter()
        .map(|line| {
            vec![
                Value::Nanos(line.time_unix_nanos - start),
                Value::recorded(&line.severity),
                Value::recorded(&line.service),
                Value::recorded_up_to(&line.body, MESSAGE_BYTES_MAX),
                Value::Count(line.times),
                line.apart.as_ref().map_or(Value::Empty, |apart| match &apart.usual {
                    Some(usual) => Value::recorded_up_to(&format!("others: {usual}"), MESSAGE_BYTES_MAX),
                    None => Value::Plain("yes".into()),
                }),
            ]
        })
        .collect();
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_call_is_a_tools() {
        let said = |command: &str| next(command).1.text();
        assert_eq!(said("kino open ab12/cd34"), "open_evidence id=ab12/cd34");
        assert_eq!(said("kino explain 'GET /x' --service shop"), "explain target='GET /x' service=shop");
        assert_eq!(said("kino explain load"), "explain target=load");
        assert_eq!(said("kino explain 'a --service b'"), "explain target='a --service b'");
    }
}
