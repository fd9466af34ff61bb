//! What an answer changes.

use kino_model::Fingerprint;
use kino_wire::find::Find;
use kino_wire::insights::Insights;
use kino_wire::live::Operations;
use kino_wire::run::Runs;
use kino_wire::{Problem, ProblemKind};

use super::{REST_MILLIS, REST_TIMES, RETRY_MILLIS, USUAL_MILLIS};
use crate::document::{Doc, Goal, LINES_MAX, Line, Way};
use crate::event::{Answer, Command, Ticket};
use crate::pages;
use crate::state::{BlobSource, Content, Fresh, Link, Slot, State, TracePart, Usual};
use crate::views;

impl State {
    pub(super) fn answered(
        &mut self,
        ticket: Ticket,
        answer: Result<Answer, Problem>,
        now: u64,
        commands: &mut Vec<Command>,
    ) {
        // A question that was given up is no longer in the list.
        let Some(at) = self.asked.iter().position(|(asked, _)| *asked == ticket) else { return };
        let slot = self.asked.swap_remove(at).1;
        match answer {
            Ok(answer) => {
                self.is_up();
                self.take(slot, answer, now, commands);
            }
            Err(problem) => self.refused(&slot, &problem, now),
        }
    }

    /// It answers. What was missed while it did not is asked for again.
    fn is_up(&mut self) {
        if matches!(self.link, Link::Down { .. }) {
            self.seen = None;
            self.catch_up();
        }
        self.link = Link::Up;
    }

    fn take(&mut self, slot: Slot, answer: Answer, now: u64, commands: &mut Vec<Command>) {
        match (slot, answer) {
            (Slot::Live, Answer::Live(live)) => {
                if self.seen.replace(live.changes).is_some_and(|seen| seen != live.changes) {
                    self.everything_is_stale();
                }
            }
            (Slot::Traces(asked), Answer::Traces(found)) => {
                self.traces.fresh.rest(asked, now);
                self.take_traces(*found);
            }
            (Slot::Runs(asked), Answer::Runs(runs)) => {
                self.runs.fresh.rest(asked, now);
                self.take_runs(*runs);
            }
            (Slot::Findings(asked), Answer::Findings(insights)) => {
                self.findings.fresh.rest(asked, now);
                self.take_findings(*insights);
            }
            (Slot::FindingsChanged, Answer::FindingsChanged(changes)) => {
                if !changes.items.is_empty() || changes.removed {
                    self.findings.fresh.stale = true;
                }
                self.findings.sequence = Some(changes.sequence);
            }
            (Slot::Acknowledged { undo }, Answer::Acknowledge(answer)) => {
                let code = answer.insight.finding.code;
                self.notice = Some(if undo {
                    format!("{code} is open again")
                } else {
                    format!("{code} is acknowledged: a takes that back, f shows it among all")
                });
                self.findings.fresh.stale = true;
            }
            (Slot::Usual, Answer::Usual(operations)) => {
                self.usual_fresh = Fresh { stale: false, not_before: now + USUAL_MILLIS };
                self.take_usual(*operations);
            }
            (Slot::Page(id, part), answer) => self.take_page(id, part, answer, commands),
            (slot, answer) => debug_assert!(false, "{slot:?} was answered by {answer:?}"),
        }
    }

    /// The chosen trace stays chosen; who looks at the newest goes on looking at the newest.
    fn take_traces(&mut self, found: Find) {
        let chosen = self.shown_traces().get(self.traces.list.chosen).map(|item| item.trace_id);
        (self.traces.items, self.traces.more) = (found.items, found.more);
        (self.traces.loaded, self.traces.error) = (true, None);
        let shown = self.shown_traces();
        let place = shown.iter().position(|item| Some(item.trace_id) == chosen);
        let count = shown.len();
        if let (Some(place), true) = (place, self.traces.list.chosen > 0) {
            // What is around it stays where it is, too.
            self.traces.list.top = (self.traces.list.top + place).saturating_sub(self.traces.list.chosen);
            self.traces.list.chosen = place;
        }
        let rows = self.list_rows();
        self.traces.list.fit(count, rows);
    }

