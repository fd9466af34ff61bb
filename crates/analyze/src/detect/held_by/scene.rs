//! What ran: the traces at hand, cut into parts that each ran in one process.
//!
//! ```text
//!  GET /            process 1 ─┐ part 0
//!    connect        process 1 ─┘
//!    POST /screen   process 2 ─┐ part 1, outer: part 0
//!      connect      process 2 ─┘
//! ```
//! A part begins at a root, at a server, consumer or test case span, and where the process changes.

use std::collections::BTreeMap;

use foldhash::{HashMap, HashSet};
use kino_model::{Resource, Span, attribute};

use super::Beside;
use crate::detect::call::waits;
use crate::execution::{Execution, is_inner_entry, is_run, process};
use crate::tree::Tree;

/// No number.
const NONE: u32 = u32::MAX;

/// All that is at hand.
pub(super) struct Scene<'t, 'a> {
    pub(super) trees: Vec<&'t Tree<'a>>,
    pub(super) parts: Vec<ProcessPart>,
    /// By tree and span.
    part_of: Vec<Vec<u32>>,
    /// By tree and span: the number of the judged execution.
    judged_of: Vec<Vec<u32>>,
    /// The executions that are judged: those of them that ended.
    pub(super) judged: Vec<Execution<'t, 'a>>,
    pub(super) processes: usize,
}

/// What one process did of one execution.
pub(super) struct ProcessPart {
    pub(super) tree: usize,
    pub(super) entry: usize,
    pub(super) process: usize,
    /// The outermost part of those that wait for this one.
    pub(super) top: usize,
    pub(super) start: i64,
    pub(super) end: i64,
    /// When its last call to something outside ended; its start without any.
    pub(super) last_call: i64,
    /// Its spans in call order; those of parts within it are theirs.
    pub(super) spans: Vec<u32>,
}

impl<'t, 'a> Scene<'t, 'a> {
    /// The traces of `executions`, which are judged, and those `beside` them.
    pub(super) fn new(executions: &[Execution<'t, 'a>], beside: Beside<'t, 'a>) -> Self {
        let mut seen = HashSet::default();
        let trees = executions.iter().map(|execution| execution.tree).chain(beside.trees);
        let mut trees: Vec<&'t Tree<'a>> = trees.filter(|tree| seen.insert(tree.trace().trace_id)).collect();
        trees.sort_by_key(|tree| tree.trace().trace_id);
        let numbers: HashMap<_, _> = trees.iter().enumerate().map(|(at, tree)| (tree.trace().trace_id, at)).collect();
        let mut judged_of: Vec<Vec<u32>> = trees.iter().map(|tree| vec![NONE; tree.len()]).collect();
        let mut judged: Vec<Execution<'t, 'a>> =
            executions.iter().filter(|it| !it.is_open() && it.start() >= beside.since).copied().collect();
        judged.sort_by_key(|execution| (execution.start(), execution.trace_id(), execution.entry));
        for (number, execution) in judged.iter().enumerate() {
            let of_tree = &mut judged_of[numbers[&execution.trace_id()]];
            for &index in execution.spans() {
                // A trace that was handed in twice, as it grew, has more spans than the tree that counts.
                if let Some(of_span) = of_tree.get_mut(index as usize) {
                    *of_span = number as u32;
                }
            }
        }
        let mut scene = Self { trees, parts: Vec::new(), part_of: Vec::new(), judged_of, judged, processes: 0 };
        let mut processes = Processes::default();
        for tree in 0..scene.trees.len() {
            scene.cut(tree, &mut processes);
        }
        scene.processes = processes.by_name.len();
        scene
    }

    fn cut(&mut self, number: usize, processes: &mut Processes) {
        let tree = self.trees[number];
        let mut part_of = vec![NONE; tree.len()];
        for &root in tree.roots() {
            for &index in tree.subtree(root as usize) {
                let index = index as usize;
                let process = processes.of(&tree.span(index).resource);
                let parent = tree.parent(index).filter(|&parent| !is_run(tree, parent));
                let outer = parent.map(|parent| part_of[parent] as usize);
                let same = outer.filter(|&outer| self.parts[outer].process == process && !is_inner_entry(tree, index));
                let part = same.unwrap_or_else(|| {
                    let next = self.parts.len();
                    let top = outer.filter(|_| tree.is_awaited(index)).map_or(next, |outer| self.parts[outer].top);
                    let (start, end) = (tree.start(index), tree.end(index));
                    let spans = Vec::new();
                    self.parts.push(ProcessPart {
                        tree: number,
                        entry: index,
                        process,
                        top,
                        start,
                        end,
                        last_call: start,
                        spans,
                    });
                    next
                });
                part_of[index] = part as u32;
                let part = &mut self.parts[part];
                if waits(tree.span(index)) {
                    part.last_call = part.last_call.max(tree.end(index));
                }
                part.spans.push(index as u32);
            }
        }
        self.part_of.push(part_of);
    }

    pub(super) fn span(&self, tree: usize, index: usize) -> &'a Span {
        self.trees[tree].span(index)
    }

    /// The part that a span belongs to.
    pub(super) fn part(&self, tree: usize, index: usize) -> usize {
        self.part_of[tree][index] as usize
    }

    /// The parts of the same process above this one during which it began and ended: they called it and waited for it.
    pub(super) fn callers(&self, part: usize) -> impl Iterator<Item = usize> + '_ {
        let inner = &self.parts[part];
        let outer = |part: &usize| {
            let ProcessPart { tree, entry, .. } = self.parts[*part];
            let parent = self.trees[tree].parent(entry).filter(|&parent| !is_run(self.trees[tree], parent))?;
            Some(self.part(tree, parent))
        };
        std::iter::successors(outer(&part), outer).filter(move |&outer| {
            let outer = &self.parts[outer];
            outer.process == inner.process && outer.start <= inner.start && outer.end >= inner.end
        })
    }

    /// The number of the judged execution that a span belongs to.
    pub(super) fn judged(&self, tree: usize, index: usize) -> Option<usize> {
        Some(self.judged_of[tree][index]).filter(|&number| number != NONE).map(|number| number as usize)
    }

    /// The entry span of a part.
    pub(super) fn entry(&self, part: usize) -> &'a Span {
        self.span(self.parts[part].tree, self.parts[part].entry)
    }
}

/// Numbers processes: by `service.instance.id`, else by `process.pid` and host; without either, a service is taken for
/// one process.
#[derive(Default)]
struct Processes {
    by_resource: HashMap<*const Resource, usize>,
    by_name: BTreeMap<String, usize>,
}

impl Processes {
    fn of(&mut self, resource: &Resource) -> usize {
        let (by_name, next) = (&mut self.by_name, self.by_resource.entry(std::ptr::from_ref(resource)));
        *next.or_insert_with(|| {
            let host = ["host.id", "host.name"].iter().find_map(|key| attribute::find(&resource.attributes, key));
            let host = host.map(kino_model::Value::to_text).unwrap_or_default();
            let name = process(resource).unwrap_or_else(|| resource.service().to_owned());
            let next = by_name.len();
            *by_name.entry(format!("{name}\n{host}")).or_insert(next)
        })
    }
}
