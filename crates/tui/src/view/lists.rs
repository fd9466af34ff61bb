//! The lists in front: traces and runs.

use kino_text::figures::{bar, count, counted, duration};
use kino_text::{Tone, layout, untrusted};
use kino_wire::find::FindItem;
use kino_wire::insights::{FindingState, Insight};
use kino_wire::run::RunItem;

use super::canvas::{Canvas, CanvasRow};
use crate::pages;
use crate::state::{State, Usual};
use crate::time;

/// The first row of a body.
pub(super) const TOP: u16 = 2;
/// Digits of a run id that are shown.
const RUN_DIGITS: usize = 8;
/// Columns of the bar beside a duration.
const BAR: usize = 6;

/// Traces as they come.
pub(super) fn traces(state: &State, canvas: &mut Canvas<'_>) {
    let wide = state.size.0 >= 76;
    let right = state.size.0 - 1;
    let root_end = if wide { right - 1 - RUN_DIGITS as u16 } else { right };
    let mut head = canvas.row(TOP);
    for (column, title) in [(1, "STARTED"), (16, "DURATION"), (28, "SPANS"), (34, "FAILED"), (42, "ROOT")] {
        head.put(column, title, Tone::Faint);
    }
    if wide {
        head.put(root_end + 1, "RUN", Tone::Faint);
    }
    let shown = state.shown_traces();
    if shown.is_empty() {
        let text = match (&state.traces.error, state.traces.loaded) {
            (Some(error), _) => error.as_str(),
            (None, false) => "asking …",
            (None, true) if state.traces.items.is_empty() && state.traces.filter.line().is_empty() => {
                "no trace yet: `kino run -- COMMAND` records one; it appears here by itself"
            }
            (None, true) => "no trace fits: Esc takes the filter away",
        };
        canvas.row(TOP + 2).put(1, text, if state.traces.error.is_some() { Tone::Bad } else { Tone::Plain });
        return;
    }
    let list = state.traces.list;
    for (line, (index, item)) in shown.iter().enumerate().skip(list.top).take(state.list_rows()).enumerate() {
        let mut row = canvas.row(TOP + 1 + line as u16);
        trace(state, item, &mut row, root_end, wide);
        if index == list.chosen {
            row.reverse(0, state.size.0);
        }
    }
}

fn trace(state: &State, item: &FindItem, row: &mut CanvasRow<'_>, root_end: u16, wide: bool) {
    let usual = state.usual.get(&(item.root_service.clone(), item.root_name.clone()));
    row.put(1, &time::briefly(item.start_unix_nanos, state.now_unix_nanos, &state.options.zone), Tone::Faint);
    let took = item.duration_nanos;
    row.put_right(21, 8, &duration(took), Tone::Strong);
    if let (Some(took), Some(usual)) = (took, usual) {
        let (share, tone) = beside(took, *usual);
        row.put(22, &bar(share, BAR), tone);
    }
    row.put_right(33, 5, &count(item.span_count), Tone::Plain);
    if item.error_count > 0 {
        row.put_right(40, 6, &count(item.error_count), Tone::Bad);
    }
    let tone = if item.error_count > 0 { Tone::Bad } else { Tone::Plain };
    if item.root_name.is_empty() {
        row.put_within(42, root_end, "(the root has not arrived)", Tone::Faint);
    } else {
        let service = 2 + layout::width(&untrusted::clean(&item.root_service)) as u16;
        // The name gives way to the service only down to half of the room.
        let room = root_end.saturating_sub(42);
        let name_end = 42 + room.saturating_sub(service).max(room / 2);
        let at = row.put_within(42, name_end, &item.root_name, tone);
        row.put_within(at + 1, root_end, &item.root_service, Tone::Faint);
    }
    if wide && let Some(run) = &item.run_id {
        let digits: String = run.chars().take(RUN_DIGITS).collect();
        row.put(root_end + 1, &digits, Tone::Faint);
    }
}

/// A duration beside what is usual: the median fills half of the bar.
fn beside(took: i64, usual: Usual) -> (f64, Tone) {
    let share = took as f64 / (2.0 * usual.p50.max(1) as f64);
    (share, if took > usual.p95 { Tone::Warn } else { Tone::Good })
}

