//! The first cause of a failed execution: the failure that the others pass on, rather than the last one raised.
//!
//! From the entry downwards, each failed span hands over to
//!
//! 1. the innermost span below that recorded the same exception (type and message);
//! 2. the span below that recorded an exception which the stack names as a cause (Python's two sentences between
//!    exceptions, Java's `Caused by:`), or, without such a span, that exception itself;
//! 3. the last failed span below, where it may have been the cause: not where other work went well after it before
//!    this span raised an exception of its own, and not where a language that prints causes named none and the failed
//!    span is of the same process.
//!
//! Of several spans of one operation that failed alike (attempts) the first is taken. Where only a stack names the
//! cause, a call that failed before in another service comes before it: what was raised there is why the stack is as it
//! is.
//!
//! [`earlier`] looks for what was caught before the first cause, where executions that went well have nothing like it.

mod chain;
mod earlier;

use std::collections::BTreeMap;

use foldhash::HashMap;
use kino_model::{Span, SpanId, SpanKind, Trace, UnixNanos, names};

use crate::apart::{FEW_LIKES_MIN, RARE};
use crate::errors::{Exception, Frame, exception, frames};
use crate::execution::{Execution, has_failed};
use crate::finding::{Evidence, Location, evidence, location};
use crate::fingerprint::shape;
use crate::tree::Tree;
use chain::Link;

pub use earlier::{Earlier, EarlierAttribute, earlier};

/// Steps from the entry towards the cause.
const STEPS_MAX: usize = 256;
/// Some SDKs cut the start of a span to whole milliseconds.
const CLOCK_GRAIN_NANOS: i64 = 1_000_000;

/// Why an execution failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The first cause.
    pub cause: Cause,
    /// The spans from the cause's up to the entry: their operations' names, the cause's first.
    pub passed: Vec<String>,
    /// What the entry recorded, or else the outermost span that recorded anything, where that is another failure than the
    /// first cause: type and message.
    pub reported: Option<(String, String)>,
    /// Whether the entry itself did not fail: something caught it.
    pub is_handled: bool,
    /// Other spans that failed by themselves: none of their failed children explains it.
    pub others: u64,
}

/// A failure that no other explains. Its texts are as recorded: untrusted.
#[derive(Clone, Debug, PartialEq)]
pub struct Cause {
    pub service: String,
    /// The operation.
    pub name: String,
    /// The exception's type; else `error.type`, or the HTTP status; empty where nothing is recorded.
    pub error_type: String,
    /// The exception's message, else the status message; may be empty.
    pub message: String,
    /// When it was recorded; the span's end where nothing says.
    pub time: UnixNanos,
    /// The innermost frame of the project, of this exception or of those that the callers in its service recorded; else
    /// of the stack.
    pub frame: Option<Frame>,
    /// Where in the code the span says it was made.
    pub location: Option<Location>,
    /// Whether only the stack of a later exception names it.
    pub is_from_stack: bool,
    /// The span that recorded it.
    pub evidence: Evidence,
}

/// Why the execution failed, or what failed in it and was handled; `None` where nothing did, and for tests that passed.
pub fn failure(execution: &Execution<'_, '_>) -> Option<Failure> {
    if execution.is_passed_test() {
        return None;
    }
    let failures = Failures::new(execution);
    let is_handled = !has_failed(execution.tree.span(execution.entry));
    let mut path = vec![execution.entry];
    if is_handled {
        // An exception on a span that went well is no failure.
        let first = *failures.failed_directly_below(execution.entry, true).first()?;
        path.push(first);
    }
    let from_stack = failures.follow(&mut path);
    let at = path[path.len() - 1];
    let tree = execution.tree;
    let cause = failures.cause(at, from_stack.as_ref());
    let above = &path[usize::from(is_handled)..];
    // What the entry recorded, else the outermost that did.
    let mut reported = above.iter().filter_map(|&index| failures.last(index));
    let reported = reported.next().map(|it| (it.exception_type.to_owned(), it.message.to_owned()));
    let reported = reported.filter(|it| (&it.0, &it.1) != (&cause.error_type, &cause.message));
    let on_path = |index: usize| tree.is_at_or_below(at, index) || tree.is_at_or_below(index, at);
    let others = failures.own().filter(|&index| !on_path(index)).count() as u64;
    let passed = path.iter().rev().map(|&index| tree.span(index).name.to_string()).collect();
    Some(Failure { cause, passed, reported, is_handled, others })
}

