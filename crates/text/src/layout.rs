//! Text in columns and lines: measured, cut with a sign that it was, wrapped.

use std::borrow::Cow;
use std::ops::Range;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::untrusted::clean;

/// How far a tab goes.
const TAB_COLUMNS: usize = 4;

/// The columns that clean text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Clean text in at most `columns`, with an ellipsis where something is missing.
pub fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    let text = clean(text);
    if text.width() <= columns {
        return text;
    }
    let mut shown = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > columns {
            break;
        }
        shown.push(c);
        used += wide;
    }
    if columns > 0 {
        shown.push('…');
    }
    Cow::Owned(shown)
}

/// Words in lines of at most `columns` (of any length if `None`), each behind `margin` and with a line end. A word that
/// is longer than a line stays whole.
pub fn wrap(text: &str, columns: Option<usize>, margin: &str) -> String {
    let room = columns.map_or(usize::MAX, |columns| columns.saturating_sub(width(margin)).max(1));
    let mut lines: Vec<(String, usize)> = Vec::new();
    for word in text.split_whitespace() {
        let wide = width(word);
        match lines.last_mut() {
            Some((line, used)) if *used + 1 + wide <= room => {
                line.push(' ');
                line.push_str(word);
                *used += 1 + wide;
            }
            _ => lines.push((word.to_owned(), wide)),
        }
    }
    lines.iter().flat_map(|(line, _)| [margin, line, "\n"]).collect()
}

/// Lines of at most `columns`: a longer one goes on below, behind the blanks that it began with, and breaks between
/// words alone. A longer word stays whole, and so does a line that [`is_command`], since it is there to be copied. What
/// gives colour takes no column; where a coloured line breaks, the colour ends and begins again.
pub fn fit(text: &str, columns: usize) -> Cow<'_, str> {
    if text.lines().all(|line| width_shown(line) <= columns) {
        return Cow::Borrowed(text);
    }
    let mut fitted = String::with_capacity(text.len() + text.len() / 8);
    for line in text.split_inclusive('\n') {
        let content = line.strip_suffix('\n').unwrap_or(line);
        if width_shown(content) <= columns || is_command(content) {
            fitted.push_str(content);
        } else {
            fit_line(content, columns, &mut fitted);
        }
        fitted.push_str(&line[content.len()..]);
    }
    Cow::Owned(fitted)
}

/// Whether a line is a command of ours, or names one as the next step.
pub fn is_command(line: &str) -> bool {
    let plain: String = shown(line).collect();
    let plain = plain.trim_start().trim_start_matches("$ ");
    let plain = ["next: ", "Next: "].iter().find_map(|word| plain.strip_prefix(word)).unwrap_or(plain);
    plain.starts_with("kino ")
}

/// The characters of a line of ours that are seen: all but sequences that give colour.
fn shown(line: &str) -> impl Iterator<Item = char> {
    let mut is_sequence = false;
    line.chars().filter(move |c| {
        let before = is_sequence;
        is_sequence = if before { *c != 'm' } else { *c == '\u{1b}' };
        !before && !is_sequence
    })
}

fn width_shown(line: &str) -> usize {
    if line.contains('\u{1b}') { shown(line).map(|c| c.width().unwrap_or(0)).sum() } else { line.width() }
}

fn fit_line(line: &str, columns: usize, fitted: &mut String) {
    let margin = " ".repeat(shown(line).take_while(|c| *c == ' ').count().min(columns / 2));
    let (mut used, mut open) = (0, String::new());
    for (index, word) in line.split(' ').enumerate() {
        let wide = width_shown(word);
        let is_first = used <= margin.len();
        if index > 0 && wide > 0 && !is_first && used + 1 + wide > columns {
            let end = fitted.trim_end_matches(' ').len();
            fitted.truncate(end);
            let reset = if open.is_empty() { "" } else { "\u{1b}[0m" };
            fitted.extend([reset, "\n", &margin, &open]);
            used = margin.len();
        } else if index > 0 {
            fitted.push(' ');
            used += 1;
        }
        fitted.push_str(word);
        used += wide;
        colour_after(word, &mut open);
    }
}

/// The sequences that give the colour behind a word, where `open` are those before it.
fn colour_after(word: &str, open: &mut String) {
    for sequence in word.split('\u{1b}').skip(1).filter_map(|rest| rest.split_inclusive('m').next()) {
        if matches!(sequence, "[0m" | "[m") {
            open.clear();
        } else {
            open.push('\u{1b}');
            open.push_str(sequence);
        }
    }
}

/// The byte ranges of the rows of at most `columns` that clean text on one line takes; together they are the whole
/// text. A row ends after a blank where there is one in its last third. Empty text takes one row.
pub fn rows(text: &str, columns: usize) -> Vec<Range<usize>> {
    let mut rows = Vec::new();
    let (mut start, mut used, mut blank) = (0, 0, None);
    for (at, c) in text.char_indices() {
        let wide = c.width().unwrap_or(0);
        if used + wide > columns {
            let (end, taken) = blank.filter(|(_, taken)| *taken > columns * 2 / 3).unwrap_or((at, used));
            rows.push(start..end);
            (start, used, blank) = (end, used - taken, None);
        }
        used += wide;
        if c == ' ' {
            blank = Some((at + 1, used));
        }
    }
    rows.push(start..text.len());
    rows
}

