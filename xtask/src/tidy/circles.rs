//! The rule for sibling modules: within one folder, what one uses does not use it in turn.
//!
//! Read from the text: paths that begin with `crate::`, `super::` or `self::`, in `use` and elsewhere, outside of
//! comments, texts and tests. A parent and its child know each other; only siblings count. What a macro of another
//! module makes is not seen, and neither are calls of methods.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{File, Tree};

/// A module as the names from its crate's root to it.
type Module<'a> = Vec<&'a str>;

/// Circles that are as they should be, each with its reason: folder, and the modules.
const ALLOWED: &[(&str, &[&str])] = &[
    // The command's parts know the application that they are parts of, and it starts them.
    (
        "crates/cli/src",
        &[
            "app",
            "args",
            "client",
            "commands",
            "completion",
            "config",
            "failure",
            "home",
            "hook",
            "output",
            "render",
            "spool",
            "start",
        ],
    ),
    // An answer shows parts of others' shapes: a trace what sets it apart, a comparison its tests.
    ("crates/wire/src", &["apart", "compare", "explain", "suite", "window"]),
    // A detector asks whether durations grow with an input; a comparison and a prediction describe what detectors know.
    ("crates/analyze/src", &["compare", "detect", "predict"]),
    // What an interface answers is read over HTTP, and what HTTP answers is a fault of the interface.
    ("crates/cli/src/commands/import/pull", &["api", "http"]),
    // Who has what is one more fact of a call.
    ("crates/analyze/src/detect", &["call", "held_by"]),
    // Records that wait in the spool are taken in as a recording would have sent them.
    ("crates/runner/src", &["injection", "recording", "spool"]),
    // Chores.
    ("xtask/src/dist", &["documents", "release"]),
    ("xtask/src/field", &["report", "tables"]),
];

/// No two siblings use each other, directly or through a third.
pub(super) fn circles(tree: &Tree) -> Vec<String> {
    let mut folders: BTreeSet<&str> = BTreeSet::new();
    for file in tree.with_ending("rs") {
        folders.extend(file.path.split_once("/src/").map(|(folder, _)| folder));
    }
    folders.into_iter().flat_map(|folder| of_package(tree, folder)).collect()
}

fn of_package(tree: &Tree, folder: &str) -> Vec<String> {
    let root = format!("{folder}/src/");
    let files: BTreeMap<Module<'_>, &File> = tree
        .with_ending("rs")
        .filter_map(|file| Some((module(file.path.strip_prefix(&root)?.strip_suffix(".rs")?), file)))
        .filter(|(module, _)| !module.contains(&"tests") && module.first() != Some(&"bin"))
        .collect();
    let mut uses: BTreeMap<Module<'_>, BTreeSet<Module<'_>>> = BTreeMap::new();
    for (module, file) in &files {
        for path in paths(&file.text, module) {
            let known = (1..=path.len()).rev().map(|length| &path[..length]).find_map(|path| {
                let known = files.keys().find(|known| known.iter().copied().eq(path.iter().map(String::as_str)))?;
                Some(known.clone())
            });
            if let Some(known) = known {
                uses.entry(module.clone()).or_default().insert(known);
            }
        }
    }
    let parents: BTreeSet<&[&str]> = files.keys().filter_map(|module| Some(module.split_last()?.1)).collect();
    parents.into_iter().flat_map(|parent| among_siblings(&uses, parent, &root)).collect()
}

/// The circles among the modules directly below one.
fn among_siblings(uses: &BTreeMap<Module<'_>, BTreeSet<Module<'_>>>, parent: &[&str], root: &str) -> Vec<String> {
    let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, all) in uses {
        let Some(from) = module_name(from, parent) else { continue };
        let others = all.iter().filter_map(|to| module_name(to, parent)).filter(|to| *to != from);
        arrows.entry(from).or_default().extend(others);
    }
    let folder = format!("{root}{}", parent.join("/"));
    let folder = folder.trim_end_matches('/');
    let reached: BTreeMap<&str, BTreeSet<&str>> = arrows.keys().map(|from| (*from, reached(&arrows, from))).collect();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut complaints = Vec::new();
    for (from, all) in &reached {
        if !all.contains(from) || seen.contains(from) {
            continue;
        }
        let circle: Vec<&str> =
            all.iter().copied().filter(|to| reached.get(to).is_some_and(|back| back.contains(from))).collect();
        seen.extend(&circle);
        let allowed = ALLOWED.iter().find(|(of, _)| *of == folder).map_or(&[][..], |(_, modules)| *modules);
        if !circle.iter().all(|module| allowed.contains(module)) {
            complaints.push(format!("{folder}: {} use each other: what both need goes below both", circle.join(", ")));
        }
    }
    complaints
}

