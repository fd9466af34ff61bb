//! What is offered for each assistant: which file, which edit, and how an earlier one is recognised.

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use crate::edit::{Edit, SERVER};
use crate::{Agent, Places, words};

/// What a user consents to, each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// The MCP server.
    Mcp,
    /// A marked block of instructions.
    Instructions,
    Skill,
    /// Hooks, or the plugin that does their work.
    Hooks,
    /// Variables by which the commands' programs report.
    Environment,
}

impl Purpose {
    /// Its name in answers.
    pub fn id(self) -> &'static str {
        match self {
            Self::Mcp => "mcp",
            Self::Instructions => "instructions",
            Self::Skill => "skill",
            Self::Hooks => "hooks",
            Self::Environment => "environment",
        }
    }

    /// What it is, for people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Mcp => "the MCP server",
            Self::Instructions => "a block of instructions",
            Self::Skill => "a skill",
            Self::Hooks => "hooks",
            Self::Environment => "variables for the commands' programs",
        }
    }
}

/// A change of one file for one purpose.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Whose.
    pub agent: Agent,
    /// What for.
    pub purpose: Purpose,
    /// The file.
    pub path: PathBuf,
    /// The changes of it, in order.
    pub edits: Vec<Edit>,
}

/// How this program is called: by the MCP entry as it is, and within a shell's command in quotes.
#[derive(Clone, Debug)]
pub struct Program(pub String);

impl Program {
    /// As a word of a shell's command.
    pub fn quoted(&self) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+');
        if !self.0.is_empty() && self.0.chars().all(is_plain) {
            return self.0.clone();
        }
        format!("'{}'", self.0.replace('\'', "'\\''"))
    }
}

/// An event of an assistant's hooks, by its own name, and the tools that it is limited to; `None` where it has no matcher.
type Event = (&'static str, Option<&'static str>);

/// The events that `kino hook` answers.
pub fn events(agent: Agent) -> &'static [Event] {
    match agent {
        // A call that fails fires another event than one that succeeds.
        Agent::ClaudeCode => &[
            ("PreToolUse", Some("Bash")),
            ("PostToolUse", Some("Bash")),
            ("PostToolUseFailure", Some("Bash")),
            ("SessionStart", None),
        ],
        Agent::Codex => &[("PreToolUse", Some("Bash")), ("PostToolUse", Some("Bash")), ("SessionStart", None)],
        Agent::GeminiCli => &[("BeforeTool", Some("run_shell_command")), ("AfterTool", Some("run_shell_command"))],
        Agent::Cursor => {
            &[("preToolUse", Some("Shell")), ("postToolUse", Some("Shell")), ("postToolUseFailure", Some("Shell"))]
        }
        Agent::CopilotCli => {
            &[("preToolUse", Some("bash")), ("postToolUse", Some("bash")), ("postToolUseFailure", Some("bash"))]
        }
        Agent::OpenCode => &[("tool.execute.before", None), ("tool.execute.after", None)],
        // VS Code's are in preview. Antigravity refuses a call whose hook gives no decision, and `kino hook` gives none.
        Agent::Antigravity | Agent::VsCode => &[],
    }
}

/// The event at the end of a turn, of assistants that show their user what a hook says there without going on.
pub fn stop_event(agent: Agent) -> Option<&'static str> {
    match agent {
        Agent::ClaudeCode | Agent::Codex => Some("Stop"),
        Agent::GeminiCli => Some("AfterAgent"),
        // Those of Cursor and Copilot take only what makes the assistant go on, OpenCode's nothing.
        Agent::Cursor | Agent::CopilotCli | Agent::OpenCode | Agent::Antigravity | Agent::VsCode => None,
    }
}

/// Seconds that an assistant waits for a hook: far more than one takes.
const WAIT_SECONDS: u64 = 5;

/// What is offered beyond what every assistant gets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extras<'a> {
    /// Whether the hook at the end of a turn is among the hooks.
    pub has_stop: bool,
    /// Names and values for the commands' programs; empty where none are offered. The first is the mark: a table that has no
    /// such name is the user's own.
    pub variables: &'a [(String, String)],
}

