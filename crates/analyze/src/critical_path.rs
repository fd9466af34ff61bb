//! The critical path: at each moment of a span's life, the one span below it that it was waiting for.
//!
//! Walks back from the end through the child that finishes last at or before the current point. Each child is used
//! once; one that sticks out of its already clipped parent is clipped to it; one wholly outside is left out and
//! counted; ties go to the earlier start; there are no segments of length zero. A child that its parent does not wait for
//! ([`Tree::is_awaited`]) is never on the path. Takes O(n log n) time and does not recurse.
//!
//! ```text
//!  root   |████············██████·········██|
//!  child       |██████████|      |███████|        segments: root, child, root, child, root
//! ```

use crate::tree::Tree;

/// The segments of a critical path and what could not be on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CriticalPath {
    /// In time order, without overlap, covering the span from start to end. None for a span of no duration.
    pub segments: Vec<Segment>,
    /// Spans wholly outside their parent's time, with all below them.
    pub spans_outside_parent: u64,
}

/// A stretch of time and the span that was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The span's index in the trace.
    pub span: usize,
    /// Unix nanoseconds.
    pub start: i64,
    /// Unix nanoseconds; always later than `start`.
    pub end: i64,
}

impl Segment {
    /// End minus start.
    pub fn duration(&self) -> i64 {
        self.end - self.start
    }
}

/// The critical path of the trace's root; empty for a trace without spans.
pub fn critical_path(tree: &Tree<'_>) -> CriticalPath {
    tree.root().map_or_else(CriticalPath::default, |root| critical_path_of(tree, root))
}

/// The critical path of the span at `entry` over what is below it.
pub fn critical_path_of(tree: &Tree<'_>, entry: usize) -> CriticalPath {
    let (clips, spans_outside_parent) = clip(tree, entry);
    let clip_of = |index: usize| clips[tree.position_below(entry, index)];
    let mut segments = Vec::new();
    // Children still to be tried, of all frames one after another; each frame takes from the end of its own part.
    let mut waiting: Vec<u32> = Vec::new();
    let mut frames = vec![open_frame(tree, entry, &mut waiting, &clip_of)];
    while let Some(frame) = frames.last_mut() {
        let span = frame.span as usize;
        let (start, _) = clip_of(span);
        let mut next = None;
        while waiting.len() > frame.waiting_from as usize {
            let child = waiting.pop().expect("longer than where the frame's part begins") as usize;
            if clip_of(child).1 <= frame.point {
                next = Some(child);
                break;
            }
        }
        let Some(child) = next else {
            push(&mut segments, span, start, frame.point);
            frames.pop();
            continue;
        };
        let (child_start, child_end) = clip_of(child);
        push(&mut segments, span, child_end, frame.point);
        frame.point = child_start;
        frames.push(open_frame(tree, child, &mut waiting, &clip_of));
    }
    segments.reverse();
    CriticalPath { segments, spans_outside_parent }
}

/// A span whose children are being tried; in a chain there are as many as spans.
struct PathFrame {
    span: u32,
    waiting_from: u32,
    /// Segments of this span from here to its end are already written.
    point: i64,
}

fn open_frame(
    tree: &Tree<'_>,
    span: usize,
    waiting: &mut Vec<u32>,
    clip_of: &impl Fn(usize) -> (i64, i64),
) -> PathFrame {
    let waiting_from = waiting.len();
    let long_enough = |&child: &u32| {
        let (start, end) = clip_of(child as usize);
        end > start && tree.is_awaited(child as usize)
    };
    waiting.extend(tree.children(span).iter().copied().filter(long_enough));
    // Taken from the end: the latest end last, and among equal ends the earliest start last.
    waiting[waiting_from..]
        .sort_by_key(|&child| (clip_of(child as usize).1, std::cmp::Reverse((tree.start(child as usize), child))));
    PathFrame { span: span as u32, waiting_from: waiting_from as u32, point: clip_of(span).1 }
}

fn push(segments: &mut Vec<Segment>, span: usize, start: i64, end: i64) {
    if end > start {
        segments.push(Segment { span, start, end });
    }
}

/// Each span's times within its clipped parent's, in preorder, and how many spans are wholly outside. A span that
/// is outside has an empty time.
fn clip(tree: &Tree<'_>, entry: usize) -> (Vec<(i64, i64)>, u64) {
    let subtree = tree.subtree(entry);
    let mut clips: Vec<(i64, i64)> = Vec::with_capacity(subtree.len());
    let mut left_out = vec![false; subtree.len()];
    clips.push((tree.start(entry), tree.end(entry)));
    for (position, &index) in subtree.iter().enumerate().skip(1) {
        let index = index as usize;
        let parent = tree.parent(index).expect("a span below another has a parent");
        let parent_position = tree.position_below(entry, parent);
        let (parent_start, parent_end) = clips[parent_position];
        let (start, end) = (tree.start(index), tree.end(index));
        let touches_only = end > start && (end == parent_start || start == parent_end);
        let outside = start > parent_end || end < parent_start || touches_only;
        left_out[position] = outside || left_out[parent_position];
        clips.push(if left_out[position] {
            (parent_start, parent_start)
        } else {
            (start.max(parent_start), end.min(parent_end))
        });
    }
    (clips, left_out.iter().filter(|&&out| out).count() as u64)
}

#[cfg(test)]
pub(crate) mod tests;
