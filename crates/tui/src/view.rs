//! The screen as cells. Pure: the same state gives the same cells.
//!
//! ```text
//!  bar     what there is, and how the engine is
//!  below   where the reader is: the filter, or the pages on top of each other
//!  body    a list, a trace or a text
//!  hints   keys, a line of input, or something to say
//! ```

mod canvas;
mod lists;
mod page;

use kino_text::figures::count;
use kino_text::{Tone, layout, untrusted};
use ratatui::buffer::Buffer;

use crate::state::{COLUMNS_MIN, Content, Link, Pane, Purpose, ROWS_MIN, State};
use crate::update::{KEYS, WORDS};
use crate::views::VIEWS;
use canvas::Canvas;

/// Draws everything.
pub fn draw(state: &State, buffer: &mut Buffer) {
    let mut canvas = Canvas::new(buffer, state.options.colour);
    if !state.fits() {
        too_small(state, &mut canvas);
        return;
    }
    bar(state, &mut canvas);
    below(state, &mut canvas);
    match state.pages.last() {
        Some(page) => page::draw(state, page, &mut canvas),
        None => match state.front {
            Pane::Traces => lists::traces(state, &mut canvas),
            Pane::Findings => lists::findings(state, &mut canvas),
            Pane::Runs => lists::runs(state, &mut canvas),
        },
    }
    hints(state, &mut canvas);
    if state.help {
        help(state, &mut canvas);
    }
}

fn too_small(state: &State, canvas: &mut Canvas<'_>) {
    let (columns, rows) = state.size;
    canvas.row(0).put(0, "kino watch needs more room", Tone::Strong);
    let sizes = format!("{COLUMNS_MIN}×{ROWS_MIN} at least, not {columns}×{rows}");
    canvas.row(1).put(0, &sizes, Tone::Plain);
    canvas.row(2).put(0, "q quits", Tone::Faint);
}

fn bar(state: &State, canvas: &mut Canvas<'_>) {
    let mut row = canvas.row(0);
    let mut at = row.put(0, " kino watch  ", Tone::Strong);
    for (index, pane) in Pane::ALL.into_iter().enumerate() {
        let chosen = pane == state.front;
        let count = (pane == Pane::Findings && state.findings.loaded).then(|| open_findings(state));
        let count = count.map(|count| format!("({count}) ")).unwrap_or_default();
        let title = format!(" {} {} {count}", index + 1, pane.title());
        let start = at;
        at = row.put(at, &title, if chosen { Tone::Strong } else { Tone::Plain });
        if chosen {
            row.reverse(start, at);
        }
        at += 1;
    }
    let (text, tone) = match &state.link {
        Link::Waiting => ("… asking".to_owned(), Tone::Faint),
        Link::Down { .. } => ("✗ no answer".to_owned(), Tone::Bad),
        Link::Up if state.paused => ("‖ paused".to_owned(), Tone::Warn),
        Link::Up => ("● live".to_owned(), Tone::Good),
    };
    let scope = match &state.options.scope {
        scope if scope.all || scope.project.is_none() => "all projects",
        _ => "this project",
    };
    let beginning = |right: &str| row.columns().saturating_sub(layout::width(right) as u16);
    // Where there is no room for the scope, the state of the engine alone.
    let (whole, link) = (beginning(&format!("{scope}  {text} ")), beginning(&format!("{text} ")));
    if whole > at {
        row.put(whole, scope, Tone::Faint);
    }
    row.put(link, &text, tone);
}

/// Counts the findings that the list shows as present.
fn open_findings(state: &State) -> String {
    let present = state.findings.items.iter().filter(|item| item.state.is_present()).count();
    let more = if state.findings.left_out.findings > 0 { "+" } else { "" };
    format!("{present}{more}")
}

