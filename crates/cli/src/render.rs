//! Text for people, made from the wire's shapes: one module a shape, and what they share.
//!
//! Pure: the same answer and style give the same text. Recorded text is shown with its harmful characters escaped,
//! so that no trace can move the reader's cursor, colour their terminal, or hide what it says.

#![expect(
    clippy::format_push_string,
    reason = "text for people is short, and lines that read well are worth an allocation"
)]

pub(crate) mod apart;
pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod diagnose;
pub(crate) mod engine;
pub(crate) mod errors;
pub(crate) mod explain;
pub(crate) mod find;
pub(crate) mod finding;
pub(crate) mod insights;
pub(crate) mod open;
pub(crate) mod predict;
pub(crate) mod run;
pub(crate) mod table;
pub(crate) mod verify;
pub(crate) mod window;

use std::borrow::Cow;
use std::path::Path;

use anstyle::{AnsiColor, Style as Ansi};
use kino_model::untrusted::is_harmful;
pub(crate) use kino_tui::figures::{bar, count, counted, duration, percent};

/// How text looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Style {
    /// Whether colour is used.
    pub(crate) colour: bool,
    /// The columns there are; `None` where lines may be of any length.
    pub(crate) width: Option<u16>,
}

/// What a piece of text is, which decides its colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Ordinary.
    #[default]
    Plain,
    /// A heading, or what matters most.
    Strong,
    /// Ids and the like.
    Faint,
    /// Good news.
    Good,
    /// Worth a look.
    Warn,
    /// Bad news.
    Bad,
}

impl Style {
    /// `text` in the colour of its tone.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        let ansi = match tone {
            _ if !self.colour => return text.to_owned(),
            Tone::Plain => return text.to_owned(),
            Tone::Strong => Ansi::new().bold(),
            Tone::Faint => Ansi::new().dimmed(),
            Tone::Good => AnsiColor::Green.on_default().bold(),
            Tone::Warn => AnsiColor::Yellow.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
        };
        format!("{ansi}{text}{ansi:#}")
    }

    /// A heading.
    pub(crate) fn heading(self, text: &str) -> String {
        self.paint(Tone::Strong, text)
    }
}

/// A number of bytes.
pub(crate) fn bytes(number: u64) -> String {
    let mut value = number as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{number} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

/// Characters of a recorded text that a line or a cell of a table shows. No name of an operation is as long; of a
/// statement or a message it is the part that is read. `--json` has the whole, and `kino open` the long ones.
const SHOWN_CHARS_MAX: usize = 500;

/// Recorded text on one line, harmless to a terminal; of a longer one the beginning, and how much is left out.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    let Some((cut, _)) = text.char_indices().nth(SHOWN_CHARS_MAX) else { return clean_whole(text) };
    let left_out = text[cut..].chars().count() as u64;
    Cow::Owned(format!("{}… ({})", clean_whole(&text[..cut]), counted(left_out, "more character")))
}

/// Text on one line, harmless to a terminal, however long it is.
pub(crate) fn clean_whole(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_harmful) { Cow::Owned(text.chars().flat_map(escape).collect()) } else { Cow::Borrowed(text) }
}

/// Recorded text of several lines, harmless to a terminal.
pub(crate) fn clean_lines(text: &str) -> String {
    let kept = |c: char| c == '\n' || c == '\t' || !is_harmful(c);
    let text = text.replace("\r\n", "\n");
    text.chars().flat_map(|c| if kept(c) { vec![c] } else { escape(c) }).collect()
}

/// Text in lines that fit, each behind `margin`. A word longer than a line stays whole.
pub(crate) fn wrap(text: &str, style: Style, margin: &str) -> String {
    let room = style.width.map_or(usize::MAX, |width| usize::from(width).saturating_sub(margin.len()).max(1));
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().flat_map(|line| [margin, line, "\n"]).collect()
}

/// A path on one line, harmless to a terminal: a file's name may hold any character.
pub(crate) fn path(path: &Path) -> String {
    clean_whole(&path.to_string_lossy()).into_owned()
}

fn escape(c: char) -> Vec<char> {
    if is_harmful(c) { c.escape_default().collect() } else { vec![c] }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Eighty columns without colour.
    pub(crate) const EIGHTY: Style = Style { colour: false, width: Some(80) };

    #[test]
    fn bytes_read_well() {
        assert_eq!((bytes(1023), bytes(1536), bytes(5 << 30)), ("1023 B".into(), "1.5 KiB".into(), "5.0 GiB".into()));
    }

    #[test]
    fn a_long_text_is_cut_and_says_how_much_is_left_out() {
        let fits = "é".repeat(SHOWN_CHARS_MAX);
        assert_eq!(clean(&fits), fits);
        assert_eq!(clean(&format!("{fits}x")), format!("{fits}… (1 more character)"));
        let long = "\u{1b}".repeat(1 << 20);
        assert!(clean(&long).len() < 10 * SHOWN_CHARS_MAX, "{}", clean(&long).len());
        assert!(clean(&long).ends_with("\\u{1b}… (1,048,076 more characters)"), "{}", clean(&long));
        assert_eq!(clean_whole(&fits.repeat(9)).chars().count(), 9 * SHOWN_CHARS_MAX);
    }

    #[test]
    fn recorded_text_cannot_reach_the_terminal() {
        assert_eq!(clean("plain ünïcode"), "plain ünïcode");
        assert_eq!(clean("red\u{1b}[31m\nnext\u{202e}"), "red\\u{1b}[31m\\nnext\\u{202e}");
        assert_eq!(clean_lines("a\r\nb\tc\u{7}"), "a\nb\tc\\u{7}");
        for hidden in ["\u{9b}", "\u{202e}", "\u{2066}", "\u{200b}", "\u{200d}", "\u{fe0f}", "\u{e0041}"] {
            let shown = format!("a{}b", hidden.escape_unicode());
            let text = format!("a{hidden}b");
            assert_eq!((clean(&text).into_owned(), clean_lines(&text)), (shown.clone(), shown));
        }
    }
}
