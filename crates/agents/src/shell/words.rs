//! One word of a command line: its quotes, and the expansions within it, which are skipped as a whole.

/// Expansions within each other.
const DEPTH_MAX: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Word {
    /// Without quotes; what would be expanded is as it is written.
    pub(super) text: String,
    /// Whether any of it is quoted.
    pub(super) is_quoted: bool,
    /// Whether the shell would expand something of it.
    pub(super) is_expanded: bool,
    /// The variable that it sets, where it has the form of an assignment.
    pub(super) assigns: Option<String>,
}

/// Reads the word at the beginning of `text`; returns it with the number of its bytes, at least one. `None` where a quote or
/// an expansion is not closed, or shells read it in different ways.
pub(super) fn word(text: &str) -> Option<(Word, usize)> {
    let mut word = Word::default();
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        match next {
            ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')' => break,
            '\'' => {
                let length = text[at + 1..].find('\'')?;
                word.text.push_str(&text[at + 1..at + 1 + length]);
                word.is_quoted = true;
                at += length + 2;
            }
            '"' => {
                let length = double_quoted(&text[at..], &mut word)?;
                word.is_quoted = true;
                at += length;
            }
            '\\' => {
                let escaped = text[at + 1..].chars().next()?;
                // The end of the line is taken away with its backslash.
                if escaped != '\n' {
                    word.text.push(escaped);
                    word.is_quoted = true;
                }
                at += 1 + escaped.len_utf8();
            }
            '$' | '`' => {
                let length = expansion(&text[at..], 0)?;
                word.text.push_str(&text[at..at + length]);
                word.is_expanded |= length > 1;
                at += length;
            }
            '=' => {
                let is_name = |text: &str| {
                    let mut bytes = text.bytes();
                    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
                        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                };
                let name = word.text.strip_suffix('+').unwrap_or(&word.text);
                if !word.is_quoted && !word.is_expanded && word.assigns.is_none() && is_name(name) {
                    word.assigns = Some(name.to_owned());
                }
                // zsh: `=name` is the path of a program.
                if at == 0 {
                    return None;
                }
                word.text.push('=');
                at += 1;
                // An array.
                if text[at..].starts_with('(') {
                    return None;
                }
            }
            '*' | '?' | '[' | '~' | '{' | '}' => {
                word.is_expanded = true;
                word.text.push(next);
                at += 1;
            }
            _ => {
                word.text.push(next);
                at += next.len_utf8();
            }
        }
    }
    (at > 0).then_some((word, at))
}

/// Reads from a double quote to the one that closes it; returns the number of bytes.
fn double_quoted(text: &str, word: &mut Word) -> Option<usize> {
    let mut at = 1;
    loop {
        match text[at..].chars().next()? {
            '"' => return Some(at + 1),
            '\\' => {
                let escaped = text[at + 1..].chars().next()?;
                if !matches!(escaped, '$' | '`' | '"' | '\\' | '\n') {
                    word.text.push('\\');
                }
                if escaped != '\n' {
                    word.text.push(escaped);
                }
                at += 1 + escaped.len_utf8();
            }
            '$' | '`' => {
                // Within double quotes a dollar before a quote is only a dollar.
                let is_plain = text[at..].starts_with("$\"") || text[at..].starts_with("$'");
                let length = if is_plain { 1 } else { expansion(&text[at..], 0)? };
                word.text.push_str(&text[at..at + length]);
                word.is_expanded |= length > 1;
                at += length;
            }
            other => {
                word.text.push(other);
                at += other.len_utf8();
            }
        }
    }
}

/// The number of bytes of the expansion at the beginning of `text`; 1 for a dollar that expands nothing.
fn expansion(text: &str, depth: usize) -> Option<usize> {
    if depth == DEPTH_MAX {
        return None;
    }
    let bytes = text.as_bytes();
    match bytes {
        [b'`', ..] => {
            let mut at = 1;
            loop {
                match bytes.get(at)? {
                    b'`' => return Some(at + 1),
                    b'\\' => at += 2,
                    _ => at += 1,
                }
            }
        }
        // `$'…'` has escapes in bash and zsh alone, and `$"…"` is translated; `$[` is an old arithmetic.
        [b'$', b'\'' | b'"' | b'[', ..] => None,
        [b'$', b'(', ..] => closed(text, 2, b')', depth),
        [b'$', b'{', ..] => closed(text, 2, b'}', depth),
        [b'$', next, ..] if next.is_ascii_alphanumeric() || *next == b'_' => {
            let name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
            let length =
                if next.is_ascii_digit() { 1 } else { bytes[1..].iter().take_while(|byte| name(byte)).count() };
            Some(1 + length)
        }
        [b'$', b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!', ..] => Some(2),
        _ => Some(1),
    }
}

/// The number of bytes up to and with the `close` that ends what began before `at`.
fn closed(text: &str, mut at: usize, close: u8, depth: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut open = 0_usize;
    loop {
        match *bytes.get(at)? {
            byte if byte == close && open == 0 => return Some(at + 1),
            b'\\' => at += 2,
            b'\'' => at += bytes[at + 1..].iter().position(|byte| *byte == b'\'')? + 2,
            b'"' => at += double_quoted(&text[at..], &mut Word::default())?,
            b'$' | b'`' => at += expansion(&text[at..], depth + 1)?,
            b'(' if close == b')' => {
                open += 1;
                at += 1;
            }
            b')' if close == b')' => {
                open -= 1;
                at += 1;
            }
            // A here-document, a comment or a pattern of `case` may hold a parenthesis that closes nothing.
            b'#' | b';' if close == b')' => return None,
            b'<' if bytes[at..].starts_with(b"<<") => return None,
            _ => at += 1,
        }
    }
}
