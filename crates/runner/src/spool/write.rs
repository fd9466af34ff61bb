//! Writing a run to the spool: each record redacted, appended whole, and within the bound of all of them.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kino_repo::Git;
use kino_wire::run::{CodeState, RunFinish, RunOutput, RunStart};
use rustix::fs::FlockOperation;
use serde_json::value::RawValue;

use super::line::{Dropped, Spans, SpoolLine, VERSION, written};
use super::place::Folder;
use super::{Redact, SPOOL_BYTES_MAX, SpoolError};

/// How the file of a run is called that waits.
pub(super) const ENDING: &str = ".spool";
/// Bytes that spans leave free, for how runs end.
const RESERVED_BYTES: u64 = 1 << 20;

/// A run that is written. Clones share it.
#[derive(Clone)]
pub(crate) struct Spool(Arc<Mutex<Writer>>);

struct Writer {
    folder: Folder,
    file: File,
    redact: Box<dyn Redact>,
    spans: u64,
    dropped: u64,
    /// Why the last record was not written.
    failed: Option<SpoolError>,
}

/// A run that waits.
#[derive(Clone, Debug)]
pub struct Spooled {
    pub folder: PathBuf,
    /// Spans that wait.
    pub spans: u64,
    /// Spans that were dropped: beyond the bound, or that could not be read.
    pub dropped: u64,
    /// Why a record was not written, where one was not.
    pub failed: Option<SpoolError>,
}

impl Spool {
    /// Begins to write a run into the spool of its working directory, which is made where it is missing.
    pub(crate) fn begin(
        directory: &Path,
        git: &Git,
        redact: Box<dyn Redact>,
        start: &RunStart,
    ) -> Result<Self, SpoolError> {
        let folder = Folder::make(directory, git)?;
        let name = format!("{}{ENDING}", start.run_id);
        let file = {
            // No other process finds it before its writer has its lock.
            let _locked = folder.lock()?;
            let file = folder.create(&name).map_err(|error| folder.failed(&name, error))?;
            rustix::fs::flock(&file, FlockOperation::LockExclusive).map_err(|error| folder.failed(&name, error))?;
            file
        };
        let start = Box::new(redacted_start(start, &*redact));
        let mut writer = Writer { folder, file, redact, spans: 0, dropped: 0, failed: None };
        let begun = writer.append(&SpoolLine::Spool(VERSION), SPOOL_BYTES_MAX - RESERVED_BYTES).and_then(|()| {
            let whole = writer.append(&SpoolLine::Start(start.clone()), SPOOL_BYTES_MAX - RESERVED_BYTES);
            if !matches!(whole, Err(SpoolError::Full)) {
                return whole;
            }
            let diff = start.diff.as_ref().map(without_bytes);
            writer.append(&SpoolLine::Start(Box::new(RunStart { diff, ..*start })), SPOOL_BYTES_MAX - RESERVED_BYTES)
        });
        if let Err(error) = begun {
            writer.folder.remove(&name).ok();
            return Err(error);
        }
        Ok(Self(Arc::new(Mutex::new(writer))))
    }

    /// Writes spans: requests of OTLP in JSON, one a line, with `count` spans.
    pub(crate) fn spans(&self, requests: &[u8], count: u64) {
        let mut writer = self.writer();
        let read = writer.redact.spans(requests).ok().and_then(|(request, rejected)| {
            let request = RawValue::from_string(String::from_utf8(request).ok()?).ok()?;
            Some((request, count.saturating_sub(rejected)))
        });
        let Some((request, read)) = read else {
            writer.dropped += count;
            return;
        };
        writer.dropped += count - read;
        match writer.append(&SpoolLine::Spans(Spans { count: read, request }), SPOOL_BYTES_MAX - RESERVED_BYTES) {
            Ok(()) => writer.spans += read,
            Err(SpoolError::Full) => writer.dropped += read,
            Err(error) => {
                writer.dropped += read;
                writer.failed = Some(error);
            }
        }
    }

    /// Writes how the run ended. Where its output has no room, it is counted as cut.
    pub(crate) fn finish(&self, finish: &RunFinish) -> Spooled {
        let mut writer = self.writer();
        if writer.dropped > 0 {
            let line = SpoolLine::Dropped(Dropped { spans: writer.dropped });
            writer.append(&line, SPOOL_BYTES_MAX).ok();
        }
        let finish = RunFinish {
            stdout: redacted_output(&finish.stdout, &*writer.redact),
            stderr: redacted_output(&finish.stderr, &*writer.redact),
            ..finish.clone()
        };
        let mut ended = writer.append(&SpoolLine::Finish(Box::new(finish.clone())), SPOOL_BYTES_MAX);
        if matches!(ended, Err(SpoolError::Full)) {
            let (stdout, stderr) = (without_bytes(&finish.stdout), without_bytes(&finish.stderr));
            ended =
                writer.append(&SpoolLine::Finish(Box::new(RunFinish { stdout, stderr, ..finish })), SPOOL_BYTES_MAX);
        }
        Spooled {
            folder: writer.folder.path.clone(),
            spans: writer.spans,
            dropped: writer.dropped,
            failed: ended.err().or_else(|| writer.failed.take()),
        }
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    /// Appends a line whole or not at all; fails where all files would have more than `bytes_max` bytes.
    fn append(&mut self, line: &SpoolLine, bytes_max: u64) -> Result<(), SpoolError> {
        let bytes = written(line);
        let _locked = self.folder.lock()?;
        if self.folder.bytes()? + bytes.len() as u64 > bytes_max {
            return Err(SpoolError::Full);
        }
        let failed = |error| SpoolError::system("writing to the spool", error);
        let before = self.file.metadata().map_err(failed)?.len();
        self.file.write_all(&bytes).map_err(|error| {
            // A part of a line would spoil the next one.
            self.file.set_len(before).ok();
            failed(error)
        })
    }
}

fn redacted_start(start: &RunStart, redact: &dyn Redact) -> RunStart {
    let text = |text: &String| redact.text(text);
    RunStart {
        label: start.label.as_ref().map(text),
        command: start.command.iter().map(text).collect(),
        code: CodeState { branch: start.code.branch.as_ref().map(text), ..start.code.clone() },
        diff: start.diff.as_ref().map(|diff| redacted_output(diff, redact)),
        ..start.clone()
    }
}

fn redacted_output(output: &RunOutput, redact: &dyn Redact) -> RunOutput {
    // It was encoded by this process.
    let bytes = BASE64_STANDARD.decode(&output.base64).unwrap_or_default();
    RunOutput { base64: BASE64_STANDARD.encode(redact.bytes(&bytes)), cut_bytes: output.cut_bytes }
}

fn without_bytes(output: &RunOutput) -> RunOutput {
    let bytes = output.base64.len() as u64 / 4 * 3;
    RunOutput { base64: String::new(), cut_bytes: output.cut_bytes + bytes }
}