    fn take_runs(&mut self, runs: Runs) {
        let chosen = self.runs.items.get(self.runs.list.chosen).map(|run| run.run_id);
        (self.runs.items, self.runs.left_out) = (runs.items, runs.left_out);
        (self.runs.loaded, self.runs.error) = (true, None);
        let place = self.runs.items.iter().position(|run| Some(run.run_id) == chosen);
        if let (Some(place), true) = (place, self.runs.list.chosen > 0) {
            self.runs.list.chosen = place;
        }
        let rows = self.list_rows();
        self.runs.list.fit(self.runs.items.len(), rows);
    }

    fn take_findings(&mut self, insights: Insights) {
        let chosen = self.findings.items.get(self.findings.list.chosen).map(|item| item.finding.fingerprint);
        (self.findings.items, self.findings.left_out) = (insights.items, insights.left_out);
        (self.findings.loaded, self.findings.error) = (true, None);
        self.findings.sequence = Some(insights.sequence);
        self.findings.known.get_or_insert(insights.sequence);
        self.order_findings(chosen);
    }

    /// Puts findings in the order that is shown; the chosen one stays chosen.
    pub(super) fn order_findings(&mut self, chosen: Option<Fingerprint>) {
        if self.findings.newest {
            self.findings.items.sort_by_key(|item| std::cmp::Reverse(item.sequence));
        } else {
            self.findings.items.sort_by_key(|item| std::cmp::Reverse(item.worth_nanos_per_day));
        }
        let place = self.findings.items.iter().position(|item| Some(item.finding.fingerprint) == chosen);
        if let (Some(place), true) = (place, self.findings.list.chosen > 0) {
            self.findings.list.chosen = place;
        }
        let rows = self.list_rows();
        self.findings.list.fit(self.findings.items.len(), rows);
    }

    fn take_usual(&mut self, operations: Operations) {
        let usual = operations.items.into_iter().filter_map(|operation| {
            let duration = operation.duration?;
            let usual = Usual { p50: duration.p50_nanos, p95: duration.p95_nanos };
            Some(((operation.service, operation.name), usual))
        });
        self.usual = usual.collect();
    }

    fn take_page(&mut self, id: u64, part: TracePart, answer: Answer, commands: &mut Vec<Command>) {
        let (columns, rows, trace_rows) = (self.doc_columns(), self.list_rows(), self.trace_rows());
        let zone = self.options.zone.clone();
        let Some(page) = self.pages.iter_mut().find(|page| page.id == id) else { return };
        page.error = None;
        let mut source = None;
        let mut line = 0;
        let lines = match (part, answer, &mut page.content) {
            (_, Answer::Explain(explained), Content::Trace(trace)) => {
                if let Some(root) = &explained.root {
                    page.title.clone_from(&root.name);
                }
                trace.explain(*explained);
                return;
            }
            (TracePart::From(offset), Answer::Open(open), Content::Trace(trace)) => {
                trace.take(offset, *open);
                let count = trace.count();
                trace.list_mut().fit(count, trace_rows);
                return;
            }
            (TracePart::From(offset), Answer::Open(open), Content::Doc(doc, Some(source))) => {
                let text = open.text.as_deref().unwrap_or_default();
                let goal = page.goal.take_if(|goal| is_in(goal, open.next_offset));
                let first = doc.line_count();
                let (lines, removed) = pages::recorded(text);
                doc.append(lines);
                if let Some(goal) = goal {
                    doc.go_to(first + pages::line_at(text, goal.offset.saturating_sub(offset)), rows);
                    doc.search(&goal.needle);
                    doc.seek(Way::Here, rows);
                }
                source.removed += removed;
                source.next_offset = open.next_offset.filter(|_| doc.line_count() < LINES_MAX);
                source.cut_at = open.next_offset.filter(|_| source.next_offset.is_none());
                self.go_on_searching(id, commands);
                self.go_on_to_goal(id, commands);
                return;
            }
            (_, Answer::Open(open), _) => {
                if let Some(text) = &open.text {
                    let (lines, removed) = pages::recorded(text);
                    line = page.goal.as_ref().map_or(0, |goal| pages::line_at(text, goal.offset));
                    let blob = open.id.strip_prefix("blob:").unwrap_or(&open.id).to_owned();
                    let (next_offset, total) = (open.next_offset, open.total);
                    source = Some(BlobSource { blob, next_offset, cut_at: None, total, removed });
                    if lines.is_empty() { vec![Line::new("(nothing was written)")] } else { lines }
                } else {
                    if let Some(span) = open.spans.first() {
                        page.title.clone_from(&span.name);
                    }
                    pages::span(&open, &zone)
                }
            }
            (_, Answer::Run(run), _) => pages::run(&run, &zone),
            (_, Answer::Search(search), _) => pages::search(&search, &page.title, &zone),
            (part, answer, _) => {
                let Some(lines) = views::lines(&answer) else {
                    debug_assert!(false, "{part:?} of a page was answered by {answer:?}");
                    return;
                };
                lines
            }
        };
        let next_offset = source.as_ref().and_then(|source| source.next_offset);
        match &mut page.content {
            Content::Doc(doc, old) => {
                doc.replace(lines, rows);
                *old = source;
            }
            content => *content = Content::Doc(Box::new(Doc::new(lines, columns)), source),
        }
        if let Content::Doc(doc, _) = &mut page.content
            && let Some(goal) = page.goal.take_if(|goal| is_in(goal, next_offset))
        {
            doc.go_to(line, rows);
            doc.search(&goal.needle);
            doc.seek(Way::Here, rows);
        }
        self.go_on_to_goal(id, commands);
    }

