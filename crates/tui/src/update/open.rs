//! Going deeper: which page an entry leads to, and what that page asks.

use kino_model::TraceId;
use kino_wire::evidence::OpenQuestion;
use kino_wire::explain::ExplainTraceQuestion;
use kino_wire::insights::{AcknowledgeFinding, FindingState};
use kino_wire::run::RunQuestion;
use kino_wire::search::SearchQuestion;

use crate::document::{Doc, Goal, Line, Target, Way};
use crate::event::{Ask, Command};
use crate::filter::Filter;
use crate::pages;
use crate::state::{Content, PAGES_MAX, Page, Pane, Slot, State, TRACES_AT_ONCE, TracePart};
use crate::trace::{SPANS_AT_ONCE, Tab, TracePage};

/// Bytes of a text that are asked for at once.
const TEXT_BYTES_AT_ONCE: u64 = 256 << 10;
/// Hits that a search of everything shows; it says how many more there are.
const HITS_SHOWN: usize = 500;

impl State {
    /// Opens the chosen entry.
    pub(super) fn enter(&mut self, commands: &mut Vec<Command>) {
        match self.pages.last().map(|page| &page.content) {
            None => self.enter_front(commands),
            Some(Content::Trace(page)) => match trace_target(page) {
                Some(EntryTarget::Target(target)) => self.open(target, commands),
                Some(EntryTarget::Log(index)) => {
                    let lines = pages::log(&page.logs[index], page.trace_id, &self.options.zone);
                    self.push_text("Log".to_owned(), lines);
                }
                None => {}
            },
            Some(Content::Doc(doc, _)) => {
                if let Some(target) = doc.target().cloned() {
                    self.open(target, commands);
                }
            }
            Some(Content::Waiting) => {}
        }
    }

    fn enter_front(&mut self, commands: &mut Vec<Command>) {
        match self.front {
            Pane::Traces => {
                let chosen = self.shown_traces().get(self.traces.list.chosen).map(|item| item.trace_id);
                if let Some(trace_id) = chosen {
                    self.open(Target::Trace(trace_id), commands);
                }
            }
            Pane::Findings => {
                let Some(insight) = self.findings.items.get(self.findings.list.chosen) else { return };
                let lines = pages::insight(insight, &self.options.zone);
                self.push_text(insight.finding.code.name().to_owned(), lines);
            }
            Pane::Runs => {
                let Some(run) = self.runs.items.get(self.runs.list.chosen) else { return };
                let (title, run_id) = (run.command.join(" "), run.run_id.to_string());
                self.push_asking(title, Ask::Run(RunQuestion { run_id }), commands);
            }
        }
    }

    /// Opens a page.
    pub(super) fn open(&mut self, target: Target, commands: &mut Vec<Command>) {
        match target {
            Target::Trace(trace_id) => {
                self.push("Trace".to_owned(), None, Content::Trace(Box::new(TracePage::new(trace_id))));
                self.page_fresh.stale = false;
                self.ask_trace(commands);
            }
            Target::Span(trace_id, span_id) => {
                let question = OpenQuestion { id: format!("{trace_id}/{span_id}"), ..OpenQuestion::default() };
                self.push_asking("Span".to_owned(), Ask::Open(question), commands);
            }
            Target::Within(trace_id, span_id, goal) => {
                self.open(Target::Span(trace_id, span_id), commands);
                self.aim(Some(goal));
            }
            Target::Text { blob, title, goal } => {
                let question = OpenQuestion { id: format!("blob:{blob}"), offset: 0, limit: TEXT_BYTES_AT_ONCE };
                self.push_asking(title, Ask::Open(question), commands);
                self.aim(goal);
            }
            Target::Finding(finding) => self.push_text(finding.code.name().to_owned(), pages::finding(&finding)),
            Target::Traces(filter) => {
                self.pages.clear();
                self.front = Pane::Traces;
                self.narrow(filter);
            }
        }
    }

    /// What was just opened is opened for this.
    fn aim(&mut self, goal: Option<Goal>) {
        if let Some(page) = self.pages.last_mut() {
            page.goal = goal;
        }
    }

    /// Searches all outputs and logs.
    pub(super) fn search_all(&mut self, needle: &str, commands: &mut Vec<Command>) {
        let scope = self.options.scope.clone();
        let question =
            SearchQuestion { text: needle.to_owned(), limit: HITS_SHOWN, scope, ..SearchQuestion::default() };
        self.push_asking(needle.to_owned(), Ask::Search(question), commands);
    }

