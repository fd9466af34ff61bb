//! `find` as a table, newest first.

use jiff::tz::TimeZone;
use kino_model::UnixNanos;
use kino_text::time;
use kino_wire::find::{Find, FindItem};

use super::table::Table;
use super::{Style, Tone, clean, count, duration};

/// The table, with how to go on.
pub(crate) fn text(answer: &Find, style: Style, now: UnixNanos) -> String {
    if let Some(unknown) = &answer.unknown_service {
        return super::unknown_service(unknown);
    }
    if let Some(unknown) = &answer.unknown_name {
        return super::unknown_span(unknown);
    }
    if answer.items.is_empty() {
        return "No trace fits. --all looks beyond this project; fewer filters find more.\n".to_owned();
    }
    let mut table = Table::new(style, &["STARTED", ">DURATION", ">SPANS", "!TRACE", "ROOT"]);
    for item in &answer.items {
        let mut root = if item.root_name.is_empty() {
            "(the root has not arrived)".to_owned()
        } else {
            format!("{} ({})", clean(&item.root_name), clean(&item.root_service))
        };
        if item.error_count > 0 {
            root.push_str(&format!(", {} failed", count(item.error_count)));
        }
        table.row(&[
            (&time::ago(item.start_unix_nanos, now), Tone::Faint),
            (&duration(item.duration_nanos), Tone::Strong),
            (&count(item.span_count), Tone::Plain),
            (&item.trace_id.to_string(), Tone::Faint),
            (&root, if item.error_count > 0 { Tone::Bad } else { Tone::Plain }),
        ]);
    }
    let mut text = table.finish();
    if let Some(cursor) = &answer.cursor {
        text.push_str(&format!("\nThere are more: --cursor {cursor}\n"));
    }
    text
}

/// One trace as a line of its own, for a list that goes on.
pub(crate) fn line(item: &FindItem, style: Style, zone: &TimeZone) -> String {
    let root = if item.root_name.is_empty() {
        "(the root has not arrived)".to_owned()
    } else {
        format!("{} ({})", clean(&item.root_name), clean(&item.root_service))
    };
    let failed = if item.error_count > 0 { format!(", {} failed", count(item.error_count)) } else { String::new() };
    format!(
        "{} {} {:>6}  {}  {}",
        style.paint(Tone::Faint, &time::show(item.start_unix_nanos, zone)),
        style.paint(Tone::Strong, &format!("{:>9}", duration(item.duration_nanos))),
        count(item.span_count),
        style.paint(Tone::Faint, &item.trace_id.to_string()),
        style.paint(if item.error_count > 0 { Tone::Bad } else { Tone::Plain }, &format!("{root}{failed}")),
    )
}

#[cfg(test)]
mod tests {
    use kino_model::TraceId;

    use kino_wire::ask::UnknownName;

    use super::super::tests::EIGHTY;
    use super::*;

    #[test]
    fn a_service_that_there_is_not_is_said_with_the_nearest() {
        let unknown = UnknownName { did_you_mean: vec!["shop\u{1b}[2J".to_owned()] };
        let answer = Find {
            schema: Find::SCHEMA.to_owned(),
            items: Vec::new(),
            more: false,
            cursor: None,
            unknown_service: Some(unknown),
            unknown_name: None,
        };
        let text = text(&answer, EIGHTY, UnixNanos(0));
        assert!(text.starts_with("No service here has this name. Did you mean ") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn traces_fit_eighty_columns() {
        let item = |name: &str, duration_nanos, error_count| FindItem {
            trace_id: TraceId([0xab; 16]),
            root_service: "shop".to_owned(),
            root_name: name.to_owned(),
            start_unix_nanos: 1_777_593_600_000_000_000,
            duration_nanos,
            span_count: 1_204,
            error_count,
            run_id: None,
            run_recorded: false,
        };
        let answer = Find {
            schema: Find::SCHEMA.to_owned(),
            items: vec![item("GET /cart", Some(12_300_000), 0), item("", None, 3)],
            more: true,
            cursor: Some("c7".to_owned()),
            unknown_service: None,
            unknown_name: None,
        };
        let text = text(&answer, EIGHTY, UnixNanos(1_777_593_690_000_000_000));
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        insta::assert_snapshot!(text);
    }
}
