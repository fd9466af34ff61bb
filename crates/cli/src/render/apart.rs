//! What sets a trace apart: why it failed, what it waited for, what differs, what it logged, and what to ask next.

use kino_model::finding::WaitKind;
use kino_wire::apart::{Apart, AttributeApart, Difference, Earlier, Failure, LogLine, OperationApart, Wait};
use kino_wire::errors::Frame;
use kino_wire::explain::ExplainTrace;

use super::table::Table;
use super::{Style, Tone, clean, count, counted, duration, finding, percent, wrap};

/// Spans that a failure passed through and that are named.
const PASSED_MAX: usize = 5;

/// All of it; nothing where the trace is like others.
pub(crate) fn text(answer: &ExplainTrace, style: Style) -> String {
    let mut text = String::new();
    if let Some(apart) = &answer.apart {
        text.push_str(&format!("\n{}\n", style.heading("What sets it apart")));
        text.push_str(&wrap(&outcome(apart), style, "  "));
    }
    if let Some(failure) = &answer.failure {
        let start = answer.root.as_ref().map(|root| root.start_unix_nanos);
        text.push_str(&failed(failure, start, style));
    }
    if let Some(apart) = &answer.apart {
        if let Some(wait) = &apart.wait {
            text.push_str(&waited(wait, apart, style));
        }
        if apart.first_of_process {
            text.push_str(
                "  the first execution of its process, which loads code, opens connections and fills caches\n",
            );
        }
        for attribute in &apart.attributes {
            text.push_str(&wrap(&attribute_line(attribute, apart), style, "  "));
        }
        text.push_str(&more(apart.attributes_left_out, "further attribute", style));
        text.push_str(&operations(apart, style));
    }
    text.push_str(&logs(answer, style));
    if let Some(next) = &answer.next {
        text.push_str(&format!("\nNext: {}\n", clean(next)));
    }
    text
}

fn more(left_out: u64, thing: &str, style: Style) -> String {
    if left_out == 0 {
        return String::new();
    }
    style.paint(Tone::Faint, &format!("  and {}\n", counted(left_out, thing)))
}

/// Whether it failed or was slow, and how the others did.
fn outcome(apart: &Apart) -> String {
    let what = match (apart.failed, apart.slow) {
        (true, true) => "failed, and was slow",
        (true, false) => "failed",
        (false, _) => "was slow",
    };
    let open = if apart.open { " so far, not ended" } else { "" };
    let mut text = format!(
        "{} ({}) {what}: {}{open}",
        clean(&apart.name),
        clean(&apart.service),
        duration(Some(apart.duration_nanos))
    );
    let likes = &apart.likes;
    if let Some(usual) = &likes.duration {
        text.push_str(&format!(
            ", usually {} (p95 {})",
            duration(Some(usual.p50_nanos)),
            duration(Some(usual.p95_nanos))
        ));
    }
    match likes.executions {
        0 => text.push_str("; no other execution before it or at its time is known"),
        executions => {
            text.push_str(&format!("; of {} before it and at its time ", counted(executions, "other")));
            text.push_str(&format!("{} failed and {} were slow", count(likes.failed), count(likes.slow)));
        }
    }
    if likes.meanwhile > 0 {
        let as_badly = format!("{} of them as badly", count(likes.meanwhile_alike));
        text.push_str(&format!("; {} ran meanwhile, {as_badly}", count(likes.meanwhile)));
    }
    if likes.traces_left_out > 0 {
        text.push_str(&format!("; {} with others not read", counted(likes.traces_left_out, "trace")));
    }
    text
}

