//! Spools in real folders, and an engine that remembers what it was asked.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use kino_model::{RunId, SpanId, TraceId};
use kino_repo::Git;
use kino_wire::admin::EngineFile;
use kino_wire::run::{CodeState, RunFinish, RunOutput, RunStart};
use kino_wire::{Problem, Question};
use serde_json::json;

use super::write::Spool;
use super::{Redact, Rescue, SPOOL_BYTES_MAX, SpoolError, take};
use crate::Client;

#[derive(Clone, Default)]
struct Engine {
    asked: Arc<Mutex<Vec<String>>>,
    /// What it refuses to import, by a part of it.
    refuses: Option<&'static str>,
    is_busy: bool,
}

impl Engine {
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Client for Engine {
    fn ask<Q: Question>(&self, question: &Q) -> Result<Q::Answer, Problem> {
        self.asked.lock().unwrap().push(format!("{} {}", Q::NAME, serde_json::to_string(question).unwrap()));
        let run = json!({
            "schema": "kino.run.v1", "run_id": RUN.repeat(16), "trace_id": RUN.repeat(16), "label": null, "command": [],
            "code": CodeState::default(), "start_unix_nanos": 1, "duration_nanos": 1, "exit_code": 0, "signal": null,
            "stdout_blob": null, "stderr_blob": null, "diff_blob": null, "spans": 0, "traces": 0, "errors": 0,
            "services": [], "breakdown": [], "findings": [], "count": 1,
        });
        serde_json::from_value(run).map_err(|error| Problem::internal(&error))
    }

    fn import(&self, requests: Vec<u8>) -> Result<(), Problem> {
        let requests = String::from_utf8(requests).unwrap();
        if self.is_busy {
            return Err(Problem::busy("full"));
        }
        if self.refuses.is_some_and(|part| requests.contains(part)) {
            return Err(Problem::invalid("it is of no known format"));
        }
        self.asked.lock().unwrap().extend(requests.lines().map(|line| format!("import {line}")));
        Ok(())
    }

    fn address(&self) -> &EngineFile {
        unreachable!("a spool asks for no address")
    }
}

/// Replaces one word.
struct Words;

impl Redact for Words {
    fn spans(&self, requests: &[u8]) -> Result<(Vec<u8>, u64), String> {
        let text = self.text(std::str::from_utf8(requests).unwrap());
        if text.contains("unreadable") { Err("no request".to_owned()) } else { Ok((text.trim().into(), 0)) }
    }

    fn text(&self, text: &str) -> String {
        text.replace("hunter22", "[redacted]")
    }

    fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        self.text(&String::from_utf8_lossy(bytes)).into_bytes()
    }
}

const RUN: &str = "a7";
/// "hunter22" in base64.
const SECRET: &str = "aHVudGVyMjI=";

fn git() -> Git {
    Git::new([])
}

fn start(run: u8) -> RunStart {
    RunStart {
        run_id: RunId::from_slice(&[run; 16]).unwrap(),
        trace_id: TraceId::from_slice(&[7; 16]).unwrap(),
        span_id: SpanId::from_slice(&[7; 8]).unwrap(),
        parent_span_id: None,
        label: Some("hunter22".to_owned()),
        call: None,
        command: vec!["login".to_owned(), "hunter22".to_owned()],
        directory: "/".to_owned(),
        code: CodeState { branch: Some("hunter22".to_owned()), ..CodeState::default() },
        diff: Some(output(SECRET)),
        start_unix_nanos: 1,
        recorder: None,
    }
}

fn finish(run: u8) -> RunFinish {
    RunFinish {
        run_id: RunId::from_slice(&[run; 16]).unwrap(),
        exit_code: Some(0),
        signal: None,
        stdout: output(SECRET),
        stderr: output(""),
        end_unix_nanos: 2,
        cpu_nanos: None,
        others_cpu: None,
        peak_memory_bytes: None,
        lines: None,
    }
}

fn output(base64: &str) -> RunOutput {
    RunOutput { base64: base64.to_owned(), cut_bytes: 0 }
}

