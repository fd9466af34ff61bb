//! What a key does, depending on what is in front.

use crate::document::Way;
use crate::event::{Command, Key};
use crate::filter::Filter;
use crate::state::{Content, Pane, Prompt, Purpose, State};
use crate::trace::Tab;
use crate::views;

/// Characters that a line of input holds.
const PROMPT_CHARS_MAX: usize = 500;

/// Keys, and what they do.
pub(crate) const KEYS: &[(&str, &str)] = &[
    ("↑ ↓  j k", "move; PgUp PgDn a page, Home End (g G) to an end"),
    ("Enter", "open what is chosen: trace, span, run, text, evidence"),
    ("Esc", "back: out of a search, a page, the filter"),
    ("Tab  1 2 3", "the next pane; within a trace, its next side (← →)"),
    ("/", "in traces: narrow them; in a trace or a text: find"),
    ("s", "search the outputs of all runs, and all logs"),
    ("n  N", "the next hit, the one before"),
    ("Space", "hold the lists still, and go on"),
    ("r", "ask again"),
    ("a  o  f", "findings: acknowledge one, order by worth or age, show all"),
    ("q  Ctrl-C", "quit"),
];

/// Words of the screen that need an explanation.
pub(crate) const WORDS: &[(&str, &str)] = &[
    ("filter", "service:shop  name:\"GET /cart\"  error  min:250ms  run:ID"),
    ("", "key=value is an attribute; other words are looked for in"),
    ("", "root, service, trace id and run id of the newest traces"),
    ("bar", "a duration beside the operation's median: half is usual"),
    ("waterfall", "█ on the critical path, ░ beside it, › not ended"),
    ("", "any key closes this"),
];

impl State {
    pub(super) fn key(&mut self, key: Key, now: u64, commands: &mut Vec<Command>) {
        if key == Key::Ctrl('c') {
            commands.push(Command::Quit);
            return;
        }
        if self.help {
            // Whatever is pressed has been read; only leaving means what it says.
            self.help = false;
            if key == Key::Char('q') {
                commands.push(Command::Quit);
            }
            return;
        }
        if let Some(prompt) = self.prompt.take() {
            self.prompt_key(prompt, key, commands);
            return;
        }
        match key {
            Key::Char('q') => commands.push(Command::Quit),
            Key::Char('?') => self.help = true,
            Key::Char(digit @ '1'..='9') => self.show_pane(usize::from(digit as u8 - b'1')),
            Key::Char(' ') => self.pause(),
            Key::Char('r') => self.refresh(now, commands),
            Key::Char('/') => self.open_prompt(),
            Key::Char('s') => self.prompt = Some(Prompt { purpose: Purpose::Search, text: String::new(), error: None }),
            Key::Char('a') => self.acknowledge(commands),
            Key::Char('f') if self.front == Pane::Findings && self.pages.is_empty() => {
                self.findings.all = !self.findings.all;
                self.findings.fresh.stale = true;
                self.findings.fresh.not_before = now;
            }
            Key::Char('o') if self.front == Pane::Findings && self.pages.is_empty() => {
                self.findings.newest = !self.findings.newest;
                self.findings.list = crate::list::List::default();
                self.order_findings(None);
            }
            Key::Char('n') => self.seek(Way::Next, commands),
            Key::Char('N') => self.seek(Way::Back, commands),
            Key::Enter => self.enter(commands),
            Key::Esc | Key::Backspace => self.back(),
            Key::Tab | Key::BackTab | Key::Left | Key::Right => self.sideways(key),
            key => match views::opened_by(key) {
                Some(view) => self.push_asking(view.title.to_owned(), (view.ask)(self.options.scope.clone()), commands),
                None => self.move_by(key, commands),
            },
        }
    }

    fn move_by(&mut self, key: Key, commands: &mut Vec<Command>) {
        let (rows, trace_rows) = (self.list_rows(), self.trace_rows());
        match self.pages.last_mut().map(|page| &mut page.content) {
            Some(Content::Trace(page)) => {
                let count = page.count();
                page.list_mut().key(key, count, trace_rows);
            }
            Some(Content::Doc(doc, _)) => {
                doc.key(key, rows);
            }
            Some(Content::Waiting) => {}
            None => match self.front {
                Pane::Traces => {
                    let count = self.shown_traces().len();
                    self.traces.list.key(key, count, rows);
                }
                Pane::Findings => {
                    self.findings.list.key(key, self.findings.items.len(), rows);
                }
                Pane::Runs => {
                    self.runs.list.key(key, self.runs.items.len(), rows);
                }
            },
        }
        self.ask_more(commands);
    }

