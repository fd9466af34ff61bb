//! Quotes words for a shell, in command lines that a person is to run.

use kino_text::untrusted::is_harmful;
use std::fmt::Write as _;

/// Characters that no shell treats specially anywhere in a word.
const PLAIN: &[u8] = b"_-./:=@%+,";

/// One line of words, each quoted where it must be, so that a POSIX shell reads back exactly these.
pub(crate) fn line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// One word.
pub(crate) fn quoted(word: &str) -> String {
    let bytes = word.as_bytes();
    let is_plain = |at: usize| match bytes[at] {
        // At the beginning of a word or of an assigned value it expands to a home folder.
        b'~' => at > 0 && bytes[at - 1].is_ascii_alphanumeric(),
        byte => byte.is_ascii_alphanumeric() || PLAIN.contains(&byte),
    };
    if !word.is_empty() && (0..bytes.len()).all(is_plain) {
        return word.to_owned();
    }
    if word.chars().any(is_harmful) {
        return dollar_quoted(word);
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A word with harmful characters: a line stays one line, and nothing in it acts on a terminal or hides.
fn dollar_quoted(word: &str) -> String {
    let mut text = String::from("$'");
    for character in word.chars() {
        match character {
            '\\' => text.push_str(r"\\"),
            '\'' => text.push_str(r"\'"),
            harmful if is_harmful(harmful) => {
                let mut bytes = [0; 4];
                for byte in harmful.encode_utf8(&mut bytes).bytes() {
                    // Writing to a String cannot fail.
                    write!(text, "\\x{byte:02x}").ok();
                }
                // What follows must not be read as one more digit.
                text.push_str("'$'");
            }
            plain => text.push(plain),
        }
    }
    text.push('\'');
    text
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_back_the_same_words() {
        let words = [
            "plain",
            "two words",
            "it's",
            "",
            "$HOME",
            "`id`",
            "$(id)",
            "a;b",
            "a|b",
            "*",
            "~",
            "=~",
            "-x",
            "--a=b c",
            "é",
            "\\",
            "!x",
            "#",
            "new\nline",
            "tab\tand\u{1b}[31m",
            "'\n'a1",
            "turned \u{202e}around, and \u{200b}\u{e0041}unseen",
        ];
        let printed = Command::new("bash").arg("-c").arg(format!("printf '%s\\0' {}", line(words))).output();
        let Ok(printed) = printed else { return };
        let read: Vec<String> =
            String::from_utf8(printed.stdout).unwrap().split_terminator('\0').map(str::to_owned).collect();
        assert_eq!(read, words);
    }

    #[test]
    fn a_line_is_one_line_and_plain_words_stay_plain() {
        assert_eq!(line(["kino", "run", "--against=HEAD~1"]), "kino run --against=HEAD~1");
        assert_eq!(line(["python", "app.py", "a b"]), "python app.py 'a b'");
        assert!(!line(["a\nb\u{1b}\u{202e}\u{200b}"]).chars().any(is_harmful));
    }
}
