//! The spans of one trace over time: a waterfall of its largest rows, a tree of all, or a flame graph.

use std::collections::{BTreeSet, HashMap};

use kino_model::{SpanId, StatusCode};
use kino_text::{layout, timeline, tree};
use kino_wire::evidence::OpenSpan;
use kino_wire::explain::PathSegment;

use super::{Style, Tone, clean, count, counted, duration, percent};

/// Rows of a waterfall below an explanation; the rest is counted.
pub(crate) const WATERFALL_ROWS: usize = 24;
/// Children of one name that share a row.
const FOLD_MIN: usize = 4;
/// Deeper spans are drawn at this depth.
const DEPTH_MAX: usize = 24;
/// Rows of a flame graph; deeper calls are counted.
const FLAME_DEPTH_MAX: usize = 40;
/// The columns that are drawn on where there is no terminal.
const COLUMNS_DEFAULT: usize = 100;
const DURATION_COLUMNS: usize = 9;

/// The spans of a trace, by start, and which stretches of them are on its critical path.
pub(crate) struct Timeline<'a> {
    spans: &'a [OpenSpan],
    /// Spans of the trace, of which `spans` may be the first ones.
    total: u64,
    critical: HashMap<SpanId, Vec<(i64, i64)>>,
    /// When the first begins and the last ends.
    time: (i64, i64),
    several_services: bool,
    /// Spans without a parent among `spans`, and one of each circle.
    roots: Vec<usize>,
    /// Of each span, by start.
    children: Vec<Vec<usize>>,
}

/// One row of a waterfall: a span, or several of one name below the same parents.
struct Row {
    spans: Vec<usize>,
    depth: usize,
    parent: Option<usize>,
}

impl<'a> Timeline<'a> {
    pub(crate) fn new(spans: &'a [OpenSpan], total: u64, path: &[PathSegment]) -> Self {
        let mut critical: HashMap<SpanId, Vec<(i64, i64)>> = HashMap::new();
        for segment in path {
            critical.entry(segment.span_id).or_default().push((segment.start_unix_nanos, segment.end_unix_nanos));
        }
        let start = spans.iter().map(|span| span.start_unix_nanos).min().unwrap_or_default();
        let end = spans.iter().map(|span| end(span).unwrap_or(span.start_unix_nanos)).max().unwrap_or_default();
        let several_services = spans.iter().any(|span| span.service != spans[0].service);
        let time = (start, end.max(start.saturating_add(1)));
        let (roots, children) = nested(spans);
        Self { spans, total, critical, time, several_services, roots, children }
    }

    /// Whether there is anything to compare: more than one span.
    pub(crate) fn is_worth_drawing(&self) -> bool {
        self.spans.len() > 1
    }

    /// The rows that took longest, with what they are below, in the order of the tree.
    pub(crate) fn waterfall(&self, style: Style) -> String {
        let rows = self.rows(FOLD_MIN);
        let shown = self.largest(&rows, WATERFALL_ROWS);
        let mut text = self.drawn(&rows, &shown, style);
        let hidden = rows.len() - shown.len();
        if hidden > 0 {
            text.push_str(&format!("{} not shown: --tree draws every span\n", counted(hidden as u64, "shorter row")));
        }
        text + &self.beyond()
    }

    /// Every span.
    pub(crate) fn tree(&self, style: Style) -> String {
        let rows = self.rows(usize::MAX);
        let all: Vec<usize> = (0..rows.len()).collect();
        self.drawn(&rows, &all, style) + &self.beyond()
    }

    fn beyond(&self) -> String {
        match self.total.saturating_sub(self.spans.len() as u64) {
            0 => String::new(),
            beyond => format!("{} of {} not drawn\n", counted(beyond, "later span"), count(self.total)),
        }
    }

