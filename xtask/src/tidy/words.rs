//! The words that this code does not use: each has a plainer one, or several meanings.
//!
//! Identifiers are read in parts (`snake_case`, `CamelCase`), comments, messages and pages word by word. Names of contracts
//! that others rely on are spelled as they always were; so is what a page quotes.

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

/// Pages whose tables quote findings and what their reader said of them.
const EVIDENCE: [&str; 1] = ["docs/findings/field.md"];

/// No Rust file and no page uses a refused word.
pub(super) fn words(tree: &Tree) -> Vec<String> {
    let code = tree.with_ending("rs").filter(|file| !file.path.ends_with("tidy/words.rs"));
    let code = code.flat_map(|file| complaints(file, numbered(&file.text)));
    let pages = tree.with_ending("md").flat_map(|file| complaints(file, prose(file)));
    let is_read = |file: &&File| !is_test(&file.path) && !file.path.ends_with("tidy/words.rs");
    let messages = tree.with_ending("rs").filter(is_read).flat_map(negations);
    code.chain(pages).chain(messages).collect()
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("tests.rs") || path.contains("/examples/")
}

/// Messages that say "is no folder" where English says "is not a folder".
fn negations(file: &File) -> Vec<String> {
    let code = numbered(&file.text).take_while(|(_, line)| line != "#[cfg(test)]");
    let code = code.filter(|(_, line)| !line.trim_start().starts_with("//"));
    let wrong = code.filter(|(_, line)| line.split('"').skip(1).step_by(2).any(negates_a_noun));
    wrong.map(|(number, _)| format!("{}:{number}: say \"is not a\", not \"is no\"", file.path)).collect()
}

/// Whether a text denies what something is by `no`. That there is none, or no longer one, is said so.
fn negates_a_noun(text: &str) -> bool {
    let found = ["is no ", "are no "].into_iter().flat_map(|verb| text.match_indices(verb));
    found.into_iter().any(|(at, verb)| {
        let (before, after) = (&text[..at], &text[at + verb.len()..]);
        let is_whole = !before.ends_with(char::is_alphanumeric);
        let is_absence = before.to_lowercase().ends_with("there ") || after.starts_with("longer");
        is_whole && !is_absence
    })
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, String)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line.to_owned()))
}

/// The lines of a page without what it quotes: code between backticks, and between lines of them.
fn prose(file: &File) -> impl Iterator<Item = (usize, String)> {
    let is_evidence = EVIDENCE.contains(&file.path.as_str());
    let mut is_code = false;
    let own = numbered(&file.text).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !(is_code || is_fence || is_evidence && line.starts_with('|'))
    });
    own.map(|(number, line)| (number, line.split('`').step_by(2).collect::<Vec<_>>().join(" ")))
}

fn complaints(file: &File, lines: impl Iterator<Item = (usize, String)>) -> Vec<String> {
    let found = lines.filter_map(|(number, line)| Some((number, refused(&line)?)));
    found.map(|(number, word)| format!("{}:{number}: {word:?} needs a plainer word", file.path)).collect()
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
pub(super) fn parts(name: &str) -> Vec<String> {
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
    fn pages_are_read_without_what_they_quote() {
        let page = |path: &str, text: &str| {
            let files = vec![File { path: path.to_owned(), text: text.to_owned() }];
            words(&Tree { files, ..Tree::default() })
        };
        let text = "Rows are kept.\n```\nnobody\n```\n`rows_kept` and `told`\n| it lies there |\n";
        let kept = "docs/a.md:1: \"kept\" needs a plainer word";
        assert_eq!(page("docs/a.md", text), [kept, "docs/a.md:6: \"lies\" needs a plainer word"]);
        assert_eq!(page(EVIDENCE[0], text).len(), 1, "its tables quote");
    }

    #[test]
    fn messages_deny_in_english() {
        assert!(negates_a_noun("{path} is no folder") && negates_a_noun("two are no list"));
        for text in ["There is no folder", "there are no keys: make one", "it is no longer there", "this no one asks"] {
            assert!(!negates_a_noun(text), "{text}");
        }
        let found = |path: &str| {
            let text = "// It is no file.\nlet why = \"it is no file\";\n#[cfg(test)]\nlet why = \"it is no file\";\n";
            words(&Tree { files: vec![File { path: path.to_owned(), text: text.to_owned() }], ..Tree::default() })
        };
        assert_eq!(found("a/src/a.rs"), ["a/src/a.rs:2: say \"is not a\", not \"is no\""]);
        assert_eq!(found("a/tests/a.rs"), [""; 0]);
    }

    #[test]
    fn other_words_and_contracts_pass() {
        assert_eq!(refused("let skeptical = threshold.upheld_standing();"), None);
        assert_eq!(refused("Code::HeldBy => \"held_by\","), None);
        assert_eq!(refused("#[serde(rename = \"kept_percent\")]"), None);
    }
}
