//! `runs`, `services` and `operations` as tables. A narrow terminal gets fewer columns: `--json` has them all.

use kino_model::UnixNanos;
use kino_text::time;
use kino_wire::live::{Operations, Services};
use kino_wire::run::{RunItem, Runs};

use super::table::Table;
use super::{Style, Tone, clean, count, counted, duration, unknown_service, wrap};

/// Terminals with fewer columns than this get the narrow tables.
const WIDE_COLUMNS: u16 = 72;
/// Terminals with fewer columns than this get no column of traces.
const TRACES_COLUMNS: u16 = 100;
/// How many digits of a run's id are shown: enough to be unique, and taken by every command.
const ID_DIGITS: usize = 12;
/// Characters of a command that are shown.
const COMMAND_CHARS_MAX: usize = 120;

fn is_narrow(style: Style) -> bool {
    style.width.is_some_and(|width| width < WIDE_COLUMNS)
}

/// The runs, the newest first, with how to go on.
pub(crate) fn runs(answer: &Runs, style: Style, now: UnixNanos) -> String {
    if answer.items.is_empty() {
        return "No run fits. `kino run -- CMD` records one; --all looks beyond this project.\n".to_owned();
    }
    let narrow = is_narrow(style);
    let has_traces = style.width.is_none_or(|width| width >= TRACES_COLUMNS);
    let mut headings = vec!["STARTED"];
    headings.extend((!narrow).then_some(">DURATION"));
    headings.push("ENDED");
    headings.extend(has_traces.then_some(">TRACES"));
    headings.extend((!narrow).then_some(">SPANS"));
    headings.extend(["!RUN", "COMMAND"]);
    let mut table = Table::new(style, &headings);
    for run in &answer.items {
        let (ended, tone) = ended(run);
        let started = time::ago(run.start_unix_nanos, now);
        let (traces, spans) = run.sent.map_or((String::new(), String::new()), |sent| {
            let more = if sent.left_out_traces > 0 { "+" } else { "" };
            (count(sent.traces), format!("{}{more}", count(sent.spans)))
        });
        let id = format!("{:.ID_DIGITS$}", run.run_id);
        let lasted = duration(run.duration_nanos);
        let command = command(run);
        let mut cells = vec![(started.as_str(), Tone::Faint)];
        if !narrow {
            cells.push((&lasted, Tone::Strong));
        }
        cells.push((&ended, tone));
        cells.extend(has_traces.then_some((traces.as_str(), Tone::Plain)));
        cells.extend((!narrow).then_some((spans.as_str(), Tone::Plain)));
        cells.extend([(id.as_str(), Tone::Faint), (command.as_str(), Tone::Plain)]);
        table.row(&cells);
    }
    let mut text = table.finish();
    if let Some(cursor) = &answer.cursor {
        let more = counted(answer.left_out, "older run");
        text.push_str(&format!("\n{more}: --limit N shows more, or go on with\n--cursor {cursor}\n"));
    }
    if answer.older_not_read {
        text.push_str("\nRuns beyond the newest 10,000 are not listed.\n");
    }
    text
}

/// How a run ended.
pub(crate) fn ended(run: &RunItem) -> (String, Tone) {
    match (run.duration_nanos, run.exit_code, run.signal) {
        (None, ..) if run.lost => ("lost".to_owned(), Tone::Bad),
        (None, ..) => ("no end yet".to_owned(), Tone::Warn),
        (_, _, Some(signal)) => (format!("signal {signal}"), Tone::Bad),
        (_, Some(0), _) => ("exit 0".to_owned(), Tone::Good),
        (_, Some(code), _) => (format!("exit {code}"), Tone::Bad),
        (_, None, None) => ("not started".to_owned(), Tone::Bad),
    }
}

