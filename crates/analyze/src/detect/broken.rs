//! `clock_skew` and `broken_trace`: faults that make a trace show less, or something else, than what happened.
//!
//! Skew: at least [`MIN_PAIRS`] calls between two services, in four fifths of which the server's span starts
//! before the client's, or ends after it by more than the call took (10 ms at least: a span may well be closed a little
//! late), although it is no longer; the offset is the median between their middles. Broken, for a whole trace: spans
//! whose parent is missing (beyond those that continue one caller who records nothing), several entry spans
//! under one id, spans still open after their root ended. A trace counts once, however many of its executions are of the
//! operation: below a run there are many.

use std::collections::{BTreeMap, BTreeSet};

use kino_model::SpanKind;

use super::Draft;
use super::detection::Detection;
use super::facts::{Group, MILLI, median, shown, top};
use crate::execution::is_run;
use crate::finding::{Code, Evidence, Number, Unit, evidence};

const MIN_PAIRS: usize = 3;
const MIN_AGREEING: f64 = 0.8;
/// A server's span that starts earlier than its client's by more than the clocks' own grain.
const MIN_EARLY_NANOS: i64 = 100_000;
/// A server's span that ends later by more than this, and by more than the whole call took.
const MIN_LATE_NANOS: i64 = 10_000_000;
/// The form of traces of which some parents did not arrive.
pub(super) const MISSING: &str = "missing parents";
/// The number of server spans without a parent in one trace from which on they are requests that share an id by mistake.
const MIN_REQUESTS: usize = 3;

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Detection>) {
    skew(group, findings);
    broken(group, findings);
}

#[derive(Default)]
struct Pairs {
    count: usize,
    outside: Vec<(f64, Evidence)>,
}

fn skew(group: &Group<'_, '_>, findings: &mut Vec<Detection>) {
    let mut by_services: BTreeMap<(&str, &str), Pairs> = BTreeMap::new();
    for facts in &group.facts {
        let tree = facts.tree;
        for server in facts.indices().skip(1) {
            let Some(client) = tree.parent(server).filter(|_| facts.span(server).kind == SpanKind::Server) else {
                continue;
            };
            let (client_span, server_span) = (facts.span(client), facts.span(server));
            if client_span.kind != SpanKind::Client || tree.duration(server) > tree.duration(client) {
                continue;
            }
            let pairs = by_services.entry((client_span.service(), server_span.service())).or_default();
            pairs.count += 1;
            let before = tree.start(client) - tree.start(server);
            let after = tree.end(server) - tree.end(client);
            // A server may close its span a little after its client has the answer; nothing starts before its cause.
            let late = MIN_LATE_NANOS.max(tree.duration(client));
            // JavaScript's SDK cuts starts off to whole milliseconds.
            let early = if tree.start(server) % MILLI == 0 { MILLI } else { MIN_EARLY_NANOS };
            if before > early || after > late {
                let middle = |index: usize| f64::midpoint(tree.start(index) as f64, tree.end(index) as f64);
                pairs.outside.push((middle(server) - middle(client), facts.evidence(server)));
            }
        }
    }
    for ((client, server), pairs) in by_services {
        if pairs.outside.len() < MIN_PAIRS || (pairs.outside.len() as f64) < MIN_AGREEING * pairs.count as f64 {
            continue;
        }
        let offset = median(pairs.outside.iter().map(|(offset, _)| *offset).collect());
        let direction = if offset > 0.0 { "ahead of" } else { "behind" };
        let draft = Draft {
            code: Code::ClockSkew,
            service: server,
            name: group.name,
            detail: client,
            numbers: vec![
                Number::new("offset", offset, Unit::Nanos),
                Number::new("pairs", pairs.count as f64, Unit::Count),
            ],
            saving_nanos: None,
            confidence: 0.9,
            executions: group.facts.len(),
            location: None,
            text: format!(
                "the clock of {server} is about {} {direction} that of {client}: {} of {} server spans stick out of their client's.",
                shown(offset.abs()),
                pairs.outside.len(),
                pairs.count
            ),
            evidence: top(pairs.outside),
            next: Some("synchronise the hosts' clocks; times between the two services are off by that much".to_owned()),
        };
        findings.push(draft.finding(group));
    }
}

/// How many spans, and examples with their own count.
type Form = (f64, Vec<(f64, Evidence)>);

fn broken(group: &Group<'_, '_>, findings: &mut Vec<Detection>) {
    let mut forms: BTreeMap<&str, Form> = BTreeMap::new();
    let mut traces = BTreeSet::new();
    for execution in &group.all {
        let tree = execution.tree;
        // Of a trace's executions the one below its root speaks for all of it.
        let is_below_root = tree.root().is_some_and(|root| {
            root == execution.entry || (is_run(tree, root) && tree.is_at_or_below(execution.entry, root))
        });
        if !is_below_root {
            continue;
        }
        let trace_id = execution.trace_id();
        let is_first = traces.insert(trace_id);
        let mut add = |form: &'static str, count: usize, index: usize| {
            let entry = forms.entry(form).or_default();
            entry.0 += count as f64;
            entry.1.push((count as f64, evidence(trace_id, tree.span(index))));
        };
        let orphans: Vec<usize> = tree
            .roots()
            .iter()
            .map(|&root| root as usize)
            .filter(|&root| tree.span(root).parent_span_id.is_some_and(|parent| !parent.is_zero()))
            .collect();
        let has_true_root = orphans.len() < tree.roots().len();
        // Requests that continue one caller who records nothing.
        let caller = |root: usize| tree.span(root).parent_span_id;
        let is_continued = |&root: &usize| {
            matches!(tree.span(root).kind, SpanKind::Server | SpanKind::Consumer) && caller(root) == caller(orphans[0])
        };
        let is_one_caller = !has_true_root && orphans.iter().all(is_continued);
        let is_missing = !is_one_caller && (has_true_root || orphans.len() > 1);
        if let Some(&first) = orphans.first().filter(|_| is_missing && is_first) {
            add(MISSING, orphans.len(), first);
        }
        let requests: Vec<usize> = tree
            .roots()
            .iter()
            .map(|&root| root as usize)
            .filter(|&root| tree.span(root).parent_span_id.is_none() && tree.span(root).kind == SpanKind::Server)
            .collect();
        if requests.len() >= MIN_REQUESTS && is_first {
            add("requests under one trace id", requests.len(), requests[0]);
        }
        let open: Vec<usize> = execution
            .spans()
            .iter()
            .map(|&index| index as usize)
            .filter(|&index| tree.span(index).end.is_none() && !execution.is_open())
            .collect();
        if let Some(&first) = open.first() {
            add("spans that never ended", open.len(), first);
        }
    }
    for (form, (count, examples)) in forms {
        let affected = examples.iter().map(|(_, example)| example.trace_id).collect::<BTreeSet<_>>().len();
        let draft = Draft {
            code: Code::BrokenTrace,
            service: group.service,
            name: group.name,
            detail: form,
            numbers: vec![
                Number::new("spans", count, Unit::Count),
                Number::new("traces", affected as f64, Unit::Count),
            ],
            saving_nanos: None,
            confidence: 0.9,
            executions: traces.len(),
            location: None,
            evidence: top(examples),
            text: format!("{affected} of {} traces of {} are not whole: {form} ({count}).", traces.len(), group.title),
            next: Some(
                "see that the context is passed on, that every span is ended, and that exporters are flushed"
                    .to_owned(),
            ),
        };
        findings.push(draft.finding(group));
    }
}
