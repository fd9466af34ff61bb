//! `explain --change`: changed lines that no run has executed, by file.

use kino_wire::change::{Change, ChangedFile, LineRange};

use super::{Style, Tone, bytes, clean, code_state, counted, wrap};

/// Ranges of one file that are shown.
const RANGES_MAX: usize = 40;

/// The answer.
pub(crate) fn text(answer: &Change, style: Style) -> String {
    let runs = match (answer.runs, answer.runs_without_lines) {
        (0, _) if answer.runs_of_other_states > 0 => format!(
            "no run of this state recorded lines, {} of others did: a file has changed since, or a run left one behind that \
             git does not ignore (git status); `kino run --lines -- CMD` records this state",
            counted(answer.runs_of_other_states, "run")
        ),
        (0, 0) => "no run of this state is recorded; `kino run --lines -- CMD` records one".to_owned(),
        (0, without) => format!(
            "{} of this state recorded no lines; `kino run --lines -- CMD` records them",
            counted(without, "run")
        ),
        (runs, 0) => format!("{} of this state", counted(runs, "run")),
        (runs, without) => {
            format!("{} of this state, and {} without --lines", counted(runs, "run"), counted(without, "run"))
        }
    };
    let state = code_state(&answer.code_state);
    let mut text = wrap(&format!("{state}: {runs}"), style, "");
    if answer.changed == 0 {
        text.push_str("No line that can execute has changed since the last commit.\n");
    } else {
        let unexercised = answer.changed - answer.executed;
        let head = format!("{unexercised} of {} are executed by no such run", counted(answer.changed, "changed line"));
        text.push_str(&format!("{}\n", style.heading(&head)));
    }
    for file in answer.files.iter().filter(|file| !file.unexercised.is_empty()) {
        text.push_str(&of_file(file, style));
    }
    for note in notes(answer) {
        text.push_str(&style.paint(Tone::Faint, &wrap(&note, style, "")));
    }
    text
}

/// One sentence at the end of a run with `--lines`; `is_recorded`: whether a process of it looked at lines.
pub(crate) fn sentence(answer: &Change, is_recorded: bool) -> String {
    let unexercised = answer.changed - answer.executed;
    match (answer.changed, unexercised) {
        (0, _) => "no line that can execute has changed since the last commit".to_owned(),
        _ if !is_recorded => "no process of this run recorded lines: that takes CPython 3.9 or newer, or Node 20 or \
                              newer, without a debugger or coverage of its own"
            .to_owned(),
        (changed, 0) => format!("all {} executed", counted(changed, "changed line")),
        (changed, left) => {
            format!("{left} of {} not executed: kino explain --change", counted(changed, "changed line"))
        }
    }
}

fn of_file(file: &ChangedFile, style: Style) -> String {
    let ranges = file.unexercised.iter().take(RANGES_MAX).map(|range| range_text(*range)).collect::<Vec<_>>();
    let more = file.unexercised.len().saturating_sub(RANGES_MAX);
    let more = if more > 0 { format!(", and {}", counted(more as u64, "further range")) } else { String::new() };
    let mut text = wrap(&format!("{}:{}{more}", clean(&file.path), ranges.join(", ")), style, "  ");
    if file.unmapped {
        let note = "something made of it was executed, and no source map leads back: these lines may have been";
        text.push_str(&style.paint(Tone::Faint, &wrap(note, style, "    ")));
    } else if !file.judged_by_run {
        let note = "no run loaded it; lines that are neither blank nor a comment are counted";
        text.push_str(&style.paint(Tone::Faint, &wrap(note, style, "    ")));
    }
    text
}

/// `12` or `12-15`.
pub(crate) fn range_text(range: LineRange) -> String {
    if range.first == range.last { range.first.to_string() } else { format!("{}-{}", range.first, range.last) }
}

fn notes(answer: &Change) -> Vec<String> {
    let left = &answer.left_out;
    let mut notes = Vec::new();
    if left.files > 0 {
        notes.push(format!("and {} with such lines (--json has the first 100)", counted(left.files, "further file")));
    }
    if left.files_not_recorded > 0 {
        let files = counted(left.files_not_recorded, "changed file");
        notes.push(format!("{files} in other languages than Python, JavaScript and TypeScript: not recorded"));
    }
    if left.files_not_asked > 0 {
        notes.push(format!("{} were too many to ask a run about", counted(left.files_not_asked, "changed file")));
    }
    if left.diff_bytes > 0 {
        notes.push(format!("the last {} of the uncommitted diff are not read", bytes(left.diff_bytes)));
    }
    notes
}

#[cfg(test)]
mod tests {
    use kino_wire::change::ChangeLeftOut;

    use super::*;
    use crate::render::tests::EIGHTY;

    fn answer() -> Change {
        let file = |path: &str, unexercised: &[(u32, u32)], judged_by_run| ChangedFile {
            path: path.to_owned(),
            changed: 9,
            executed: 2,
            unexercised: unexercised.iter().map(|(first, last)| LineRange { first: *first, last: *last }).collect(),
            judged_by_run,
            unmapped: false,
        };
        Change {
            code_state: "0123456789abcdef0123456789abcdef01234567+0123456789abcdef".to_owned(),
            runs: 2,
            runs_without_lines: 1,
            changed: 18,
            executed: 4,
            files: vec![
                file("app/orders.py", &[(3, 3), (7, 12)], true),
                file("web/\u{1b}[31mcart.ts", &[(1, 7)], false),
            ],
            left_out: ChangeLeftOut { files: 2, files_not_recorded: 1, files_not_asked: 3, diff_bytes: 2048 },
            ..Change::default()
        }
    }

    #[test]
    fn files_have_the_lines_that_no_run_executed() {
        insta::assert_snapshot!(text(&answer(), EIGHTY));
    }

    #[test]
    fn without_a_run_it_says_how_to_record_one() {
        let none = Change { code_state: "0123456789abcdef".to_owned(), ..Change::default() };
        let shown = text(&none, EIGHTY);
        assert!(shown.contains("kino run --lines") && shown.contains("No line"), "{shown}");
        let without = text(&Change { runs_without_lines: 2, ..none.clone() }, EIGHTY);
        assert!(without.contains("2 runs of this state recorded no lines"), "{without}");
        let elsewhere = text(&Change { runs_of_other_states: 3, ..none }, EIGHTY);
        let words = elsewhere.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("3 runs of others did") && words.contains("(git status)"), "{elsewhere}");
    }
}
