//! What assistants send to their hooks, and what they read back: one shape for all of them, and the shapes of each. Pure.
//!
//! ```text
//!  input JSON ─ read ─► Called ─ … ─► rewritten / context ─► answer JSON, or nothing at all
//! ```
//!
//! An answer never decides: `permissionDecision`, `decision`, `permission` and `continue` are in none. docs/hooks.md says
//! what of each assistant's documentation this rests on.

use serde_json::{Map, Value as Json, json};

use crate::Agent;

/// Larger inputs are not read: they hold the output of a command, which is not looked at.
pub const INPUT_BYTES_MAX: usize = 4 << 20;
/// The longest text that an answer holds, in bytes.
pub const CONTEXT_BYTES_MAX: usize = 400;

/// When a hook is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    SessionBegins,
    /// Before a tool call.
    Before,
    /// After a tool call, whether it went well or not.
    After,
    /// The assistant has finished its turn.
    Stop,
}

/// What a hook is called with. Each field is as the assistant sent it, and from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Called {
    /// When.
    pub moment: Moment,
    /// The assistant's session.
    pub session: Option<String>,
    /// The tool call.
    pub call: Option<String>,
    /// Where the assistant works.
    pub directory: Option<String>,
    /// Whether the tool executes a command in a shell.
    pub executes: bool,
    /// That command line, where it is sent.
    pub command: Option<String>,
    /// How the assistant asks for permission, as it calls that.
    pub permission_mode: Option<String>,
    /// How long the call took, in milliseconds.
    pub millis: Option<u64>,
    /// The tool's arguments.
    pub arguments: Map<String, Json>,
}

/// The events of Claude Code, and of assistants that took its names.
const EVENTS: &[(&str, Moment)] = &[
    ("SessionStart", Moment::SessionBegins),
    ("PreToolUse", Moment::Before),
    ("PostToolUse", Moment::After),
    ("PostToolUseFailure", Moment::After),
    ("Stop", Moment::Stop),
];

/// The events of an assistant that has names of its own.
fn own_events(agent: Agent) -> &'static [(&'static str, Moment)] {
    match agent {
        Agent::GeminiCli => &[
            ("SessionStart", Moment::SessionBegins),
            ("BeforeTool", Moment::Before),
            ("AfterTool", Moment::After),
            ("AfterAgent", Moment::Stop),
        ],
        Agent::OpenCode => &[
            ("session.created", Moment::SessionBegins),
            ("tool.execute.before", Moment::Before),
            ("tool.execute.after", Moment::After),
            ("session.idle", Moment::Stop),
        ],
        Agent::Cursor => &[
            ("sessionStart", Moment::SessionBegins),
            ("beforeShellExecution", Moment::Before),
            ("preToolUse", Moment::Before),
            ("afterShellExecution", Moment::After),
            ("postToolUse", Moment::After),
            ("postToolUseFailure", Moment::After),
            ("stop", Moment::Stop),
        ],
        Agent::CopilotCli => &[
            ("sessionStart", Moment::SessionBegins),
            ("preToolUse", Moment::Before),
            ("postToolUse", Moment::After),
            ("postToolUseFailure", Moment::After),
            ("agentStop", Moment::Stop),
        ],
        Agent::ClaudeCode | Agent::Codex | Agent::Antigravity | Agent::VsCode => &[],
    }
}

/// What an assistant calls an event; `None` for one that no hook of `kino` is for.
pub fn moment(agent: Agent, event: &str) -> Option<Moment> {
    // Copilot takes the names of VS Code too.
    let has_usual = !matches!(agent, Agent::GeminiCli | Agent::OpenCode | Agent::Cursor);
    let usual = EVENTS.iter().filter(|_| has_usual);
    own_events(agent).iter().chain(usual).find(|(name, _)| *name == event).map(|(_, moment)| *moment)
}

