//! The rule for names of types: one name, one meaning.
//!
//! Who searches for a name should find what it means, and not a dozen things that have nothing in common. A few modules
//! may share a name; where more do, each type is called what it is. Words that fit anything name one type at most.
//!
//! Read from the text: items at the left margin, outside of tests, examples and fuzz targets.

use std::collections::BTreeMap;

use super::tree::{File, Tree};

/// Definitions of one name that need no reason.
const DEFINITIONS_MAX: usize = 3;

/// Words that fit anything.
const VAGUE: [&str; 21] = [
    "Asked", "Data", "Found", "Given", "Got", "Info", "Item", "Known", "Left", "Looked", "Made", "Misc", "Named",
    "Place", "Said", "Seen", "Shown", "Sought", "Taken", "Thing", "Wanted",
];

/// Names that any number of modules may define, and why.
const EVERYWHERE: &[(&str, &str)] = &[
    ("Action", "the subcommands of a chore"),
    ("Args", "the arguments of a chore"),
    ("Arguments", "the arguments of a program"),
    ("State", "what a value changes while it lives, behind its own lock or in its own loop"),
];

/// What begins the definition of a type.
const ITEMS: [&str; 5] = ["struct ", "enum ", "trait ", "type ", "union "];

/// No name is defined in more modules than a reader can keep in mind.
pub(super) fn types(tree: &Tree) -> Vec<String> {
    let mut definitions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for file in tree.with_ending("rs").filter(|file| is_product(&file.path)) {
        for name in defined(file) {
            definitions.entry(name).or_default().push(&file.path);
        }
    }
    let allowed = |name: &str| if VAGUE.contains(&name) { 1 } else { DEFINITIONS_MAX };
    let is_free = |name: &str| EVERYWHERE.iter().any(|(free, _)| *free == name);
    let several = definitions.iter().filter(|(name, files)| files.len() > allowed(name) && !is_free(name));
    let complaint = |(name, files): (&&str, &Vec<&str>)| {
        format!("{name} names {} types: call each what it is ({})", files.len(), files.join(", "))
    };
    several.map(complaint).collect()
}

fn is_product(path: &str) -> bool {
    let is_test = path.contains("/tests/") || path.ends_with("/tests.rs");
    !is_test && !path.contains("/examples/") && !path.starts_with("examples/") && !path.starts_with("fuzz/")
}

/// The types that a file defines outside of its tests.
fn defined(file: &File) -> impl Iterator<Item = &str> {
    let code = file.text.lines().take_while(|line| *line != "#[cfg(test)]");
    code.filter_map(|line| {
        let line = match line.strip_prefix("pub(") {
            Some(rest) => rest.split_once(") ")?.1,
            None => line.strip_prefix("pub ").unwrap_or(line),
        };
        let name = ITEMS.iter().find_map(|item| line.strip_prefix(item))?;
        let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
        Some(&name[..end]).filter(|name| !name.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(files: &[(&str, &str)]) -> Vec<String> {
        let file = |(path, text): &(&str, &str)| File { path: (*path).to_owned(), text: (*text).to_owned() };
        types(&Tree { files: files.iter().map(file).collect(), ..Tree::default() })
    }

    #[test]
    fn a_name_of_many_types_is_named_with_its_files() {
        let files = [
            ("crates/a/src/a.rs", "pub struct Table<'a> {\n"),
            ("crates/a/src/b.rs", "pub(super) enum Table {\n"),
            ("crates/a/src/c.rs", "struct Table;\nstruct State;\n"),
            ("crates/b/src/a.rs", "type Table<'a> = Vec<&'a str>;\nstruct TableRow;\n"),
        ];
        assert!(complaints(&files[..3]).is_empty());
        let all = "crates/a/src/a.rs, crates/a/src/b.rs, crates/a/src/c.rs, crates/b/src/a.rs";
        assert_eq!(complaints(&files), [format!("Table names 4 types: call each what it is ({all})")]);
    }

    #[test]
    fn a_word_that_fits_anything_names_one_type() {
        let files = [("crates/a/src/a.rs", "struct Place;\n"), ("xtask/src/b.rs", "enum Place {\n")];
        assert_eq!(complaints(&files[..1]), [""; 0]);
        assert_eq!(
            complaints(&files),
            ["Place names 2 types: call each what it is (crates/a/src/a.rs, xtask/src/b.rs)"]
        );
    }

    #[test]
    fn tests_examples_and_free_names_do_not_count() {
        let files = [
            ("crates/a/src/a.rs", "struct Place;\n#[cfg(test)]\nmod tests {\n}\nstruct Place;\n"),
            ("crates/a/tests/a.rs", "struct Place;\n"),
            ("crates/a/src/a/tests.rs", "struct Place;\n"),
            ("fuzz/a.rs", "struct Place;\n"),
            ("xtask/src/a.rs", "struct Args;\n"),
            ("xtask/src/b.rs", "struct Args;\n"),
            ("xtask/src/c.rs", "struct Args;\n"),
            ("xtask/src/d.rs", "struct Args;\n"),
        ];
        assert_eq!(complaints(&files), [""; 0]);
    }
}
