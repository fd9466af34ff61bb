//! Arguments of `hook`.

use std::ffi::OsString;

use clap::Args;

/// Arguments of `hook`.
#[derive(Debug, Args)]
#[command(after_help = "\
Reads the assistant's JSON from standard input and answers in its format, or not at all. It starts no engine, takes 35 ms at \
most, always exits with 0, and never decides on a permission: no answer holds allow, deny or ask.

Before a tool call, a command of the list in config.toml ([hooks] commands; by default those that run tests) becomes \
`kino run --call ID -- ...`, where the assistant's own question to the user is not touched by that. After it, new findings of \
what it ran reach the model: codes, numbers, ids and paths, at most three a session.

AGENT is claude-code, codex, gemini-cli, antigravity, cursor, vscode, copilot-cli or opencode; EVENT is the assistant's own \
name for it.

Examples:
  kino hook claude-code PostToolUse < input.json
  kino hook gemini-cli BeforeTool < input.json
  kino run --call toolu_01A -- pytest    what a command becomes
  kino runs --call toolu_01A             the runs of a call")]
pub(crate) struct Hook {
    /// Which assistant calls.
    #[arg(value_name = "AGENT")]
    pub(crate) agent: OsString,
    /// Its name of the event.
    #[arg(value_name = "EVENT")]
    pub(crate) event: OsString,
}
