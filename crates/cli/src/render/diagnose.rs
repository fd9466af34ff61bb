//! `diagnose`: what is wrong, the most severe first, within a bounded text.

use kino_text::time;
use kino_wire::diagnose::{AlsoSeen, Diagnose, DiagnosisEntry, DiagnosisLeftOut, LookedAt, TEXT_TOKENS_MAX};

use super::{Style, Tone, clean, count, counted, finding, percent, wrap};
use crate::shell;
use kino_model::UnixNanos;

/// How many bytes count as one token.
const BYTES_PER_TOKEN: usize = 4;
/// Bytes reserved for the lines about what was read and left out.
const ENDING_BYTES: usize = 800;

/// The answer.
pub(crate) fn text(answer: &Diagnose, style: Style, now: UnixNanos) -> String {
    let mut text = match answer.entries.len() as u64 {
        0 => nothing(answer),
        1 => style.heading("One thing is wrong") + "\n",
        many => style.heading(&format!("{many} things are wrong")) + " (the most severe first)\n",
    };
    let mut shown = 0;
    for entry in &answer.entries {
        let block = entry_block(entry, style);
        if shown > 0 && text.len() + block.len() + ENDING_BYTES > TEXT_TOKENS_MAX * BYTES_PER_TOKEN {
            break;
        }
        text.push('\n');
        text.push_str(&block);
        shown += 1;
    }
    let more = (answer.entries.len() - shown) as u64 + answer.left_out.entries;
    if more > 0 {
        let which = if shown < answer.entries.len() { "--json has them" } else { "--limit shows them" };
        text.push_str(&format!("\nand {} ({which})\n", counted(more, "less severe one")));
    }
    text.push_str(&words(answer, style));
    if answer.looked_at.executions + answer.looked_at.open_executions > 0 {
        text.push_str(&style.paint(Tone::Faint, &looked_at(&answer.looked_at, now)));
    }
    text.push_str(&style.paint(Tone::Faint, &left_out(&answer.left_out)));
    text
}

fn nothing(answer: &Diagnose) -> String {
    if answer.looked_at.executions + answer.looked_at.open_executions == 0 {
        return "Nothing has been recorded here: `kino run -- CMD` records a program. --all looks beyond this project.\n"
            .to_owned();
    }
    "Nothing wrong was found.\n".to_owned()
}

fn entry_block(entry: &DiagnosisEntry, style: Style) -> String {
    let lost = format!("{} of the {}", percent(entry.share), entry.share_of);
    let of = if entry.share_of == "calls" { &entry.subject } else { &entry.operation };
    let operation = format!("{} ({})", clean(&of.name), clean(&of.service));
    let code = style.paint(Tone::Warn, &entry.code);
    let mut text = format!("{}. {code}  {} of {operation}\n", entry.rank, style.paint(Tone::Strong, &lost));
    text.push_str(&wrap(&clean(&entry.text), style, "   "));
    if let Some(location) = &entry.location {
        text.push_str(&format!("   at {}\n", finding::place(location)));
    }
    if let Some(searched) = &entry.searched {
        text.push_str(&wrap(&finding::searched(searched), style, "   "));
    }
    for also in &entry.also {
        text.push_str(&style.paint(Tone::Faint, &wrap(&also_line(also, entry), style, "   ")));
    }
    if entry.also_left_out > 0 {
        text.push_str(&format!("   also seen: {}\n", counted(entry.also_left_out, "further sign")));
    }
    if entry.words_factor > 1.0 {
        let named = if entry.words.is_empty() {
            "its operation".to_owned()
        } else {
            clean(&entry.words.join(", ")).into_owned()
        };
        text.push_str(&format!("   raised ×{:.1}: you named {named}\n", entry.words_factor));
    }
    let names_trace = |id: &str| entry.next.command.last().is_some_and(|last| last == id);
    if let Some(id) = entry.evidence.first().map(|it| it.trace_id.to_string()).filter(|id| !names_trace(id)) {
        text.push_str(&format!("   e.g. trace {id}\n"));
    }
    let next = shell::line(entry.next.command.iter().map(String::as_str));
    text.push_str(&format!("   next: {}\n", super::clean_whole(&next)));
    text
}

fn also_line(also: &AlsoSeen, entry: &DiagnosisEntry) -> String {
    let elsewhere = if also.operation == entry.operation {
        String::new()
    } else {
        format!(" in {} ({})", clean(&also.operation.name), clean(&also.operation.service))
    };
    format!("also seen as {}{elsewhere}: {}", also.code, clean(&also.text))
}

/// What the words of the complaint name.
fn words(answer: &Diagnose, style: Style) -> String {
    let list = |passes: &dyn Fn(&kino_wire::diagnose::ComplaintWord) -> bool| -> Vec<String> {
        answer.words.iter().filter(|word| passes(word)).map(|word| clean(&word.word).into_owned()).collect()
    };
    let unknown = list(&|word| !word.recorded);
    let well = list(&|word| word.recorded && word.entries == 0);
    let lines = [("Recorded, but not in what is wrong", well), ("Not the name of anything looked at", unknown)];
    let lines = lines.into_iter().filter(|(_, words)| !words.is_empty());
    let text: String = lines.map(|(what, words)| wrap(&format!("{what}: {}", words.join(", ")), style, "")).collect();
    if text.is_empty() { text } else { format!("\n{text}") }
}

