//! `explain`: a trace, an operation over many executions, or the whole system.

use std::cmp::Reverse;

use kino_wire::explain::{
    BreakdownRow, EntryPoint, ExplainOperation, ExplainSystem, ExplainTrace, LeftOut, PathSegment, PathTotal,
    Quantiles, RootSummary,
};

use super::table::Table;
use super::timeline::Timeline;
use super::{Style, Tone, apart, bar, clean, code_state, count, counted, duration, finding, percent, wrap};

/// How many segments of a critical path are shown, the longest; the rest is counted.
const SEGMENTS_MAX: usize = 20;
/// A path of at most this many segments is shown whole.
const SEGMENTS_ALL_MAX: usize = 8;
/// Of a longer one, the segments of at least this part of the whole.
const SEGMENT_SHARE_MIN: f64 = 0.01;
/// How many rows of a breakdown are shown; the rest is counted.
const ROWS_MAX: usize = 25;
/// How many roots besides the first are named.
const ROOTS_MAX: usize = 5;
/// The length of a whole bar.
const BAR_CELLS: usize = 12;

pub(crate) fn trace(answer: &ExplainTrace, timeline: &Timeline<'_>, style: Style) -> String {
    let mut text = format!("{} {}\n", style.heading("Trace"), answer.trace_id);
    match &answer.root {
        Some(root) => text.push_str(&format!("{}, {}\n", root_line(root), counted(answer.spans, "span"))),
        None => text.push_str(&format!("no root, {}\n", counted(answer.spans, "span"))),
    }
    for other in answer.other_roots.iter().take(ROOTS_MAX) {
        text.push_str(&format!("also a root: {}\n", root_line(other)));
    }
    let more = answer.other_roots.len().saturating_sub(ROOTS_MAX) as u64 + answer.left_out.other_roots;
    if more > 0 {
        text.push_str(&format!("and {} (--list other-roots names them)\n", counted(more, "other root")));
    }
    text.push_str(&nested(answer.nested_by_time));
    if answer.missing_parents > 0 {
        text.push_str(&format!("{} not arrived\n", counted(answer.missing_parents, "parent")));
    }
    text.push_str(&apart::text(answer, style));
    for waited in &answer.waited_for {
        text.push_str(&wrap(&clean(&waited.text), style, ""));
    }
    if timeline.is_worth_drawing() {
        let heading = style.heading("Waterfall");
        text.push_str(&format!("\n{heading} (█ the critical path, ░ beside it)\n{}", timeline.waterfall(style)));
    }
    if !answer.critical_path.is_empty() {
        text.push_str(&format!("\n{} (what the whole waits for, in time order)\n", style.heading("Critical path")));
        text.push_str(&path(&answer.critical_path, &answer.path, style));
    }
    text.push_str(&breakdown(&answer.breakdown, style));
    text.push_str(&findings(&answer.findings, style));
    text.push_str(&left_out(&answer.left_out, style));
    text
}

/// One operation over its executions.
pub(crate) fn operation(answer: &ExplainOperation, style: Style) -> String {
    let mut text = format!("{} ({})\n", style.heading(&clean(&answer.operation)), clean(&answer.services.join(", ")));
    if let Some(asked) = &answer.asked {
        let asked = format!("the only operation whose name contains {:?}\n", clean(asked));
        text.push_str(&style.paint(Tone::Faint, &asked));
    }
    let failed = if answer.errors > 0 { format!(", {} failed", count(answer.errors)) } else { String::new() };
    let state = answer.code_state.as_deref().map(|state| format!(" of code {}", code(state))).unwrap_or_default();
    let executions = counted(answer.executions, "execution");
    text.push_str(&format!("{executions}{state}{failed}, {}\n", counted(answer.spans, "span")));
    text.push_str(&nested(answer.nested_by_time));
    if let Some(quantiles) = &answer.duration {
        text.push_str(&format!("{}\n", quantiles_line(quantiles)));
    }
    text.push_str(&super::compare::calls_changed(&answer.calls_changed, style));
    text.push_str(&breakdown(&answer.breakdown, style));
    text.push_str(&findings(&answer.findings, style));
    text.push_str(&left_out(&answer.left_out, style));
    text
}

/// Says that spans were nested by time.
fn nested(count: u64) -> String {
    match count {
        0 => String::new(),
        _ => format!("{} nested by time: recorded beside the span that they ran in\n", counted(count, "span")),
    }
}