/// Whether more than a rare part of the likes have a failure of the same cause. With too few of them it is not usual.
pub fn is_usual(failure: &Failure, likes: &[Execution<'_, '_>]) -> bool {
    if likes.len() < FEW_LIKES_MIN {
        return false;
    }
    let key = |cause: &Cause| (cause.service.clone(), shape(&cause.name), cause.error_type.clone());
    let own = key(&failure.cause);
    let same = likes.iter().filter_map(self::failure).filter(|it| key(&it.cause) == own).count();
    same as f64 > RARE * likes.len() as f64
}

/// Where to go from a failed span.
enum ChainStep<'a> {
    /// To the span that explains it.
    To(usize),
    /// To an exception that only its stack names.
    Stack(Link<'a>),
    /// It explains itself.
    End,
}

/// What failed in an execution.
struct Failures<'e, 't, 'a> {
    execution: &'e Execution<'t, 'a>,
    tree: &'t Tree<'a>,
    /// Spans that failed or recorded an exception, by their position in the subtree.
    spans: Vec<(usize, usize)>,
    /// What each recorded, by time.
    recorded: BTreeMap<usize, Vec<Exception<'a>>>,
}

impl<'e, 't, 'a> Failures<'e, 't, 'a> {
    fn new(execution: &'e Execution<'t, 'a>) -> Self {
        let tree = execution.tree;
        let trace: &'a Trace = tree.trace();
        let logs = trace.logs.iter().filter(|log| exception(&log.event, Evidence::default()).is_some());
        let mut by_span: HashMap<SpanId, Option<usize>> =
            logs.filter_map(|log| log.span_id).map(|id| (id, None)).collect();
        let mut recorded: BTreeMap<usize, Vec<Exception<'a>>> = BTreeMap::new();
        for &index in execution.spans() {
            let index = index as usize;
            let span = tree.span(index);
            if let Some(place) = by_span.get_mut(&span.span_id) {
                place.get_or_insert(index);
            }
            let place = evidence(trace.trace_id, span);
            let events = span.events.iter().filter_map(|event| exception(event, place));
            let mut events: Vec<Exception<'a>> = events.map(|it| Exception { root: root(span), ..it }).collect();
            if !events.is_empty() {
                recorded.entry(index).or_default().append(&mut events);
            }
        }
        for log in &trace.logs {
            let Some(index) = log.span_id.and_then(|id| *by_span.get(&id)?) else { continue };
            let place = evidence(trace.trace_id, tree.span(index));
            if let Some(found) = exception(&log.event, place) {
                let found = Exception { in_log: true, root: root(tree.span(index)), ..found };
                recorded.entry(index).or_default().push(found);
            }
        }
        for exceptions in recorded.values_mut() {
            exceptions.sort_by_key(|exception| exception.time);
        }
        let positioned = execution.spans().iter().map(|&index| index as usize).enumerate();
        let spans = positioned.filter(|(_, index)| has_failed(tree.span(*index)) || recorded.contains_key(index));
        Self { execution, tree, spans: spans.collect(), recorded }
    }

    /// Goes on from the end of the path until a failure explains itself. The cause is what a stack names, if one is given.
    fn follow(&self, path: &mut Vec<usize>) -> Option<Link<'a>> {
        let service = |index: usize| self.tree.span(index).service();
        // Where a stack named a cause and a failed call was followed instead.
        let mut named: Option<(usize, Link<'a>)> = None;
        while path.len() < STEPS_MAX {
            let at = path[path.len() - 1];
            match self.step(at) {
                ChainStep::To(next) => path.push(next),
                ChainStep::Stack(link) => {
                    let Some(call) = self.failed_call(at) else {
                        named = Some((path.len(), link));
                        break;
                    };
                    named = Some((path.len(), link));
                    path.push(call);
                }
                ChainStep::End => break,
            }
        }
        let (length, link) = named?;
        if service(path[path.len() - 1]) != service(path[length - 1]) {
            return None;
        }
        path.truncate(length);
        Some(link)
    }

