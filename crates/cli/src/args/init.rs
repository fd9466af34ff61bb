//! What `init` takes.

use clap::Args;
use kino_agents::Agent;

use crate::completion;

/// Arguments of `init`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without AGENT: every assistant that is found on this machine, or in this repository with --project. Each change is shown \
as a diff and asked for by itself: the MCP server, a marked block of at most twelve lines in AGENTS.md, CLAUDE.md or \
GEMINI.md, a skill, hooks. Comments, order, unknown keys and line ends stay. Files that others may write, that do not \
parse, or that are reached by a broken link are refused, and stay as they are.

--undo restores each file byte for byte where it was not changed since; otherwise it removes Kinescope's entries alone, \
and says so.

Agents: claude-code, codex, gemini-cli, antigravity, cursor, vscode, copilot-cli, opencode.

Examples:
  kino init                      ask for each change, for every assistant found
  kino init claude-code --yes    all of them, for one
  kino init --project codex      in this repository's files
  kino init codex --stop         with the hook at the end of a turn
  kino init --check              found, configured, last heard from
  kino init --undo               as it was before")]
pub(crate) struct Init {
    /// The assistants; by default those that are found.
    #[arg(value_name = "AGENT", value_parser = agent, add = completion::agents())]
    pub(crate) agents: Vec<Agent>,
    /// Say per assistant what is found and configured, whether its hooks would run, and when it was last heard from.
    #[arg(long, conflicts_with_all = ["undo", "yes"])]
    pub(crate) check: bool,
    /// Take back what was written, without asking.
    #[arg(long, conflicts_with = "yes")]
    pub(crate) undo: bool,
    /// Write everything that is offered, without asking.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// The files of the repository around this directory instead of the user's.
    #[arg(long)]
    pub(crate) project: bool,
    /// Also the hook at the end of a turn, which names changed lines that no run has executed (Claude Code, Codex, Gemini CLI).
    #[arg(long, conflicts_with_all = ["check", "undo"])]
    pub(crate) stop: bool,
}

fn agent(word: &str) -> Result<Agent, String> {
    word.parse().map_err(|unknown: kino_agents::UnknownAgent| unknown.to_string())
}