fn below(state: &State, canvas: &mut Canvas<'_>) {
    let mut row = canvas.row(1);
    if let Link::Down { message, .. } = &state.link {
        row.put(1, &format!("{message}; trying again"), Tone::Bad);
        return;
    }
    let mut at = row.put(1, state.front.title(), Tone::Faint);
    for page in &state.pages {
        at = row.put(at, " › ", Tone::Faint);
        let room = row.columns().saturating_sub(at).min(32);
        at = row.put(at, &layout::cut(&page.title, usize::from(room)), Tone::Strong);
    }
    if state.pages.is_empty() && state.front == Pane::Traces {
        let line = state.traces.filter.line();
        let line = if line.is_empty() { "all of them, newest first".to_owned() } else { line };
        at = row.put(at + 2, &line, Tone::Plain);
        if !state.traces.filter.words.is_empty() {
            let shown = state.shown_traces().len();
            let of = format!("{} of the newest {} fit", count(shown as u64), state.traces.items.len());
            row.put(at + 2, &of, Tone::Faint);
        }
    }
}

fn hints(state: &State, canvas: &mut Canvas<'_>) {
    let last = canvas.rows().saturating_sub(1);
    let mut row = canvas.row(last);
    if let Some(prompt) = &state.prompt {
        let label = match prompt.purpose {
            Purpose::Filter => "filter: ",
            Purpose::Find => "find: ",
            Purpose::Search => "search all outputs and logs: ",
        };
        let at = row.put(0, label, Tone::Strong);
        let room = usize::from(row.columns().saturating_sub(at + 1));
        let at = row.put(at, tail(&untrusted::clean(&prompt.text), room), Tone::Plain);
        row.reverse(at, at + 1);
        if let Some(error) = &prompt.error {
            row.put(at + 2, error, Tone::Bad);
        } else if prompt.text.is_empty() && prompt.purpose == Purpose::Filter {
            row.put(at + 2, "service:shop name:\"GET /\" error min:250ms run:ID key=value words", Tone::Faint);
        }
        return;
    }
    if let Some(notice) = &state.notice {
        row.put(1, notice, Tone::Warn);
        return;
    }
    let keys = match state.pages.last().map(|page| &page.content) {
        Some(Content::Trace(_)) => "↑↓ move  ←→ sides  Enter opens  / find  r refresh  Esc back  ? help  q quit",
        Some(Content::Doc(..)) => "↑↓ move  Enter follows ›  / find  n N hits  Esc back  ? help  q quit",
        Some(Content::Waiting) => "Esc back  q quit",
        None if state.front == Pane::Traces => {
            "↑↓ move  Enter opens  / filter  Space pauses  Tab panes  ? help  q quit"
        }
        None if state.front == Pane::Findings => {
            "↑↓ move  Enter opens  a acknowledges  o order  f all or open  ? help  q quit"
        }
        None => "↑↓ move  Enter opens  s searches all outputs  Space pauses  Tab panes  ? help  q quit",
    };
    row.put(1, keys, Tone::Faint);
}

/// The end of a line that fits the room.
fn tail(line: &str, columns: usize) -> &str {
    let mut from = line;
    while layout::width(from) > columns {
        let mut rest = from.chars();
        rest.next();
        from = rest.as_str();
    }
    from
}

fn help(state: &State, canvas: &mut Canvas<'_>) {
    let mut lines = vec![(String::new(), "")];
    lines.extend(KEYS.iter().map(|(keys, about)| ((*keys).to_owned(), *about)));
    lines.extend(VIEWS.iter().map(|view| (view.key.to_string(), view.about)));
    lines.push((String::new(), ""));
    lines.extend(WORDS.iter().map(|(word, about)| ((*word).to_owned(), *about)));
    lines.push((String::new(), ""));
    let rows = (lines.len() as u16).min(state.size.1);
    let columns = 76.min(state.size.0);
    let (left, top) = ((state.size.0 - columns) / 2, (state.size.1 - rows) / 2);
    for (index, (keys, about)) in lines.iter().enumerate().take(usize::from(rows)) {
        let mut row = canvas.row(top + index as u16);
        row.clear(left, left + columns);
        row.put(left + 2, keys, Tone::Strong);
        row.put_within(left + 14, left + columns, about, Tone::Plain);
        row.reverse(left, left + columns);
    }
}
