//! The assistants that Kinescope can be set up for: a closed list of ids, which appear in commands, in hooks that are
//! written into an assistant's files, and in answers. An id never changes.

use std::fmt;
use std::str::FromStr;

use kino_text::suggest;

/// An assistant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Agent {
    /// Anthropic's Claude Code.
    ClaudeCode,
    /// OpenAI's Codex.
    Codex,
    /// Google's Gemini CLI.
    GeminiCli,
    /// Google's Antigravity.
    Antigravity,
    /// Cursor, the editor and its command line.
    Cursor,
    /// Visual Studio Code with GitHub Copilot.
    VsCode,
    /// GitHub Copilot's command line.
    CopilotCli,
    OpenCode,
}

impl Agent {
    /// Every assistant, in the order in which they are listed.
    pub const ALL: [Self; 8] = [
        Self::ClaudeCode,
        Self::Codex,
        Self::GeminiCli,
        Self::Antigravity,
        Self::Cursor,
        Self::VsCode,
        Self::CopilotCli,
        Self::OpenCode,
    ];

    /// Its id, as commands and answers spell it.
    pub fn id(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude-code",
            Self::Codex => "codex",
            Self::GeminiCli => "gemini-cli",
            Self::Antigravity => "antigravity",
            Self::Cursor => "cursor",
            Self::VsCode => "vscode",
            Self::CopilotCli => "copilot-cli",
            Self::OpenCode => "opencode",
        }
    }

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClaudeCode => "Claude Code",
            Self::Codex => "Codex",
            Self::GeminiCli => "Gemini CLI",
            Self::Antigravity => "Antigravity",
            Self::Cursor => "Cursor",
            Self::VsCode => "VS Code",
            Self::CopilotCli => "Copilot CLI",
            Self::OpenCode => "OpenCode",
        }
    }

    /// The names of its programs.
    pub fn programs(self) -> &'static [&'static str] {
        match self {
            Self::ClaudeCode => &["claude"],
            Self::Codex => &["codex"],
            Self::GeminiCli => &["gemini"],
            Self::Antigravity => &["agy", "antigravity"],
            Self::Cursor => &["cursor", "cursor-agent"],
            Self::VsCode => &["code"],
            Self::CopilotCli => &["copilot"],
            Self::OpenCode => &["opencode"],
        }
    }

    /// The assistant whose MCP client gives itself this name; `None` where it is none of these.
    pub fn of_client(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let marks = [
            ("claude-code", Self::ClaudeCode),
            ("codex", Self::Codex),
            ("gemini-cli", Self::GeminiCli),
            ("antigravity", Self::Antigravity),
            ("cursor", Self::Cursor),
            ("visual studio code", Self::VsCode),
            ("copilot", Self::CopilotCli),
            ("opencode", Self::OpenCode),
        ];
        marks.into_iter().find(|(mark, _)| lower.contains(mark)).map(|(_, agent)| agent)
    }

    /// What else people call it on a command line.
    fn short_forms(self) -> &'static [&'static str] {
        match self {
            Self::ClaudeCode => &["claude"],
            Self::GeminiCli => &["gemini"],
            Self::Antigravity => &["agy"],
            Self::VsCode => &["code", "vs-code"],
            Self::CopilotCli => &["copilot"],
            Self::OpenCode => &["open-code"],
            Self::Codex | Self::Cursor => &[],
        }
    }
}

impl fmt::Display for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// A word that names no assistant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct UnknownAgent {
    /// The id that it is nearest to; `None` where none is near.
    pub did_you_mean: Option<Agent>,
}

impl fmt::Display for UnknownAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(agent) = self.did_you_mean {
            return write!(f, "no assistant of that name is known; did you mean {agent}?");
        }
        write!(f, "no assistant of that name is known; these are: {}", Agent::ALL.map(Agent::id).join(", "))
    }
}

impl FromStr for Agent {
    type Err = UnknownAgent;

    /// Reads an id or a short form, in any case.
    fn from_str(word: &str) -> Result<Self, UnknownAgent> {
        let lower = word.to_ascii_lowercase();
        let is_called = |agent: &Self| agent.id() == lower || agent.short_forms().contains(&lower.as_str());
        if let Some(agent) = Self::ALL.into_iter().find(is_called) {
            return Ok(agent);
        }
        let words = |agent: Self| agent.short_forms().iter().copied().chain([agent.id()]);
        let near = suggest::best(word, Self::ALL.into_iter().flat_map(words));
        let of = |near: String| Self::ALL.into_iter().find(|agent| words(*agent).any(|word| word == near));
        Err(UnknownAgent { did_you_mean: near.and_then(of) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_and_its_short_forms_name_the_same_assistant() {
        for agent in Agent::ALL {
            for word in agent.short_forms().iter().copied().chain([agent.id()]) {
                assert_eq!(word.parse(), Ok(agent));
                assert_eq!(word.to_uppercase().parse(), Ok(agent));
            }
        }
    }

    #[test]
    fn a_wrong_word_is_answered_with_the_nearest_id_or_with_all() {
        assert_eq!("cluade".parse::<Agent>().unwrap_err().did_you_mean, Some(Agent::ClaudeCode));
        assert_eq!("copiolt-cli".parse::<Agent>().unwrap_err().did_you_mean, Some(Agent::CopilotCli));
        let unknown = "zzz".parse::<Agent>().unwrap_err();
        assert_eq!(unknown.did_you_mean, None);
        assert!(unknown.to_string().contains("claude-code, codex, gemini-cli"), "{unknown}");
    }
}
