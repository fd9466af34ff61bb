//! `search`: text in the recorded output of runs, and in log records. The newest first, as far as the bounds allow;
//! what was not looked through is counted.

use std::collections::BTreeSet;

use kino_model::{LogRecord, names};
use kino_store::snapshot::EventFilter;
use kino_wire::Problem;
use kino_wire::search::{
    DEFAULT_HITS, MAX_HITS, Search, SearchHit, SearchLeftOut, SearchQuestion, SearchSource, Searched, TEXT_BYTES_MAX,
    TEXT_BYTES_MIN,
};

use crate::error::{EngineError, OrProblem};
use crate::limit::limit;
use crate::offload::offload;
use crate::runs::RunRecord;
use crate::{Engine, scope};

/// Bytes of output that one question reads: about a tenth of a second.
const OUTPUT_BYTES_MAX: u64 = 64 << 20;
/// Log records that one question reads. A source is read whole, so that it may be one source more.
const LOGS_MAX: u64 = 500_000;
/// Bytes of a hit's text before and after it.
const AROUND_BYTES: usize = 200;

/// What is being found.
struct SearchProgress {
    needle: String,
    hits: Vec<SearchHit>,
    searched: Searched,
    left_out: SearchLeftOut,
}

impl Engine {
    pub(crate) async fn search(&self, question: SearchQuestion) -> Result<Search, Problem> {
        let limit = limit(question.limit, DEFAULT_HITS, MAX_HITS)?;
        let needle = question.text.trim().to_owned();
        if needle.len() < TEXT_BYTES_MIN || needle.len() > TEXT_BYTES_MAX || needle.contains(['\n', '\r']) {
            let message = format!("the text to search for has {TEXT_BYTES_MIN} to {TEXT_BYTES_MAX} bytes on one line");
            return Err(Problem::invalid(message));
        }
        let run_id = match &question.run_id {
            Some(run_id) => Some(self.inner.runs.id_of(run_id).await?),
            None => None,
        };
        let project = if run_id.is_some() { None } else { scope::project(&question.scope) };
        let mut found = SearchProgress {
            needle,
            hits: Vec::new(),
            searched: Searched::default(),
            left_out: SearchLeftOut::default(),
        };
        let mut runs = self.inner.runs.all().await?;
        runs.retain(|run| match &run_id {
            Some(run_id) => *run_id == run.run_id.to_string(),
            None => run.is_of(project.as_deref()),
        });
        for run in &runs {
            if found.searched.output_bytes >= OUTPUT_BYTES_MAX {
                found.left_out.runs += 1;
                continue;
            }
            found = self.search_output(run, found).await?;
        }
        let filter = EventFilter { project, run_ids: run_id.map(|run_id| vec![run_id]), ..EventFilter::default() };
        let snapshot = self.snapshot();
        // What is in memory comes last, and is the newest.
        for source in (0..snapshot.log_sources()).rev() {
            if found.searched.logs >= LOGS_MAX {
                found.left_out.log_sources += 1;
                continue;
            }
            let logs = snapshot.logs(source, &filter).await.or_problem()?;
            found = offload(move || found.in_logs(&logs)).await.or_problem()?;
        }
        let SearchProgress { mut hits, searched, mut left_out, .. } = found;
        hits.sort_by_key(|hit| std::cmp::Reverse(hit.time_unix_nanos));
        left_out.hits += hits.len().saturating_sub(limit) as u64;
        hits.truncate(limit);
        Ok(Search { schema: Search::SCHEMA.to_owned(), hits, searched, left_out })
    }

    async fn search_output(&self, run: &RunRecord, mut found: SearchProgress) -> Result<SearchProgress, Problem> {
        found.searched.runs += 1;
        for (source, blob) in [(SearchSource::Stdout, run.stdout_blob), (SearchSource::Stderr, run.stderr_blob)] {
            let Some(blob) = blob else { continue };
            // One that was forgotten has nothing to say.
            let bytes = match self.inner.store.blob(blob).await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => continue,
                Err(error) if error.is_damage() => {
                    found.left_out.damaged_outputs += 1;
                    continue;
                }
                Err(error) => return Err(EngineError::from(error).into()),
            };
            let hit = SearchHit {
                source,
                time_unix_nanos: run.start_unix_nanos,
                run_id: Some(run.run_id.to_string()),
                blob: Some(blob),
                service: run.command.first().cloned().unwrap_or_default(),
                ..SearchHit::default()
            };
            found = offload(move || found.in_output(&bytes, &hit)).await.or_problem()?;
        }
        Ok(found)
    }
}