    /// All rows in the order of the tree; as many children of one name as `fold_min` share one.
    fn rows(&self, fold_min: usize) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        let groups = |spans: Vec<usize>, depth: usize, parent: Option<usize>| {
            let folded = self.folded(spans, fold_min);
            folded.into_iter().rev().map(move |spans| Row { spans, depth, parent })
        };
        let mut open: Vec<Row> = groups(self.roots.clone(), 0, None).collect();
        while let Some(row) = open.pop() {
            open.extend(groups(self.below(&row.spans), row.depth + 1, Some(rows.len())));
            rows.push(row);
        }
        rows
    }

    /// Spans of one name together where there are many of it, in the order of their first starts.
    fn folded(&self, spans: Vec<usize>, fold_min: usize) -> Vec<Vec<usize>> {
        let key = |span: usize| (&self.spans[span].service, &self.spans[span].name);
        let mut of_name: HashMap<_, usize> = HashMap::new();
        for span in &spans {
            *of_name.entry(key(*span)).or_default() += 1;
        }
        let (mut groups, mut places): (Vec<Vec<usize>>, HashMap<_, usize>) = (Vec::new(), HashMap::new());
        for span in spans {
            let name = key(span);
            if of_name[&name] < fold_min {
                groups.push(vec![span]);
                continue;
            }
            let place = *places.entry(name).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[place].push(span);
        }
        groups.sort_by_key(|group| self.spans[group[0]].start_unix_nanos);
        groups
    }

    /// The indices of the longest rows and of all above them, at most `most`.
    fn largest(&self, rows: &[Row], most: usize) -> Vec<usize> {
        let mut by_time: Vec<usize> = (0..rows.len()).collect();
        by_time.sort_by_key(|index| std::cmp::Reverse(self.took(&rows[*index]).unwrap_or(i64::MAX)));
        let mut shown = BTreeSet::new();
        for index in by_time {
            let mut with_those_above = BTreeSet::new();
            let mut next = Some(index);
            while let Some(row) = next.filter(|row| !shown.contains(row)) {
                with_those_above.insert(row);
                next = rows[row].parent;
            }
            if shown.len() + with_those_above.len() <= most {
                shown.extend(with_those_above);
            }
        }
        shown.into_iter().collect()
    }

    /// The time of all spans of a row; `None` where one has not ended.
    fn took(&self, row: &Row) -> Option<i64> {
        row.spans
            .iter()
            .map(|span| self.spans[*span].duration_nanos)
            .try_fold(0i64, |sum, one| Some(sum.saturating_add(one?)))
    }

    fn drawn(&self, rows: &[Row], shown: &[usize], style: Style) -> String {
        let columns = columns(style);
        let label = (columns * 45 / 100).clamp(16, 60);
        let bar = columns.saturating_sub(label + DURATION_COLUMNS + 3).max(10);
        let whole = duration(Some(self.time.1.saturating_sub(self.time.0)));
        let after = bar.saturating_sub(1);
        let head = format!("{:1$}0{whole:>after$}", "", label + DURATION_COLUMNS + 3);
        let mut text = format!("{}\n", style.paint(Tone::Faint, head.trim_end()));
        for row in shown.iter().map(|index| &rows[*index]) {
            text.push_str(&self.line(row, label, bar, style));
        }
        text
    }

    fn line(&self, row: &Row, label: usize, columns: usize, style: Style) -> String {
        let spans = || row.spans.iter().map(|span| &self.spans[*span]);
        let first = &self.spans[row.spans[0]];
        let indent = row.depth.min(DEPTH_MAX).min(label / 3);
        let room = label - indent;
        let times = if row.spans.len() > 1 { format!(" ×{}", count(row.spans.len() as u64)) } else { String::new() };
        let name = layout::cut(&clean(&first.name), room.saturating_sub(layout::width(&times)).max(1)).into_owned();
        let mut used = layout::width(&name) + layout::width(&times);
        let failed = spans().filter(|span| span.status == StatusCode::Error).count();
        let tone = if failed > 0 { Tone::Bad } else { Tone::Plain };
        let mut shown = format!("{}{}{times}", " ".repeat(indent), style.paint(tone, &name));
        if self.several_services && used + 2 < room {
            let service = layout::cut(&clean(&first.service), room - used - 1).into_owned();
            used += 1 + layout::width(&service);
            shown.push_str(&format!(" {}", style.paint(Tone::Faint, &service)));
        }
        shown.push_str(&" ".repeat(room.saturating_sub(used)));
        let stretches: Vec<_> = spans().map(|span| (span.start_unix_nanos, end(span))).collect();
        let critical: Vec<_> = spans().filter_map(|span| self.critical.get(&span.span_id)).flatten().copied().collect();
        let (at, bar) = timeline::bar(&stretches, &critical, self.time, columns);
        let tone = match (failed > 0, critical.is_empty()) {
            (true, _) => Tone::Bad,
            (false, true) => Tone::Faint,
            (false, false) => Tone::Good,
        };
        let took = style.paint(Tone::Strong, &format!("{:>DURATION_COLUMNS$}", duration(self.took(row))));
        format!("{shown} {took}  {}{}\n", " ".repeat(at), style.paint(tone, &bar))
    }

    /// Calls of one name at one place together, each as wide as its share of the time, callers above callees.
    pub(crate) fn flame(&self, style: Style) -> String {
        let columns = columns(style);
        let mut level = vec![FlameFrame { spans: Vec::new(), children: self.roots.clone(), at: 0, columns }];
        let mut text = String::new();
        let (mut hidden, mut depth) = (0u64, 0);
        while depth < FLAME_DEPTH_MAX && level.iter().any(|frame| !frame.children.is_empty()) {
            let mut next: Vec<FlameFrame> = Vec::new();
            for frame in &level {
                hidden += self.place(frame, &mut next);
            }
            text.push_str(&self.flame_line(&next, depth, style));
            level = next;
            depth += 1;
        }
        hidden += level.iter().map(|frame| frame.children.len() as u64).sum::<u64>();
        if hidden > 0 {
            text.push_str(&format!(
                "{} too short to be drawn: --tree has every span\n",
                counted(hidden, "further call")
            ));
        }
        text + &self.beyond()
    }

    /// The children of these spans, by start.
    fn below(&self, spans: &[usize]) -> Vec<usize> {
        let mut children: Vec<usize> = spans.iter().flat_map(|span| &self.children[*span]).copied().collect();
        children.sort_unstable();
        children
    }

    /// Shares a frame's columns among its callees by their time, and returns how many have less than one.
    fn place(&self, frame: &FlameFrame, next: &mut Vec<FlameFrame>) -> u64 {
        let time = |spans: &[usize]| -> i64 {
            let took = spans.iter().map(|span| self.spans[*span].duration_nanos.unwrap_or_default().max(0));
            took.fold(0, i64::saturating_add)
        };
        let groups = self.folded(frame.children.clone(), 1);
        let below = groups.iter().map(|group| time(group)).fold(0, i64::saturating_add);
        // Callees that ran at the same time may have more time than their caller.
        let whole = time(&frame.spans).max(below).max(1);
        let (mut at, mut left_out, mut before) = (frame.at, 0, 0i64);
        for group in groups {
            before = before.saturating_add(time(&group));
            let until = frame.at + (frame.columns as f64 * (before as f64 / whole as f64)).round() as usize;
            let columns = until.saturating_sub(at);
            if columns == 0 {
                left_out += group.len() as u64;
                continue;
            }
            next.push(FlameFrame { children: self.below(&group), spans: group, at, columns });
            at = until;
        }
        left_out
    }

    fn flame_line(&self, frames: &[FlameFrame], depth: usize, style: Style) -> String {
        let all = self.time.1.saturating_sub(self.time.0).max(1) as f64;
        let (mut text, mut used) = (String::new(), 0);
        for frame in frames {
            text.push_str(&" ".repeat(frame.at - used));
            used = frame.at + frame.columns;
            let first = &self.spans[frame.spans[0]];
            let took =
                frame.spans.iter().filter_map(|span| self.spans[*span].duration_nanos).fold(0, i64::saturating_add);
            let times =
                if frame.spans.len() > 1 { format!(" ×{}", count(frame.spans.len() as u64)) } else { String::new() };
            let share = if depth == 0 { String::new() } else { format!(" {}", percent(took as f64 / all)) };
            let whole = format!("{}{times} {}{share}", clean(&first.name), duration(Some(took)));
            let room = frame.columns - 1;
            let mut shown = layout::cut(&whole, room).into_owned();
            shown.push_str(&" ".repeat(room - layout::width(&shown)));
            let failed = frame.spans.iter().any(|span| self.spans[*span].status == StatusCode::Error);
            text.push('▏');
            text.push_str(&style.paint(if failed { Tone::Bad } else { Tone::Plain }, &shown));
        }
        format!("{}\n", text.trim_end())
    }
}

