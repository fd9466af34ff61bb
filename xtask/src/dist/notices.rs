//! The licences of what is linked into the binary, as their authors ask for them to accompany it.
//!
//! Follows the normal dependencies of a program in `cargo metadata` and reads the licence files in their sources. A text
//! that several libraries share is written once, behind their names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use crate::exec;

/// How the names of files with licences and notices start, in upper case.
const NAMES: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];

/// What no package in the metadata names.
const STANDARD_LIBRARY: &str = "The standard library of Rust: MIT OR Apache-2.0, copyright The Rust Project contributors.\n\
                                SQLite, within libsqlite3-sys: in the public domain.\n";

/// Collects the notices of a program of the checkout at `root`, for the platform `triple`.
///
/// # Errors
///
/// Where cargo does not answer, or where the source of a library cannot be read.
pub(crate) fn collect(root: &Path, triple: &str, program: &str) -> anyhow::Result<String> {
    let metadata = exec::metadata_with(root, &["--locked", "--filter-platform", triple])?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let linked = linked(&metadata, packages, program)?;
    let mut list = String::new();
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in packages.iter().filter(|package| is_foreign(package) && linked.contains(id(&package["id"]))) {
        let name = format!("{} {}", id(&package["name"]), id(&package["version"]));
        let licence = package["license"].as_str().unwrap_or("see below");
        writeln!(list, "{name}: {licence}")?;
        let folder = Path::new(id(&package["manifest_path"])).parent().context("a manifest without a folder")?;
        for text in licences(folder)? {
            texts.entry(text).or_default().insert(name.clone());
        }
    }
    written(program, &list, &texts)
}

fn written(program: &str, list: &str, texts: &BTreeMap<String, BTreeSet<String>>) -> anyhow::Result<String> {
    let mut whole = format!("{program} contains these libraries:\n\n{list}\n{STANDARD_LIBRARY}");
    let mut in_order: Vec<(&BTreeSet<String>, &String)> = texts.iter().map(|(text, names)| (names, text)).collect();
    in_order.sort();
    for (names, text) in in_order {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        writeln!(whole, "\n{}\n{}:\n\n{text}", "-".repeat(80), names.join(", "))?;
    }
    Ok(whole)
}

/// The ids of the packages whose code is in the binary: no build scripts, no tests, no macros.
fn linked<'a>(metadata: &'a Value, packages: &'a [Value], program: &str) -> anyhow::Result<BTreeSet<&'a str>> {
    let is_macro = |package: &&Value| package["targets"][0]["kind"][0] == "proc-macro";
    let macros: BTreeSet<&str> = packages.iter().filter(is_macro).map(|package| id(&package["id"])).collect();
    let nodes = metadata["resolve"]["nodes"].as_array().context("cargo metadata resolved no dependencies")?;
    let nodes: BTreeMap<&str, &Value> = nodes.iter().map(|node| (id(&node["id"]), node)).collect();
    let start = packages.iter().find(|package| package["name"] == program);
    let start = start.with_context(|| format!("there is no package {program}"))?;
    let mut open = vec![id(&start["id"])];
    let mut linked = BTreeSet::new();
    while let Some(next) = open.pop() {
        if macros.contains(next) || !linked.insert(next) {
            continue;
        }
        let uses = nodes.get(next).and_then(|node| node["deps"].as_array()).into_iter().flatten();
        let is_normal = |used: &&Value| {
            let kinds = used["dep_kinds"].as_array().into_iter().flatten();
            kinds.into_iter().any(|kind| kind["kind"].is_null())
        };
        open.extend(uses.filter(is_normal).map(|used| id(&used["pkg"])));
    }
    Ok(linked)
}

/// Whether a package came from a registry: those of the workspace have the project's licence.
fn is_foreign(package: &Value) -> bool {
    !package["source"].is_null()
}

/// The licence files of a library, and of the C sources one folder below.
fn licences(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut texts = Vec::new();
    let mut folders = vec![];
    let entries = |folder: &Path| {
        let read = std::fs::read_dir(folder).with_context(|| format!("failed to read {}", folder.display()))?;
        anyhow::Ok(read.collect::<Result<Vec<_>, _>>()?)
    };
    let mut collect = |entry: &std::fs::DirEntry| -> anyhow::Result<()> {
        let name = entry.file_name().to_string_lossy().to_uppercase();
        if entry.file_type()?.is_file() && NAMES.iter().any(|start| name.starts_with(start)) {
            let bytes = std::fs::read(entry.path())?;
            let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
            texts.push(text.trim_end().to_owned());
        }
        Ok(())
    };
    for entry in entries(folder)? {
        collect(&entry)?;
        if entry.file_type()?.is_dir() {
            folders.push(entry.path());
        }
    }
    for inner in folders {
        for entry in entries(&inner)? {
            collect(&entry)?;
        }
    }
    texts.sort();
    Ok(texts)
}

fn id(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_linked_is_listed() {
        let package = |name: &str, kind: &str| json!({"id": name, "name": name, "targets": [{"kind": [kind]}]});
        let uses = |name: &str, kind: Value| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [package("kino", "bin"), package("lib", "lib"), package("derive", "proc-macro"), package("cc", "lib")],
            "resolve": {"nodes": [
                {"id": "kino", "deps": [uses("lib", Value::Null), uses("derive", Value::Null)]},
                {"id": "lib", "deps": [uses("cc", json!("build"))]},
            ]},
        });
        let linked = linked(&metadata, metadata["packages"].as_array().unwrap(), "kino").unwrap();
        assert_eq!(linked.into_iter().collect::<Vec<_>>(), ["kino", "lib"]);
    }

    #[test]
    fn a_shared_text_is_written_once() {
        let names = ["a 1".to_owned(), "b 2".to_owned()].into();
        let whole = written("kino", "a 1: MIT\nb 2: MIT\n", &[("Permission".to_owned(), names)].into()).unwrap();
        assert_eq!(whole.matches("Permission").count(), 1);
        assert!(whole.contains("a 1, b 2:\n"), "{whole}");
    }
}
