//! Runs that wait in the working directory: taken in once an engine can be reached, and said in a line.

use std::sync::atomic::{AtomicBool, Ordering};

use kino_runner::recording::SpooledRun;
use kino_runner::spool::{self, Taken};

use crate::app::App;
use crate::client::Client;
use crate::render::{clean, counted, path};
use crate::{config, output};

/// Characters of a reason that are shown.
const REASON_CHARACTERS_MAX: usize = 200;

/// Whether this process has looked.
static LOOKED: AtomicBool = AtomicBool::new(false);

/// Takes in what waits in the working directory, once a process.
pub(crate) fn take_in(app: &App, client: &Client) {
    if LOOKED.swap(true, Ordering::Relaxed) {
        return;
    }
    match spool::take(&app.settings.directory, &config::git(), client) {
        Ok(taken) => said(&taken).iter().for_each(|line| output::note(line)),
        Err(error) => output::note(&format!("kino: {}", clean(&error.to_string()))),
    }
}

/// Says that a run waits, and why.
pub(crate) fn say(waiting: &SpooledRun) {
    let SpooledRun { spooled, why, notes, .. } = waiting;
    let why: String = why.lines().next().unwrap_or_default().chars().take(REASON_CHARACTERS_MAX).collect();
    let dropped = match spooled.dropped {
        0 => String::new(),
        spans => format!(", {} dropped", counted(spans, "span")),
    };
    output::note(&format!(
        "kino │ no engine was reached ({}): this run waits in .kino/spool with {}{dropped}; the next kino command here that \
         reaches one takes it in",
        clean(&why),
        counted(spooled.spans, "span"),
    ));
    for note in notes {
        output::note(&format!("kino │ {}", clean(note)));
    }
    if let Some(error) = &spooled.failed {
        output::note(&format!("kino │ not all of it was written: {}", clean(&error.to_string())));
    }
}

fn said(taken: &Taken) -> Vec<String> {
    let mut lines = Vec::new();
    if taken.runs > 0 {
        let dropped = match taken.dropped {
            0 => String::new(),
            spans => format!("; {} had no room there", counted(spans, "span")),
        };
        let (runs, spans) = (counted(taken.runs, "run"), counted(taken.spans, "span"));
        lines.push(format!("kino: took in {runs} with {spans} from .kino/spool{dropped}"));
    }
    for (file, why) in &taken.set_aside {
        lines.push(format!("kino: {} is what could not be taken in whole ({}); the rest was", path(file), clean(why)));
    }
    lines.extend(taken.unread.iter().map(|error| format!("kino: {}", clean(&error.to_string()))));
    match taken.unread_count.saturating_sub(taken.unread.len() as u64) {
        0 => {}
        more => lines.push(format!("kino: {} more in .kino/spool cannot be read either", counted(more, "file"))),
    }
    lines.extend(taken.waits.iter().map(|why| format!("kino: what waits in .kino/spool waits on: {}", clean(why))));
    lines
}
