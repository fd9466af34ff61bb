//! The engine's own affairs: status, check-up, files, imports.

use std::collections::BTreeMap;

use kino_model::UnixNanos;
use kino_text::time;
use kino_wire::admin::{Check, CheckState, Doctor, Import, LakeFiles, Status};
use kino_wire::forward::Forwarding;

use super::table::Table;
use super::{Style, Tone, bytes, clean, clean_whole, count, counted};

/// How an engine is.
pub(crate) fn status(status: &Status, style: Style, now: UnixNanos) -> String {
    let mut text = format!(
        "{} {} (process {}), started {}\n",
        style.heading("kino"),
        status.version,
        status.pid,
        time::ago(status.started_unix_nanos, now)
    );
    if let Some(why) = &status.read_only {
        text.push_str(&format!("{}: {}\n", style.paint(Tone::Bad, "read only"), clean_whole(why)));
    }
    for warning in &status.warnings {
        text.push_str(&format!("{}: {}\n", style.paint(Tone::Warn, "warning"), clean_whole(warning)));
    }
    let listeners = &status.listeners;
    let mut table = Table::new(style, &["", ""]);
    let mut line = |name: &str, value: String| table.row(&[(name, Tone::Faint), (&value, Tone::Plain)]);
    line("home", status.home.clone());
    line("OTLP", format!("gRPC {}, HTTP {}", listeners.otlp_grpc, listeners.otlp_http));
    line("REST, MCP", format!("http://{}", listeners.http));
    let accepted: Vec<_> = status.accepted.iter().map(|(table, rows)| format!("{} {table}", count(*rows))).collect();
    line("taken in", if accepted.is_empty() { "nothing since it started".to_owned() } else { accepted.join(", ") });
    line("spans", count(status.spans));
    let (hot, max) = (bytes(status.hot_bytes), bytes(status.hot_bytes_max));
    line("in memory", format!("{}, {hot} of at most {max}", counted(status.hot_rows, "row")));
    line("log", bytes(status.wal_bytes));
    line("lake", format!("{}, {}", counted(status.lake_files, "file"), bytes(status.lake_bytes)));
    line("blobs", bytes(status.blob_bytes));
    if let Some(forward) = &status.forward {
        line("passed on", forwarded(forward));
    }
    text.push_str(&table.finish());
    text.push_str(&named("Refused or mended, ever", &status.issues, style));
    text.push_str(&named("Redacted, ever", &status.redactions, style));
    text
}

/// What is passed on, in a line; what was not taken or missed is said where there is any.
fn forwarded(forward: &Forwarding) -> String {
    let both = |spans: u64, logs: u64| format!("{}, {}", counted(spans, "span"), counted(logs, "log record"));
    let mut text = format!("{} to {}", both(forward.passed_spans, forward.passed_log_records), clean(&forward.url));
    if forward.behind_bytes > 0 {
        text.push_str(&format!("; {} of the log to go", bytes(forward.behind_bytes)));
    }
    if forward.refused_spans + forward.refused_log_records > 0 {
        text.push_str(&format!("; refused there: {}", both(forward.refused_spans, forward.refused_log_records)));
    }
    if forward.missed_spans + forward.missed_log_records + forward.missed_segments > 0 {
        let (missed, segments) = (both(forward.missed_spans, forward.missed_log_records), forward.missed_segments);
        text.push_str(&format!("; missed, since the log was let go: {missed} in {}", counted(segments, "segment")));
    }
    text
}

fn named(title: &str, counts: &BTreeMap<String, u64>, style: Style) -> String {
    if counts.is_empty() {
        return String::new();
    }
    let mut table = Table::new(style, &["", ">"]);
    for (name, number) in counts {
        table.row(&[(&clean(name), Tone::Plain), (&count(*number), Tone::Plain)]);
    }
    format!("\n{}\n{}", style.heading(title), table.finish())
}