fn begin(directory: &Path, run: u8) -> Result<Spool, SpoolError> {
    Spool::begin(directory, &git(), Box::new(Words), &start(run))
}

/// Writes a whole run with two spans.
fn spool(directory: &Path, run: u8) {
    let spool = begin(directory, run).unwrap();
    spool.spans(b"{\"statement\":\"hunter22\"}\n", 2);
    let spooled = spool.finish(&finish(run));
    assert_eq!((spooled.spans, spooled.dropped), (2, 0));
    assert!(spooled.failed.is_none());
}

fn folder(directory: &Path) -> PathBuf {
    directory.join(".kino/spool")
}

fn file(directory: &Path, run: &str) -> PathBuf {
    folder(directory).join(format!("{}.spool", run.repeat(16)))
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn a_run_is_written_without_secrets_for_its_owner_alone_and_taken_in_once() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    spool(directory, 0xa7);
    let written = fs::read_to_string(file(directory, RUN)).unwrap();
    assert!(!written.contains("hunter22") && !written.contains(SECRET), "{written}");
    assert_eq!([mode(&folder(directory)), mode(&file(directory, RUN))], [0o700, 0o600]);
    assert_eq!(fs::read_to_string(folder(directory).join(".gitignore")).unwrap(), "*\n");
    let engine = Engine::default();
    let taken = take(directory, &git(), &engine).unwrap();
    assert_eq!((taken.runs, taken.spans, taken.set_aside.len()), (1, 2, 0));
    let asked = engine.asked();
    let kinds: Vec<_> = asked.iter().map(|asked| asked.split_once(' ').unwrap().0).collect();
    assert_eq!(kinds, ["run_start", "import", "run_finish"]);
    assert!(asked[1].contains(r#"{"statement":"[redacted]"}"#), "{asked:?}");
    assert_eq!(take(directory, &git(), &engine).unwrap().runs, 0);
    assert_eq!(engine.asked().len(), 3);
    assert!(!file(directory, RUN).exists());
}

#[test]
fn git_sees_nothing_of_it_and_what_git_tracks_is_neither_written_nor_read() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let run = |arguments: &[&str]| {
        let done = Command::new("git").arg("-C").arg(directory).args(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    run(&["init", "-q"]);
    spool(directory, 0xa7);
    assert_eq!(run(&["status", "--porcelain"]), "");
    run(&["add", "--force", ".kino"]);
    let before = fs::read(file(directory, RUN)).unwrap();
    let engine = Engine::default();
    assert!(matches!(take(directory, &git(), &engine), Err(SpoolError::Tracked(_))));
    assert!(matches!(begin(directory, 0xa8), Err(SpoolError::Tracked(_))));
    assert_eq!((fs::read(file(directory, RUN)).unwrap(), engine.asked().len()), (before, 0));
    assert!(!file(directory, "a8").exists());
    fs::write(directory.join(".git/index"), "no index").unwrap();
    assert!(matches!(take(directory, &git(), &engine), Err(SpoolError::Unknown(_))));
}

fn refused(directory: &Path, named: &str) {
    let engine = Engine::default();
    // The folder is refused, or the one file in it.
    let error = take(directory, &git(), &engine).map_or_else(|error| error, |mut taken| taken.unread.remove(0));
    assert!(matches!(error, SpoolError::Untrusted { .. }) && error.to_string().contains(named), "{error}");
    assert_eq!(engine.asked().len(), 0);
}

#[test]
fn what_others_could_have_brought_is_neither_written_nor_read() {
    let elsewhere = tempfile::tempdir().unwrap();
    spool(elsewhere.path(), 0xa7);
    for (above, below) in [(".kino", ".kino"), (".kino/spool", ".kino/spool")] {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join(above).parent().unwrap()).unwrap();
        symlink(elsewhere.path().join(below), directory.path().join(above)).unwrap();
        refused(directory.path(), "is a link");
        assert!(begin(directory.path(), 0xa8).is_err());
        assert!(!file(elsewhere.path(), "a8").exists());
    }
    let directory = tempfile::tempdir().unwrap();
    spool(directory.path(), 0xa7);
    for path in [directory.path().join(".kino"), folder(directory.path()), file(directory.path(), RUN)] {
        let before = path.metadata().unwrap().permissions();
        fs::set_permissions(&path, Permissions::from_mode(before.mode() | 0o020)).unwrap();
        refused(directory.path(), "other users");
        fs::set_permissions(&path, before).unwrap();
        // Only a privileged user can give a file away; for others there is nothing more to try.
        if chown(&path, Some(12_345), None).is_ok() {
            refused(directory.path(), "12345");
            chown(&path, Some(rustix::process::geteuid().as_raw()), None).unwrap();
        }
    }
    fs::hard_link(file(directory.path(), RUN), directory.path().join("other")).unwrap();
    refused(directory.path(), "other names");
    fs::remove_file(directory.path().join("other")).unwrap();
    symlink("/etc/passwd", file(directory.path(), "00")).unwrap();
    let taken = take(directory.path(), &git(), &Engine::default()).unwrap();
    assert!(taken.unread[0].to_string().contains("symbolic link"), "{}", taken.unread[0]);
    assert_eq!(taken.runs, 1, "the one beside it");
}

#[test]
fn a_damaged_file_costs_nothing_that_was_good() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    for run in [0xa6, 0xa7, 0xa8] {
        spool(directory, run);
    }
    let written = fs::read_to_string(file(directory, RUN)).unwrap();
    fs::write(file(directory, RUN), written.replace("{\"finish\"", "{\"spans\":7}\n\u{7}junk\n{\"finish\"")).unwrap();
    let engine = Engine::default();
    let taken = take(directory, &git(), &engine).unwrap();
    assert_eq!((taken.runs, taken.spans, taken.set_aside.len()), (3, 6, 1));
    let (aside, why) = &taken.set_aside[0];
    assert!(aside.ends_with(format!("{}.damaged", RUN.repeat(16))) && why.contains("line 4"), "{aside:?} {why}");
    assert!(aside.exists());
    assert_eq!(take(directory, &git(), &engine).unwrap().runs, 0);
    for (content, why) in [("junk\n", "line 1"), ("{\"spool\":9}\n", "line 1"), ("{\"spool\":1}\n", "which run")] {
        fs::write(file(directory, "ff"), content).unwrap();
        let taken = take(directory, &git(), &engine).unwrap();
        assert!(taken.runs == 0 && taken.set_aside[0].1.contains(why), "{content:?}: {:?}", taken.set_aside);
    }
}

#[test]
fn files_that_cannot_be_read_are_named_and_cost_no_others() {
    let directory = tempfile::tempdir().unwrap();
    (1..=9).for_each(|run| spool(directory.path(), run));
    for run in 1..=7 {
        let path = file(directory.path(), &format!("0{run}"));
        fs::set_permissions(&path, Permissions::from_mode(0o622)).unwrap();
    }
    let engine = Engine::default();
    for (runs, asked) in [(2, 6), (0, 6)] {
        let taken = take(directory.path(), &git(), &engine).unwrap();
        assert_eq!((taken.runs, taken.unread.len(), taken.unread_count), (runs, 5, 7));
        assert!(taken.unread[0].to_string().contains(&"01".repeat(16)), "{}", taken.unread[0]);
        assert_eq!(engine.asked().len(), asked);
    }
}

#[test]
fn a_spool_of_an_engine_that_goes_is_opened_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    let rescue = Rescue::new(move || begin(&path, 0xa7));
    assert!(rescue.opened().is_none() && !folder(directory.path()).exists());
    rescue.spool().unwrap().spans(b"{}\n", 1);
    rescue.spool().unwrap().spans(b"{}\n", 1);
    assert_eq!(rescue.opened().unwrap().finish(&finish(0xa7)).spans, 2);
    drop(rescue);
    let taken = take(directory.path(), &git(), &Engine::default()).unwrap();
    assert_eq!((taken.runs, taken.spans), (1, 2));
}

