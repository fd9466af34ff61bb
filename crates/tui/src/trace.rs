//! A trace as a page: its spans as a tree, its critical path, its breakdown, its findings and its logs.

use std::collections::HashMap;

use kino_model::{SpanId, StatusCode, TraceId};
use kino_text::tree;
use kino_wire::evidence::{Open, OpenEvent, OpenSpan};
use kino_wire::explain::ExplainTrace;

use crate::document::Way;
use crate::list::List;

/// Spans that one question asks for.
pub(crate) const SPANS_AT_ONCE: u64 = 1_000;
/// Spans that a page holds; the page says how many more there are.
pub(crate) const SPANS_MAX: usize = 20_000;
/// Deeper spans are drawn at this depth.
const DEPTH_MAX: usize = 64;

/// The sides of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tab {
    /// Spans over time.
    #[default]
    Waterfall,
    /// The critical path.
    Path,
    /// Time by operation.
    Breakdown,
    /// What is wrong.
    Findings,
    /// Log records.
    Logs,
}

impl Tab {
    /// In the order in which they are gone through.
    pub(crate) const ALL: [Self; 5] = [Self::Waterfall, Self::Path, Self::Breakdown, Self::Findings, Self::Logs];

    /// The one `steps` further, around.
    pub(crate) fn step(self, steps: usize) -> Self {
        Self::ALL[(self as usize + steps) % Self::ALL.len()]
    }
}

/// A span as the waterfall shows it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SpanRow {
    pub(crate) span_id: SpanId,
    parent: Option<SpanId>,
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) start: i64,
    pub(crate) duration: Option<i64>,
    /// Whether it failed.
    pub(crate) failed: bool,
    /// How deep in the tree.
    pub(crate) depth: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct TracePage {
    pub(crate) trace_id: TraceId,
    /// Where its time goes, once that is known.
    pub(crate) explained: Option<ExplainTrace>,
    /// Spans in the order of the tree.
    pub(crate) spans: Vec<SpanRow>,
    /// Spans in all.
    pub(crate) total: u64,
    /// Where the spans that are not here yet begin.
    pub(crate) next_offset: Option<u64>,
    /// Log records, by time.
    pub(crate) logs: Vec<OpenEvent>,
    /// Log records that are not here.
    pub(crate) logs_left_out: u64,
    /// What is looked for on all sides.
    pub(crate) find: Option<String>,
    /// Which side is shown.
    pub(crate) tab: Tab,
    lists: [List; Tab::ALL.len()],
    path: HashMap<SpanId, Vec<(i64, i64)>>,
}

impl TracePage {
    /// A page that knows nothing yet.
    pub(crate) fn new(trace_id: TraceId) -> Self {
        Self {
            trace_id,
            explained: None,
            spans: Vec::new(),
            total: 0,
            next_offset: None,
            logs: Vec::new(),
            logs_left_out: 0,
            find: None,
            tab: Tab::default(),
            lists: [List::default(); Tab::ALL.len()],
            path: HashMap::new(),
        }
    }

    /// Takes in where the time goes.
    pub(crate) fn explain(&mut self, explained: ExplainTrace) {
        self.path.clear();
        for segment in &explained.critical_path {
            let stretch = (segment.start_unix_nanos, segment.end_unix_nanos);
            self.path.entry(segment.span_id).or_default().push(stretch);
        }
        self.explained = Some(explained);
    }

    /// Takes in spans from `offset` on; from the beginning, they replace what was there.
    pub(crate) fn take(&mut self, offset: u64, open: Open) {
        let chosen = self.spans.get(self.list().chosen).map(|span| span.span_id);
        if offset == 0 {
            self.spans.clear();
            self.logs.clear();
            self.logs_left_out = 0;
        }
        self.spans.extend(open.spans.into_iter().map(row));
        self.spans = in_tree_order(std::mem::take(&mut self.spans));
        self.logs.extend(open.logs);
        self.logs.sort_by_key(|log| log.time_unix_nanos);
        self.logs_left_out += open.logs_left_out;
        self.total = open.total;
        self.next_offset = open.next_offset.filter(|_| self.spans.len() < SPANS_MAX);
        if let (Some(chosen), Tab::Waterfall) = (chosen, self.tab)
            && let Some(at) = self.spans.iter().position(|span| span.span_id == chosen)
        {
            self.lists[Tab::Waterfall as usize].chosen = at;
        }
    }