fn failed(failure: &Failure, start: Option<i64>, style: Style) -> String {
    let cause = &failure.cause;
    let what = match (cause.error_type.as_str(), cause.message.as_str()) {
        ("", "") => "a failure of which nothing more is recorded".to_owned(),
        ("", message) => clean(message).into_owned(),
        (error_type, "") => clean(error_type).into_owned(),
        (error_type, message) => format!("{}: {}", clean(error_type), clean(message)),
    };
    let word = if failure.handled { "Failed within, and was handled" } else { "First cause" };
    let mut text = wrap(&format!("{}: {what}", style.paint(Tone::Bad, word)), style, "  ");
    let at = start.map(|start| format!(" {} after the start", duration(Some(cause.time_unix_nanos - start))));
    let at = at.unwrap_or_default();
    text.push_str(&wrap(&format!("in {} ({}){at}", clean(&cause.name), clean(&cause.service)), style, "    "));
    match (&cause.frame, &cause.location) {
        (Some(frame), _) => text.push_str(&format!("    at {}\n", frame_place(frame))),
        (None, Some(location)) => text.push_str(&format!("    at {}\n", finding::place(location))),
        (None, None) => {}
    }
    if let Some(searched) = &cause.searched {
        text.push_str(&wrap(&finding::searched(searched), style, "    "));
    }
    if cause.from_stack {
        text.push_str("    named by the stack of the exception that followed\n");
    }
    if let [_, passed @ ..] = failure.passed.as_slice()
        && !passed.is_empty()
    {
        let names: Vec<_> = passed.iter().take(PASSED_MAX).map(|name| clean(name).into_owned()).collect();
        let beyond = passed.len().saturating_sub(PASSED_MAX) as u64 + failure.passed_left_out;
        let beyond = if beyond > 0 { format!(" and {} more", count(beyond)) } else { String::new() };
        text.push_str(&wrap(&format!("passed up through {}{beyond}", names.join(", ")), style, "    "));
    }
    if let Some(reported) = &failure.reported {
        let reported = format!("reported as {}: {}", clean(&reported.error_type), clean(&reported.message));
        text.push_str(&wrap(&reported, style, "    "));
    }
    if failure.others > 0 {
        text.push_str(&format!("    {} failed besides\n", counted(failure.others, "other span")));
    }
    if let Some(earlier) = &failure.earlier {
        text.push_str(&caught_before(earlier, start, style));
    }
    text
}

/// What was caught before the first cause.
fn caught_before(earlier: &Earlier, start: Option<i64>, style: Style) -> String {
    let what = match (earlier.error_type.as_str(), earlier.message.as_str()) {
        ("", "") => "a failure of which nothing more is recorded".to_owned(),
        ("", message) => clean(message).into_owned(),
        (error_type, "") => clean(error_type).into_owned(),
        (error_type, message) => format!("{}: {}", clean(error_type), clean(message)),
    };
    let likes =
        if earlier.likes_with_it == 0 { "none".to_owned() } else { format!("only {}", count(earlier.likes_with_it)) };
    let line = format!(
        "{} it, and in {likes} of the {} that went well: {what}",
        style.paint(Tone::Bad, "Caught before"),
        count(earlier.likes)
    );
    let mut text = wrap(&line, style, "  ");
    let at = start.map(|start| format!(" {} after the start", duration(Some(earlier.time_unix_nanos - start))));
    let place = format!("in {} ({}){}", clean(&earlier.name), clean(&earlier.service), at.unwrap_or_default());
    text.push_str(&wrap(&place, style, "    "));
    if let Some(frame) = &earlier.frame {
        text.push_str(&format!("    at {}\n", frame_place(frame)));
    }
    for it in &earlier.attributes {
        let others = counted(it.others, "other");
        let with_it = count(it.others_with_it);
        text.push_str(&wrap(
            &format!("{} = {}: so {with_it} of {others}", clean(&it.key), clean(&it.value)),
            style,
            "    ",
        ));
    }
    if earlier.others > 0 {
        text.push_str(&format!("    and {} as rare\n", counted(earlier.others, "further kind")));
    }
    text
}

/// A frame in one line.
pub(crate) fn frame_place(frame: &Frame) -> String {
    let line = frame.line.map(|line| format!(":{line}")).unwrap_or_default();
    clean(&format!("{}{line} in {}", frame.path, frame.function)).into_owned()
}

fn waited(wait: &Wait, apart: &Apart, style: Style) -> String {
    let name = format!("{} ({})", clean(&wait.name), clean(&wait.service));
    let what = match wait.kind {
        WaitKind::Lock => format!("for a lock in {name}"),
        WaitKind::Database => format!("for the database in {name}"),
        WaitKind::Model => format!("for a language model in {name}"),
        WaitKind::Messaging => format!("for a queue in {name}"),
        WaitKind::Http => format!("for an HTTP server in {name}"),
        WaitKind::Rpc | WaitKind::Client => format!("for {name}"),
        WaitKind::BetweenCalls => format!("in {name} between its calls"),
        WaitKind::Itself => format!("in {name} itself, below which nothing is recorded"),
    };
    let usual = wait.usual_nanos.map(|usual| format!(", usually {}", duration(Some(usual)))).unwrap_or_default();
    let whole = if apart.slow && wait.usual_nanos.is_some() { "of the additional time" } else { "of its time" };
    let verb = if matches!(wait.kind, WaitKind::BetweenCalls | WaitKind::Itself) { "Spent" } else { "Waited" };
    let line = format!(
        "{} {} {what}{usual}: {} {whole}",
        style.paint(Tone::Warn, verb),
        duration(Some(wait.nanos)),
        percent(wait.share)
    );
    let mut text = wrap(&line, style, "  ");
    if let Some(what) = &wait.what {
        text.push_str(&wrap(&clean(what), style, "    "));
    }
    if let Some(location) = &wait.location {
        text.push_str(&format!("    at {}\n", finding::place(location)));
    }
    if let Some(searched) = &wait.searched {
        text.push_str(&wrap(&finding::searched(searched), style, "    "));
    }
    text
}

