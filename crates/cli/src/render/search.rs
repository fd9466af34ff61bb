//! `search`: lines of outputs and log records that contain a text, each with the command that opens where it is.

use kino_model::UnixNanos;
use kino_text::{layout, time};
use kino_wire::search::{Search, SearchHit, SearchSource};

use super::{Style, Tone, clean, counted, wrap};
use kino_text::figures::bytes;

/// How many digits of ids are shown: enough to be unique, and taken by every command.
const ID_DIGITS: usize = 12;

/// The hits, the newest first, and what was looked through.
pub(crate) fn text(answer: &Search, style: Style, now: UnixNanos) -> String {
    let mut text = String::new();
    for hit in &answer.hits {
        text.push_str(&one(hit, style, now));
    }
    let searched = &answer.searched;
    let through = format!(
        "{} in what {} printed ({}) and in {}.",
        counted(answer.hits.len() as u64, "hit"),
        counted(searched.runs, "run"),
        bytes(searched.output_bytes),
        counted(searched.logs, "log record"),
    );
    let beyond = if answer.hits.is_empty() { " --all looks beyond this project." } else { "" };
    text.push_str(&wrap(&format!("{through}{beyond}"), style, ""));
    if let Some(left_out) = left_out(answer) {
        text.push_str(&style.paint(Tone::Warn, &wrap(&left_out, style, "")));
    }
    text
}

/// What is not shown or was not looked through, if anything.
pub(crate) fn left_out(answer: &Search) -> Option<String> {
    let left = &answer.left_out;
    let parts = [
        (left.hits, "further hit"),
        (left.runs, "older run"),
        (left.log_sources, "older file of logs"),
        (left.damaged_outputs, "damaged output"),
    ];
    let parts = parts.into_iter().filter(|(number, _)| *number > 0);
    let parts: Vec<String> =
        parts.map(|(number, thing)| counted(number, thing).replace("file of logss", "files of logs")).collect();
    (!parts.is_empty()).then(|| format!("Not shown or not looked through: {}", parts.join(", ")))
}

fn one(hit: &SearchHit, style: Style, now: UnixNanos) -> String {
    let run: String = hit.run_id.iter().flat_map(|run| run.chars().take(ID_DIGITS)).collect();
    let source = match hit.source {
        SearchSource::Stdout => format!("standard output of run {run}"),
        SearchSource::Stderr => format!("standard error of run {run}"),
        SearchSource::Log if hit.severity.is_empty() => "log".to_owned(),
        SearchSource::Log => format!("log, {}", clean(&hit.severity)),
    };
    let program = if hit.service.is_empty() { String::new() } else { format!(" ({})", clean(&hit.service)) };
    let head = format!("{source}{program}, {}", time::ago(hit.time_unix_nanos, now));
    let mut text = style.paint(Tone::Faint, &wrap(&head, style, ""));
    // Colours that a program wrote for its own terminal are left out, as in `kino watch`.
    let (line, _) = layout::without_sequences(&hit.text);
    text.push_str(&wrap(&clean(line.trim()), style, "    "));
    let open = match (hit.blob, hit.trace_id, hit.span_id) {
        (Some(blob), ..) => {
            let offset = hit.offset.filter(|offset| *offset > 0).map(|offset| format!(" --offset {offset}"));
            Some(format!("kino open blob:{:.ID_DIGITS$}{}", blob.to_string(), offset.unwrap_or_default()))
        }
        (None, Some(trace), Some(span)) => Some(format!("kino open {trace}/{span}")),
        (None, Some(trace), None) => Some(format!("kino open {trace}")),
        (None, None, _) => None,
    };
    if let Some(open) = open {
        text.push_str(&style.paint(Tone::Faint, &format!("    {open}")));
        text.push('\n');
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use kino_wire::search::{SearchLeftOut, Searched};

    use super::super::tests::EIGHTY;
    use super::*;

    #[test]
    fn hits_are_shown_with_where_they_are_and_what_was_not_looked_through() {
        let now = UnixNanos(1_777_593_690_000_000_000);
        let printed = SearchHit {
            source: SearchSource::Stderr,
            time_unix_nanos: now.0 - 90_000_000_000,
            run_id: Some("4f2a91c0".repeat(4)),
            blob: Some("ab".repeat(32).parse().unwrap()),
            offset: Some(117),
            service: "python app.py".to_owned(),
            text: "\u{1b}[31mwarning\u{1b}[0m: \u{202e}connection refused".to_owned(),
            ..SearchHit::default()
        };
        let logged = SearchHit {
            source: SearchSource::Log,
            time_unix_nanos: now.0 - 3_600_000_000_000,
            trace_id: Some("cd".repeat(16).parse().unwrap()),
            span_id: Some("ef".repeat(8).parse().unwrap()),
            service: "shop".to_owned(),
            severity: "ERROR".to_owned(),
            text: "warning ".repeat(14),
            ..SearchHit::default()
        };
        let answer = Search {
            hits: vec![printed, logged],
            searched: Searched { runs: 3, output_bytes: 12_345, logs: 1_204 },
            left_out: SearchLeftOut { hits: 1, log_sources: 2, ..SearchLeftOut::default() },
            ..Search::default()
        };
        insta::assert_snapshot!(text(&answer, EIGHTY, now));
        assert!(text(&Search::default(), EIGHTY, now).contains("--all looks beyond"));
    }
}
