//! `import`: hands files to the engine one by one; each is read whole there before the next begins. With `--from` it pulls
//! traces from another server.

mod pull;

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use kino_wire::{ProblemKind, admin};

use crate::app::{App, Outcome};
use crate::args::Import;
use crate::client::Client;
use crate::failure::{Failure, code};
use crate::{output, progress, render};

pub(crate) use self::pull::Pulled;

/// The largest file that is handed over: the engine reads a file as one body.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// How often a file is handed over while the engine is busy, and how long is waited before the next time.
const ATTEMPTS_MAX: usize = 60;
const PAUSE: Duration = Duration::from_secs(1);
/// How deep folders are looked into.
const DEPTH_MAX: usize = 32;
/// How many examples of issues are collected over all files.
const EXAMPLES_MAX: usize = 10;

/// A file to read, and whether the user named it rather than its folder.
struct ImportFile {
    path: PathBuf,
    named: bool,
}

/// Reads files in.
pub(super) fn run(app: &App, arguments: &Import) -> Outcome {
    if let Some(from) = arguments.from {
        return pull::run(app, from, arguments);
    }
    if let Some(url) = arguments.paths.iter().find(|path| is_url(path)) {
        let message = format!("{} is a URL: say what it is, --from jaeger or --from tempo", render::path(url));
        return Err(Failure::new(code::WRONG, message));
    }
    let (mut sources, mut hidden) = (Vec::new(), 0);
    for path in &arguments.paths {
        collect(path, 0, &mut sources, &mut hidden).map_err(|error| Failure::because(render::path(path), &error))?;
    }
    if hidden > 0 {
        let folders = render::counted(hidden, "hidden folder");
        output::note(&format!("kino: {folders} passed over: name one to have it read"));
    }
    if sources.is_empty() {
        output::note("kino: nothing to read: what was named holds no files; links, pipes and devices are passed over");
    }
    let client = app.engine()?;
    let bar = progress::bar(sources.len() as u64, "importing");
    let mut total = admin::Import { schema: admin::Import::SCHEMA.to_owned(), ..admin::Import::default() };
    let (mut read, mut refused) = (0, 0);
    for source in &sources {
        match bytes(&source.path).and_then(|bytes| import(&client, &Arc::new(bytes))) {
            Ok(answer) => {
                read += 1;
                add(&mut total, answer);
            }
            Err(failure) if failure.code == code::WRONG || failure.code == code::FAILED => {
                // A folder may hold anything; what the user named is meant.
                refused += u64::from(source.named);
                *total.issues.entry("file_not_read".to_owned()).or_default() += 1;
                bar.suspend(|| output::note(&format!("kino: {}: {failure}", render::path(&source.path))));
            }
            Err(failure) => return Err(failure),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    app.output.answer(&total, |style| render::engine::import(&total, read, style))?;
    Ok(if refused > 0 || read == 0 { ExitCode::from(code::FAILED) } else { ExitCode::SUCCESS })
}

fn is_url(path: &Path) -> bool {
    path.to_str().is_some_and(|text| text.starts_with("http://") || text.starts_with("https://"))
}

/// Files in a stable order; links inside folders are not followed.
fn collect(path: &Path, depth: usize, sources: &mut Vec<ImportFile>, hidden: &mut u64) -> io::Result<()> {
    let kind = if depth == 0 { fs::metadata(path)? } else { fs::symlink_metadata(path)? };
    if kind.is_file() {
        sources.push(ImportFile { path: path.to_owned(), named: depth == 0 });
    } else if depth == 0 && !kind.is_dir() {
        // It may never end, or never begin; other special files inside a folder are skipped.
        return Err(io::Error::other("it is neither a file nor a folder; write what comes from it to a file first"));
    } else if kind.is_dir() && depth < DEPTH_MAX {
        let mut entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        entries.sort_unstable();
        for entry in entries {
            if is_hidden_folder(&entry) {
                *hidden += 1;
                continue;
            }
            collect(&entry, depth + 1, sources, hidden)?;
        }
    }
    Ok(())
}

/// Whether it is a folder such as `.git`: tools keep their own files there.
fn is_hidden_folder(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
        && fs::symlink_metadata(path).is_ok_and(|kind| kind.is_dir())
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let reading = |error: io::Error| Failure::because("reading it", &error);
    let mut file = fs::File::open(path).map_err(reading)?;
    let length = file.metadata().map_err(reading)?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(length.min(FILE_BYTES_MAX)).unwrap_or(0));
    // It may be longer than it says by now.
    let read = file.by_ref().take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(reading)?;
    if read as u64 > FILE_BYTES_MAX {
        return Err(Failure::new(code::FAILED, "it is larger than 1 GiB: split it into several files"));
    }
    Ok(bytes)
}

/// Hands one file over; where others are being imported, when they are done.
fn import(client: &Client, bytes: &Arc<Vec<u8>>) -> Result<admin::Import, Failure> {
    let mut attempts = 1;
    loop {
        match client.import(bytes) {
            Err(problem) if problem.kind == ProblemKind::Busy && attempts < ATTEMPTS_MAX => {
                attempts += 1;
                thread::sleep(PAUSE);
            }
            other => return Ok(other?),
        }
    }
}

fn add(total: &mut admin::Import, answer: admin::Import) {
    total.format = match total.format.as_str() {
        "" => answer.format,
        same if same == answer.format => answer.format,
        _ => "mixed".to_owned(),
    };
    total.spans += answer.spans;
    total.events += answer.events;
    total.links += answer.links;
    for (name, count) in answer.issues {
        *total.issues.entry(name).or_default() += count;
    }
    let room = EXAMPLES_MAX.saturating_sub(total.issue_examples.len());
    total.issue_examples.extend(answer.issue_examples.into_iter().take(room));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_read_in_order_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("b")).unwrap();
        fs::write(folder.path().join("b/2.json"), "").unwrap();
        fs::write(folder.path().join("a.json"), "").unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
        let mut sources = Vec::new();
        collect(folder.path(), 0, &mut sources, &mut 0).unwrap();
        let names: Vec<_> = sources.iter().map(|source| source.path.strip_prefix(folder.path()).unwrap()).collect();
        assert_eq!(names, [Path::new("a.json"), Path::new("b/2.json")]);
        assert!(sources.iter().all(|source| !source.named));
    }

    #[test]
    fn what_is_named_and_is_neither_file_nor_folder_is_refused_and_in_a_folder_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let _bound = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for named in [socket.as_path(), Path::new("/dev/null")] {
            let refused = collect(named, 0, &mut Vec::new(), &mut 0).unwrap_err();
            assert!(refused.to_string().contains("neither a file nor a folder"), "{refused}");
        }
        let mut sources = Vec::new();
        collect(folder.path(), 0, &mut sources, &mut 0).unwrap();
        assert!(sources.is_empty());
    }
}
