//! Taking spooled runs in, each once: under the lock of its file, which goes once the engine has all of it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use kino_repo::Git;
use kino_wire::run::{Recorder, RunFinish, RunStart};
use kino_wire::{Problem, ProblemKind};

use super::line::{SpoolLine, VERSION};
use super::place::Folder;
use super::write::ENDING;
use super::{SPOOL_BYTES_MAX, SpoolError};
use crate::Client;

/// How a file is called that could not be taken in whole.
const DAMAGED: &str = ".damaged";
/// Bytes of requests that are handed over at a time.
const IMPORT_BYTES: usize = 4 << 20;
/// Files that cannot be read of which each is named.
const UNREAD_MAX: usize = 5;
/// The number of no process: the writer of a run without an end is gone.
const NO_PROCESS: u32 = i32::MAX.cast_unsigned();

/// What was taken in.
#[derive(Debug, Default)]
pub struct Taken {
    pub runs: u64,
    pub spans: u64,
    /// Spans that their `kino run` had dropped.
    pub dropped: u64,
    /// Files of which something could not be taken in, and why. What was good of them was taken in.
    pub set_aside: Vec<(PathBuf, String)>,
    /// Why files are neither read nor moved: of the first five.
    pub unread: Vec<SpoolError>,
    /// How many such files there are.
    pub unread_count: u64,
    /// Why the rest waits on.
    pub waits: Option<String>,
}

/// A file, read.
#[derive(Default)]
struct SpoolFile {
    start: Option<Box<RunStart>>,
    finish: Option<Box<RunFinish>>,
    /// Requests, one a line, and their number of spans.
    requests: Vec<(Vec<u8>, u64)>,
    dropped: u64,
    /// What is wrong with it, by the number of the line.
    wrong: Option<String>,
}

/// Takes in what waits in the spool of a directory. Two processes at once take each run once. A file that cannot be read
/// does not stop the others.
///
/// # Errors
/// Where the spool may not be this user's alone, or cannot be read.
pub fn take<C: Client>(directory: &Path, git: &Git, client: &C) -> Result<Taken, SpoolError> {
    let mut taken = Taken::default();
    let Some(folder) = Folder::existing(directory, git, ENDING)? else { return Ok(taken) };
    for name in folder.names()?.into_iter().filter(|name| name.ends_with(ENDING)) {
        if let Err(error) = take_file(&folder, &name, client, &mut taken) {
            taken.unread_count += 1;
            if taken.unread.len() < UNREAD_MAX {
                taken.unread.push(error);
            }
        }
        if taken.waits.is_some() {
            break;
        }
    }
    Ok(taken)
}

/// Takes one file in, unless another process does.
fn take_file(folder: &Folder, name: &str, client: &impl Client, taken: &mut Taken) -> Result<(), SpoolError> {
    let Some(file) = folder.read(name)? else { return Ok(()) };
    if !folder.claim(&file, name)? {
        return Ok(());
    }
    let failed = |error| SpoolError::system(folder.path.join(name).display().to_string(), error);
    let mut waiting = read(file.try_clone().map_err(failed)?).map_err(failed)?;
    match hand_over(&mut waiting, client, taken) {
        Err(problem) if is_passing(&problem) => {
            taken.waits = Some(problem.message);
            return Ok(());
        }
        Err(problem) => waiting.wrong = Some(problem.message),
        Ok(()) => {}
    }
    let Some(why) = waiting.wrong else { return folder.remove(name) };
    let damaged = format!("{}{DAMAGED}", name.trim_end_matches(ENDING));
    folder.rename(name, &damaged)?;
    taken.set_aside.push((folder.path.join(damaged), why));
    Ok(())
}

/// Whether the engine may take the same later.
pub(crate) fn is_passing(problem: &Problem) -> bool {
    matches!(problem.kind, ProblemKind::Busy | ProblemKind::Internal | ProblemKind::Unavailable)
}

