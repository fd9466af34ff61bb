//! `insights`: stored findings, the most worth acting on first, and the history of one.

use kino_model::{DurationNanos, UnixNanos};
use kino_text::time;
use kino_wire::insights::{Delivered, FindingChange, FindingState, Fix, Insight, Insights};

use super::table::Table;
use super::{Style, Tone, clean, code_state, count, counted, duration, finding, wrap};

/// How many findings are described in sentences below the table.
const DESCRIBED_MAX: usize = 3;

/// The table, and the first few in sentences.
pub(crate) fn text(answer: &Insights, style: Style, now: UnixNanos) -> String {
    let mut text = String::new();
    if answer.items.is_empty() {
        text.push_str(&nothing(answer));
    } else {
        let headings = ["STATE", "FINDING", ">SAVES", ">RUNS", "SEEN", "!FINGERPRINT", "IN"];
        let mut table = Table::new(style, &headings);
        for item in &answer.items {
            table.row(&[
                (item.state.name(), tone(item.state)),
                (item.finding.code.name(), Tone::Strong),
                (&duration(item.finding.saving_nanos), Tone::Good),
                (&count(item.finding.executions), Tone::Plain),
                (&time::ago(item.last_seen_unix_nanos, now), Tone::Faint),
                (&item.finding.fingerprint.to_string(), Tone::Faint),
                (&place(item), Tone::Plain),
            ]);
        }
        text.push_str(&table.finish());
        for item in answer.items.iter().take(DESCRIBED_MAX) {
            text.push('\n');
            text.push_str(&one(item, style, now));
        }
    }
    let left = &answer.left_out;
    let mut notes = Vec::new();
    if left.findings > 0 {
        notes.push(format!("{} beyond --limit", counted(left.findings, "finding")));
    }
    notes.extend(left.other_states.iter().map(|(state, number)| format!("{} {state}", count(*number))));
    if left.waiting_traces > 0 {
        notes.push(format!("{} not looked at yet", counted(left.waiting_traces, "trace")));
    }
    if left.unseen_traces > 0 {
        notes.push(format!("{} came faster than they could be looked at", counted(left.unseen_traces, "trace")));
    }
    if left.not_stored > 0 {
        notes.push(format!("{} not stored: there are too many", counted(left.not_stored, "finding")));
    }
    let rests = format!(
        "Rests on the last {} of {}.",
        counted(answer.executions, "execution"),
        counted(answer.operations, "operation")
    );
    let notes = if notes.is_empty() { String::new() } else { format!(" Not shown: {}.", notes.join(", ")) };
    text.push('\n');
    text.push_str(&style.paint(Tone::Faint, &wrap(&format!("{rests}{notes}"), style, "")));
    text
}

/// The operation concerned, and the one in whose executions it was seen where that is another.
fn place(item: &Insight) -> String {
    let (subject, entry) = (clean(&item.finding.subject.name), clean(&item.entry.name));
    let within = if subject == entry || subject.is_empty() { String::new() } else { format!("{subject} in ") };
    format!("{within}{entry}{}", more(item.also_in.len()))
}

fn nothing(answer: &Insights) -> String {
    if answer.operations == 0 && answer.left_out.other_states.is_empty() {
        "Nothing was looked at here yet: trace a program with `kino run -- CMD`. --all looks beyond this project.\n"
            .to_owned()
    } else {
        "No finding. --state all shows those that are fixed, acknowledged or decayed.\n".to_owned()
    }
}