/// Calls of one name at one place of a flame graph.
struct FlameFrame {
    spans: Vec<usize>,
    children: Vec<usize>,
    at: usize,
    columns: usize,
}

/// The spans that are below no other, and the children of each.
fn nested(spans: &[OpenSpan]) -> (Vec<usize>, Vec<Vec<usize>>) {
    let items: Vec<_> = spans.iter().map(|span| (span.span_id, span.parent_span_id)).collect();
    let (mut roots, mut children, mut above) = (Vec::new(), vec![Vec::new(); spans.len()], Vec::new());
    for (index, depth) in tree::order(&items, usize::MAX) {
        above.truncate(depth);
        match above.last() {
            Some(parent) => Vec::push(&mut children[*parent], index),
            None => roots.push(index),
        }
        above.push(index);
    }
    (roots, children)
}

fn columns(style: Style) -> usize {
    style.width.map_or(COLUMNS_DEFAULT, usize::from)
}

fn end(span: &OpenSpan) -> Option<i64> {
    span.duration_nanos.map(|duration| span.start_unix_nanos.saturating_add(duration.max(0)))
}

#[cfg(test)]
mod tests {
    use kino_model::{SpanKind, TraceId};

    use super::super::tests::EIGHTY;
    use super::*;

    fn span(id: u8, parent: u8, name: &str, (from, to): (i64, i64)) -> OpenSpan {
        OpenSpan {
            trace_id: TraceId([9; 16]),
            span_id: SpanId([id; 8]),
            parent_span_id: (parent > 0).then_some(SpanId([parent; 8])),
            service: "shop".to_owned(),
            name: name.to_owned(),
            kind: SpanKind::Server,
            start_unix_nanos: from * 1_000_000,
            duration_nanos: Some((to - from) * 1_000_000),
            status: StatusCode::Unset,
            status_message: String::new(),
            attributes: serde_json::Map::new(),
            resource: serde_json::Map::new(),
            events: Vec::new(),
            events_left_out: 0,
            links: Vec::new(),
            links_left_out: 0,
        }
    }

