//! `sequential_could_be_parallel`: siblings that wait for something outside, one after another, again and again,
//! though nothing shows that one needs what another brought.
//!
//! Evidence: at least [`MIN_EXECUTIONS`] executions, four fifths of which have the run of siblings; each sibling
//! spends most of its time in calls to the outside; the gaps between are small; together they could save
//! [`MIN_SAVING`] of the execution. The saving is the sum less the longest, on the critical path.
//!
//! Silent where data flows or may flow: a link from one to another, an output value of one in a later one's input (the
//! hash of a secret that was redacted in both, or a secret that no call before had and one may have brought), a failed
//! sibling (a retry), a change over HTTP (POST, PUT, PATCH, DELETE) among them, pages of one list, turns of one
//! conversation (input that grows, a tool run between), and statements, which share a connection and mostly a
//! transaction.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use kino_model::{Span, Value, redacted};

use super::Draft;
use super::call::{is_model, is_page_of_url, waits};
use super::detection::Detection;
use super::facts::{Facts, Group, median, shown, top};
use crate::finding::{Code, Number, UNSURE, Unit};

const MIN_EXECUTIONS: usize = 5;
const MIN_PRESENCE: f64 = 0.8;
const MIN_SAVING: f64 = 0.1;
/// Of a sibling's time, the part that its calls to the outside must fill.
const MIN_WAITING: f64 = 0.5;
/// A gap may be this part of the shorter neighbour.
const MAX_GAP: f64 = 0.1;
/// A shorter sibling than this part of the execution is not worth running beside another.
const MIN_PART: f64 = 0.02;
/// The most spans that are read below siblings, as a multiple of the execution's: each counts once for every sibling that
/// it is below. Siblings beyond it are not judged: that takes siblings nested this deep.
const LOOKS_PER_SPAN: usize = 16;
/// Recorded outputs times recorded inputs that are compared among siblings; beyond that data may flow unseen.
const COMPARED_MAX: usize = 1_000_000;
/// Shorter recorded outputs are too common to prove anything.
const MIN_OUTPUT_CHARS: usize = 6;

/// A run of siblings in one execution.
struct SiblingRun {
    parent: usize,
    members: Vec<usize>,
    saving: f64,
    sum: f64,
}

