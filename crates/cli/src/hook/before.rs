//! Before a tool call: the engine learns that it begins, and a command of the user's list becomes `kino run`, where the
//! permission for it stays with the user.

use std::path::Path;

use kino_agents::Agent;
use kino_agents::hook::{self, Called, Rewriting};
use kino_agents::wrap::{self, DEFAULT_PATTERNS, Pattern};
use kino_model::Clock;
use kino_wire::hook::{AfterCallQuestion, CallMoment};
use serde_json::Value as Json;

use super::{Place, after, ask, rules};
use crate::clock::SystemClock;
use crate::config;

pub(super) fn answer(agent: Agent, event: &str, called: &Called, place: &Place) -> Option<Json> {
    let command = called.command.as_deref()?;
    let question = after::question(agent, called, place, CallMoment::Begins)?;
    let call = question.call.clone().unwrap_or_else(new_call);
    let rewritten = rewritten(agent, called, place, command, &call);
    let call = question.call.clone().or_else(|| rewritten.as_ref().map(|_| call));
    // Without an engine nothing could be recorded, and the command stays as it is.
    ask::ask(&place.home, &AfterCallQuestion { call, ..question })?;
    hook::rewritten(agent, event, called, &rewritten?)
}

fn rewritten(agent: Agent, called: &Called, place: &Place, command: &str, call: &str) -> Option<String> {
    let is_left_to_the_user = match hook::rewriting(agent) {
        Rewriting::Never => false,
        Rewriting::Asked => true,
        Rewriting::Unasked => {
            called.permission_mode.as_deref() == Some("bypassPermissions") && rules::say_nothing(&place.directory)
        }
    };
    if !place.hooks.rewrite || !is_left_to_the_user {
        return None;
    }
    let program = std::env::current_exe().ok().filter(|program| program.is_file())?;
    let prefix = format!("{} run --call {call} --", wrap::quoted(program.to_str()?));
    let patterns: Vec<Pattern> = match &place.hooks.commands {
        Some(commands) => commands.iter().filter_map(|text| Pattern::parse(text)).collect(),
        None => DEFAULT_PATTERNS.iter().filter_map(|text| Pattern::parse(text)).collect(),
    };
    wrap::wrapped(command, &patterns, &prefix, &|program| is_program(program, &place.directory))
}

/// Whether a shell that knows no function or alias of this name would start a program.
fn is_program(name: &str, directory: &Path) -> bool {
    let is_executable = |path: &Path| path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok();
    if name.contains('/') {
        return is_executable(&directory.join(name));
    }
    let Some(path) = config::variable("PATH") else { return false };
    std::env::split_paths(&path).any(|folder| folder.is_absolute() && is_executable(&folder.join(name)))
}

/// An id for a call that the assistant gives none: this process at this moment.
fn new_call() -> String {
    format!("hook-{:x}-{:x}", SystemClock::new().now().0, std::process::id())
}
