//! `init --check`: per assistant whether it is found, configured, whether its hooks would run, and when it was last heard.
//! It reads and writes nothing.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kino_agents::jsonc::Document;
use kino_agents::{Agent, Edit, Offer, Purpose, review, toml_text};
use kino_model::UnixNanos;
use kino_text::time;
use serde::Serialize;

use super::target::Target;
use super::{Around, SCHEMA, find_program, is_program};
use crate::app::{App, Outcome};
use crate::{heard, render};

/// `kino.init.v1`, of what is there.
#[derive(Serialize)]
pub(crate) struct States {
    schema: &'static str,
    /// `check`.
    action: &'static str,
    /// `user` or `project`.
    scope: &'static str,
    pub(crate) agents: Vec<AgentState>,
}

/// One assistant.
#[derive(Serialize)]
pub(crate) struct AgentState {
    /// Its id.
    pub(crate) agent: &'static str,
    pub(crate) name: &'static str,
    pub(crate) found: bool,
    /// By which file, folder or program; absent where it is not found.
    #[serde(skip_serializing_if = "Option::is_none")]
    found_by: Option<PathBuf>,
    /// Whether its file of MCP servers has Kinescope's entry.
    pub(crate) configured: bool,
    /// Each part: `mcp`, `instructions`, `skill`, `hooks`.
    parts: Vec<PartState>,
    /// Whether a hook would run.
    pub(crate) hooks: HookState,
    /// What is wrong, in sentences.
    pub(crate) problems: Vec<String>,
    /// When it last spoke, to the MCP server or through a hook; absent where it never did.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_heard_unix_nanos: Option<i64>,
    /// `mcp` or `hook`.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_heard_through: Option<&'static str>,
}

/// One part of what `init` writes.
#[derive(Serialize)]
struct PartState {
    what: &'static str,
    path: PathBuf,
    is_there: bool,
}

/// Whether a hook would run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HookState {
    /// None is configured, or the assistant has none.
    None,
    WouldRun,
    /// The assistant skips it until its user has reviewed it.
    Unreviewed,
    /// Its program is not there, or the assistant's settings switch hooks off.
    WouldNotRun,
}

/// Prints the states.
pub(super) fn run(app: &App, around: &Around, named: &[Agent]) -> Outcome {
    let states = states(app, around, named);
    app.output.answer(&states, |_| text(&states))?;
    Ok(ExitCode::SUCCESS)
}

/// The user's assistants that are found; empty where the user's files are unknown.
pub(crate) fn of_user(app: &App) -> Vec<AgentState> {
    let Ok(around) = Around::new(app, false) else { return Vec::new() };
    states(app, &around, &[]).agents.into_iter().filter(|state| state.found).collect()
}

fn states(app: &App, around: &Around, named: &[Agent]) -> States {
    let wanted = Agent::ALL.into_iter().filter(|agent| named.is_empty() || named.contains(agent));
    let agents = wanted.map(|agent| state(app, around, agent)).collect();
    States { schema: SCHEMA, action: "check", scope: around.scope_name(), agents }
}

fn state(app: &App, around: &Around, agent: Agent) -> AgentState {
    let sign = around.sign(agent);
    let (mut parts, mut problems) = (Vec::new(), Vec::new());
    let mut hooks = HookState::None;
    let mut configured = false;
    for offer in around.offers_with(agent, false) {
        let text = match Target::open(&offer.path, around.root.as_deref()) {
            Ok(target) => target.text,
            Err(refusal) => {
                problems.push(refusal);
                None
            }
        };
        let is_there = text.as_deref().is_some_and(|text| offer.edits.iter().all(|edit| edit.is_made(text)));
        parts.push(PartState { what: offer.purpose.id(), path: offer.path.clone(), is_there });
        let Some(text) = text else { continue };
        if let Some(mistake) = mistake(&offer, &text) {
            problems.push(format!("{}: {mistake}", render::path(&offer.path)));
        }
        if !is_there {
            continue;
        }
        configured |= offer.purpose == Purpose::Mcp;
        let missing = missing_program(around, &offer, &text);
        if offer.purpose == Purpose::Hooks {
            problems.extend(missing_stop(around, agent, &text));
            hooks = hook_state(around, &offer, &text, missing.is_some());
        }
        if let Some(program) = missing {
            problems.push(format!(
                "{} starts {}, which is not there: `kino init --undo`, then `kino init`",
                render::path(&offer.path),
                render::clean(&program)
            ));
        }
    }
    let last = heard::last(&app.settings.home, agent);
    AgentState {
        agent: agent.id(),
        name: agent.name(),
        found: sign.is_some(),
        found_by: sign,
        configured,
        parts,
        hooks,
        problems,
        last_heard_unix_nanos: last.map(|(time, _)| time),
        last_heard_through: last.map(|(_, channel)| channel.id()),
    }
}