    /// The last call below that failed before the exception that the span ended with.
    fn failed_call(&self, at: usize) -> Option<usize> {
        let raised = self.last(at)?.time.0.saturating_add(CLOCK_GRAIN_NANOS);
        let failed = self.below(at).iter().map(|(_, index)| *index).filter(|&index| {
            let span = self.tree.span(index);
            span.kind == SpanKind::Client && has_failed(span) && self.tree.end(index) <= raised
        });
        failed.max_by_key(|&index| self.tree.end(index))
    }

    /// The last exception that a span recorded: the one it ended with.
    fn last(&self, index: usize) -> Option<&Exception<'a>> {
        self.recorded.get(&index)?.last()
    }

    /// Failed or recording spans below `index`, in preorder.
    fn below(&self, index: usize) -> &[(usize, usize)] {
        let position = self.tree.position_below(self.execution.entry, index);
        let end = position + self.tree.subtree(index).len();
        let from = self.spans.partition_point(|(at, _)| *at <= position);
        let to = self.spans.partition_point(|(at, _)| *at < end);
        &self.spans[from..to.max(from)]
    }

    /// Failed spans below with no failed one in between that their parents wait for, by end. With `strictly`, those that
    /// failed by their own word; else those that only recorded an exception too.
    fn failed_directly_below(&self, index: usize, strictly: bool) -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        let mut beyond = 0;
        for &(position, at) in self.below(index) {
            let counts = !strictly || has_failed(self.tree.span(at));
            if position < beyond || !counts {
                continue;
            }
            if self.tree.is_awaited(at) {
                found.push(at);
            }
            beyond = position + self.tree.subtree(at).len();
        }
        found.sort_by_key(|&at| self.tree.end(at));
        found
    }

    fn step(&self, at: usize) -> ChainStep<'a> {
        let Some(own) = self.last(at) else {
            return self.last_failed(at).map_or(ChainStep::End, ChainStep::To);
        };
        let is_same = |it: &Exception<'_>| it.exception_type == own.exception_type && it.message == own.message;
        if let Some(inner) = self.innermost(at, is_same) {
            return ChainStep::To(inner);
        }
        let links = chain::links(own.stacktrace);
        for link in &links {
            if let Some(inner) = self.innermost(at, |it| link.is_of(it)) {
                return ChainStep::To(inner);
            }
        }
        match links.into_iter().next() {
            Some(first) => ChainStep::Stack(first),
            None => self.failed_before(at, own).map_or(ChainStep::End, ChainStep::To),
        }
    }

    /// The innermost, then the first, span below that recorded such an exception.
    fn innermost(&self, at: usize, is_such: impl Fn(&Exception<'_>) -> bool) -> Option<usize> {
        let below = self.below(at).iter().map(|(_, index)| *index);
        let such = below.filter(|index| self.recorded.get(index).is_some_and(|all| all.iter().any(&is_such)));
        such.min_by_key(|&index| (self.tree.subtree(index).len(), self.tree.start(index)))
    }

    /// The last failed span below one that recorded no exception itself.
    fn last_failed(&self, at: usize) -> Option<usize> {
        let failed = self.failed_directly_below(at, true);
        let failed = if failed.is_empty() { self.failed_directly_below(at, false) } else { failed };
        self.first_attempt(&failed)
    }

    /// The last failed span below that ended before `own` was raised and may have been its cause.
    fn failed_before(&self, at: usize, own: &Exception<'a>) -> Option<usize> {
        let mut failed = self.failed_directly_below(at, true);
        failed.retain(|&index| self.tree.end(index) <= own.time.0 + CLOCK_GRAIN_NANOS);
        let last = self.first_attempt(&failed)?;
        let ended = self.tree.end(*failed.last()?);
        let worked_on = self.tree.children(at).iter().map(|&child| child as usize).any(|child| {
            let is_later = self.tree.start(child) >= ended && self.tree.start(child) < own.time.0;
            is_later && !has_failed(self.tree.span(child)) && self.tree.span(child).end.is_some()
        });
        let same_process = self.tree.span(last).kind != SpanKind::Client
            && self.tree.span(last).service() == self.tree.span(at).service();
        // Such a language would have named it.
        let is_unrelated = same_process && chain::prints_causes(own.stacktrace);
        (!worked_on && !is_unrelated).then_some(last)
    }

    /// The first of the spans that failed as the last one did.
    fn first_attempt(&self, by_end: &[usize]) -> Option<usize> {
        let &last = by_end.last()?;
        let alike = |index: usize| {
            let span = self.tree.span(index);
            let message = self.last(index).map_or(span.status.message.as_str(), |it| it.message);
            (shape(&span.name), span.service(), self.last(index).map(|it| it.exception_type), shape(message))
        };
        by_end.iter().copied().find(|&index| alike(index) == alike(last))
    }

    /// Failed spans without a failed one below.
    fn own(&self) -> impl Iterator<Item = usize> {
        let failed = self.spans.iter().map(|(_, index)| *index).filter(|index| has_failed(self.tree.span(*index)));
        failed.filter(|&index| !self.below(index).iter().any(|(_, below)| has_failed(self.tree.span(*below))))
    }

    fn cause(&self, at: usize, link: Option<&Link<'_>>) -> Cause {
        let span = self.tree.span(at);
        let own = self.last(at);
        let stack = link.map_or(own.map_or("", |own| own.stacktrace), |link| link.text);
        let stack = frames(stack, root(span));
        let in_project = stack.iter().find(|frame| frame.in_project).cloned();
        let frame = in_project.or_else(|| self.callers_frame(at)).or_else(|| stack.into_iter().next());
        let (error_type, message) = match (link, own) {
            (Some(link), _) => (link.exception_type.to_owned(), link.message.to_owned()),
            (None, Some(own)) => (own.exception_type.to_owned(), own.message.to_owned()),
            (None, None) => (error_type(span), span.status.message.to_string()),
        };
        Cause {
            service: span.service().to_owned(),
            name: span.name.to_string(),
            error_type,
            message,
            time: own.map_or(UnixNanos(self.tree.end(at)), |own| own.time),
            frame,
            location: location(span),
            is_from_stack: link.is_some(),
            evidence: evidence(self.tree.trace().trace_id, span),
        }
    }
}

