//! The permissions that a user of Claude Code has written down: whether one of them is about commands.
//!
//! Without a decision of the hook, Claude Code applies its rules to the rewritten command: a rule for the original would
//! not be found any more. So where there is any, or a file cannot be read, commands stay as they are.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::config;

/// Larger settings are not read.
const SETTINGS_BYTES_MAX: u64 = 1 << 20;
/// Settings of the machine's administrator.
const MANAGED: [&str; 2] =
    ["/etc/claude-code/managed-settings.json", "/Library/Application Support/ClaudeCode/managed-settings.json"];

/// Whether no rule of this user, of the project around `directory` or of the administrator is about commands.
pub(super) fn say_nothing(directory: &Path) -> bool {
    let variable = |name: &str| config::variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let own = variable("CLAUDE_CONFIG_DIR").or_else(|| Some(variable("HOME")?.join(".claude")));
    let Some(own) = own else { return false };
    let mut roots = vec![directory.to_owned()];
    roots.extend(kino_repo::project::worktree_of(directory));
    roots.extend(variable("CLAUDE_PROJECT_DIR"));
    let of_projects = roots
        .iter()
        .flat_map(|root| ["settings.json", "settings.local.json"].map(|name| root.join(".claude").join(name)));
    let of_user = ["settings.json", "settings.local.json"].map(|name| own.join(name));
    MANAGED.iter().map(PathBuf::from).chain(of_user).chain(of_projects).all(|path| says_nothing(&path))
}

fn says_nothing(path: &Path) -> bool {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) => return matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    };
    let mut text = String::new();
    let is_file = file.metadata().is_ok_and(|found| found.is_file() && found.len() <= SETTINGS_BYTES_MAX);
    is_file && file.take(SETTINGS_BYTES_MAX).read_to_string(&mut text).is_ok() && settings_say_nothing(&text)
}

/// Whether settings have no rule about commands, and no sandbox, which excepts commands by their text.
fn settings_say_nothing(text: &str) -> bool {
    let Ok(Json::Object(settings)) = serde_json::from_str(text) else { return false };
    let is_about_commands =
        |rule: &Json| rule.as_str().is_none_or(|rule| rule.starts_with("Bash") || rule.starts_with('*'));
    let permissions = settings.get("permissions");
    let rules = ["allow", "ask", "deny"].iter().filter_map(|list| permissions?.get(*list));
    let has_rule =
        rules.into_iter().any(|rules| rules.as_array().is_none_or(|rules| rules.iter().any(is_about_commands)));
    !has_rule && !settings.contains_key("sandbox")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_about_commands_leaves_them_as_they_are() {
        for nothing in ["{}", r#"{"permissions": {"allow": ["Read(/src/**)"], "deny": []}}"#, r#"{"model": "x"}"#] {
            assert!(settings_say_nothing(nothing), "{nothing}");
        }
        for said in [
            r#"{"permissions": {"allow": ["Bash(npm test:*)"]}}"#,
            r#"{"permissions": {"ask": ["Bash"]}}"#,
            r#"{"permissions": {"deny": ["Read", "Bash(rm:*)"]}}"#,
            r#"{"permissions": {"deny": ["*"]}}"#,
            r#"{"permissions": {"allow": [7]}}"#,
            r#"{"permissions": {"allow": "Bash"}}"#,
            r#"{"sandbox": {"enabled": true}}"#,
            "not json",
            "[]",
            "",
        ] {
            assert!(!settings_say_nothing(said), "{said}");
        }
    }

    #[test]
    fn a_file_that_is_absent_says_nothing_and_one_that_cannot_be_read_might() {
        let folder = tempfile::tempdir().unwrap();
        assert!(says_nothing(&folder.path().join("settings.json")));
        assert!(!says_nothing(folder.path()));
    }
}
