//! How the screen changes: an event in, what is to be done out. Pure: the time comes with the event.
//!
//! ```text
//!  a list in front ─► ask for it ─► answer ─► ask `live`, which answers when something changed ─► rest ─► ask …
//! ```
//!
//! So nothing at all happens while nothing is recorded, and what is recorded is seen a moment later.

mod answers;
mod keys;
mod open;

pub(crate) use self::keys::{KEYS, WORDS};

use kino_wire::find::FindQuestion;
use kino_wire::insights::{FindingState, FindingsChanged, InsightsQuestion};
use kino_wire::live::{LiveQuestion, OperationsQuestion};
use kino_wire::run::RunsQuestion;

use crate::event::{Ask, Command, Event, Ticket};
use crate::state::{Content, Link, Pane, Slot, State};

/// Traces that the list holds; a filter finds older ones.
pub(crate) const TRACES_MAX: usize = 2_000;
/// Runs that the list holds.
const RUNS_SHOWN: usize = 500;
/// Findings that the list holds.
const FINDINGS_SHOWN: usize = 500;
/// The least rest between two questions for the same list.
const REST_MILLIS: u64 = 250;
/// How many times as long as an answer took the rest is: a busy engine spends a quarter of a core on a view at most.
const REST_TIMES: u64 = 3;
/// How long to leave an engine that does not answer alone.
const RETRY_MILLIS: u64 = 1_000;
/// How often what is usual is looked up while traces come in.
const USUAL_MILLIS: u64 = 30_000;
/// Operations whose usual duration is known.
const USUAL_MAX: usize = 1_000;
/// How long one question for changes waits. Short of what a client allows an answer.
const WAIT_MILLIS: u64 = 25_000;

impl State {
    /// Changes as the event says. `now` is in milliseconds of a clock that does not go back.
    pub fn update(&mut self, event: Event, now: u64, now_unix_nanos: i64) -> Vec<Command> {
        self.now_unix_nanos = now_unix_nanos;
        let mut commands = Vec::new();
        match event {
            Event::Key(key) => self.key(key, now, &mut commands),
            Event::Resize(columns, rows) => self.resize((columns, rows)),
            Event::Wake => {}
            Event::Answered(ticket, answer) => self.answered(ticket, answer, now, &mut commands),
        }
        self.follow(now, &mut commands);
        commands
    }

    /// When to wake the view although nothing happened, in the clock of `update`; always later than `now`.
    pub fn wake_at(&self, now: u64) -> Option<u64> {
        if let Link::Down { retry_at, .. } = &self.link {
            // Past it, an answer is what is waited for.
            return Some(*retry_at).filter(|at| *at > now);
        }
        let waiting = |stale: bool, asked: bool, at: u64| (stale && !asked).then_some(at);
        let list = self.following().then(|| {
            let fresh = self.fresh();
            waiting(fresh.stale, self.front_is_asked(), fresh.not_before)
        });
        let findings = (!self.paused).then(|| {
            let fresh = &self.findings.fresh;
            waiting(fresh.stale, self.is_asked(|slot| matches!(slot, Slot::Findings(_))), fresh.not_before)
        });
        let usual =
            waiting(self.usual_fresh.stale, self.is_asked(|slot| *slot == Slot::Usual), self.usual_fresh.not_before);
        [list.flatten(), findings.flatten(), usual].into_iter().flatten().filter(|at| *at > now).min()
    }

    /// Asks what has to be asked by now.
    fn follow(&mut self, now: u64, commands: &mut Vec<Command>) {
        if let Link::Down { retry_at, .. } = self.link {
            if now < retry_at {
                return;
            }
            // Whatever is in front: whether it is back is worth knowing.
            if self.asked.is_empty() {
                self.ask(Slot::Live, Ask::Live(LiveQuestion::default()), commands);
            }
        }
        if self.usual_fresh.stale && now >= self.usual_fresh.not_before && !self.is_asked(|slot| *slot == Slot::Usual) {
            let scope = self.options.scope.clone();
            let question = OperationsQuestion { roots: true, limit: USUAL_MAX, scope, ..OperationsQuestion::default() };
            self.ask(Slot::Usual, Ask::Usual(question), commands);
        }
        if !self.paused {
            self.follow_findings(now, commands);
        }
        if !self.following() || self.pages.is_empty() && self.front == Pane::Findings {
            return;
        }
        let fresh = self.fresh();
        if fresh.stale {
            if now >= fresh.not_before && !self.front_is_asked() {
                self.ask_front(now, commands);
            }
        } else if !self.is_asked(|slot| *slot == Slot::Live) {
            let question = LiveQuestion { seen: self.seen, wait_millis: WAIT_MILLIS };
            self.ask(Slot::Live, Ask::Live(question), commands);
        }
    }

