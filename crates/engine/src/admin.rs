//! The engine itself: its health, its files, its log, and what changes them.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use kino_model::UnixNanos;
use kino_store::snapshot::TraceFilter;
use kino_store::{Forget as Forgetting, Lacked};
use kino_wire::Problem;
use kino_wire::admin::{
    Check, CheckState, Doctor, DoctorQuestion, Forget, ForgetQuestion, LakeFile, LakeFiles, LakeFilesQuestion, Logs,
    LogsQuestion, Status, StatusQuestion, StopQuestion,
};
use kino_wire::ask::Done;
use kino_wire::forward::Forwarding;

use crate::error::{EngineError, OrProblem};
use crate::offload::offload;
use crate::{Engine, scope};

/// The engine's log in the home. The process that starts the engine opens it; the engine shows its end.
pub const LOG_FILE: &str = "engine.log";
/// Lines of the log when nothing is said.
const DEFAULT_LINES: usize = 200;
/// The most lines of the log.
const LINES_MAX: usize = 10_000;
/// Bytes of the log that are looked through for lines.
const LOG_BYTES_MAX: u64 = 8 << 20;

/// The issue of spans under an id that another, differing span of their trace has.
const DUPLICATE_SPAN_ID: &str = "duplicate_span_id";

impl Engine {
    pub(crate) async fn status(&self, _: StatusQuestion) -> Result<Status, Problem> {
        let snapshot = self.snapshot();
        let spans = snapshot.span_count().await.or_problem()?;
        let duplicates = snapshot.duplicate_span_ids().await.or_problem()?;
        let mut status = Status { spans, ..self.store_stats().await? };
        if duplicates > 0 {
            // Stored as they came, so that the counts are of what exists now, not of all that ever arrived.
            status.issues.insert(DUPLICATE_SPAN_ID.to_owned(), duplicates);
        }
        Ok(status)
    }

    /// As the question `status`, without IO on the lake: repeats that no merge has met yet count each time.
    ///
    /// # Errors
    /// Where the metadata cannot be read.
    pub async fn store_stats(&self) -> Result<Status, Problem> {
        let counts = self.inner.store.counts().await.or_problem()?;
        let under = |prefix: &str| -> BTreeMap<String, u64> {
            let named = counts.iter().filter_map(|(name, count)| Some((name.strip_prefix(prefix)?.to_owned(), *count)));
            named.collect()
        };
        let store = self.inner.store.status();
        let mut warnings = store.warnings;
        warnings.extend(self.damage().map(kino_wire::Damage::sentence));
        let forward = self.inner.forward.as_ref().map(|forward| forward.status(&self.inner.store, &counts));
        warnings.extend(forward.as_ref().and_then(Forwarding::warning));
        Ok(Status {
            schema: Status::SCHEMA.to_owned(),
            version: self.inner.version.clone(),
            pid: std::process::id(),
            home: self.inner.config.home.display().to_string(),
            started_unix_nanos: self.inner.started.0,
            listeners: self.listeners(),
            read_only: store.read_only,
            accepted: store.accepted,
            spans: store.spans,
            issues: under("issue/"),
            redactions: under("redaction/"),
            hot_rows: store.hot_rows,
            hot_bytes: store.hot_bytes,
            hot_bytes_max: store.hot_bytes_max,
            wal_bytes: store.wal_bytes,
            lake_files: store.lake_files,
            lake_bytes: store.lake_bytes,
            blob_bytes: store.blob_bytes,
            warnings,
            forward,
        })
    }

    /// Why nothing can be written; `None` where the store can be written to.
    pub fn read_only(&self) -> Option<&str> {
        self.inner.store.read_only()
    }

    pub(crate) async fn lake_files(&self, question: LakeFilesQuestion) -> Result<LakeFiles, Problem> {
        if question.flush {
            self.inner.store.flush().await.or_problem()?;
        }
        let files = self.files(&self.snapshot());
        Ok(LakeFiles { schema: LakeFiles::SCHEMA.to_owned(), lake: self.inner.store.lake_url().to_owned(), files })
    }

    /// A snapshot's files in the wire's shape.
    fn files(&self, snapshot: &kino_store::Snapshot) -> Vec<LakeFile> {
        snapshot.files().into_iter().map(|entry| self.file(entry)).collect()
    }

