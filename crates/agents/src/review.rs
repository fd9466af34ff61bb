//! What Codex notes of the hooks that its user has reviewed, in its `config.toml`; it skips all others without a word.
//! Nothing here writes it.
//!
//! ```text
//! [hooks.state."/home/me/.codex/hooks.json:post_tool_use:0:0"]     file : event : group : hook
//! trusted_hash = "sha256:…"
//! ```

use toml::{Table, Value};

use crate::Edit;
use crate::toml_text::get;

/// Whether its user has reviewed each of these hooks, at the places that `text` has them. `files` are the names under which
/// Codex may know that file. Whether a hook was changed since its review is Codex's own to say: the hash is not looked at.
pub fn is_reviewed(settings: &Table, files: &[String], text: &str, edits: &[Edit]) -> bool {
    let Some(states) = get(settings, &["hooks", "state"]).and_then(Value::as_table) else { return false };
    let is_trusted = |key: String| {
        let state = states.get(&key).and_then(Value::as_table);
        state.is_some_and(|state| {
            state.contains_key("trusted_hash") && state.get("enabled").and_then(Value::as_bool) != Some(false)
        })
    };
    let mut places = edits.iter().filter_map(|edit| edit.hook_place(text)).peekable();
    places.peek().is_some()
        && places.all(|(event, group)| {
            files.iter().any(|file| is_trusted(format!("{file}:{}:{group}:0", snake_case(event))))
        })
}

/// Whether hooks are in `config.toml` itself, too: Codex runs those of both files, and warns at its start.
pub fn has_hooks(settings: &Table) -> bool {
    get(settings, &["hooks"]).and_then(Value::as_table).is_some_and(|hooks| hooks.keys().any(|key| key != "state"))
}

/// `PostToolUse` as `post_tool_use`.
fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::toml_text::parse;

    fn check(settings: &str, expected: bool) {
        let own = |event: &'static str| Edit::Hook { event, value: json!({}), own: format!(" hook codex {event}") };
        let text = "{\"hooks\": {\"Stop\": [{\"hooks\": [{\"command\": \"kino hook codex Stop\"}]}], \"PostToolUse\": \
                    [{\"hooks\": []}, {\"hooks\": [{\"command\": \"kino hook codex PostToolUse\"}]}]}}";
        let edits = [own("Stop"), own("PostToolUse")];
        assert_eq!(
            is_reviewed(&parse(settings).unwrap(), &["/h.json".to_owned()], text, &edits),
            expected,
            "{settings}"
        );
    }

    #[test]
    fn hooks_are_reviewed_where_each_is_trusted_at_its_place() {
        let stop = "[hooks.state.\"/h.json:stop:0:0\"]\ntrusted_hash = \"sha256:0\"\n";
        let after = "[hooks.state.\"/h.json:post_tool_use:1:0\"]\ntrusted_hash = \"sha256:0\"\n";
        check("", false);
        check(stop, false);
        check(&format!("{stop}{after}"), true);
        check(&format!("{stop}{after}enabled = false\n"), false);
        check(&format!("{stop}{}", after.replace("use:1", "use:0")), false);
        check(&format!("{stop}{}", after.replace("/h", "/other")), false);
        assert!(!has_hooks(&parse(stop).unwrap()) && has_hooks(&parse("[[hooks.Stop]]\n").unwrap()));
    }
}