/// Every entry point.
pub(crate) fn system(answer: &ExplainSystem, style: Style) -> String {
    if answer.entry_points.is_empty() {
        return "No operation is recorded here: `kino run -- CMD` records those of a program, or says why none came. --all looks \
                beyond this project.\n"
            .into();
    }
    let mut parts: Vec<String> = answer.entry_points.iter().map(|entry| entry_point(entry, style)).collect();
    if answer.left_out > 0 {
        parts.push(format!("{} not shown\n", counted(answer.left_out, "further entry point")));
    }
    if answer.traces_left_out > 0 {
        let traces = counted(answer.traces_left_out, "trace");
        parts.push(format!("{traces} left out: beyond the bound on spans, or of temporary worktrees\n"));
    }
    parts.join("\n")
}

fn entry_point(entry: &EntryPoint, style: Style) -> String {
    let failed = if entry.errors > 0 { format!(", {} failed", count(entry.errors)) } else { String::new() };
    let title = format!("{} ({})", clean(&entry.name), clean(&entry.service));
    let title = style.heading(&title);
    let executions = counted(entry.executions, "execution");
    let rows = breakdown(&entry.breakdown, style);
    let pairs = entry.concurrent.iter().map(|pair| {
        let [first, second] = [clean(&pair.names[0]), clean(&pair.names[1])];
        format!("at the same time: {first} and {second}, {} an execution\n", duration(Some(pair.overlap_nanos)))
    });
    let beside = pairs.collect::<Vec<_>>().concat();
    let quantiles = quantiles_line(&entry.duration);
    format!("{title} · {executions}{failed}\n{quantiles}\n{}{beside}", rows.trim_start_matches('\n'))
}

fn quantiles_line(quantiles: &Quantiles) -> String {
    let shown = |nanos| duration(Some(nanos));
    let (p50, p95) = (shown(quantiles.p50_nanos), shown(quantiles.p95_nanos));
    format!("median {p50}, p95 {p95}, p99 {}, max {}", shown(quantiles.p99_nanos), shown(quantiles.max_nanos))
}

fn root_line(root: &RootSummary) -> String {
    format!("{} ({}) {}", clean(&root.name), clean(&root.service), duration(root.duration_nanos))
}

/// A page of one of its lists, whole.
pub(crate) fn page(answer: &ExplainTrace, style: Style) -> String {
    let mut text = String::new();
    for root in &answer.other_roots {
        text.push_str(&format!("{} {}\n", root.span_id, root_line(root)));
    }
    text.push_str(&segments(answer.critical_path.iter(), &answer.path, style));
    text.push_str(&rows(&answer.breakdown, usize::MAX, style));
    text.push_str(&findings(&answer.findings, style));
    if let Some(offset) = answer.next_offset {
        text.push_str(&format!("\nThere is more: --offset {offset}\n"));
    }
    if text.is_empty() { "Nothing is there.\n".to_owned() } else { text }
}

/// The critical path's segments, each with its place in the whole. Of a path of many, those that matter are shown.
pub(crate) fn path(known: &[PathSegment], total: &PathTotal, style: Style) -> String {
    let whole = total.end_unix_nanos - total.start_unix_nanos;
    let share = |segment: &PathSegment| takes(segment) as f64 / whole.max(1) as f64;
    let is_long = |segment: &&PathSegment| known.len() <= SEGMENTS_ALL_MAX || share(segment) >= SEGMENT_SHARE_MIN;
    let mut shown: Vec<&PathSegment> = known.iter().filter(is_long).collect();
    if shown.len() > SEGMENTS_MAX {
        shown.sort_by_key(|segment| Reverse(takes(segment)));
        shown.truncate(SEGMENTS_MAX);
        shown.sort_by_key(|segment| segment.start_unix_nanos);
    }
    let shown_nanos: i64 = shown.iter().map(|segment| takes(segment)).sum();
    let mut text = segments(shown.iter().copied(), total, style);
    if let Some(more @ 1..) = total.segments.checked_sub(shown.len() as u64) {
        let together = duration(Some(whole - shown_nanos));
        let left =
            format!("and {}, {together} together (--list critical-path has them)", counted(more, "further segment"));
        text.push_str(&wrap(&left, style, ""));
    }
    text
}

fn segments<'a>(shown: impl Iterator<Item = &'a PathSegment>, total: &PathTotal, style: Style) -> String {
    let whole = total.end_unix_nanos - total.start_unix_nanos;
    let mut table = Table::new(style, &[">AT", ">TAKES", "", "SPAN"]);
    let mut is_empty = true;
    for segment in shown {
        is_empty = false;
        table.row(&[
            (&duration(Some(segment.start_unix_nanos - total.start_unix_nanos)), Tone::Faint),
            (&duration(Some(takes(segment))), Tone::Plain),
            (&bar(takes(segment) as f64 / whole.max(1) as f64, BAR_CELLS), Tone::Warn),
            (&format!("{} ({})", clean(&segment.name), clean(&segment.service)), Tone::Plain),
        ]);
    }
    if is_empty { String::new() } else { table.finish() }
}