fn command(run: &RunItem) -> String {
    let command = run.command.join(" ");
    let mut shown = match command.char_indices().nth(COMMAND_CHARS_MAX) {
        Some((cut, _)) => format!("{}…", clean(&command[..cut])),
        None => clean(&command).into_owned(),
    };
    if let Some(label) = &run.label {
        shown.push_str(&format!(" · label {}", clean(label)));
    }
    if let Some(call) = &run.call {
        shown.push_str(&format!(" · call {}", clean(call)));
    }
    if let Some(of) = &run.verification {
        shown.push_str(&format!(" · {} in verification {:.ID_DIGITS$}", of.side.name(), of.id));
    }
    if let Some(failed) = run.sent.map(|sent| sent.errors).filter(|failed| *failed > 0) {
        shown.push_str(&format!(" · {} failed", counted(failed, "span")));
    }
    shown
}

/// The services, the most spans first.
pub(crate) fn services(answer: &Services, style: Style) -> String {
    if answer.items.is_empty() {
        return nothing(answer.not_looked_at, style);
    }
    let mut table = Table::new(style, &["SERVICE", ">OPERATIONS", ">ROOTS", ">SPANS", ">FAILED"]);
    for service in &answer.items {
        table.row(&[
            (&unnamed(&service.service), Tone::Strong),
            (&count(service.operations), Tone::Plain),
            (&count(service.roots), Tone::Plain),
            (&count(service.spans), Tone::Plain),
            (&count(service.errors), if service.errors > 0 { Tone::Bad } else { Tone::Faint }),
        ]);
    }
    table.finish() + &beyond(answer.left_out, "further service", [answer.other_spans, answer.not_looked_at], style)
}

/// The operations, the most total time first.
pub(crate) fn operations(answer: &Operations, style: Style) -> String {
    if let Some(unknown) = &answer.unknown_service {
        return unknown_service(unknown);
    }
    if answer.items.is_empty() {
        return nothing(answer.not_looked_at, style);
    }
    let narrow = is_narrow(style);
    let headings: &[&str] = if narrow {
        &["OPERATION", "SERVICE", ">SPANS", ">P95"]
    } else {
        &["OPERATION", "SERVICE", ">SPANS", ">FAILED", ">P50", ">P95", ">TOTAL"]
    };
    let mut table = Table::new(style, headings);
    for operation in &answer.items {
        let quantile = |of: fn(&kino_wire::explain::Quantiles) -> i64| duration(operation.duration.as_ref().map(of));
        let (p50, p95) = (quantile(|quantiles| quantiles.p50_nanos), quantile(|quantiles| quantiles.p95_nanos));
        let (name, service) = (clean(&operation.name), unnamed(&operation.service));
        let (spans, failed) = (count(operation.spans), count(operation.errors));
        let total = duration(Some(operation.total_nanos));
        let mut cells = vec![(&*name, Tone::Strong), (service.as_str(), Tone::Faint), (spans.as_str(), Tone::Plain)];
        if !narrow {
            cells.push((&failed, if operation.errors > 0 { Tone::Bad } else { Tone::Faint }));
            cells.push((&p50, Tone::Plain));
        }
        cells.push((&p95, Tone::Plain));
        if !narrow {
            cells.push((&total, Tone::Plain));
        }
        table.row(&cells);
    }
    table.finish() + &beyond(answer.left_out, "further operation", [answer.other_spans, answer.not_looked_at], style)
}

fn unnamed(service: &str) -> String {
    if service.is_empty() { "(no service name)".to_owned() } else { clean(service).into_owned() }
}

fn nothing(not_looked_at: u64, style: Style) -> String {
    let none = "Nothing fits. `kino run -- CMD` records something; --all looks beyond this project.\n";
    none.to_owned() + &beyond(0, "", [0, not_looked_at], style)
}

/// That a window had more rows than one question looks at.
pub(crate) fn not_looked_at(spans: u64) -> String {
    format!("{} of this time not looked at, the oldest files: a shorter window has them", counted(spans, "span"))
}