#[test]
fn spans_that_the_engine_refuses_cost_no_others() {
    let directory = tempfile::tempdir().unwrap();
    let spool = begin(directory.path(), 0xa7).unwrap();
    for name in ["first", "bad", "last"] {
        spool.spans(format!("{{\"name\":\"{name}\"}}\n").as_bytes(), 1);
    }
    spool.spans(b"unreadable", 3);
    assert_eq!(spool.finish(&finish(0xa7)).dropped, 3);
    drop(spool);
    let engine = Engine { refuses: Some("bad"), ..Engine::default() };
    let taken = take(directory.path(), &git(), &engine).unwrap();
    assert_eq!((taken.runs, taken.spans, taken.dropped, taken.set_aside.len()), (1, 2, 3, 1));
    assert_eq!(engine.asked().iter().filter(|asked| asked.starts_with("import")).count(), 2);
}

#[test]
fn a_run_whose_writer_was_killed_is_taken_in_as_far_as_it_goes() {
    let directory = tempfile::tempdir().unwrap();
    let spool = begin(directory.path(), 0xa7).unwrap();
    spool.spans(b"{}\n", 1);
    let engine = Engine::default();
    assert_eq!(take(directory.path(), &git(), &engine).unwrap().runs, 0, "its writer lives");
    drop(spool);
    let mut written = fs::read(file(directory.path(), RUN)).unwrap();
    written.extend(b"{\"finish\":{\"run_id\"");
    fs::write(file(directory.path(), RUN), written).unwrap();
    let taken = take(directory.path(), &git(), &engine).unwrap();
    assert_eq!((taken.runs, taken.spans, taken.set_aside.len()), (1, 1, 0));
    let asked = engine.asked();
    assert!(asked.len() == 2 && asked[0].contains(&format!("\"pid\":{}", i32::MAX)), "{asked:?}");
}

