//! Executions: the subtrees over which operations are explained and compared.
//!
//! An execution is the subtree under an entry span, whatever trace holds it, since under `TRACEPARENT` a whole test
//! suite may share one trace. Executions of one call never overlap, so that no span counts twice.

use std::collections::HashMap;

use kino_model::{Resource, Span, SpanId, SpanKind, TraceId, attribute, names};

use crate::fingerprint::shape;
use crate::tree::Tree;

/// What makes a span a test case.
const TEST_CASE_NAME: &str = "test.case.name";
/// What pytest's plugin has on a test, on its phases, and on nothing else; the test alone is named by it.
const PYTEST_NODE: &str = "pytest.nodeid";
/// What pytest's plugin says of each of its spans: a test, a phase of one, a fixture.
const PYTEST_SPAN_TYPE: &str = "pytest.span_type";

/// Returns whether the span is a test case.
pub(crate) fn is_test_case(span: &Span) -> bool {
    span.attribute(TEST_CASE_NAME).is_some() || span.text(PYTEST_NODE) == Some(span.name.as_str())
}

/// Returns whether the span is a test case, a phase of one or a fixture, as pytest's plugin records them: what a test does
/// itself is directly below these.
pub(crate) fn is_part_of_test(span: &Span) -> bool {
    is_test_case(span) || [PYTEST_NODE, PYTEST_SPAN_TYPE].iter().any(|key| span.attribute(key).is_some())
}

/// Programs that run tests, by the names of their files or packages.
const TEST_RUNNERS: [&str; 18] = [
    "_mocha",
    "ava",
    "cypress",
    "jasmine",
    "jest",
    "jest-worker",
    "karma",
    "mocha",
    "nose2",
    "phpunit",
    "playwright",
    "py.test",
    "pytest",
    "rspec",
    "tap",
    "tape",
    "unittest",
    "vitest",
];

/// Returns whether the sender's process runs tests, by the command that its resource names: not every runner's tests
/// are recorded as spans.
pub(crate) fn is_test_runner(resource: &Resource) -> bool {
    let text = |key: &str| attribute::find(&resource.attributes, key).and_then(kino_model::Value::as_str);
    let arguments = attribute::find(&resource.attributes, "process.command_args");
    let arguments = match arguments {
        Some(kino_model::Value::Array(members)) => members.as_slice(),
        _ => &[],
    };
    let words =
        || arguments.iter().take(COMMAND_WORDS).filter_map(kino_model::Value::as_str).chain(text("process.command"));
    words().any(is_runner) || words().any(|word| word == "--test")
}

/// Characters of a command that it is known by.
const COMMAND_CHARS_MAX: usize = 120;

/// Words of a command line that may name the program: the interpreter, an option of it, the script.
const COMMAND_WORDS: usize = 4;

/// Whether a path or a module names a runner: by its file, or by the package that it is installed with.
fn is_runner(word: &str) -> bool {
    let stem = |part: &str| part.rsplit_once('.').map_or(part, |(stem, _)| stem).to_owned();
    let is_one = |part: &str| TEST_RUNNERS.contains(&part) || TEST_RUNNERS.contains(&stem(part).as_str());
    let mut parts = word.split(['/', '\\']);
    let file = word.rsplit(['/', '\\']).next().unwrap_or_default();
    let package = parts.by_ref().find(|part| *part == "node_modules").and_then(|_| parts.next());
    is_one(file) || package.is_some_and(is_one)
}

/// Returns whether an execution is a test, or ran in a process that runs tests.
pub(crate) fn is_of_test(execution: &Execution<'_, '_>) -> bool {
    let span = execution.tree.span(execution.entry);
    is_test_case(span) || is_test_runner(&span.resource)
}

/// Which spans executions start at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntrySpans<'q> {
    /// The outermost work: test cases where there are some, else the spans directly under a `kino run`, else the
    /// trace's roots. A run is an execution only where it has no spans below.
    Outermost,
    /// Spans of exactly this name, in this service if one is given; the outermost where they nest.
    Operation {
        /// The service, any if `None`.
        service: Option<&'q str>,
        /// The span name.
        name: &'q str,
    },
}

/// One execution: a span and all below it.
#[derive(Clone, Copy, Debug)]
pub struct Execution<'t, 'a> {
    /// The trace's tree.
    pub tree: &'t Tree<'a>,
    /// The entry span's index.
    pub entry: usize,
}

/// The executions in `trees`, by start time.
pub fn executions<'t, 'a>(trees: &'t [Tree<'a>], entry: EntrySpans<'_>) -> Vec<Execution<'t, 'a>> {
    let mut found = Vec::new();
    for tree in trees {
        match entry {
            EntrySpans::Outermost => outermost(tree, &mut found),
            EntrySpans::Operation { service, name } => named(tree, service, name, &mut found),
        }
    }
    found.sort_by_key(|execution: &Execution<'_, '_>| (execution.start(), execution.trace_id(), execution.entry));
    found
}

