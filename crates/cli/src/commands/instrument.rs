//! `instrument`: the lines with which a Rust or Go program reports what it does. They are printed; nothing is written.
//!
//! Manifests and sources are read, within bounds, to find the framework and the entry point; nothing is executed.

mod go;
mod rust;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use crate::app::{App, Outcome};
use crate::args::{Instrument, Language};
use crate::render::{clean, clean_lines};

/// Bytes of a file that are read: manifests and sources are shorter as a rule.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Files that are looked at for an entry point.
const FILES_MAX: usize = 2_000;
/// How deep folders are looked into.
const DEPTH_MAX: usize = 6;
/// Folders of other people's code, or of build products.
const OTHERS: &[&str] = &["vendor", "node_modules", "target", "testdata", "examples"];

/// What to add to a program.
#[derive(Debug, Default, Serialize)]
struct Advice {
    schema: &'static str,
    /// What the program is built with, as far as that was found.
    framework: Option<&'static str>,
    /// Commands that add what it depends on.
    commands: Vec<String>,
    /// A file to make.
    file: NewFile,
    /// Lines to add.
    edits: Vec<Edit>,
    /// What else there is to know.
    notes: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
struct NewFile {
    path: String,
    text: String,
}

#[derive(Debug, Serialize)]
struct Edit {
    /// Where, as `path:line`, or in words.
    at: String,
    /// Which lines.
    lines: Vec<String>,
}

/// Prints what to add.
pub(super) fn run(app: &App, arguments: &Instrument) -> Outcome {
    let directory = &app.settings.directory;
    let advice = match arguments.language {
        Language::Rust => rust::advice(directory)?,
        Language::Go => go::advice(directory)?,
    };
    let advice = Advice { schema: "kino.instrument.v1", ..advice };
    app.output.answer(&advice, |_| text(&advice))?;
    Ok(ExitCode::SUCCESS)
}

fn text(advice: &Advice) -> String {
    let unknown = "no framework that is known: spans are the program's own";
    let mut lines = vec![advice.framework.unwrap_or(unknown).to_owned(), String::new()];
    lines.extend(advice.commands.iter().map(|command| clean(command).into_owned()));
    lines.push(format!("\n── {} (new) ──\n{}", clean(&advice.file.path), clean_lines(&advice.file.text)));
    for edit in &advice.edits {
        lines.push(format!("── {} ──", clean(&edit.at)));
        lines.extend(edit.lines.iter().map(|line| clean(line).into_owned()));
        lines.push(String::new());
    }
    lines.extend(advice.notes.iter().map(|note| clean(note).into_owned()));
    lines.join("\n")
}

/// A file's beginning as text; `None` where it is no regular file, or cannot be read.
fn read(path: &Path) -> Option<String> {
    // Opening a pipe would wait for its writer.
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The files below a folder whose names end so, in order; links are not followed.
fn sources(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(folder, ending, 0, &mut found);
    found
}

fn collect(folder: &Path, ending: &str, depth: usize, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().take(FILES_MAX).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(kind) = entry.file_type() else { continue };
        if found.len() == FILES_MAX {
            return;
        }
        if kind.is_file() && name.ends_with(ending) {
            found.push(entry.path());
        } else if kind.is_dir() && depth < DEPTH_MAX && !name.starts_with('.') && !OTHERS.contains(&name.as_str()) {
            collect(&entry.path(), ending, depth + 1, found);
        }
    }
}

/// The first line of a text that has one of these parts and is no comment, with its number.
fn line_with<'t>(text: &'t str, parts: &[&str]) -> Option<(usize, &'t str)> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    let mut found = lines.filter(|(_, line)| parts.iter().any(|part| line.contains(part)));
    found.next().map(|(index, line)| (index + 1, line))
}

/// `path:line`, relative to a folder.
fn place(folder: &Path, path: &Path, line: usize) -> String {
    format!("{}:{line}", path.strip_prefix(folder).unwrap_or(path).display())
}

#[cfg(test)]
mod tests;