fn takes(segment: &PathSegment) -> i64 {
    segment.end_unix_nanos - segment.start_unix_nanos
}

/// Time by operation, the first few.
pub(crate) fn breakdown(known: &[BreakdownRow], style: Style) -> String {
    rows(known, ROWS_MAX, style)
}

fn rows(rows: &[BreakdownRow], rows_max: usize, style: Style) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let many = rows.iter().any(|row| row.duration.is_some());
    let mut text = format!("\n{} (share of the critical path)\n", style.heading("Where the time goes"));
    let last = if many { ">MEDIAN" } else { ">SELF" };
    let mut table = Table::new(style, &[">SHARE", "", ">CRITICAL", last, ">CALLS", "OPERATION"]);
    for row in rows.iter().take(rows_max) {
        let mut operation = format!("{} ({})", clean(&row.name), clean(&row.service));
        if let Some(code) = &row.code {
            operation.push_str(&format!("\n  at {}", finding::place(code)));
        }
        if let Some(searched) = &row.searched {
            operation.push_str(&format!("\n  {}", finding::searched(searched)));
        }
        if let Some(statement) = &row.statement {
            operation.push_str(&format!("\n  {}", clean(statement)));
        }
        let beside = if many { row.duration.map(|quantiles| quantiles.p50_nanos) } else { Some(row.self_nanos) };
        table.row(&[
            (&percent(row.share), Tone::Strong),
            (&bar(row.share, BAR_CELLS), Tone::Warn),
            (&duration(Some(row.critical_nanos)), Tone::Plain),
            (&duration(beside), Tone::Plain),
            (&count(row.count), Tone::Plain),
            (&operation, Tone::Plain),
        ]);
    }
    text.push_str(&table.finish());
    if let Some(more @ 1..) = rows.len().checked_sub(rows_max) {
        text.push_str(&format!("and {} (--json has them)\n", counted(more as u64, "further operation")));
    }
    text
}

/// Renders a heading and the findings below it.
pub(crate) fn findings(findings: &[kino_wire::finding::Finding], style: Style) -> String {
    if findings.is_empty() {
        return String::new();
    }
    format!("\n{}\n{}", style.heading("Findings"), finding::list(findings, style))
}

fn left_out(left_out: &LeftOut, style: Style) -> String {
    let parts = [
        (left_out.executions.saturating_sub(left_out.of_verifications), "older execution (--last)"),
        (left_out.of_verifications, "execution in worktrees of verifications"),
        (left_out.other_states, "execution of other code (--all-states)"),
        (left_out.open_executions, "unfinished execution"),
        (left_out.spans_outside_parent, "span outside its parent's time"),
        (left_out.open_spans, "unfinished span"),
        (left_out.breakdown_rows, "further operation"),
        (left_out.findings, "further finding"),
    ];
    let parts: Vec<_> =
        parts.into_iter().filter(|(number, _)| *number > 0).map(|(n, thing)| counted(n, thing)).collect();
    if parts.is_empty() {
        return String::new();
    }
    let text = format!("\nNot counted here: {}\n", parts.join(", "))
        .replace("span outside its parent's times", "spans outside their parent's time")
        .replace("execution (--last)s", "executions (--last)")
        .replace("execution in worktrees of verificationss", "executions in worktrees of verifications")
        .replace("execution of other code (--all-states)s", "executions of other code (--all-states)");
    style.paint(Tone::Faint, &text)
}

/// A state of the code, its hashes cut.
pub(super) fn code(state: &str) -> String {
    clean(&code_state(state)).into_owned()
}

#[cfg(test)]
mod tests {
    use kino_model::{Fingerprint, SpanId, TraceId};
    use kino_wire::finding::{Code, Finding, KnownBy, Location, Subject, SubjectKind};

    use super::super::tests::EIGHTY;
    use super::*;

    fn row(name: &str, share: f64, critical: i64) -> BreakdownRow {
        BreakdownRow {
            service: "journal".to_owned(),
            name: name.to_owned(),
            count: 1,
            self_nanos: critical,
            critical_nanos: critical,
            share,
            code: None,
            searched: None,
            statement: None,
            examples: Vec::new(),
            duration: None,
        }
    }

