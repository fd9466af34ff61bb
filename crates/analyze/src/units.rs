//! Units of replication: which executions are repeated measurements of the same run.
//!
//! | executions | unit |
//! |---|---|
//! | of a `kino run` | the run |
//! | of a process that is over within two minutes | the process |
//! | of anything that runs for longer | each minute, since what a service does within one is not independent |
//! | of nothing known, within two minutes | |none: every execution is its own unit| |

use foldhash::{HashMap, HashSet};
use kino_model::names;

use crate::execution::{Execution, is_run, process};

/// What lasts longer than this has each of its [`BLOCK_NANOS`] as a unit.
const LONG_NANOS: i64 = 2 * 60 * 1_000_000_000;
/// A block of what runs for long.
const BLOCK_NANOS: i64 = 60 * 1_000_000_000;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unit {
    /// Its first execution's start, Unix nanoseconds.
    pub(crate) start: i64,
    /// The `kino run` that it is or belongs to.
    pub(crate) run_id: Option<String>,
    /// The share of the machine's cores that other programs used during its run.
    pub(crate) others_cpu: Option<f64>,
    /// Whether it is a minute of something that ran for longer.
    pub(crate) is_block: bool,
}

/// The units of one side, and which one each execution belongs to.
#[derive(Default)]
pub(crate) struct Units {
    pub(crate) all: Vec<Unit>,
    /// By execution; `None` where it is its own unit.
    pub(crate) of: Vec<Option<u32>>,
    /// The runs and processes that they come from.
    sources: HashSet<ExecutionUnit>,
}

/// What executions share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum ExecutionUnit {
    Run(String),
    Process(String),
    Unknown,
}

impl Units {
    /// Of these executions. Runs that were made in turn stay whole, however long they take.
    pub(crate) fn new(executions: &[Execution<'_, '_>], in_turn: bool) -> Self {
        let sources: Vec<ExecutionUnit> = executions.iter().map(source).collect();
        let mut spans: HashMap<&ExecutionUnit, (i64, i64)> = HashMap::default();
        for (execution, source) in executions.iter().zip(&sources) {
            let (start, end) = (execution.start(), execution.start() + execution.duration().unwrap_or_default());
            let span = spans.entry(source).or_insert((start, end));
            *span = (span.0.min(start), span.1.max(end));
        }
        let known_sources = sources.iter().filter(|source| **source != ExecutionUnit::Unknown);
        let mut units = Self { sources: known_sources.cloned().collect(), ..Self::default() };
        let mut known: HashMap<(ExecutionUnit, i64), u32> = HashMap::default();
        for (execution, source) in executions.iter().zip(&sources) {
            let (first, last) = spans[source];
            let is_run = matches!(source, ExecutionUnit::Run(_));
            let is_long = last - first > LONG_NANOS && !(in_turn && is_run);
            let key = match (source, is_long) {
                (ExecutionUnit::Unknown, false) => {
                    units.of.push(None);
                    continue;
                }
                (_, false) => (source.clone(), 0),
                (ExecutionUnit::Run(_), true) => (source.clone(), execution.start().div_euclid(BLOCK_NANOS)),
                // Processes of one service share the minute.
                (_, true) => (ExecutionUnit::Unknown, execution.start().div_euclid(BLOCK_NANOS)),
            };
            let run_id = match source {
                ExecutionUnit::Run(id) => Some(id.clone()),
                _ => None,
            };
            let unit = *known.entry(key).or_insert_with(|| {
                units.all.push(Unit { start: execution.start(), run_id, others_cpu: None, is_block: is_long });
                units.all.len() as u32 - 1
            });
            let start = &mut units.all[unit as usize].start;
            *start = (*start).min(execution.start());
            units.of.push(Some(unit));
        }
        units
    }

    /// How many runs and processes are known.
    pub(crate) fn sources(&self) -> usize {
        self.sources.len()
    }

    /// Whether some run or process is on both sides: then what differs is not which process it was.
    pub(crate) fn share_a_process(&self, other: &Self) -> bool {
        !self.sources.is_disjoint(&other.sources)
    }
}

fn source(execution: &Execution<'_, '_>) -> ExecutionUnit {
    let tree = execution.tree;
    let resource = &tree.span(execution.entry).resource;
    // A sender that takes no attributes from its environment is still below its run.
    let mut roots = tree.roots().iter().map(|root| *root as usize).filter(|root| is_run(tree, *root));
    let of_root = || roots.find_map(|root| tree.span(root).resource.text(names::RUN_ID));
    if let Some(run) = resource.text(names::RUN_ID).or_else(of_root) {
        return ExecutionUnit::Run(run.to_owned());
    }
    process(resource).map_or(ExecutionUnit::Unknown, ExecutionUnit::Process)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::{EntrySpans, executions};
    use crate::testing::{traces, trees};

    fn units(text: &str, in_turn: bool) -> Vec<Option<u32>> {
        let traces = traces(text);
        let trees = trees(&traces);
        Units::new(&executions(&trees, EntrySpans::Outermost), in_turn).of
    }

    #[test]
    fn a_run_is_one_unit_and_a_long_one_has_one_for_each_minute() {
        let run = |id: &str, from: i64| format!("load {}..{} run={id}", from * 1_000, from * 1_000 + 10);
        let text = [run("a", 0), run("a", 1), run("b", 2)].join("\n---\n");
        assert_eq!(units(&text, false), [Some(0), Some(0), Some(1)]);
        let long = [run("a", 0), run("a", 59), run("a", 61), run("a", 300)].join("\n---\n");
        assert_eq!(units(&long, false), [Some(0), Some(0), Some(1), Some(2)]);
        assert_eq!(units(&long, true), [Some(0); 4]);
    }

    #[test]
    fn executions_of_nothing_known_stand_for_themselves_unless_they_last_for_minutes() {
        let at = |second: i64| format!("load {}..{}", second * 1_000, second * 1_000 + 10);
        assert_eq!(units(&[at(0), at(1)].join("\n---\n"), false), [None, None]);
        assert_eq!(units(&[at(0), at(1), at(130)].join("\n---\n"), false), [Some(0), Some(0), Some(1)]);
    }
}