#[test]
fn an_engine_without_room_is_asked_again_by_the_next_command() {
    let directory = tempfile::tempdir().unwrap();
    spool(directory.path(), 0xa7);
    let taken = take(directory.path(), &git(), &Engine { is_busy: true, ..Engine::default() }).unwrap();
    assert_eq!((taken.runs, taken.waits.as_deref()), (0, Some("full")));
    assert_eq!(take(directory.path(), &git(), &Engine::default()).unwrap().runs, 1);
}

#[test]
fn commands_at_the_same_time_take_each_run_once() {
    const RUNS: u8 = 24;
    let directory = tempfile::tempdir().unwrap();
    (1..=RUNS).for_each(|run| spool(directory.path(), run));
    let engine = Engine::default();
    let taken: u64 = std::thread::scope(|scope| {
        let takers: Vec<_> =
            (0..4).map(|_| scope.spawn(|| take(directory.path(), &git(), &engine).unwrap().runs)).collect();
        takers.into_iter().map(|taker| taker.join().unwrap()).sum()
    });
    assert_eq!(taken, u64::from(RUNS));
    assert_eq!(engine.asked().len(), 3 * usize::from(RUNS));
}

#[test]
fn beyond_its_bound_spans_are_dropped_and_counted_and_the_end_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let spool = begin(directory.path(), 0xa7).unwrap();
    let request = format!("{{\"x\":\"{}\"}}", "y".repeat(9 << 20));
    (0..9).for_each(|_| spool.spans(request.as_bytes(), 5));
    let spooled = spool.finish(&finish(0xa7));
    assert_eq!((spooled.spans, spooled.dropped), (30, 15));
    let size = file(directory.path(), RUN).metadata().unwrap().len();
    assert!(size <= SPOOL_BYTES_MAX && spooled.failed.is_none(), "{size}");
    // What is left has no room for the diff of another run.
    fs::write(folder(directory.path()).join("other.damaged"), vec![b'x'; (SPOOL_BYTES_MAX - size) as usize]).unwrap();
    assert!(matches!(begin(directory.path(), 0xa8), Err(SpoolError::Full)));
    assert!(!file(directory.path(), "a8").exists());
    drop(spool);
    let taken = take(directory.path(), &git(), &Engine::default()).unwrap();
    assert_eq!((taken.runs, taken.spans, taken.dropped), (1, 30, 15));
}