/// The programs under `kino run` that make calls with no request, test or span of their own above: each execution is the
/// whole run, of which its direct calls (`calls_of_program`) are to be judged, since what is below other spans is an
/// execution of its own. Left out are runs that have not ended or were ended by a signal, as servers are, whose calls are of
/// many requests that are not recorded; runs that serve requests or run tests themselves.
pub fn programs<'t, 'a>(trees: &'t [Tree<'a>]) -> Vec<Execution<'t, 'a>> {
    let mut found = Vec::new();
    for tree in trees {
        let roots = tree.roots().iter().map(|&root| root as usize);
        found.extend(roots.filter(|&root| is_program(tree, root)).map(|entry| Execution { tree, entry }));
    }
    found.sort_by_key(|execution: &Execution<'_, '_>| (execution.start(), execution.trace_id(), execution.entry));
    found
}

/// The direct calls of a program that is executed as one run: `entry` is the run.
pub(crate) fn calls_of_program<'t>(tree: &'t Tree<'_>, entry: usize) -> impl Iterator<Item = usize> + 't {
    let children = tree.children(entry).iter().map(|&child| child as usize);
    children.filter(|&child| tree.span(child).kind == SpanKind::Client)
}

/// Whether a root is a run whose program's own calls say what the program does.
fn is_program(tree: &Tree<'_>, root: usize) -> bool {
    let span = tree.span(root);
    let mut children = tree.children(root).iter().map(|&child| child as usize);
    is_run(tree, root)
        && span.end.is_some()
        && span.attribute(names::RUN_SIGNAL).is_none()
        && calls_of_program(tree, root).next().is_some()
        && !children.any(|child| is_inner_entry(tree, child) || is_test_runner(&tree.span(child).resource))
}

/// How the run ended that a call was made by without any request, test or span above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunEnd {
    /// By itself, without a failure: the program handled what failed.
    Well,
    /// By itself, with a failure.
    Failed,
    /// Not yet, or by a signal, which says nothing of the program.
    Unknown,
}

/// How the run ended whose program made the call that an execution is; `None` where it is no such call.
pub(crate) fn run_end(execution: &Execution<'_, '_>) -> Option<(usize, RunEnd)> {
    let (tree, entry) = (execution.tree, execution.entry);
    let is_call = matches!(tree.span(entry).kind, SpanKind::Client | SpanKind::Producer);
    let run = tree.parent(entry).filter(|&parent| is_call && is_run(tree, parent))?;
    let span = tree.span(run);
    let is_unknown = span.end.is_none() || span.attribute(names::RUN_SIGNAL).is_some();
    let end = match (is_unknown, span.is_error()) {
        (true, _) => RunEnd::Unknown,
        (false, true) => RunEnd::Failed,
        (false, false) => RunEnd::Well,
    };
    Some((run, end))
}

/// What a run executes, with ids and numbers taken out; `None` for other spans.
pub fn command_of(span: &Span) -> Option<String> {
    let command = span.text(names::RUN_COMMAND)?;
    // A version is a part of the program's name: `python3`.
    let (program, arguments) = command.split_at(command.find(' ').unwrap_or(command.len()));
    Some((program.to_owned() + &shape(arguments)).chars().take(COMMAND_CHARS_MAX).collect())
}

/// The executions that start at spans that pass, the outermost where they nest, by start time.
pub fn executions_where<'t, 'a>(trees: &'t [Tree<'a>], passes: impl Fn(&Span) -> bool) -> Vec<Execution<'t, 'a>> {
    let mut found = Vec::new();
    for tree in trees {
        for &root in tree.roots() {
            outermost_where(tree, root as usize, &mut found, |index| passes(tree.span(index)));
        }
    }
    found.sort_by_key(|execution: &Execution<'_, '_>| (execution.start(), execution.trace_id(), execution.entry));
    found
}

fn outermost<'t, 'a>(tree: &'t Tree<'a>, found: &mut Vec<Execution<'t, 'a>>) {
    let mut starts: Vec<u32> = Vec::new();
    for &root in tree.roots() {
        if is_run(tree, root as usize) && !tree.children(root as usize).is_empty() {
            starts.extend(tree.children(root as usize));
        } else {
            starts.push(root);
        }
    }
    for start in starts {
        let before = found.len();
        outermost_where(tree, start as usize, found, |index| is_test_case(tree.span(index)));
        if found.len() == before {
            found.push(Execution { tree, entry: start as usize });
        }
    }
}

fn named<'t, 'a>(tree: &'t Tree<'a>, service: Option<&str>, name: &str, found: &mut Vec<Execution<'t, 'a>>) {
    for &root in tree.roots() {
        outermost_where(tree, root as usize, found, |index| {
            let span = tree.span(index);
            span.name == name && service.is_none_or(|service| span.service() == service)
        });
    }
}