/// What a check-up found.
pub(crate) fn doctor(answer: &Doctor, style: Style) -> String {
    let mut text: String = answer.checks.iter().map(|check| self::check(check, style)).collect();
    let worst = answer.checks.iter().map(|check| check.state).max().unwrap_or_default();
    text.push_str(match worst {
        CheckState::Ok => "\nAll is well.\n",
        CheckState::Warning => "\nNothing is broken; see the warnings.\n",
        CheckState::Failed => "\nSomething is broken; see what is marked above.\n",
    });
    text
}

fn check(check: &Check, style: Style) -> String {
    let (mark, tone) = match check.state {
        CheckState::Ok => ("ok  ", Tone::Good),
        CheckState::Warning => ("warn", Tone::Warn),
        CheckState::Failed => ("FAIL", Tone::Bad),
    };
    let next = check.next.as_deref().map(|next| format!("      → {}\n", clean_whole(next))).unwrap_or_default();
    format!("{}  {}: {}\n{next}", style.paint(tone, mark), clean(&check.name), clean_whole(&check.message))
}

pub(crate) fn lake_files(answer: &LakeFiles, style: Style) -> String {
    if answer.files.is_empty() {
        return format!("The lake at {} holds no file yet; --flush writes out what is in memory.\n", answer.lake);
    }
    let mut table = Table::new(style, &["TABLE", ">ROWS", ">SIZE", "FILE"]);
    for file in &answer.files {
        let row = [count(file.rows), bytes(file.bytes)];
        let cells = [&file.table, &row[0], &row[1], &file.url].map(|text| (text.as_str(), Tone::Plain));
        table.row(&cells);
    }
    let (rows, size) = answer.files.iter().fold((0, 0), |(rows, size), file| (rows + file.rows, size + file.bytes));
    let files = counted(answer.files.len() as u64, "file");
    format!("{}\n{files}, {}, {}\n", table.finish(), counted(rows, "row"), bytes(size))
}

/// What was read in, over all files.
pub(crate) fn import(answer: &Import, files: u64, style: Style) -> String {
    let mut text = format!(
        "{}, {} and {} from {}\n",
        counted(answer.spans, "span"),
        counted(answer.events, "event"),
        counted(answer.links, "link"),
        counted(files, "file")
    );
    text.push_str(&issues(&answer.issues, &answer.issue_examples, style));
    text
}

/// What was refused or mended, by name, and examples of it.
pub(crate) fn issues(issues: &BTreeMap<String, u64>, examples: &[String], style: Style) -> String {
    let mut text = named("Refused or mended", issues, style);
    for example in examples {
        text.push_str(&format!("  {}\n", clean(example)));
    }
    text
}

#[cfg(test)]
mod tests {
    use kino_wire::admin::Listeners;

    use super::super::tests::EIGHTY;
    use super::*;

    #[test]
    fn status_says_what_matters_first() {
        let answer = Status {
            schema: Status::SCHEMA.to_owned(),
            version: "0.1.0".to_owned(),
            pid: 7,
            home: "/home/a/.kino".to_owned(),
            listeners: Listeners {
                http: "127.0.0.1:4319".to_owned(),
                otlp_grpc: "127.0.0.1:4317".to_owned(),
                otlp_http: "127.0.0.1:4318".to_owned(),
            },
            read_only: Some("the disk is full".to_owned()),
            accepted: BTreeMap::from([("spans".to_owned(), 1_200)]),
            spans: 90_000,
            issues: BTreeMap::from([("end_before_start".to_owned(), 3)]),
            hot_bytes: 2_048,
            hot_bytes_max: 1 << 30,
            ..Status::default()
        };
        insta::assert_snapshot!(status(&answer, EIGHTY, UnixNanos(90_000_000_000)));
    }

    #[test]
    fn a_check_up_says_what_to_do() {
        let check = |name: &str, state, next: Option<&str>| Check {
            name: name.to_owned(),
            state,
            message: "seen".to_owned(),
            next: next.map(str::to_owned),
        };
        let checks = vec![check("disk", CheckState::Ok, None), check("wal", CheckState::Failed, Some("do this"))];
        let answer = Doctor { schema: Doctor::SCHEMA.to_owned(), checks };
        insta::assert_snapshot!(doctor(&answer, EIGHTY));
    }
}
