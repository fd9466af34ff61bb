//! Findings, and where in the code something is.

use kino_wire::finding::{Finding, Location};

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
        if let Some(next) = &finding.next {
            let next = wrap(&format!("next: {}", clean(next)), style, "    ");
            text.push_str(&style.paint(Tone::Faint, &next));
        }
    }
    text
}

/// A place in the code.
pub(crate) fn place(location: &Location) -> String {
    let line = location.line.map(|line| format!(":{line}")).unwrap_or_default();
    let function = location.function.as_deref().map(|function| format!(" in {function}")).unwrap_or_default();
    clean(&format!("{}{line}{function}", location.path)).into_owned()
}