    /// Whether more of it may still come: its root is missing or has not ended.
    pub(crate) fn is_unfinished(&self) -> bool {
        let root = self.explained.as_ref().and_then(|explained| explained.root.as_ref());
        root.is_none_or(|root| root.duration_nanos.is_none())
    }

    /// The place in the list that is shown.
    pub(crate) fn list(&self) -> &List {
        &self.lists[self.tab as usize]
    }

    /// The place in the list that is shown.
    pub(crate) fn list_mut(&mut self) -> &mut List {
        &mut self.lists[self.tab as usize]
    }

    /// Entries of the list that is shown.
    pub(crate) fn count(&self) -> usize {
        let explained = self.explained.as_ref();
        match self.tab {
            Tab::Waterfall => self.spans.len(),
            Tab::Path => explained.map_or(0, |explained| explained.critical_path.len()),
            Tab::Breakdown => explained.map_or(0, |explained| explained.breakdown.len()),
            Tab::Findings => explained.map_or(0, |explained| explained.findings.len()),
            Tab::Logs => self.logs.len(),
        }
    }

    /// Chooses the next or previous entry that contains the text of the search; returns whether there is one.
    pub(crate) fn seek(&mut self, way: Way, rows: usize) -> bool {
        let Some(needle) = self.find.as_ref().map(|needle| needle.to_ascii_lowercase()) else { return false };
        let (here, count) = (self.list().chosen, self.count());
        let holds = |index: &usize| self.entry_text(*index).to_ascii_lowercase().contains(&needle);
        let found = match way {
            Way::Here => (here..count).find(holds),
            Way::Next => (here + 1..count).find(holds),
            Way::Back => (0..here).rev().find(holds),
        };
        if let Some(index) = found {
            self.list_mut().chosen = index;
            self.list_mut().fit(count, rows);
        }
        found.is_some()
    }

    /// What an entry of the side that is shown says.
    fn entry_text(&self, index: usize) -> String {
        let explained = self.explained.as_ref();
        let text = match self.tab {
            Tab::Waterfall => self.spans.get(index).map(|span| format!("{} {}", span.name, span.service)),
            Tab::Path => explained
                .and_then(|explained| explained.critical_path.get(index))
                .map(|segment| format!("{} {}", segment.name, segment.service)),
            Tab::Breakdown => explained
                .and_then(|explained| explained.breakdown.get(index))
                .map(|row| format!("{} {} {}", row.name, row.service, row.statement.as_deref().unwrap_or_default())),
            Tab::Findings => explained
                .and_then(|explained| explained.findings.get(index))
                .map(|finding| format!("{} {}", finding.code, finding.text)),
            // Searched as a text, with everything in the records.
            Tab::Logs => None,
        };
        text.unwrap_or_default()
    }

    /// When the spans that are here begin and end; the end is later.
    pub(crate) fn time(&self) -> (i64, i64) {
        let start = self.spans.iter().map(|span| span.start).min().unwrap_or_default();
        let end = self.spans.iter().map(|span| span.start.saturating_add(span.duration.unwrap_or(0))).max();
        (start, end.unwrap_or_default().max(start.saturating_add(1)))
    }

    /// Stretches of the critical path on which a span was what the root waited for.
    pub(crate) fn critical(&self, span_id: SpanId) -> &[(i64, i64)] {
        self.path.get(&span_id).map(Vec::as_slice).unwrap_or_default()
    }
}

fn row(span: OpenSpan) -> SpanRow {
    SpanRow {
        span_id: span.span_id,
        parent: span.parent_span_id,
        service: span.service,
        name: span.name,
        start: span.start_unix_nanos,
        duration: span.duration_nanos,
        failed: span.status == StatusCode::Error,
        depth: 0,
    }
}

/// Parents before their children, those by start; what no root leads to (a circle of parents) follows at the end.
fn in_tree_order(mut spans: Vec<SpanRow>) -> Vec<SpanRow> {
    spans.sort_by_key(|span| span.start);
    let items: Vec<_> = spans.iter().map(|span| (span.span_id, span.parent)).collect();
    let mut spans: Vec<Option<SpanRow>> = spans.into_iter().map(Some).collect();
    let order = tree::order(&items, DEPTH_MAX).into_iter();
    order.filter_map(|(index, depth)| Some(SpanRow { depth, ..spans[index].take()? })).collect()
}
