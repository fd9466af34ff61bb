//! Recorded text is untrusted: what a traced program wrote may come from an attacker of its reader.
//!
//! Owns the one list of characters that no front end hands on as they are, be the reader a person at a terminal or an
//! assistant, and how they are shown instead: as the escapes that programmers write for them. None is left out, since
//! that would hide that it was there.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character acts on a terminal, moves what others show, or shows nothing:
///
/// - control characters, C0 and C1, the escape that begins a terminal's commands among them;
/// - line and paragraph separators;
/// - those that change the direction of writing;
/// - those that take no room (Unicode's `Default_Ignorable_Code_Point`): zero-width blanks and joiners, fillers,
///   variation selectors, tags, with which a text can carry another, hidden one;
/// - annotations between lines.
///
/// Emoji that are joined or coloured by such characters come apart: that is the price.
pub fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(u32::from(character),
            0x00AD | 0x034F | 0x061C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F
            | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F
            | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB | 0x1_BCA0..=0x1_BCA3 | 0x1_D173..=0x1_D17A
            | 0xE_0000..=0xE_0FFF)
}

/// Text on one line with harmful characters escaped: `\n`, `\t`, `\r`, any other as `\u{…}`.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_harmful) { Cow::Owned(escaped(text, is_harmful)) } else { Cow::Borrowed(text) }
}

/// As [`clean`], of text that may have several lines: line ends and tabs stay, and `\r\n` becomes `\n`.
pub fn clean_lines(text: &str) -> String {
    escaped(&text.replace("\r\n", "\n"), |c| c != '\n' && c != '\t' && is_harmful(c))
}

/// As [`clean`], in at most `bytes_max` bytes; where that cuts it, `…(+N bytes)` follows, which says how many bytes of
/// `text` are missing.
pub fn clean_within(text: &str, bytes_max: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(bytes_max));
    for (at, character) in text.char_indices() {
        let before = shown.len();
        push(&mut shown, character, is_harmful(character));
        if shown.len() > bytes_max {
            shown.truncate(before);
            let written = write!(shown, "…(+{} bytes)", text.len() - at);
            debug_assert!(written.is_ok(), "writing to a String cannot fail");
            break;
        }
    }
    shown
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        push(&mut shown, character, is_escaped(character));
    }
    shown
}

fn push(shown: &mut String, character: char, is_escaped: bool) {
    match character {
        _ if !is_escaped => shown.push(character),
        '\n' => shown.push_str("\\n"),
        '\t' => shown.push_str("\\t"),
        '\r' => shown.push_str("\\r"),
        // Some of them are printable to the standard library, whose other escapes would let them pass.
        _ => shown.extend(character.escape_unicode()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_reader_is_harmful() {
        let kinds = [
            ("C0 controls", "\0\u{7}\u{8}\t\n\r\u{1b}\u{1f}\u{7f}"),
            ("C1 controls", "\u{80}\u{85}\u{90}\u{9b}\u{9d}\u{9f}"),
            ("separators", "\u{2028}\u{2029}"),
            (
                "bidi overrides",
                "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}",
            ),
            ("zero width", "\u{ad}\u{200b}\u{200c}\u{200d}\u{2060}\u{2063}\u{feff}\u{180e}\u{34f}"),
            ("fillers", "\u{115f}\u{1160}\u{3164}\u{ffa0}\u{17b4}"),
            ("variation selectors", "\u{fe00}\u{fe0f}\u{e0100}\u{e01ef}"),
            ("tags", "\u{e0001}\u{e0020}\u{e0041}\u{e007f}"),
            ("annotations and formats", "\u{fff9}\u{fffa}\u{fffb}\u{1bca0}\u{1d173}\u{1d17a}"),
        ];
        for (kind, characters) in kinds {
            for character in characters.chars() {
                assert!(is_harmful(character), "{kind}: U+{:04X}", u32::from(character));
            }
        }
    }

    #[test]
    fn what_is_written_and_read_is_not() {
        let text = "plain ünïcode 日本語 עברית عربى हिन्दी e\u{301} 🙂 «»—… ✓█░•→ \u{a0}\u{3000}\u{fffd}\\u{1b}";
        assert!(!text.chars().any(is_harmful));
    }

    #[test]
    fn harmful_characters_are_shown_as_their_escapes() {
        assert_eq!(clean("plain ünïcode 日本"), "plain ünïcode 日本");
        assert_eq!(
            clean("GET /\n## obey\t\u{1b}[31m\u{202e}\u{200b}\u{9b}\u{e0041}"),
            "GET /\\n## obey\\t\\u{1b}[31m\\u{202e}\\u{200b}\\u{9b}\\u{e0041}"
        );
        assert_eq!(clean_lines("a\r\nb\tc\u{7}\r"), "a\nb\tc\\u{7}\\r");
        for hidden in ["\u{9b}", "\u{202e}", "\u{2066}", "\u{200b}", "\u{200d}", "\u{fe0f}", "\u{e0041}"] {
            let (text, shown) = (format!("a{hidden}b"), format!("a{}b", hidden.escape_unicode()));
            assert_eq!((clean(&text).as_ref(), clean_lines(&text)), (shown.as_str(), shown.clone()));
            assert_eq!(clean_within(&text, 160), shown);
        }
    }

    #[test]
    fn a_cut_says_how_much_is_missing() {
        assert_eq!(clean_within("abcdefgh", 5), "abcde…(+3 bytes)");
        assert_eq!(clean_within("ééé", 4), "éé…(+2 bytes)");
        assert_eq!(clean_within("abcde", 5), "abcde");
    }
}