    /// Findings are followed wherever the reader is: how many there are is always on the screen.
    fn follow_findings(&mut self, now: u64, commands: &mut Vec<Command>) {
        let findings = &self.findings;
        let scope = self.options.scope.clone();
        if findings.fresh.stale {
            if now >= findings.fresh.not_before && !self.is_asked(|slot| matches!(slot, Slot::Findings(_))) {
                let states = if findings.all { FindingState::ALL.to_vec() } else { Vec::new() };
                let question = InsightsQuestion { states, limit: FINDINGS_SHOWN, scope, ..InsightsQuestion::default() };
                self.findings.fresh.stale = false;
                self.ask(Slot::Findings(now), Ask::Findings(question), commands);
            }
        } else if findings.sequence.is_some() && !self.is_asked(|slot| *slot == Slot::FindingsChanged) {
            let question = FindingsChanged { after: findings.sequence, wait_millis: WAIT_MILLIS, scope };
            self.ask(Slot::FindingsChanged, Ask::FindingsChanged(question), commands);
        }
    }

    /// Whether what is in front changes by itself.
    fn following(&self) -> bool {
        let grows = match self.pages.last().map(|page| &page.content) {
            None => true,
            Some(Content::Trace(page)) => page.is_unfinished(),
            Some(_) => false,
        };
        grows && !self.paused
    }

    fn fresh(&self) -> &crate::state::Fresh {
        match (self.pages.is_empty(), self.front) {
            (false, _) => &self.page_fresh,
            (true, Pane::Traces) => &self.traces.fresh,
            (true, Pane::Findings) => &self.findings.fresh,
            (true, Pane::Runs) => &self.runs.fresh,
        }
    }

    fn ask_front(&mut self, now: u64, commands: &mut Vec<Command>) {
        match (self.pages.is_empty(), self.front) {
            (false, _) => {
                self.page_fresh.stale = false;
                self.page_fresh.not_before = now + RETRY_MILLIS;
                self.ask_trace(commands);
            }
            (true, Pane::Traces) => {
                self.traces.fresh.stale = false;
                let limit = if self.traces.filter.words.is_empty() { self.traces.wanted } else { TRACES_MAX };
                let scope = self.options.scope.clone();
                let mut question = FindQuestion { limit, scope, ..FindQuestion::default() };
                self.traces.filter.ask(&mut question);
                self.ask(Slot::Traces(now), Ask::Traces(question), commands);
            }
            // Followed by itself.
            (true, Pane::Findings) => {}
            (true, Pane::Runs) => {
                self.runs.fresh.stale = false;
                let question =
                    RunsQuestion { limit: RUNS_SHOWN, scope: self.options.scope.clone(), ..RunsQuestion::default() };
                self.ask(Slot::Runs(now), Ask::Runs(question), commands);
            }
        }
    }

    fn ask(&mut self, slot: Slot, ask: Ask, commands: &mut Vec<Command>) {
        let ticket = Ticket(self.number());
        self.asked.push((ticket, slot));
        commands.push(Command::Ask(ticket, Box::new(ask)));
    }

    /// A number that was never given before.
    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn is_asked(&self, which: impl Fn(&Slot) -> bool) -> bool {
        self.asked.iter().any(|(_, slot)| which(slot))
    }

    /// Whether an answer for the list in front is under way.
    fn front_is_asked(&self) -> bool {
        let front = self.front;
        self.is_asked(|slot| match front {
            Pane::Traces => matches!(slot, Slot::Traces(_)),
            Pane::Findings => matches!(slot, Slot::Findings(_)),
            Pane::Runs => matches!(slot, Slot::Runs(_)),
        })
    }

    /// Something changed: what shows it is asked for again when it is in front.
    fn everything_is_stale(&mut self) {
        for fresh in [&mut self.traces.fresh, &mut self.runs.fresh, &mut self.page_fresh, &mut self.usual_fresh] {
            fresh.stale = true;
        }
    }

    /// Marks all lists as stale, since a change may have been missed.
    fn catch_up(&mut self) {
        self.everything_is_stale();
        self.findings.fresh.stale = true;
    }

    fn resize(&mut self, size: (u16, u16)) {
        self.size = size;
        let (columns, rows, lists, trace) = (self.doc_columns(), self.list_rows(), self.list_rows(), self.trace_rows());
        for page in &mut self.pages {
            match &mut page.content {
                Content::Doc(doc, _) => doc.resize(columns, rows),
                Content::Trace(page) => {
                    let count = page.count();
                    page.list_mut().fit(count, trace);
                }
                Content::Waiting => {}
            }
        }
        let shown = self.shown_traces().len();
        self.traces.list.fit(shown, lists);
        self.findings.list.fit(self.findings.items.len(), lists);
        self.runs.list.fit(self.runs.items.len(), lists);
    }
}