fn hand_over(waiting: &mut SpoolFile, client: &impl Client, taken: &mut Taken) -> Result<(), Problem> {
    let Some(start) = &waiting.start else { return Ok(()) };
    client.ask(&**start)?;
    let mut refused = None;
    let (mut together, mut bytes) = (Vec::new(), 0);
    for request in std::mem::take(&mut waiting.requests) {
        bytes += request.0.len();
        together.push(request);
        if bytes >= IMPORT_BYTES {
            import(client, &std::mem::take(&mut together), taken, &mut refused)?;
            bytes = 0;
        }
    }
    import(client, &together, taken, &mut refused)?;
    if let Some(finish) = &waiting.finish {
        client.ask(&**finish)?;
    }
    taken.runs += 1;
    taken.dropped += waiting.dropped;
    refused.map_or(Ok(()), Err)
}

/// Hands requests over. What the engine refuses for good costs nothing else.
fn import(
    client: &impl Client,
    requests: &[(Vec<u8>, u64)],
    taken: &mut Taken,
    refused: &mut Option<Problem>,
) -> Result<(), Problem> {
    if requests.is_empty() {
        return Ok(());
    }
    let together = requests.iter().flat_map(|(request, _)| request).copied().collect();
    match client.import(together) {
        Ok(()) => taken.spans += requests.iter().map(|(_, spans)| spans).sum::<u64>(),
        Err(problem) if is_passing(&problem) => return Err(problem),
        Err(problem) if requests.len() == 1 => *refused = Some(problem),
        Err(_) => requests.chunks(1).try_for_each(|alone| import(client, alone, taken, refused))?,
    }
    Ok(())
}

/// Reads a file. Only its last line may be cut off, by the end of its writer.
fn read(mut file: File) -> io::Result<SpoolFile> {
    let mut waiting = SpoolFile::default();
    let mut bytes = Vec::new();
    file.by_ref().take(SPOOL_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SPOOL_BYTES_MAX {
        waiting.wrong = Some(format!("it has more than {SPOOL_BYTES_MAX} bytes"));
        return Ok(waiting);
    }
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    for (index, line) in bytes[..whole].split(|byte| *byte == b'\n').enumerate() {
        if !line.is_empty() && !waiting.take(line, index == 0) {
            waiting.wrong.get_or_insert_with(|| format!("line {} is not as kino writes it", index + 1));
        }
        if index == 0 && waiting.wrong.is_some() {
            return Ok(waiting);
        }
    }
    if waiting.start.is_none() && whole > 0 {
        waiting.wrong.get_or_insert_with(|| "it does not say which run it is of".to_owned());
    }
    if let (Some(start), None) = (&mut waiting.start, &waiting.finish) {
        // This end of it is all that there will be.
        let namespace = start.recorder.take().and(crate::recording::own_recorder().namespace);
        start.recorder = Some(Recorder { pid: NO_PROCESS, namespace });
    }
    Ok(waiting)
}

impl SpoolFile {
    /// Takes a line; returns whether it is one.
    fn take(&mut self, line: &[u8], is_first: bool) -> bool {
        match (serde_json::from_slice(line), is_first) {
            (Ok(SpoolLine::Spool(VERSION)), true) => true,
            (Ok(SpoolLine::Start(start)), false) if self.start.is_none() => {
                self.start = Some(start);
                true
            }
            (Ok(SpoolLine::Spans(spans)), false) => {
                let request = spans.request.get();
                // On one line, as it was written: another end of a line would make two requests of it.
                let request = request.replace(['\n', '\r'], " ") + "\n";
                self.requests.push((request.into_bytes(), spans.count));
                true
            }
            (Ok(SpoolLine::Dropped(dropped)), false) => {
                self.dropped = self.dropped.saturating_add(dropped.spans);
                true
            }
            (Ok(SpoolLine::Finish(finish)), false) => {
                let is_same = self.start.as_ref().is_some_and(|start| start.run_id == finish.run_id);
                if is_same && self.finish.is_none() {
                    self.finish = Some(finish);
                    return true;
                }
                false
            }
            _ => false,
        }
    }
}