    /// Says that the chosen finding is known, or takes that back.
    pub(super) fn acknowledge(&mut self, commands: &mut Vec<Command>) {
        // The page on top of the list, if there is one, is that of the chosen one.
        if self.front != Pane::Findings || self.pages.len() > 1 {
            return;
        }
        let Some(insight) = self.findings.items.get(self.findings.list.chosen) else { return };
        let undo = insight.state == FindingState::Acknowledged;
        if !undo && !insight.state.is_present() {
            self.notice = Some(format!("it is {}: there is nothing to acknowledge", insight.state));
            return;
        }
        let (fingerprint, scope) = (insight.finding.fingerprint.to_string(), self.options.scope.clone());
        let question = AcknowledgeFinding { fingerprint, undo, scope };
        self.ask(Slot::Acknowledged { undo }, Ask::Acknowledge(question), commands);
    }

    /// Shows the traces that this leaves.
    pub(super) fn narrow(&mut self, filter: Filter) {
        if filter != self.traces.filter {
            // What was asked before is not what is wanted any more.
            self.asked.retain(|(_, slot)| !matches!(slot, Slot::Traces(_)));
            self.traces.filter = filter;
            self.traces.items.clear();
            self.traces.loaded = false;
            self.traces.error = None;
            self.traces.list = crate::list::List::default();
        }
        self.traces.fresh.stale = true;
        self.traces.fresh.not_before = 0;
        self.paused = false;
    }

    /// Opens all logs of the trace in front as one text, to be searched.
    pub(super) fn open_logs(&mut self) {
        let Some(Content::Trace(trace)) = self.pages.last().map(|page| &page.content) else { return };
        let lines = pages::logs(&trace.logs, trace.trace_id, trace.logs_left_out, &self.options.zone);
        self.push_text("Logs".to_owned(), lines);
    }

    fn push_text(&mut self, title: String, lines: Vec<Line>) {
        let doc = Doc::new(lines, self.doc_columns());
        self.push(title, None, Content::Doc(Box::new(doc), None));
    }

    /// Opens a page that shows the answer to a question once it is there.
    pub(super) fn push_asking(&mut self, title: String, ask: Ask, commands: &mut Vec<Command>) {
        let id = self.push(title, Some(ask.clone()), Content::Waiting);
        self.ask(Slot::Page(id, TracePart::Whole), ask, commands);
    }

    fn push(&mut self, title: String, origin: Option<Ask>, content: Content) -> u64 {
        let id = self.number();
        if self.pages.len() >= PAGES_MAX {
            self.pages.remove(0);
        }
        self.pages.push(Page { id, title, origin, goal: None, error: None, content });
        self.notice = None;
        id
    }

    /// Asks for all of the trace that is in front.
    pub(super) fn ask_trace(&mut self, commands: &mut Vec<Command>) {
        let Some(Page { id, content: Content::Trace(page), .. }) = self.pages.last() else { return };
        let (id, trace_id) = (*id, page.trace_id);
        if self.is_asked(|slot| matches!(slot, Slot::Page(page, _) if *page == id)) {
            return;
        }
        self.ask(
            Slot::Page(id, TracePart::Explained),
            Ask::Explain(ExplainTraceQuestion::overview(trace_id)),
            commands,
        );
        self.ask_spans(id, trace_id, 0, commands);
    }

    fn ask_spans(&mut self, id: u64, trace_id: TraceId, offset: u64, commands: &mut Vec<Command>) {
        let question = OpenQuestion { id: trace_id.to_string(), offset, limit: SPANS_AT_ONCE };
        self.ask(Slot::Page(id, TracePart::From(offset)), Ask::Open(question), commands);
    }