/// Everything that is remembered of one.
pub(crate) fn one(item: &Insight, style: Style, now: UnixNanos) -> String {
    let mut text = finding::list(std::slice::from_ref(&item.finding), style);
    let line = |text: &mut String, tone, words: &str| text.push_str(&style.paint(tone, &wrap(words, style, "    ")));
    let code = |code: &Option<String>| {
        code.as_deref().map(|code| format!(" at code {}", clean(&code_state(code)))).unwrap_or_default()
    };
    let changed = if item.state == FindingState::Open {
        String::new()
    } else {
        format!("{} {}{}; ", item.state, time::ago(item.changed_unix_nanos, now), code(&item.fixed_at_code))
    };
    let entry = if item.entry.service.is_empty() {
        clean(&item.entry.name).into_owned()
    } else {
        format!("{} ({})", clean(&item.entry.name), clean(&item.entry.service))
    };
    line(&mut text, Tone::Plain, &format!("in {entry}"));
    if !item.also_in.is_empty() {
        let names: Vec<_> = item.also_in.iter().take(DESCRIBED_MAX).map(|also| clean(&also.entry.name)).collect();
        let more = more(item.also_in.len() - names.len());
        line(&mut text, Tone::Plain, &format!("also in {}{more}", names.join(", ")));
    }
    let back = match item.recurrences {
        0 => String::new(),
        times => format!("; came back {}", counted(times, "time")),
    };
    line(
        &mut text,
        Tone::Faint,
        &format!(
            "{changed}first seen {}{}, last {}{}{back}",
            time::ago(item.first_seen_unix_nanos, now),
            code(&item.opened_at_code),
            time::ago(item.last_seen_unix_nanos, now),
            code(&item.last_seen_at_code)
        ),
    );
    if !item.delivered.is_empty() {
        line(&mut text, Tone::Faint, &delivered(&item.delivered, now));
    }
    if let Some(fix) = &item.fix {
        line(&mut text, Tone::Good, &format!("its repair: {}", repair(fix)));
    }
    if let Some(worked) = &item.worked_here {
        line(&mut text, Tone::Good, &format!("worked here on one like it: {}", repair(&worked.fix)));
        if let Some(next) = &worked.next {
            // In one piece, so that it can be copied.
            text.push_str(&style.paint(Tone::Faint, &format!("    {}\n", clean(next))));
        }
    }
    if item.state.is_present() {
        let example = item.finding.evidence.first();
        let explain = example.map(|example| format!(" · kino explain {}", example.trace_id)).unwrap_or_default();
        line(&mut text, Tone::Faint, &format!("kino insights ack {}{explain}", item.finding.fingerprint));
    }
    text
}

/// Through which channels it was delivered unasked, and when last by each.
fn delivered(deliveries: &[Delivered], now: UnixNanos) -> String {
    let mut channels: Vec<(&str, usize, i64)> = Vec::new();
    for delivery in deliveries {
        match channels.iter_mut().find(|(channel, ..)| *channel == delivery.channel) {
            Some((_, times, at)) => (*times, *at) = (*times + 1, delivery.at_unix_nanos.max(*at)),
            None => channels.push((&delivery.channel, 1, delivery.at_unix_nanos)),
        }
    }
    let part = |(channel, times, at): &(&str, usize, i64)| {
        let times = if *times == 1 { String::new() } else { format!(", {times} times") };
        format!("by {} {}{times}", clean(channel), time::ago(*at, now))
    };
    format!("delivered {}", channels.iter().map(part).collect::<Vec<_>>().join("; "))
}

/// How many more there are than are named, if any.
fn more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" and {count} more") }
}

