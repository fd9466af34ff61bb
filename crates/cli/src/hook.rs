//! `hook`: what an assistant calls before and after its tool calls. It comes before everything else that this program does.
//!
//! ```text
//!  main ─► run ─► worker: input ─► before · after · session · stop ─► answer ─► one write, or nothing ─► delivered
//!            └── after its deadline: nothing, whatever the worker does
//! ```
//!
//! An assistant waits for its hook. So nothing here starts an engine, waits for one, prints an error, or ends with another
//! exit code than 0, which assistants take for a decision.

mod after;
mod ask;
mod before;
mod rules;
mod session;
mod stop;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use kino_agents::Agent;
use kino_agents::hook::{self, Called, INPUT_BYTES_MAX, Moment};
use kino_engine::config::Hooks;
use kino_wire::hook::AfterCallQuestion;
use serde_json::Value as Json;

use crate::home::{CONFIG_FILE, is_trusted};
use crate::{config, heard};

/// The command's name.
pub(crate) const SUBCOMMAND: &str = "hook";
/// The words of a command line that are looked at to recognise a hook.
pub(crate) const WORDS_MAX: usize = 8;
/// When a hook ends without an answer: with the start of the process, 50 ms are not exceeded.
const DEADLINE: Duration = Duration::from_millis(35);
/// The same at the end of a turn: no tool waits, and what is said there takes a look at the worktree by git. Without an engine,
/// or where the user has not switched it on, it ends as early as others.
const STOP_DEADLINE: Duration = Duration::from_millis(500);
/// How long the engine may take to hear that an answer was written.
const CONFIRMATION_MAX: Duration = Duration::from_millis(10);

/// Whether the words after the program's name are a hook's, rather than a person's question about it. Wrong ones are a
/// hook's too: an assistant takes the exit code of a usage error for a refusal.
pub(crate) fn is_called(words: &[OsString]) -> bool {
    let is_help = |word: &OsString| word == "--help" || word == "-h";
    words.first().is_some_and(|first| first == SUBCOMMAND)
        && !words.iter().any(is_help)
        && (words.len() >= 3 || !io::stdin().is_terminal())
}

/// Answers an assistant, or says nothing; always ends well.
pub(crate) fn run(agent: &OsString, event: &OsString) -> ExitCode {
    // A fault must not show either.
    std::panic::set_hook(Box::new(|_| {}));
    let (agent, event) = (agent.clone(), event.clone());
    let deadline = if is_stop(&agent, &event) { STOP_DEADLINE } else { DEADLINE };
    let (sender, answer) = sync_channel(1);
    let work = move || {
        // Fails where the time was up.
        sender.send(answered(&agent, &event)).ok();
    };
    let spawned = thread::Builder::new().name("hook".to_owned()).spawn(work);
    if spawned.is_ok()
        && let Ok(Some(answer)) = answer.recv_timeout(deadline)
    {
        let mut out = io::stdout().lock();
        // A reader that is gone, or a full disk, gets nothing.
        let written = out.write_all(answer.json.to_string().as_bytes()).and_then(|()| out.flush());
        if let Some(delivered) = answer.delivered.filter(|_| written.is_ok()) {
            confirm(delivered);
        }
    }
    ExitCode::SUCCESS
}

/// What the assistant gets.
struct Answer {
    json: Json,
    /// What the engine hears once it has it; `None` for nothing.
    delivered: Option<Delivered>,
}

/// A question by which the engine hears that findings were delivered.
struct Delivered {
    home: PathBuf,
    question: AfterCallQuestion,
}

impl From<Json> for Answer {
    fn from(json: Json) -> Self {
        Self { json, delivered: None }
    }
}

/// Has the engine hear that an answer was written, and waits for that a moment: what it does not hear of comes again.
fn confirm(delivered: Delivered) {
    let (sender, heard) = sync_channel(1);
    let work = move || {
        let answer = ask::ask_within(&delivered.home, &delivered.question, CONFIRMATION_MAX);
        // Fails where the time was up.
        sender.send(answer.is_some()).ok();
    };
    if thread::Builder::new().name("delivered".to_owned()).spawn(work).is_ok() {
        heard.recv_timeout(CONFIRMATION_MAX).ok();
    }
}

/// The answer to an event; `None` for silence.
fn answered(agent: &OsString, event: &OsString) -> Option<Answer> {
    let input = input()?;
    let (agent, event) = (known(agent)?, event.to_str()?);
    let called = hook::read(agent, event, &input)?;
    let place = Place::of(&called)?;
    heard::note(&place.home, agent, heard::Channel::Hook);
    match called.moment {
        Moment::SessionBegins => session::begins(agent, &called, &place).map(Answer::from),
        Moment::Before => before::answer(agent, event, &called, &place).map(Answer::from),
        Moment::After => after::answer(agent, event, &called, &place),
        Moment::Stop => stop::answer(agent, &called, &place).map(Answer::from),
    }
}

/// The assistant that a word names: by ids alone, one that is only near is none.
fn known(agent: &OsString) -> Option<Agent> {
    let agent = agent.to_str()?;
    Agent::ALL.into_iter().find(|known| known.id() == agent)
}

fn is_stop(agent: &OsString, event: &OsString) -> bool {
    let moment = known(agent).zip(event.to_str()).and_then(|(agent, event)| hook::moment(agent, event));
    moment == Some(Moment::Stop)
}

/// Where a hook is called, and what the user has set.
struct Place {
    home: PathBuf,
    /// Where the assistant works.
    directory: PathBuf,
    hooks: Hooks,
    /// Whether every run records which changed lines it executes.
    records_lines: bool,
}

impl Place {
    /// `None` where there is no home, or its configuration cannot be read: nothing is done then.
    fn of(called: &Called) -> Option<Self> {
        let home = config::folder().ok()?;
        let found = home.metadata().ok()?;
        if !found.is_dir() || !is_trusted(&found) {
            return None;
        }
        let (hooks, records_lines) = if home.join(CONFIG_FILE).symlink_metadata().is_ok() {
            let config = config::reread(&home).ok()?;
            (config.hooks, config.run.lines)
        } else {
            (Hooks::default(), false)
        };
        let directory = match &called.directory {
            Some(directory) => Some(PathBuf::from(directory)).filter(|directory| directory.is_absolute()),
            None => std::env::current_dir().ok(),
        };
        Some(Self { home, directory: directory?, hooks, records_lines })
    }
}

/// What the assistant sent; `None` where that is too large. It is read to its end, so that the assistant is not disturbed.
fn input() -> Option<Vec<u8>> {
    let mut stdin = io::stdin().lock();
    let mut input = Vec::new();
    let limit = INPUT_BYTES_MAX as u64;
    stdin.by_ref().take(limit + 1).read_to_end(&mut input).ok()?;
    if input.len() > INPUT_BYTES_MAX {
        io::copy(&mut stdin, &mut io::sink()).ok()?;
        return None;
    }
    Some(input)
}
