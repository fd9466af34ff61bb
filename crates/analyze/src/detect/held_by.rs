//! `held_by`: executions wait for something that other executions have meanwhile.
//!
//! Waits are spans named for acquiring or waiting (a pool's connection, a lock, a place in a rate), `kino.lock.*`,
//! messages waiting for a worker, and executions that make no progress while another one computes in their process. Evidence:
//! at least [`MIN_EXECUTIONS_WAITING`] executions ([`MIN_EXECUTIONS`] that make no progress) that wait [`MIN_SHARE`] of their time, and [`MIN_SHARE`] of all their time;
//! holders who have [`MIN_BEYOND`] more of the holding than their number would give them (or, where holding is not seen,
//! run during that much more of the waiting than at other times), at a chance of at most one in a
//! hundred, all attributes and values tried taken into account. Unlike other detectors this one reads all executions
//! at hand: the holder may be of another operation or service than the one that waits. Silent about waits that affect
//! all executions alike, which only say that there is too little of something, and about a process's first moments.

mod groups;
mod holders;
mod intervals;
mod moved;
mod scene;
mod stall;
mod waits;

use std::collections::BTreeMap;

use kino_model::{Span, Trace};

use super::Draft;
use super::facts::{shown, top};
use crate::execution::Execution;
use crate::finding::{Code, Evidence, Finding, MAX_EXAMPLES, Number, Unit, evidence, location};
use crate::statistics::quantile_f64;
use crate::tree::Tree;
use holders::Holders;
use scene::Scene;
pub(super) use waits::is_named_wait;
use waits::{Resource, Wait};

/// Executions that stand still while another one computes, and that computes.
const MIN_EXECUTIONS: usize = 3;
/// Executions that wait for something that is named: fewer may have met by chance, whatever is computed from their times.
const MIN_EXECUTIONS_WAITING: usize = 5;
const MIN_SHARE: f64 = 0.1;
const MIN_BEYOND: f64 = 0.25;
/// The part of the executions that holders are at most.
const OF_EXECUTIONS_MAX: f64 = 0.5;
/// Executions this much slower than the median may have waited.
const SLOW: f64 = 2.0;

/// What ran beside the executions that are judged.
#[derive(Clone, Copy, Debug)]
pub struct Beside<'t, 'a> {
    /// Traces, among which those of the executions may be.
    pub trees: &'t [Tree<'a>],
    /// Everything that began since is at hand; who waited before is not judged. Unix nanoseconds.
    pub since: i64,
}

impl Default for Beside<'_, '_> {
    fn default() -> Self {
        Self { trees: &[], since: i64::MIN }
    }
}

/// Whether the executions that begin at these spans may have waited for others for a tenth of their time: at spans
/// that are named for it, for locks, or where some are far slower than most.
pub fn may_wait_for_others<'a>(
    traces: impl Iterator<Item = &'a Trace> + Clone,
    is_entry: impl Fn(&Span) -> bool,
) -> bool {
    let entries = traces.clone().flat_map(|trace| &trace.spans).filter(|span| is_entry(span));
    let durations = entries.filter_map(|span| Some(span.end?.0.saturating_sub(span.start.0) as f64));
    may_wait(durations.collect(), traces.flat_map(|trace| &trace.spans))
}

/// [`may_wait_for_others`], of executions of one operation.
pub(super) fn may_wait_in(executions: &[Execution<'_, '_>]) -> bool {
    let durations = executions.iter().filter_map(|it| Some(it.duration()? as f64));
    let spans = executions.iter().flat_map(|it| it.spans().iter().map(|&index| it.tree.span(index as usize)));
    may_wait(durations.collect(), spans)
}

fn may_wait<'a>(mut durations: Vec<f64>, spans: impl Iterator<Item = &'a Span>) -> bool {
    durations.sort_by(f64::total_cmp);
    let enough = MIN_SHARE * durations.iter().sum::<f64>();
    let usual = quantile_f64(&durations, 0.5);
    let slow = || durations.iter().filter(|duration| **duration > SLOW * usual);
    let are_slow = slow().count() >= MIN_EXECUTIONS && slow().map(|duration| duration - usual).sum::<f64>() >= enough;
    are_slow || waits::nanos_named(spans).is_some_and(|nanos| nanos >= enough)
}