/// Reads what a hook is called with; `None` for anything that is not the JSON object of an event that is known.
pub fn read(agent: Agent, event: &str, input: &[u8]) -> Option<Called> {
    let moment = moment(agent, event)?;
    if input.len() > INPUT_BYTES_MAX {
        return None;
    }
    let Json::Object(input) = serde_json::from_slice(input).ok()? else { return None };
    let text = |names: &[&str]| names.iter().find_map(|name| input.get(*name)?.as_str()).map(str::to_owned);
    let arguments = match ["tool_input", "toolArgs", "toolInput", "args"].iter().find_map(|name| input.get(*name)) {
        Some(Json::Object(arguments)) => arguments.clone(),
        // Copilot sends them as text.
        Some(Json::String(text)) => match serde_json::from_str(text) {
            Ok(Json::Object(arguments)) => arguments,
            _ => Map::new(),
        },
        _ => Map::new(),
    };
    let tool = text(&["tool_name", "toolName", "tool"]);
    let is_shell = tool.as_deref().is_some_and(is_shell) || event.ends_with("ShellExecution");
    let command = arguments.get("command").or_else(|| input.get("command")).and_then(Json::as_str);
    let root = input.get("workspace_roots").and_then(|roots| roots.get(0)).and_then(Json::as_str);
    Some(Called {
        moment,
        session: text(&["session_id", "sessionId", "sessionID", "conversation_id"]),
        call: text(&["tool_use_id", "toolUseId", "tool_call_id", "toolCallId", "callID"]),
        directory: text(&["cwd", "directory"])
            .filter(|directory| !directory.is_empty())
            .or_else(|| root.map(str::to_owned)),
        executes: is_shell,
        command: command.filter(|_| is_shell).map(str::to_owned),
        permission_mode: text(&["permission_mode", "permissionMode"]),
        millis: ["duration_ms", "durationMs", "duration"].iter().find_map(|name| input.get(*name)?.as_u64()),
        arguments,
    })
}

/// Whether a tool of this name executes its `command` in a shell.
fn is_shell(tool: &str) -> bool {
    matches!(
        tool,
        "Bash" | "Shell" | "bash" | "shell" | "run_shell_command" | "run_command" | "run_in_terminal" | "runInTerminal"
    )
}

/// Where a user's permission stays with the user although a hook rewrites a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewriting {
    /// Nowhere: the assistant takes no other command, or only with a decision, or asks for the rewritten one.
    Never,
    /// The assistant has asked for the original command before it calls the hook.
    Asked,
    /// Only where the user has asked not to be asked, and no rule of theirs is about commands.
    Unasked,
}

/// Where this assistant's commands may be rewritten.
pub fn rewriting(agent: Agent) -> Rewriting {
    match agent {
        // BeforeTool replaces arguments directly before the execution, behind policies and confirmation.
        Agent::GeminiCli => Rewriting::Asked,
        // Without a decision the rewritten command goes through the rules and the question.
        Agent::ClaudeCode => Rewriting::Unasked,
        Agent::Codex | Agent::Antigravity | Agent::Cursor | Agent::VsCode | Agent::CopilotCli | Agent::OpenCode => {
            Rewriting::Never
        }
    }
}

/// The answer that replaces a command, other arguments as they are; `None` where [`rewriting`] is [`Rewriting::Never`].
pub fn rewritten(agent: Agent, event: &str, called: &Called, command: &str) -> Option<Json> {
    let mut arguments = called.arguments.clone();
    arguments.insert("command".to_owned(), command.into());
    let name = match agent {
        Agent::ClaudeCode => "updatedInput",
        Agent::GeminiCli => "tool_input",
        _ => return None,
    };
    Some(json!({ "hookSpecificOutput": { "hookEventName": event, name: arguments } }))
}

/// The answer after a tool call that puts a text before the model, beside the call's result; `None` where the assistant
/// takes none.
pub fn context(agent: Agent, event: &str, text: &str) -> Option<Json> {
    debug_assert!(text.len() <= CONTEXT_BYTES_MAX, "the text was made within the bound");
    match agent {
        Agent::ClaudeCode | Agent::Codex | Agent::VsCode | Agent::GeminiCli => {
            Some(json!({ "hookSpecificOutput": { "hookEventName": event, "additionalContext": text } }))
        }
        Agent::Cursor if event != "afterShellExecution" => Some(json!({ "additional_context": text })),
        Agent::CopilotCli => Some(json!({ "additionalContext": text })),
        // The plugin that `kino init` writes reads this.
        Agent::OpenCode => Some(json!({ "context": text })),
        Agent::Cursor | Agent::Antigravity => None,
    }
}

/// The answer at the end of a turn that informs the user, and blocks nothing; `None` where the assistant shows none.
pub fn notice(agent: Agent, text: &str) -> Option<Json> {
    match agent {
        Agent::ClaudeCode | Agent::Codex | Agent::VsCode | Agent::GeminiCli => Some(json!({ "systemMessage": text })),
        Agent::Cursor | Agent::CopilotCli | Agent::OpenCode | Agent::Antigravity => None,
    }
}
