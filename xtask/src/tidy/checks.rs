//! The rules. Each takes the tree and returns one complaint a fault.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{File, Tree};

/// Past this a file is two files.
const LINES_MAX: usize = 800;

/// Which packages of the workspace each package may use. `model` is the vocabulary of all of them and not repeated.
const ARROWS: &[(&str, &[&str])] = &[
    ("kino-model", &[]),
    ("kino-text", &["kino-wire"]),
    ("kino-redact", &[]),
    ("kino-ingest", &[]),
    ("kino-lake", &[]),
    ("kino-store", &["kino-lake"]),
    ("kino-analyze", &[]),
    ("kino-wire", &[]),
    ("kino-testkit", &[]),
    ("kino-repo", &["kino-wire"]),
    ("kino-agents", &["kino-text"]),
    ("kino-inject", &[]),
    ("kino-runner", &["kino-ingest", "kino-inject", "kino-repo", "kino-text", "kino-wire"]),
    (
        "kino-engine",
        &["kino-ingest", "kino-redact", "kino-repo", "kino-store", "kino-analyze", "kino-text", "kino-wire"],
    ),
    ("kino-mcp", &["kino-repo", "kino-text", "kino-wire"]),
    ("kino-tui", &["kino-text", "kino-wire"]),
    ("kino-server", &["kino-engine", "kino-inject", "kino-repo", "kino-text", "kino-wire", "kino-ingest", "kino-mcp"]),
    (
        "kino",
        &[
            "kino-agents",
            "kino-engine",
            "kino-repo",
            "kino-runner",
            "kino-text",
            "kino-wire",
            "kino-mcp",
            "kino-server",
            "kino-tui",
        ],
    ),
    ("kino-sql", &["kino-lake", "kino-text", "kino-wire"]),
    ("kino-bench", &["kino-analyze", "kino-testkit", "kino-wire"]),
];

/// Packages that stand apart: chores and examples use no crate of the product, not even the model.
const APART: [&str; 2] = ["xtask", "examples/"];

/// The crates that do no IO.
const PURE: [&str; 7] =
    ["crates/model", "crates/text", "crates/agents", "crates/redact", "crates/ingest", "crates/analyze", "crates/wire"];

/// Crates use only the crates below them.
pub(super) fn arrows(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in &tree.packages {
        if APART.iter().any(|apart| package.folder.starts_with(apart)) {
            let uses = package.uses.iter();
            complaints
                .extend(uses.map(|used| format!("{} may not use {used}: it is apart from the product", package.name)));
            continue;
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == package.name) else {
            complaints.push(format!("{} has no line in the table of allowed arrows", package.name));
            continue;
        };
        for used in &package.uses {
            if used != "kino-model" && !allowed.contains(&used.as_str()) {
                complaints.push(format!("{} may not use {used}: that arrow runs the wrong way", package.name));
            }
        }
    }
    complaints
}

/// Every Rust file opens with `//!`.
pub(super) fn headers(tree: &Tree) -> Vec<String> {
    let bare = tree.with_ending("rs").filter(|file| !file.text.starts_with("//! "));
    bare.map(|file| format!("{}: opens with what it owns and never does, in `//!`", file.path)).collect()
}

/// No Rust file is too long.
pub(super) fn lengths(tree: &Tree) -> Vec<String> {
    let measured = tree.with_ending("rs").map(|file| (&file.path, file.text.lines().count()));
    let long = measured.filter(|(_, lines)| *lines > LINES_MAX);
    long.map(|(path, lines)| format!("{path}: {lines} lines are two files")).collect()
}

/// ARCHITECTURE.md names every crate by its folder.
pub(super) fn map(tree: &Tree) -> Vec<String> {
    let Some(map) = tree.file("ARCHITECTURE.md") else { return vec!["there is no ARCHITECTURE.md".into()] };
    let missing = tree.packages.iter().filter(|package| !map.text.contains(&format!("`{}`", package.folder)));
    missing.map(|package| format!("ARCHITECTURE.md does not name `{}`", package.folder)).collect()
}

