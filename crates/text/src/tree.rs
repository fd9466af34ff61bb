//! Things that name their parents, as a tree on the screen.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// Orders things by their parents: each comes before its children, and these stay in the order that they are given in.
///
/// `items` has each thing's id and its parent's. Returns the index of each with its depth, 0 for a root, at most
/// `depth_max`. A thing whose parent is not among them is a root; a circle begins at its first thing. Nothing is lost
/// where an id occurs twice: its children then follow the first.
pub fn order<Id: Copy + Eq + Hash>(items: &[(Id, Option<Id>)], depth_max: usize) -> Vec<(usize, usize)> {
    let known: HashSet<Id> = items.iter().map(|(id, _)| *id).collect();
    let mut children: HashMap<Id, Vec<usize>> = HashMap::new();
    let mut roots = Vec::new();
    for (index, (id, parent)) in items.iter().enumerate() {
        match parent.filter(|parent| known.contains(parent) && parent != id) {
            Some(parent) => children.entry(parent).or_default().push(index),
            None => roots.push(index),
        }
    }
    let mut order = Vec::with_capacity(items.len());
    let mut seen = vec![false; items.len()];
    for first in roots.into_iter().chain(0..items.len()) {
        let mut open = vec![(first, 0)];
        while let Some((index, depth)) = open.pop() {
            if std::mem::replace(&mut seen[index], true) {
                continue;
            }
            order.push((index, depth));
            let below = children.remove(&items[index].0).unwrap_or_default();
            open.extend(below.into_iter().rev().map(|child| (child, (depth + 1).min(depth_max))));
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_come_before_children_and_orphans_are_roots() {
        let items = [(1, None), (8, Some(7)), (2, Some(1)), (4, Some(2)), (3, Some(1))];
        assert_eq!(order(&items, 9), [(0, 0), (2, 1), (3, 2), (4, 1), (1, 0)]);
        assert_eq!(order(&items, 1), [(0, 0), (2, 1), (3, 1), (4, 1), (1, 0)]);
    }

    #[test]
    fn circles_and_doubles_lose_nothing() {
        let items = [(1, Some(2)), (2, Some(1)), (3, Some(3)), (4, None), (4, None), (5, Some(4))];
        assert_eq!(order(&items, 9).len(), items.len());
    }
}