fn looked_at(looked: &LookedAt, now: UnixNanos) -> String {
    let failed = if looked.failed > 0 { format!(", {} of them failed", count(looked.failed)) } else { String::new() };
    let open = if looked.open_executions > 0 {
        format!(", {} unfinished", count(looked.open_executions))
    } else {
        String::new()
    };
    let since = looked.since_unix_nanos.map(|since| format!(", since {}", time::ago(since, now)));
    let last = looked.until_unix_nanos.map(|last| format!(", the last {}", time::ago(last, now)));
    format!(
        "\nLooked at {} of {}{failed}{open}{}{}\n",
        counted(looked.executions, "execution"),
        counted(looked.operations, "operation"),
        since.unwrap_or_default(),
        last.unwrap_or_default()
    )
}

fn left_out(left_out: &DiagnosisLeftOut) -> String {
    let parts = [
        (left_out.operations, "operation with less recorded time"),
        (left_out.executions, "older execution"),
        (left_out.traces, "trace too large"),
        (left_out.words, "further word"),
    ];
    let parts: Vec<String> =
        parts.into_iter().filter(|(number, _)| *number > 0).map(|(number, what)| counted(number, what)).collect();
    if parts.is_empty() {
        return String::new();
    }
    let text = format!("Not looked at: {}\n", parts.join(", "));
    text.replace("operation with less recorded times", "operations with less recorded time")
        .replace("trace too larges", "traces too large")
}

#[cfg(test)]
mod tests {
    use kino_model::TraceId;
    use kino_wire::diagnose::{ComplaintWord, DiagnosedOperation, NextCall};
    use kino_wire::finding::{Evidence, KnownBy, Location};

    use super::super::tests::EIGHTY;
    use super::*;

    const NOW: UnixNanos = UnixNanos(172_800_000_000_000);

    fn entry(rank: u64, name: &str) -> DiagnosisEntry {
        let operation = DiagnosedOperation { service: "desk".to_owned(), name: name.to_owned() };
        let command = ["kino", "explain", "--service=desk", name].map(str::to_owned).to_vec();
        DiagnosisEntry {
            rank,
            code: "error".to_owned(),
            operation: operation.clone(),
            subject: operation.clone(),
            text: format!("7 of 60 executions of {name} failed: TypeError: no price, first in price."),
            share: 0.13,
            share_of: "executions".to_owned(),
            severity: 0.1,
            executions: 60,
            evidence: vec![Evidence { trace_id: TraceId([0xab; 16]), span_id: None }],
            location: Some(Location {
                path: "rates.js".to_owned(),
                line: Some(41),
                function: Some("price".to_owned()),
                known_by: KnownBy::Stack,
            }),
            next: NextCall { command, tool: "explain".to_owned(), arguments: Vec::new() },
            also: vec![AlsoSeen { code: "bottleneck".to_owned(), operation, text: "POST holds 35 %.".to_owned() }],
            also_left_out: 2,
            words: vec!["parcels".to_owned()],
            words_factor: 2.8,
            ..DiagnosisEntry::default()
        }
    }

    fn answer(entries: Vec<DiagnosisEntry>) -> Diagnose {
        let word = |word: &str, recorded| ComplaintWord { word: word.to_owned(), entries: 0, recorded };
        Diagnose {
            schema: Diagnose::SCHEMA.to_owned(),
            entries,
            looked_at: LookedAt {
                operations: 2,
                executions: 1_081,
                failed: 7,
                open_executions: 1,
                spans: 9_000,
                since_unix_nanos: Some(0),
                until_unix_nanos: Some(172_000_000_000_000),
            },
            words: vec![word("parcels", true), word("slow\u{1b}[2J", false)],
            left_out: DiagnosisLeftOut { operations: 1, executions: 30, traces: 1, entries: 4, words: 0 },
        }
    }

    #[test]
    fn an_entry_has_its_share_place_signs_and_the_next_command() {
        let hostile = "GET '/p'\u{1b}[2J\nrm -rf ~";
        let text = text(&answer(vec![entry(1, "POST /parcels"), entry(2, hostile)]), EIGHTY, NOW);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn nothing_wrong_says_what_was_looked_at() {
        let text = text(&Diagnose { left_out: DiagnosisLeftOut::default(), ..answer(Vec::new()) }, EIGHTY, NOW);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn an_empty_home_says_how_to_begin() {
        assert!(text(&Diagnose::default(), EIGHTY, NOW).contains("kino run -- CMD"));
    }

    #[test]
    fn the_text_keeps_to_its_tokens_and_counts_the_rest() {
        let many = (1..=50).map(|rank| entry(rank, &"n".repeat(300))).collect();
        let text = text(&answer(many), EIGHTY, NOW);
        assert!(text.len() <= TEXT_TOKENS_MAX * BYTES_PER_TOKEN, "{}", text.len());
        let shown = text.matches("next: kino").count();
        assert!(shown > 0 && text.contains(&format!("and {} less severe ones", 50 + 4 - shown)), "{shown}: {text}");
    }
}