/// ARCHITECTURE.md says of every crate of the product whether others outside rely on it, and what always holds of it.
pub(super) fn invariants(tree: &Tree) -> Vec<String> {
    let Some(map) = tree.file("ARCHITECTURE.md") else { return Vec::new() };
    let table = map.text.split("| crate | interface | invariant |").nth(1).unwrap_or_default();
    let rows = table.lines().skip(1).take_while(|line| line.is_empty() || line.starts_with('|'));
    let complete = |row: &&str| row.split('|').skip(1).take(3).all(|cell| !cell.trim().is_empty());
    let named: BTreeSet<&str> = rows.filter(complete).filter_map(|row| row.split('`').nth(1)).collect();
    let crates = tree.packages.iter().filter_map(|package| package.folder.strip_prefix("crates/"));
    let missing = crates.filter(|name| !named.contains(name));
    missing.map(|name| format!("ARCHITECTURE.md: no row says what always holds of `{name}`")).collect()
}

/// ARCHITECTURE.md says of every dependency what it is for: a row of its table begins with the name.
pub(super) fn dependencies(tree: &Tree) -> Vec<String> {
    let Some(map) = tree.file("ARCHITECTURE.md") else { return Vec::new() };
    let rows = map.text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let explained: BTreeSet<&str> = rows.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    let used: BTreeSet<&str> =
        tree.packages.iter().flat_map(|package| &package.dependencies).map(String::as_str).collect();
    // A family is explained once: `arrow-*`.
    let family =
        |name: &str| name.split_once('-').is_some_and(|(family, _)| explained.contains(format!("{family}-*").as_str()));
    let missing = used.into_iter().filter(|name| !explained.contains(name) && !family(name));
    missing.map(|name| format!("ARCHITECTURE.md does not say what {name} is for")).collect()
}

/// Crates without IO name nothing of the standard library that touches the disk, the network, processes or the
/// environment; their tests may.
pub(super) fn pure(tree: &Tree) -> Vec<String> {
    let outside = ["fs", "net", "process", "env"].map(|module| format!("std::{module}"));
    let is_pure = |file: &&File| {
        let inner = PURE.iter().find_map(|folder| file.path.strip_prefix(folder)?.strip_prefix("/src/"));
        inner.is_some_and(|inner| !inner.ends_with("tests.rs") && !inner.contains("tests/"))
    };
    let mut complaints = Vec::new();
    for file in tree.with_ending("rs").filter(is_pure) {
        let code = file.text.lines().take_while(|line| *line != "#[cfg(test)]").enumerate();
        for (index, line) in code.filter(|(_, line)| !line.trim_start().starts_with("//")) {
            if let Some(module) = outside.iter().find(|module| line.contains(module.as_str())) {
                complaints.push(format!("{}:{}: {module} has no place in a crate without IO", file.path, index + 1));
            }
        }
    }
    complaints
}

/// ARCHITECTURE.md names every file with `unsafe` code.
pub(super) fn unsafe_code(tree: &Tree) -> Vec<String> {
    // Spelled in halves, so that this file does not complain about itself.
    let opening = concat!("unsafe", " {");
    let Some(map) = tree.file("ARCHITECTURE.md") else { return Vec::new() };
    let with = tree.with_ending("rs").filter(|file| file.text.contains(opening));
    let unnamed = with.filter(|file| !map.text.contains(&format!("`{}`", file.path)));
    unnamed.map(|file| format!("ARCHITECTURE.md does not name the `unsafe` code of {}", file.path)).collect()
}

/// What is left to do has an owner: the marker is followed by a name in parentheses.
pub(super) fn owners(tree: &Tree) -> Vec<String> {
    // Spelled in halves, so that this file does not complain about itself.
    let markers = [concat!("TO", "DO"), concat!("FIX", "ME")];
    let mut complaints = Vec::new();
    for file in &tree.files {
        for (index, line) in file.text.lines().enumerate() {
            if markers.iter().any(|marker| is_unowned(line, marker)) {
                complaints.push(format!("{}:{}: whose is it?", file.path, index + 1));
            }
        }
    }
    complaints
}

fn is_unowned(line: &str, marker: &str) -> bool {
    line.match_indices(marker).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + marker.len()..]);
        let whole = !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric);
        // In backticks the marker is spoken of, as in the rule that forbids it.
        let quoted = before.ends_with('`') && after.starts_with('`');
        let owned = after.starts_with('(') && !after.starts_with("()");
        whole && !quoted && !owned
    })
}

