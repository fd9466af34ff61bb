//! The words that this code does not use: each has a plainer one, or several meanings.
//!
//! Identifiers are read in parts (`snake_case`, `CamelCase`), comments and messages word by word. Names of contracts that
//! others rely on are spelled as they always were.

use super::tree::{File, Tree};

/// Words that need a plainer one in names, comments and messages.
const REFUSED: [&str; 15] = [
    "told", "tell", "tells", "untold", "kept", "unkept", "held", "unheld", "stands", "whoever", "nobody", "somebody",
    "anew", "beneath", "lies",
];

/// The same for words that only mean something together.
const REFUSED_PHRASES: [&str; 2] = ["so many", "no-one"];

/// Names on the wire, in stored documents and in released files: a change would break their readers.
const CONTRACTS: &[&str] = &[
    "held_by",
    "HeldBy",
    "insights_told",
    "InsightsTold",
    "told_before",
    "findings_not_kept",
    "findings_untold",
    "not_kept",
    // Statistics' own term.
    "held_out_error",
];

/// No Rust file uses a refused word.
pub(super) fn words(tree: &Tree) -> Vec<String> {
    tree.with_ending("rs").filter(|file| !file.path.ends_with("tidy/words.rs")).flat_map(complaints).collect()
}

fn complaints(file: &File) -> Vec<String> {
    let mut complaints = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        if let Some(word) = refused(line) {
            complaints.push(format!("{}:{}: {word:?} needs a plainer word", file.path, index + 1));
        }
    }
    complaints
}

/// The first refused word of a line.
fn refused(line: &str) -> Option<String> {
    // What is written on the wire is not ours to change.
    let line = match line.find("rename = \"").or_else(|| line.find("alias = \"")) {
        Some(start) => &line[..start],
        None => line,
    };
    let lower = line.to_lowercase();
    if let Some(phrase) = REFUSED_PHRASES.iter().find(|phrase| lower.contains(*phrase)) {
        return Some((*phrase).to_owned());
    }
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let names = line.split(|c: char| !is_name(c)).filter(|name| !name.is_empty());
    names.filter(|name| !CONTRACTS.contains(name)).flat_map(parts).find(|part| REFUSED.contains(&part.as_str()))
}

/// The parts of a name in lower case: `HeldBy` and `held_by` are `held` and `by`.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut before_is_lower = false;
    for c in name.chars() {
        let starts = c == '_' || (c.is_uppercase() && before_is_lower);
        if starts && parts.last().is_some_and(|part| !part.is_empty()) {
            parts.push(String::new());
        }
        if c != '_'
            && let Some(part) = parts.last_mut()
        {
            part.extend(c.to_lowercase());
        }
        before_is_lower = c.is_lowercase() || c.is_ascii_digit();
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_words_are_found_in_names_comments_and_messages() {
        assert_eq!(refused("fn rows_kept(&self) {"), Some("kept".to_owned()));
        assert_eq!(refused("struct NothingTold;"), Some("told".to_owned()));
        assert_eq!(refused("// Nobody reads it."), Some("nobody".to_owned()));
        assert_eq!(refused("\"there are so many rows\""), Some("so many".to_owned()));
    }

    #[test]
    fn other_words_and_contracts_pass() {
        assert_eq!(refused("let skeptical = threshold.upheld_standing();"), None);
        assert_eq!(refused("Code::HeldBy => \"held_by\","), None);
        assert_eq!(refused("#[serde(rename = \"kept_percent\")]"), None);
    }
}