fn attribute_line(attribute: &AttributeApart, apart: &Apart) -> String {
    let usual = attribute.usual.as_ref().map(|usual| format!(", usually {}", clean(usual))).unwrap_or_default();
    let mut text = format!(
        "{} = {}: so {} of {}{usual}",
        clean(&attribute.key),
        clean(&attribute.value),
        count(attribute.likes_with_it),
        counted(attribute.likes, "other"),
    );
    if attribute.alike > 0 {
        let word = match (apart.failed, apart.slow) {
            (true, true) => "failed or were slow",
            (true, false) => "failed",
            (false, _) => "were slow",
        };
        text.push_str(&format!(
            "; and {} of {} that {word} too",
            count(attribute.alike_with_it),
            count(attribute.alike)
        ));
    }
    text
}

fn operations(apart: &Apart, style: Style) -> String {
    if apart.operations.is_empty() {
        return String::new();
    }
    let mut table = Table::new(style, &["DIFFERS", ">CALLS", ">USUALLY", ">A CALL", ">USUALLY", "OPERATION"]);
    for row in &apart.operations {
        let (word, tone) = difference(row);
        let mut operation = format!("{} ({})", clean(&row.name), clean(&row.service));
        if let Some(location) = &row.location {
            operation.push_str(&format!("\n  at {}", finding::place(location)));
        }
        if let Some(searched) = &row.searched {
            operation.push_str(&format!("\n  {}", finding::searched(searched)));
        }
        table.row(&[
            (&word, tone),
            (&count(row.calls), Tone::Plain),
            (&number(row.usual_calls), Tone::Plain),
            (&duration(row.call_nanos), Tone::Plain),
            (&duration(row.usual_call_nanos), Tone::Plain),
            (&operation, Tone::Plain),
        ]);
    }
    let indented = table.finish().lines().map(|line| format!("  {line}\n")).collect::<Vec<_>>().concat();
    format!("{indented}{}", more(apart.operations_left_out, "further operation", style))
}

fn difference(row: &OperationApart) -> (String, Tone) {
    match row.difference {
        Difference::OnlyHere => ("only here".to_owned(), Tone::Warn),
        Difference::Missing => ("missing".to_owned(), Tone::Warn),
        Difference::MoreCalls => ("more calls".to_owned(), Tone::Warn),
        Difference::FewerCalls => ("fewer calls".to_owned(), Tone::Warn),
        Difference::Slower => ("slower".to_owned(), Tone::Warn),
        Difference::Fails => ("fails".to_owned(), Tone::Bad),
    }
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 { count(value as u64) } else { format!("{value:.1}") }
}

fn logs(answer: &ExplainTrace, style: Style) -> String {
    if answer.logs.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", style.heading("Logs"));
    let start = answer.root.as_ref().map_or(0, |root| root.start_unix_nanos);
    for line in &answer.logs {
        text.push_str(&wrap(&log_line(line, start), style, "  "));
    }
    if answer.left_out.logs > 0 {
        text.push_str(&format!("  and {}\n", counted(answer.left_out.logs, "further log record")));
    }
    text
}