    /// A file in the wire's shape.
    pub(crate) fn file(&self, entry: kino_store::FileEntry) -> LakeFile {
        let lake = self.inner.store.lake_url().trim_end_matches('/');
        LakeFile {
            table: entry.meta.table.name().to_owned(),
            url: format!("{lake}/{}", entry.path),
            path: entry.path,
            rows: entry.meta.rows,
            bytes: entry.meta.bytes,
            start_unix_nanos_min: entry.meta.start_min.0,
            start_unix_nanos_max: entry.meta.start_max.0,
            blocks: None,
        }
    }

    pub(crate) async fn forget(&self, question: ForgetQuestion) -> Result<Forget, Problem> {
        let wishes = [
            !question.trace_ids.is_empty(),
            question.run_id.is_some(),
            question.before_unix_nanos.is_some(),
            question.everything,
        ];
        if wishes.iter().filter(|wish| **wish).count() != 1 {
            return Err(Problem::invalid("say what to forget: traces, a run, everything before a time, or everything"));
        }
        let project = scope::project(&question.scope);
        let forgetting = if question.everything {
            Forgetting::Everything
        } else if let Some(run_id) = &question.run_id {
            let whole = self.inner.runs.id_of(run_id).await?;
            if whole != *run_id {
                let message = format!("there is no way back, so the whole id is wanted: {run_id:?} begins {whole}");
                return Err(Problem::invalid(message));
            }
            let run_ids = Some(vec![whole]);
            Forgetting::Traces(self.trace_ids(&TraceFilter { run_ids, ..TraceFilter::default() }).await?)
        } else if let Some(before) = question.before_unix_nanos {
            if project.is_none() {
                Forgetting::Before(UnixNanos(before))
            } else {
                let until = Some(UnixNanos(before));
                Forgetting::Traces(self.trace_ids(&TraceFilter { until, project, ..TraceFilter::default() }).await?)
            }
        } else {
            Forgetting::Traces(question.trace_ids)
        };
        let gone = forgetting.clone();
        let forgotten = self.inner.store.forget(forgetting).await.or_problem()?;
        self.inner.findings.forget(&gone).await?;
        if let Some(run_id) = question.run_id {
            self.inner.runs.remove(&run_id).await?;
        } else if question.everything {
            self.inner.runs.clear().await?;
            self.inner.verifications.clear().await?;
        }
        self.changed();
        Ok(Forget { schema: Forget::SCHEMA.to_owned(), traces: forgotten.traces, spans: forgotten.spans })
    }

    async fn trace_ids(&self, filter: &TraceFilter) -> Result<Vec<kino_model::TraceId>, Problem> {
        self.snapshot().trace_ids_of(filter).await.or_problem()
    }

    #[expect(clippy::unused_async, reason = "every question is answered by an async method")]
    pub(crate) async fn stop(&self, _: StopQuestion) -> Result<Done, Problem> {
        self.request_stop();
        match self.inner.store.vanished() {
            Some(what) => Err(Problem::unavailable(format!(
                "the engine ends, and what it had in memory alone is lost with it: {what}"
            ))),
            None => Ok(Done { count: 1 }),
        }
    }

    pub(crate) async fn logs(&self, question: LogsQuestion) -> Result<Logs, Problem> {
        let lines = crate::limit::limit(question.lines, DEFAULT_LINES, LINES_MAX)?;
        let path = self.inner.config.home.join(LOG_FILE);
        let read = move || tail(&path, lines);
        offload(read).await.or_problem()?
    }

