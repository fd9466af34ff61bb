//! Text for people, made from the wire's shapes: one module a shape, and what they share.
//!
//! Pure: the same answer and style give the same text. Recorded text is shown with its harmful characters escaped,
//! so that no trace can move the reader's cursor, colour their terminal, or hide what it says.

#![expect(
    clippy::format_push_string,
    reason = "text for people is short, and lines that read well are worth an allocation"
)]

pub(crate) mod apart;
pub(crate) mod change;
pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod config;
pub(crate) mod diagnose;
pub(crate) mod engine;
pub(crate) mod errors;
pub(crate) mod explain;
pub(crate) mod find;
pub(crate) mod finding;
pub(crate) mod insights;
pub(crate) mod lists;
pub(crate) mod open;
pub(crate) mod predict;
pub(crate) mod pull;
pub(crate) mod run;
pub(crate) mod search;
pub(crate) mod suite;
pub(crate) mod table;
pub(crate) mod timeline;
pub(crate) mod verify;
pub(crate) mod window;

use std::borrow::Cow;
use std::path::Path;

use anstyle::{AnsiColor, Style as Ansi};
pub(crate) use kino_text::Tone;
pub(crate) use kino_text::figures::{bar, bytes, code_state, count, counted, duration, percent};
use kino_text::layout;
pub(crate) use kino_text::untrusted::{clean as clean_whole, clean_lines};
use kino_wire::ask::UnknownName;

/// How text looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Style {
    /// Whether colour is used.
    pub(crate) colour: bool,
    /// The columns there are; `None` where lines may be of any length.
    pub(crate) width: Option<u16>,
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
            Tone::Hit => Ansi::new().invert(),
        };
        format!("{ansi}{text}{ansi:#}")
    }

    /// Lines that fit, as [`layout::fit`] breaks them.
    pub(crate) fn fit(self, text: &str) -> Cow<'_, str> {
        self.width.map_or(Cow::Borrowed(text), |width| layout::fit(text, usize::from(width)))
    }

    pub(crate) fn heading(self, text: &str) -> String {
        self.paint(Tone::Strong, text)
    }
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

/// That no service has the name that was asked for, and which is near.
pub(crate) fn unknown_service(unknown: &UnknownName) -> String {
    unknown_name("service", unknown, "kino services")
}

/// That no span has the name that was asked for, and which is near.
pub(crate) fn unknown_span(unknown: &UnknownName) -> String {
    unknown_name("span", unknown, "kino operations")
}

fn unknown_name(kind: &str, unknown: &UnknownName, lists_them: &str) -> String {
    let near: Vec<String> = unknown.did_you_mean.iter().map(|name| format!("\"{}\"", clean(name))).collect();
    let near = if near.is_empty() { String::new() } else { format!(" Did you mean {}?", near.join(" or ")) };
    format!("No {kind} here has this name.{near} `{lists_them}` lists them; --all looks beyond this project.\n")
}

/// Text in lines that fit, each behind `margin`. A word longer than a line stays whole.
pub(crate) fn wrap(text: &str, style: Style, margin: &str) -> String {
    layout::wrap(text, style.width.map(usize::from), margin)
}

/// A path on one line, harmless to a terminal: a file's name may hold any character.
pub(crate) fn path(path: &Path) -> String {
    clean_whole(&path.to_string_lossy()).into_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Eighty columns without colour.
    pub(crate) const EIGHTY: Style = Style { colour: false, width: Some(80) };

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
}