/// Which of a parent's children a module is, or is below.
fn module_name<'a>(module: &Module<'a>, parent: &[&str]) -> Option<&'a str> {
    module.starts_with(parent).then(|| module.get(parent.len()).copied()).flatten()
}

/// Everything that can be reached from one.
fn reached<'a>(arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &'a str) -> BTreeSet<&'a str> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(at) = open.pop() {
        for to in arrows.get(at).into_iter().flatten() {
            if reached.insert(*to) {
                open.push(to);
            }
        }
    }
    reached
}

/// `read/few` is `read::few`; `lib`, `main` and `mod` are the folder's own.
fn module(path: &str) -> Module<'_> {
    let mut names: Module<'_> = path.split('/').collect();
    names.pop_if(|last| matches!(*last, "lib" | "main" | "mod"));
    names
}

/// The paths within the crate that a file names, from the crate's root.
fn paths(text: &str, module: &[&str]) -> Vec<Vec<String>> {
    let code = code(text);
    let mut found = Vec::new();
    for word in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(word) {
            let before = code[..at].chars().next_back();
            // `super::super::` is read from its first word; `foo_crate::` is another name.
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let mut rest = &code[at + word.len()..];
            let mut base = module.len();
            match word {
                "crate::" => base = 0,
                "super::" => {
                    base = base.saturating_sub(1);
                    while let Some(further) = rest.strip_prefix("super::") {
                        (rest, base) = (further, base.saturating_sub(1));
                    }
                }
                _ => {}
            }
            let base: Vec<String> = module[..base].iter().map(|name| (*name).to_owned()).collect();
            expand(&base, &mut rest.trim_start(), &mut found);
        }
    }
    found
}

/// Follows a path, or each of those in braces, and leaves `rest` behind it.
fn expand(base: &[String], rest: &mut &str, found: &mut Vec<Vec<String>>) {
    if let Some(inner) = rest.strip_prefix('{') {
        *rest = inner.trim_start();
        while !rest.is_empty() && !rest.starts_with('}') {
            let before = rest.len();
            expand(base, rest, found);
            // An alias, or whatever else is not a path, up to the next one.
            let end = rest.find([',', '}']).unwrap_or(rest.len());
            *rest = rest[end..].strip_prefix(',').unwrap_or(&rest[end..]).trim_start();
            if rest.len() == before {
                break;
            }
        }
        *rest = rest.strip_prefix('}').unwrap_or(rest);
        return;
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    if end == 0 {
        return;
    }
    let mut path = base.to_vec();
    path.push(rest[..end].to_owned());
    *rest = &rest[end..];
    match rest.strip_prefix("::") {
        Some(further) => {
            *rest = further;
            expand(&path, rest, found);
        }
        None => found.push(path),
    }
}

/// The text without comments, quoted texts and tests.
fn code(text: &str) -> String {
    let lines = text.lines().take_while(|line| *line != "#[cfg(test)]");
    let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| line.split('"').step_by(2).collect::<Vec<_>>().join("\"\"") + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let file = |(path, text): &(&str, &str)| File { path: (*path).to_owned(), text: (*text).to_owned() };
        circles(&Tree { files: files.iter().map(file).collect(), ..Tree::default() })
    }

    #[test]
    fn siblings_that_use_each_other_are_named() {
        let files = [
            ("crates/a/src/lib.rs", "mod one;\nmod two;\nmod three;\n"),
            ("crates/a/src/one.rs", "use crate::{three::X, two::{Y, Z as W}};\n"),
            ("crates/a/src/two.rs", "mod inner;\n"),
            ("crates/a/src/two/inner.rs", "fn f() -> super::super::three::X {}\n"),
            ("crates/a/src/three.rs", "use std::fs;\nuse crate::one::A;\n"),
        ];
        let expected = ["crates/a/src: one, three, two use each other: what both need goes below both"];
        assert_eq!(found(&files), expected);
        assert!(found(&files[..4]).is_empty(), "three uses none of them any more");
    }

    #[test]
    fn parents_tests_comments_and_texts_do_not_count() {
        let files = [
            (
                "crates/a/src/one.rs",
                "// crate::two::X\nconst A: &str = \"crate::two::X\";\n#[cfg(test)]\nuse crate::two::X;\n",
            ),
            ("crates/a/src/two.rs", "use crate::one::A;\nuse self::inner::B;\n"),
            ("crates/a/src/two/inner.rs", "use super::C;\nuse crate::two::D;\n"),
            ("crates/a/src/one/tests.rs", "use crate::two::X;\n"),
        ];
        assert_eq!(found(&files), [""; 0]);
    }
}
