//! `open_evidence`: whole recorded texts, framed as data, a page at a time.
//!
//! A page is text of at most the budget's bytes: spans and logs as JSON lines; a run, a verification or a finding as one;
//! or a blob as it is. The cursor is the backend's offset and, within a line too long for one page, a byte: nothing is
//! cut, it only goes on.

use kino_wire::Problem;
use kino_wire::ask::ask;
use kino_wire::evidence::{Open, OpenQuestion};

use crate::answer::{BUDGET_TOKENS_MAX, BUDGET_TOKENS_MIN, BYTES_PER_TOKEN};
use crate::arguments;
use crate::tools::{Refusal, ToolContext, WRONG_CURSOR};
use crate::untrusted::{boundary, frame, push};

/// Bytes of a page that are ours: the frame, the header, the cursor.
const FRAME_BYTES: usize = 400;
/// Spans asked for at once; a page rarely holds as many.
const SPANS_ASKED: u64 = 64;

impl ToolContext<'_> {
    pub(crate) async fn open_evidence(&self, arguments: arguments::Open) -> Result<String, Refusal> {
        let (offset, byte) = match &arguments.cursor {
            None => (0, 0),
            Some(cursor) => parse(cursor).ok_or_else(|| Refusal::Arguments(WRONG_CURSOR.to_owned()))?,
        };
        let bytes_max = self.budget_tokens.clamp(BUDGET_TOKENS_MIN, BUDGET_TOKENS_MAX) * BYTES_PER_TOKEN - FRAME_BYTES;
        let is_blob = arguments.id.starts_with("blob:");
        let limit = if is_blob { bytes_max as u64 } else { SPANS_ASKED };
        let question = OpenQuestion { id: arguments.id, offset, limit };
        let opened = ask(self.backend, &question).await?;
        let record = record(&opened);
        let (text, next) = match (&record, &opened.text) {
            (Some(record), _) => unit_page(std::slice::from_ref(record), offset, byte, bytes_max, None),
            (None, Some(_)) => blob_page(&opened),
            (None, None) => span_page(&opened, offset, byte, bytes_max),
        };
        let Some(boundary) = boundary() else {
            return Err(Refusal::Problem(Problem::unavailable(
                "the system has no randomness to frame recorded text with",
            )));
        };
        let (unit, total) = match record {
            Some(_) => ("records", 1),
            None if is_blob => ("bytes", opened.total),
            None => ("spans", opened.total),
        };
        let id = crate::untrusted::clean(&opened.id, crate::untrusted::CELL_BYTES_MAX);
        let mut page = format!("open_evidence | id: {id} | {unit}: {total} | from: {offset}\n");
        if opened.logs_left_out > 0 {
            push(&mut page, format_args!("logs left out: {}; query_sql over events has them\n", opened.logs_left_out));
        }
        let left_out: u64 = opened.spans.iter().map(|span| span.events_left_out + span.links_left_out).sum();
        if left_out > 0 {
            push(&mut page, format_args!("events and links left out: {left_out}; query_sql has them\n"));
        }
        page.push_str(&frame(&text, &boundary));
        match next {
            Some(next) => push(&mut page, format_args!("\nmore: cursor={next}")),
            None => page.push_str("\nthe end"),
        }
        Ok(page)
    }
}

fn parse(cursor: &str) -> Option<(u64, usize)> {
    match cursor.split_once('+') {
        Some((offset, byte)) => Some((offset.parse().ok()?, byte.parse().ok()?)),
        None => Some((cursor.parse().ok()?, 0)),
    }
}

/// A run, a verification or a finding as JSON; `None` where something else was opened.
fn record(opened: &Open) -> Option<String> {
    let (run, verification, finding) = (opened.run.as_ref(), opened.verification.as_ref(), opened.finding.as_ref());
    let json = run.map(serde_json::to_string).or_else(|| verification.map(serde_json::to_string));
    json.or_else(|| finding.map(serde_json::to_string)).map(Result::unwrap_or_default)
}

fn blob_page(opened: &Open) -> (String, Option<String>) {
    (opened.text.clone().unwrap_or_default(), opened.next_offset.map(|offset| offset.to_string()))
}