    /// Between the sides of a trace, or between the panes.
    fn sideways(&mut self, key: Key) {
        let forward = matches!(key, Key::Tab | Key::Right);
        let rows = self.trace_rows();
        if let Some(page) = self.pages.last_mut() {
            if let Content::Trace(page) = &mut page.content {
                let sides = crate::trace::Tab::ALL.len();
                page.tab = page.tab.step(if forward { 1 } else { sides - 1 });
                let count = page.count();
                page.list_mut().fit(count, rows);
            }
            return;
        }
        let panes = Pane::ALL.len();
        let at = self.front as usize;
        self.show_pane((at + if forward { 1 } else { panes - 1 }) % panes);
    }

    fn show_pane(&mut self, index: usize) {
        if let Some(pane) = Pane::ALL.get(index) {
            self.pages.clear();
            self.front = *pane;
            self.notice = None;
        }
    }

    fn pause(&mut self) {
        self.paused = !self.paused;
        if !self.paused {
            self.catch_up();
        }
    }

    /// Asks for what is in front again.
    fn refresh(&mut self, now: u64, commands: &mut Vec<Command>) {
        let Some(page) = self.pages.last() else {
            self.paused = false;
            for fresh in [&mut self.traces.fresh, &mut self.findings.fresh, &mut self.runs.fresh] {
                fresh.stale = true;
                fresh.not_before = now;
            }
            return;
        };
        let id = page.id;
        match &page.content {
            Content::Trace(_) => self.ask_trace(commands),
            _ => {
                if let Some(origin) = page.origin.clone() {
                    let slot = crate::state::Slot::Page(id, crate::state::TracePart::Whole);
                    if !self.is_asked(|asked| *asked == slot) {
                        self.ask(slot, origin, commands);
                    }
                }
            }
        }
    }

    /// One step back: out of a search, a page, a filter.
    fn back(&mut self) {
        self.notice = None;
        self.searching = None;
        if let Some(page) = self.pages.last_mut() {
            if let Content::Doc(doc, _) = &mut page.content
                && doc.searched().is_some()
            {
                doc.search("");
                return;
            }
            if let Content::Trace(trace) = &mut page.content
                && trace.find.take().is_some()
            {
                return;
            }
            self.pages.pop();
        } else if self.front == Pane::Traces && self.traces.filter != Filter::default() {
            self.narrow(Filter::default());
        }
    }

    fn open_prompt(&mut self) {
        let purpose = match self.pages.last().map(|page| &page.content) {
            Some(Content::Doc(..)) => Purpose::Find,
            Some(Content::Trace(trace)) => {
                if trace.tab == Tab::Logs && trace.count() > 0 {
                    self.open_logs();
                }
                Purpose::Find
            }
            None if self.front == Pane::Traces => Purpose::Filter,
            _ => {
                self.notice = Some("there is no text to search here: Enter opens one".to_owned());
                return;
            }
        };
        let text = if purpose == Purpose::Filter { self.traces.filter.line() } else { String::new() };
        self.notice = None;
        self.prompt = Some(Prompt { purpose, text, error: None });
    }

    /// The prompt was taken out; it is put back where it stays open.
    fn prompt_key(&mut self, mut prompt: Prompt, key: Key, commands: &mut Vec<Command>) {
        prompt.error = None;
        match key {
            Key::Esc => return,
            Key::Enter => match self.accept(&prompt, commands) {
                Ok(()) => return,
                Err(error) => prompt.error = Some(error),
            },
            Key::Backspace => drop(prompt.text.pop()),
            Key::Ctrl('u') => prompt.text.clear(),
            Key::Ctrl('w') => {
                let word = prompt.text.trim_end().rfind(' ').map_or(0, |at| at + 1);
                prompt.text.truncate(word);
            }
            Key::Char(c) if prompt.text.chars().count() < PROMPT_CHARS_MAX && !c.is_control() => prompt.text.push(c),
            _ => {}
        }
        self.prompt = Some(prompt);
    }

    fn accept(&mut self, prompt: &Prompt, commands: &mut Vec<Command>) -> Result<(), String> {
        match prompt.purpose {
            Purpose::Filter => self.narrow(Filter::parse(&prompt.text)?),
            Purpose::Search => {
                let needle = prompt.text.trim();
                if needle.len() < kino_wire::search::TEXT_BYTES_MIN {
                    return Err(format!("at least {} characters", kino_wire::search::TEXT_BYTES_MIN));
                }
                self.search_all(needle, commands);
            }
            Purpose::Find => {
                if let Some(page) = self.pages.last_mut()
                    && let Content::Doc(doc, _) = &mut page.content
                {
                    doc.search(&prompt.text);
                }
                if let Some(page) = self.pages.last_mut()
                    && let Content::Trace(trace) = &mut page.content
                {
                    trace.find = Some(prompt.text.clone()).filter(|text| !text.is_empty());
                }
                if !prompt.text.is_empty() {
                    self.seek(Way::Here, commands);
                }
            }
        }
        Ok(())
    }
}
