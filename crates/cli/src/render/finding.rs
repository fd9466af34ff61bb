//! Findings, and where in the code something is.

use kino_wire::finding::{Finding, Location, SearchConfidence, Searched, SoughtKind};

use super::{Style, Tone, clean, duration, wrap};

/// Findings as a list; nothing at all where there are none.
pub(crate) fn list(findings: &[Finding], style: Style) -> String {
    let mut text = String::new();
    for finding in findings {
        let saving = finding.saving_nanos.map(|nanos| format!("  saves up to {}", duration(Some(nanos))));
        let saving = style.paint(Tone::Good, &saving.unwrap_or_default());
        text.push_str(&format!("  {}{saving}\n", style.paint(Tone::Warn, finding.code.name())));
        text.push_str(&wrap(&clean(&finding.text), style, "    "));
        for remark in &finding.remarks {
            text.push_str(&wrap(&format!("· {}", clean(remark)), style, "    "));
        }
        if let Some(location) = &finding.location {
            text.push_str(&format!("    at {}\n", place(location)));
        }
        if let Some(found) = &finding.searched {
            text.push_str(&wrap(&searched(found), style, "    "));
        }
        if let Some(next) = &finding.next {
            let next = wrap(&format!("next: {}", clean(next)), style, "    ");
            text.push_str(&style.paint(Tone::Faint, &next));
        }
    }
    text
}

/// The longest route that is repeated beside a place.
const ROUTE_CHARS_MAX: usize = 60;

/// Where it may be, which no span says: `app.py:12? found by searching: only here is the route GET /orders/{id}`.
pub(crate) fn searched(searched: &Searched) -> String {
    let places: Vec<String> = searched.places.iter().map(|place| format!("{}:{}", place.path, place.line)).collect();
    let places = places.join(", ");
    let more = searched.candidates.saturating_sub(searched.places.len() as u64);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let sought = match searched.sought {
        SoughtKind::Route => format!("the route {}", searched.text.chars().take(ROUTE_CHARS_MAX).collect::<String>()),
        SoughtKind::Statement => "this statement".to_owned(),
    };
    let said = match searched.confidence {
        SearchConfidence::Exact => format!("at {places} (found by searching, exact: only here is {sought})"),
        SearchConfidence::Likely => {
            format!("probably at {places} (found by searching, likely: only here is the distinctive part of {sought})")
        }
        SearchConfidence::Several => {
            let count = searched.candidates;
            format!("at one of {count} places (found by searching for {sought}): {places}{more}")
        }
    };
    let unread = match searched.files_left_out {
        0 => String::new(),
        files => format!("; {files} source files were not searched"),
    };
    clean(&format!("{said}{unread}")).into_owned()
}

/// A place in the code.
pub(crate) fn place(location: &Location) -> String {
    let line = location.line.map(|line| format!(":{line}")).unwrap_or_default();
    let function = location.function.as_deref().map(|function| format!(" in {function}")).unwrap_or_default();
    clean(&format!("{}{line}{function}", location.path)).into_owned()
}
