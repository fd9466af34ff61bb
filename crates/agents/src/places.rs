//! Where each assistant's files are, in a user's home or in a repository. `docs/assistants.md` names the source of each.

use std::path::{Path, PathBuf};

use crate::Agent;

/// What decides where a user's files are.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    pub home: PathBuf,
    /// `CLAUDE_CONFIG_DIR`.
    pub claude: Option<PathBuf>,
    /// `CODEX_HOME`.
    pub codex: Option<PathBuf>,
    /// `GEMINI_CLI_HOME`: the folder that `.gemini` is in.
    pub gemini: Option<PathBuf>,
    /// `COPILOT_HOME`.
    pub copilot: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`.
    pub config: Option<PathBuf>,
    /// Whether this is macOS, where VS Code's files are elsewhere.
    pub is_macos: bool,
}

/// Whose files.
#[derive(Clone, Debug)]
pub enum Scope {
    User(Surroundings),
    /// A repository's, at its root.
    Project(PathBuf),
}

/// One assistant's files; `None` where it reads none of that kind there, or none is written.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// MCP servers; the first that exists is used, otherwise the first.
    pub servers: Vec<PathBuf>,
    /// Hooks, or a plugin that does their work.
    pub hooks: Option<PathBuf>,
    /// Instructions in Markdown.
    pub instructions: Option<PathBuf>,
    pub skill: Option<PathBuf>,
    /// Folders and files that are there only where the assistant is used.
    pub signs: Vec<PathBuf>,
}

/// The skill, below a folder of skills.
const SKILL: &str = "skills/kinescope/SKILL.md";
/// The hooks' own file, where an assistant reads every file of a folder.
const OWN_HOOKS: &str = "hooks/kinescope.json";
/// The plugin of assistants that have no hooks.
const PLUGIN: &str = "plugins/kinescope.js";

/// Where an assistant's files are.
pub fn places(agent: Agent, scope: &Scope) -> Places {
    match scope {
        Scope::User(surroundings) => of_user(agent, surroundings),
        Scope::Project(root) => of_project(agent, root),
    }
}

fn of_user(agent: Agent, around: &Surroundings) -> Places {
    let home = &around.home;
    let or = |found: &Option<PathBuf>, otherwise: &str| found.clone().unwrap_or_else(|| home.join(otherwise));
    let shared_skill = Some(home.join(".agents").join(SKILL));
    let gemini = around.gemini.as_ref().unwrap_or(home).join(".gemini");
    match agent {
        Agent::ClaudeCode => {
            let folder = or(&around.claude, ".claude");
            let servers = around.claude.as_ref().unwrap_or(home).join(".claude.json");
            Places {
                signs: vec![servers.clone(), folder.clone()],
                servers: vec![servers],
                hooks: Some(folder.join("settings.json")),
                instructions: Some(folder.join("CLAUDE.md")),
                skill: Some(folder.join(SKILL)),
            }
        }
        Agent::Codex => {
            let folder = or(&around.codex, ".codex");
            Places {
                servers: vec![folder.join("config.toml")],
                hooks: Some(folder.join("hooks.json")),
                instructions: Some(folder.join("AGENTS.md")),
                skill: shared_skill,
                signs: vec![folder],
            }
        }
        Agent::GeminiCli => Places {
            servers: vec![gemini.join("settings.json")],
            hooks: Some(gemini.join("settings.json")),
            instructions: Some(gemini.join("GEMINI.md")),
            skill: shared_skill,
            signs: vec![gemini.join("settings.json")],
        },
        Agent::Antigravity => Places {
            servers: vec![gemini.join("config/mcp_config.json")],
            instructions: Some(gemini.join("GEMINI.md")),
            signs: ["config", "antigravity-cli", "antigravity"].map(|name| gemini.join(name)).into(),
            ..Places::default()
        },
        Agent::Cursor => {
            let folder = home.join(".cursor");
            Places {
                servers: vec![folder.join("mcp.json")],
                hooks: Some(folder.join("hooks.json")),
                skill: shared_skill,
                signs: vec![folder],
                ..Places::default()
            }
        }
        Agent::VsCode => vscode(around, shared_skill),
        Agent::CopilotCli => {
            let folder = or(&around.copilot, ".copilot");
            Places {
                servers: vec![folder.join("mcp-config.json")],
                hooks: Some(folder.join(OWN_HOOKS)),
                instructions: Some(folder.join("copilot-instructions.md")),
                skill: shared_skill,
                signs: vec![folder],
            }
        }
        Agent::OpenCode => {
            let folder = or(&around.config, ".config").join("opencode");
            Places {
                servers: vec![folder.join("opencode.json"), folder.join("opencode.jsonc")],
                hooks: Some(folder.join(PLUGIN)),
                instructions: Some(folder.join("AGENTS.md")),
                skill: shared_skill,
                signs: vec![folder],
            }
        }
    }
}

fn vscode(around: &Surroundings, skill: Option<PathBuf>) -> Places {
    let folder = if around.is_macos {
        around.home.join("Library/Application Support/Code/User")
    } else {
        around.config.clone().unwrap_or_else(|| around.home.join(".config")).join("Code/User")
    };
    Places { servers: vec![folder.join("mcp.json")], skill, signs: vec![folder], ..Places::default() }
}

fn of_project(agent: Agent, root: &Path) -> Places {
    let skill = Some(root.join(".agents").join(SKILL));
    let instructions = Some(root.join("AGENTS.md"));
    let common = Places { instructions, skill, ..Places::default() };
    let at = |name: &str| root.join(name);
    match agent {
        Agent::ClaudeCode => Places {
            servers: vec![at(".mcp.json")],
            hooks: Some(at(".claude/settings.json")),
            instructions: Some(at("CLAUDE.md")),
            skill: Some(at(".claude").join(SKILL)),
            signs: vec![at(".claude"), at("CLAUDE.md"), at(".mcp.json")],
        },
        Agent::Codex => Places {
            servers: vec![at(".codex/config.toml")],
            hooks: Some(at(".codex/hooks.json")),
            signs: vec![at(".codex")],
            ..common
        },
        Agent::GeminiCli => Places {
            servers: vec![at(".gemini/settings.json")],
            hooks: Some(at(".gemini/settings.json")),
            instructions: Some(at("GEMINI.md")),
            signs: vec![at(".gemini"), at("GEMINI.md")],
            ..common
        },
        Agent::Antigravity => Places {
            servers: vec![at(".agents/mcp_config.json")],
            signs: vec![at(".agents/mcp_config.json")],
            ..common
        },
        Agent::Cursor => Places {
            servers: vec![at(".cursor/mcp.json")],
            hooks: Some(at(".cursor/hooks.json")),
            signs: vec![at(".cursor")],
            ..common
        },
        Agent::VsCode => Places { servers: vec![at(".vscode/mcp.json")], signs: vec![at(".vscode")], ..common },
        Agent::CopilotCli => Places {
            servers: vec![at(".mcp.json")],
            hooks: Some(at(".github").join(OWN_HOOKS)),
            signs: vec![at(".github/hooks"), at(".github/copilot-instructions.md")],
            ..common
        },
        Agent::OpenCode => Places {
            servers: vec![at("opencode.json"), at("opencode.jsonc")],
            hooks: Some(at(".opencode").join(PLUGIN)),
            signs: vec![at("opencode.json"), at("opencode.jsonc"), at(".opencode")],
            ..common
        },
    }
}