fn beyond(left_out: u64, thing: &str, [other_spans, not_read]: [u64; 2], style: Style) -> String {
    let mut text = String::new();
    if left_out > 0 {
        text.push_str(&format!("\n{}: --limit N shows more\n", counted(left_out, thing)));
    }
    if other_spans > 0 {
        let spans = counted(other_spans, "span");
        let why = "of operations that are counted together, since a day had too many of them";
        text.push_str(&format!("\n{}", wrap(&format!("{spans} {why}"), style, "")));
    }
    if not_read > 0 {
        text.push_str(&format!("\n{}", wrap(&not_looked_at(not_read), style, "")));
    }
    text
}

#[cfg(test)]
mod tests {
    use kino_wire::explain::Quantiles;
    use kino_wire::live::{OperationSummary, ServiceSummary};
    use kino_wire::run::{RunSent, RunVerification, Side};

    use super::*;

    const NOW: UnixNanos = UnixNanos(1_777_593_690_000_000_000);

    fn at(width: u16) -> Style {
        Style { colour: false, width: Some(width) }
    }

    fn run(digits: &str, exit_code: Option<i32>, words: &[&str]) -> RunItem {
        RunItem {
            run_id: digits.repeat(4).parse().unwrap(),
            command: words.iter().map(|word| (*word).to_owned()).collect(),
            start_unix_nanos: NOW.0 - 90_000_000_000,
            duration_nanos: exit_code.map(|_| 420_000_000),
            exit_code,
            sent: exit_code.map(|code| RunSent { traces: 3, spans: 1_204, errors: code as u64, ..RunSent::default() }),
            ..RunItem::default()
        }
    }

    #[test]
    fn runs_fit_narrow_and_wide_terminals() {
        let of = RunVerification { id: "8d3f07aa".repeat(4).parse().unwrap(), side: Side::Before };
        let items = vec![
            RunItem { label: Some("mine".to_owned()), ..run("4f2a91c0", Some(0), &["pytest", "-x"]) },
            RunItem { verification: Some(of), ..run("0a1b2c3d", Some(1), &["python", "app.py", "\u{1b}[2J"]) },
            run("ffeeddcc", None, &["sleep", "60"]),
            RunItem { call: Some("toolu_01A".to_owned()), ..run("1a2b3c4d", Some(0), &["npm", "test"]) },
            RunItem { lost: true, ..run("ffeeddcb", None, &["sleep", "61"]) },
        ];
        let answer = Runs { items, left_out: 7, cursor: Some("17:ab".to_owned()), ..Runs::default() };
        for width in [60, 80, 120] {
            let text = runs(&answer, at(width), NOW);
            assert!(text.lines().all(|line| line.chars().count() <= usize::from(width)), "{text}");
            insta::assert_snapshot!(format!("runs_{width}"), text);
        }
    }

    #[test]
    fn services_and_operations_fit_narrow_and_wide_terminals() {
        let shop = ServiceSummary { service: "shop".to_owned(), operations: 3, spans: 1_204, roots: 40, errors: 2 };
        let answer = Services {
            items: vec![shop, ServiceSummary { spans: 1, ..ServiceSummary::default() }],
            left_out: 1,
            ..Services::default()
        };
        let quantiles =
            Quantiles { p50_nanos: 1_500_000, p95_nanos: 20_000_000, p99_nanos: 30_000_000, max_nanos: 31_000_000 };
        let operation = OperationSummary {
            service: "shop".to_owned(),
            name: "GET /orders/<int:id>".to_owned(),
            spans: 1_204,
            roots: 40,
            errors: 2,
            total_nanos: 9_000_000_000,
            duration: Some(quantiles),
        };
        let operations_answer = Operations { items: vec![operation], other_spans: 9, ..Operations::default() };
        for width in [60, 80] {
            let text = services(&answer, at(width)) + "\n" + &operations(&operations_answer, at(width));
            assert!(text.lines().all(|line| line.chars().count() <= usize::from(width)), "{text}");
            insta::assert_snapshot!(format!("services_and_operations_{width}"), text);
        }
    }
}
