//! What was pulled from a server, in a file of the home: lines that are only added, each after the engine has answered.
//!
//! ```text
//!  pulls/HASH.jsonl    {"pulls":1,"from":"jaeger","url":"http://…","tenant":null}
//!                      {"traces":["ID:FINGERPRINT", "~ID:FINGERPRINT"]}     ~ where it may still grow
//!                      {"service":"shop","start":…,"end":…}                 asked for, and all of it imported
//!  pulls/HASH.lock     locked by the pull under way
//! ```
//!
//! The hash is of kind, URL and tenant. A line that is torn or damaged is passed over: what it said is pulled again.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use kino_model::TraceId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::windows::{Done, Stretch};
use crate::failure::{Failure, code};

/// The folder of the home.
const FOLDER: &str = "pulls";
/// The version of the lines.
const VERSION: u32 = 1;
/// The file is rewritten, shorter, where it is longer than this at the start of a pull.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// Traces that are remembered then, the last ones: those of a window's edge and of other services' windows come again soon.
const TRACES_MAX: usize = 50_000;
/// The longest line that is read: a page's traces take some hundred kilobytes.
const LINE_BYTES_MAX: u64 = 4 << 20;
/// Traces that a line of a rewritten file has; a longer line would be passed over.
const LINE_TRACES: usize = 1_000;

/// What was pulled from one server.
#[derive(Debug)]
pub(super) struct PullRecord {
    path: PathBuf,
    file: File,
    /// Locked until this is dropped.
    _lock: File,
    /// By service; the empty name for all of them at once.
    done: BTreeMap<String, Done>,
    traces: HashMap<TraceId, ImportedTrace>,
}

/// A trace that was imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ImportedTrace {
    pub(super) fingerprint: u64,
    /// Whether it was old enough not to grow any more.
    pub(super) is_settled: bool,
}

#[derive(Serialize)]
struct Header<'a> {
    pulls: u32,
    from: &'a str,
    url: &'a str,
    tenant: Option<&'a str>,
}

#[derive(Default, Serialize, Deserialize)]
struct RecordLine {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    traces: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<i64>,
}

impl PullRecord {
    /// Opens the record of a server, or begins it; `from_scratch`: what it says is forgotten first.
    pub(super) fn open(
        home: &Path,
        from: &str,
        url: &str,
        tenant: Option<&str>,
        from_scratch: bool,
    ) -> Result<Self, Failure> {
        let folder = home.join(FOLDER);
        let failed = |error: io::Error| {
            Failure::because(format!("the record of what was pulled, in {}", folder.display()), &error)
        };
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
        let name = name(from, url, tenant);
        let lock = private()
            .write(true)
            .create(true)
            .truncate(false)
            .open(folder.join(format!("{name}.lock")))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::new(
                    code::TRY_AGAIN,
                    format!("another pull from {url} is under way; wait for its end"),
                ));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let path = folder.join(format!("{name}.jsonl"));
        let header = Header { pulls: VERSION, from, url, tenant };
        let (done, traces) = if from_scratch { Contents::default() } else { read(&path).map_err(failed)? };
        let length = fs::metadata(&path).map_or(0, |found| found.len());
        if from_scratch || length == 0 || length > FILE_BYTES_MAX {
            rewrite(&path, &header, &done, &traces).map_err(failed)?;
        }
        let file = private().append(true).open(&path).map_err(failed)?;
        let traces = traces.into_iter().collect();
        let mut record = Self { path, file, _lock: lock, done, traces };
        // Whatever a pull that was killed left of a line ends here.
        record.write(b"\n")?;
        Ok(record)
    }

    /// What of `range` was not asked for yet, the latest first.
    pub(super) fn gaps(&self, service: Option<&str>, range: Stretch) -> Vec<Stretch> {
        self.done.get(service.unwrap_or_default()).cloned().unwrap_or_default().gaps(range)
    }

    /// What is known of a trace.
    pub(super) fn known(&self, id: TraceId) -> Option<ImportedTrace> {
        self.traces.get(&id).copied()
    }

    /// Writes down that the engine has these traces: id, fingerprint, and whether it is settled.
    pub(super) fn imported(&mut self, traces: impl Iterator<Item = (TraceId, u64, bool)>) -> Result<(), Failure> {
        let traces: Vec<_> =
            traces.map(|(id, fingerprint, is_settled)| (id, ImportedTrace { fingerprint, is_settled })).collect();
        self.line(&RecordLine { traces: traces.iter().map(written).collect(), ..RecordLine::default() })?;
        self.traces.extend(traces);
        Ok(())
    }

    /// Writes down that all of a window is imported.
    pub(super) fn done(&mut self, service: Option<&str>, window: Stretch) -> Result<(), Failure> {
        if window.start >= window.end {
            return Ok(());
        }
        let service = service.unwrap_or_default();
        self.line(&done_line(service, window))?;
        self.done.entry(service.to_owned()).or_default().add(window);
        Ok(())
    }

    fn line(&mut self, line: &RecordLine) -> Result<(), Failure> {
        let mut bytes =
            serde_json::to_vec(line).map_err(|error| Failure::because("the record of what was pulled", &error))?;
        bytes.push(b'\n');
        self.write(&bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.file.write_all(bytes);
        written.map_err(|error| Failure::because(format!("writing {}", self.path.display()), &error))
    }
}

