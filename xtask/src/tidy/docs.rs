//! The rules for doc comments: public types and functions have one, and none only repeats the name of its item.
//!
//! A field or a variant whose name and type say all needs none. A comment answers what a reader asks: which unit, which
//! bound, and what `None` means.

use super::tree::{File, Tree};

/// A comment with more words than these says more than a name.
const WORDS_MAX: usize = 4;
/// Letters that two words must share, where one goes on with an ending.
const STEM_LETTERS_MIN: usize = 4;
/// Words that say nothing by themselves.
const EMPTY: [&str; 24] = [
    "the", "a", "an", "its", "it", "of", "in", "to", "this", "that", "these", "those", "one", "at", "by", "for", "as",
    "on", "with", "all", "is", "are", "each", "s",
];
/// What begins an item that needs a comment where it is public.
const ITEMS: [&str; 9] = ["fn", "const fn", "async fn", "unsafe fn", "struct", "enum", "trait", "type", "const"];
/// Comments that the command shows as help, where a name has no place to stand alone.
const HELP: [&str; 1] = ["crates/cli/src/args"];

/// No comment only repeats the name of its item, and no public type or function is without one.
pub(super) fn docs(tree: &Tree) -> Vec<String> {
    let is_test = |file: &&File| file.path.contains("/tests/") || file.path.ends_with("tests.rs");
    tree.with_ending("rs").filter(|file| !is_test(file)).flat_map(of_file).collect()
}

fn of_file(file: &File) -> Vec<String> {
    let is_help = HELP.iter().any(|folder| file.path.starts_with(folder));
    let mut complaints = Vec::new();
    let (mut comment, mut first) = (String::new(), 0);
    let code = file.text.lines().take_while(|line| *line != "#[cfg(test)]").enumerate();
    for (index, line) in code {
        let line = line.trim();
        if let Some(text) = line.strip_prefix("///").filter(|text| !text.starts_with('/')) {
            if comment.is_empty() {
                first = index + 1;
            }
            comment.push_str(text);
            comment.push(' ');
        } else if line.starts_with("#[") && !line.starts_with("#[doc") {
            // Attributes come between a comment and its item.
        } else {
            let item = declared(line);
            if let Some((_, name)) = item.filter(|_| !is_help && repeats(&comment, item)) {
                let comment = comment.trim();
                complaints.push(format!("{}:{first}: {comment:?} only repeats {name}", file.path));
            }
            if let Some((true, name)) = item.filter(|_| comment.is_empty() && line.starts_with("pub ")) {
                complaints.push(format!("{}:{}: {name} is public and has no doc comment", file.path, index + 1));
            }
            comment.clear();
        }
    }
    complaints
}

/// Whether a line declares a type, function or constant (else a field or a variant), and its name.
fn declared(line: &str) -> Option<(bool, &str)> {
    let line = line.strip_prefix("pub").map_or(line, |rest| {
        let rest = rest.trim_start();
        if rest.starts_with('(') { rest.split_once(')').map_or(rest, |(_, rest)| rest.trim_start()) } else { rest }
    });
    let item = ITEMS.iter().find_map(|word| line.strip_prefix(word)?.strip_prefix(' '));
    let name = item.unwrap_or(line);
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    (end > 0).then(|| (item.is_some(), &name[..end]))
}

/// Whether each word of a comment is a part of the item's name.
fn repeats(comment: &str, item: Option<(bool, &str)>) -> bool {
    let Some((_, name)) = item else { return false };
    let of_name = super::words::parts(name);
    let words = comment.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
    let words: Vec<String> = words.filter(|word| !word.is_empty() && !EMPTY.contains(&word.as_str())).collect();
    let is_near = |word: &str, part: &str| {
        let (short, long) = if word.len() < part.len() { (word, part) } else { (part, word) };
        let is_plural = long.strip_suffix('s') == Some(short);
        word == part || is_plural || short.len() >= STEM_LETTERS_MIN && long.starts_with(short)
    };
    let is_of_name = |word: &String| of_name.iter().any(|part| is_near(word, part));
    !words.is_empty() && words.len() <= WORDS_MAX && words.iter().all(is_of_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(text: &str) -> Vec<String> {
        docs(&Tree {
            files: vec![File { path: "crates/a/src/a.rs".to_owned(), text: text.to_owned() }],
            ..Tree::default()
        })
    }

    #[test]
    fn a_comment_that_repeats_a_name_is_named() {
        let text = "/// The trace.\npub trace_id: TraceId,\n/// One of its files.\n#[serde(default)]\nstruct File;\n";
        let expected = [
            "crates/a/src/a.rs:1: \"The trace.\" only repeats trace_id",
            "crates/a/src/a.rs:3: \"One of its files.\" only repeats File",
        ];
        assert_eq!(complaints(text), expected);
    }

    #[test]
    fn a_comment_that_says_more_passes() {
        for text in [
            "/// Nanoseconds since the trace began.\npub start: i64,\n",
            "/// The root's service; empty while it is missing.\npub service: String,\n",
            "/// How it ended.\nstatus: Status,\n",
        ] {
            assert!(complaints(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn what_is_public_has_a_comment_but_for_fields_variants_and_tests() {
        let text = "pub struct A {\n    pub b: u64,\n}\nenum C {\n    D,\n}\npub(crate) fn e() {}\n";
        assert_eq!(complaints(text), ["crates/a/src/a.rs:1: A is public and has no doc comment"]);
        assert!(complaints("fn a() {}\n#[cfg(test)]\nmod tests { \npub fn b() {} }\n").is_empty());
        assert_eq!(complaints("/// Returns what is left.\n#[must_use]\npub fn read() {}\n").len(), 0);
    }
}
