//! The engine's own figures in Prometheus' text format.

use std::fmt::{self, Write};

use kino_engine::Engine;
use kino_engine::metrics::APPEND_BUCKETS_SECONDS;
use kino_wire::Problem;
use kino_wire::forward::{ForwardState, Forwarding};

/// All figures as text.
pub(crate) async fn text(engine: &Engine) -> Result<String, Problem> {
    let status = engine.store_stats().await?;
    let metrics = engine.metrics().snapshot();
    let mut page = MetricsPage(String::new());
    page.counters("kino_accepted_rows_total", "Rows acknowledged since the start.", "table", &metrics.accepted);
    page.counters("kino_refused_requests_total", "Requests refused whole since the start.", "reason", &metrics.refused);
    page.counters("kino_issues_total", "What was refused or mended since the store was made.", "issue", &status.issues);
    page.counters("kino_redactions_total", "Redactions since the store was made.", "rule", &status.redactions);
    page.one("kino_ingested_bytes_total", "counter", "Bytes of bodies taken in since the start.", metrics.bytes);
    page.one("kino_requests_total", "counter", "Requests taken in since the start.", metrics.requests);
    let evaluated = "Spans evaluated for findings since the start.";
    page.one("kino_findings_spans_evaluated_total", "counter", evaluated, metrics.spans_evaluated);
    page.head("kino_findings_evaluation_seconds_total", "counter", "Time of these evaluations, loading included.");
    page.line(format_args!("kino_findings_evaluation_seconds_total {}", metrics.evaluation_time.as_secs_f64()));
    let dropped = "Traces that arrived faster than they could be evaluated, and were not.";
    page.one("kino_findings_traces_dropped_total", "counter", dropped, metrics.traces_dropped);
    page.one("kino_spans", "gauge", "Spans visible to queries.", status.spans);
    page.one("kino_hot_rows", "gauge", "Rows in memory.", status.hot_rows);
    page.one("kino_hot_bytes", "gauge", "Bytes of memory that they take.", status.hot_bytes);
    page.one("kino_hot_bytes_max", "gauge", "The limit of those bytes.", status.hot_bytes_max);
    page.one("kino_wal_bytes", "gauge", "Bytes in the write-ahead log.", status.wal_bytes);
    page.one("kino_lake_files", "gauge", "Live files in the lake.", status.lake_files);
    page.one("kino_lake_bytes", "gauge", "Bytes of live files in the lake.", status.lake_bytes);
    page.one("kino_blob_bytes", "gauge", "Bytes of blobs.", status.blob_bytes);
    page.one("kino_warnings", "gauge", "What went wrong and still matters.", status.warnings.len() as u64);
    if let Some(forward) = &status.forward {
        page.forwarding(forward);
    }
    let started = status.started_unix_nanos.max(0) as u64 / 1_000_000_000;
    page.one("process_start_time_seconds", "gauge", "When the engine started, in Unix seconds.", started);
    if let Some(bytes) = resident_bytes() {
        page.one("process_resident_memory_bytes", "gauge", "Resident memory.", bytes);
    }
    page.head("kino_append_seconds", "histogram", "Time of an append to the log, sync policy included.");
    for (end, count) in APPEND_BUCKETS_SECONDS.iter().zip(&metrics.append_buckets) {
        page.line(format_args!("kino_append_seconds_bucket{{le=\"{end}\"}} {count}"));
    }
    page.line(format_args!("kino_append_seconds_bucket{{le=\"+Inf\"}} {}", metrics.append_count));
    page.line(format_args!("kino_append_seconds_sum {}", metrics.append_time.as_secs_f64()));
    page.line(format_args!("kino_append_seconds_count {}", metrics.append_count));
    Ok(page.0)
}

struct MetricsPage(String);

impl MetricsPage {
    fn line(&mut self, line: fmt::Arguments<'_>) {
        writeln!(self.0, "{line}").expect("writing to a String succeeds");
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.head(name, kind, help);
        self.line(format_args!("{name} {value}"));
    }

    fn forwarding(&mut self, forward: &Forwarding) {
        let taken = "Records that the endpoint took to which recordings are passed on, since the store was made.";
        let refused = "Records that it refused for good, since the store was made.";
        let missed = "Records that were let go before they were passed on, since the store was made.";
        for (name, help, spans, logs) in [
            ("kino_forward_passed_total", taken, forward.passed_spans, forward.passed_log_records),
            ("kino_forward_refused_total", refused, forward.refused_spans, forward.refused_log_records),
            ("kino_forward_missed_total", missed, forward.missed_spans, forward.missed_log_records),
        ] {
            self.counters(name, help, "signal", [(&"traces", &spans), (&"logs", &logs)]);
        }
        let segments = "Segments of the log with records that were missed.";
        self.one("kino_forward_missed_segments_total", "counter", segments, forward.missed_segments);
        let behind = "Bytes of the log that are not passed on yet.";
        self.one("kino_forward_behind_bytes", "gauge", behind, forward.behind_bytes);
        let stays = "Bytes of the log that stay to be passed on alone.";
        self.one("kino_forward_log_bytes", "gauge", stays, forward.log_bytes);
        let is_sending = "Whether the last request was taken, 1, or not, 0.";
        self.one("kino_forward_sending", "gauge", is_sending, u64::from(forward.state == ForwardState::Sending));
    }

    fn counters<'a, K: AsRef<str> + 'a>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        counts: impl IntoIterator<Item = (&'a K, &'a u64)>,
    ) {
        self.head(name, "counter", help);
        for (key, count) in counts {
            let key = key.as_ref().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            self.line(format_args!("{name}{{{label}=\"{key}\"}} {count}"));
        }
    }
}

/// Resident memory, where the system reports it as Linux does.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
