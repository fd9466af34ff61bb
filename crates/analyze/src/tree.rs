//! The tree of a trace, made from whatever arrived.
//!
//! Owns who is whose parent, which roots there are, where an open span is taken to end, and self time. It never
//! moves a span's times and never hides a span: orphans, further roots and cycles become roots of their own and are
//! counted; so are spans that are nested by time, since their parents were recorded flat. Nothing here recurses, so depth
//! costs nothing.
//!
//! ```text
//!  no parent id          → root
//!  parent not in trace   → orphan: a root, counted in `missing_parents`
//!  own ancestor          → the cycle is cut at its earliest span, which becomes a root, counted in `cycles`
//!  id used twice         → children go to the first span under that id; both spans stay
//!  sibling of a leaf     → the leaf's child, counted in `nested_by_time`, where the leaf is evidently around it (`flat`)
//! ```

mod flat;

use std::borrow::Borrow;

use foldhash::{HashMap, HashMapExt};
use kino_model::{Span, SpanKind, Trace};

/// No span.
const NONE: u32 = u32::MAX;

/// What OpenTracing's shim and Jaeger's exporters write on a link that represents a FOLLOWS_FROM reference.
const REFERENCE_TYPE: &str = "opentracing.ref_type";
const FOLLOWS_FROM: &str = "follows_from";

/// A trace with its parent–child structure. Spans are named by their index in the trace.
#[derive(Clone, Debug)]
pub struct Tree<'a> {
    trace: &'a Trace,
    parents: Vec<u32>,
    child_offsets: Vec<u32>,
    children: Vec<u32>,
    ends: Vec<i64>,
    self_times: Vec<i64>,
    preorder: Vec<u32>,
    positions: Vec<u32>,
    sizes: Vec<u32>,
    roots: Vec<u32>,
    missing_parents: u64,
    cycles: u64,
    open_spans: u64,
    nested_by_time: u64,
}

