//! What-if: how long an execution would take if some spans' own time changed.
//!
//! The model: within a parent, a child starts a fixed time after the last sibling that had ended by then (or after the
//! parent's start), and the parent ends a fixed time after its last child; those times between are the parent's own.
//! Whatever runs at the same time stays so. Unchanged own times give back the recorded duration exactly.

use crate::tree::Tree;

/// The duration of the span at `entry`, in nanoseconds, if each span's own time were multiplied by `factor(span)`.
pub fn retime(tree: &Tree<'_>, entry: usize, factor: impl Fn(usize) -> f64) -> f64 {
    let subtree = tree.subtree(entry);
    let mut durations = vec![0.0f64; subtree.len()];
    let mut children: Vec<Child> = Vec::new();
    let mut by_end: Vec<usize> = Vec::new();
    for position in (0..subtree.len()).rev() {
        let index = subtree[position] as usize;
        let (start, end) = (tree.start(index), tree.end(index));
        children.clear();
        for &child in tree.children(index) {
            let child = child as usize;
            let (from, to) = (tree.start(child).max(start), tree.end(child).min(end));
            if to > from && tree.is_awaited(child) {
                let part = (to - from) as f64 / tree.duration(child) as f64;
                let duration = durations[tree.position_below(entry, child)] * part;
                children.push(Child { start: from, end: to, duration, new_end: 0.0 });
            }
        }
        by_end.clear();
        by_end.extend(0..children.len());
        by_end.sort_by_key(|&child| children[child].end);
        durations[position] = duration(start, end, factor(index), &mut children, &by_end);
    }
    durations[0]
}

struct Child {
    start: i64,
    end: i64,
    duration: f64,
    /// From the parent's start.
    new_end: f64,
}

/// `children` by start, `by_end` their positions by end.
fn duration(start: i64, end: i64, factor: f64, children: &mut [Child], by_end: &[usize]) -> f64 {
    let mut ended = 0;
    let (mut last_end, mut last_new_end) = (start, 0.0f64);
    let mut reached = start;
    let mut all_end = 0.0f64;
    for child in 0..children.len() {
        let from = children[child].start;
        while ended < by_end.len() && children[by_end[ended]].end <= from {
            last_end = last_end.max(children[by_end[ended]].end);
            last_new_end = last_new_end.max(children[by_end[ended]].new_end);
            ended += 1;
        }
        let own = (from - reached.max(last_end)).max(0) as f64;
        let gap = (from - last_end) as f64;
        let new_end = last_new_end + (gap - own) + own * factor + children[child].duration;
        children[child].new_end = new_end;
        all_end = all_end.max(new_end);
        reached = reached.max(children[child].end);
    }
    all_end + (end - reached) as f64 * factor
}