/// Adds the spans at or below `from` that pass and have no ancestor that does.
fn outermost_where<'t, 'a>(
    tree: &'t Tree<'a>,
    from: usize,
    found: &mut Vec<Execution<'t, 'a>>,
    passes: impl Fn(usize) -> bool,
) {
    let subtree = tree.subtree(from);
    let mut position = 0;
    while position < subtree.len() {
        let index = subtree[position] as usize;
        if passes(index) {
            found.push(Execution { tree, entry: index });
            position += tree.subtree(index).len();
        } else {
            position += 1;
        }
    }
}

/// The executions that are the programs' own work: a `kino run` whose spans are in traces of their own, or that sent
/// none, only counts where nothing else does.
pub(crate) fn own_work<'t, 'a>(executions: &[Execution<'t, 'a>]) -> Vec<Execution<'t, 'a>> {
    let has_work = executions.iter().any(|it| !is_run(it.tree, it.entry));
    executions.iter().filter(|it| !has_work || !is_run(it.tree, it.entry)).copied().collect()
}

/// A process with fewer executions of an operation than this has no «first of several» that could be left out.
const SEVERAL: usize = 3;

/// Of each execution whether it is the first of several of its operation in its process: such a one loads code, opens
/// connections and fills caches, and its timing is not the others'. A process is known by `service.instance.id` or
/// `process.pid`; without either nothing is said.
pub(crate) fn cold(executions: &[Execution<'_, '_>]) -> Vec<bool> {
    let mut processes: HashMap<*const Resource, Option<String>> = HashMap::new();
    let mut firsts: HashMap<(String, &str), (usize, usize)> = HashMap::new();
    for (number, execution) in executions.iter().enumerate() {
        let span = execution.tree.span(execution.entry);
        let process = processes.entry(&raw const *span.resource).or_insert_with(|| process(&span.resource));
        if let Some(process) = process {
            let (count, first) = firsts.entry((process.clone(), &span.name)).or_insert((0, number));
            *count += 1;
            if execution.start() < executions[*first].start() {
                *first = number;
            }
        }
    }
    let mut cold = vec![false; executions.len()];
    let mut several: Vec<usize> = firsts.into_values().filter(|it| it.0 >= SEVERAL).map(|it| it.1).collect();
    several.sort_unstable();
    for first in several {
        cold[first] = true;
    }
    cold
}

/// Whether a span failed: by its status, or by a server error over HTTP.
pub fn has_failed(span: &Span) -> bool {
    span.is_error() || span.int("http.response.status_code").is_some_and(|code| code >= 500)
}

/// What distinguishes the sender's process from others of its service.
pub(crate) fn process(resource: &Resource) -> Option<String> {
    let found =
        ["service.instance.id", "process.pid"].iter().find_map(|key| attribute::find(&resource.attributes, key));
    found.map(|value| format!("{} {}", resource.service(), value.to_text()))
}

/// Whether this span is a `kino run`.
pub fn is_run(tree: &Tree<'_>, index: usize) -> bool {
    tree.span(index).attribute(names::RUN_COMMAND).is_some()
}

/// Whether executions of its own start at a span of this kind, wherever it is in the tree.
pub(crate) fn is_inner_entry(tree: &Tree<'_>, index: usize) -> bool {
    let span = tree.span(index);
    matches!(span.kind, SpanKind::Server | SpanKind::Consumer) || is_test_case(span)
}

impl Execution<'_, '_> {
    /// Unix nanoseconds.
    pub fn start(&self) -> i64 {
        self.tree.start(self.entry)
    }

    /// Nanoseconds; `None` while it is open.
    pub fn duration(&self) -> Option<i64> {
        (!self.is_open()).then(|| self.tree.duration(self.entry))
    }

    /// Whether it has not ended.
    pub fn is_open(&self) -> bool {
        self.tree.span(self.entry).end.is_none()
    }

    /// Whether its entry span failed.
    pub fn is_error(&self) -> bool {
        self.tree.span(self.entry).is_error()
    }

    /// Whether it is a test case that passed, or ran in a process that runs tests which are not recorded: failures
    /// inside it were wanted, as far as is known.
    pub fn is_passed_test(&self) -> bool {
        let span = self.tree.span(self.entry);
        if is_test_case(span) { !self.is_error() } else { is_test_runner(&span.resource) }
    }

    /// Returns the id that the execution shares with everything else of its trace.
    pub fn trace_id(&self) -> TraceId {
        self.tree.trace().trace_id
    }

    /// Its entry span.
    pub fn span_id(&self) -> SpanId {
        self.tree.span(self.entry).span_id
    }

    /// Its spans, the entry first.
    pub fn spans(&self) -> &[u32] {
        self.tree.subtree(self.entry)
    }
}
