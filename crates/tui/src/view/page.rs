//! What was opened: a trace on its sides, or a text.

use super::canvas::{Canvas, CanvasRow};
use super::lists::TOP;
use crate::document::Doc;
use crate::pages;
use crate::state::{BlobSource, Content, Page, State};
use crate::time;
use crate::trace::{SpanRow, Tab, TracePage};
use kino_text::figures::{bar, count, counted, duration, percent};
use kino_text::{Tone, layout, timeline};

/// Draws a page.
pub(super) fn draw(state: &State, page: &Page, canvas: &mut Canvas<'_>) {
    match &page.content {
        Content::Waiting => {
            let (text, tone) = page.error.as_deref().map_or(("asking …", Tone::Plain), |error| (error, Tone::Bad));
            canvas.row(TOP + 1).put(1, text, tone);
        }
        Content::Doc(doc, source) => text_page(state, page, doc, source.as_ref(), canvas),
        Content::Trace(trace) => trace_page(state, page, trace, canvas),
    }
}

fn text_page(state: &State, page: &Page, doc: &Doc, source: Option<&BlobSource>, canvas: &mut Canvas<'_>) {
    let rows = state.list_rows();
    let (first, last, all) = doc.place(rows);
    let mut said = vec![format!("rows {first}–{last} of {all}")];
    if let Some((needle, hits, more, at)) = doc.searched() {
        let plus = if more { " and more" } else { "" };
        let at = at.map(|at| format!("{at} of ")).unwrap_or_default();
        said.push(format!("{needle:?}: {at}{}{plus}", counted(hits as u64, "hit")));
    }
    if let Some(source) = source {
        match source.next_offset {
            None if source.cut_at.is_some() => {
                let (offset, blob) = (source.cut_at.unwrap_or_default(), &source.blob);
                said.push(format!("the page is full: kino open blob:{blob} --offset {offset}"));
            }
            Some(offset) => said.push(format!("{} of {} bytes read", count(offset), count(source.total))),
            None => said.push(counted(source.total, "byte")),
        }
        if source.removed > 0 {
            said.push(format!("{} not shown", counted(source.removed, "escape sequence")));
        }
    }
    let mut head = canvas.row(TOP);
    let at = head.put(1, &said.join("  ·  "), Tone::Faint);
    if let Some(error) = &page.error {
        head.put(at + 2, error, Tone::Bad);
    }
    for (line, shown) in doc.shown(rows).enumerate() {
        let mut row = canvas.row(TOP + 1 + line as u16);
        if shown.leads {
            row.put((1 + shown.indent as u16).saturating_sub(2), "›", Tone::Good);
        }
        let mut at = 1 + shown.indent as u16;
        for (text, tone) in shown.pieces {
            at = row.put(at, text, tone);
        }
        if shown.chosen {
            row.reverse(0, 1);
        }
        if shown.chosen && shown.leads {
            row.reverse(0, at);
        }
    }
}

fn trace_page(state: &State, page: &Page, trace: &TracePage, canvas: &mut Canvas<'_>) {
    let mut head = canvas.row(TOP);
    let explained = trace.explained.as_ref();
    let root = explained.and_then(|explained| explained.root.as_ref());
    let mut at = 1;
    if let Some(root) = root {
        let took = if root.duration_nanos.is_some() { duration(root.duration_nanos) } else { "not ended".to_owned() };
        at = head.put(at, &took, Tone::Strong);
        at = head.put(at + 2, &root.service, Tone::Plain);
        at = head.put(
            at + 2,
            &time::briefly(root.start_unix_nanos, state.now_unix_nanos, &state.options.zone),
            Tone::Faint,
        );
    }
    head.put(at + 2, &trace.trace_id.to_string(), Tone::Faint);
    let mut said = canvas.row(TOP + 1);
    let mut notes = vec![counted(trace.total, "span")];
    if trace.total > trace.spans.len() as u64 {
        notes.push(format!("{} here", count(trace.spans.len() as u64)));
    }
    if let Some(explained) = explained {
        if explained.nested_by_time > 0 {
            notes.push(format!("{} nested by time", counted(explained.nested_by_time, "span")));
        }
        if explained.missing_parents > 0 {
            notes.push(counted(explained.missing_parents, "missing parent"));
        }
        let other_roots = explained.other_roots.len() as u64 + explained.left_out.other_roots;
        if other_roots > 0 {
            notes.push(counted(other_roots, "other root"));
        }
        if trace.tab == Tab::Path && explained.left_out.path_segments > 0 {
            notes.push(format!("{} not shown", counted(explained.left_out.path_segments, "shorter segment")));
        }
        if explained.left_out.open_spans > 0 {
            notes.push(format!("{} open", counted(explained.left_out.open_spans, "span")));
        }
        if explained.left_out.spans_outside_parent > 0 {
            notes.push(format!("{} outside of their parents", count(explained.left_out.spans_outside_parent)));
        }
    }
    let noted = said.put(1, &notes.join(", "), Tone::Faint);
    if let Some(error) = &page.error {
        said.put(noted + 2, error, Tone::Bad);
    } else if explained.is_none() {
        said.put(noted + 2, "explaining …", Tone::Faint);
    }
    sides(trace, &mut canvas.row(TOP + 2));
    match trace.tab {
        Tab::Waterfall => waterfall(state, trace, canvas),
        Tab::Path => path(state, trace, canvas),
        Tab::Breakdown => breakdown(state, trace, canvas),
        Tab::Findings => findings(state, trace, canvas),
        Tab::Logs => logs(state, trace, canvas),
    }
}

