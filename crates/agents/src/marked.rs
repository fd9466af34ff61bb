//! A marked block at the end of a Markdown file: the lines between its two marks are Kinescope's, all others the user's.

use crate::jsonc::Mistake;

/// How the first line of a block begins.
const START: &str = "<!-- kinescope:start";
/// The last line of a block.
const END: &str = "<!-- kinescope:end -->";

/// Where the block is: the range of its bytes, with the line end of its last line.
fn find(text: &str) -> Result<Option<std::ops::Range<usize>>, Mistake> {
    let mut start: Option<(usize, usize)> = None;
    let mut at = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        // The byte order mark before a block is the file's.
        let mark = if index == 0 && line.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let trimmed = line[mark..].trim_end();
        if start.is_none() && trimmed.starts_with(START) {
            start = Some((at + mark, index + 1));
        } else if let (Some((start, _)), true) = (start, trimmed == END) {
            return Ok(Some(start..at + line.len()));
        }
        at += line.len();
    }
    match start {
        None => Ok(None),
        Some((_, line)) => Err(Mistake { line, what: format!("the block that begins here has no {END:?}") }),
    }
}

/// Whether the text has the block.
///
/// # Errors
/// With the line of a block that does not end.
pub fn has(text: &str) -> Result<bool, Mistake> {
    find(text).map(|found| found.is_some())
}

/// The text with the block of these lines, in place of an earlier one, or at its end.
///
/// # Errors
/// With the line of a block that does not end.
pub fn with(text: &str, lines: &str) -> Result<String, Mistake> {
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let block = format!("{START} (written by `kino init`, removed by `kino init --undo`) -->\n{lines}\n{END}\n");
    let block = block.replace('\n', newline);
    if let Some(range) = find(text)? {
        let block = if text[range.clone()].ends_with('\n') { &block } else { block.trim_end() };
        return Ok(format!("{}{block}{}", &text[..range.start], &text[range.end..]));
    }
    let is_empty = text.strip_prefix('\u{feff}').unwrap_or(text).is_empty();
    Ok(match (is_empty, text.ends_with('\n')) {
        (true, _) => format!("{text}{block}"),
        (false, true) => format!("{text}{newline}{block}"),
        (false, false) => format!("{text}{newline}{newline}{}", block.trim_end()),
    })
}

/// The text without the block and the blank line before it.
///
/// # Errors
/// With the line of a block that does not end.
pub fn without(text: &str) -> Result<String, Mistake> {
    let Some(range) = find(text)? else { return Ok(text.to_owned()) };
    let (mut before, after) = (&text[..range.start], &text[range.end..]);
    let shortened = before.strip_suffix("\r\n").or_else(|| before.strip_suffix('\n'));
    if let Some(shortened) = shortened.filter(|shortened| shortened.ends_with('\n') || after.is_empty()) {
        before = shortened;
    }
    // At the end of a text without a line end of its own, the line end before the blank line came with the block.
    if after.is_empty() && !text.ends_with('\n') {
        before = before.strip_suffix("\r\n").or_else(|| before.strip_suffix('\n')).unwrap_or(before);
    }
    Ok(format!("{before}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_added_once_replaced_in_place_and_removed_to_the_byte() {
        for text in ["", "\u{feff}", "# Rules\n", "# Rules", "# Rules\r\n\r\nBe kind.\r\n"] {
            let new = with(text, "one\ntwo").unwrap();
            assert!(has(&new).unwrap());
            assert_eq!(with(&new, "one\ntwo").unwrap(), new);
            assert_eq!(without(&with(&new, "three").unwrap()).unwrap(), text);
        }
        let new = format!("{}\nAfter.\n", with("Before.\n", "one").unwrap());
        assert_eq!(without(&new).unwrap(), "Before.\n\nAfter.\n");
        assert_eq!(with("a\n<!-- kinescope:start -->\n", "x").unwrap_err().line, 2);
    }
}
