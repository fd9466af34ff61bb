//! `check`: for people, for CI that reads JUnit, and as annotations of GitHub Actions. Recorded text is escaped in each.

use kino_wire::check::{Check, CheckLine, CheckOutcome};

use super::{Style, Tone, clean, counted, wrap};

/// Where an expectation is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExpectationLine {
    /// The file, relative to the repository's root.
    pub(crate) file: String,
    /// The line, from 1; `None` where it comes from the command line.
    pub(crate) line: Option<u64>,
}

/// For people.
pub(crate) fn text(answer: &Check, no_data_is_fine: bool, style: Style) -> String {
    let mut text = String::new();
    for line in &answer.lines {
        let (mark, tone) = match line.outcome {
            CheckOutcome::Pass => ("✓", Tone::Good),
            CheckOutcome::Fail => ("✗", Tone::Bad),
            CheckOutcome::NoData if no_data_is_fine => ("?", Tone::Faint),
            CheckOutcome::NoData => ("?", Tone::Warn),
        };
        text.push_str(&format!("{} {}\n", style.paint(tone, mark), clean(&line.text)));
        text.push_str(&wrap(&said(line), style, "    "));
        for evidence in line.evidence.iter().take(1) {
            let id = evidence.span_id.map_or(String::new(), |span| format!("/{span}"));
            text.push_str(&style.paint(Tone::Faint, &format!("    kino open {}{id}", evidence.trace_id)));
            text.push('\n');
        }
    }
    let count = |outcome| answer.lines.iter().filter(|line| line.outcome == outcome).count();
    let (met, broken, silent) = (count(CheckOutcome::Pass), count(CheckOutcome::Fail), count(CheckOutcome::NoData));
    let tone = if broken > 0 || (silent > 0 && !no_data_is_fine) { Tone::Bad } else { Tone::Good };
    let summary = format!("{met} met, {broken} not met, {silent} without data");
    let older = match answer.traces_left_out {
        0 => String::new(),
        older => format!("; {} not read", counted(older, "older trace")),
    };
    let set = format!("{} of {}{older}", counted(answer.traces, "trace"), clean(&answer.set));
    text.push_str(&format!("\n{}: {set}\n", style.paint(tone, &summary)));
    text
}

fn said(line: &CheckLine) -> String {
    let rests = counted(line.executions, "execution");
    match line.outcome {
        CheckOutcome::NoData => format!("no data: {} ({rests})", clean(&line.measured)),
        _ => format!("{} ({rests})", clean(&line.measured)),
    }
}

/// JUnit's XML: one test case for each line.
pub(crate) fn junit(answer: &Check, no_data_is_fine: bool) -> String {
    let count = |outcome| answer.lines.iter().filter(|line| line.outcome == outcome).count();
    let silent = count(CheckOutcome::NoData);
    let (failures, skipped) =
        if no_data_is_fine { (count(CheckOutcome::Fail), silent) } else { (count(CheckOutcome::Fail) + silent, 0) };
    let tests = answer.lines.len();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    text.push_str(&format!(
        "  <testsuite name=\"kino check\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\">\n"
    ));
    for line in &answer.lines {
        let class = if line.from_baseline { "baseline" } else { "kino.toml" };
        text.push_str(&format!("    <testcase classname=\"{class}\" name=\"{}\">", xml(&line.text)));
        let said = xml(&said(line));
        match line.outcome {
            CheckOutcome::Pass => text.push_str(&format!("<system-out>{said}</system-out>")),
            CheckOutcome::NoData if no_data_is_fine => text.push_str(&format!("<skipped message=\"{said}\"/>")),
            _ => {
                let evidence: Vec<String> = line.evidence.iter().map(|it| it.trace_id.to_string()).collect();
                text.push_str(&format!("<failure message=\"{said}\">{}</failure>", evidence.join(" ")));
            }
        }
        text.push_str("</testcase>\n");
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

/// Text in XML, in an attribute too. What XML 1.0 cannot carry at all is made visible.
fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in clean(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\u{FFFE}' | '\u{FFFF}' => escaped.push('\u{FFFD}'),
            control if control.is_control() => escaped.push_str(&format!("\\u{{{:x}}}", u32::from(control))),
            plain => escaped.push(plain),
        }
    }
    escaped
}

/// Renders annotations: an error at each broken expectation, and one plain line that sums up.
pub(crate) fn github(answer: &Check, no_data_is_fine: bool, places: &[ExpectationLine]) -> String {
    let mut text = String::new();
    let mut broken = 0;
    for (index, line) in answer.lines.iter().enumerate() {
        let level = match line.outcome {
            CheckOutcome::Pass => continue,
            CheckOutcome::NoData if no_data_is_fine => "warning",
            _ => "error",
        };
        broken += usize::from(level == "error");
        let mut properties = Vec::new();
        if let Some(ExpectationLine { file, line: Some(line) }) = places.get(index).filter(|_| !line.from_baseline) {
            properties.push(format!("file={},line={line}", property(file)));
        }
        properties.push(format!("title={}", property(&line.text)));
        text.push_str(&format!("::{level} {}::{}\n", properties.join(","), message(&said(line))));
    }
    // What follows must not be taken for a command, whatever a name says.
    let rests = format!("{} of {}", counted(answer.traces, "trace"), clean(&answer.set));
    text.push_str(&format!("kino check: {broken} of {} do not hold, over {}\n", answer.lines.len(), message(&rests)));
    text
}

/// The message of a workflow command.
fn message(text: &str) -> String {
    clean(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use kino_model::TraceId;
    use kino_wire::finding::Evidence;

    use super::super::tests::EIGHTY;
    use super::*;

    fn answer() -> Check {
        let line = |text: &str, outcome, measured: &str, from_baseline| CheckLine {
            text: text.to_owned(),
            from_baseline,
            outcome,
            executions: 12,
            measured: measured.to_owned(),
            evidence: match outcome {
                CheckOutcome::Fail => vec![Evidence { trace_id: TraceId([0xab; 16]), span_id: None }],
                _ => Vec::new(),
            },
        };
        Check {
            schema: Check::SCHEMA.to_owned(),
            set: "code:4f2a91c0".to_owned(),
            traces: 12,
            traces_left_out: 3,
            lines: vec![
                line("load_cart p95 < 1 s", CheckOutcome::Pass, "812 ms", false),
                line("no n_plus_one in /x", CheckOutcome::Fail, "n_plus_one: <a href=\"x\">\n::error::50%", false),
                line("\u{1b}[31mhostile, name: is not slower", CheckOutcome::NoData, "never ]]> executed", true),
            ],
        }
    }

    #[test]
    fn the_text_lists_met_and_broken_expectations() {
        insta::assert_snapshot!(text(&answer(), false, EIGHTY));
    }

    #[test]
    fn junit_escapes_what_was_recorded() {
        insta::assert_snapshot!(junit(&answer(), false));
        assert!(junit(&answer(), true).contains("failures=\"1\" errors=\"0\" skipped=\"1\""));
    }

    #[test]
    fn annotations_cannot_be_forged() {
        let places = [Some(3), Some(4)].map(|line| ExpectationLine { file: "kino.toml".to_owned(), line });
        let text = github(&answer(), false, &places);
        insta::assert_snapshot!(text);
        assert_eq!(text.lines().filter(|line| line.starts_with("::")).count(), 2);
    }
}