/// Renders a run's line about the findings whose state changed; `None` where none did.
pub(crate) fn changes(changes: &[FindingChange]) -> Option<String> {
    let part = |states: &[FindingState], word: &str| {
        let codes: Vec<&str> =
            changes.iter().filter(|it| states.contains(&it.state)).map(|it| it.code.name()).collect();
        let more = more(codes.len().saturating_sub(DESCRIBED_MAX));
        let shown = codes.iter().take(DESCRIBED_MAX).copied().collect::<Vec<_>>().join(", ");
        (!codes.is_empty()).then(|| format!("{word}: {shown}{more}"))
    };
    let parts = [
        part(&[FindingState::Open], "new"),
        part(&[FindingState::Recurring], "back again"),
        part(&[FindingState::Fixed], "fixed"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("findings {} · kino insights", parts.join(" · ")))
}

fn repair(fix: &Fix) -> String {
    let times = match (fix.median_nanos_before, fix.median_nanos_after, fix.effect) {
        (Some(before), Some(after), Some(effect)) => {
            format!("{} → {} ({effect:.2} times as long)", DurationNanos(before), DurationNanos(after))
        }
        _ => "its time is not known".to_owned(),
    };
    let code = match (&fix.before_code, &fix.after_code) {
        (Some(before), Some(after)) => format!(", code {} → {}", clean(&code_state(before)), clean(&code_state(after))),
        _ => String::new(),
    };
    format!("{times}, over {} and {} executions{code}", count(fix.executions_before), count(fix.executions_after))
}

fn tone(state: FindingState) -> Tone {
    match state {
        FindingState::Open => Tone::Warn,
        FindingState::Recurring => Tone::Bad,
        FindingState::Fixed => Tone::Good,
        FindingState::Acknowledged | FindingState::Decayed => Tone::Faint,
    }
}

#[cfg(test)]
mod tests {
    use kino_model::Fingerprint;
    use kino_wire::finding::{Code, Finding, Subject, SubjectKind};
    use kino_wire::insights::{InsightsLeftOut, Operation, WorkedHere};

    use super::super::tests::EIGHTY;
    use super::*;

    fn item(state: FindingState) -> Insight {
        let fix = Fix {
            before_code: Some("9d03b7e".to_owned()),
            after_code: Some("9d03b7e+0123456789abcdef".to_owned()),
            executions_before: 12,
            executions_after: 5,
            median_nanos_before: Some(120_000_000),
            median_nanos_after: Some(30_000_000),
            effect: Some(0.25),
            at_unix_nanos: 0,
        };
        Insight {
            finding: Finding {
                code: Code::NPlusOne,
                subject: Subject { kind: SubjectKind::Operation, service: "shop".to_owned(), name: "load".to_owned() },
                numbers: Vec::new(),
                saving_nanos: Some(90_000_000),
                confidence: 0.9,
                executions: 12,
                location: None,
                searched: None,
                evidence: Vec::new(),
                fingerprint: "c0ffee0012345678".parse().unwrap(),
                text: "40 calls of one kind below load in an execution.".to_owned(),
                next: Some("fetch all items in one call".to_owned()),
                remarks: Vec::new(),
                follows_from: None,
            },
            state,
            entry: Operation { service: "shop".to_owned(), name: "GET /cart\u{1b}[2J".to_owned() },
            also_in: Vec::new(),
            project: None,
            file: None,
            first_seen_unix_nanos: 0,
            last_seen_unix_nanos: 3_600_000_000_000,
            changed_unix_nanos: 3_600_000_000_000,
            sequence: 1,
            opened_at_code: Some("9d03b7e".to_owned()),
            last_seen_at_code: Some("9d03b7e".to_owned()),
            fixed_at_code: (state == FindingState::Fixed).then(|| "9d03b7e+0123456789abcdef".to_owned()),
            fix: (state == FindingState::Fixed).then(|| fix.clone()),
            delivered: Vec::new(),
            recurrences: 0,
            worked_here: (state == FindingState::Open).then(|| WorkedHere {
                fingerprint: "c0ffee00ffffffff".parse().unwrap(),
                fix,
                next: Some("kino compare --before code:9d03b7e --after code:9d03b7e+0123456789abcdef".to_owned()),
            }),
            worth_nanos_per_day: 1,
        }
    }

    #[test]
    fn findings_fit_eighty_columns_and_the_first_are_described() {
        let answer = Insights {
            items: vec![item(FindingState::Open), item(FindingState::Fixed)],
            executions: 24,
            operations: 1,
            left_out: InsightsLeftOut { findings: 2, waiting_traces: 1, ..InsightsLeftOut::default() },
            ..Insights::default()
        };
        let text = text(&answer, EIGHTY, UnixNanos(7_200_000_000_000));
        assert!(text.lines().all(|line| line.contains("kino compare") || line.chars().count() <= 80), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_run_reports_changed_findings_in_one_line() {
        let change = |code, state| FindingChange {
            fingerprint: Fingerprint::default(),
            code,
            state,
            sequence: 0,
            changed_unix_nanos: 0,
        };
        assert_eq!(changes(&[]), None);
        assert_eq!(changes(&[change(Code::DeadTime, FindingState::Decayed)]), None);
        let some = [change(Code::NPlusOne, FindingState::Open), change(Code::DeadTime, FindingState::Fixed)];
        assert_eq!(changes(&some).unwrap(), "findings new: n_plus_one · fixed: dead_time · kino insights");
    }
}