/// Findings of one code over everything at hand: `executions`, whose waits are judged, and the traces `beside` them.
/// With `is_relaxed` a single case and half of the usual shares are enough.
pub(super) fn detect<'t, 'a>(
    executions: &[Execution<'t, 'a>],
    beside: Beside<'t, 'a>,
    is_relaxed: bool,
    findings: &mut Vec<Finding>,
) {
    // A single execution has no other to wait for.
    if executions.len() + beside.trees.len() < 2 {
        return;
    }
    let scene = Scene::new(executions, beside);
    let terms = Terms { cases: if is_relaxed { 1 } else { MIN_EXECUTIONS }, part: if is_relaxed { 0.5 } else { 1.0 } };
    let named = Terms { cases: if is_relaxed { 1 } else { MIN_EXECUTIONS_WAITING }, ..terms };
    let (resources, releases) = waits::of(&scene);
    for resource in &resources {
        let Some(victims) = Victims::of(&scene, &resource.waits, named) else { continue };
        let known = resource.is_acquired.then(|| holders::holders(&scene, resource, &releases)).flatten();
        let holders = known.or_else(|| moved::holders(&scene, resource));
        let enough = |holders: &Holders| holders.beyond >= MIN_BEYOND * terms.part && sets_apart(holders);
        if let Some(holders) = holders.filter(enough) {
            findings.push(of_wait(&scene, resource, &victims, &holders));
        }
    }
    for stall in stall::of(&scene, terms.cases, |waits| Victims::of(&scene, waits, terms).is_some()) {
        let victims = Victims::of(&scene, &stall.waits, terms);
        let holders = stall::holders(&scene, &stall).filter(sets_apart);
        if let (Some(victims), Some(holders)) = (victims, holders) {
            findings.push(of_stall(&scene, &stall, &victims, &holders));
        }
    }
}

/// Whether the holders are few among the executions: what most of them have in common sets none of them apart.
fn sets_apart(holders: &Holders) -> bool {
    holders.of_executions <= OF_EXECUTIONS_MAX
}

/// What an execution waited for, and who had it meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub struct WaitedFor {
    /// One sentence.
    pub text: String,
    pub wait_nanos: i64,
    /// Of its time.
    pub share: f64,
    /// Who had it, for the longest part of the waiting first; at most [`MAX_EXAMPLES`].
    pub holders: Vec<Evidence>,
}

/// What `execution` waited for during `MIN_SHARE` of its time and more, where others are seen to have had it meanwhile.
pub fn waited_for<'t, 'a>(execution: Execution<'t, 'a>, beside: Beside<'t, 'a>) -> Vec<WaitedFor> {
    let scene = Scene::new(&[execution], beside);
    let (resources, releases) = waits::of(&scene);
    let duration = execution.duration().unwrap_or_default().max(1) as f64;
    let mut found = Vec::new();
    for resource in resources.iter().filter(|resource| resource.is_acquired) {
        let judged = resource.waits.iter().filter(|wait| wait.judged.is_some());
        let wait: f64 = judged.map(|wait| wait.nanos() as f64).sum();
        if wait < MIN_SHARE * duration {
            continue;
        }
        let parts = holders::meanwhile(&scene, resource, &releases);
        let longest = &parts[..parts.len().min(MAX_EXAMPLES)];
        if longest.is_empty() {
            continue;
        }
        let of = |part: usize| scene.trees[scene.parts[part].tree].trace().trace_id;
        let holder = |(part, nanos): &(usize, f64)| {
            format!("{} for {} (trace {})", scene.entry(*part).name, shown(*nanos), of(*part))
        };
        let more = match parts.len() - longest.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let (what, share) = (what(resource), wait / duration);
        let who: Vec<String> = longest.iter().map(holder).collect();
        found.push(WaitedFor {
            text: format!(
                "waited {} for {what} ({:.0} % of its time); meanwhile it was with {}{more}",
                shown(wait),
                share * 100.0,
                who.join(", ")
            ),
            wait_nanos: wait as i64,
            share,
            holders: longest.iter().map(|(part, _)| evidence(of(*part), scene.entry(*part))).collect(),
        });
    }
    found.sort_by_key(|waited| std::cmp::Reverse(waited.wait_nanos));
    found
}

/// What is waited for, as a text.
fn what(resource: &Resource<'_>) -> String {
    match (resource.is_queue, resource.lock) {
        (true, _) => format!("a worker of {}", resource.name),
        (_, "") => resource.name.to_owned(),
        (_, lock) => format!("the lock {lock}"),
    }
}

/// How much is enough.
#[derive(Clone, Copy)]
struct Terms {
    cases: usize,
    /// Of the usual shares.
    part: f64,
}

/// The executions of one operation that wait.
struct Victims<'a> {
    name: &'a str,
    executions: usize,
    /// Nanoseconds of one execution, the mean.
    wait: f64,
    /// Of all their time.
    share: f64,
}