/// Text in lines: both kinds of line ends and a lone carriage return end one, tabs become blanks. Not yet clean.
pub fn lines(text: &str) -> Vec<String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<String> = text.split('\n').map(|line| line.replace('\t', &" ".repeat(TAB_COLUMNS))).collect();
    if lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

/// What a program wrote for a terminal, without its escape sequences; and how many those were. What only looks like
/// one stays, and is escaped when it is shown.
pub fn without_sequences(text: &str) -> (Cow<'_, str>, u64) {
    if !text.contains('\u{1b}') {
        return (Cow::Borrowed(text), 0);
    }
    let (mut shown, mut removed, mut rest) = (String::with_capacity(text.len()), 0, text);
    while let Some(at) = rest.find('\u{1b}') {
        shown.push_str(&rest[..at]);
        let sequence = sequence_length(&rest[at..]);
        if sequence == 0 {
            shown.push('\u{1b}');
            rest = &rest[at + 1..];
        } else {
            removed += 1;
            rest = &rest[at + sequence..];
        }
    }
    shown.push_str(rest);
    (Cow::Owned(shown), removed)
}

/// Bytes of the control sequence (ECMA-48: CSI, or an operating-system command) that `text` begins with; 0 for none.
fn sequence_length(text: &str) -> usize {
    /// No sequence that a program means is longer.
    const SEQUENCE_BYTES_MAX: usize = 512;
    let bytes = text.as_bytes();
    let within = &bytes[..bytes.len().min(SEQUENCE_BYTES_MAX)];
    match within.get(1) {
        Some(b'[') => {
            let parameters = within[2..].iter().take_while(|byte| (0x20..0x40).contains(*byte)).count();
            within.get(2 + parameters).filter(|byte| (0x40..0x7f).contains(*byte)).map_or(0, |_| parameters + 3)
        }
        Some(b']') => {
            let bell = within.iter().position(|byte| *byte == 7).map(|at| at + 1);
            let terminator = within[1..].windows(2).position(|pair| pair == b"\x1b\\").map(|at| at + 3);
            bell.into_iter().chain(terminator).min().unwrap_or(0)
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_wrapped_by_their_columns() {
        assert_eq!(wrap("one two  three", Some(9), "  "), "  one two\n  three\n");
        assert_eq!(wrap("日本 日本 a", Some(9), ""), "日本 日本\na\n");
        assert_eq!(wrap("one two", None, "> "), "> one two\n");
    }

    #[test]
    fn lines_that_are_too_long_go_on_behind_their_margin() {
        let text = "short\n  one two three  four\n     5 %  a_word_longer_than_the_line x\n";
        assert_eq!(
            fit(text, 12),
            "short\n  one two\n  three\n  four\n     5 %\n     a_word_longer_than_the_line\n     x\n"
        );
        assert_eq!(fit("日本語 日本語", 10), "日本語\n日本語");
        assert_eq!(fit("fits here", 9), Cow::Borrowed("fits here"));
    }

    #[test]
    fn a_command_stays_whole_since_it_is_copied() {
        for text in
            ["kino explain 'GET /a long name'", "  next: kino open 0123456789", "\u{1b}[2m$ kino run -- a b c\u{1b}[0m"]
        {
            assert_eq!(fit(text, 10), text);
        }
        assert_eq!(fit("kinoko is a mushroom", 10), "kinoko is\na mushroom");
    }

    #[test]
    fn colour_takes_no_column_and_begins_again_on_the_next_line() {
        let (red, end) = ("\u{1b}[1m\u{1b}[31m", "\u{1b}[0m");
        assert_eq!(fit(&format!("{red}one two{end} six"), 11), format!("{red}one two{end} six"));
        let expected = format!("{red}one{end}\n{red}two{end}\nsix");
        assert_eq!(fit(&format!("{red}one two{end} six"), 4), expected);
    }

    #[test]
    fn rows_are_the_whole_text() {
        let text = "one two three four";
        assert_eq!(rows(text, 10).into_iter().map(|row| &text[row]).collect::<Vec<_>>(), ["one two ", "three four"]);
        assert_eq!(rows("", 10), vec![0..0; 1]);
    }

    #[test]
    fn a_cut_is_seen_and_counts_columns() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("日本語日本", 6), "日本…");
        assert_eq!(cut("a\nb", 3), "a\\…");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn sequences_of_a_terminal_go_and_are_counted() {
        assert_eq!(without_sequences("\u{1b}[1;31mred\u{1b}[0m \u{1b}]0;title\u{7}x"), ("red x".into(), 3));
        assert_eq!(without_sequences("\u{1b}]8;;http://x\u{1b}\\link"), ("link".into(), 1));
        assert_eq!(without_sequences("\u{1b}[12"), ("\u{1b}[12".into(), 0));
        assert_eq!(without_sequences("\u{1b}Pq\u{1b}"), ("\u{1b}Pq\u{1b}".into(), 0));
    }

    #[test]
    fn every_kind_of_line_end_ends_a_line() {
        assert_eq!(lines("a\r\nb\rc\n\td\n"), ["a", "b", "c", "    d"]);
        assert!(lines("").is_empty());
    }
}