/// Builds the [`Tree`] of each trace, in their order.
pub fn trees<'a, T: Borrow<Trace> + 'a>(traces: impl IntoIterator<Item = &'a T>) -> Vec<Tree<'a>> {
    traces.into_iter().map(|trace| Tree::new(trace.borrow())).collect()
}

impl<'a> Tree<'a> {
    /// Builds the tree. Takes O(n log n) time and O(n) memory.
    pub fn new(trace: &'a Trace) -> Self {
        let count = trace.spans.len();
        let mut tree = Self {
            trace,
            parents: vec![NONE; count],
            child_offsets: Vec::new(),
            children: Vec::new(),
            ends: Vec::new(),
            self_times: Vec::new(),
            preorder: Vec::with_capacity(count),
            positions: vec![0; count],
            sizes: vec![1; count],
            roots: Vec::new(),
            missing_parents: 0,
            cycles: 0,
            open_spans: 0,
            nested_by_time: 0,
        };
        let ranks = tree.find_parents();
        tree.find_roots(&ranks);
        tree.list_children();
        tree.number_in_preorder();
        tree.find_ends();
        tree.nest_by_time();
        tree.self_times = (0..count).map(|index| tree.uncovered(index)).collect();
        tree
    }

    /// Fills in `parents`; returns how each parentless span ranks as a root (0 best).
    fn find_parents(&mut self) -> HashMap<u32, u8> {
        let spans = &self.trace.spans;
        let mut by_id = HashMap::with_capacity(spans.len());
        for (index, span) in spans.iter().enumerate() {
            by_id.entry(span.span_id).or_insert(index as u32);
        }
        let mut ranks = HashMap::new();
        for (index, span) in spans.iter().enumerate() {
            let Some(parent) = span.parent_span_id.filter(|id| !id.is_zero()) else {
                ranks.insert(index as u32, 0);
                continue;
            };
            if let Some(&parent) = by_id.get(&parent) {
                self.parents[index] = parent;
            } else {
                self.missing_parents += 1;
                ranks.insert(index as u32, 1);
            }
        }
        self.cut_cycles(&mut ranks);
        ranks
    }

    fn cut_cycles(&mut self, ranks: &mut HashMap<u32, u8>) {
        // The number of the walk that came by; 0 is none. A walk that meets its own number closed a cycle.
        let mut walks = vec![0u32; self.parents.len()];
        for from in 0..self.parents.len() as u32 {
            let walk = from + 1;
            let mut at = from;
            while at != NONE && walks[at as usize] == 0 {
                walks[at as usize] = walk;
                at = self.parents[at as usize];
            }
            if at == NONE || walks[at as usize] != walk {
                continue;
            }
            let mut earliest = at;
            let mut member = self.parents[at as usize];
            while member != at {
                if (self.start(member as usize), member) < (self.start(earliest as usize), earliest) {
                    earliest = member;
                }
                member = self.parents[member as usize];
            }
            self.parents[earliest as usize] = NONE;
            ranks.insert(earliest, 2);
            self.cycles += 1;
        }
    }

    fn find_roots(&mut self, ranks: &HashMap<u32, u8>) {
        self.roots = (0..self.parents.len() as u32).filter(|&index| self.parents[index as usize] == NONE).collect();
        let mut roots = std::mem::take(&mut self.roots);
        roots.sort_by_key(|&index| (ranks.get(&index).copied(), self.start(index as usize), index));
        self.roots = roots;
    }

    fn list_children(&mut self) {
        let count = self.parents.len();
        let mut offsets = vec![0u32; count + 1];
        for &parent in &self.parents {
            if parent != NONE {
                offsets[parent as usize + 1] += 1;
            }
        }
        for index in 0..count {
            offsets[index + 1] += offsets[index];
        }
        let mut next = offsets.clone();
        self.children = vec![0; offsets[count] as usize];
        // Traces are ordered by start, so this pass usually leaves the children ordered; the check is cheap.
        for (index, &parent) in self.parents.iter().enumerate() {
            if parent != NONE {
                self.children[next[parent as usize] as usize] = index as u32;
                next[parent as usize] += 1;
            }
        }
        let mut children = std::mem::take(&mut self.children);
        for pair in offsets.windows(2) {
            let siblings = &mut children[pair[0] as usize..pair[1] as usize];
            if !siblings.is_sorted_by_key(|&index| self.start(index as usize)) {
                siblings.sort_by_key(|&index| (self.start(index as usize), index));
            }
        }
        self.children = children;
        self.child_offsets = offsets;
    }

    /// Gives spans whose parents were recorded flat the parent that they evidently have.
    fn nest_by_time(&mut self) {
        let nested = flat::nested(self);
        if nested.is_empty() {
            return;
        }
        for (span, parent) in &nested {
            self.parents[*span as usize] = *parent;
        }
        self.nested_by_time = nested.len() as u64;
        self.list_children();
        self.preorder.clear();
        self.sizes.fill(1);
        self.number_in_preorder();
    }

    fn number_in_preorder(&mut self) {
        let mut stack: Vec<u32> = self.roots.iter().rev().copied().collect();
        while let Some(index) = stack.pop() {
            self.positions[index as usize] = self.preorder.len() as u32;
            self.preorder.push(index);
            stack.extend(self.children(index as usize).iter().rev());
        }
        for position in (0..self.preorder.len()).rev() {
            let index = self.preorder[position] as usize;
            let parent = self.parents[index];
            if parent != NONE {
                self.sizes[parent as usize] += self.sizes[index];
            }
        }
    }

    /// An open span is taken to end at the last thing seen of it: an event of its own, or the end of a descendant.
    fn find_ends(&mut self) {
        self.ends = vec![i64::MIN; self.parents.len()];
        let mut latest_below = vec![i64::MIN; self.parents.len()];
        for &index in self.preorder.iter().rev() {
            let index = index as usize;
            let span = &self.trace.spans[index];
            self.ends[index] = if let Some(end) = span.end {
                end.0.max(span.start.0)
            } else {
                self.open_spans += 1;
                let last_event = span.events.iter().map(|event| event.time.0).max().unwrap_or(i64::MIN);
                span.start.0.max(latest_below[index]).max(last_event)
            };
            let parent = self.parents[index];
            if parent != NONE {
                latest_below[parent as usize] = latest_below[parent as usize].max(self.ends[index]);
            }
        }
    }

    /// The trace itself.
    pub fn trace(&self) -> &'a Trace {
        self.trace
    }

    /// How many spans there are.
    pub fn len(&self) -> usize {
        self.parents.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.parents.is_empty()
    }

    /// The span at `index`.
    pub fn span(&self, index: usize) -> &'a Span {
        &self.trace.spans[index]
    }

    /// Its start in Unix nanoseconds.
    pub fn start(&self, index: usize) -> i64 {
        self.trace.spans[index].start.0
    }

    /// Its end in Unix nanoseconds; for an open span the last moment recorded of it or of a span below it.
    pub fn end(&self, index: usize) -> i64 {
        self.ends[index]
    }

    /// End minus start, in nanoseconds; never negative.
    pub fn duration(&self, index: usize) -> i64 {
        self.end(index).saturating_sub(self.start(index))
    }

    /// The parent, if it is in the trace.
    pub fn parent(&self, index: usize) -> Option<usize> {
        Some(self.parents[index]).filter(|&parent| parent != NONE).map(|parent| parent as usize)
    }

    /// The children by start.
    pub fn children(&self, index: usize) -> &[u32] {
        &self.children[self.child_offsets[index] as usize..self.child_offsets[index + 1] as usize]
    }

    /// The span and everything below it, parents before their children.
    pub fn subtree(&self, index: usize) -> &[u32] {
        let position = self.positions[index] as usize;
        &self.preorder[position..position + self.sizes[index] as usize]
    }

    /// Whether `index` is `ancestor` or below it.
    pub fn is_at_or_below(&self, index: usize, ancestor: usize) -> bool {
        let (position, from) = (self.positions[index], self.positions[ancestor]);
        (from..from + self.sizes[ancestor]).contains(&position)
    }

    /// The position of `index` in the [`Tree::subtree`] of one of its ancestors.
    pub(crate) fn position_below(&self, ancestor: usize, index: usize) -> usize {
        (self.positions[index] - self.positions[ancestor]) as usize
    }

    /// The root: the earliest-starting span without a parent; without any, the earliest orphan.
    pub fn root(&self) -> Option<usize> {
        self.roots.first().map(|&root| root as usize)
    }

    /// All roots, [`Tree::root`] first, then further spans without a parent, orphans and cut cycles, each by start.
    pub fn roots(&self) -> &[u32] {
        &self.roots
    }

    /// How many spans name a parent that is not in the trace.
    pub fn missing_parents(&self) -> u64 {
        self.missing_parents
    }

    /// How many circles of parents were cut open, spans that are their own parent included.
    pub fn cycles(&self) -> u64 {
        self.cycles
    }

    /// How many spans have no end.
    pub fn open_spans(&self) -> u64 {
        self.open_spans
    }

    /// How many spans are children of a sibling that is around them, though another parent was recorded.
    pub fn nested_by_time(&self) -> u64 {
        self.nested_by_time
    }

    /// Whether this span is one of those.
    pub fn is_nested_by_time(&self, index: usize) -> bool {
        self.nested_by_time > 0
            && self
                .parent(index)
                .is_some_and(|parent| self.span(index).parent_span_id != Some(self.span(parent).span_id))
    }

    /// Whether a parent waits for this child: not for a CONSUMER under a PRODUCER, and not for a span that only
    /// follows from it.
    pub fn is_awaited(&self, child: usize) -> bool {
        let Some(parent) = self.parent(child) else { return false };
        let (parent, child) = (self.span(parent), self.span(child));
        let asynchronous = child.kind == SpanKind::Consumer && parent.kind == SpanKind::Producer;
        let follows = child.links.iter().any(|link| {
            link.span_id == parent.span_id
                && link.trace_id == parent.trace_id
                && link.attributes.iter().any(|(key, value)| {
                    key == REFERENCE_TYPE && value.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case(FOLLOWS_FROM))
                })
        });
        !asynchronous && !follows
    }

    /// The time in this span that none of its children covers, in nanoseconds.
    pub fn self_time(&self, index: usize) -> i64 {
        self.self_times[index]
    }

    fn uncovered(&self, index: usize) -> i64 {
        let (start, end) = (self.start(index), self.end(index));
        let mut covered = 0;
        let mut reached = start;
        for &child in self.children(index) {
            let from = self.start(child as usize).max(reached);
            let to = self.end(child as usize).min(end);
            if to > from {
                covered += to - from;
                reached = to;
            }
        }
        end - start - covered
    }
}

#[cfg(test)]
mod tests;
