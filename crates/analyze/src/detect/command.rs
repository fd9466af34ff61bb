//! Commands that findings propose as the next step: to be run as they are, whatever recorded names are in them.

/// One word of a shell's line: names are recorded text, and may hold anything.
pub(super) fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._/:@-".contains(c);
    if text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn names_stay_one_word_of_a_line_to_run() {
        assert_eq!(word("review.diff"), "review.diff");
        assert_eq!(word("GET /orders"), "'GET /orders'");
        assert_eq!(word("x'; rm -rf ~ #"), r"'x'\''; rm -rf ~ #'");
        assert_eq!(word("--all"), "'--all'");
    }
}