/// Says that the hook at the end of a turn is missing, where the user's configuration has it on.
fn missing_stop(around: &Around, agent: Agent, text: &str) -> Option<String> {
    let event = kino_agents::stop_event(agent).filter(|_| around.says_at_stop)?;
    let offers = around.offers_with(agent, true);
    let mut edits = offers.iter().filter(|offer| offer.purpose == Purpose::Hooks).flat_map(|offer| &offer.edits);
    let is_missing =
        edits.any(|edit| matches!(edit, Edit::Hook { event: of, .. } if *of == event) && !edit.is_made(text));
    is_missing.then(|| format!("[hooks] stop is on, and the hook for it is not written: `kino init {agent}`"))
}

/// A file that cannot be read as what it is.
fn mistake(offer: &Offer, text: &str) -> Option<String> {
    offer.edits.iter().find_map(|edit| edit.apply(Some(text)).err()).map(|mistake| mistake.to_string())
}

/// The program that the file names and that is not there.
fn missing_program(around: &Around, offer: &Offer, text: &str) -> Option<String> {
    let programs = offer.edits.iter().filter_map(|edit: &Edit| edit.program(text));
    programs.into_iter().find(|program| {
        if program.contains('/') {
            !is_program(Path::new(program))
        } else {
            find_program(&around.search, program).is_none()
        }
    })
}

fn hook_state(around: &Around, offer: &Offer, text: &str, is_missing: bool) -> HookState {
    if is_missing || !around.has_hooks {
        return HookState::WouldNotRun;
    }
    let settings = || Document::parse(text).ok();
    let is = |path: &[&str], value: bool| settings().and_then(|found| found.get(path)) == Some(value.into());
    match offer.agent {
        Agent::ClaudeCode | Agent::CopilotCli if is(&["disableAllHooks"], true) => HookState::WouldNotRun,
        Agent::GeminiCli if is(&["hooksConfig", "enabled"], false) => HookState::WouldNotRun,
        Agent::Codex => codex(around, offer, text),
        _ => HookState::WouldRun,
    }
}

/// Codex notes in its configuration which hooks its user has reviewed; nothing here writes that.
fn codex(around: &Around, offer: &Offer, text: &str) -> HookState {
    let Some(settings) = codex_settings(around) else { return HookState::Unreviewed };
    if toml_text::get(&settings, &["features", "hooks"]).and_then(toml::Value::as_bool) == Some(false) {
        return HookState::WouldNotRun;
    }
    let real = offer.path.canonicalize().unwrap_or_default();
    let files = [&offer.path, &real].map(|path| path.to_string_lossy().into_owned());
    let is_reviewed = review::is_reviewed(&settings, &files, text, &offer.edits);
    if is_reviewed { HookState::WouldRun } else { HookState::Unreviewed }
}

/// Codex's configuration; `None` where there is none that can be read. A user's own notes the reviews of repositories' hooks
/// too.
pub(super) fn codex_settings(around: &Around) -> Option<toml::Table> {
    let path = match super::surroundings() {
        Ok(of_user) => kino_agents::places(Agent::Codex, &kino_agents::Scope::User(of_user)).servers.remove(0),
        Err(_) => Around::servers(&around.places(Agent::Codex)).to_owned(),
    };
    toml_text::parse(&Target::open(&path, None).ok()?.text?).ok()
}

fn text(states: &States) -> String {
    // Writing to a text cannot fail.
    let mut out = String::new();
    for state in &states.agents {
        writeln!(out, "{}: {}", state.name, state.sentence()).ok();
        for problem in &state.problems {
            writeln!(out, "  {}", render::clean(problem)).ok();
        }
    }
    out
}

impl AgentState {
    /// What holds of it, in one line.
    pub(crate) fn sentence(&self) -> String {
        if !self.found && !self.configured {
            return "not found".to_owned();
        }
        let configured = if self.configured { "MCP configured" } else { "MCP not configured" };
        let hooks = match self.hooks {
            HookState::None => "no hooks",
            HookState::WouldRun => "hooks would run",
            HookState::Unreviewed => "hooks are skipped until you have reviewed them: /hooks in Codex",
            HookState::WouldNotRun => "hooks would not run",
        };
        let heard = match (self.last_heard_unix_nanos, self.last_heard_through) {
            (Some(nanos), Some(through)) => {
                format!("last heard {} ({through})", time::show(UnixNanos(nanos).0, &time::zone()))
            }
            _ => "never heard from".to_owned(),
        };
        format!("{configured}; {hooks}; {heard}")
    }
}
