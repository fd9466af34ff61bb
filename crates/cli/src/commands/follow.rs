//! `find --follow`: traces as they are recorded, until the reader leaves.

use std::collections::{HashSet, VecDeque};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use kino_model::TraceId;
use kino_text::time;
use kino_wire::find::{Find, FindItem, FindQuestion};
use kino_wire::live::LiveQuestion;

use crate::app::{App, Outcome};
use crate::args::{Format, ListFormat};
use crate::failure::{Failure, code};
use crate::render;

/// Traces that one question asks for.
const AT_ONCE: usize = 100;
/// Traces that are remembered as shown: more than arrive between two questions.
const SEEN_MAX: usize = 100_000;
/// How long the root of a trace is waited for.
const ROOT_WAIT_NANOS: i64 = 30_000_000_000;
/// How long a question waits for a change: after it, the reader may be gone.
const WAIT_MILLIS: u64 = 1_000;
/// The least time between two questions, so that a busy engine is not asked all the time.
const PAUSE: Duration = Duration::from_millis(200);

/// Shows what `first` has, the oldest first, then what is recorded from now on.
pub(super) fn traces(app: &App, question: &FindQuestion, format: ListFormat, first: &Find) -> Outcome {
    let as_json = match format.format {
        Some(Format::Csv) => {
            return Err(Failure::new(code::WRONG, "--follow writes a table, or with --json an item a line"));
        }
        None | Some(Format::Table) => app.output.json,
        Some(Format::Json | Format::Jsonl) => true,
    };
    let mut seen = ShownTraces::default();
    let show = |items: Vec<FindItem>, seen: &mut ShownTraces| -> Result<bool, Failure> {
        for item in items.into_iter().rev() {
            let is_waited_for = item.duration_nanos.is_none() && item.start_unix_nanos > app.now().0 - ROOT_WAIT_NANOS;
            if is_waited_for || !seen.add(item.trace_id) {
                continue;
            }
            let line = if as_json {
                serde_json::to_string(&item).map_err(|error| Failure::because("writing JSON", &error))?
            } else {
                render::find::line(&item, app.output.style, &time::zone())
            };
            if !app.output.line(&line)? {
                return Ok(false);
            }
        }
        Ok(true)
    };
    let mut is_read = show(first.items.clone(), &mut seen)?;
    let mut changes = None;
    while is_read && app.output.has_reader() {
        let live = app.ask(&LiveQuestion { seen: changes, wait_millis: WAIT_MILLIS })?;
        changes = Some(live.changes);
        is_read = show(new_ones(app, question, &seen)?, &mut seen)?;
        thread::sleep(PAUSE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Traces that were not shown, the newest first.
fn new_ones(app: &App, question: &FindQuestion, seen: &ShownTraces) -> Result<Vec<FindItem>, Failure> {
    let mut found = Vec::new();
    let mut page = FindQuestion { limit: AT_ONCE, cursor: None, ..question.clone() };
    loop {
        let answer = app.ask(&page)?;
        let before = found.len();
        found.extend(answer.items.into_iter().filter(|item| !seen.ids.contains(&item.trace_id)));
        // A page without a new one: what follows is older still.
        if answer.cursor.is_none() || found.len() == before || found.len() >= SEEN_MAX {
            return Ok(found);
        }
        page.cursor = answer.cursor;
    }
}

/// The traces that were shown last.
#[derive(Default)]
struct ShownTraces {
    ids: HashSet<TraceId>,
    order: VecDeque<TraceId>,
}

impl ShownTraces {
    /// Adds one; returns whether it is new.
    fn add(&mut self, id: TraceId) -> bool {
        if !self.ids.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > SEEN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}