/// The parent's name, then the members' names, sorted.
type SiblingShape<'a> = (&'a str, Vec<&'a str>);

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Detection>) {
    let executions = group.facts.len();
    if executions < MIN_EXECUTIONS {
        return;
    }
    let mut by_shape: BTreeMap<SiblingShape<'_>, Vec<(usize, SiblingRun)>> = BTreeMap::new();
    for (number, facts) in group.facts.iter().enumerate() {
        for run in runs(facts) {
            let mut names: Vec<&str> = run.members.iter().map(|&index| facts.span(index).name.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            by_shape.entry((&facts.span(run.parent).name, names)).or_default().push((number, run));
        }
    }
    for ((parent_name, names), found) in by_shape {
        let mut present: Vec<usize> = found.iter().map(|(number, _)| *number).collect();
        present.dedup();
        if (present.len() as f64) < group.part(MIN_PRESENCE) * executions as f64 {
            continue;
        }
        // Several runs of one shape in one execution save together.
        let mut by_execution: BTreeMap<usize, [f64; 3]> = BTreeMap::new();
        for (number, run) in &found {
            let [saving, sum, members] = by_execution.entry(*number).or_default();
            *saving += run.saving;
            *sum += run.sum;
            *members += run.members.len() as f64;
        }
        let of = |which: usize| median(by_execution.values().map(|sums| sums[which]).collect());
        let (saving, sum, members) = (of(0), of(1), of(2).round());
        if saving < group.part(MIN_SAVING) * group.median_duration() {
            continue;
        }
        let Some((number, run)) = found.iter().max_by(|a, b| a.1.saving.total_cmp(&b.1.saving)) else { continue };
        let facts = &group.facts[*number];
        let examples = found.iter().map(|(number, run)| (run.saving, group.facts[*number].evidence(run.parent)));
        let is_shown = found.iter().all(|(number, run)| is_shown_independent(&group.facts[*number], run));
        let sure = if is_shown { 0.9 } else { UNSURE };
        let draft = Draft {
            code: Code::SequentialCouldBeParallel,
            service: facts.span(run.parent).service(),
            name: parent_name,
            detail: &names.join(" "),
            numbers: vec![
                Number::new("siblings", members, Unit::Count),
                Number::new("sum", sum, Unit::Nanos),
                Number::new("saving", saving, Unit::Nanos),
            ],
            saving_nanos: Some(saving),
            confidence: sure * present.len() as f64 / executions as f64,
            executions,
            // What has to change is who makes the calls, not what is called.
            location: facts.location(run.parent).or_else(|| facts.location(run.members[0])),
            evidence: top(examples.collect()),
            text: format!(
                "{} calls below {parent_name} ({}) run one after another in {} of {executions} executions with no data seen to flow between them: at the same time they would save {} of {}.",
                members,
                names.join(", "),
                present.len(),
                shown(saving),
                shown(group.median_duration())
            ),
            next: Some(format!("start these calls together and wait for all, then compare: {}", names.join(", "))),
        };
        let places = found.iter().flat_map(|(number, run)| run.members.iter().map(|&member| (*number, member)));
        findings.push(draft.finding(group).about(places));
    }
}

/// Whether what was recorded shows that no member needs what another brought, rather than nothing having been recorded:
/// all are of one name, or each has said what it brought. What one asks a model often is what the model answered before, so
/// that for models the name shows nothing.
fn is_shown_independent(facts: &Facts<'_, '_>, run: &SiblingRun) -> bool {
    let name = &facts.span(run.members[0]).name;
    let has_output = |member: usize| {
        let mut spans = facts.tree.subtree(member).iter().map(|&index| facts.span(index as usize));
        spans.any(|span| long_texts(span, is_answer).next().is_some())
    };
    let asks_model =
        |member: usize| facts.tree.subtree(member).iter().any(|&index| is_model(facts.span(index as usize)));
    run.members.iter().all(|&member| facts.span(member).name == *name && !asks_model(member))
        || run.members.iter().all(|&member| has_output(member))
}

fn runs(facts: &Facts<'_, '_>) -> Vec<SiblingRun> {
    let mut found = Vec::new();
    let mut looks_left = LOOKS_PER_SPAN.saturating_mul(facts.execution.spans().len());
    for parent in facts.indices() {
        let children = facts.tree.children(parent);
        if children.len() < 2 || facts.critical(parent) == 0 {
            continue;
        }
        let mut members: Vec<usize> = Vec::new();
        let mut latest: Option<usize> = None;
        for &child in children {
            let child = child as usize;
            let is_fit =
                fits(facts, child, &mut looks_left) && latest.is_none_or(|latest| facts.follows(latest, child));
            let follows = members.last().is_some_and(|&last| is_close(facts, last, child));
            if !(is_fit && (members.is_empty() || follows)) && facts.critical(child) > 0 {
                close(facts, parent, &mut members, &mut found);
            }
            if is_fit && (members.is_empty() || follows) {
                members.push(child);
            }
            latest = [latest, Some(child)].into_iter().flatten().max_by_key(|&child| facts.tree.end(child));
        }
        close(facts, parent, &mut members, &mut found);
    }
    found
}

fn close(facts: &Facts<'_, '_>, parent: usize, members: &mut Vec<usize>, found: &mut Vec<SiblingRun>) {
    let members = std::mem::take(members);
    let critical: Vec<f64> = members.iter().map(|&member| facts.critical(member) as f64).collect();
    let sum: f64 = critical.iter().sum();
    let saving = sum - critical.iter().copied().fold(0.0, f64::max);
    if members.len() >= 2 && !data_flows(facts, &members) {
        found.push(SiblingRun { parent, members, saving, sum });
    }
}

/// Whether the child is long enough, went well, was waited for and is mostly calls to the outside that are no
/// statements.
fn fits(facts: &Facts<'_, '_>, child: usize, looks_left: &mut usize) -> bool {
    let span = facts.span(child);
    let critical = facts.critical(child) as f64;
    if span.is_error() || span.end.is_none() || critical < MIN_PART * facts.duration() {
        return false;
    }
    let Some(left) = looks_left.checked_sub(facts.tree.subtree(child).len()) else { return false };
    *looks_left = left;
    let mut waiting = 0.0;
    let mut waiting_until = i64::MIN;
    for &index in facts.tree.subtree(child) {
        let index = index as usize;
        let below = facts.span(index);
        if below.attribute("db.system.name").is_some() || below.attribute("db.query.text").is_some() {
            return false;
        }
        if waits(below) && facts.tree.start(index) >= waiting_until {
            waiting += facts.tree.duration(index) as f64;
            waiting_until = facts.tree.end(index);
        }
    }
    waiting >= MIN_WAITING * facts.tree.duration(child) as f64
}

fn is_close(facts: &Facts<'_, '_>, before: usize, after: usize) -> bool {
    let gap = facts.tree.start(after) - facts.tree.end(before);
    let shorter = facts.tree.duration(before).min(facts.tree.duration(after));
    facts.follows(before, after) && gap as f64 <= MAX_GAP * shorter as f64
}

fn data_flows(facts: &Facts<'_, '_>, members: &[usize]) -> bool {
    let spans = |member: usize| facts.tree.subtree(member).iter().map(|&index| facts.span(index as usize));
    let inputs: Vec<Vec<i64>> = members
        .iter()
        .map(|&member| {
            spans(member)
                .filter(|span| is_model(span))
                .filter_map(|span| span.int("gen_ai.usage.input_tokens"))
                .collect()
        })
        .collect();
    let all: Vec<i64> = inputs.iter().flatten().copied().collect();
    let is_one_conversation = {
        let ids: Vec<&str> = members
            .iter()
            .flat_map(|&member| spans(member))
            .filter_map(|span| span.text("gen_ai.conversation.id"))
            .collect();
        ids.len() > 1 && ids.windows(2).all(|pair| pair[0] == pair[1])
    };
    let same_name = members.windows(2).all(|pair| facts.span(pair[0]).name == facts.span(pair[1]).name);
    let grows = same_name && all.len() >= 3 && all.windows(2).all(|pair| pair[1] > pair[0]);
    let runs_tools = members.iter().flat_map(|&member| spans(member)).any(runs_tool);
    // What a tool answered is in the next question.
    let [earlier @ .., _] = members else { return false };
    if earlier.iter().flat_map(|&member| spans(member)).any(asks_for_tool) {
        return true;
    }
    let is_ordered = members.iter().any(|&member| is_write(facts, member));
    if is_one_conversation || is_ordered || is_paging(facts, members) || grows || (runs_tools && !all.is_empty()) {
        return true;
    }
    if secret_flows(facts, members) {
        return true;
    }
    let (mut earlier, mut brought) = (HashSet::new(), Vec::new());
    let mut compared = 0;
    members.iter().any(|&member| {
        let flows = spans(member).any(|span| {
            let is_linked = span.links.iter().any(|link| earlier.contains(&link.span_id));
            let mut needs = inputs_of(span).filter(|_| !brought.is_empty());
            is_linked
                || needs.any(|input| {
                    compared += brought.len();
                    compared > COMPARED_MAX || brought.iter().any(|output| input.contains(*output))
                })
        });
        earlier.extend(spans(member).map(|span| span.span_id));
        brought.extend(spans(member).flat_map(outputs));
        flows
    })
}

/// Whether a span is a tool that a language model asked for.
fn runs_tool(span: &Span) -> bool {
    span.attributes.iter().any(|(key, _)| key.ends_with("tool.name"))
}

/// Whether a language model answered that it wants a tool.
fn asks_for_tool(span: &Span) -> bool {
    let reasons = span.attribute("gen_ai.response.finish_reasons");
    reasons
        .is_some_and(|reasons| texts(reasons).any(|reason| matches!(reason, "tool_call" | "tool_calls" | "tool_use")))
}

/// Whether a secret of one's output is in a later one's input, or may be: redaction leaves a keyed hash of a secret
/// that it recognises, but not in every text. So an input's secret that is new may be an output that was left in the
/// clear, if that is a single word, or a part of one that was redacted as a whole.
fn secret_flows(facts: &Facts<'_, '_>, members: &[usize]) -> bool {
    let spans = |member: usize| facts.tree.subtree(member).iter().map(|&index| facts.span(index as usize));
    let mut shown: BTreeSet<&str> = BTreeSet::new();
    let mut brought: BTreeSet<&str> = BTreeSet::new();
    let mut may_bring = false;
    members.iter().any(|&member| {
        let needed: BTreeSet<&str> = spans(member).flat_map(inputs_of).flat_map(redacted::hashes).collect();
        let flows = needed.iter().any(|hash| brought.contains(hash) || (may_bring && !shown.contains(hash)));
        shown.extend(needed);
        for output in spans(member).flat_map(outputs) {
            let before = brought.len();
            brought.extend(redacted::hashes(output));
            may_bring |= brought.len() > before || !output.contains(char::is_whitespace);
        }
        flows
    })
}

/// Whether something below it is changed over HTTP: what comes after may rest on it. Calls of language models are
/// requests of that kind too, and change nothing.
fn is_write(facts: &Facts<'_, '_>, member: usize) -> bool {
    let mut inside_model_until = 0;
    let subtree = facts.tree.subtree(member);
    subtree.iter().enumerate().any(|(position, &index)| {
        let index = index as usize;
        if is_model(facts.span(index)) {
            inside_model_until = inside_model_until.max(position + facts.tree.subtree(index).len());
        }
        let method = facts.span(index).text("http.request.method");
        let changes = method.is_some_and(|method| matches!(method, "POST" | "PUT" | "PATCH" | "DELETE"));
        changes && position >= inside_model_until
    })
}

/// Whether two or more of them fetch pages.
fn is_paging(facts: &Facts<'_, '_>, members: &[usize]) -> bool {
    let spans = |member: usize| facts.tree.subtree(member).iter().map(|&index| facts.span(index as usize));
    let fetches_page = |&&member: &&usize| spans(member).any(|span| span.text("url.full").is_some_and(is_page_of_url));
    members.iter().filter(fetches_page).count() > 1
}

/// Whether an attribute holds what a call answered.
fn is_answer(key: &str) -> bool {
    ["output", "result", "response.body", "response.header", "completion"].iter().any(|part| key.contains(part))
}

/// Whether an attribute holds what a later call may be made with: an answer, or the id of one.
fn is_output(key: &str) -> bool {
    is_answer(key) || key.contains("gen_ai.response.id")
}

fn outputs(span: &Span) -> impl Iterator<Item = &str> {
    long_texts(span, is_output)
}

/// Returns the texts of chosen attributes that are long enough to be recognised.
fn long_texts(span: &Span, is_chosen: fn(&str) -> bool) -> impl Iterator<Item = &str> {
    let recorded = span.attributes.iter().filter(move |(key, _)| is_chosen(key)).flat_map(|(_, value)| texts(value));
    recorded.map(str::trim).filter(|text| text.chars().count() >= MIN_OUTPUT_CHARS)
}

fn inputs_of(span: &Span) -> impl Iterator<Item = &str> {
    span.attributes.iter().filter(|(key, _)| !is_output(key)).flat_map(|(_, value)| texts(value))
}

/// A text, or those of a list: headers are recorded as such.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let values = if let Value::Array(members) = value { members.as_slice() } else { std::slice::from_ref(value) };
    values.iter().filter_map(Value::as_str)
}
