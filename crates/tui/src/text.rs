//! Text for cells: harmless, measured in columns, cut where it must be with a sign that it was.
//!
//! Recorded text is hostile. Whatever could move a cursor, change a colour, reverse the writing or hide is shown as the
//! escape that a programmer would write for it, so that a terminal never gets to see it.

use std::borrow::Cow;

use kino_model::untrusted::is_harmful;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How far a tab goes.
const TAB_COLUMNS: usize = 4;

/// Text on one line, harmless to a terminal.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_harmful) { Cow::Owned(text.chars().flat_map(escape).collect()) } else { Cow::Borrowed(text) }
}

fn escape(c: char) -> Vec<char> {
    // Some of them are printable to the standard library, which then would not escape them.
    if is_harmful(c) { c.escape_unicode().collect::<Vec<_>>() } else { vec![c] }
}

/// The columns that clean text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Clean text in at most `columns`, with an ellipsis where something is missing.
pub(crate) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    let text = clean(text);
    if text.width() <= columns {
        return text;
    }
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > columns {
            break;
        }
        kept.push(c);
        used += wide;
    }
    if columns > 0 {
        kept.push('…');
    }
    Cow::Owned(kept)
}

/// Text in lines: both kinds of line ends and a lone carriage return end one, tabs become blanks. Not yet clean.
pub(crate) fn lines(text: &str) -> Vec<String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<String> = text.split('\n').map(|line| line.replace('\t', &" ".repeat(TAB_COLUMNS))).collect();
    if lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

/// What a program wrote for a terminal, without its escape sequences; and how many those were. What only looks like
/// one stays, and is escaped when it is shown.
pub(crate) fn without_sequences(text: &str) -> (Cow<'_, str>, u64) {
    if !text.contains('\u{1b}') {
        return (Cow::Borrowed(text), 0);
    }
    let (mut kept, mut removed, mut rest) = (String::with_capacity(text.len()), 0, text);
    while let Some(at) = rest.find('\u{1b}') {
        kept.push_str(&rest[..at]);
        let sequence = sequence_length(&rest[at..]);
        if sequence == 0 {
            kept.push('\u{1b}');
            rest = &rest[at + 1..];
        } else {
            removed += 1;
            rest = &rest[at + sequence..];
        }
    }
    kept.push_str(rest);
    (Cow::Owned(kept), removed)
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
    fn recorded_text_cannot_reach_the_terminal() {
        assert_eq!(clean("plain ünïcode 日本"), "plain ünïcode 日本");
        assert_eq!(clean("red\u{1b}[31m\n\u{202e}\u{200b}\u{9b}"), "red\\u{1b}[31m\\u{a}\\u{202e}\\u{200b}\\u{9b}");
    }

    #[test]
    fn nothing_hides_or_turns_around_what_is_shown() {
        for hidden in ["\u{9b}", "\u{202e}", "\u{2066}", "\u{200b}", "\u{200d}", "\u{fe0f}", "\u{e0041}"] {
            let shown = format!("a{}b", hidden.escape_unicode());
            assert_eq!(clean(&format!("a{hidden}b")), shown);
            assert_eq!(width(&shown), shown.len(), "it takes the room that it shows");
        }
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