    fn refused(&mut self, slot: &Slot, problem: &Problem, now: u64) {
        let mut message = problem.message.clone();
        if let Some(near) = problem.did_you_mean.first() {
            message = format!("{message}; did you mean {near:?}?");
        }
        let down = problem.kind == ProblemKind::Internal;
        let busy = problem.kind == ProblemKind::Busy;
        if matches!(slot, Slot::Page(..)) {
            // Said on the page; whether the engine has gone is for those to find out who follow it.
        } else if down || busy {
            self.link = Link::Down { retry_at: now + RETRY_MILLIS, message: message.clone() };
        } else {
            self.is_up();
        }
        match slot {
            Slot::Live => self.seen = None,
            Slot::Findings(_) => {
                self.findings.fresh = Fresh { stale: down || busy, not_before: now + RETRY_MILLIS };
                self.findings.error = (!down && !busy).then_some(message);
            }
            // Asked again later, from what is known by then.
            Slot::FindingsChanged => {
                self.findings.sequence = None;
                self.findings.fresh = Fresh { stale: down || busy, not_before: now + RETRY_MILLIS };
            }
            Slot::Acknowledged { .. } => self.notice = Some(message),
            Slot::Usual => self.usual_fresh = Fresh { stale: true, not_before: now + RETRY_MILLIS },
            Slot::Traces(_) => {
                self.traces.fresh = Fresh { stale: down || busy, not_before: now + RETRY_MILLIS };
                self.traces.error = (!down && !busy).then_some(message);
            }
            Slot::Runs(_) => {
                self.runs.fresh = Fresh { stale: down || busy, not_before: now + RETRY_MILLIS };
                self.runs.error = (!down && !busy).then_some(message);
            }
            Slot::Page(id, _) => {
                if let Some(page) = self.pages.iter_mut().find(|page| page.id == *id) {
                    page.error = Some(message);
                }
            }
        }
    }
}

/// Whether a text that goes on from here already holds the goal.
fn is_in(goal: &Goal, next_offset: Option<u64>) -> bool {
    next_offset.is_none_or(|next| goal.offset + (goal.needle.len() as u64) < next)
}

impl Fresh {
    /// Sets the rest after an answer.
    fn rest(&mut self, asked: u64, now: u64) {
        self.not_before = now + (REST_TIMES * now.saturating_sub(asked)).max(REST_MILLIS);
    }
}