impl Failures<'_, '_, '_> {
    /// The innermost frame of the project in what the span or its callers in the same service recorded.
    fn callers_frame(&self, at: usize) -> Option<Frame> {
        let service = self.tree.span(at).service();
        let entry = self.execution.entry;
        let mut callers = std::iter::successors(Some(at), |&at| self.tree.parent(at).filter(|_| at != entry));
        callers.by_ref().take(STEPS_MAX).take_while(|&at| self.tree.span(at).service() == service).find_map(|at| {
            let all = self.recorded.get(&at)?;
            let root = root(self.tree.span(at));
            all.iter().find_map(|it| frames(it.stacktrace, root).into_iter().find(|frame| frame.in_project))
        })
    }
}

/// What a span without an exception says of its failure.
fn error_type(span: &Span) -> String {
    let status = || span.int("http.response.status_code").map(|code| format!("HTTP {code}"));
    let named = span.text("error.type").filter(|name| *name != "_OTHER").map(str::to_owned);
    named.filter(|name| name.parse::<u16>().is_err()).or_else(status).unwrap_or_default()
}

/// The user's own root folder where the span was made.
fn root(span: &Span) -> Option<&str> {
    let text = |key| span.resource.text(key);
    text(names::WORKTREE).or_else(|| text(names::PROJECT)?.strip_suffix("/.git"))
}

#[cfg(test)]
mod tests;