impl<'a> Victims<'a> {
    /// Those of the operation whose executions wait the longest together, if it is enough.
    fn of(scene: &Scene<'_, 'a>, waits: &[Wait], terms: Terms) -> Option<Self> {
        let mut by_execution: BTreeMap<usize, f64> = BTreeMap::new();
        for wait in waits {
            if let Some(judged) = wait.judged {
                *by_execution.entry(judged).or_default() += wait.nanos() as f64;
            }
        }
        let mut by_operation: BTreeMap<(&str, &str), f64> = BTreeMap::new();
        let operation = |judged: usize| {
            let execution = &scene.judged[judged];
            let span = execution.tree.span(execution.entry);
            (span.service(), span.name.as_str())
        };
        for (&judged, wait) in &by_execution {
            *by_operation.entry(operation(judged)).or_default() += wait;
        }
        let (&(service, name), _) = by_operation.iter().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(a.0)))?;
        let (mut affected, mut executions, mut waiting, mut time) = (0, 0, 0.0, 0.0);
        for (judged, execution) in scene.judged.iter().enumerate() {
            if operation(judged) != (service, name) {
                continue;
            }
            let duration = execution.tree.duration(execution.entry) as f64;
            let wait = by_execution.get(&judged).copied().unwrap_or(0.0);
            // A message waits before its execution begins.
            let is_before = waits.iter().take(1).any(|wait| scene.parts[wait.part].entry == wait.span);
            let wait = if is_before { wait } else { wait.min(duration) };
            let whole = duration.max(wait);
            affected += usize::from(wait > 0.0 && wait >= MIN_SHARE * terms.part * whole);
            executions += 1;
            waiting += wait;
            time += whole;
        }
        let share = waiting / f64::max(time, 1.0);
        let is_enough = affected >= terms.cases && share >= MIN_SHARE * terms.part;
        is_enough.then(|| Self { name, executions, wait: waiting / executions.max(1) as f64, share })
    }
}

fn of_wait(scene: &Scene<'_, '_>, resource: &Resource<'_>, victims: &Victims<'_>, holders: &Holders) -> Finding {
    let what = what(resource);
    let who = who(scene, holders);
    let is_entry = |name: &str| holders.parts.first().is_some_and(|(part, _)| scene.entry(*part).name == name);
    let doing = doing(scene, holders).filter(|doing| doing.name != resource.name && !is_entry(&doing.name));
    let does = if holders.is_known { "had it" } else { "ran" };
    let meanwhile = doing
        .as_ref()
        .map_or(String::new(), |doing| format!("; {:.0} % of that time in {}", doing.share * 100.0, doing.name));
    let text = format!(
        "{} waits {} for {what} in an execution, {:.0} % of it. {:.0} % of this waiting fell while {who} {does} ({:.1} at once): {}{meanwhile}.",
        victims.name,
        shown(victims.wait),
        victims.share * 100.0,
        holders.covered * 100.0,
        holders.at_once,
        shares(holders),
    );
    let detail = format!("{} {}", resource.lock, holders.key);
    let saving = (!resource.is_queue).then_some(victims.wait * (holders.of_holding - holders.expected));
    let next = if holders.is_known {
        format!(
            "see what {who} do{} while they have it; release it before that, or keep them from taking all of it",
            if holders.with.is_some() { "" } else { "es" }
        )
    } else {
        format!("see what {who} use{} that the others wait for", if holders.with.is_some() { "" } else { "s" })
    };
    let confidence = if holders.is_known { 0.9 } else { 0.7 } * (1.0 - holders.p_value);
    draft(
        scene,
        victims,
        holders,
        doing.as_ref(),
        (resource.service, resource.name),
        &detail,
        text,
        (saving, confidence),
        next,
    )
}

fn of_stall(scene: &Scene<'_, '_>, stall: &stall::Stall<'_>, victims: &Victims<'_>, holders: &Holders) -> Finding {
    let who = who(scene, holders);
    let longest = stall.stretches.iter().map(|stretch| stretch.end - stretch.start).max().unwrap_or_default();
    let times = match stall.stretches.len() {
        1 => "once".to_owned(),
        times => format!("{times} times"),
    };
    let text = format!(
        "{} is blocked for {} in an execution, {:.0} % of it: while {who} computed in {} ({}, up to {}), nothing else in their process went on; they are {:.0} % of the executions.",
        victims.name,
        shown(victims.wait),
        victims.share * 100.0,
        stall.name,
        times,
        shown(longest as f64),
        holders.of_executions * 100.0,
    );
    let next = format!("move what {} computes to a thread or a process of its own, or let it yield", stall.name);
    let doing = stall.stretches.iter().max_by_key(|stretch| stretch.end - stretch.start).map(|stretch| Doing {
        name: stall.name.to_owned(),
        share: 1.0,
        tree: scene.parts[stretch.part].tree,
        span: stretch.span,
    });
    let saving = Some(victims.wait);
    draft(scene, victims, holders, doing.as_ref(), (stall.service, stall.name), &holders.key, text, (saving, 0.9), next)
}