/// What can be offered for an assistant; `servers` is its file of MCP servers that is used.
pub fn offers(agent: Agent, places: &Places, servers: &Path, program: &Program, extras: Extras<'_>) -> Vec<Offer> {
    let offer = |purpose, path, edits| Offer { agent, purpose, path, edits };
    let mut offers = vec![offer(Purpose::Mcp, servers.to_owned(), vec![server(agent, servers, program)])];
    if let Some(path) = &places.instructions {
        offers.push(offer(Purpose::Instructions, path.clone(), vec![Edit::Block(words::BLOCK)]));
    }
    if let Some(path) = &places.skill {
        offers.push(offer(Purpose::Skill, path.clone(), vec![Edit::Whole(words::SKILL.to_owned())]));
    }
    if let Some(path) = &places.hooks {
        offers.push(offer(Purpose::Hooks, path.clone(), hooks(agent, program, extras.has_stop)));
    }
    // The others' files have no place for variables of commands, or their hook writes them (Claude Code).
    if agent == Agent::Codex && !extras.variables.is_empty() {
        let variables =
            Edit::Variables { path: ["shell_environment_policy", "set"], values: extras.variables.to_vec() };
        offers.push(offer(Purpose::Environment, servers.to_owned(), vec![variables]));
    }
    offers
}

fn server(agent: Agent, path: &Path, program: &Program) -> Edit {
    let (command, args) = (&program.0, ["mcp"]);
    let is_portable = path.file_name().is_some_and(|name| name == ".mcp.json");
    let (parent, entry) = match agent {
        Agent::Codex => {
            // A text of JSON is one of TOML, too.
            let command = Json::from(command.as_str());
            return Edit::Table { path: ["mcp_servers", SERVER], command: format!("command = {command}") };
        }
        Agent::OpenCode => ("mcp", json!({"type": "local", "command": [command, "mcp"], "enabled": true})),
        Agent::VsCode => ("servers", json!({"type": "stdio", "command": command, "args": args})),
        Agent::CopilotCli if !is_portable => {
            ("mcpServers", json!({"type": "local", "command": command, "args": args, "tools": ["*"]}))
        }
        Agent::ClaudeCode | Agent::CopilotCli => {
            ("mcpServers", json!({"type": "stdio", "command": command, "args": args}))
        }
        Agent::GeminiCli | Agent::Antigravity | Agent::Cursor => {
            ("mcpServers", json!({"command": command, "args": args}))
        }
    };
    Edit::Server { parent, entry }
}

fn hooks(agent: Agent, program: &Program, has_stop: bool) -> Vec<Edit> {
    if agent == Agent::OpenCode {
        let command = Json::from(program.0.as_str()).to_string();
        return vec![Edit::Whole(words::PLUGIN.replace("@COMMAND@", &command))];
    }
    let mut edits = Vec::new();
    if matches!(agent, Agent::Cursor | Agent::CopilotCli) {
        edits.push(Edit::Version);
    }
    let at_stop = stop_event(agent).filter(|_| has_stop).map(|event| (event, None));
    for (event, matcher) in events(agent).iter().copied().chain(at_stop) {
        let own = format!(" hook {agent} {event}");
        let command = format!("{}{own}", program.quoted());
        let mut value = match agent {
            Agent::Cursor => json!({"command": command, "timeout": WAIT_SECONDS}),
            Agent::CopilotCli => json!({"type": "command", "bash": command, "timeoutSec": WAIT_SECONDS}),
            // Milliseconds.
            Agent::GeminiCli => json!({"hooks": [
                {"name": "kinescope", "type": "command", "command": command, "timeout": WAIT_SECONDS * 1000}]}),
            _ => json!({"hooks": [{"type": "command", "command": command, "timeout": WAIT_SECONDS}]}),
        };
        if let (Some(matcher), Some(members)) = (matcher, value.as_object_mut()) {
            members.shift_insert(0, "matcher".to_owned(), Json::from(matcher));
        }
        edits.push(Edit::Hook { event, value, own });
    }
    edits
}