fn name(from: &str, url: &str, tenant: Option<&str>) -> String {
    let hash = Sha256::digest(serde_json::json!([from, url, tenant]).to_string());
    format!("{:016x}", u64::from_be_bytes(hash[..8].try_into().expect("eight bytes")))
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

fn done_line(service: &str, window: Stretch) -> RecordLine {
    RecordLine {
        service: Some(service.to_owned()),
        start: Some(window.start),
        end: Some(window.end),
        ..RecordLine::default()
    }
}

fn written((id, known): &(TraceId, ImportedTrace)) -> String {
    let mark = if known.is_settled { "" } else { "~" };
    format!("{mark}{id}:{:016x}", known.fingerprint)
}

fn parsed(text: &str) -> Option<(TraceId, ImportedTrace)> {
    let (is_settled, text) = text.strip_prefix('~').map_or((true, text), |text| (false, text));
    let (id, fingerprint) = text.split_once(':')?;
    Some((id.parse().ok()?, ImportedTrace { fingerprint: u64::from_str_radix(fingerprint, 16).ok()?, is_settled }))
}

type Contents = (BTreeMap<String, Done>, Vec<(TraceId, ImportedTrace)>);

/// Reads the file; of a trace that is there twice, the last entry counts.
fn read(path: &Path) -> io::Result<Contents> {
    let (mut done, mut traces) = (BTreeMap::<String, Done>::new(), Vec::new());
    let mut reader = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((done, traces)),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        if reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        let Ok(line) = serde_json::from_slice::<RecordLine>(&bytes) else { continue };
        traces.extend(line.traces.iter().filter_map(|text| parsed(text)));
        if let (Some(service), Some(start), Some(end)) = (line.service, line.start, line.end) {
            done.entry(service).or_default().add(Stretch { start, end });
        }
    }
    Ok((done, traces))
}