    /// Asks for what comes after the end of the page, where the reader is near it.
    pub(super) fn ask_more(&mut self, commands: &mut Vec<Command>) {
        let rows = self.list_rows();
        if self.pages.is_empty() && self.front == Pane::Traces {
            let near = self.traces.list.chosen + 2 * rows >= self.traces.items.len();
            if near && self.traces.more && self.traces.wanted < super::TRACES_MAX && !self.front_is_asked() {
                self.traces.wanted = (self.traces.wanted + TRACES_AT_ONCE).min(super::TRACES_MAX);
                self.traces.fresh.stale = true;
            }
            return;
        }
        let Some(page) = self.pages.last() else { return };
        let id = page.id;
        if self.is_asked(|slot| matches!(slot, Slot::Page(page, _) if *page == id)) {
            return;
        }
        match &page.content {
            Content::Trace(trace) if trace.tab == Tab::Waterfall || trace.tab == Tab::Logs => {
                let near = trace.list().chosen + 2 * rows >= trace.count();
                if let (Some(offset), true) = (trace.next_offset, near) {
                    let trace_id = trace.trace_id;
                    self.ask_spans(id, trace_id, offset, commands);
                }
            }
            Content::Doc(doc, Some(_)) if doc.near_end(rows) => {
                self.ask_text(id, commands);
            }
            _ => {}
        }
    }

    /// Asks for the next part of a text; false where this is its end.
    fn ask_text(&mut self, id: u64, commands: &mut Vec<Command>) -> bool {
        let page = self.pages.iter().find(|page| page.id == id);
        let Some(Content::Doc(_, Some(source))) = page.map(|page| &page.content) else { return false };
        let Some(offset) = source.next_offset else { return false };
        let question = OpenQuestion { id: format!("blob:{}", source.blob), offset, limit: TEXT_BYTES_AT_ONCE };
        self.ask(Slot::Page(id, TracePart::From(offset)), Ask::Open(question), commands);
        true
    }

    /// Goes to a hit; where there is none in what is here, in what is still to come.
    pub(super) fn seek(&mut self, way: Way, commands: &mut Vec<Command>) {
        let (rows, trace_rows) = (self.list_rows(), self.trace_rows());
        let Some(page) = self.pages.last_mut() else { return };
        let id = page.id;
        if let Content::Trace(trace) = &mut page.content {
            let found = trace.seek(way, trace_rows);
            self.notice = match &trace.find {
                None => Some("nothing is searched for: / begins a search".to_owned()),
                Some(_) if found => None,
                Some(needle) => Some(format!("no {needle:?} {}", if way == Way::Back { "before" } else { "after" })),
            };
            return;
        }
        let Content::Doc(doc, _) = &mut page.content else { return };
        if doc.searched().is_none() {
            self.notice = Some("nothing is searched for: / begins a search".to_owned());
            return;
        }
        if doc.seek(way, rows) {
            self.notice = None;
            return;
        }
        let under_way = self.is_asked(|slot| matches!(slot, Slot::Page(page, _) if *page == id));
        if way != Way::Back && (under_way || self.ask_text(id, commands)) {
            self.searching = Some(way);
            self.notice = Some("reading on …".to_owned());
        } else {
            let where_to = if way == Way::Back { "before this" } else { "after this" };
            self.notice = Some(format!("no hit {where_to}"));
        }
    }

    /// Loads more of a text until the place for which it was opened is there.
    pub(super) fn go_on_to_goal(&mut self, id: u64, commands: &mut Vec<Command>) {
        if self.pages.iter().any(|page| page.id == id && page.goal.is_some()) && !self.ask_text(id, commands) {
            self.aim(None);
        }
    }

    /// A text went on: a search that reached its end does, too.
    pub(super) fn go_on_searching(&mut self, id: u64, commands: &mut Vec<Command>) {
        if self.pages.last().is_some_and(|page| page.id == id)
            && let Some(way) = self.searching.take()
        {
            self.seek(way, commands);
        }
    }
}

/// Where an entry of a trace's page leads.
enum EntryTarget {
    Target(Target),
    Log(usize),
}

fn trace_target(page: &TracePage) -> Option<EntryTarget> {
    let index = page.list().chosen;
    let explained = page.explained.as_ref();
    let target = match page.tab {
        Tab::Waterfall => Target::Span(page.trace_id, page.spans.get(index)?.span_id),
        Tab::Path => Target::Span(page.trace_id, explained?.critical_path.get(index)?.span_id),
        Tab::Breakdown => {
            let example = explained?.breakdown.get(index)?.examples.first()?;
            Target::Span(example.trace_id, example.span_id?)
        }
        Tab::Findings => Target::Finding(Box::new(explained?.findings.get(index)?.clone())),
        Tab::Logs => return page.logs.get(index).map(|_| EntryTarget::Log(index)),
    };
    Some(EntryTarget::Target(target))
}