impl SearchProgress {
    /// Looks through an output, line by line.
    fn in_output(mut self, bytes: &[u8], like: &SearchHit) -> Self {
        self.searched.output_bytes += bytes.len() as u64;
        let mut begin = 0;
        for line in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            if let Some(at) = find(line, self.needle.as_bytes()) {
                let text = around(line, at, self.needle.len());
                let offset = Some((begin + at) as u64);
                self.add(|| SearchHit { offset, text, ..like.clone() });
            }
            begin += line.len();
        }
        self
    }

    /// Looks through records: their message, their name, their attributes.
    fn in_logs(mut self, logs: &[LogRecord]) -> Self {
        self.searched.logs += logs.len() as u64;
        let mut seen: BTreeSet<(i64, String)> = BTreeSet::new();
        for log in logs {
            let attributes = log.event.attributes.iter().map(|(key, value)| format!("{key}={}", value.to_text()));
            let texts = [log.body.to_text(), log.event.name.to_string()].into_iter().chain(attributes);
            let mut texts = texts.filter_map(|text| find(text.as_bytes(), self.needle.as_bytes()).map(|at| (text, at)));
            let Some((text, at)) = texts.next() else { continue };
            let text = around(text.as_bytes(), at, self.needle.len());
            // A record that was sent twice is one hit.
            if !seen.insert((log.event.time.0, text.clone())) {
                continue;
            }
            self.add(|| SearchHit {
                source: SearchSource::Log,
                time_unix_nanos: log.event.time.0,
                run_id: log.resource.text(names::RUN_ID).map(str::to_owned),
                trace_id: log.trace_id,
                span_id: log.span_id,
                service: log.resource.service().to_owned(),
                severity: log.severity_text.to_string(),
                text,
                ..SearchHit::default()
            });
        }
        self
    }

    /// Keeps a hit while there is room; the newest of many times more are chosen at the end.
    fn add(&mut self, hit: impl FnOnce() -> SearchHit) {
        /// Hits that are collected to choose from.
        const COLLECTED_MAX: usize = 10 * MAX_HITS;
        if self.hits.len() < COLLECTED_MAX {
            self.hits.push(hit());
        } else {
            self.left_out.hits += 1;
        }
    }
}

/// Returns the position of the needle's first occurrence, ignoring ASCII case.
fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|window| window.eq_ignore_ascii_case(needle))
}

/// The hit with what is around it, on one line.
fn around(line: &[u8], at: usize, length: usize) -> String {
    let text = line.trim_ascii_end();
    // Where the line ends in blanks that were searched for, they stay.
    let text = if text.len() < at + length { line } else { text };
    let (begin, end) = (at.saturating_sub(AROUND_BYTES), (at + length + AROUND_BYTES).min(text.len()));
    let within = |at: &usize| text.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
    let begin = (begin..at).find(|at| !within(at)).unwrap_or(at);
    let end = (at + length..=end).rev().find(|at| !within(at)).unwrap_or(at + length);
    let (before, after) = (if begin > 0 { "…" } else { "" }, if end < text.len() { "…" } else { "" });
    format!("{before}{}{after}", String::from_utf8_lossy(&text[begin..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_is_shown_with_what_is_around_it() {
        assert_eq!(find(b"one Two three", b"tWO"), Some(4));
        assert_eq!(find(b"on", b"one"), None);
        assert_eq!(around(b"one two\r\n", 4, 3), "one two");
        let long = format!("{}needle{}", "é".repeat(300), "日".repeat(300));
        let at = find(long.as_bytes(), b"needle").unwrap();
        let shown = around(long.as_bytes(), at, 6);
        assert!(shown.starts_with("…é") && shown.ends_with("日…") && shown.contains("éneedle日"), "{shown}");
        assert!(!shown.contains('\u{fffd}'), "{shown}");
    }
}