    /// What only the owner of the store can check. The command checks the rest.
    pub(crate) async fn doctor(&self, _: DoctorQuestion) -> Result<Doctor, Problem> {
        let store = self.inner.store.status();
        let mut checks = Vec::new();
        let mut check = |name: &str, state, message: String, next: Option<&str>| {
            checks.push(Check { name: name.to_owned(), state, message, next: next.map(str::to_owned) });
        };
        if let Some(reason) = &store.read_only {
            let next = "mend what the message names, then restart the engine: kino stop";
            check("writing", CheckState::Failed, format!("the store is read-only: {reason}"), Some(next));
        } else {
            check("writing", CheckState::Ok, "the store takes rows in".to_owned(), None);
        }
        if store.hot_bytes * 10 > store.hot_bytes_max * 9 {
            let message = format!("{} of {} bytes of memory are in use", store.hot_bytes, store.hot_bytes_max);
            check("memory", CheckState::Warning, message, Some("send less, or raise limits.hot_bytes_max"));
        }
        for warning in &store.warnings {
            check("store", CheckState::Warning, warning.clone(), None);
        }
        let checked = self.inner.store.check_files().await.or_problem()?;
        let mut damaged = checked.damaged;
        if let Err(error) = self.read_through().await {
            damaged.push(kino_wire::error_chain(&error));
        }
        for what in &damaged {
            let next = "restore the file from a backup, then `kino stop`: the rest answers meanwhile";
            check("lake", CheckState::Failed, what.clone(), Some(next));
        }
        let lost = self.damage();
        if let Some(damage) = lost.filter(|_| damaged.is_empty()) {
            let next = "the warnings name the files: restore them from a backup, then `kino stop`";
            check("lake", CheckState::Failed, damage.sentence(), Some(next));
        } else if damaged.is_empty() {
            let message = format!("all {} files are whole", store.lake_files);
            check("lake", CheckState::Ok, message, None);
        }
        if let Some(Lacked { what, why_not_mended }) = checked.descriptions {
            let next = Some("check the disk and what removes or changes files in the lake");
            match why_not_mended {
                None => check("lake", CheckState::Warning, format!("{what}. They are written again"), next),
                Some(why) => {
                    check("lake", CheckState::Failed, format!("{what}. They could not be written again: {why}"), next);
                }
            }
        }
        if let [first, rest @ ..] = checked.without_checksum.as_slice() {
            let message = format!(
                "{first} and {} more files are of an early version, without checksums: damage of theirs may go unnoticed",
                rest.len()
            );
            check("lake", CheckState::Warning, message, Some("none is needed: merging gives their rows checksums"));
        }
        if let Some(forward) = &self.inner.forward {
            checks.push(forward.check(&self.inner.store).await.or_problem()?);
        }
        Ok(Doctor { schema: Doctor::SCHEMA.to_owned(), checks })
    }
}

impl Engine {
    /// Reads every file that the questions read: a search that nothing passes, and all exceptions.
    async fn read_through(&self) -> Result<(), kino_store::ScanError> {
        let snapshot = self.snapshot();
        let impossible = ("kino.doctor".to_owned(), "no span says this".to_owned());
        let filter = TraceFilter { attributes: vec![impossible], ..TraceFilter::default() };
        snapshot.trace_ids_of(&filter).await?;
        snapshot.exceptions(&kino_store::snapshot::EventFilter::default(), 1).await?;
        snapshot.operations(None).await.map(drop)
    }
}

/// The last lines of a file.
fn tail(path: &Path, lines: usize) -> Result<Logs, Problem> {
    let schema = Logs::SCHEMA.to_owned();
    let shown = path.display().to_string();
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let message = format!("there is no log at {shown}: an engine in the foreground writes to its terminal");
            return Err(Problem::not_found(message, Vec::new()));
        }
        Err(error) => return Err(EngineError::from(error).into()),
    };
    let mut read = || {
        let length = file.metadata()?.len();
        let begin = length.saturating_sub(LOG_BYTES_MAX);
        file.seek(SeekFrom::Start(begin))?;
        let mut bytes = Vec::new();
        file.by_ref().take(LOG_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>((begin, bytes))
    };
    let (begin, bytes) = read().or_problem()?;
    let text = String::from_utf8_lossy(&bytes);
    let mut all: Vec<&str> = text.lines().collect();
    if begin > 0 && !all.is_empty() {
        // The first is a part of a line.
        all.remove(0);
    }
    let shown_lines: Vec<String> =
        all[all.len().saturating_sub(lines)..].iter().map(|line| (*line).to_owned()).collect();
    let shown_bytes: u64 = shown_lines.iter().map(|line| line.len() as u64 + 1).sum();
    let earlier_bytes = (begin + bytes.len() as u64).saturating_sub(shown_bytes);
    Ok(Logs { schema, path: shown, lines: shown_lines, earlier_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_log_is_shown_and_the_rest_is_counted() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(LOG_FILE);
        std::fs::write(&path, "one\ntwo\nthree\n").unwrap();
        let logs = tail(&path, 2).unwrap();
        assert_eq!((logs.lines, logs.earlier_bytes), (vec!["two".to_owned(), "three".to_owned()], 4));
        assert!(tail(&home.path().join("none"), 2).is_err());
    }
}
