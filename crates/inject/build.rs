//! Lists the files of the bootstrap, so that each of them becomes part of the binary.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folders that hold the bootstrap, one a language.
const LANGUAGES: [&str; 2] = ["node", "python"];
/// The endings of its files; anything else there (byte code, notes) stays out.
const ENDINGS: [&str; 3] = ["py", "cjs", "mjs"];

fn main() -> io::Result<()> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for language in LANGUAGES {
        println!("cargo::rerun-if-changed={language}");
        list(&root.join(language), &mut files)?;
    }
    files.sort();
    let mut table = "&[\n".to_owned();
    for file in &files {
        let name = text(file.strip_prefix(&root).map_err(io::Error::other)?)?;
        // The compiler finds the folder itself: a checkout that has moved still builds with an earlier table.
        let content = format!("include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {:?}))", format!("/{name}"));
        writeln!(table, "    ({name:?}, {content}),").map_err(io::Error::other)?;
    }
    table.push_str("]\n");
    fs::write(Path::new(&variable("OUT_DIR")).join("files.rs"), table)
}

fn text(path: &Path) -> io::Result<&str> {
    path.to_str().ok_or_else(|| io::Error::other(format!("{} is not text", path.display())))
}

#[expect(clippy::disallowed_methods, reason = "cargo says where things are by the environment alone")]
fn variable(name: &str) -> String {
    std::env::var(name).expect("cargo sets it")
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else if path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known)) {
            files.push(path);
        }
    }
    Ok(())
}
