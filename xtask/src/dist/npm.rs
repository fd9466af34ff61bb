//! The npm package: the binary itself is the `bin`, so that starting it starts no Node and installing runs no script.
//!
//! `os`, `cpu` and `libc` keep npm from installing it where it cannot run.

use serde_json::json;

use super::release::{COMMAND, NAME, Package, Release};
use super::tree::Tree;

/// Makes the package as `npm pack` would.
pub(crate) fn make(release: &Release) -> anyhow::Result<Package> {
    let documents = &release.documents;
    let program = format!("bin/{COMMAND}");
    let manifest = json!({
        "name": NAME,
        "version": release.version,
        "description": release.summary,
        "license": "Apache-2.0",
        "repository": {"type": "git", "url": format!("git+{}.git", release.repository)},
        // `npx NAME` starts the program with the name of the package.
        "bin": {COMMAND: program, NAME: program},
        "man": documents.manuals.iter().map(|(name, _)| format!("man/{name}")).collect::<Vec<_>>(),
        "files": ["bin", "man", "LICENSE", "NOTICES", "README.md"],
        "os": ["linux"],
        "cpu": [release.platform.node],
        "libc": ["glibc"],
    });
    let mut tree = Tree::default();
    tree.document("package.json", format!("{manifest:#}\n").into_bytes());
    tree.document("LICENSE", documents.licence.as_bytes());
    tree.document("NOTICES", documents.notices.as_bytes());
    tree.document("README.md", documents.readme.as_bytes());
    for (name, text) in &documents.manuals {
        tree.document(format!("man/{name}"), text.as_bytes());
    }
    tree.program(program, release.binary.as_slice());
    let bytes = tree.tar_gz("package/", release)?;
    Ok(Package { name: format!("{NAME}-{}.tgz", release.version), bytes })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::release::example;
    use super::*;

    #[test]
    fn the_binary_is_the_bin_and_nothing_runs_at_install() {
        let package = make(&example()).unwrap();
        assert_eq!(package.name, "kinescope-cli-1.2.3.tgz");
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(package.bytes.as_slice()));
        let mut manifest = String::new();
        let mut programs = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            if path == "package/package.json" {
                entry.read_to_string(&mut manifest).unwrap();
            }
            if entry.header().mode().unwrap() == 0o755 {
                programs.push(path);
            }
        }
        assert_eq!(programs, ["package/bin/kino"]);
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        assert_eq!(manifest["bin"]["kino"], "bin/kino");
        assert_eq!(manifest["man"], json!(["man/kino.1"]));
        assert_eq!(manifest["cpu"], json!(["x64"]));
        assert!(manifest.get("scripts").is_none());
    }
}