/// Writes the file as a whole, beside it first.
fn rewrite(
    path: &Path,
    header: &Header<'_>,
    done: &BTreeMap<String, Done>,
    traces: &[(TraceId, ImportedTrace)],
) -> io::Result<()> {
    let beside = path.with_extension("jsonl.new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = io::BufWriter::new(private().write(true).create_new(true).open(&beside)?);
    serde_json::to_writer(&mut file, header)?;
    let windows = done.iter().flat_map(|(service, done)| done.stretches().map(|window| done_line(service, window)));
    let traces = traces[traces.len().saturating_sub(TRACES_MAX)..].chunks(LINE_TRACES);
    let traces = traces.map(|some| RecordLine { traces: some.iter().map(written).collect(), ..RecordLine::default() });
    for line in windows.chain(traces) {
        file.write_all(b"\n")?;
        serde_json::to_writer(&mut file, &line)?;
    }
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: TraceId = TraceId([7; 16]);

    fn open(home: &Path, from_scratch: bool) -> PullRecord {
        PullRecord::open(home, "jaeger", "http://a:1", None, from_scratch).unwrap()
    }

    #[test]
    fn what_was_done_is_read_back_and_forgotten_on_request() {
        let home = tempfile::tempdir().unwrap();
        let range = Stretch { start: 0, end: 100 };
        let mut record = open(home.path(), false);
        assert_eq!(record.gaps(Some("a"), range), [range]);
        record.imported([(ID, 1, false)].into_iter()).unwrap();
        record.imported([(ID, 2, true)].into_iter()).unwrap();
        record.done(Some("a"), Stretch { start: 50, end: 100 }).unwrap();
        drop(record);
        let record = open(home.path(), false);
        assert_eq!(record.known(ID), Some(ImportedTrace { fingerprint: 2, is_settled: true }));
        assert_eq!(record.gaps(Some("a"), range), [Stretch { start: 0, end: 50 }]);
        assert_eq!(record.gaps(None, range), [range]);
        drop(record);
        let record = open(home.path(), true);
        assert_eq!((record.known(ID), record.gaps(Some("a"), range)), (None, vec![range]));
    }

    #[test]
    fn two_pulls_from_one_server_do_not_run_at_a_time() {
        let home = tempfile::tempdir().unwrap();
        let _first = open(home.path(), false);
        let second = PullRecord::open(home.path(), "jaeger", "http://a:1", None, false).unwrap_err();
        assert_eq!(second.code, code::TRY_AGAIN);
        assert!(PullRecord::open(home.path(), "jaeger", "http://a:1", Some("tenant"), false).is_ok());
    }

    #[test]
    fn any_damage_costs_its_own_lines_alone() {
        let home = tempfile::tempdir().unwrap();
        let mut record = open(home.path(), false);
        record.imported([(ID, 1, true)].into_iter()).unwrap();
        let path = record.path.clone();
        drop(record);
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let mut record = open(home.path(), false);
            record.done(None, Stretch { start: 1, end: 2 }).unwrap();
            drop(record);
            let record = open(home.path(), false);
            assert_eq!(record.gaps(None, Stretch { start: 1, end: 2 }), [], "cut at {cut}");
        }
        fs::write(&path, [b"\xff\x00{\n".as_slice(), &whole, b"{\"traces\":[\"x\",\"1:1\"]}\n[[[[\n"].concat())
            .unwrap();
        assert_eq!(open(home.path(), false).known(ID).unwrap().fingerprint, 1);
    }

    #[test]
    fn a_long_file_becomes_short_and_keeps_the_windows() {
        let home = tempfile::tempdir().unwrap();
        let mut record = open(home.path(), false);
        let id = |number: u64| TraceId((u128::from(number) + 1).to_be_bytes());
        for thousand in 0..180 {
            record.imported((0..1_000).map(|number| (id(thousand * 1_000 + number), 1, true))).unwrap();
        }
        record.done(None, Stretch { start: 1, end: 2 }).unwrap();
        let path = record.path.clone();
        drop(record);
        assert!(fs::metadata(&path).unwrap().len() > FILE_BYTES_MAX);
        drop(open(home.path(), false));
        assert!(fs::metadata(&path).unwrap().len() < FILE_BYTES_MAX / 2);
        let record = open(home.path(), false);
        assert_eq!(record.gaps(None, Stretch { start: 1, end: 2 }), []);
        assert!(record.known(id(179_999)).is_some() && record.known(id(0)).is_none());
    }
}