    fn finding() -> Finding {
        Finding {
            code: Code::SequentialCouldBeParallel,
            subject: Subject {
                kind: SubjectKind::Operation,
                service: "journal".to_owned(),
                name: "journal.generate".to_owned(),
            },
            numbers: Vec::new(),
            saving_nanos: Some(210_000_000),
            confidence: 0.8,
            executions: 12,
            searched: None,
            location: Some(Location {
                path: "src/journal.rs".to_owned(),
                line: Some(41),
                function: Some("generate".to_owned()),
                known_by: KnownBy::Attribute,
            }),
            evidence: Vec::new(),
            fingerprint: Fingerprint::default(),
            text: "Three children run one after the other and nothing connects them.".to_owned(),
            next: None,
            remarks: vec!["repeated_identical_call: the same call\u{1b}[2J 4 times".to_owned()],
            follows_from: None,
        }
    }

    #[test]
    fn a_trace_shows_its_path_and_its_breakdown() {
        let segment = |name: &str, start, end| PathSegment {
            span_id: SpanId([1; 8]),
            service: "journal".to_owned(),
            name: name.to_owned(),
            start_unix_nanos: start,
            end_unix_nanos: end,
        };
        let answer = ExplainTrace {
            schema: ExplainTrace::SCHEMA.to_owned(),
            trace_id: TraceId([0xab; 16]),
            spans: 11,
            missing_parents: 1,
            nested_by_time: 2,
            root: Some(RootSummary {
                span_id: SpanId([1; 8]),
                service: "journal".to_owned(),
                name: "journal.generate".to_owned(),
                start_unix_nanos: 1_000,
                duration_nanos: Some(391_000_000),
            }),
            other_roots: Vec::new(),
            waited_for: Vec::new(),
            path: PathTotal { segments: 2, start_unix_nanos: 1_000, end_unix_nanos: 391_001_000 },
            critical_path: vec![
                segment("summary.generate", 1_000, 120_001_000),
                segment("dialogue\u{1b}[2J", 120_001_000, 391_001_000),
            ],
            breakdown: vec![row("dialogue.generate", 0.69, 271_000_000), row("summary.generate", 0.31, 120_000_000)],
            findings: vec![finding()],
            apart: None,
            failure: None,
            logs: Vec::new(),
            next: None,
            left_out: LeftOut { spans_outside_parent: 2, ..LeftOut::default() },
            next_offset: None,
        };
        let text = trace(&answer, &Timeline::new(&[], 0, &[]), EIGHTY);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn of_a_long_path_the_longest_segments_are_shown_in_time_order() {
        let millis = |at: i64| at * 1_000_000;
        let segment = |index: i64, start: i64, end: i64| PathSegment {
            span_id: SpanId([1; 8]),
            service: "journal".to_owned(),
            name: format!("step {index}"),
            start_unix_nanos: millis(start),
            end_unix_nanos: millis(end),
        };
        // Thirty segments of 2 ms, then one of 40 ms.
        let mut known: Vec<_> = (0..30).map(|index| segment(index, index * 2, index * 2 + 2)).collect();
        known.push(segment(30, 60, 100));
        let total = PathTotal { segments: 31, start_unix_nanos: 0, end_unix_nanos: millis(100) };
        let text = path(&known, &total, EIGHTY);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 1 + SEGMENTS_MAX + 1, "{text}");
        assert!(lines[SEGMENTS_MAX].contains("step 30"), "{text}");
        assert_eq!(lines.last(), Some(&"and 11 further segments, 22.0 ms together (--list critical-path has them)"));
    }

    #[test]
    fn an_operation_shows_its_quantiles_and_its_statements() {
        let quantiles = Quantiles {
            p50_nanos: 391_000_000,
            p95_nanos: 401_000_000,
            p99_nanos: 409_000_000,
            max_nanos: 410_000_000,
        };
        let mut query = row("SELECT orders", 0.5, 195_000_000);
        query.statement =
            Some("SELECT * FROM orders WHERE customer_id = ? AND placed_at > ? ORDER BY placed_at".to_owned());
        query.duration = Some(quantiles);
        query.count = 4_800;
        let answer = ExplainOperation {
            asked: None,
            code_state: Some("9d03b7e\u{1b}[2J".to_owned()),
            nested_by_time: 0,
            schema: ExplainOperation::SCHEMA.to_owned(),
            operation: "GET /orders".to_owned(),
            services: vec!["shop".to_owned()],
            executions: 48,
            spans: 5_000,
            errors: 1,
            duration: Some(quantiles),
            calls_changed: Vec::new(),
            breakdown: vec![query],
            findings: Vec::new(),
            left_out: LeftOut { executions: 952, ..LeftOut::default() },
        };
        let text = operation(&answer, EIGHTY);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        insta::assert_snapshot!(text);
    }
}