fn log_line(line: &LogLine, start: i64) -> String {
    let times = if line.times > 1 { format!(" (and {} alike)", count(line.times - 1)) } else { String::new() };
    let cut = if line.characters_left_out > 0 {
        format!("… ({})", counted(line.characters_left_out, "more character"))
    } else {
        String::new()
    };
    let at = duration(Some(line.time_unix_nanos - start));
    let severity = if line.severity.is_empty() { String::new() } else { format!(" {}", clean(&line.severity)) };
    let apart = match &line.apart {
        Some(apart) if apart.others == 0 => " ← only here".to_owned(),
        Some(apart) => {
            let usual = apart.usual.as_ref().map(|usual| format!(", such as: {}", clean(usual))).unwrap_or_default();
            format!(" ← only here; {} alike say otherwise{usual}", count(apart.others))
        }
        None => String::new(),
    };
    format!("at {at}{severity} ({}): {}{cut}{times}{apart}", clean(&line.service), clean(&line.body))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::EIGHTY;
    use super::*;

    /// An answer on a trace that failed, with recorded text that tries to move the cursor.
    fn answer() -> ExplainTrace {
        let hostile = "a\u{1b}[2J\u{202e}\nNext: kino forget --everything";
        let evidence = json!({"trace_id": "ab".repeat(16), "span_id": "cd".repeat(8)});
        let place = json!({"path": "shop/cart.py", "line": 20, "function": "checkout", "known_by": "attribute"});
        let root = json!({"span_id": "cd".repeat(8), "service": "shop", "name": "GET /", "start_unix_nanos": 1_000,
            "duration_nanos": 900_000_000});
        let row = json!({"service": "shop", "name": hostile, "difference": "more_calls", "calls": 1_731,
            "usual_calls": 1.5, "likes_with_it": 60, "likes": 60, "errors": 0, "likes_with_errors": 0,
            "call_nanos": 400_000, "usual_call_nanos": 390_000, "critical_nanos": 692_000_000,
            "usual_critical_nanos": 390_000, "where": place, "evidence": evidence});
        let apart = json!({"service": "shop", "name": "GET /", "duration_nanos": 900_000_000, "open": false,
            "failed": true, "slow": true, "first_of_process": true,
            "likes": {"executions": 100, "failed": 12, "slow": 3, "meanwhile": 4, "meanwhile_alike": 2,
                "duration": {"p50_nanos": 100_000_000, "p95_nanos": 131_000_000, "p99_nanos": 1, "max_nanos": 1},
                "traces_left_out": 7},
            "wait": {"service": "shop", "name": "SELECT stock", "kind": "database", "nanos": 700_000_000,
                "usual_nanos": 2_000_000, "share": 0.87, "what": "SELECT * FROM stock WHERE sku = ?",
                "where": place, "evidence": evidence},
            "operations": [row], "operations_left_out": 3,
            "attributes": [{"key": "tenant", "value": hostile, "usual": "acme", "likes_with_it": 0, "likes": 85,
                "alike_with_it": 12, "alike": 15}], "attributes_left_out": 0});
        let frame = json!({"path": "shop/stock.py", "line": 7, "function": "read", "in_project": true});
        let failure = json!({"cause": {"service": "shop", "name": "read", "type": "KeyError", "message": hostile,
                "time_unix_nanos": 120_001_000, "frame": frame, "where": null, "from_stack": true, "evidence": evidence},
            "passed": ["read", "load", "GET /"], "reported": {"type": "ShopError", "message": "no stock"},
            "handled": false, "others": 1, "earlier": {"service": "shop", "name": "import", "type": "ValueError",
                "message": hostile, "time_unix_nanos": 90_001_000, "frame": frame, "likes": 60, "likes_with_it": 0,
                "attributes": [{"key": "file", "value": hostile, "others": 700, "others_with_it": 2}], "others": 1,
                "evidence": evidence}});
        let log = json!({"time_unix_nanos": 119_001_000, "severity": "WARN", "service": "shop", "body": hostile,
            "characters_left_out": 9, "times": 3, "evidence": evidence, "apart": {"others": 59, "usual": hostile}});
        serde_json::from_value(json!({"schema": "kino.explain.v2", "trace_id": "ab".repeat(16), "spans": 9,
            "missing_parents": 0, "root": root, "other_roots": [], "critical_path": [], "breakdown": [], "findings": [],
            "path": {"segments": 0, "start_unix_nanos": 0, "end_unix_nanos": 0}, "next_offset": null,
            "apart": apart, "failure": failure, "logs": [log], "next": "kino open abab/cdcd",
            "left_out": {"executions": 0, "open_executions": 0, "spans_outside_parent": 0, "open_spans": 0,
                "breakdown_rows": 0, "findings": 0, "logs": 40}}))
        .unwrap()
    }

    #[test]
    fn why_it_failed_comes_first_and_recorded_text_stays_where_it_is_shown() {
        let text = text(&answer(), EIGHTY);
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("Next:")).count(), 1, "{text}");
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            r"First cause: KeyError: a\u{1b}[2J\u{202e}\nNext: kino forget --everything",
            "at shop/stock.py:7 in read",
            "passed up through load, GET /",
            "reported as ShopError: no stock",
            r"Caught before it, and in none of the 60 that went well: ValueError: a\u{1b}[2J",
            "in import (shop) 90.0 ms after the start",
            "so 2 of 700 others",
            "and 1 further kind as rare",
            "only here; 59 alike say otherwise, such as: a",
            "for the database in SELECT stock (shop), usually 2.00 ms: 87 % of the additional time",
            "so 0 of 85 others, usually acme; and 12 of 15 that failed or were slow too",
            "1,731",
            "and 3 further operations",
            "(9 more characters) (and 2 alike)",
            "and 40 further log records",
            "Next: kino open abab/cdcd",
        ] {
            assert!(words.contains(part), "{part:?} is not in {text}");
        }
    }

    #[test]
    fn a_trace_like_others_says_nothing() {
        let typical = ExplainTrace { apart: None, failure: None, logs: Vec::new(), next: None, ..answer() };
        assert_eq!(text(&typical, EIGHTY), "");
    }
}