fn sides(trace: &TracePage, row: &mut CanvasRow<'_>) {
    let explained = trace.explained.as_ref();
    let mut at = 1;
    for tab in Tab::ALL {
        let title = match tab {
            Tab::Waterfall => " Waterfall ".to_owned(),
            Tab::Path => " Critical path ".to_owned(),
            Tab::Breakdown => " Breakdown ".to_owned(),
            Tab::Findings => format!(" Findings {} ", explained.map_or(0, |explained| explained.findings.len())),
            Tab::Logs => format!(" Logs {} ", trace.logs.len()),
        };
        let end = row.put(at, &title, if tab == trace.tab { Tone::Strong } else { Tone::Faint });
        if tab == trace.tab {
            row.reverse(at, end);
        }
        at = end + 1;
    }
}

/// Draws the entries of the side that is shown, with a heading above them.
fn entries(
    state: &State,
    trace: &TracePage,
    canvas: &mut Canvas<'_>,
    heading: &[(u16, &str)],
    nothing: &str,
    mut entry: impl FnMut(usize, &mut CanvasRow<'_>),
) {
    let mut head = canvas.row(TOP + 3);
    if trace.count() == 0 {
        head.put(1, nothing, Tone::Plain);
        return;
    }
    for (column, title) in heading {
        head.put(*column, title, Tone::Faint);
    }
    let list = *trace.list();
    for (line, index) in (list.top..trace.count()).take(state.trace_rows()).enumerate() {
        let mut row = canvas.row(TOP + 4 + line as u16);
        entry(index, &mut row);
        if let Some(needle) = &trace.find {
            row.mark(needle);
        }
        if index == list.chosen {
            row.reverse(0, state.size.0);
        }
    }
}

fn waterfall(state: &State, trace: &TracePage, canvas: &mut Canvas<'_>) {
    let label_end = (state.size.0 * 45 / 100).clamp(26, 60);
    let bar = (label_end + 11, state.size.0 - 1);
    let time = trace.time();
    let several = trace.spans.iter().any(|span| span.service != trace.spans[0].service);
    let whole = duration(Some(time.1.saturating_sub(time.0)));
    let heading = [
        (1, "SPAN"),
        (label_end + 2, "DURATION"),
        (bar.0, "0"),
        (bar.1.saturating_sub(layout::width(&whole) as u16), whole.as_str()),
    ];
    entries(state, trace, canvas, &heading, "asking …", |index, row| {
        let span = &trace.spans[index];
        let indent = (span.depth.min(usize::from(label_end) / 3)) as u16;
        let tone = if span.failed { Tone::Bad } else { Tone::Plain };
        let at = row.put_within(1 + indent, label_end, &span.name, tone);
        if several {
            row.put_within(at + 1, label_end, &span.service, Tone::Faint);
        }
        row.put_right(label_end + 10, 9, &duration(span.duration), Tone::Strong);
        stretch(trace, span, time, bar, row);
    });
}

/// A span's time within the trace's, its stretches on the critical path drawn full.
fn stretch(trace: &TracePage, span: &SpanRow, time: (i64, i64), (left, right): (u16, u16), row: &mut CanvasRow<'_>) {
    let over = span.duration.map(|duration| span.start.saturating_add(duration));
    let critical = trace.critical(span.span_id);
    let columns = usize::from(right.saturating_sub(left));
    let (first, bar) = timeline::bar(&[(span.start, over)], critical, time, columns);
    let tone = match (span.failed, critical.is_empty()) {
        (true, _) => Tone::Bad,
        (false, true) => Tone::Faint,
        (false, false) => Tone::Good,
    };
    row.put_within(left + first as u16, right, &bar, tone);
}

fn path(state: &State, trace: &TracePage, canvas: &mut Canvas<'_>) {
    let Some(explained) = &trace.explained else {
        return entries(state, trace, canvas, &[], "explaining …", |_, _| {});
    };
    let (begin, end) = (explained.path.start_unix_nanos, explained.path.end_unix_nanos);
    let whole = end.saturating_sub(begin).max(1) as f64;
    let heading = [(7, "AFTER"), (17, "FOR"), (22, "SHARE"), (34, "SPAN")];
    entries(state, trace, canvas, &heading, "no critical path: the root is missing or has not ended", |index, row| {
        let segment = &explained.critical_path[index];
        let took = segment.end_unix_nanos.saturating_sub(segment.start_unix_nanos);
        row.put_right(12, 10, &duration(Some(segment.start_unix_nanos.saturating_sub(begin))), Tone::Faint);
        row.put_right(21, 9, &duration(Some(took)), Tone::Strong);
        row.put(22, &bar(took as f64 / whole, 5), Tone::Good);
        row.put_right(33, 5, &percent(took as f64 / whole), Tone::Plain);
        let at = row.put(34, &segment.name, Tone::Plain);
        row.put(at + 1, &segment.service, Tone::Faint);
    });
}

fn breakdown(state: &State, trace: &TracePage, canvas: &mut Canvas<'_>) {
    let rows = trace.explained.as_ref().map(|explained| &explained.breakdown[..]);
    let nothing = if rows.is_some() { "nothing to break down" } else { "explaining …" };
    let heading = [(1, "ON THE PATH"), (19, "CRITICAL"), (33, "SELF"), (40, "CALLS"), (47, "OPERATION")];
    entries(state, trace, canvas, &heading, nothing, |index, row| {
        let Some(part) = rows.and_then(|rows| rows.get(index)) else { return };
        row.put(1, &bar(part.share, 10), Tone::Good);
        row.put_right(17, 5, &percent(part.share), Tone::Plain);
        row.put_right(27, 9, &duration(Some(part.critical_nanos)), Tone::Strong);
        row.put_right(37, 9, &duration(Some(part.self_nanos)), Tone::Plain);
        row.put_right(45, 7, &count(part.count), Tone::Plain);
        let mut at = row.put(47, &part.name, Tone::Plain);
        at = row.put(at + 1, &part.service, Tone::Faint);
        let detail = part.code.as_ref().map(pages::location).or_else(|| part.statement.clone());
        if let Some(detail) = detail {
            row.put(at + 2, &detail, Tone::Faint);
        }
    });
}

fn findings(state: &State, trace: &TracePage, canvas: &mut Canvas<'_>) {
    let found = trace.explained.as_ref().map(|explained| &explained.findings[..]);
    let nothing = if found.is_some() { "nothing was found in this trace alone" } else { "explaining …" };
    entries(state, trace, canvas, &[(3, "SAVES"), (12, "WHAT")], nothing, |index, row| {
        let Some(finding) = found.and_then(|found| found.get(index)) else { return };
        if finding.saving_nanos.is_some() {
            row.put_right(10, 9, &duration(finding.saving_nanos), Tone::Good);
        }
        let at = row.put(12, finding.code.name(), Tone::Warn);
        row.put(at + 2, &finding.text, Tone::Plain);
    });
}

fn logs(state: &State, trace: &TracePage, canvas: &mut Canvas<'_>) {
    let begin = trace.time().0;
    let left = format!("{} not shown", counted(trace.logs_left_out, "further log"));
    let heading =
        [(4, "AFTER"), (12, "SEVERITY"), (22, if trace.logs_left_out > 0 { left.as_str() } else { "MESSAGE" })];
    entries(state, trace, canvas, &heading, "no log record was written in this trace", |index, row| {
        let log = &trace.logs[index];
        row.put_right(10, 9, &duration(Some(log.time_unix_nanos.saturating_sub(begin))), Tone::Faint);
        row.put_within(12, 21, &log.severity, pages::severity(&log.severity));
        let body = log.body.as_ref().map(pages::plain).unwrap_or_default();
        let at = row.put(22, &body, Tone::Plain);
        row.put(at + 1, &log.name, Tone::Faint);
    });
}