/// No file names a path of the machine that it was written on.
pub(super) fn paths(tree: &Tree) -> Vec<String> {
    let root = tree.root.to_string_lossy();
    // A checkout in a folder such as `/app` shares its path with half of the world's stack traces.
    if root.split('/').filter(|part| !part.is_empty()).count() < 2 {
        return Vec::new();
    }
    let named = tree.files.iter().filter(|file| file.text.contains(root.as_ref()));
    named.map(|file| format!("{}: names the folder of this checkout", file.path)).collect()
}

/// One version of each arrow crate, and of all of them together, and one of parquet.
pub(super) fn versions(tree: &Tree) -> Vec<String> {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, version) in &tree.locked {
        if name == "parquet" || name == "arrow" || name.starts_with("arrow-") {
            let versions = found.entry(if name == "parquet" { "parquet" } else { "arrow" }).or_default();
            if !versions.contains(&version.as_str()) {
                versions.push(version);
            }
        }
    }
    let several = found.iter().filter(|(_, versions)| versions.len() > 1);
    several.map(|(name, versions)| format!("Cargo.lock holds {name} {}", versions.join(" and "))).collect()
}

/// The lock file of the fuzz targets has what the packages need that they are built with.
pub(super) fn fuzz(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in &tree.packages {
        let Some(locked) = tree.fuzz_needs.get(&package.name) else { continue };
        let differ: Vec<&str> = package.needs.symmetric_difference(locked).map(String::as_str).collect();
        if !differ.is_empty() {
            let differ = differ.join(", ");
            complaints
                .push(format!("fuzz/Cargo.lock: {} and {differ}: `cargo metadata` in `fuzz` mends it", package.name));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::super::tree::{File, Package, locked, needs};
    use super::*;

    fn file(path: &str, text: &str) -> Tree {
        Tree { files: vec![File { path: path.into(), text: text.into() }], ..Tree::default() }
    }

    fn package(name: &str, folder: &str, uses: &[&str]) -> Package {
        Package {
            name: name.into(),
            folder: folder.into(),
            uses: uses.iter().map(|used| (*used).into()).collect(),
            dependencies: Vec::new(),
            needs: BTreeSet::new(),
        }
    }

    #[test]
    fn an_arrow_that_runs_the_wrong_way_is_named() {
        let packages = vec![
            package("kino-store", "crates/store", &["kino-model", "kino-engine"]),
            package("kino-engine", "crates/engine", &["kino-model", "kino-store"]),
            package("kino-new", "crates/new", &[]),
            package("journal", "examples/journal", &["kino-model"]),
        ];
        let complaints = arrows(&Tree { packages, ..Tree::default() });
        assert_eq!(complaints.len(), 3, "{complaints:?}");
        assert!(complaints[0].contains("kino-store may not use kino-engine"));
        assert!(complaints[1].contains("kino-new has no line"));
        assert!(complaints[2].contains("journal may not use kino-model"));
    }

    #[test]
    fn a_file_without_a_header_is_named() {
        assert!(headers(&file("a.rs", "//! Owns a.\n")).is_empty());
        assert_eq!(headers(&file("a.rs", "use b;\n//! late\n")).len(), 1);
        assert!(headers(&file("a.md", "no header")).is_empty());
    }

    #[test]
    fn a_file_that_is_two_files_is_named() {
        assert!(lengths(&file("a.rs", &"x\n".repeat(LINES_MAX))).is_empty());
        assert_eq!(lengths(&file("a.rs", &"x\n".repeat(LINES_MAX + 1))).len(), 1);
    }

    #[test]
    fn a_crate_missing_from_the_map_is_named() {
        let mut tree = file("ARCHITECTURE.md", "| `crates/model` | the model |");
        tree.packages = vec![package("kino-model", "crates/model", &[]), package("kino-mode", "crates/mode", &[])];
        assert_eq!(map(&tree), ["ARCHITECTURE.md does not name `crates/mode`"]);
        assert_eq!(map(&Tree::default()), ["there is no ARCHITECTURE.md"]);
    }

    #[test]
    fn a_crate_without_an_invariant_is_named() {
        let table = "`new` is new\n| crate | interface | invariant |\n|---|---|---|\n| `model` | – | No IO |\n| `bare` | – | |\n";
        let mut tree = file("ARCHITECTURE.md", &format!("{table}\n### Next\n| `new` | a | b |\n"));
        tree.packages = ["model", "bare", "new"].map(|name| package(name, &format!("crates/{name}"), &[])).into();
        let missing = ["bare", "new"].map(|name| format!("ARCHITECTURE.md: no row says what always holds of `{name}`"));
        assert_eq!(invariants(&tree), missing);
    }

    #[test]
    fn a_dependency_without_a_row_is_named() {
        let mut tree = file("ARCHITECTURE.md", "| `arrow-*`, `serde` | columns, and everything else |");
        tree.packages = vec![package("kino-model", "crates/model", &[])];
        tree.packages[0].dependencies = ["arrow-array", "serde", "serde_json"].map(str::to_owned).to_vec();
        assert_eq!(dependencies(&tree), ["ARCHITECTURE.md does not say what serde_json is for"]);
        tree.files[0].text.push_str("\n| `toml` | configuration; `serde_json` reads no comments |");
        assert_eq!(dependencies(&tree).len(), 1, "a mention is no row");
    }

    #[test]
    fn what_touches_the_outside_in_a_crate_without_io_is_named() {
        let text = "//! x\n// std::fs is spoken of\nuse std::env;\n#[cfg(test)]\nmod tests { use std::fs; }\n";
        let complaints = pure(&file("crates/ingest/src/otlp.rs", text));
        assert_eq!(complaints, ["crates/ingest/src/otlp.rs:3: std::env has no place in a crate without IO"]);
        for elsewhere in ["crates/store/src/a.rs", "crates/ingest/tests/a.rs", "crates/ingest/src/otlp/tests.rs"] {
            assert!(pure(&file(elsewhere, text)).is_empty(), "{elsewhere}");
        }
    }

    #[test]
    fn unsafe_code_that_the_map_does_not_name_is_named() {
        let mut tree = file("ARCHITECTURE.md", "`a.rs` closes a descriptor");
        for path in ["a.rs", "b.rs"] {
            tree.files.extend(file(path, concat!("//! x\nfn a() { unsafe", " { f() } }")).files);
        }
        assert_eq!(unsafe_code(&tree), ["ARCHITECTURE.md does not name the `unsafe` code of b.rs"]);
    }

    #[test]
    fn a_marker_without_an_owner_is_named() {
        let marker = concat!("TO", "DO");
        assert_eq!(owners(&file("a.rs", &format!("\n// {marker}: later"))), ["a.rs:2: whose is it?"]);
        assert_eq!(owners(&file("a.py", concat!("# FIX", "ME"))).len(), 1);
        assert!(owners(&file("a.rs", &format!("// {marker}(ada): later\n// {marker}S and `{marker}`"))).is_empty());
    }

    #[test]
    fn a_path_of_this_machine_is_named() {
        let mut tree = file("a.md", "see /srv/checkouts/kino/README.md");
        assert!(paths(&tree).is_empty());
        tree.root = "/srv/checkouts/kino".into();
        assert_eq!(paths(&tree).len(), 1);
        tree.root = "/srv".into();
        assert!(paths(&tree).is_empty());
    }

    #[test]
    fn two_versions_of_one_family_are_named() {
        let lock = "[[package]]\nname = \"arrow-array\"\nversion = \"59.1.0\"\n\n[[package]]\nname = \"arrow-cast\"\n\
                    version = \"58.0.0\"\n\n[[package]]\nname = \"parquet\"\nversion = \"59.1.0\"\n";
        let tree = Tree { locked: locked(lock), ..Tree::default() };
        assert_eq!(versions(&tree), ["Cargo.lock holds arrow 59.1.0 and 58.0.0"]);
    }

    #[test]
    fn what_the_lock_file_of_the_fuzz_targets_lacks_is_named() {
        let lock = "[[package]]\nname = \"kino-model\"\nversion = \"0.1.0\"\ndependencies = [\n \"serde\",\n \
                    \"base64 0.22.1\",\n]\n\n[[package]]\nname = \"serde\"\nversion = \"1.0.0\"\n";
        let mut tree =
            Tree { packages: vec![package("kino-model", "", &[])], fuzz_needs: needs(lock), ..Tree::default() };
        tree.packages[0].needs = ["base64", "serde"].map(str::to_owned).into();
        assert!(fuzz(&tree).is_empty());
        tree.packages[0].needs.insert("zstd".to_owned());
        tree.packages[0].needs.remove("serde");
        assert_eq!(fuzz(&tree), ["fuzz/Cargo.lock: kino-model and serde, zstd: `cargo metadata` in `fuzz` mends it"]);
    }
}