/// The holders as a text.
fn who(scene: &Scene<'_, '_>, holders: &Holders) -> String {
    match (&holders.with, holders.parts.as_slice()) {
        (Some(with), _) => format!("executions {with}"),
        (None, [(part, _)]) => format!("one execution of {}", scene.entry(*part).name),
        (None, _) => "executions".to_owned(),
    }
}

fn shares(holders: &Holders) -> String {
    let (executions, holding) = (holders.of_executions * 100.0, holders.of_holding * 100.0);
    let subject = if holders.with.is_some() { "they are" } else { "it is" };
    if holders.is_known {
        format!("{subject} {executions:.0} % of the executions and {holding:.0} % of the holding meanwhile")
    } else {
        let expected = holders.expected * 100.0;
        format!("{subject} {executions:.0} % of the executions, and at other times run during {expected:.0} % of it")
    }
}

/// The operation in which holders spend most of the time that they hold something.
struct Doing {
    name: String,
    share: f64,
    tree: usize,
    span: usize,
}

fn doing(scene: &Scene<'_, '_>, holders: &Holders) -> Option<Doing> {
    let mut sums: BTreeMap<&str, (i64, i64, usize, usize)> = BTreeMap::new();
    let mut all = 0;
    for &(part, start, end) in &holders.intervals {
        let part = &scene.parts[part];
        let tree = scene.trees[part.tree];
        for &span in &part.spans {
            let index = span as usize;
            let within = tree.start(index) < end && tree.end(index) > start;
            let own = tree.self_time(index).min(end.saturating_sub(start));
            if !within || own <= 0 {
                continue;
            }
            let sum = sums.entry(&tree.span(index).name).or_insert((0, 0, part.tree, index));
            sum.0 += own;
            if own > sum.1 {
                (sum.1, sum.2, sum.3) = (own, part.tree, index);
            }
            all += own;
        }
    }
    let (name, &(sum, _, tree, span)) = sums.iter().max_by(|a, b| a.1.0.cmp(&b.1.0).then(b.0.cmp(a.0)))?;
    Some(Doing { name: (*name).to_owned(), share: sum as f64 / all.max(1) as f64, tree, span })
}

#[expect(clippy::too_many_arguments, reason = "what the two kinds of findings differ in")]
fn draft(
    scene: &Scene<'_, '_>,
    victims: &Victims<'_>,
    holders: &Holders,
    doing: Option<&Doing>,
    (service, name): (&str, &str),
    detail: &str,
    text: String,
    (saving, confidence): (Option<f64>, f64),
    next: String,
) -> Finding {
    let examples = holders.parts.iter().filter(|part| part.1 > 0.0).map(|&(part, waiting)| {
        (waiting, evidence(scene.trees[scene.parts[part].tree].trace().trace_id, scene.entry(part)))
    });
    let place = doing.and_then(|doing| {
        let tree = scene.trees[doing.tree];
        let mut above =
            std::iter::successors(Some(doing.span), |&at| tree.parent(at)).take(super::facts::ANCESTORS_MAX);
        above.find_map(|index| Some((index, location(tree.span(index))?))).map(|(index, found)| {
            if index == doing.span {
                found
            } else {
                crate::finding::Location { known_by: crate::finding::KnownBy::Caller, ..found }
            }
        })
    });
    let draft = Draft {
        code: Code::HeldBy,
        service,
        name,
        detail,
        numbers: vec![
            Number::new("wait", victims.wait, Unit::Nanos),
            Number::new("share", victims.share, Unit::Ratio),
            Number::new("covered", holders.covered, Unit::Ratio),
            Number::new("of_executions", holders.of_executions, Unit::Ratio),
            Number::new("of_holding", holders.of_holding, Unit::Ratio),
            Number::new("expected", holders.expected, Unit::Ratio),
            Number::new("at_once", holders.at_once, Unit::Count),
            Number::new("p_value_corrected", holders.p_value, Unit::Ratio),
        ],
        saving_nanos: saving,
        confidence,
        executions: victims.executions,
        location: place,
        evidence: top(examples.collect()),
        text,
        next: Some(next),
    };
    draft.for_entry(victims.name)
}
