//! What was pulled from another server, in text.

use super::{Style, Tone, bytes, clean, count, counted};
use crate::commands::Pulled;

/// What came, what was there already, and how to go on.
pub(crate) fn text(pulled: &Pulled, style: Style) -> String {
    let services = match pulled.services.as_slice() {
        [] => String::new(),
        [one] => format!(", service {}", clean(one)),
        many => format!(", {}", counted(many.len() as u64, "service")),
    };
    let mut text = format!(
        "{}: {}, {} and {} from {}{services} ({}, {})\n",
        counted(pulled.traces, "trace"),
        counted(pulled.spans, "span"),
        counted(pulled.events, "event"),
        counted(pulled.links, "link"),
        pulled.url,
        counted(pulled.requests, "request"),
        bytes(pulled.bytes),
    );
    if pulled.known_traces > 0 {
        text.push_str(&format!(
            "{} answered again as they were: not imported twice\n",
            counted(pulled.known_traces, "trace")
        ));
    }
    match pulled.ended {
        "trace_limit" => {
            let limit =
                format!("Stopped at {} traces (--limit): the same command goes on from there", count(pulled.traces));
            text.push_str(&format!("{}\n", style.paint(Tone::Warn, &limit)));
        }
        "time_limit" => {
            let limit = "Stopped after an hour: the same command goes on from there";
            text.push_str(&format!("{}\n", style.paint(Tone::Warn, limit)));
        }
        _ if pulled.traces == 0 && pulled.requests <= 2 && pulled.known_traces == 0 => {
            text.push_str("Nothing new there: what an earlier pull has asked for is not asked again (--again does)\n");
        }
        _ => {}
    }
    text.push_str(&super::engine::issues(&pulled.issues, &pulled.issue_examples, style));
    text
}