/// Fills a page with spans from `offset`, the first of them from `byte` on; the logs come after the last span.
fn span_page(opened: &Open, offset: u64, byte: usize, bytes_max: usize) -> (String, Option<String>) {
    let spans = opened.spans.iter().map(serde_json::to_string);
    let logs = opened.logs.iter().map(serde_json::to_string);
    // Logs have no offset of their own: they belong to the page that holds the last span.
    let is_last = opened.next_offset.is_none();
    let mut units: Vec<String> = spans.map(Result::unwrap_or_default).collect();
    if is_last && !opened.logs.is_empty() {
        let tail: Vec<_> = logs.map(|log| format!("\nlog {}", log.unwrap_or_default())).collect();
        match units.last_mut() {
            Some(last) => last.push_str(&tail.concat()),
            None => units.push(tail.concat()),
        }
    }
    unit_page(&units, offset, byte, bytes_max, opened.next_offset)
}

/// Fills a page with lines, of which the first is at `offset`; beyond them it goes on at `next`.
fn unit_page(
    units: &[String],
    offset: u64,
    byte: usize,
    bytes_max: usize,
    next: Option<u64>,
) -> (String, Option<String>) {
    let mut page = String::new();
    for (index, unit) in units.iter().enumerate() {
        let from = if index == 0 { unit.floor_char_boundary(byte) } else { 0 };
        let rest = &unit[from..];
        let left = bytes_max.saturating_sub(page.len() + 1);
        if rest.len() <= left {
            page.push_str(rest);
            page.push('\n');
            continue;
        }
        let at = offset + index as u64;
        // A span that fits a page of its own waits for the next; one that fits none is given in parts.
        if index > 0 && rest.len() < bytes_max {
            return (page, Some(at.to_string()));
        }
        let cut = rest.floor_char_boundary(left);
        page.push_str(&rest[..cut]);
        return (page, Some(format!("{at}+{}", from + cut)));
    }
    (page, next.map(|offset| offset.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kino_model::{SpanId, TraceId};
    use kino_wire::evidence::OpenSpan;

    fn opened(names: &[String], from: usize) -> Open {
        let spans = names.iter().skip(from).map(|name| OpenSpan {
            trace_id: TraceId([1; 16]),
            span_id: SpanId([2; 8]),
            parent_span_id: None,
            service: String::new(),
            name: name.clone(),
            kind: kino_model::SpanKind::Internal,
            start_unix_nanos: 0,
            duration_nanos: Some(1),
            status: kino_model::StatusCode::Ok,
            status_message: String::new(),
            attributes: serde_json::Map::new(),
            resource: serde_json::Map::new(),
            events: Vec::new(),
            events_left_out: 0,
            links: Vec::new(),
            links_left_out: 0,
        });
        Open {
            schema: Open::SCHEMA.to_owned(),
            id: "x".into(),
            spans: spans.collect(),
            logs: Vec::new(),
            text: None,
            total: names.len() as u64,
            next_offset: None,
            run: None,
            verification: None,
            finding: None,
            logs_left_out: 0,
        }
    }

    #[test]
    fn pages_give_back_every_byte() {
        let names: Vec<String> = (0..9).map(|index| "ü".repeat(index * 300)).collect();
        let whole: String =
            opened(&names, 0).spans.iter().map(|span| serde_json::to_string(span).unwrap() + "\n").collect();
        let (mut joined, mut cursor) = (String::new(), String::from("0"));
        loop {
            let (offset, byte) = parse(&cursor).unwrap();
            let (page, next) = span_page(&opened(&names, offset as usize), offset, byte, 1_000);
            assert!(page.len() <= 1_000);
            joined.push_str(&page);
            match next {
                Some(next) => cursor = next,
                None => break,
            }
        }
        assert_eq!(joined, whole);
    }

    #[test]
    fn cursors_are_read_back() {
        assert_eq!(parse("12+34"), Some((12, 34)));
        assert_eq!(parse("12"), Some((12, 0)));
        assert_eq!(parse("12+x"), None);
    }
}