    fn cart() -> Vec<OpenSpan> {
        let mut spans = vec![
            span(1, 0, "GET /cart", (0, 100)),
            span(2, 1, "load_cart", (5, 65)),
            span(3, 1, "render a page with a name that is far too long for its column", (70, 95)),
        ];
        spans.extend(
            (0..5).map(|index| {
                span(10 + index, 2, "SELECT item", (10 + 10 * i64::from(index), 18 + 10 * i64::from(index)))
            }),
        );
        spans.push(span(20, 3, "\u{1b}[31mevil", (80, 81)));
        spans[4].status = StatusCode::Error;
        spans
    }

    fn path(spans: &[OpenSpan]) -> Vec<PathSegment> {
        let of = |index: usize| PathSegment {
            span_id: spans[index].span_id,
            service: String::new(),
            name: String::new(),
            start_unix_nanos: spans[index].start_unix_nanos,
            end_unix_nanos: end(&spans[index]).unwrap(),
        };
        vec![of(3), of(4), of(2)]
    }

    #[test]
    fn a_waterfall_folds_what_repeats_and_marks_the_critical_path() {
        let spans = cart();
        let text = Timeline::new(&spans, 12, &path(&spans)).waterfall(EIGHTY);
        assert!(text.lines().all(|line| layout::width(line) <= 80), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_tree_has_every_span() {
        let spans = cart();
        let text = Timeline::new(&spans, 9, &[]).tree(EIGHTY);
        assert_eq!(text.lines().count(), 1 + spans.len());
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_flame_graph_shares_the_width_by_time() {
        let spans = cart();
        let text = Timeline::new(&spans, 9, &[]).flame(EIGHTY);
        assert!(text.lines().all(|line| layout::width(line) <= 80), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn any_width_any_tree_and_no_span_are_drawn() {
        let mut spans = cart();
        // A circle, a span without an end, and times that cannot be.
        spans.push(span(30, 31, "circle", (0, 1)));
        spans.push(span(31, 30, "circle", (0, 1)));
        spans.push(OpenSpan { duration_nanos: None, ..span(32, 1, "open", (50, 50)) });
        spans.push(OpenSpan { start_unix_nanos: i64::MIN, ..span(33, 1, "early", (0, 1)) });
        spans.push(OpenSpan {
            start_unix_nanos: i64::MAX,
            duration_nanos: Some(i64::MAX),
            ..span(34, 1, "late", (0, 1))
        });
        for columns in [40, 60, 200] {
            let style = Style { colour: true, width: Some(columns) };
            for shown in [&spans[..], &spans[..11], &[]] {
                let drawn = Timeline::new(shown, 99, &[]);
                for text in [drawn.waterfall(style), drawn.tree(style), drawn.flame(style)] {
                    assert!(!text.contains("\u{1b}[31mevil"), "{text}");
                }
            }
        }
    }
}