/// What is wrong.
pub(super) fn findings(state: &State, canvas: &mut Canvas<'_>) {
    let findings = &state.findings;
    let mut head = canvas.row(TOP);
    for (column, title) in [(5, "SAVES"), (12, "STATE"), (26, "WHAT"), (54, "WHERE")] {
        head.put(column, title, Tone::Faint);
    }
    let order = if findings.newest { "newest first" } else { "worth most first" };
    let which = if findings.all { "all, " } else { "" };
    let mut said = format!("{which}{order}");
    if findings.left_out.findings > 0 {
        said = format!("{said}, {} more", count(findings.left_out.findings));
    }
    head.put_right(state.size.0 - 1, state.size.0.saturating_sub(60), &said, Tone::Faint);
    if findings.items.is_empty() {
        let others: u64 = findings.left_out.other_states.values().sum();
        let text = match (&findings.error, findings.loaded) {
            (Some(error), _) => error.clone(),
            (None, false) => "asking …".to_owned(),
            (None, true) if others > 0 => {
                format!("nothing to act on; f shows {} acknowledged, fixed or decayed", counted(others, "finding"))
            }
            (None, true) => "nothing was found yet; what comes in is looked at in the background".to_owned(),
        };
        canvas.row(TOP + 2).put(1, &text, if findings.error.is_some() { Tone::Bad } else { Tone::Plain });
        return;
    }
    let list = findings.list;
    for (line, (index, insight)) in findings.items.iter().enumerate().skip(list.top).take(state.list_rows()).enumerate()
    {
        let mut row = canvas.row(TOP + 1 + line as u16);
        self::finding(state, insight, &mut row);
        if index == list.chosen {
            row.reverse(0, state.size.0);
        }
    }
}

fn finding(state: &State, insight: &Insight, row: &mut CanvasRow<'_>) {
    // What came or changed while the reader watches.
    if state.findings.known.is_some_and(|known| insight.sequence > known) {
        row.put(0, "•", Tone::Good);
    }
    let finding = &insight.finding;
    if finding.saving_nanos.is_some() {
        row.put_right(10, 9, &duration(finding.saving_nanos), Tone::Good);
    }
    let tone = match insight.state {
        FindingState::Open | FindingState::Recurring => Tone::Warn,
        FindingState::Fixed => Tone::Good,
        FindingState::Acknowledged | FindingState::Decayed => Tone::Faint,
    };
    row.put_within(12, 25, insight.state.name(), tone);
    row.put_within(26, 53, finding.code.name(), Tone::Strong);
    let place = match (&finding.location, &insight.file) {
        (Some(location), Some(file)) => {
            format!("{file}{}", location.line.map(|line| format!(":{line}")).unwrap_or_default())
        }
        (Some(location), None) => pages::location(location),
        (None, _) => format!("{} {}", finding.subject.name, finding.subject.service),
    };
    row.put(54, &place, Tone::Plain);
}

/// Runs, newest first.
pub(super) fn runs(state: &State, canvas: &mut Canvas<'_>) {
    let mut head = canvas.row(TOP);
    for (column, title) in [(1, "STARTED"), (16, "DURATION"), (26, "ENDED"), (36, "RUN"), (46, "LABEL AND COMMAND")] {
        head.put(column, title, Tone::Faint);
    }
    if state.runs.left_out > 0 {
        let left = format!("{} not shown", counted(state.runs.left_out, "older run"));
        head.put_right(state.size.0 - 1, 30, &left, Tone::Faint);
    }
    if state.runs.items.is_empty() {
        let text = match (&state.runs.error, state.runs.loaded) {
            (Some(error), _) => error.as_str(),
            (None, false) => "asking …",
            (None, true) => "no run yet: `kino run -- COMMAND` records one",
        };
        canvas.row(TOP + 2).put(1, text, if state.runs.error.is_some() { Tone::Bad } else { Tone::Plain });
        return;
    }
    let list = state.runs.list;
    for (line, (index, run)) in state.runs.items.iter().enumerate().skip(list.top).take(state.list_rows()).enumerate() {
        let mut row = canvas.row(TOP + 1 + line as u16);
        self::run(state, run, &mut row);
        if index == list.chosen {
            row.reverse(0, state.size.0);
        }
    }
}

fn run(state: &State, run: &RunItem, row: &mut CanvasRow<'_>) {
    row.put(1, &time::briefly(run.start_unix_nanos, state.now_unix_nanos, &state.options.zone), Tone::Faint);
    row.put_right(24, 9, &duration(run.duration_nanos), Tone::Strong);
    let (ended, tone) = pages::ending(run.duration_nanos, run.lost, run.exit_code, run.signal);
    row.put_within(26, 35, &ended, tone);
    row.put(36, &format!("{:.RUN_DIGITS$}", run.run_id), Tone::Faint);
    let mut at = 46;
    if let Some(label) = &run.label {
        at = row.put(at, label, Tone::Strong) + 2;
    }
    row.put(at, &run.command.join(" "), Tone::Plain);
}
